//! Replaces libjpeg's decoder for the MCUs of baseline JPEGs, which is the largest part of reading a photograph.
//!
//! libjpeg calls its entropy decoder through a pointer, once per MCU. This module puts its own function there and leaves
//! the state in libjpeg's fields. Anything unusual is left to libjpeg's function, which starts over from the same MCU:
//! restarts, markers, the end of the input buffer, and all damage.
//!
//! The bindings keep these fields private, so their layout is repeated here. Public fields around them prove at compile
//! time that the positions in the main struct are right. The entropy decoder's own fields are compared to the values
//! that a scan starts with, and nothing is replaced if they differ.

use super::huffman::Table;
use super::huffman_decoder::{BitReader, Decoder};
use super::state::DecoderState;
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_uint, c_void};
use std::mem::{offset_of, size_of};

type Info = ffi::jpeg_decompress_struct;

type DecodeMcu = unsafe extern "C-unwind" fn(&mut Info, *mut ffi::JBLOCKROW) -> ffi::boolean;

/// Maximum number of components in a scan (`MAX_COMPS_IN_SCAN` in jpeglib.h).
const MAX_COMPONENTS: usize = 4;
/// Maximum number of blocks in an MCU (`D_MAX_BLOCKS_IN_MCU` in jpeglib.h).
const MAX_BLOCKS: usize = 10;
const TABLES: usize = 4;

/// Part of libjpeg's main struct, from `quant_tbl_ptrs` to `density_unit`.
#[repr(C)]
struct FrameFields {
    quant_tbl_ptrs: [*mut ffi::JQUANT_TBL; TABLES],
    dc_huff_tbl_ptrs: [*mut ffi::JHUFF_TBL; TABLES],
    ac_huff_tbl_ptrs: [*mut ffi::JHUFF_TBL; TABLES],
    data_precision: c_int,
    comp_info: *mut ffi::jpeg_component_info,
    progressive_mode: ffi::boolean,
    arith_code: ffi::boolean,
    arithmetic_conditioning: [u8; 48],
    restart_interval: c_uint,
    saw_jfif_marker: ffi::boolean,
    jfif_version: [u8; 2],
    density_unit: u8,
}

/// Last part of libjpeg's main struct, from `marker_list`.
#[repr(C)]
struct ScanFields {
    marker_list: *mut ffi::jpeg_marker_struct,
    max_samp_factors: [c_int; 2],
    min_dct_scaled_size: c_int,
    total_mcu_rows: c_uint,
    sample_range_limit: *mut u8,
    comps_in_scan: c_int,
    cur_comp_info: [*mut ffi::jpeg_component_info; MAX_COMPONENTS],
    mcus_per_row: c_uint,
    mcu_rows_in_scan: c_uint,
    blocks_in_mcu: c_int,
    mcu_membership: [c_int; MAX_BLOCKS],
    progression: [c_int; 4],
    unread_marker: c_int,
    /// `master`, `main`, `coef`, `post`, `inputctl` and `marker`.
    modules: [*mut c_void; 6],
    entropy: *mut EntropyDecoder,
    /// `idct`, `upsample`, `cconvert` and `cquantize`.
    later_modules: [*mut c_void; 4],
}

const FRAME_OFFSET: usize = offset_of!(Info, quant_tbl_ptrs);
const SCAN_OFFSET: usize = offset_of!(Info, marker_list);

const _: () = {
    assert!(FRAME_OFFSET + offset_of!(FrameFields, comp_info) == offset_of!(Info, comp_info));
    assert!(FRAME_OFFSET + offset_of!(FrameFields, density_unit) == offset_of!(Info, density_unit));
    assert!(SCAN_OFFSET + offset_of!(ScanFields, max_samp_factors) == offset_of!(Info, max_h_samp_factor));
    assert!(SCAN_OFFSET + size_of::<ScanFields>() == size_of::<Info>());
};

/// libjpeg's `huff_entropy_decoder` (jdhuff.c).
#[repr(C)]
struct EntropyDecoder {
    start_pass: *mut c_void,
    decode_mcu: Option<DecodeMcu>,
    insufficient_data: ffi::boolean,
    bits: BitState,
    last_dc_val: [c_int; MAX_COMPONENTS],
    restarts_to_go: c_uint,
    dc_derived_tbls: [*mut c_void; TABLES],
    ac_derived_tbls: [*mut c_void; TABLES],
    dc_cur_tbls: [*mut c_void; MAX_BLOCKS],
    ac_cur_tbls: [*mut c_void; MAX_BLOCKS],
    dc_needed: [ffi::boolean; MAX_BLOCKS],
    ac_needed: [ffi::boolean; MAX_BLOCKS],
}

/// libjpeg's `bitread_perm_state` (jdhuff.h).
#[repr(C)]
struct BitState {
    /// Unused bits, in the lowest bits.
    get_buffer: usize,
    bits_left: c_int,
}

/// Decoder for the MCUs of one scan.
pub(super) struct McuDecoder {
    components: Vec<Tables>,
    /// Index of each block's component.
    blocks: Vec<usize>,
    scan: c_int,
    has_restarts: bool,
    /// libjpeg's function.
    original: DecodeMcu,
}

struct Tables {
    dc: Decoder,
    ac: Decoder,
}

/// Replaces libjpeg's function for the current scan if it is a baseline scan that this module understands.
///
/// # Safety
/// `state` must be valid and belong to a decoder that has started to decode its only scan, which is Huffman-coded.
pub(super) unsafe fn install(state: *mut DecoderState) {
    // The bit buffer of other targets has a different size.
    if size_of::<usize>() != size_of::<u64>() {
        return;
    }
    // SAFETY: the caller guarantees that the state is valid. Both parts are inside the main struct, as proved above.
    // `entropy` points to libjpeg's Huffman decoder once a sequential scan has started.
    unsafe {
        let info = &raw mut (*state).info;
        let frame = &*info.byte_add(FRAME_OFFSET).cast::<FrameFields>();
        let scan = &*info.byte_add(SCAN_OFFSET).cast::<ScanFields>();
        if frame.progressive_mode != 0 || frame.arith_code != 0 || scan.entropy.is_null() {
            return;
        }
        let entropy = &mut *scan.entropy;
        if let Some(decoder) = McuDecoder::new(frame, scan, entropy, (*state).info.input_scan_number) {
            entropy.decode_mcu = Some(decode_mcu);
            (*state).mcus = Some(decoder);
        }
    }
}

impl McuDecoder {
    /// Creates a decoder, or returns `None` if any field has an unexpected value.
    ///
    /// # Safety
    /// All pointers in the fields must be null or valid.
    unsafe fn new(frame: &FrameFields, scan: &ScanFields, entropy: &EntropyDecoder, number: c_int) -> Option<Self> {
        let is_at_start = entropy.bits.bits_left == 0
            && entropy.insufficient_data == 0
            && entropy.restarts_to_go == frame.restart_interval;
        let original = entropy.decode_mcu.filter(|_| is_at_start)?;
        // libjpeg only sets the fields of existing components and blocks.
        let count = usize::try_from(scan.comps_in_scan).ok()?;
        let components = scan.cur_comp_info.get(..count)?;
        entropy.last_dc_val.get(..count).filter(|values| values.iter().all(|value| *value == 0))?;
        let tables = |component: &*mut ffi::jpeg_component_info| {
            // SAFETY: the caller guarantees that the pointers are valid.
            let component = unsafe { component.as_ref() }?;
            let (dc, ac) = (usize::try_from(component.dc_tbl_no).ok()?, usize::try_from(component.ac_tbl_no).ok()?);
            // SAFETY: as above.
            let tables =
                unsafe { (frame.dc_huff_tbl_ptrs.get(dc)?.as_ref()?, frame.ac_huff_tbl_ptrs.get(ac)?.as_ref()?) };
            let decoder = |it: &ffi::JHUFF_TBL, is_dc| {
                Decoder::new(&Table { lengths: &it.bits[1..], symbols: &it.huffval }, is_dc)
            };
            let derived = (*entropy.dc_derived_tbls.get(dc)?, *entropy.ac_derived_tbls.get(ac)?);
            Some((Tables { dc: decoder(tables.0, true), ac: decoder(tables.1, false) }, derived))
        };
        let (components, derived): (Vec<_>, Vec<_>) =
            components.iter().map(tables).collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let count = usize::try_from(scan.blocks_in_mcu).ok()?;
        let component_of = |block: usize| {
            let component = usize::try_from(*scan.mcu_membership.get(block)?).ok()?;
            let (dc, ac) = *derived.get(component)?;
            let has_tables =
                !dc.is_null() && !ac.is_null() && entropy.dc_cur_tbls[block] == dc && entropy.ac_cur_tbls[block] == ac;
            (has_tables && entropy.dc_needed[block] == 1 && entropy.ac_needed[block] == 1).then_some(component)
        };
        let blocks = (0..count).map(component_of).collect::<Option<Vec<_>>>()?;
        Some(Self { components, blocks, scan: number, has_restarts: frame.restart_interval != 0, original })
    }

    /// Decodes the blocks of an MCU. Returns `false` if libjpeg has to do it.
    ///
    /// # Safety
    /// `blocks` must point to one block of zeros for each block of the MCU.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the state stays in registers only if all of it is in one loop")]
    unsafe fn decode(
        &self,
        bits: &mut BitReader<'_>,
        last_dc: &mut [c_int; MAX_COMPONENTS],
        blocks: *mut ffi::JBLOCKROW,
    ) -> bool {
        for (index, component) in self.blocks.iter().enumerate() {
            // SAFETY: the caller guarantees that there are as many blocks, and no two of them overlap.
            let block = unsafe { &mut **blocks.add(index) };
            let (tables, last_dc) = (&self.components[*component], &mut last_dc[*component % MAX_COMPONENTS]);
            let Some(difference) = tables.dc.dc(bits) else { return false };
            *last_dc = last_dc.wrapping_add(c_int::from(difference));
            block[0] = low_bits(*last_dc);
            if tables.ac.ac(bits, block).is_none() {
                return false;
            }
        }
        true
    }
}

/// Returns the coefficient that libjpeg stores for a sum.
#[expect(clippy::cast_possible_truncation, reason = "damaged files can exceed the range, and libjpeg wraps around too")]
fn low_bits(sum: c_int) -> i16 {
    sum as i16
}

unsafe extern "C-unwind" fn decode_mcu(info: &mut Info, blocks: *mut ffi::JBLOCKROW) -> ffi::boolean {
    let state = std::ptr::from_mut(info).cast::<DecoderState>();
    // SAFETY: this function is only installed for decoders with `mcus`, and libjpeg's struct is the first field of a
    // `DecoderState`. libjpeg doesn't use its fields while it waits for this function. The pointers were checked by
    // `install`, and the blocks are those of an MCU of the same scan.
    unsafe {
        let Some(decoder) = &(*state).mcus else { return 0 };
        let scan = &*state.byte_add(SCAN_OFFSET).cast::<ScanFields>();
        let entropy = &mut *scan.entropy;
        let source = &mut *(*state).info.src;
        let is_usual = (*state).info.input_scan_number == decoder.scan
            && scan.unread_marker == 0
            && entropy.insufficient_data == 0
            && !(decoder.has_restarts && entropy.restarts_to_go == 0)
            && !blocks.is_null();
        let Some(count) = u32::try_from(entropy.bits.bits_left).ok().filter(|_| is_usual) else {
            return (decoder.original)(&mut (*state).info, blocks);
        };
        let input = std::slice::from_raw_parts(source.next_input_byte, source.bytes_in_buffer);
        let mut bits = BitReader::new(entropy.bits.get_buffer as u64, count, input);
        let mut last_dc = entropy.last_dc_val;
        let is_decoded = decoder.decode(&mut bits, &mut last_dc, blocks);
        let Some((rest, count, input)) = bits.rest().filter(|_| is_decoded) else {
            // libjpeg expects zeros.
            (0..decoder.blocks.len()).for_each(|index| **blocks.add(index) = [0; 64]);
            return (decoder.original)(&mut (*state).info, blocks);
        };
        entropy.bits.get_buffer = usize::try_from(rest).unwrap_or_default();
        entropy.bits.bits_left = count.cast_signed();
        entropy.last_dc_val = last_dc;
        entropy.restarts_to_go = entropy.restarts_to_go.wrapping_sub(u32::from(decoder.has_restarts));
        source.next_input_byte = input.as_ptr();
        source.bytes_in_buffer = input.len();
        1
    }
}

#[cfg(test)]
mod tests {
    use crate::iiif::Size;
    use crate::libjpeg::{Decoder, Effort, Encoder, Subsampling};
    use crate::pixel::PixelFormat;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// Gives libjpeg's function back.
    fn uninstall(decoder: &mut Decoder) {
        // SAFETY: no C code runs, and `install` checked the pointers.
        unsafe {
            let state = decoder.state();
            let mcus = (*state).mcus.take().expect("installed");
            let scan = &*state.byte_add(super::SCAN_OFFSET).cast::<super::ScanFields>();
            (*scan.entropy).decode_mcu = Some(mcus.original);
        }
    }

    /// Decodes rows until the first error, with the error at the end.
    fn decoded(file: &[u8], by_libjpeg: bool) -> Result<(Vec<u8>, Option<String>), String> {
        let mut decoder = Decoder::new(Box::new(Cursor::new(file.to_vec()))).map_err(|error| error.to_string())?;
        decoder.start().map_err(|error| error.to_string())?;
        if by_libjpeg {
            uninstall(&mut decoder);
        }
        let mut rows = vec![0; decoder.row_bytes()];
        let mut pixels = Vec::new();
        for _ in 0..decoder.height() {
            if let Err(error) = decoder.read_rows(&mut rows) {
                return Ok((pixels, Some(error.to_string())));
            }
            pixels.extend_from_slice(&rows);
        }
        Ok((pixels, decoder.finish().err().map(|error| error.to_string())))
    }

    /// A file with detail of all sizes, of more than one buffer of libjpeg's input.
    fn file(format: PixelFormat, subsampling: Subsampling, quality: u8) -> Vec<u8> {
        let size = Size::new(331, 277).expect("not empty");
        let mut encoder = Encoder::new(size, format, quality, subsampling, Effort::Fast).expect("supported");
        let mut noise = 1_u32;
        for y in 0..size.height() {
            let sample = |x: u32| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                u8::try_from((x * x + 3 * y + (noise >> 24) * u32::from(x > 100)) % 256).expect("a byte")
            };
            let row: Vec<u8> = (0..size.width() * u32::try_from(format.channels()).expect("few")).map(sample).collect();
            encoder.write_rows([row.as_slice()]).expect("written");
        }
        encoder.finish().expect("complete").0
    }

    fn files() -> Vec<Vec<u8>> {
        let restarts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/jpeg/blocks/restart.jpg");
        let mut files = vec![std::fs::read(restarts).expect("a fixture")];
        for quality in [20, 90, 100] {
            files.push(file(PixelFormat::Rgb8, Subsampling::Half, quality));
            files.push(file(PixelFormat::Rgb8, Subsampling::None, quality));
            files.push(file(PixelFormat::Gray8, Subsampling::None, quality));
        }
        files
    }

    #[test]
    fn pixels_are_those_of_libjpeg() {
        for file in files() {
            let pixels = decoded(&file, false).expect("valid");
            assert_eq!(pixels, decoded(&file, true).expect("valid"));
            assert_eq!(pixels.1, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn damage_is_found_as_by_libjpeg(
            number in 0..10_usize,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            end in any::<prop::sample::Index>(),
            is_cut: bool,
        ) {
            let mut file = files().swap_remove(number);
            // Headers are read before, and have tests of their own.
            let start = file.windows(2).rposition(|it| it == [0xff, 0xda]).expect("a scan") + 14;
            for (place, byte) in changes {
                let place = start + place.index(file.len() - start);
                file[place] = byte;
            }
            if is_cut {
                file.truncate(start + end.index(file.len() - start));
            }
            prop_assert_eq!(decoded(&file, false), decoded(&file, true));
        }
    }
}
