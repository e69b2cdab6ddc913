//! Files that libtiff reads although they violate the specification, and samples of rare kinds.

use super::{HEIGHT, PIECES, WIDTH, drawn, pixels, read};
use crate::support::rows::{codes, read_bytes_with};
use crate::support::some::some;
use crate::support::tiff::{Layout, Order, Packing, Page, Pieces, Values, Variant, file};
use iiif_publish::source::ReadOptions;

fn rgb(pieces: Pieces, packing: Packing) -> Page {
    Layout { packing, pieces, ..Layout::rgb(WIDTH, HEIGHT) }.page(|x, y, channel| drawn(x, y, channel).into())
}

fn replace(page: &mut Page, tag: u16, values: Option<Values>) {
    page.tags.retain(|(other, _)| *other != tag);
    page.tags.extend(values.map(|values| (tag, values)));
}

fn bytes(page: Page) -> Vec<u8> {
    file(&[page], Order::Little, Variant::Classic)
}

/// Returns the offset of the entry of a tag in a little-endian file.
fn entry(bytes: &[u8], tag: u16) -> usize {
    let directory = u32::from_le_bytes(bytes[4..8].try_into().expect("four")) as usize;
    let count = usize::from(u16::from_le_bytes([bytes[directory], bytes[directory + 1]]));
    let entries = (0..count).map(|number| directory + 2 + 12 * number);
    entries.into_iter().find(|at| u16::from_le_bytes([bytes[*at], bytes[at + 1]]) == tag).expect("the tag")
}

#[test]
fn a_missing_photometric_interpretation_is_guessed_with_a_warning() {
    let guessed = |layout: &Layout| {
        let mut page = layout.page(|x, y, channel| drawn(x, y, channel).into());
        replace(&mut page, 262, None);
        read(&bytes(page))
    };
    let (header, real) = guessed(&Layout::rgb(WIDTH, HEIGHT)).expect("RGB");
    assert!(real == pixels(WIDTH, HEIGHT, 3, drawn));
    assert_eq!(codes(&header), ["colors-guessed"]);
    let (header, real) = guessed(&Layout { samples: 1, ..Layout::rgb(WIDTH, HEIGHT) }).expect("gray");
    assert!(real == pixels(WIDTH, HEIGHT, 1, drawn));
    assert_eq!(codes(&header), ["colors-guessed"]);
    let alpha = Layout { samples: 4, more: vec![(338, Values::Shorts(vec![2]))], ..Layout::rgb(WIDTH, HEIGHT) };
    assert_eq!(guessed(&alpha).expect("RGB with alpha").0.properties.colors, "RGB with alpha");
    let error = guessed(&Layout { samples: 4, ..Layout::rgb(WIDTH, HEIGHT) }).expect_err("RGB with alpha, or CMYK");
    assert!(error.to_string().contains("`PhotometricInterpretation` is missing"), "{error}");
}

#[test]
fn ignored_samples_cause_a_warning() {
    for (samples, extra, expected) in
        [(4, vec![0], vec!["samples-ignored"]), (4, vec![2], vec![]), (5, vec![2, 0], vec!["samples-ignored"])]
    {
        let layout = Layout { samples, more: vec![(338, Values::Shorts(extra))], ..Layout::rgb(WIDTH, HEIGHT) };
        let (header, _) = read(&layout.file(|x, y, channel| drawn(x, y, channel).into())).expect("read");
        assert_eq!(codes(&header), expected, "{samples}");
    }
}

#[test]
fn strips_and_tiles_without_lengths_extend_to_the_next_one() {
    let expected = pixels(WIDTH, HEIGHT, 3, drawn);
    for (pieces, packing) in PIECES.into_iter().flat_map(|pieces| {
        [Packing::None, Packing::Lzw, Packing::Deflate, Packing::PackBits].map(|packing| (pieces, packing))
    }) {
        let page = rgb(pieces, packing);
        let tag = if page.is_tiled { 325 } else { 279 };
        let count = page.pieces.len();
        let mut zero = bytes(page);
        let at = entry(&zero, tag);
        let values = u32::from_le_bytes(zero[at + 8..at + 12].try_into().expect("four")) as usize;
        let values = if count == 1 { at + 8 } else { values };
        zero[values..values + 4 * count].fill(0);
        assert!(read(&zero).unwrap_or_else(|error| panic!("{pieces:?} {packing:?}: {error:?}")).1 == expected);
        // Without the tag.
        zero[at..at + 2].copy_from_slice(&65000_u16.to_le_bytes());
        assert!(read(&zero).unwrap_or_else(|error| panic!("{pieces:?} {packing:?}: {error:?}")).1 == expected);
        // Without an offset either, the data is not in the file.
        let at = entry(&zero, if tag == 325 { 324 } else { 273 });
        let values = u32::from_le_bytes(zero[at + 8..at + 12].try_into().expect("four")) as usize;
        let values = if count == 1 { at + 8 } else { values };
        zero[values..values + 4].fill(0);
        assert!(read(&zero).is_err(), "{pieces:?} {packing:?}");
    }
}

#[test]
fn tiles_may_be_listed_as_strips_and_strips_as_tiles() {
    for (pieces, tags) in [(PIECES[3], [(324, 273), (325, 279)]), (PIECES[1], [(273, 324), (279, 325)])] {
        let mut renamed = bytes(rgb(pieces, Packing::Lzw));
        for (from, to) in tags {
            let at = entry(&renamed, from);
            renamed[at..at + 2].copy_from_slice(&u16::to_le_bytes(to));
        }
        assert!(read(&renamed).expect("read").1 == pixels(WIDTH, HEIGHT, 3, drawn), "{pieces:?}");
    }
}

#[test]
fn surplus_values_are_ignored() {
    let expected = pixels(WIDTH, HEIGHT, 3, drawn);
    let mut page = rgb(PIECES[1], Packing::None);
    replace(&mut page, 258, Some(Values::Shorts(vec![8, 8, 8, 1])));
    replace(&mut page, 339, Some(Values::Shorts(vec![1, 1, 1, 3])));
    assert!(read(&bytes(page)).expect("read").1 == expected);
    let mut page = rgb(PIECES[1], Packing::PackBits);
    page.pieces.extend(vec![vec![7; 5]; 300]);
    assert!(read(&bytes(page)).expect("read").1 == expected, "strips");
}

#[test]
fn a_palette_may_have_alpha() {
    for (bits, is_planar) in [(8, false), (4, false), (8, true), (2, true)] {
        let max = (1_u64 << bits) - 1;
        let colors: Vec<u16> = (0..3 * (max + 1)).map(|value| (value * 7 % 256) as u16 * 257).collect();
        let more = vec![(320, Values::Shorts(colors.clone())), (338, Values::Shorts(vec![2]))];
        let layout = Layout { samples: 2, bits, photometric: 3, is_planar, more, ..Layout::rgb(3, 1) };
        let (header, real) =
            read(&layout.file(|x, _, channel| if channel == 0 { 1 } else { [max, 0, max][x as usize] })).expect("read");
        let color: Vec<u8> = (0..3).map(|channel| (colors[channel * (max as usize + 1) + 1] / 257) as u8).collect();
        assert_eq!((header.properties.colors.as_str(), codes(&header)), ("RGB with alpha", vec![]));
        assert_eq!(real, [&color[..], &[255; 3], &color].concat(), "{bits} bits");
    }
}

#[test]
fn unsigned_24_bit_samples_are_read_in_both_byte_orders() {
    for (order, is_planar) in [(Order::Little, false), (Order::Big, false), (Order::Big, true)] {
        let layout = Layout { bits: 24, order, is_planar, ..Layout::rgb(WIDTH, HEIGHT) };
        let (_, real) = read(&layout.file(|x, y, channel| u64::from(drawn(x, y, channel)) * 0x01_0101)).expect("read");
        assert!(real == pixels(WIDTH, HEIGHT, 3, drawn), "{order:?}");
    }
}

#[test]
fn signed_samples_are_scaled_from_lowest_to_highest_with_a_warning() {
    for (bits, order) in [
        (4, Order::Little),
        (8, Order::Little),
        (16, Order::Big),
        (24, Order::Big),
        (32, Order::Little),
        (64, Order::Big),
    ] {
        let layout = Layout { bits, order, sample_format: 2, photometric: 1, samples: 1, ..Layout::rgb(3, 1) };
        let lowest = i64::MIN >> (64 - bits);
        // Two's complement, cut to the number of bits.
        let sample = |x: u32| [lowest, 0, -(lowest + 1)][x as usize].cast_unsigned() & (u64::MAX >> (64 - bits));
        let (header, real) = read(&layout.file(|x, _, _| sample(x))).expect("read");
        assert_eq!((real[0], real[2], codes(&header)), (0, 255, vec!["samples-signed"]), "{bits} bits");
        assert!((127..=136).contains(&real[1]), "{bits} bits: {real:?}");
    }
    let layout = Layout { bits: 16, sample_format: 2, photometric: 1, samples: 1, ..Layout::rgb(3, 1) };
    let options = ReadOptions::default().with_float_range("-100..100".parse().expect("a range"));
    let elevation = layout.file(|x, _, _| u64::from([-100_i16, 0, 100][x as usize].cast_unsigned()));
    let (header, real) = read_bytes_with(&elevation, options).expect("read");
    assert_eq!((real, codes(&header)), (vec![0, 128, 255], vec![]), "an explicit range");
}

/// Creates a file of 32-bit floating-point samples, followed by alpha.
fn floats(pieces: Pieces, packing: Packing, value: impl Fn(u32, u32) -> f32) -> Vec<u8> {
    let more = vec![(338, Values::Shorts(vec![2]))];
    let layout = Layout {
        bits: 32,
        sample_format: 3,
        photometric: 1,
        samples: 2,
        pieces,
        packing,
        more,
        ..Layout::rgb(WIDTH, HEIGHT)
    };
    layout.file(|x, y, channel| if channel == 0 { value(x, y).to_bits().into() } else { 1.0_f32.to_bits().into() })
}

#[test]
fn a_float_range_causes_a_warning_unless_it_fits() {
    for (pieces, packing) in [(PIECES[1], Packing::None), (PIECES[2], Packing::Lzw), (PIECES[4], Packing::Deflate)] {
        let up_to_255 = floats(pieces, packing, |x, y| f32::from(drawn(x, y, 0)));
        let expected = pixels(WIDTH, HEIGHT, 1, |x, y, _| drawn(x, y, 0));
        let with = |range: &str| {
            let float_range = range.parse().expect("a range");
            read_bytes_with(&up_to_255, ReadOptions::default().with_float_range(float_range)).expect("read")
        };
        let (header, real) = with("0..1");
        assert_eq!(codes(&header), ["float-out-of-range"], "{pieces:?}");
        assert!(some(&real).all(|sample| matches!(sample, 0 | 255)));
        let (header, real) = with("0..255");
        assert_eq!((codes(&header), real == expected), (vec![], true), "{pieces:?}");
        let (header, real) = with("auto");
        assert_eq!((codes(&header), real == expected), (vec!["float-range-measured"], true), "{pieces:?}");
        assert!(header.properties.to_string().contains("from 0 to 255"), "{}", header.properties);
        let within = floats(pieces, packing, |x, y| f32::from(drawn(x, y, 0)) / 255.0);
        let (header, real) = read(&within).expect("read");
        assert_eq!((codes(&header), real == expected), (vec![], true), "{pieces:?}");
    }
}
