//! JPEG encoding, from rows or blocks to files.

use super::scan::Scan;
use super::state::{BlockRows, Destination, EncoderState, component_of};
use super::{LibjpegError, ROWS_AT_ONCE, Result, entropy, guarded, prepare_errors, raise};
use crate::iiif::Size;
use crate::pixel::{Block, BlockColors, BlockLayout, PixelFormat};
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_uint};

/// Initial capacity for libjpeg's output. Grows as needed.
const OUTPUT_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes of the end marker.
const END_OF_IMAGE_BYTES: usize = 2;

/// Index of the tables from ITU-T T.81, Annex K, in mozjpeg's list of quantization tables.
const STANDARD_TABLES: c_int = 0;

/// Chroma subsampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subsampling {
    /// 4:2:0, half resolution in both directions. The usual choice for photos.
    #[default]
    Half,
    /// 4:4:4, full resolution. Best for line drawings, maps and colored text.
    None,
}

/// Effort to spend on making files smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Single pass with the standard Huffman tables, like libjpeg-turbo.
    #[default]
    Fast,
    /// Trellis quantization, progressive scans and optimized Huffman tables, like mozjpeg.
    ///
    /// All coefficients are kept in memory until the image is complete. The standard quantization tables are still used
    /// so that quality values keep their meaning.
    Small,
}

/// Encodes a JPEG in memory, row by row.
pub(crate) struct Encoder {
    state: *mut EncoderState,
    effort: Effort,
}

/// Fills a row of blocks. The arguments are the component, the row index from the top, and the blocks to fill.
pub(crate) type FillBlocks<'a> = dyn FnMut(usize, u32, &mut [Block]) + 'a;

// SAFETY: as for `Decoder`.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Starts a JPEG of `size` pixels. `quality` ranges from 1 to 100. The file is baseline if `effort` is
    /// [`Effort::Fast`].
    ///
    /// # Errors
    /// Returns an error if a side is longer than JPEG allows.
    pub(crate) fn new(
        size: Size,
        format: PixelFormat,
        quality: u8,
        subsampling: Subsampling,
        effort: Effort,
    ) -> Result<Self> {
        let channels = c_int::try_from(format.channels()).expect("at most 4");
        let encoder = Self::with_defaults(size, channels, (color_space(format), None), effort)?;
        let state = encoder.state;
        // SAFETY: `state` is valid and its fields don't move; see the module documentation.
        guarded(|| unsafe {
            let info = &mut (*state).info;
            ffi::jpeg_set_quality(info, c_int::from(quality), 1);
            if format == PixelFormat::Rgb8 && subsampling == Subsampling::None {
                (*info.comp_info).h_samp_factor = 1;
                (*info.comp_info).v_samp_factor = 1;
            }
            ffi::jpeg_start_compress(info, 1);
        })?;
        Ok(encoder)
    }

    /// Starts a JPEG of `size` pixels to be written from blocks with [`finish_blocks`](Self::finish_blocks).
    ///
    /// Uses the quantization tables from `layout`, which must have one or three components. If `quality` is set, no
    /// step is finer than at that quality. Returns the encoder along with each component's table.
    pub(crate) fn of_blocks(
        size: Size,
        layout: &BlockLayout,
        quality: Option<u8>,
        effort: Effort,
    ) -> Result<(Self, Vec<[u16; 64]>)> {
        let count = layout.components.len();
        if !matches!(count, 1 | 3) {
            return Err(LibjpegError::Codec(format!("cannot write a JPEG with {count} components")));
        }
        let colors = match layout.colors {
            BlockColors::Gray => ffi::J_COLOR_SPACE::JCS_GRAYSCALE,
            BlockColors::YCbCr => ffi::J_COLOR_SPACE::JCS_YCbCr,
            BlockColors::Rgb => ffi::J_COLOR_SPACE::JCS_RGB,
        };
        let channels = c_int::try_from(count).expect("at most 3");
        let encoder = Self::with_defaults(size, channels, (colors, Some(colors)), effort)?;
        let state = encoder.state;
        // SAFETY: as in `new`. Setting the defaults created `count` entries in `comp_info` and the two tables they
        // refer to. The vector with the `blocks` arrays is never modified afterwards.
        let tables = guarded(|| unsafe {
            let info = &mut (*state).info;
            ffi::jpeg_set_quality(info, c_int::from(quality.unwrap_or(100)), 1);
            // Trellis quantization requires coefficients that haven't been quantized yet.
            ffi::jpeg_c_set_bool_param(info, ffi::J_BOOLEAN_PARAM::JBOOLEAN_TRELLIS_QUANT, 0);
            let tables = set_components(info, layout, quality.is_some());
            // `jpeg_write_coefficients` reads from virtual arrays. Ours only hold one row of MCUs, which `access` fills
            // on request, so a complete tile is never in memory.
            (*info.common.mem).access_virt_barray = Some(access);
            let blocks = (*state).blocks.insert(BlockRows::new(size, layout));
            ffi::jpeg_write_coefficients(info, blocks.arrays.as_mut_ptr());
            tables
        })?;
        Ok((encoder, tables))
    }

    /// Creates an encoder with all settings that don't depend on the pixels. `colors` holds the input and stored color
    /// spaces. libjpeg picks the stored color space if it's `None`.
    fn with_defaults(
        size: Size,
        channels: c_int,
        colors: (ffi::J_COLOR_SPACE, Option<ffi::J_COLOR_SPACE>),
        effort: Effort,
    ) -> Result<Self> {
        // SAFETY: all fields of both structs can be zero.
        let (info, error) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let manager = ffi::jpeg_destination_mgr {
            next_output_byte: std::ptr::null_mut(),
            free_in_buffer: 0,
            init_destination: Some(init_destination),
            empty_output_buffer: Some(empty_output_buffer),
            term_destination: Some(term_destination),
        };
        let destination = Destination { manager, bytes: Vec::with_capacity(OUTPUT_BUFFER_BYTES) };
        let state = Box::into_raw(Box::new(EncoderState { info, error, destination, scan: None, blocks: None }));
        let encoder = Self { state, effort };
        // SAFETY: `state` is valid and its fields don't move; see the module documentation.
        guarded(|| unsafe {
            (*state).info.common.err = prepare_errors(&raw mut (*state).error);
            ffi::jpeg_create_compress(&raw mut (*state).info);
            let info = &mut (*state).info;
            info.dest = (&raw mut (*state).destination).cast();
            info.image_width = size.width();
            info.image_height = size.height();
            info.input_components = channels;
            info.in_color_space = colors.0;
            let profile = match effort {
                Effort::Fast => ffi::JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST,
                Effort::Small => ffi::JINT_COMPRESS_PROFILE_VALUE::JCP_MAX_COMPRESSION,
            };
            ffi::jpeg_c_set_int_param(info, ffi::J_INT_PARAM::JINT_COMPRESS_PROFILE, profile as c_int);
            ffi::jpeg_set_defaults(info);
            if let Some(stored) = colors.1 {
                // For RGB, libjpeg writes an Adobe marker instead of a JFIF marker. Every decoder supports it because
                // PDFs use such JPEGs.
                ffi::jpeg_set_colorspace(info, stored);
            }
            ffi::jpeg_c_set_int_param(info, ffi::J_INT_PARAM::JINT_BASE_QUANT_TBL_IDX, STANDARD_TABLES);
            if effort == Effort::Small {
                // Trying several scan layouts would take twice as long and only save 1% of bytes.
                ffi::jpeg_c_set_bool_param(info, ffi::J_BOOLEAN_PARAM::JBOOLEAN_OPTIMIZE_SCANS, 0);
                ffi::jpeg_simple_progression(info);
            }
        })?;
        Ok(encoder)
    }

    /// Keeps the scan, so that [`finish`](Self::finish) returns it. Does nothing with [`Effort::Small`], whose scans
    /// can't be joined. Must be called before the first row.
    ///
    /// libjpeg doesn't report where each block's bits are, so this replaces its Huffman encoder, which takes fewer
    /// instructions.
    ///
    /// # Errors
    /// Returns an error if a Huffman table is missing.
    pub(crate) fn keep_scan(&mut self) -> Result<()> {
        if self.effort == Effort::Fast {
            // SAFETY: `state` is valid and only used by this encoder. Without effort, a file is sequential and written
            // in a single pass.
            unsafe {
                let scan = entropy::install(&mut (*self.state).info)?;
                (*self.state).scan = Some(scan);
            }
        }
        Ok(())
    }

    /// Writes an application segment. Must be called before the first row.
    ///
    /// # Panics
    /// Panics if `content` is too long for a segment.
    pub(crate) fn write_segment(&mut self, marker: u8, content: &[u8]) -> Result<()> {
        let length = u16::try_from(content.len()).expect("the caller has cut it into segments");
        let state = self.state;
        // SAFETY: `content` points to `length` bytes, which libjpeg copies.
        guarded(|| unsafe {
            ffi::jpeg_write_marker(&mut (*state).info, c_int::from(marker), content.as_ptr(), length.into());
        })
    }

    /// Encodes the next rows.
    ///
    /// # Panics
    /// Panics if a row's length doesn't match the image width.
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
            // SAFETY: the pointers are valid for `count` rows of `row_bytes` each. If there are more rows than the
            // image height, libjpeg emits a warning and ignores the excess.
            guarded(|| unsafe {
                ffi::jpeg_write_scanlines(&mut (*state).info, pointers.as_ptr(), count);
            })?;
            if (count as usize) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Encodes blocks provided by `fill`. Returns the same as [`finish`](Self::finish).
    ///
    /// The coefficients must be quantized with the tables returned by [`of_blocks`](Self::of_blocks).
    pub(crate) fn finish_blocks(self, mut fill: &mut FillBlocks<'_>) -> Result<(Vec<u8>, Option<Scan>)> {
        // SAFETY: `state` is valid and only used by this encoder. Only `finish` calls `fill`, and this borrow outlives
        // the call.
        if let Some(blocks) = &mut unsafe { &mut *self.state }.blocks {
            blocks.fill = Some((&raw mut fill).cast());
        }
        self.finish()
    }

    /// Finishes the image and returns the file, and its scan if it is [kept](Self::keep_scan).
    ///
    /// # Errors
    /// Returns an error if rows are missing.
    pub(crate) fn finish(self) -> Result<(Vec<u8>, Option<Scan>)> {
        let state = self.state;
        // SAFETY: `state` is valid and only used by this encoder. `term_destination` has set the length of `bytes`.
        let (mut bytes, scan) = guarded(|| unsafe {
            ffi::jpeg_finish_compress(&mut (*state).info);
            (std::mem::take(&mut (*state).destination.bytes), (*state).scan.take())
        })?;
        if let Some(scan) = scan {
            // libjpeg has written the end marker right after the head.
            bytes.truncate(bytes.len() - END_OF_IMAGE_BYTES);
            bytes.shrink_to_fit();
            let (bytes, scan) = scan.finish(bytes);
            return Ok((bytes, Some(scan)));
        }
        // Many encoded images are queued for upload at once, so release unused capacity.
        bytes.shrink_to_fit();
        Ok((bytes, None))
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

/// Sets the sampling factors and quantization tables of all components. Returns the tables.
///
/// If `is_limited` is set, no step will be finer than in the tables already in `info`.
///
/// # Safety
/// `comp_info` in `info` must have an entry for every component of `layout`, and the tables used by those entries must
/// exist.
unsafe fn set_components(
    info: &mut ffi::jpeg_compress_struct,
    layout: &BlockLayout,
    is_limited: bool,
) -> Vec<[u16; 64]> {
    // SAFETY: the caller guarantees the number of entries.
    let outputs = unsafe { std::slice::from_raw_parts_mut(info.comp_info, layout.components.len()) };
    let mut tables: Vec<[u16; 64]> = Vec::with_capacity(outputs.len());
    for (output, component) in outputs.iter_mut().zip(&layout.components) {
        // Use the coarser step for each coefficient. Finer steps would make the file larger without restoring anything
        // the source has already lost.
        let mut table = component.quant_table;
        if is_limited {
            // SAFETY: the caller guarantees that the table exists.
            let limit = unsafe { (*info.quant_tbl_ptrs[output.quant_tbl_no.unsigned_abs() as usize]).quantval };
            table.iter_mut().zip(limit).for_each(|(step, limit)| *step = limit.max(*step));
        }
        tables.push(table);
        output.h_samp_factor = c_int::try_from(component.h_samp).expect("at most 4");
        output.v_samp_factor = c_int::try_from(component.v_samp).expect("at most 4");
    }
    for (output, table) in outputs.iter_mut().zip(&tables) {
        // Components with identical tables share one.
        let first = tables.iter().position(|other| other == table).unwrap_or(0);
        output.quant_tbl_no = c_int::try_from(first).expect("at most 2");
        let table = table.map(c_uint::from);
        // SAFETY: the pointer is valid for 64 numbers, which libjpeg copies.
        unsafe { ffi::jpeg_add_quant_table(info, output.quant_tbl_no, table.as_ptr(), 100, 1) };
    }
    tables
}

/// Provides the blocks of one row of MCUs. libjpeg calls this for each component, from top to bottom.
unsafe extern "C-unwind" fn access(
    info: &mut ffi::jpeg_common_struct,
    array: *mut ffi::jvirt_barray_control,
    first_row: ffi::JDIMENSION,
    rows: ffi::JDIMENSION,
    _is_to_fill: ffi::boolean,
) -> ffi::JBLOCKARRAY {
    // SAFETY: this function is only installed when encoding from blocks, and libjpeg's struct is the first field of an
    // `EncoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<EncoderState>() };
    let component = component_of(array);
    let found = state.blocks.as_mut().and_then(|blocks| Some((blocks.fill?, blocks.components.get_mut(component)?)));
    let Some((fill, found)) = found.filter(|(_, found)| found.pointers.len() == rows as usize) else {
        raise(LibjpegError::Codec("the blocks of the image were not provided".to_owned()))
    };
    // SAFETY: `finish_blocks` keeps the borrow alive for as long as libjpeg can call this function.
    let fill = unsafe { &mut *fill.cast::<&mut FillBlocks<'_>>() };
    let rows = found.blocks.chunks_exact_mut(found.width).zip(&mut found.pointers);
    for (row, (blocks, pointer)) in (first_row..).zip(rows) {
        // libjpeg doesn't read rows below the image.
        if row < found.count {
            fill(component, row, blocks);
        }
        *pointer = blocks.as_mut_ptr().cast();
    }
    found.pointers.as_mut_ptr()
}

fn color_space(format: PixelFormat) -> ffi::J_COLOR_SPACE {
    match format {
        PixelFormat::Gray8 => ffi::J_COLOR_SPACE::JCS_GRAYSCALE,
        PixelFormat::Rgb8 => ffi::J_COLOR_SPACE::JCS_RGB,
    }
}

unsafe extern "C-unwind" fn init_destination(info: &mut ffi::jpeg_compress_struct) {
    // SAFETY: `dest` is the first field of a `Destination`.
    let destination = unsafe { &mut *info.dest.cast::<Destination>() };
    offer_spare_capacity(destination);
}

/// Doubles the buffer. libjpeg calls this once the buffer is full, regardless of `free_in_buffer`.
unsafe extern "C-unwind" fn empty_output_buffer(info: &mut ffi::jpeg_compress_struct) -> ffi::boolean {
    // SAFETY: `dest` is the first field of a `Destination`, and libjpeg has filled its entire capacity.
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
    // SAFETY: libjpeg has filled the capacity except for the last `free_in_buffer` bytes.
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
