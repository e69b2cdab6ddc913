//! Memory that decoders and encoders share with libjpeg.

use super::coefficients::{CoefficientBuffer, WholeArrays};
use super::scan::ScanWriter;
use super::scan_reader::ScanReader;
use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout};
use mozjpeg_sys as ffi;
use std::ffi::c_void;
use std::io::Read;

/// Function that libjpeg calls at the start of a scan.
pub(super) type StartPass = unsafe extern "C-unwind" fn(&mut ffi::jpeg_decompress_struct);

/// The decoder's C structs. libjpeg's own struct comes first so that callbacks can cast their pointer to this type.
#[repr(C)]
pub(super) struct DecoderState {
    pub(super) info: ffi::jpeg_decompress_struct,
    pub(super) error: ffi::jpeg_error_mgr,
    pub(super) source: Source,
    /// Coefficient buffer, if coefficients are kept.
    pub(super) coefficients: Option<CoefficientBuffer>,
    pub(super) requested: usize,
    /// libjpeg's own arrays, if coefficients are kept and the file has several scans.
    pub(super) whole_arrays: Option<WholeArrays>,
    /// Reader of the scan, if it isn't libjpeg's.
    pub(super) scan: Option<ScanReader>,
    /// libjpeg's function for the start of a scan, if it was replaced.
    pub(super) start_pass: Option<StartPass>,
}

/// The decoder's input. libjpeg's manager comes first so that callbacks can cast their pointer to this type.
#[repr(C)]
pub(super) struct Source {
    pub(super) manager: ffi::jpeg_source_mgr,
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) buffer: Vec<u8>,
    /// `true` once decoding has started and the end of the file can replace a missing end marker.
    pub(super) may_end: bool,
    pub(super) is_arithmetic: bool,
    /// `true` if the file ended early and an end marker was substituted.
    pub(super) has_ended: bool,
    /// Number of scans started so far.
    pub(super) scans: u64,
}

/// The encoder's C structs. libjpeg's own struct comes first, as in the decoder.
#[repr(C)]
pub(super) struct EncoderState {
    pub(super) info: ffi::jpeg_compress_struct,
    pub(super) error: ffi::jpeg_error_mgr,
    pub(super) destination: Destination,
    /// Writer of the scan, if it is kept. libjpeg writes everything else.
    pub(super) scan: Option<ScanWriter>,
    /// Input for encoding from blocks.
    pub(super) blocks: Option<BlockRows>,
}

/// Block input for an image.
pub(super) struct BlockRows {
    /// Buffers for one MCU row of each component, which libjpeg reads.
    pub(super) components: Vec<ComponentRows>,
    /// Handles that libjpeg uses as its arrays.
    pub(super) arrays: Vec<*mut ffi::jvirt_barray_control>,
    /// Pointer to the `&mut FillBlocks` in `Encoder::finish_blocks` while that function is running.
    pub(super) fill: Option<*mut c_void>,
}

pub(super) struct ComponentRows {
    /// Number of block rows in the image.
    pub(super) count: u32,
    pub(super) width: usize,
    pub(super) blocks: Vec<Block>,
    pub(super) pointers: Vec<ffi::JBLOCKROW>,
}

/// The encoder's output. libjpeg's manager comes first, as in `Source`.
#[repr(C)]
pub(super) struct Destination {
    pub(super) manager: ffi::jpeg_destination_mgr,
    pub(super) bytes: Vec<u8>,
}

impl BlockRows {
    pub(super) fn new(size: Size, layout: &BlockLayout) -> Self {
        let rows = |index: usize| {
            let (width, count) = layout.blocks_of(index, size);
            let (width, down) = (width as usize, layout.components[index].v_samp as usize);
            let (blocks, pointers) = (vec![Block::default(); width * down], vec![std::ptr::null_mut(); down]);
            ComponentRows { count, width, blocks, pointers }
        };
        let components: Vec<ComponentRows> = (0..layout.components.len()).map(rows).collect();
        let arrays = (0..components.len()).map(handle).collect();
        Self { components, arrays, fill: None }
    }
}

/// Returns a handle for libjpeg to use as a pointer to its own array. libjpeg never dereferences it.
pub(super) fn handle(component: usize) -> *mut ffi::jvirt_barray_control {
    std::ptr::without_provenance_mut(component + 1)
}

/// Returns the component index for a handle.
pub(super) fn component_of(handle: *mut ffi::jvirt_barray_control) -> usize {
    handle.addr().wrapping_sub(1)
}
