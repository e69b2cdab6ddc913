//! A model test of concurrent runs: the real publisher and the real deletion on a store whose operations a scheduler
//! grants one by one.
//!
//! All schedules of two or three runs are explored, up to a limit of preemptions and kills. After all runs have ended
//! or were killed, and one more run has passed the grace period, the image must be complete, of one source and current,
//! or it must be gone. An image that is marked current must match its mark at any time.
//!
//! The same schedules find the races of a publisher that trusts its writes at once (`settle_after: None`), which proves
//! that the test can detect races.
//!
//! `IIIF_PUBLISH_TEST_LONG=1` explores one more preemption and more kills, and takes about half an hour.

#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "the program wrote the keys itself")]

mod explore;
mod runs;
mod schedule;

use explore::{Limits, Report, explore};
use runs::{Before, Run, Scenario};
use std::time::Duration;

/// Returns the limits of a long test if the environment requests one.
fn short_or_long(short: Limits, long: Limits) -> Limits {
    if std::env::var_os("IIIF_PUBLISH_TEST_LONG").is_some() { long } else { short }
}

/// The grace period of the model. Only the scheduler moves its clock.
const GRACE: Duration = Duration::from_hours(1);

/// Initial states of the image.
const STATES: [Before; 6] =
    [Before::Absent, Before::Unfinished, Before::Young, Before::Settling, Before::Current, Before::Replacing];

fn scenarios(settle_after: Option<Duration>, meetings: &[&[Run]]) -> Vec<Scenario> {
    let scenario =
        |before| meetings.iter().map(move |runs: &&[Run]| Scenario { before, runs: runs.to_vec(), settle_after });
    STATES.into_iter().flat_map(scenario).collect()
}

fn explore_all(name: &str, scenarios: &[Scenario], limits: Limits) -> Report {
    let mut all = Report::default();
    for scenario in scenarios {
        all += explore(scenario, limits);
    }
    eprintln!("{name}: {} scenarios, {limits:?}: {all}", scenarios.len());
    all
}

#[test]
fn two_runs_that_meet_leave_one_whole_image() {
    let meetings: [&[Run]; 3] =
        [&[Run::Publish('a'), Run::Publish('b')], &[Run::Publish('a'), Run::Delete], &[Run::Publish('b'), Run::Delete]];
    let limits = short_or_long(Limits { preemptions: 2, kills: 1 }, Limits { preemptions: 3, kills: 2 });
    let report = explore_all("two runs", &scenarios(Some(GRACE), &meetings), limits);
    assert_eq!(report.violations, Vec::<String>::new());
    assert!(report.schedules > 10_000, "{report}");
}

#[test]
fn three_runs_that_meet_leave_one_whole_image() {
    let meetings: [&[Run]; 3] = [
        &[Run::Publish('a'), Run::Publish('b'), Run::Publish('a')],
        &[Run::Publish('a'), Run::Publish('b'), Run::Delete],
        &[Run::Publish('a'), Run::Publish('a'), Run::Delete],
    ];
    let limits = short_or_long(Limits { preemptions: 1, kills: 1 }, Limits { preemptions: 2, kills: 2 });
    let report = explore_all("three runs", &scenarios(Some(GRACE), &meetings), limits);
    assert_eq!(report.violations, Vec::<String>::new());
    assert!(report.schedules > 5_000, "{report}");
}

#[test]
fn trusting_a_publish_at_once_has_the_known_holes() {
    let holes = |runs: &[Run]| {
        let scenarios = scenarios(None, &[runs]);
        explore_all("trusting at once", &scenarios, Limits { preemptions: 2, kills: 0 }).violations.len()
    };
    assert!(holes(&[Run::Publish('a'), Run::Publish('b')]) > 0, "two publishers mix their pictures");
    assert!(holes(&[Run::Publish('a'), Run::Delete]) > 0, "a deletion takes pictures of a publisher");
}
