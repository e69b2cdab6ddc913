//! Converts CIE L\*a\*b\* to sRGB, using the formulas from CIE 15 and IEC 61966-2-1.

use super::samples::scaled_to_8_bits;
use std::sync::LazyLock;

/// White point of the ICC profile connection space.
const D50: [f32; 3] = [0.964_22, 1.0, 0.825_21];

/// Matrix from XYZ (D50) to linear sRGB, including Bradford adaptation.
const XYZ_TO_RGB: [[f32; 3]; 3] =
    [[3.133_856, -1.616_867, -0.490_615], [-0.978_768, 1.916_142, 0.033_454], [0.071_945, -0.228_991, 1.405_243]];

/// Size of the gamma table. It has to be large enough to get dark colors right at 8 bits.
const STEPS: u16 = 1 << 14;

static ENCODED: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=STEPS).map(|step| encoded(f32::from(step))).collect());

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn encoded(step: f32) -> u8 {
    (compand(step / f32::from(STEPS)) * 255.0).round() as u8
}

/// Applies the sRGB gamma curve to linear light. Input and output are between 0 and 1.
fn compand(light: f32) -> f32 {
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// Converts Lab pixels to sRGB. Any samples after the first three are scaled to 8 bits.
pub(super) fn lab_to_srgb(samples: &[u16], channels: usize) -> Vec<u8> {
    let mut converted = Vec::with_capacity(samples.len());
    for pixel in samples.chunks_exact(channels) {
        converted.extend(srgb([pixel[0], pixel[1], pixel[2]]));
        converted.extend(pixel[3..].iter().map(|sample| scaled_to_8_bits(*sample)));
    }
    converted
}

fn srgb([lightness, a, b]: [u16; 3]) -> [u8; 3] {
    let difference = |sample: u16| (f32::from(sample) - 32768.0) / 256.0;
    let lab = [f32::from(lightness) * (100.0 / 65535.0), difference(a), difference(b)];
    linear_srgb(xyz_of_lab(lab)).map(encode_srgb)
}

/// Converts L\*a\*b\* to XYZ relative to D50.
#[inline]
pub(super) fn xyz_of_lab([lightness, a, b]: [f32; 3]) -> [f32; 3] {
    let y = (lightness + 16.0) / 116.0;
    [cubed(y + a / 500.0) * D50[0], cubed(y) * D50[1], cubed(y - b / 200.0) * D50[2]]
}

/// Converts XYZ (D50) to linear sRGB. Out-of-gamut colors result in values outside 0..=1.
#[inline]
pub(super) fn linear_srgb([x, y, z]: [f32; 3]) -> [f32; 3] {
    let [red, green, blue] = XYZ_TO_RGB;
    let light = |row: [f32; 3]| row[0] * x + row[1] * y + row[2] * z;
    [light(red), light(green), light(blue)]
}

/// Inverts Lab's cube root function, including the linear segment near black.
#[inline]
fn cubed(root: f32) -> f32 {
    const LIMIT: f32 = 6.0 / 29.0;
    if root > LIMIT { root * root * root } else { 3.0 * LIMIT * LIMIT * (root - 4.0 / 29.0) }
}

/// Encodes linear light as an 8-bit sRGB value. The input is clamped to 0..=1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of steps")]
pub(super) fn encode_srgb(light: f32) -> u8 {
    // Calling `powf` for all three channels of every pixel would take longer than the rest of the conversion combined.
    ENCODED[(light.clamp(0.0, 1.0) * f32::from(STEPS) + 0.5) as u16 as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 65535")]
    fn lab(lightness: f32, a: f32, b: f32) -> [u16; 3] {
        [lightness * 655.35, a * 256.0 + 32768.0, b * 256.0 + 32768.0].map(|value| value.round() as u16)
    }

    #[test]
    fn known_colors_are_converted_exactly() {
        // Lab (D50) values of the sRGB primaries, from the ICC's sRGB profile.
        for ((lightness, a, b), expected) in [
            ((100.0, 0.0, 0.0), [255, 255, 255]),
            ((0.0, 0.0, 0.0), [0, 0, 0]),
            ((53.39, 0.0, 0.0), [127, 127, 127]),
            ((54.29, 80.81, 69.89), [255, 0, 0]),
            ((87.82, -79.27, 80.99), [0, 255, 0]),
            ((29.57, 68.30, -112.03), [0, 0, 255]),
        ] {
            let real = srgb(lab(lightness, a, b));
            let difference = real.iter().zip(expected).map(|(real, it)| real.abs_diff(it)).max().expect("three");
            assert!(difference <= 1, "{real:?} is not {expected:?}");
        }
    }
}
