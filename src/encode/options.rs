//! Options of encoders.

use crate::iiif::Size;
use crate::libjpeg::{Effort, Subsampling};
use crate::pixel::BlockLayout;
use std::sync::Arc;

/// Options for encoding JPEG files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JpegOptions {
    /// The quality on libjpeg's scale, from 1 to 100. WebP uses the same number on libwebp's scale.
    pub quality: u8,
    /// The chroma subsampling. It does not affect grayscale images.
    pub subsampling: Subsampling,
    /// The method of making full-size tiles if the source is a JPEG.
    pub tiles: JpegTiles,
    /// The encoding effort, limited by image size.
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

    /// Sets the method of making full-size tiles if the source is a JPEG.
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

    /// The maximum number of pixels of an image that is encoded with [`Effort::Small`].
    ///
    /// That effort holds all coefficients until the image is complete, and cannot be interrupted while it finishes.
    const MAX_PIXELS_SMALL: u64 = 1 << 25;

    /// Returns the effort for an image of `size` pixels.
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

/// The minimum width, in pixels, of tiles cut from blocks. With smaller tiles, one read would complete more strips than
/// there are buffers.
const MIN_TILE_SIZE: u32 = 32;

/// The method of making full-size tiles if the source is a JPEG.
///
/// Every method falls back to [`Reencode`](Self::Reencode) if the source is rotated, its colors are converted, its
/// blocks do not fit the tiles, or it has several scans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JpegTiles {
    /// Cuts blocks, and requantizes where the source is finer than the requested quality. Reencodes if the source has
    /// more chroma resolution than requested.
    ///
    /// The result is as close to the source as after decoding and encoding again, and faster to make. If the quality of
    /// the source is not higher than requested, the result is lossless and smaller.
    #[default]
    Auto,
    /// Cuts blocks unchanged, regardless of the quality, and therefore without loss.
    Lossless,
    /// Decodes and encodes again, as for all other sources.
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
            Self::Auto => is_thin || subsampling == Subsampling::None,
            Self::Lossless => true,
            Self::Reencode => false,
        }
    }
}

/// The encoding options of all renditions of one image.
#[derive(Clone, Debug, Default)]
pub struct Encoding {
    /// The JPEG options. WebP uses their quality too.
    pub jpeg: JpegOptions,
    /// The ICC profile to embed, if the colors are not sRGB. Its number of channels matches the pixels. WebP has no
    /// grayscale.
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
