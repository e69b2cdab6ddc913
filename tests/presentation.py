"""Publishes collections with the given program, and validates all documents with iiif-prezi3 and iiif-prezi: see presentation.sh."""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

import iiif_prezi3
import pydantic
from iiif_prezi.loader import ManifestReader

PUBLIC_URL = "https://example.org/iiif"
COLUMNS = ["source", "id", "object", "sequence", "label", "label@fr", "summary", "rights", "attribution", "language", "thumbnail",
           "behavior", "viewingDirection", "Date", "Maker@de", "homepage@de", "seeAlso", "rendering", "provider", "navDate", "navPlace",
           "range", "start", "alt"]
NOTHING = [""] * 9
LINKS = ["Im Katalog https://example.org/1", "https://example.org/1.xml", "https://example.org/1.pdf",
         "City Library https://example.org https://example.org/logo.png", "1642-03", "48,2082; 16,3738", "Part 1 > Chapter 1", "ms 1/b", "A page"]
ROWS = [
    ["1.ppm", "ms 1/a", "ms 1", "1", "Folio 1", "Feuillet 1", "A book.", "http://rightsstatements.org/vocab/NoC-NC/1.0/", "A library", "en",
     "ms 1/b", "paged", "right-to-left", "1642", "Anna", *LINKS],
    ["2.ppm", "ms 1/b", "ms 1", "2", "Folio 2", "", "", "", "", "en", "", "", "", "", "", *NOTHING[:6], "Part 1 > Chapter 2", "", ""],
    ["3.ppm", "Çelebi & «Söhne»", "", "", "", "", "", "", "", "", "", "individuals", "", "", "", *NOTHING],
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
        ingest(program, folder / version, f"--iiif-version={version}", f"--table={folder / 'table.csv'}", "--label=All",
               "--presentation=3,2", "--activity")
        yield folder / version, 2, 1


def many(program, folder):
    """So many that the collection has pages."""
    (folder / "masters").mkdir()
    for number in range(1001):
        write_picture(folder / "masters" / f"{number}.ppm", 1, 1)
    ingest(program, folder / "many", folder / "masters", "--presentation=3,2", "--activity")
    yield folder / "many", 1001, 3


def nested(program, folder):
    """Collections within each other, from folders and from a column."""
    for name in ("top", "maps/a", "maps/europe/b", "books/c"):
        path = folder / "tree" / f"{name}.ppm"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(path, 300, 200)
    ingest(program, folder / "folders", folder / "tree", "--nest=folder", "--presentation=3,2", "--activity")
    yield folder / "folders", 4, 4
    with open(folder / "tree" / "table.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["source", "Series@en", "Series@de"], ["top.ppm", "Maps > Europe", "Karten > Europa"],
                                    ["maps/a.ppm", "Maps", "Karten"], ["books/c.ppm", "", "«Bücher»"]])
    ingest(program, folder / "column", f"--table={folder / 'tree' / 'table.csv'}", "--nest=column=Series", "--presentation=3,2", "--activity")
    yield folder / "column", 3, 4


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
    judge_version2(folder, manifests, collections)
    harvest(folder, manifests)
    print(f"{folder.name}: {manifests} manifests and {collections} collections are valid, also in version 2")


def judge_version2(folder, manifests, collections):
    """Reads the documents in version 2 with the reference library of that version, which has no schema."""
    documents = sorted((folder / "presentation/2").glob("**/*.json"))
    assert len(documents) == manifests + collections, len(documents)
    for path in documents:
        text = path.read_text(encoding="utf-8")
        reader = ManifestReader(text)
        reader.read()
        # The library doesn't know that a manifest may have a rendering (2.1, section 3.3).
        warnings = [text for text in reader.get_warnings() if "'rendering' on resource of type 'sc:Manifest'" not in text]
        assert not warnings, warnings
        expected = f"{PUBLIC_URL}/{urllib.parse.quote(str(path.relative_to(folder)))}"
        assert json.loads(text)["@id"] == expected, expected


def harvest(folder, manifests):
    """Reads the activity stream like a harvester: by its links, from the last page backwards, as the specification says."""
    load = lambda url: json.loads((folder / urllib.parse.unquote(url.removeprefix(f"{PUBLIC_URL}/"))).read_text(encoding="utf-8"))
    collection = load(f"{PUBLIC_URL}/activity/all-changes.json")
    page, seen, count, latest = load(collection["last"]["id"]), {}, 0, "9999"
    while True:
        assert page["type"] == "OrderedCollectionPage" and page["partOf"]["id"] == collection["id"], page
        for activity in reversed(page["orderedItems"]):
            assert activity["endTime"] <= latest, "newest first"
            latest = activity["endTime"]
            seen.setdefault(activity["object"]["id"], activity["type"])
            count += 1
        if "prev" not in page:
            break
        before = load(page["prev"]["id"])
        assert before["next"]["id"] == page["id"], "pages link to each other"
        page = before
    assert page["id"] == collection["first"]["id"] and count == collection["totalItems"], count
    live = [url for url, kind in seen.items() if kind != "Delete"]
    assert len(live) == manifests and all(load(url)["id"] == url for url in live), live


def says_what_the_table_says(folder):
    """Checks members that the validator treats as optional."""
    manifest = lambda name: json.loads((folder / "manifests" / f"{name}.json").read_text(encoding="utf-8"))
    book, alone = manifest("ms 1"), manifest("Çelebi & «Söhne»")
    assert book["behavior"] == ["paged"] and book["viewingDirection"] == "right-to-left", book
    assert book["thumbnail"] == book["items"][1]["thumbnail"] != book["items"][0]["thumbnail"], book["thumbnail"]
    assert alone["behavior"] == ["individuals"] and "viewingDirection" not in alone, alone
    assert book["start"]["id"] == book["items"][1]["id"] and book["navDate"] == "1642-03-01T00:00:00Z", book
    [part] = book["structures"]
    assert part["label"] == {"en": ["Part 1"]} and len(part["items"]) == 2, book["structures"]
    assert not {"homepage", "provider", "navPlace", "structures", "start"} & alone.keys(), alone


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
    version2 = json.loads((folder / "presentation/2/manifests/ms 1.json").read_text(encoding="utf-8"))
    for member in ("label", "sequences"):
        bad = {name: value for name, value in version2.items() if name != member}
        try:
            ManifestReader(json.dumps(bad)).read()
        except Exception as error:  # noqa: BLE001 (the library has no common class of errors)
            assert member in str(error), error
            continue
        raise SystemExit(f"the validator of version 2 accepts a manifest without {member}")


def main():
    program = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for published in (*described(program, folder), *many(program, folder), *nested(program, folder)):
            judge(*published)
        says_what_the_table_says(folder / "3")
        judge_is_awake(folder / "3")


main()
