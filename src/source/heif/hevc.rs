//! Decodes a single HEVC image with `heifer-hevc-dec`, which is in Rust and has no `unsafe`.

use super::DecodeError;
use super::codec::{Codec, DecodeResult, Picture, check};
use super::properties::{CodecConfiguration, ColorNumbers, SampleFormat};
use heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};
use heifer_hevc_dec::nal::{NalUnit, NalUnitType};
use heifer_hevc_dec::params::{ParameterSets, Sps};
use heifer_hevc_dec::recon::Frame;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(super) static CODEC: Codec = Codec {
    decode,
    color,
    // Alpha channels rarely specify their range. libheif reads and writes them in the full range.
    alpha_numbers: Some((2, true)),
    has_cosited_chroma: true,
    sample_bytes: |_| 2,
    // Pictures whose sides aren't multiples of the block size are copied to cut them. For 12 megapixels, we measured one
    // byte per pixel on top.
    spare_pictures: 1,
    block_bytes: 2,
    // The byte stream, and its units without emulation prevention.
    coded_copies: 2,
};

/// Largest side of the blocks that pictures are made of, in pixels. Sides of coded pictures are multiples of the
/// smallest block's.
const MAX_BLOCK_SIDE: u32 = 64;

/// Maximum number of units of an image. Level 6.2 allows 600 slices (ITU-T H.265, table A.8).
const MAX_UNITS: usize = 1000;

/// Maximum numbers of tile columns and rows at any level (ITU-T H.265, table A.8).
const MAX_TILES: (u32, u32) = (20, 22);

const START_CODE: &[u8; 4] = b"\0\0\0\x01";

struct Decoded(Frame);

/// Decodes an image. A panic in the decoder is returned as an error.
fn decode(bytes: Vec<u8>, size: (u32, u32), configuration: &CodecConfiguration) -> DecodeResult {
    let decoded = catch_unwind(AssertUnwindSafe(|| decode_unguarded(bytes, size, configuration)));
    Ok(Box::new(decoded.unwrap_or_else(|_| Err("the decoder failed internally".into()))?))
}

fn decode_unguarded(
    bytes: Vec<u8>,
    size: (u32, u32),
    configuration: &CodecConfiguration,
) -> Result<Decoded, DecodeError> {
    let stream = byte_stream(&bytes, size, configuration)?;
    drop(bytes);
    let [width, height] = [size.0, size.1].map(|side| u64::from(padded(side)));
    let options = DecodeOptions { max_pixels: width * height, verify_hash: true, ..DecodeOptions::default() };
    let frame = decode_picture(&stream, options)?;
    let format = format(frame.chroma_format, frame.bit_depth[0]);
    check(((frame.widths[0], frame.heights[0]), format), (size, configuration.format))?;
    Ok(Decoded(frame))
}

impl Picture for Decoded {
    fn matrix_and_range(&self) -> (u16, bool) {
        (self.0.matrix_coeffs.into(), self.0.full_range)
    }

    fn row(&self, plane: usize, y: usize, width: usize) -> Result<Vec<u16>, DecodeError> {
        let (samples, stride) = (&self.0.planes[plane], self.0.widths[plane] as usize);
        let row = samples.get(y * stride..y * stride + width.min(stride)).filter(|row| row.len() == width);
        Ok(row.ok_or("the decoder returned fewer rows than the image has")?.to_vec())
    }
}

/// Returns the color numbers from the parameter sets of the file.
fn color(configuration: &CodecConfiguration) -> Option<ColorNumbers> {
    let is_sps = |unit: &&Vec<u8>| kind(unit) == Some(NalUnitType::Sps);
    let unit = NalUnit::parse(configuration.parameter_sets.iter().find(is_sps)?).ok()?;
    let vui = catch_unwind(|| Sps::parse(&unit.rbsp)).ok()?.ok()?.vui?;
    Some(ColorNumbers {
        primaries: vui.colour_primaries.into(),
        transfer: vui.transfer_characteristics.into(),
        matrix: vui.matrix_coeffs.into(),
        is_full_range: vui.video_full_range_flag,
    })
}

/// Returns the sample format for a `chroma_format_idc`.
fn format(chroma: u8, bits: u8) -> SampleFormat {
    SampleFormat { bits, is_gray: chroma == 0, subsampling: (chroma < 3, chroma < 2) }
}

fn padded(side: u32) -> u32 {
    side.checked_next_multiple_of(MAX_BLOCK_SIDE).unwrap_or(u32::MAX)
}

fn kind(unit: &[u8]) -> Option<NalUnitType> {
    unit.first().map(|first| NalUnitType::from_raw(first >> 1 & 0x3f))
}

/// Returns the image with its parameter sets as a byte stream (ITU-T H.265, annex B). In files, units follow their
/// length, and in byte streams, they follow a start code.
///
/// The decoder allocates memory for the sizes in parameter sets, so those are checked first. Units that aren't needed for
/// the picture are left out.
fn byte_stream(bytes: &[u8], size: (u32, u32), configuration: &CodecConfiguration) -> Result<Vec<u8>, DecodeError> {
    let units = units(bytes, configuration.length_bytes.into())?;
    let all = || configuration.parameter_sets.iter().map(Vec::as_slice).chain(units.iter().copied());
    let mut sets = ParameterSets::default();
    for unit in all().filter(|unit| matches!(kind(unit), Some(NalUnitType::Sps | NalUnitType::Pps))) {
        let unit = NalUnit::parse(unit)?;
        if unit.header.unit_type == NalUnitType::Sps {
            check_sps(&Sps::parse(&unit.rbsp)?, size, configuration.format)?;
        }
        sets.add(&unit)?;
        let tiles = sets.pps.iter().flatten().filter_map(|pps| pps.tiles.as_ref());
        if tiles.into_iter().any(|tiles| tiles.num_columns > MAX_TILES.0 || tiles.num_rows > MAX_TILES.1) {
            return Err("one of its images has more tiles than HEVC allows".into());
        }
    }
    let is_needed = |unit: &&[u8]| {
        kind(unit).is_some_and(|kind| {
            kind.is_slice() || matches!(kind, NalUnitType::Sps | NalUnitType::Pps | NalUnitType::SuffixSei)
        })
    };
    let length = all().filter(is_needed).map(|unit| START_CODE.len() + unit.len()).sum();
    let mut stream = Vec::with_capacity(length);
    for unit in all().filter(is_needed) {
        stream.extend_from_slice(START_CODE);
        stream.extend_from_slice(unit);
    }
    Ok(stream)
}

/// Returns an error if a sequence parameter set isn't what the file's metadata says.
fn check_sps(sps: &Sps, size: (u32, u32), format_of_file: SampleFormat) -> Result<(), DecodeError> {
    let is_padded = sps.pic_width_in_luma_samples <= padded(size.0) && sps.pic_height_in_luma_samples <= padded(size.1);
    let has_equal_depths = sps.chroma_format_idc == 0 || sps.bit_depth_luma == sps.bit_depth_chroma;
    let format = format(sps.chroma_format_idc, sps.bit_depth_luma);
    check((sps.output_size(), format), (size, format_of_file))?;
    if is_padded && has_equal_depths {
        return Ok(());
    }
    Err("one of its images is cropped by more than a block, or its luma and chroma have different bit depths".into())
}

/// Splits an image into its units, each of which follows its length.
fn units(bytes: &[u8], length_bytes: usize) -> Result<Vec<&[u8]>, DecodeError> {
    let (mut units, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(length_bytes).ok_or("one of its images ends too early")?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (unit, after) = after.split_at_checked(length).ok_or("one of its images ends too early")?;
        if units.len() == MAX_UNITS {
            return Err("one of its images has too many parts".into());
        }
        units.push(unit);
        rest = after;
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_their_lengths() {
        assert_eq!(units(b"\0\x03one\0\0\0\x01x", 2).expect("complete"), [&b"one"[..], b"", b"x"]);
        assert!(units(b"\0\0\0\x04one", 4).is_err());
        assert!(units(b"\0\0\0", 4).is_err());
        assert!(units(&[0; MAX_UNITS + 1], 1).is_err(), "empty ones count, too");
    }

    #[test]
    fn only_units_that_a_picture_needs_become_a_stream() {
        let configuration =
            CodecConfiguration { format: format(1, 8), parameter_sets: vec![b"\x40\x01vps".to_vec()], length_bytes: 1 };
        let stream = byte_stream(b"\x04\x4e\x01ab\x04\x26\x01cd", (8, 8), &configuration).expect("a stream");
        assert_eq!(stream, b"\0\0\0\x01\x26\x01cd", "an IDR slice, but no VPS and no prefix SEI");
    }
}
