//! Replacements for the functions that manage libjpeg's virtual arrays.

use super::state::{DecoderState, component_of, handle};
use super::{LibjpegError, raise};
use mozjpeg_sys as ffi;
use std::ffi::c_int;

/// Replaces libjpeg's virtual arrays with the decoder's [`CoefficientBuffer`](super::coefficients::CoefficientBuffer).
///
/// # Safety
/// `state` must be valid and belong to a decoder that has been created but not started.
pub(super) unsafe fn install(state: *mut DecoderState) {
    // SAFETY: the caller guarantees that the state is valid, and creating the decoder initialized `mem`.
    unsafe {
        let memory = &mut *(*state).info.common.mem;
        memory.request_virt_barray = Some(request);
        memory.access_virt_barray = Some(access);
    }
}

/// Handles a request for an array. libjpeg calls this once per component, in order.
unsafe extern "C-unwind" fn request(
    info: &mut ffi::jpeg_common_struct,
    _pool: c_int,
    _zeroed: ffi::boolean,
    blocks_per_row: ffi::JDIMENSION,
    rows: ffi::JDIMENSION,
    _max_rows: ffi::JDIMENSION,
) -> *mut ffi::jvirt_barray_control {
    // SAFETY: this function is only installed for decoders with a coefficient buffer, and libjpeg's struct is the first
    // field of a `DecoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() };
    let Some(buffer) = &state.coefficients else {
        raise(LibjpegError::Codec("internal error: no buffer for blocks".to_owned()))
    };
    let component = state.requested;
    // We computed the layout from the file's header ourselves, and libjpeg does its own calculation. Make sure they
    // match before libjpeg gets a pointer.
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
