//! Derives the physical pixel size from a file's pixel density.

use crate::iiif::{LengthUnit, PhysicalScale};

/// Densities in pixels per inch that programs write without knowing the object's size. These are screen densities (also
/// rounded to 28 and 38 pixels per centimeter) and libvips' default of one pixel per millimeter.
const DEFAULTS: [f64; 5] = [72.0, 96.0, 71.12, 96.52, 25.4];

/// Maximum relative difference from a default, and between the two directions. PNG rounds to whole pixels per meter.
const TOLERANCE: f64 = 0.002;

/// Minimum plausible density in pixels per inch. Files with 1 pixel per inch use the field for an aspect ratio.
const MIN_DENSITY: f64 = 5.0;

/// Returns the scale for a number of pixels per `unit` in each direction, or `None` if it's a default or implausible.
pub(in crate::source) fn scale_of_density(per_unit: (f64, f64), unit: LengthUnit) -> Option<PhysicalScale> {
    let per_inch = per_unit.0
        * match unit {
            LengthUnit::Millimeter => 25.4,
            LengthUnit::Centimeter => 2.54,
            LengthUnit::Inch => 1.0,
        };
    let is_near = |one: f64, other: f64| (one - other).abs() <= other * TOLERANCE;
    let is_default = DEFAULTS.into_iter().any(|default| is_near(per_inch, default));
    if is_default || !(MIN_DENSITY..).contains(&per_inch) || !is_near(per_unit.1, per_unit.0) {
        return None;
    }
    PhysicalScale::new(1.0 / per_unit.0, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_densities_are_scales_and_defaults_are_not() {
        let scale = |x: f64, y: f64, unit| scale_of_density((x, y), unit).map(|scale| scale.to_string());
        assert_eq!(scale(400.0, 400.0, LengthUnit::Inch), Some("0.0025in".to_owned()));
        assert_eq!(scale(118.11, 118.11, LengthUnit::Centimeter), Some("0.00846668cm".to_owned()));
        assert_eq!(scale(11.811, 11.811, LengthUnit::Millimeter), Some("0.0846668mm".to_owned()));
        for (density, unit) in [
            (72.0, LengthUnit::Inch),
            (96.0, LengthUnit::Inch),
            (1.0, LengthUnit::Inch),
            (0.0, LengthUnit::Inch),
            (-300.0, LengthUnit::Inch),
            (f64::NAN, LengthUnit::Inch),
            (f64::INFINITY, LengthUnit::Inch),
            (28.0, LengthUnit::Centimeter),
            (28.346, LengthUnit::Centimeter),
            (10.0, LengthUnit::Centimeter),
            (2.835, LengthUnit::Millimeter),
            (3.78, LengthUnit::Millimeter),
        ] {
            assert_eq!(scale(density, density, unit), None, "{density} per {unit:?}");
        }
        assert_eq!(scale(300.0, 150.0, LengthUnit::Inch), None, "pixels aren't square");
    }
}
