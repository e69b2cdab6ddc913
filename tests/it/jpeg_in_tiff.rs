//! Checks that tiles cut from the blocks of a JPEG-compressed TIFF have the same coefficients as the TIFF's strips and
//! tiles. libjpeg reads the coefficients of both.

use crate::support::coefficients::{Plane, coefficients};
use crate::support::pictures::{decoded_jpeg, file, mean_difference};
use crate::support::publishing::published;
use iiif_publish::iiif::{PyramidShape, RoundedSizes};
use iiif_publish::publish::{JpegOptions, JpegTiles, Options};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const TILE: u32 = 64;

/// Fixture files and their sizes.
const FIXTURES: [(&str, (u32, u32)); 8] = [
    ("tiles-420.tif", (201, 150)),
    ("tiles-420-whole-blocks.tif", (208, 160)),
    ("tiles-422.tif", (201, 150)),
    ("tiles-444-whole-blocks.tif", (208, 160)),
    ("tiles-rgb.tif", (201, 150)),
    ("tiles-gray-own-tables.tif", (201, 150)),
    ("strips-420.tif", (201, 150)),
    ("strip-420.tif", (201, 300)),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg/tiff").join(name)
}

fn options(tiles: JpegTiles, longest_side: u32) -> Options {
    let shape = PyramidShape::new(TILE, Some(longest_side), RoundedSizes::default()).expect("a shape");
    let jpeg = JpegOptions::default().with_tiles(tiles);
    Options::builder("https://example.org/iiif".parse().expect("a URL")).shape(shape).jpeg(jpeg).build().expect("valid")
}

/// Extracts a file's strips or tiles as JPEG files, along with their positions.
fn streams(bytes: &[u8], (width, height): (u32, u32)) -> Vec<((u32, u32), Vec<u8>)> {
    let number = |at: usize, count: usize| (0..count).rev().fold(0, |sum, byte| sum << 8 | u32::from(bytes[at + byte]));
    let directory = number(4, 4) as usize;
    let values = |tag: u32| -> Option<Vec<u32>> {
        let entries = (0..number(directory, 2) as usize).map(|entry| directory + 2 + 12 * entry);
        let at = entries.into_iter().find(|at| number(*at, 2) == tag)?;
        let (size, count) = (
            match number(at + 2, 2) {
                7 => 1,
                3 => 2,
                _ => 4,
            },
            number(at + 4, 4) as usize,
        );
        let first = if size * count <= 4 { at + 8 } else { number(at + 8, 4) as usize };
        Some((0..count).map(|index| number(first + index * size, size)).collect())
    };
    let either = |tile: u32, strip: u32| values(tile).or_else(|| values(strip)).expect("one of two tags");
    let (across, down) = (values(322).map_or(width, |it| it[0]), either(323, 278)[0]);
    let tables: Option<Vec<u8>> = values(347).map(|table| table.into_iter().map(|byte| byte as u8).collect());
    let positions = (0..height).step_by(down as usize);
    let positions = positions.flat_map(|y| (0..width).step_by(across as usize).map(move |x| (x, y)));
    let extents = either(324, 273).into_iter().zip(either(325, 279));
    let stream = |(offset, length): (u32, u32)| {
        let stream = &bytes[offset as usize..][..length as usize];
        tables.as_ref().map_or_else(|| stream.to_owned(), |it| [&it[..it.len() - 2], &stream[2..]].concat())
    };
    positions.zip(extents.map(stream)).collect()
}

/// Blocks by component and position, in image pixels.
type Blocks = BTreeMap<(usize, u32, u32), [i16; 64]>;

/// Adds a JPEG's visible blocks. `at` is the JPEG's position in the image.
fn add(blocks: &mut Blocks, planes: &[Plane], at: (u32, u32), size: (u32, u32)) {
    for (component, plane) in planes.iter().enumerate() {
        for (index, block) in (0..).zip(&plane.blocks) {
            let (column, row) = (index % plane.columns, index / plane.columns);
            let (x, y) = (at.0 + column * plane.block_width, at.1 + row * plane.block_height);
            if x < size.0 && y < size.1 {
                assert!(blocks.insert((component, x, y), *block).is_none(), "one tile for each block");
            }
        }
    }
}

#[tokio::test]
async fn lossless_tiles_have_the_coefficients_of_the_strips_and_tiles_of_a_tiff() {
    for (name, size) in FIXTURES {
        let mut expected = Blocks::new();
        let bytes = std::fs::read(fixture(name)).expect("a fixture");
        let mut tables = Vec::new();
        for (at, stream) in streams(&bytes, size) {
            let planes = coefficients(&stream);
            tables = planes.iter().map(|plane| plane.quant_table).collect();
            add(&mut expected, &planes, at, size);
        }
        for longest_side in [TILE, 4096] {
            let pictures = published(fixture(name), options(JpegTiles::Lossless, longest_side)).await;
            let mut cut = Blocks::new();
            for (path, picture) in &pictures {
                let Some((region, rest)) = path.split_once('/') else { continue };
                let numbers: Vec<u32> = region.split(',').filter_map(|number| number.parse().ok()).collect();
                let [x, y, width, height] = numbers[..] else { continue };
                if rest == format!("{width},{height}/0/default.jpg") {
                    let planes = coefficients(picture);
                    assert!(planes.iter().map(|plane| plane.quant_table).eq(tables.iter().copied()), "{name}");
                    add(&mut cut, &planes, (x, y), size);
                }
            }
            assert!(cut == expected, "{name}: {} of {} blocks", cut.len(), expected.len());
        }
        let pictures = published(fixture(name), options(JpegTiles::Lossless, 4096)).await;
        let mut whole = Blocks::new();
        add(&mut whole, &coefficients(&pictures["full/max/0/default.jpg"]), (0, 0), size);
        assert!(whole == expected, "{name}: the whole image");
    }
}

#[tokio::test]
async fn all_levels_look_as_if_the_tiff_were_decoded() {
    for (name, _) in FIXTURES {
        let cut = published(fixture(name), options(JpegTiles::Lossless, TILE)).await;
        let decoded = published(fixture(name), options(JpegTiles::Reencode, TILE)).await;
        assert!(cut.keys().eq(decoded.keys()), "{name}");
        for (path, picture) in &cut {
            let (one, other) = (decoded_jpeg(picture), decoded_jpeg(&decoded[path]));
            assert_eq!(one.dimensions(), other.dimensions(), "{name} {path}");
            // In the last tiles, noise past the edge affects the visible part of the blocks.
            let max = if one.width() < 16 || one.height() < 16 { 12.0 } else { 3.0 };
            let difference = mean_difference(&one, &other);
            assert!(difference < max, "{name} {path}: {difference}");
        }
    }
}

#[tokio::test]
async fn by_default_tiles_are_cut_from_420_and_gray_but_not_from_finer_chroma_or_rgb() {
    for (name, is_cut) in [
        ("tiles-420.tif", true),
        ("tiles-gray-own-tables.tif", true),
        ("tiles-422.tif", false),
        ("tiles-444-whole-blocks.tif", false),
        ("tiles-rgb.tif", false),
        ("tiles-other-tables.tif", false),
    ] {
        let auto = published(fixture(name), options(JpegTiles::Auto, TILE)).await;
        let decoded = published(fixture(name), options(JpegTiles::Reencode, TILE)).await;
        assert_eq!(auto != decoded, is_cut, "{name}");
    }
}

#[tokio::test]
async fn tiles_with_different_tables_are_encoded_from_pixels() {
    let lossless = published(fixture("tiles-other-tables.tif"), options(JpegTiles::Lossless, TILE)).await;
    let decoded = published(fixture("tiles-other-tables.tif"), options(JpegTiles::Reencode, TILE)).await;
    assert!(lossless == decoded);
}

#[tokio::test]
async fn a_damaged_tile_is_named() {
    let folder = TempDir::new().expect("a folder");
    let mut bytes = std::fs::read(fixture("tiles-420.tif")).expect("a fixture");
    let tile = streams(&bytes, (201, 150)).remove(4).1;
    let scan = &tile[tile.len() - 100..];
    let at = bytes.windows(100).position(|window| window == scan).expect("the end of the tile");
    bytes[at..at + 60].fill(0xff);
    let path = file(folder.path(), "x.tif", &bytes);
    let store = std::sync::Arc::new(iiif_publish::store::MemoryStore::default());
    let published = crate::support::publishing::publish(store, options(JpegTiles::Lossless, TILE), path).await;
    let error = format!("{:?}", published.expect_err("damaged"));
    assert!(error.contains("tile 4"), "{error}");
}
