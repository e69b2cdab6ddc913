"""Packs a folder into a `.tar.gz` beside it, with its SHA-256, and prints the path. The same files give the same bytes.

    archive.py FOLDER
"""

import gzip
import hashlib
import os
import pathlib
import sys
import tarfile


def entry(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", 0))
    info.mode = 0o755 if info.isdir() or info.name.endswith(("/iiif-publish", ".exe")) else 0o644
    return info


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    archive = folder.with_name(f"{folder.name}.tar.gz")
    with gzip.GzipFile(archive, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in [folder, *sorted(folder.rglob("*"))]:
            tar.add(path, path.relative_to(folder.parent).as_posix(), recursive=False, filter=entry)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_name(f"{archive.name}.sha256").write_text(f"{digest}  {archive.name}\n")
    print(archive.as_posix())


main()
