#!/usr/bin/env python3
"""Prints the CPU time of a publish by stages, as sampled by `perf`: for a JPEG, for an uncompressed TIFF and for a folder.

    apt-get install -y linux-perf libvips-tools nasm
    cargo bench --bench sink --no-run && cargo rustc --profile dist --bin iiif-publish -- -C strip=none
    tests/bench/profile.py --photo PHOTO [--folder IMAGES]
"""

import argparse
import collections
import pathlib
import subprocess
import tempfile

import common
from server import environment, sink

SIDE, RATE = 12000, 1500

# Stages, by a prefix or a part of function names. The first match counts.
STAGES = {
    "Huffman decoding": ["decode_mcu", "consume_data", "jpeg_fill_bit_buffer", "bit_reader"],
    "inverse DCT": ["jsimd_idct", "decompress_data", "decompress_onepass"],
    "upsampling, YCbCr to RGB": ["jsimd_ycc", "jsimd_h2v", "sep_upsample", "merged"],
    "requantizing": ["encode_block_tile", "requantize"],
    "halving": ["halve"],
    "RGB to YCbCr, thinning out": ["jsimd_rgb_ycc", "pre_process", "compress_data"],
    "DCT, quantizing": ["jsimd_fdct", "jsimd_quantize", "forward_DCT", "jsimd_convsamp"],
    "Huffman encoding": ["jsimd_huff_encode", "encode_mcu", "compress_output", "jpeg_make_c"],
    "other decoders": ["hayro", "webp", "weezl", "lzw", "zlib_rs", "png::", "tiff::", "unpack", "predict"],
    "thumbnails": ["fast_image_resize", "convolution"],
    "MD5, SHA-256": ["md5", "sha2", "sha256"],
    "copying, zeroing": ["memmove", "memcpy", "memset"],
    "allocating": ["malloc", "_int_free", "cfree", "unlink_chunk", "realloc"],
}


def stage(symbol, module):
    found = next((name for name, parts in STAGES.items() if any(part in symbol for part in parts)), None)
    return found or ("the kernel" if "kernel" in module else "all else (runtime, HTTP, SDK, and what is inlined there)")


def profile(program, endpoint, source, data):
    verb = "ingest" if source.is_dir() else "publish"
    command = [program, verb, "--progress=none", "--bucket=tiles", "--endpoint-url", endpoint, "--public-url=https://example.org", "--overwrite", source]
    record = ["perf", "record", "--quiet", "--freq", RATE, "--output", data, "--", *command]
    subprocess.run(list(map(str, record)), check=True, env=environment(), stdout=subprocess.DEVNULL)
    script = ["perf", "script", "--input", data, "--fields", "ip,sym,dso"]
    lines = subprocess.run(list(map(str, script)), check=True, capture_output=True, text=True).stdout.splitlines()
    counts = collections.Counter()
    for line in filter(None, map(str.strip, lines)):
        symbol, _, module = line.partition(" ")[2].rpartition(" (")
        counts[stage(symbol, module)] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, help="a collection")
    parser.add_argument("--program", type=pathlib.Path, default=common.PROGRAM)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, sink() as endpoint:
        folder = pathlib.Path(folder)
        common.picture_from_photo(arguments.photo, SIDE, SIDE, folder, f"{folder}/picture.jpg[Q=90,subsample-mode=on]")
        common.vips("copy", folder / "picture.jpg", f"{folder}/none.tif[compression=none,bigtiff]")
        sources = {"JPEG": folder / "picture.jpg", "TIFF": folder / "none.tif"}
        if arguments.folder:
            sources["folder"] = arguments.folder
        found = {name: profile(arguments.program, endpoint, source, folder / "perf.data") for name, source in sources.items()}
    shares = {source: {name: count / counts.total() for name, count in counts.items()} for source, counts in found.items()}
    print(f"| | {' | '.join(shares)} |\n|---|{'---|' * len(shares)}")
    stages = {name for of_source in shares.values() for name in of_source}
    for name in sorted(stages, key=lambda name: -sum(of_source.get(name, 0) for of_source in shares.values())):
        print(f"| {name} | {' | '.join(f'{of_source.get(name, 0):.0%}' for of_source in shares.values())} |")


main()
