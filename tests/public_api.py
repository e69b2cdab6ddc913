#!/usr/bin/env python3
"""Prints the public items of the library, one line each: path and signature.

    tests/public_api.py            prints the list
    tests/public_api.py --check    compares it with tests/public-api.txt, and fails if they differ
    tests/public_api.py --update   writes tests/public-api.txt

Fails if a signature names a crate other than those of ALLOWED, which users of the library would have to match in version.
"""

import difflib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "public-api.txt"
ALLOWED = {"std", "core", "alloc", "bytes", "futures", "futures_core", "futures_util", "futures_channel", "url"}

# The format of rustdoc's JSON that this script reads (`FORMAT_VERSION` of the crate rustdoc-types).
FORMAT_VERSION = 57


def rustdoc_json():
    """Runs rustdoc with its unstable JSON. Only rustdoc sees RUSTC_BOOTSTRAP, so that cargo rebuilds no dependency."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    wrapper = target / "public-api" / "rustdoc"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text('#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    command = ["cargo", "rustdoc", "--quiet", "--lib", "--all-features", "--"]
    options = ["-Z", "unstable-options", "--output-format", "json"]
    subprocess.run(command + options, cwd=ROOT, check=True, env={**os.environ, "RUSTDOC": str(wrapper)})
    return json.loads((target / "doc" / "iiif_publish.json").read_text())


class Crate:
    def __init__(self, document):
        if document["format_version"] != FORMAT_VERSION:
            sys.exit(f"public_api.py reads format {FORMAT_VERSION} of rustdoc's JSON, not {document['format_version']}")
        self.index = document["index"]
        self.paths = document["paths"]
        self.crates = document["external_crates"]
        self.lines = set()
        self.functions = set()
        self.foreign = set()
        self.seen = set()
        self.context = ""
        self.module(self.item(document["root"]), "")

    def item(self, identifier):
        return self.index[str(identifier)]

    def add(self, line, item=None):
        marks = [] if item is None else [a for a in item["attrs"] if a == "non_exhaustive"]
        self.lines.add("".join(f"#[{mark}] " for mark in marks) + line)

    def is_hidden(self, item):
        return any("doc(hidden)" in str(attribute) for attribute in item["attrs"])

    # Items

    def module(self, module, path):
        for identifier in module["inner"]["module"]["items"]:
            self.visit(self.item(identifier), path)

    def visit(self, item, path):
        kind, inner = next(iter(item["inner"].items()))
        if item["visibility"] != "public" or self.is_hidden(item):
            return
        if kind == "use":
            self.reexport(inner, path)
            return
        self.definition(item, kind, inner, f"{path}::{item['name']}" if path else item["name"])

    def reexport(self, inner, path):
        target = self.index.get(str(inner["id"]))
        name = f"{path}::{inner['name']}" if path else inner["name"]
        if target is None:
            self.context = name
            self.check(inner["id"], inner["source"])
            self.add(f"use {name} = {inner['source']}")
        elif inner["is_glob"]:
            self.module(target, path)
        elif not self.is_hidden(target):
            kind, definition = next(iter(target["inner"].items()))
            self.definition(target, kind, definition, name)

    def definition(self, item, kind, inner, path):
        if (item["id"], path) in self.seen:
            return
        self.seen.add((item["id"], path))
        self.context = path
        if kind == "module":
            self.add(f"mod {path}")
            self.module(item, path)
        elif kind == "struct":
            self.struct(item, inner, path)
        elif kind == "enum":
            self.enum(item, inner, path)
        elif kind == "trait":
            self.trait(item, inner, path)
        elif kind == "function":
            self.function(inner, path)
        elif kind == "constant":
            self.add(f"const {path}: {self.type(inner['type'])}")
        elif kind == "type_alias":
            self.add(f"type {path} = {self.type(inner['type'])}")
        else:
            self.add(f"{kind} {path}")

    def struct(self, item, inner, path):
        self.add(f"struct {path}{self.generics(inner['generics'])}", item)
        self.fields(inner["kind"], path)
        self.implementations(inner["impls"], path)

    def fields(self, kind, path):
        if isinstance(kind, dict):
            fields = kind["plain"]["fields"] if "plain" in kind else kind.get("tuple", [])
            for field in (self.index.get(str(field)) for field in fields if field is not None):
                if field and field["visibility"] == "public" and not self.is_hidden(field):
                    self.add(f"field {path}::{field['name']}: {self.type(field['inner']['struct_field'])}")

    def enum(self, item, inner, path):
        self.add(f"enum {path}{self.generics(inner['generics'])}", item)
        for variant in map(self.item, inner["variants"]):
            kind = variant["inner"]["variant"]["kind"]
            name = f"{path}::{variant['name']}"
            if isinstance(kind, dict) and "tuple" in kind:
                types = [self.type(self.item(field)["inner"]["struct_field"]) for field in kind["tuple"] if field is not None]
                name += f"({', '.join(types)})"
            elif isinstance(kind, dict):
                fields = map(self.item, kind["struct"]["fields"])
                texts = [f"{field['name']}: {self.type(field['inner']['struct_field'])}" for field in fields]
                name += f" {{ {', '.join(texts)} }}"
            self.add(f"variant {name}", variant)
        self.implementations(inner["impls"], path)

    def trait(self, item, inner, path):
        bounds = self.bounds(inner["bounds"])
        self.add(f"trait {path}{self.generics(inner['generics'])}{': ' + bounds if bounds else ''}", item)
        for member in map(self.item, inner["items"]):
            kind, definition = next(iter(member["inner"].items()))
            if kind == "function":
                self.function(definition, f"{path}::{member['name']}")
            else:
                self.add(f"{kind} {path}::{member['name']}")

    def implementations(self, identifiers, path):
        traits = set()
        for implementation in (self.item(identifier)["inner"]["impl"] for identifier in identifiers):
            if implementation["is_synthetic"] or implementation["blanket_impl"] or implementation["is_negative"]:
                continue
            trait = implementation["trait"]
            if trait is None:
                for member in map(self.item, implementation["items"]):
                    if member["visibility"] == "public" and not self.is_hidden(member):
                        kind, inner = next(iter(member["inner"].items()))
                        self.definition(member, kind, inner, f"{path}::{member['name']}")
            elif not trait["path"].startswith("Structural"):
                # A trait of another crate that a type of ours has binds users to nothing that a signature names.
                arguments = self.arguments(trait["args"])
                traits.add(trait["path"].split("::")[-1] + arguments)
        if traits:
            self.add(f"impl {path}: {' + '.join(sorted(traits))}")

    def function(self, inner, path):
        signature, header = inner["sig"], inner["header"]
        inputs = ", ".join(self.parameter(name, kind) for name, kind in signature["inputs"])
        output = f" -> {self.type(signature['output'])}" if signature["output"] else ""
        words = [word for word in ("const", "async", "unsafe") if header[f"is_{word}"]]
        self.functions.add(path)
        self.add(" ".join([*words, "fn", f"{path}{self.generics(inner['generics'])}({inputs}){output}"]))

    # Types

    def parameter(self, name, kind):
        text = self.type(kind)
        if name == "self":
            return {"Self": "self", "&Self": "&self", "&mut Self": "&mut self"}.get(text, f"self: {text}")
        return f"{name}: {text}"

    def type(self, kind):
        name, inner = ("infer", None) if isinstance(kind, str) else next(iter(kind.items()))
        return getattr(self, f"type_{name}")(inner)

    def type_infer(self, _):
        return "_"

    def type_generic(self, inner):
        return inner

    def type_primitive(self, inner):
        return "!" if inner == "never" else inner

    def type_resolved_path(self, inner):
        return self.named(inner)

    def type_tuple(self, inner):
        return f"({', '.join(map(self.type, inner))}{',' if len(inner) == 1 else ''})"

    def type_slice(self, inner):
        return f"[{self.type(inner)}]"

    def type_array(self, inner):
        return f"[{self.type(inner['type'])}; {inner['len']}]"

    def type_borrowed_ref(self, inner):
        lifetime = f"{inner['lifetime']} " if inner["lifetime"] else ""
        return f"&{lifetime}{'mut ' if inner['is_mutable'] else ''}{self.type(inner['type'])}"

    def type_raw_pointer(self, inner):
        return f"*{'mut' if inner['is_mutable'] else 'const'} {self.type(inner['type'])}"

    def type_impl_trait(self, inner):
        return f"impl {self.bounds(inner)}"

    def type_dyn_trait(self, inner):
        names = [self.named(bound["trait"]) for bound in inner["traits"]]
        return f"dyn {' + '.join(names + ([inner['lifetime']] if inner['lifetime'] else []))}"

    def type_function_pointer(self, inner):
        inputs = ", ".join(self.type(kind) for _, kind in inner["sig"]["inputs"])
        output = inner["sig"]["output"]
        return f"fn({inputs}){f' -> {self.type(output)}' if output else ''}"

    def type_qualified_path(self, inner):
        of = self.type(inner["self_type"])
        if inner["trait"] and inner["trait"]["path"]:
            return f"<{of} as {self.named(inner['trait'])}>::{inner['name']}"
        return f"{of}::{inner['name']}"

    def named(self, path):
        self.check(path["id"], path["path"])
        return path["path"].split("::")[-1] + self.arguments(path["args"])

    def check(self, identifier, name):
        """Records a path into a crate that signatures may not name."""
        summary = self.paths.get(str(identifier))
        crate = summary and summary["crate_id"]
        if crate and (found := self.crates[str(crate)]["name"]) not in ALLOWED:
            self.foreign.add(f"{self.context}: {name} of {found}")

    def arguments(self, arguments):
        if not arguments:
            return ""
        if "parenthesized" in arguments:
            inner = arguments["parenthesized"]
            output = f" -> {self.type(inner['output'])}" if inner["output"] else ""
            return f"({', '.join(map(self.type, inner['inputs']))}){output}"
        inner = arguments.get("angle_bracketed", {"args": [], "constraints": []})
        texts = [self.argument(argument) for argument in inner["args"]]
        for constraint in inner["constraints"]:
            binding = constraint["binding"]
            if "equality" in binding:
                texts.append(f"{constraint['name']} = {self.type(binding['equality']['type'])}")
            else:
                texts.append(f"{constraint['name']}: {self.bounds(binding['constraint'])}")
        return f"<{', '.join(texts)}>" if texts else ""

    def argument(self, argument):
        if isinstance(argument, str):
            return "_"
        kind, inner = next(iter(argument.items()))
        return self.type(inner) if kind == "type" else inner if kind == "lifetime" else inner["expr"]

    def bounds(self, bounds):
        texts = []
        for bound in bounds:
            kind, inner = next(iter(bound.items()))
            if kind == "trait_bound":
                texts.append(("?" if inner["modifier"] == "maybe" else "") + self.named(inner["trait"]))
            elif kind == "outlives":
                texts.append(inner)
        return " + ".join(texts)

    def generics(self, generics):
        texts = []
        for parameter in generics["params"]:
            kind, inner = next(iter(parameter["kind"].items()))
            if kind == "type" and not inner["is_synthetic"]:
                bounds = self.bounds(inner["bounds"])
                texts.append(f"{parameter['name']}{': ' + bounds if bounds else ''}")
            elif kind == "type":
                self.bounds(inner["bounds"])
            elif kind == "lifetime":
                texts.append(parameter["name"])
        for predicate in generics["where_predicates"]:
            if "bound_predicate" in predicate:
                bound = predicate["bound_predicate"]
                texts.append(f"{self.type(bound['type'])}: {self.bounds(bound['bounds'])}")
        return f"<{', '.join(texts)}>" if texts else ""


def main():
    crate = Crate(rustdoc_json())
    if crate.foreign:
        sys.exit("public_api.py: signatures name types of other crates:\n" + "\n".join(sorted(crate.foreign)))
    text = "".join(f"{line}\n" for line in sorted(crate.lines, key=lambda line: (line.split(" ", 1)[1], line)))
    match sys.argv[1:]:
        case []:
            print(text, end="")
            print(f"{len(crate.functions)} functions, {len(crate.lines)} lines", file=sys.stderr)
        case ["--update"]:
            LIST.write_text(text)
        case ["--check"]:
            committed = LIST.read_text()
            if text != committed:
                lines = difflib.unified_diff(committed.splitlines(), text.splitlines(), "committed", "built", lineterm="", n=0)
                print("\n".join(lines))
                sys.exit("The public items changed. If that is intended, run `tests/public_api.py --update`, and add a line to CHANGELOG.md.")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
