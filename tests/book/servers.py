"""Starts S3 servers, and lets them stand in for the stores that the book names."""

import functools
import http.server
import os
import pathlib
import re
import signal
import subprocess
import threading

# Servers by the page that needs a certain one. The others use LocalStack, which also has the interfaces of AWS for policies.
OF_PAGES = {"seaweedfs.md": "seaweedfs", "ceph.md": "ceph", "minio.md": "seaweedfs", "r2.md": "seaweedfs", "b2.md": "seaweedfs"}
DEFAULT = "localstack"
# Endpoints that the book names.
ENDPOINTS = ["http://127.0.0.1:PORT", "http://localhost:9000", "http://localhost:8333", "http://localhost:7480", "https://ACCOUNT.r2.cloudflarestorage.com",
             "https://s3.us-west-004.backblazeb2.com"]
# Public addresses that the book names, with their buckets.
PUBLIC = {"https://cdn.example.org": "art-tiles", "https://tiles.example.org": "art-tiles", "https://d111111abcdef8.cloudfront.net": "art-tiles"}
# A web server with images that the book names.
WEB = "https://example.org/scans"
VIRTUAL_HOST = re.compile(r"https://([a-z-]+)\.s3\.[a-z0-9-]+\.amazonaws\.com")


class Server:
    """A running S3 server, and a web server with the sample images, in place of those that the book names."""

    def __init__(self, endpoint, web):
        self.endpoint, self.web = endpoint, web
        self.environment = {
            "AWS_ACCESS_KEY_ID": "iiif-publish", "AWS_SECRET_ACCESS_KEY": "iiif-publish-secret", "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}

    def stand_in(self, text):
        """Returns a command or a file with the addresses of these servers instead of those of the book."""
        for public, bucket in PUBLIC.items():
            text = text.replace(public, f"{self.endpoint}/{bucket}")
        for documented in ENDPOINTS:
            text = text.replace(documented, self.endpoint)
        text = text.replace(WEB, self.web)
        text = text.replace("AWS_ACCESS_KEY_ID=…", "AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID")
        return text.replace("AWS_SECRET_ACCESS_KEY=…", "AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY")

    def expected(self, lines):
        """Returns the lines that a command prints if it prints those of the book elsewhere."""
        return [VIRTUAL_HOST.sub(rf"{self.endpoint}/\1", self.stand_in(line)) for line in lines]

    def clear(self, environment):
        """Deletes all buckets, so that each page starts as a new reader does."""
        environment = environment | self.environment
        listed = subprocess.run(["aws", "s3", "ls"], env=environment, capture_output=True, text=True)
        for line in listed.stdout.splitlines():
            bucket = line.split()[-1]
            subprocess.run(["aws", "s3", "rb", "--force", f"s3://{bucket}"], env=environment, capture_output=True)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Prints no line for each request."""

    def log_message(self, *_):
        pass


class Servers:
    """The servers of `localstack/test.sh --serve`, or those that run already."""

    def __init__(self, root):
        self.root, self.process, self.web = root, None, None

    def __enter__(self):
        listed = os.environ.get("IIIF_PUBLISH_TEST_SERVERS")
        if not listed:
            self.process = subprocess.Popen([self.root / "localstack/test.sh", "--serve"], stdout=subprocess.PIPE, text=True)
            for line in self.process.stdout:
                found = re.match(r'export IIIF_PUBLISH_TEST_SERVERS="(.*)"', line)
                listed = found[1] if found else listed
                if "AWS_REGION" in line:
                    break
            if not listed:
                raise SystemExit("docs.py: the S3 servers did not start")
        self.endpoints = dict(item.split("=", 1) for item in listed.split())
        return self

    def serve(self, folder):
        """Serves a folder on a free port, from a thread of its own."""
        handler = functools.partial(Quiet, directory=folder)
        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.web.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        if self.web:
            self.web.shutdown()
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def of(self, page):
        name = OF_PAGES.get(pathlib.Path(page).name, DEFAULT)
        if name not in self.endpoints:
            other = "seaweedfs" if "seaweedfs" in self.endpoints else next(iter(self.endpoints))
            print(f"{page.name}: {name} does not run here, using {other}")
            name = other
        return Server(self.endpoints[name], f"http://127.0.0.1:{self.web.server_port}")
