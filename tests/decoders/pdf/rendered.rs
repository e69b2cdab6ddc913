//! Pages that have to be rendered.

use crate::support::pdf::{FONT, Page, Pdf, document};
use crate::support::rows::{codes, read_bytes, read_bytes_with};
use iiif_publish::source::{Background, Dpi, Header, ReadOptions, SourceError};

fn dpi(dpi: u16) -> ReadOptions {
    ReadOptions::default().with_pdf_dpi(Dpi::new(dpi).expect("a resolution"))
}

fn render(page: Page, options: ReadOptions) -> (Header, Vec<u8>) {
    read_bytes_with(&document(Pdf::default(), &[page], ""), options).unwrap_or_else(|error| panic!("{error:?}"))
}

fn pixel((header, pixels): &(Header, Vec<u8>), x: u32, y: u32) -> [u8; 3] {
    let at = 3 * (y * header.size.width() + x) as usize;
    pixels[at..at + 3].try_into().expect("RGB")
}

const RED: [u8; 3] = [255, 0, 0];
const WHITE: [u8; 3] = [255; 3];

/// Draws a square. Its lower left corner is at 72, 72.
const SQUARE: &str = "1 0 0 rg 72 72 72 72 re f";

#[test]
fn shapes_are_where_they_should_be() {
    let rendered = render(Page::drawing("", SQUARE), dpi(100));
    assert_eq!((rendered.0.size.width(), rendered.0.size.height()), (500, 334), "5 x 3.33 inches");
    assert_eq!(rendered.0.description, "PDF, rendered at 100 dpi");
    // The page is 240 points high, so the square ends 96 points below its top.
    for (x, y, color) in [(99, 200, WHITE), (101, 200, RED), (198, 200, RED), (202, 200, WHITE)] {
        assert_eq!(pixel(&rendered, x, y), color, "{x} {y}");
    }
    assert_eq!((pixel(&rendered, 150, 132), pixel(&rendered, 150, 135)), (WHITE, RED));
    assert_eq!((pixel(&rendered, 150, 231), pixel(&rendered, 150, 235)), (RED, WHITE));
    let turned = render(Page::drawing("", SQUARE).with("/Rotate 90"), dpi(100));
    assert_eq!((turned.0.size.width(), turned.0.size.height()), (334, 500));
    assert_eq!((pixel(&turned, 150, 150), pixel(&turned, 230, 150)), (RED, WHITE), "the left edge is on top");
    let cropped = render(Page::drawing("", SQUARE).with("/CropBox[72 72 144 144]"), dpi(72));
    assert_eq!((cropped.0.size.width(), cropped.0.size.height()), (72, 72));
    assert!(cropped.1.as_chunks::<3>().0.iter().all(|pixel| *pixel == RED));
}

#[test]
fn large_units_and_the_background_count() {
    let large = render(Page::drawing("", SQUARE).with("/UserUnit 2"), dpi(36));
    assert_eq!((large.0.size.width(), large.0.size.height()), (360, 240));
    assert_eq!((pixel(&large, 100, 150), pixel(&large, 10, 10)), (RED, WHITE));
    let blue = dpi(36).with_background(Background::new(0, 0, 255));
    assert_eq!(pixel(&render(Page::drawing("", SQUARE), blue), 10, 10), [0, 0, 255]);
}

#[test]
fn rendered_pages_have_the_size_of_the_page() {
    let scale = |entries: &str, options| {
        let (header, _) = render(Page::drawing("", SQUARE).with(entries), options);
        header.scale.map(|scale| scale.to_string())
    };
    assert_eq!(scale("", dpi(100)).as_deref(), Some("0.01in"));
    assert_eq!(scale("/UserUnit 2/Rotate 90", dpi(50)).as_deref(), Some("0.02in"), "there are more pixels instead");
    // Unlike in a file, this isn't a default that says nothing.
    assert_eq!(scale("", dpi(72)).as_deref(), Some("0.0138889in"));
}

#[test]
fn text_without_its_font_is_shown_unless_it_is_invisible() {
    let fonts = format!("/Font<</F1 {FONT}>>");
    let black = |mode: u32| {
        let content = format!("BT /F1 48 Tf {mode} Tr 40 100 Td (Text) Tj ET");
        let (header, pixels) = render(Page::drawing(&fonts, &content), dpi(72));
        assert_eq!(codes(&header), [""; 0]);
        pixels.iter().filter(|sample| **sample < 64).count()
    };
    assert!((2_000..10_000).contains(&black(0)), "{}", black(0));
    assert_eq!(black(3), 0);
}

#[test]
fn bands_of_tall_pages_fit_together() {
    let content = "0 0 1 RG 7 w 10 10 m 190 9990 l S 0.5 g 50 50 m 150 5000 l 50 9950 l f";
    let mut page = Page::drawing("", content);
    page.entries = "/MediaBox[0 0 200 10000]".to_owned();
    let whole = render(page.clone(), dpi(72));
    assert_eq!((whole.0.size.width(), whole.0.size.height()), (200, 10000));
    // This resolution needs several bands. Each row of the small page should match the corresponding row here.
    let large = render(page, dpi(432));
    assert_eq!((large.0.size.width(), large.0.size.height()), (1200, 60000));
    for y in (3..10_000).step_by(7) {
        let dark = |rendered: &(Header, Vec<u8>), y: usize| {
            let row = 3 * rendered.0.size.width() as usize;
            let row = &rendered.1[y * row..][..row];
            row.iter().map(|sample| f64::from(255 - *sample)).sum::<f64>() / row.len() as f64
        };
        let (one, other) = (dark(&whole, y), dark(&large, 6 * y + 3));
        assert!((one - other).abs() < 2.0, "{y}: {one} {other}");
    }
}

#[test]
fn parts_that_cannot_be_shown_are_warnings() {
    let mut pdf = Pdf::default();
    let image = pdf.image((10, 10), "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode", b"not a JPEG");
    let page = Page::showing(image, "q 50 0 0 50 0 0 cm /Im0 Do Q 10 10 m 100 100 l S");
    let (header, _) = read_bytes(&document(pdf, &[page], "")).expect("it is rendered");
    assert_eq!(codes(&header), ["content-unreadable"]);
}

#[test]
fn pages_that_are_too_large_are_refused() {
    let mut page = Page::drawing("", SQUARE);
    page.entries = "/MediaBox[0 0 14400 14400]/UserUnit 2".to_owned();
    let file = document(Pdf::default(), &[page], "");
    let error = read_bytes(&file).expect_err("400 inches");
    let SourceError::Unsupported { variety, hint, .. } = error else { panic!("{error:?}") };
    assert_eq!(variety, "a page 400.0 inches long, which would be 120000 pixels wide when rendered");
    assert!(hint.contains("--pdf-dpi"));
    let error = read_bytes_with(&file, dpi(150).with_max_pixels(1_000_000)).expect_err("too many pixels");
    assert!(matches!(error, SourceError::TooLarge { pixels: 3_600_000_000, .. }), "{error:?}");
}
