//! Uncompressed `YCbCr` (TIFF 6.0, section 21) with BT.601 coefficients and full-range samples (0 to 255).

use super::tags::{self, Tags};
use crate::source::Refusal;

/// Luma weights for red, green and blue.
const BT_601: [f64; 3] = [0.299, 0.587, 0.114];

/// Black and white values for luma, then zero and full-scale values for each chroma channel.
const FULL_RANGE: [f64; 6] = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];

/// Size of a subsampling unit in pixels. All pixels in a unit share one pair of chroma samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subsampling {
    horizontal: u32,
    pub(super) vertical: u32,
}

impl Subsampling {
    pub(super) const NONE: Self = Self { horizontal: 1, vertical: 1 };

    pub(super) fn read(tags: Tags<'_>) -> Result<Self, Refusal> {
        let numbers = tags.numbers(tags::YCBCR_SUBSAMPLING, 2)?.unwrap_or(vec![2, 2]);
        let sides = match numbers[..] {
            [horizontal, vertical] => u32::try_from(horizontal).ok().zip(u32::try_from(vertical).ok()),
            _ => None,
        };
        let is_known = |side: u32| matches!(side, 1 | 2 | 4);
        match sides.filter(|(horizontal, vertical)| is_known(*horizontal) && is_known(*vertical)) {
            Some((horizontal, vertical)) => Ok(Self { horizontal, vertical }),
            None => Err(Refusal::Decode(format!("its `YCbCrSubSampling` is {numbers:?}").into())),
        }
    }

    /// Returns the number of bytes in a row of units. Each unit holds the luma of its pixels, then two chroma samples.
    pub(super) fn band_bytes(self, width: u32) -> u64 {
        u64::from(width.div_ceil(self.horizontal)) * self.unit_bytes() as u64
    }

    fn unit_bytes(self) -> usize {
        (self.horizontal * self.vertical) as usize + 2
    }

    /// Expands line `y` of a row of units to three samples per pixel.
    pub(super) fn expand(self, band: &[u8], y: u32, row: &mut [u8]) {
        let horizontal = self.horizontal as usize;
        let units = band.chunks_exact(self.unit_bytes());
        for (unit, pixels) in units.zip(row.chunks_mut(3 * horizontal)) {
            // Like libtiff, repeat the chroma for every pixel in a unit. Uncompressed YCbCr is rare, and interpolating
            // would require the units from the rows above and below.
            let (lightness, differences) = unit.split_at(unit.len() - 2);
            let lightness = &lightness[y as usize * horizontal..];
            for (pixel, lightness) in pixels.chunks_exact_mut(3).zip(lightness) {
                pixel.copy_from_slice(&[*lightness, differences[0], differences[1]]);
            }
        }
    }
}

/// Rejects images with other coefficients or a reduced range.
pub(super) fn check(tags: Tags<'_>) -> Result<(), Refusal> {
    let is_like = |numbers: Option<Vec<f64>>, like: &[f64]| {
        numbers.is_none_or(|numbers| {
            numbers.len() == like.len() && numbers.iter().zip(like).all(|(one, other)| (one - other).abs() < 0.001)
        })
    };
    if !is_like(tags.fractions(tags::YCBCR_COEFFICIENTS, 3)?, &BT_601) {
        return Err(Refusal::Unsupported("a TIFF with YCbCr coefficients other than those of BT.601".to_owned()));
    }
    if !is_like(tags.fractions(tags::REFERENCE_BLACK_WHITE, 6)?, &FULL_RANGE) {
        return Err(Refusal::Unsupported("a TIFF with YCbCr pixels of reduced range".to_owned()));
    }
    Ok(())
}

/// Converts a pixel's first three samples to RGB.
pub(super) fn to_rgb(pixel: &mut [u8]) {
    let [y, blue, red] = [0, 1, 2].map(|channel| f32::from(pixel[channel]));
    let (blue, red) = (blue - 128.0, red - 128.0);
    pixel[0] = rounded(y + 1.402 * red);
    pixel[1] = rounded(y - 0.344_136 * blue - 0.714_136 * red);
    pixel[2] = rounded(y + 1.772 * blue);
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn rounded(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + 0.5) as u8
}
