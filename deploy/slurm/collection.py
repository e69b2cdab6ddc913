#!/usr/bin/env python3
"""Makes a small collection for tests: images of noise in several sizes, some of them pages of one object, and their table.

    collection.py FOLDER [--images 120]
"""

import argparse
import csv
import pathlib
import random

PAGES = 4  # of an object that has several


def picture(path, number):
    """A PPM of coarse noise, the same for the same number."""
    dice = random.Random(number)
    width, height = dice.randint(300, 700), dice.randint(300, 700)
    rows = [bytes(dice.randbytes(width // 20 + 1)[x // 20] for x in range(width) for _ in range(3)) for _ in range(height // 20 + 1)]
    path.write_bytes(b"P6 %d %d 255\n" % (width, height) + b"".join(rows[y // 20] for y in range(height)))


def row(number):
    """Each third image is a page of an object."""
    source = f"image-{number:03}.ppm"
    if number % 3:
        return {"source": source, "label": f"Image {number}"}
    page = number // 3
    return {"source": source, "label": f"Page {page % PAGES + 1}", "object": f"book-{page // PAGES}", "sequence": page % PAGES + 1}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=120)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    for number in range(arguments.images):
        picture(arguments.folder / f"image-{number:03}.ppm", number)
    with (arguments.folder / "images.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, ["source", "label", "object", "sequence"])
        writer.writeheader()
        writer.writerows(row(number) for number in range(arguments.images))


main()
