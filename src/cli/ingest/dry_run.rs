//! Prints the changes that a run would make.

use super::rows::Rows;
use crate::cli::escape;
use crate::cli::exit::Exit;
use crate::cli::output::{Level, counted, eprint_json, eprint_line, print, print_json};
use crate::cli::plan::{DOLLARS_PER_THOUSAND_PUTS, dollars};
use iiif_publish::collection::ingest::{DryRunEvent, DryRunTotals};
use iiif_publish::publish::Change;
use indicatif::{DecimalBytes, HumanCount};
use serde_json::json;

/// Dry-run output with a line for each change.
pub(super) struct DryRunPrinter<'a> {
    rows: Rows<'a>,
    is_json: bool,
    exit: Exit,
}

impl<'a> DryRunPrinter<'a> {
    pub(super) fn new(rows: Rows<'a>, is_json: bool) -> Self {
        Self { rows, is_json, exit: Exit::Done }
    }

    /// Returns the exit code, which is a failure if images would fail or a line couldn't be printed.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    pub(super) fn event(&mut self, event: &DryRunEvent<'_>) {
        let exit = match event {
            DryRunEvent::Image { identifier, change, objects, bytes } => {
                let (verb, words) = describe(*change, *objects, *bytes);
                self.line(verb, identifier, &words, Some((*objects, *bytes)))
            }
            DryRunEvent::Failed { identifier, error } => {
                let error = self.rows.error(identifier, error);
                self.line("fail", identifier, &error, None).worse(Exit::Failed)
            }
            DryRunEvent::WriteDocument { key } => self.line("write", key, "", None),
            DryRunEvent::DeleteDocument { key } => self.line("delete", key, "", None),
            DryRunEvent::DeleteImage { identifier } => self.line("delete", identifier, "", None),
            _ => Exit::Done,
        };
        self.exit = self.exit.worse(exit);
    }

    fn line(&self, verb: &str, what: &dyn std::fmt::Display, words: &str, cost: Option<(u64, u64)>) -> Exit {
        if self.is_json {
            let (objects, bytes) = cost.unzip();
            let reason = (verb == "fail").then_some(words);
            let line =
                json!({"would": verb, "id": what.to_string(), "objects": objects, "bytes": bytes, "reason": reason});
            return print_json(&line, false);
        }
        let colon = if words.is_empty() { "" } else { ": " };
        print(&(escape::line(&format!("{verb:8} {what}{colon}{words}")).into_owned() + "\n"))
    }

    pub(super) fn totals(&self, totals: &DryRunTotals) {
        let DryRunTotals { publish, update, unchanged, failed, delete, objects, bytes, .. } = totals;
        let cost = dollars(*objects, DOLLARS_PER_THOUSAND_PUTS);
        if self.is_json {
            let line = json!({"event": "total", "publish": publish, "update": update, "unchanged": unchanged, "failed": failed, "delete": delete,
                              "objects": objects, "bytes": bytes, "dollars": cost});
            return eprint_json(Level::Info, &line);
        }
        let publish = counted(*publish, "image");
        let [update, unchanged, failed, delete] = [update, unchanged, failed, delete].map(|count| HumanCount(*count));
        let update = if totals.update > 0 { format!("update {update}, ") } else { String::new() };
        eprint_line(&format!(
            "would publish {publish}, {update}delete {delete}, leave {unchanged} unchanged; {failed} would fail"
        ));
        let (objects, bytes) = (HumanCount(*objects), DecimalBytes(*bytes));
        let price = DOLLARS_PER_THOUSAND_PUTS;
        eprint_line(&format!("{objects} uploads, about {bytes}: ${cost:.2} (${price} per 1,000)"));
    }
}

/// Returns a change's verb and details.
fn describe(change: Change, objects: u64, bytes: u64) -> (&'static str, String) {
    let verb = match change {
        Change::Replaced => "replace",
        Change::Headers => "copy",
        Change::Documents => return ("update", "info.json only".to_owned()),
        _ => "publish",
    };
    let objects = HumanCount(objects);
    let words = if change == Change::Headers {
        format!("{objects} objects, new headers only")
    } else {
        format!("{objects} objects, about {}", DecimalBytes(bytes))
    };
    (verb, words)
}
