//! Data passed between the blocking stages: strips of pixels or JPEG blocks, and tiles cut from them.

mod blocks;
mod halve;
mod pool;
mod spare;

pub use blocks::{Block, BlockColors, BlockLayout, BlockStrip, BlockTile, Component};
pub(crate) use halve::halve_rows;
pub use pool::{StripBuffer, StripPool};
pub use spare::{Keeping, SpareStrips};

use crate::iiif::{Cell, ScaleFactor, Size};
use std::sync::Arc;

/// Pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// One byte per pixel, gray.
    Gray8,
    /// Three bytes per pixel: red, green and blue.
    Rgb8,
}

impl PixelFormat {
    /// Returns the number of channels. Each channel takes one byte per pixel.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgb8 => 3,
        }
    }

    /// Returns the number of bytes in a row of `width` pixels.
    #[must_use]
    pub fn row_bytes(self, width: u32) -> usize {
        width as usize * self.channels()
    }
}

/// Scale of decoded rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowScale {
    /// Full size, as stored in the file.
    Full,
    /// Half the width and height, rounded up. Much faster with decoders that can scale while decoding.
    Half,
}

/// Pixel rows for one row of tiles in a level. Strips are as tall as a tile, except that the last one can be shorter.
#[derive(Debug)]
pub struct Strip {
    /// Scale factor of the level.
    pub scale: ScaleFactor,
    /// Index of the tile row, counted from 0.
    pub row: u32,
    /// Strip size in pixels. The width matches the level.
    pub size: Size,
    /// Pixel format.
    pub format: PixelFormat,
    pixels: StripBuffer,
}

impl Strip {
    /// Creates a strip from the rows at the start of `pixels`.
    #[must_use]
    pub fn new(scale: ScaleFactor, row: u32, size: Size, format: PixelFormat, pixels: StripBuffer) -> Self {
        Self { scale, row, size, format, pixels }
    }

    /// Returns the rows from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let row_bytes = self.format.row_bytes(self.size.width());
        self.pixels.items().chunks_exact(row_bytes).take(self.size.height() as usize)
    }
}

/// A tile, stored as a view into its strip to avoid copying pixels before encoding.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Tile position.
    pub cell: Cell,
    /// Tile size in pixels.
    pub size: Size,
    strip: Arc<Strip>,
    first_byte: usize,
}

impl Tile {
    /// Returns the tile at `column`, or `None` past the strip's right edge. `tile_size` is the tile width in pixels.
    #[must_use]
    pub fn cut(strip: &Arc<Strip>, column: u32, tile_size: u32) -> Option<Self> {
        let x = column.checked_mul(tile_size)?;
        let width = strip.size.width().checked_sub(x)?.min(tile_size);
        Some(Self {
            cell: Cell { scale: strip.scale, column, row: strip.row },
            size: Size::new(width, strip.size.height()).ok()?,
            strip: Arc::clone(strip),
            first_byte: strip.format.row_bytes(x),
        })
    }

    /// Returns the pixel format.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.strip.format
    }

    /// Returns the rows from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let row_bytes = self.strip.format.row_bytes(self.size.width());
        self.strip.rows().map(move |row| &row[self.first_byte..self.first_byte + row_bytes])
    }

    /// Returns the tile's color, with one byte per channel, if all of its pixels are identical.
    #[must_use]
    pub fn color(&self) -> Option<&[u8]> {
        let mut rows = self.rows();
        let (first, channels) = (rows.next()?, self.format().channels());
        // Comparing the row with itself, shifted by one pixel, takes a single memory comparison instead of a loop over
        // pixels.
        let (color, rest) = first.split_at(channels);
        // In the first row, every pixel must equal the previous one. All other rows must equal the first.
        (rest == &first[..rest.len()] && rows.all(|row| row == first)).then_some(color)
    }
}
