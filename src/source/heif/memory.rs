//! Estimates memory usage before the first pixel is decoded.

use super::tiles::Tiles;

/// Decoder memory for a coded image of any size, in bytes.
const DECODER_BYTES: u64 = 8 << 20;

/// Side of the largest block in any of the codecs, in pixels.
const MAX_BLOCK_SIDE: u64 = 64;

/// Memory per image column for converting a row, in bytes. This covers the samples before and after the conversion.
const ROW_BYTES: u64 = 40;

/// Returns the memory needed to decode a row of color and alpha tiles with `threads` threads, in bytes.
pub(super) fn planned(colors: &Tiles, alpha: Option<&Tiles>, threads: usize) -> u64 {
    of_tiles(colors, threads).saturating_add(alpha.map_or(0, |alpha| of_tiles(alpha, threads)))
}

fn of_tiles(tiles: &Tiles, threads: usize) -> u64 {
    // Coded pictures consist of whole blocks.
    let padded = |side: u32| u64::from(side).next_multiple_of(MAX_BLOCK_SIDE);
    let pixels = padded(tiles.tile.0).saturating_mul(padded(tiles.tile.1));
    let columns = u64::from(tiles.columns);
    let picture = picture_bytes(tiles, pixels);
    let spare = picture.saturating_mul(tiles.codec.spare_pictures);
    let working = spare.saturating_add(pixels.saturating_mul(tiles.codec.block_bytes));
    let coded = tiles.max_coded_bytes().saturating_mul(tiles.codec.coded_copies);
    let of_one = working.saturating_add(coded).saturating_add(DECODER_BYTES);
    let row = picture.saturating_mul(columns).saturating_add(ROW_BYTES.saturating_mul(tiles.size.0.into()));
    row.saturating_add(of_one.saturating_mul(columns.min(threads as u64)))
}

/// Returns a decoded picture's size in bytes.
fn picture_bytes(tiles: &Tiles, pixels: u64) -> u64 {
    let sample = (tiles.codec.sample_bytes)(tiles.format().bits);
    let chroma = match (tiles.format().is_gray, tiles.format().subsampling) {
        (true, _) => 0,
        (_, (true, true)) => pixels / 2,
        (_, (true, false) | (false, true)) => pixels,
        (_, (false, false)) => pixels.saturating_mul(2),
    };
    pixels.saturating_add(chroma).saturating_mul(sample)
}
