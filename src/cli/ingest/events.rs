//! Reports the events of an ingest run.

use super::rows::Rows;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{counted, print};
use crate::cli::summary::{Ending, Summary, report_stopping, report_unavailable};
use iiif_publish::collection::ingest::{IngestEvent, StopReason};
use iiif_publish::publish::{Image, PublishError, Published, Publisher};
use iiif_publish::source::{Warning, WarningCode};
use indicatif::HumanCount;
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Event reporter, which also tracks the state that determines the run's outcome.
pub(in crate::cli) struct IngestReporter<'a> {
    context: &'a Context,
    rows: Rows<'a>,
    state: Mutex<State>,
}

struct State {
    /// Signal that stopped the run.
    signal: Option<Exit>,
    /// Image summary, until publishing ends.
    summary: Option<Summary>,
    /// Outcome of publishing, once it has ended.
    ending: Option<Ending>,
    /// Number of files with several pages of which only one is published.
    partial_files: u64,
}

impl<'a> IngestReporter<'a> {
    /// Creates a reporter for a run that publishes these images, to `folder` unless it is a bucket.
    pub(in crate::cli) fn new(images: &[Image], folder: Option<PathBuf>, rows: Rows<'a>, context: &'a Context) -> Self {
        let state = State { signal: None, summary: Some(Summary::new(images, folder)), ending: None, partial_files: 0 };
        Self { context, rows, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a signal and stores the first one received.
    pub(in crate::cli) async fn signal(&self) {
        let exit = self.context.interrupted().await;
        self.state().signal.get_or_insert(exit);
    }

    /// Returns the exit code of the signal that stopped the run.
    pub(in crate::cli) fn signalled(&self) -> Exit {
        self.state().signal.unwrap_or(Exit::Interrupted)
    }

    /// Prints the image summary if the run published images.
    pub(in crate::cli) fn print_summary(&self, publisher: &Publisher) {
        let ending = self.state().ending.take();
        if let Some(ending) = ending {
            ending.print(publisher, self.context.progress());
        }
    }

    pub(in crate::cli) fn event(&self, event: &IngestEvent<'_>) {
        let progress = self.context.progress();
        match event {
            IngestEvent::ForeignImages { count } => progress
                .say(&format!("kept {}, which iiif-publish did not publish here", counted(*count, "other image"))),
            IngestEvent::PicturesWithoutInfo { identifier } => progress.say(&format!(
                "warning: {identifier}: kept tiles without an `info.json` that are not in the input; \
                 to delete them, use `iiif-publish delete --id`"
            )),
            IngestEvent::PagesFound { file, pages } => {
                if let Some(summary) = &mut self.state().summary {
                    summary.expanded(file, pages);
                }
                progress.add_pages(file, pages);
                progress.note(&format!("{file}: {}", counted(pages.len() as u64, "page")));
            }
            IngestEvent::ImageEnded { image, result } => {
                self.image_ended(image, result);
            }
            IngestEvent::StoreUnavailable { error } => report_unavailable(error, progress),
            IngestEvent::Stopping { reason } => report_stopping(*reason == StopReason::MaxDuration, progress),
            IngestEvent::PublishingEnded { stopped } => self.publishing_ended(*stopped),
            IngestEvent::TooManyFailures { failed } => {
                progress.say(&format!("limit reached: {failed} images failed (`--max-failures`)"));
            }
            IngestEvent::NotPublished { count } => {
                progress
                    .say(&format!("{} images are not published, so they are not in the manifests", HumanCount(*count)));
            }
            IngestEvent::ManifestsWritten { updated, unchanged } if updated + unchanged > 0 => {
                let text = format!("{} updated, {} unchanged", counted(*updated, "manifest"), HumanCount(*unchanged));
                progress.outcome(&text, &json!({"event": "manifests", "updated": updated, "unchanged": unchanged}));
            }
            IngestEvent::CollectionKept => {
                progress.say("the collection was not changed, because its images may be missing by mistake");
            }
            IngestEvent::CollectionWritten { url } => drop(print(&format!("{url}\n"))),
            IngestEvent::ActivitiesWritten { url, added } if *added > 0 => {
                progress.note(&format!("added {} to {url}", counted_activities(*added)));
            }
            IngestEvent::SiteFacetUnused { column } => progress.say(&format!(
                "warning: no object has metadata named `{column}`, so the site has no such filter (`--site-facet`)"
            )),
            IngestEvent::SiteWritten { url, updated, unchanged } => {
                let files = counted(*updated, "file");
                let text = format!("site: {files} updated, {} unchanged", HumanCount(*unchanged));
                let json = json!({"event": "site", "url": url, "updated": updated, "unchanged": unchanged});
                progress.outcome(&text, &json);
                let _ = print(&format!("{url}\n"));
            }
            IngestEvent::DocumentDeleted { key } => {
                progress.note(&format!("{key}: deleted (its object is no longer in the input)"));
            }
            IngestEvent::ImageDeleted { identifier } => {
                progress.note(&format!("{identifier}: deleted (no longer in the input)"));
            }
            _ => {}
        }
    }

    fn image_ended(&self, image: &Image, result: &Result<Published, PublishError>) {
        let is_partial = |warning: &Warning| warning.code == WarningCode::PagesIgnored;
        let is_partial = result.as_ref().is_ok_and(|published| published.warnings.iter().any(is_partial));
        self.state().partial_files += u64::from(is_partial);
        // Don't hold the lock while the summary prints.
        let Some(mut summary) = self.state().summary.take() else { return };
        let error = |error: &PublishError| self.rows.error(&image.identifier, error);
        summary.ended(image, result, (Exit::Done, error), self.context.progress());
        self.state().summary = Some(summary);
    }

    fn publishing_ended(&self, stopped: Option<StopReason>) {
        self.context.progress().finish();
        let mut state = self.state();
        if state.partial_files > 0 {
            self.context.progress().say(&format!(
                "warning: {} with several pages: only one page is published; to publish all, use `--pages all`",
                counted(state.partial_files, "file")
            ));
        }
        if stopped == Some(StopReason::MaxDuration) {
            // A signal after the limit only cut the uploads short. The limit still determines the exit code.
            state.signal = None;
        }
        let stopped = stopped.map(|reason| match reason {
            StopReason::MaxDuration => Exit::Limit,
            _ => state.signal.unwrap_or(Exit::Interrupted),
        });
        state.ending = state.summary.take().map(|summary| Ending::new(summary, stopped));
    }
}

fn counted_activities(count: u64) -> String {
    if count == 1 { "1 activity".to_owned() } else { format!("{} activities", HumanCount(count)) }
}
