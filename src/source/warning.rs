//! Warnings about parts of a file that are not honored although its image can be published.

use std::fmt;

/// The kind of a [`Warning`]. Its [code](Self::code) is stable: scripts and stored records depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WarningCode {
    /// The ICC profile is damaged, incomplete, or made for other colors. The colors are converted without it.
    ProfileUnusable,
    /// The ICC profile is larger than a published image may carry. The colors are converted to sRGB instead.
    ProfileTooLarge,
    /// The EXIF data is damaged or has an invalid orientation. The image is published as stored.
    OrientationUnreadable,
    /// The file does not name its colors. They are guessed from the number of samples.
    ColorsGuessed,
    /// Pixels have more samples than are shown.
    SamplesIgnored,
    /// The samples are signed integers, for which there is no agreed black and white.
    SamplesSigned,
    /// The file has more images than the one that is published.
    PagesIgnored,
    /// Nearly all floating-point samples are outside the range between black and white.
    FloatOutOfRange,
    /// The range between black and white was taken from the samples.
    FloatRangeMeasured,
    /// All pixels are present, but the file lacks the end marker of its format.
    EndMarkerMissing,
    /// A block of metadata is larger than the limit. It is ignored.
    MetadataTooLarge,
}

impl WarningCode {
    /// All codes.
    pub const ALL: [Self; 11] = [
        Self::ProfileUnusable,
        Self::ProfileTooLarge,
        Self::OrientationUnreadable,
        Self::ColorsGuessed,
        Self::SamplesIgnored,
        Self::SamplesSigned,
        Self::PagesIgnored,
        Self::FloatOutOfRange,
        Self::FloatRangeMeasured,
        Self::EndMarkerMissing,
        Self::MetadataTooLarge,
    ];

    /// Returns the stable code, for example `profile-unusable`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ProfileUnusable => "profile-unusable",
            Self::ProfileTooLarge => "profile-too-large",
            Self::OrientationUnreadable => "orientation-unreadable",
            Self::ColorsGuessed => "colors-guessed",
            Self::SamplesIgnored => "samples-ignored",
            Self::SamplesSigned => "samples-signed",
            Self::PagesIgnored => "pages-ignored",
            Self::FloatOutOfRange => "float-out-of-range",
            Self::FloatRangeMeasured => "float-range-measured",
            Self::EndMarkerMissing => "end-marker-missing",
            Self::MetadataTooLarge => "metadata-too-large",
        }
    }

    /// Returns a clause for people that needs no details of the file.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::ProfileUnusable => "its ICC profile is unusable",
            Self::ProfileTooLarge => "its ICC profile is too large for a published image",
            Self::OrientationUnreadable => "its orientation is unreadable",
            Self::ColorsGuessed => "its colors are guessed",
            Self::SamplesIgnored => "some of its samples are not shown",
            Self::SamplesSigned => "its samples are signed",
            Self::PagesIgnored => "only one of its images is published",
            Self::FloatOutOfRange => "nearly all of its floating-point samples are out of range",
            Self::FloatRangeMeasured => "its floating-point range is measured",
            Self::EndMarkerMissing => "its end marker is missing",
            Self::MetadataTooLarge => "some of its metadata is too large",
        }
    }

    /// Returns the kind with a code, if there is one.
    #[must_use]
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for WarningCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// A part of a file that was not honored, although the image is published.
///
/// ```
/// use iiif_publish::source::{Warning, WarningCode};
/// let warning = Warning::new(WarningCode::EndMarkerMissing, "the file ends without its end marker");
/// assert_eq!(warning.to_string(), "the file ends without its end marker (end-marker-missing)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The kind.
    pub code: WarningCode,
    /// A lower-case clause for people, without the name of the file.
    pub text: String,
}

impl Warning {
    /// Creates a warning of an image that an earlier run published: the details are in that run's output.
    #[must_use]
    pub(crate) fn remembered(code: WarningCode) -> Self {
        Self::new(code, code.summary())
    }

    /// Creates a warning.
    pub(crate) fn new(code: WarningCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.text, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_maps_back_to_its_kind() {
        for kind in WarningCode::ALL {
            assert_eq!(WarningCode::from_code(kind.code()), Some(kind));
        }
        assert_eq!(WarningCode::from_code("profile"), None);
    }
}
