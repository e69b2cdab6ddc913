"""Prints the notices of all crates that are in the program for one target, and of OpenSeadragon: most licenses require them to go
with every copy.

    notices.py [TARGET]        by default, the one of this machine
"""

import json
import pathlib
import re
import subprocess
import sys

NAMES = ("LICEN", "COPYING", "NOTICE", "COPYRIGHT", "AUTHORS")
OPENSEADRAGON = pathlib.Path("src/html/viewer/openseadragon.LICENSE.txt")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def this_machine() -> str:
    [target] = re.findall("^host: (.*)$", output("rustc", "-vV"), re.MULTILINE)
    return target


def built_in(target: str) -> list[dict]:
    """Returns the packages of the program, by their Cargo package ids."""
    metadata = json.loads(output("cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    [root] = metadata["workspace_members"]
    found, left = set(), [root]
    while left:
        for dependency in nodes[left.pop()]["deps"]:
            # Neither build dependencies nor test dependencies.
            is_normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_normal and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                left.append(dependency["pkg"])
    return sorted((packages[it] for it in found), key=lambda package: (package["name"], package["version"]))


def notices(package: dict) -> list[pathlib.Path]:
    folder = pathlib.Path(package["manifest_path"]).parent
    named = [path for path in folder.rglob("*") if path.is_file() and path.name.upper().startswith(NAMES)]
    return sorted(path for path in named if path.suffix not in {".rs", ".py", ".c", ".h", ".html", ".cmake"})


def notices_of_repository(package: dict, packages: list[dict]) -> list[pathlib.Path]:
    """Returns the notices of another package from the same repository, which has one license."""
    def is_sibling(other: dict) -> bool:
        return (other["repository"], other["license"]) == (package["repository"], package["license"])
    siblings = (notices(other) for other in packages if package["repository"] and is_sibling(other))
    return next(filter(None, siblings), [])


def mit_terms() -> str:
    """Returns the license text without the copyright line."""
    lines = pathlib.Path("LICENSE-MIT").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("Copyright"))


def main() -> None:
    # On Windows too, without its line ends.
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    print("iiif-publish contains the following works, under the licenses that follow.\n")
    print("This software is based in part on the work of the Independent JPEG Group.\n")
    seen: dict[str, str] = {}
    packages = built_in(sys.argv[1] if len(sys.argv) > 1 else this_machine())
    for package in packages:
        title = f"{package['name']} {package['version']}"
        print(f"{'=' * 100}\n{title}: {package['license']}")
        print("".join(f"  {author}\n" for author in package["authors"]), end="")
        texts = notices(package) or notices_of_repository(package, packages)
        if not texts and "MIT" not in package["license"]:
            sys.exit(f"{title} has no notice, and its license is {package['license']}: find its text")
        if not texts:
            print(f"\n--- MIT, without a text of its own; the license reads as follows, by the authors above\n\n{mit_terms()}")
        for path in texts:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            first = seen.setdefault(text, title)
            print(f"\n--- {path.name}" + (f": as of {first}" if first != title else f"\n\n{text}"))
        print()
    print(f"{'=' * 100}\nThe Rust standard library: MIT OR Apache-2.0\n  The Rust Project contributors (https://thanks.rust-lang.org)\n\n{mit_terms()}\n")
    print(f"{'=' * 100}\nOpenSeadragon: BSD-3-Clause\n\n{OPENSEADRAGON.read_text(encoding='utf-8')}")


main()
