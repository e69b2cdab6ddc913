//! What decoding takes, known before the first pixel.

use super::coding::Coding;
use super::pieces::Pieces;
use crate::iiif::Size;

/// For each pixel of a piece, beside its samples and four bytes for each component: coefficients, the output of the wavelets,
/// and a quarter of it once more. Measured in all, of 24 and 108 million pixels: 23.6 bytes of RGB, 13.7 of grey.
const WAVELET_BYTES: u64 = 9;

/// More than any machine has, and little enough that something can be added.
const MOST_BYTES: u64 = 1 << 62;

/// A sample, as the decoder has it.
const SAMPLE_BYTES: u64 = 4;

/// For each component of each tile: how it is coded, as the decoder holds it.
const TILE_COMPONENT_BYTES: u64 = 1 << 10;

impl Pieces {
    /// What decoding one piece takes, at most, in bytes; with its pixels, as they are handed on.
    pub(super) fn bytes_of_one(&self) -> u64 {
        let (width, height) = self.most_pixels();
        let pixels = u64::from(width).saturating_mul(height.into());
        let components = self.codestream.grid.components.len() as u64;
        let planes = components + self.channels.from_palette as u64;
        let of_pixel = planes * SAMPLE_BYTES + WAVELET_BYTES + self.channels.samples.pixel_bytes() as u64;
        let tiles = self.tiles_of_one().saturating_mul(components * TILE_COMPONENT_BYTES);
        [pixels.saturating_mul(of_pixel), self.structure_bytes(), tiles, self.most_bytes()]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// What code blocks and precincts take, of the tile that the decoder works on.
    fn structure_bytes(&self) -> u64 {
        let grid = &self.codestream.grid;
        let components = grid.components.len() as u64;
        let (width, height) = grid.most_points_of_a_tile();
        let codings = &self.codestream.codings;
        let bytes = |coding: &Coding| coding.structure_bytes((width, height), codings.layers, self.codestream.changes);
        codings.all.iter().map(bytes).max().unwrap_or(0).saturating_mul(components)
    }

    /// What decoding takes with so many threads, at most, in bytes.
    pub(super) fn bytes(&self, size: Size, threads: usize) -> u64 {
        let (_, height) = self.most_pixels();
        let row_of_pieces = (self.channels.samples.row_bytes(size.width()) as u64).saturating_mul(height.into());
        // The only piece is all there is to hold.
        let held = if self.columns() > 1 { row_of_pieces } else { 0 };
        let parts = size_of_val(&self.codestream.parts.all[..]) as u64;
        let at_work = self.bytes_of_one().saturating_mul(threads as u64);
        held.saturating_add(at_work).saturating_add(parts).min(MOST_BYTES)
    }
}
