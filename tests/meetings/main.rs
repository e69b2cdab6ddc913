//! Concurrent runs of the program on one image that share only the store: real processes, real servers, random times.
//!
//! `tests/model` explores all schedules of the same protocol in a model. Here, nothing is scheduled. Two runs publish
//! different pictures under one identifier, or one publishes an image that the other deletes, and some runs are killed
//! just before they commit. After the grace period, one more run and a confirming run must leave a complete image of
//! one picture, byte for byte, without other changes.
//!
//! `IIIF_PUBLISH_TEST_MEETINGS` is the number of meetings in each test [default: 30]. `IIIF_PUBLISH_TEST_SEED` repeats
//! the choices of an earlier run. `localstack/test.sh` starts the servers.

#![cfg(unix)]
#![expect(clippy::cast_precision_loss, reason = "random times need no precision")]

mod batch;
mod check;
mod course;
mod folder;
mod meeting;
mod place;
mod program;
mod proxy;
mod random;
mod reference;
mod report;
mod sources;

use batch::{Batch, Ground};
use meeting::Meeting;
use place::Place;
use reference::References;
use report::Report;
use sources::Sources;
use std::thread;
use std::time::{Instant, SystemTime};

/// Number of meetings that share the wait for the grace period.
const BATCH: usize = 100;

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}: `{value}` is not a number")))
}

fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    number("IIIF_PUBLISH_TEST_SEED").unwrap_or_else(now)
}

/// Runs the meetings with these numbers in batches.
fn meet(place: &Place, seed: u64, numbers: &[usize]) -> Report {
    let sources = Sources::new();
    let ground = Ground { place, sources: &sources, references: References::new(place, &sources) };
    let mut all = Report::default();
    for (number, numbers) in numbers.chunks(BATCH).enumerate() {
        let meetings = numbers.iter().map(|number| Meeting::new(seed, *number)).collect();
        let begun = Instant::now();
        let report = Batch::new(&ground, number).run(meetings);
        eprintln!("{}, batch {number}, {} s:\n{report}", place.name(), begun.elapsed().as_secs());
        all += report;
    }
    if numbers.len() > BATCH {
        eprintln!("{}, all batches:\n{all}", place.name());
    }
    all
}

/// Distributes the meetings over places.
fn meet_in(places: &[Place]) {
    let count = usize::try_from(number("IIIF_PUBLISH_TEST_MEETINGS").unwrap_or(30)).expect("a number");
    let (seed, begun) = (seed(), Instant::now());
    eprintln!("{count} meetings; IIIF_PUBLISH_TEST_SEED={seed}");
    let mut all = Report::default();
    thread::scope(|scope| {
        let meet = |(index, place)| {
            // Contiguous blocks, so that each place has all kinds of meetings.
            let numbers: Vec<_> = (index * count / places.len()..(index + 1) * count / places.len()).collect();
            scope.spawn(move || meet(place, seed, &numbers))
        };
        let threads: Vec<_> = places.iter().enumerate().map(meet).collect();
        for thread in threads {
            all += thread.join().expect("see above");
        }
    });
    eprintln!("all places, {} s:\n{all}", begun.elapsed().as_secs());
    all.assert_good();
}

#[test]
#[ignore = "needs servers, which localstack/test.sh starts"]
fn runs_that_meet_in_a_bucket_leave_one_whole_image() {
    let places = Place::buckets();
    assert!(!places.is_empty(), "localstack/test.sh starts servers");
    meet_in(&places);
}

#[test]
fn runs_that_meet_in_a_folder_leave_one_whole_image() {
    meet_in(&[Place::folder()]);
}
