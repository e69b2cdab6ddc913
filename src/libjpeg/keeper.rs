//! Keeps the blocks of a JPEG while its rows are decoded.
//!
//! libjpeg can hold the coefficients of a whole image in "virtual arrays" of its memory manager, and decode out of them while it
//! fills them. Here such an array is no more than a strip: what libjpeg fills is where the tiles are cut from, and nothing is
//! copied.

use super::decoder::DecoderState;
use super::{LibjpegError, Result, raise};
use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, BlockStrip, StripBuffer, StripPool};
use mozjpeg_sys as ffi;
use std::collections::VecDeque;
use std::ffi::c_int;
use std::sync::Arc;

/// The most rows of blocks that libjpeg asks for at a time: `MAX_SAMP_FACTOR` of jpeglib.h.
const MOST_ROWS: usize = 4;

/// What is kept, strip by strip.
pub(super) struct Keeper {
    layout: Arc<BlockLayout>,
    /// Rows of pixels of a strip, a whole number of MCUs.
    strip_rows: u32,
    /// How many strips there are.
    strips: usize,
    pool: StripPool<Block>,
    /// The strip that is being filled.
    current: Option<Current>,
    done: VecDeque<BlockStrip>,
    /// What libjpeg is given: pointers to rows of blocks, of each component.
    pointers: Vec<[ffi::JBLOCKROW; MOST_ROWS]>,
}

struct Current {
    /// Which one it is, from 0.
    strip: u32,
    blocks: StripBuffer<Block>,
    count: usize,
    /// Where they begin. All pointers that libjpeg gets come from this one, so that none of them shuts another one out.
    first: *mut Block,
}

impl Keeper {
    /// Keeps strips of so many rows of pixels, a whole number of MCUs; so many of them at the same time.
    pub(super) fn new(layout: Arc<BlockLayout>, strip_rows: u32, strips: usize) -> Self {
        let pool = StripPool::new(strips, layout.strip_blocks(strip_rows.min(layout.size.height())));
        let pointers = vec![[std::ptr::null_mut(); MOST_ROWS]; layout.components.len()];
        Self { layout, strip_rows, strips, pool, current: None, done: VecDeque::new(), pointers }
    }

    /// The next strip that is complete.
    pub(super) fn take(&mut self) -> Option<BlockStrip> {
        self.done.pop_front()
    }

    /// After the last row: the last strip is complete.
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

    /// The rows of blocks of a component that begin at `row`, of one row of MCUs; emptied where they are to be filled.
    fn rows(&mut self, component: usize, row: u32, is_to_fill: bool) -> Result<&mut [ffi::JBLOCKROW]> {
        let damaged = || LibjpegError::Codec("its scans do not come in order".to_owned());
        let down = self.layout.components.get(component).ok_or_else(damaged)?.down;
        let mcu_row = row / down;
        let mcu_rows_of_strip = self.strip_rows / self.layout.mcu().1;
        let strip = mcu_row / mcu_rows_of_strip;
        let is_current = self.current.as_ref().is_some_and(|current| current.strip == strip);
        if !is_current {
            let next = self.current.as_ref().map_or(0, |current| current.strip + 1);
            if !is_to_fill || strip != next {
                return Err(damaged());
            }
            self.finish();
            if self.done.len() >= self.strips {
                // All memory is here: nobody else could ever give any back.
                return Err(LibjpegError::Codec("nobody takes its blocks".to_owned()));
            }
            let mut blocks = self.pool.take().map_err(|error| LibjpegError::Codec(error.to_string()))?;
            let (count, first) = (blocks.items().len(), blocks.items_mut().as_mut_ptr());
            self.current = Some(Current { strip, blocks, count, first });
        }
        let current = self.current.as_ref().ok_or_else(damaged)?;
        let width = self.layout.row_blocks(component);
        let above = (mcu_row % mcu_rows_of_strip) as usize * self.layout.mcu_row_blocks();
        let place = above + self.layout.first_block(component);
        if place + down as usize * width > current.count {
            return Err(damaged());
        }
        let pointers = &mut self.pointers[component][..down as usize];
        for (row, pointer) in pointers.iter_mut().enumerate() {
            // SAFETY: the rows lie within the strip, as was just seen; nothing else looks at it before it is done.
            unsafe {
                let blocks = current.first.add(place + row * width);
                if is_to_fill {
                    // libjpeg only writes coefficients that are not zero.
                    blocks.write_bytes(0, width);
                }
                *pointer = blocks.cast();
            }
        }
        Ok(pointers)
    }
}

/// Stands for a component where libjpeg wants a pointer to an array of its own; it never looks behind it.
pub(super) fn handle(component: usize) -> *mut ffi::jvirt_barray_control {
    std::ptr::without_provenance_mut(component + 1)
}

/// The component that a handle stands for.
pub(super) fn component_of(handle: *mut ffi::jvirt_barray_control) -> usize {
    handle.addr().wrapping_sub(1)
}

/// Makes libjpeg take its arrays from the keeper.
///
/// # Safety
/// `state` must be valid, with a decoder that was created and not started.
pub(super) unsafe fn install(state: *mut DecoderState) {
    // SAFETY: the caller vouches for the state; creating the decoder has made `mem`.
    unsafe {
        let memory = &mut *(*state).info.common.mem;
        memory.request_virt_barray = Some(request);
        memory.access_virt_barray = Some(access);
    }
}

/// libjpeg asks once for each component, in order.
unsafe extern "C-unwind" fn request(
    info: &mut ffi::jpeg_common_struct,
    _pool: c_int,
    _zeroed: ffi::boolean,
    blocks_per_row: ffi::JDIMENSION,
    rows: ffi::JDIMENSION,
    _most: ffi::JDIMENSION,
) -> *mut ffi::jvirt_barray_control {
    // SAFETY: only decoders with a keeper have this function, and their struct is the first field of a `DecoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() };
    let Some(keeper) = &state.keeper else { raise(LibjpegError::Codec("nothing keeps its blocks".to_owned())) };
    let component = state.requested;
    let is_expected = keeper.layout.components.get(component).is_some_and(|it| {
        let mcu_rows = keeper.layout.size.height().div_ceil(keeper.layout.mcu().1);
        blocks_per_row as usize == keeper.layout.row_blocks(component) && rows == mcu_rows * it.down
    });
    if !is_expected {
        raise(LibjpegError::Codec("its blocks lie otherwise than its header says".to_owned()));
    }
    state.requested += 1;
    handle(component)
}

unsafe extern "C-unwind" fn access(
    info: &mut ffi::jpeg_common_struct,
    array: *mut ffi::jvirt_barray_control,
    first_row: ffi::JDIMENSION,
    rows: ffi::JDIMENSION,
    is_to_fill: ffi::boolean,
) -> ffi::JBLOCKARRAY {
    // SAFETY: as in `request`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() };
    let found = state.keeper.as_mut().map(|keeper| keeper.rows(component_of(array), first_row, is_to_fill != 0));
    match found {
        Some(Ok(pointers)) if pointers.len() == rows as usize => pointers.as_mut_ptr(),
        Some(Err(error)) => raise(error),
        _ => raise(LibjpegError::Codec("its blocks do not come in rows of MCUs".to_owned())),
    }
}
