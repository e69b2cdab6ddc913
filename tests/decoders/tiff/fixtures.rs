//! TIFF files of other programs: `tests/fixtures/tiff`, described in its `README.md`.

use crate::support::pictures::mean_difference;
use crate::support::rows::read_with;
use iiif_publish::source::{Header, ReadOptions, SourceError};
use image::{Rgb, RgbImage};
use std::path::PathBuf;

/// All fixtures.
pub(super) const FIXTURES: [&str; 19] = [
    "float-16-big-endian-tifffile.tif",
    "float-32-predictor-3-tifffile.tif",
    "group3-pillow.tif",
    "group3-two-dimensional-tiffcp.tif",
    "group4-low-bit-first-strips-tiffcp.tif",
    "group4-pillow.tif",
    "jpeg-cmyk-imagemagick.tif",
    "jpeg-rgb-tiles-tables-tiffcp.tif",
    "jpeg-ycbcr-420-tables-tiffcp.tif",
    "lab-16-imagemagick.tif",
    "lab-16-vips.tif",
    "lab-8-vips.tif",
    "lzw-differences-big-endian-tiffcp.tif",
    "packbits-bigtiff-tiffcp.tif",
    "palette-pillow.tif",
    "planes-16-tiles-zstd-tifffile.tif",
    "pyramid-pages-jpeg-vips.tif",
    "pyramid-subifds-vips.tif",
    "run-length-pillow.tif",
];

pub(super) fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "tiff", name].iter().collect()
}

fn read_page(name: &str, page: u32) -> Result<(Header, Vec<u8>), SourceError> {
    read_with(&path(name), ReadOptions::default().with_page(page))
}

fn read(name: &str) -> Vec<u8> {
    read_page(name, 1).unwrap_or_else(|error| panic!("{name}: {error:?}")).1
}

/// Returns the image that `make.py` draws.
fn smooth() -> RgbImage {
    RgbImage::from_fn(48, 40, |x, y| Rgb([x * 5, y * 6, (x + y) * 2 + 40].map(|value| value as u8)))
}

/// Returns every other pixel of [`smooth`].
fn half() -> RgbImage {
    RgbImage::from_fn(24, 20, |x, y| *smooth().get_pixel(2 * x, 2 * y))
}

/// Returns the black-and-white image of `make.py`.
fn printed() -> Vec<u8> {
    let places = (0..40).flat_map(|y| (0..48).map(move |x| (x, y)));
    places.map(|(x, y)| if (x * x + y * y * 3) / 40 % 3 == 0 { 0 } else { 255 }).collect()
}

#[test]
fn faxes_are_read() {
    for name in [
        "group4-pillow.tif",
        "group3-pillow.tif",
        "group4-low-bit-first-strips-tiffcp.tif",
        "group3-two-dimensional-tiffcp.tif",
        "run-length-pillow.tif",
    ] {
        assert!(read(name) == printed(), "{name}");
    }
}

#[test]
fn lossless_compressions_preserve_every_pixel() {
    for name in ["lzw-differences-big-endian-tiffcp.tif", "pyramid-subifds-vips.tif"] {
        assert!(read(name) == smooth().as_raw().as_slice(), "{name}");
    }
    for name in [
        "packbits-bigtiff-tiffcp.tif",
        "planes-16-tiles-zstd-tifffile.tif",
        "float-32-predictor-3-tifffile.tif",
        "float-16-big-endian-tifffile.tif",
    ] {
        assert!(read(name) == half().as_raw().as_slice(), "{name}");
    }
}

#[test]
fn embedded_jpeg_is_decoded_as_libtiff_does() {
    for name in
        ["jpeg-ycbcr-420-tables-tiffcp", "jpeg-rgb-tiles-tables-tiffcp", "pyramid-pages-jpeg-vips", "palette-pillow"]
    {
        let expected = image::open(path(&format!("expected/{name}.png"))).expect("a PNG").into_rgb8();
        // Pillow's libjpeg-turbo may round differently from ours.
        let difference = mean_difference(&read(&format!("{name}.tif")), &expected);
        assert!(difference < 0.1, "{name}: {difference}");
    }
    let inks = "jpeg-cmyk-imagemagick.tif";
    assert!(mean_difference(&read(inks), &read(&format!("expected/{inks}"))) < 0.1);
}

#[test]
fn the_levels_of_a_pyramid_are_one_page() {
    let error = read_page("pyramid-pages-jpeg-vips.tif", 2).expect_err("there is none");
    assert!(error.to_string().ends_with("has no page 2: it has 1 page"), "{error}");
}

#[test]
fn lab_converts_back_to_its_source() {
    // vips and ImageMagick use sRGB's own white and that of D50; 8-bit Lab is coarser than 8-bit RGB.
    for (name, max) in [("lab-16-vips.tif", 8.0), ("lab-8-vips.tif", 8.0), ("lab-16-imagemagick.tif", 8.0)] {
        let difference = mean_difference(&read(name), &half());
        assert!(difference < max, "{name}: {difference}");
    }
}

#[test]
fn a_damaged_embedded_jpeg_is_an_error() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for name in ["jpeg-ycbcr-420-tables-tiffcp.tif", "jpeg-rgb-tiles-tables-tiffcp.tif", "group4-pillow.tif"] {
        let whole = std::fs::read(path(name)).expect("the fixture");
        for length in 0..whole.len() {
            let cut = folder.path().join("cut.tif");
            std::fs::write(&cut, &whole[..length]).expect("a file");
            let read = read_with(&cut, ReadOptions::default());
            assert!(read.is_err(), "{length} bytes of {name}");
        }
    }
}
