//! Photoshop modes, depths and channels that an independent decoder can't read, and damaged files.

use crate::support::rows::{read, read_bytes};
use iiif_publish::source::{Background, ReadOptions, SourceError, WarningCode};
use std::path::{Path, PathBuf};

const WIDTH: u32 = 50;
const HEIGHT: u32 = 37;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/psd").join(name)
}

/// Asserts that each sample is within `tolerance` of the value that `expected` returns for its position.
fn compare<const CHANNELS: usize>(name: &str, tolerance: f64, expected: impl Fn(f64, f64) -> [f64; CHANNELS]) {
    let (header, pixels) = read(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_eq!(header.size.to_string(), format!("{WIDTH}x{HEIGHT}"), "{name}");
    assert_eq!(pixels.len(), (WIDTH * HEIGHT) as usize * CHANNELS, "{name}");
    let positions = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    for ((x, y), pixel) in positions.zip(pixels.chunks_exact(CHANNELS)) {
        for (real, expected) in pixel.iter().zip(expected(x.into(), y.into())) {
            assert!((f64::from(*real) - expected).abs() <= tolerance, "{name} at {x}, {y}: {real} is not {expected}");
        }
    }
}

fn drawn(x: f64, y: f64) -> [f64; 3] {
    [x * 5.0, y * 6.0 + 20.0, (x * 3.0 + y * 4.0) % 256.0]
}

/// Encodes linear light as an sRGB value from 0 to 255.
fn srgb(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    255.0 * if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

fn warnings(name: &str) -> Vec<WarningCode> {
    let (header, _) = read(&fixture(name)).expect("read");
    header.warnings().iter().map(|warning| warning.code).collect()
}

#[test]
fn floating_point_samples_are_linear_light() {
    compare("float.psd", 1.0, |x, y| drawn(x, y).map(|value| srgb((value / 255.0).powf(2.2))));
    compare("gray-float.psd", 1.0, |x, y| [srgb((drawn(x, y)[1] / 255.0).powf(2.2) * 1.5 - 0.1)]);
}

#[test]
fn lab_in_8_and_16_bits_is_the_same_color() {
    let (_, narrow) = read(&fixture("lab.psd")).expect("read");
    let (header, wide) = read(&fixture("lab-16.psd")).expect("read");
    assert!(narrow == wide && header.properties.colors == "Lab", "{}", header.properties);
    // With L* = 100 x 20 / 255, a* = -48 and b* = 52, this is a dark green.
    assert!(wide[1] > wide[0] && wide[1] > wide[2], "{:?}", &wide[..3]);
}

#[test]
fn inks_are_stored_inverted() {
    let (header, pixels) = read(&fixture("cmyk-16.psd")).expect("read");
    assert!(header.properties.colors == "CMYK", "{}", header.properties);
    // Cyan increases from left to right, so red decreases.
    let first_row: Vec<u8> = pixels[..3 * WIDTH as usize].chunks_exact(3).map(|pixel| pixel[0]).collect();
    assert!(first_row[0] > 210 && first_row.is_sorted_by(|one, next| one >= next), "{first_row:?}");
    assert!(read(&fixture("cmyk-imagemagick.psd")).is_ok());
}

#[test]
fn the_transparent_color_of_a_palette_shows_the_background() {
    compare("palette-transparent.psd", 0.0, |x, _| {
        let index = (x * 4.0) % 7.0;
        if (index - 3.0).abs() < 0.5 { [255.0; 3] } else { [29.0, 71.0, 113.0].map(|factor| (index * factor) % 256.0) }
    });
}

#[test]
fn transparency_shows_any_background() {
    let options = ReadOptions::default().with_background(Background::new(0, 0, 0));
    compare("gray-transparent.psb", 1.0, |x, y| {
        let alpha = 1.0 - (x * y % 256.0) / 255.0;
        [drawn(x, y)[2] * alpha + 255.0 * (1.0 - alpha)]
    });
    for name in ["transparent.psd", "transparent-16.psd"] {
        let (header, pixels) = crate::support::rows::read_with(&fixture(name), options).expect("read");
        assert!(header.properties.colors.ends_with("with alpha"), "{name}: {}", header.properties);
        for (index, pixel) in pixels.chunks_exact(3).enumerate() {
            let (x, y) = ((index as u32 % WIDTH), (index as u32 / WIDTH));
            let alpha = 1.0 - f64::from(x * y % 256) / 255.0;
            for (real, color) in pixel.iter().zip(drawn(x.into(), y.into())) {
                assert!((f64::from(*real) - color * alpha).abs() < 3.0, "{name} at {x}, {y}: {real}");
            }
        }
    }
}

#[test]
fn what_is_ignored_has_a_warning() {
    assert_eq!(warnings("duotone.psd"), [WarningCode::ColorsGuessed]);
    assert_eq!(warnings("selection.psd"), [WarningCode::SamplesIgnored]);
    assert_eq!(warnings("transparent.psd"), []);
    compare("duotone.psd", 0.0, |x, y| [drawn(x, y)[2]]);
}

#[test]
fn files_without_a_picture_are_named() {
    for (name, words) in [("multichannel.psd", "multichannel"), ("without-composite.psd", "without a composite")] {
        let error = read(&fixture(name)).expect_err("refused");
        assert!(matches!(error, SourceError::Unsupported { .. }) && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn truncated_files_are_errors_and_never_shorter_images() {
    for name in ["rgb-packbits.psb", "rgb-none-16.psd", "rgb-zip-16.psd", "bitmap.psd", "transparent.psd"] {
        let whole = std::fs::read(fixture(name)).expect("readable");
        for left_out in [1, 8, whole.len() / 2, whole.len() - 20] {
            let error = read_bytes(&whole[..whole.len() - left_out]).err();
            assert!(matches!(error, Some(SourceError::Decode { .. })), "{name} without {left_out}: {error:?}");
        }
    }
}

#[test]
fn memory_grows_with_the_width_and_not_with_the_pixels() {
    let (header, _) = read(&fixture("rgb-none-16.psd")).expect("read");
    // A 64 KiB buffer and one row per plane. The conversion buffers of `Rows` are small because the image only has a
    // few rows.
    assert!(header.decoder_bytes < 3 * (64 << 10) + 40_000, "{}", header.decoder_bytes);
}
