//! Compares rendered pages to Poppler's output.

use crate::support::pdf::{FONT, Page, Pdf, document};
use crate::support::pictures::{file, mean_difference, waves};
use crate::support::rows::read_bytes_with;
use crate::support::skip::skip;
use iiif_publish::source::ReadOptions;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Resolution used for the comparison.
const DPI: &str = "100";

/// Maximum mean sample difference between matching pages. They only differ along the edges of shapes.
const ALIKE: f64 = 1.5;

/// Returns the first page as rendered by Poppler, or `None` if Poppler isn't installed.
fn rendered_by_poppler(folder: &Path, pdf: &[u8]) -> Option<image::RgbImage> {
    let (pdf, out) = (file(folder, "page.pdf", pdf), folder.join("page"));
    let arguments = ["-r", DPI, "-f", "1", "-l", "1", "-cropbox", "-singlefile"];
    let status = Command::new("pdftoppm").args(arguments).arg(&pdf).arg(&out).status().ok()?;
    assert!(status.success(), "poppler reads it");
    Some(image::open(out.with_extension("ppm")).expect("a picture").into_rgb8())
}

type NamedPage = (&'static str, Pdf, Page);

/// Returns a page of images with and without a mask, and a page with a pattern.
fn pages_with_objects() -> [NamedPage; 2] {
    let mut images = Pdf::default();
    let pixels = waves(150, 100).into_raw();
    let mask = images.image((2, 1), "/ColorSpace/DeviceGray/BitsPerComponent 8", &[255, 64]);
    let masked = format!("/ColorSpace/DeviceRGB/BitsPerComponent 8/SMask {mask} 0 R");
    let masked = images.image((150, 100), &masked, &pixels);
    let plain = images.image((150, 100), "/ColorSpace/DeviceRGB/BitsPerComponent 8", &pixels);
    let objects = format!("/XObject<</A {plain} 0 R/B {masked} 0 R>>");
    let content = "q 150 0 0 100 20 20 cm /A Do Q q 100 50 -50 100 250 50 cm /B Do Q";
    let mut patterns = Pdf::default();
    let cell = "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 20 20]/XStep 20/YStep 20/Resources<<>>";
    let cell = patterns.stream(cell, b"1 0 0 rg 0 0 10 10 re f 0 0 1 rg 10 10 10 10 re f");
    let pattern = format!("/Pattern<</P {cell} 0 R>>");
    [
        ("images", images, Page::drawing(&objects, content)),
        ("patterns", patterns, Page::drawing(&pattern, "/Pattern cs /P scn 20 20 300 200 re f")),
    ]
}

/// Returns pages that cover all common features.
fn pages() -> Vec<NamedPage> {
    let fonts = format!("/Font<</F1 {FONT}>>");
    let shading = "/Shading<</S<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 360 0]/Extend[true true]\
                   /Function<</FunctionType 2/Domain[0 1]/C0[1 0 0]/C1[0 0 1]/N 1>>>>>>";
    let paths = "2 w 10 10 m 100 200 200 -50 300 200 c S 0.2 0.5 0.7 rg 50 50 100 80 re B* [9 3] 0 d 5 5 300 200 re S";
    let ink = "0 0 1 0 k 0 0 200 200 re f /G gs 1 0 0 0 k 100 50 200 150 re f";
    let plain = [
        ("text", Page::drawing(&fonts, "BT /F1 30 Tf 20 100 Td (Text in Helvetica) Tj ET")),
        ("paths", Page::drawing("", paths)),
        ("gradients", Page::drawing(shading, "q 20 20 300 200 re W n /S sh Q")),
        ("ink", Page::drawing("/ExtGState<</G<</ca 0.5>>>>", ink)),
        ("rotation", Page::drawing("", paths).with("/Rotate 270")),
        // Aligned to whole pixels.
        ("crop", Page::drawing("", paths).with("/CropBox[36 72 216 144]")),
    ];
    plain.map(|(name, page)| (name, Pdf::default(), page)).into_iter().chain(pages_with_objects()).collect()
}

#[test]
fn pages_look_as_poppler_shows_them() {
    let folder = TempDir::new().expect("a folder");
    for (name, pdf, page) in pages() {
        let bytes = document(pdf, &[page], "");
        let Some(expected) = rendered_by_poppler(folder.path(), &bytes) else {
            return skip("pages beside those of poppler", "pdftoppm isn't installed");
        };
        let options = ReadOptions::default().with_pdf_dpi(DPI.parse().expect("a resolution"));
        let (header, pixels) = read_bytes_with(&bytes, options).expect(name);
        assert_eq!((header.size.width(), header.size.height()), expected.dimensions(), "{name}");
        let difference = mean_difference(&pixels, expected.as_raw());
        let blank = mean_difference(&vec![255; pixels.len()], expected.as_raw());
        let max = match name {
            // Poppler converts CMYK with its own formulas and aligns patterns to whole pixels.
            "ink" | "patterns" => 25.0,
            _ => ALIKE,
        };
        eprintln!("{name}: {difference:.2} (a blank page: {blank:.2})");
        assert!(difference < max && difference < blank / 2.0, "{name}: {difference}, and {blank} for a blank page");
    }
}
