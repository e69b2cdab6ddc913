//! The data that moves between the blocking stages: strips of pixels or JPEG blocks, and the tiles cut from them.

mod blocks;
mod pool;

pub use blocks::{Block, BlockLayout, BlockStrip, BlockTile, Component};
pub use pool::{StripBuffer, StripPool};

use crate::iiif::{Cell, ScaleFactor, Size};
use std::sync::Arc;

/// The pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// One byte of gray.
    Gray8,
    /// Three bytes: red, green, blue.
    Rgb8,
}

impl PixelFormat {
    /// Returns the number of channels: bytes per pixel.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgb8 => 3,
        }
    }

    /// Returns the number of bytes per row of `width` pixels.
    #[must_use]
    pub fn row_bytes(self, width: u32) -> usize {
        width as usize * self.channels()
    }
}

/// The scale of decoded rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowScale {
    /// Full size, as stored in the file.
    Full,
    /// Half the width and height, rounded up. Decoders that scale while decoding do this much faster.
    Half,
}

/// One row of tiles of a level, as rows of pixels. It is as high as a tile; the last strip can be lower.
#[derive(Debug)]
pub struct Strip {
    /// The scale factor of the level.
    pub scale: ScaleFactor,
    /// The row of tiles, counted from 0.
    pub row: u32,
    /// The size in pixels. The width is that of the level.
    pub size: Size,
    /// The pixel format.
    pub format: PixelFormat,
    pixels: StripBuffer,
}

impl Strip {
    /// Creates a strip. Its rows fill the beginning of `pixels`.
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

/// One tile: a view of the strip that holds its pixels, so that nothing is copied before encoding.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The position of the tile.
    pub cell: Cell,
    /// The size in pixels.
    pub size: Size,
    strip: Arc<Strip>,
    first_byte: usize,
}

impl Tile {
    /// Returns the tile in `column` of a strip, or `None` beyond the right edge. `tile_size` is the tile width in
    /// pixels.
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

    /// Returns the samples of one pixel if all pixels of the tile are equal, otherwise `None`.
    #[must_use]
    pub fn color(&self) -> Option<&[u8]> {
        let mut rows = self.rows();
        let (first, channels) = (rows.next()?, self.format().channels());
        // Comparing the row with itself, shifted by one pixel, is one comparison of memory instead of a loop over
        // pixels.
        let (color, rest) = first.split_at(channels);
        // Each pixel of the first row must equal its predecessor, and each row must equal the first.
        (rest == &first[..rest.len()] && rows.all(|row| row == first)).then_some(color)
    }
}
