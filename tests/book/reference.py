"""Makes the reference of the command line from the help of the program."""

import os
import re
import subprocess
import tempfile
import pathlib

HEAD = """\
# Command line

Made from `iiif-publish --help` by `tests/docs.py cli --write`. `iiif-publish -h` prints a summary, `iiif-publish VERB --help` the part
of one verb, and `iiif-publish man` all of it as a manual page.
"""


def check(path, program, write):
    text = page(program)
    if write:
        path.write_text(text)
        print(f"wrote {path}")
        return []
    if path.is_file() and path.read_text() == text:
        return []
    return [f"{path} is not what the program says: run `tests/docs.py cli --write`, and review the difference"]


def page(program):
    # The help shows the name that the program was called by.
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder) / "iiif-publish"
        link.symlink_to(program)
        parts = [HEAD]
        for verb in verbs(link, ()):
            text = "\n".join(line.rstrip() for line in help_of(link, verb).splitlines()).strip()
            parts.append(f"## {' '.join(['iiif-publish', *verb])}\n\n```text\n{text}\n```\n")
        return "\n".join(parts)


def verbs(program, verb):
    """Yields a verb and all below it, in the order of the help."""
    yield verb
    section = re.search(r"^Commands:\n((?:  .*\n)+)", help_of(program, verb), re.MULTILINE)
    for name in re.findall(r"^  ([a-z-]+)", section[1], re.MULTILINE) if section else []:
        if name != "help":
            yield from verbs(program, (*verb, name))


def help_of(program, verb):
    # No configuration and no environment may change the defaults.
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    ended = subprocess.run([program, *verb, "--help"], env=environment, cwd="/", check=True, capture_output=True, text=True)
    return ended.stdout
