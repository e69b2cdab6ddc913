"""Counts the instructions of small publishes with the given program: see instructions.sh."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

COUNTS = pathlib.Path(__file__).with_suffix(".json")
WIDTH, HEIGHT = 1600, 1200
TOLERANCE = 0.05


def write_picture(path):
    """Returns gradients with a fine texture: no tile is blank, and all are the same on every machine."""
    texture = [(7 * number * number) % 29 for number in range(257)]
    rows = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            detail = texture[(x * 3 + y * 5) % 257]
            rows += bytes((x * 200 // WIDTH + detail, y * 200 // HEIGHT + detail, (x + y) % 200 + detail))
    path.write_bytes(b"P6 %d %d 255\n" % (WIDTH, HEIGHT) + rows)


def publish(program, source, output, *options):
    return [program, "--progress=none", "--jobs=1", "--public-url=https://example.org", "--output", output, *options, source]


def instructions(command):
    counted = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command], capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", counted.stderr)
    if counted.returncode or not found:
        raise SystemExit(f"callgrind failed:\n{counted.stderr}")
    return int(found[1])


def main():
    program = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_picture(folder / "pixels.ppm")
        subprocess.run(publish(program, folder / "pixels.ppm", folder / "first", "--quality=95"), check=True, stdout=subprocess.DEVNULL)
        (folder / "first/pixels/full/max/0/default.jpg").rename(folder / "blocks.jpg")
        # A limit, so that the full size is not stored whole, as for large images.
        counts = {name: instructions(publish(program, folder / name, folder / f"out-{name}", "--max-size=1024"))
                  for name in ("pixels.ppm", "blocks.jpg")}
    if "--update" in sys.argv:
        COUNTS.write_text(json.dumps(counts, indent=2) + "\n")
    known = json.loads(COUNTS.read_text())
    is_well = True
    for name, count in counts.items():
        growth = count / known[name] - 1
        is_well &= growth <= TOLERANCE
        print(f"{name}: {count / 1e6:.0f} million instructions, {growth:+.1%}")
    if not is_well:
        raise SystemExit(f"more than {TOLERANCE:.0%} more than in {COUNTS.name}; where that is worth it: tests/instructions.sh --update")


main()
