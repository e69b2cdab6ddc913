//! Memory of decoding, computed before the first pixel.

use super::coding::Coding;
use super::pieces::Pieces;
use crate::iiif::Size;

/// Bytes for each pixel of a piece, in addition to its samples and four bytes per component: coefficients, the output
/// of the wavelets, and a quarter of that again. Measured totals with 24 and 108 million pixels: 23.6 bytes for RGB,
/// 13.7 for gray.
const WAVELET_BYTES: u64 = 9;

/// Cap of all estimates: more than any machine has, and low enough to add to.
const MAX_BYTES: u64 = 1 << 62;

/// Bytes of a sample in the decoder.
const SAMPLE_BYTES: u64 = 4;

/// Bytes for each component of each tile: its coding parameters in the decoder.
const TILE_COMPONENT_BYTES: u64 = 1 << 10;

impl Pieces {
    /// Returns the maximum bytes for decoding one piece, including its converted pixels.
    pub(super) fn bytes_of_one(&self) -> u64 {
        let (width, height) = self.max_pixels();
        let pixels = u64::from(width).saturating_mul(height.into());
        let components = self.codestream.grid.components.len() as u64;
        let planes = components + self.channels.from_palette as u64;
        let of_pixel = planes * SAMPLE_BYTES + WAVELET_BYTES + self.channels.samples.pixel_bytes() as u64;
        let tiles = self.tiles_of_one().saturating_mul(components * TILE_COMPONENT_BYTES);
        [pixels.saturating_mul(of_pixel), self.structure_bytes(), tiles, self.max_bytes()]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Returns the bytes of code blocks and precincts of the tile that is being decoded.
    fn structure_bytes(&self) -> u64 {
        let grid = &self.codestream.grid;
        let components = grid.components.len() as u64;
        let (width, height) = grid.max_tile_points();
        let codings = &self.codestream.codings;
        let bytes = |coding: &Coding| coding.structure_bytes((width, height), codings.layers, self.codestream.changes);
        // Coding styles may differ between tiles and components. Which tile has which style is not kept; all are
        // assumed to have the most expensive one.
        codings.all.iter().map(bytes).max().unwrap_or(0).saturating_mul(components)
    }

    /// Returns the maximum bytes for decoding with a number of threads.
    pub(super) fn bytes(&self, size: Size, threads: usize) -> u64 {
        let (_, height) = self.max_pixels();
        let row_of_pieces = (self.channels.samples.row_bytes(size.width()) as u64).saturating_mul(height.into());
        // A single piece is already counted.
        // Rows of pixels cross all tiles of a row of tiles, so these are held together. A strip of a 100,000 pixel wide
        // image in tiles of 1024 takes 300 MB as RGB, which is much, but the image as a whole takes 100 times that.
        let held = if self.columns() > 1 { row_of_pieces } else { 0 };
        let parts = size_of_val(&self.codestream.parts.all[..]) as u64;
        let at_work = self.bytes_of_one().saturating_mul(threads as u64);
        held.saturating_add(at_work).saturating_add(parts).min(MAX_BYTES)
    }
}
