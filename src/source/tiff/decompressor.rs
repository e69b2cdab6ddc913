//! The interface of all decompressors of strips and tiles.

use crate::libjpeg::Components;
use crate::source::DecodeError;
use std::sync::Arc;

/// Bytes of the file that are read at once.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// Size of one strip or tile.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Width in pixels.
    pub(super) width: u32,
    /// Rows to decode.
    pub(super) rows: u32,
    /// Rows that the data may have. Tiles at the lower edge are as high as others, and some writers fill up the last
    /// strip.
    pub(super) max_rows: u32,
    /// Bytes of the rows beyond `rows`.
    pub(super) surplus_bytes: u64,
    /// Samples of a pixel in this plane.
    pub(super) channels: usize,
}

/// Properties that all JPEGs of an image share.
#[derive(Clone)]
pub(super) struct Jpeg {
    /// Tables that are not repeated in each JPEG.
    pub(super) tables: Option<Arc<[u8]>>,
    pub(super) components: Components,
}

/// Decompressor of the rows of a strip or tile.
pub(super) trait Decompressor: Send {
    /// Fills `rows`, a whole number of rows, with the next ones.
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

    /// Checks the end of the data after the last row.
    fn finish(&mut self) -> Result<End, DecodeError>;
}

/// End of the data of a strip or tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    /// All rows are present, but the end marker is missing.
    WithoutMarker,
}
