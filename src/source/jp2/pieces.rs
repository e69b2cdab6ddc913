//! Pieces of an image, which are single tiles or the whole image, each written as its own file for the decoder.
//!
//! The reference grid stays the same: SIZ declares that the image is where the tile is, so wavelets, precincts and code
//! blocks start where they started.

use super::DecodeError;
use super::channels::Channels;
use super::codestream::Codestream;
use super::size::{Grid, Rectangle};
use super::tile_parts::TilePart;
use crate::source::{Input, resize};

/// Offsets of the tile index and of the length in a tile-part.
const TILE_NUMBER: usize = 4;
const LENGTH: usize = 6;

const START_OF_CODESTREAM: [u8; 2] = [0xff, 0x4f];
const END_OF_CODESTREAM: [u8; 2] = [0xff, 0xd9];

/// Position of a piece, counted in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct PiecePosition {
    pub(super) column: u32,
    pub(super) row: u32,
}

/// The pieces of an image.
pub(super) struct Pieces {
    pub(super) codestream: Codestream,
    pub(super) channels: Channels,
    /// The image is decoded tile by tile.
    is_split: bool,
}

impl Pieces {
    pub(super) fn new(codestream: Codestream, channels: Channels) -> Self {
        let grid = &codestream.grid;
        // A tile is a file of its own only if nothing outside of it is needed to decode it. Three things are in the
        // way: tiles that share samples, because their edges are not multiples of the subsampling; tiles that are
        // smaller than a pixel; and PPM segments in the main header (A.7.4), which hold the packet headers of all tiles
        // in one sequence. Such images are decoded as a whole, and the header says so in `decoder_bytes`.
        let is_split = is_tiled(grid) && grid.has_independent_tiles() && !codestream.has_packed_headers;
        Self { codestream, channels, is_split }
    }

    #[cfg(test)]
    pub(super) fn keep_whole(&mut self) {
        self.is_split = false;
    }

    fn grid(&self) -> &Grid {
        &self.codestream.grid
    }

    /// Returns the number of pieces in a row.
    pub(super) fn columns(&self) -> u32 {
        if self.is_split { self.grid().columns() } else { 1 }
    }

    fn rectangle(&self, position: PiecePosition) -> Rectangle {
        if self.is_split { self.grid().tile(position.column, position.row) } else { self.grid().image }
    }

    /// Returns the width and height of a piece in pixels.
    pub(super) fn pixels(&self, position: PiecePosition) -> (u32, u32) {
        self.grid().pixels(self.rectangle(position))
    }

    /// Returns the width and height of the largest piece in pixels.
    pub(super) fn max_pixels(&self) -> (u32, u32) {
        let (columns, rows) = (self.columns(), if self.is_split { self.grid().rows() } else { 1 });
        // The first and last tiles may be smaller; all between them have the same size.
        let widths =
            [0, 1, columns - 1].map(|column| self.pixels(PiecePosition { column: column.min(columns - 1), row: 0 }).0);
        let heights = [0, 1, rows - 1].map(|row| self.pixels(PiecePosition { column: 0, row: row.min(rows - 1) }).1);
        (widths.into_iter().max().unwrap_or(0), heights.into_iter().max().unwrap_or(0))
    }

    /// Returns the number of tiles in a piece.
    pub(super) fn tiles_of_one(&self) -> u64 {
        if self.is_split { 1 } else { u64::from(self.grid().columns()) * u64::from(self.grid().rows()) }
    }

    fn parts(&self, position: PiecePosition) -> &[TilePart] {
        let parts = &self.codestream.parts;
        if !self.is_split {
            return &parts.all;
        }
        let tile = position.row * self.grid().columns() + position.column;
        parts.of_tile(u16::try_from(tile).expect("there are at most 65,535"))
    }

    /// Returns the bytes of the largest compressed piece.
    pub(super) fn max_bytes(&self) -> u64 {
        let bytes = |parts: &[TilePart]| parts.iter().map(|part| u64::from(part.bytes)).sum::<u64>();
        let all = &self.codestream.parts.all;
        let max = if self.is_split {
            all.chunk_by(|one, other| one.tile == other.tile).map(bytes).max().unwrap_or(0)
        } else {
            bytes(all)
        };
        max + self.codestream.segments.len() as u64 + self.channels.head.len() as u64
    }

    /// Reads a piece and writes it as a complete file.
    pub(super) fn read(&self, position: PiecePosition, file: &Input) -> Result<Vec<u8>, DecodeError> {
        // The file for the decoder: the boxes that give the components their meaning, SIZ with the rectangle of the
        // tile as the image, the other segments of the main header as they are, and the tile-parts. The wavelet of a
        // tile depends on its coordinates on the reference grid (B.5): an odd left edge begins with a high-pass sample.
        // So the tile keeps its place, and the image around it is what shrinks. Moving the tile to the origin gives
        // pixels that are wrong along all edges.
        let mut bytes = self.channels.head.clone();
        bytes.extend(START_OF_CODESTREAM);
        bytes.extend(self.grid().encode(self.rectangle(position), self.is_split));
        bytes.extend(&self.codestream.segments);
        let parts = self.parts(position);
        let more: u64 = parts.iter().map(|part| u64::from(part.bytes)).sum();
        bytes.try_reserve_exact(usize::try_from(more)?.saturating_add(END_OF_CODESTREAM.len()))?;
        for part in parts {
            let from = bytes.len();
            resize(&mut bytes, 1, from + part.bytes as usize)?;
            self.read_part(part, file, &mut bytes[from..])?;
        }
        bytes.extend(END_OF_CODESTREAM);
        Ok(bytes)
    }

    fn read_part(&self, part: &TilePart, file: &Input, bytes: &mut [u8]) -> Result<(), DecodeError> {
        file.read_exact_at(part.offset, bytes)?;
        let (number, length) = bytes[TILE_NUMBER..].split_at_mut(LENGTH - TILE_NUMBER);
        if self.is_split {
            // There is only one tile in this file.
            number.fill(0);
        }
        // The decoder does not support an open length.
        length[..4].copy_from_slice(&part.bytes.to_be_bytes());
        Ok(())
    }
}

/// Returns `true` if there are several tiles, with pixels in each.
fn is_tiled(grid: &Grid) -> bool {
    let (columns, rows) = (grid.columns(), grid.rows());
    let has_pixels = |column: u32, row: u32| {
        let (width, height) = grid.pixels(grid.tile(column, row));
        width > 0 && height > 0
    };
    // Only tiles at the edges can be smaller than a pixel.
    columns * rows > 1 && has_pixels(0, 0) && has_pixels(columns - 1, rows - 1)
}
