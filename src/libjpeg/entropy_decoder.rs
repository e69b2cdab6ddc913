//! Replaces the functions of libjpeg that read a scan.
//!
//! As for the encoder, libjpeg calls its entropy decoder through a struct of functions (`jpeg_entropy_decoder` in jpegint.h), once
//! for each MCU. Ours takes three quarters of the time. Everything else is left to libjpeg.
//!
//! libjpeg's functions warn about damaged data and continue. We treat such warnings as errors, so ours end with an error.

use super::huffman::Table;
use super::huffman_decoder::{Coefficients, DecodingTable, DecodingTables};
use super::scan_reader::{MAX_MCU_BLOCKS, MCU_BYTES, ScanReader};
use super::state::{DecoderState, StartPass};
use super::{LibjpegError, raise};
use mozjpeg_sys as ffi;
use std::ffi::{c_int, c_uint, c_void};
use std::mem::offset_of;

/// Maximum number of components in a scan, and of tables of each kind (`MAX_COMPS_IN_SCAN` and `NUM_HUFF_TBLS` in jpeglib.h).
const MAX_COMPONENTS: usize = 4;

/// Decoder of the Huffman codes in a file's only scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntropyDecoder {
    Ours,
    /// libjpeg's, which tests compare ours with.
    #[cfg_attr(not(test), expect(dead_code, reason = "only for tests"))]
    Libjpeg,
}

/// The struct from jpegint.h.
#[repr(C)]
struct Functions {
    start_pass: Option<StartPass>,
    decode_mcu:
        Option<unsafe extern "C-unwind" fn(&mut ffi::jpeg_decompress_struct, *const *mut [i16; 64]) -> ffi::boolean>,
}

/// The fields of `jpeg_decompress_struct` in jpeglib.h from `quant_tbl_ptrs` on. The bindings expose only some of them.
#[repr(C)]
struct Fields {
    quant_tables: [*mut c_void; 4],
    dc_tables: [*const ffi::JHUFF_TBL; MAX_COMPONENTS],
    ac_tables: [*const ffi::JHUFF_TBL; MAX_COMPONENTS],
    data_precision: c_int,
    components: *mut c_void,
    progressive_mode: ffi::boolean,
    arith_code: ffi::boolean,
    arithmetic_conditioning: [[u8; 16]; 3],
    restart_interval: c_uint,
    jfif_marker: ffi::boolean,
    jfif_version: [u8; 2],
    density_unit: u8,
    density: [u16; 2],
    adobe_marker: ffi::boolean,
    adobe_transform: u8,
    ccir601_sampling: ffi::boolean,
    marker_list: *mut c_void,
    max_samp_factors: [c_int; 2],
    min_dct_scaled_size: c_int,
    total_imcu_rows: c_uint,
    sample_range_limit: *mut c_void,
    comps_in_scan: c_int,
    cur_comp_info: [*const ffi::jpeg_component_info; MAX_COMPONENTS],
    mcus_per_row: c_uint,
    mcu_rows_in_scan: c_uint,
    blocks_in_mcu: c_int,
    mcu_membership: [c_int; MAX_MCU_BLOCKS],
    progression: [c_int; 4],
    unread_marker: c_int,
    controllers: [*mut c_void; 6],
    entropy: *mut Functions,
    other_controllers: [*mut c_void; 4],
}

const FIELDS: usize = offset_of!(ffi::jpeg_decompress_struct, quant_tbl_ptrs);

const _: () = {
    assert!(FIELDS.is_multiple_of(align_of::<Fields>()));
    assert!(FIELDS + offset_of!(Fields, components) == offset_of!(ffi::jpeg_decompress_struct, comp_info));
    assert!(FIELDS + offset_of!(Fields, density_unit) == offset_of!(ffi::jpeg_decompress_struct, density_unit));
    assert!(FIELDS + offset_of!(Fields, marker_list) == offset_of!(ffi::jpeg_decompress_struct, marker_list));
    assert!(
        FIELDS + offset_of!(Fields, max_samp_factors) == offset_of!(ffi::jpeg_decompress_struct, max_h_samp_factor)
    );
    assert!(FIELDS + size_of::<Fields>() == size_of::<ffi::jpeg_decompress_struct>());
};

/// Replaces the decoder's functions if the file has a single scan of the sequential kind with Huffman codes.
///
/// # Safety
/// `info` must be the struct of a [`DecoderState`] that has just been started.
pub(super) unsafe fn install(info: &mut ffi::jpeg_decompress_struct) {
    // SAFETY: the assertions above check that the fields are those of the struct.
    let fields = unsafe { &mut *fields(info) };
    let is_sequential = fields.progressive_mode == 0 && fields.arith_code == 0 && fields.data_precision == 8;
    // SAFETY: only reads the struct.
    if !is_sequential || unsafe { ffi::jpeg_has_multiple_scans(info) } != 0 {
        return;
    }
    // SAFETY: starting the decoder set the pointer. libjpeg's struct of functions lives as long as the decoder.
    let entropy = unsafe { &mut *fields.entropy };
    let Some(original) = entropy.start_pass else { return };
    entropy.start_pass = Some(start_pass);
    entropy.decode_mcu = Some(decode_mcu);
    // SAFETY: guaranteed by the caller. libjpeg's function has been called for the scan, and checked the tables.
    unsafe {
        state(info).start_pass = Some(original);
        state(info).scan = scan_reader(fields);
    }
}

/// Returns the fields of libjpeg's struct that the bindings don't expose.
fn fields(info: &mut ffi::jpeg_decompress_struct) -> *mut Fields {
    std::ptr::from_mut(info).wrapping_byte_add(FIELDS).cast()
}

/// Returns the decoder of a struct.
///
/// # Safety
/// `info` must be the struct of a [`DecoderState`].
unsafe fn state(info: &mut ffi::jpeg_decompress_struct) -> &mut DecoderState {
    // SAFETY: the caller guarantees that libjpeg's struct is the first field of a `DecoderState`.
    unsafe { &mut *std::ptr::from_mut(info).cast() }
}

/// Prepares for a scan.
unsafe extern "C-unwind" fn start_pass(info: &mut ffi::jpeg_decompress_struct) {
    // SAFETY: this function is only installed in decoders. libjpeg's function checks the tables.
    unsafe {
        if let Some(original) = state(info).start_pass {
            original(info);
        }
        state(info).scan = scan_reader(&*fields(info));
    }
}

/// Reads one MCU. Its blocks are zero when this is called.
unsafe extern "C-unwind" fn decode_mcu(
    info: &mut ffi::jpeg_decompress_struct,
    blocks: *const *mut [i16; 64],
) -> ffi::boolean {
    // SAFETY: this function is only installed in decoders with a reader. libjpeg passes pointers to all blocks of an
    // MCU, which are different blocks that nothing else accesses until this function returns.
    unsafe {
        if reader(info).is_at_restart() {
            while !reader(info).bytes.has_marker() {
                // A file may have a restart interval but no restart markers, so don't keep what comes before the next one.
                reader(info).bytes.clear();
                append(info);
            }
            (*fields(info)).unread_marker = 0;
            reader(info).restart();
        }
        load(info, MCU_BYTES);
        let reader = reader(info);
        reader.read(std::slice::from_raw_parts_mut(blocks.cast_mut().cast(), reader.mcu_blocks()));
    }
    1
}

/// Returns the reader of a decoder.
///
/// # Safety
/// `info` must be the struct of a [`DecoderState`].
unsafe fn reader(info: &mut ffi::jpeg_decompress_struct) -> &mut ScanReader {
    // SAFETY: guaranteed by the caller.
    let reader = unsafe { &mut state(info).scan };
    reader.as_mut().unwrap_or_else(|| raise(LibjpegError::Codec("internal error: no reader of blocks".to_owned())))
}

/// Loads `count` bytes, or all bytes before the next marker if there are less.
///
/// # Safety
/// `info` must be the struct of a [`DecoderState`] with a reader.
unsafe fn load(info: &mut ffi::jpeg_decompress_struct, count: usize) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        while !reader(info).bytes.has(count) {
            append(info);
        }
    }
}

/// Appends the bytes in the input buffer, up to the next marker. Fills the buffer first if it's empty.
///
/// # Safety
/// `info` must be the struct of a [`DecoderState`] with a reader.
unsafe fn append(info: &mut ffi::jpeg_decompress_struct) {
    // SAFETY: guaranteed by the caller. The source always has as many bytes as it says.
    unsafe {
        if (*info.src).bytes_in_buffer == 0 {
            // This function is ours. It either adds bytes or ends with an error.
            if let Some(fill_input_buffer) = (*info.src).fill_input_buffer {
                fill_input_buffer(info);
            }
        }
        let source = &mut *info.src;
        let input = std::slice::from_raw_parts(source.next_input_byte, source.bytes_in_buffer);
        let (used, marker) = reader(info).bytes.append(input);
        source.next_input_byte = source.next_input_byte.add(used);
        source.bytes_in_buffer -= used;
        // libjpeg continues with this marker after the scan.
        (*fields(info)).unread_marker = c_int::from(marker.unwrap_or(0));
    }
}

/// Returns a reader for the current scan, unless a table is missing.
///
/// # Safety
/// The pointers in `fields` must be null or valid.
unsafe fn scan_reader(fields: &Fields) -> Option<ScanReader> {
    let table = |tables: &[*const ffi::JHUFF_TBL], number: c_int, coefficients| {
        // SAFETY: guaranteed by the caller.
        let table = unsafe { tables.get(usize::try_from(number).ok()?)?.as_ref() }?;
        Some(DecodingTable::new(&Table { lengths: &table.bits[1..], symbols: &table.huffval }, coefficients))
    };
    let components = fields.cur_comp_info.get(..usize::try_from(fields.comps_in_scan).ok()?)?;
    let tables = components.iter().map(|component| {
        // SAFETY: guaranteed by the caller.
        let component = unsafe { component.as_ref() }?;
        let dc = table(&fields.dc_tables, component.dc_tbl_no, Coefficients::Dc)?;
        let ac = table(&fields.ac_tables, component.ac_tbl_no, Coefficients::Ac)?;
        Some(DecodingTables { dc, ac })
    });
    let tables = tables.collect::<Option<Vec<_>>>()?;
    let blocks = fields.mcu_membership.get(..usize::try_from(fields.blocks_in_mcu).ok()?)?;
    let index = |component: &c_int| usize::try_from(*component).ok().filter(|index| *index < tables.len());
    let blocks = blocks.iter().map(index).collect::<Option<Vec<_>>>()?;
    Some(ScanReader::new(tables, blocks, fields.restart_interval))
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, Effort, Encoder, Subsampling};
    use super::*;
    use crate::iiif::Size;
    use crate::pixel::PixelFormat;
    use std::io::{Cursor, Read};

    /// Returns the pixels of a file, or `None` if it is damaged. The reader returns a few bytes at a time.
    fn pixels(file: &[u8], entropy_decoder: EntropyDecoder) -> Option<Vec<u8>> {
        struct Slow(Cursor<Vec<u8>>);
        impl Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let count = buffer.len().min(7);
                self.0.read(&mut buffer[..count])
            }
        }
        let mut decoder = Decoder::new(Box::new(Slow(Cursor::new(file.to_vec())))).ok()?;
        decoder.start_with(entropy_decoder).ok()?;
        let mut rows = vec![0; decoder.row_bytes() * decoder.height() as usize];
        decoder.read_rows(&mut rows).ok()?;
        decoder.finish().ok()?;
        Some(rows)
    }

    fn noise(width: u32, height: u32, format: PixelFormat, quality: u8, subsampling: Subsampling) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Flat areas, gradients and noise have blocks with few, some and all coefficients.
            match state >> 29 {
                0..4 => 128,
                4..6 => u8::try_from(state >> 16 & 15).expect("small"),
                _ => u8::try_from(state >> 16 & 255).expect("a byte"),
            }
        };
        let row_bytes = format.row_bytes(width);
        let pixels: Vec<u8> = (0..row_bytes * height as usize).map(|_| next()).collect();
        let size = Size::new(width, height).expect("not empty");
        let mut encoder = Encoder::new(size, format, quality, subsampling, Effort::Fast).expect("an encoder");
        encoder.write_rows(pixels.chunks_exact(row_bytes)).expect("written");
        encoder.finish().expect("a file").0
    }

    #[test]
    fn the_pixels_are_those_that_libjpeg_decodes() {
        for (format, subsampling) in [
            (PixelFormat::Rgb8, Subsampling::Half),
            (PixelFormat::Rgb8, Subsampling::None),
            (PixelFormat::Gray8, Subsampling::None),
        ] {
            for (width, height, quality) in [(1, 1, 85), (200, 99, 30), (64, 37, 100), (90, 90, 5), (90, 90, 95)] {
                let file = noise(width, height, format, quality, subsampling);
                let ours = pixels(&file, EntropyDecoder::Ours);
                assert!(
                    ours.is_some() && ours == pixels(&file, EntropyDecoder::Libjpeg),
                    "{format:?} {width} {quality}"
                );
            }
        }
    }

    /// Returns a column of `count` gray blocks with a restart marker after each but the last, which `marker` returns.
    fn with_restarts(count: u8, marker: impl Fn(u8) -> Vec<u8>) -> Vec<u8> {
        let block = noise(8, 8, PixelFormat::Gray8, 90, Subsampling::None);
        let find = |marker: u8| block.windows(2).position(|bytes| bytes == [0xff, marker]).expect("a marker");
        let (frame, scan) = (find(0xc0), find(0xda));
        let data = scan + 2 + usize::from(block[scan + 3]);
        let mut file = block[..data].to_vec();
        // The height, in the frame's header (T.81, B.2.2).
        file[frame + 6] = 8 * count;
        // An interval of one MCU (T.81, B.2.4.4).
        file.splice(frame..frame, [0xff, 0xdd, 0, 4, 0, 1]);
        for number in 0..count {
            file.extend_from_slice(&block[data..block.len() - 2]);
            if number + 1 < count {
                file.extend(marker(number));
            }
        }
        file.extend([0xff, 0xd9]);
        file
    }

    #[test]
    fn restart_markers_are_passed() {
        let file = with_restarts(20, |number| vec![0xff, 0xff, 0xd0 + number % 8]);
        let ours = pixels(&file, EntropyDecoder::Ours).expect("not damaged");
        assert!(ours.chunks_exact(64).all(|block| block == &ours[..64]), "the same block");
        assert_eq!(Some(ours), pixels(&file, EntropyDecoder::Libjpeg));
        for wrong in [vec![], vec![0xff, 0xd3], vec![0xff, 0xd9]] {
            let marker = |number| if number == 6 { wrong.clone() } else { vec![0xff, 0xd0 + number % 8] };
            assert_eq!(pixels(&with_restarts(20, marker), EntropyDecoder::Ours), None, "{wrong:x?}");
        }
    }

    #[test]
    fn damage_is_an_error_or_leads_to_the_pixels_of_libjpeg() {
        let file = noise(40, 30, PixelFormat::Rgb8, 80, Subsampling::Half);
        let check = |file: &[u8], damage: &str| {
            let (ours, libjpeg) = (pixels(file, EntropyDecoder::Ours), pixels(file, EntropyDecoder::Libjpeg));
            assert!(ours.is_none() || ours == libjpeg, "{damage}");
            ours.is_none()
        };
        let scan = file.windows(2).position(|bytes| bytes == [0xff, 0xda]).expect("a scan");
        let mut errors = 0;
        for at in scan..file.len() {
            errors += u32::from(check(&file[..at], &format!("cut at {at}")));
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << bit;
                errors += u32::from(check(&damaged, &format!("bit {bit} of byte {at}")));
            }
        }
        assert!(errors > 100, "{errors}");
    }
}
