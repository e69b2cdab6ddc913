//! From samples of any depth to samples of 8 or 16 bits.

use super::range::{Counts, FloatScale};
use crate::source::samples::Depth;

/// What the numbers of a file mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// From 0 to the highest that fits.
    Whole,
    /// Numbers that stand for themselves, as those of a palette do, however few their bits.
    Indexes,
    /// In two's complement.
    Signed,
    /// Of floating point.
    Floats,
}

/// What a sample of a pixel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Color,
    Alpha,
    /// Nothing that is shown.
    Ignored,
}

/// How samples with a sign or a fraction are scaled.
pub(super) struct Scaling<'a> {
    pub(super) scale: FloatScale,
    /// Of the samples of a pixel that stand side by side.
    pub(super) roles: &'a [Role],
}

/// How the samples of a row are made 8 or 16 bits wide.
pub(super) enum Unpacker {
    /// They are already.
    Done(Depth),
    /// 1 to 7 bits: what each value becomes.
    Few { bits: u16, values: Box<[u8; 128]> },
    /// 9 to 15 bits.
    Many { bits: u16 },
    /// Whole numbers of 24, 32 and 64 bits.
    Wide(usize),
    /// Numbers that have a range of their own: signed ones of up to 64 bits, floating-point ones of 16, 24, 32 and 64.
    Scaled { numbers: Numbers, bits: u16 },
}

impl Unpacker {
    /// For samples of that many bits; `None` where they are of no known kind.
    pub(super) fn new(numbers: Numbers, bits: u16) -> Option<Self> {
        match (numbers, bits) {
            (Numbers::Floats, 16 | 24 | 32 | 64) | (Numbers::Signed, 1..=16 | 24 | 32 | 64) => {
                Some(Self::Scaled { numbers, bits })
            }
            (Numbers::Floats | Numbers::Signed, _) => None,
            (_, 8) => Some(Self::Done(Depth::Eight)),
            (_, 16) => Some(Self::Done(Depth::Sixteen)),
            (_, 1..8) => Some(Self::Few { bits, values: Box::new(values(numbers, bits)) }),
            (Numbers::Whole, 9..16) => Some(Self::Many { bits }),
            (Numbers::Whole, 24 | 32 | 64) => Some(Self::Wide(usize::from(bits / 8))),
            _ => None,
        }
    }

    /// What they are made.
    pub(super) fn depth(&self) -> Depth {
        match self {
            Self::Done(depth) => *depth,
            Self::Few { .. } => Depth::Eight,
            Self::Many { .. } | Self::Wide(_) | Self::Scaled { .. } => Depth::Sixteen,
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// Returns the numbers and bits of samples that have a range of their own.
    pub(super) fn scaled(&self) -> Option<(Numbers, u16)> {
        match self {
            Self::Scaled { numbers, bits } => Some((*numbers, *bits)),
            _ => None,
        }
    }

    /// Calls `each` with every sample of a row that has a range of its own, and its number in the row.
    pub(super) fn each_value(&self, row: &[u8], mut each: impl FnMut(usize, f64)) {
        let Self::Scaled { numbers, bits } = self else { return };
        let mut each =
            |values: &mut dyn Iterator<Item = f64>| values.enumerate().for_each(|(index, value)| each(index, value));
        match (numbers, bits) {
            (Numbers::Floats, 16) => {
                each(&mut words(row).map(|word| small_float(u16::from_ne_bytes(word).into(), 5, 10)));
            }
            (Numbers::Floats, 24) => each(&mut words(row).map(|word| small_float(of_24_bits(word), 7, 16))),
            (Numbers::Floats, 32) => each(&mut words(row).map(|word| f32::from_ne_bytes(word).into())),
            (Numbers::Floats, _) => each(&mut words(row).map(f64::from_ne_bytes)),
            (_, 16) => each(&mut words(row).map(|word| i16::from_ne_bytes(word).into())),
            (_, 24) => each(&mut words(row).map(|word| signed(of_24_bits(word), 24))),
            (_, 32) => each(&mut words(row).map(|word| i32::from_ne_bytes(word).into())),
            (_, 64) => each(&mut words(row).map(|word| of_signed_64_bits(i64::from_ne_bytes(word)))),
            (_, bits) => each(&mut groups(row, *bits).map(|value| signed(value.into(), *bits))),
        }
    }

    /// Fills `samples` from a row whose samples have a range of their own. Returns where those of color lie.
    pub(super) fn scale(&self, row: &[u8], samples: &mut [u8], scaling: &Scaling<'_>) -> Counts {
        let mut counts = Counts::default();
        let Self::Scaled { numbers, bits } = self else { return counts };
        // Alpha is a share, whatever the colors are.
        let of_alpha = FloatScale::standard(*numbers, *bits);
        let samples = samples.as_chunks_mut().0;
        self.each_value(row, |index, value| {
            let Some(sample) = samples.get_mut(index) else { return };
            let scale = match scaling.roles[index % scaling.roles.len()] {
                Role::Color => {
                    counts.add_sample(value, scaling.scale);
                    scaling.scale
                }
                Role::Alpha | Role::Ignored => of_alpha,
            };
            *sample = scale.scaled(value).to_ne_bytes();
        });
        counts
    }

    /// Fills `samples` from a row in the byte order of this machine, unless they have a [range of their own](Self::scaled).
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
            Self::Wide(3) => write(samples, words(row).map(|word| scaled(of_24_bits(word).into(), 0x00ff_ffff))),
            Self::Wide(4) => write(samples, words(row).map(of_32_bits)),
            Self::Wide(_) => write(samples, words(row).map(of_64_bits)),
            Self::Scaled { .. } => debug_assert!(false, "scaled elsewhere"),
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

/// Three bytes in the order of this machine.
fn of_24_bits([a, b, c]: [u8; 3]) -> u32 {
    if cfg!(target_endian = "little") { u32::from_le_bytes([a, b, c, 0]) } else { u32::from_be_bytes([0, a, b, c]) }
}

/// A number in two's complement of so many bits, at most 32.
fn signed(value: u32, bits: u16) -> f64 {
    let unused = 32 - u32::from(bits);
    ((value << unused).cast_signed() >> unused).into()
}

#[expect(clippy::cast_precision_loss, reason = "16 bits of it are published")]
fn of_signed_64_bits(value: i64) -> f64 {
    value as f64
}

/// A number laid out as those of IEEE 754 are: a sign, the exponent, the fraction.
fn small_float(bits: u32, exponent_bits: u32, fraction_bits: u32) -> f64 {
    let most = (1 << exponent_bits) - 1;
    let offset = i32::try_from(most >> 1).unwrap_or(0);
    let fraction = f64::from(bits & ((1 << fraction_bits) - 1)) / f64::from(1_u32 << fraction_bits);
    let exponent = bits >> fraction_bits & most;
    let sign = if bits >> (exponent_bits + fraction_bits) & 1 == 0 { 1.0 } else { -1.0 };
    match i32::try_from(exponent).unwrap_or(0) {
        0 => sign * fraction * f64::powi(2.0, 1 - offset),
        _ if exponent == most && fraction == 0.0 => sign * f64::INFINITY,
        _ if exponent == most => f64::NAN,
        exponent => sign * (1.0 + fraction) * f64::powi(2.0, exponent - offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(numbers: Numbers, bits: u16, row: &[u8], samples: usize) -> Vec<u16> {
        let unpacker = Unpacker::new(numbers, bits).expect("a known kind");
        let mut bytes = vec![0; samples * if unpacker.depth() == Depth::Eight { 1 } else { 2 }];
        if unpacker.scaled().is_some() {
            let scaling = Scaling { scale: FloatScale::standard(numbers, bits), roles: &[Role::Color] };
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
        let half = |bits| small_float(bits, 5, 10);
        assert!((half(0x0001) - 5.960_464_477_539_063e-8).abs() < 1e-20, "the smallest");
        assert!((half(0x2e66) - 0.099_975_585_937_5).abs() < 1e-12);
        let of_24_bits = |bits| small_float(bits, 7, 16);
        assert!(
            [(0x3f_0000, 1.0), (0xbf_8000, -1.5), (0, 0.0)]
                .iter()
                .all(|(bits, it)| (of_24_bits(*bits) - it).abs() < 1e-9)
        );
    }

    #[test]
    fn the_lowest_signed_number_is_black_and_the_highest_white() {
        let bytes = |numbers: [i64; 3], count: usize| -> Vec<u8> {
            let little = numbers.iter().flat_map(|it| it.to_le_bytes()[..count].to_vec()).collect::<Vec<_>>();
            let native = |sample: &[u8]| {
                if cfg!(target_endian = "big") { sample.iter().rev().copied().collect() } else { sample.to_vec() }
            };
            little.chunks(count).flat_map(native).collect()
        };
        for bits in [8, 16, 24, 32, 64] {
            let lowest = i64::MIN >> (64 - bits);
            let row = bytes([lowest, 0, -(lowest + 1)], usize::from(bits / 8));
            let real = unpacked(Numbers::Signed, bits, &row, 3);
            assert_eq!((real[0], real[2]), (0, 65535), "{bits}");
            assert!(real[1].abs_diff(32768) <= 128, "{bits}: {real:?}");
        }
        assert_eq!(unpacked(Numbers::Signed, 4, &[0x87, 0x00], 3), [0, 65535, 34952]);
    }

    #[test]
    fn alpha_is_not_scaled_with_the_colors() {
        let unpacker = Unpacker::new(Numbers::Floats, 32).expect("a known kind");
        let row: Vec<u8> = [100.0_f32, 0.5, 200.0, 1.0].iter().flat_map(|it| it.to_ne_bytes()).collect();
        let mut samples = [0; 8];
        let mut counts = Counts::default();
        unpacker.each_value(&row, |index, value| {
            if index % 2 == 0 {
                counts.add_sample(value, FloatScale::standard(Numbers::Floats, 32));
            }
        });
        unpacker.scale(&row, &mut samples, &Scaling { scale: counts.measured(), roles: &[Role::Color, Role::Alpha] });
        let samples: Vec<u16> = samples.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample)).collect();
        assert_eq!(samples, [0, 32768, 65535, 65535]);
    }
}
