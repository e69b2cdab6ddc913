//! JPEG XL color encodings that an independent decoder doesn't convert, high dynamic range and damaged files.

use crate::support::rows::{codes, read, read_bytes, read_with};
use iiif_publish::source::{Orientation, ReadOptions, SourceError};
use std::path::{Path, PathBuf};

const WIDTH: u32 = 300;
const HEIGHT: u32 = 37;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jxl").join(name)
}

/// Returns the color drawn at a position.
fn drawn(index: usize) -> [u32; 3] {
    let (x, y) = (index as u32 % WIDTH, index as u32 / WIDTH);
    [x * 5 / 6, y * 6 + 20, (x * 3 + y * 4) % 256]
}

#[test]
fn the_orientation_is_that_of_the_codestream() {
    let (header, _) = read(&fixture("jpeg-turned.jxl")).expect("read");
    assert_eq!(header.size.to_string(), format!("{HEIGHT}x{WIDTH}"));
    assert_eq!(header.properties.orientation, Orientation::Upright, "the decoder turns the image");
}

#[test]
fn primaries_other_than_those_of_srgb_are_converted() {
    let (header, pixels) = read(&fixture("p3.jxl")).expect("read");
    assert!(header.properties.conversion == "converted to sRGB", "{}", header.properties);
    // P3 gray is unchanged in sRGB, but saturated P3 colors are outside of its gamut.
    let mut differences = 0;
    for (index, pixel) in pixels.chunks_exact(3).enumerate() {
        let [red, green, blue] = drawn(index);
        differences += u32::from(pixel[0].abs_diff(red as u8) > 8);
        if red.abs_diff(green) < 2 && green.abs_diff(blue) < 2 {
            assert!(pixel[0].abs_diff(red as u8) <= 4 && pixel[2].abs_diff(blue as u8) <= 4, "{pixel:?}");
        }
    }
    assert!(differences > 1000, "{differences}");
}

#[test]
fn high_dynamic_range_is_compressed_with_a_warning() {
    for name in ["pq.jxl", "hlg-lossy.jxl"] {
        let (header, pixels) = read(&fixture(name)).expect("read");
        assert_eq!(codes(&header), ["hdr-converted"], "{name}");
        assert_eq!(header.properties.bits, 16, "{name}");
        let brightest = pixels.iter().max().expect("pixels");
        assert!(*brightest > 240, "{name}: {brightest}");
    }
}

#[test]
fn an_animation_is_its_first_image_with_a_warning() {
    let (header, pixels) = read(&fixture("animated.jxl")).expect("read");
    assert_eq!(codes(&header), ["pages-ignored"]);
    for (index, pixel) in pixels.chunks_exact(3).enumerate() {
        assert_eq!([pixel[0], pixel[1], pixel[2]].map(u32::from), drawn(index), "pixel {index}");
    }
}

#[test]
fn truncated_files_are_errors() {
    for name in ["lossless.jxl", "lossy.jxl", "lossy-container.jxl", "rgba.jxl", "gray-alpha.jxl"] {
        let whole = std::fs::read(fixture(name)).expect("readable");
        for length in [20, whole.len() / 3, whole.len() / 2, whole.len() - 8] {
            let error = read_bytes(&whole[..length]).err();
            assert!(matches!(error, Some(SourceError::Decode { .. })), "{name}, {length} bytes: {error:?}");
        }
    }
}

#[test]
fn memory_is_planned_for_the_whole_image() {
    let (header, _) = read_with(&fixture("rgb-16.jxl"), ReadOptions::default()).expect("read");
    let pixels = u64::from(WIDTH * HEIGHT);
    assert!(header.decoder_bytes >= pixels * (6 + 24), "{}", header.decoder_bytes);
}
