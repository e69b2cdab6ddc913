//! JPEG encoding: takes rows or blocks and returns files.

use super::{LibjpegError, ROWS_AT_ONCE, Result, guarded, prepare_errors, raise, virtual_arrays};
use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, PixelFormat};
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_uint, c_void};

/// The initial capacity for an encoded image. It grows as needed.
const OUTPUT_BUFFER_BYTES: usize = 64 * 1024;

/// The quantization tables of ITU-T T.81, Annex K, in mozjpeg's list.
const STANDARD_TABLES: c_int = 0;

/// The subsampling of the two color-difference channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subsampling {
    /// 4:2:0, half in both directions: the usual choice for photographs.
    #[default]
    Half,
    /// 4:4:4, no subsampling: for line drawings, maps and colored text.
    None,
}

/// The work spent on making files smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// The settings of libjpeg-turbo: a single pass with the standard Huffman tables.
    #[default]
    Fast,
    /// The settings of mozjpeg: trellis quantization, progressive scans and Huffman tables optimized for the image.
    ///
    /// The coefficients of the image are held until it is complete. The quantization tables are still the standard
    /// ones, so that a quality number has the same meaning.
    Small,
}

/// Encodes one JPEG into memory, row by row.
pub(crate) struct Encoder {
    state: *mut EncoderState,
}

/// The encoder's C structs. libjpeg's own struct is the first field, as in the decoder.
#[repr(C)]
struct EncoderState {
    info: ffi::jpeg_compress_struct,
    error: ffi::jpeg_error_mgr,
    destination: Destination,
    /// The input, if the image is written from blocks.
    blocks: Option<BlockRows>,
}

/// The input of an image that is written from blocks.
struct BlockRows {
    /// Buffers for one row of MCUs per component, which libjpeg reads.
    components: Vec<ComponentRows>,
    /// The handles that libjpeg uses as its arrays.
    arrays: Vec<*mut ffi::jvirt_barray_control>,
    /// A pointer to the `&mut FillBlocks` of [`Encoder::finish_blocks`] while that function runs.
    fill: Option<*mut c_void>,
}

/// Fills a row of blocks. The arguments are the component, the row counted from the top, and the blocks to fill.
pub(crate) type FillBlocks<'a> = dyn FnMut(usize, u32, &mut [Block]) + 'a;

struct ComponentRows {
    /// The number of rows of blocks in the image.
    count: u32,
    width: usize,
    blocks: Vec<Block>,
    pointers: Vec<ffi::JBLOCKROW>,
}

/// The output of an encoder. libjpeg's manager is the first field, as in `Source`.
#[repr(C)]
struct Destination {
    manager: ffi::jpeg_destination_mgr,
    bytes: Vec<u8>,
}

// SAFETY: as for `Decoder`.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Starts a JPEG of `size` pixels with `quality` from 1 to 100. It is baseline if `effort` is [`Effort::Fast`].
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
        let encoder = Self::with_defaults(size, channels, color_space(format), effort)?;
        let state = encoder.state;
        // SAFETY: `state` is valid and its parts do not move; see the module documentation.
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

    /// Starts a JPEG of `size` pixels that is written from blocks with [`finish_blocks`](Self::finish_blocks).
    ///
    /// The quantization tables are those of the components in `layout` (one or three). If `quality` is given, no step
    /// is finer than those of that quality. Returns the encoder and the table of each component.
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
        let colors = if count == 1 { ffi::J_COLOR_SPACE::JCS_GRAYSCALE } else { ffi::J_COLOR_SPACE::JCS_YCbCr };
        let channels = c_int::try_from(count).expect("at most 3");
        let encoder = Self::with_defaults(size, channels, colors, effort)?;
        let state = encoder.state;
        // SAFETY: as in `new`. The defaults created `count` entries of `comp_info` and the two tables that they refer
        // to. The arrays of `blocks` are in a vector that does not change later.
        let tables = guarded(|| unsafe {
            let info = &mut (*state).info;
            ffi::jpeg_set_quality(info, c_int::from(quality.unwrap_or(100)), 1);
            // Trellis quantization needs coefficients that are not quantized yet.
            ffi::jpeg_c_set_bool_param(info, ffi::J_BOOLEAN_PARAM::JBOOLEAN_TRELLIS_QUANT, 0);
            let tables = set_components(info, layout, quality.is_some());
            // `jpeg_write_coefficients` reads from virtual arrays, as the decoder writes to them. Here they are one row
            // of MCUs, which `access` fills when libjpeg asks for it: a tile is never held as a whole.
            (*info.common.mem).access_virt_barray = Some(access);
            let blocks = (*state).blocks.insert(BlockRows::new(size, layout));
            ffi::jpeg_write_coefficients(info, blocks.arrays.as_mut_ptr());
            tables
        })?;
        Ok((encoder, tables))
    }

    /// Creates an encoder with all settings except those of the pixels.
    fn with_defaults(size: Size, channels: c_int, colors: ffi::J_COLOR_SPACE, effort: Effort) -> Result<Self> {
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
        let state = Box::into_raw(Box::new(EncoderState { info, error, destination, blocks: None }));
        let encoder = Self { state };
        // SAFETY: `state` is valid and its parts do not move; see the module documentation.
        guarded(|| unsafe {
            (*state).info.common.err = prepare_errors(&raw mut (*state).error);
            ffi::jpeg_create_compress(&raw mut (*state).info);
            let info = &mut (*state).info;
            info.dest = (&raw mut (*state).destination).cast();
            info.image_width = size.width();
            info.image_height = size.height();
            info.input_components = channels;
            info.in_color_space = colors;
            let profile = match effort {
                Effort::Fast => ffi::JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST,
                Effort::Small => ffi::JINT_COMPRESS_PROFILE_VALUE::JCP_MAX_COMPRESSION,
            };
            ffi::jpeg_c_set_int_param(info, ffi::J_INT_PARAM::JINT_COMPRESS_PROFILE, profile as c_int);
            ffi::jpeg_set_defaults(info);
            ffi::jpeg_c_set_int_param(info, ffi::J_INT_PARAM::JINT_BASE_QUANT_TBL_IDX, STANDARD_TABLES);
            if effort == Effort::Small {
                // Trying several scan layouts would double the time for 1 % fewer bytes.
                ffi::jpeg_c_set_bool_param(info, ffi::J_BOOLEAN_PARAM::JBOOLEAN_OPTIMIZE_SCANS, 0);
                ffi::jpeg_simple_progression(info);
            }
        })?;
        Ok(encoder)
    }

    /// Writes an application segment. Must be called before the first row.
    ///
    /// # Panics
    /// Panics if `content` is longer than a segment allows.
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
    /// Panics if the length of a row does not match the width of the image.
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
            // image has, libjpeg warns and writes none of them.
            guarded(|| unsafe {
                ffi::jpeg_write_scanlines(&mut (*state).info, pointers.as_ptr(), count);
            })?;
            if (count as usize) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Reads the blocks of the image from `fill` and returns the file.
    ///
    /// The coefficients must be quantized with the tables that [`of_blocks`](Self::of_blocks) returned.
    pub(crate) fn finish_blocks(self, mut fill: &mut FillBlocks<'_>) -> Result<Vec<u8>> {
        // SAFETY: `state` is valid, and this encoder alone uses it. Only `finish` calls `fill`, and this borrow
        // outlives it.
        if let Some(blocks) = &mut unsafe { &mut *self.state }.blocks {
            blocks.fill = Some((&raw mut fill).cast());
        }
        self.finish()
    }

    /// Finishes the image and returns the file.
    ///
    /// # Errors
    /// Returns an error if rows are missing.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let state = self.state;
        // SAFETY: `state` is valid, and this encoder alone uses it; `term_destination` has set the length of `bytes`.
        let mut bytes = guarded(|| unsafe {
            ffi::jpeg_finish_compress(&mut (*state).info);
            std::mem::take(&mut (*state).destination.bytes)
        })?;
        // Many encoded images wait for their uploads, so unused capacity is returned.
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

impl BlockRows {
    fn new(size: Size, layout: &BlockLayout) -> Self {
        let rows = |index: usize| {
            let (width, count) = layout.blocks_of(index, size);
            let (width, down) = (width as usize, layout.components[index].v_samp as usize);
            let (blocks, pointers) = (vec![Block::default(); width * down], vec![std::ptr::null_mut(); down]);
            ComponentRows { count, width, blocks, pointers }
        };
        let components: Vec<ComponentRows> = (0..layout.components.len()).map(rows).collect();
        let arrays = (0..components.len()).map(virtual_arrays::handle).collect();
        Self { components, arrays, fill: None }
    }
}

/// Sets the sampling factors and quantization tables of all components, and returns the tables.
///
/// If `is_limited` is set, no step becomes finer than in the tables that `info` already has.
///
/// # Safety
/// `info` must have an entry in `comp_info` for every component of `layout`, with the tables that the entries refer to.
unsafe fn set_components(
    info: &mut ffi::jpeg_compress_struct,
    layout: &BlockLayout,
    is_limited: bool,
) -> Vec<[u16; 64]> {
    // SAFETY: the caller guarantees the number of entries.
    let outputs = unsafe { std::slice::from_raw_parts_mut(info.comp_info, layout.components.len()) };
    let mut tables: Vec<[u16; 64]> = Vec::with_capacity(outputs.len());
    for (output, component) in outputs.iter_mut().zip(&layout.components) {
        // The coarser of the two for each coefficient. Finer steps would make the file larger and could not bring back
        // what the source has lost.
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
        // Components with equal tables share one.
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
    // SAFETY: only encoders of blocks install this function, and their struct is the first field of an `EncoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<EncoderState>() };
    let component = virtual_arrays::component_of(array);
    let found = state.blocks.as_mut().and_then(|blocks| Some((blocks.fill?, blocks.components.get_mut(component)?)));
    let Some((fill, found)) = found.filter(|(_, found)| found.pointers.len() == rows as usize) else {
        raise(LibjpegError::Codec("the blocks of the image were not provided".to_owned()))
    };
    // SAFETY: `finish_blocks` lends it for as long as libjpeg may call this function.
    let fill = unsafe { &mut *fill.cast::<&mut FillBlocks<'_>>() };
    let rows = found.blocks.chunks_exact_mut(found.width).zip(&mut found.pointers);
    for (row, (blocks, pointer)) in (first_row..).zip(rows) {
        // libjpeg does not read rows below the image.
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

/// Doubles the buffer. libjpeg calls this when the buffer is full, regardless of `free_in_buffer`.
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
    // SAFETY: libjpeg has written all of the capacity except `free_in_buffer` bytes.
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
