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

use crate::pixel::PixelFormat;
use mozjpeg_sys as ffi;
use std::any::Any;
use std::ffi::{c_int, c_long};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Why libjpeg gave up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibjpegError {
    /// The input ended before the image did.
    #[error("the file ends before the image does")]
    Truncated,
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

/// Bytes read at a time.
const INPUT_BUFFER_BYTES: usize = 64 * 1024;

/// The first guess at the size of an encoded picture; it grows as it needs to.
const OUTPUT_BUFFER_BYTES: usize = 64 * 1024;

/// How the warnings begin after which pixels are made up, and the one among them that does no harm.
///
/// By their texts and not by their numbers, which depend on how libjpeg was configured.
const DAMAGE: &str = "Corrupt JPEG data";
const HARMLESS: &str = "extraneous bytes before marker";

unsafe extern "C" {
    fn jsimd_can_rgb_ycc() -> c_int;
    fn jsimd_can_idct_islow() -> c_int;
}

/// Whether libjpeg was built with SIMD code that this processor can run; without it, it is several times slower.
pub(crate) fn has_simd() -> bool {
    // SAFETY: both only ask the processor, and answer 0 in a build without SIMD.
    unsafe { jsimd_can_rgb_ycc() != 0 && jsimd_can_idct_islow() != 0 }
}

/// What libjpeg makes of the file's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JpegColour {
    Grey,
    /// Stored as `YCbCr` or RGB.
    Rgb,
    /// Stored as CMYK or YCCK.
    Cmyk,
    Unknown,
}

/// What the components of a JPEG are, where the file around it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Components {
    /// Lightness and two differences, to be decoded to RGB.
    YCbCr,
    /// Whatever they are, they are handed out as they are.
    AsTheyAre,
}

/// Reads one JPEG, row by row.
pub(crate) struct Decoder {
    state: *mut DecoderState,
}

#[repr(C)]
struct DecoderState {
    info: ffi::jpeg_decompress_struct,
    error: ffi::jpeg_error_mgr,
    source: Source,
}

/// The manager stands first: libjpeg hands back a pointer to it, which is then a pointer to the whole.
#[repr(C)]
struct Source {
    manager: ffi::jpeg_source_mgr,
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
}

// SAFETY: the state is owned by this value alone, and libjpeg keeps nothing in thread-local or global variables but the
// flags of the processor's features.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Reads the header.
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Result<Self> {
        // SAFETY: zero is a valid value of every field of both structs (integers, null pointers, `None`, first variants).
        let (info, error) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let manager = ffi::jpeg_source_mgr {
            next_input_byte: std::ptr::null(),
            bytes_in_buffer: 0,
            init_source: Some(init_source),
            fill_input_buffer: Some(fill_input_buffer),
            skip_input_data: Some(skip_input_data),
            resync_to_restart: Some(ffi::jpeg_resync_to_restart),
            term_source: Some(term_source),
        };
        let source = Source { manager, reader, buffer: vec![0; INPUT_BUFFER_BYTES] };
        let state = Box::into_raw(Box::new(DecoderState { info, error, source }));
        let decoder = Self { state };
        // SAFETY: `state` is valid and its parts do not move; see the head of the module.
        guarded(|| unsafe {
            (*state).info.common.err = prepare_errors(&raw mut (*state).error);
            ffi::jpeg_create_decompress(&raw mut (*state).info);
            (*state).info.src = (&raw mut (*state).source).cast();
            ffi::jpeg_read_header(&mut (*state).info, 1);
        })?;
        Ok(decoder)
    }

    fn info(&self) -> &ffi::jpeg_decompress_struct {
        // SAFETY: no C code runs while this borrow of `self` lasts.
        unsafe { &(*self.state).info }
    }

    pub(crate) fn width(&self) -> u32 {
        self.info().image_width
    }

    pub(crate) fn height(&self) -> u32 {
        self.info().image_height
    }

    pub(crate) fn colour(&self) -> JpegColour {
        use ffi::J_COLOR_SPACE::{JCS_CMYK, JCS_GRAYSCALE, JCS_RGB, JCS_YCCK, JCS_YCbCr};
        match self.info().jpeg_color_space {
            JCS_GRAYSCALE => JpegColour::Grey,
            JCS_YCbCr | JCS_RGB => JpegColour::Rgb,
            JCS_CMYK | JCS_YCCK => JpegColour::Cmyk,
            _ => JpegColour::Unknown,
        }
    }

    /// The bytes that libjpeg keeps for the whole image: its coefficients, where they come in several scans.
    pub(crate) fn whole_image_bytes(&self) -> u64 {
        // SAFETY: only reads the struct; `comp_info` points to `num_components` entries once the header has been read.
        let (several, components) = unsafe {
            let count = usize::try_from(self.info().num_components).unwrap_or(0);
            let components = std::slice::from_raw_parts(self.info().comp_info, count);
            (ffi::jpeg_has_multiple_scans(self.info()) != 0, components)
        };
        if !several {
            return 0;
        }
        let coefficient_bytes = size_of::<ffi::JBLOCK>() as u64;
        let blocks = |component: &ffi::jpeg_component_info| {
            u64::from(component.width_in_blocks) * u64::from(component.height_in_blocks)
        };
        components.iter().map(|component| blocks(component) * coefficient_bytes).sum()
    }

    /// What to decode to; before [`start`](Self::start).
    pub(crate) fn set_colour(&mut self, colour: JpegColour) {
        let space = match colour {
            JpegColour::Grey => ffi::J_COLOR_SPACE::JCS_GRAYSCALE,
            JpegColour::Rgb => ffi::J_COLOR_SPACE::JCS_RGB,
            JpegColour::Cmyk => ffi::J_COLOR_SPACE::JCS_CMYK,
            // libjpeg's own choice.
            JpegColour::Unknown => return,
        };
        // SAFETY: `state` is valid and exclusively ours.
        unsafe { (*self.state).info.out_color_space = space };
    }

    /// Says what the components are, whatever libjpeg takes them for; before [`start`](Self::start).
    pub(crate) fn set_components(&mut self, components: Components) {
        let (stored, decoded) = match components {
            Components::YCbCr => (ffi::J_COLOR_SPACE::JCS_YCbCr, ffi::J_COLOR_SPACE::JCS_RGB),
            Components::AsTheyAre => (ffi::J_COLOR_SPACE::JCS_UNKNOWN, ffi::J_COLOR_SPACE::JCS_UNKNOWN),
        };
        // SAFETY: `state` is valid and exclusively ours. jpeglib.h lets both be set between the header and the start,
        // where libjpeg compares them with the number of components.
        unsafe {
            (*self.state).info.jpeg_color_space = stored;
            (*self.state).info.out_color_space = decoded;
        }
    }

    /// Begins to decode. Where there are several scans, this reads the whole file.
    pub(crate) fn start(&mut self) -> Result<()> {
        let state = self.state;
        // SAFETY: `state` is valid and exclusively ours.
        guarded(|| unsafe {
            ffi::jpeg_start_decompress(&mut (*state).info);
        })
    }

    /// The length of a decoded row; after [`start`](Self::start).
    pub(crate) fn row_bytes(&self) -> usize {
        self.info().output_width as usize * usize::try_from(self.info().output_components).unwrap_or(0)
    }

    /// Decodes the next rows into `rows`, a whole number of them.
    ///
    /// # Panics
    /// Where `rows` is not a whole number of rows, or more than are left.
    pub(crate) fn read_rows(&mut self, rows: &mut [u8]) -> Result<()> {
        let row_bytes = self.row_bytes();
        assert!(row_bytes > 0 && rows.len().is_multiple_of(row_bytes), "libjpeg writes whole rows");
        assert!(
            rows.len() / row_bytes <= (self.info().output_height - self.info().output_scanline) as usize,
            "libjpeg has no more rows than the image"
        );
        let state = self.state;
        for group in rows.chunks_mut(row_bytes * ROWS_AT_ONCE) {
            let mut pointers = [std::ptr::null_mut(); ROWS_AT_ONCE];
            let mut count = 0;
            for (pointer, row) in pointers.iter_mut().zip(group.chunks_exact_mut(row_bytes)) {
                *pointer = row.as_mut_ptr();
                count += 1;
            }
            // SAFETY: the pointers stand for `count` rows of `row_bytes` each, which is what libjpeg writes.
            guarded(|| unsafe {
                let mut done = 0;
                while done < count {
                    let left = u32::try_from(count - done).expect("at most 16");
                    done += ffi::jpeg_read_scanlines(&mut (*state).info, pointers[done..].as_mut_ptr(), left) as usize;
                }
            })?;
        }
        Ok(())
    }

    /// Reads on to the end marker, which proves that the file is whole.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let state = self.state;
        // SAFETY: `state` is valid and exclusively ours.
        guarded(|| unsafe {
            ffi::jpeg_finish_decompress(&mut (*state).info);
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `Box::into_raw`, and nothing else holds it. Destroying works at any stage.
        unsafe {
            ffi::jpeg_destroy_decompress(&mut (*self.state).info);
            drop(Box::from_raw(self.state));
        }
    }
}

/// How much the two colour-difference channels are thinned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subsampling {
    /// 4:2:0, half in both directions: what photographs are published with.
    #[default]
    Half,
    /// 4:4:4, not at all: for line drawings, maps and coloured text.
    None,
}

/// Writes one JPEG into memory, row by row.
pub(crate) struct Encoder {
    state: *mut EncoderState,
}

#[repr(C)]
struct EncoderState {
    info: ffi::jpeg_compress_struct,
    error: ffi::jpeg_error_mgr,
    destination: Destination,
}

/// The manager stands first, as in [`Source`].
#[repr(C)]
struct Destination {
    manager: ffi::jpeg_destination_mgr,
    bytes: Vec<u8>,
}

// SAFETY: as for `Decoder`.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Begins a baseline JPEG of `width` x `height` pixels at `quality` 1 to 100.
    ///
    /// mozjpeg's profile is its fastest: libjpeg-turbo's own settings.
    pub(crate) fn new(
        width: u32,
        height: u32,
        format: PixelFormat,
        quality: u8,
        subsampling: Subsampling,
    ) -> Result<Self> {
        // SAFETY: zero is a valid value of every field of both structs.
        let (info, error) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let manager = ffi::jpeg_destination_mgr {
            next_output_byte: std::ptr::null_mut(),
            free_in_buffer: 0,
            init_destination: Some(init_destination),
            empty_output_buffer: Some(empty_output_buffer),
            term_destination: Some(term_destination),
        };
        let destination = Destination { manager, bytes: Vec::with_capacity(OUTPUT_BUFFER_BYTES) };
        let state = Box::into_raw(Box::new(EncoderState { info, error, destination }));
        let encoder = Self { state };
        // SAFETY: `state` is valid and its parts do not move; see the head of the module.
        guarded(|| unsafe {
            (*state).info.common.err = prepare_errors(&raw mut (*state).error);
            ffi::jpeg_create_compress(&raw mut (*state).info);
            let info = &mut (*state).info;
            info.dest = (&raw mut (*state).destination).cast();
            info.image_width = width;
            info.image_height = height;
            info.input_components = c_int::try_from(format.channels()).expect("at most 4");
            info.in_color_space = colour_space(format);
            let fastest = ffi::JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST as c_int;
            ffi::jpeg_c_set_int_param(info, ffi::J_INT_PARAM::JINT_COMPRESS_PROFILE, fastest);
            ffi::jpeg_set_defaults(info);
            ffi::jpeg_set_quality(info, c_int::from(quality), 1);
            if format == PixelFormat::Rgb8 && subsampling == Subsampling::None {
                (*info.comp_info).h_samp_factor = 1;
                (*info.comp_info).v_samp_factor = 1;
            }
            ffi::jpeg_start_compress(info, 1);
        })?;
        Ok(encoder)
    }

    /// Writes an application segment; before the first row.
    ///
    /// # Panics
    /// Where it is longer than a segment can be.
    pub(crate) fn write_segment(&mut self, marker: u8, content: &[u8]) -> Result<()> {
        let length = u16::try_from(content.len()).expect("the caller has cut it into segments");
        let state = self.state;
        // SAFETY: `content` stands for `length` bytes, which libjpeg copies.
        guarded(|| unsafe {
            ffi::jpeg_write_marker(&mut (*state).info, c_int::from(marker), content.as_ptr(), length.into());
        })
    }

    /// Encodes the next rows.
    ///
    /// # Panics
    /// Where a row is not exactly as long as the picture is wide.
    pub(crate) fn write_rows<'a>(&mut self, rows: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        let state = self.state;
        // SAFETY: only reads two integers.
        let row_bytes =
            unsafe { (*state).info.image_width as usize * (*state).info.input_components.unsigned_abs() as usize };
        let mut rows = rows.into_iter();
        loop {
            let mut pointers = [std::ptr::null(); ROWS_AT_ONCE];
            let mut count = 0;
            for (pointer, row) in pointers.iter_mut().zip(&mut rows) {
                assert_eq!(row.len(), row_bytes, "libjpeg reads whole rows");
                *pointer = row.as_ptr();
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            // SAFETY: the pointers stand for `count` rows of `row_bytes` each. More rows than the picture has are a
            // warning, answered with 0 rows written, which ends the loop.
            guarded(|| unsafe {
                ffi::jpeg_write_scanlines(&mut (*state).info, pointers.as_ptr(), count);
            })?;
            if (count as usize) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Ends the picture and hands over its bytes. Fewer rows than were announced are an error.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let state = self.state;
        // SAFETY: `state` is valid and exclusively ours; `term_destination` has set the length of `bytes`.
        let mut bytes = guarded(|| unsafe {
            ffi::jpeg_finish_compress(&mut (*state).info);
            std::mem::take(&mut (*state).destination.bytes)
        })?;
        // Many of them wait for their puts: what was too much is given back.
        bytes.shrink_to_fit();
        Ok(bytes)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: as for `Decoder`.
        unsafe {
            ffi::jpeg_destroy_compress(&mut (*self.state).info);
            drop(Box::from_raw(self.state));
        }
    }
}

fn colour_space(format: PixelFormat) -> ffi::J_COLOR_SPACE {
    match format {
        PixelFormat::Grey8 => ffi::J_COLOR_SPACE::JCS_GRAYSCALE,
        PixelFormat::Rgb8 => ffi::J_COLOR_SPACE::JCS_RGB,
    }
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
    if level >= 0 {
        return;
    }
    // SAFETY: as in `error_exit`.
    let message = unsafe { last_message(info) };
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

unsafe extern "C-unwind" fn init_source(_: &mut ffi::jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn term_source(_: &mut ffi::jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn fill_input_buffer(info: &mut ffi::jpeg_decompress_struct) -> ffi::boolean {
    // SAFETY: `src` is the first field of a `Source`, and C is not using it while it waits for this function.
    let source = unsafe { &mut *info.src.cast::<Source>() };
    let length = loop {
        match source.reader.read(&mut source.buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => raise(LibjpegError::Read(error)),
            // libjpeg's own sources make up an end marker here, and grey pixels for the rest.
            Ok(0) => raise(LibjpegError::Truncated),
            Ok(length) => break length,
        }
    };
    source.manager.next_input_byte = source.buffer.as_ptr();
    source.manager.bytes_in_buffer = length;
    1
}

unsafe extern "C-unwind" fn skip_input_data(info: &mut ffi::jpeg_decompress_struct, count: c_long) {
    let mut left = usize::try_from(count).unwrap_or(0);
    loop {
        // SAFETY: as in `fill_input_buffer`.
        let manager = unsafe { &mut (*info.src.cast::<Source>()).manager };
        let step = left.min(manager.bytes_in_buffer);
        // SAFETY: `step` is within the buffer.
        manager.next_input_byte = unsafe { manager.next_input_byte.add(step) };
        manager.bytes_in_buffer -= step;
        left -= step;
        if left == 0 {
            return;
        }
        // SAFETY: the same struct.
        unsafe { fill_input_buffer(info) };
    }
}

unsafe extern "C-unwind" fn init_destination(info: &mut ffi::jpeg_compress_struct) {
    // SAFETY: `dest` is the first field of a `Destination`.
    let destination = unsafe { &mut *info.dest.cast::<Destination>() };
    offer_spare_capacity(destination);
}

/// libjpeg calls this when the whole buffer is full, whatever `free_in_buffer` says.
unsafe extern "C-unwind" fn empty_output_buffer(info: &mut ffi::jpeg_compress_struct) -> ffi::boolean {
    // SAFETY: `dest` is the first field of a `Destination`; libjpeg has written all of its capacity.
    let destination = unsafe {
        let destination = &mut *info.dest.cast::<Destination>();
        destination.bytes.set_len(destination.bytes.capacity());
        destination
    };
    destination.bytes.reserve(destination.bytes.capacity());
    offer_spare_capacity(destination);
    1
}

unsafe extern "C-unwind" fn term_destination(info: &mut ffi::jpeg_compress_struct) {
    // SAFETY: libjpeg has written all of the capacity but `free_in_buffer` bytes.
    unsafe {
        let destination = &mut *info.dest.cast::<Destination>();
        let length = destination.bytes.capacity() - destination.manager.free_in_buffer;
        destination.bytes.set_len(length);
    }
}

fn offer_spare_capacity(destination: &mut Destination) {
    let spare = destination.bytes.spare_capacity_mut();
    destination.manager.next_output_byte = spare.as_mut_ptr().cast();
    destination.manager.free_in_buffer = spare.len();
}
