//! Physical size of pixels, for the [physical dimensions
//! service](https://iiif.io/api/annex/services/#physical-dimensions) in manifests.

use std::fmt;

/// Unit of length in the physical dimensions service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LengthUnit {
    /// Millimeters.
    Millimeter,
    /// Centimeters.
    Centimeter,
    /// Inches.
    Inch,
}

impl LengthUnit {
    const ALL: [Self; 3] = [Self::Millimeter, Self::Centimeter, Self::Inch];

    /// Returns the unit with this abbreviation.
    #[must_use]
    pub(crate) fn from_abbreviation(abbreviation: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.abbreviation() == abbreviation)
    }

    /// Returns the abbreviation used in manifests.
    #[must_use]
    pub fn abbreviation(self) -> &'static str {
        match self {
            Self::Millimeter => "mm",
            Self::Centimeter => "cm",
            Self::Inch => "in",
        }
    }
}

/// Physical size of an image's pixels, which are square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhysicalScale {
    length: f64,
    unit: LengthUnit,
}

// The length is never NaN.
impl Eq for PhysicalScale {}

impl PhysicalScale {
    /// Creates a scale from the length of a pixel's side. Returns `None` unless the length is a positive number.
    ///
    /// Rounds to six significant digits, because scanners aren't more precise than that.
    #[must_use]
    pub(crate) fn new(length: f64, unit: LengthUnit) -> Option<Self> {
        let length: f64 = format!("{length:.5e}").parse().ok()?;
        (length.is_finite() && length > 0.0).then_some(Self { length, unit })
    }

    /// Parses a scale in its [`Display`](fmt::Display) format. Returns `None` if the text isn't a scale.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        LengthUnit::ALL.into_iter().find_map(|unit| {
            let length = text.strip_suffix(unit.abbreviation())?.parse().ok()?;
            Self::new(length, unit)
        })
    }

    /// Returns the length of a pixel's side in its [unit](Self::unit).
    #[must_use]
    pub fn length(self) -> f64 {
        self.length
    }

    /// Returns the unit of length.
    #[must_use]
    pub fn unit(self) -> LengthUnit {
        self.unit
    }
}

/// Formats the scale like `0.000499mm`.
impl fmt::Display for PhysicalScale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.length, self.unit.abbreviation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_read_as_it_was_written() {
        for (length, unit, text) in [
            (0.499 / 1000.0, LengthUnit::Millimeter, "0.000499mm"),
            (1.0 / 300.0, LengthUnit::Inch, "0.00333333in"),
            (0.01, LengthUnit::Centimeter, "0.01cm"),
        ] {
            let scale = PhysicalScale::new(length, unit).expect("a length");
            assert_eq!(scale.to_string(), text);
            assert_eq!(PhysicalScale::parse(text), Some(scale));
        }
    }

    #[test]
    fn only_positive_lengths_are_scales() {
        for length in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(PhysicalScale::new(length, LengthUnit::Inch), None);
        }
        for text in ["", "mm", "-1mm", "1 km", "inf in", "0mm"] {
            assert_eq!(PhysicalScale::parse(text), None, "{text}");
        }
    }
}
