//! Summary printed at the end of a run.

use super::exit::Exit;
use super::hints::publish_hint;
use super::output::counted;
use super::plan::{DOLLARS_PER_THOUSAND_PUTS, dollars};
use super::progress::Progress;
use iiif_publish::collection::Page;
use iiif_publish::destination::Identifier;
use iiif_publish::error::chain;
use iiif_publish::publish::{BatchSummary, Image, PublishError, Published, Publisher, Unfinished};
use iiif_publish::store::{StoreError, Traffic};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// Maximum number of unfinished images that a text summary names. JSON includes them all.
const MAX_NAMES: usize = 3;

/// Outcomes of the run's images so far.
#[derive(Debug)]
pub(super) struct Summary {
    batch: BatchSummary,
    /// Folder that the images are written to, unless it is a bucket.
    folder: Option<PathBuf>,
    started: Instant,
    /// `true` if printing a result failed.
    has_print_error: bool,
}

/// Final state of a run, with its image outcomes and the signal or limit that stopped it, if any.
#[derive(Debug)]
pub(super) struct Ending {
    summary: Summary,
    stopped: Option<Exit>,
}

impl Ending {
    pub(super) fn new(summary: Summary, stopped: Option<Exit>) -> Self {
        Self { summary, stopped }
    }

    /// Prints the summary, including the requests sent so far.
    pub(super) fn print(&self, publisher: &Publisher, progress: &Progress) {
        self.summary.print(self.stopped, publisher, progress);
    }

    /// Returns the run's exit code.
    pub(super) fn exit(&self) -> Exit {
        self.summary.exit(self.stopped)
    }
}

impl Summary {
    /// Creates a summary without outcomes. `folder` is the folder that is published to, if its name is of interest.
    pub(super) fn new(images: &[Image], folder: Option<PathBuf>) -> Self {
        Self { batch: BatchSummary::new(images), folder, started: Instant::now(), has_print_error: false }
    }

    /// Replaces a file by its pages.
    pub(super) fn expanded(&mut self, file: &Identifier, pages: &[Page]) {
        self.batch.replace(file, pages.iter().map(|page| page.identifier.clone()));
    }

    /// Counts a finished image and prints its error, if any. `printed` is the outcome of printing its result, and
    /// `describe` returns the error's text.
    pub(super) fn ended(
        &mut self,
        image: &Image,
        result: &Result<Published, PublishError>,
        (printed, describe): (Exit, impl FnOnce(&PublishError) -> String),
        progress: &Progress,
    ) {
        self.batch.add(image, result);
        self.has_print_error |= printed != Exit::Done;
        match result {
            Ok(_) | Err(PublishError::Stopped { .. }) => {}
            Err(error) => progress.failed(&image.identifier, &describe(error), publish_hint(error)),
        }
    }

    /// Prints the summary, omitting details that were already printed for a single image.
    fn print(&self, signal: Option<Exit>, publisher: &Publisher, progress: &Progress) {
        let has_published = self.batch.published > self.batch.unchanged + self.batch.kept;
        if has_published && let Some(warning) = denied_lookups(publisher.store().denied_lookups()) {
            progress.say(&format!("warning: {warning}"));
        }
        let traffic = publisher.store().traffic();
        // A single image's line already contains these figures, and an interrupted run ends with one sentence.
        let has_line =
            self.batch.images == 1 && self.batch.unchanged + self.batch.kept == 0 && progress.prints_images();
        let is_printed = has_line || signal.is_some();
        let done = self.done(publisher).filter(|_| !is_printed);
        let lines = [done, cost(traffic).filter(|_| !is_printed), retries(traffic).filter(|_| signal.is_none())];
        progress.summary(
            self.outcome(signal).as_deref(),
            &lines.map(Option::unwrap_or_default),
            &self.in_json(signal, traffic),
        );
    }

    /// Formats the published images and where they are, or returns `None` without any images.
    fn done(&self, publisher: &Publisher) -> Option<String> {
        let BatchSummary { unchanged, kept, kept_newer, updated, objects, bytes, .. } = self.batch;
        let new = self.batch.new_images();
        let seconds = self.started.elapsed().as_secs_f64();
        let (objects, bytes) = (HumanCount(objects), HumanBytes(bytes));
        let images = |count: usize| counted(count as u64, "image");
        let parts = [
            (new, format!("published {}", images(new))),
            (updated, format!("updated {}", images(updated))),
            (unchanged, format!("{} unchanged", images(unchanged))),
            (kept, format!("{} skipped", images(kept))),
            (kept_newer, format!("{} kept, published by a newer version", images(kept_newer))),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
        let stored = if new > 0 { format!("{objects} objects, {bytes}, ") } else { String::new() };
        let place = match &self.folder {
            Some(folder) => format!("{} `{}`", if new > 0 { "to" } else { "in" }, folder.display()),
            None => format!("{} {}", if new > 0 { "to" } else { "at" }, publisher.options().public_url),
        };
        (!parts.is_empty()).then(|| format!("{} {place} ({stored}{seconds:.1} s)", parts.join("; ")))
    }

    /// Formats the failed and remaining images, or returns `None` without any.
    fn outcome(&self, signal: Option<Exit>) -> Option<String> {
        let BatchSummary { images, published, failed, unfinished, .. } = &self.batch;
        let verb = if matches!(signal, None | Some(Exit::Limit)) { "stopped" } else { "interrupted" };
        if signal.is_some() || !unfinished.is_empty() {
            let remaining = unfinished.len();
            let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
            let counts = format!("{published} of {images} images published{failed}, {remaining} remaining");
            return Some(format!("{verb}: {counts}{}; run the same command again to continue", self.remaining()));
        }
        (*images > 1 && *failed > 0).then(|| format!("{failed} of {images} images failed"))
    }

    /// Formats the names and progress of the unfinished images, if they are few.
    fn remaining(&self) -> String {
        let name = |(identifier, image): (&Identifier, &Unfinished)| match image.objects {
            0 => format!("`{identifier}`"),
            all => format!("`{identifier}` ({} of {} objects)", HumanCount(image.stored), HumanCount(all)),
        };
        let names: Vec<String> = self.batch.unfinished.iter().take(MAX_NAMES + 1).map(name).collect();
        if names.is_empty() || names.len() > MAX_NAMES { String::new() } else { format!(": {}", names.join(", ")) }
    }

    fn in_json(&self, signal: Option<Exit>, traffic: Traffic) -> Value {
        let remaining = |(identifier, image): (&Identifier, &Unfinished)| json!({"id": identifier.to_string(), "stored": image.stored, "objects": image.objects});
        let batch = &self.batch;
        json!({"event": "summary", "images": batch.images, "published": batch.published, "unchanged": batch.unchanged, "kept": batch.kept,
               "updated": batch.updated, "keptNewer": batch.kept_newer,
               "failed": batch.failed, "objects": batch.objects, "bytes": batch.bytes, "seconds": self.started.elapsed().as_secs_f64(),
               "interrupted": signal.is_some(), "left": batch.unfinished.iter().map(remaining).collect::<Vec<_>>(),
               "requests": traffic.requests, "retries": traffic.retries, "throttles": traffic.throttles})
    }

    fn exit(&self, signal: Option<Exit>) -> Exit {
        let is_done = self.batch.failed == 0 && self.batch.unfinished.is_empty() && !self.has_print_error;
        match signal {
            Some(Exit::Limit) if self.batch.is_environment => Exit::Environment,
            Some(signal) => signal,
            None if is_done => Exit::Done,
            None if self.batch.is_environment => Exit::Environment,
            None => Exit::Failed,
        }
    }
}

/// Returns a warning if the store denied lookups, because every run then republishes unchanged images.
fn denied_lookups(count: u64) -> Option<String> {
    let lookups = counted(count, "lookup");
    let warning = format!(
        "the store denied {lookups}, so unchanged images may have been republished; grant s3:GetObject below the prefix, and \
         s3:ListBucket, because without it S3 also denies lookups of missing objects"
    );
    (count > 0).then_some(warning)
}

/// Formats the cost of the requests, or returns `None` if none were sent.
fn cost(traffic: Traffic) -> Option<String> {
    // This is an upper bound, because PUT requests cost the most.
    let cents = (dollars(traffic.requests, DOLLARS_PER_THOUSAND_PUTS) * 100.0).ceil();
    let requests = HumanCount(traffic.requests);
    let line = || format!("{requests} requests (at most ${:.2} on S3 Standard)", cents / 100.0);
    (traffic.requests > 0).then(line)
}

/// Formats retries and throttles, or returns `None` if none occurred.
fn retries(traffic: Traffic) -> Option<String> {
    let [requests, retries, throttles] = [traffic.requests, traffic.retries, traffic.throttles].map(HumanCount);
    let line = format!("{retries} of {requests} requests were retried; the store throttled {throttles} times");
    (traffic.retries > 0 || traffic.throttles > 0).then_some(line)
}

/// Reports that the run is stopping, and how to quit immediately.
pub(super) fn report_stopping(is_limit: bool, progress: &Progress) {
    progress.say(if is_limit {
        "limit reached: finishing current uploads… press Ctrl-C to quit now"
    } else {
        "finishing current uploads… press Ctrl-C again to quit now"
    });
}

/// Reports that the run is stopping because the store is unavailable.
pub(super) fn report_unavailable(error: &StoreError, progress: &Progress) {
    progress.say(&format!("stopping because the store is unavailable: {}", chain(error)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_lookups_are_a_warning_with_the_permission() {
        assert_eq!(denied_lookups(0), None);
        let warning = denied_lookups(3).expect("a warning");
        assert!(warning.contains("denied 3 lookups") && warning.contains("s3:GetObject"), "{warning}");
    }
}
