//! What decoders hand out: rows of samples, as the file means them.

use std::fmt;

/// The colours of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// 0 is black.
    Grey,
    Rgb,
    /// 0 is no ink.
    Cmyk,
    /// CIE L\*a\*b\* of D50, in 16 bits: L\* 0 to 100 as 0 to 65535, a\* and b\* as 32768 + 256 x their value.
    Lab,
}

impl Colour {
    fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::Lab => 3,
            Self::Cmyk => 4,
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Grey => "grey",
            Self::Rgb => "RGB",
            Self::Cmyk => "CMYK",
            Self::Lab => "Lab",
        })
    }
}

/// How transparency was stored, as the last sample of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    /// There is none.
    None,
    /// The colours are what they are; alpha says how much of them covers the background.
    Straight,
    /// The colours have been multiplied with alpha.
    Premultiplied,
}

/// Bits of one sample, as it is handed out: fewer than 8 bits have been scaled to 8, other numbers to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Eight,
    /// In the byte order of this machine.
    Sixteen,
}

/// What one pixel of a row consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) colour: Colour,
    pub(super) alpha: Alpha,
    pub(super) depth: Depth,
}

impl Samples {
    pub(super) const GREY_8: Self = Self { colour: Colour::Grey, alpha: Alpha::None, depth: Depth::Eight };
    pub(super) const RGB_8: Self = Self { colour: Colour::Rgb, alpha: Alpha::None, depth: Depth::Eight };

    /// Samples of colour for one pixel.
    pub(super) fn colours(self) -> usize {
        self.colour.channels()
    }

    /// Samples for one pixel.
    pub(super) fn channels(self) -> usize {
        self.colours() + usize::from(self.alpha != Alpha::None)
    }

    /// Bytes for one pixel.
    pub(super) fn pixel_bytes(self) -> usize {
        self.channels() * self.sample_bytes()
    }

    /// Bytes for one sample.
    pub(super) fn sample_bytes(self) -> usize {
        match self.depth {
            Depth::Eight => 1,
            Depth::Sixteen => 2,
        }
    }

    /// Bytes for one row.
    pub(super) fn row_bytes(self, width: u32) -> usize {
        width as usize * self.pixel_bytes()
    }
}
