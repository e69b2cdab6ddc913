"""Checks links and anchors: of Markdown files in the repository, and of the pages that mdBook makes."""

import html.parser
import pathlib
import re
import urllib.parse

FENCE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()]*\))?)\)")
IMAGE = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"", re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+?)(?: *\{#([\w-]+)\})?$", re.MULTILINE)


def markdown_files(root):
    """Returns the Markdown files whose links are checked: all but those of fixtures and built files."""
    skipped = {"target", "node_modules", "fixtures", ".git"}
    return sorted(path for path in root.rglob("*.md") if not skipped & set(path.relative_to(root).parts))


def problems_of_sources(root):
    files = markdown_files(root)
    problems, count = [], 0
    for path in files:
        for link in links(path.read_text()):
            count += 1
            problem = problem_of(path, link, root)
            if problem:
                problems.append(f"{path.relative_to(root)}: `{link}` {problem}")
    print(f"{count} links within the repository, in {len(files)} files")
    return problems + problems_of_summary(root / "docs/src")


def links(text):
    """Returns the links of a page that do not lead to other hosts."""
    text = COMMENT.sub("", FENCE.sub("", text))
    found = IMAGE.findall(text) + LINK.findall(CODE.sub("", text))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def problem_of(path, link, root):
    file, _, anchor = link.partition("#")
    target = (path.parent / urllib.parse.unquote(file)).resolve() if file else path
    if not target.exists() or root not in [target, *target.parents]:
        return "leads to no file"
    if anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
        return "leads to no heading"
    return None


def anchors(text):
    """Returns the anchors of the headings, as GitHub and mdBook make them."""
    found = set()
    for title, explicit in HEADING.findall(FENCE.sub("", text)):
        title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        slug = explicit or slug
        number = 1
        while slug in found:
            slug = f"{re.sub(r'-[0-9]+$', '', slug) if number > 1 else slug}-{number}"
            number += 1
        found.add(slug)
    return found


def problems_of_summary(source):
    """Finds pages that the table of contents does not list."""
    listed = {(source / link).resolve() for link in links((source / "SUMMARY.md").read_text())}
    pages = {path.resolve() for path in source.rglob("*.md")} - {(source / "SUMMARY.md").resolve()}
    return [f"docs/src/SUMMARY.md does not list {page.relative_to(source)}" for page in sorted(pages - listed)]


class Page(html.parser.HTMLParser):
    """Links and ids of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, _, attributes):
        values = dict(attributes)
        self.links += [values[key] for key in ("href", "src") if values.get(key)]
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}


def problems_of_pages(folder):
    pages = {path.resolve(): Page(path.read_text()) for path in folder.rglob("*.html")}
    problems, count = [], 0
    for path, page in pages.items():
        # Its links are relative to the root of the site.
        if path.name in ("404.html", "toc.html"):
            continue
        for link in page.links:
            if re.match(r"[a-z]+:|//", link):
                continue
            count += 1
            file, _, anchor = link.partition("#")
            target = (path.parent / urllib.parse.unquote(file.partition("?")[0])).resolve() if file else path
            known = pages.get(target)
            if not target.exists():
                problems.append(f"{path.relative_to(folder.resolve())}: `{link}` leads to no file")
            elif anchor and known and urllib.parse.unquote(anchor) not in known.ids:
                problems.append(f"{path.relative_to(folder.resolve())}: `{link}` leads to no heading")
    print(f"{count} links within the book, in {len(pages)} pages")
    return problems
