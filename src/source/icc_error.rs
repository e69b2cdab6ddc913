//! Reasons for which an ICC profile cannot be used.

use moxcms::CmsError;

/// Reason for which a profile cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The profile is for another color model.
    WrongColors,
    /// The profile is inconsistent, or of a kind that the library does not support.
    Damaged(String),
}

impl From<CmsError> for Unusable {
    fn from(error: CmsError) -> Self {
        // The library's messages for these contain Rust structures.
        Self::Damaged(match error {
            CmsError::MalformedClut(_) | CmsError::MalformedCurveLutTable(_) => {
                "one of its tables has an impossible size".to_owned()
            }
            CmsError::UnsupportedLutRenderingIntent(_) => "it has no table for relative colorimetry".to_owned(),
            error => error.to_string(),
        })
    }
}
