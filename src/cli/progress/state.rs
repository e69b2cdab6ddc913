//! Counts of a run, and what the images in flight have reached.

use super::super::output::counted;
use super::estimate::{Estimate, describe};
use iiif_publish::destination::Identifier;
use iiif_publish::publish::{Event, Stage};
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Maximum number of images in flight that a plain progress line names.
const MAX_NAMED: usize = 4;

/// State of a run.
#[derive(Debug)]
pub(super) struct State {
    /// Number of images in the run, and of those that have finished, successfully or not.
    pub(super) all: usize,
    pub(super) done: usize,
    /// Total bytes of all stored objects.
    pub(super) bytes: u64,
    pub(super) images: HashMap<Identifier, InFlight>,
    pub(super) estimate: Estimate,
    pub(super) began: Instant,
    /// Time of the last line with totals.
    pub(super) reported: Instant,
}

/// Progress of an image that is being published.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) promised: u64,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) stage: Stage,
    /// Time of the last JSON event.
    pub(super) reported: Instant,
    pub(super) bar: Option<ProgressBar>,
    /// Number of warnings already printed when the image started.
    pub(super) warnings: usize,
}

impl Default for State {
    fn default() -> Self {
        let (images, estimate, now) = (HashMap::new(), Estimate::default(), Instant::now());
        Self { all: 0, done: 0, bytes: 0, images, estimate, began: now, reported: now }
    }
}

impl State {
    /// Returns the number of images in flight that have a bar.
    pub(super) fn bars(&self) -> usize {
        self.images.values().filter(|image| image.bar.is_some()).count()
    }

    /// Describes the whole run: `42 %: 25 of 60 images, 1.20 GiB, 9.60 MiB/s, 1m 20s left`.
    pub(super) fn totals(&self, now: Instant) -> String {
        let left = self.estimate.time_left(now).map_or("time left unknown".to_owned(), |left| describe(left) + " left");
        let (percent, bytes) = (self.percent(), HumanBytes(self.bytes));
        let images = counted(self.all as u64, "image");
        let rate = rate(self.bytes, now.saturating_duration_since(self.began));
        format!("{percent} %: {} of {images}, {bytes}, {rate}, {left}", HumanCount(self.done as u64))
    }

    /// Adds an image that was started.
    pub(super) fn start(&mut self, started: &Event, bar: Option<ProgressBar>) {
        let Event::Started { identifier, size, objects, properties, .. } = started else { return };
        let (now, pixels) = (Instant::now(), u64::from(size.width()) * u64::from(size.height()));
        self.estimate.start(identifier, pixels, *objects, now);
        let image = InFlight {
            promised: *objects,
            objects: 0,
            bytes: 0,
            stage: Stage::Reading,
            reported: now,
            bar,
            warnings: properties.warnings.len(),
        };
        self.images.insert(identifier.clone(), image);
    }

    /// Records that an image entered a stage.
    pub(super) fn enter(&mut self, identifier: &Identifier, stage: Stage) {
        if let Some(image) = self.images.get_mut(identifier) {
            image.stage = stage;
            image.bar.iter().for_each(|bar| bar.set_message(stage_name(stage)));
        }
    }

    /// Returns the JSON event about an image in flight.
    pub(super) fn progress_json(&self, identifier: &Identifier) -> Value {
        let Some(image) = self.images.get(identifier) else { return Value::Null };
        json!({
            "event": "progress", "id": identifier.to_string(), "stage": stage_name(image.stage), "stored": image.objects,
            "objects": image.promised, "bytes": image.bytes, "percent": self.percent(), "done": self.done,
            "images": self.all, "secondsLeft": self.estimate.time_left(Instant::now()).map(|left| left.as_secs()),
        })
    }

    /// Describes the images in flight: `; a: reading, 12 of 80 objects`.
    pub(super) fn in_flight(&self) -> String {
        let mut images: Vec<_> = self.images.iter().collect();
        images.sort_by_key(|(identifier, _)| *identifier);
        let describe = |(identifier, image): &(&Identifier, &InFlight)| {
            let (objects, promised) = (HumanCount(image.objects), HumanCount(image.promised));
            format!("; {identifier}: {}, {objects} of {promised} objects", stage_name(image.stage))
        };
        images.iter().take(MAX_NAMED).map(describe).collect()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the share is from 0 to 1")]
    pub(super) fn percent(&self) -> u64 {
        (self.estimate.share() * 100.0) as u64
    }
}

/// Returns the name of what is being done with an image.
pub(super) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Reading => "reading",
        Stage::Uploading => "uploading",
        Stage::Finishing => "finishing",
        Stage::CleaningUp => "cleaning up",
        _ => "working",
    }
}

/// Formats the rate at which bytes were stored.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
fn rate(bytes: u64, elapsed: Duration) -> String {
    let per_second = bytes as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{}/s", HumanBytes(per_second as u64))
}
