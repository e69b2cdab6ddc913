//! Encoder options.

use crate::iiif::Size;
use crate::libjpeg::{Effort, Subsampling};
use crate::pixel::{BlockColors, BlockLayout};
use std::sync::Arc;

/// JPEG encoding options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JpegOptions {
    /// Quality from 1 to 100 on libjpeg's scale. WebP uses the same number on libwebp's scale.
    pub quality: u8,
    /// Chroma subsampling. Grayscale images ignore it.
    pub subsampling: Subsampling,
    /// Method for making full-size tiles from a JPEG source.
    pub tiles: JpegTiles,
    /// Encoding effort. Very large images always use [`Effort::Fast`].
    pub effort: Effort,
}

impl JpegOptions {
    /// Sets the quality, from 1 to 100.
    #[must_use]
    pub const fn with_quality(mut self, quality: u8) -> Self {
        self.quality = quality;
        self
    }

    /// Sets the chroma subsampling.
    #[must_use]
    pub const fn with_subsampling(mut self, subsampling: Subsampling) -> Self {
        self.subsampling = subsampling;
        self
    }

    /// Sets the method for making full-size tiles from a JPEG source.
    #[must_use]
    pub const fn with_tiles(mut self, tiles: JpegTiles) -> Self {
        self.tiles = tiles;
        self
    }

    /// Sets the encoding effort.
    #[must_use]
    pub const fn with_effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Maximum image size, in pixels, for [`Effort::Small`].
    ///
    /// `Small` keeps all coefficients in memory until the image is complete, and the final step can't be interrupted.
    const MAX_PIXELS_SMALL: u64 = 1 << 25;

    /// Returns the effort to use for an image of this size.
    #[must_use]
    pub(crate) fn effort_of(self, size: Size) -> Effort {
        if size.pixels() > Self::MAX_PIXELS_SMALL { Effort::Fast } else { self.effort }
    }
}

impl Default for JpegOptions {
    fn default() -> Self {
        Self { quality: 85, subsampling: Subsampling::Half, tiles: JpegTiles::default(), effort: Effort::default() }
    }
}

/// Minimum tile width in pixels for cutting blocks. If tiles were smaller, a single read would complete more strips
/// than there are buffers.
const MIN_TILE_SIZE: u32 = 32;

/// Method for making full-size tiles from a JPEG source.
///
/// Falls back to [`Reencode`](Self::Reencode) if the source is rotated, needs color conversion, or its blocks don't line
/// up with the tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JpegTiles {
    /// Cuts blocks and requantizes them if the source quality is higher than requested. Re-encodes if the source has
    /// more chroma resolution than requested, or is stored as RGB.
    ///
    /// The result is as close to the source as a re-encoded tile, and faster to produce. If the source quality isn't
    /// higher than requested, the result is lossless and smaller.
    #[default]
    Auto,
    /// Cuts blocks unchanged and without loss, regardless of the requested quality.
    Lossless,
    /// Decodes and re-encodes, as for any other source.
    Reencode,
}

impl JpegTiles {
    /// Returns `true` if tiles of `tile_size` pixels can be cut from blocks with this layout.
    #[doc(hidden)]
    #[must_use]
    pub fn can_cut(self, layout: &BlockLayout, tile_size: u32, subsampling: Subsampling) -> bool {
        let (across, down) = layout.mcu();
        let fits = tile_size >= MIN_TILE_SIZE && tile_size.is_multiple_of(across) && tile_size.is_multiple_of(down);
        let colors = layout.components.get(1..).unwrap_or_default();
        let is_thin = colors.iter().all(|it| (it.h_samp, it.v_samp) == (1, 1) && (across, down) == (16, 16));
        fits && match self {
            // RGB tiles are about twice as large as YCbCr tiles of the same quality.
            Self::Auto => layout.colors != BlockColors::Rgb && (is_thin || subsampling == Subsampling::None),
            Self::Lossless => true,
            Self::Reencode => false,
        }
    }
}

/// Encoding options shared by all renditions of an image.
#[derive(Clone, Debug, Default)]
pub struct Encoding {
    /// JPEG options. Their quality also applies to WebP.
    pub jpeg: JpegOptions,
    /// ICC profile to embed if the colors aren't sRGB. It must have as many channels as the pixels. Note that WebP has
    /// no grayscale.
    pub profile: Option<Arc<[u8]>>,
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
