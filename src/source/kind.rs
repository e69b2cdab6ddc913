//! The decoder and color conversion used for an image, identified by stable names.

use super::Dpi;
use super::samples::ColorModel;

/// The decoder used for an image and how its colors were converted.
///
/// These names are stored with published images, so they must never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceKind {
    /// File format, such as `jpeg` or `tiff`.
    pub format: &'static str,
    /// Format of the embedded image if it's different from the file's format. For example, a PDF page may be a JPEG.
    pub codec: Option<&'static str>,
    /// Resolution, if the image is a rendered page.
    pub rendered_dpi: Option<Dpi>,
    /// Color model, with a suffix if the ICC profile is used, such as `rgb` or `cmyk-icc`.
    pub color: &'static str,
}

impl SourceKind {
    /// Source kind for an image that's only described and never read.
    pub(super) const PLAIN_RGB: Self = Self { format: "pnm", codec: None, rendered_dpi: None, color: "rgb" };

    pub(super) fn new(format: &'static str, samples: ColorModel, has_profile: bool) -> Self {
        // Include the color conversion because it affects the resulting pixels. For example, a bug in our CMYK profile
        // tables would only affect images converted with them.
        let color = match (samples, has_profile) {
            (ColorModel::Gray, false) => "gray",
            (ColorModel::Gray, true) => "gray-icc",
            (ColorModel::Rgb, false) => "rgb",
            (ColorModel::Rgb, true) => "rgb-icc",
            (ColorModel::Cmyk, false) => "cmyk",
            (ColorModel::Cmyk, true) => "cmyk-icc",
            (ColorModel::Lab, _) => "lab",
        };
        Self { format, codec: None, rendered_dpi: None, color }
    }
}
