//! All color encodings.

use super::{HEIGHT, PACKINGS, PIECES, WIDTH, assert_reads, drawn, pixels, read};
use crate::support::some::some;
use crate::support::tiff::{Layout, Order, Packing, Pieces, Values, Variant, file};
use iiif_publish::internals::PixelFormat;

#[test]
fn few_bits_are_scaled_and_white_may_be_zero() {
    for (bits, photometric) in [1, 2, 4, 8, 16].into_iter().flat_map(|bits| [(bits, 0), (bits, 1)]) {
        let max = (1_u64 << bits) - 1;
        let value = |x, y| u64::from(drawn(x, y, 0)) * 257 * max / 65535;
        let expected = pixels(WIDTH, HEIGHT, 1, |x, y, _| {
            let gray = ((value(x, y) * 255 * 2 + max) / (2 * max)) as u8;
            if photometric == 0 { 255 - gray } else { gray }
        });
        for (packing, pieces) in PACKINGS.into_iter().flat_map(|packing| PIECES.map(|pieces| (packing, pieces))) {
            let layout = Layout { bits, photometric, packing, pieces, samples: 1, ..Layout::rgb(WIDTH, HEIGHT) };
            assert_reads(&layout, &layout.file(|x, y, _| value(x, y)), &expected);
        }
    }
}

#[test]
fn palettes_become_colors() {
    for bits in [1, 2, 4, 8] {
        let count = 1_usize << bits;
        let color = |index: u64, channel: u16| drawn(index as u32, 99, channel);
        let index = |x: u32, y: u32| u64::from(drawn(x, y, 0)) % count as u64;
        let expected = pixels(WIDTH, HEIGHT, 3, |x, y, channel| color(index(x, y), channel));
        // As the specification requires, as some programs write it, and as old programs wrote it.
        for scale in [257, 256, 1] {
            let all =
                (0..3).flat_map(|channel| (0..count).map(move |index| u16::from(color(index as u64, channel)) * scale));
            let more = vec![(320, Values::Shorts(all.collect()))];
            for (packing, pieces) in [(Packing::None, PIECES[1]), (Packing::Lzw, PIECES[3])] {
                let layout = Layout {
                    bits,
                    photometric: 3,
                    packing,
                    pieces,
                    samples: 1,
                    more: more.clone(),
                    ..Layout::rgb(WIDTH, HEIGHT)
                };
                assert_reads(&layout, &layout.file(|x, y, _| index(x, y)), &expected);
            }
        }
    }
    let fine = vec![(320, Values::Shorts((0..768).map(|it| it * 85 + 3).collect()))];
    let layout = Layout { photometric: 3, samples: 1, more: fine, ..Layout::rgb(3, 1) };
    let (_, pixels) = read(&layout.file(|x, _, _| u64::from(x) * 100)).expect("read");
    let expected: Vec<u8> = [0, 100, 200]
        .iter()
        .flat_map(|at| [0, 256, 512].map(|plane| (((at + plane) * 85 + 3 + 128) / 257) as u8))
        .collect();
    assert_eq!(pixels, expected, "16-bit colors");
}

#[test]
fn alpha_is_used_and_undefined_samples_are_dropped() {
    let expected = pixels(WIDTH, HEIGHT, 3, drawn);
    for is_planar in [false, true] {
        for (samples, extra) in [(4, vec![0]), (5, vec![0, 0]), (6, vec![])] {
            let layout =
                Layout { samples, is_planar, more: vec![(338, Values::Shorts(extra))], ..Layout::rgb(WIDTH, HEIGHT) };
            assert_reads(&layout, &layout.file(|x, y, channel| drawn(x, y, channel).into()), &expected);
        }
        let layout = Layout { samples: 4, is_planar, ..Layout::rgb(2, 2) };
        let (_, pixels) = read(&layout.file(|_, _, channel| if channel == 3 { 0 } else { 9 })).expect("read");
        assert_eq!(pixels, [255; 12], "an undeclared fourth sample is alpha");
        // Black at half opacity: premultiplied or not, half of the white shows.
        for (extra, color) in [(1, 50), (2, 100)] {
            let layout = Layout {
                samples: 5,
                is_planar,
                more: vec![(338, Values::Shorts(vec![0, extra]))],
                ..Layout::rgb(2, 2)
            };
            let (_, pixels) =
                read(&layout.file(|_, _, channel| [color, color, color, 7, 128][usize::from(channel)])).expect("read");
            assert!(some(&pixels).all(|sample| sample.abs_diff(177) <= 1), "{pixels:?}");
        }
    }
}

#[test]
fn cmyk_is_the_same_in_every_layout() {
    let plain = Layout { samples: 4, photometric: 5, ..Layout::rgb(WIDTH, HEIGHT) };
    let (_, expected) = read(&plain.file(|x, y, channel| drawn(x, y, channel).into())).expect("read");
    for layout in [
        Layout { is_planar: true, packing: Packing::Deflate, pieces: PIECES[3], ..plain.clone() },
        Layout { samples: 5, more: vec![(338, Values::Shorts(vec![2]))], ..plain.clone() },
        Layout { packing: Packing::Lzw, predictor: 2, pieces: PIECES[4], ..plain.clone() },
    ] {
        assert_reads(&layout, &layout.file(|x, y, channel| drawn(x, y, channel).into()), &expected);
    }
    let layout = Layout { width: 3, height: 1, ..plain };
    let (header, pixels) = read(
        &layout.file(|x, _, channel| [0, u64::from(channel == 3) * 255, u64::from(channel == 1) * 255][x as usize]),
    )
    .expect("read");
    assert_eq!((header.format, &pixels[..3]), (PixelFormat::Rgb8, &[255; 3][..]), "no ink");
    assert!(pixels[3..6].iter().all(|sample| *sample < 64), "black ink: {pixels:?}");
    assert!(pixels[7] < 100 && pixels[6] > 200, "magenta: {pixels:?}");
}

#[test]
fn lab_in_both_encodings_and_depths_is_converted() {
    // Known colors of D50: white, black, middle gray, and the red, green and blue of sRGB.
    let colors = [
        ((100.0, 0.0, 0.0), [255, 255, 255]),
        ((0.0, 0.0, 0.0), [0, 0, 0]),
        ((53.39, 0.0, 0.0), [127, 127, 127]),
        ((54.29, 80.81, 69.89), [255, 0, 0]),
        ((87.82, -79.27, 80.99), [0, 255, 0]),
        ((29.57, 68.30, -112.03), [0, 0, 255]),
    ];
    for (photometric, bits) in [(8, 8), (8, 16), (9, 8), (9, 16)] {
        let layout = Layout { bits, photometric, ..Layout::rgb(6, 1) };
        let file = layout.file(|x, _, channel| {
            let (lightness, a, b) = colors[x as usize].0;
            let unit = if bits == 8 { 1.0 } else { 256.0 };
            let white = if (photometric, bits) == (8, 16) { 65535.0 } else { 255.0 * unit };
            if channel == 0 {
                return (lightness * white / 100.0_f64).round() as u64;
            }
            let value = (if channel == 1 { a } else { b } * unit).round() as i64;
            let offset = if photometric == 9 { 128 * unit as i64 } else { 0 };
            (value + offset) as u64 & ((1 << bits) - 1)
        });
        let (_, pixels) = read(&file).expect("read");
        let expected: Vec<u8> = colors.iter().flat_map(|color| color.1).collect();
        // One step in 8-bit Lab is several steps of sRGB in steep regions.
        let max = if bits == 8 { 12 } else { 1 };
        let difference = pixels.iter().zip(&expected).map(|(one, other)| one.abs_diff(*other)).max().expect("some");
        assert!(difference <= max, "{photometric}, {bits} bits: {pixels:?}");
    }
}

#[test]
fn uncompressed_ycbcr_is_converted_for_every_subsampling() {
    let luma = |x: u32, y: u32| drawn(x, y, 0);
    for (across, down) in [(1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (1, 2)] {
        let (units_across, units_down) = (WIDTH.div_ceil(across), HEIGHT.div_ceil(down));
        let difference = |x: u32, y: u32, channel| drawn(x / across, y / down, channel) / 2 + 64;
        let expected = pixels(WIDTH, HEIGHT, 3, |x, y, channel| {
            let (lightness, blue, red) =
                (f64::from(luma(x, y)), f64::from(difference(x, y, 1)) - 128.0, f64::from(difference(x, y, 2)) - 128.0);
            let value =
                [lightness + 1.402 * red, lightness - 0.344_136 * blue - 0.714_136 * red, lightness + 1.772 * blue];
            value[usize::from(channel)].round().clamp(0.0, 255.0) as u8
        });
        // The test writer does not know units, so each unit is written as a pixel with many samples.
        let samples = (across * down + 2) as u16;
        let units = Layout {
            samples,
            pieces: Pieces::Strips(2),
            packing: Packing::Lzw,
            ..Layout::rgb(units_across, units_down)
        };
        let mut page = units.page(|x, y, sample| {
            let sample = u32::from(sample);
            let (x, y) = (x * across, y * down);
            match sample.checked_sub(across * down) {
                None => luma((x + sample % across).min(WIDTH - 1), (y + sample / across).min(HEIGHT - 1)).into(),
                Some(channel) => difference(x, y, channel as u16 + 1).into(),
            }
        });
        let shorts = |shorts: &[u16]| Values::Shorts(shorts.to_vec());
        let real = [
            (256, shorts(&[WIDTH as u16])),
            (257, shorts(&[HEIGHT as u16])),
            (258, shorts(&[8, 8, 8])),
            (262, shorts(&[6])),
            (277, shorts(&[3])),
            (278, shorts(&[2 * down as u16])),
            (339, shorts(&[1, 1, 1])),
        ];
        page.tags.retain(|(tag, _)| real.iter().all(|(other, _)| tag != other));
        page.tags.extend(real);
        page.tags.push((530, shorts(&[across as u16, down as u16])));
        let (_, pixels) = read(&file(&[page], Order::Little, Variant::Classic)).expect("read");
        let max = pixels.iter().zip(&expected).map(|(one, other)| one.abs_diff(*other)).max().expect("some");
        assert!(max <= 1, "{across}x{down}: {max}");
    }
}
