//! CMYK with profiles of printing presses, compared with LittleCMS.

use crate::support::ciede2000::{difference, lab};
use crate::support::press::{Tables, profile};
use crate::support::rows::{codes, read_bytes};
use crate::support::skip::skip;
use crate::support::tiff::{Layout, Values};
use lcms2::{Flags, Intent, PixelFormat, Profile, Transform};
use std::path::Path;

/// Maximum CIEDE2000: one step of 8 bits in the darkest colors.
const MAX: f64 = 2.0;
const MEAN: f64 = 0.1;

/// Profiles in Debian's `libgs-common`.
const GHOSTSCRIPT: &str = "/usr/share/color/icc/ghostscript";

/// Returns ramps of each ink and of all inks, and 10,000 pseudorandom pixels.
fn inks() -> Vec<[u8; 4]> {
    let ramp = |which: [bool; 4]| (0..=u8::MAX).map(move |ink| which.map(|is_used| if is_used { ink } else { 0 }));
    let one = |ink: usize| [0, 1, 2, 3].map(|other| other == ink);
    let mut random = 1_u64;
    let scattered = std::iter::repeat_with(move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [first, second, third, fourth, ..] = random.to_be_bytes();
        [first, second, third, fourth]
    });
    (0..4).flat_map(|ink| ramp(one(ink))).chain(ramp([true; 4])).chain(scattered.take(10_000)).collect()
}

fn convert_with_littlecms(profile: &[u8], inks: &[[u8; 4]], flags: Flags) -> Vec<[u8; 3]> {
    let profile = Profile::new_icc(profile).expect("a profile");
    let (from, to) = (PixelFormat::CMYK_8, PixelFormat::RGB_8);
    let flags = flags | Flags::NO_OPTIMIZE;
    let transform = Transform::new_flags(&profile, from, &Profile::new_srgb(), to, Intent::RelativeColorimetric, flags);
    let mut rgb = vec![[0; 3]; inks.len()];
    transform.expect("a transform").transform_pixels(inks, &mut rgb);
    rgb
}

fn tiff(inks: &[[u8; 4]], bits: u16, profile: &[u8]) -> Vec<u8> {
    let height = u32::try_from(inks.len()).expect("small") / 4;
    let more = vec![(34675, Values::Bytes(profile.to_vec()))];
    let layout = Layout { samples: 4, bits, photometric: 5, more, ..Layout::rgb(4, height) };
    let scale = if bits == 16 { 257 } else { 1 };
    layout.file(|x, y, ink| u64::from(inks[(y * 4 + x) as usize][usize::from(ink)]) * scale)
}

/// Returns the mean and maximum difference.
fn differences(real: &[[u8; 3]], expected: &[[u8; 3]]) -> (f64, f64) {
    assert_eq!(real.len(), expected.len());
    let all: Vec<f64> = real.iter().zip(expected).map(|(one, other)| difference(lab(*one), lab(*other))).collect();
    (all.iter().sum::<f64>() / all.len() as f64, all.iter().copied().fold(0.0, f64::max))
}

#[track_caller]
fn assert_as_littlecms(case: &str, profile: &[u8]) {
    let inks = inks();
    let expected = convert_with_littlecms(profile, &inks, Flags::BLACKPOINT_COMPENSATION);
    for bits in [8, 16] {
        let (header, real) = read_bytes(&tiff(&inks, bits, profile)).expect("read");
        assert!(header.properties.profile.is_some() && codes(&header).is_empty(), "{case}: {}", header.properties);
        let (mean, max) = differences(real.as_chunks().0, &expected);
        eprintln!("{case}, {bits} bit: CIEDE2000 mean {mean:.3}, at most {max:.2}");
        assert!(mean <= MEAN && max <= MAX, "{case}, {bits} bit: mean {mean:.3}, at most {max:.2}");
    }
}

#[test]
fn cmyk_is_converted_like_littlecms_for_every_kind_of_table() {
    for tables in [Tables::Narrow, Tables::Wide, Tables::WideXyz, Tables::Curved] {
        let profile = profile(tables);
        assert_as_littlecms(&format!("{tables:?}"), &profile);
        let (inks, flags) = (inks(), Flags::BLACKPOINT_COMPENSATION);
        let uncompensated = convert_with_littlecms(&profile, &inks, Flags::default());
        let (mean, _) = differences(&uncompensated, &convert_with_littlecms(&profile, &inks, flags));
        assert!(mean > 1.0, "{tables:?}: without black-point compensation the mean would be {mean:.2}");
    }
}

#[test]
fn cmyk_is_converted_like_littlecms_with_profiles_of_ghostscript() {
    let Ok(folder) = std::fs::read_dir(Path::new(GHOSTSCRIPT)) else {
        return skip("CMYK profiles of Ghostscript", "`apt-get install libgs-common` installs them");
    };
    let mut profiles = 0;
    for path in folder.flatten().map(|entry| entry.path()) {
        let bytes = std::fs::read(&path).expect("readable");
        if bytes.get(16..20) == Some(b"CMYK") {
            assert_as_littlecms(&path.display().to_string(), &bytes);
            profiles += 1;
        }
    }
    assert!(profiles > 0, "{GHOSTSCRIPT} has profiles of CMYK");
}

#[test]
fn a_device_link_profile_is_reported_as_unusable() {
    let mut profile = profile(Tables::Wide);
    profile[20..24].copy_from_slice(b"RGB ");
    let (header, _) = read_bytes(&tiff(&inks()[..64], 8, &profile)).expect("read");
    assert_eq!(codes(&header), ["profile-unusable"]);
    assert_eq!(header.properties.conversion, "CMYK taken as SWOP");
}

#[test]
fn damaged_cmyk_tables_never_panic() {
    let pixels = &inks()[..64];
    for tables in [Tables::Narrow, Tables::Wide, Tables::WideXyz, Tables::Curved] {
        let profile = profile(tables);
        for damaged in (0..400).chain((400..profile.len()).step_by(4999)) {
            let mut profile = profile.clone();
            profile[damaged] ^= 0xff;
            let (_, rgb) = read_bytes(&tiff(pixels, 8, &profile)).expect("read, with or without its profile");
            assert_eq!(rgb.len(), 64 * 3, "{tables:?}, byte {damaged}");
        }
        for length in [127, 200, 1000, profile.len() - 1] {
            assert!(read_bytes(&tiff(pixels, 8, &profile[..length])).is_ok(), "{tables:?}, {length} bytes");
        }
    }
}
