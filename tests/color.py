#!/usr/bin/env python3
"""Compares published colors with those that LittleCMS computes for the same pixels.

    tests/color.py [--seed N] [--photo FILE] [--binary FILE] [PROFILE...]

Prints a table of CIEDE2000 (mean, 99th percentile, worst) for each ICC profile of CMYK: on ramps of the inks, on 10,000 random
inks, and on a photograph, if one is given. Without profiles, those below /usr/share/color are used: Debian's packages
`libgs-common`, `icc-profiles-free` and `colord-data` bring some. The inks are drawn anew each time; pass the printed seed to
repeat a run. LittleCMS converts to sRGB, relative colorimetric with black-point compensation, without optimizations.

Needs Python with Pillow and NumPy (`pip install pillow numpy`), and the program: `cargo test --no-run` builds it.
"""
import argparse, io, json, pathlib, random, subprocess, sys, tempfile
import numpy as np
from PIL import Image, ImageCms

ROOT = pathlib.Path(__file__).resolve().parent.parent
NO_OPTIMIZATION, BLACK_POINT = 0x0100, 0x2000


def lab(rgb):
    """Returns the CIELAB of sRGB of 8 bits."""
    value = rgb.astype(np.float64) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    xyz = light @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def ciede2000(one, other):
    """Returns the color difference by the formulas of Sharma, Wu and Dalal (2005)."""
    mean_chroma = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(other[..., 1], other[..., 2])) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7)))
    (l1, a1, b1), (l2, a2, b2) = ((c[..., 0], c[..., 1] * stretch, c[..., 2]) for c in (one, other))
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    is_gray = c1 * c2 == 0
    turn = np.where(is_gray, 0, (h2 - h1 + 540) % 360 - 180)
    far = np.abs(h1 - h2) > 180
    mean_hue = np.where(is_gray, h1 + h2, (h1 + h2) / 2 + np.where(far, np.where(h1 + h2 < 360, 180, -180), 0))
    l, c = (l1 + l2) / 2, (c1 + c2) / 2
    cos = lambda degrees: np.cos(np.radians(degrees))
    t = 1 - 0.17 * cos(mean_hue - 30) + 0.24 * cos(2 * mean_hue) + 0.32 * cos(3 * mean_hue + 6) - 0.2 * cos(4 * mean_hue - 63)
    dl = (l2 - l1) / (1 + 0.015 * (l - 50) ** 2 / np.sqrt(20 + (l - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * c)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2) / (1 + 0.015 * c * t)
    angle = np.radians(60 * np.exp(-(((mean_hue - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(angle)
    return np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + rotation * dc * dh, 0))


def ramps():
    """Returns each ink alone, all pairs, and all four, from 0 to 255."""
    mixes = [[0], [1], [2], [3], [0, 1], [0, 2], [1, 2], [0, 1, 2], [0, 1, 2, 3]]
    rows = np.zeros((len(mixes), 256, 4), np.uint8)
    for row, mix in zip(rows, mixes):
        row[:, mix] = np.arange(256, dtype=np.uint8)[:, None]
    return rows


def published(binary, inks, profile, folder):
    """Publishes inks as a TIFF, and reads the published image."""
    source = folder / "inks.tif"
    Image.fromarray(inks, "CMYK").save(source, icc_profile=profile)
    height, width = inks.shape[:2]
    tile = 1 << (max(width, height, 16) - 1).bit_length()
    command = [binary, "--output", folder / "out", "--public-url", "https://example.org", "--format", "png"]
    command += ["--tile-size", str(tile), "--id", "x", "--overwrite", source]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {result.stderr}")
    info = json.loads((folder / "out/x/info.json").read_text())
    assert (info["width"], info["height"]) == (width, height), info
    return np.asarray(Image.open(folder / "out/x/full/max/0/default.png").convert("RGB"))


def littlecms(inks, profile):
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "CMYK", "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC, NO_OPTIMIZATION | BLACK_POINT)
    return np.asarray(ImageCms.applyTransform(Image.fromarray(inks, "CMYK"), transform))


def photograph(path, profile):
    """Separates a photograph into the inks of the profile."""
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile)), "RGB", "CMYK",
        ImageCms.Intent.PERCEPTUAL)
    image = Image.open(path).convert("RGB")
    image.thumbnail((1000, 1000))
    return np.asarray(ImageCms.applyTransform(image, transform))


def profiles_of_debian():
    paths = sorted(pathlib.Path("/usr/share/color").rglob("*.ic[cm]"))
    return [path for path in paths if path.read_bytes()[16:20] == b"CMYK"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--photo", type=pathlib.Path)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/debug/iiif-publish")
    parser.add_argument("--mean", type=float, default=0.5, help="mean that is allowed (default: 0.5)")
    parser.add_argument("--worst", type=float, default=2.0, help="difference that is allowed (default: 2)")
    parser.add_argument("profiles", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    profiles = arguments.profiles or profiles_of_debian()
    if not profiles:
        sys.exit("no profiles: name some, or `apt-get install libgs-common`")
    print(f"seed {arguments.seed}\n\n| profile | pixels | mean | 99 % | worst | 100 % K | of LittleCMS |\n|---|---|---|---|---|---|---|")
    is_good = True
    for path in profiles:
        profile = path.read_bytes()
        inks = {"ramps": ramps()}
        inks["random"] = np.random.default_rng(arguments.seed).integers(0, 256, (100, 100, 4), np.uint8)
        if arguments.photo:
            try:
                inks["photograph"] = photograph(arguments.photo, profile)
            except (ImageCms.PyCMSError, OSError):
                print(f"| {path.name} | photograph | left out: the profile only reads inks | | | | |")
        for name, pixels in inks.items():
            with tempfile.TemporaryDirectory() as folder:
                real = published(arguments.binary, pixels, profile, pathlib.Path(folder))
            expected = littlecms(pixels, profile)
            difference = ciede2000(lab(real), lab(expected))
            mean, worst = difference.mean(), difference.max()
            black = [tuple(map(int, picture[3, 255])) for picture in (real, expected)] if name == "ramps" else ("", "")
            print(f"| {path.name} | {name} | {mean:.3f} | {np.percentile(difference, 99):.2f} | {worst:.2f} | {black[0]} | {black[1]} |")
            is_good &= mean <= arguments.mean and worst <= arguments.worst
    sys.exit(0 if is_good else f"beyond a mean of {arguments.mean} or a worst of {arguments.worst}")


if __name__ == "__main__":
    main()
