"""Runs `preview` until a browser could show the picture: fetches the page, `info.json` and the first tile, and stops it. Prints the
seconds since the given time.

    first_picture.py SINCE COMMAND...        such as: "$(date +%s.%N)" /usr/bin/iiif-publish preview photo.jpg
"""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request

# Far more than any machine needs for one picture.
LIMIT_SECONDS = 60

# No proxy of the environment: the server is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str) -> bytes:
    return OPENER.open(url, timeout=30).read()


def first_info(page: str) -> str:
    """Returns the URL of the first image. The page opens before its images are published."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        infos = re.findall(r'"info":"([^"]+)"', fetch(page).decode())
        if infos:
            return infos[0]
        time.sleep(0.05)
    sys.exit(f"{page} shows no image after {LIMIT_SECONDS} seconds")


def look_at(page: str) -> None:
    image = json.loads(fetch(first_info(page)))
    width = image["tiles"][0]["width"]
    tile = fetch(f"{image['id']}/0,0,{width},{width}/{width},{width}/0/default.jpg")
    if not tile.startswith(b"\xff\xd8"):
        sys.exit("the first tile is not a JPEG")


def main() -> None:
    with subprocess.Popen([*sys.argv[2:], "--progress", "none"], stdout=subprocess.PIPE, text=True) as preview:
        try:
            page = preview.stdout.readline().strip()
            if not page.startswith("http://localhost:"):
                sys.exit(f"`preview` prints no address, but {page!r}")
            look_at(page)
            print(f"{time.time() - float(sys.argv[1]):.1f}")
        finally:
            preview.send_signal(signal.SIGINT)


main()
