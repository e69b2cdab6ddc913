//! Keeps the blocks of a JPEG while its rows are decoded.
//!
//! Tiles of the full size are cut from the coefficients of the file, but the lower levels need pixels. Reading the file
//! twice would double the work, and remote sources may be readable only once.
//!
//! libjpeg has "virtual arrays" in its memory manager: it stores coefficients there and decodes pixels from them. This
//! module replaces the functions that access them, so that an array is only a window of one strip. libjpeg writes the
//! coefficients into the strip that the tiles are cut from later, and nothing is copied.
//!
//! Three invariants keep this sound. libjpeg fills rows of MCUs in order, so the strip being filled is the only one
//! that it accesses; any other order is an error. All pointers into a strip derive from one pointer, until the strip is
//! complete and leaves. The number of strips is fixed, and the caller takes complete strips between two calls.
//!
//! Waiting here for a free strip does not work: the thread that would release one is the thread that waits. Therefore
//! the caller [reserves](CoefficientBuffer::reserve) one before it decodes rows that may need it, and too many untaken strips are an
//! error. The unmodified arrays of libjpeg hold the whole image, so they are not used.

use super::{LibjpegError, Result};
use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, BlockStrip, StripBuffer, StripPool};
use mozjpeg_sys as ffi;
use std::collections::VecDeque;
use std::sync::Arc;

/// The maximum number of block rows that libjpeg requests at once: `MAX_SAMP_FACTOR` of jpeglib.h.
const MAX_ROWS: usize = 4;

/// The maximum rows of pixels that libjpeg reads for the next 16 rows that it delivers: twice as many at half size, and two rows of
/// MCUs ahead, for the rows of smaller components between them.
const ROWS_AHEAD: u32 = 32;
const MCU_ROWS_AHEAD: u32 = 2;

/// The buffer for coefficients, one strip at a time.
pub(super) struct CoefficientBuffer {
    pub(super) layout: Arc<BlockLayout>,
    /// The rows of pixels per strip: a whole number of MCUs.
    strip_rows: u32,
    /// The maximum number of strips.
    strips: usize,
    pool: StripPool<Block>,
    /// The strip that is being filled.
    current: Option<Current>,
    done: VecDeque<BlockStrip>,
    /// Pointers to rows of blocks for each component, which libjpeg reads.
    pointers: Vec<[ffi::JBLOCKROW; MAX_ROWS]>,
}

struct Current {
    /// The index of the strip, counted from 0.
    strip: u32,
    blocks: StripBuffer<Block>,
    count: usize,
    /// The rows of MCUs of the strip that libjpeg has begun to fill.
    mcu_rows: u32,
    /// The first block. All pointers that libjpeg gets derive from this one, so that none of them invalidates another.
    first: *mut Block,
}

impl CoefficientBuffer {
    /// Creates a buffer of at most `strips` strips. `strip_rows` is in pixels and must be a whole number of MCUs.
    pub(super) fn new(layout: Arc<BlockLayout>, strip_rows: u32, strips: usize) -> Self {
        let pool = StripPool::new(strips, layout.strip_blocks(strip_rows.min(layout.size.height())));
        let pointers = vec![[std::ptr::null_mut(); MAX_ROWS]; layout.components.len()];
        Self { layout, strip_rows, strips, pool, current: None, done: VecDeque::new(), pointers }
    }

    /// Returns the next complete strip.
    pub(super) fn take(&mut self) -> Option<BlockStrip> {
        self.done.pop_front()
    }

    /// Reserves the memory of the next strip if the rows that are decoded next may need it. Returns `true` if it is there, or is not
    /// needed; with `is_to_wait`, waits for it.
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

    /// Completes the last strip, after the last row.
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

    /// Makes a strip the current one. Returns `false` unless it is the current strip, or the next one and to be filled.
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

    /// Returns the block rows of a component that start at `row` and belong to one row of MCUs.
    ///
    /// Clears the blocks if `is_to_fill` is set. Starts the next strip if `row` belongs to it.
    pub(super) fn rows(&mut self, component: usize, row: u32, is_to_fill: bool) -> Result<&mut [ffi::JBLOCKROW]> {
        let damaged = || LibjpegError::Codec("its scans are not in order".to_owned());
        // libjpeg counts the rows of blocks of each component from the top of the image. In a strip, the blocks of all
        // components lie together by rows of MCUs, so that a strip is one allocation, whatever the sampling factors
        // are. This function translates one into the other; the bounds check at its end is the one that the pointers
        // below rely on.
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
            // SAFETY: the check above shows that the rows lie within the strip. Only libjpeg accesses it until it is
            // complete.
            unsafe {
                let blocks = current.first.add(place + row * width);
                if is_to_fill {
                    // libjpeg writes only coefficients that are not zero.
                    blocks.write_bytes(0, width);
                }
                *pointer = blocks.cast();
            }
        }
        Ok(pointers)
    }
}
