//! Output of decoders: rows of samples as stored.

use std::fmt;

/// Color model of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColorModel {
    /// 0 is black.
    Gray,
    Rgb,
    /// 0 is paper without ink.
    Cmyk,
    /// CIE L\*a\*b\* of D50 in 16 bits: L\* 0 to 100 as 0 to 65535, a\* and b\* as 32768 + 256 x their value.
    Lab,
}

impl ColorModel {
    fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::Lab => 3,
            Self::Cmyk => 4,
        }
    }
}

impl fmt::Display for ColorModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gray => "gray",
            Self::Rgb => "RGB",
            Self::Cmyk => "CMYK",
            Self::Lab => "Lab",
        })
    }
}

/// Storage of transparency, as the last sample of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    /// No alpha.
    None,
    /// The colors are independent of alpha.
    Straight,
    /// The colors are multiplied by alpha.
    Premultiplied,
}

/// Bits of one decoded sample. Fewer than 8 bits are scaled to 8, all others to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Eight,
    /// In native byte order.
    Sixteen,
}

impl Depth {
    /// Returns the bytes of a sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
        }
    }
}

/// Layout of the samples of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) color: ColorModel,
    pub(super) alpha: Alpha,
    pub(super) depth: Depth,
}

impl Samples {
    pub(super) const GRAY_8: Self = Self { color: ColorModel::Gray, alpha: Alpha::None, depth: Depth::Eight };
    pub(super) const RGB_8: Self = Self { color: ColorModel::Rgb, alpha: Alpha::None, depth: Depth::Eight };

    /// Returns the number of color samples of a pixel.
    pub(super) fn color_channels(self) -> usize {
        self.color.channels()
    }

    /// Returns the number of samples of a pixel.
    pub(super) fn channels(self) -> usize {
        self.color_channels() + usize::from(self.alpha != Alpha::None)
    }

    /// Returns the bytes of a pixel.
    pub(super) fn pixel_bytes(self) -> usize {
        self.channels() * self.sample_bytes()
    }

    /// Returns the bytes of a sample.
    pub(super) fn sample_bytes(self) -> usize {
        self.depth.bytes()
    }

    /// Returns the bytes of a row.
    pub(super) fn row_bytes(self, width: u32) -> usize {
        width as usize * self.pixel_bytes()
    }
}

/// Scales 0..=65535 to 0..=255: a division by 257, rounded to the nearest.
pub(super) fn scaled_to_8_bits(sample: u16) -> u8 {
    // 65535 = 255 x 257, so a division by 257 maps both ends exactly, and a byte that was widened by repetition,
    // 0xabab, comes back unchanged.
    u8::try_from((u32::from(sample) + 128) / 257).expect("65535 + 128 over 257 is 255")
}
