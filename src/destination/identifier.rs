//! Image identifiers and version names.

use crate::store::{KeyError, check_path, encoded};
use std::fmt;
use std::str::FromStr;

/// An image identifier, relative to the prefix. Slashes separate folders.
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

    /// Returns the identifier of the file if this may be a page of it, such as `book` for `book/7`. Page numbers are
    /// never padded.
    #[must_use]
    pub(crate) fn file_of_page(&self) -> Option<Self> {
        let (file, page) = self.0.rsplit_once('/')?;
        is_page_number(page).then(|| Self(file.to_owned()))
    }

    /// Returns the identifier percent-encoded for use in a URL.
    #[must_use]
    pub fn in_url(&self) -> String {
        encoded(&self.0)
    }
}

/// Returns `true` if a segment of an identifier may be the number of a page.
pub(crate) fn is_page_number(name: &str) -> bool {
    name.parse::<u32>().is_ok_and(|number| number > 0 && number.to_string() == name)
}

/// Name of an image version: `v` followed by twelve hexadecimal digits. The name is derived from the content, so
/// identical content always gets the same name.
///
/// Image API paths never look like this.
///
/// ```
/// use iiif_publish::destination::VersionName;
/// assert!("v0123456789ab".parse::<VersionName>().is_ok());
/// assert!("v0123456789AB".parse::<VersionName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionName(String);

/// Error returned when text isn't a valid version name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a version is `v` and twelve hexadecimal digits")]
pub struct VersionNameError;

impl VersionName {
    const DIGITS: usize = 12;
    /// Purpose of the reserved segment, for error messages.
    const PURPOSE: &str = "versions: `v` and twelve hexadecimal digits";

    /// Creates a version name from the content's hexadecimal digest.
    ///
    /// # Errors
    /// Returns an error if `hash` has fewer than twelve digits.
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
    fn pages_have_plain_numbers() {
        let file = |text: &str| text.parse::<Identifier>().expect("an identifier").file_of_page();
        assert_eq!(file("a/book/17").map(|file| file.to_string()).as_deref(), Some("a/book"));
        assert_eq!(
            [file("17"), file("book/017"), file("book/0"), file("book/x"), file("book/+1")],
            [const { None }; 5]
        );
    }

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
