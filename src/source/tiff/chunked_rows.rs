//! Tiles and compressed strips of few rows, decoded in groups by several workers.

use super::chunk::{Chunk, ChunkPosition};
use super::image::Image;
use super::measure::measure_range;
use crate::source::{DecodeError, RowReader, Warning, resize};
use crate::workers;
use std::sync::Arc;

/// Minimum bytes of pixels that are decoded together: enough to share them among workers.
const GROUP_BYTES: u64 = 4 << 20;

/// Maximum bytes of pixels that are decoded together if a row of strips or tiles has too few for all workers: a strip is
/// as wide as the image.
const MAX_GROUP_BYTES: u64 = 32 << 20;

/// Row reader over groups of decoded strips or tiles.
pub(super) struct ChunkedRows {
    image: Arc<Image>,
    /// Maximum strips or tiles that are decoded at the same time.
    threads: usize,
    /// Rows of strips or tiles that are decoded together.
    group: u32,
    /// The decoded strips or tiles, row by row, and the index of their first row.
    decoded: Vec<DecodedChunk>,
    first: u32,
    /// Rows that have been read, from the top or the bottom.
    done: u32,
    is_reversed: bool,
}

/// A decoded strip or tile, cut at the edges of the image.
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

    /// Returns the bytes of the decoded strips or tiles and of the decompression windows.
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

    /// Decodes the group that contains a row of strips or tiles, unless it is already decoded.
    fn decode_group_of(&mut self, row: u32) -> Result<(), DecodeError> {
        // Rows are delivered in order, but a tile or compressed strip can only be decoded from its start, and several
        // tiles lie side by side. So at least one row of chunks has to be in memory. The invariant: `decoded` contains
        // whole rows of chunks from row `first` on, and this function replaces all of them at once. Decoding single
        // chunks on demand would keep one worker busy and the others idle, and decoding the whole image in parallel would
        // need memory for all of it. A group of a few megabytes keeps all workers busy, and its size does not depend on
        // the height of the image.
        let chunks_across = self.image.chunks.chunks_across();
        let rows = u32::try_from(self.decoded.len())? / chunks_across;
        if (self.first..self.first + rows).contains(&row) {
            return Ok(());
        }
        self.first = if self.is_reversed { (row + 1).saturating_sub(self.group) } else { row };
        let end = self.image.chunks.chunks_down().min(self.first.saturating_add(self.group));
        let positions =
            (self.first..end).flat_map(|row| (0..chunks_across).map(move |column| ChunkPosition { column, row }));
        // Reuse the buffers of the previous group.
        let mut used = std::mem::take(&mut self.decoded).into_iter().map(|decoded| decoded.pixels);
        let mut decoded: Vec<DecodedChunk> =
            positions.map(|position| DecodedChunk { position, pixels: used.next().unwrap_or_default() }).collect();
        drop(used);
        workers::share(decoded.iter_mut().collect(), |decoded| decoded.decode(&self.image))?;
        self.decoded = decoded;
        Ok(())
    }
}

/// Returns the bytes of the pixels in one row of strips or tiles.
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
