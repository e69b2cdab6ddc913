#!/usr/bin/env python3
"""Publishes RGB images of one width and several heights into a folder, and compares peak memory with `plan`.

    cargo build --profile dist && tests/bench/memory.py [--width 30000] [--heights 10000 30000] [--limit-mib 400] [--formats [--photo PHOTO]]

Uncompressed TIFFs written here; with `--formats` instead JPEGs and the formats that masters have, written by libvips.

Ends with 1 where a peak is above the limit or above the plan. Needs as much room in /dev/shm as the largest file and its tiles.
"""

import argparse
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import common

PROGRAM = common.PROGRAM
ROWS_PER_STRIP = 16


def write_tiff(path, width, height):
    """Strips of 16 rows, with a wave in them so that no tile is blank."""
    strips = -(-height // ROWS_PER_STRIP)
    row_bytes = width * 3
    depths = 8 + 2 + 9 * 12 + 4
    offsets, counts = depths + 8, depths + 8 + 4 * strips
    pixels = counts + 4 * strips
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, depths), (259, 3, 1, 1), (262, 3, 1, 2),
               (273, 4, strips, offsets), (277, 3, 1, 3), (278, 4, 1, ROWS_PER_STRIP), (279, 4, strips, counts)]
    rows = [min(ROWS_PER_STRIP, height - strip * ROWS_PER_STRIP) for strip in range(strips)]
    with open(path, "wb") as file:
        file.write(struct.pack("<2sHIH", b"II", 42, 8, len(entries)))
        file.write(b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4))
        file.write(struct.pack("<4H", 8, 8, 8, 0))
        file.write(struct.pack(f"<{strips}I", *(pixels + strip * ROWS_PER_STRIP * row_bytes for strip in range(strips))))
        file.write(struct.pack(f"<{strips}I", *(count * row_bytes for count in rows)))
        wave = bytes((x * x // 50 + x // 3) % 251 for x in range(row_bytes + 1021))
        for y in range(height):
            shift = (y * 7) % 1021
            file.write(wave[shift : shift + row_bytes])


def is_within_plan(image, output, size, limit_mib):
    planned = json.loads(subprocess.check_output([PROGRAM, "plan", "--json", image]))["memory"] / 2**20
    command = [PROGRAM, "--progress=none", "--public-url=https://example.org", "--output", output, image]
    peak = common.cost(command)["peak MiB"]
    shutil.rmtree(output)
    print(f"{image.name}, {size[0]} x {size[1]}: peak {peak:.0f} MiB, planned {planned:.0f} MiB", flush=True)
    return peak <= planned and peak <= limit_mib


def pictures(arguments, size, folder):
    """Publishes one file after the other, each replacing the previous one."""
    if not arguments.formats:
        write_tiff(folder / "image.tif", *size)
        yield folder / "image.tif"
        return
    whole = folder / "whole.v"
    if arguments.photo:
        common.picture_from_photo(arguments.photo, *size, folder, whole)
    else:
        common.picture_from_noise(*size, folder, whole)
    for name, options in {"picture.jpg": "[Q=90]", **common.FORMATS}.items():
        common.vips("copy", whole, f"{folder / name}{options}")
        yield folder / name
        (folder / name).unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=30000)
    parser.add_argument("--heights", type=int, nargs="+", default=[10000, 30000])
    parser.add_argument("--limit-mib", type=int, default=400)
    parser.add_argument("--formats", action="store_true", help="a file of each format, by libvips")
    parser.add_argument("--photo", type=pathlib.Path, help="a photo to make them of, instead of noise")
    arguments = parser.parse_args()
    is_well = True
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        for size in ((arguments.width, height) for height in arguments.heights):
            for image in pictures(arguments, size, folder):
                is_well &= is_within_plan(image, folder / "tiles", size, arguments.limit_mib)
    sys.exit(0 if is_well else 1)


main()
