//! Page names.

use crate::destination::Identifier;
use std::fmt;
use std::str::FromStr;

/// A page's file name. It must end with `.html` and can't contain slashes, so it never clashes with an image's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageName(Identifier);

impl PageName {
    /// Default page name.
    pub const DEFAULT: &str = "viewer.html";

    /// Returns the name as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns `true` if the image's objects would be stored below this name, as if it were a folder.
    #[must_use]
    pub(crate) fn is_folder_of(&self, identifier: &Identifier) -> bool {
        identifier.as_str().split('/').next() == Some(self.0.as_str())
    }
}

/// Error returned when parsing an invalid page name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a page, such as maps.html")]
pub struct PageNameError;

impl FromStr for PageName {
    type Err = PageNameError;

    fn from_str(text: &str) -> Result<Self, PageNameError> {
        let is_page = text.strip_suffix(".html").is_some_and(|stem| !stem.is_empty() && !stem.contains('/'));
        let name = text.parse().ok().filter(|_| is_page).map(Self);
        name.ok_or(PageNameError)
    }
}

impl fmt::Display for PageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_called_like_no_object_of_an_image() {
        for name in ["viewer.html", "my maps.html", "index.html"] {
            assert!(name.parse::<PageName>().is_ok(), "{name}");
        }
        for name in ["", ".html", "photo/info.json", "photo/x.html", "../x.html", "photo.jpg", "a\\b.html"] {
            assert!(name.parse::<PageName>().is_err(), "{name}");
        }
    }
}
