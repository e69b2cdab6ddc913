//! Color conversion, compared with LittleCMS.

use crate::support::ciede2000::{difference, lab};
use crate::support::pictures::file;
use crate::support::rows::{codes, read, read_bytes};
use iiif_publish::internals::PixelFormat;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use lcms2::{CIExyY, CIExyYTRIPLE, Flags, Intent, PixelFormat as Layout, Profile, ToneCurve, Transform};
use std::path::Path;
use tempfile::TempDir;

/// Maximum mean CIEDE2000 of a conversion, and maximum of any color. Rounding to 8 bits alone causes 0.1.
const MEAN: f64 = 0.5;
const MAX: f64 = 3.0;

fn white(x: f64, y: f64) -> CIExyY {
    CIExyY { x, y, Y: 1.0 }
}

fn rgb_profile(primaries: [(f64, f64); 3], white_point: CIExyY, gamma: f64) -> Vec<u8> {
    let [red, green, blue] = primaries.map(|(x, y)| white(x, y));
    let curve = ToneCurve::new(gamma);
    let primaries = CIExyYTRIPLE { Red: red, Green: green, Blue: blue };
    let profile = Profile::new_rgb(&white_point, &primaries, &[&curve, &curve, &curve]).expect("a profile");
    profile.icc().expect("bytes")
}

/// Returns wide-gamut profiles with the chromaticities of their specifications.
fn rgb_profiles() -> [(&'static str, Vec<u8>); 3] {
    let d65 = || white(0.3127, 0.3290);
    [
        ("Adobe RGB (1998)", rgb_profile([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], d65(), 2.199_218_75)),
        ("ProPhoto", rgb_profile([(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], white(0.3457, 0.3585), 1.8)),
        ("P3", rgb_profile([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)], d65(), 2.2)),
    ]
}

/// Returns a regular grid of colors with any number of channels.
fn grid(channels: u32, steps: u32) -> Vec<u8> {
    let value = |step: u32| u8::try_from(step * 255 / (steps - 1)).expect("at most 255");
    let pixel = |number: u32| (0..channels).map(move |channel| value(number / steps.pow(channel) % steps));
    (0..steps.pow(channels)).flat_map(pixel).collect()
}

/// Converts 8-bit pixels with LittleCMS, relative colorimetric, with 16 bits in between.
fn convert_with_littlecms<const N: usize>(profile: &[u8], layout: Layout, pixels: &[u8], flags: Flags) -> Vec<[u8; 3]> {
    let profile = Profile::new_icc(profile).expect("a profile");
    let transform: Transform<[u8; N], [u8; 3]> = Transform::new_flags(
        &profile,
        layout,
        &Profile::new_srgb(),
        Layout::RGB_8,
        Intent::RelativeColorimetric,
        flags | Flags::NO_OPTIMIZE,
    )
    .expect("a transform");
    let (pixels, _) = pixels.as_chunks::<N>();
    let mut converted = vec![[0; 3]; pixels.len()];
    transform.transform_pixels(pixels, &mut converted);
    converted
}

/// Returns the mean and maximum difference.
fn differences(real: &[u8], expected: &[[u8; 3]]) -> (f64, f64) {
    let (real, _) = real.as_chunks::<3>();
    assert_eq!(real.len(), expected.len());
    let all: Vec<f64> = real.iter().zip(expected).map(|(one, other)| difference(lab(*one), lab(*other))).collect();
    (all.iter().sum::<f64>() / all.len() as f64, all.iter().copied().fold(0.0, f64::max))
}

#[track_caller]
fn assert_close(case: &str, real: &[u8], expected: &[[u8; 3]]) {
    let (mean, max) = differences(real, expected);
    eprintln!("{case}: CIEDE2000 mean {mean:.3}, at most {max:.2}");
    assert!(mean <= MEAN && max <= MAX, "{case}: mean {mean:.3}, at most {max:.2}");
}

fn png(pixels: &[u8], width: u32, color: ExtendedColorType, profile: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(profile.to_vec()).expect("PNG has profiles");
    let pixel_bytes = usize::from(color.bits_per_pixel() / 8);
    let height = u32::try_from(pixels.len() / pixel_bytes).expect("small") / width;
    encoder.write_image(pixels, width, height, color).expect("written");
    bytes
}

#[test]
fn wide_gamuts_are_converted_like_littlecms() {
    let pixels = grid(3, 17);
    for (name, profile) in rgb_profiles() {
        let expected = convert_with_littlecms::<3>(&profile, Layout::RGB_8, &pixels, Flags::default());
        let (header, real) = read_bytes(&png(&pixels, 17, ExtendedColorType::Rgb8, &profile)).expect("read");
        assert_close(name, &real, &expected);
        assert!(
            header.properties.profile.is_some() && header.properties.conversion.contains("sRGB"),
            "{}",
            header.properties
        );
        let unconverted = differences(&pixels, &expected).0;
        assert!(unconverted > 1.5, "{name}: without a conversion the mean would be {unconverted:.2}");

        let wide: Vec<u8> = pixels.iter().flat_map(|value| (u16::from(*value) * 257).to_ne_bytes()).collect();
        let (header, real) = read_bytes(&png(&wide, 17, ExtendedColorType::Rgb16, &profile)).expect("read");
        assert_close(&format!("{name}, 16 bit"), &real, &expected);
        assert_eq!(header.properties.bits, 16);
    }
}

#[test]
fn transparent_pixels_are_converted_before_blending() {
    let (_, profile) = &rgb_profiles()[0];
    let pixels = grid(3, 9);
    let expected = convert_with_littlecms::<3>(profile, Layout::RGB_8, &pixels, Flags::default());
    let opaque: Vec<u8> = pixels.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    let (header, real) = read_bytes(&png(&opaque, 9, ExtendedColorType::Rgba8, profile)).expect("read");
    assert_close("with alpha", &real, &expected);
    assert_eq!(header.properties.colors, "RGB with alpha");
}

#[test]
fn jpeg_profiles_of_several_segments_are_used() {
    let (_, profile) = &rgb_profiles()[1];
    let pixels = [200, 30, 40].repeat(64);
    let expected = convert_with_littlecms::<3>(profile, Layout::RGB_8, &pixels, Flags::default());
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    // Longer than one segment.
    let padded = [profile.as_slice(), &vec![0; 70_000]].concat();
    encoder.set_icc_profile(padded).expect("JPEG has profiles");
    encoder.write_image(&pixels, 8, 8, ExtendedColorType::Rgb8).expect("written");
    let (header, real) = read_bytes(&bytes).expect("read");
    assert!(header.properties.profile.is_some(), "{}", header.properties);
    let (mean, _) = differences(&real, &expected);
    assert!(mean < 1.5, "JPEG adds a little: {mean:.2}");
}

#[test]
fn gray_stays_gray_and_its_gamma_is_respected() {
    let grays: Vec<u8> = (0..=255).collect();
    for gamma in [1.0, 1.8, 2.2] {
        let profile = Profile::new_gray(&white(0.3457, 0.3585), &ToneCurve::new(gamma)).expect("a profile");
        let profile = profile.icc().expect("bytes");
        let expected = convert_with_littlecms::<1>(&profile, Layout::GRAY_8, &grays, Flags::default());
        let (header, real) = read_bytes(&png(&grays, 16, ExtendedColorType::L8, &profile)).expect("read");
        assert_eq!(header.format, PixelFormat::Gray8);
        let max = real.iter().zip(&expected).map(|(real, [_, green, _])| real.abs_diff(*green)).max();
        assert!(max <= Some(2), "gamma {gamma}: {max:?}");
        let wide: Vec<u8> = grays.iter().flat_map(|value| (u16::from(*value) * 257).to_ne_bytes()).collect();
        let (_, of_wide) = read_bytes(&png(&wide, 16, ExtendedColorType::L16, &profile)).expect("read");
        let max = of_wide.iter().zip(&expected).map(|(real, [_, green, _])| real.abs_diff(*green)).max();
        assert!(max <= Some(2), "gamma {gamma}, 16 bit: {max:?}");
    }
}

/// Returns the inks of the fixtures: each in its own quarter, increasing by 11 per column.
fn inks() -> Vec<u8> {
    let pixel = |x: usize, y: usize| {
        let mut inks = [0; 4];
        inks[x / 24 + 2 * (y / 20)] = u8::try_from(x % 24 * 11).expect("at most 253");
        inks
    };
    (0..40).flat_map(|y| (0..48).flat_map(move |x| pixel(x, y))).collect()
}

#[test]
fn cmyk_and_ycck_jpegs_are_converted_like_littlecms() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg");
    let profile = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/cmyk.icc")).expect("readable");
    // LittleCMS treats 0 as no ink in 8-bit CMYK, like this program.
    let expected = convert_with_littlecms::<4>(&profile, Layout::CMYK_8, &inks(), Flags::BLACKPOINT_COMPENSATION);
    for (name, tolerance) in [("cmyk.jpg", 1.5), ("ycck-2x1.jpg", 1.5)] {
        let (header, real) = read(&fixtures.join(name)).expect("read");
        let (mean, max) = differences(&real, &expected);
        eprintln!("{name}: CIEDE2000 mean {mean:.3}, at most {max:.2}");
        assert!(mean <= tolerance, "{name}: {mean:.3}");
        assert_eq!(header.properties.colors, "CMYK");
        assert!(header.properties.conversion.contains("SWOP"), "{}", header.properties);
    }
}

#[test]
fn an_unsuitable_profile_is_reported_and_ignored() {
    let pixels = grid(3, 9);
    let gray =
        Profile::new_gray(&white(0.3457, 0.3585), &ToneCurve::new(2.2)).expect("a profile").icc().expect("bytes");
    for (profile, word) in [(gray.as_slice(), "other colors"), (b"this is not a profile", "cannot be used")] {
        let (header, real) = read_bytes(&png(&pixels, 9, ExtendedColorType::Rgb8, profile)).expect("read");
        assert!(real == pixels, "as it is");
        assert_eq!(codes(&header), ["profile-unusable"]);
        assert!(header.properties.to_string().contains(word), "{}", header.properties);
    }
    let (_, good) = &rgb_profiles()[0];
    let folder = TempDir::new().expect("a folder");
    for damaged in (0..good.len()).step_by(7) {
        let mut profile = good.clone();
        profile[damaged] ^= 0xff;
        let path = file(folder.path(), "x.png", &png(&pixels, 9, ExtendedColorType::Rgb8, &profile));
        assert_eq!(read(&path).expect("read").1.len(), pixels.len(), "never a panic: byte {damaged}");
    }
}
