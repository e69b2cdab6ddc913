#!/usr/bin/env python3
"""Compares full-size tiles from a JPEG, made in each way of `--jpeg-tiles`, and with `--optimize`: difference from the source, and
how large.

    apt-get install -y libvips-tools nasm && cargo build --profile dist && tests/bench/jpeg_tiles.py --photo PHOTO

The source is cut out of the photo, 4:2:0, at several qualities; the tiles have the quality 85 of the program's defaults. PSNR is
that of all samples, tiles against source, both as libvips decodes them.
"""

import argparse
import math
import pathlib
import subprocess
import tempfile

import common

PROGRAM = common.PROGRAM
WIDTH, HEIGHT, TILE = 4096, 3072, 512


def psnr(tiles, reference, folder):
    common.vips("arrayjoin", " ".join(map(str, tiles)), folder / "joined.v", "--across", WIDTH // TILE)
    common.vips("subtract", folder / "joined.v", reference, folder / "difference.v")
    common.vips("multiply", folder / "difference.v", folder / "difference.v", folder / "square.v")
    mean = float(subprocess.check_output(["vips", "avg", folder / "square.v"]))
    return 10 * math.log10(255**2 / mean) if mean else math.inf


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=pathlib.Path, required=True)
    parser.add_argument("--qualities", type=int, nargs="+", default=[95, 90, 80])
    arguments = parser.parse_args()
    print(f"{'source':>12} {'--jpeg-tiles':>20} {'PSNR':>9} {'bytes of tiles':>16} {'of source':>10} {'CPU s':>7}")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        common.picture_from_photo(arguments.photo, WIDTH, HEIGHT, folder, folder / "picture.v")
        for quality in arguments.qualities:
            source, reference = folder / "s.jpg", folder / "source.v"
            common.vips("copy", folder / "picture.v", f"{source}[Q={quality},subsample-mode=on]")
            common.vips("copy", source, reference)
            for how in ("auto", "reencode", "lossless", "auto --optimize", "reencode --optimize"):
                output = folder / f"{how}-{quality}".replace(" ", "")
                command = [PROGRAM, "--output", output, "--public-url=https://example.org", "--progress=none", f"--max-size={TILE}",
                           *f"--jpeg-tiles={how}".split(), source]
                cpu = common.cost(command)["CPU s"]
                tiles = [output / f"s/{x},{y},{TILE},{TILE}/{TILE},{TILE}/0/default.jpg"
                         for y in range(0, HEIGHT, TILE) for x in range(0, WIDTH, TILE)]
                size = sum(tile.stat().st_size for tile in tiles)
                share = size / source.stat().st_size
                print(f"{'quality ' + str(quality):>12} {how:>20} {psnr(tiles, reference, folder):6.2f} dB {size:16,} {share:10.2f} {cpu:7.2f}")


main()
