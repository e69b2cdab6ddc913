//! The limit of deletions, and reasons to delete nothing.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The text is not a [`DeleteLimit`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of images, or a percentage such as `10%`")]
pub struct DeleteLimitError;

/// The number of images that a run may delete. A run that would delete more deletes nothing.
///
/// ```
/// use iiif_publish::collection::ingest::DeleteLimit;
/// assert_eq!("5%".parse(), Ok(DeleteLimit::Percent(5)));
/// assert_eq!("20".parse(), Ok(DeleteLimit::Images(20)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteLimit {
    /// A number of images.
    Images(u64),
    /// A percentage of the published images below the prefix.
    Percent(u8),
}

impl DeleteLimit {
    /// The default of the command line.
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

/// The reason for which no image is deleted, although images left the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PruneRefusal {
    /// Parts of the input could not be read, so images may be missing from it.
    #[error("refusing to delete images: the input could not be read completely")]
    Unread,
    /// A folder of the input is empty, but its images are published: the disk may not be mounted.
    #[error("refusing to delete images: `{}` is empty, but the store has {} of it", folder.display(), counted(*.images, "image"))]
    EmptyFolder {
        /// The path of the folder.
        folder: PathBuf,
        /// The number of its images that are published.
        images: u64,
    },
    /// A list or table names files that do not exist.
    #[error("refusing to delete images: {} of the list or table cannot be found", counted(*.files, "file"))]
    MissingFiles {
        /// The number of files.
        files: u64,
    },
    /// A table has hidden rows, which are not published, but may have been.
    #[error("refusing to delete images: the table has {}", counted(*.rows, "hidden row"))]
    HiddenRows {
        /// The number of rows.
        rows: u64,
    },
    /// More images left the input than the limit allows.
    #[error(
        "refusing to delete {} of {} images (limit: {limit})",
        grouped(*.stale),
        grouped(*.published)
    )]
    Limit {
        /// The number of images that left the input.
        stale: u64,
        /// The number of all published images below the prefix.
        published: u64,
        /// The limit.
        limit: DeleteLimit,
    },
}

/// Returns a number with its noun, in the singular or plural.
fn counted(count: u64, singular: &str) -> String {
    format!("{} {singular}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Returns a number with a comma between groups of three digits.
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
