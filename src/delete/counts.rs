//! Counts of deleted and kept objects.

use super::scan::Part;
use std::fmt;

/// Object counts for a deletion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteCounts {
    /// Number of `info.json` files to delete.
    pub information: u64,
    /// Number of image files and redirects to delete.
    pub pictures: u64,
    /// Number of site files to delete.
    pub site_files: u64,
    /// Number of deleted `info.json` files that were republished by another run in the meantime.
    pub returned: u64,
    /// Objects that were kept.
    pub kept: Kept,
}

/// Counts of kept objects, grouped by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// Number of `info.json` files that aren't Level 0 image information.
    pub documents: u64,
    /// Number of `info.json` files with an `id` that doesn't match their path.
    pub misplaced: u64,
    /// Number of `info.json` files that couldn't be read.
    pub unreadable: u64,
    /// Number of image files that don't have an `info.json`.
    pub pictures: u64,
    /// Number of other objects.
    pub others: u64,
}

impl DeleteCounts {
    /// Returns the total number of objects to delete.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.information + self.pictures + self.site_files
    }

    pub(super) fn count(&mut self, part: Part) {
        let count = match part {
            // Already counted while reading the documents.
            Part::Document => return,
            Part::Picture | Part::Redirect => &mut self.pictures,
            Part::SiteFile => &mut self.site_files,
            Part::LonePicture => &mut self.kept.pictures,
            Part::Other => &mut self.kept.others,
        };
        *count += 1;
    }
}

impl Kept {
    /// Returns the total number of kept objects.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.documents + self.misplaced + self.unreadable + self.pictures + self.others
    }
}

/// Lists the reasons, for example ``1 `info.json` that is not Level 0 image information, 2 other objects``. Writes
/// nothing if no objects were kept.
impl fmt::Display for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = [
            (
                self.documents,
                "`info.json` that is not Level 0 image information",
                "`info.json` that are not Level 0 image information",
            ),
            (
                self.misplaced,
                "`info.json` whose id does not end in its path",
                "`info.json` whose ids do not end in their paths",
            ),
            (self.unreadable, "`info.json` that could not be read", "`info.json` that could not be read"),
            (self.pictures, "image file without an `info.json`", "image files without an `info.json`"),
            (self.others, "other object", "other objects"),
        ];
        let reasons = reasons.into_iter().filter(|(count, ..)| *count > 0);
        for (index, (count, one, many)) in reasons.enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{count} {}", if count == 1 { one } else { many })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_that_stay_are_listed_with_their_reasons() {
        let kept = Kept { documents: 1, pictures: 3, others: 1, ..Kept::default() };
        assert_eq!(
            kept.to_string(),
            "1 `info.json` that is not Level 0 image information, 3 image files without an `info.json`, 1 other object"
        );
        assert_eq!(Kept::default().to_string(), "");
    }
}
