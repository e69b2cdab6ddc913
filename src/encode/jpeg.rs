//! JPEG encoding with libjpeg.

use super::{EncodeError, Encoding, JpegTiles};
use crate::iiif::Size;
use crate::libjpeg::{Effort, Encoder, Subsampling};
use crate::pixel::PixelFormat;

/// The marker APP2.
const PROFILE_SEGMENT: u8 = 0xe2;
const PROFILE_HEAD: &[u8] = b"ICC_PROFILE\0";
/// The maximum profile bytes per segment: the rest is the length, the header and two numbers.
const PROFILE_PIECE_BYTES: usize = 65_535 - 2 - PROFILE_HEAD.len() - 2;

/// Options for encoding JPEG files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegOptions {
    /// The quality on libjpeg's scale, from 1 to 100. WebP uses the same number on libwebp's scale.
    pub quality: u8,
    /// The chroma subsampling. It does not affect grayscale images.
    pub subsampling: Subsampling,
    /// The method of making full-size tiles if the source is a JPEG.
    pub tiles: JpegTiles,
    /// The encoding effort, [limited by image size](Self::effort_of).
    pub effort: Effort,
}

impl JpegOptions {
    /// The maximum number of pixels of an image that is encoded with [`Effort::Small`].
    ///
    /// That effort holds all coefficients until the image is complete, and cannot be interrupted while it finishes.
    const MAX_PIXELS_SMALL: u64 = 1 << 25;

    /// Returns the effort for an image of `size` pixels.
    #[must_use]
    pub fn effort_of(&self, size: Size) -> Effort {
        if size.pixels() > Self::MAX_PIXELS_SMALL { Effort::Fast } else { self.effort }
    }
}

impl Default for JpegOptions {
    fn default() -> Self {
        Self { quality: 85, subsampling: Subsampling::Half, tiles: JpegTiles::default(), effort: Effort::default() }
    }
}

/// Returns `true` if the JPEG codec uses SIMD code on this processor. Without SIMD, it is several times slower.
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

/// Writes an ICC profile in numbered segments, each with the total number of segments (ICC.1:2022, B.4).
pub(super) fn write_profile(encoder: &mut Encoder, profile: &[u8]) -> Result<(), EncodeError> {
    let pieces = profile.chunks(PROFILE_PIECE_BYTES);
    let too_large = |_| EncodeError("the ICC profile is too large for a JPEG file".into());
    let count = u8::try_from(pieces.len()).map_err(too_large)?;
    for (number, piece) in (1..=count).zip(pieces) {
        encoder.write_segment(PROFILE_SEGMENT, &[PROFILE_HEAD, &[number, count], piece].concat())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_above_the_pixel_limit_are_encoded_fast() {
        let small = JpegOptions { effort: Effort::Small, ..JpegOptions::default() };
        for (width, height, effort) in [(8192, 4096, Effort::Small), (8193, 4096, Effort::Fast)] {
            let size = Size::new(width, height).expect("not empty");
            assert_eq!(small.effort_of(size), effort);
            assert_eq!(JpegOptions::default().effort_of(size), Effort::Fast);
        }
    }
}
