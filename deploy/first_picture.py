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

# No proxy of the environment: the server is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str) -> bytes:
    return OPENER.open(url, timeout=30).read()


def look_at(page: str) -> None:
    infos = re.findall(r'"info":"([^"]+)"', fetch(page).decode())
    if not infos:
        sys.exit(f"{page} shows no image")
    image = json.loads(fetch(infos[0]))
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
