//! Fills the strips of a single level.
//!
//! Rows are halved in pairs while completed strips are passed on to the encoders. If the tile height is odd, a pair can
//! span two strips.
//!
//! Invariants after calling [`Level::halve_into`] until it returns `false`:
//! - `halved <= filled <= strip_rows()`, and at most one filled row hasn't been halved.
//! - Every row of a completed strip was halved or saved in `unpaired`, except in the last level, which isn't halved.
//!   Strips are never read again after they are handed out, so their buffers can be reused.
//!
//! Halving whole strips would require even tile heights, or both strips of a pair in memory. Saving one row is cheaper.

use super::STRIPS_PER_LEVEL;
use crate::iiif::{ScaleFactor, Size};
use crate::pixel::{PixelFormat, SpareStrips, Strip, StripBuffer, StripPool, halve_rows};
use std::collections::TryReserveError;

/// A pyramid level along with its current strip, filled from top to bottom.
#[derive(Debug)]
pub(super) struct Level {
    scale: ScaleFactor,
    size: Size,
    tile_size: u32,
    format: PixelFormat,
    pool: StripPool,
    /// The strip being filled, or `None` between strips.
    pixels: Option<StripBuffer>,
    /// Strip index, counted from 0.
    strip: u32,
    /// Number of filled rows in the strip, and number of rows that the last `next_rows` call handed out for filling.
    filled: u32,
    offered: u32,
    /// Number of rows in the strip that were halved into the next level.
    halved: u32,
    /// Last row of a strip with an odd number of rows, kept until the first row of the next strip completes the pair.
    unpaired: Option<Vec<u8>>,
}

impl Level {
    pub(super) fn new(
        scale: ScaleFactor,
        size: Size,
        tile_size: u32,
        format: PixelFormat,
        spare: &SpareStrips,
    ) -> Self {
        let strip_bytes = format.row_bytes(size.width()) * size.height().min(tile_size) as usize;
        let pool = StripPool::with_spare(STRIPS_PER_LEVEL, strip_bytes, spare);
        Self {
            scale,
            size,
            tile_size,
            format,
            pool,
            pixels: None,
            strip: 0,
            filled: 0,
            offered: 0,
            halved: 0,
            unpaired: None,
        }
    }

    fn row_bytes(&self) -> usize {
        self.format.row_bytes(self.size.width())
    }

    /// Returns the number of rows in the current strip when it is full, or 0 past the bottom of the image.
    fn strip_rows(&self) -> u32 {
        let above = u64::from(self.strip) * u64::from(self.tile_size);
        let left = u64::from(self.size.height()).saturating_sub(above);
        u32::try_from(left.min(u64::from(self.tile_size))).expect("at most a tile size")
    }

    fn is_last_strip(&self) -> bool {
        let below = (u64::from(self.strip) + 1) * u64::from(self.tile_size);
        below >= u64::from(self.size.height())
    }

    /// Returns memory for up to `count` more rows in the strip, or `None` if the level is complete.
    pub(super) fn next_rows(&mut self, count: u32) -> Result<Option<&mut [u8]>, TryReserveError> {
        let left = self.strip_rows() - self.filled;
        if left == 0 {
            return Ok(None);
        }
        self.offered = left.min(count);
        let row_bytes = self.row_bytes();
        let (first, rows) = (self.filled as usize, self.offered as usize);
        if self.pixels.is_none() {
            self.pixels = Some(self.pool.take()?);
        }
        let bytes = |pixels| &mut StripBuffer::items_mut(pixels)[first * row_bytes..(first + rows) * row_bytes];
        Ok(self.pixels.as_mut().map(bytes))
    }

    /// Returns `true` if the level has memory for its next row or doesn't need any. Doesn't wait.
    pub(super) fn try_reserve(&mut self) -> bool {
        self.pixels.is_some() || self.strip_rows() == 0 || self.pool.try_reserve()
    }

    /// Waits until the level has memory for its next row.
    pub(super) fn reserve(&mut self) {
        if !self.try_reserve() {
            self.pool.reserve();
        }
    }

    pub(super) fn rows_filled(&mut self) {
        self.filled += std::mem::take(&mut self.offered);
    }

    /// Halves the next pair of rows into `next`. Returns `false` if no pair is available yet.
    pub(super) fn halve_into(&mut self, next: &mut Self) -> Result<bool, TryReserveError> {
        let row_bytes = self.row_bytes();
        let Some(pixels) = &self.pixels else { return Ok(false) };
        let row = |index: u32| &pixels.items()[index as usize * row_bytes..][..row_bytes];
        let waiting = self.filled - self.halved;
        let is_end = self.is_last_strip() && self.filled == self.strip_rows();
        // Pairs are counted from the top of the image, not the strip. If the tile height is odd, every other strip
        // starts with the second row of a pair. By then, the strip with the first row is gone, but that row was saved
        // when the strip was completed.
        let (upper, lower, taken) = match (&self.unpaired, waiting) {
            (Some(upper), 1..) => (upper.as_slice(), row(self.halved), 1),
            (None, 2..) => (row(self.halved), row(self.halved + 1), 2),
            // An odd last row of the image is paired with itself.
            (None, 1) if is_end => (row(self.halved), row(self.halved), 1),
            (None, 1) if self.filled == self.strip_rows() => {
                self.unpaired = Some(row(self.halved).to_vec());
                self.halved += 1;
                return Ok(false);
            }
            _ => return Ok(false),
        };
        let target = next.next_rows(1)?.expect("the next level has half as many rows, rounded up");
        halve_rows(upper, lower, target, self.format.channels());
        next.rows_filled();
        self.unpaired = None;
        self.halved += taken;
        Ok(true)
    }

    /// Returns the strip if all of its rows are filled, and starts the next one.
    pub(super) fn take_complete_strip(&mut self) -> Option<Strip> {
        if self.filled < self.strip_rows() {
            return None;
        }
        let pixels = self.pixels.take()?;
        let size = Size::new(self.size.width(), self.filled).expect("a complete strip has rows");
        let strip = Strip::new(self.scale, self.strip, size, self.format, pixels);
        (self.strip, self.filled, self.halved) = (self.strip + 1, 0, 0);
        Some(strip)
    }
}
