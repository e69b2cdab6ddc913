#!/usr/bin/env python3
"""Prints figures of the source code: sizes, visibility, comments and words.

    tests/figures.py [FOLDER]          of src, or of another crate to compare with

Functions are measured from the line of `fn` to the closing brace, without test modules. The words are those of doc comments.
Unreachable `pub` is found by the text alone: items of private modules that no `pub use` names, with their fields and methods.
"""

import collections
import pathlib
import re
import statistics
import sys

OPENERS = re.compile(r"(?:What|Where|Whether|Why|How|Who|Which)\b")
VERB = re.compile(r"(?!(?:This|Its|Always|Bytes|Pixels|Rows)\b)[A-Z][A-Za-z-]*s\b")
WORDS = ("returns", "return", "if", "when", "where", "what", "whether")


def without_tests(lines):
    """The lines above the test module."""
    for number, line in enumerate(lines):
        if line.startswith("#[cfg(test)]"):
            return lines[:number]
    return lines


def functions(lines):
    """The length and the place of each function."""
    for number, line in enumerate(lines):
        opening = re.match(r"( *)(?:pub(?:\([^)]*\))? )?(?:default |const |async |unsafe |extern \"C\" )*fn ", line)
        if not opening:
            continue
        end = next((n for n in range(number, len(lines)) if lines[n].rstrip() == opening[1] + "}"), None)
        # Without a body, or with one on its own line.
        body = next((n for n in range(number, len(lines)) if lines[n].rstrip().endswith(("{", ";", "}"))), number)
        if lines[body].rstrip().endswith("{") and end is not None:
            yield end - number + 1, number + 1


def modules(root):
    """The files whose modules a user of the library can name, and the names that `pub use` exports from other modules."""
    reachable, exported = set(), set()
    queue = [path for path in (root / "lib.rs",) if path.exists()]
    while queue:
        path = queue.pop()
        reachable.add(path)
        text = "\n".join(without_tests(path.read_text().splitlines()))
        folder = path.parent if path.name in ("lib.rs", "mod.rs") else path.with_suffix("")
        for name in re.findall(r"^pub mod (\w+);", text, re.MULTILINE):
            queue.extend(file for file in (folder / f"{name}.rs", folder / name / "mod.rs") if file.exists())
        for use in re.findall(r"^pub use ([^;]+);", text, re.MULTILINE):
            exported.update(re.findall(r"\w+", use))
    return reachable, exported


def inner_functions_and_fields(lines, is_reachable, exported):
    """Counts functions and fields that are more than private and that a user of the library cannot reach."""
    count, owner = 0, None
    for line in lines:
        opening = re.match(r"(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union|impl(?:<.*?>)?(?: .* for)?) (\w+)", line)
        if opening:
            owner = opening[1]
        restricted = re.match(r" *pub\((?:super|crate|in [^)]*)\) (?:(?:const |async |unsafe )*fn |\w+: )", line)
        public = re.match(r"( *)pub (?:(?:const |async |unsafe )*fn (\w+)|\w+: )", line)
        if restricted:
            count += 1
        elif public and not is_reachable:
            count += (owner if public[1] else public[2]) not in exported
    return count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "src")
    counts, words, lengths, files = collections.Counter(), collections.Counter(), [], []
    reachable, exported = modules(root)
    for path in sorted(root.rglob("*.rs")):
        lines = without_tests(path.read_text().splitlines())
        files.append((len(lines), path))
        lengths.extend((length, f"{path}:{line}") for length, line in functions(lines))
        counts["functions and fields of inner visibility"] += inner_functions_and_fields(lines, path in reachable, exported)
        in_docs, opener = False, None
        for line in map(str.strip, lines):
            doc = re.match(r"//[/!] ?(.*)", line)
            counts["plain comments"] += bool(re.match(r"//(?![/!])", line))
            counts["lines"] += bool(line)
            counts["pub(super), pub(crate), pub(in)"] += bool(re.match(r"pub\((super|crate|in )", line))
            counts["public functions"] += bool(re.match(r"pub (const |async |unsafe )*fn ", line))
            if doc and not in_docs and doc[1]:
                counts["doc comments"] += 1
                counts["doc comments that open with a question word"] += bool(OPENERS.match(doc[1]))
            if doc:
                words.update(word.lower() for word in re.findall(r"[A-Za-z']+", doc[1]))
            opener = opener or (doc and doc[1])
            if not doc and not line.startswith("#["):
                is_function = re.match(r"(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe |extern \"C\" )*fn ", line)
                if opener and is_function:
                    counts["functions with docs"] += 1
                    counts["functions that open with a verb"] += bool(VERB.match(opener))
                opener = None
            in_docs = bool(doc)
    sizes, spans = sorted(size for size, _ in files), sorted(length for length, _ in lengths)
    print(f"files: {len(files)}, median {statistics.median(sizes):.0f} lines, largest {max(files)[0]} ({max(files)[1]})")
    print(f"functions: {len(spans)}, median {statistics.median(spans):.0f} lines, p90 {spans[len(spans) * 9 // 10]}, largest {spans[-1]}")
    for length, place in sorted(lengths, reverse=True):
        if length > 40:
            print(f"  above 40 lines: {place}: {length}")
    for name in (
        "pub(super), pub(crate), pub(in)",
        "functions and fields of inner visibility",
        "public functions",
        "doc comments",
    ):
        print(f"{name}: {counts[name]}")
    print(f"plain comments: {counts['plain comments'] / counts['lines']:.1%} of lines")
    share = counts["doc comments that open with a question word"] / counts["doc comments"]
    print(f"doc comments that open with a question word: {share:.1%}")
    share = counts["functions that open with a verb"] / max(counts["functions with docs"], 1)
    print(f"doc comments of functions that open with a verb: {share:.1%}")
    total = sum(words.values())
    print("per 1,000 words of doc comments: " + ", ".join(f"{word} {words[word] * 1000 / total:.1f}" for word in WORDS))


main()
