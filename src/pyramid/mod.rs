//! Rows in, strips of every level out, in one pass.
//!
//! ```text
//! rows -> [strip of scale factor 1] -> tiles
//!              | 2 x 2 average
//!              v
//!         [strip of scale factor 2] -> tiles
//!              | …
//! ```
//! Only one row of tiles of each level is being filled at any time: about `2 x width x tile height x channels` bytes,
//! however high the image is.

mod halve;
mod level;

use crate::iiif::{Pyramid, ScaleFactor};
use crate::pixel::{PixelFormat, RowScale, Strip};
use level::Level;
use std::collections::TryReserveError;

/// Strips that a level has: one to be filled and one to be cut up meanwhile.
pub const STRIPS_PER_LEVEL: usize = 2;

/// Rows that are read at a time: a row of 4:2:0 blocks of a JPEG, still in the cache when they are halved.
const ROWS_AT_ONCE: u32 = 16;

/// Takes rows of the full size and gives strips of every level.
#[derive(Debug)]
pub struct Cascade {
    levels: Vec<Level>,
}

impl Cascade {
    /// The cascade of a pyramid, from the level whose rows are to come: that of the full size, or the one below it.
    ///
    /// # Panics
    /// Where there is no level below.
    #[must_use]
    pub fn new(pyramid: &Pyramid, format: PixelFormat, rows: RowScale) -> Self {
        let level = |scale| Level::new(scale, pyramid.size().at(scale), pyramid.tile_size(), format);
        Self { levels: scale_factors(pyramid, rows).iter().copied().map(level).collect() }
    }

    /// The strips of all these levels together, in bytes, at their most.
    ///
    /// # Panics
    /// As for [`new`](Self::new).
    #[must_use]
    pub fn bytes(pyramid: &Pyramid, format: PixelFormat, rows: RowScale) -> u64 {
        let strip_bytes = |scale: &_| {
            let size = pyramid.size().at(*scale);
            let rows = u64::from(size.height().min(pyramid.tile_size()));
            // A level that has only one strip never needs a second one.
            let strips = u64::from(pyramid.rows(*scale)).min(STRIPS_PER_LEVEL as u64);
            strips * rows * format.row_bytes(size.width()) as u64
        };
        scale_factors(pyramid, rows).iter().map(strip_bytes).sum()
    }

    /// Memory for the next rows, to be filled before [`rows_filled`](Self::rows_filled) is called;
    /// `None` after the last. Waits until a strip is free.
    ///
    /// # Errors
    /// Where the machine has not enough memory for one strip.
    pub fn next_rows(&mut self) -> Result<Option<&mut [u8]>, TryReserveError> {
        self.levels[0].next_rows(ROWS_AT_ONCE)
    }

    /// Halves the rows that [`next_rows`](Self::next_rows) gave into the levels above, and hands every strip that is
    /// complete to `emit`.
    ///
    /// # Errors
    /// What `emit` returns, and where the machine has not enough memory for one strip of each level.
    pub fn rows_filled<E>(&mut self, emit: &mut impl FnMut(Strip) -> Result<(), E>) -> Result<(), E>
    where
        E: From<TryReserveError>,
    {
        let (first, lower) = self.levels.split_first_mut().expect("a pyramid has a level");
        first.rows_filled();
        descend(first, lower, emit)
    }
}

/// Those of the levels that are made of rows of that scale.
fn scale_factors(pyramid: &Pyramid, rows: RowScale) -> &[ScaleFactor] {
    match rows {
        RowScale::Full => pyramid.scale_factors(),
        RowScale::Half => &pyramid.scale_factors()[1..],
    }
}

/// Halves what is new in `level` into the levels below it, then lets go of its strip where that is complete.
fn descend<E>(level: &mut Level, lower: &mut [Level], emit: &mut impl FnMut(Strip) -> Result<(), E>) -> Result<(), E>
where
    E: From<TryReserveError>,
{
    if let Some((next, rest)) = lower.split_first_mut() {
        while level.halve_into(next)? {
            descend(next, rest, emit)?;
        }
    }
    level.take_complete_strip().map_or(Ok(()), emit)
}
