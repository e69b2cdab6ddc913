//! Converts high dynamic range (PQ and HLG from ITU-R BT.2100) to sRGB.
//!
//! Luminance up to about half of the reference white is left unchanged. Brighter light is compressed with the ITU-R
//! BT.2390 curve, which maps the peak to white.

use super::lab::encode_srgb;
use super::{Warning, WarningCode};

/// Luminance of diffuse white in candelas per square meter (ITU-R BT.2408). It's mapped to white.
const REFERENCE_WHITE: f32 = 203.0;

/// Peak luminance of HLG on its reference display, and of PQ if the file doesn't specify it.
pub(super) const DEFAULT_PEAK: f32 = 1000.0;

/// Highest luminance that PQ can represent.
const MAX_PEAK: f32 = 10_000.0;

/// Number of steps in the gain table.
const GAINS: u16 = 4096;

/// Transfer function for high dynamic range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HdrTransfer {
    /// SMPTE ST 2084, which encodes absolute luminance.
    Pq,
    /// ARIB STD-B67, which encodes luminance relative to the display.
    Hlg,
}

/// RGB primaries, all with a D65 white point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primaries {
    Srgb,
    /// Display P3 (SMPTE EG 432-1).
    P3,
    /// ITU-R BT.2020 and BT.2100.
    Bt2020,
}

impl Primaries {
    /// Returns the matrix from linear light with these primaries to linear sRGB.
    fn to_srgb(self) -> [[f32; 3]; 3] {
        match self {
            Self::Srgb => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Self::P3 => [[1.224_94, -0.224_94, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]],
            Self::Bt2020 => [
                [1.660_491, -0.587_641, -0.072_85],
                [-0.124_55, 1.132_9, -0.008_349],
                [-0.018_151, -0.100_579, 1.118_73],
            ],
        }
    }

    /// Returns how much red, green and blue contribute to luminance.
    fn luminance(self) -> [f32; 3] {
        match self {
            Self::Srgb => [0.212_639, 0.715_169, 0.072_192],
            Self::P3 => [0.228_975, 0.691_739, 0.079_287],
            Self::Bt2020 => [0.2627, 0.678, 0.0593],
        }
    }
}

/// Converts 16-bit pixels to 8-bit sRGB.
pub(super) struct HdrToSrgb {
    transfer: HdrTransfer,
    primaries: Primaries,
    /// Linear light for each sample value. Holds luminance for PQ, and scene light from 0 to 1 for HLG.
    light: Vec<f32>,
    /// The image's peak luminance.
    peak: f32,
    /// Gains that turn luminance into light relative to white, indexed by the square root of luminance relative to the
    /// peak.
    gains: Vec<f32>,
}

impl HdrToSrgb {
    /// Creates a converter. `peak` is the image's highest luminance in candelas per square meter.
    pub(super) fn new(transfer: HdrTransfer, primaries: Primaries, peak: f32) -> Self {
        let peak = match transfer {
            // Writers that don't know the peak specify the highest possible value.
            HdrTransfer::Pq if peak < MAX_PEAK => peak.max(REFERENCE_WHITE),
            _ => DEFAULT_PEAK,
        };
        let light = |sample: u16| {
            let value = f32::from(sample) / f32::from(u16::MAX);
            match transfer {
                HdrTransfer::Pq => luminance_of_pq(value),
                HdrTransfer::Hlg => light_of_hlg(value),
            }
        };
        let gain = |step: u16| {
            let share = f32::from(step) / f32::from(GAINS);
            let luminance = (share * share * peak).max(1e-3);
            compressed(luminance, peak) / luminance / REFERENCE_WHITE
        };
        Self {
            transfer,
            primaries,
            light: (0..=u16::MAX).map(light).collect(),
            peak,
            gains: (0..=GAINS).map(gain).collect(),
        }
    }

    /// Returns the size of the tables in bytes.
    pub(super) fn bytes(&self) -> u64 {
        size_of_val(&self.light[..]) as u64 + size_of_val(&self.gains[..]) as u64
    }

    /// Returns the warning for converted images.
    pub(super) fn warning(&self) -> Warning {
        let name = match self.transfer {
            HdrTransfer::Pq => "PQ",
            HdrTransfer::Hlg => "HLG",
        };
        Warning::new(
            WarningCode::HdrConverted,
            format!("its high dynamic range ({name}) is compressed to that of sRGB"),
        )
    }

    /// Converts a single pixel.
    pub(super) fn convert(&self, samples: [u16; 3]) -> [u8; 3] {
        let mut light = samples.map(|sample| self.light[usize::from(sample)]);
        if self.transfer == HdrTransfer::Hlg {
            // HLG displays make bright scenes brighter (BT.2100, table 5, with a gamma of 1.2).
            let weights = self.primaries.luminance();
            let luminance: f32 = light.iter().zip(weights).map(|(light, weight)| light * weight).sum();
            let factor = DEFAULT_PEAK * luminance.max(1e-6).powf(0.2);
            light = light.map(|light| light * factor);
        }
        let highest = light.into_iter().fold(0.0, f32::max);
        let gain = self.gain(highest);
        let light = light.map(|light| light * gain);
        let row = |row: [f32; 3]| encode_srgb(row[0] * light[0] + row[1] * light[1] + row[2] * light[2]);
        self.primaries.to_srgb().map(row)
    }

    /// Returns the gain for a pixel's brightest sample. Applying it to all three samples preserves their ratio.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of steps")]
    fn gain(&self, luminance: f32) -> f32 {
        if luminance >= self.peak {
            return 1.0 / luminance;
        }
        let at = (luminance / self.peak).sqrt() * f32::from(GAINS);
        let step = (at as u16).min(GAINS - 1);
        let (one, next) = (self.gains[usize::from(step)], self.gains[usize::from(step) + 1]);
        one + (next - one) * (at - f32::from(step))
    }
}

/// Decodes a PQ value (SMPTE ST 2084) to luminance.
fn luminance_of_pq(value: f32) -> f32 {
    let root = value.powf(1.0 / PQ_M2);
    MAX_PEAK * ((root - PQ_C1).max(0.0) / (PQ_C2 - PQ_C3 * root)).powf(1.0 / PQ_M1)
}

/// Encodes luminance as a PQ value.
fn pq(luminance: f32) -> f32 {
    let root = (luminance / MAX_PEAK).max(0.0).powf(PQ_M1);
    ((PQ_C1 + PQ_C2 * root) / (1.0 + PQ_C3 * root)).powf(PQ_M2)
}

const PQ_M1: f32 = 0.159_301_76;
const PQ_M2: f32 = 78.84375;
const PQ_C1: f32 = 0.835_937_5;
const PQ_C2: f32 = 18.851_563;
const PQ_C3: f32 = 18.6875;

/// Decodes an HLG value (ARIB STD-B67) to scene light.
fn light_of_hlg(value: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_7;
    if value <= 0.5 { value * value / 3.0 } else { (((value - C) / A).exp() + B) / 12.0 }
}

/// Compresses luminance up to `peak` into the range up to the reference white (ITU-R BT.2390, section 5.4.1).
fn compressed(luminance: f32, peak: f32) -> f32 {
    let (source, target) = (pq(peak), pq(REFERENCE_WHITE) / pq(peak));
    let knee = 1.5 * target - 0.5;
    let value = pq(luminance) / source;
    if value <= knee {
        return luminance;
    }
    let share = (value - knee) / (1.0 - knee).max(1e-6);
    let (squared, cubed) = (share * share, share * share * share);
    let spline = (2.0 * cubed - 3.0 * squared + 1.0) * knee
        + (cubed - 2.0 * squared + share) * (1.0 - knee)
        + (3.0 * squared - 2.0 * cubed) * target;
    luminance_of_pq(spline * source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 65535")]
    fn sample(value: f32) -> u16 {
        (value * 65535.0).round() as u16
    }

    #[test]
    fn pq_has_the_luminance_of_its_standard() {
        // In ST 2084, a value of 0.508 is 100 candelas per square meter, and 0.7518 is 1000.
        for (value, expected) in [(0.0, 0.0), (0.508_078, 100.0), (0.580_69, 203.0), (0.751_827, 1000.0), (1.0, 1e4)] {
            let real = luminance_of_pq(value);
            assert!((real - expected).abs() <= expected * 0.001, "{real} is not {expected}");
            assert!((pq(expected) - value).abs() < 1e-4, "{}", pq(expected));
        }
    }

    #[test]
    fn hlg_reaches_reference_white_at_75_percent() {
        // According to BT.2408, 75% HLG is 203 candelas per square meter on a 1000 candela display.
        let luminance = DEFAULT_PEAK * light_of_hlg(0.75).powf(1.2);
        assert!((luminance - 203.0).abs() < 1.0, "{luminance}");
        assert!((light_of_hlg(1.0) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn dark_light_is_unchanged_and_the_peak_is_white() {
        for (transfer, peak) in [(HdrTransfer::Pq, 1000.0), (HdrTransfer::Pq, 4000.0), (HdrTransfer::Hlg, 0.0)] {
            let hdr = HdrToSrgb::new(transfer, Primaries::Bt2020, peak);
            let top = if transfer == HdrTransfer::Pq { pq(peak) } else { 1.0 };
            assert_eq!(hdr.convert([sample(top); 3]), [255; 3], "{transfer:?}");
            assert_eq!(hdr.convert([0; 3]), [0; 3]);
        }
        let hdr = HdrToSrgb::new(HdrTransfer::Pq, Primaries::Srgb, 1000.0);
        let [dark, ..] = hdr.convert([sample(pq(40.0)); 3]);
        assert!(dark.abs_diff(encode_srgb(40.0 / 203.0)) <= 1, "{dark}");
        let [white, ..] = hdr.convert([sample(pq(203.0)); 3]);
        assert!((200..245).contains(&white), "diffuse white leaves room for what is brighter: {white}");
    }

    #[test]
    fn brightness_rises_with_every_step() {
        for transfer in [HdrTransfer::Pq, HdrTransfer::Hlg] {
            let hdr = HdrToSrgb::new(transfer, Primaries::P3, 1000.0);
            let grays: Vec<u8> = (0..=u16::MAX).map(|sample| hdr.convert([sample; 3])[1]).collect();
            assert!(grays.is_sorted(), "{transfer:?}");
        }
    }
}
