//! The formats that a picture is stored in.

use std::fmt;

/// A format, as the last part of a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// JPEG, which Level 0 requires.
    Jpg,
    /// WebP, here always lossy.
    Webp,
    /// PNG.
    Png,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Jpg, Self::Webp, Self::Png];

    /// Its name in requests and in `info.json`.
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

    /// The format with this name in requests.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// The media type to serve it with.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Png => "image/png",
        }
    }

    /// The longest side of a picture, in pixels.
    #[must_use]
    pub fn max_side(self) -> u32 {
        match self {
            // As libjpeg writes it (`JPEG_MAX_DIMENSION`).
            Self::Jpg => 65_500,
            // `WEBP_MAX_DIMENSION` of libwebp: 14 bits.
            Self::Webp => 16_383,
            // PNG specification, 11.2.1.
            Self::Png => i32::MAX.unsigned_abs(),
        }
    }
}

/// As people call it.
impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jpg => "JPEG",
            Self::Webp => "WebP",
            Self::Png => "PNG",
        })
    }
}

/// The formats of one image: JPEG always, and perhaps others beside it.
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
    /// JPEG and these, in the order in which viewers should prefer them. JPEG among them and repetitions change nothing.
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

    /// Those beside JPEG, the preferred one first.
    pub fn extra(self) -> impl Iterator<Item = Format> + Clone {
        self.extra.into_iter().flatten()
    }

    /// All of them, JPEG first.
    pub fn all(self) -> impl Iterator<Item = Format> + Clone {
        std::iter::once(Format::Jpg).chain(self.extra())
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u64 {
        self.all().count() as u64
    }
}
