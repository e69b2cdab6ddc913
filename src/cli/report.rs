//! `iiif-publish report` summarizes a run based on the reports of all its parts.

use super::Verb;
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{counted, eprint_line, print_json};
use clap::Args;
use iiif_publish::collection::ingest::{ReportStatus, ReportedImage, Reports};
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Reports written by `ingest --report`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish report *.jsonl
      Summarize the reports of all parts; list failed and missing images.";

    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        let mut reports = Reports::default();
        for path in &self.files {
            add(path, &mut reports)?;
        }
        let exit = reports.incomplete().map(print_incomplete).fold(Exit::Done, Exit::worse);
        eprint_line(&summary(&reports));
        Ok(exit)
    }
}

fn add(path: &Path, reports: &mut Reports) -> Result<(), Fatal> {
    let refused = |error: String| {
        let error = format!("could not read the report `{}`: {error}", path.display());
        Fatal::new(Exit::Usage, error, "pass files written by `ingest --report`")
    };
    let file = File::open(path).map_err(|error| refused(error.to_string()))?;
    reports.add(BufReader::new(file)).map_err(|error| refused(error.to_string()))
}

/// Prints an incomplete image as a line that `ingest --from-file` can read.
fn print_incomplete(image: &ReportedImage) -> Exit {
    if let Some(reason) = &image.reason {
        eprint_line(&format!("{}: {reason}", image.id));
    }
    let mut line = json!({"source": image.source, "id": image.id});
    if let Some(page) = image.page {
        line["page"] = page.into();
    }
    print_json(&line, false).worse(Exit::Failed)
}

fn summary(reports: &Reports) -> String {
    let count = |status| HumanCount(reports.with(status).count() as u64);
    let missing = [ReportStatus::Planned, ReportStatus::Unfinished].map(|status| reports.with(status).count() as u64);
    let objects = reports.with(ReportStatus::Published).map(|image| image.objects).sum();
    let bytes = reports.with(ReportStatus::Published).map(|image| image.bytes).sum();
    // Rare statuses are listed only if an image has them.
    let if_any = |(status, name): (ReportStatus, &str)| match reports.with(status).count() as u64 {
        0 => String::new(),
        images => format!(", {} {name}", HumanCount(images)),
    };
    let updated = if_any((ReportStatus::Updated, "updated"));
    let others = [(ReportStatus::KeptNewer, "kept (published by a newer version)"), (ReportStatus::Deleted, "deleted")];
    format!(
        "{}: {} published ({} objects, {}){updated}, {} unchanged, {} failed, {} missing{}",
        counted(reports.images(), "image"),
        count(ReportStatus::Published),
        HumanCount(objects),
        HumanBytes(bytes),
        count(ReportStatus::Unchanged),
        count(ReportStatus::Failed),
        HumanCount(missing.iter().sum()),
        others.map(if_any).concat(),
    )
}
