//! Image formats for published objects.

use std::fmt;

/// An image format, identified by the file extension in a request.
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
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Jpg, Self::Webp, Self::Png];

    /// Returns the format's name in requests and `info.json`.
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

    /// Returns the format with the given file extension, or `None` if it isn't supported.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// Returns the format's media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Png => "image/png",
        }
    }

    /// Returns the maximum width and height for this format, in pixels.
    #[must_use]
    pub(crate) fn max_side(self) -> u32 {
        match self {
            // libjpeg's limit (`JPEG_MAX_DIMENSION`).
            Self::Jpg => 65_500,
            // libwebp's 14-bit limit (`WEBP_MAX_DIMENSION`).
            Self::Webp => 16_383,
            // PNG specification, 11.2.1.
            Self::Png => i32::MAX.unsigned_abs(),
        }
    }
}

/// Displays the format's usual name, such as "JPEG".
impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jpg => "JPEG",
            Self::Webp => "WebP",
            Self::Png => "PNG",
        })
    }
}

/// Set of formats to publish an image in. Always includes JPEG.
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
    /// Creates a set with JPEG and the `extra` formats, listed in order of preference. JPEG and duplicates in `extra`
    /// are ignored.
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

    /// Returns all formats except JPEG, in order of preference.
    pub fn extra(self) -> impl Iterator<Item = Format> + Clone {
        self.extra.into_iter().flatten()
    }

    /// Returns all formats, starting with JPEG.
    pub fn all(self) -> impl Iterator<Item = Format> + Clone {
        std::iter::once(Format::Jpg).chain(self.extra())
    }

    /// Returns the number of formats.
    #[must_use]
    pub(crate) fn count(self) -> u64 {
        self.all().count() as u64
    }
}
