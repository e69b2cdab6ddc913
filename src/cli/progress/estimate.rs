//! Estimates how much of a run is done and how long the rest takes.
//!
//! The measure of work is pixels. Those of an image are known when its header has been read. Until then, they follow
//! from its size in bytes and from the pixels per byte of the images of the same kind that have been opened. Images that
//! turn out to be unchanged are no work.

use iiif_publish::destination::Identifier;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Share of the work from which on the time left is known. Before, the time to fill the queues would mislead.
const KNOWN_SHARE: f64 = 0.1;

/// Time and share of the work from which on the time left of a long run is known.
const LONG_TIME: Duration = Duration::from_secs(30);
const LONG_SHARE: f64 = 0.005;

/// Minimum part of a run that the speed is measured over. The speed changes with the load of the machine and the network.
const MIN_WINDOW: Duration = Duration::from_secs(15);

/// Minimum time between two measurements.
const MEASURE_EVERY: Duration = Duration::from_millis(500);

/// The work of a run.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    /// Images that haven't been opened: their kind, and their size in bytes if it is known.
    waiting: HashMap<Identifier, (String, Option<u64>)>,
    /// Totals by kind, which is the file extension.
    kinds: HashMap<String, Kind>,
    in_flight: HashMap<Identifier, Work>,
    all_images: u64,
    skipped_images: u64,
    done_pixels: f64,
    began: Option<Instant>,
    /// Times with the pixels that were done, oldest first, for at least [`MIN_WINDOW`] or a quarter of the run.
    measured: VecDeque<(Instant, f64)>,
}

/// Images of the same kind.
#[derive(Debug, Default)]
struct Kind {
    waiting_bytes: u64,
    waiting_unknown: u64,
    opened: Opened,
}

/// Images that have been opened.
#[derive(Clone, Copy, Debug, Default)]
struct Opened {
    images: u64,
    pixels: u64,
    /// Pixels and bytes of the images with a known size in bytes.
    sized_pixels: u64,
    bytes: u64,
}

/// An image in flight.
#[derive(Debug)]
struct Work {
    pixels: u64,
    objects: u64,
    stored: u64,
}

impl Estimate {
    /// Adds an image to the run.
    pub(super) fn add(&mut self, identifier: &Identifier, kind: String) {
        self.kinds.entry(kind.clone()).or_default().waiting_unknown += 1;
        self.waiting.insert(identifier.clone(), (kind, None));
        self.all_images += 1;
    }

    /// Sets an image's size in bytes.
    pub(super) fn set_bytes(&mut self, identifier: &Identifier, bytes: u64) {
        let Some((kind, known @ None)) = self.waiting.get_mut(identifier) else { return };
        *known = Some(bytes);
        let kind = self.kinds.entry(kind.clone()).or_default();
        kind.waiting_unknown -= 1;
        kind.waiting_bytes += bytes;
    }

    /// Records that an image was opened.
    pub(super) fn start(&mut self, identifier: &Identifier, pixels: u64, objects: u64, now: Instant) {
        if self.began.is_none() {
            self.began = Some(now);
            self.measured.push_back((now, 0.0));
        }
        if let Some((kind, bytes)) = self.take(identifier) {
            let opened = &mut self.kinds.entry(kind).or_default().opened;
            opened.images += 1;
            opened.pixels += pixels;
            if let Some(bytes) = bytes {
                opened.sized_pixels += pixels;
                opened.bytes += bytes;
            }
        }
        self.in_flight.insert(identifier.clone(), Work { pixels, objects: objects.max(1), stored: 0 });
    }

    /// Records that an object of an image was stored.
    pub(super) fn store(&mut self, identifier: &Identifier) {
        if let Some(work) = self.in_flight.get_mut(identifier) {
            work.stored = (work.stored + 1).min(work.objects);
        }
    }

    /// Records that an image has ended. An image that was never opened was no work.
    pub(super) fn end(&mut self, identifier: &Identifier) {
        if let Some(work) = self.in_flight.remove(identifier) {
            self.done_pixels += float(work.pixels);
        } else {
            self.skipped_images += 1;
            self.take(identifier);
        }
    }

    /// Measures the speed. Call this several times per second.
    pub(super) fn measure(&mut self, now: Instant) {
        let (Some(began), Some((last, _))) = (self.began, self.measured.back()) else { return };
        if now.saturating_duration_since(*last) < MEASURE_EVERY {
            return;
        }
        let window = MIN_WINDOW.max(now.saturating_duration_since(began) / 4);
        let is_old = |(time, _): &(Instant, f64)| now.saturating_duration_since(*time) > window;
        while self.measured.get(1).is_some_and(is_old) {
            self.measured.pop_front();
        }
        let (done, _) = self.work();
        self.measured.push_back((now, done));
    }

    /// Returns the part of the run that is done, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        let (all, skipped) = (float(self.all_images.max(1)), float(self.skipped_images));
        let (done, rest) = self.work();
        let of_work = if done + rest > 0.0 { done / (done + rest) } else { 0.0 };
        (skipped + (all - skipped).max(0.0) * of_work) / all
    }

    /// Returns the time left, or `None` until enough work is done to know it.
    pub(super) fn time_left(&self, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.began?);
        let (done, rest) = self.work();
        let share = if done > 0.0 { done / (done + rest) } else { 0.0 };
        let is_known = share >= KNOWN_SHARE || elapsed >= LONG_TIME && share >= LONG_SHARE;
        let (since, before) = self.measured.front()?;
        let recently = done - before;
        (is_known && recently > 0.0).then(|| now.saturating_duration_since(*since).mul_f64(rest / recently))
    }

    /// Removes an image from those that are waiting.
    fn take(&mut self, identifier: &Identifier) -> Option<(String, Option<u64>)> {
        let (kind, bytes) = self.waiting.remove(identifier)?;
        let waiting = self.kinds.entry(kind.clone()).or_default();
        match bytes {
            Some(bytes) => waiting.waiting_bytes -= bytes,
            None => waiting.waiting_unknown -= 1,
        }
        Some((kind, bytes))
    }

    /// Returns the pixels that are done and those that are left.
    fn work(&self) -> (f64, f64) {
        let all = self.kinds.values().fold(Opened::default(), |all, kind| all + kind.opened);
        let waiting: f64 = self.kinds.values().map(|kind| kind.waiting_pixels(all)).sum();
        let stored = |work: &Work| float(work.pixels) * float(work.stored) / float(work.objects);
        let stored: f64 = self.in_flight.values().map(stored).sum();
        let opened: f64 = self.in_flight.values().map(|work| float(work.pixels)).sum();
        (self.done_pixels + stored, opened - stored + waiting)
    }
}

impl Kind {
    /// Returns the estimated pixels of the images that are waiting. `all` are the opened images of all kinds.
    fn waiting_pixels(&self, all: Opened) -> f64 {
        let opened = if self.opened.bytes > 0 { self.opened } else { all };
        let of_bytes = float(self.waiting_bytes) * float(opened.sized_pixels) / float(opened.bytes.max(1));
        let opened = if self.opened.images > 0 { self.opened } else { all };
        of_bytes + float(self.waiting_unknown) * float(opened.pixels) / float(opened.images.max(1))
    }
}

impl std::ops::Add for Opened {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            images: self.images + other.images,
            pixels: self.pixels + other.pixels,
            sized_pixels: self.sized_pixels + other.sized_pixels,
            bytes: self.bytes + other.bytes,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn float(count: u64) -> f64 {
    count as f64
}

/// Formats a duration for people, such as `1m 20s`.
pub(super) fn describe(duration: Duration) -> String {
    let seconds = (duration + Duration::from_millis(500)).as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> Identifier {
        format!("image-{number}").parse().expect("an identifier")
    }

    /// Publishes images of these kinds, bytes and pixels one after the other, each pixel in a millisecond, and returns
    /// the estimated and the actual time left halfway.
    fn halfway(images: &[(&str, Option<u64>, u64)]) -> (Option<f64>, f64) {
        let mut estimate = Estimate::default();
        for (number, (kind, bytes, _)) in images.iter().enumerate() {
            estimate.add(&id(number), (*kind).to_owned());
            if let Some(bytes) = bytes {
                estimate.set_bytes(&id(number), *bytes);
            }
        }
        let (start, half) = (Instant::now(), images.len() / 2);
        let pixels = |images: &[(&str, Option<u64>, u64)]| images.iter().map(|(_, _, pixels)| pixels).sum::<u64>();
        for (number, (_, _, pixels)) in images[..half].iter().enumerate() {
            estimate.start(&id(number), *pixels, 10, start);
            estimate.end(&id(number));
        }
        let now = start + Duration::from_millis(pixels(&images[..half]));
        (estimate.time_left(now).map(|left| left.as_secs_f64()), float(pixels(&images[half..])) / 1000.0)
    }

    #[test]
    fn the_time_left_follows_from_the_pixels_of_each_kind() {
        let mixed = [
            ("jpg", Some(100), 4000),
            ("tif", Some(900), 3000),
            ("jpg", Some(200), 8000),
            ("jpg", Some(300), 12_000),
            ("tif", Some(600), 2000),
            ("jpg", Some(100), 4000),
        ];
        let unsized_images = [("", None, 5000), ("", None, 7000), ("", None, 6000), ("", None, 6000)];
        for images in [&mixed[..], &unsized_images] {
            let (estimated, actual) = halfway(images);
            let estimated = estimated.expect("half is done");
            assert!((estimated - actual).abs() < 0.01, "{images:?}: {estimated} {actual}");
        }
    }

    #[test]
    fn the_time_left_is_unknown_at_first_and_unchanged_images_are_no_work() {
        let mut estimate = Estimate::default();
        (0..100).for_each(|number| estimate.add(&id(number), String::new()));
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        (0..50).for_each(|number| estimate.end(&id(number)));
        assert_eq!((estimate.time_left(after(9)), estimate.share()), (None, 0.5));
        estimate.start(&id(50), 1000, 10, start);
        assert_eq!(estimate.time_left(after(90)), None, "nothing is stored");
        (0..5).for_each(|_| estimate.store(&id(50)));
        assert_eq!(estimate.time_left(after(9)), None, "1 % is too little");
        assert_eq!(estimate.time_left(after(40)), Some(Duration::from_mins(66)), "but not in a long run");
        estimate.end(&id(50));
        assert!((estimate.share() - 0.51).abs() < 0.001, "{}", estimate.share());
    }

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let mut estimate = Estimate::default();
        (0..100).for_each(|number| estimate.add(&id(number), String::new()));
        let start = Instant::now();
        // Each of the first 20 images takes four seconds, the others take one.
        let mut now = start;
        for number in 0..50 {
            estimate.start(&id(number), 1000, 10, now);
            for _ in 0..10 {
                now += Duration::from_millis(if number < 20 { 400 } else { 100 });
                estimate.store(&id(number));
                estimate.measure(now);
            }
            estimate.end(&id(number));
        }
        let left = estimate.time_left(now).expect("half is done").as_secs_f64();
        assert!((49.0..60.0).contains(&left), "{left}");
    }

    #[test]
    fn durations_are_short() {
        let of = |seconds| describe(Duration::from_secs(seconds));
        assert_eq!([of(9), of(80), of(3600), of(90_000)], ["9s", "1m 20s", "1h 00m", "25h 00m"]);
    }
}
