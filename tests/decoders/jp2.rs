//! JPEG 2000, compared with the drawn pixels: files of other programs (`tests/fixtures/jp2`), complete and damaged.

use crate::support::pictures::{file, mean_difference};
use crate::support::rows::{codes, read, read_bytes};
use crate::support::watchdog::guarded;
use iiif_publish::internals::PixelFormat;
use iiif_publish::internals::Source;
use iiif_publish::source::{Header, Orientation, ReadOptions, SourceError};
use std::error::Error;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SIZE: (u32, u32) = (61, 47);

/// Folds a number into 0..=255, up and down again.
fn fold(value: i32) -> u8 {
    (value % 510 - 255).unsigned_abs() as u8
}

/// Returns the image of the fixtures, as `make.py` draws it.
fn picture((width, height): (u32, u32)) -> Vec<[u8; 3]> {
    let places = (0..height.cast_signed()).flat_map(|y| (0..width.cast_signed()).map(move |x| (x, y)));
    places.map(|(x, y)| [fold(7 * x + 3 * y), fold(5 * y + x * y / 8), fold(4 * x - 6 * y + 5100)]).collect()
}

fn rgb() -> Vec<u8> {
    picture(SIZE).concat()
}

fn gray() -> Vec<u8> {
    picture(SIZE).iter().map(|pixel| pixel[0]).collect()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jp2").join(name)
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).expect("a fixture")
}

fn read_fixture(name: &str) -> (Header, Vec<u8>) {
    read(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// Blends a color with white.
fn on_white(color: u8, alpha: u8) -> u8 {
    let (color, alpha) = (u32::from(color), u32::from(alpha));
    ((color * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[test]
fn lossless_files_preserve_every_pixel() {
    let plain = ["rgb.jp2", "rgb.j2k", "modes.jp2", "progressions.jp2"];
    let tiled = ["tiled.jp2", "offsets.jp2", "spaced.jp2", "spaced_offsets.jp2", "tile_parts.jp2", "exchanged.jp2"];
    for name in plain.into_iter().chain(tiled) {
        let (header, pixels) = read_fixture(name);
        assert_eq!(((header.size.width(), header.size.height()), header.format), (SIZE, PixelFormat::Rgb8), "{name}");
        let mut expected = picture(SIZE);
        if name == "exchanged.jp2" {
            expected = expected.iter().map(|[red, green, blue]| [*blue, *green, *red]).collect();
        }
        assert!(pixels == expected.concat(), "{name}");
    }
    let (header, pixels) = read_fixture("gray.jp2");
    assert_eq!(header.format, PixelFormat::Gray8);
    assert!(pixels == gray());
}

#[test]
fn the_header_describes_the_file() {
    let described = |name| read_fixture(name).0.description;
    assert_eq!(described("rgb.j2k"), "JPEG 2000, reversible");
    assert_eq!(described("tiled_lossy.j2k"), "JPEG 2000, tiled, irreversible");
    let found = read_fixture("profile.jp2").0.properties;
    assert_eq!(found.profile.as_deref(), Some("sRGB built-in"));
    assert_eq!(read_fixture("rgb16.jp2").0.properties.to_string(), "RGB, 16 bit, taken as sRGB");
    assert_eq!(read_fixture("gray12.jp2").0.properties.bits, 12);
    assert_eq!(read_fixture("gray_alpha.jp2").0.properties.colors, "gray with alpha");
}

#[test]
fn lossy_files_are_close_to_the_drawn_pixels() {
    // At a quarter of the size, this is the encoder's own error.
    for name in ["lossy.jp2", "tiled_lossy.j2k"] {
        let difference = mean_difference(&read_fixture(name).1, &rgb());
        assert!((0.1..6.0).contains(&difference), "{name}: {difference}");
    }
}

#[test]
fn other_depths_are_converted_to_eight_bits() {
    let (header, pixels) = read_fixture("rgb16.jp2");
    assert_eq!((header.size.width(), header.size.height()), (29, 23));
    assert!(pixels == picture((29, 23)).concat(), "257 times each sample, and 1");
    assert!(read_fixture("gray12.jp2").1 == gray());
    assert!(read_fixture("signed.j2k").1 == gray(), "the minimum is black");
}

#[test]
fn color_spaces_are_converted_to_rgb() {
    let palette: Vec<u8> = gray().iter().map(|it| it / 16).flat_map(|it| [it * 17, 255 - it * 17, it]).collect();
    assert!(read_fixture("palette.jp2").1 == palette);
    let (header, _) = read_fixture("cmyk.jp2");
    assert_eq!((header.properties.colors.as_str(), header.format), ("CMYK", PixelFormat::Rgb8));
    assert!(mean_difference(&read_fixture("profile.jp2").1, &rgb()) < 1.0, "sRGB to sRGB");
}

#[test]
fn lab_is_converted_to_srgb() {
    // The default ranges don't contain all colors.
    for (name, most) in [("lab.jp2", 3.0), ("lab_ranges.jp2", 1.0)] {
        let (header, pixels) = read_fixture(name);
        assert_eq!((header.properties.colors.as_str(), header.format), ("Lab", PixelFormat::Rgb8), "{name}");
        let difference = mean_difference(&pixels, &rgb());
        assert!(difference < most, "{name}: {difference}");
    }
}

#[test]
fn chroma_is_converted_alike_with_and_without_tiles() {
    let expected = picture((60, 46)).concat();
    let (_, whole) = read_fixture("sycc420.jp2");
    let (_, tiled) = read_fixture("sycc420_tiled.jp2");
    // Chroma has only a quarter of the samples.
    assert!(mean_difference(&whole, &expected) < 6.0, "{}", mean_difference(&whole, &expected));
    assert!(whole == tiled, "both are lossless");
}

#[test]
fn transparency_is_blended_with_white() {
    let alpha = || gray().into_iter().map(|it| 255 - it);
    let expected: Vec<u8> =
        picture(SIZE).into_iter().zip(alpha()).flat_map(|(pixel, alpha)| pixel.map(|it| on_white(it, alpha))).collect();
    assert!(read_fixture("alpha.jp2").1 == expected);
    let expected: Vec<u8> = gray().into_iter().zip(alpha()).map(|(gray, alpha)| on_white(gray, alpha)).collect();
    assert!(read_fixture("gray_alpha.jp2").1 == expected);
}

/// Replaces a unique byte sequence in a fixture.
fn patched(name: &str, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes_of(name);
    let places: Vec<usize> = (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert_eq!(places.len(), 1, "{name}");
    bytes[places[0]..places[0] + old.len()].copy_from_slice(new);
    bytes
}

#[test]
fn premultiplied_transparency_is_recognized() {
    let bytes = patched("gray_alpha.jp2", b"\0\x01\0\x01\0\0", b"\0\x01\0\x02\0\0");
    let (_, pixels) = read_bytes(&bytes).expect("read");
    // 255 - alpha is added, clamped to white.
    assert!(pixels == gray().iter().map(|gray| gray.saturating_add(*gray)).collect::<Vec<_>>());
}

#[test]
fn a_last_tile_part_of_open_length_ends_with_the_codestream() {
    let mut bytes = bytes_of("rgb.j2k");
    let part = bytes.windows(4).position(|it| it == b"\xff\x90\0\x0a").expect("a tile-part");
    bytes[part + 6..part + 10].fill(0);
    assert!(read_bytes(&bytes).expect("read").1 == rgb());
}

/// Increases the length of the last tile-part.
fn lengthen_last_part(bytes: &mut [u8], by: u32) {
    let part = (0..bytes.len() - 10).rev().find(|at| bytes[*at..].starts_with(b"\xff\x90\0\x0a")).expect("a tile-part");
    let length = u32::from_be_bytes(*bytes[part + 6..].first_chunk().expect("four bytes")) + by;
    bytes[part + 6..part + 10].copy_from_slice(&length.to_be_bytes());
}

#[test]
fn a_last_tile_part_may_count_the_end_marker_as_its_data() {
    for name in ["rgb.j2k", "rgb.jp2", "tiled.jp2", "tile_parts.jp2"] {
        let whole = bytes_of(name);
        let mut bytes = whole.clone();
        lengthen_last_part(&mut bytes, 2);
        let (header, pixels) = read_bytes(&bytes).expect("read");
        assert_eq!(codes(&header), Vec::<&str>::new(), "{name}");
        assert!(pixels == read_bytes(&whole).expect("read").1, "{name}");
        lengthen_last_part(&mut bytes, 1);
        assert!(refusal(&bytes).contains("beyond the end of its codestream"), "{name}");
    }
}

#[test]
fn a_codestream_without_an_end_marker_is_published_if_all_tile_parts_are_present() {
    for name in ["rgb.j2k", "rgb.jp2", "tiled.jp2", "tiled_lossy.j2k", "tile_parts.jp2"] {
        let whole = bytes_of(name);
        let (_, expected) = read_bytes(&whole).expect("read");
        for cut in [1, 2] {
            let (header, pixels) = read_bytes(&whole[..whole.len() - cut]).expect("read");
            assert_eq!(codes(&header), ["end-marker-missing"], "{name}");
            assert!(pixels == expected, "{name}: {cut} bytes less");
        }
        assert!(refusal(&whole[..whole.len() - 3]).contains("beyond the end of its codestream"), "{name}");
    }
}

#[test]
fn without_an_end_marker_a_tile_must_declare_its_number_of_parts() {
    let whole = bytes_of("tile_parts.jp2");
    let parts: Vec<usize> = (0..whole.len() - 4).filter(|at| whole[*at..].starts_with(b"\xff\x90\0\x0a")).collect();
    assert_eq!(parts.len(), 16);
    assert!(refusal(&whole[..parts[15]]).contains("ends too early"), "its last part is missing");
    let mut uncounted = bytes_of("rgb.j2k");
    let part = uncounted.windows(4).position(|it| it == b"\xff\x90\0\x0a").expect("a tile-part");
    uncounted[part + 11] = 0;
    assert!(read_bytes(&uncounted).is_ok());
    uncounted.truncate(uncounted.len() - 2);
    assert!(refusal(&uncounted).contains("ends too early"), "another part could follow");
}

fn refusal(bytes: &[u8]) -> String {
    match read_bytes(bytes).expect_err("refused") {
        SourceError::Unsupported { variety, .. } => variety,
        SourceError::Decode { cause, .. } => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unsupported_files_are_named() {
    let other = patched("cmyk.jp2", b"colr\x01\0\0\0\0\0\x0c", b"colr\x01\0\0\0\0\0\x0b");
    assert_eq!(refusal(&other), "a JPEG 2000 image in the color space 11 (CMY)");
    let illuminant = patched("lab_ranges.jp2", b"\0D50", b"\0D65");
    assert_eq!(refusal(&illuminant), "a JPEG 2000 image in CIELab with an illuminant other than D50");
    let needs_more = patched("gray.jp2", b"colr\x01\0\0\0\0\0\x11", b"colr\x01\0\0\0\0\0\x10");
    assert_eq!(refusal(&needs_more), "it has 1 channels, too few for its color space (RGB)");
}

#[test]
fn high_throughput_needs_a_feature() {
    let result = read_bytes(&bytes_of("high_throughput.jph"));
    if cfg!(feature = "openjpeg") {
        let (_, pixels) = result.expect("decoded");
        assert!(pixels == picture((16, 16)).concat());
    } else {
        let Err(SourceError::FeatureDisabled { feature, .. }) = result else { panic!("{result:?}") };
        assert_eq!(feature, "openjpeg");
    }
}

#[test]
fn a_missing_tile_is_an_error() {
    let whole = bytes_of("tiled_lossy.j2k");
    let parts: Vec<usize> = (0..whole.len() - 4).filter(|at| whole[*at..].starts_with(b"\xff\x90\0\x0a")).collect();
    assert_eq!(parts.len(), 4);
    let without_third = [&whole[..parts[2]], &whole[parts[3]..]].concat();
    assert_eq!(refusal(&without_third), "tile 2 of 4 is missing");
}

/// Creates a file of less than 200 bytes from the header of `rgb.j2k`, with another image and tile size and next to no
/// data.
fn bomb(size: (u32, u32), tile: (u32, u32)) -> Vec<u8> {
    let mut bytes = bytes_of("rgb.j2k");
    let part = bytes.windows(4).position(|it| it == b"\xff\x90\0\x0a").expect("a tile-part");
    for (at, value) in [(8, size.0), (12, size.1), (24, tile.0), (28, tile.1)] {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes.truncate(part);
    bytes.extend(b"\xff\x90\0\x0a\0\0\0\0\0\x0f\0\x01\xff\x93\0\xff\xd9");
    bytes
}

#[test]
fn a_header_with_a_huge_size_is_an_error_or_costs_nothing_before_decoding() {
    assert!(refusal(&bomb((60_000, 60_000), (1, 1))).contains("is inconsistent"), "more tiles than can be numbered");
    assert!(refusal(&bomb((60_000, 60_000), (600, 600))).contains("is missing"));
    let folder = TempDir::new().expect("a folder");
    let mut row = vec![0; 3 << 20];
    for side in [60_000_u32, 1 << 20, 1 << 30] {
        let path = file(folder.path(), "bomb.j2k", &bomb((side, side), (side, side)));
        let options = ReadOptions::default().with_max_pixels(u64::MAX);
        let mut source = Source::open(&path, options).expect("a sound header");
        let pixels = u64::from(side) * u64::from(side);
        // OpenJPEG decodes bands, but lists all code blocks.
        let expected = if cfg!(feature = "openjpeg") { pixels / 2 } else { pixels.saturating_mul(20).min(1 << 61) };
        assert!(source.header().decoder_bytes > expected, "it reports the required memory");
        if side == 1 << 20 {
            let error = source.read_rows(&mut row).expect_err("no machine has that much");
            assert!(error.source().expect("a cause").to_string().contains("bytes of memory"));
        }
    }
}

#[test]
fn truncated_files_are_errors() {
    for name in ["tiled.jp2", "rgb.j2k", "tile_parts.jp2", "palette.jp2"] {
        let whole = bytes_of(name);
        for length in (1..whole.len() - 2).step_by(64).chain([whole.len() - 3]) {
            let what = format!("{name}: {length} bytes");
            assert!(guarded(&what, || read_bytes(&whole[..length])).is_err(), "{what}");
        }
    }
}

/// Returns pseudorandom numbers, the same on every run.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

#[test]
fn damaged_files_give_errors_or_other_pixels_but_no_panics() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let names = ["tiled.jp2", "offsets.jp2", "rgb.j2k", "tile_parts.jp2", "palette.jp2", "sycc420_tiled.jp2"];
    for (number, name) in names.iter().cycle().take(300).enumerate() {
        let mut bytes = bytes_of(name);
        // Half of the damage is in the headers, where it has the most effect.
        let end = if number % 4 < 2 { 260 } else { bytes.len() };
        for _ in 0..=random(&mut state) % 3 {
            let at = random(&mut state) % end;
            bytes[at] = random(&mut state) as u8;
        }
        // The caller decides about larger sizes.
        let folder = TempDir::new().expect("a folder");
        let path = file(folder.path(), "damaged", &bytes);
        guarded(&format!("{name}, number {number}"), || {
            let opened = Source::open(&path, ReadOptions::default());
            if opened.is_ok_and(|source| source.header().decoder_bytes < 64 << 20) {
                drop(read(&path));
            }
        });
    }
}

fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).expect("short");
    [&length.to_be_bytes()[..], &kind, content].concat()
}

/// Returns the boxes of a file or of a box with their types.
fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let mut boxes = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let [l0, l1, l2, l3, kind @ ..] = *head;
        // A length of 0 means the rest of the file.
        let length = (u32::from_be_bytes([l0, l1, l2, l3]) as usize).checked_sub(8).unwrap_or(rest.len());
        boxes.push((kind, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    boxes
}

fn joined(boxes: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    boxes.iter().flat_map(|(kind, content)| boxed(*kind, content)).collect()
}

#[test]
fn an_empty_profile_causes_a_warning() {
    let (_, expected) = read_fixture("rgb16.jp2");
    for profile in [&b""[..], b"too short"] {
        let mut file = boxes(&bytes_of("rgb16.jp2"));
        let header = file.iter_mut().find(|(kind, _)| kind == b"jp2h").expect("a header");
        let mut inner = boxes(&header.1);
        let color = inner.iter_mut().find(|(kind, _)| kind == b"colr").expect("a color specification");
        color.1 = [&[2, 0, 0][..], profile].concat();
        header.1 = joined(&inner);
        let (header, pixels) = read_bytes(&joined(&file)).expect("read");
        assert_eq!((codes(&header), pixels == expected), (vec!["profile-unusable"], true));
    }
}

#[test]
fn exif_is_applied_before_and_after_the_codestream() {
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let (upright, _) = read_fixture("rgb16.jp2");
    for is_before in [true, false] {
        let mut file = boxes(&bytes_of("rgb16.jp2"));
        let codestream = file.iter().position(|(kind, _)| kind == b"jp2c").expect("a codestream");
        let uuid = (*b"uuid", [&b"JpgTiffExif->JP2"[..], exif].concat());
        file.insert(if is_before { codestream } else { codestream + 1 }, uuid);
        let (header, _) = read_bytes(&joined(&file)).expect("read");
        assert_eq!(header.properties.orientation, Orientation::QuarterRight);
        assert_eq!((header.size.width(), header.size.height()), (upright.size.height(), upright.size.width()));
    }
}

#[test]
fn a_codestream_may_have_the_length_of_the_file_if_it_is_complete() {
    let (_, expected) = read_fixture("rgb16.jp2");
    let mut file = bytes_of("rgb16.jp2");
    let codestream = file.windows(4).position(|kind| kind == b"jp2c").expect("a codestream");
    let length = u32::try_from(file.len()).expect("short").to_be_bytes();
    file[codestream - 4..codestream].copy_from_slice(&length);
    assert!(read_bytes(&file).expect("read").1 == expected);
    file.truncate(file.len() - 3);
    assert!(read_bytes(&file).is_err(), "it is not whole");
}
