//! The report of a run: a JSON line for each image when it ends, after one for each that is planned.

use crate::cli::arguments::ProgressArgument;
use crate::cli::exit::Exit;
use crate::cli::report::{Fatal, chain, tell_error};
use iiif_publish::collection::Page;
use iiif_publish::publish::{Image, Outcome, PublishError, Published};
use iiif_publish::store::Identifier;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Where lines are written, if anywhere.
pub(super) struct Journal {
    file: Option<BufWriter<File>>,
    /// The first line that could not be written.
    error: Option<io::Error>,
}

impl Journal {
    /// A new report, with a line for each image that is to be published: what has no other one afterwards is missing.
    pub(super) fn new(path: Option<&Path>, pages: &[&Page]) -> Result<Self, Fatal> {
        let Some(path) = path else { return Ok(Self { file: None, error: None }) };
        let refused = |error: io::Error| {
            let error = format!("could not write the report `{}`: {error}", path.display());
            Fatal::new(Exit::Usage, error, "choose another file with `--report`")
        };
        let file = File::create(path).map_err(refused)?;
        let mut journal = Self { file: Some(BufWriter::new(file)), error: None };
        for page in pages {
            journal.line(
                &json!({"status": "planned", "id": page.identifier.to_string(), "source": page.source.to_string()}),
            );
        }
        journal.flush();
        journal.error.take().map_or(Ok(journal), |error| Err(refused(error)))
    }

    /// What became of an image. On the disk at once, so that a crash loses none of it.
    pub(super) fn image(&mut self, image: &Image, result: &Result<Published, PublishError>) -> Exit {
        if self.file.is_some() {
            self.line(&line(image, result));
            self.flush();
        }
        Exit::Done
    }

    /// That an image is gone, because it left the input.
    pub(super) fn deleted(&mut self, identifier: &Identifier) {
        self.line(&json!({"status": "deleted", "id": identifier.to_string()}));
        self.flush();
    }

    /// That it is whole.
    pub(super) fn finish(&mut self, how: ProgressArgument) -> Exit {
        match self.error.take() {
            None => Exit::Done,
            Some(error) => {
                tell_error(
                    how,
                    None,
                    &format!("the report is incomplete: {error}"),
                    "choose a file with more free space with `--report`; the images are not affected",
                );
                Exit::Failed
            }
        }
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
