//! All eight EXIF orientations in every container.

use crate::support::pictures::{encoded, mean_difference, waves};
use crate::support::rows::read_bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};

/// Creates an EXIF block with only an orientation.
fn exif(value: u8) -> Vec<u8> {
    [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[value, 0, 0, 0, 0, 0, 0]].concat()
}

fn with_exif(mut encoder: impl ImageEncoder, picture: &RgbImage, value: u8) {
    encoder.set_exif_metadata(exif(value)).expect("it has EXIF");
    encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).expect("written");
}

/// Creates an uncompressed TIFF with one strip and the orientation tag.
fn tiff(picture: &RgbImage, value: u8) -> Vec<u8> {
    let mut bytes = encoded(picture.clone(), ImageFormat::Tiff);
    // `image` does not write this tag, so `ResolutionUnit`, which is not used, is replaced.
    let directory = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")) as usize;
    let count = usize::from(u16::from_le_bytes([bytes[directory], bytes[directory + 1]]));
    let mut entries: Vec<Vec<u8>> =
        bytes[directory + 2..directory + 2 + 12 * count].chunks_exact(12).map(<[u8]>::to_vec).collect();
    entries.push(vec![0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0]);
    entries.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
    let moved = u32::try_from(bytes.len()).expect("small").next_multiple_of(2);
    bytes.resize(moved as usize, 0);
    bytes[4..8].copy_from_slice(&moved.to_le_bytes());
    bytes.extend(u16::try_from(entries.len()).expect("few").to_le_bytes());
    bytes.extend(entries.concat());
    bytes.extend([0; 4]);
    bytes
}

fn displayed(picture: &RgbImage, value: u8) -> RgbImage {
    let mut displayed = DynamicImage::ImageRgb8(picture.clone());
    displayed.apply_orientation(Orientation::from_exif(value).expect("between 1 and 8"));
    displayed.into_rgb8()
}

#[track_caller]
fn assert_displayed(case: &str, bytes: &[u8], picture: &RgbImage, value: u8, tolerance: f64) {
    let expected = displayed(picture, value);
    let (header, pixels) = read_bytes(bytes).expect("read");
    assert_eq!((header.size.width(), header.size.height()), expected.dimensions(), "{case} {value}");
    let difference = mean_difference(&pixels, &expected);
    assert!(difference <= tolerance, "{case} {value}: {difference}");
    assert_eq!(header.properties.orientation.describe().is_some(), value > 1, "{case} {value}");
}

#[test]
fn every_orientation_is_displayed_upright() {
    let picture = waves(53, 31);
    for value in 1..=8 {
        let mut bytes = Vec::new();
        with_exif(PngEncoder::new(&mut bytes), &picture, value);
        assert_displayed("PNG", &bytes, &picture, value, 0.0);
        let mut bytes = Vec::new();
        with_exif(WebPEncoder::new_lossless(&mut bytes), &picture, value);
        assert_displayed("WebP", &bytes, &picture, value, 0.0);
        let mut bytes = Vec::new();
        with_exif(JpegEncoder::new_with_quality(&mut bytes, 98), &picture, value);
        assert_displayed("JPEG", &bytes, &picture, value, 2.0);
        assert_displayed("TIFF", &tiff(&picture, value), &picture, value, 0.0);
    }
}

#[test]
fn rotations_report_the_memory_of_the_whole_image_and_mirrors_need_none() {
    let picture = waves(530, 3100);
    let whole = 530 * 3100 * 3;
    let held = |value| {
        let mut bytes = Vec::new();
        with_exif(PngEncoder::new(&mut bytes), &picture, value);
        read_bytes(&bytes).expect("read").0.decoder_bytes
    };
    assert_eq!(held(1), 0);
    assert!(held(2) < whole * 2, "some rows");
    assert!((3..=8).all(|value| held(value) >= whole), "PNG has no way back");
}
