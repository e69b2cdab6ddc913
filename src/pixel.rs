//! What moves between the blocking stages: strips of pixels, and the tiles that are cut out of them.

use crate::iiif::{Cell, ScaleFactor, Size};
use std::collections::TryReserveError;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

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
        self.pixels.bytes.chunks_exact(row_bytes).take(self.size.height() as usize)
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
}

/// The memory of one strip. Dropped, it goes back to the pool it came from.
#[derive(Debug)]
pub struct StripBuffer {
    bytes: Vec<u8>,
    home: SyncSender<Vec<u8>>,
}

impl StripBuffer {
    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for StripBuffer {
    fn drop(&mut self) {
        // Fails only where the pool is gone, and then the memory is simply freed.
        let _ = self.home.try_send(std::mem::take(&mut self.bytes));
    }
}

/// The strips of one level: so many and no more, which bounds the memory of a level and slows the reader down to the
/// speed of the encoders and the bucket. They are used again, because fresh memory costs as much as halving it.
#[derive(Debug)]
pub struct StripPool {
    strip_bytes: usize,
    home: SyncSender<Vec<u8>>,
    free: Receiver<Vec<u8>>,
}

impl StripPool {
    /// A pool of `count` strips of `strip_bytes`; they are allocated when they are first taken.
    #[must_use]
    pub fn new(count: usize, strip_bytes: usize) -> Self {
        let (home, free) = sync_channel(count);
        for _ in 0..count {
            home.try_send(Vec::new()).expect("the channel holds as many as there are");
        }
        Self { strip_bytes, home, free }
    }

    /// A strip's memory; waits until one is free.
    ///
    /// # Errors
    /// Where the machine has not so much memory.
    pub fn take(&self) -> Result<StripBuffer, TryReserveError> {
        let mut bytes = self.free.recv().expect("the pool itself holds a sender");
        bytes.try_reserve_exact(self.strip_bytes.saturating_sub(bytes.len()))?;
        bytes.resize(self.strip_bytes, 0);
        Ok(StripBuffer { bytes, home: self.home.clone() })
    }
}
