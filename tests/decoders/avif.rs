//! AVIF rotation, cropping, color conversion, high dynamic range and damaged files.

use crate::support::rows::{codes, read, read_bytes};
use iiif_publish::source::{Orientation, SourceError};
use std::path::{Path, PathBuf};

const WIDTH: u32 = 50;
const HEIGHT: u32 = 37;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/avif").join(name)
}

/// Returns the color drawn at a position.
fn drawn(x: u32, y: u32) -> [u8; 3] {
    [x * 5, y * 6 + 20, (x * 3 + y * 4) % 256].map(|value| value as u8)
}

/// Asserts that the image has this size, and that each pixel has the color drawn at `drawn_at`.
fn compare(name: &str, (width, height): (u32, u32), drawn_at: impl Fn(u32, u32) -> (u32, u32)) {
    let (header, pixels) = read(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_eq!(header.size.to_string(), format!("{width}x{height}"), "{name}");
    for (index, pixel) in pixels.chunks_exact(3).enumerate() {
        let (x, y) = drawn_at(index as u32 % width, index as u32 / width);
        assert_eq!(pixel, drawn(x, y), "{name}, pixel {index}");
    }
}

#[test]
fn images_are_turned_and_then_mirrored() {
    // After a counterclockwise quarter turn, the last column is the first row.
    compare("turned.avif", (HEIGHT, WIDTH), |x, y| (WIDTH - 1 - y, x));
    // A clockwise quarter turn, then a vertical flip.
    compare("turned-mirrored.avif", (HEIGHT, WIDTH), |x, y| (WIDTH - 1 - y, HEIGHT - 1 - x));
    let (header, _) = read(&fixture("turned.avif")).expect("read");
    assert_eq!(header.properties.orientation, Orientation::QuarterLeft);
}

#[test]
fn only_the_clean_aperture_is_shown() {
    compare("cropped.avif", (30, 20), |x, y| (x + 8, y + 6));
}

#[test]
fn primaries_other_than_those_of_srgb_are_converted() {
    let (header, pixels) = read(&fixture("p3.avif")).expect("read");
    assert!(header.properties.conversion == "converted to sRGB", "{}", header.properties);
    let red_is_higher = pixels.chunks_exact(3).enumerate().filter(|(index, pixel)| {
        let [red, ..] = drawn(*index as u32 % WIDTH, *index as u32 / WIDTH);
        pixel[0] > red.saturating_add(4)
    });
    assert!(red_is_higher.count() > 100, "colors of P3 are more saturated than those of sRGB");
}

#[test]
fn high_dynamic_range_is_compressed_with_a_warning() {
    for (name, bits) in [("pq.avif", 10), ("hlg.avif", 10)] {
        let (header, pixels) = read(&fixture(name)).expect("read");
        assert_eq!((codes(&header), header.properties.bits), (vec!["hdr-converted"], bits), "{name}");
        assert!(pixels.iter().max() > Some(&240), "{name}");
    }
}

#[test]
fn transparency_is_that_of_the_auxiliary_image() {
    for name in ["lossless-rgba.avif", "premultiplied-rgba.avif"] {
        let (header, _) = read(&fixture(name)).expect("read");
        assert_eq!(header.properties.colors, "RGB with alpha", "{name}");
    }
}

#[test]
fn truncated_files_are_errors() {
    for name in ["lossless.avif", "lossy-420.avif", "grid-lossy.avif", "lossless-rgba.avif"] {
        let whole = std::fs::read(fixture(name)).expect("readable");
        for length in [20, 100, whole.len() / 2, whole.len() - 1] {
            let error = read_bytes(&whole[..length]).err();
            assert!(matches!(error, Some(SourceError::Decode { .. })), "{name}, {length} bytes: {error:?}");
        }
    }
}

#[test]
fn a_sequence_without_a_still_image_is_named() {
    let error = read_bytes(b"\0\0\0\x14ftypavis\0\0\0\0avis\0\0\0\x08moov").expect_err("refused");
    assert!(matches!(error, SourceError::Unsupported { .. }) && error.to_string().contains("sequence"), "{error}");
}
