//! Black and white points for floating-point and signed samples.

use super::sample_format::SampleFormat;
use crate::source::{FloatRange, Warning, WarningCode};

/// The range is considered wrong if at least this many samples fall outside it for every sample inside.
const MOSTLY_OUTSIDE: u64 = 50;

/// Minimum and maximum sample values, plus counts inside and outside the range.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleStats {
    min: f64,
    max: f64,
    /// Number of samples strictly between black and white. The endpoints are excluded because clipped values pile up
    /// there.
    inside: u64,
    outside: u64,
}

impl Default for SampleStats {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, inside: 0, outside: 0 }
    }
}

impl SampleStats {
    /// Adds one sample. NaN and infinities are ignored.
    pub(super) fn add_sample(&mut self, value: f64, scale: FloatScale) {
        if value.is_finite() {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            // Samples exactly at black or white aren't counted. If another program has clipped a scan to 0..1, nearly
            // all of the sky may be exactly 1. Those samples don't tell us whether the range is right or wrong.
            if value > scale.max || value < scale.min {
                self.outside += 1;
            } else if value > scale.min && value < scale.max {
                self.inside += 1;
            }
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.inside += other.inside;
        self.outside += other.outside;
    }

    /// Returns a scale from the lowest to the highest sample.
    pub(super) fn measured(self) -> FloatScale {
        let (min, max) = if self.min <= self.max { (self.min, self.max) } else { (0.0, 1.0) };
        FloatScale { min, max, origin: Origin::Measured }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Derived from the sample format.
    Standard,
    Given,
    Measured,
}

/// Sample values that map to black and white.
#[derive(Clone, Copy, Debug)]
pub(super) struct FloatScale {
    min: f64,
    max: f64,
    origin: Origin,
}

impl FloatScale {
    /// Returns the scale for samples of this format according to `range`, or `None` if it has to be measured first.
    pub(super) fn new(range: FloatRange, format: SampleFormat, bits: u16) -> Option<Self> {
        match range {
            FloatRange::Auto => None,
            FloatRange::Between(bounds) => Some(Self { min: bounds.min(), max: bounds.max(), origin: Origin::Given }),
            FloatRange::Standard => Some(Self::standard(format, bits)),
        }
    }

    /// Returns the standard scale: the full range for signed integers, or 0 to 1 for floating point.
    pub(super) fn standard(format: SampleFormat, bits: u16) -> Self {
        let (min, max) = match format {
            SampleFormat::Signed => {
                let half = f64::powi(2.0, i32::from(bits) - 1);
                (-half, half - 1.0)
            }
            _ => (0.0, 1.0),
        };
        Self { min, max, origin: Origin::Standard }
    }

    /// Scales a sample to 16 bits. Values below black become 0, values above white become 65535, and NaN becomes 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 65535, and 0 for NaN")]
    pub(super) fn scaled(self, value: f64) -> u16 {
        let width = self.max - self.min;
        let unit = if width > 0.0 { (value - self.min) / width } else { 0.0 };
        (unit.clamp(0.0, 1.0) * f64::from(u16::MAX) + 0.5) as u16
    }

    /// Returns a warning if the scaling needs one.
    pub(super) fn warning(self, stats: SampleStats) -> Option<Warning> {
        let Self { min, max, .. } = self;
        if self.origin == Origin::Measured {
            let text = format!("its samples range from {min} to {max}, which were taken as black and white");
            return Some(Warning::new(WarningCode::FloatRangeMeasured, text));
        }
        // It's normal for a few samples to fall outside the range, such as highlights above 1 in a rendering or the
        // occasional defect. If nearly all of them do, the file probably uses different units, such as heights in
        // meters, and the image would come out all black or all white. Guessing a range would give each sheet in a
        // series a different contrast, so warn and point to the option instead.
        let is_mistake = stats.outside > 0 && stats.inside.saturating_mul(MOSTLY_OUTSIDE) <= stats.outside;
        is_mistake.then(|| {
            let text = format!(
                "nearly all of its samples are outside {min} to {max} and became black or white (they range from {} to \
                 {}; see --float-range)",
                stats.min, stats.max
            );
            Warning::new(WarningCode::FloatOutOfRange, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(range: FloatRange, samples: &[f64]) -> Vec<WarningCode> {
        let scale = FloatScale::new(range, SampleFormat::Float, 32).expect("not measured");
        let mut stats = SampleStats::default();
        for sample in samples {
            stats.add_sample(*sample, scale);
        }
        scale.warning(stats).into_iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn a_range_that_excludes_nearly_all_samples_is_reported() {
        let out_of_range = vec![WarningCode::FloatOutOfRange];
        let up_to_255: Vec<f64> = (0..256).map(f64::from).collect();
        assert_eq!(codes(FloatRange::Standard, &up_to_255), out_of_range);
        assert_eq!(codes("0..255".parse().expect("a range"), &up_to_255), vec![]);
        assert_eq!(codes("1000..2000".parse().expect("a range"), &up_to_255), out_of_range);
        assert_eq!(codes(FloatRange::Standard, &[0.0, 1.0, 1.0]), vec![], "black and white");
        assert_eq!(codes(FloatRange::Standard, &[0.5, 0.25, 7.0, f64::NAN]), vec![], "a highlight");
        assert_eq!(codes(FloatRange::Standard, &[f64::NAN, f64::INFINITY]), vec![]);
        assert_eq!(codes(FloatRange::Standard, &[]), vec![]);
    }

    #[test]
    fn the_ends_of_every_scale_are_black_and_white() {
        let signed = FloatScale::standard(SampleFormat::Signed, 8);
        assert_eq!([-128.0, 0.0, 127.0].map(|value| signed.scaled(value)), [0, 128 * 257, 65535]);
        let given = FloatScale::new("-50..150".parse().expect("a range"), SampleFormat::Float, 32).expect("given");
        assert_eq!(
            [-99.0, -50.0, 50.0, 150.0, 1e9, f64::NAN].map(|value| given.scaled(value)),
            [0, 0, 32768, 65535, 65535, 0]
        );
        assert_eq!(SampleStats::default().measured().scaled(0.5), 32768, "nothing to measure");
    }
}
