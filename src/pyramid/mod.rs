//! Turns an image's rows into strips for every level, in a single pass.
//!
//! ```text
//! rows -> [strip of scale factor 1] -> tiles
//!              | 2 x 2 average
//!              v
//!         [strip of scale factor 2] -> tiles
//!              | …
//! ```
//!
//! Images can be larger than memory, and some sources can only be read once, from top to bottom, so no level is ever
//! kept in memory completely. Each level fills one strip, which is a row of tiles. As soon as a pair of rows is
//! available, it is halved into the next level.
//!
//! After every call to [`Cascade::rows_filled`], all filled rows have been halved as far down as possible, and every
//! completed strip has been emitted. A level needs about `2 x width x tile height x channels` bytes, and all levels
//! combined need about twice as much as the first one, regardless of the image height.
//!
//! Making each level in a separate pass would be simpler, but it would require decoding the source once per level or
//! storing the previous level on disk.

mod level;

use crate::iiif::{Pyramid, ScaleFactor};
use crate::pixel::{PixelFormat, RowScale, SpareStrips, Strip};
use level::Level;
use std::collections::TryReserveError;

/// Number of strip buffers per level: one to fill while the other is being cut and encoded.
pub const STRIPS_PER_LEVEL: usize = 2;

/// Number of rows to read at a time. This is one row of MCUs in a 4:2:0 JPEG, which stays in the CPU cache until it is
/// halved.
const ROWS_AT_ONCE: u32 = 16;

/// Turns source rows into strips for every level.
#[derive(Debug)]
pub struct Cascade {
    levels: Vec<Level>,
}

impl Cascade {
    /// Creates a cascade for a pyramid. The first level is either full size or half size, depending on `rows`.
    ///
    /// # Panics
    /// Panics if `rows` is [`RowScale::Half`] and the pyramid has only one level.
    #[must_use]
    pub fn new(pyramid: &Pyramid, format: PixelFormat, rows: RowScale) -> Self {
        Self::with_spare(pyramid, format, rows, &SpareStrips::none())
    }

    /// Creates a cascade that uses spare memory for its strips and leaves it behind at the end.
    ///
    /// # Panics
    /// Panics under the same condition as [`new`](Self::new).
    #[must_use]
    pub fn with_spare(pyramid: &Pyramid, format: PixelFormat, rows: RowScale, spare: &SpareStrips) -> Self {
        let level = |scale| Level::new(scale, pyramid.size().at(scale), pyramid.tile_size(), format, spare);
        Self { levels: scale_factors(pyramid, rows).iter().copied().map(level).collect() }
    }

    /// Returns the maximum memory used by strips across all levels, in bytes.
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

    /// Returns `true` if every level has memory for its next row. Doesn't wait.
    pub fn try_reserve(&mut self) -> bool {
        self.levels.iter_mut().all(Level::try_reserve)
    }

    /// Returns memory for the next rows, or `None` after the last row. [Reserve](Self::reserve) the memory first.
    ///
    /// Call [`rows_filled`](Self::rows_filled) once the memory has been filled.
    ///
    /// # Errors
    /// Returns an error if memory for a strip can't be allocated.
    pub fn next_rows(&mut self) -> Result<Option<&mut [u8]>, TryReserveError> {
        self.levels[0].next_rows(ROWS_AT_ONCE)
    }

    /// Halves the rows from [`next_rows`](Self::next_rows) into the lower levels, and passes each completed strip to
    /// `emit`.
    ///
    /// # Errors
    /// Returns an error if `emit` fails or memory for a strip can't be allocated.
    pub fn rows_filled<E>(&mut self, emit: &mut impl FnMut(Strip) -> Result<(), E>) -> Result<(), E>
    where
        E: From<TryReserveError>,
    {
        let (first, lower) = self.levels.split_first_mut().expect("a pyramid has a level");
        first.rows_filled();
        descend(first, lower, emit)
    }
}

/// Returns the scale factors of all levels that can be made from rows at this scale.
fn scale_factors(pyramid: &Pyramid, rows: RowScale) -> &[ScaleFactor] {
    match rows {
        RowScale::Full => pyramid.scale_factors(),
        RowScale::Half => &pyramid.scale_factors()[1..],
    }
}

/// Halves new rows of `level` into the lower levels, then emits the strip of `level` if it is complete.
fn descend<E>(level: &mut Level, lower: &mut [Level], emit: &mut impl FnMut(Strip) -> Result<(), E>) -> Result<(), E>
where
    E: From<TryReserveError>,
{
    // Go depth first. Each halved pair adds a row to the next level, which might complete a pair there, and so on. This
    // way, rows are halved while they are still in the cache, and no level gets more than a row ahead of the one above.
    // This level's strip is emitted last because the levels below read from it.
    if let Some((next, rest)) = lower.split_first_mut() {
        while level.halve_into(next)? {
            descend(next, rest, emit)?;
        }
    }
    level.take_complete_strip().map_or(Ok(()), emit)
}
