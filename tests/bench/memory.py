#!/usr/bin/env python3
"""Publishes uncompressed RGB TIFFs of one width and several heights into a folder: peak memory, beside what `plan` says.

    cargo build --release && tests/bench/memory.py [--width 30000] [--heights 10000 30000] [--limit-mib 400]

Ends with 1 where a peak is above the limit or above the plan. Needs as much room in /dev/shm as the largest file and its tiles.
"""

import argparse
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "target/release/iiif-publish"
ROWS_PER_STRIP = 16


def write_tiff(path, width, height):
    """Strips of 16 rows, with a wave in them so that tiles are no blank ones."""
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


def peak_bytes(image, output):
    process = subprocess.Popen([PROGRAM, "--progress=none", "--public-url=https://example.org", "--output", output, image],
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"publishing {image} failed")
    return usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=30000)
    parser.add_argument("--heights", type=int, nargs="+", default=[10000, 30000])
    parser.add_argument("--limit-mib", type=int, default=400)
    arguments = parser.parse_args()
    is_well = True
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for height in arguments.heights:
            image, output = pathlib.Path(folder) / "image.tif", pathlib.Path(folder) / "tiles"
            write_tiff(image, arguments.width, height)
            planned = json.loads(subprocess.check_output([PROGRAM, "plan", "--json", image]))["memory"]
            peak = peak_bytes(image, output)
            shutil.rmtree(output)
            is_well &= peak <= planned and peak <= arguments.limit_mib << 20
            print(f"{arguments.width} x {height}: peak {peak / 2**20:.0f} MiB, planned {planned / 2**20:.0f} MiB")
    sys.exit(0 if is_well else 1)


main()
