//! Reasons an ICC profile can't be used.

use moxcms::CmsError;

/// Reason an ICC profile can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The profile is for a different color model.
    WrongColors,
    /// The profile is inconsistent, or `moxcms` doesn't support it.
    Damaged(String),
}

impl From<CmsError> for Unusable {
    fn from(error: CmsError) -> Self {
        // The library's messages for these errors include Rust debug output.
        Self::Damaged(match error {
            CmsError::MalformedClut(_) | CmsError::MalformedCurveLutTable(_) => {
                "one of its tables has an impossible size".to_owned()
            }
            CmsError::UnsupportedLutRenderingIntent(_) => "it has no table for relative colorimetry".to_owned(),
            error => error.to_string(),
        })
    }
}
