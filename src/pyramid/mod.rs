//! The cascade: turns the rows of an image into strips of every level, in one pass.
//!
//! ```text
//! rows -> [strip of scale factor 1] -> tiles
//!              | 2 x 2 average
//!              v
//!         [strip of scale factor 2] -> tiles
//!              | …
//! ```
//!
//! An image can be larger than memory, and some sources can be read only once, from top to bottom. Therefore no level is
//! ever held as a whole. Each level fills one row of tiles, its strip, and halves rows into the next level as soon as a
//! pair is available.
//!
//! After every call of [`Cascade::rows_filled`], all filled rows are halved as far down as pairs exist, and every
//! complete strip has been emitted. A level needs about `2 x width x tile height x channels` bytes, and all levels
//! together about twice as much as the first, regardless of the height of the image.
//!
//! Making each level in a pass of its own would be simpler. It would decode the source once per level, or store the
//! level above on disk.

mod halve;
mod level;

use crate::iiif::{Pyramid, ScaleFactor};
use crate::pixel::{PixelFormat, RowScale, Strip};
use level::Level;
use std::collections::TryReserveError;

/// Strip buffers per level: one to fill while the other is being cut and encoded.
pub const STRIPS_PER_LEVEL: usize = 2;

/// Rows read at a time: one row of MCUs of a 4:2:0 JPEG, still in the CPU cache when it is halved.
const ROWS_AT_ONCE: u32 = 16;

/// Turns rows of the source into strips of every level.
#[derive(Debug)]
pub struct Cascade {
    levels: Vec<Level>,
}

impl Cascade {
    /// Creates the cascade of a pyramid. Its first level is the one that `rows` belong to: full size or half size.
    ///
    /// # Panics
    /// Panics if `rows` is [`RowScale::Half`] and the pyramid has only one level.
    #[must_use]
    pub fn new(pyramid: &Pyramid, format: PixelFormat, rows: RowScale) -> Self {
        let level = |scale| Level::new(scale, pyramid.size().at(scale), pyramid.tile_size(), format);
        Self { levels: scale_factors(pyramid, rows).iter().copied().map(level).collect() }
    }

    /// Returns the maximum memory of the strips of all levels together, in bytes.
    ///
    /// # Panics
    /// Panics under the same condition as [`new`](Self::new).
    #[must_use]
    pub fn bytes(pyramid: &Pyramid, format: PixelFormat, rows: RowScale) -> u64 {
        let strip_bytes = |scale: &_| {
            let size = pyramid.size().at(*scale);
            let rows = u64::from(size.height().min(pyramid.tile_size()));
            // A level with a single strip never needs a second buffer.
            let strips = u64::from(pyramid.rows(*scale)).min(STRIPS_PER_LEVEL as u64);
            strips * rows * format.row_bytes(size.width()) as u64
        };
        scale_factors(pyramid, rows).iter().map(strip_bytes).sum()
    }

    /// Waits until every level has memory for its next row.
    pub fn reserve(&mut self) {
        self.levels.iter_mut().for_each(Level::reserve);
    }

    /// Returns `true` if every level has memory for its next row. Does not wait.
    pub fn try_reserve(&mut self) -> bool {
        self.levels.iter_mut().all(Level::try_reserve)
    }

    /// Returns memory for the next rows, or `None` after the last row. [Reserve](Self::reserve) it before.
    ///
    /// Call [`rows_filled`](Self::rows_filled) after filling it.
    ///
    /// # Errors
    /// Returns an error if the memory of a strip cannot be allocated.
    pub fn next_rows(&mut self) -> Result<Option<&mut [u8]>, TryReserveError> {
        self.levels[0].next_rows(ROWS_AT_ONCE)
    }

    /// Halves the rows from [`next_rows`](Self::next_rows) into the lower levels. Passes each complete strip to `emit`.
    ///
    /// # Errors
    /// Returns the error of `emit`, or an error if the memory of a strip cannot be allocated.
    pub fn rows_filled<E>(&mut self, emit: &mut impl FnMut(Strip) -> Result<(), E>) -> Result<(), E>
    where
        E: From<TryReserveError>,
    {
        let (first, lower) = self.levels.split_first_mut().expect("a pyramid has a level");
        first.rows_filled();
        descend(first, lower, emit)
    }
}

/// Returns the scale factors of the levels that can be made from rows of this scale.
fn scale_factors(pyramid: &Pyramid, rows: RowScale) -> &[ScaleFactor] {
    match rows {
        RowScale::Full => pyramid.scale_factors(),
        RowScale::Half => &pyramid.scale_factors()[1..],
    }
}

/// Halves the new rows of `level` into the lower levels, then emits the strip of `level` if it is complete.
fn descend<E>(level: &mut Level, lower: &mut [Level], emit: &mut impl FnMut(Strip) -> Result<(), E>) -> Result<(), E>
where
    E: From<TryReserveError>,
{
    // Depth first: the pair that was just halved makes its row of the next level, which may complete a pair there, and
    // so on. So a row is halved while it is still in the cache, and no level gets ahead of the one above by more than a
    // row. The strip of this level leaves last, because the levels below read from it until then.
    if let Some((next, rest)) = lower.split_first_mut() {
        while level.halve_into(next)? {
            descend(next, rest, emit)?;
        }
    }
    level.take_complete_strip().map_or(Ok(()), emit)
}
