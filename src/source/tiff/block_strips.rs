//! Combines the JPEG blocks of a file's strips or tiles into image-wide strips, from which tiles are cut.
//!
//! Each strip or tile in the file is a separate JPEG, so they can all be decoded in parallel. Their blocks are then
//! copied in row order, and only for rows that have been read. This way, memory for the next strip isn't needed until
//! the reader [reserves](BlockStrips::reserve) it.

use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, BlockStrip, RowScale, StripBuffer, StripPool};
use crate::source::DecodeError;
use std::collections::VecDeque;
use std::sync::Arc;

/// Maximum number of rows to read after memory has been reserved.
const ROWS_AHEAD: u32 = 16;

/// Strips of blocks, each of which contains a row of tiles.
pub(super) struct BlockStrips {
    pub(super) layout: Arc<BlockLayout>,
    /// Scale of the pixel rows.
    pub(super) scale: RowScale,
    /// Pixel rows per strip, always a whole number of MCUs.
    strip_rows: u32,
    /// Maximum number of strips.
    strips: usize,
    pool: StripPool<Block>,
    /// Index and blocks of the strip being filled.
    current: Option<(u32, StripBuffer<Block>)>,
    done: VecDeque<BlockStrip>,
    /// Number of MCU rows copied so far.
    mcu_rows: u32,
}

impl BlockStrips {
    pub(super) fn new(layout: Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale) -> Self {
        let pool = StripPool::new(strips, layout.strip_blocks(strip_rows.min(layout.size.height())));
        Self { layout, scale, strip_rows, strips, pool, current: None, done: VecDeque::new(), mcu_rows: 0 }
    }

    /// Reserves memory for the next strip if any of the rows after `row` might need it. Returns `true` if the memory is
    /// available or not needed. If `is_to_wait` is set, waits until it's available.
    pub(super) fn reserve(&mut self, row: u32, is_to_wait: bool) -> bool {
        let last = row.saturating_add(ROWS_AHEAD * divisor(self.scale)).min(self.layout.size.height()) - 1;
        let is_needed = self.current.as_ref().is_none_or(|(strip, _)| last / self.strip_rows > *strip);
        if is_needed && is_to_wait {
            self.pool.reserve();
        }
        !is_needed || self.pool.try_reserve()
    }

    /// Returns the first pixel row of the next MCU row, or `None` if the blocks for `row` have already been copied.
    pub(super) fn next_mcu_row(&self, row: u32) -> Option<u32> {
        let top = self.mcu_rows.saturating_mul(self.layout.mcu().1);
        (top <= row).then_some(top)
    }

    /// Copies an MCU row from the decoded strips or tiles that contain it, which must be ordered from left to right.
    /// `row_in_chunk` is the index of their MCU row.
    pub(super) fn push_mcu_row<'a>(
        &mut self,
        chunks: impl Iterator<Item = &'a BlockStrip>,
        row_in_chunk: u32,
    ) -> Result<(), DecodeError> {
        let mcu_rows_of_strip = self.strip_rows / self.layout.mcu().1;
        self.select_strip(self.mcu_rows / mcu_rows_of_strip)?;
        let row = self.mcu_rows % mcu_rows_of_strip;
        self.mcu_rows += 1;
        let Some((_, strip)) = &mut self.current else { return Ok(()) };
        let mut column = 0;
        for chunk in chunks {
            copy_mcu_row(chunk, row_in_chunk, &self.layout, strip.items_mut(), (column, row));
            column += chunk.size.width().div_ceil(self.layout.mcu().0);
        }
        Ok(())
    }

    fn select_strip(&mut self, strip: u32) -> Result<(), DecodeError> {
        if self.current.as_ref().is_some_and(|(current, _)| *current == strip) {
            return Ok(());
        }
        self.finish();
        if self.done.len() >= self.strips {
            // All buffers are in use by `self`, so waiting for one would deadlock.
            return Err("internal error: complete strips of blocks were not taken".into());
        }
        self.current = Some((strip, self.pool.take()?));
        Ok(())
    }

    /// Completes the last strip. Call this after the last row.
    pub(super) fn finish(&mut self) {
        let Some((strip, blocks)) = self.current.take() else { return };
        let size = self.layout.size;
        let height = size.height().saturating_sub(strip * self.strip_rows).min(self.strip_rows);
        if let Ok(size) = Size::new(size.width(), height) {
            self.done.push_back(BlockStrip::new(strip, size, Arc::clone(&self.layout), blocks));
        }
    }

    /// Returns the next completed strip.
    pub(super) fn take(&mut self) -> Option<BlockStrip> {
        self.done.pop_front()
    }
}

/// Returns the number of file pixels along one side of a decoded pixel.
pub(super) fn divisor(scale: RowScale) -> u32 {
    match scale {
        RowScale::Full => 1,
        RowScale::Half => 2,
    }
}

/// Copies an MCU row from a chunk to a position in a strip, measured in MCUs. Drops columns past the image's right
/// edge.
fn copy_mcu_row(chunk: &BlockStrip, from: u32, layout: &BlockLayout, strip: &mut [Block], (column, row): (u32, u32)) {
    for (index, it) in layout.components.iter().enumerate() {
        let left = column as usize * it.h_samp as usize;
        for block_row in 0..it.v_samp {
            let source = chunk.blocks(index, from * it.v_samp + block_row);
            let target = &mut strip[layout.row_start(index, row * it.v_samp + block_row)..][..layout.row_blocks(index)];
            let target = &mut target[left..];
            let count = target.len().min(source.len());
            target[..count].copy_from_slice(&source[..count]);
        }
    }
}
