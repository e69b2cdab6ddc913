//! Replaces the functions of libjpeg that write a scan.
//!
//! libjpeg calls its entropy encoder through a struct of three functions (`jpeg_entropy_encoder` in jpegint.h), once
//! for each MCU. Replacing them leaves everything else to libjpeg, which are color conversion, the DCT, quantization,
//! padding at the edges, and all segments before the scan.

use super::huffman::{AcCodes, Codes, DcCodes, Table};
use super::scan::ScanWriter;
use super::state::EncoderState;
use super::{LibjpegError, raise};
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_void};
use std::mem::offset_of;

/// The struct from jpegint.h.
#[repr(C)]
struct EntropyEncoder {
    start_pass: Option<unsafe extern "C-unwind" fn(&mut ffi::jpeg_compress_struct, ffi::boolean)>,
    encode_mcu:
        Option<unsafe extern "C-unwind" fn(&mut ffi::jpeg_compress_struct, *const *const [i16; 64]) -> ffi::boolean>,
    finish_pass: Option<unsafe extern "C-unwind" fn(&mut ffi::jpeg_compress_struct)>,
}

/// Offset of `entropy` in `jpeg_compress_struct`, which the bindings don't expose.
const ENTROPY: usize = {
    const fn aligned(offset: usize) -> usize {
        offset.next_multiple_of(align_of::<*mut c_void>())
    }
    const INT: usize = size_of::<c_int>();
    const POINTER: usize = size_of::<*mut c_void>();
    // As in jpeglib.h: the last field that is exposed, two integers, four pointers to components, 17 integers and eight
    // pointers.
    let exposed = offset_of!(ffi::jpeg_compress_struct, max_v_samp_factor) + size_of::<c_int>();
    let components = aligned(exposed + 2 * INT);
    let offset = aligned(components + 4 * POINTER + 17 * INT) + 8 * POINTER;
    // Two fields follow, a pointer and an integer.
    assert!(
        (offset + 2 * POINTER + INT).next_multiple_of(align_of::<ffi::jpeg_compress_struct>())
            == size_of::<ffi::jpeg_compress_struct>(),
        "the bindings have the fields of jpeglib.h"
    );
    offset
};

/// Replaces the encoder's functions, and returns the writer that they will write to.
///
/// # Errors
/// Returns an error if a table is missing.
///
/// # Safety
/// `info` must be the struct of an [`EncoderState`] that has been started as a sequential file with Huffman coding in a
/// single pass.
pub(super) unsafe fn install(info: &mut ffi::jpeg_compress_struct) -> Result<ScanWriter, LibjpegError> {
    // SAFETY: starting the encoder set the pointer, and created `num_components` entries in `comp_info`.
    let components = unsafe {
        let entropy: *mut EntropyEncoder =
            std::ptr::from_mut(info).byte_add(ENTROPY).cast::<*mut EntropyEncoder>().read();
        *entropy = EntropyEncoder {
            start_pass: Some(start_pass),
            encode_mcu: Some(encode_mcu),
            finish_pass: Some(finish_pass),
        };
        std::slice::from_raw_parts(info.comp_info, info.num_components.unsigned_abs() as usize)
    };
    // SAFETY: the tables of an encoder are null or live as long as it does.
    let codes = |it| unsafe { codes(info, it) };
    let codes = components.iter().map(codes).collect::<Option<Vec<_>>>();
    let codes = codes.ok_or_else(|| LibjpegError::Codec("a Huffman table is missing".to_owned()))?;
    if let [component] = components {
        // Without other components, an MCU is a single block regardless of the sampling factors (T.81, A.2.2).
        return Ok(ScanWriter::new(codes, vec![0], component.width_in_blocks));
    }
    let count = |it: &ffi::jpeg_component_info| (it.h_samp_factor * it.v_samp_factor).unsigned_abs() as usize;
    let blocks = components.iter().map(count).enumerate();
    let blocks = blocks.flat_map(|(index, count)| std::iter::repeat_n(index, count)).collect();
    let mcu_width = 8 * info.max_h_samp_factor.unsigned_abs();
    Ok(ScanWriter::new(codes, blocks, info.image_width.div_ceil(mcu_width)))
}

/// Returns the codes of a component, or `None` if one of its tables is missing.
///
/// # Safety
/// The tables in `info` must be null or valid.
unsafe fn codes(info: &ffi::jpeg_compress_struct, component: &ffi::jpeg_component_info) -> Option<Codes> {
    let table = |tables: &[*mut ffi::JHUFF_TBL], number: c_int| {
        let table = *tables.get(usize::try_from(number).ok()?)?;
        // SAFETY: guaranteed by the caller.
        let table = unsafe { table.as_ref() }?;
        Some(Table { lengths: &table.bits[1..], symbols: &table.huffval })
    };
    let dc = table(&info.dc_huff_tbl_ptrs, component.dc_tbl_no)?;
    let ac = table(&info.ac_huff_tbl_ptrs, component.ac_tbl_no)?;
    Some(Codes { dc: DcCodes::new(&dc), ac: AcCodes::new(&ac) })
}

/// Does nothing, because the writer is ready.
unsafe extern "C-unwind" fn start_pass(_: &mut ffi::jpeg_compress_struct, _: ffi::boolean) {}

/// Does nothing, because [`ScanWriter::finish`] writes what is left.
unsafe extern "C-unwind" fn finish_pass(_: &mut ffi::jpeg_compress_struct) {}

/// Writes one MCU.
unsafe extern "C-unwind" fn encode_mcu(
    info: &mut ffi::jpeg_compress_struct,
    blocks: *const *const [i16; 64],
) -> ffi::boolean {
    // SAFETY: this function is only installed in encoders, and libjpeg's struct is the first field of an
    // `EncoderState`.
    let state = unsafe { &mut *std::ptr::from_mut(info).cast::<EncoderState>() };
    let Some(scan) = &mut state.scan else {
        raise(LibjpegError::Codec("internal error: no writer for blocks".to_owned()))
    };
    // SAFETY: libjpeg passes pointers to all blocks of an MCU, and doesn't change them until this function returns.
    let mcu = unsafe { std::slice::from_raw_parts(blocks.cast::<&[i16; 64]>(), scan.mcu_blocks()) };
    if let Err(error) = scan.write(mcu) {
        raise(error);
    }
    1
}

#[cfg(test)]
mod tests {
    use super::super::{Effort, Encoder, Subsampling};
    use crate::iiif::Size;
    use crate::pixel::{Block, BlockColors, BlockLayout, Component, PixelFormat};

    /// Pseudorandom numbers, for noise without a pattern.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % below
        }
    }

    #[test]
    fn the_scan_of_pixels_is_what_libjpeg_writes() {
        let mut noise = Noise(1);
        for (format, subsampling) in [
            (PixelFormat::Rgb8, Subsampling::Half),
            (PixelFormat::Rgb8, Subsampling::None),
            (PixelFormat::Gray8, Subsampling::Half),
        ] {
            for (width, height, quality, contrast) in
                [(1, 1, 85, 256), (200, 99, 85, 30), (37, 64, 100, 256), (90, 90, 5, 2)]
            {
                let size = Size::new(width, height).expect("not empty");
                let row_bytes = format.row_bytes(width);
                let pixels: Vec<u8> = (0..row_bytes * height as usize)
                    .map(|_| u8::try_from(noise.next(contrast)).expect("a byte"))
                    .collect();
                let file = |is_kept: bool| {
                    let encoder = Encoder::new(size, format, quality, subsampling, Effort::Fast);
                    let mut encoder = encoder.expect("an encoder");
                    if is_kept {
                        encoder.keep_scan().expect("kept");
                    }
                    encoder.write_rows(pixels.chunks_exact(row_bytes)).expect("written");
                    encoder.finish().expect("a file").0
                };
                assert!(file(true) == file(false), "{format:?} {subsampling:?} {size} {quality}");
            }
        }
    }

    #[test]
    fn the_scan_of_blocks_is_what_libjpeg_writes() {
        let mut noise = Noise(2);
        for samplings in [&[(1, 1)][..], &[(2, 2)], &[(2, 2), (1, 1), (1, 1)], &[(1, 1); 3], &[(4, 1), (1, 1), (2, 1)]]
        {
            let component = |&(h_samp, v_samp): &(u32, u32)| Component { h_samp, v_samp, quant_table: [1; 64] };
            let components = samplings.iter().map(component).collect();
            let colors = if samplings.len() == 1 { BlockColors::Gray } else { BlockColors::YCbCr };
            let layout = BlockLayout { size: Size::new(201, 150).expect("not empty"), colors, components };
            // Few large coefficients have long runs of zeros between them, and many small ones have none.
            for (share, largest) in [(1, 1), (2, 3), (20, 1023), (64, 1023), (200, 7)] {
                let seed = noise.next(u64::MAX);
                let file = |is_kept: bool| {
                    let (mut encoder, _) =
                        Encoder::of_blocks(layout.size, &layout, None, Effort::Fast).expect("an encoder");
                    if is_kept {
                        encoder.keep_scan().expect("kept");
                    }
                    let mut noise = Noise(seed);
                    let mut fill = |_: usize, _: u32, blocks: &mut [Block]| {
                        for coefficient in blocks.iter_mut().flat_map(|block| &mut block.0) {
                            let size = i16::try_from(noise.next(2 * largest + 1)).expect("small");
                            let is_zero = noise.next(share) > 0;
                            *coefficient = if is_zero { 0 } else { size - i16::try_from(largest).expect("small") };
                        }
                    };
                    encoder.finish_blocks(&mut fill).expect("a file").0
                };
                assert!(file(true) == file(false), "{samplings:?}, one in {share} up to {largest}");
            }
        }
    }

    #[test]
    fn a_coefficient_beyond_the_limits_is_an_error() {
        let component = Component { h_samp: 1, v_samp: 1, quant_table: [1; 64] };
        let layout = BlockLayout {
            size: Size::new(8, 8).expect("not empty"),
            colors: BlockColors::Gray,
            components: vec![component],
        };
        for (index, coefficient, is_written) in [
            (0, 2047, true),
            (0, 2048, false),
            (0, -2048, false),
            (63, 1023, true),
            (63, 1024, false),
            (1, i16::MIN, false),
        ] {
            let (mut encoder, _) = Encoder::of_blocks(layout.size, &layout, None, Effort::Fast).expect("an encoder");
            encoder.keep_scan().expect("kept");
            let mut fill = |_: usize, _: u32, blocks: &mut [Block]| blocks[0].0[index] = coefficient;
            assert_eq!(encoder.finish_blocks(&mut fill).is_ok(), is_written, "{index}: {coefficient}");
        }
    }
}
