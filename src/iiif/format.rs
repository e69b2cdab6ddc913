//! The image formats of published objects.

use std::fmt;

/// An image format, as named by the last part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG, which Level 0 requires.
    Jpg,
    /// WebP, always lossy.
    Webp,
    /// PNG.
    Png,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Jpg, Self::Webp, Self::Png];

    /// Returns the name of the format in requests and in `info.json`.
    ///
    /// ```
    /// use iiif_publish::iiif::Format;
    /// assert_eq!(Format::of_extension("webp"), Some(Format::Webp));
    /// assert_eq!(Format::of_extension("jpeg"), None);
    /// assert!(Format::ALL.into_iter().all(|format| Format::of_extension(format.extension()) == Some(format)));
    /// ```
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Webp => "webp",
            Self::Png => "png",
        }
    }

    /// Returns the format with this name in requests, or `None` if it is not supported.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// Returns the media type to serve the format with.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Png => "image/png",
        }
    }

    /// Returns the maximum width and height of an image in this format, in pixels.
    #[must_use]
    pub(crate) fn max_side(self) -> u32 {
        match self {
            // libjpeg's limit (`JPEG_MAX_DIMENSION`).
            Self::Jpg => 65_500,
            // libwebp's limit (`WEBP_MAX_DIMENSION`): 14 bits.
            Self::Webp => 16_383,
            // PNG specification, 11.2.1.
            Self::Png => i32::MAX.unsigned_abs(),
        }
    }
}

/// Writes the usual name of the format, such as "JPEG".
impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jpg => "JPEG",
            Self::Webp => "WebP",
            Self::Png => "PNG",
        })
    }
}

/// The formats of one image: always JPEG, plus optional extra formats.
///
/// ```
/// use iiif_publish::iiif::{Format, Formats};
/// let formats = Formats::beside_jpg([Format::Png, Format::Jpg, Format::Webp, Format::Png]);
/// assert!(formats.extra().eq([Format::Png, Format::Webp]));
/// assert!(formats.all().eq([Format::Jpg, Format::Png, Format::Webp]));
/// assert!(Formats::default().all().eq([Format::Jpg]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    extra: [Option<Format>; 2],
}

impl Formats {
    /// Creates the set of JPEG and the `extra` formats, given in order of preference. Ignores JPEG and duplicates in
    /// `extra`.
    #[must_use]
    pub fn beside_jpg(extra: impl IntoIterator<Item = Format>) -> Self {
        let mut formats = Self::default();
        for format in extra.into_iter().filter(|format| *format != Format::Jpg) {
            let is_known = formats.extra.contains(&Some(format));
            if let Some(place) = formats.extra.iter_mut().find(|place| place.is_none()).filter(|_| !is_known) {
                *place = Some(format);
            }
        }
        formats
    }

    /// Returns the formats other than JPEG, the preferred one first.
    pub fn extra(self) -> impl Iterator<Item = Format> + Clone {
        self.extra.into_iter().flatten()
    }

    /// Returns all formats, JPEG first.
    pub fn all(self) -> impl Iterator<Item = Format> + Clone {
        std::iter::once(Format::Jpg).chain(self.extra())
    }

    /// Returns the number of formats.
    #[must_use]
    pub(crate) fn count(self) -> u64 {
        self.all().count() as u64
    }
}
