//! An image in pieces: one tile each, or all of it. Each is written down as a file of its own, for the decoder.
//!
//! The canvas stays what it was: SIZ says that the image is where the tile is, and so wavelets, precincts and code blocks
//! begin where they began.

use super::DecodeError;
use super::channels::Channels;
use super::codestream::Codestream;
use super::size::{Grid, Rectangle};
use super::tile_parts::TilePart;
use crate::source::{Input, resize};

/// Where the number of the tile stands in a tile-part, and how many bytes it has.
const TILE_NUMBER: usize = 4;
const LENGTH: usize = 6;

const START_OF_CODESTREAM: [u8; 2] = [0xff, 0x4f];
const END_OF_CODESTREAM: [u8; 2] = [0xff, 0xd9];

/// A tile, or the whole image: its place among its like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) column: u32,
    pub(super) row: u32,
}

/// What is decoded at a time.
pub(super) struct Pieces {
    pub(super) codestream: Codestream,
    pub(super) channels: Channels,
    /// Whether it is decoded tile by tile.
    pub(super) is_split: bool,
}

impl Pieces {
    pub(super) fn new(codestream: Codestream, channels: Channels) -> Self {
        let grid = &codestream.grid;
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

    /// From left to right.
    pub(super) fn columns(&self) -> u32 {
        if self.is_split { self.grid().columns() } else { 1 }
    }

    fn rectangle(&self, place: Place) -> Rectangle {
        if self.is_split { self.grid().tile(place.column, place.row) } else { self.grid().image }
    }

    /// Pixels across and down.
    pub(super) fn pixels(&self, place: Place) -> (u32, u32) {
        self.grid().pixels(self.rectangle(place))
    }

    /// Pixels of the largest piece across and down.
    pub(super) fn most_pixels(&self) -> (u32, u32) {
        let (columns, rows) = (self.columns(), if self.is_split { self.grid().rows() } else { 1 });
        // The first and the last tile may be smaller; between them all are alike.
        let widths = [0, 1, columns - 1].map(|column| self.pixels(Place { column: column.min(columns - 1), row: 0 }).0);
        let heights = [0, 1, rows - 1].map(|row| self.pixels(Place { column: 0, row: row.min(rows - 1) }).1);
        (widths.into_iter().max().unwrap_or(0), heights.into_iter().max().unwrap_or(0))
    }

    /// Tiles that the decoder finds in a piece.
    pub(super) fn tiles_of_one(&self) -> u64 {
        if self.is_split { 1 } else { u64::from(self.grid().columns()) * u64::from(self.grid().rows()) }
    }

    fn parts(&self, place: Place) -> &[TilePart] {
        let parts = &self.codestream.parts;
        if !self.is_split {
            return &parts.all;
        }
        let tile = place.row * self.grid().columns() + place.column;
        parts.of_tile(u16::try_from(tile).expect("there are at most 65,535"))
    }

    /// Bytes of the compressed piece that has the most.
    pub(super) fn most_bytes(&self) -> u64 {
        let bytes = |parts: &[TilePart]| parts.iter().map(|part| u64::from(part.bytes)).sum::<u64>();
        let all = &self.codestream.parts.all;
        let most = if self.is_split {
            all.chunk_by(|one, other| one.tile == other.tile).map(bytes).max().unwrap_or(0)
        } else {
            bytes(all)
        };
        most + self.codestream.segments.len() as u64 + self.channels.head.len() as u64
    }

    /// A piece as a file.
    pub(super) fn read(&self, place: Place, file: &Input) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = self.channels.head.clone();
        bytes.extend(START_OF_CODESTREAM);
        bytes.extend(self.grid().written(self.rectangle(place), self.is_split));
        bytes.extend(&self.codestream.segments);
        let parts = self.parts(place);
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
            number.fill(0);
        }
        // The decoder does not find the end where the length is left open.
        length[..4].copy_from_slice(&part.bytes.to_be_bytes());
        Ok(())
    }
}

/// Whether there are several tiles, with pixels in each.
fn is_tiled(grid: &Grid) -> bool {
    let (columns, rows) = (grid.columns(), grid.rows());
    let has_pixels = |column: u32, row: u32| {
        let (width, height) = grid.pixels(grid.tile(column, row));
        width > 0 && height > 0
    };
    // Only those at the edges can be smaller than a pixel.
    columns * rows > 1 && has_pixels(0, 0) && has_pixels(columns - 1, rows - 1)
}
