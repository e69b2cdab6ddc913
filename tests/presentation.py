"""Publishes collections with the given program, and validates all documents with iiif-prezi3: see presentation.sh."""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

import iiif_prezi3
import pydantic

PUBLIC_URL = "https://example.org/iiif"
COLUMNS = ["source", "id", "object", "sequence", "label", "label@fr", "summary", "rights", "attribution", "language", "thumbnail",
           "behavior", "viewingDirection", "Date", "Maker@de"]
ROWS = [
    ["1.ppm", "ms 1/a", "ms 1", "1", "Folio 1", "Feuillet 1", "A book.", "http://rightsstatements.org/vocab/NoC-NC/1.0/", "A library", "en",
     "ms 1/b", "paged", "right-to-left", "1642", "Anna"],
    ["2.ppm", "ms 1/b", "ms 1", "2", "Folio 2", "", "", "", "", "", "", "", "", "", ""],
    ["3.ppm", "Çelebi & «Söhne»", "", "", "", "", "", "", "", "", "", "individuals", "", "", ""],
]


def write_picture(path, width, height):
    path.write_bytes(b"P6 %d %d 255\n" % (width, height) + bytes(x % 251 for x in range(3 * width * height)))


def ingest(program, folder, *arguments):
    command = [program, "ingest", "--output", folder, "--public-url", PUBLIC_URL, "--progress=none", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def described(program, folder):
    """Objects of several pages, with all that a table can say of them, in both versions of the Image API."""
    for number, size in enumerate([(700, 500), (500, 700), (30, 20)], 1):
        write_picture(folder / f"{number}.ppm", *size)
    with open(folder / "table.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *ROWS])
    for version in ("2", "3", "both"):
        ingest(program, folder / version, f"--iiif-version={version}", f"--table={folder / 'table.csv'}", "--label=All")
        yield folder / version, 2, 1


def many(program, folder):
    """So many that the collection has pages."""
    (folder / "masters").mkdir()
    for number in range(1001):
        write_picture(folder / "masters" / f"{number}.ppm", 1, 1)
    ingest(program, folder / "many", folder / "masters")
    yield folder / "many", 1001, 3


def judge(folder, manifests, collections):
    kinds = {"Manifest": iiif_prezi3.Manifest, "Collection": iiif_prezi3.Collection}
    documents = [*folder.glob("manifests/**/*.json"), *folder.glob("collections/*.json"), folder / "collection.json"]
    count = {"Manifest": 0, "Collection": 0}
    for path in documents:
        document = json.loads(path.read_text(encoding="utf-8"))
        kinds[document["type"]].model_validate(document)
        count[document["type"]] += 1
        # The validator does not know the location.
        expected = f"{PUBLIC_URL}/{urllib.parse.quote(str(path.relative_to(folder)))}"
        assert document["id"] == expected, document["id"]
    assert count == {"Manifest": manifests, "Collection": collections}, count
    print(f"{folder.name}: {manifests} manifests and {collections} collections are valid")


def says_what_the_table_says(folder):
    """Checks members that the validator treats as optional."""
    manifest = lambda name: json.loads((folder / "manifests" / f"{name}.json").read_text(encoding="utf-8"))
    book, alone = manifest("ms 1"), manifest("Çelebi & «Söhne»")
    assert book["behavior"] == ["paged"] and book["viewingDirection"] == "right-to-left", book
    assert book["thumbnail"] == book["items"][1]["thumbnail"] != book["items"][0]["thumbnail"], book["thumbnail"]
    assert alone["behavior"] == ["individuals"] and "viewingDirection" not in alone, alone


def judge_is_awake(folder):
    """Checks that the validator finds mistakes."""
    good = json.loads((folder / "manifests/ms 1.json").read_text(encoding="utf-8"))
    spoilt = {
        "a manifest without a label": lambda it: it.pop("label"),
        "another type": lambda it: it.update(type="Collection"),
        "rights that are not a URI": lambda it: it.update(rights="mine"),
        "a direction that there is not": lambda it: it.update(viewingDirection="upwards"),
        "a canvas with a height in words": lambda it: it["items"][0].update(height="tall"),
    }
    for what, spoil in spoilt.items():
        bad = json.loads(json.dumps(good))
        spoil(bad)
        try:
            iiif_prezi3.Manifest.model_validate(bad)
        except pydantic.ValidationError:
            continue
        raise SystemExit(f"the validator accepts {what}")


def main():
    program = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for published in (*described(program, folder), *many(program, folder)):
            judge(*published)
        says_what_the_table_says(folder / "3")
        judge_is_awake(folder / "3")


main()
