//! Unpacks samples of any bit depth to 8 or 16 bits.

use super::range::{FloatScale, SampleStats};
use super::sample_format::SampleFormat;
use crate::source::samples::Depth;

/// A sample's role within its pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Color,
    Alpha,
    /// Not displayed.
    Ignored,
}

/// Scaling for signed and floating-point samples.
pub(super) struct Scaling<'a> {
    pub(super) scale: FloatScale,
    /// Role of each interleaved sample in a pixel.
    pub(super) roles: &'a [Role],
}

/// Converts a row's samples to 8 or 16 bits.
pub(super) enum Unpacker {
    /// Already 8 or 16 bits.
    Direct(Depth),
    /// 1 to 7 bits, with a lookup table of converted values.
    UpTo7Bits { bits: u16, values: Box<[u8; 128]> },
    /// 9 to 15 bits.
    UpTo15Bits { bits: u16 },
    /// Unsigned integers of 24, 32 or 64 bits, with the sample size in bytes.
    Wide(usize),
    /// Samples that need a scale: signed integers of up to 64 bits, and floats of 16, 24, 32 or 64 bits.
    Scaled { format: SampleFormat, bits: u16 },
}

impl Unpacker {
    /// Returns the unpacker for a sample format and bit depth, or `None` if the combination isn't supported.
    pub(super) fn new(format: SampleFormat, bits: u16) -> Option<Self> {
        match (format, bits) {
            (SampleFormat::Float, 16 | 24 | 32 | 64) | (SampleFormat::Signed, 1..=16 | 24 | 32 | 64) => {
                Some(Self::Scaled { format, bits })
            }
            (SampleFormat::Float | SampleFormat::Signed, _) => None,
            (_, 8) => Some(Self::Direct(Depth::Eight)),
            (_, 16) => Some(Self::Direct(Depth::Sixteen)),
            (_, 1..8) => Some(Self::UpTo7Bits { bits, values: Box::new(values(format, bits)) }),
            (SampleFormat::Unsigned, 9..16) => Some(Self::UpTo15Bits { bits }),
            (SampleFormat::Unsigned, 24 | 32 | 64) => Some(Self::Wide(usize::from(bits / 8))),
            _ => None,
        }
    }

    /// Returns the depth of unpacked samples.
    pub(super) fn depth(&self) -> Depth {
        match self {
            Self::Direct(depth) => *depth,
            Self::UpTo7Bits { .. } => Depth::Eight,
            Self::UpTo15Bits { .. } | Self::Wide(_) | Self::Scaled { .. } => Depth::Sixteen,
        }
    }

    /// Returns `true` if samples can be copied without conversion.
    pub(super) fn is_direct(&self) -> bool {
        matches!(self, Self::Direct(_))
    }

    /// Returns the sample format and bit depth if the samples need a scale.
    pub(super) fn scaled(&self) -> Option<(SampleFormat, u16)> {
        match self {
            Self::Scaled { format, bits } => Some((*format, *bits)),
            _ => None,
        }
    }

    /// Calls `each` with the index and value of every sample in a row. Does nothing if the samples don't need a scale.
    pub(super) fn each_value(&self, row: &[u8], mut each: impl FnMut(usize, f64)) {
        let Self::Scaled { format, bits } = self else { return };
        let mut each =
            |values: &mut dyn Iterator<Item = f64>| values.enumerate().for_each(|(index, value)| each(index, value));
        match (format, bits) {
            (SampleFormat::Float, 16) => {
                each(&mut words(row).map(|word| small_float(u16::from_ne_bytes(word).into(), 5, 10)));
            }
            (SampleFormat::Float, 24) => each(&mut words(row).map(|word| small_float(from_24_bits(word), 7, 16))),
            (SampleFormat::Float, 32) => each(&mut words(row).map(|word| f32::from_ne_bytes(word).into())),
            (SampleFormat::Float, _) => each(&mut words(row).map(f64::from_ne_bytes)),
            (_, 16) => each(&mut words(row).map(|word| i16::from_ne_bytes(word).into())),
            (_, 24) => each(&mut words(row).map(|word| signed(from_24_bits(word), 24))),
            (_, 32) => each(&mut words(row).map(|word| i32::from_ne_bytes(word).into())),
            (_, 64) => each(&mut words(row).map(|word| from_signed_64_bits(i64::from_ne_bytes(word)))),
            (_, bits) => each(&mut groups(row, *bits).map(|value| signed(value.into(), *bits))),
        }
    }

    /// Scales a row into `samples` and returns statistics for its color samples.
    pub(super) fn scale(&self, row: &[u8], samples: &mut [u8], scaling: &Scaling<'_>) -> SampleStats {
        let mut stats = SampleStats::default();
        let Self::Scaled { format, bits } = self else { return stats };
        // Alpha is always a fraction from 0 to 1.
        let alpha_scale = FloatScale::standard(*format, *bits);
        let samples = samples.as_chunks_mut().0;
        self.each_value(row, |index, value| {
            let Some(sample) = samples.get_mut(index) else { return };
            let scale = match scaling.roles[index % scaling.roles.len()] {
                Role::Color => {
                    stats.add_sample(value, scaling.scale);
                    scaling.scale
                }
                Role::Alpha | Role::Ignored => alpha_scale,
            };
            *sample = scale.scaled(value).to_ne_bytes();
        });
        stats
    }

    /// Unpacks a row in native byte order into `samples`. Samples that need a [scale](Self::scaled) are not supported.
    pub(super) fn unpack(&self, row: &[u8], samples: &mut [u8]) {
        match self {
            Self::Direct(_) => samples.copy_from_slice(&row[..samples.len()]),
            Self::UpTo7Bits { bits, values } => {
                for (sample, value) in samples.iter_mut().zip(groups(row, *bits)) {
                    *sample = values[usize::from(value) % values.len()];
                }
            }
            Self::UpTo15Bits { bits } => {
                // Scale instead of shifting, because shifting would turn 12-bit white into 65,520 instead of 65,535.
                let max = (1 << bits) - 1;
                write(samples, groups(row, *bits).map(|value| scaled(value.into(), max)));
            }
            Self::Wide(3) => write(samples, words(row).map(|word| scaled(from_24_bits(word).into(), 0x00ff_ffff))),
            Self::Wide(4) => write(samples, words(row).map(from_32_bits)),
            Self::Wide(_) => write(samples, words(row).map(from_64_bits)),
            Self::Scaled { .. } => debug_assert!(false, "scaled elsewhere"),
        }
    }
}

/// Returns a lookup table for samples with few bits. The highest value maps to 255, except for palette indexes.
fn values(format: SampleFormat, bits: u16) -> [u8; 128] {
    let max = (1_u32 << bits) - 1;
    std::array::from_fn(|value| {
        let value = u32::try_from(value).unwrap_or(0);
        let scaled = if format == SampleFormat::Index { value } else { (value * 255 + max / 2) / max };
        u8::try_from(scaled).unwrap_or(u8::MAX)
    })
}

/// Iterates over packed numbers of up to 15 bits, most significant bit first.
fn groups(row: &[u8], bits: u16) -> impl Iterator<Item = u16> {
    let (mut bytes, mut waiting, mut count) = (row.iter(), 0_u32, 0);
    std::iter::from_fn(move || {
        while count < bits {
            waiting = waiting << 8 | u32::from(*bytes.next()?);
            count += 8;
        }
        count -= bits;
        let value = waiting >> count & ((1 << bits) - 1);
        u16::try_from(value).ok()
    })
}

fn words<const BYTES: usize>(row: &[u8]) -> impl Iterator<Item = [u8; BYTES]> {
    row.as_chunks().0.iter().copied()
}

fn write(samples: &mut [u8], values: impl Iterator<Item = u16>) {
    for (sample, value) in samples.as_chunks_mut().0.iter_mut().zip(values) {
        *sample = value.to_ne_bytes();
    }
}

fn from_32_bits(word: [u8; 4]) -> u16 {
    scaled(u32::from_ne_bytes(word).into(), u32::MAX.into())
}

fn from_64_bits(word: [u8; 8]) -> u16 {
    // The lower half is smaller than the rounding error.
    scaled(u64::from_ne_bytes(word) >> 32, u32::MAX.into())
}

/// Scales to 16 bits, rounding to nearest.
fn scaled(value: u64, max: u64) -> u16 {
    u16::try_from((value * u64::from(u16::MAX) + max / 2) / max).unwrap_or(u16::MAX)
}

/// Reads a 24-bit number in native byte order.
fn from_24_bits([a, b, c]: [u8; 3]) -> u32 {
    if cfg!(target_endian = "little") { u32::from_le_bytes([a, b, c, 0]) } else { u32::from_be_bytes([0, a, b, c]) }
}

/// Interprets the lowest `bits` bits (at most 32) as two's complement.
fn signed(value: u32, bits: u16) -> f64 {
    let unused = 32 - u32::from(bits);
    ((value << unused).cast_signed() >> unused).into()
}

#[expect(clippy::cast_precision_loss, reason = "only 16 bits are published")]
fn from_signed_64_bits(value: i64) -> f64 {
    value as f64
}

/// Decodes an IEEE 754-style number with the given exponent and fraction widths.
fn small_float(bits: u32, exponent_bits: u32, fraction_bits: u32) -> f64 {
    let max = (1 << exponent_bits) - 1;
    // The exponent bias is half the exponent's range: 15 for 5 bits, 63 for 7. Exponent 0 has no implicit leading 1,
    // and the highest exponent means infinity or NaN.
    let offset = i32::try_from(max >> 1).unwrap_or(0);
    let fraction = f64::from(bits & ((1 << fraction_bits) - 1)) / f64::from(1_u32 << fraction_bits);
    let exponent = bits >> fraction_bits & max;
    let sign = if bits >> (exponent_bits + fraction_bits) & 1 == 0 { 1.0 } else { -1.0 };
    match i32::try_from(exponent).unwrap_or(0) {
        0 => sign * fraction * f64::powi(2.0, 1 - offset),
        _ if exponent == max && fraction == 0.0 => sign * f64::INFINITY,
        _ if exponent == max => f64::NAN,
        exponent => sign * (1.0 + fraction) * f64::powi(2.0, exponent - offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(format: SampleFormat, bits: u16, row: &[u8], samples: usize) -> Vec<u16> {
        let unpacker = Unpacker::new(format, bits).expect("a known kind");
        let mut bytes = vec![0; samples * if unpacker.depth() == Depth::Eight { 1 } else { 2 }];
        if unpacker.scaled().is_some() {
            let scaling = Scaling { scale: FloatScale::standard(format, bits), roles: &[Role::Color] };
            unpacker.scale(row, &mut bytes, &scaling);
        } else {
            unpacker.unpack(row, &mut bytes);
        }
        match unpacker.depth() {
            Depth::Eight => bytes.into_iter().map(u16::from).collect(),
            Depth::Sixteen => bytes.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample)).collect(),
        }
    }

    #[test]
    fn samples_of_any_depth_are_scaled_to_the_nearest() {
        assert_eq!(unpacked(SampleFormat::Unsigned, 1, &[0b1010_0000], 3), [255, 0, 255]);
        assert_eq!(unpacked(SampleFormat::Unsigned, 2, &[0b0001_1011], 4), [0, 85, 170, 255]);
        assert_eq!(unpacked(SampleFormat::Index, 4, &[0x0f, 0x70], 3), [0, 15, 7]);
        assert_eq!(unpacked(SampleFormat::Unsigned, 3, &[0b1110_0100, 0], 3), [255, 36, 0]);
        assert_eq!(unpacked(SampleFormat::Unsigned, 12, &[0xff, 0xf8, 0, 0, 0x10], 3), [65535, 32776, 16]);
        assert_eq!(unpacked(SampleFormat::Unsigned, 10, &[0xff, 0xc0, 0x10, 0], 2), [65535, 64]);
        let wide: Vec<u8> = [u32::MAX, 0, 0x0001_0001].iter().flat_map(|it| it.to_ne_bytes()).collect();
        assert_eq!(unpacked(SampleFormat::Unsigned, 32, &wide, 3), [65535, 0, 1]);
    }

    #[test]
    fn floating_point_numbers_are_cut_off_at_0_and_1() {
        let format = [0.0, 1.0, 0.5, -3.0, 7.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let expected = [0, 65535, 32768, 0, 65535, 0, 65535, 0];
        let wide: Vec<u8> = format.iter().flat_map(|it| it.to_ne_bytes()).collect();
        assert_eq!(unpacked(SampleFormat::Float, 64, &wide, 8), expected);
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let narrow: Vec<u8> = format.iter().flat_map(|it| (*it as f32).to_ne_bytes()).collect();
        assert_eq!(unpacked(SampleFormat::Float, 32, &narrow, 8), expected);
        let halves = [0_u16, 0x3c00, 0x3800, 0xc200, 0x4700, 0x7e00, 0x7c00, 0xfc00];
        let halves: Vec<u8> = halves.iter().flat_map(|it| it.to_ne_bytes()).collect();
        assert_eq!(unpacked(SampleFormat::Float, 16, &halves, 8), expected);
        let half = |bits| small_float(bits, 5, 10);
        assert!((half(0x0001) - 5.960_464_477_539_063e-8).abs() < 1e-20, "the smallest");
        assert!((half(0x2e66) - 0.099_975_585_937_5).abs() < 1e-12);
        let from_24_bits = |bits| small_float(bits, 7, 16);
        assert!(
            [(0x3f_0000, 1.0), (0xbf_8000, -1.5), (0, 0.0)]
                .iter()
                .all(|(bits, it)| (from_24_bits(*bits) - it).abs() < 1e-9)
        );
    }

    #[test]
    fn the_lowest_signed_number_is_black_and_the_highest_white() {
        let bytes = |format: [i64; 3], count: usize| -> Vec<u8> {
            let little = format.iter().flat_map(|it| it.to_le_bytes()[..count].to_vec()).collect::<Vec<_>>();
            let native = |sample: &[u8]| {
                if cfg!(target_endian = "big") { sample.iter().rev().copied().collect() } else { sample.to_vec() }
            };
            little.chunks(count).flat_map(native).collect()
        };
        for bits in [8, 16, 24, 32, 64] {
            let lowest = i64::MIN >> (64 - bits);
            let row = bytes([lowest, 0, -(lowest + 1)], usize::from(bits / 8));
            let real = unpacked(SampleFormat::Signed, bits, &row, 3);
            assert_eq!((real[0], real[2]), (0, 65535), "{bits}");
            assert!(real[1].abs_diff(32768) <= 128, "{bits}: {real:?}");
        }
        assert_eq!(unpacked(SampleFormat::Signed, 4, &[0x87, 0x00], 3), [0, 65535, 34952]);
    }

    #[test]
    fn alpha_is_not_scaled_with_the_colors() {
        let unpacker = Unpacker::new(SampleFormat::Float, 32).expect("a known kind");
        let row: Vec<u8> = [100.0_f32, 0.5, 200.0, 1.0].iter().flat_map(|it| it.to_ne_bytes()).collect();
        let mut samples = [0; 8];
        let mut stats = SampleStats::default();
        unpacker.each_value(&row, |index, value| {
            if index % 2 == 0 {
                stats.add_sample(value, FloatScale::standard(SampleFormat::Float, 32));
            }
        });
        unpacker.scale(&row, &mut samples, &Scaling { scale: stats.measured(), roles: &[Role::Color, Role::Alpha] });
        let samples: Vec<u16> = samples.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample)).collect();
        assert_eq!(samples, [0, 32768, 65535, 65535]);
    }
}
