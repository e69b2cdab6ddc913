//! The encodings of L\*a\*b\* in TIFF: CIE (TIFF 6.0, section 23) and ICC (Adobe Photoshop TIFF Technical Notes, 2002).

/// How a\* and b\* are written, and where L\* ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// With a sign; L\* 100 is the highest number.
    Cie,
    /// With an offset; with 16 bits, L\* 100 is 0xff00.
    Icc,
}

/// L\* 100 of the ICC with 16 bits.
const ICC_WHITE: u32 = 0xff00;

impl Encoding {
    /// A sample as `Colour::Lab` has it. What follows the three channels is alpha.
    pub(super) fn of_8_bits(self, channel: usize, value: u8) -> u16 {
        let value_16 = u16::from(value);
        match (channel, self) {
            (1 | 2, Self::Cie) => (value_16 ^ 0x80) * 256,
            (1 | 2, Self::Icc) => value_16 * 256,
            _ => value_16 * 257,
        }
    }

    /// The same for 16 bits.
    pub(super) fn of_16_bits(self, channel: usize, value: u16) -> u16 {
        match (channel, self) {
            (1 | 2, Self::Cie) => value ^ 0x8000,
            (0, Self::Icc) => {
                let scaled = (u32::from(value) * u32::from(u16::MAX) + ICC_WHITE / 2) / ICC_WHITE;
                u16::try_from(scaled).unwrap_or(u16::MAX)
            }
            _ => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_mean_the_same_colours() {
        for encoding in [Encoding::Cie, Encoding::Icc] {
            assert_eq!(encoding.of_8_bits(0, 255), 65535);
            assert_eq!(encoding.of_8_bits(3, 128), 128 * 257);
        }
        assert_eq!(Encoding::Icc.of_16_bits(0, 0xff00), 65535);
        assert_eq!(Encoding::Cie.of_16_bits(0, 65535), 65535);
        for (value, expected) in [(-128_i8, 0), (0, 32768), (127, 65280)] {
            assert_eq!(Encoding::Cie.of_8_bits(1, value.cast_unsigned()), expected);
            assert_eq!(Encoding::Icc.of_8_bits(2, value.wrapping_sub(-128).cast_unsigned()), expected);
            let wide = i16::from(value) * 256;
            assert_eq!(Encoding::Cie.of_16_bits(2, wide.cast_unsigned()), expected);
            assert_eq!(Encoding::Icc.of_16_bits(1, wide.wrapping_sub(i16::MIN).cast_unsigned()), expected);
        }
    }
}
