//! Memory that a decoder shares with libjpeg.

use super::coefficients::CoefficientBuffer;
use mozjpeg_sys as ffi;
use std::io::Read;

/// The decoder's C structs. libjpeg's own struct comes first so that callbacks can cast their pointer to this type.
#[repr(C)]
pub(super) struct DecoderState {
    pub(super) info: ffi::jpeg_decompress_struct,
    pub(super) error: ffi::jpeg_error_mgr,
    pub(super) source: Source,
    /// Coefficient buffer, if coefficients are kept.
    pub(super) coefficients: Option<CoefficientBuffer>,
    pub(super) requested: usize,
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
