//! Run reports in JSON Lines format. They start with a line per planned image, followed by a line per image as it
//! finishes.

mod read;

pub use read::{ReadReportError, ReportStatus, ReportedImage, Reports};

use super::IngestError;
use crate::collection::lines::next_line;
use crate::collection::{Page, PageSelection};
use crate::destination::Identifier;
use crate::error::chain;
use crate::location::Location;
use crate::publish::{FilePage, Image, Outcome, PublishError, Published};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A report, which may be disabled.
pub(super) struct Report {
    file: Option<BufWriter<File>>,
    /// The first write error, if any.
    error: Option<io::Error>,
    /// Failures in the report that this one replaces, by identifier.
    earlier: HashMap<String, Failure>,
    /// Number of images that failed as they did in the earlier report.
    known_failures: u64,
}

/// A failure of an image: why, and the state of its source at that time. If the state is unknown, the source may have
/// changed, so that there is no `Failure`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    reason: String,
    source_state: String,
}

impl Report {
    /// Returns a disabled report.
    pub(super) fn none() -> Self {
        Self { file: None, error: None, earlier: HashMap::new(), known_failures: 0 }
    }

    /// Creates a report that starts with a line for each planned image. Any image without a second line wasn't
    /// finished.
    pub(super) fn create(path: Option<&Path>, pages: &[&Page]) -> Result<Self, IngestError> {
        let Some(path) = path else { return Ok(Self::none()) };
        let refused = |cause: io::Error| IngestError::Report { path: path.to_owned(), cause };
        let earlier = earlier_failures(path);
        let file = File::create(path).map_err(refused)?;
        let mut report = Self { file: Some(BufWriter::new(file)), earlier, ..Self::none() };
        // Planned images are written first so that the report stays meaningful after a crash. Without them, the report
        // of a killed run would look like a complete run with fewer images.
        for page in pages {
            report.planned(page);
        }
        report.flush();
        report.take_error().map_or(Ok(report), |error| Err(refused(error)))
    }

    fn planned(&mut self, page: &Page) {
        let number = match page.pages {
            PageSelection::One(number) => Some(number),
            _ => None,
        };
        let line = json!({"status": "planned", "id": page.identifier.to_string(), "source": page.source.to_string()});
        self.line(&with_page(line, number));
    }

    /// Replaces a planned file by its pages.
    pub(super) fn expanded(&mut self, file: &Page, pages: &[Page]) {
        if self.file.is_none() {
            return;
        }
        let (id, source) = (file.identifier.to_string(), file.source.to_string());
        self.line(&json!({"status": "pages", "id": id, "source": source, "pages": pages.len()}));
        for page in pages {
            self.planned(page);
        }
        self.flush();
    }

    /// Writes an image's result. Flushes right away so that a crash doesn't lose it.
    pub(super) fn image(&mut self, image: &Image, result: &Result<Published, PublishError>) {
        if self.file.is_some() {
            let line = with_page(line(image, result), image.page.as_ref().map(FilePage::number));
            let is_known = |failure: &Failure| self.earlier.get(image.identifier.as_str()) == Some(failure);
            self.known_failures += u64::from(failure(&line).as_ref().is_some_and(is_known));
            self.line(&line);
            self.flush();
        }
    }

    /// Records that an image was deleted because it is no longer in the input.
    pub(super) fn deleted(&mut self, identifier: &Identifier) {
        self.line(&json!({"status": "deleted", "id": identifier.to_string()}));
        self.flush();
    }

    /// Returns the first write error, if any. The report is incomplete in that case.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Returns the number of images that failed as they did in the report that this one replaces, with the same source.
    pub(super) fn known_failures(&self) -> u64 {
        self.known_failures
    }

    fn line(&mut self, line: &Value) {
        let written = self.file.as_mut().map_or(Ok(()), |file| writeln!(file, "{line}"));
        self.note(written);
    }

    fn flush(&mut self) {
        let written = self.file.as_mut().map_or(Ok(()), Write::flush);
        self.note(written);
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.error.get_or_insert(error);
        }
    }
}

/// Adds the page number, which a retry needs.
fn with_page(mut line: Value, number: Option<u32>) -> Value {
    if let Some(number) = number {
        line["page"] = number.into();
    }
    line
}

fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Published => "published",
        Outcome::Updated => "updated",
        Outcome::KeptNewer => "kept-newer",
        _ => "unchanged",
    }
}

fn line(image: &Image, result: &Result<Published, PublishError>) -> Value {
    let (id, source) = (image.identifier.to_string(), image.location.to_string());
    match result {
        Ok(published) => json!({
            "status": status(published.outcome),
            "id": id, "source": source, "info": published.info_urls,
            "warnings": published.warnings.iter().map(|warning| warning.code.code()).collect::<Vec<_>>(), "objects": published.objects, "bytes": published.bytes,
            "requests": published.traffic.requests, "retries": published.traffic.retries,
            "throttles": published.traffic.throttles, "seconds": published.duration.as_secs_f64(),
        }),
        Err(PublishError::Stopped { stored, promised, .. }) => {
            json!({"status": "unfinished", "id": id, "source": source, "stored": stored, "objects": promised})
        }
        Err(error) => json!({
            "status": "failed", "id": id, "source": source, "reason": chain(error),
            "sourceState": source_state(&image.location),
        }),
    }
}

/// Describes the state of a source, which differs after a change. `None` if it is unknown without a request.
fn source_state(location: &Location) -> Option<String> {
    match location {
        Location::File(path) => {
            let file = path.metadata().ok()?;
            let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some(format!("{} bytes, {}.{:09}", file.len(), modified.as_secs(), modified.subsec_nanos()))
        }
        Location::Object(object) => {
            let listed = object.listed.as_ref()?;
            Some(format!("{} bytes, {}", listed.bytes, listed.etag.as_ref()?))
        }
        Location::Web(_) => None,
    }
}

/// Returns the failures in a report. Without a readable report, there are none.
fn earlier_failures(path: &Path) -> HashMap<String, Failure> {
    let mut failures = HashMap::new();
    let Ok(file) = File::open(path) else { return failures };
    let mut report = BufReader::new(file);
    while let Ok(Some(text)) = next_line(&mut report) {
        let Ok(line) = serde_json::from_str::<Value>(&text) else { continue };
        if let (Some(id), Some(failure)) = (line["id"].as_str(), failure(&line)) {
            failures.insert(id.to_owned(), failure);
        }
    }
    failures
}

/// Returns the failure that a line of a report describes.
fn failure(line: &Value) -> Option<Failure> {
    let reason = line["reason"].as_str().filter(|_| line["status"] == "failed")?.to_owned();
    Some(Failure { reason, source_state: line["sourceState"].as_str()?.to_owned() })
}
