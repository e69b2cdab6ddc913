//! From samples of any depth to samples of 8 or 16 bits.

use crate::source::samples::Depth;

/// What the numbers of a file mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// From 0 to the highest that fits.
    Whole,
    /// Numbers that stand for themselves, as those of a palette do, however few their bits.
    Indexes,
    /// From 0 to 1. There is no agreement on what is beyond: it is cut off.
    Floats,
}

/// How the samples of a row are made 8 or 16 bits wide.
pub(super) enum Unpacker {
    /// They are already.
    Done(Depth),
    /// 1 to 7 bits: what each value becomes.
    Few { bits: u16, values: Box<[u8; 128]> },
    /// 9 to 15 bits.
    Many { bits: u16 },
    /// Whole numbers of 32 and 64 bits.
    Wide(usize),
    /// Floating-point numbers of 16, 32 and 64 bits.
    Floats(usize),
}

impl Unpacker {
    /// For samples of that many bits; `None` where they are of no known kind.
    pub(super) fn new(numbers: Numbers, bits: u16) -> Option<Self> {
        match (numbers, bits) {
            (Numbers::Floats, 16 | 32 | 64) => Some(Self::Floats(usize::from(bits / 8))),
            (Numbers::Floats, _) => None,
            (_, 8) => Some(Self::Done(Depth::Eight)),
            (_, 16) => Some(Self::Done(Depth::Sixteen)),
            (_, 1..8) => Some(Self::Few { bits, values: Box::new(values(numbers, bits)) }),
            (Numbers::Whole, 9..16) => Some(Self::Many { bits }),
            (Numbers::Whole, 32 | 64) => Some(Self::Wide(usize::from(bits / 8))),
            _ => None,
        }
    }

    /// What they are made.
    pub(super) fn depth(&self) -> Depth {
        match self {
            Self::Done(depth) => *depth,
            Self::Few { .. } => Depth::Eight,
            Self::Many { .. } | Self::Wide(_) | Self::Floats(_) => Depth::Sixteen,
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// Fills `samples` from a row in the byte order of this machine.
    pub(super) fn unpack(&self, row: &[u8], samples: &mut [u8]) {
        match self {
            Self::Done(_) => samples.copy_from_slice(&row[..samples.len()]),
            Self::Few { bits, values } => {
                for (sample, value) in samples.iter_mut().zip(groups(row, *bits)) {
                    *sample = values[usize::from(value) % values.len()];
                }
            }
            Self::Many { bits } => {
                let most = (1 << bits) - 1;
                write(samples, groups(row, *bits).map(|value| scaled(value.into(), most)));
            }
            Self::Wide(4) => write(samples, words(row).map(of_32_bits)),
            Self::Wide(_) => write(samples, words(row).map(of_64_bits)),
            Self::Floats(2) => write(samples, words(row).map(|word| of_unit(half(u16::from_ne_bytes(word))))),
            Self::Floats(4) => write(samples, words(row).map(|word| of_unit(f32::from_ne_bytes(word).into()))),
            Self::Floats(_) => write(samples, words(row).map(|word| of_unit(f64::from_ne_bytes(word)))),
        }
    }
}

/// What the values of few bits become: the highest is 255.
fn values(numbers: Numbers, bits: u16) -> [u8; 128] {
    let most = (1_u32 << bits) - 1;
    std::array::from_fn(|value| {
        let value = u32::try_from(value).unwrap_or(0);
        let scaled = if numbers == Numbers::Indexes { value } else { (value * 255 + most / 2) / most };
        u8::try_from(scaled).unwrap_or(u8::MAX)
    })
}

/// Numbers of up to 15 bits, packed from the highest bit of each byte on.
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

fn of_32_bits(word: [u8; 4]) -> u16 {
    scaled(u32::from_ne_bytes(word).into(), u32::MAX.into())
}

fn of_64_bits(word: [u8; 8]) -> u16 {
    // The lower half is far below the rounding.
    scaled(u64::from_ne_bytes(word) >> 32, u32::MAX.into())
}

/// To 16 bits, to the nearest.
fn scaled(value: u64, most: u64) -> u16 {
    u16::try_from((value * u64::from(u16::MAX) + most / 2) / most).unwrap_or(u16::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 65535, and 0 for what is no number"
)]
fn of_unit(value: f64) -> u16 {
    (value.clamp(0.0, 1.0) * f64::from(u16::MAX) + 0.5) as u16
}

/// A number of IEEE 754 with 16 bits: sign, five of the exponent, ten of the fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    match bits >> 10 & 0x1f {
        0 => sign * fraction * f64::powi(2.0, -14),
        0x1f if fraction == 0.0 => sign * f64::INFINITY,
        0x1f => f64::NAN,
        exponent => sign * (1.0 + fraction) * f64::powi(2.0, i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(numbers: Numbers, bits: u16, row: &[u8], samples: usize) -> Vec<u16> {
        let unpacker = Unpacker::new(numbers, bits).expect("a known kind");
        let mut bytes = vec![0; samples * if unpacker.depth() == Depth::Eight { 1 } else { 2 }];
        unpacker.unpack(row, &mut bytes);
        match unpacker.depth() {
            Depth::Eight => bytes.into_iter().map(u16::from).collect(),
            Depth::Sixteen => bytes.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample)).collect(),
        }
    }

    #[test]
    fn samples_of_any_depth_are_scaled_to_the_nearest() {
        assert_eq!(unpacked(Numbers::Whole, 1, &[0b1010_0000], 3), [255, 0, 255]);
        assert_eq!(unpacked(Numbers::Whole, 2, &[0b0001_1011], 4), [0, 85, 170, 255]);
        assert_eq!(unpacked(Numbers::Indexes, 4, &[0x0f, 0x70], 3), [0, 15, 7]);
        assert_eq!(unpacked(Numbers::Whole, 3, &[0b1110_0100, 0], 3), [255, 36, 0]);
        assert_eq!(unpacked(Numbers::Whole, 12, &[0xff, 0xf8, 0, 0, 0x10], 3), [65535, 32776, 16]);
        assert_eq!(unpacked(Numbers::Whole, 10, &[0xff, 0xc0, 0x10, 0], 2), [65535, 64]);
        let wide: Vec<u8> = [u32::MAX, 0, 0x0001_0001].iter().flat_map(|it| it.to_ne_bytes()).collect();
        assert_eq!(unpacked(Numbers::Whole, 32, &wide, 3), [65535, 0, 1]);
    }

    #[test]
    fn floating_point_numbers_are_cut_off_at_0_and_1() {
        let numbers = [0.0, 1.0, 0.5, -3.0, 7.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let expected = [0, 65535, 32768, 0, 65535, 0, 65535, 0];
        let wide: Vec<u8> = numbers.iter().flat_map(|it| it.to_ne_bytes()).collect();
        assert_eq!(unpacked(Numbers::Floats, 64, &wide, 8), expected);
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let narrow: Vec<u8> = numbers.iter().flat_map(|it| (*it as f32).to_ne_bytes()).collect();
        assert_eq!(unpacked(Numbers::Floats, 32, &narrow, 8), expected);
        let halves = [0_u16, 0x3c00, 0x3800, 0xc200, 0x4700, 0x7e00, 0x7c00, 0xfc00];
        let halves: Vec<u8> = halves.iter().flat_map(|it| it.to_ne_bytes()).collect();
        assert_eq!(unpacked(Numbers::Floats, 16, &halves, 8), expected);
        assert!((half(0x0001) - 5.960_464_477_539_063e-8).abs() < 1e-20, "the smallest");
        assert!((half(0x2e66) - 0.099_975_585_937_5).abs() < 1e-12);
    }
}
