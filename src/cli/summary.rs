//! What has become of a run, at its end.

use super::exit::Exit;
use super::progress::Progress;
use super::report;
use iiif_publish::publish::{Image, PublishError};
use iiif_publish::store::{Identifier, Traffic};
use indicatif::HumanCount;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Identifiers that a summary for people names; JSON has all.
const NAMED: usize = 100;

/// What has become of the images.
#[derive(Debug)]
pub(super) struct Summary {
    images: usize,
    published: usize,
    failed: usize,
    /// Those that have not ended, with how far they came: objects that are stored, and all objects. Zeroes where nothing
    /// was begun, or nothing is known.
    unfinished: BTreeMap<Identifier, (u64, u64)>,
    /// Trying again cannot help.
    is_environment: bool,
    /// A result could not be printed.
    is_unheard: bool,
}

impl Summary {
    pub(super) fn new(images: &[Image]) -> Self {
        let unfinished = images.iter().map(|image| (image.identifier.clone(), (0, 0))).collect();
        Self { images: images.len(), published: 0, failed: 0, unfinished, is_environment: false, is_unheard: false }
    }

    /// An image is there.
    pub(super) fn published(&mut self, image: &Image, heard: Exit) {
        self.unfinished.remove(&image.identifier);
        self.published += 1;
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
    pub(super) fn tell(&self, signal: Option<Exit>, traffic: Traffic, progress: &Progress) {
        let (outcome, words) = (self.outcome(signal), in_words(traffic));
        progress.summary(outcome.as_deref(), words.as_deref(), &self.in_json(signal, traffic));
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
        json!({"event": "summary", "images": self.images, "published": self.published, "failed": self.failed,
               "interrupted": signal.is_some(), "left": self.unfinished.iter().map(left).collect::<Vec<_>>(),
               "requests": traffic.requests, "retries": traffic.retries, "throttles": traffic.throttles})
    }

    pub(super) fn exit(&self, signal: Option<Exit>) -> Exit {
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

/// What the store had against it; nothing where all went well at the first try.
fn in_words(traffic: Traffic) -> Option<String> {
    let [requests, retries, throttles] = [traffic.requests, traffic.retries, traffic.throttles].map(HumanCount);
    let words = format!("{retries} of {requests} requests were sent again; the store throttled {throttles} times");
    (traffic.retries > 0 || traffic.throttles > 0).then_some(words)
}
