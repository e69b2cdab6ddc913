//! Decodes a single HEVC image with `heifer-hevc-dec`, which is in Rust and has no `unsafe`.

use super::DecodeError;
use super::codec::{Codec, Picture, check};
use super::properties::{CodecConfiguration, SampleFormat};
use heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};
use heifer_hevc_dec::recon::Frame;
use std::panic::catch_unwind;

pub(super) static CODEC: Codec = Codec {
    decode: |bytes, size, configuration| Ok(Box::new(Decoded::new(&bytes, size, configuration)?)),
    sample_bytes: |_| 2,
    // Pictures whose sides aren't multiples of the block size are copied to cut them. For 12 megapixels, we measured one
    // byte per pixel on top.
    spare_pictures: 1,
    block_bytes: 2,
    // As a byte stream, and without its emulation prevention.
    coded_copies: 2,
};

/// Largest side of the blocks that pictures are made of, in pixels. Sides of coded pictures are multiples of the
/// smallest block's.
const MAX_BLOCK_SIDE: u64 = 64;

struct Decoded(Frame);

impl Decoded {
    /// Decodes an image. A panic in the decoder is returned as an error.
    fn new(bytes: &[u8], size: (u32, u32), configuration: &CodecConfiguration) -> Result<Self, DecodeError> {
        let stream = byte_stream(bytes, configuration)?;
        let padded = |side: u32| u64::from(side).next_multiple_of(MAX_BLOCK_SIDE);
        let max_pixels = padded(size.0).saturating_mul(padded(size.1));
        let options = DecodeOptions { max_pixels, ..DecodeOptions::default() };
        let decoded = catch_unwind(|| decode_picture(&stream, options));
        let frame = decoded.unwrap_or(Err(heifer_hevc_dec::Error::Invalid("the decoder failed internally")))?;
        let is_gray = frame.chroma_format == 0;
        let subsampling = (frame.chroma_format < 3, frame.chroma_format < 2);
        let real = SampleFormat { bits: frame.bit_depth[0], is_gray, subsampling };
        check(((frame.widths[0], frame.heights[0]), real), (size, configuration.format))?;
        Ok(Self(frame))
    }
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

/// Returns the image with its parameter sets as a byte stream (ITU-T H.265, annex B). In files, units follow their
/// length, and in byte streams, they follow a start code.
fn byte_stream(bytes: &[u8], configuration: &CodecConfiguration) -> Result<Vec<u8>, DecodeError> {
    let mut stream = Vec::with_capacity(bytes.len() + 1024);
    let mut add = |unit: &[u8]| {
        stream.extend_from_slice(b"\0\0\0\x01");
        stream.extend_from_slice(unit);
    };
    configuration.parameter_sets.iter().for_each(|unit| add(unit));
    let mut rest = bytes;
    while !rest.is_empty() {
        let (length, after) =
            rest.split_at_checked(configuration.length_bytes.into()).ok_or("one of its images ends too early")?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (unit, after) = after.split_at_checked(length).ok_or("one of its images ends too early")?;
        add(unit);
        rest = after;
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_become_start_codes() {
        let format = SampleFormat { bits: 8, is_gray: false, subsampling: (true, true) };
        let mut configuration = CodecConfiguration { format, parameter_sets: vec![b"sets".to_vec()], length_bytes: 2 };
        let stream = byte_stream(b"\0\x03one\0\0\0\x01x", &configuration).expect("complete");
        assert_eq!(stream, b"\0\0\0\x01sets\0\0\0\x01one\0\0\0\x01\0\0\0\x01x");
        configuration.length_bytes = 4;
        assert!(byte_stream(b"\0\0\0\x04one", &configuration).is_err());
        assert!(byte_stream(b"\0\0\0", &configuration).is_err());
    }
}
