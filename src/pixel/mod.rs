//! What moves between the blocking stages: strips of pixels, or of the blocks of a JPEG, and the tiles that are cut out of them.

mod blocks;
mod pool;

pub use blocks::{Block, BlockLayout, BlockStrip, BlockTile, Component};
pub use pool::{StripBuffer, StripPool};

use crate::iiif::{Cell, ScaleFactor, Size};
use std::sync::Arc;

/// What stands behind one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// One byte of grey.
    Grey8,
    /// Three bytes: red, green, blue.
    Rgb8,
}

impl PixelFormat {
    /// Bytes for one pixel.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Grey8 => 1,
            Self::Rgb8 => 3,
        }
    }

    /// Bytes for one row.
    #[must_use]
    pub fn row_bytes(self, width: u32) -> usize {
        width as usize * self.channels()
    }
}

/// The size of decoded rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowScale {
    /// As the file has it.
    Full,
    /// Half in both directions, rounded up: decoded so at once, which costs much less.
    Half,
}

/// Rows of one level, as many as a tile is high or as are left: one row of tiles.
#[derive(Debug)]
pub struct Strip {
    /// The level.
    pub scale: ScaleFactor,
    /// Which row of tiles, from 0.
    pub row: u32,
    /// As wide as the level.
    pub size: Size,
    /// What its pixels are.
    pub format: PixelFormat,
    pixels: StripBuffer,
}

impl Strip {
    /// A strip whose rows fill the beginning of `pixels`.
    #[must_use]
    pub fn new(scale: ScaleFactor, row: u32, size: Size, format: PixelFormat, pixels: StripBuffer) -> Self {
        Self { scale, row, size, format, pixels }
    }

    /// Its rows, from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let row_bytes = self.format.row_bytes(self.size.width());
        self.pixels.items().chunks_exact(row_bytes).take(self.size.height() as usize)
    }
}

/// One tile: a view of the strip that holds it, so that nothing is copied before the encoder reads it.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Where it stands.
    pub cell: Cell,
    /// What it measures.
    pub size: Size,
    strip: Arc<Strip>,
    first_byte: usize,
}

impl Tile {
    /// The tile in `column` of a strip whose tiles are `tile_size` pixels wide; `None` beyond the right edge.
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

    /// What its pixels are.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.strip.format
    }

    /// Its rows, from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let row_bytes = self.strip.format.row_bytes(self.size.width());
        self.strip.rows().map(move |row| &row[self.first_byte..self.first_byte + row_bytes])
    }

    /// The samples of each of its pixels, where all are the same.
    #[must_use]
    pub fn colour(&self) -> Option<&[u8]> {
        let mut rows = self.rows();
        let (first, channels) = (rows.next()?, self.format().channels());
        let (colour, rest) = first.split_at(channels);
        // Every pixel is the one before it, and every row the first.
        (rest == &first[..rest.len()] && rows.all(|row| row == first)).then_some(colour)
    }
}
