//! The summary at the end of a run.

use super::exit::Exit;
use super::hints::publish_hint;
use super::output::counted;
use super::plan::{DOLLARS_PER_THOUSAND_PUTS, dollars};
use super::progress::Progress;
use iiif_publish::destination::{Identifier, PublicUrl};
use iiif_publish::error::chain;
use iiif_publish::publish::{Image, Outcome, PublishError, Published, Publisher};
use iiif_publish::store::Traffic;
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// The maximum number of identifiers in a text summary; JSON has all.
const MAX_NAMES: usize = 100;

/// The outcomes of images.
#[derive(Debug)]
pub(super) struct Summary {
    images: usize,
    published: usize,
    /// Of these, images that were already published and are unchanged.
    unchanged: usize,
    /// Of these, existing images that must not be overwritten.
    kept: usize,
    /// Of these, images with updated documents or headers.
    updated: usize,
    /// Of these, images that a newer version of the program has published.
    kept_newer: usize,
    failed: usize,
    objects: u64,
    bytes: u64,
    started: Instant,
    /// Images that have not ended, with the number of stored objects and of all objects; zeros if the image was not started or
    /// the numbers are unknown.
    unfinished: BTreeMap<Identifier, (u64, u64)>,
    /// Set if a retry cannot help.
    is_environment: bool,
    /// Set if a result could not be printed.
    has_print_error: bool,
}

/// The end of a run: the outcomes of its images, and the signal or limit that stopped it.
#[derive(Debug)]
pub(super) struct Ending {
    summary: Summary,
    stopped: Option<Exit>,
}

impl Ending {
    pub(super) fn new(summary: Summary, stopped: Option<Exit>) -> Self {
        Self { summary, stopped }
    }

    /// Prints the summary, with the requests sent so far.
    pub(super) fn print(&self, publisher: &Publisher, progress: &Progress) {
        self.summary.print(self.stopped, publisher, progress);
    }

    /// Returns the exit code of the run.
    pub(super) fn exit(&self) -> Exit {
        self.summary.exit(self.stopped)
    }
}

impl Summary {
    /// Creates a summary in which all images are unfinished.
    pub(super) fn new(images: &[Image]) -> Self {
        let unfinished = images.iter().map(|image| (image.identifier.clone(), (0, 0))).collect();
        Self {
            images: images.len(),
            published: 0,
            unchanged: 0,
            kept: 0,
            updated: 0,
            kept_newer: 0,
            failed: 0,
            objects: 0,
            bytes: 0,
            started: Instant::now(),
            unfinished,
            is_environment: false,
            has_print_error: false,
        }
    }

    /// Counts a published image; `printed` is the outcome of printing its result.
    pub(super) fn published(&mut self, published: &Published, printed: Exit) {
        self.unfinished.remove(&published.identifier);
        self.published += 1;
        match published.outcome {
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Kept => self.kept += 1,
            Outcome::KeptNewer => self.kept_newer += 1,
            _ => {}
        }
        self.objects += published.objects;
        self.bytes += published.bytes;
        self.has_print_error |= printed != Exit::Done;
    }

    /// Counts and prints the failure of an image.
    pub(super) fn failed(&mut self, image: &Image, error: &PublishError, progress: &Progress) {
        if let PublishError::Stopped { identifier, stored, promised } = error {
            self.unfinished.insert(identifier.clone(), (*stored, *promised));
            return;
        }
        self.unfinished.remove(&image.identifier);
        self.failed += 1;
        self.is_environment |= error.is_environment();
        progress.failed(&image.identifier, &chain(error), publish_hint(error));
    }

    /// Prints the summary, without details that a single image has already printed.
    fn print(&self, signal: Option<Exit>, publisher: &Publisher, progress: &Progress) {
        let has_published = self.published > self.unchanged + self.kept;
        if has_published && let Some(warning) = denied_lookups(publisher.store().denied_lookups()) {
            progress.say(&format!("warning: {warning}"));
        }
        let traffic = publisher.store().traffic();
        // The line of a single image contains these figures.
        let is_printed = self.images == 1 && progress.prints_images();
        let done = self.done(&publisher.options().public_url).filter(|_| !is_printed);
        let lines = [done, cost(traffic).filter(|_| !is_printed), retries(traffic)];
        progress.summary(
            self.outcome(signal).as_deref(),
            &lines.map(Option::unwrap_or_default),
            &self.in_json(signal, traffic),
        );
    }

    /// Formats the published images and their public URL; `None` if there are none.
    fn done(&self, public_url: &PublicUrl) -> Option<String> {
        let Self { published, unchanged, kept, kept_newer, updated, objects, bytes, .. } = *self;
        let new = published - unchanged - kept - kept_newer - updated;
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
        let (link, stored) =
            if new > 0 { ("to", format!("{objects} objects, {bytes}, ")) } else { ("at", String::new()) };
        (!parts.is_empty()).then(|| format!("{} {link} {public_url} ({stored}{seconds:.1} s)", parts.join("; ")))
    }

    /// Formats the images that failed or remain; `None` if there are none.
    fn outcome(&self, signal: Option<Exit>) -> Option<String> {
        let Self { images, published, failed, unfinished, .. } = self;
        let verb = if matches!(signal, None | Some(Exit::Limit)) { "stopped" } else { "interrupted" };
        if signal.is_some() || !unfinished.is_empty() {
            let remaining = unfinished.len();
            let counts = format!("{published} of {images} images published, {failed} failed, {remaining} remaining");
            return Some(format!("{verb}: {counts}{}; run the same command to continue", self.remaining()));
        }
        (*images > 1 && *failed > 0).then(|| format!("{failed} of {images} images failed"))
    }

    /// Formats the names and the progress of unfinished images.
    fn remaining(&self) -> String {
        let name = |(identifier, progress): (&Identifier, &(u64, u64))| match progress {
            (_, 0) => format!("`{identifier}`"),
            (stored, all) => format!("`{identifier}` ({} of {} objects)", HumanCount(*stored), HumanCount(*all)),
        };
        let names: Vec<String> = self.unfinished.iter().take(MAX_NAMES).map(name).collect();
        let more = match self.unfinished.len() - names.len() {
            0 => String::new(),
            more => format!(", and {more} more (`--progress json` lists all)"),
        };
        if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) }
    }

    fn in_json(&self, signal: Option<Exit>, traffic: Traffic) -> Value {
        let remaining = |(identifier, (stored, objects)): (&Identifier, &(u64, u64))| json!({"id": identifier.to_string(), "stored": stored, "objects": objects});
        json!({"event": "summary", "images": self.images, "published": self.published, "unchanged": self.unchanged, "kept": self.kept,
               "updated": self.updated, "keptNewer": self.kept_newer,
               "failed": self.failed, "objects": self.objects, "bytes": self.bytes, "seconds": self.started.elapsed().as_secs_f64(),
               "interrupted": signal.is_some(), "left": self.unfinished.iter().map(remaining).collect::<Vec<_>>(),
               "requests": traffic.requests, "retries": traffic.retries, "throttles": traffic.throttles})
    }

    fn exit(&self, signal: Option<Exit>) -> Exit {
        let is_done = self.failed == 0 && self.unfinished.is_empty() && !self.has_print_error;
        match signal {
            Some(Exit::Limit) if self.is_environment => Exit::Environment,
            Some(signal) => signal,
            None if is_done => Exit::Done,
            None if self.is_environment => Exit::Environment,
            None => Exit::Failed,
        }
    }
}

/// Returns a warning if the store refused to show what is published: unchanged images are then published again by every run.
fn denied_lookups(count: u64) -> Option<String> {
    let lookups = counted(count, "lookup");
    let warning = format!(
        "the store denied {lookups}, so unchanged images may have been republished; grant s3:GetObject below the prefix, and \
         s3:ListBucket, because without it missing objects are denied too"
    );
    (count > 0).then_some(warning)
}

/// Formats the cost of the requests; `None` if none was sent.
fn cost(traffic: Traffic) -> Option<String> {
    // An upper bound: PUT requests are the most expensive ones.
    let cents = (dollars(traffic.requests, DOLLARS_PER_THOUSAND_PUTS) * 100.0).ceil();
    let requests = HumanCount(traffic.requests);
    let line = || format!("{requests} requests (at most ${:.2} on S3 Standard)", cents / 100.0);
    (traffic.requests > 0).then(line)
}

/// Formats retries and throttles; `None` if there were none.
fn retries(traffic: Traffic) -> Option<String> {
    let [requests, retries, throttles] = [traffic.requests, traffic.retries, traffic.throttles].map(HumanCount);
    let line = format!("{retries} of {requests} requests were retried; the store throttled {throttles} times");
    (traffic.retries > 0 || traffic.throttles > 0).then_some(line)
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
