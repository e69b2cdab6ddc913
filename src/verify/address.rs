//! Address of the image to verify.

use crate::http::Url;
use crate::iiif::Plan;
use std::fmt;
use std::str::FromStr;

/// URL of an `info.json`, as entered by the user. The image's base URI is also accepted.
///
/// ```
/// use iiif_publish::verify::InfoUrl;
/// let url: InfoUrl = "https://example.org/iiif/photo/info.json".parse()?;
/// assert_eq!(url.base_uri(), "https://example.org/iiif/photo");
/// assert_eq!("https://example.org/iiif/photo/".parse::<InfoUrl>()?, url);
/// assert!("https://name:secret@example.org/photo".parse::<InfoUrl>().is_err());
/// # Ok::<(), iiif_publish::verify::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfoUrl(String);

/// Returned for an invalid `info.json` URL. The error doesn't include the URL because it may contain a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text isn't an absolute HTTP or HTTPS URL.
    #[error("not a URL such as https://example.org/photo/info.json")]
    NotWeb,
    /// The URL contains a user name or password, which would appear on every line of a report.
    #[error("the URL contains a user name or a password, which reports would reveal")]
    Secret,
    /// The URL contains a query or fragment, so paths can't be appended to it.
    #[error("the URL contains `?` or `#`, so no path can be appended to it")]
    Query,
}

impl FromStr for InfoUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let is_plain = !text.contains(|character: char| character.is_control() || character.is_whitespace());
        let url = Url::parse(text).ok().filter(|url| is_plain && matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or(AddressError::NotWeb)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Secret);
        }
        if text.contains(['?', '#']) {
            return Err(AddressError::Query);
        }
        Ok(Self(Self::base_of(text).to_owned()))
    }
}

impl InfoUrl {
    /// Returns the image's base URI. There is no trailing slash because viewers append one.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        &self.0
    }

    /// Returns everything before `/info.json`.
    pub(super) fn base_of(text: &str) -> &str {
        let folder = text.strip_suffix(Plan::INFO_JSON).filter(|folder| folder.ends_with('/'));
        folder.unwrap_or(text).trim_end_matches('/')
    }
}

impl fmt::Display for InfoUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.0, Plan::INFO_JSON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_uri_is_the_part_before_info_json() {
        assert_eq!(InfoUrl::base_of("https://example.org/a/info.json"), "https://example.org/a");
        assert_eq!(InfoUrl::base_of("https://example.org/my-info.json"), "https://example.org/my-info.json");
    }

    #[test]
    fn only_plain_http_urls_are_accepted() {
        for (text, error) in [
            ("photo/info.json", AddressError::NotWeb),
            ("file:///etc/passwd", AddressError::NotWeb),
            ("https://example.org/a b", AddressError::NotWeb),
            ("https://user@example.org/a", AddressError::Secret),
            ("https://example.org/a/info.json?token=x", AddressError::Query),
        ] {
            assert_eq!(text.parse::<InfoUrl>(), Err(error), "{text}");
        }
    }
}
