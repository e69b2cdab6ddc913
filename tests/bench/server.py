"""Starts a SeaweedFS for a bench, and runs `s5cmd`."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

ACCESS_KEY, SECRET_KEY = "iiif-publish", "iiif-publish-secret"
IN_FLIGHT = 64
START_LIMIT_SECONDS = 60


def free_ports(count):
    """Returns free ports below those of outgoing connections. The ports 10,000 above are free too: SeaweedFS uses them for gRPC."""
    found = []
    for port in random.sample(range(10_000, 20_000), 10_000):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port)), other.bind(("127.0.0.1", port + 10_000))
            found.append(port)
        if len(found) == count:
            return found
    raise SystemExit("no free ports")


def answers(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


@contextlib.contextmanager
def seaweedfs(folder):
    """Runs a server for the duration of the block, and returns its endpoint."""
    master, volume, filer, s3 = free_ports(4)
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    (folder / "identities.json").write_text(
        json.dumps({"identities": [{"name": "bench", "credentials": credentials, "actions": actions}]}))
    (folder / "data").mkdir()
    command = ["weed", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
               f"-master.port={master}", "-master.telemetry=false", "-master.volumeSizeLimitMB=256", f"-volume.port={volume}", "-volume.max=0",
               f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.config={folder / 'identities.json'}",
               "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    with open(folder / "seaweedfs.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        limit = time.monotonic() + START_LIMIT_SECONDS
        while not (answers(master, "/dir/assign") and answers(s3, "/healthz")):
            if server.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"SeaweedFS did not start:\n{(folder / 'seaweedfs.log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{s3}"
    finally:
        os.killpg(server.pid, 9)
        server.wait()
        # It leaves its sockets behind, and has no option to put them elsewhere: for gRPC, ten thousand above.
        for port in (master, volume, filer, s3):
            for left_behind in pathlib.Path("/tmp").glob(f"seaweedfs-*-[12]{port % 10_000:04}.sock"):
                left_behind.unlink(missing_ok=True)


ROOT = pathlib.Path(__file__).resolve().parents[2]


def built(name):
    """Returns the path of the newest build of a Rust bench."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = [path for path in target.glob(f"release/deps/{name}-*") if path.suffix == "" and os.access(path, os.X_OK)]
    if not found:
        raise SystemExit(f"cargo bench --bench {name} --no-run comes first")
    return max(found, key=lambda path: path.stat().st_mtime)


@contextlib.contextmanager
def sink(milliseconds=0, keeps=False):
    """Runs a server that accepts everything at almost no cost, with an optional delay. Every bucket exists. Returns its endpoint.

    Unless it keeps bodies in memory, they can't be read.
    """
    options = [str(milliseconds)] * (milliseconds > 0) + ["keep"] * keeps
    with subprocess.Popen([built("sink"), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().strip()
        server.stdin.close()


def environment():
    foreign = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
    return kept | {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": "us-east-1",
                   "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}


def binary(name):
    """Returns the program itself, because a launcher, such as that of pyenv, would be measured too."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.check_output(["pyenv", "which", name], stderr=subprocess.DEVNULL, text=True).strip()
    return shutil.which(name) or name


def s5cmd(endpoint, *arguments, workers=IN_FLIGHT):
    return [binary("s5cmd"), "--endpoint-url", endpoint, "--numworkers", workers, *arguments]
