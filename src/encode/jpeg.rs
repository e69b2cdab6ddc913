//! Baseline JPEG, through libjpeg.

use super::EncodeError;
use crate::iiif::Size;
use crate::libjpeg::{Encoder, Subsampling};
use crate::pixel::{PixelFormat, Strip, Tile};

/// How JPEG files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegOptions {
    /// 1 to 100, on libjpeg's scale.
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

/// Encodes one tile.
///
/// # Errors
/// Where libjpeg refuses, which it has no reason to.
pub fn encode_tile(tile: &Tile, options: JpegOptions) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = encoder(tile.size, tile.format(), options)?;
    encoder.write_rows(tile.rows())?;
    Ok(encoder.finish()?)
}

/// Encodes a whole level, strip by strip, so that only its encoded bytes are held.
pub struct RenditionEncoder(Encoder);

impl RenditionEncoder {
    /// Begins a rendition of `size` pixels.
    ///
    /// # Errors
    /// Where a side is longer than a JPEG file can be.
    pub fn new(size: Size, format: PixelFormat, options: JpegOptions) -> Result<Self, EncodeError> {
        Ok(Self(encoder(size, format, options)?))
    }

    /// Encodes the next strip.
    ///
    /// # Errors
    /// Where libjpeg refuses.
    pub fn push(&mut self, strip: &Strip) -> Result<(), EncodeError> {
        Ok(self.0.write_rows(strip.rows())?)
    }

    /// The finished file.
    ///
    /// # Errors
    /// Where rows are missing.
    pub fn finish(self) -> Result<Vec<u8>, EncodeError> {
        Ok(self.0.finish()?)
    }
}

pub(super) fn encoder(size: Size, format: PixelFormat, options: JpegOptions) -> Result<Encoder, EncodeError> {
    Ok(Encoder::new(size.width(), size.height(), format, options.quality, options.subsampling)?)
}
