//! Splits an image into pieces. A piece is a single tile or the whole image, written as a separate file for the
//! decoder.
//!
//! The reference grid doesn't change. SIZ places the image at the tile's position, so wavelets, precincts and code
//! blocks all start at the same coordinates as before.

use super::DecodeError;
use super::channels::Channels;
use super::codestream::Codestream;
use super::size::{Grid, Rectangle};
use super::tile_parts::TilePart;
use crate::source::{Input, resize};
#[cfg(feature = "openjpeg")]
use std::io::{self, Cursor, Read};

/// Byte offsets of the tile index and the length within a tile-part.
const TILE_NUMBER: usize = 4;
const LENGTH: usize = 6;

const START_OF_CODESTREAM: [u8; 2] = [0xff, 0x4f];
const END_OF_CODESTREAM: [u8; 2] = [0xff, 0xd9];

/// Position of a piece, in units of pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct PiecePosition {
    pub(super) column: u32,
    pub(super) row: u32,
}

/// An image's pieces.
pub(super) struct Pieces {
    pub(super) codestream: Codestream,
    pub(super) channels: Channels,
    /// The image is decoded tile by tile.
    is_split: bool,
}

impl Pieces {
    pub(super) fn new(codestream: Codestream, channels: Channels) -> Self {
        let grid = &codestream.grid;
        // A tile can only become a separate file if decoding it doesn't require any data from outside the tile. Three
        // things prevent that: tiles that share samples because their edges aren't multiples of the subsampling, tiles
        // smaller than a pixel, and PPM segments in the main header (A.7.4), which store the packet headers of all
        // tiles in one sequence. Images like these are decoded all at once, which `decoder_bytes` takes into account.
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

    /// Returns the number of pieces per row.
    pub(super) fn columns(&self) -> u32 {
        if self.is_split { self.grid().columns() } else { 1 }
    }

    pub(super) fn rectangle(&self, position: PiecePosition) -> Rectangle {
        if self.is_split { self.grid().tile(position.column, position.row) } else { self.grid().image }
    }

    /// Returns a piece's width and height in pixels.
    pub(super) fn pixels(&self, position: PiecePosition) -> (u32, u32) {
        self.grid().pixels(self.rectangle(position))
    }

    /// Returns the width and height of the largest piece in pixels.
    pub(super) fn max_pixels(&self) -> (u32, u32) {
        let (columns, rows) = (self.columns(), if self.is_split { self.grid().rows() } else { 1 });
        // The first and last tiles may be smaller, but all tiles in between are the same size.
        let widths =
            [0, 1, columns - 1].map(|column| self.pixels(PiecePosition { column: column.min(columns - 1), row: 0 }).0);
        let heights = [0, 1, rows - 1].map(|row| self.pixels(PiecePosition { column: 0, row: row.min(rows - 1) }).1);
        (widths.into_iter().max().unwrap_or(0), heights.into_iter().max().unwrap_or(0))
    }

    /// Returns the number of tiles per piece.
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

    /// Returns the compressed size of the largest piece in bytes.
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

    /// Returns `true` if the components are the samples of each pixel as they are.
    #[cfg(feature = "openjpeg")]
    pub(super) fn has_direct_samples(&self) -> bool {
        self.channels.are_components && self.grid().has_equal_components()
    }

    /// Returns a reader for the codestream of an image that isn't split, and its length. Unlike a piece, it isn't kept in
    /// memory.
    #[cfg(feature = "openjpeg")]
    pub(super) fn codestream_reader(&self, file: &Input) -> (CodestreamReader, u64) {
        let mut head = START_OF_CODESTREAM.to_vec();
        head.extend(self.grid().encode(self.grid().image, false));
        head.extend(&self.codestream.segments);
        let parts = self.codestream.parts.all.clone();
        let data: u64 = parts.iter().map(|part| u64::from(part.bytes)).sum();
        let length = data + (head.len() + END_OF_CODESTREAM.len()) as u64;
        let (file, ended) = (file.clone(), false);
        let reader = CodestreamReader {
            data: file.part(0, 0),
            file,
            changed: Cursor::new(head),
            parts: parts.into_iter(),
            ended,
        };
        (reader, length)
    }

    /// Reads a piece and converts it to a complete file.
    pub(super) fn read(&self, position: PiecePosition, file: &Input) -> Result<Vec<u8>, DecodeError> {
        // The decoder's file consists of the boxes that define the components, SIZ with the tile's rectangle as the
        // image area, the remaining main header segments unchanged, and the tile-parts. A tile's wavelet depends on
        // its coordinates on the reference grid (B.5): if the left edge is odd, it starts with a high-pass sample. For
        // that reason the tile stays in place and the image shrinks around it. Moving the tile to the origin would
        // corrupt the pixels along every edge.
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
            // This file contains just one tile.
            number.fill(0);
        }
        // The decoder doesn't support an unspecified length.
        length[..4].copy_from_slice(&part.bytes.to_be_bytes());
        Ok(())
    }
}

/// Reads a codestream from its parts in a file.
#[cfg(feature = "openjpeg")]
pub(super) struct CodestreamReader {
    file: Input,
    /// Bytes that come next, and aren't the same as in the file.
    changed: Cursor<Vec<u8>>,
    /// Section of the file that follows them.
    data: Input,
    parts: std::vec::IntoIter<TilePart>,
    ended: bool,
}

#[cfg(feature = "openjpeg")]
impl CodestreamReader {
    /// Moves to the next tile-part or the end marker. Returns `false` if there is nothing left.
    fn next(&mut self) -> io::Result<bool> {
        let Some(part) = self.parts.next() else {
            self.changed = Cursor::new(END_OF_CODESTREAM.to_vec());
            return Ok(!std::mem::replace(&mut self.ended, true));
        };
        let mut start = vec![0; LENGTH + 4];
        self.file.read_exact_at(part.offset, &mut start)?;
        start[LENGTH..].copy_from_slice(&part.bytes.to_be_bytes());
        let known = start.len() as u64;
        self.data = self.file.part(part.offset + known, u64::from(part.bytes) - known);
        self.changed = Cursor::new(start);
        Ok(true)
    }
}

#[cfg(feature = "openjpeg")]
impl Read for CodestreamReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            for source in [&mut self.changed as &mut dyn Read, &mut self.data] {
                match source.read(into)? {
                    0 => {}
                    count => return Ok(count),
                }
            }
            if into.is_empty() || !self.next()? {
                return Ok(0);
            }
        }
    }
}

/// Returns `true` if there are multiple tiles and all of them contain pixels.
fn is_tiled(grid: &Grid) -> bool {
    let (columns, rows) = (grid.columns(), grid.rows());
    let has_pixels = |column: u32, row: u32| {
        let (width, height) = grid.pixels(grid.tile(column, row));
        width > 0 && height > 0
    };
    // Only tiles at the edges can be smaller than a pixel.
    columns * rows > 1 && has_pixels(0, 0) && has_pixels(columns - 1, rows - 1)
}
