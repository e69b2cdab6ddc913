//! Interface between decoders and the rest of the program.

use super::metadata::FileMetadata;
use super::samples::Samples;
use super::{DecodeError, Warning};
use crate::iiif::Size;
use crate::pixel::{BlockLayout, BlockStrip, RowScale};
use std::sync::Arc;

/// Decoder that reads rows of samples.
pub(super) trait RowReader: Send {
    /// Fills `rows` with the next rows. `rows` must hold a whole number of rows.
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

    /// Switches to reading from the last row to the first, if that's possible at no extra cost. Returns `true` on
    /// success.
    fn reverse_rows(&mut self) -> bool {
        false
    }

    /// Returns the DCT block reader. Only available if the format sets [`Opened::blocks`].
    fn blocks(&mut self) -> Option<&mut dyn BlockReader> {
        None
    }

    /// Returns `true` if half-size rows aren't affected by pixels past the image's edges.
    fn has_clean_edges(&self) -> bool {
        false
    }

    /// Returns the additional memory needed to keep blocks, in bytes, not counting the strips of blocks themselves.
    fn block_bytes(&self, _layout: &BlockLayout) -> u64 {
        0
    }

    /// Checks the end of the file once all rows have been read. Returns any warnings found while reading.
    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(Vec::new())
    }
}

/// JPEG decoder that also provides DCT blocks, which can be used to create tiles without decoding.
pub(super) trait BlockReader {
    /// Keeps DCT blocks while rows are being read, using `strips` strips of `strip_rows` rows each.
    fn keep(&mut self, layout: &Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale);

    /// Returns `true` if there's enough memory for the blocks in the next 16 rows. If `is_to_wait` is set, waits until
    /// there is.
    fn reserve(&mut self, is_to_wait: bool) -> bool;

    /// Returns the next strip of complete blocks.
    fn take(&mut self) -> Option<BlockStrip>;
}

/// File that has been opened by a decoder.
pub(super) struct Opened {
    /// Image size before applying the orientation.
    pub(super) size: Size,
    pub(super) samples: Samples,
    /// Bits per sample in the file.
    pub(super) bits: u16,
    /// Container description, such as `JPEG` or `TIFF, LZW`.
    pub(super) container: String,
    pub(super) metadata: FileMetadata,
    /// Additional memory needed for decoding, in bytes, beyond buffers for a few rows.
    pub(super) decoder_bytes: u64,
    /// DCT block layout, if blocks can be kept.
    pub(super) blocks: Option<BlockLayout>,
    pub(super) rows: Box<dyn RowReader>,
}
