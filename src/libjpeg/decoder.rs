//! JPEG decoding: reads files and returns rows.

use super::coefficients::CoefficientBuffer;
use super::state::{DecoderState, Source};
use super::virtual_arrays;
use super::{LibjpegError, ROWS_AT_ONCE, Result, guarded, prepare_errors, raise};
use crate::iiif::Size;
use crate::pixel::{BlockLayout, BlockStrip, Component, RowScale};
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_long};
use std::io::{self, Read};
use std::sync::Arc;

/// The number of bytes per read.
const INPUT_BUFFER_BYTES: usize = 64 * 1024;

/// The color model that libjpeg decodes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JpegColor {
    Gray,
    /// RGB; stored as `YCbCr` or RGB.
    Rgb,
    /// CMYK; stored as CMYK or YCCK.
    Cmyk,
    Unknown,
}

/// The meaning of the components of a JPEG, if the file around it defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Components {
    /// Luma and two color differences, to be decoded to RGB.
    YCbCr,
    /// Components of any meaning, returned without conversion.
    AsTheyAre,
}

/// Decodes one JPEG, row by row.
pub(crate) struct Decoder {
    state: *mut DecoderState,
}

/// The maximum number of scans. Encoders write about ten, optimizers up to a few dozen.
const MAX_SCANS: u64 = 500;

/// The maximum number of scans of large images.
const MAX_SCANS_OF_LARGE: u64 = 100;

/// The number of block visits above which [`MAX_SCANS_OF_LARGE`] applies: about ten seconds of work. A scan visits every
/// block of its components, even if it contains no data for them.
const MAX_BLOCK_VISITS: u64 = 1_000_000_000;

/// The part of libjpeg's message about an unexpected second scan.
const SECOND_SCAN: &str = "more than one scan";

/// The end marker that replaces a missing one.
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

// SAFETY: this value alone owns the state. libjpeg has no thread-local or global variables except CPU feature flags.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Reads the header.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or its header is damaged.
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
        let source = Source {
            manager,
            reader,
            buffer: vec![0; INPUT_BUFFER_BYTES],
            may_end: false,
            is_arithmetic: false,
            has_ended: false,
            scans: 0,
        };
        let state = Box::into_raw(Box::new(DecoderState { info, error, source, coefficients: None, requested: 0 }));
        let decoder = Self { state };
        // SAFETY: `state` is valid and its parts do not move; see the module documentation.
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

    pub(crate) fn color(&self) -> JpegColor {
        use ffi::J_COLOR_SPACE::{JCS_CMYK, JCS_GRAYSCALE, JCS_RGB, JCS_YCCK, JCS_YCbCr};
        match self.info().jpeg_color_space {
            JCS_GRAYSCALE => JpegColor::Gray,
            JCS_YCbCr | JCS_RGB => JpegColor::Rgb,
            JCS_CMYK | JCS_YCCK => JpegColor::Cmyk,
            _ => JpegColor::Unknown,
        }
    }

    /// Returns the number of bytes that libjpeg keeps for the whole image: its coefficients, if the file has several
    /// scans.
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

    /// Returns the arrangement of the blocks if tiles can be cut from them, otherwise `None`.
    ///
    /// Tiles can be cut if the image is grayscale or YCbCr with 8 bits, and all components are in one scan.
    pub(crate) fn block_layout(&self) -> Option<BlockLayout> {
        use ffi::J_COLOR_SPACE::{JCS_GRAYSCALE, JCS_YCbCr};
        let info = self.info();
        let count = match info.jpeg_color_space {
            JCS_GRAYSCALE => 1,
            JCS_YCbCr => 3,
            _ => return None,
        };
        // SAFETY: only reads the struct; `comp_info` points to `num_components` entries once the header has been read.
        let (several, components) = unsafe {
            let components = std::slice::from_raw_parts(info.comp_info, usize::try_from(info.num_components).ok()?);
            (ffi::jpeg_has_multiple_scans(info) != 0, components)
        };
        if several || components.len() != count {
            return None;
        }
        let component = |it: &ffi::jpeg_component_info| {
            let table = *info.quant_tbl_ptrs.get(usize::try_from(it.quant_tbl_no).ok()?)?;
            // SAFETY: the pointer is null or points to a table that lives as long as the decoder.
            let quant_table = unsafe { table.as_ref() }?.quantval;
            let factor = |factor: c_int| u32::try_from(factor).ok().filter(|factor| (1..=4).contains(factor));
            // Baseline files have one byte per quantization step.
            // A step of more than 8 bits needs an extended sequential file (T.81, B.2.4.1), which tiles are not. A step
            // of 0 is damage.
            let is_baseline = quant_table.iter().all(|step| (1..=255).contains(step));
            Some(Component { h_samp: factor(it.h_samp_factor)?, v_samp: factor(it.v_samp_factor)?, quant_table })
                .filter(|_| is_baseline)
        };
        let components = components.iter().map(component).collect::<Option<Vec<_>>>()?;
        Some(BlockLayout { size: Size::new(info.image_width, info.image_height).ok()?, components })
    }

    /// Keeps the blocks of the file while its rows are decoded. Must be called before [`start`](Self::start).
    ///
    /// Holds at most `strips` strips of `strip_rows` rows of pixels each, which must be a whole number of MCUs.
    /// `layout` must be [this decoder's layout](Self::block_layout). `scale` is the size of the decoded rows.
    pub(crate) fn keep_blocks(&mut self, layout: Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale) {
        let state = self.state;
        // SAFETY: `state` is valid, and this decoder alone uses it.
        unsafe {
            (*state).coefficients = Some(CoefficientBuffer::new(layout, strip_rows, strips));
            // Buffered-image mode is what makes libjpeg write coefficients into virtual arrays while it decodes a file
            // of one scan. Without it, such a file goes from the entropy decoder to the pixels block by block, and no
            // coefficient is kept. Block smoothing would look at neighbors that are in another strip; it only affects
            // incomplete progressive files.
            (*state).info.buffered_image = 1;
            (*state).info.do_block_smoothing = 0;
            (*state).info.scale_num = 1;
            (*state).info.scale_denom = if scale == RowScale::Half { 2 } else { 1 };
            virtual_arrays::install(state);
        }
    }

    /// Returns `true` if there is memory for the blocks of the next 16 rows that are delivered. If `is_to_wait`, waits for it.
    pub(crate) fn reserve_blocks(&mut self, is_to_wait: bool) -> bool {
        // SAFETY: no C code runs while this borrow of `self` lasts.
        unsafe { &mut *self.state }.coefficients.as_mut().is_none_or(|buffer| buffer.reserve(is_to_wait))
    }

    /// Returns the next strip of which all blocks were read. After [`finish`](Self::finish), that includes the last
    /// strip.
    pub(crate) fn take_blocks(&mut self) -> Option<BlockStrip> {
        // SAFETY: no C code runs while this borrow of `self` lasts.
        unsafe { &mut *self.state }.coefficients.as_mut()?.take()
    }

    /// Sets the color model to decode to. Must be called before [`start`](Self::start).
    pub(crate) fn set_color(&mut self, color: JpegColor) {
        let space = match color {
            JpegColor::Gray => ffi::J_COLOR_SPACE::JCS_GRAYSCALE,
            JpegColor::Rgb => ffi::J_COLOR_SPACE::JCS_RGB,
            JpegColor::Cmyk => ffi::J_COLOR_SPACE::JCS_CMYK,
            // Keeps the choice of libjpeg.
            JpegColor::Unknown => return,
        };
        // SAFETY: `state` is valid, and this decoder alone uses it.
        unsafe { (*self.state).info.out_color_space = space };
    }

    /// Overrides the meaning of the components. Must be called before [`start`](Self::start).
    pub(crate) fn set_components(&mut self, components: Components) {
        let (stored, decoded) = match components {
            Components::YCbCr => (ffi::J_COLOR_SPACE::JCS_YCbCr, ffi::J_COLOR_SPACE::JCS_RGB),
            Components::AsTheyAre => (ffi::J_COLOR_SPACE::JCS_UNKNOWN, ffi::J_COLOR_SPACE::JCS_UNKNOWN),
        };
        // SAFETY: `state` is valid, and this decoder alone uses it. jpeglib.h allows setting both fields between the
        // header and the start, which checks them against the number of components.
        unsafe {
            (*self.state).info.jpeg_color_space = stored;
            (*self.state).info.out_color_space = decoded;
        }
    }

    /// Starts decoding. If the file has several scans, this reads the whole file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is damaged, or ends before every scan is complete.
    pub(crate) fn start(&mut self) -> Result<()> {
        let state = self.state;
        // SAFETY: `state` is valid, and this decoder alone uses it.
        let started = guarded(|| unsafe {
            // The arithmetic decoder reads zeros past the end and cannot distinguish them from pixels.
            // From here on, the end of the file may take the place of a missing end marker: a Huffman decoder notices
            // by itself if bits of the image are missing.
            (*state).source.may_end = !(*state).source.is_arithmetic;
            ffi::jpeg_start_decompress(&mut (*state).info);
            if (*state).info.buffered_image != 0 {
                ffi::jpeg_start_output(&mut (*state).info, 1);
            }
        });
        self.explained(started)?;
        if self.has_ended() && !self.has_all_scans() { Err(LibjpegError::Truncated) } else { Ok(()) }
    }

    /// Returns `true` if the file ended without an end marker.
    fn has_ended(&self) -> bool {
        // SAFETY: no C code runs while this borrow of `self` lasts.
        unsafe { (*self.state).source.has_ended }
    }

    /// Replaces an error that the substituted end marker caused with [`LibjpegError::Truncated`].
    fn explained<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(LibjpegError::Codec(_)) if self.has_ended() => Err(LibjpegError::Truncated),
            result => result,
        }
    }

    /// Returns `true` if all scans together contain every bit of every coefficient.
    ///
    /// Files with a single scan always pass, because they are checked row by row.
    fn has_all_scans(&self) -> bool {
        let info = self.info();
        let count = usize::try_from(info.num_components).unwrap_or(0);
        // SAFETY: only reads the struct. `comp_info` points to `num_components` entries. `coef_bits` is null unless the
        // file is progressive; otherwise, it points to as many arrays of 64 numbers.
        unsafe {
            if ffi::jpeg_has_multiple_scans(info) == 0 {
                return true;
            }
            let components = std::slice::from_raw_parts(info.comp_info, count);
            let bits = info.coef_bits.cast::<[c_int; 64]>();
            if bits.is_null() {
                // A component gets its table when its scan begins.
                return components.iter().all(|component| !component.quant_table.is_null());
            }
            std::slice::from_raw_parts(bits, count).iter().flatten().all(|missing| *missing == 0)
        }
    }

    /// Returns the length of a decoded row in bytes. Valid after [`start`](Self::start).
    pub(crate) fn row_bytes(&self) -> usize {
        self.info().output_width as usize * usize::try_from(self.info().output_components).unwrap_or(0)
    }

    /// Decodes the next rows into `rows`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is damaged, or is truncated.
    ///
    /// # Panics
    /// Panics if `rows` is not a whole number of rows, or more rows than are left.
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
            // SAFETY: the pointers are valid for `count` rows of `row_bytes` each, which is the length that libjpeg
            // writes.
            let read = guarded(|| unsafe {
                let mut done = 0;
                while done < count {
                    let left = u32::try_from(count - done).expect("at most 16");
                    done += ffi::jpeg_read_scanlines(&mut (*state).info, pointers[done..].as_mut_ptr(), left) as usize;
                }
            });
            self.explained(read)?;
        }
        Ok(())
    }

    /// Reads up to the end marker, after the last row.
    ///
    /// All pixels are decoded at this point, so the end marker may be missing or follow data that is not JPEG.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or if another scan follows.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let state = self.state;
        // SAFETY: `state` is valid, and this decoder alone uses it.
        let finished = guarded(|| unsafe {
            if (*state).info.buffered_image != 0 {
                ffi::jpeg_finish_output(&mut (*state).info);
            }
            ffi::jpeg_finish_decompress(&mut (*state).info);
        });
        // SAFETY: as above; no C code is running.
        let state = unsafe { &mut *state };
        match finished {
            Ok(()) => {}
            Err(error @ (LibjpegError::Read(_) | LibjpegError::TooManyScans)) => return Err(error),
            // It is not known which scan is the image.
            Err(LibjpegError::Codec(message)) if message.contains(SECOND_SCAN) => {
                return Err(LibjpegError::Codec(message));
            }
            Err(LibjpegError::Truncated | LibjpegError::Codec(_)) => state.source.has_ended = true,
        }
        state.coefficients.iter_mut().for_each(CoefficientBuffer::finish);
        Ok(())
    }

    /// Returns `true` if the file has no end marker after its pixels. Valid after [`finish`](Self::finish).
    pub(crate) fn is_end_missing(&self) -> bool {
        self.has_ended()
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

/// Records that the file uses arithmetic coding.
///
/// # Safety
/// `info` must belong to a [`Decoder`].
pub(super) unsafe fn note_arithmetic(info: &mut ffi::jpeg_common_struct) {
    // SAFETY: libjpeg's struct is the first field of a `DecoderState`, as the caller guarantees.
    unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() }.source.is_arithmetic = true;
}

/// Counts a scan that starts.
///
/// # Errors
/// Returns an error if the file has more scans than are allowed for an image of its size.
///
/// # Safety
/// `info` must belong to a [`Decoder`].
pub(super) unsafe fn note_scan(info: &mut ffi::jpeg_common_struct) -> std::result::Result<(), ()> {
    // SAFETY: libjpeg's struct is the first field of a `DecoderState`, as the caller guarantees.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() };
    state.source.scans += 1;
    // A progressive file of 100 kB can have thousands of scans, each of which visits every block of a large image. Time
    // is proportional to scans times blocks, so the limit is on this product, between a number that all real files meet
    // and one that no small file needs.
    let blocks = u64::from(state.info.image_width.div_ceil(8)) * u64::from(state.info.image_height.div_ceil(8));
    if state.source.scans > max_scans(blocks) { Err(()) } else { Ok(()) }
}

/// Returns the maximum number of scans for an image with `blocks` blocks per component.
fn max_scans(blocks: u64) -> u64 {
    (MAX_BLOCK_VISITS / blocks.max(1)).clamp(MAX_SCANS_OF_LARGE, MAX_SCANS)
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
            // libjpeg's own sources substitute an end marker too. libjpeg warns if rows are missing, which is an error
            // here.
            Ok(0) if source.may_end => {
                source.has_ended = true;
                source.buffer[..END_OF_IMAGE.len()].copy_from_slice(&END_OF_IMAGE);
                break END_OF_IMAGE.len();
            }
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
