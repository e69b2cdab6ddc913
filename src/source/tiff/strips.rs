//! Reads strips row by row: uncompressed strips of any height, and the tall compressed strips that scanners produce.

use super::chunk::{Chunk, ChunkPosition};
use super::image::Image;
use super::measure::measure_range;
use super::ycbcr::Subsampling;
use crate::source::{DecodeError, RowReader, Warning};
use std::sync::Arc;

/// Reads strips row by row.
pub(super) struct StripRows {
    image: Arc<Image>,
    /// The strip currently being decoded.
    open: Option<Chunk>,
    /// Number of rows read so far, from the top or the bottom.
    done: u32,
    is_reversed: bool,
}

impl StripRows {
    pub(super) fn new(image: Arc<Image>) -> Self {
        Self { image, open: None, done: 0, is_reversed: false }
    }

    /// Reads the next rows in downward order, stopping at the end of the strip. Returns the number of bytes read.
    fn read_down(&mut self, rows: &mut [u8], row_bytes: usize) -> Result<usize, DecodeError> {
        let chunks = &self.image.chunks;
        let (strip, row) = (self.done / chunks.height, self.done % chunks.height);
        // A compressed strip can only be decoded from its start, so keep the decompressor open between calls. Only one
        // is open at a time, so memory is limited to a single window no matter how tall the strip is. Many scanners
        // write the whole image as one strip.
        let mut chunk = match self.open.take() {
            Some(chunk) if row > 0 => chunk,
            _ => Chunk::open(&self.image, ChunkPosition { column: 0, row: strip }, 0)?,
        };
        let remaining = chunks.rows(strip) - row;
        let count = remaining.min(count_rows(rows, row_bytes));
        let bytes = count as usize * row_bytes;
        chunk.read(&self.image, &mut rows[..bytes], row_bytes)?;
        self.done += count;
        if count == remaining {
            chunk.finish(&self.image)?;
        } else {
            self.open = Some(chunk);
        }
        Ok(bytes)
    }

    /// Reads the next rows in upward order, stopping at the start of the strip. Reads them downward, then reverses
    /// them.
    fn read_up(&mut self, rows: &mut [u8], row_bytes: usize) -> Result<usize, DecodeError> {
        let chunks = &self.image.chunks;
        let last = chunks.size.height() - 1 - self.done;
        let (strip, row) = (last / chunks.height, last % chunks.height);
        let count = (row + 1).min(count_rows(rows, row_bytes));
        let rows = &mut rows[..count as usize * row_bytes];
        // Read all of the call's rows at once in file order and then reverse them. Seeking for every row would mean
        // one request per row for a remote file.
        let mut chunk = Chunk::open(&self.image, ChunkPosition { column: 0, row: strip }, row + 1 - count)?;
        chunk.read(&self.image, rows, row_bytes)?;
        reverse_rows(rows, row_bytes);
        self.done += count;
        Ok(rows.len())
    }
}

fn count_rows(rows: &[u8], row_bytes: usize) -> u32 {
    u32::try_from(rows.len() / row_bytes).unwrap_or(u32::MAX)
}

/// Reverses the row order in place.
fn reverse_rows(rows: &mut [u8], row_bytes: usize) {
    let count = rows.len() / row_bytes;
    let (above, below) = rows.split_at_mut(count.div_ceil(2) * row_bytes);
    let below = below.chunks_exact_mut(row_bytes).rev();
    above.chunks_exact_mut(row_bytes).zip(below).for_each(|(above, below)| above.swap_with_slice(below));
}

impl RowReader for StripRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let row_bytes = self.image.mapping.samples.row_bytes(self.image.chunks.size.width());
        measure_range(&self.image)?;
        let mut rows = rows;
        while !rows.is_empty() {
            if self.done == self.image.chunks.size.height() {
                return Err("the image has no more rows".into());
            }
            let bytes =
                if self.is_reversed { self.read_up(rows, row_bytes)? } else { self.read_down(rows, row_bytes)? };
            rows = &mut rows[bytes..];
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(self.image.warnings())
    }

    /// Reverses the row order if the data is uncompressed. Compressed data can only be read from its start.
    fn reverse_rows(&mut self) -> bool {
        self.is_reversed = self.image.codec.is_none() && self.image.subsampling == Subsampling::NONE;
        self.is_reversed
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_are_reversed_in_place() {
        for rows in 0_u8..6 {
            let mut bytes: Vec<u8> = (0..rows).flat_map(|row| [row, 100 + row]).collect();
            super::reverse_rows(&mut bytes, 2);
            let expected: Vec<u8> = (0..rows).rev().flat_map(|row| [row, 100 + row]).collect();
            assert_eq!(bytes, expected);
        }
    }
}
