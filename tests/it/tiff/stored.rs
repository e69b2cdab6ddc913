//! Every way to store samples.

use super::{HEIGHT, ORDERS, PACKINGS, PIECES, VARIETIES, WIDTH, assert_reads, drawn, pixels, read};
use crate::support::pictures::noise;
use crate::support::tiff::{Form, Packing, Pieces, Values};

#[test]
fn every_way_to_store_the_same_pixels_gives_the_same_pixels() {
    let expected = pixels(WIDTH, HEIGHT, 3, drawn);
    for (order, variety) in ORDERS.into_iter().flat_map(|order| VARIETIES.map(|variety| (order, variety))) {
        for (packing, pieces) in PACKINGS.into_iter().flat_map(|packing| PIECES.map(|pieces| (packing, pieces))) {
            for (is_planar, is_reversed) in [(false, false), (true, false), (false, true)] {
                let form = Form { is_planar, order, variety, packing, pieces, is_reversed, ..Form::rgb(WIDTH, HEIGHT) };
                assert_reads(&form, &form.file(|x, y, channel| drawn(x, y, channel).into()), &expected);
            }
        }
    }
}

/// A kind of sample, and how a value of 8 bits is written as one.
type Kind = (u16, u16, fn(u8) -> u64);

/// Bits, format, and bits of a sample that becomes the same 8 bits again.
const KINDS: [Kind; 9] = [
    (8, 1, |value| value.into()),
    (10, 1, |value| (u64::from(value) * 1023 + 127) / 255),
    (12, 1, |value| (u64::from(value) * 4095 + 127) / 255),
    (14, 1, |value| (u64::from(value) * 16383 + 127) / 255),
    // Off by what is rounded away again.
    (16, 1, |value| (u64::from(value) * 257).saturating_add_signed(i64::from(value % 200) - 100).min(65535)),
    (32, 1, |value| u64::from(value) * 0x0101_0101),
    (16, 3, |value| half(f32::from(value) / 255.0)),
    (32, 3, |value| (f32::from(value) / 255.0).to_bits().into()),
    (64, 3, |value| (f64::from(value) / 255.0).to_bits()),
];

/// A number between 0 and 1 with 16 bits, cut off: close enough for 8 bits.
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
                        let form = Form {
                            samples,
                            bits,
                            photometric,
                            sample_format,
                            predictor,
                            is_planar,
                            order,
                            packing,
                            pieces,
                            ..Form::rgb(WIDTH, HEIGHT)
                        };
                        assert_reads(&form, &form.file(|x, y, channel| sample(drawn(x, y, channel))), &expected);
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
fn orientations_turn_the_picture_whatever_it_is_stored_in() {
    for (packing, pieces) in PACKINGS
        .into_iter()
        .flat_map(|packing| [PIECES[1], PIECES[3], Pieces::Strips(400)].map(|pieces| (packing, pieces)))
    {
        for (orientation, is_planar) in [(2, false), (3, false), (4, false), (4, true), (6, false)] {
            let height = 300;
            let more = vec![(274, Values::Shorts(vec![orientation]))];
            let form = Form { is_planar, packing, pieces, more, ..Form::rgb(WIDTH, height) };
            let (shown_width, shown_height) = if orientation == 6 { (height, WIDTH) } else { (WIDTH, height) };
            let expected = pixels(shown_width, shown_height, 3, |x, y, channel| match orientation {
                2 => drawn(WIDTH - 1 - x, y, channel),
                3 => drawn(WIDTH - 1 - x, height - 1 - y, channel),
                4 => drawn(x, height - 1 - y, channel),
                _ => drawn(y, height - 1 - x, channel),
            });
            let (header, pixels) = read(&form.file(|x, y, channel| drawn(x, y, channel).into())).expect("read");
            assert_eq!((header.size.width(), header.size.height()), (shown_width, shown_height));
            assert!(pixels == expected, "orientation {orientation}, {form:?}");
            if orientation == 4 && packing == Packing::None {
                let held = if pieces == PIECES[3] { WIDTH * height * 3 } else { 0 };
                assert_eq!(header.decoder_bytes, u64::from(held), "uncompressed strips are read from their bottom");
            }
        }
    }
}

#[test]
fn high_strips_are_not_held() {
    let (width, height) = (200, 3000);
    let picture = noise(width, height);
    for (packing, pieces) in
        PACKINGS.into_iter().flat_map(|packing| [300, height].map(|rows| (packing, Pieces::Strips(rows))))
    {
        for is_planar in [false, true] {
            let form = Form { is_planar, packing, pieces, ..Form::rgb(width, height) };
            let bytes = form.file(|x, y, channel| picture.get_pixel(x, y)[usize::from(channel)].into());
            let (header, pixels) = read(&bytes).expect("read");
            assert!(pixels == picture.as_raw().as_slice(), "{form:?}");
            assert!(header.decoder_bytes == 0 || packing == Packing::Zstandard, "{form:?}: {}", header.decoder_bytes);
        }
    }
}

#[test]
fn many_small_pieces_are_decoded_together_and_come_in_order() {
    let (width, height) = (1500, 1100);
    let picture = noise(width, height);
    for (pieces, most) in
        [(Pieces::Strips(3), 5 << 20), (Pieces::Tiles(64, 64), 5 << 20), (Pieces::Tiles(1024, 1024), 5 << 20)]
    {
        let form = Form { packing: Packing::Deflate, pieces, ..Form::rgb(width, height) };
        let bytes = form.file(|x, y, channel| picture.get_pixel(x, y)[usize::from(channel)].into());
        let (header, pixels) = read(&bytes).expect("read");
        assert!(pixels == picture.as_raw().as_slice(), "{pieces:?}");
        assert!(header.decoder_bytes > 0 && header.decoder_bytes <= most, "{pieces:?}: {}", header.decoder_bytes);
    }
}
