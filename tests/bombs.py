#!/usr/bin/env python3
"""Publishes small files that claim or unpack to huge sizes, and runs against servers that send endlessly.

Every run has a limit on memory, processor time and wall time. Prints a table, and fails if a run is beyond one of its limits, ends with
an unexpected exit code, or does not say why. Needs Python 3.10 and GNU time; makes its own files, in about a minute.

    python3 tests/bombs.py target/debug/iiif-publish [part of a name]
"""

import gzip
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import zlib

MIB = 1 << 20
TIMEOUT_SECONDS = 120


# Files.

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def deflated_zeros(size):
    """Returns a zlib stream that unpacks to this number of zeros."""
    packer, block, parts = zlib.compressobj(9), bytes(MIB), []
    for _ in range(size // MIB):
        parts.append(packer.compress(block))
    parts.append(packer.compress(bytes(size % MIB)) + packer.flush())
    return b"".join(parts)


def png(width=1, height=1, before=(), rows=None, interlaced=0, after=()):
    """Returns a gray PNG, with chunks before and after the pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    rows = deflated_zeros((width + 1) * height) if rows is None else rows
    chunks = [chunk(b"IHDR", head), *before, chunk(b"IDAT", rows), *after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg_of_scans(side, scans):
    """Returns a gray progressive JPEG with empty scans of a few bytes each."""
    blocks = (side // 8) ** 2
    huffman = lambda table, symbol: b"\xff\xc4" + struct.pack(">HB", 20, table) + b"\x01" + bytes(15) + bytes([symbol])
    bits, left = "", blocks
    while left > 0:
        # The code of one bit, and 14 bits of a run of 2^14 to 2^15 - 1 blocks.
        run = min(left, 32767)
        bits, left = bits + "0" + format(max(run - 16384, 0), "014b"), left - max(run, 16384)
    data = int(bits + "1" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big").replace(b"\xff", b"\xff\x00")
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00" + data
    dc = bytes(blocks // 8 + 1)
    return b"".join([
        b"\xff\xd8\xff\xdb\x00\x43\x00" + b"\x01" * 64,
        b"\xff\xc2\x00\x0b\x08" + struct.pack(">HH", side, side) + b"\x01\x01\x11\x00",
        huffman(0x00, 0), huffman(0x10, 0xE0),
        b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + dc, scan * (scans - 1), b"\xff\xd9",
    ])


def tiff(tags, data=b"", following=0):
    """Returns a little-endian TIFF of one directory. Tags: number -> (type, values or count, offset)."""
    out = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags))
    for number, (kind, count, value) in sorted(tags.items()):
        out += struct.pack("<HHII", number, kind, count, value)
    return out + struct.pack("<I", following) + data


def tiff_of_strips(width, height, packed):
    """Returns a Deflate TIFF of one row per strip, all at the same offset."""
    directory = 8 + 2 + 10 * 12 + 4
    offsets, counts = directory, directory + 4 * height
    data = counts + 4 * height
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 8), 262: (3, 1, 1), 273: (4, height, offsets),
            277: (3, 1, 1), 278: (4, 1, 1), 279: (4, height, counts), 284: (3, 1, 1)}
    arrays = struct.pack("<I", data) * height + struct.pack("<I", len(packed)) * height
    return tiff(tags, arrays + packed)


def jp2_of_tiles(width, height, tile):
    siz = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, tile, tile, 0, 0, 1) + b"\x07\x01\x01"
    cod = bytes([0, 0]) + struct.pack(">H", 65535) + bytes([0, 0, 4, 4, 0, 0])
    qcd = bytes([0x40, 0x40])
    segment = lambda marker, body: bytes([0xff, marker]) + struct.pack(">H", len(body) + 2) + body
    return b"\xff\x4f" + segment(0x51, siz) + segment(0x52, cod) + segment(0x5c, qcd) + b"\xff\xd9"


def psd(width, height, compression, data):
    """Returns an RGB file of Photoshop with a composite only."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, 3)
    return head + struct.pack(">IIIH", 0, 0, 0, compression) + data


def box(kind, *content):
    content = b"".join(content)
    return struct.pack(">I", 8 + len(content)) + kind + content


def avif(width, height, kind=b"av01", data=b"", references=()):
    """Returns an AVIF whose only item has this size. `references` are those to parts of it."""
    full = struct.pack(">I", 0)
    entry = box(b"infe", struct.pack(">IHH", 2 << 24, 1, 0), kind, b"\0")
    size = box(b"ispe", full, struct.pack(">II", width, height))
    format = box(b"av1C", b"\x81\x20\x00\x00")
    properties = box(b"iprp", box(b"ipco", size, format), box(b"ipma", full, struct.pack(">IHBBB", 1, 1, 2, 0x81, 0x82)))
    place = box(b"iloc", struct.pack(">IHHHHHHII", 1 << 24, 0x4400, 1, 1, 1, 0, 1, 0, len(data)))
    parts = box(b"iref", full, box(b"dimg", struct.pack(f">HH{len(references)}H", 1, len(references), *references)))
    meta = box(b"meta", full, box(b"pitm", full, b"\0\x01"), box(b"iinf", full, b"\0\x01", entry), properties, place, parts,
               box(b"idat", data))
    return box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + meta


def jxl(width, height):
    """Returns the header of a JPEG XL codestream of sRGB, without any frame."""
    bits = "0"
    for side in (height, width):
        # The longest form of a side: 30 bits, the lowest one first. The ratio of the sides is not used.
        bits += "11" + format(side - 1, "030b")[::-1] + ("000" if side is height else "")
    bits += "1" + "1"
    bits += "0" * (-len(bits) % 8)
    return b"\xff\x0a" + bytes(int(bits[at:at + 8][::-1], 2) for at in range(0, len(bits), 8))


def webp_of_chunks():
    head = b"VP8X" + struct.pack("<I", 10) + bytes([0x2c, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    lies = b"".join(kind + struct.pack("<I", 0xfffffff0) for kind in (b"ICCP", b"EXIF", b"XMP "))
    return b"RIFF" + struct.pack("<I", 0xfffffff0) + b"WEBP" + head + lies


def gif_of_frames(count):
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\x00\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * count + b";"


# Servers.

class Server:
    """Answers each request by a function of its method, path and query, until the connection breaks."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.listen, args=(answer,), daemon=True).start()

    def listen(self, answer):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(answer, connection), daemon=True).start()

    @staticmethod
    def answer(answer, connection):
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            for piece in answer(method, target):
                connection.sendall(piece)
        except OSError:
            pass
        finally:
            connection.close()


def head(status, *headers):
    return "\r\n".join([f"HTTP/1.1 {status} X", "Connection: close", *headers, "", ""]).encode()


def endless(piece, pause=0.0):
    event = threading.Event()
    while True:
        yield piece
        if pause:
            event.wait(pause)


LISTING = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>tiles</Name>
<KeyCount>0</KeyCount><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"""


def whole(status, body, *headers):
    yield head(status, f"Content-Length: {len(body)}", *headers)
    yield body


def store_of(get):
    """A store whose listings are empty, and whose objects are given by `get`."""
    def answer(method, target):
        if "list-type=2" in target:
            yield from whole(200, LISTING, "Content-Type: application/xml")
        elif method == "GET":
            yield from get(target)
        else:
            yield from whole(404, b"")
    return Server(answer)


def endless_body(status, piece, pause=0.0):
    def answer(*_):
        yield head(status)
        yield from endless(piece, pause)
    return answer


def web(get):
    def answer(method, target):
        if method == "HEAD":
            yield from whole(405, b"")
        else:
            yield from get(target)
    return Server(answer)


def gzip_bomb(*_):
    body = gzip.compress(bytes(512 * MIB), 1)
    yield from whole(200, body, "Content-Encoding: gzip", "Content-Type: application/json")


# Runs.

class Case:
    def __init__(self, name, arguments, codes, says, mib, cpu, wall, stop=None):
        self.name, self.arguments, self.codes, self.says = name, arguments, codes, says
        self.mib, self.cpu, self.wall, self.stop = mib, cpu, wall, stop


def run(binary, case, folder):
    figures = os.path.join(folder, "figures")
    command = ["/usr/bin/time", "-f", "%M %U %S %e %x", "-o", figures, binary, *case.arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") and "proxy" not in name.lower()}
    environment.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_REGION="us-east-1",
                       AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent")
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True,
                             cwd=folder, start_new_session=True)
    try:
        told = child.communicate(timeout=TIMEOUT_SECONDS)[1]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        told = child.communicate()[1]
        return f"no end after {TIMEOUT_SECONDS} s", (0, 0.0, TIMEOUT_SECONDS), child.returncode
    with open(figures) as file:
        kib, user, system, wall, code = file.read().splitlines()[-1].split()
    measured = (int(kib) // 1024, float(user) + float(system), float(wall))
    problems = [f"{name} {value:g} of {limit:g}" for name, value, limit in
                zip(("MiB", "CPU s", "wall s"), measured, (case.mib, case.cpu, case.wall)) if value > limit]
    if int(code) not in case.codes:
        problems.append(f"exit code {code}, not {case.codes}: {told.strip()[-300:]}")
    if case.says not in told:
        problems.append(f"does not mention `{case.says}`: {told.strip()[-300:]}")
    return "; ".join(problems), measured, int(code)


def cases(folder):
    def file(name, content):
        path = os.path.join(folder, name)
        with open(path, "wb") as written:
            written.write(content)
        return path

    out = ["--output", os.path.join(folder, "out"), "--public-url=https://example.org", "--overwrite"]
    small = ["--max-memory=256MiB", *out]
    # A profile may have 8 MiB. This one has no valid header, so it is ignored.
    profile = chunk(b"iCCP", b"x\0\0" + deflated_zeros(8 * MIB))
    text = chunk(b"zTXt", b"Raw profile type exif\0\0" + deflated_zeros(4 * MIB))
    many = [file(f"profile-{number}.png", png(before=[profile, text])) for number in range(40)]
    large = chunk(b"iCCP", b"x\0\0" + deflated_zeros(1024 * MIB))
    yield Case("40 PNG with profiles of 8 MiB", [*small, *many], [0], "published", 280, 20, 30)
    yield Case("PNG, profile that unpacks to 1 GiB", [*small, file("icc.png", png(before=[large]))], [0], "which is above the limit", 280, 5, 10)
    yield Case("PNG, 100,000 text chunks", [*small, file("texts.png", png(before=[chunk(b"tEXt", b"a\0b")] * 100_000))], [0], "published", 280, 5, 10)
    yield Case("PNG, 9,000 texts that unpack to 4 MiB each", [*small, file("ztexts.png", png(before=[text] * 9_000))], [0], "which is above the limit", 280, 5, 10)
    tail = chunk(b"teSt", (struct.pack(">I", 130_000) + b"tEXt") * 32_000)
    yield Case("PNG, 32,000 texts inside of each other", [*small, file("tail.png", png(after=[tail]))], [0], "published", 280, 5, 10)
    yield Case("PNG, 1 GiB behind its one pixel", [*small, file("idat.png", png(rows=deflated_zeros(1024 * MIB)))], [0, 1], "idat", 280, 10, 15)
    yield Case("PNG, interlaced, 50000 x 60000 announced", [*small, file("adam7.png", png(50000, 60000, rows=b"", interlaced=1))], [1], "memory", 280, 2, 5)
    yield Case("JPEG, 10,000 scans", [*out, file("scans.jpg", jpeg_of_scans(4096, 10_000))], [1], "more scans", 500, 15, 20)
    yield Case("JPEG, 500 scans", [*out, file("scans-500.jpg", jpeg_of_scans(4096, 500))], [0, 1], "scans-500", 500, 20, 25)
    yield Case("JPEG, 400 scans of 8192 x 8192", [*out, file("scans-large.jpg", jpeg_of_scans(8192, 400))], [0, 1], "scans-large", 700, 40, 45)
    strips = tiff_of_strips(1000, 20_000, deflated_zeros(64 * MIB))
    yield Case("TIFF, 20,000 strips of one 64 MiB stream", [*small, file("strips.tif", strips)], [0, 1], "strips", 280, 30, 35)
    lie = {256: (4, 1, 60_000), 257: (4, 1, 50_000), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 0xffffffff, 8), 279: (4, 0xffffffff, 8)}
    yield Case("TIFF, 2^32 strips announced", [*small, file("counts.tif", tiff(lie))], [1], "counts", 280, 5, 10)
    yield Case("TIFF, directory that leads to itself", [*small, "--page=9", file("loop.tif", tiff(lie, following=8))], [1], "loop", 280, 5, 10)
    yield Case("TIFF, profile of 4 GiB announced", [*small, file("icc.tif", tiff({**lie, 34675: (7, 0xfffffff0, 8)}))], [1], "icc", 280, 5, 10)
    yield Case("JPEG 2000, 65,000 tiles, 65,535 layers", [*small, file("tiles.j2k", jp2_of_tiles(60_000, 50_000, 215))], [1], "tiles", 280, 5, 10)
    yield Case("JPEG 2000, 3 x 10^9 tiles", [*small, file("points.j2k", jp2_of_tiles(60_000, 50_000, 1))], [1], "points", 280, 5, 10)
    yield Case("Photoshop, 60000 x 50000 announced", [*small, file("lie.psd", psd(60000, 50000, 1, bytes(1000)))], [1], "pixels", 280, 2, 5)
    yield Case("Photoshop, 1 GiB behind its pixels", [*small, file("zip.psd", psd(100, 100, 2, deflated_zeros(1024 * MIB)))], [0, 1], "zip", 280, 5, 10)
    yield Case("AVIF, 60000 x 50000 announced", [*small, file("large.avif", avif(60000, 50000, data=bytes(100)))], [1], "memory", 280, 2, 5)
    grid = avif(64, 64, b"grid", b"\0\0\xff\xff\0\x40\0\x40", [1] * 65535)
    yield Case("AVIF, a grid of itself", [*small, file("grid.avif", grid)], [1], "grid", 280, 2, 5)
    yield Case("JPEG XL, 60000 x 50000 announced", [*small, file("large.jxl", jxl(60000, 50000))], [1], "memory", 280, 2, 5)
    yield Case("WebP, chunks of 4 GiB announced", [*small, file("lies.webp", webp_of_chunks())], [1], "lies", 280, 2, 5)
    yield Case("GIF, 500,000 frames", [*small, file("frames.gif", gif_of_frames(500_000))], [0], "published", 280, 5, 10)
    yield Case("PNM, 60000 x 50000 announced", [*small, file("large.pgm", b"P5 60000 50000 255\n")], [1], "memory", 280, 2, 5)
    yield Case("10^9 x 3 pixels, --max-objects", [*out, "--max-objects=10000", file("line.pgm", b"P5 900000000 3 255\n")], [1], "objects", 280, 2, 5)

    image = file("one.png", png(300, 200))
    bucket = ["--bucket=tiles", "--retry-for=10", "--endpoint-url"]
    store = store_of(endless_body(200, bytes(65536)))
    yield Case("store, info.json without an end", [*bucket, store.url, image], [1], "larger than", 200, 10, 20)
    store = store_of(endless_body(403, bytes(65536)))
    yield Case("store, error without an end", [*bucket, store.url, image], [1], "error", 200, 10, 20)
    store = Server(endless_body(200, bytes(65536)))
    yield Case("store, listing without an end", [*bucket, store.url, image], [1, 3], "error", 400, 15, 30)
    yield Case("store of sources, listing without an end", ["ingest", *out, "--retry-for=10", "--source-endpoint-url", store.url, "s3://masters/"], [1, 2, 3], "error", 400, 15, 30)
    store = Server(lambda *_: whole(503, b"", "Retry-After: 18446744073709551615", "x-amz-retry-after: 18446744073709551615"))
    yield Case("store, Retry-After of 2^64 - 1", [*bucket, store.url, image], [1, 3], "error", 150, 5, 40)
    # Only after some of the time for retries has passed.
    names = iter(["X-Not-Yet"])
    server = web(lambda *_: whole(503, b"", next(names, "Retry-After") + ": 18446744073709551615"))
    yield Case("web, Retry-After of 2^64 - 1", [*out, "--retry-for=5", server.url + "/a.png"], [1], "503", 150, 5, 20)
    server = web(endless_body(200, bytes(65536)))
    yield Case("web, source without an end", [*out, "--max-spool-size=64MiB", server.url + "/a.png"], [1], "max-spool-size", 150, 10, 20)
    server = web(endless_body(200, b"x", 0.3))
    yield Case("web, a byte every 0.3 s", [*out, "--retry-for=5", server.url + "/a.png"], [1], "too slowly", 150, 5, 30)
    yield Case("web, the same, --max-duration", ["ingest", *out, "--presentation=none", "--max-duration=2", server.url + "/a.png"], [4], "limit", 150, 5, 10)
    server = Server(endless_body(200, bytes(65536)))
    yield Case("verify, info.json without an end", ["verify", server.url + "/a/info.json"], [1, 3], "", 150, 10, 20)
    server = Server(gzip_bomb)
    yield Case("verify, info.json that unpacks to 512 MiB", ["verify", server.url + "/a/info.json"], [1, 3], "", 150, 10, 20)
    for name, arguments in [("report", ["report", "/dev/zero"]), ("list", ["ingest", *out, "--from-file=/dev/zero"]),
                            ("configuration", ["ingest", *out, "--config=/dev/zero"])]:
        yield Case(f"{name} of /dev/zero", arguments, [2], "1048576", 100, 2, 5)
    # Tables are read whole, because those of spreadsheets are archives: up to 512 MiB.
    yield Case("table of /dev/zero", ["ingest", *out, "--table=/dev/zero"], [2], "512 MiB", 1300, 10, 15)


def main():
    binary = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/debug/iiif-publish")
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    folder, failed = tempfile.mkdtemp(prefix="iiif-publish-bombs-"), 0
    print(f"{'run':46} {'exit':>4} {'MiB':>5} {'of':>5} {'CPU s':>6} {'of':>4} {'wall s':>6} {'of':>4}")
    try:
        for case in cases(folder):
            if part not in case.name:
                continue
            problem, (mib, cpu, wall), code = run(binary, case, folder)
            failed += bool(problem)
            print(f"{case.name:46} {code:4} {mib:5} {case.mib:5} {cpu:6.1f} {case.cpu:4} {wall:6.1f} {case.wall:4} {'FAILED: ' + problem if problem else ''}", flush=True)
    finally:
        shutil.rmtree(folder)
    print(f"{failed} beyond their limits" if failed else "all within their limits")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
