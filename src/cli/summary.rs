//! What has become of a run, at its end.

use super::exit::Exit;
use super::output::counted;
use super::plan::{DOLLARS_PER_THOUSAND_PUTS, dollars};
use super::progress::Progress;
use super::report;
use iiif_publish::publish::{Image, Outcome, PublishError, Published, Publisher};
use iiif_publish::store::{Identifier, PublicUrl, Traffic};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// Identifiers that a summary for people names; JSON has all.
const NAMED: usize = 100;

/// What has become of the images.
#[derive(Debug)]
pub(super) struct Summary {
    images: usize,
    published: usize,
    /// Of those, the ones that were there already, as they should be.
    unchanged: usize,
    /// And those that were to stay what they are.
    kept: usize,
    /// Those whose documents or headers were updated.
    updated: usize,
    /// Those that a newer version of the program has published.
    kept_newer: usize,
    failed: usize,
    objects: u64,
    bytes: u64,
    started: Instant,
    /// Those that have not ended, with how far they came: objects that are stored, and all objects. Zeroes where nothing
    /// was begun, or nothing is known.
    unfinished: BTreeMap<Identifier, (u64, u64)>,
    /// Trying again cannot help.
    is_environment: bool,
    /// A result could not be printed.
    is_unheard: bool,
}

/// How a run ended: what has become of its images, and the signal or the limit that stopped it.
#[derive(Debug)]
pub(super) struct Ending {
    summary: Summary,
    stopped: Option<Exit>,
}

impl Ending {
    pub(super) fn new(summary: Summary, stopped: Option<Exit>) -> Self {
        Self { summary, stopped }
    }

    /// Prints it. The requests are counted that were sent so far.
    pub(super) fn tell(&self, publisher: &Publisher, progress: &Progress) {
        self.summary.tell(self.stopped, publisher, progress);
    }

    pub(super) fn exit(&self) -> Exit {
        self.summary.exit(self.stopped)
    }
}

impl Summary {
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
            is_unheard: false,
        }
    }

    /// An image is there.
    pub(super) fn published(&mut self, published: &Published, heard: Exit) {
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
        self.is_unheard |= heard != Exit::Done;
    }

    /// An image is not there, and why.
    pub(super) fn failed(&mut self, image: &Image, error: &PublishError, progress: &Progress) {
        if let PublishError::Stopped { identifier, stored, promised } = error {
            self.unfinished.insert(identifier.clone(), (*stored, *promised));
            return;
        }
        self.unfinished.remove(&image.identifier);
        self.failed += 1;
        self.is_environment |= error.is_environment();
        progress.failed(&image.identifier, &report::chain(error), report::advice(error));
    }

    /// Tells it, where the images have not said everything themselves.
    fn tell(&self, signal: Option<Exit>, publisher: &Publisher, progress: &Progress) {
        let has_published = self.published > self.unchanged + self.kept;
        if has_published && let Some(warning) = denied_lookups(publisher.store().denied_lookups()) {
            progress.say(&format!("warning: {warning}"));
        }
        let traffic = publisher.store().traffic();
        // The line of a single image has said it.
        let is_told = self.images == 1 && progress.tells_images();
        let done = self.done(&publisher.options().public_url).filter(|_| !is_told);
        let told = [done, cost(traffic).filter(|_| !is_told), in_words(traffic)];
        progress.summary(
            self.outcome(signal).as_deref(),
            &told.map(Option::unwrap_or_default),
            &self.in_json(signal, traffic),
        );
    }

    /// What is there now, and where; nothing where nothing is.
    fn done(&self, public_url: &PublicUrl) -> Option<String> {
        let Self { published, unchanged, kept, kept_newer, updated, objects, bytes, .. } = *self;
        let new = published - unchanged - kept - kept_newer - updated;
        let seconds = self.started.elapsed().as_secs_f64();
        let (objects, bytes) = (HumanCount(objects), HumanBytes(bytes));
        let images = |count: usize| counted(count as u64, "image");
        let parts = [
            (new, format!("published {} in {seconds:.1} s: {objects} objects, {bytes}", images(new))),
            (updated, format!("updated {}", images(updated))),
            (unchanged, format!("{} unchanged", images(unchanged))),
            (kept, format!("{} left as they are", images(kept))),
            (kept_newer, format!("{} kept, published by a newer version", images(kept_newer))),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
        let time = if new == 0 { format!(", in {seconds:.1} s") } else { String::new() };
        (!parts.is_empty()).then(|| format!("{}{time}; below {public_url}", parts.join("; ")))
    }

    /// What is not there; nothing where everything is.
    fn outcome(&self, signal: Option<Exit>) -> Option<String> {
        let Self { images, published, failed, unfinished, .. } = self;
        let verb = if matches!(signal, None | Some(Exit::Limit)) { "stopped" } else { "interrupted" };
        if signal.is_some() || !unfinished.is_empty() {
            let left = unfinished.len();
            let counts = format!("{published} of {images} images are published, {failed} failed, {left} are left");
            return Some(format!("{verb}: {counts}{}", self.left()));
        }
        (*images > 1 && *failed > 0).then(|| format!("{failed} of {images} images failed"))
    }

    /// The names of what is left, and how far it came.
    fn left(&self) -> String {
        let name = |(identifier, how_far): (&Identifier, &(u64, u64))| match how_far {
            (_, 0) => format!("`{identifier}`"),
            (stored, all) => format!("`{identifier}` ({} of {} objects)", HumanCount(*stored), HumanCount(*all)),
        };
        let names: Vec<String> = self.unfinished.iter().take(NAMED).map(name).collect();
        let more = match self.unfinished.len() - names.len() {
            0 => String::new(),
            more => format!(", and {more} more (`--progress json` names all)"),
        };
        if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) }
    }

    fn in_json(&self, signal: Option<Exit>, traffic: Traffic) -> Value {
        let left = |(identifier, (stored, objects)): (&Identifier, &(u64, u64))| json!({"id": identifier.to_string(), "stored": stored, "objects": objects});
        json!({"event": "summary", "images": self.images, "published": self.published, "unchanged": self.unchanged, "kept": self.kept,
               "updated": self.updated, "keptNewer": self.kept_newer,
               "failed": self.failed, "objects": self.objects, "bytes": self.bytes, "seconds": self.started.elapsed().as_secs_f64(),
               "interrupted": signal.is_some(), "left": self.unfinished.iter().map(left).collect::<Vec<_>>(),
               "requests": traffic.requests, "retries": traffic.retries, "throttles": traffic.throttles})
    }

    fn exit(&self, signal: Option<Exit>) -> Exit {
        let is_done = self.failed == 0 && self.unfinished.is_empty() && !self.is_unheard;
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
        "the store denied {lookups}, so unchanged images may have been published again; allow s3:GetObject below the prefix and \
         s3:ListBucket, without which missing objects are denied too"
    );
    (count > 0).then_some(warning)
}

/// What the requests cost; nothing where none was sent.
fn cost(traffic: Traffic) -> Option<String> {
    // Puts are the dearest.
    let cents = (dollars(traffic.requests, DOLLARS_PER_THOUSAND_PUTS) * 100.0).ceil();
    let requests = HumanCount(traffic.requests);
    let words = || format!("{requests} requests, at most ${:.2} at the prices of S3 Standard", cents / 100.0);
    (traffic.requests > 0).then(words)
}

/// What the store had against it; nothing where all went well at the first try.
fn in_words(traffic: Traffic) -> Option<String> {
    let [requests, retries, throttles] = [traffic.requests, traffic.retries, traffic.throttles].map(HumanCount);
    let words = format!("{retries} of {requests} requests were sent again; the store throttled {throttles} times");
    (traffic.retries > 0 || traffic.throttles > 0).then_some(words)
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
