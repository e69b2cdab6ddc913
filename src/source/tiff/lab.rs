//! L\*a\*b\* encodings in TIFF: CIE (TIFF 6.0, section 23) and ICC (Adobe Photoshop TIFF Technical Notes, 2002).

/// Encoding used for a\* and b\*, and for L\* 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Signed a\* and b\*. L\* 100 is the highest value.
    Cie,
    /// a\* and b\* stored with an offset. In 16 bits, L\* 100 is 0xff00.
    Icc,
}

/// L\* 100 in the 16-bit ICC encoding.
const ICC_WHITE: u32 = 0xff00;

impl Encoding {
    /// Converts an 8-bit sample to the encoding used by `ColorModel::Lab`. Any channels after the first three are
    /// alpha.
    pub(super) fn expand_8_bits(self, channel: usize, value: u8) -> u16 {
        let value_16 = u16::from(value);
        match (channel, self) {
            // Flipping the sign bit turns two's complement into an offset of 128. Multiplying a* and b* by 256 maps
            // the neutral value 128 to exactly 0x8000. Multiplying by 257 would map maximum to maximum, but it would
            // tint grays.
            (1 | 2, Self::Cie) => (value_16 ^ 0x80) * 256,
            (1 | 2, Self::Icc) => value_16 * 256,
            _ => value_16 * 257,
        }
    }

    /// Converts a 16-bit sample to the encoding used by `ColorModel::Lab`.
    pub(super) fn expand_16_bits(self, channel: usize, value: u16) -> u16 {
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
    fn both_encodings_mean_the_same_colors() {
        for encoding in [Encoding::Cie, Encoding::Icc] {
            assert_eq!(encoding.expand_8_bits(0, 255), 65535);
            assert_eq!(encoding.expand_8_bits(3, 128), 128 * 257);
        }
        assert_eq!(Encoding::Icc.expand_16_bits(0, 0xff00), 65535);
        assert_eq!(Encoding::Cie.expand_16_bits(0, 65535), 65535);
        for (value, expected) in [(-128_i8, 0), (0, 32768), (127, 65280)] {
            assert_eq!(Encoding::Cie.expand_8_bits(1, value.cast_unsigned()), expected);
            assert_eq!(Encoding::Icc.expand_8_bits(2, value.wrapping_sub(-128).cast_unsigned()), expected);
            let wide = i16::from(value) * 256;
            assert_eq!(Encoding::Cie.expand_16_bits(2, wide.cast_unsigned()), expected);
            assert_eq!(Encoding::Icc.expand_16_bits(1, wide.wrapping_sub(i16::MIN).cast_unsigned()), expected);
        }
    }
}
