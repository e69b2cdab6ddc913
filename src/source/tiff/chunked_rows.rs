//! Decodes tiles and short compressed strips in groups, using multiple workers.

use super::block_strips::{BlockStrips, divisor};
use super::chunk::ChunkPosition;
use super::decoded_chunk::{ChunkBlocks, DecodedChunk};
use super::image::Image;
use super::measure::measure_range;
use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, BlockStrip, RowScale};
use crate::source::{BlockReader, DecodeError, RowReader, Warning};
use crate::workers;
use std::sync::Arc;

/// Minimum number of pixel bytes to decode at once. This is enough work to share among several workers.
const GROUP_BYTES: u64 = 4 << 20;

/// Maximum number of pixel bytes to decode at once when a row of chunks isn't enough to keep all workers busy. For
/// example, a row of strips contains just one strip.
const MAX_GROUP_BYTES: u64 = 32 << 20;

/// Upper limit for block memory estimates, in bytes. It exceeds any machine's memory but leaves room for addition.
const MAX_BLOCK_BYTES: u64 = 1 << 61;

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
    /// Strips of JPEG blocks, if they are kept.
    blocks: Option<BlockStrips>,
}

impl ChunkedRows {
    pub(super) fn new(image: Arc<Image>, threads: usize) -> Self {
        let row_bytes = row_of_chunks_bytes(&image).max(1);
        let threads_group = (threads as u64).div_ceil(image.chunks.chunks_across().into());
        let group = (GROUP_BYTES / row_bytes).max(threads_group.min(MAX_GROUP_BYTES / row_bytes));
        let group = u32::try_from(group).unwrap_or(u32::MAX).clamp(1, image.chunks.chunks_down());
        Self { image, threads, group, decoded: Vec::new(), first: 0, done: 0, is_reversed: false, blocks: None }
    }

    /// Returns the size of the decoded strips or tiles and decompression windows in bytes.
    pub(super) fn buffer_bytes(&self) -> u64 {
        let size = self.image.chunks.size;
        let rows = u64::from(self.group).saturating_mul(self.image.chunks.height.into()).min(size.height().into());
        let pixels = rows.saturating_mul(self.image.mapping.samples.row_bytes(size.width()) as u64);
        let windows = self.threads.min(self.group as usize * self.image.chunks.chunks_across() as usize) as u64;
        pixels.saturating_add(windows.saturating_mul(self.image.window_bytes()))
    }

    /// Returns the scale of the rows to read.
    fn scale(&self) -> RowScale {
        self.blocks.as_ref().map_or(RowScale::Full, |blocks| blocks.scale)
    }

    fn read_row(&mut self, row: &mut [u8]) -> Result<(), DecodeError> {
        let (height, divisor) = (self.image.chunks.size.height(), divisor(self.scale()));
        if self.done == height.div_ceil(divisor) {
            return Err("the image has no more rows".into());
        }
        let y = if self.is_reversed { height - 1 - self.done } else { self.done * divisor };
        let (chunk_row, row_in_chunk) = (y / self.image.chunks.height, y % self.image.chunks.height / divisor);
        self.decode_group_of(chunk_row)?;
        let mut row = row;
        for decoded in self.decoded_row(chunk_row) {
            let row_bytes = decoded.row_bytes(&self.image, self.scale());
            let (now, later) = row.split_at_mut(row_bytes);
            now.copy_from_slice(&decoded.pixels[row_in_chunk as usize * row_bytes..][..row_bytes]);
            row = later;
        }
        self.done += 1;
        self.copy_blocks(y)
    }

    /// Returns a decoded row of strips or tiles.
    fn decoded_row(&self, chunk_row: u32) -> &[DecodedChunk] {
        let chunks_across = self.image.chunks.chunks_across() as usize;
        &self.decoded[(chunk_row - self.first) as usize * chunks_across..][..chunks_across]
    }

    /// Copies the blocks of every MCU row up to and including the one that contains pixel row `y`.
    fn copy_blocks(&mut self, y: u32) -> Result<(), DecodeError> {
        let Some(mut blocks) = self.blocks.take() else { return Ok(()) };
        while let Some(top) = blocks.next_mcu_row(y) {
            // MCU rows don't cross the edges of strips or tiles, so this MCU row is within the current row of chunks.
            let (chunk_row, row_in_chunk) = (top / self.image.chunks.height, top % self.image.chunks.height);
            let chunks = self.decoded_row(chunk_row).iter().filter_map(|chunk| chunk.blocks.as_ref());
            blocks.push_mcu_row(chunks, row_in_chunk / blocks.layout.mcu().1)?;
        }
        self.blocks = Some(blocks);
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
            positions.map(|position| DecodedChunk::new(position, used.next().unwrap_or_default())).collect();
        drop(used);
        let kept = self.blocks.as_ref().map(|blocks| ChunkBlocks { layout: &blocks.layout, scale: blocks.scale });
        workers::share(decoded.iter_mut().collect(), |decoded| decoded.decode(&self.image, kept))?;
        self.decoded = decoded;
        Ok(())
    }
}

/// Returns the number of pixel bytes in one row of strips or tiles.
fn row_of_chunks_bytes(image: &Image) -> u64 {
    let row_bytes = image.mapping.samples.row_bytes(image.chunks.size.width()) as u64;
    row_bytes.saturating_mul(image.chunks.rows(0).into())
}

impl RowReader for ChunkedRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let width = self.image.chunks.size.width().div_ceil(divisor(self.scale()));
        let row_bytes = self.image.mapping.samples.row_bytes(width);
        measure_range(&self.image)?;
        rows.chunks_exact_mut(row_bytes).try_for_each(|row| self.read_row(row))
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        self.blocks.iter_mut().for_each(BlockStrips::finish);
        Ok(self.image.warnings())
    }

    fn reverse_rows(&mut self) -> bool {
        self.is_reversed = true;
        true
    }

    fn blocks(&mut self) -> Option<&mut dyn BlockReader> {
        Some(self)
    }

    fn has_clean_edges(&self) -> bool {
        true
    }

    fn block_bytes(&self, layout: &BlockLayout) -> u64 {
        let chunks = &self.image.chunks;
        let Ok(size) = Size::new(chunks.width, chunks.height) else { return 0 };
        let blocks = BlockLayout { size, ..layout.clone() }.strip_blocks(chunks.height) as u64;
        let bytes = blocks.saturating_mul(size_of::<Block>() as u64);
        bytes.saturating_mul(chunks.chunks_across().into()).saturating_mul(self.group.into()).min(MAX_BLOCK_BYTES)
    }
}

impl BlockReader for ChunkedRows {
    fn keep(&mut self, layout: &Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale) {
        self.blocks = Some(BlockStrips::new(Arc::clone(layout), strip_rows, strips, scale));
    }

    fn reserve(&mut self, is_to_wait: bool) -> bool {
        let row = self.done * divisor(self.scale());
        self.blocks.as_mut().is_none_or(|blocks| blocks.reserve(row, is_to_wait))
    }

    fn take(&mut self) -> Option<BlockStrip> {
        self.blocks.as_mut()?.take()
    }
}
