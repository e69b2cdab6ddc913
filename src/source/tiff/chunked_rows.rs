//! Decodes tiles and short compressed strips in groups, using multiple workers.

use super::chunk::{Chunk, ChunkPosition};
use super::image::Image;
use super::measure::measure_range;
use crate::source::{DecodeError, RowReader, Warning, resize};
use crate::workers;
use std::sync::Arc;

/// Minimum number of pixel bytes to decode at once. This is enough work to share among several workers.
const GROUP_BYTES: u64 = 4 << 20;

/// Maximum number of pixel bytes to decode at once when a row of chunks isn't enough to keep all workers busy. For
/// example, a row of strips contains just one strip.
const MAX_GROUP_BYTES: u64 = 32 << 20;

/// Reads rows from groups of decoded strips or tiles.
pub(super) struct ChunkedRows {
    image: Arc<Image>,
    /// Maximum number of strips or tiles to decode in parallel.
    threads: usize,
    /// Number of strip or tile rows to decode at once.
    group: u32,
    /// Decoded strips or tiles in row order, starting with row `first`.
    decoded: Vec<DecodedChunk>,
    first: u32,
    /// Number of rows read so far, from the top or the bottom.
    done: u32,
    is_reversed: bool,
}

/// A decoded strip or tile, cropped to the image.
struct DecodedChunk {
    position: ChunkPosition,
    pixels: Vec<u8>,
}

impl ChunkedRows {
    pub(super) fn new(image: Arc<Image>, threads: usize) -> Self {
        let row_bytes = row_of_chunks_bytes(&image).max(1);
        let threads_group = (threads as u64).div_ceil(image.chunks.chunks_across().into());
        let group = (GROUP_BYTES / row_bytes).max(threads_group.min(MAX_GROUP_BYTES / row_bytes));
        let group = u32::try_from(group).unwrap_or(u32::MAX).clamp(1, image.chunks.chunks_down());
        Self { image, threads, group, decoded: Vec::new(), first: 0, done: 0, is_reversed: false }
    }

    /// Returns the size of the decoded strips or tiles and decompression windows in bytes.
    pub(super) fn buffer_bytes(&self) -> u64 {
        let size = self.image.chunks.size;
        let rows = u64::from(self.group).saturating_mul(self.image.chunks.height.into()).min(size.height().into());
        let pixels = rows.saturating_mul(self.image.mapping.samples.row_bytes(size.width()) as u64);
        let windows = self.threads.min(self.group as usize * self.image.chunks.chunks_across() as usize) as u64;
        pixels.saturating_add(windows.saturating_mul(self.image.window_bytes()))
    }

    fn read_row(&mut self, row: &mut [u8]) -> Result<(), DecodeError> {
        let height = self.image.chunks.size.height();
        if self.done == height {
            return Err("the image has no more rows".into());
        }
        let y = if self.is_reversed { height - 1 - self.done } else { self.done };
        let (chunk_row, row_in_chunk) = (y / self.image.chunks.height, y % self.image.chunks.height);
        self.decode_group_of(chunk_row)?;
        let chunks_across = self.image.chunks.chunks_across() as usize;
        let decoded = &self.decoded[(chunk_row - self.first) as usize * chunks_across..][..chunks_across];
        let mut row = row;
        for decoded in decoded {
            let row_bytes = decoded.row_bytes(&self.image);
            let (now, later) = row.split_at_mut(row_bytes);
            now.copy_from_slice(&decoded.pixels[row_in_chunk as usize * row_bytes..][..row_bytes]);
            row = later;
        }
        self.done += 1;
        Ok(())
    }

    /// Decodes the group containing a given row of strips or tiles, unless it has already been decoded.
    fn decode_group_of(&mut self, row: u32) -> Result<(), DecodeError> {
        // Rows are delivered in order, but a tile or compressed strip can only be decoded from its start, and tiles
        // sit side by side. At least one full row of chunks therefore has to be in memory. Invariant: `decoded`
        // contains complete rows of chunks starting at row `first`, and this function replaces them all at once.
        // Decoding chunks one at a time would leave most workers idle, and decoding the whole image in parallel would
        // require holding all of it in memory. A group of a few megabytes keeps every worker busy regardless of the
        // image's height.
        let chunks_across = self.image.chunks.chunks_across();
        let rows = u32::try_from(self.decoded.len())? / chunks_across;
        if (self.first..self.first + rows).contains(&row) {
            return Ok(());
        }
        self.first = if self.is_reversed { (row + 1).saturating_sub(self.group) } else { row };
        let end = self.image.chunks.chunks_down().min(self.first.saturating_add(self.group));
        let positions =
            (self.first..end).flat_map(|row| (0..chunks_across).map(move |column| ChunkPosition { column, row }));
        // Reuse the previous group's buffers.
        let mut used = std::mem::take(&mut self.decoded).into_iter().map(|decoded| decoded.pixels);
        let mut decoded: Vec<DecodedChunk> =
            positions.map(|position| DecodedChunk { position, pixels: used.next().unwrap_or_default() }).collect();
        drop(used);
        workers::share(decoded.iter_mut().collect(), |decoded| decoded.decode(&self.image))?;
        self.decoded = decoded;
        Ok(())
    }
}

/// Returns the number of pixel bytes in one row of strips or tiles.
fn row_of_chunks_bytes(image: &Image) -> u64 {
    let row_bytes = image.mapping.samples.row_bytes(image.chunks.size.width()) as u64;
    row_bytes.saturating_mul(image.chunks.rows(0).into())
}

impl DecodedChunk {
    fn row_bytes(&self, image: &Image) -> usize {
        image.mapping.samples.row_bytes(image.chunks.columns(self.position.column))
    }

    fn rows(&self, image: &Image) -> u32 {
        image.chunks.rows(self.position.row)
    }

    fn decode(&mut self, image: &Image) -> Result<(), DecodeError> {
        let row_bytes = self.row_bytes(image);
        let rows = self.rows(image);
        resize(&mut self.pixels, rows as usize, row_bytes)?;
        let mut chunk = Chunk::open(image, self.position, 0)?;
        chunk.read(image, &mut self.pixels, row_bytes)?;
        chunk.finish(image)
    }
}

impl RowReader for ChunkedRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let row_bytes = self.image.mapping.samples.row_bytes(self.image.chunks.size.width());
        measure_range(&self.image)?;
        rows.chunks_exact_mut(row_bytes).try_for_each(|row| self.read_row(row))
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(self.image.warnings())
    }

    fn reverse_rows(&mut self) -> bool {
        self.is_reversed = true;
        true
    }
}
