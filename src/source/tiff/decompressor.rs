//! Common interface for strip and tile decompressors.

use crate::libjpeg::Components;
use crate::source::DecodeError;
use std::sync::Arc;

/// Read buffer size in bytes.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// Dimensions of one strip or tile.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Width in pixels.
    pub(super) width: u32,
    /// Number of rows to decode.
    pub(super) rows: u32,
    /// Maximum number of rows the data may contain. Tiles at the bottom edge are stored at full height, and some
    /// writers pad the last strip.
    pub(super) max_rows: u32,
    /// Number of bytes in the rows beyond `rows`.
    pub(super) surplus_bytes: u64,
    /// Samples per pixel in this plane.
    pub(super) channels: usize,
}

/// Properties shared by all JPEG streams in an image.
#[derive(Clone)]
pub(super) struct Jpeg {
    /// Tables that aren't repeated in each JPEG stream.
    pub(super) tables: Option<Arc<[u8]>>,
    pub(super) components: Components,
}

/// Decompresses the rows of a strip or tile.
pub(super) trait Decompressor: Send {
    /// Fills `rows` with the next rows. The length must be a whole number of rows.
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

    /// Checks that the data ends correctly after the last row.
    fn finish(&mut self) -> Result<End, DecodeError>;
}

/// State of the data at the end of a strip or tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    /// All rows are present, but the end marker is missing.
    WithoutMarker,
}
