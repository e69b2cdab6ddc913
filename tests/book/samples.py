"""Makes the sample images of the book, without a library."""

import pathlib
import struct
import subprocess
import zipfile
import zlib

WIDTH, HEIGHT = 1500, 1000


def pixels(seed, width=WIDTH, height=HEIGHT):
    """Returns RGB pixels: a soft gradient with squares, different for each seed."""
    rows = []
    for y in range(height):
        row = bytearray(3 * width)
        row[0::3] = bytes((x * 255 // width) for x in range(width))
        row[1::3] = bytes([(y * 255 // height)]) * width
        row[2::3] = bytes(((x // 50 + y // 50 + seed) % 2) * 160 + seed % 90 for x in range(width))
        rows.append(bytes(row))
    return rows


def ppm(rows):
    return b"P6 %d %d 255\n" % (len(rows[0]) // 3, len(rows)) + b"".join(rows)


def png(rows):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(pages):
    """Returns an uncompressed TIFF with one strip for each page."""
    out = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for rows in pages:
        strip, bits = len(out), None
        out += b"".join(rows)
        bits = len(out)
        out += struct.pack("<HHH", 8, 8, 8)
        out += b"\0" * (len(out) % 2)
        struct.pack_into("<I", out, link, len(out))
        width, height = len(rows[0]) // 3, len(rows)
        entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, strip),
                   (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, 3 * width * height)]
        out += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        link = len(out)
        out += b"\0\0\0\0"
    return bytes(out)


def spreadsheet(path, rows):
    """Writes an `.xlsx` file with one sheet of texts."""
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    cells = "".join(f"<row>{''.join(cell.format(text) for text in row)}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
                               'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                               f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
                               f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{office}/officeDocument" '
                       'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Images" sheetId="1" r:id="rId1"/>'
                           '</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
                                      f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, head + text)


def make(folder, program):
    """Fills a folder with the images that the book names."""
    folder.mkdir(parents=True)
    (folder / "photo.ppm").write_bytes(ppm(pixels(0)))
    # The program itself writes the JPEG.
    subprocess.run([program, "--output", folder / "made", "--quiet", "photo.ppm"], cwd=folder, check=True, capture_output=True)
    (folder / "made/photo/full/max/0/default.jpg").rename(folder / "photo.jpg")
    subprocess.run(["rm", "-r", folder / "made", folder / "photo.ppm"], check=True)
    (folder / "scan.tif").write_bytes(tiff([pixels(1)]))
    (folder / "atlas.tif").write_bytes(tiff([pixels(2), pixels(3, 900, 600)]))
    (folder / "drawing.png").write_bytes(png(pixels(4, 800, 600)))
    maps = folder / "masters/maps"
    maps.mkdir(parents=True)
    for number, name in enumerate(("atlas", "rome", "utopia")):
        (maps / f"{name}.tif").write_bytes(tiff([pixels(5 + number, 700 + number, 500)]))
    spreadsheet(folder / "images.xlsx", [["source", "label", "Date"], ["masters/maps/atlas.tif", "Weltatlas", "1595"]])
    (folder / "masters/drafts").mkdir()
    (folder / "masters/drafts/sketch.png").write_bytes(png(pixels(9, 300, 200)))


if __name__ == "__main__":
    import sys
    make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
