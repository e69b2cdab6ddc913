//! Estimates memory use before decoding the first pixel.

use super::coding::Coding;
use super::pieces::Pieces;
use crate::iiif::Size;

/// Number of bytes per pixel of a piece, in addition to its samples and four bytes per component. This covers the
/// coefficients and the wavelet output, plus another quarter of the output. Measured totals for 24 and 108 megapixels
/// are 23.6 bytes per pixel for RGB and 13.7 for gray.
const WAVELET_BYTES: u64 = 9;

/// Cap on all estimates. It exceeds any machine's memory but leaves room for addition.
const MAX_BYTES: u64 = 1 << 62;

/// Size of a sample in the decoder, in bytes.
const SAMPLE_BYTES: u64 = 4;

/// Number of bytes the decoder needs for the coding parameters of each component in each tile.
const TILE_COMPONENT_BYTES: u64 = 1 << 10;

impl Pieces {
    /// Returns the maximum number of bytes needed to decode one piece, including its converted pixels.
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

    /// Returns the number of bytes taken up by code blocks and precincts in the tile being decoded.
    fn structure_bytes(&self) -> u64 {
        let grid = &self.codestream.grid;
        let components = grid.components.len() as u64;
        let (width, height) = grid.max_tile_points();
        let codings = &self.codestream.codings;
        let bytes = |coding: &Coding| coding.structure_bytes((width, height), codings.layers, self.codestream.changes);
        // Coding styles may vary by tile and component. We don't track which tile uses which style, so assume the most
        // expensive one for all of them.
        codings.all.iter().map(bytes).max().unwrap_or(0).saturating_mul(components)
    }

    /// Returns the maximum number of bytes needed to decode with the given number of threads.
    pub(super) fn bytes(&self, size: Size, threads: usize) -> u64 {
        let (_, height) = self.max_pixels();
        let row_of_pieces = (self.channels.samples.row_bytes(size.width()) as u64).saturating_mul(height.into());
        // A single piece has already been counted. If there are multiple columns, a row of pixels spans all tiles in
        // that row of tiles, so they have to be held together. For an RGB image 100,000 pixels wide with tiles of
        // 1024, that takes 300 MB. This is a lot, but the whole image would take 100 times as much.
        let held = if self.columns() > 1 { row_of_pieces } else { 0 };
        let parts = size_of_val(&self.codestream.parts.all[..]) as u64;
        let at_work = self.bytes_of_one().saturating_mul(threads as u64);
        held.saturating_add(at_work).saturating_add(parts).min(MAX_BYTES)
    }
}
