//! Identifiers of images, and names of their versions.

use crate::store::{KeyError, check_path, encoded};
use std::fmt;
use std::str::FromStr;

/// The identifier of an image below the prefix. Slashes separate folders.
///
/// ```
/// use iiif_publish::destination::Identifier;
/// assert!("manuscripts/ms-1/f.2r".parse::<Identifier>().is_ok());
/// assert!("../secrets".parse::<Identifier>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier(String);

impl FromStr for Identifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        check_path(text)?;
        if text.split('/').any(|segment| segment.parse::<VersionName>().is_ok()) {
            return Err(KeyError::Reserved { text: text.to_owned(), purpose: VersionName::PURPOSE });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Identifier {
    /// Returns the identifier without percent-encoding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the identifier percent-encoded for a URL.
    #[must_use]
    pub fn in_url(&self) -> String {
        encoded(&self.0)
    }
}

/// The name of a version of an image: `v` and twelve hexadecimal digits. The same content always has the same name.
///
/// No path of the Image API has this form.
///
/// ```
/// use iiif_publish::destination::VersionName;
/// assert!("v0123456789ab".parse::<VersionName>().is_ok());
/// assert!("v0123456789AB".parse::<VersionName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionName(String);

/// The text is not the name of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a version is `v` and twelve hexadecimal digits")]
pub struct VersionNameError;

impl VersionName {
    const DIGITS: usize = 12;
    /// The use of reserved segments, for error messages.
    const PURPOSE: &str = "versions: `v` and twelve hexadecimal digits";

    /// Returns the name of the version whose content has the hexadecimal digest `hash`.
    ///
    /// # Errors
    /// If `hash` has fewer than twelve digits.
    pub fn of_hash(hash: &str) -> Result<Self, VersionNameError> {
        format!("v{}", hash.get(..Self::DIGITS).ok_or(VersionNameError)?).parse()
    }
}

impl FromStr for VersionName {
    type Err = VersionNameError;

    fn from_str(text: &str) -> Result<Self, VersionNameError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits =
            text.strip_prefix('v').filter(|digits| digits.len() == Self::DIGITS && digits.bytes().all(is_digit));
        digits.map(|_| Self(text.to_owned())).ok_or(VersionNameError)
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_paths_without_version_names() {
        for hostile in ["", "../x", "a//b", "a\0b"] {
            assert!(hostile.parse::<Identifier>().is_err(), "{hostile:?}");
        }
        let error = "a/v0123456789ab".parse::<Identifier>().expect_err("reserved");
        assert_eq!(
            error.to_string(),
            "`a/v0123456789ab` contains a segment that is reserved for versions: `v` and twelve hexadecimal digits"
        );
    }
}
