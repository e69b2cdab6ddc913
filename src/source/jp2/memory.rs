//! Estimates memory use before decoding the first pixel.

use super::DecodeError;
use super::coding::Coding;
use super::pieces::Pieces;
use crate::iiif::Size;

/// Number of bytes per pixel of a piece, in addition to its samples and four bytes per component. This covers the
/// coefficients and the wavelet output, plus another quarter of the output. Measured totals for 24 and 108 megapixels
/// are 23.6 bytes per pixel for RGB and 13.7 for gray.
const WAVELET_BYTES: u64 = 9;

/// The same for OpenJPEG with a whole tile of High-Throughput JPEG 2000, which it transforms in place.
#[cfg(feature = "openjpeg")]
const IN_PLACE_BYTES: u64 = 2;

/// Number of rows that OpenJPEG reads around a band at each resolution, for the wavelet.
#[cfg(feature = "openjpeg")]
const MARGIN_ROWS: u64 = 8;

/// Height of the blocks that OpenJPEG divides coefficients into while it transforms them.
#[cfg(feature = "openjpeg")]
const SPARSE_ROWS: u64 = 64;

/// Number of rows to decode at once. Each band parses the packet headers again, so thin bands take longer: 64 rows take
/// 30% longer than 256 for an image 4000 pixels wide.
#[cfg(feature = "openjpeg")]
pub(super) const BAND_ROWS: u32 = 256;

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
        let of_pixel = planes * SAMPLE_BYTES + self.wavelet_bytes() + self.channels.samples.pixel_bytes() as u64;
        let tiles = self.tiles_of_one().saturating_mul(components * TILE_COMPONENT_BYTES);
        [pixels.saturating_mul(of_pixel), self.structure_bytes(), tiles, self.max_bytes(), self.copied_bytes()]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    #[cfg(not(feature = "openjpeg"))]
    #[expect(clippy::unused_self, reason = "used with the feature")]
    fn wavelet_bytes(&self) -> u64 {
        WAVELET_BYTES
    }

    #[cfg(feature = "openjpeg")]
    fn wavelet_bytes(&self) -> u64 {
        if self.codestream.codings.are_high_throughput() { IN_PLACE_BYTES } else { WAVELET_BYTES }
    }

    /// Returns what OpenJPEG needs in addition for a piece of High-Throughput JPEG 2000.
    #[cfg(feature = "openjpeg")]
    fn copied_bytes(&self) -> u64 {
        if self.codestream.codings.are_high_throughput() { self.openjpeg_bytes() } else { 0 }
    }

    #[cfg(not(feature = "openjpeg"))]
    #[expect(clippy::unused_self, reason = "used with the feature")]
    fn copied_bytes(&self) -> u64 {
        0
    }

    /// Returns the number of bytes that OpenJPEG needs in addition to samples and [structures](Self::structure_bytes):
    /// another copy of the compressed data while it grows, larger structures, and the packets that have been read.
    #[cfg(feature = "openjpeg")]
    fn openjpeg_bytes(&self) -> u64 {
        let codings = &self.codestream.codings;
        let components = self.codestream.grid.components.len() as u64;
        let packets =
            codings.all.iter().map(|it| it.packets(self.codestream.grid.max_tile_points())).max().unwrap_or(0);
        let packets = packets.saturating_mul(2 * components).saturating_mul(u64::from(codings.layers) + 1);
        [2 * self.max_bytes(), self.structure_bytes(), packets].into_iter().fold(0, u64::saturating_add)
    }

    /// Returns the maximum number of bytes needed to decode an image in bands.
    #[cfg(feature = "openjpeg")]
    pub(super) fn band_bytes(&self) -> u64 {
        let (width, height) = self.max_pixels();
        let (width, rows) = (u64::from(width), u64::from(BAND_ROWS.min(height)));
        let codings = &self.codestream.codings;
        // Each level halves the coefficients of the one above. Its three sub-bands, and the one that's left at the end,
        // are held in whole rows of blocks.
        let held = |block_rows: u64| {
            let of_level = |level: u32| (width >> level) + 1;
            let with_blocks = |level: u32| (rows >> level) + MARGIN_ROWS + 2 * block_rows;
            let of_bands = (1..=u32::from(codings.max_levels())).map(|level| 3 * of_level(level) * with_blocks(level));
            of_bands.sum::<u64>() + width * with_blocks(0)
        };
        // Code blocks and the sparse array, then the transformed band and its copy.
        let samples = held(codings.max_block_height().into()) + held(SPARSE_ROWS) + 2 * width * rows;
        let components = self.codestream.grid.components.len() as u64;
        let decoded = samples.saturating_mul(SAMPLE_BYTES * components);
        let converted = width * rows * self.channels.samples.pixel_bytes() as u64;
        let parts = size_of_val(&self.codestream.parts.all[..]) as u64;
        [decoded, converted, parts, self.structure_bytes(), self.openjpeg_bytes()]
            .into_iter()
            .fold(0, u64::saturating_add)
            .min(MAX_BYTES)
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

/// Fails if the machine can't provide the memory, because the decoder would otherwise abort the program.
pub(super) fn check_memory(bytes: u64) -> Result<(), DecodeError> {
    let not_there = || format!("decoding it needs {bytes} bytes of memory, which are not available");
    let bytes = usize::try_from(bytes).map_err(|_| not_there())?;
    // The memory is freed again right away. This only checks whether the system would grant it. Linux usually grants
    // more than it has, so this catches absurd sizes and process limits, and the run's memory budget takes care of
    // the rest.
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| not_there().into())
}
