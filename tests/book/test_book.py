"""Tests the checks of README and book: each must find what it is for."""

import contextlib
import importlib.util
import io
import pathlib
import tempfile
import unittest

from book import blocks, links

PAGE = """\
# Title

Text.

<!-- setup: true -->
<!-- test: exit 1 -->

```console
$ first \\
    --option
out
$ second
```

<!-- not run: needs a cluster -->

```console
$ deploy/missing.sh
```

<!-- file: a.csv -->

```csv
source
```
"""


class Blocks(unittest.TestCase):
    def test_comments_above_a_block_belong_to_it(self):
        first, second, third = blocks.blocks(PAGE)
        self.assertEqual((first.setup, first.exit, first.not_run), (["true"], 1, None))
        self.assertEqual(first.commands(), [["first \\\n    --option", ["out"]], ["second", []]])
        self.assertEqual(second.not_run, "needs a cluster")
        self.assertEqual((third.file, third.text), ("a.csv", "source\n"))

    def test_missing_output_is_found(self):
        output = "b: published 33 objects in 0.4 s\na: unchanged\n"
        self.assertIsNone(blocks.first_missing(["a: unchanged", "…", "b: published … in 12.0 s"], output))
        self.assertEqual(blocks.first_missing(["a: unchanged", "a: unchanged"], output), "a: unchanged")
        self.assertEqual(blocks.first_missing(["a: updated"], output), "a: updated")

    def test_too_many_skipped_blocks_and_missing_files_are_found(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            page = root / "page.md"
            page.write_text(PAGE)
            with contextlib.redirect_stdout(io.StringIO()):
                problems = blocks.problems_of_skipped({page: blocks.blocks(PAGE)}, root)
        self.assertEqual(problems, ["page.md:17: there is no deploy/missing.sh", "more than 15% of the blocks are not run"])


class Links(unittest.TestCase):
    def test_links_that_lead_nowhere_are_found(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name).resolve()
            (root / "a.md").write_text("# One `two`: three\n# Same\n# Same\n")
            page = root / "b.md"
            problem = {link: links.problem_of(page, link, root) for link in ("a.md", "a.md#one-two-three", "a.md#same-1", "a.md#x", "c.md", "../..")}
        found = {link for link, text in problem.items() if text}
        self.assertEqual(found, {"a.md#x", "c.md", "../.."})

    def test_links_in_code_and_to_other_hosts_are_left_out(self):
        text = "[a](a.md) `[b](b.md)` [c](https://example.org) <img src=\"d.jpg\">\n```\n[e](e.md)\n```\n"
        self.assertEqual(sorted(links.links(text)), ["a.md", "d.jpg"])


class Repository(unittest.TestCase):
    """The preprocessor of mdBook."""

    def setUp(self):
        path = pathlib.Path(__file__).resolve().parents[2] / "docs/repository.py"
        spec = importlib.util.spec_from_file_location("repository", path)
        self.repository = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.repository)

    def rewritten(self, text, address):
        sections = [{"Chapter": {"path": "stores/aws.md", "content": text, "sub_items": []}}]
        self.repository.rewrite(sections, address)
        return sections[0]["Chapter"]["content"]

    def test_links_out_of_the_book_lead_to_the_repository(self):
        text = "[`a`](../../../deploy/aws#b) [c](cloudfront.md#d) [e](https://example.org) [f](#g)"
        rest = " [c](cloudfront.md#d) [e](https://example.org) [f](#g)"
        self.assertEqual(self.rewritten(text, "https://git.example.org"), "[`a`](https://git.example.org/blob/main/deploy/aws#b)" + rest)
        self.assertEqual(self.rewritten(text, ""), "`a`" + rest)
