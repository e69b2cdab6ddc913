//! The memory that a decoder shares with libjpeg.

use super::coefficients::CoefficientBuffer;
use mozjpeg_sys as ffi;
use std::io::Read;

/// The decoder's C structs. libjpeg's own struct is the first field, so that callbacks can cast their pointer to it.
#[repr(C)]
pub(super) struct DecoderState {
    pub(super) info: ffi::jpeg_decompress_struct,
    pub(super) error: ffi::jpeg_error_mgr,
    pub(super) source: Source,
    /// The buffer for coefficients, if they are kept.
    pub(super) coefficients: Option<CoefficientBuffer>,
    pub(super) requested: usize,
}

/// The input of a decoder. libjpeg's manager is the first field, so that callbacks can cast their pointer to it.
#[repr(C)]
pub(super) struct Source {
    pub(super) manager: ffi::jpeg_source_mgr,
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) buffer: Vec<u8>,
    /// `true` while pixels are read: the end of the file may then stand in for a missing end marker.
    pub(super) may_end: bool,
    pub(super) is_arithmetic: bool,
    /// `true` if the file ended early and an end marker was substituted.
    pub(super) has_ended: bool,
    /// The number of scans that have started.
    pub(super) scans: u64,
}
