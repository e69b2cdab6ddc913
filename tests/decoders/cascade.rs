//! The cascade produces exactly the pixels of naive halving of whole images.

use crate::support::pictures::noise;
use iiif_publish::iiif::{Pyramid, PyramidShape, RoundedSizes, Size};
use iiif_publish::internals::Cascade;
use iiif_publish::internals::{PixelFormat, RowScale, Strip, Tile};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::collections::TryReserveError;
use std::sync::Arc;

/// A complete level: its size and its samples.
#[derive(Clone, Debug, PartialEq)]
struct Whole {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

/// Halves an image by definition: each pixel is the average of four, rounded half up, with repeated edges.
fn halved(whole: &Whole, channels: usize) -> Whole {
    let (width, height) = (whole.width.div_ceil(2), whole.height.div_ceil(2));
    let sample = |x: usize, y: usize, channel: usize| {
        let (x, y) = (x.min(whole.width - 1), y.min(whole.height - 1));
        u32::from(whole.samples[(y * whole.width + x) * channels + channel])
    };
    let mut samples = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..channels {
                let sum: u32 = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .map(|(dx, dy)| sample(2 * x + dx, 2 * y + dy, channel))
                    .iter()
                    .sum();
                samples.push(u8::try_from((sum + 2) / 4).expect("an average"));
            }
        }
    }
    Whole { width, height, samples }
}

/// Runs the cascade and reassembles every level from its tiles.
fn levels(image: &Whole, format: PixelFormat, tile_size: u32) -> BTreeMap<u32, Whole> {
    let size = Size::new(image.width as u32, image.height as u32).expect("not empty");
    let shape = PyramidShape::new(tile_size, None, RoundedSizes::Stored).expect("a shape");
    let pyramid = Pyramid::new(size, shape);
    let row_bytes = image.width * format.channels();
    let mut levels: BTreeMap<u32, Whole> = BTreeMap::new();
    let mut emit = |strip: Strip| {
        let level = pyramid.size().at(strip.scale);
        let (width, height) = (level.width() as usize, level.height() as usize);
        let whole = levels.entry(strip.scale.value()).or_insert_with(|| Whole {
            width,
            height,
            samples: vec![0; width * height * format.channels()],
        });
        let strip = Arc::new(strip);
        for tile in (0..).map_while(|column| Tile::cut(&strip, column, tile_size)) {
            assert_eq!(tile.size, pyramid.cell_size(tile.cell), "{:?}", tile.cell);
            let left = (tile.cell.column * tile_size) as usize;
            for (y, row) in tile.rows().enumerate() {
                let y = (tile.cell.row * tile_size) as usize + y;
                let start = (y * width + left) * format.channels();
                whole.samples[start..start + row.len()].copy_from_slice(row);
            }
        }
        Ok::<(), TryReserveError>(())
    };
    let mut cascade = Cascade::new(&pyramid, format, RowScale::Full);
    let mut next = 0;
    while let Some(rows) = cascade.next_rows().expect("memory") {
        assert_eq!(rows.len() % row_bytes, 0);
        rows.copy_from_slice(&image.samples[next..next + rows.len()]);
        next += rows.len();
        cascade.rows_filled(&mut emit).expect("memory");
    }
    assert_eq!(next, image.samples.len(), "every row was taken");
    levels
}

fn check(width: u32, height: u32, format: PixelFormat, tile_size: u32) {
    let rgb = noise(width, height).into_raw();
    let samples = match format {
        PixelFormat::Rgb8 => rgb,
        PixelFormat::Gray8 => rgb.into_iter().step_by(3).collect(),
    };
    let mut expected = Whole { width: width as usize, height: height as usize, samples };
    let levels = levels(&expected, format, tile_size);
    for (scale, level) in levels {
        assert!(level == expected, "scale factor {scale} of {width}x{height} with tiles of {tile_size}");
        expected = halved(&expected, format.channels());
    }
}

#[test]
fn unusual_sizes_are_halved_like_whole_images() {
    for (width, height) in
        [(1, 1), (1, 5000), (5000, 1), (2, 2), (64, 64), (128, 64), (129, 255), (65, 63), (127, 1023)]
    {
        for format in [PixelFormat::Gray8, PixelFormat::Rgb8] {
            for tile_size in [64, 256] {
                check(width, height, format, tile_size);
            }
        }
    }
}

#[test]
fn odd_tile_sizes_carry_a_row_into_the_next_strip() {
    for tile_size in [17, 33, 63] {
        check(301, 203, PixelFormat::Rgb8, tile_size);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_size_is_halved_like_a_whole_image(width in 1_u32..400, height in 1_u32..400, tile_size in 16_u32..130) {
        check(width, height, PixelFormat::Rgb8, tile_size);
    }
}
