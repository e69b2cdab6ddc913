//! JPEG encoding with libjpeg.

use super::EncodeError;
use super::options::{Encoding, JpegOptions};
use crate::iiif::Size;
use crate::libjpeg::Encoder;
use crate::pixel::PixelFormat;

/// APP2 marker code.
const PROFILE_SEGMENT: u8 = 0xe2;
const PROFILE_HEAD: &[u8] = b"ICC_PROFILE\0";
/// Maximum profile bytes per segment, after the length, the header and the two sequence bytes.
const PROFILE_PIECE_BYTES: usize = 65_535 - 2 - PROFILE_HEAD.len() - 2;

/// Returns `true` if the JPEG codec has SIMD support on this CPU. It's several times slower without it.
#[must_use]
pub fn has_simd() -> bool {
    crate::libjpeg::has_simd()
}

pub(super) fn encoder(size: Size, format: PixelFormat, encoding: &Encoding) -> Result<Encoder, EncodeError> {
    let JpegOptions { quality, subsampling, .. } = encoding.jpeg;
    let mut encoder = Encoder::new(size, format, quality, subsampling, encoding.jpeg.effort_of(size))?;
    if let Some(profile) = &encoding.profile {
        write_profile(&mut encoder, profile)?;
    }
    Ok(encoder)
}

/// Writes an ICC profile as numbered segments that each include the total count (ICC.1:2022, B.4).
pub(super) fn write_profile(encoder: &mut Encoder, profile: &[u8]) -> Result<(), EncodeError> {
    let pieces = profile.chunks(PROFILE_PIECE_BYTES);
    let too_large = |_| EncodeError("the ICC profile is too large for a JPEG file".into());
    let count = u8::try_from(pieces.len()).map_err(too_large)?;
    for (number, piece) in (1..=count).zip(pieces) {
        encoder.write_segment(PROFILE_SEGMENT, &[PROFILE_HEAD, &[number, count], piece].concat())?;
    }
    Ok(())
}
