//! JPEG decoding, from files to rows of pixels.

use super::coefficients::CoefficientBuffer;
use super::entropy_decoder::{self, EntropyDecoder};
use super::state::{DecoderState, Source};
use super::virtual_arrays;
use super::{LibjpegError, ROWS_AT_ONCE, Result, guarded, prepare_errors, raise};
use crate::iiif::Size;
use crate::pixel::{BlockColors, BlockLayout, BlockStrip, Component, RowScale};
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_long};
use std::io::{self, Read};
use std::sync::Arc;

/// Number of bytes per read.
const INPUT_BUFFER_BYTES: usize = 64 * 1024;

/// Color model of libjpeg's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JpegColor {
    Gray,
    /// RGB, stored as `YCbCr` or RGB.
    Rgb,
    /// CMYK, stored as CMYK or YCCK.
    Cmyk,
    Unknown,
}

/// Meaning of a JPEG's components, if defined by the surrounding file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Components {
    /// Luma and two color differences, decoded to RGB.
    YCbCr,
    /// Arbitrary components, returned without conversion.
    AsTheyAre,
}

/// Decodes a JPEG row by row.
pub(crate) struct Decoder {
    state: *mut DecoderState,
}

/// Maximum number of scans. Encoders write about ten, and optimizers write up to a few dozen.
const MAX_SCANS: u64 = 500;

/// Maximum number of scans for large images.
const MAX_SCANS_OF_LARGE: u64 = 100;

/// Number of block visits beyond which [`MAX_SCANS_OF_LARGE`] applies. This is about ten seconds of work. Every scan
/// visits all blocks of its components, even if it has no data for them.
const MAX_BLOCK_VISITS: u64 = 1_000_000_000;

/// Maximum number of blocks in an MCU of several components (`C_MAX_BLOCKS_IN_MCU` in jpeglib.h).
const MAX_MCU_BLOCKS: c_int = 10;

/// Part of libjpeg's message about an unexpected second scan.
const SECOND_SCAN: &str = "more than one scan";

/// End marker to substitute if the file doesn't have one.
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

// SAFETY: this value is the only owner of the state. libjpeg's only global or thread-local variables are CPU feature
// flags.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Creates a decoder and reads the file header.
    ///
    /// # Errors
    /// Returns an error if the file can't be read or its header is damaged.
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Result<Self> {
        // SAFETY: all fields of both structs can be zero (integers, null pointers, `None`, and first enum variants).
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
        let (coefficients, whole_arrays, scan, start_pass) = (None, None, None, None);
        let state = DecoderState { info, error, source, coefficients, requested: 0, whole_arrays, scan, start_pass };
        let state = Box::into_raw(Box::new(state));
        let decoder = Self { state };
        // SAFETY: `state` is valid and its fields don't move; see the module documentation.
        guarded(|| unsafe {
            (*state).info.common.err = prepare_errors(&raw mut (*state).error);
            ffi::jpeg_create_decompress(&raw mut (*state).info);
            (*state).info.src = (&raw mut (*state).source).cast();
            ffi::jpeg_read_header(&mut (*state).info, 1);
        })?;
        Ok(decoder)
    }

    fn info(&self) -> &ffi::jpeg_decompress_struct {
        // SAFETY: no C code runs during this borrow of `self`.
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

    /// Returns the memory libjpeg needs for the whole image, in bytes. This is the size of all coefficients if the file
    /// has several scans, and zero otherwise.
    pub(crate) fn whole_image_bytes(&self) -> u64 {
        if !self.has_several_scans() {
            return 0;
        }
        let coefficient_bytes = size_of::<ffi::JBLOCK>() as u64;
        let blocks = |component: &ffi::jpeg_component_info| {
            u64::from(component.width_in_blocks) * u64::from(component.height_in_blocks)
        };
        self.components().iter().map(|component| blocks(component) * coefficient_bytes).sum()
    }

    fn has_several_scans(&self) -> bool {
        // SAFETY: only reads the struct. It raises an error if the header hasn't been read, but `new` has read it.
        unsafe { ffi::jpeg_has_multiple_scans(self.info()) != 0 }
    }

    fn components(&self) -> &[ffi::jpeg_component_info] {
        let count = usize::try_from(self.info().num_components).unwrap_or(0);
        // SAFETY: `comp_info` points to `num_components` entries from reading the header until `finish`, and no C code runs
        // during this borrow of `self`. Callers don't use it after `finish`.
        unsafe { std::slice::from_raw_parts(self.info().comp_info, count) }
    }

    /// Returns the block layout if tiles can be cut from the blocks.
    ///
    /// This requires an 8-bit grayscale, YCbCr or RGB image whose quantization tables come before the first scan.
    pub(crate) fn block_layout(&self) -> Option<BlockLayout> {
        use ffi::J_COLOR_SPACE::{JCS_GRAYSCALE, JCS_RGB, JCS_UNKNOWN, JCS_YCbCr};
        let info = self.info();
        let (count, colors) = match (info.jpeg_color_space, info.num_components) {
            // For components returned without conversion, the enclosing file defines the color space.
            (JCS_GRAYSCALE, _) | (JCS_UNKNOWN, 1) => (1, BlockColors::Gray),
            (JCS_YCbCr, _) => (3, BlockColors::YCbCr),
            (JCS_RGB, _) | (JCS_UNKNOWN, 3) => (3, BlockColors::Rgb),
            _ => return None,
        };
        let components = self.components();
        // A tile has a single scan, whose MCUs have at most ten blocks (T.81, B.2.3). Files with a scan for each component
        // can have more.
        let mcu_blocks: c_int = components.iter().map(|it| it.h_samp_factor * it.v_samp_factor).sum();
        if components.len() != count || count > 1 && mcu_blocks > MAX_MCU_BLOCKS {
            return None;
        }
        let component = |it: &ffi::jpeg_component_info| {
            let table = *info.quant_tbl_ptrs.get(usize::try_from(it.quant_tbl_no).ok()?)?;
            // SAFETY: the pointer is either null or points to a table that lives until `finish`.
            let quant_table = unsafe { table.as_ref() }?.quantval;
            let factor = |factor: c_int| u32::try_from(factor).ok().filter(|factor| (1..=4).contains(factor));
            Some(Component { h_samp: factor(it.h_samp_factor)?, v_samp: factor(it.v_samp_factor)?, quant_table })
                .filter(|_| is_baseline(&quant_table))
        };
        let components = components.iter().map(component).collect::<Option<Vec<_>>>()?;
        Some(BlockLayout { size: Size::new(info.image_width, info.image_height).ok()?, colors, components })
    }

    /// Keeps the file's blocks while decoding its rows. Must be called before [`start`](Self::start).
    ///
    /// Holds up to `strips` strips of `strip_rows` pixel rows each, which must be a whole number of MCUs. `layout` must
    /// be [this decoder's layout](Self::block_layout). `scale` is the scale of the decoded rows.
    pub(crate) fn keep_blocks(&mut self, layout: Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale) {
        let state = self.state;
        // SAFETY: `state` is valid and only used by this decoder.
        unsafe {
            (*state).coefficients = Some(CoefficientBuffer::new(layout, strip_rows, strips));
            // Block smoothing would access neighbors in other strips. It only affects progressive files whose scans omit
            // bits. Tiles keep their coefficients unsmoothed, so the smaller levels do too.
            (*state).info.do_block_smoothing = 0;
            (*state).info.scale_num = 1;
            (*state).info.scale_denom = if scale == RowScale::Half { 2 } else { 1 };
            if self.has_several_scans() {
                virtual_arrays::watch(state);
            } else {
                // Buffered-image mode makes libjpeg store coefficients in virtual arrays even if the file has only one
                // scan. Normally, such files are decoded block by block without keeping the coefficients.
                (*state).info.buffered_image = 1;
                virtual_arrays::install(state);
            }
        }
    }

    /// Returns `true` if there is enough memory for the blocks of the next 16 output rows. Waits for it if `is_to_wait`
    /// is set.
    pub(crate) fn reserve_blocks(&mut self, is_to_wait: bool) -> bool {
        // SAFETY: no C code runs during this borrow of `self`.
        unsafe { &mut *self.state }.coefficients.as_mut().is_none_or(|buffer| buffer.reserve(is_to_wait))
    }

    /// Returns the next strip with all blocks read. After [`finish`](Self::finish), this includes the last strip.
    pub(crate) fn take_blocks(&mut self) -> Option<BlockStrip> {
        // SAFETY: no C code runs during this borrow of `self`.
        unsafe { &mut *self.state }.coefficients.as_mut()?.take()
    }

    /// Sets the output color model. Must be called before [`start`](Self::start).
    pub(crate) fn set_color(&mut self, color: JpegColor) {
        let space = match color {
            JpegColor::Gray => ffi::J_COLOR_SPACE::JCS_GRAYSCALE,
            JpegColor::Rgb => ffi::J_COLOR_SPACE::JCS_RGB,
            JpegColor::Cmyk => ffi::J_COLOR_SPACE::JCS_CMYK,
            // Keep libjpeg's default.
            JpegColor::Unknown => return,
        };
        // SAFETY: `state` is valid and only used by this decoder.
        unsafe { (*self.state).info.out_color_space = space };
    }

    /// Overrides the meaning of the components. Must be called before [`start`](Self::start).
    pub(crate) fn set_components(&mut self, components: Components) {
        let (stored, decoded) = match components {
            Components::YCbCr => (ffi::J_COLOR_SPACE::JCS_YCbCr, ffi::J_COLOR_SPACE::JCS_RGB),
            Components::AsTheyAre => (ffi::J_COLOR_SPACE::JCS_UNKNOWN, ffi::J_COLOR_SPACE::JCS_UNKNOWN),
        };
        // SAFETY: `state` is valid and only used by this decoder. jpeglib.h allows setting both fields between reading
        // the header and starting, which then checks them against the number of components.
        unsafe {
            (*self.state).info.jpeg_color_space = stored;
            (*self.state).info.out_color_space = decoded;
        }
    }

    /// Starts decoding. Reads the entire file if it has several scans.
    ///
    /// # Errors
    /// Returns an error if the file can't be read, is damaged, or ends before every scan is complete.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.start_with(EntropyDecoder::Ours)
    }

    pub(super) fn start_with(&mut self, entropy_decoder: EntropyDecoder) -> Result<()> {
        let state = self.state;
        // SAFETY: `state` is valid and only used by this decoder.
        let started = guarded(|| unsafe {
            // The arithmetic decoder reads zeros past the end of the file and can't tell them apart from image data.
            // From here on, the end of a Huffman-coded file can replace a missing end marker because the decoder
            // detects missing bits.
            (*state).source.may_end = !(*state).source.is_arithmetic;
            ffi::jpeg_start_decompress(&mut (*state).info);
            if entropy_decoder == EntropyDecoder::Ours {
                entropy_decoder::install(&mut (*state).info);
            }
            if (*state).info.buffered_image != 0 {
                ffi::jpeg_start_output(&mut (*state).info, 1);
            }
        });
        self.explained(started)?;
        if self.has_ended() && !self.has_all_scans() {
            return Err(LibjpegError::Truncated);
        }
        if self.has_several_scans() { self.update_quant_tables() } else { Ok(()) }
    }

    /// Returns `true` if the file ended without an end marker.
    fn has_ended(&self) -> bool {
        // SAFETY: no C code runs during this borrow of `self`.
        unsafe { (*self.state).source.has_ended }
    }

    /// Maps errors caused by the substituted end marker to [`LibjpegError::Truncated`].
    fn explained<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(LibjpegError::Codec(_)) if self.has_ended() => Err(LibjpegError::Truncated),
            result => result,
        }
    }

    /// Returns `true` if the scans contain every bit of every coefficient.
    ///
    /// Always returns `true` for files with a single scan, since those are checked row by row.
    fn has_all_scans(&self) -> bool {
        if !self.has_several_scans() {
            return true;
        }
        let bits = self.info().coef_bits.cast::<[c_int; 64]>();
        if bits.is_null() {
            // A component's table is set when its scan starts.
            return self.components().iter().all(|component| !component.quant_table.is_null());
        }
        // SAFETY: only reads the array. `coef_bits` is null for non-progressive files and otherwise points to an array for
        // each component.
        let bits = unsafe { std::slice::from_raw_parts(bits, self.components().len()) };
        bits.iter().flatten().all(|missing| *missing == 0)
    }

    /// Replaces the layout's quantization tables with those in effect when each component's first scan started. A file
    /// may redefine them between scans (ITU-T T.81, B.2.4.1).
    ///
    /// # Errors
    /// Returns an error if a table can't be used in a baseline JPEG.
    fn update_quant_tables(&mut self) -> Result<()> {
        // SAFETY: the pointers are either null or point to tables that live until `finish`.
        let table = |it: &ffi::jpeg_component_info| unsafe { it.quant_table.as_ref() }.map(|table| table.quantval);
        let tables: Vec<_> = self.components().iter().map(table).collect();
        // SAFETY: no C code runs during this borrow of `self`.
        let Some(buffer) = unsafe { &mut *self.state }.coefficients.as_mut() else { return Ok(()) };
        for (component, table) in tables.into_iter().enumerate() {
            let Some(table) = table.filter(|table| *table != buffer.layout.components[component].quant_table) else {
                continue;
            };
            if !is_baseline(&table) {
                let message = "it redefines a quantization table between its scans, with steps that tiles can't have \
                               (publish it with `--jpeg-tiles reencode`)";
                return Err(LibjpegError::Codec(message.to_owned()));
            }
            Arc::make_mut(&mut buffer.layout).components[component].quant_table = table;
        }
        Ok(())
    }

    /// Returns the length of a decoded row in bytes. Only valid after [`start`](Self::start).
    pub(crate) fn row_bytes(&self) -> usize {
        self.info().output_width as usize * usize::try_from(self.info().output_components).unwrap_or(0)
    }

    /// Decodes the next rows into `rows`.
    ///
    /// # Errors
    /// Returns an error if the file can't be read, is damaged, or is truncated.
    ///
    /// # Panics
    /// Panics if `rows` isn't a whole number of rows or has more rows than are left.
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
            // SAFETY: the pointers are valid for `count` rows of `row_bytes` each, which is exactly what libjpeg
            // writes.
            let read = guarded(|| unsafe {
                let mut done = 0;
                while done < count {
                    let left = u32::try_from(count - done).expect("at most 16");
                    done += ffi::jpeg_read_scanlines(&mut (*state).info, pointers[done..].as_mut_ptr(), left) as usize;
                }
            });
            self.explained(read)?;
            let info = self.info();
            let rows_done = u64::from(info.output_scanline) * u64::from(info.scale_denom);
            self.copy_blocks(rows_done)?;
        }
        Ok(())
    }

    /// Copies the blocks of a file with several scans, up to this row of pixels.
    fn copy_blocks(&mut self, rows: u64) -> Result<()> {
        // SAFETY: no C code runs during this borrow of `self`.
        let state = unsafe { &*self.state };
        let (Some(_), Some(buffer)) = (&state.whole_arrays, &state.coefficients) else { return Ok(()) };
        let (height, mcu_height) = (buffer.layout.size.height(), buffer.layout.mcu().1);
        let rows = u32::try_from(rows).unwrap_or(height);
        let end = if rows >= height { height.div_ceil(mcu_height) } else { rows / mcu_height };
        let state = self.state;
        // SAFETY: `state` is valid, and decoding has started.
        guarded(|| unsafe { virtual_arrays::copy_rows(state, end) })?
    }

    /// Reads up to the end marker. Call this after the last row.
    ///
    /// All pixels have been decoded by now, so it's fine if the end marker is missing or follows data that isn't JPEG.
    ///
    /// # Errors
    /// Returns an error if the file can't be read or contains another scan.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let state = self.state;
        // SAFETY: `state` is valid and only used by this decoder.
        let finished = guarded(|| unsafe {
            if (*state).info.buffered_image != 0 {
                ffi::jpeg_finish_output(&mut (*state).info);
            }
            ffi::jpeg_finish_decompress(&mut (*state).info);
        });
        // SAFETY: as above. No C code is running.
        let state = unsafe { &mut *state };
        match finished {
            Ok(()) => {}
            Err(error @ (LibjpegError::Read(_) | LibjpegError::TooManyScans)) => return Err(error),
            // We can't tell which scan is the real image.
            Err(LibjpegError::Codec(message)) if message.contains(SECOND_SCAN) => {
                return Err(LibjpegError::Codec(message));
            }
            Err(LibjpegError::Truncated | LibjpegError::Codec(_)) => state.source.has_ended = true,
        }
        state.coefficients.iter_mut().for_each(CoefficientBuffer::finish);
        Ok(())
    }

    /// Returns `true` if the file has no end marker after its pixels. Only valid after [`finish`](Self::finish).
    pub(crate) fn is_end_missing(&self) -> bool {
        self.has_ended()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `Box::into_raw`, and nothing else holds it. The struct can be destroyed at any
        // stage.
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
    // SAFETY: the caller guarantees that libjpeg's struct is the first field of a `DecoderState`.
    unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() }.source.is_arithmetic = true;
}

/// Counts the start of a scan.
///
/// # Errors
/// Returns an error if the file has more scans than allowed for its image size.
///
/// # Safety
/// `info` must belong to a [`Decoder`].
pub(super) unsafe fn note_scan(info: &mut ffi::jpeg_common_struct) -> std::result::Result<(), ()> {
    // SAFETY: the caller guarantees that libjpeg's struct is the first field of a `DecoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<DecoderState>() };
    state.source.scans += 1;
    // A 100 kB progressive file can contain thousands of scans, and each one visits every block of a large image. The
    // time depends on scans times blocks, so limit that product. The lower bound is more than any real file needs, and
    // the upper bound is enough for any small file.
    let blocks = u64::from(state.info.image_width.div_ceil(8)) * u64::from(state.info.image_height.div_ceil(8));
    if state.source.scans > max_scans(blocks) { Err(()) } else { Ok(()) }
}

/// Returns `true` if a quantization table can be used in our tiles, which are baseline. Steps above 8 bits require an
/// extended sequential file (T.81, B.2.4.1), and a step of 0 means the file is damaged.
fn is_baseline(table: &[u16; 64]) -> bool {
    table.iter().all(|step| (1..=255).contains(step))
}

/// Returns the maximum number of scans for an image with `blocks` blocks per component.
fn max_scans(blocks: u64) -> u64 {
    (MAX_BLOCK_VISITS / blocks.max(1)).clamp(MAX_SCANS_OF_LARGE, MAX_SCANS)
}

unsafe extern "C-unwind" fn init_source(_: &mut ffi::jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn term_source(_: &mut ffi::jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn fill_input_buffer(info: &mut ffi::jpeg_decompress_struct) -> ffi::boolean {
    // SAFETY: `src` is the first field of a `Source`, and C doesn't use it while waiting for this function.
    let source = unsafe { &mut *info.src.cast::<Source>() };
    let length = loop {
        match source.reader.read(&mut source.buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => raise(LibjpegError::Read(error)),
            // libjpeg's own sources also substitute an end marker. If rows are missing, libjpeg emits a warning, which
            // we treat as an error.
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
