//! Determines the physical pixel size from a slide's description or the resolution tags.

use super::description::{Description, attribute};
use super::tags::{self, Tags};
use crate::iiif::{LengthUnit, PhysicalScale};
use crate::source::metadata::scale_of_density;

/// Returns the physical size of a directory's pixels, if known.
pub(super) fn scale(tags: Tags<'_>) -> Option<PhysicalScale> {
    Description::read(tags).and_then(|description| in_description(&description)).or_else(|| resolution(tags))
}

/// Returns the scale from `XResolution`, `YResolution` and `ResolutionUnit`.
fn resolution(tags: Tags<'_>) -> Option<PhysicalScale> {
    let per_unit = |tag| tags.fractions(tag, 1).ok().flatten()?.first().copied();
    let unit = match tags.choice(tags::RESOLUTION_UNIT, 2).ok()? {
        2 => LengthUnit::Inch,
        3 => LengthUnit::Centimeter,
        // The resolution is only an aspect ratio.
        _ => return None,
    };
    scale_of_density((per_unit(tags::X_RESOLUTION)?, per_unit(tags::Y_RESOLUTION)?), unit)
}

/// Returns the scale from an Aperio or OME-XML slide description.
fn in_description(description: &Description) -> Option<PhysicalScale> {
    let text = description.as_str();
    if description.is_aperio() {
        let field = text.split('|').find_map(|field| field.trim().strip_prefix("MPP"))?;
        let micrometers: f64 = field.trim_start().strip_prefix('=')?.trim().parse().ok()?;
        return PhysicalScale::new(micrometers / 1000.0, LengthUnit::Millimeter);
    }
    if !description.is_ome() {
        return None;
    }
    let pixels = text.split('<').find_map(|tag| tag.strip_prefix("Pixels"))?;
    let length = |name: &str, unit: &str| {
        let number: f64 = attribute(pixels, name)?.parse().ok()?;
        Some(number * millimeters(attribute(pixels, unit).unwrap_or("µm"))?)
    };
    let x = length("PhysicalSizeX", "PhysicalSizeXUnit")?;
    let y = length("PhysicalSizeY", "PhysicalSizeYUnit")?;
    // The physical dimensions service has a single scale for both directions.
    let is_square = (x - y).abs() <= x * 0.01;
    PhysicalScale::new(x, LengthUnit::Millimeter).filter(|_| is_square)
}

/// Returns the length of an OME-XML unit in millimeters, or `None` if it isn't a unit of length.
fn millimeters(unit: &str) -> Option<f64> {
    Some(match unit {
        "nm" => 1e-6,
        // The micro sign and the Greek letter mu, including their character references.
        "\u{b5}m" | "\u{3bc}m" | "&#181;m" | "&#xB5;m" | "&#xb5;m" | "&#956;m" | "um" => 1e-3,
        "mm" => 1.0,
        "cm" => 10.0,
        "m" => 1000.0,
        "in" => 25.4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_a_slide_is_in_its_description() {
        let scale = |text: &str| in_description(&Description::new(text)).map(|scale| scale.to_string());
        let aperio = "Aperio Image Library v11\n46000x32914 (240x240) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990|Left = 25";
        assert_eq!(scale(aperio).as_deref(), Some("0.000499mm"));
        assert_eq!(scale("Aperio Image Library v11\nno scale|MPP = unknown"), None);
        assert_eq!(scale("MPP = 0.4990"), None, "another program may mean something else");
        let ome = |pixels: &str| {
            scale(&format!("<?xml version=\"1.0\"?><OME xmlns=\"x\"><Image ID=\"Image:0\"><Pixels {pixels}><Channel/>"))
        };
        assert_eq!(ome("SizeX=\"4\" PhysicalSizeX=\"0.5\" PhysicalSizeY=\"0.5\"").as_deref(), Some("0.0005mm"));
        let nanometers = "PhysicalSizeX='250' PhysicalSizeXUnit='nm' PhysicalSizeY='0.25' PhysicalSizeYUnit='&#181;m'";
        assert_eq!(ome(nanometers).as_deref(), Some("0.00025mm"));
        assert_eq!(ome("PhysicalSizeX=\"1\" PhysicalSizeY=\"2\""), None, "pixels aren't square");
        assert_eq!(ome("PhysicalSizeX=\"1\" PhysicalSizeXUnit=\"pixel\" PhysicalSizeY=\"1\""), None);
        assert_eq!(ome("SizeX=\"4\""), None);
    }
}
