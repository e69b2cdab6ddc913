//! Baseline JPEG, through libjpeg.

use super::EncodeError;
use crate::iiif::Size;
use crate::libjpeg::{Encoder, Subsampling};
use crate::pixel::PixelFormat;

/// How JPEG files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegOptions {
    /// 1 to 100, on libjpeg's scale; of WebP the same number, on libwebp's.
    pub quality: u8,
    /// Of colour; grey has nothing to thin out.
    pub subsampling: Subsampling,
}

impl Default for JpegOptions {
    fn default() -> Self {
        Self { quality: 85, subsampling: Subsampling::Half }
    }
}

/// Whether the JPEG codec was built with SIMD code that this processor can run; without it, it is several times slower.
#[must_use]
pub fn has_simd() -> bool {
    crate::libjpeg::has_simd()
}

pub(super) fn encoder(size: Size, format: PixelFormat, options: JpegOptions) -> Result<Encoder, EncodeError> {
    Ok(Encoder::new(size.width(), size.height(), format, options.quality, options.subsampling)?)
}
