//! Selects pages of a file.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Pages of a file to publish.
///
/// ```
/// use iiif_publish::collection::PageSelection;
/// assert_eq!("all".parse(), Ok(PageSelection::All));
/// assert_eq!("2".parse(), Ok(PageSelection::One(2)));
/// assert_eq!("2-5".parse::<PageSelection>()?.to_string(), "2-5");
/// assert!("5-2".parse::<PageSelection>().is_err());
/// # Ok::<(), iiif_publish::collection::PageSelectionError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PageSelection {
    /// All pages, unless the file has already been published as one image.
    #[default]
    Auto,
    /// All pages. Each page is an image, and the file is an object. A file with one page is one image.
    All,
    /// The pages of a range, as an object like [`All`](Self::All).
    Range(PageRange),
    /// A single page, counting from 1, as one image with the file's identifier.
    One(u32),
}

/// Several consecutive pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRange {
    first: u32,
    last: u32,
}

/// Error returned when parsing a selection of pages fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a page like 1, a range like 2-5, or `all`")]
pub struct PageSelectionError;

impl PageSelection {
    /// Returns the selected pages of a file with `count` pages, or the first selected page that it doesn't have.
    pub(crate) fn of(self, count: u32) -> Result<RangeInclusive<u32>, u32> {
        match self {
            Self::Auto | Self::All => Ok(1..=count),
            Self::Range(range) if range.last > count => Err(range.first.max(count.saturating_add(1))),
            Self::Range(range) => Ok(range.first..=range.last),
            Self::One(page) if page > count => Err(page),
            Self::One(page) => Ok(page..=page),
        }
    }
}

impl FromStr for PageSelection {
    type Err = PageSelectionError;

    fn from_str(text: &str) -> Result<Self, PageSelectionError> {
        let page = |text: &str| text.trim().parse().ok().filter(|page| *page > 0).ok_or(PageSelectionError);
        match text.split_once(['-', '–']) {
            None if text.eq_ignore_ascii_case("all") => Ok(Self::All),
            None => page(text).map(Self::One),
            Some((first, last)) => {
                let range = PageRange { first: page(first)?, last: page(last)? };
                if range.first <= range.last { Ok(Self::Range(range)) } else { Err(PageSelectionError) }
            }
        }
    }
}

impl fmt::Display for PageSelection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto | Self::All => formatter.write_str("all"),
            Self::Range(PageRange { first, last }) => write!(formatter, "{first}-{last}"),
            Self::One(page) => write!(formatter, "{page}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_page_a_range_or_all() {
        for (text, expected) in [
            ("all", Some("all")),
            ("ALL", Some("all")),
            ("7", Some("7")),
            ("3 - 9", Some("3-9")),
            ("3-3", Some("3-3")),
            ("0", None),
            ("9-3", None),
            ("1-", None),
            ("1,2", None),
            ("", None),
        ] {
            let parsed = text.parse::<PageSelection>().ok().map(|selection| selection.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn pages_beyond_the_end_are_named() {
        let of = |text: &str, count| text.parse::<PageSelection>().expect("a selection").of(count);
        assert_eq!(of("all", 3), Ok(1..=3));
        assert_eq!(of("2-3", 3), Ok(2..=3));
        assert_eq!([of("2-5", 3), of("7-9", 3), of("4", 3)], [Err(4), Err(7), Err(4)]);
    }
}
