//! `iiif-publish report`: summarizes a run from the reports of all its parts.

use super::Verb;
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::lines::next_line;
use super::output::{counted, eprint_line, print_json};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Reports written by `ingest --report`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// A line of a report, without the fields that are not needed here.
#[derive(Debug, Deserialize)]
struct Line {
    status: Status,
    id: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    objects: u64,
    #[serde(default)]
    bytes: u64,
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    /// Deleted, because it is no longer in the input.
    Deleted,
    /// Planned: missing, unless a later line has another status.
    Planned,
    Unfinished,
    Failed,
    Unchanged,
    /// Kept, because a newer version of the program published it.
    KeptNewer,
    /// Published before; its documents or headers were written again.
    Updated,
    Published,
}

impl Status {
    /// Returns `true` if the image needs another run.
    fn is_missing_or_failed(self) -> bool {
        matches!(self, Self::Planned | Self::Unfinished | Self::Failed)
    }
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish report *.jsonl
      Summarize the reports of all parts; list failed and missing images.";

    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        let mut images = BTreeMap::new();
        for path in &self.files {
            read(path, &mut images)?;
        }
        Ok(summarize(&images))
    }
}

fn summarize(images: &BTreeMap<String, Line>) -> Exit {
    let with = |status: Status| images.values().filter(move |line| line.status == status);
    let mut exit = Exit::Done;
    for line in images.values().filter(|line| line.status.is_missing_or_failed()) {
        exit = exit.worse(Exit::Failed);
        if let Some(reason) = &line.reason {
            eprint_line(&format!("{}: {reason}", line.id));
        }
        exit = exit.worse(print_json(&json!({"source": line.source, "id": line.id}), false));
    }
    let count = |status| HumanCount(with(status).count() as u64);
    let missing = HumanCount((with(Status::Planned).count() + with(Status::Unfinished).count()) as u64);
    let objects: u64 = with(Status::Published).map(|line| line.objects).sum();
    let bytes: u64 = with(Status::Published).map(|line| line.bytes).sum();
    // Rare ones are named only if there are any.
    let if_any = |(status, name): (Status, &str)| match with(status).count() as u64 {
        0 => String::new(),
        images => format!(", {} {name}", HumanCount(images)),
    };
    let updated = if_any((Status::Updated, "updated"));
    let others = [(Status::KeptNewer, "kept (published by a newer version)"), (Status::Deleted, "deleted")];
    let others = others.map(if_any).concat();
    eprint_line(&format!(
        "{}: {} published ({} objects, {}){updated}, {} unchanged, {} failed, {missing} missing{others}",
        counted((images.len() - with(Status::Deleted).count()) as u64, "image"),
        count(Status::Published),
        HumanCount(objects),
        HumanBytes(bytes),
        count(Status::Unchanged),
        count(Status::Failed),
    ));
    exit
}

/// Adds the lines of a report. If an image has several lines, the one with the highest status counts, in any order.
fn read(path: &Path, images: &mut BTreeMap<String, Line>) -> Result<(), Fatal> {
    let refused = |error: String| {
        let error = format!("could not read the report `{}`: {error}", path.display());
        Fatal::new(Exit::Usage, error, "pass files written by `ingest --report`")
    };
    let file = File::open(path).map_err(|error| refused(error.to_string()))?;
    let mut reader = BufReader::new(file);
    for number in 1.. {
        let Some(text) = next_line(&mut reader).map_err(|error| refused(format!("line {number}: {error}")))? else {
            break;
        };
        let line: Line = match serde_json::from_str(&text) {
            Ok(line) => line,
            // A crash can leave an incomplete last line.
            Err(error) if error.is_eof() => continue,
            Err(error) => return Err(refused(format!("line {number}: {error}"))),
        };
        let known = images.get(&line.id).map(|line| line.status as u8);
        if known.is_none_or(|known| known <= line.status as u8) {
            images.insert(line.id.clone(), line);
        }
    }
    Ok(())
}
