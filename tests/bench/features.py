#!/usr/bin/env python3
"""Measures what each Cargo feature adds to a program that uses the library: bytes, and CPU seconds of its first build.

    tests/bench/features.py [FEATURE]...

Builds tests/examples/publish_one.rs without features into an empty folder, and then from there with each feature alone. Prints a table.
Other work on the machine makes the seconds longer. Downloads don't count.
"""
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FEATURES = ("avif", "heic", "jp2", "jxl", "openjpeg", "pdf", "psd", "webp", "serve", "spreadsheets", "web", "s3")


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def build(target, *features):
    """Builds the example. Returns its size in bytes and the CPU seconds."""
    begin = cpu_seconds()
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--example", "publish_one", "--no-default-features"]
    subprocess.run([*command, "--features", ",".join(features), "--target-dir", target], cwd=ROOT, check=True)
    return (target / "release/examples/publish_one").stat().st_size, cpu_seconds() - begin


def rebuild_of_package(target):
    """Returns the CPU seconds of building the package alone, whose dependencies are built."""
    subprocess.run(["cargo", "clean", "--quiet", "--release", "--package", "iiif-publish", "--target-dir", target], cwd=ROOT, check=True)
    return build(target)[1]


def main():
    features = sys.argv[1:] or FEATURES
    subprocess.run(["cargo", "fetch", "--quiet", "--locked"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        plain = Path(folder) / "plain"
        size, seconds = build(plain)
        package = rebuild_of_package(plain)
        print("| feature | size | CPU seconds |\n|---|---|---|")
        print(f"| (none) | {size / 1e6:.1f} MB | {seconds:.0f} |", flush=True)
        for feature in features:
            one = Path(folder) / feature
            shutil.copytree(plain, one, symlinks=True)
            with_it = build(one, feature)
            shutil.rmtree(one)
            print(f"| `{feature}` | +{(with_it[0] - size) / 1e6:.1f} MB | +{max(0, with_it[1] - package):.0f} |", flush=True)


main()
