//! A safe face for libjpeg (the mozjpeg build of libjpeg-turbo).
//!
//! Why not a ready-made wrapper: tiles are cut out of wider rows without copying them, and a damaged file must be an
//! error. The `mozjpeg` crate takes contiguous rows only, and silences libjpeg's warnings about missing data.
//!
//! # What makes it sound
//! - The C structs live in a [`Box`] that is only ever reached through its raw pointer, so that they never move and the
//!   pointers between them stay valid until `Drop`.
//! - libjpeg must not return from a fatal error. Its handler unwinds ([`std::panic::resume_unwind`]) through C code that
//!   mozjpeg-sys compiles with `-fexceptions`; every call into C stands in [`guarded`], which turns it into an `Err`.
//!   After an error the struct is only destroyed.
//! - Rows are checked against the width before C sees a pointer to them.
#![expect(unsafe_code, reason = "this module talks to a C library")]

mod decoder;
mod encoder;
mod keeper;

pub(crate) use decoder::{Components, Decoder, JpegColour};
pub(crate) use encoder::Encoder;
pub use encoder::{Effort, Subsampling};

use mozjpeg_sys as ffi;
use std::any::Any;
use std::ffi::c_int;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Why libjpeg gave up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibjpegError {
    /// The input ended before the image did.
    #[error("the file ends before the image does")]
    Truncated,
    /// The scans would take more time than any real image.
    #[error("it has more scans than any real image")]
    TooManyScans,
    /// The input could not be read.
    #[error("could not read the file")]
    Read(#[source] io::Error),
    /// libjpeg's own message.
    #[error("{0}")]
    Codec(String),
}

type Result<T> = std::result::Result<T, LibjpegError>;

/// Rows handed to libjpeg in one call: the height of a 4:2:0 MCU, after which it has nothing left to gain.
const ROWS_AT_ONCE: usize = 16;

/// How the warnings begin after which pixels are made up, and the one among them that does no harm.
///
/// By their texts and not by their numbers, which depend on how libjpeg was configured.
const DAMAGE: &str = "Corrupt JPEG data";
const HARMLESS: &str = "extraneous bytes before marker";

/// How the trace of a scan begins.
const SCAN: &str = "Start Of Scan";

/// How the traces of frames with arithmetic coding begin: libjpeg's own field for that is not bound.
const ARITHMETIC: [&str; 2] = ["Start Of Frame 0xc9", "Start Of Frame 0xca"];

unsafe extern "C" {
    fn jsimd_can_rgb_ycc() -> c_int;
    fn jsimd_can_idct_islow() -> c_int;
}

/// Whether libjpeg was built with SIMD code that this processor can run; without it, it is several times slower.
pub(crate) fn has_simd() -> bool {
    // SAFETY: both only ask the processor, and answer 0 in a build without SIMD.
    unsafe { jsimd_can_rgb_ycc() != 0 && jsimd_can_idct_islow() != 0 }
}

/// Runs C code, and turns the unwinding of its fatal errors into an `Err`.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload: Box<dyn Any + Send>| match payload.downcast() {
        Ok(error) => *error,
        Err(payload) => resume_unwind(payload),
    })
}

fn raise(error: LibjpegError) -> ! {
    // Not `panic!`: there is nothing for the panic hook to print.
    resume_unwind(Box::new(error))
}

/// # Safety
/// `manager` must be valid for as long as the struct that it is put into.
unsafe fn prepare_errors(manager: *mut ffi::jpeg_error_mgr) -> *mut ffi::jpeg_error_mgr {
    // SAFETY: the caller vouches for the pointer.
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

/// Level -1 is a warning about the data, others are traces.
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
    if message.starts_with(DAMAGE) && !message.contains(HARMLESS) {
        raise(LibjpegError::Codec(message));
    }
}

/// # Safety
/// `info` must be libjpeg's own, with an error manager.
unsafe fn last_message(info: &mut ffi::jpeg_common_struct) -> String {
    // As jpeglib.h declares it; the binding makes a shared array of 80 bytes of the buffer that C writes to.
    type FormatMessage = unsafe extern "C-unwind" fn(*mut ffi::jpeg_common_struct, *mut u8);
    // `JMSG_LENGTH_MAX` of jpeglib.h.
    let mut buffer = [0_u8; 200];
    // SAFETY: both types stand for the same C function, whose two arguments are pointers; it writes at most
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
