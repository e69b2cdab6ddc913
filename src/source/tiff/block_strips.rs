//! Assembles the JPEG blocks of strips or tiles into strips of the image, from which tiles are cut.
//!
//! Each strip or tile of the file is a JPEG of its own, so all of them can be decoded in parallel. Their blocks are then
//! copied in the order of the image's rows, and only as far as rows have been read, so that memory for the next strip
//! isn't needed before the reader has [reserved](BlockStrips::reserve) it.

use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, BlockStrip, RowScale, StripBuffer, StripPool};
use crate::source::DecodeError;
use std::collections::VecDeque;
use std::sync::Arc;

/// Maximum number of rows that are read after memory has been reserved.
const ROWS_AHEAD: u32 = 16;

/// Strips of the image, each of which is a row of tiles.
pub(super) struct BlockStrips {
    pub(super) layout: Arc<BlockLayout>,
    /// Scale of the pixel rows.
    pub(super) scale: RowScale,
    /// Pixel rows per strip. Always a whole number of MCUs.
    strip_rows: u32,
    /// Maximum number of strips.
    strips: usize,
    pool: StripPool<Block>,
    /// The strip currently being filled, with its index.
    current: Option<(u32, StripBuffer<Block>)>,
    done: VecDeque<BlockStrip>,
    /// Number of rows of MCUs copied so far.
    mcu_rows: u32,
}

impl BlockStrips {
    pub(super) fn new(layout: Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale) -> Self {
        let pool = StripPool::new(strips, layout.strip_blocks(strip_rows.min(layout.size.height())));
        Self { layout, scale, strip_rows, strips, pool, current: None, done: VecDeque::new(), mcu_rows: 0 }
    }

    /// Reserves memory for the next strip if any of the rows after `row` might need it. Returns `true` if the memory is
    /// available or not needed. Blocks until it is available if `is_to_wait` is set.
    pub(super) fn reserve(&mut self, row: u32, is_to_wait: bool) -> bool {
        let last = row.saturating_add(ROWS_AHEAD * divisor(self.scale)).min(self.layout.size.height()) - 1;
        let is_needed = self.current.as_ref().is_none_or(|(strip, _)| last / self.strip_rows > *strip);
        if is_needed && is_to_wait {
            self.pool.reserve();
        }
        !is_needed || self.pool.try_reserve()
    }

    /// Returns the first pixel row of the next row of MCUs, or `None` if the blocks of `row` have been copied.
    pub(super) fn next_mcu_row(&self, row: u32) -> Option<u32> {
        let top = self.mcu_rows.saturating_mul(self.layout.mcu().1);
        (top <= row).then_some(top)
    }

    /// Copies a row of MCUs, given the decoded strips or tiles that contain it, from left to right, and their row of
    /// MCUs.
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
            // All buffers are held here, so waiting for one would never end.
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

/// Returns the number of the file's pixels along one side of a decoded pixel.
pub(super) fn divisor(scale: RowScale) -> u32 {
    match scale {
        RowScale::Full => 1,
        RowScale::Half => 2,
    }
}

/// Copies a row of a chunk's MCUs to a position in a strip of blocks, which is in MCUs. Columns past the image's right
/// edge are cut off.
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
