"""Prints a CycloneDX list of the works in the program that are not crates: OpenSeadragon, in the version that is bundled.

The list of the crates is the one of maturin. The C libraries are in their crates, `mozjpeg-sys`, `libwebp-sys`, `zstd-sys`, `aws-lc-sys`.
"""

import json
import pathlib
import re

SCRIPT = pathlib.Path("src/html/viewer/openseadragon.min.js")


def main() -> None:
    [version] = re.findall(r"^//! openseadragon (\S+)$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    component = {
        "type": "library",
        "bom-ref": f"pkg:npm/openseadragon@{version}",
        "name": "openseadragon",
        "version": version,
        "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        "purl": f"pkg:npm/openseadragon@{version}",
    }
    print(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [component]}, indent=2))


main()
