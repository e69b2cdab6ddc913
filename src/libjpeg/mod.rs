//! A safe wrapper of libjpeg (the mozjpeg build of libjpeg-turbo).
//!
//! No existing wrapper fits: tiles are cut from wider rows without copying, and a damaged file must be an error. The
//! `mozjpeg` crate accepts contiguous rows only and ignores libjpeg's warnings about missing data.
//!
//! # Soundness
//! - The C structs are in a [`Box`] that is only accessed through its raw pointer. They never move, so the pointers
//!   between them stay valid until `Drop`.
//! - libjpeg must not return from a fatal error. Its handler unwinds ([`std::panic::resume_unwind`]) through C code
//!   that mozjpeg-sys compiles with `-fexceptions`. Every call into C is inside [`guarded`], which converts the
//!   unwinding to an `Err`. After an error, the struct is only destroyed.
//! - The length of rows is checked against the width before C gets a pointer to them.
#![expect(unsafe_code, reason = "this module talks to a C library")]

mod coefficients;
mod decoder;
mod encoder;
mod state;
mod virtual_arrays;

pub(crate) use decoder::{Components, Decoder, JpegColor};
pub(crate) use encoder::Encoder;
pub use encoder::{Effort, Subsampling};

use mozjpeg_sys as ffi;
use std::any::Any;
use std::ffi::c_int;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// An error of libjpeg.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibjpegError {
    /// The input ended before the image was complete.
    #[error("the file ends before the image does")]
    Truncated,
    /// The file has more scans than any real image, and decoding would take too long.
    #[error("it has more scans than any real image")]
    TooManyScans,
    /// The input could not be read.
    #[error("could not read the file")]
    Read(#[source] io::Error),
    /// A message of libjpeg.
    #[error("{0}")]
    Codec(String),
}

type Result<T> = std::result::Result<T, LibjpegError>;

/// The maximum number of rows per call of libjpeg: the height of a 4:2:0 MCU. More rows are not faster.
const ROWS_AT_ONCE: usize = 16;

/// The prefix of warnings after which libjpeg makes up pixels, and the one such warning that is harmless.
///
/// Warnings are recognized by text, because their numbers depend on the configuration of libjpeg.
const DAMAGE: &str = "Corrupt JPEG data";
const HARMLESS: &str = "extraneous bytes before marker";

/// The prefix of the trace of a scan.
const SCAN: &str = "Start Of Scan";

/// Prefixes of the traces of frames with arithmetic coding. The bindings do not expose libjpeg's own field.
const ARITHMETIC: [&str; 2] = ["Start Of Frame 0xc9", "Start Of Frame 0xca"];

unsafe extern "C" {
    fn jsimd_can_rgb_ycc() -> c_int;
    fn jsimd_can_idct_islow() -> c_int;
}

/// Returns `true` if libjpeg uses SIMD code on this processor. Without SIMD, it is several times slower.
pub(crate) fn has_simd() -> bool {
    // SAFETY: both functions only query the processor, and return 0 in a build without SIMD.
    unsafe { jsimd_can_rgb_ycc() != 0 && jsimd_can_idct_islow() != 0 }
}

/// Runs C code and converts the unwinding of its fatal errors to an `Err`.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T> {
    // The payload of an unwinding that `raise` has begun is a `LibjpegError`. Any other payload is a panic of our own
    // code in a callback, which goes on as a panic.
    //
    // The usual way is `setjmp` in front of the call and `longjmp` out of the handler. Rust cannot call `setjmp`, and a
    // `longjmp` over Rust frames is undefined behavior if one of them has something to drop.
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload: Box<dyn Any + Send>| match payload.downcast() {
        Ok(error) => *error,
        Err(payload) => resume_unwind(payload),
    })
}

fn raise(error: LibjpegError) -> ! {
    // `panic!` would call the panic hook, which has nothing to print.
    resume_unwind(Box::new(error))
}

/// Installs the error handlers.
///
/// # Safety
/// `manager` must stay valid for as long as the struct that refers to it.
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
    // SAFETY: libjpeg calls this with its own struct, whose `err` is ours.
    let message = unsafe { last_message(info) };
    raise(LibjpegError::Codec(message))
}

/// Handles a message. Level -1 is a warning about the data, other levels are traces.
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
    // libjpeg calls this a warning and goes on with gray or repeated blocks. Viewers would show them as if they were
    // the image, so it is an error. One of these messages is harmless: bytes between two markers, which some cameras
    // leave there.
    if message.starts_with(DAMAGE) && !message.contains(HARMLESS) {
        raise(LibjpegError::Codec(message));
    }
}

/// Returns the text of the last message.
///
/// # Safety
/// `info` must belong to libjpeg and have an error manager.
unsafe fn last_message(info: &mut ffi::jpeg_common_struct) -> String {
    // The type of jpeglib.h. The binding declares the buffer, which C writes to, as a shared array of 80 bytes.
    type FormatMessage = unsafe extern "C-unwind" fn(*mut ffi::jpeg_common_struct, *mut u8);
    // `JMSG_LENGTH_MAX` of jpeglib.h.
    let mut buffer = [0_u8; 200];
    // SAFETY: both types describe the same C function, whose two arguments are pointers. It writes at most
    // `JMSG_LENGTH_MAX` bytes.
    unsafe {
        if let Some(format) = (*info.err).format_message {
            let format = std::mem::transmute::<*const (), FormatMessage>(format as *const ());
            format(info, buffer.as_mut_ptr());
        }
    }
    let length = buffer.iter().position(|&byte| byte == 0).unwrap_or(buffer.len());
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}
