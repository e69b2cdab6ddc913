//! All kinds of file structures, both intact and damaged.

use crate::support::pdf::{Page, Pdf, deflated, document, stream};
use crate::support::rows::{read_bytes, read_bytes_with};
use iiif_publish::source::{ReadOptions, SourceError};
use std::error::Error;
use std::fmt::Write;

/// Returns a file with pages that are 10 x 10 points, 11 x 11 points, and so on.
fn file(pages: u32) -> Vec<u8> {
    document(Pdf::default(), &(0..pages).map(page).collect::<Vec<_>>(), "")
}

fn page(index: u32) -> Page {
    let side = 10 + index;
    Page { entries: format!("/MediaBox[0 0 {side} {side}]"), content: b"0 0 5 5 re f".to_vec() }
}

/// Returns a page's width at 72 dpi, which identifies the page.
fn width(file: &[u8], page: u32) -> Result<u32, SourceError> {
    let options = ReadOptions::default().with_pdf_dpi("72".parse().expect("a resolution")).with_page(page);
    read_bytes_with(file, options).map(|(header, _)| header.size.width())
}

fn replaced(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = file.windows(from.len()).position(|window| window == from.as_bytes()).expect(from);
    [&file[..at], to.as_bytes(), &file[at + from.len()..]].concat()
}

#[test]
fn any_page_can_be_opened() -> Result<(), Box<dyn Error>> {
    let file = file(3);
    for (page, expected) in [(1, 10), (2, 11), (3, 12)] {
        assert_eq!(width(&file, page)?, expected);
    }
    let error = width(&file, 4).expect_err("there is none");
    assert!(matches!(error, SourceError::NoSuchPage { page: 4, pages: 3, .. }), "{error:?}");
    Ok(())
}

/// Returns a file with compressed objects and a cross-reference stream.
fn compressed() -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]/MediaBox[0 0 10 10]>>",
        "<</Type/Page/Parent 2 0 R>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 11 11]>>",
    ];
    let (mut heads, mut bodies) = (String::new(), String::new());
    for (object, number) in objects.iter().zip(1..) {
        write!(heads, "{number} {} ", bodies.len()).expect("memory");
        bodies += object;
        bodies += " ";
    }
    let mut file = b"%PDF-1.7\n".to_vec();
    let group = file.len();
    file.extend(b"5 0 obj\n");
    let entries = format!("/Type/ObjStm/N 4/First {}/Filter/FlateDecode", heads.len());
    file.extend(stream(&entries, &deflated(format!("{heads}{bodies}").as_bytes())));
    file.extend(b"\nendobj\n");
    let start = file.len();
    let mut index = vec![0, 0, 0, 0];
    (0..4).for_each(|at| index.extend([2, 0, 5, at]));
    index.extend([1, 0, u8::try_from(group).expect("small"), 0]);
    index.extend([1, 1, 0, 0]);
    file.extend(b"6 0 obj\n");
    let entries = "/Type/XRef/Size 7/Root 1 0 R/W[1 2 1]/Filter/FlateDecode";
    file.extend(stream(entries, &deflated(&index)));
    file.extend(format!("\nendobj\nstartxref\n{start}\n%%EOF\n").bytes());
    file
}

#[test]
fn compressed_objects_are_found() -> Result<(), Box<dyn Error>> {
    let file = compressed();
    assert_eq!((width(&file, 1)?, width(&file, 2)?), (10, 11));
    // Without an index, the whole file is scanned.
    let damaged = replaced(&file, "startxref", "startxxxx");
    assert_eq!((width(&damaged, 1)?, width(&damaged, 2)?), (10, 11));
    Ok(())
}

#[test]
fn changes_at_the_end_of_a_file_count() -> Result<(), Box<dyn Error>> {
    let mut file = file(2);
    let text = String::from_utf8_lossy(&file).into_owned();
    let previous =
        text.rsplit("startxref\n").next().and_then(|rest| rest.lines().next()).expect("an offset").to_owned();
    let start = file.len();
    file.extend(b"2 0 obj\n<</Type/Page/Parent 5 0 R/MediaBox[0 0 77 77]>>\nendobj\n");
    let index = file.len();
    file.extend(format!("xref\n2 1\n{start:010} 00000 n \ntrailer\n<</Size 7/Root 6 0 R/Prev {previous}>>\n").bytes());
    file.extend(format!("startxref\n{index}\n%%EOF\n").bytes());
    assert_eq!((width(&file, 1)?, width(&file, 2)?), (77, 11));
    Ok(())
}

#[test]
fn damaged_files_are_searched_for_their_pages() -> Result<(), Box<dyn Error>> {
    let whole = file(2);
    let shifted = [b"\n\n", &whole[..]].concat();
    let without_index = whole[..whole.windows(4).position(|window| window == b"xref").expect("an index")].to_vec();
    for file in [
        replaced(&whole, "startxref\n", "startxref\n1"),
        replaced(&whole, "0000000000 65535 f", "0000000000 65535 x"),
        replaced(&whole, "xref\n0 ", "xref\n1 "),
        without_index,
        shifted,
    ] {
        assert_eq!((width(&file, 1)?, width(&file, 2)?), (10, 11));
    }
    Ok(())
}

#[test]
fn streams_with_a_wrong_length_end_where_they_end() -> Result<(), Box<dyn Error>> {
    for length in ["/Length 3", "/Length 99999999", "/Length 77 0 R"] {
        let file = replaced(&file(1), "/Length 12", length);
        let options = ReadOptions::default().with_pdf_dpi("72".parse()?);
        let (_, pixels) = read_bytes_with(&file, options)?;
        assert_eq!(pixels.iter().filter(|sample| **sample < 128).count(), 75, "the square is shown: {length}");
    }
    Ok(())
}

#[test]
fn pages_inherit_their_boxes() -> Result<(), Box<dyn Error>> {
    let mut pdf = Pdf::default();
    pdf.add("<</Type/Page/Parent 2 0 R/CropBox[0 0 20 20]>>");
    pdf.add("<</Type/Pages/Kids[1 0 R]/Parent 3 0 R/Count 1/Rotate 90>>");
    pdf.add("<</Type/Pages/Kids[2 0 R 4 0 R]/Count 2/MediaBox[0 0 30 40]>>");
    pdf.add("<</Type/Page/Parent 3 0 R/Rotate 90>>");
    let catalog = pdf.add("<</Type/Catalog/Pages 3 0 R>>");
    let file = pdf.finish(catalog, "");
    assert_eq!((width(&file, 1)?, width(&file, 2)?), (20, 40));
    Ok(())
}

/// Returns the messages of the error and its cause.
fn error_of(file: &[u8]) -> String {
    let error = read_bytes(file).expect_err("it is refused");
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

#[test]
fn encrypted_files_name_a_command() {
    let mut pdf = Pdf::default();
    pdf.add("<</Type/Pages/Count 0/Kids[]>>");
    let catalog = pdf.add("<</Type/Catalog/Pages 1 0 R>>");
    let file = pdf.finish(catalog, "/Encrypt<</Filter/Standard/V 2/R 3>>");
    let error = read_bytes(&file).expect_err("it is encrypted");
    let SourceError::Unsupported { variety, hint, .. } = error else { panic!("{error:?}") };
    assert_eq!(variety, "an encrypted PDF");
    assert!(hint.contains("qpdf --decrypt"));
}

#[test]
fn lists_of_pages_end() {
    let tree = |objects: &[&str]| {
        let mut pdf = Pdf::default();
        for object in objects {
            pdf.add(object);
        }
        let catalog = pdf.add("<</Type/Catalog/Pages 1 0 R>>");
        error_of(&pdf.finish(catalog, ""))
    };
    let twice = "its list of pages contains a page twice";
    assert!(tree(&["<</Kids[1 0 R]>>"]).contains(twice));
    assert!(tree(&["<</Kids[2 0 R 2 0 R]>>", "<</Type/Page>>"]).contains(twice));
    assert!(tree(&["<</Kids[2 0 R]>>", "<</Kids[1 0 R]>>"]).contains(twice));
    assert!(tree(&["<</Kids[9 0 R]>>"]).contains("page 1 is damaged: its object 9 is missing"));
    assert!(tree(&["null"]).contains("its list of pages is missing"));
    assert!(tree(&["<</Kids[]>>"]).contains("has no page 1"));
    let deep: Vec<String> = (2..1000).map(|next| format!("<</Kids[{next} 0 R]>>")).collect();
    let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
    assert!(tree(&deep).contains("nested too deeply"));
    assert!(error_of(b"%PDF-1.7\n").contains("damaged"));
}
