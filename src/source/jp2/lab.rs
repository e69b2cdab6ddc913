//! CIE L\*a\*b\* (ITU-T T.801, M.11.7.4.1).

use super::Refusal;

/// Length of the parameters of CIE L\*a\*b\* in a `colr` box: ranges and offsets of three channels, and the illuminant.
const PARAMETER_BYTES: usize = 7 * 4;

/// The illuminant D50.
const D50: u32 = u32::from_be_bytes(*b"\0D50");

/// Range and offset of each channel. A value is `(sample - offset) * range / (2^bits - 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LabRanges([(f64, f64); 3]);

impl LabRanges {
    /// Reads the parameters that follow the number of the color space. They have default values if they're missing.
    pub(super) fn read(parameters: &[u8], bits: [u8; 3]) -> Result<Self, Refusal> {
        let Some(parameters) = parameters.get(..PARAMETER_BYTES) else {
            let [_, a, b] = bits.map(|bits| 2_f64.powi(bits.into()));
            return Ok(Self([(100.0, 0.0), (170.0, a / 2.0), (200.0, b / 4.0 + b / 8.0)]));
        };
        let mut numbers = parameters.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes));
        let mut next = || numbers.next().unwrap_or_default();
        let ranges = [(); 3].map(|()| (f64::from(next()), f64::from(next())));
        if next() != D50 {
            return Err(Refusal::Unsupported(
                "a JPEG 2000 image in CIELab with an illuminant other than D50".to_owned(),
            ));
        }
        Ok(Self(ranges))
    }

    /// Converts a sample to the encoding of [`ColorModel::Lab`](crate::source::samples::ColorModel::Lab). `max` is the
    /// highest sample. Returns the value unrounded.
    #[expect(clippy::cast_possible_truncation, reason = "16 bits are needed")]
    pub(super) fn encode(&self, channel: usize, sample: f32, max: f32) -> f32 {
        let (range, offset) = self.0[channel];
        let value = (f64::from(sample) - offset) * range / f64::from(max);
        (if channel == 0 { value / 100.0 * 65535.0 } else { 32768.0 + 256.0 * value }) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_ranges_contain_neutral_colors() {
        let ranges = LabRanges::read(&[], [8; 3]).ok().expect("defaults");
        let encoded = |channel, sample| ranges.encode(channel, sample, 255.0);
        assert_eq!([encoded(0, 0.0), encoded(0, 255.0)].map(f32::to_bits), [0.0_f32, 65535.0].map(f32::to_bits));
        assert!((encoded(1, 128.0) - 32768.0).abs() < 0.01 && (encoded(2, 96.0) - 32768.0).abs() < 0.01);
        assert!((encoded(1, 255.0) - 32768.0 - 256.0 * 170.0 * 127.0 / 255.0).abs() < 0.01);
    }

    #[test]
    fn given_ranges_replace_the_default_ones() {
        let parameters = |illuminant: &[u8; 4]| {
            let numbers = [50, 10, 255, 128, 255, 128_u32].map(u32::to_be_bytes).concat();
            [&numbers[..], illuminant].concat()
        };
        let ranges = LabRanges::read(&parameters(b"\0D50"), [8; 3]).ok().expect("D50");
        assert_eq!(ranges, LabRanges([(50.0, 10.0), (255.0, 128.0), (255.0, 128.0)]));
        assert!((ranges.encode(1, 130.0, 255.0) - 32768.0 - 512.0).abs() < 0.01);
        assert!(LabRanges::read(&parameters(b"\0D65"), [8; 3]).is_err());
    }
}
