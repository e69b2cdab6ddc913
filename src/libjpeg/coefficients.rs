//! Keeps a JPEG's blocks while its rows are being decoded.
//!
//! Full-size tiles are cut from the file's coefficients, but the lower levels need pixels. Reading the file twice would
//! double the work, and some remote sources can only be read once.
//!
//! libjpeg's memory manager provides "virtual arrays". libjpeg stores coefficients in them and then decodes pixels from
//! them. For files with a single scan, the functions that access these arrays are replaced, so each array only covers a
//! single strip. libjpeg writes the coefficients directly into the strip that tiles are later cut from, so nothing needs
//! to be copied. Files with several scans need arrays of the whole image, from which strips are copied.
//!
//! Soundness depends on three invariants. libjpeg fills rows of MCUs in order, so it only accesses the strip that is
//! currently being filled; any other order is an error. All pointers into a strip are derived from a single pointer
//! until the strip is complete and moved out. The number of strips is fixed, and the caller takes completed strips
//! between calls.
//!
//! We can't wait for a free strip here because the waiting thread is also the one that releases strips. Instead, the
//! caller [reserves](CoefficientBuffer::reserve) a strip before decoding rows that might need it, and it is an error to
//! leave too many completed strips untaken. libjpeg's own arrays hold the whole image, so files with a single scan don't
//! use them.

use super::{LibjpegError, Result};
use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, BlockStrip, StripBuffer, StripPool};
use mozjpeg_sys as ffi;
use std::collections::VecDeque;
use std::ffi::c_int;
use std::sync::Arc;

/// Maximum number of block rows that libjpeg requests at once (`MAX_SAMP_FACTOR` in jpeglib.h).
const MAX_ROWS: usize = 4;

/// Maximum number of pixel rows that libjpeg reads to produce the next 16 rows. This includes a factor of two for
/// decoding at half size. libjpeg also reads up to two rows of MCUs ahead to get the neighboring rows of subsampled
/// components.
const ROWS_AHEAD: u32 = 32;
const MCU_ROWS_AHEAD: u32 = 2;

/// Buffers coefficients one strip at a time.
pub(super) struct CoefficientBuffer {
    pub(super) layout: Arc<BlockLayout>,
    /// Pixel rows per strip. Always a whole number of MCUs.
    strip_rows: u32,
    /// Maximum number of strips.
    strips: usize,
    pool: StripPool<Block>,
    /// The strip currently being filled.
    current: Option<Current>,
    done: VecDeque<BlockStrip>,
    /// Pointers to each component's block rows, which libjpeg reads.
    pointers: Vec<[ffi::JBLOCKROW; MAX_ROWS]>,
}

struct Current {
    /// Strip index, counted from 0.
    strip: u32,
    blocks: StripBuffer<Block>,
    count: usize,
    /// Number of MCU rows in the strip that libjpeg has started to fill.
    mcu_rows: u32,
    /// Pointer to the first block. All pointers passed to libjpeg are derived from it so they don't invalidate each
    /// other.
    first: *mut Block,
}

impl CoefficientBuffer {
    /// Creates a buffer for up to `strips` strips. `strip_rows` is in pixels and must be a whole number of MCUs.
    pub(super) fn new(layout: Arc<BlockLayout>, strip_rows: u32, strips: usize) -> Self {
        let pool = StripPool::new(strips, layout.strip_blocks(strip_rows.min(layout.size.height())));
        let pointers = vec![[std::ptr::null_mut(); MAX_ROWS]; layout.components.len()];
        Self { layout, strip_rows, strips, pool, current: None, done: VecDeque::new(), pointers }
    }

    /// Returns the next completed strip.
    pub(super) fn take(&mut self) -> Option<BlockStrip> {
        self.done.pop_front()
    }

    /// Reserves memory for the next strip if the upcoming rows might need it. Returns `true` if the memory is available
    /// or not needed. Blocks until it is available if `is_to_wait` is set.
    pub(super) fn reserve(&mut self, is_to_wait: bool) -> bool {
        let mcu_height = self.layout.mcu().1;
        let is_needed = self.current.as_ref().is_none_or(|current| {
            let has_next = (current.strip + 1).saturating_mul(self.strip_rows) < self.layout.size.height();
            let ahead = ROWS_AHEAD.div_ceil(mcu_height) + MCU_ROWS_AHEAD;
            has_next && current.mcu_rows + ahead > self.strip_rows / mcu_height
        });
        if is_needed && is_to_wait {
            self.pool.reserve();
        }
        !is_needed || self.pool.try_reserve()
    }

    /// Completes the last strip. Call this after the last row.
    pub(super) fn finish(&mut self) {
        let finished = self.current.take().and_then(|current| self.strip(current));
        self.done.extend(finished);
    }

    fn strip(&self, Current { strip, blocks, .. }: Current) -> Option<BlockStrip> {
        let size = self.layout.size;
        let height = size.height().saturating_sub(strip * self.strip_rows).min(self.strip_rows);
        let size = Size::new(size.width(), height).ok()?;
        Some(BlockStrip::new(strip, size, Arc::clone(&self.layout), blocks))
    }

    /// Switches to a strip. Returns `false` unless `strip` is the current strip, or the next strip with `is_to_fill`
    /// set.
    fn select_strip(&mut self, strip: u32, is_to_fill: bool) -> Result<bool> {
        let current = self.current.as_ref().map(|current| current.strip);
        if current == Some(strip) {
            return Ok(true);
        }
        if !is_to_fill || strip != current.map_or(0, |current| current + 1) {
            return Ok(false);
        }
        self.finish();
        if self.done.len() >= self.strips {
            // All buffers are held here, so waiting for one would never end.
            return Err(LibjpegError::Codec("internal error: complete strips of blocks were not taken".to_owned()));
        }
        let mut blocks = self.pool.take().map_err(|error| LibjpegError::Codec(error.to_string()))?;
        let (count, first) = (blocks.items().len(), blocks.items_mut().as_mut_ptr());
        self.current = Some(Current { strip, blocks, count, mcu_rows: 0, first });
        Ok(true)
    }

    /// Returns a component's block rows starting at `row`, all within one row of MCUs.
    ///
    /// Clears the blocks if `is_to_fill` is set. Starts the next strip if `row` belongs to it.
    pub(super) fn rows(&mut self, component: usize, row: u32, is_to_fill: bool) -> Result<&mut [ffi::JBLOCKROW]> {
        let damaged = || LibjpegError::Codec("its scans are not in order".to_owned());
        // libjpeg counts each component's block rows from the top of the image. A strip groups the blocks of all
        // components by MCU row, so it's a single allocation regardless of the sampling factors. Translate from one to
        // the other here. The pointers below rely on the final bounds check.
        let v_samp = self.layout.components.get(component).ok_or_else(damaged)?.v_samp;
        let mcu_row = row / v_samp;
        let mcu_rows_of_strip = self.strip_rows / self.layout.mcu().1;
        if !self.select_strip(mcu_row / mcu_rows_of_strip, is_to_fill)? {
            return Err(damaged());
        }
        let current = self.current.as_mut().ok_or_else(damaged)?;
        current.mcu_rows = current.mcu_rows.max(mcu_row % mcu_rows_of_strip + 1);
        let width = self.layout.row_blocks(component);
        let above = (mcu_row % mcu_rows_of_strip) as usize * self.layout.mcu_row_blocks();
        let place = above + self.layout.first_block(component);
        if place + v_samp as usize * width > current.count {
            return Err(damaged());
        }
        let pointers = &mut self.pointers[component][..v_samp as usize];
        for (row, pointer) in pointers.iter_mut().enumerate() {
            // SAFETY: the rows are within the strip, as checked above. Only libjpeg accesses the strip until it is
            // complete.
            unsafe {
                let blocks = current.first.add(place + row * width);
                if is_to_fill {
                    // libjpeg only writes nonzero coefficients.
                    blocks.write_bytes(0, width);
                }
                *pointer = blocks.cast();
            }
        }
        Ok(pointers)
    }
}

/// libjpeg's function for requesting an array.
pub(super) type Request = unsafe extern "C-unwind" fn(
    &mut ffi::jpeg_common_struct,
    c_int,
    ffi::boolean,
    ffi::JDIMENSION,
    ffi::JDIMENSION,
    ffi::JDIMENSION,
) -> *mut ffi::jvirt_barray_control;

/// libjpeg's own arrays, which hold the coefficients of a whole image.
pub(super) struct WholeArrays {
    /// libjpeg's own function, which creates them.
    pub(super) request: Request,
    /// One array for each component, in order.
    pub(super) arrays: Vec<*mut ffi::jvirt_barray_control>,
    /// Number of MCU rows that have been copied.
    pub(super) copied: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::{BlockColors, Component};

    #[test]
    fn memory_is_reserved_before_the_next_strip_can_begin() {
        let component = Component { h_samp: 1, v_samp: 1, quant_table: [1; 64] };
        let size = Size::new(64, 128).expect("not empty");
        // Two strips of eight rows of MCUs, but memory for one.
        let layout = BlockLayout { size, colors: BlockColors::Gray, components: vec![component] };
        let mut buffer = CoefficientBuffer::new(Arc::new(layout), 64, 1);
        let fill = |buffer: &mut CoefficientBuffer, row| assert!(buffer.rows(0, row, true).is_ok(), "in order");
        fill(&mut buffer, 0);
        fill(&mut buffer, 1);
        assert!(buffer.reserve(false), "the rows that are read ahead still belong to the first strip");
        fill(&mut buffer, 2);
        assert!(!buffer.reserve(false), "they may belong to the second strip, and its memory is in use");
        (3..8).for_each(|row| fill(&mut buffer, row));
        buffer.finish();
        drop(buffer.take());
        assert!(buffer.reserve(false), "it was given back");
    }

    #[test]
    fn the_last_strip_reserves_nothing() {
        let component = Component { h_samp: 1, v_samp: 1, quant_table: [1; 64] };
        let size = Size::new(64, 64).expect("not empty");
        let layout = BlockLayout { size, colors: BlockColors::Gray, components: vec![component] };
        let mut buffer = CoefficientBuffer::new(Arc::new(layout), 64, 1);
        assert!(buffer.reserve(false), "the memory of the first strip");
        for row in 0..8 {
            buffer.rows(0, row, true).expect("in order");
            assert!(buffer.reserve(false), "row {row}");
        }
    }
}
