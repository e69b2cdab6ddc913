//! Run reports in JSON Lines format. They start with a line per planned image, followed by a line per image as it
//! finishes.

mod read;

pub use read::{ReadReportError, ReportStatus, ReportedImage, Reports};

use super::IngestError;
use crate::collection::{Page, PageSelection};
use crate::destination::Identifier;
use crate::error::chain;
use crate::publish::{FilePage, Image, Outcome, PublishError, Published};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A report, which may be disabled.
pub(super) struct Report {
    file: Option<BufWriter<File>>,
    /// The first write error, if any.
    error: Option<io::Error>,
}

impl Report {
    /// Returns a disabled report.
    pub(super) fn none() -> Self {
        Self { file: None, error: None }
    }

    /// Creates a report that starts with a line for each planned image. Any image without a second line wasn't
    /// finished.
    pub(super) fn create(path: Option<&Path>, pages: &[&Page]) -> Result<Self, IngestError> {
        let Some(path) = path else { return Ok(Self::none()) };
        let refused = |cause: io::Error| IngestError::Report { path: path.to_owned(), cause };
        let file = File::create(path).map_err(refused)?;
        let mut report = Self { file: Some(BufWriter::new(file)), error: None };
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
            let number = image.page.as_ref().map(FilePage::number);
            self.line(&with_page(line(image, result), number));
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
        Err(error) => json!({"status": "failed", "id": id, "source": source, "reason": chain(error)}),
    }
}
