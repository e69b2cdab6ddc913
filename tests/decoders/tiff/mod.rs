//! TIFF in all its variants, compared with the drawn pixels, and files from other programs.

mod colors;
mod damage;
mod fixtures;
mod lenient;
mod mutations;
mod old_jpeg;
mod pages;
mod refused;
mod scale;
mod slides;
mod stored;

use crate::support::pictures::file as file_in;
use crate::support::rows::read_with;
use crate::support::tiff::{Layout, Order, Packing, Pieces, Variant};
use crate::support::watchdog::guarded;
use iiif_publish::internals::Source;
use iiif_publish::source::{Header, ReadOptions, SourceError};
use std::error::Error;
use std::path::Path;
use tempfile::TempDir;

const ORDERS: [Order; 2] = [Order::Little, Order::Big];
const VARIANTS: [Variant; 2] = [Variant::Classic, Variant::Big];
const PACKINGS: [Packing; 6] =
    [Packing::None, Packing::Lzw, Packing::OldLzw, Packing::Deflate, Packing::PackBits, Packing::Zstandard];
const PIECES: [Pieces; 5] =
    [Pieces::Strips(1), Pieces::Strips(7), Pieces::Strips(29), Pieces::Tiles(16, 16), Pieces::Tiles(48, 32)];

/// Prime numbers: no tile divides them, and no byte holds a whole row of few bits.
const WIDTH: u32 = 37;
const HEIGHT: u32 = 29;

/// Returns a sample of noise, the same for every test.
fn drawn(x: u32, y: u32, channel: u16) -> u8 {
    let mixed = (x * 7919 + y * 104_729 + u32::from(channel) * 1_299_709 + 1).wrapping_mul(2_654_435_761);
    // Includes runs so that every compression has work to do.
    if mixed >> 30 == 0 { (y / 3 * 16) as u8 } else { (mixed >> 13) as u8 }
}

/// Returns the drawn pixels, row by row.
fn pixels(width: u32, height: u32, channels: u16, sample: impl Fn(u32, u32, u16) -> u8) -> Vec<u8> {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places.flat_map(|(x, y)| (0..channels).map(|c| sample(x, y, c)).collect::<Vec<_>>()).collect()
}

fn read_page(bytes: &[u8], page: u32) -> Result<(Header, Vec<u8>), SourceError> {
    let folder = TempDir::new().expect("a folder");
    read_file(&file_in(folder.path(), "image.tif", bytes), page)
}

fn read_file(path: &Path, page: u32) -> Result<(Header, Vec<u8>), SourceError> {
    read_with(path, ReadOptions::default().with_page(page))
}

fn read(bytes: &[u8]) -> Result<(Header, Vec<u8>), SourceError> {
    read_page(bytes, 1)
}

/// Returns an error with all its causes.
fn error_chain(error: &SourceError) -> String {
    let mut error_chain = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        error_chain = format!("{error_chain}: {error}");
        cause = error.source();
    }
    error_chain
}

fn assert_reads(layout: &Layout, bytes: &[u8], expected: &[u8]) {
    let (header, pixels) = read(bytes).unwrap_or_else(|error| panic!("{}: {layout:?}", error_chain(&error)));
    assert_eq!((header.size.width(), header.size.height()), (layout.width, layout.height));
    assert!(pixels == expected, "{layout:?}");
}

/// Reads a damaged file, which may fail but must not panic or hang.
fn endure(folder: &Path, bytes: &[u8], what: &str) -> Result<(), SourceError> {
    let path = file_in(folder, "image.tif", bytes);
    let read = || {
        Source::open(&path, ReadOptions::default()).and_then(|mut source| {
            let header = source.header().clone();
            let row_bytes = header.format.row_bytes(header.size.width());
            // More pixels than the file can hold would only take time.
            let rows = if row_bytes > 1 << 22 { 0 } else { header.size.height().min(64) };
            let mut row = vec![0; row_bytes.min(1 << 22)];
            (0..rows).try_for_each(|_| source.read_rows(&mut row))
        })
    };
    guarded(what, read)
}
