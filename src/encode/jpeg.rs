//! JPEG, through libjpeg.

use super::{EncodeError, Encoding, JpegTiles};
use crate::iiif::Size;
use crate::libjpeg::{Effort, Encoder, Subsampling};
use crate::pixel::PixelFormat;

/// APP2.
const PROFILE_SEGMENT: u8 = 0xe2;
const PROFILE_HEAD: &[u8] = b"ICC_PROFILE\0";
/// What a segment has room for beside its length, the head and two numbers.
const PROFILE_PIECE_BYTES: usize = 65_535 - 2 - PROFILE_HEAD.len() - 2;

/// How JPEG files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegOptions {
    /// 1 to 100, on libjpeg's scale; of WebP the same number, on libwebp's.
    pub quality: u8,
    /// Of colour; grey has nothing to thin out.
    pub subsampling: Subsampling,
    /// Of tiles of the full size, where the source is a JPEG.
    pub tiles: JpegTiles,
    /// Whether files are written fast, or small: [as far as their size allows](Self::effort_of).
    pub effort: Effort,
}

impl JpegOptions {
    /// Pixels that a picture may have to be written small: its coefficients are held until it is complete, and nothing stops the
    /// encoder meanwhile.
    const MOST_PIXELS_SMALL: u64 = 1 << 25;

    /// How a picture of such a size is written.
    #[must_use]
    pub fn effort_of(&self, size: Size) -> Effort {
        if size.pixels() > Self::MOST_PIXELS_SMALL { Effort::Fast } else { self.effort }
    }
}

impl Default for JpegOptions {
    fn default() -> Self {
        Self { quality: 85, subsampling: Subsampling::Half, tiles: JpegTiles::default(), effort: Effort::default() }
    }
}

/// Whether the JPEG codec was built with SIMD code that this processor can run; without it, it is several times slower.
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

/// In segments, each with its number, from 1, and how many there are (ICC.1:2022, B.4).
pub(super) fn write_profile(encoder: &mut Encoder, profile: &[u8]) -> Result<(), EncodeError> {
    let pieces = profile.chunks(PROFILE_PIECE_BYTES);
    let too_large = |_| EncodeError("a JPEG has no room for such a large profile".into());
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
    fn pictures_that_are_too_large_to_be_held_are_written_fast() {
        let small = JpegOptions { effort: Effort::Small, ..JpegOptions::default() };
        for (width, height, effort) in [(8192, 4096, Effort::Small), (8193, 4096, Effort::Fast)] {
            let size = Size::new(width, height).expect("not empty");
            assert_eq!(small.effort_of(size), effort);
            assert_eq!(JpegOptions::default().effort_of(size), Effort::Fast);
        }
    }
}
