//! HEIC: colors, high dynamic range, several images in a file, and damaged files. The matrix compares the pixels.

use crate::support::rows::{codes, read, read_bytes};
use iiif_publish::source::{Orientation, SourceError};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/heic").join(name)
}

/// Returns the color drawn at a position.
fn drawn(x: u32, y: u32) -> [u8; 3] {
    [x * 5, y * 6 + 20, x * 2 + y * 3].map(|value| value as u8)
}

#[test]
fn lossless_images_have_the_drawn_pixels() {
    for name in ["lossless.heic", "two.heic"] {
        let (header, pixels) = read(&fixture(name)).expect("read");
        assert_eq!(header.size.to_string(), "50x37", "{name}");
        for (index, pixel) in pixels.chunks_exact(3).enumerate() {
            assert_eq!(pixel, drawn(index as u32 % 50, index as u32 / 50), "{name}, pixel {index}");
        }
    }
}

#[test]
fn chroma_is_interpolated() {
    // Without interpolation, the differences are 1.1 to 1.4.
    for (name, most) in [
        ("lossy-444", 0.6),
        ("lossy-422", 0.8),
        ("lossy-422-10", 0.8),
        ("lossy-420", 0.8),
        ("lossy-420-limited", 0.8),
        ("lossy-420-bt601", 0.8),
    ] {
        let (_, pixels) = read(&fixture(&format!("{name}.heic"))).expect("read");
        let drawn = (0..37).flat_map(|y| (0..50).flat_map(move |x| drawn(x, y)));
        let differences: Vec<u8> = pixels.iter().zip(drawn).map(|(one, other)| one.abs_diff(other)).collect();
        let mean = differences.iter().copied().map(f64::from).sum::<f64>() / differences.len() as f64;
        assert!(mean < most, "{name}: {mean}");
    }
}

#[test]
fn a_grid_is_put_together_cropped_turned_and_mirrored() {
    let (header, _) = read(&fixture("grid-lossy.heic")).expect("read");
    assert_eq!((header.size.to_string().as_str(), header.properties.orientation), ("90x100", Orientation::Transversed));
    assert!(header.description.contains("HEIC, tiled"), "{}", header.description);
}

#[test]
fn other_images_of_the_file_are_reported() {
    let (header, _) = read(&fixture("two.heic")).expect("read");
    assert_eq!(codes(&header), ["pages-ignored"]);
    for alone in ["lossless.heic", "lossless-rgba.heic", "grid-lossy.heic"] {
        let (header, _) = read(&fixture(alone)).expect("read");
        assert!(codes(&header).is_empty(), "{alone}: {:?}", codes(&header));
    }
}

#[test]
fn colors_outside_of_srgb_are_converted() {
    let (header, pixels) = read(&fixture("p3.heic")).expect("read");
    assert_eq!(header.properties.conversion, "converted to sRGB");
    let (_, as_stored) = read(&fixture("lossless.heic")).expect("read");
    assert!(pixels.iter().zip(&as_stored).filter(|(one, other)| one.abs_diff(**other) > 4).count() > 100);
    let (header, pixels) = read(&fixture("pq.heic")).expect("read");
    assert_eq!(codes(&header), ["hdr-converted"]);
    assert!(pixels.iter().max() > Some(&240));
}

#[test]
fn transparency_is_that_of_the_auxiliary_image() {
    let (header, _) = read(&fixture("lossless-rgba.heic")).expect("read");
    assert_eq!(header.properties.colors, "RGB with alpha");
}

#[test]
fn truncated_files_are_errors() {
    for name in ["lossless.heic", "lossy-420.heic", "grid-lossy.heic", "lossless-rgba.heic"] {
        let whole = std::fs::read(fixture(name)).expect("readable");
        for length in [20, 100, whole.len() / 2, whole.len() - 1] {
            let error = read_bytes(&whole[..length]).err();
            assert!(matches!(error, Some(SourceError::Decode { .. })), "{name}, {length} bytes: {error:?}");
        }
    }
}

#[test]
fn a_size_that_differs_from_the_coded_image_is_an_error() {
    let whole = std::fs::read(fixture("lossy-420.heic")).expect("readable");
    // Of which 50x37 are shown.
    let size = b"ispe\0\0\0\0\0\0\0\x40\0\0\0\x40";
    let at = whole.windows(size.len()).position(|bytes| bytes == size).expect("64x64");
    for (width, height) in [(66, 64), (64, 66), (128, 64)] {
        let mut other = whole.clone();
        (other[at + 11], other[at + 15]) = (width, height);
        let error = read_bytes(&other).expect_err("refused");
        assert!(
            matches!(&error, SourceError::Decode { cause, .. } if cause.to_string().contains("another size")),
            "{error:?}"
        );
    }
}

#[test]
fn images_of_other_codecs_are_named() {
    let whole = std::fs::read(fixture("lossless.heic")).expect("readable");
    let at = whole.windows(4).position(|four| four == b"hvc1").expect("an item");
    let mut other = whole.clone();
    other[at..at + 4].copy_from_slice(b"unci");
    let error = read_bytes(&other).expect_err("refused");
    assert!(matches!(error, SourceError::Unsupported { .. }) && error.to_string().contains("`unci`"), "{error}");
}
