//! Replacements for the functions that manage libjpeg's virtual arrays.
//!
//! A file with a single scan gets arrays that only cover a strip, and libjpeg writes coefficients directly into it. A file
//! with several scans needs arrays of the whole image, because every scan visits all blocks. It keeps libjpeg's own
//! arrays, and [`copy_rows`] copies them into strips as rows are decoded.

use super::coefficients::WholeArrays;
use super::state::{DecoderState, component_of, handle};
use super::{LibjpegError, Result, raise};
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

/// Keeps the handles of libjpeg's own arrays.
///
/// # Safety
/// As for [`install`].
pub(super) unsafe fn watch(state: *mut DecoderState) {
    // SAFETY: as in `install`.
    unsafe {
        if (*state).whole_arrays.is_some() {
            return;
        }
        let memory = &mut *(*state).info.common.mem;
        let request = memory.request_virt_barray.expect("libjpeg sets all functions");
        (*state).whole_arrays = Some(WholeArrays { request, arrays: Vec::new(), copied: 0 });
        memory.request_virt_barray = Some(request_and_note);
    }
}

unsafe extern "C-unwind" fn request_and_note(
    info: &mut ffi::jpeg_common_struct,
    pool: c_int,
    zeroed: ffi::boolean,
    blocks_per_row: ffi::JDIMENSION,
    rows: ffi::JDIMENSION,
    max_rows: ffi::JDIMENSION,
) -> *mut ffi::jvirt_barray_control {
    // SAFETY: as in `request`. libjpeg's own function only needs its own struct.
    unsafe {
        let state = std::ptr::from_mut(info).cast::<DecoderState>();
        check_size(&mut *state, blocks_per_row, rows);
        let Some(request) = (*state).whole_arrays.as_ref().map(|whole| whole.request) else {
            raise(LibjpegError::Codec("internal error: no list of arrays".to_owned()))
        };
        let array = request(&mut (*state).info.common, pool, zeroed, blocks_per_row, rows, max_rows);
        if let Some(whole) = &mut (*state).whole_arrays {
            whole.arrays.push(array);
        }
        array
    }
}

/// Copies blocks from libjpeg's own arrays into the current strip, up to the MCU row at `end`, which isn't included. Does
/// nothing if there are no such arrays.
///
/// # Errors
/// Returns an error if completed strips were not taken, or if a strip doesn't get memory.
///
/// # Safety
/// `state` must be valid, decoding must have started, and C code must not be running. Must be called in
/// [`guarded`](super::guarded).
pub(super) unsafe fn copy_rows(state: *mut DecoderState, end: u32) -> Result<()> {
    // SAFETY: the caller guarantees that the state is valid. The references are to different fields, and libjpeg doesn't
    // use any of the other fields while it looks up rows.
    unsafe {
        let (Some(whole), Some(buffer)) = (&mut (*state).whole_arrays, &mut (*state).coefficients) else {
            return Ok(());
        };
        let common = &raw mut (*state).info.common;
        let access = (*(*common).mem).access_virt_barray.expect("libjpeg sets all functions");
        while whole.copied < end {
            for (component, array) in whole.arrays.iter().enumerate() {
                let (v_samp, width) = (buffer.layout.components[component].v_samp, buffer.layout.row_blocks(component));
                let row = whole.copied * v_samp;
                let source = access(&mut *common, *array, row, v_samp, 0);
                for (index, target) in buffer.rows(component, row, true)?.iter().enumerate() {
                    // Both have `width` blocks, as checked when the array was requested.
                    std::ptr::copy_nonoverlapping(*source.add(index), *target, width);
                }
            }
            whole.copied += 1;
        }
    }
    Ok(())
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
    let component = check_size(state, blocks_per_row, rows);
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

/// Checks the size of the next requested array. Returns its component.
fn check_size(state: &mut DecoderState, blocks_per_row: ffi::JDIMENSION, rows: ffi::JDIMENSION) -> usize {
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
    component
}
