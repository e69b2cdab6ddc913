//! Decoder output: rows of samples, as stored in the file.

use std::fmt;

/// Color model of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColorModel {
    /// 0 is black.
    Gray,
    Rgb,
    /// 0 means no ink.
    Cmyk,
    /// CIE L\*a\*b\* (D50) with 16 bits per sample. L\* maps 0..=100 to 0..=65535, while a\* and b\* are stored as
    /// 32768 + 256 x the value.
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

/// Alpha representation. If present, alpha is a pixel's last sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    /// No alpha channel.
    None,
    /// Colors aren't multiplied by alpha.
    Straight,
    /// Colors are multiplied by alpha.
    Premultiplied,
}

/// Bit depth of a decoded sample. Samples with fewer than 8 bits are scaled up to 8, all others to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Eight,
    /// Uses native byte order.
    Sixteen,
}

impl Depth {
    /// Returns the size of a sample in bytes.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
        }
    }
}

/// Layout of a pixel's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) color: ColorModel,
    pub(super) alpha: Alpha,
    pub(super) depth: Depth,
}

impl Samples {
    pub(super) const GRAY_8: Self = Self { color: ColorModel::Gray, alpha: Alpha::None, depth: Depth::Eight };
    pub(super) const RGB_8: Self = Self { color: ColorModel::Rgb, alpha: Alpha::None, depth: Depth::Eight };

    /// Returns the number of color samples per pixel, not counting alpha.
    pub(super) fn color_channels(self) -> usize {
        self.color.channels()
    }

    /// Returns the number of samples per pixel, including alpha.
    pub(super) fn channels(self) -> usize {
        self.color_channels() + usize::from(self.alpha != Alpha::None)
    }

    /// Returns the size of a pixel in bytes.
    pub(super) fn pixel_bytes(self) -> usize {
        self.channels() * self.sample_bytes()
    }

    /// Returns the size of a sample in bytes.
    pub(super) fn sample_bytes(self) -> usize {
        self.depth.bytes()
    }

    /// Returns the size of a row in bytes.
    pub(super) fn row_bytes(self, width: u32) -> usize {
        width as usize * self.pixel_bytes()
    }
}

/// Scales a sample from 0..=65535 to 0..=255 by dividing by 257 and rounding to the nearest integer.
pub(super) fn scaled_to_8_bits(sample: u16) -> u8 {
    // Since 65535 = 255 x 257, dividing by 257 maps both ends of the range exactly. It also restores the original value
    // of a byte that was widened by repeating it, such as 0xabab.
    u8::try_from((u32::from(sample) + 128) / 257).expect("65535 + 128 over 257 is 255")
}
