//! The stages of the pipeline, each by itself on one thread, in pixels a second: `cargo bench --bench stages`.
//!
//! The picture is made of gradients with a fine texture, 2048 x 2048 pixels.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use iiif_publish::iiif::{Format, Pyramid, PyramidShape, Size};
use iiif_publish::internals::Cascade;
use iiif_publish::internals::Source;
use iiif_publish::internals::{BlockStrip, BlockTile, PixelFormat, RowScale, Strip, Tile};
use iiif_publish::internals::{Encoding, TileScan, encode_block_tile, encode_tile};
use iiif_publish::publish::{JpegOptions, JpegTiles, Subsampling};
use iiif_publish::source::ReadOptions;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use std::collections::TryReserveError;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

const SIDE: u32 = 2048;
const TILE: u32 = 512;

fn main() {
    divan::main();
}

fn picture() -> RgbImage {
    let channel = |a: u32, b: u32| u8::try_from(a * 200 / SIDE + (a * 7 + b * 13) % 29).expect("at most 228");
    RgbImage::from_fn(SIDE, SIDE, |x, y| image::Rgb([channel(x, y), channel(y, x), channel(SIDE - 1 - x, y)]))
}

/// The picture as files: JPEG (4:4:4), PNG, and TIFF without compression.
static FILES: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a folder");
    let picture = picture();
    for (name, format) in [("x.png", ImageFormat::Png), ("x.tif", ImageFormat::Tiff)] {
        picture.save_with_format(folder.path().join(name), format).expect("saved");
    }
    let file = fs::File::create(folder.path().join("x.jpg")).expect("made");
    JpegEncoder::new_with_quality(file, 90).encode_image(&picture).expect("encoded");
    folder
});

fn file(name: &str) -> PathBuf {
    FILES.path().join(name)
}

fn pixels() -> ItemsCount {
    ItemsCount::new(u64::from(SIDE).pow(2))
}

/// Reads all rows; the strips of blocks, where there are any.
fn rows(source: &mut Source, divisor: u32) -> Vec<BlockStrip> {
    let width = SIDE / divisor;
    let (mut rows, mut strips) = (vec![0; PixelFormat::Rgb8.row_bytes(width) * 16], Vec::new());
    for _ in 0..SIDE / divisor / 16 {
        source.read_rows(&mut rows).expect("whole");
        black_box(&rows);
        strips.extend(source.take_blocks());
    }
    source.finish().expect("whole");
    strips.extend(source.take_blocks());
    strips
}

#[divan::bench(args = ["x.jpg", "x.png", "x.tif"])]
fn decode(bencher: Bencher, name: &str) {
    let open = || Source::open(&file(name), ReadOptions::default()).expect("an image");
    bencher.counter(pixels()).with_inputs(open).bench_local_values(|mut source| rows(&mut source, 1));
}

/// To coefficients, and to rows of half the size.
#[divan::bench]
fn decode_to_blocks(bencher: Bencher) {
    let open = || {
        let mut source = Source::open(&file("x.jpg"), ReadOptions::default()).expect("an image");
        source.keep_blocks(TILE, SIDE.div_ceil(TILE) as usize, RowScale::Half);
        source
    };
    bencher.counter(pixels()).with_inputs(open).bench_local_values(|mut source| rows(&mut source, 2));
}

/// All levels below the full size.
#[divan::bench]
fn halve(bencher: Bencher) {
    let picture = picture();
    bencher.counter(pixels()).bench_local(|| black_box(strips(&picture, |_| ())));
}

/// Goes through the strips of all levels.
fn strips(picture: &RgbImage, mut take: impl FnMut(Strip)) -> Option<()> {
    let pyramid = Pyramid::new(Size::new(SIDE, SIDE).ok()?, PyramidShape::default());
    let mut cascade = Cascade::new(&pyramid, PixelFormat::Rgb8, RowScale::Full);
    let mut bytes = picture.as_raw().as_slice();
    while let Some(rows) = cascade.next_rows().ok()? {
        let (now, later) = bytes.split_at(rows.len());
        rows.copy_from_slice(now);
        bytes = later;
        let mut emit = |strip| {
            take(strip);
            Ok::<(), TryReserveError>(())
        };
        cascade.rows_filled(&mut emit).ok()?;
    }
    Some(())
}

/// One tile from its pixels.
#[divan::bench(args = [Format::Jpg, Format::Webp, Format::Png])]
fn encode(bencher: Bencher, format: Format) {
    let mut first = None;
    strips(&picture(), |strip| first = first.take().or(Some(strip))).expect("strips");
    let tile = Tile::cut(&Arc::new(first.expect("the first")), 1, TILE).expect("a tile");
    let encoding = Encoding::default();
    bencher
        .counter(ItemsCount::new(tile.size.pixels()))
        .bench_local(|| encode_tile(&tile, &[format], &encoding, TileScan::Dropped).expect("encoded"));
}

/// One tile from the blocks of a JPEG.
#[divan::bench(args = [JpegTiles::Auto, JpegTiles::Lossless])]
fn encode_blocks(bencher: Bencher, tiles: JpegTiles) {
    let mut source = Source::open(&file("x.jpg"), ReadOptions::default()).expect("an image");
    source.keep_blocks(TILE, SIDE.div_ceil(TILE) as usize, RowScale::Half);
    let strip = Arc::new(rows(&mut source, 2).swap_remove(0));
    let tile = BlockTile::cut(&strip, 1, TILE).expect("a tile");
    let jpeg = JpegOptions::default().with_tiles(tiles).with_subsampling(Subsampling::None);
    let encoding = Encoding { jpeg, profile: None };
    bencher
        .counter(ItemsCount::new(tile.size.pixels()))
        .bench_local(|| encode_block_tile(&tile, &encoding, TileScan::Dropped).expect("encoded"));
}
