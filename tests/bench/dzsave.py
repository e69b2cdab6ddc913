#!/usr/bin/env python3
"""Publishes one large image into a folder, side by side with `vips dzsave`: wall time, CPU time, peak memory, and ratios.

    apt-get install -y libvips-tools nasm && cargo build --release && tests/bench/dzsave.py [--photo PHOTO] [--runs N] [--formats]

A JPEG; with `--formats` the same picture in each of the formats that masters have.

Both read the same file, use the same tile size, quality and subsampling, and write to memory-backed disk, in turn, so
that a machine whose speed drifts drifts under both. Without a photo, the picture is made of noise of several scales.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIDE, TILE, QUALITY = 12000, 512, 85

# Files of the picture, with what libvips is told when it writes them.
TILED = "tile,tile-width=256,tile-height=256"
FORMATS = {
    "none.tif": "[compression=none]",
    "lzw.tif": "[compression=lzw,predictor=horizontal]",
    "deflate-tiled.tif": f"[compression=deflate,predictor=horizontal,{TILED}]",
    "jpeg-tiled.tif": f"[compression=jpeg,Q=90,{TILED}]",
    "picture.png": "[compression=6]",
    "tiled.jp2": "[Q=48,tile-width=1024,tile-height=1024]",
}


def vips(*arguments):
    subprocess.run(["vips", *map(str, arguments)], check=True)


def picture_from_photo(photo, folder):
    """The photo beside itself until it fills the side: the detail of a photograph at its own size."""
    width, height = (int(subprocess.check_output(["vipsheader", "-f", field, photo])) for field in ("width", "height"))
    vips("replicate", photo, folder / "many.v", -(-SIDE // width), -(-SIDE // height))
    vips("extract_area", folder / "many.v", f"{folder}/picture.jpg[Q=90]", 0, 0, SIDE, SIDE)


def picture_from_noise(folder):
    """Clouds of three sizes in each channel, with a little grain, at about 0.3 bytes a pixel."""
    channels = []
    for seed in range(3):
        parts = []
        for cell in (16, 128, 1024):
            parts.append(folder / f"{seed}-{cell}.v")
            vips("perlin", parts[-1], SIDE, SIDE, "--cell-size", cell, "--seed", 10 * seed + cell)
        vips("gaussnoise", folder / "grain.v", SIDE, SIDE, "--mean", 0, "--sigma", 0.04, "--seed", seed)
        vips("sum", " ".join(map(str, [*parts, folder / "grain.v"])), folder / "sum.v")
        vips("linear", folder / "sum.v", folder / f"channel-{seed}.v", 50, 128, "--uchar")
        channels.append(folder / f"channel-{seed}.v")
        for part in parts:
            part.unlink()
    vips("bandjoin", " ".join(map(str, channels)), folder / "rgb.v")
    vips("copy", folder / "rgb.v", folder / "srgb.v", "--interpretation", "srgb")
    vips("jpegsave", folder / "srgb.v", folder / "picture.jpg", "--Q", 90)


def measure(command, output):
    shutil.rmtree(output, ignore_errors=True)
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed")
    return {"wall s": wall, "CPU s": usage.ru_utime + usage.ru_stime, "peak MiB": usage.ru_maxrss / 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=pathlib.Path, help="a photo to make the large picture of")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, after one that does not count")
    parser.add_argument("--formats", action="store_true", help="the picture in other formats too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        if arguments.photo:
            picture_from_photo(arguments.photo, folder)
        else:
            picture_from_noise(folder)
        for leftover in folder.glob("*.v"):
            leftover.unlink()
        compare(folder / "picture.jpg", folder, arguments.runs)
        for name, options in FORMATS.items() if arguments.formats else ():
            vips("copy", folder / "picture.jpg", f"{folder / name}{options}")
            compare(folder / name, folder, arguments.runs)
            (folder / name).unlink()


def compare(picture, folder, runs):
    print(f"{picture.name}: {SIDE} x {SIDE}, {picture.stat().st_size / 1e6:.0f} MB, tiles of {TILE}, quality {QUALITY}, 4:2:0")
    program = ROOT / "target/release/iiif-publish"
    ours = [program, "--progress=none", "--public-url=https://example.org", "--output", folder / "ours", picture]
    suffix = f".jpg[Q={QUALITY},subsample-mode=on]"
    theirs = ["vips", "dzsave", picture, folder / "theirs", "--layout=iiif3", f"--tile-size={TILE}", "--suffix", suffix]
    measure(ours, folder / "ours"), measure(theirs, folder / "theirs")
    pairs = [(measure(ours, folder / "ours"), measure(theirs, folder / "theirs")) for _ in range(runs)]
    shutil.rmtree(folder / "ours"), shutil.rmtree(folder / "theirs")
    print(f"{'median of ' + str(runs):14} {'iiif-publish':>13} {'vips dzsave':>12} {'ratio':>7}  (lowest to highest pair)")
    for figure in pairs[0][0]:
        ratios = sorted(our[figure] / their[figure] for our, their in pairs)
        our, their = (statistics.median(pair[side][figure] for pair in pairs) for side in (0, 1))
        print(f"{figure:14} {our:13.2f} {their:12.2f} {statistics.median(ratios):7.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})")


main()
