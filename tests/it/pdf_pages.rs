//! Publishing PDFs, where each page is an image and the file is an object.

use crate::support::pdf::{Page, Pdf, deflated, document};
use crate::support::pictures::{file, waves};
use crate::support::program::program;
use iiif_publish::source::{Header, ReadOptions};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Creates a book with a scan, a rendered page of text and a rendered page of drawings.
fn book(folder: &Path) -> PathBuf {
    let mut pdf = Pdf::default();
    let entries = "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode";
    let image = pdf.image((90, 60), entries, &deflated(waves(90, 60).as_raw()));
    let text = Page::showing(image, "BT /F1 40 Tf 40 100 Td (Text) Tj ET");
    let pages = [Page::of_image(image), text, Page::drawing("", "1 0 0 rg 0 0 99 99 re f")];
    let labels = "/PageLabels<</Nums[0<</S/r>>2<</S/D/P(A-)/St 7>>]>>";
    file(folder, "book.pdf", &document(pdf, &pages, labels))
}

fn publish(folder: &Path, arguments: &[&str], input: &Path) -> String {
    run(folder, &[&["publish", "--pages=all"], arguments].concat(), input)
}

fn run(folder: &Path, arguments: &[&str], input: &Path) -> String {
    let mut command = program();
    command.args(arguments).args(["--public-url", "https://example.org/iiif", "--output"]).arg(folder.join("out"));
    let output = command.arg(input).output().expect("built");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    stderr
}

fn json(folder: &Path, path: &str) -> Value {
    let bytes = fs::read(folder.join("out").join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn all_pages_of_a_pdf_are_published_with_their_labels() {
    let folder = TempDir::new().expect("a folder");
    publish(folder.path(), &["--pdf-dpi=72"], &book(folder.path()));
    let manifest = json(folder.path(), "manifests/book.json");
    let canvases = manifest["items"].as_array().expect("canvases");
    let labels: Vec<&Value> = canvases.iter().map(|canvas| &canvas["label"]["none"][0]).collect();
    assert_eq!(labels, ["i", "ii", "A-7"]);
    let widths: Vec<Option<u64>> = canvases.iter().map(|canvas| canvas["width"].as_u64()).collect();
    assert_eq!(widths, [Some(90), Some(360), Some(360)], "the scan has the pixels of its image");
}

#[test]
fn another_resolution_publishes_rendered_pages_only() {
    let folder = TempDir::new().expect("a folder");
    let input = book(folder.path());
    let images = |stderr: &str, wanted: &str| {
        let found = (1..=3).filter(|page| stderr.contains(&format!("book/{page}: {wanted}")));
        found.collect::<Vec<_>>()
    };
    let first = publish(folder.path(), &["--pdf-dpi=72", "--verbose"], &input);
    assert_eq!(images(&first, "published"), [1, 2, 3], "{first}");
    let same = publish(folder.path(), &["--pdf-dpi=72", "--verbose"], &input);
    assert_eq!(images(&same, "unchanged"), [1, 2, 3], "{same}");
    let larger = publish(folder.path(), &["--pdf-dpi=144", "--verbose"], &input);
    assert_eq!((images(&larger, "unchanged"), images(&larger, "published")), (vec![1], vec![2, 3]), "{larger}");
    assert_eq!(json(folder.path(), "book/3/info.json")["width"], 720);
    assert_eq!(json(folder.path(), "manifests/book.json")["items"][1]["width"], 720);
}

#[test]
fn the_resolution_does_not_matter_to_other_formats() {
    let folder = TempDir::new().expect("a folder");
    let input = crate::support::pictures::png_file(folder.path(), "a.png", 60, 40);
    publish(folder.path(), &[], &input);
    let again = publish(folder.path(), &["--pdf-dpi=150", "--verbose"], &input);
    assert!(again.contains("a: unchanged"), "{again}");
}

#[test]
fn a_page_that_is_not_published_is_a_warning() {
    let folder = TempDir::new().expect("a folder");
    let header = Header::read(&book(folder.path()), ReadOptions::default()).expect("a page");
    let warnings: Vec<String> = header.warnings().iter().map(ToString::to_string).collect();
    let text = "only the first of its 3 pages is published (publish all with `--pages all`) (pages-ignored)";
    assert_eq!(warnings, [text]);
    let second = Header::read(&book(folder.path()), ReadOptions::default().with_page(2)).expect("a page");
    assert_eq!((second.description.as_str(), second.warnings()), ("PDF, rendered at 300 dpi", &[][..]));
}

/// Creates a file with four pages and an outline whose last entry links back to the first.
fn book_with_outline(folder: &Path) -> PathBuf {
    let mut pdf = Pdf::default();
    let [first, second, fourth] = [1, 2, 4].map(|page| format!("[{} 0 R/Fit]", 4 + 2 * page));
    pdf.add("<</First 2 0 R>>");
    pdf.add(format!("<</Title(Part 1)/Dest{first}/First 3 0 R/Next 4 0 R>>"));
    pdf.add("<</Title<feff00dc006200650072>/Dest(named)/Next 99 0 R>>");
    pdf.add(format!("<</Title(Part 2)/A<</S/GoTo/D{fourth}>>/Next 2 0 R>>"));
    let page = Page::drawing("", "1 0 0 rg 0 0 99 99 re f");
    let kids = format!("<</Limits[(a)(m)]/Names[]>><</Limits[(n)(z)]/Names[(named){second}]>>");
    file(
        folder,
        "book.pdf",
        &document(pdf, &vec![page; 4], &format!("/Outlines 1 0 R/Names<</Dests<</Kids[{kids}]>>>>")),
    )
}

/// Formats a range as `Label(pages and ranges)`.
fn shown(range: &Value) -> String {
    let item = |item: &Value| match item["type"].as_str() {
        Some("Canvas") => item["id"].as_str().and_then(|id| id.rsplit('/').next()).expect("a page").to_owned(),
        _ => shown(item),
    };
    let items: Vec<String> = range["items"].as_array().expect("items").iter().map(item).collect();
    format!("{}({})", range["label"]["none"][0].as_str().expect("a label"), items.join(" "))
}

#[test]
fn an_outline_becomes_a_table_of_contents_that_later_runs_keep() {
    let folder = TempDir::new().expect("a folder");
    let input = book_with_outline(folder.path());
    let structures = || {
        let manifest = json(folder.path(), "manifests/book.json");
        manifest["structures"].as_array().expect("ranges").iter().map(shown).collect::<Vec<_>>()
    };
    publish(folder.path(), &["--pdf-dpi=72"], &input);
    assert_eq!(structures(), ["Part 1(1 Über(2 3))", "Part 2(4)"]);
    let before = fs::read(folder.path().join("out/manifests/book.json")).expect("a manifest");
    publish(folder.path(), &["--pdf-dpi=72"], &input);
    assert_eq!(before, fs::read(folder.path().join("out/manifests/book.json")).expect("a manifest"));
    // The manifest is written again from what is stored.
    run(folder.path(), &["ingest", "--types=pdf", "--pdf-dpi=72", "--presentation=3,2"], &input);
    assert_eq!(structures(), ["Part 1(1 Über(2 3))", "Part 2(4)"]);
    let older = json(folder.path(), "presentation/2/manifests/book.json");
    let labels: Vec<&Value> = older["structures"].as_array().expect("ranges").iter().map(|it| &it["label"]).collect();
    assert!(labels.ends_with(&[&Value::from("Part 1"), &Value::from("Über"), &Value::from("Part 2")]), "{labels:?}");
}

/// Creates a file with two pages that are read from right to left.
fn right_to_left_book(folder: &Path) -> PathBuf {
    let mut pdf = Pdf::default();
    pdf.add("<</Direction/R2L>>");
    let page = Page::drawing("", "1 0 0 rg 0 0 99 99 re f");
    file(folder, "book.pdf", &document(pdf, &[page.clone(), page], "/ViewerPreferences 1 0 R"))
}

#[test]
fn the_reading_direction_of_a_file_becomes_that_of_its_manifest_and_stays() {
    let folder = TempDir::new().expect("a folder");
    let input = right_to_left_book(folder.path());
    let direction = || json(folder.path(), "manifests/book.json")["viewingDirection"].clone();
    let manifest = || fs::read(folder.path().join("out/manifests/book.json")).expect("a manifest");
    publish(folder.path(), &["--pdf-dpi=72"], &input);
    assert_eq!(direction(), "right-to-left");
    let before = manifest();
    let again = publish(folder.path(), &["--pdf-dpi=72", "--verbose"], &input);
    assert_eq!((manifest(), again.matches(": unchanged").count()), (before.clone(), 2), "{again}");
    // Neither run opens the file.
    run(folder.path(), &["ingest", "--types=pdf", "--pdf-dpi=72", "--presentation=3,2", "--site"], &input);
    assert_eq!(manifest(), before);
    let older = json(folder.path(), "presentation/2/manifests/book.json");
    assert_eq!(older["viewingDirection"], "right-to-left");
    // Another image that takes the place of a page invalidates what is known about the pages, but not this.
    let single = ["publish", "--pages=2", "--id=book/2", "--pdf-dpi=50"];
    run(folder.path(), &single, &input);
    let mark = fs::read_to_string(folder.path().join("out/manifests/.book.json.mark")).expect("a mark");
    assert!(mark.contains(";direction=right-to-left") && !mark.contains(";pages="), "{mark}");
    run(folder.path(), &["ingest", "--types=pdf", "--pages=all", "--manifests-only"], &input);
    assert_eq!(direction(), "right-to-left");
}

#[test]
fn a_table_decides_about_the_reading_direction() {
    let folder = TempDir::new().expect("a folder");
    right_to_left_book(folder.path());
    let ingest = |table: &str| {
        let table = file(folder.path(), "books.csv", table.as_bytes());
        let table = format!("--table={}", table.display());
        let mut command = program();
        command.args(["ingest", "--pdf-dpi=72", "--pages=all", "--verbose", "--public-url=https://example.org/iiif"]);
        let output = command.arg(table).arg("--output").arg(folder.path().join("out")).output().expect("built");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        (json(folder.path(), "manifests/book.json")["viewingDirection"].clone(), stderr)
    };
    for (number, (table, expected)) in [
        ("source,viewingDirection\nbook.pdf,top-to-bottom\n", "top-to-bottom"),
        ("source,label\nbook.pdf,A book\n", "right-to-left"),
        ("source,object,label,viewingDirection\n,book,A book,left-to-right\nbook.pdf,book,,\n", "left-to-right"),
        ("source,object,label\n,book,A book\nbook.pdf,book,\n", "right-to-left"),
    ]
    .into_iter()
    .enumerate()
    {
        let (direction, stderr) = ingest(table);
        assert_eq!(direction, expected, "{table}{stderr}");
        let unchanged = if number == 0 { 0 } else { 2 };
        assert_eq!(stderr.matches(": unchanged").count(), unchanged, "{stderr}");
    }
}
