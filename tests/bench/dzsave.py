#!/usr/bin/env python3
"""Publishes one large image into a folder, side by side with `vips dzsave`: wall time, CPU time, peak memory, and ratios.

    apt-get install -y libvips-tools nasm && cargo build --profile dist && tests/bench/dzsave.py [--photo PHOTO] [--runs N] [--formats] [--disk FOLDER]

A JPEG; with `--formats` the same picture in each of the formats that masters have.

Both read the same file, use the same tile size, quality and subsampling, and write to memory-backed disk, in turn, so
that a machine whose speed drifts drifts under both. With `--disk` they write to a real disk, and both end when all is
durable: `iiif-publish` syncs by itself, `vips dzsave` is followed by `sync -f`. Without a photo, the picture is made of noise of several scales.
"""

import argparse
import pathlib
import shutil
import tempfile

import common

SIDE, TILE, QUALITY = 12000, 512, 85


def measure(command, output):
    shutil.rmtree(output, ignore_errors=True)
    return common.cost(command)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=pathlib.Path, help="a photo to make the large picture of")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, after one that does not count")
    parser.add_argument("--formats", action="store_true", help="the picture in other formats too")
    parser.add_argument("--disk", type=pathlib.Path, help="a folder on the disk to write to, instead of memory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.disk or "/dev/shm") as folder:
        folder = pathlib.Path(folder)
        target = f"{folder}/picture.jpg[Q=90,subsample-mode=on]"
        if arguments.photo:
            common.picture_from_photo(arguments.photo, SIDE, SIDE, folder, target)
        else:
            common.picture_from_noise(SIDE, SIDE, folder, target)
        compare(folder / "picture.jpg", folder, arguments)
        for name, options in common.FORMATS.items() if arguments.formats else ():
            common.vips("copy", folder / "picture.jpg", f"{folder / name}{options}")
            compare(folder / name, folder, arguments)
            (folder / name).unlink()


def compare(picture, folder, arguments):
    print(f"{picture.name}: {SIDE} x {SIDE}, {picture.stat().st_size / 1e6:.0f} MB, tiles of {TILE}, quality {QUALITY}, 4:2:0")
    program = common.PROGRAM
    ours = [program, "--progress=none", "--public-url=https://example.org", "--output", folder / "ours", picture]
    suffix = f".jpg[Q={QUALITY},subsample-mode=on]"
    theirs = ["vips", "dzsave", picture, folder / "theirs", "--layout=iiif3", f"--tile-size={TILE}", "--suffix", suffix]
    if arguments.disk:
        theirs = ["sh", "-c", '"$@" && sync -f "$0"', folder, *theirs]
    measure(ours, folder / "ours"), measure(theirs, folder / "theirs")
    pairs = [(measure(ours, folder / "ours"), measure(theirs, folder / "theirs")) for _ in range(arguments.runs)]
    shutil.rmtree(folder / "ours"), shutil.rmtree(folder / "theirs")
    common.print_pairs(pairs, "dzsave, sync" if arguments.disk else "vips dzsave")


main()
