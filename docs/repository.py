#!/usr/bin/env python3
"""Preprocessor for mdBook: turns links to files of the repository into links to its web pages.

On GitHub, the pages of this book link to such files by relative paths. A built book has no such files. The address is `repository` in
Cargo.toml; as long as there is none, or only a placeholder, only the text of a link remains.
"""

import json
import os
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs/src"
LINK = re.compile(r"(?<!!)\[((?:[^][]|\[[^]]*\])*)\]\(([^()\s]+)\)")


def rewritten(match, folder, address):
    text, link = match.groups()
    file, separator, anchor = link.partition("#")
    if not file or re.match(r"[a-z]+:", link):
        return match[0]
    target = pathlib.Path(os.path.normpath(folder / file))
    if target.is_relative_to(SOURCE):
        return match[0]
    return f"[{text}]({address}/blob/main/{target.relative_to(ROOT).as_posix()}{separator}{anchor})" if address else text


def rewrite(sections, address):
    for section in sections:
        chapter = section.get("Chapter") if isinstance(section, dict) else None
        if chapter:
            folder = (SOURCE / chapter["path"]).parent if chapter.get("path") else SOURCE
            chapter["content"] = LINK.sub(lambda match: rewritten(match, folder, address), chapter["content"])
            rewrite(chapter["sub_items"], address)


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    _, book = json.load(sys.stdin)
    address = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"].get("repository", "").removesuffix("/")
    if "/OWNER/" in address:
        address = ""
    rewrite(book.get("items", book.get("sections", [])), address)
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
