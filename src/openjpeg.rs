//! Safe wrapper around OpenJPEG's decoder for codestreams with a single tile.
//!
//! `hayro-jpeg2000` decodes whole images and takes about 24 bytes per pixel for that. OpenJPEG can decode one band of
//! rows after the other: it keeps the compressed data, and only decodes the code blocks that the band needs. It also
//! decodes High-Throughput JPEG 2000 (Part 15), but only whole tiles of it.
//!
//! # Soundness
//! - OpenJPEG only calls back while one of its functions runs. These functions and the callbacks get the [`Session`] as a
//!   pointer, and no reference to it exists while one of the functions runs.
//! - Callbacks never unwind into C. A panic of the reader counts as a failure to read.
//! - Samples are only accessible between calls. Their number is that of the component's dimensions, which OpenJPEG sets
//!   when it allocates them.
//! - Of OpenJPEG's two readers, only the one for codestreams is used. Boxes are parsed in Rust.
#![expect(unsafe_code, reason = "this module talks to a C library")]

use openjpeg_sys as ffi;
use std::ffi::{CStr, c_char, c_void};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::slice;

/// Number of bytes to read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// Value that C callbacks return at the end of the data, which is -1 there.
const END: usize = usize::MAX;

/// An error from OpenJPEG.
#[derive(Debug, thiserror::Error)]
#[error("OpenJPEG: {0}")]
pub(crate) struct OpenjpegError(String);

/// A rectangle on the reference grid. `right` and `bottom` are exclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) right: i32,
    pub(crate) bottom: i32,
}

/// A component's decoded samples.
pub(crate) struct Plane<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bits: u32,
    pub(crate) is_signed: bool,
    /// Rows of samples, without gaps between them.
    pub(crate) samples: &'a [i32],
}

/// State that callbacks have access to.
struct Session {
    reader: Box<dyn Read + Send>,
    /// The first error or warning. OpenJPEG decodes damaged data as far as possible and only warns about it.
    message: Option<String>,
}

/// A decoder and its codestream.
pub(crate) struct Decoder {
    codec: NonNull<ffi::opj_codec_t>,
    stream: NonNull<ffi::opj_stream_t>,
    /// Null until the header has been read.
    image: *mut ffi::opj_image_t,
    session: NonNull<Session>,
}

// SAFETY: the decoder owns everything that it points to, and the reader is `Send`.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Reads the main header of a codestream that is `bytes` long.
    ///
    /// # Errors
    /// Returns an error if the header is damaged or unsupported.
    pub(crate) fn open(reader: Box<dyn Read + Send>, bytes: u64) -> Result<Self, OpenjpegError> {
        let session = Box::into_raw(Box::new(Session { reader, message: None }));
        // SAFETY: these functions only allocate.
        let (codec, stream) = unsafe {
            let codec = ffi::opj_create_decompress(ffi::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K);
            (NonNull::new(codec), NonNull::new(ffi::opj_stream_create(BUFFER_BYTES, 1)))
        };
        let (Some(codec), Some(stream), Some(session)) = (codec, stream, NonNull::new(session)) else {
            // SAFETY: these are null or were created above, and nothing else refers to them.
            unsafe {
                if let Some(codec) = codec {
                    ffi::opj_destroy_codec(codec.as_ptr());
                }
                if let Some(stream) = stream {
                    ffi::opj_stream_destroy(stream.as_ptr());
                }
                drop(Box::from_raw(session));
            }
            return Err(OpenjpegError("out of memory".to_owned()));
        };
        let mut decoder = Self { codec, stream, image: ptr::null_mut(), session };
        decoder.begin(bytes)?;
        Ok(decoder)
    }

    fn begin(&mut self, bytes: u64) -> Result<(), OpenjpegError> {
        let (codec, stream, user) = (self.codec.as_ptr(), self.stream.as_ptr(), self.session.as_ptr().cast::<c_void>());
        // SAFETY: all pointers are valid, and the session outlives codec and stream. The parameters are plain data that
        // the second function initializes.
        let is_read = unsafe {
            ffi::opj_stream_set_user_data(stream, user, None);
            ffi::opj_stream_set_user_data_length(stream, bytes);
            ffi::opj_stream_set_read_function(stream, Some(read));
            ffi::opj_stream_set_skip_function(stream, Some(skip));
            ffi::opj_set_error_handler(codec, Some(report), user);
            let mut parameters: ffi::opj_dparameters = std::mem::zeroed();
            ffi::opj_set_default_decoder_parameters(&raw mut parameters);
            ffi::opj_setup_decoder(codec, &raw mut parameters) != 0
                && ffi::opj_decoder_set_strict_mode(codec, 1) != 0
                && ffi::opj_read_header(stream, codec, &raw mut self.image) != 0
        };
        self.outcome(is_read && !self.image.is_null())?;
        // Warnings about the header are harmless. Others mean that data is damaged.
        // SAFETY: the pointers are valid, and the session outlives the codec.
        unsafe { ffi::opj_set_warning_handler(codec, Some(report), user) };
        Ok(())
    }

    /// Decodes an area. Areas can be decoded in any order if the codestream has a single tile, but each of them has to be
    /// smaller than the image: the compressed data is freed with the whole image.
    ///
    /// # Errors
    /// Returns an error if the data is damaged or can't be read.
    pub(crate) fn decode(&mut self, area: Area) -> Result<(), OpenjpegError> {
        let (codec, stream, image) = (self.codec.as_ptr(), self.stream.as_ptr(), self.image);
        let Area { left, top, right, bottom } = area;
        // SAFETY: all pointers are valid, and `image` is from this codec.
        let is_decoded = unsafe {
            ffi::opj_set_decode_area(codec, image, left, top, right, bottom) != 0
                && ffi::opj_decode(codec, stream, image) != 0
        };
        self.outcome(is_decoded)
    }

    /// Returns a component's samples in the area that was decoded last, or `None` if there's no such component.
    pub(crate) fn plane(&self, component: usize) -> Option<Plane<'_>> {
        // SAFETY: the image is valid, and has `numcomps` components.
        let plane = unsafe {
            let image = self.image.as_ref()?;
            if component >= image.numcomps as usize || image.comps.is_null() {
                return None;
            }
            &*image.comps.add(component)
        };
        if plane.data.is_null() {
            return None;
        }
        let count = (plane.w as usize).checked_mul(plane.h as usize)?;
        // SAFETY: OpenJPEG allocated `w` x `h` samples. They stay valid until the next call, which needs `&mut self`.
        let samples = unsafe { slice::from_raw_parts(plane.data, count) };
        Some(Plane { width: plane.w, height: plane.h, bits: plane.prec, is_signed: plane.sgnd != 0, samples })
    }

    /// Returns the error of a call that has ended, if there was one.
    fn outcome(&mut self, is_done: bool) -> Result<(), OpenjpegError> {
        // SAFETY: no function of OpenJPEG is running.
        let session = unsafe { self.session.as_mut() };
        match session.message.take() {
            Some(message) => Err(OpenjpegError(message)),
            None if is_done => Ok(()),
            None => Err(OpenjpegError("the data is damaged".to_owned())),
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: everything was created by `open`, and is only freed here. The session is freed last, because the others
        // refer to it. A null image is ignored.
        unsafe {
            ffi::opj_destroy_codec(self.codec.as_ptr());
            ffi::opj_stream_destroy(self.stream.as_ptr());
            ffi::opj_image_destroy(self.image);
            drop(Box::from_raw(self.session.as_ptr()));
        }
    }
}

impl Session {
    /// Returns the result of reading, or `None` at the end or after a failure.
    fn guarded(&mut self, read: impl FnOnce(&mut dyn Read) -> io::Result<u64>) -> Option<u64> {
        let failure = match catch_unwind(AssertUnwindSafe(|| read(&mut *self.reader))) {
            Ok(Ok(count)) => return Some(count).filter(|count| *count > 0),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the reader failed".to_owned(),
        };
        self.message.get_or_insert(failure);
        None
    }
}

/// Reads into OpenJPEG's buffer.
unsafe extern "C" fn read(buffer: *mut c_void, size: usize, session: *mut c_void) -> usize {
    // SAFETY: `session` is the decoder's, to which there's no other reference. `buffer` has room for `size` bytes, which
    // are initialized here.
    let (session, buffer) = unsafe {
        ptr::write_bytes(buffer.cast::<u8>(), 0, size);
        (&mut *session.cast::<Session>(), slice::from_raw_parts_mut(buffer.cast::<u8>(), size))
    };
    let count = session.guarded(|reader| Ok(reader.read(buffer)? as u64));
    count.and_then(|count| usize::try_from(count).ok()).unwrap_or(END)
}

/// Skips bytes. OpenJPEG only skips forward in streams that can't seek.
unsafe extern "C" fn skip(bytes: i64, session: *mut c_void) -> i64 {
    // SAFETY: `session` is the decoder's, to which there's no other reference.
    let session = unsafe { &mut *session.cast::<Session>() };
    let Ok(bytes) = u64::try_from(bytes) else { return -1 };
    let skipped = session.guarded(|reader| io::copy(&mut reader.take(bytes), &mut io::sink()));
    skipped.and_then(|skipped| i64::try_from(skipped).ok()).unwrap_or(-1)
}

/// Keeps the first error or warning.
unsafe extern "C" fn report(message: *const c_char, session: *mut c_void) {
    // SAFETY: `session` is the decoder's, to which there's no other reference, and `message` ends with a zero byte.
    let (session, message) = unsafe { (&mut *session.cast::<Session>(), CStr::from_ptr(message)) };
    session.message.get_or_insert_with(|| message.to_string_lossy().trim().to_owned());
}
