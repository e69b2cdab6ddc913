//! Limits on deletion and reasons to refuse it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Error returned when parsing an invalid [`DeleteLimit`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of images, or a percentage such as `10%`")]
pub struct DeleteLimitError;

/// Maximum number of images that a run may delete. If more images are stale, none are deleted.
///
/// ```
/// use iiif_publish::collection::ingest::DeleteLimit;
/// assert_eq!("5%".parse(), Ok(DeleteLimit::Percent(5)));
/// assert_eq!("20".parse(), Ok(DeleteLimit::Images(20)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteLimit {
    /// An absolute number of images.
    Images(u64),
    /// A percentage of all images published below the prefix.
    Percent(u8),
}

impl DeleteLimit {
    /// Default limit used by the command line.
    pub const DEFAULT: Self = Self::Percent(10);

    pub(super) fn allows(self, deleted: u64, all: u64) -> bool {
        match self {
            Self::Images(most) => deleted <= most,
            Self::Percent(percent) => deleted.saturating_mul(100) <= all.saturating_mul(percent.into()),
        }
    }
}

impl FromStr for DeleteLimit {
    type Err = DeleteLimitError;

    fn from_str(text: &str) -> Result<Self, DeleteLimitError> {
        let limit = match text.strip_suffix('%') {
            Some(percent) => percent.parse().map(Self::Percent),
            None => text.parse().map(Self::Images),
        };
        limit.map_err(|_| DeleteLimitError)
    }
}

impl fmt::Display for DeleteLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Images(images) => write!(formatter, "{images}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

/// Reasons to keep all images, even those that are no longer in the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PruneRefusal {
    /// Parts of the input couldn't be read, so some images may be missing.
    #[error("refusing to delete images: the input could not be read completely")]
    Unread,
    /// An input folder is empty but has published images. It may be the mount point of a missing disk.
    #[error("refusing to delete images: `{}` is empty, but the store has {} of it", folder.display(), counted(*.images, "image"))]
    EmptyFolder {
        /// Path to the folder.
        folder: PathBuf,
        /// Number of published images from this folder.
        images: u64,
    },
    /// A list or table refers to files that don't exist.
    #[error("refusing to delete images: {} of the list or table cannot be found", counted(*.files, "file"))]
    MissingFiles {
        /// Number of missing files.
        files: u64,
    },
    /// A table has hidden rows. They aren't published now, but may have been earlier.
    #[error("refusing to delete images: the table has {}", counted(*.rows, "hidden row"))]
    HiddenRows {
        /// Number of hidden rows.
        rows: u64,
    },
    /// The number of images to delete exceeds the limit.
    #[error(
        "refusing to delete {} of {} images (limit: {limit})",
        grouped(*.stale),
        grouped(*.published)
    )]
    Limit {
        /// Number of images that are no longer in the input.
        stale: u64,
        /// Total number of images published below the prefix.
        published: u64,
        /// The limit that was exceeded.
        limit: DeleteLimit,
    },
}

impl PruneRefusal {
    /// Returns `true` if the input is probably not the one that is meant, such as a folder of a disk that isn't mounted.
    /// The collection must not be rebuilt from it.
    pub(super) fn doubts_input(&self) -> bool {
        match self {
            Self::EmptyFolder { .. } | Self::Limit { .. } => true,
            // The images that were read are all that the collection may show.
            Self::Unread | Self::MissingFiles { .. } | Self::HiddenRows { .. } => false,
        }
    }
}

/// Formats a count together with its noun, adding a plural `s` if needed.
fn counted(count: u64, singular: &str) -> String {
    format!("{} {singular}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Formats a number with commas as thousands separators.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_share() {
        let allows = |limit: &str, deleted| limit.parse::<DeleteLimit>().expect("a limit").allows(deleted, 200);
        assert!(allows("10%", 20) && !allows("10%", 21));
        assert!(allows("0", 0) && allows("3", 3) && !allows("3", 4) && allows("100%", 200));
        assert!("ten".parse::<DeleteLimit>().is_err() && "-1".parse::<DeleteLimit>().is_err());
        assert_eq!(DeleteLimit::DEFAULT.to_string().parse(), Ok(DeleteLimit::DEFAULT));
    }

    #[test]
    fn refusals_group_the_digits_of_large_numbers() {
        let refusal = PruneRefusal::Limit { stale: 1234, published: 1_000_000, limit: DeleteLimit::DEFAULT };
        let expected = "refusing to delete 1,234 of 1,000,000 images (limit: 10%)";
        assert_eq!(refusal.to_string(), expected);
        assert_eq!(
            PruneRefusal::HiddenRows { rows: 1 }.to_string(),
            "refusing to delete images: the table has 1 hidden row"
        );
        assert_eq!([counted(0, "file"), counted(999, "file")], ["0 files", "999 files"]);
    }
}
