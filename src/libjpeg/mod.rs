//! Safe wrapper around libjpeg (mozjpeg's fork of libjpeg-turbo).
//!
//! Existing wrappers don't meet our needs. We cut tiles from wider rows without copying, and damaged files must cause
//! an error. The `mozjpeg` crate only accepts contiguous rows and ignores libjpeg's warnings about missing data.
//!
//! # Soundness
//! - The C structs are in a [`Box`] that is only accessed through its raw pointer. They never move, so pointers between
//!   them remain valid until `Drop`.
//! - libjpeg's error handler must not return from a fatal error. Ours unwinds ([`std::panic::resume_unwind`]) through C
//!   code, which mozjpeg-sys compiles with `-fexceptions`. Every C call is wrapped in [`guarded`], which converts the
//!   unwind to an `Err`. After an error, the struct can only be destroyed.
//! - Row lengths are checked against the width before passing pointers to C.
#![expect(unsafe_code, reason = "this module talks to a C library")]

mod bit_reader;
mod bits;
mod coefficients;
mod decoder;
mod encoder;
mod entropy;
mod entropy_decoder;
mod huffman;
mod huffman_decoder;
mod scan;
mod scan_reader;
mod state;
mod virtual_arrays;

pub(crate) use decoder::{Components, Decoder, JpegColor};
pub(crate) use encoder::Encoder;
pub use encoder::{Effort, Subsampling};
pub use scan::{JoinedScans, Scan};

use mozjpeg_sys as ffi;
use std::any::Any;
use std::ffi::c_int;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// An error from libjpeg.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibjpegError {
    /// The input ended before the image was complete.
    #[error("the file ends before the image does")]
    Truncated,
    /// The file has more scans than any real image and would take too long to decode.
    #[error("it has more scans than any real image")]
    TooManyScans,
    /// The input couldn't be read.
    #[error("could not read the file")]
    Read(#[source] io::Error),
    /// An error message from libjpeg.
    #[error("{0}")]
    Codec(String),
}

type Result<T> = std::result::Result<T, LibjpegError>;

/// Maximum number of rows per libjpeg call. This is the height of a 4:2:0 MCU, and passing more rows isn't any faster.
const ROWS_AT_ONCE: usize = 16;

/// Prefix of libjpeg warnings that lead to made-up pixels, and the one such warning that is harmless.
///
/// Warnings are matched by text because their numbers depend on libjpeg's build configuration.
const DAMAGE: &str = "Corrupt JPEG data";
const HARMLESS: &str = "extraneous bytes before marker";

/// Prefix of the trace message for a scan.
const SCAN: &str = "Start Of Scan";

/// Prefixes of trace messages for frames with arithmetic coding. The bindings don't expose libjpeg's own field.
const ARITHMETIC: [&str; 2] = ["Start Of Frame 0xc9", "Start Of Frame 0xca"];

unsafe extern "C" {
    fn jsimd_can_rgb_ycc() -> c_int;
    fn jsimd_can_idct_islow() -> c_int;
}

/// Returns `true` if libjpeg has SIMD support on this CPU. It's several times slower without it.
pub(crate) fn has_simd() -> bool {
    // SAFETY: both functions only query the CPU and return 0 in builds without SIMD.
    unsafe { jsimd_can_rgb_ycc() != 0 && jsimd_can_idct_islow() != 0 }
}

/// Runs C code, converting unwinds from fatal errors to `Err`.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T> {
    // If `raise` started the unwind, the payload is a `LibjpegError`. Any other payload is a panic from our own code in
    // a callback, so let it continue.
    //
    // C code would normally call `setjmp` first and `longjmp` from the handler. Rust can't call `setjmp`, and a
    // `longjmp` over Rust frames is undefined behavior if they contain anything to drop.
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload: Box<dyn Any + Send>| match payload.downcast() {
        Ok(error) => *error,
        Err(payload) => resume_unwind(payload),
    })
}

fn raise(error: LibjpegError) -> ! {
    // `panic!` would invoke the panic hook, but there's nothing to print.
    resume_unwind(Box::new(error))
}

/// Installs the error handlers.
///
/// # Safety
/// `manager` must remain valid for as long as the struct that refers to it.
unsafe fn prepare_errors(manager: *mut ffi::jpeg_error_mgr) -> *mut ffi::jpeg_error_mgr {
    // SAFETY: the caller guarantees that the pointer is valid.
    unsafe {
        ffi::jpeg_std_error(&mut *manager);
        (*manager).error_exit = Some(error_exit);
        (*manager).emit_message = Some(emit_message);
    }
    manager
}

unsafe extern "C-unwind" fn error_exit(info: &mut ffi::jpeg_common_struct) {
    // SAFETY: libjpeg passes its own struct, and its `err` field is ours.
    let message = unsafe { last_message(info) };
    raise(LibjpegError::Codec(message))
}

/// Handles a message. Level -1 is a data warning, and all other levels are trace messages.
unsafe extern "C-unwind" fn emit_message(info: &mut ffi::jpeg_common_struct, level: c_int) {
    if level > 1 {
        return;
    }
    // SAFETY: as in `error_exit`.
    let message = unsafe { last_message(info) };
    if ARITHMETIC.iter().any(|frame| message.starts_with(frame)) {
        // SAFETY: only decoders read frames.
        unsafe { decoder::note_arithmetic(info) };
    }
    // SAFETY: only decoders read scans.
    if message.starts_with(SCAN) && unsafe { decoder::note_scan(info) }.is_err() {
        raise(LibjpegError::TooManyScans);
    }
    if level >= 0 {
        return;
    }
    // libjpeg only warns about damage and continues with gray or repeated blocks. Viewers would display those as if
    // they were part of the image, so treat the warning as an error. The exception is extra bytes between two markers.
    // They are harmless, and some cameras write them.
    if message.starts_with(DAMAGE) && !message.contains(HARMLESS) {
        raise(LibjpegError::Codec(message));
    }
}

/// Returns the text of the last message.
///
/// # Safety
/// `info` must belong to libjpeg and have an error manager.
unsafe fn last_message(info: &mut ffi::jpeg_common_struct) -> String {
    // Function type from jpeglib.h. The bindings declare the buffer as a shared 80-byte array even though C writes to
    // it.
    type FormatMessage = unsafe extern "C-unwind" fn(*mut ffi::jpeg_common_struct, *mut u8);
    // `JMSG_LENGTH_MAX` in jpeglib.h.
    let mut buffer = [0_u8; 200];
    // SAFETY: both types describe the same C function with two pointer arguments. It writes at most `JMSG_LENGTH_MAX`
    // bytes.
    unsafe {
        if let Some(format) = (*info.err).format_message {
            let format = std::mem::transmute::<*const (), FormatMessage>(format as *const ());
            format(info, buffer.as_mut_ptr());
        }
    }
    let length = buffer.iter().position(|&byte| byte == 0).unwrap_or(buffer.len());
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}
