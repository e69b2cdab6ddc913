//! Rows to files.

use super::{LibjpegError, ROWS_AT_ONCE, Result, guarded, keeper, prepare_errors, raise};
use crate::iiif::Size;
use crate::pixel::{Block, BlockLayout, PixelFormat};
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_uint, c_void};

/// The first guess at the size of an encoded picture; it grows as it needs to.
const OUTPUT_BUFFER_BYTES: usize = 64 * 1024;

/// The tables of ITU-T T.81, Annex K, in mozjpeg's list.
const STANDARD_TABLES: c_int = 0;

/// How much the two colour-difference channels are thinned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subsampling {
    /// 4:2:0, half in both directions: what photographs are published with.
    #[default]
    Half,
    /// 4:4:4, not at all: for line drawings, maps and coloured text.
    None,
}

/// How much work goes into the size of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// libjpeg-turbo's own settings: one pass, with the Huffman tables of the standard.
    #[default]
    Fast,
    /// mozjpeg's: coefficients chosen by what they cost and gain (trellis quantisation), progressive scans and Huffman tables made
    /// for the picture, which is held until it is complete. The tables of quantisation stay those of the standard, so that a
    /// quality means the same.
    Small,
}

/// Writes one JPEG into memory, row by row.
pub(crate) struct Encoder {
    state: *mut EncoderState,
}

/// The struct of libjpeg stands first, as in that of the decoder.
#[repr(C)]
struct EncoderState {
    info: ffi::jpeg_compress_struct,
    error: ffi::jpeg_error_mgr,
    destination: Destination,
    /// Where the picture is written from blocks.
    blocks: Option<BlockRows>,
}

/// Where the blocks of a picture come from.
struct BlockRows {
    /// The rows of an MCU, of each component: what libjpeg is given.
    components: Vec<ComponentRows>,
    /// What libjpeg takes for its arrays.
    arrays: Vec<*mut ffi::jvirt_barray_control>,
    /// Points to the `&mut FillBlocks` of [`Encoder::finish_blocks`] while that runs.
    fill: Option<*mut c_void>,
}

/// Takes a component, the number of a row of its blocks from the top, and that row.
pub(crate) type FillBlocks<'a> = dyn FnMut(usize, u32, &mut [Block]) + 'a;

struct ComponentRows {
    /// Rows that the picture has.
    count: u32,
    width: usize,
    blocks: Vec<Block>,
    pointers: Vec<ffi::JBLOCKROW>,
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
    /// Begins a JPEG of `size` pixels at `quality` 1 to 100: baseline where it is to be written fast.
    pub(crate) fn new(
        size: Size,
        format: PixelFormat,
        quality: u8,
        subsampling: Subsampling,
        effort: Effort,
    ) -> Result<Self> {
        let channels = c_int::try_from(format.channels()).expect("at most 4");
        let encoder = Self::with_defaults(size, channels, colour_space(format), effort)?;
        let state = encoder.state;
        // SAFETY: `state` is valid and its parts do not move; see the head of the module.
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

    /// Begins a JPEG of `size` pixels whose blocks come [from elsewhere](Self::finish_blocks): with the steps of these
    /// components (one or three), and where a `quality` is given, with none that are finer than its own. Hands over the steps of each.
    pub(crate) fn of_blocks(
        size: Size,
        layout: &BlockLayout,
        quality: Option<u8>,
        effort: Effort,
    ) -> Result<(Self, Vec<[u16; 64]>)> {
        let count = layout.components.len();
        if !matches!(count, 1 | 3) {
            return Err(LibjpegError::Codec(format!("a JPEG of {count} components is not written")));
        }
        let colours = if count == 1 { ffi::J_COLOR_SPACE::JCS_GRAYSCALE } else { ffi::J_COLOR_SPACE::JCS_YCbCr };
        let channels = c_int::try_from(count).expect("at most 3");
        let encoder = Self::with_defaults(size, channels, colours, effort)?;
        let state = encoder.state;
        // SAFETY: as in `new`. The defaults have made `count` entries of `comp_info`, and the two tables that they name. The
        // arrays of `blocks` stand in a vector that does not change any more.
        let steps = guarded(|| unsafe {
            let info = &mut (*state).info;
            ffi::jpeg_set_quality(info, c_int::from(quality.unwrap_or(100)), 1);
            // Works on coefficients that are not quantised yet.
            ffi::jpeg_c_set_bool_param(info, ffi::J_BOOLEAN_PARAM::JBOOLEAN_TRELLIS_QUANT, 0);
            let outputs = std::slice::from_raw_parts_mut(info.comp_info, count);
            let mut steps: Vec<[u16; 64]> = Vec::with_capacity(count);
            for (output, component) in outputs.iter_mut().zip(&layout.components) {
                let wanted = (*info.quant_tbl_ptrs[output.quant_tbl_no.unsigned_abs() as usize]).quantval;
                let mut own = component.steps;
                if quality.is_some() {
                    own.iter_mut().zip(wanted).for_each(|(own, wanted)| *own = wanted.max(*own));
                }
                steps.push(own);
                output.h_samp_factor = c_int::try_from(component.across).expect("at most 4");
                output.v_samp_factor = c_int::try_from(component.down).expect("at most 4");
            }
            for (output, own) in outputs.iter_mut().zip(&steps) {
                // The colour differences share a table wherever they can.
                let first = steps.iter().position(|other| other == own).unwrap_or(0);
                output.quant_tbl_no = c_int::try_from(first).expect("at most 2");
                let table = own.map(c_uint::from);
                ffi::jpeg_add_quant_table(info, output.quant_tbl_no, table.as_ptr(), 100, 1);
            }
            (*info.common.mem).access_virt_barray = Some(access);
            let blocks = (*state).blocks.insert(BlockRows::new(size, layout));
            ffi::jpeg_write_coefficients(info, blocks.arrays.as_mut_ptr());
            steps
        })?;
        Ok((encoder, steps))
    }

    /// Everything but what becomes of the pixels.
    fn with_defaults(size: Size, channels: c_int, colours: ffi::J_COLOR_SPACE, effort: Effort) -> Result<Self> {
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
        // SAFETY: `state` is valid and its parts do not move; see the head of the module.
        guarded(|| unsafe {
            (*state).info.common.err = prepare_errors(&raw mut (*state).error);
            ffi::jpeg_create_compress(&raw mut (*state).info);
            let info = &mut (*state).info;
            info.dest = (&raw mut (*state).destination).cast();
            info.image_width = size.width();
            info.image_height = size.height();
            info.input_components = channels;
            info.in_color_space = colours;
            let profile = match effort {
                Effort::Fast => ffi::JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST,
                Effort::Small => ffi::JINT_COMPRESS_PROFILE_VALUE::JCP_MAX_COMPRESSION,
            };
            ffi::jpeg_c_set_int_param(info, ffi::J_INT_PARAM::JINT_COMPRESS_PROFILE, profile as c_int);
            ffi::jpeg_set_defaults(info);
            ffi::jpeg_c_set_int_param(info, ffi::J_INT_PARAM::JINT_BASE_QUANT_TBL_IDX, STANDARD_TABLES);
            if effort == Effort::Small {
                // To try out scans costs twice as much again, for a hundredth of the bytes.
                ffi::jpeg_c_set_bool_param(info, ffi::J_BOOLEAN_PARAM::JBOOLEAN_OPTIMIZE_SCANS, 0);
                ffi::jpeg_simple_progression(info);
            }
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

    /// Takes the blocks of the picture, quantised with the steps that it was begun with, and hands over its bytes.
    pub(crate) fn finish_blocks(self, mut fill: &mut FillBlocks<'_>) -> Result<Vec<u8>> {
        // SAFETY: `state` is valid and exclusively ours. `fill` is called within `finish` alone, which this borrow outlives.
        if let Some(blocks) = &mut unsafe { &mut *self.state }.blocks {
            blocks.fill = Some((&raw mut fill).cast());
        }
        self.finish()
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

impl BlockRows {
    fn new(size: Size, layout: &BlockLayout) -> Self {
        let rows = |index: usize| {
            let (width, count) = layout.blocks_of(index, size);
            let (width, down) = (width as usize, layout.components[index].down as usize);
            let (blocks, pointers) = (vec![Block::default(); width * down], vec![std::ptr::null_mut(); down]);
            ComponentRows { count, width, blocks, pointers }
        };
        let components: Vec<ComponentRows> = (0..layout.components.len()).map(rows).collect();
        let arrays = (0..components.len()).map(keeper::handle).collect();
        Self { components, arrays, fill: None }
    }
}

/// libjpeg asks for the rows of an MCU of each component, from the top.
unsafe extern "C-unwind" fn access(
    info: &mut ffi::jpeg_common_struct,
    array: *mut ffi::jvirt_barray_control,
    first_row: ffi::JDIMENSION,
    rows: ffi::JDIMENSION,
    _is_to_fill: ffi::boolean,
) -> ffi::JBLOCKARRAY {
    // SAFETY: only encoders of blocks have this function, and their struct is the first field of an `EncoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<EncoderState>() };
    let component = keeper::component_of(array);
    let found = state.blocks.as_mut().and_then(|blocks| Some((blocks.fill?, blocks.components.get_mut(component)?)));
    let Some((fill, found)) = found.filter(|(_, found)| found.pointers.len() == rows as usize) else {
        raise(LibjpegError::Codec("nothing gives the blocks".to_owned()))
    };
    // SAFETY: `finish_blocks` lends it for as long as libjpeg may call this.
    let fill = unsafe { &mut *fill.cast::<&mut FillBlocks<'_>>() };
    let rows = found.blocks.chunks_exact_mut(found.width).zip(&mut found.pointers);
    for (row, (blocks, pointer)) in (first_row..).zip(rows) {
        // Below the picture, libjpeg looks at none.
        if row < found.count {
            fill(component, row, blocks);
        }
        *pointer = blocks.as_mut_ptr().cast();
    }
    found.pointers.as_mut_ptr()
}

fn colour_space(format: PixelFormat) -> ffi::J_COLOR_SPACE {
    match format {
        PixelFormat::Grey8 => ffi::J_COLOR_SPACE::JCS_GRAYSCALE,
        PixelFormat::Rgb8 => ffi::J_COLOR_SPACE::JCS_RGB,
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
