//! The decoder and the color path of an image, by stable names.

use super::samples::ColorModel;

/// The decoder of an image, and the conversion of its colors.
///
/// The names are stored with published images and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceKind {
    /// The file format: `jpeg`, `tiff`, …
    pub format: &'static str,
    /// The colors, and if their profile is used: `rgb`, `cmyk-icc`, …
    pub color: &'static str,
}

impl SourceKind {
    /// The kind of an image that is only described, not read.
    pub(super) const PLAIN_RGB: Self = Self { format: "pnm", color: "rgb" };

    pub(super) fn new(format: &'static str, samples: ColorModel, has_profile: bool) -> Self {
        // The path of the colors is part of what made the pixels: a mistake in the tables of CMYK profiles concerns
        // these images only.
        let color = match (samples, has_profile) {
            (ColorModel::Gray, false) => "gray",
            (ColorModel::Gray, true) => "gray-icc",
            (ColorModel::Rgb, false) => "rgb",
            (ColorModel::Rgb, true) => "rgb-icc",
            (ColorModel::Cmyk, false) => "cmyk",
            (ColorModel::Cmyk, true) => "cmyk-icc",
            (ColorModel::Lab, _) => "lab",
        };
        Self { format, color }
    }
}
