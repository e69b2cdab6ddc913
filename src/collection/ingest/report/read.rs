//! Reads and merges the reports from all shards of a run.

use crate::collection::lines::next_line;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// Status of an image in a report. When reports are merged, higher values win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReportStatus {
    /// Deleted because it is no longer in the input.
    Deleted,
    /// Planned but not finished, unless a later line has a different status.
    Planned,
    /// Not finished when the run stopped.
    Unfinished,
    /// Failed.
    Failed,
    /// A file whose pages are images of their own.
    Pages,
    /// Already published and unchanged.
    Unchanged,
    /// Kept because it was published by a newer version of this program.
    KeptNewer,
    /// Already published, but its documents or headers were updated.
    Updated,
    /// Published.
    Published,
}

/// A single image in a report.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ReportedImage {
    /// The image's status.
    pub status: ReportStatus,
    /// The image's identifier.
    pub id: String,
    /// Path or URL of the source image. Empty for deleted images.
    #[serde(default)]
    pub source: String,
    /// Page of the source, if it has several.
    pub page: Option<u32>,
    /// Number of stored objects.
    #[serde(default)]
    pub objects: u64,
    /// Total size of the stored objects in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Error message, if the image failed.
    pub reason: Option<String>,
}

/// An error that occurred while reading a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadReportError {
    /// A line couldn't be read or is too long.
    #[error("line {line}: {cause}")]
    Read {
        /// Line number, starting at 1.
        line: u64,
        /// The underlying I/O error.
        #[source]
        cause: io::Error,
    },
    /// A line isn't valid report JSON.
    #[error("line {line}: {cause}")]
    Syntax {
        /// Line number, starting at 1.
        line: u64,
        /// The underlying parse error.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Merged reports from all shards of a run.
#[derive(Debug, Default)]
pub struct Reports(BTreeMap<String, ReportedImage>);

impl Reports {
    /// Adds all lines from a report. If an image occurs more than once, the highest status wins, regardless of order.
    ///
    /// # Errors
    /// Returns an error if a line can't be read or parsed. An incomplete last line is ignored, because it may be left
    /// behind by a crash.
    pub fn add(&mut self, mut report: impl BufRead) -> Result<(), ReadReportError> {
        for line in 1.. {
            let text = next_line(&mut report).map_err(|cause| ReadReportError::Read { line, cause })?;
            let Some(text) = text else { break };
            let image: ReportedImage = match serde_json::from_str(&text) {
                Ok(image) => image,
                // A power failure can leave half a line. The image's `planned` line comes earlier, so it is reported as
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

    /// Returns all images with the given status, sorted by identifier.
    pub fn with(&self, status: ReportStatus) -> impl Iterator<Item = &ReportedImage> {
        self.0.values().filter(move |image| image.status == status)
    }

    /// Returns all images that need to be published again, sorted by identifier.
    pub fn incomplete(&self) -> impl Iterator<Item = &ReportedImage> {
        use ReportStatus::{Failed, Planned, Unfinished};
        self.0.values().filter(|image| matches!(image.status, Planned | Unfinished | Failed))
    }

    /// Returns the number of images in the input.
    #[must_use]
    pub fn images(&self) -> u64 {
        let is_image = |image: &&ReportedImage| !matches!(image.status, ReportStatus::Deleted | ReportStatus::Pages);
        self.0.values().filter(is_image).count() as u64
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
