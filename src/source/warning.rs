//! Warnings about parts of a file that can't be honored, even though the image can still be published.

use std::fmt;

/// Kind of [`Warning`]. Its [code](Self::code) must stay the same, because scripts and stored records rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WarningCode {
    /// The ICC profile is damaged, incomplete or made for a different color model. Colors are converted without it.
    ProfileUnusable,
    /// The ICC profile is too large to embed in published images. Colors are converted to sRGB instead.
    ProfileTooLarge,
    /// The EXIF data is damaged or contains an invalid orientation. The image is published in its stored orientation.
    OrientationUnreadable,
    /// The file doesn't specify its color model, so it was guessed from the number of samples.
    ColorsGuessed,
    /// Pixels have extra samples that aren't shown.
    SamplesIgnored,
    /// Samples are signed integers, and there's no standard for which values are black and white.
    SamplesSigned,
    /// The file contains other images besides the published one.
    PagesIgnored,
    /// Almost all floating-point samples fall outside the range from black to white.
    FloatOutOfRange,
    /// The range from black to white was determined from the samples.
    FloatRangeMeasured,
    /// All pixels are present, but the format's end marker is missing.
    EndMarkerMissing,
    /// A metadata block exceeds the size limit and was ignored.
    MetadataTooLarge,
    /// The image's high dynamic range (PQ or HLG) was compressed to sRGB.
    HdrConverted,
    /// Part of a page is damaged and isn't shown.
    ContentUnreadable,
}

impl WarningCode {
    /// All warning codes.
    pub const ALL: [Self; 13] = [
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
        Self::HdrConverted,
        Self::ContentUnreadable,
    ];

    /// Returns the stable code, such as `profile-unusable`.
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
            Self::HdrConverted => "hdr-converted",
            Self::ContentUnreadable => "content-unreadable",
        }
    }

    /// Returns a human-readable summary that doesn't depend on the file.
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
            Self::HdrConverted => "its high dynamic range is compressed",
            Self::ContentUnreadable => "some of its content is not shown",
        }
    }

    /// Returns the warning kind for a code, or `None` if the code is unknown.
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

/// A part of a file that couldn't be honored. The image is published anyway.
///
/// Displays as its text and code: `the file ends without its end marker (end-marker-missing)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Kind of warning.
    pub code: WarningCode,
    /// Human-readable description. It starts with a lowercase letter and doesn't include the file name.
    pub text: String,
}

impl Warning {
    /// Creates a warning for an image published by an earlier run. The details can be found in that run's output.
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
