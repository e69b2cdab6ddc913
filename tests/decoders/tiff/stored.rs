//! All storage layouts of samples.

use super::{HEIGHT, ORDERS, PACKINGS, PIECES, VARIANTS, WIDTH, assert_reads, drawn, pixels, read};
use crate::support::pictures::noise;
use crate::support::tiff::{Layout, Packing, Pieces, Values};

#[test]
fn every_storage_layout_gives_the_same_pixels() {
    let expected = pixels(WIDTH, HEIGHT, 3, drawn);
    for (order, variant) in ORDERS.into_iter().flat_map(|order| VARIANTS.map(|variant| (order, variant))) {
        for (packing, pieces) in PACKINGS.into_iter().flat_map(|packing| PIECES.map(|pieces| (packing, pieces))) {
            for (is_planar, is_reversed) in [(false, false), (true, false), (false, true)] {
                let layout =
                    Layout { is_planar, order, variant, packing, pieces, is_reversed, ..Layout::rgb(WIDTH, HEIGHT) };
                assert_reads(&layout, &layout.file(|x, y, channel| drawn(x, y, channel).into()), &expected);
            }
        }
    }
}

/// Bits, sample format, and the encoding of an 8-bit value in it.
type Kind = (u16, u16, fn(u8) -> u64);

/// Encodings that decode to the same 8-bit value.
const KINDS: [Kind; 9] = [
    (8, 1, |value| value.into()),
    (10, 1, |value| (u64::from(value) * 1023 + 127) / 255),
    (12, 1, |value| (u64::from(value) * 4095 + 127) / 255),
    (14, 1, |value| (u64::from(value) * 16383 + 127) / 255),
    // Differs by less than the rounding.
    (16, 1, |value| (u64::from(value) * 257).saturating_add_signed(i64::from(value % 200) - 100).min(65535)),
    (32, 1, |value| u64::from(value) * 0x0101_0101),
    (16, 3, |value| half(f32::from(value) / 255.0)),
    (32, 3, |value| (f32::from(value) / 255.0).to_bits().into()),
    (64, 3, |value| (f64::from(value) / 255.0).to_bits()),
];

/// Encodes a number between 0 and 1 in 16 bits, truncated: precise enough for 8 bits.
fn half(value: f32) -> u64 {
    let bits = value.to_bits() + 0x1000;
    if value == 0.0 { 0 } else { u64::from((bits >> 13 & 0x3ff) | ((bits >> 23) - 112) << 10) }
}

#[test]
fn samples_of_every_depth_become_8_bits() {
    for (bits, sample_format, sample) in KINDS {
        for (samples, photometric) in [(1, 1), (3, 2)] {
            let expected = pixels(WIDTH, HEIGHT, samples, drawn);
            for (packing, predictor) in predictors(bits, sample_format) {
                for (order, pieces) in ORDERS.into_iter().flat_map(|order| PIECES.map(|pieces| (order, pieces))) {
                    for is_planar in [false, true] {
                        let layout = Layout {
                            samples,
                            bits,
                            photometric,
                            sample_format,
                            predictor,
                            is_planar,
                            order,
                            packing,
                            pieces,
                            ..Layout::rgb(WIDTH, HEIGHT)
                        };
                        assert_reads(&layout, &layout.file(|x, y, channel| sample(drawn(x, y, channel))), &expected);
                    }
                }
            }
        }
    }
}

fn predictors(bits: u16, sample_format: u16) -> Vec<(Packing, u16)> {
    let mut all = vec![(Packing::None, 1), (Packing::Lzw, 1)];
    if bits.is_power_of_two() {
        all.extend([(Packing::Lzw, 2), (Packing::Deflate, 2), (Packing::Zstandard, 2)]);
    }
    if sample_format == 3 {
        all.extend([(Packing::Deflate, 3), (Packing::Lzw, 3)]);
    }
    all
}

#[test]
fn orientations_apply_to_every_storage_layout() {
    for (packing, pieces) in PACKINGS
        .into_iter()
        .flat_map(|packing| [PIECES[1], PIECES[3], Pieces::Strips(400)].map(|pieces| (packing, pieces)))
    {
        for (orientation, is_planar) in [(2, false), (3, false), (4, false), (4, true), (6, false)] {
            let height = 300;
            let more = vec![(274, Values::Shorts(vec![orientation]))];
            let layout = Layout { is_planar, packing, pieces, more, ..Layout::rgb(WIDTH, height) };
            let (shown_width, shown_height) = if orientation == 6 { (height, WIDTH) } else { (WIDTH, height) };
            let expected = pixels(shown_width, shown_height, 3, |x, y, channel| match orientation {
                2 => drawn(WIDTH - 1 - x, y, channel),
                3 => drawn(WIDTH - 1 - x, height - 1 - y, channel),
                4 => drawn(x, height - 1 - y, channel),
                _ => drawn(y, height - 1 - x, channel),
            });
            let (header, pixels) = read(&layout.file(|x, y, channel| drawn(x, y, channel).into())).expect("read");
            assert_eq!((header.size.width(), header.size.height()), (shown_width, shown_height));
            assert!(pixels == expected, "orientation {orientation}, {layout:?}");
            if orientation == 4 && packing == Packing::None {
                let held = if pieces == PIECES[3] { WIDTH * height * 3 } else { 0 };
                assert_eq!(header.decoder_bytes, u64::from(held), "uncompressed strips are read from the bottom");
            }
        }
    }
}

#[test]
fn high_strips_are_read_row_by_row() {
    let (width, height) = (200, 3000);
    let picture = noise(width, height);
    for (packing, pieces) in
        PACKINGS.into_iter().flat_map(|packing| [300, height].map(|rows| (packing, Pieces::Strips(rows))))
    {
        for is_planar in [false, true] {
            let layout = Layout { is_planar, packing, pieces, ..Layout::rgb(width, height) };
            let bytes = layout.file(|x, y, channel| picture.get_pixel(x, y)[usize::from(channel)].into());
            let (header, pixels) = read(&bytes).expect("read");
            assert!(pixels == picture.as_raw().as_slice(), "{layout:?}");
            assert!(header.decoder_bytes == 0 || packing == Packing::Zstandard, "{layout:?}: {}", header.decoder_bytes);
        }
    }
}

#[test]
fn many_small_chunks_are_decoded_in_groups_and_in_order() {
    let (width, height) = (1500, 1100);
    let picture = noise(width, height);
    for (pieces, max) in
        [(Pieces::Strips(3), 5 << 20), (Pieces::Tiles(64, 64), 5 << 20), (Pieces::Tiles(1024, 1024), 5 << 20)]
    {
        let layout = Layout { packing: Packing::Deflate, pieces, ..Layout::rgb(width, height) };
        let bytes = layout.file(|x, y, channel| picture.get_pixel(x, y)[usize::from(channel)].into());
        let (header, pixels) = read(&bytes).expect("read");
        assert!(pixels == picture.as_raw().as_slice(), "{pieces:?}");
        assert!(header.decoder_bytes > 0 && header.decoder_bytes <= max, "{pieces:?}: {}", header.decoder_bytes);
    }
}
