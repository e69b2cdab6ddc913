"""Writes what depends on the archives of a release into their folder: `install.sh`, `install.ps1`, the Homebrew formula, `SHA256SUMS`.

    installers.py FOLDER        with the archives of all platforms, and their `.sha256` files

The address and the version are those of `Cargo.toml`.
"""

import hashlib
import pathlib
import re
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
# Systems and processors as Homebrew calls them.
HOMEBREW = {"macos": "apple-darwin", "linux": "unknown-linux-gnu"}
PROCESSORS = {"arm": "aarch64", "intel": "x86_64"}


def checksums(folder: pathlib.Path, version: str) -> dict[str, str]:
    """Returns the SHA-256 of each archive by its target."""
    found = {}
    for path in sorted(folder.glob(f"iiif-publish-{version}-*.tar.gz")):
        target = path.name.removeprefix(f"iiif-publish-{version}-").removesuffix(".tar.gz")
        found[target] = hashlib.sha256(path.read_bytes()).hexdigest()
        recorded = path.with_name(f"{path.name}.sha256").read_text().split()[0]
        if recorded != found[target]:
            sys.exit(f"{path.name} is not the archive that {path.name}.sha256 names")
    return found or sys.exit(f"there are no archives of version {version} in {folder}")


def homebrew_downloads(sums: dict[str, str], downloads: str, version: str) -> str:
    lines = []
    for system, suffix in HOMEBREW.items():
        parts = [(name, f"{processor}-{suffix}") for name, processor in PROCESSORS.items() if f"{processor}-{suffix}" in sums]
        if not parts:
            continue
        lines.append(f"  on_{system} do")
        for name, target in parts:
            lines += [f"    on_{name} do", f'      url "{downloads}/iiif-publish-{version}-{target}.tar.gz"',
                      f'      sha256 "{sums[target]}"', "    end"]
        lines.append("  end")
    return "\n".join(lines)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    package = tomllib.loads((HERE.parent.parent / "Cargo.toml").read_text(encoding="utf-8"))["package"]
    repository, version = package["repository"], package["version"]
    sums = checksums(folder, version)
    values = {
        "REPOSITORY": repository,
        "VERSION": version,
        "CHECKSUMS_SH": "\n".join(f"        {target}) echo {value} ;;" for target, value in sums.items()),
        "CHECKSUMS_PS1": "\n".join(f"        '{target}' = '{value}'" for target, value in sums.items()),
        "DOWNLOADS_RB": homebrew_downloads(sums, f"{repository}/releases/download/v{version}", version),
    }
    for name in ("install.sh", "install.ps1", "iiif-publish.rb"):
        text = (HERE / f"{name}.in").read_text(encoding="utf-8")
        filled = re.sub("@([A-Z_0-9]+)@", lambda key: values[key[1]], text)
        (folder / name).write_text(filled, encoding="utf-8", newline="\n")
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".sha256" and path.name != "SHA256SUMS"]
    listed = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / "SHA256SUMS").write_text(listed, newline="\n")


main()
