//! Functions that libjpeg calls instead of those of its virtual arrays.

use super::state::DecoderState;
use super::{LibjpegError, raise};
use mozjpeg_sys as ffi;
use std::ffi::c_int;

/// Returns a handle that libjpeg uses as a pointer to its own array. libjpeg never dereferences it.
pub(super) fn handle(component: usize) -> *mut ffi::jvirt_barray_control {
    std::ptr::without_provenance_mut(component + 1)
}

/// Returns the component of a handle.
pub(super) fn component_of(handle: *mut ffi::jvirt_barray_control) -> usize {
    handle.addr().wrapping_sub(1)
}

/// Replaces libjpeg's virtual arrays with the [`CoefficientBuffer`](super::coefficients::CoefficientBuffer) of the decoder.
///
/// # Safety
/// `state` must be valid, with a decoder that was created but not started.
pub(super) unsafe fn install(state: *mut DecoderState) {
    // SAFETY: the caller guarantees that the state is valid; creating the decoder initialized `mem`.
    unsafe {
        let memory = &mut *(*state).info.common.mem;
        memory.request_virt_barray = Some(request);
        memory.access_virt_barray = Some(access);
    }
}

/// Replaces the request for an array. libjpeg calls this once per component, in order.
unsafe extern "C-unwind" fn request(
    info: &mut ffi::jpeg_common_struct,
    _pool: c_int,
    _zeroed: ffi::boolean,
    blocks_per_row: ffi::JDIMENSION,
    rows: ffi::JDIMENSION,
    _max_rows: ffi::JDIMENSION,
) -> *mut ffi::jvirt_barray_control {
    // SAFETY: only decoders with a coefficient buffer install this function, and their struct is the first field of a
    // `DecoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() };
    let Some(buffer) = &state.coefficients else {
        raise(LibjpegError::Codec("internal error: no buffer for blocks".to_owned()))
    };
    let component = state.requested;
    // The layout was computed from the header of the file by our own arithmetic. libjpeg has its own, so the two are
    // compared before it gets a pointer.
    let is_expected = buffer.layout.components.get(component).is_some_and(|it| {
        let mcu_rows = buffer.layout.size.height().div_ceil(buffer.layout.mcu().1);
        blocks_per_row as usize == buffer.layout.row_blocks(component) && rows == mcu_rows * it.v_samp
    });
    if !is_expected {
        raise(LibjpegError::Codec("its blocks do not match its header".to_owned()));
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
    let found = state.coefficients.as_mut().map(|buffer| buffer.rows(component_of(array), first_row, is_to_fill != 0));
    match found {
        Some(Ok(pointers)) if pointers.len() == rows as usize => pointers.as_mut_ptr(),
        Some(Err(error)) => raise(error),
        _ => raise(LibjpegError::Codec("its blocks are not in rows of MCUs".to_owned())),
    }
}
