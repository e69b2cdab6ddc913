"""Shared by the benches: images from libvips, the cost of a command, and a table of two programs side by side."""

import contextlib
import os
import pathlib
import statistics
import subprocess
import threading
import time

# What packages contain. Programs of the profile `release` are larger, and take about a tenth more CPU time.
PROGRAM = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).resolve().parents[2] / "target")) / "dist/iiif-publish"

# Files of one image, with the options of libvips for writing them: the usual formats of museum masters.
_TILED = "tile,tile-width=256,tile-height=256"
FORMATS = {
    "none.tif": "[compression=none,bigtiff]",
    "lzw.tif": "[compression=lzw,predictor=horizontal,bigtiff]",
    "deflate-tiled.tif": f"[compression=deflate,predictor=horizontal,bigtiff,{_TILED}]",
    "jpeg-tiled.tif": f"[compression=jpeg,Q=90,bigtiff,{_TILED}]",
    "picture.png": "[compression=6]",
    "tiled.jp2": "[Q=48,tile-width=1024,tile-height=1024]",
}


def vips(*arguments):
    subprocess.run(["vips", *map(str, arguments)], check=True)


def picture_from_photo(photo, width, height, folder, target):
    """Repeats the photo until it fills the size, so that it has the detail of a photograph at full size."""
    across, down = (int(subprocess.check_output(["vipsheader", "-f", field, photo])) for field in ("width", "height"))
    vips("replicate", photo, folder / "many.v", -(-width // across), -(-height // down))
    vips("extract_area", folder / "many.v", target, 0, 0, width, height)
    (folder / "many.v").unlink()


def picture_from_noise(width, height, folder, target):
    """Draws clouds of three sizes in each channel, with a little grain: about 0.3 bytes per pixel as JPEG."""
    channels = []
    for seed in range(3):
        parts = []
        for cell in (16, 128, 1024):
            parts.append(folder / f"{seed}-{cell}.v")
            vips("perlin", parts[-1], width, height, "--cell-size", cell, "--seed", 10 * seed + cell)
        vips("gaussnoise", folder / "grain.v", width, height, "--mean", 0, "--sigma", 0.04, "--seed", seed)
        vips("sum", " ".join(map(str, [*parts, folder / "grain.v"])), folder / "sum.v")
        channels.append(folder / f"channel-{seed}.v")
        vips("linear", folder / "sum.v", channels[-1], 50, 128, "--uchar")
        for part in (*parts, folder / "grain.v", folder / "sum.v"):
            part.unlink()
    vips("bandjoin", " ".join(map(str, channels)), folder / "rgb.v")
    vips("copy", folder / "rgb.v", target, "--interpretation", "srgb")
    for leftover in (*channels, folder / "rgb.v"):
        leftover.unlink()


class Watch(threading.Thread):
    """Adds up the memory of a process and of everything that it starts, ten times a second: pages shared by several count once."""

    def __init__(self, session):
        super().__init__(daemon=True)
        self.session, self.peak_kib, self.is_over = session, 0, threading.Event()

    def run(self):
        while not self.is_over.wait(0.1):
            self.peak_kib = max(self.peak_kib, sum(map(self.proportional_kib, self.processes())))

    def processes(self):
        for folder in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, ValueError):
                if os.getsid(int(folder)) == self.session:
                    yield folder

    @staticmethod
    def proportional_kib(process):
        with contextlib.suppress(OSError), open(f"/proc/{process}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return 0


def machine_seconds():
    """Returns the busy and the idle time of all cores since the machine started, which include those of a server."""
    with open("/proc/stat") as file:
        user, nice, system, idle, wait, *other = (int(field) / os.sysconf("SC_CLK_TCK") for field in file.readline().split()[1:9])
    return user + nice + system + sum(other), idle + wait


def cost(command, environment=None):
    """Returns wall time, CPU time and peak memory of a command with all processes that it starts, and the share of the machine's time
    that was idle. Exits if the command fails."""
    busy, idle = machine_seconds()
    began = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=environment, start_new_session=True)
    watch = Watch(process.pid)
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    watch.is_over.set()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed")
    watch.join()
    busy, idle = (now - before for now, before in zip(machine_seconds(), (busy, idle)))
    # A short peak can lie between two looks, and the kernel knows that of the largest process.
    peak = max(watch.peak_kib, usage.ru_maxrss) / 1024
    return {"wall s": wall, "CPU s": usage.ru_utime + usage.ru_stime, "peak MiB": peak, "machine idle": idle / (busy + idle)}


def print_pairs(pairs, other):
    """Prints medians of both, and the median of the ratios within each pair: (ours, theirs) by figure."""
    print(f"{'median of ' + str(len(pairs)):14} {'iiif-publish':>13} {other:>12} {'ratio':>7}  (lowest to highest pair)")
    for figure in pairs[0][0]:
        our, their = (statistics.median(pair[side][figure] for pair in pairs) for side in (0, 1))
        line = f"{figure:14} {our:13.2f} {their:12.2f}"
        # A ratio of two shares says nothing.
        if figure != "machine idle":
            ratios = sorted(our[figure] / their[figure] for our, their in pairs)
            line += f" {statistics.median(ratios):7.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(line)
