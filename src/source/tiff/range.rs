//! The range between black and white of floating-point and signed samples.

use super::unpack::Numbers;
use crate::source::{FloatRange, Warning, WarningCode};

/// How many times as many samples lie outside the range as within it when the range is taken for a mistake.
const MOSTLY_OUTSIDE: u64 = 50;

/// Where samples lie, and how many of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    min: f64,
    max: f64,
    /// Samples between black and white, without these two, which are what is most often cut off.
    inside: u64,
    outside: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, inside: 0, outside: 0 }
    }
}

impl Counts {
    /// Adds one sample. What is no number does not count.
    pub(super) fn add_sample(&mut self, value: f64, scale: FloatScale) {
        if value.is_finite() {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
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

    /// Returns the scale from the lowest sample to the highest.
    pub(super) fn measured(self) -> FloatScale {
        let (min, max) = if self.min <= self.max { (self.min, self.max) } else { (0.0, 1.0) };
        FloatScale { min, max, origin: Origin::Measured }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It follows from the kind of the numbers.
    Standard,
    Given,
    Measured,
}

/// The samples that become black and white.
#[derive(Clone, Copy, Debug)]
pub(super) struct FloatScale {
    min: f64,
    max: f64,
    origin: Origin,
}

impl FloatScale {
    /// Returns the scale of an option for such numbers; `None` if it must be measured first.
    pub(super) fn new(range: FloatRange, numbers: Numbers, bits: u16) -> Option<Self> {
        match range {
            FloatRange::Auto => None,
            FloatRange::Between(bounds) => Some(Self { min: bounds.min(), max: bounds.max(), origin: Origin::Given }),
            FloatRange::Standard => Some(Self::standard(numbers, bits)),
        }
    }

    /// The whole range of signed numbers, and 0 to 1 for floating point.
    pub(super) fn standard(numbers: Numbers, bits: u16) -> Self {
        let (min, max) = match numbers {
            Numbers::Signed => {
                let half = f64::powi(2.0, i32::from(bits) - 1);
                (-half, half - 1.0)
            }
            _ => (0.0, 1.0),
        };
        Self { min, max, origin: Origin::Standard }
    }

    /// Returns a sample in 16 bits: 0 for black and below, 65535 for white and beyond, and 0 for what is no number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 65535, and 0 for what is no number"
    )]
    pub(super) fn scaled(self, value: f64) -> u16 {
        let width = self.max - self.min;
        let unit = if width > 0.0 { (value - self.min) / width } else { 0.0 };
        (unit.clamp(0.0, 1.0) * f64::from(u16::MAX) + 0.5) as u16
    }

    /// Returns what people should know about samples that were scaled like this.
    pub(super) fn warning(self, counts: Counts) -> Option<Warning> {
        let Self { min, max, .. } = self;
        if self.origin == Origin::Measured {
            let text = format!("its samples range from {min} to {max}, which were taken as black and white");
            return Some(Warning::new(WarningCode::FloatRangeMeasured, text));
        }
        let is_mistake = counts.outside > 0 && counts.inside.saturating_mul(MOSTLY_OUTSIDE) <= counts.outside;
        is_mistake.then(|| {
            let text = format!(
                "nearly all of its samples lie outside {min} to {max}, and became black or white (they range from {} to \
                 {}; see --float-range)",
                counts.min, counts.max
            );
            Warning::new(WarningCode::FloatOutOfRange, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(range: FloatRange, samples: &[f64]) -> Vec<WarningCode> {
        let scale = FloatScale::new(range, Numbers::Floats, 32).expect("not measured");
        let mut counts = Counts::default();
        for sample in samples {
            counts.add_sample(*sample, scale);
        }
        scale.warning(counts).into_iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn a_range_that_nearly_nothing_lies_in_is_taken_for_a_mistake() {
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
    fn every_scale_has_its_ends_at_black_and_white() {
        let signed = FloatScale::standard(Numbers::Signed, 8);
        assert_eq!([-128.0, 0.0, 127.0].map(|value| signed.scaled(value)), [0, 128 * 257, 65535]);
        let given = FloatScale::new("-50..150".parse().expect("a range"), Numbers::Floats, 32).expect("given");
        assert_eq!(
            [-99.0, -50.0, 50.0, 150.0, 1e9, f64::NAN].map(|value| given.scaled(value)),
            [0, 0, 32768, 65535, 65535, 0]
        );
        assert_eq!(Counts::default().measured().scaled(0.5), 32768, "nothing to measure");
    }
}
