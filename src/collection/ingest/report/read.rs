//! Reads the reports of all parts of a run.

use crate::collection::lines::next_line;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// The status of an image in a report, from the least to the most certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReportStatus {
    /// Deleted, because it is no longer in the input.
    Deleted,
    /// Planned: missing, unless a later line has another status.
    Planned,
    /// Not finished when the run stopped.
    Unfinished,
    /// Failed.
    Failed,
    /// Published before, and the same now.
    Unchanged,
    /// Kept, because a newer version of the program published it.
    KeptNewer,
    /// Published before; its documents or headers were written again.
    Updated,
    /// Published.
    Published,
}

/// An image in a report.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ReportedImage {
    /// The status of the image.
    pub status: ReportStatus,
    /// The identifier.
    pub id: String,
    /// The source, or an empty text if the image was deleted.
    #[serde(default)]
    pub source: String,
    /// The number of objects that were stored.
    #[serde(default)]
    pub objects: u64,
    /// The bytes of these objects.
    #[serde(default)]
    pub bytes: u64,
    /// The error of a failed image.
    pub reason: Option<String>,
}

/// An error of reading a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadReportError {
    /// A line cannot be read, or is too long.
    #[error("line {line}: {cause}")]
    Read {
        /// The number of the line, counted from 1.
        line: u64,
        /// The error.
        #[source]
        cause: io::Error,
    },
    /// A line is not one of a report.
    #[error("line {line}: {cause}")]
    Syntax {
        /// The number of the line, counted from 1.
        line: u64,
        /// The error.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The images of the reports of all parts of a run.
#[derive(Debug, Default)]
pub struct Reports(BTreeMap<String, ReportedImage>);

impl Reports {
    /// Adds the lines of a report. If an image has several lines, the one with the highest status counts, in any order.
    ///
    /// # Errors
    /// If a line cannot be read. An incomplete last line, which a crash can leave, is skipped.
    pub fn add(&mut self, mut report: impl BufRead) -> Result<(), ReadReportError> {
        for line in 1.. {
            let text = next_line(&mut report).map_err(|cause| ReadReportError::Read { line, cause })?;
            let Some(text) = text else { break };
            let image: ReportedImage = match serde_json::from_str(&text) {
                Ok(image) => image,
                // A machine that loses power leaves half a line. Its image has a line `planned` above, so it counts as
                // missing.
                Err(error) if error.is_eof() => continue,
                Err(error) => return Err(ReadReportError::Syntax { line, cause: error.into() }),
            };
            if self.0.get(&image.id).is_none_or(|known| known.status <= image.status) {
                self.0.insert(image.id.clone(), image);
            }
        }
        Ok(())
    }

    /// Returns the images with a status, by identifier.
    pub fn with(&self, status: ReportStatus) -> impl Iterator<Item = &ReportedImage> {
        self.0.values().filter(move |image| image.status == status)
    }

    /// Returns the images that need another run, by identifier.
    pub fn incomplete(&self) -> impl Iterator<Item = &ReportedImage> {
        use ReportStatus::{Failed, Planned, Unfinished};
        self.0.values().filter(|image| matches!(image.status, Planned | Unfinished | Failed))
    }

    /// Returns the number of images that are in the input.
    #[must_use]
    pub fn images(&self) -> u64 {
        (self.0.len() - self.with(ReportStatus::Deleted).count()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_status_of_an_image_counts_in_any_order() {
        let line = |(id, status): &(&str, &str)| format!("{{\"id\":\"{id}\",\"status\":\"{status}\"}}\n");
        let lines = |lines: &[(&str, &str)]| lines.iter().map(line).collect::<Vec<_>>().concat();
        let mut reports = Reports::default();
        reports.add(lines(&[("a", "planned"), ("a", "published"), ("b", "failed")]).as_bytes()).expect("a report");
        reports.add((lines(&[("b", "planned"), ("c", "deleted")]) + "{\"id\":\"d\"").as_bytes()).expect("a report");
        let incomplete: Vec<&str> = reports.incomplete().map(|image| image.id.as_str()).collect();
        assert_eq!((reports.images(), incomplete), (2, vec!["b"]));
        let error = reports.add(&b"{}\nx\n"[..]).expect_err("not a report").to_string();
        assert!(error.starts_with("line 1: missing field `status`"), "{error}");
    }
}
