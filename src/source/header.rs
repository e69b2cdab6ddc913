//! Everything that's known about a source before its pixels are read.

use super::{Orientation, ReadOptions, Source, SourceError, SourceKind, Warning};
use crate::iiif::{PhysicalScale, Size};
use crate::pixel::{BlockLayout, PixelFormat};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Image header, containing everything that's known before reading any pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Displayed width and height in pixels.
    pub size: Size,
    /// Pixel format of the rows after conversion.
    #[doc(hidden)]
    pub format: PixelFormat,
    /// Human-readable file description, such as `JPEG` or `TIFF, 16 bit`.
    pub description: String,
    /// Decoder and color conversion.
    pub(crate) kind: SourceKind,
    /// File properties and details about their conversion.
    pub properties: SourceProperties,
    /// Additional memory needed for decoding, in bytes, beyond buffers for a few rows. This is 0 for most files and the
    /// size of the whole image for a few. Includes cached blocks if the file is remote.
    #[doc(hidden)]
    pub decoder_bytes: u64,
    /// Physical pixel size, if the file specifies it.
    pub scale: Option<PhysicalScale>,
    /// DCT block layout, for JPEG files that can be split into tiles without decoding.
    #[doc(hidden)]
    pub blocks: Option<Arc<BlockLayout>>,
    /// `true` if half-size rows aren't affected by pixels past the image's edges.
    #[doc(hidden)]
    pub has_clean_edges: bool,
    /// Additional memory needed to keep blocks while decoding, in bytes.
    #[doc(hidden)]
    pub block_bytes: u64,
    /// ICC profile to embed in every rendition if the colors weren't converted. `None` if they're sRGB.
    #[doc(hidden)]
    pub kept_profile: Option<Arc<[u8]>>,
}

impl Header {
    /// Returns a header for a generic RGB image of the given size that doesn't need color conversion.
    #[must_use]
    pub fn any_rgb(size: Size) -> Self {
        Self {
            size,
            format: PixelFormat::Rgb8,
            description: "any RGB image".to_owned(),
            kind: SourceKind::PLAIN_RGB,
            properties: SourceProperties::default(),
            decoder_bytes: 0,
            scale: None,
            blocks: None,
            has_clean_edges: false,
            block_bytes: 0,
            kept_profile: None,
        }
    }

    /// Reads the header of a local file. The format is detected from the content, not the file name.
    ///
    /// # Errors
    /// Returns an error if the file doesn't exist or isn't a supported image. Damage after the header isn't detected.
    pub fn read(path: &Path, options: ReadOptions) -> Result<Self, SourceError> {
        Ok(Source::open(path, options)?.header)
    }

    /// Returns any warnings about the header. [`Source::finish`] returns warnings found while reading the rest.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.properties.warnings
    }
}

/// File properties and details about the pixel conversion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceProperties {
    /// Color model and alpha, such as `RGB`, `CMYK` or `gray with alpha`.
    pub colors: String,
    /// Bits per sample in the file.
    pub bits: u16,
    /// Name of the ICC profile being used.
    pub profile: Option<String>,
    /// Orientation of the rows as stored.
    pub orientation: Orientation,
    /// Color conversion, such as `converted to sRGB`.
    pub conversion: String,
    /// Warnings about parts of the header that couldn't be honored.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for SourceProperties {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {} bit", self.colors, self.bits)?;
        // Skip the profile name if the conversion already includes it.
        let profile = self.profile.as_ref().map(|profile| format!("`{profile}`"));
        if let Some(profile) = profile.filter(|profile| !self.conversion.ends_with(profile)) {
            write!(formatter, ", profile {profile}")?;
        }
        write!(formatter, ", {}", self.conversion)?;
        self.orientation.describe().map_or(Ok(()), |turned| write!(formatter, ", {turned}"))?;
        self.warnings.iter().try_for_each(|warning| write!(formatter, ", warning: {warning}"))
    }
}
