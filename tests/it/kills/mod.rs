//! The program, killed at any moment: every `info.json` that is there then has all that it promises, and the next run completes
//! what is missing, and nothing else.
//!
//! By SIGKILL, of which no program learns. Eight moments of each case; `IIIF_PUBLISH_TEST_LONG=1` takes 200.

mod moments;
mod place;
mod promise;
mod tally;

use crate::support::child::short_or_long;
use crate::support::program::planned_keys;
use crate::support::s3::{Server, servers};
use moments::{Course, Moment, moments};
use place::{Images, Objects, Place};
use promise::Undisturbed;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tally::{End, Tally};

/// The time to wait before the requests are counted again.
const LOOK: Duration = Duration::from_micros(200);

/// The publish that is repeated and killed.
struct Case<'a> {
    name: &'static str,
    arguments: &'a [&'a str],
    /// The initial state.
    old: Option<&'a Path>,
    image: &'a Path,
}

/// A case on one server, and its result without kills.
struct Trial<'a> {
    case: &'a Case<'a>,
    server: &'a Server,
    place: Place<'a>,
    undisturbed: Undisturbed,
    course: Course,
}

impl<'a> Trial<'a> {
    fn new(case: &'a Case, server: &'a Server) -> Self {
        let place = Place::new(server, case.name, case.arguments);
        let alone = |image: &Path| -> Objects {
            place.clear();
            place.publish(image);
            place.objects()
        };
        let (old, new) = (case.old.map(alone), alone(case.image));
        let course = run_undisturbed(case, &place);
        let after = place.objects();
        Self { case, server, place, undisturbed: Undisturbed { old, new, after }, course }
    }

    /// Kills one run, looks at what it left behind, and runs again.
    fn kill(&self, number: usize, moment: Moment, tally: &mut Tally) {
        let Self { case, server, place, undisturbed, .. } = self;
        let when = format!("{} on {}, kill {number} {moment:?}", case.name, server.name);
        begin(case, place);
        let end = kill_at(moment, place, place.publishing_slowly(case.image));
        let found = place.objects();
        undisturbed.assert_kept(&found, &when);
        let finished = undisturbed.finished_pictures(&found);
        tally.enter(end, finished, undisturbed.pictures(), undisturbed.is_promised(&found));
        let put = place.publish(case.image);
        undisturbed.assert_complete(&place.objects(), &when);
        let missing = undisturbed.pictures() - finished;
        assert!(put <= missing || !server.can().list_digests, "{when}: {put} put, {missing} were missing");
    }
}

/// Makes the place as it is before each run.
fn begin(case: &Case, place: &Place) {
    place.clear();
    if let Some(old) = case.old {
        place.publish(old);
    }
}

fn run_undisturbed(case: &Case, place: &Place) -> Course {
    begin(case, place);
    let (began, before) = (Instant::now(), place.request_count());
    let status = place.publishing_slowly(case.image).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.expect("the program was built").success());
    Course { lasts: began.elapsed(), requests: place.request_count() - before }
}

/// By SIGKILL, on Unix.
fn kill_at(moment: Moment, place: &Place, mut command: Command) -> End {
    let (began, before) = (Instant::now(), place.request_count());
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program was built");
    match moment {
        Moment::After(time) => sleep(time.saturating_sub(began.elapsed())),
        Moment::AtRequest(count, later) => {
            while place.request_count() - before < count && run.try_wait().expect("it is ours").is_none() {
                sleep(LOOK);
            }
            sleep(later);
        }
    }
    run.kill().expect("it is ours");
    match run.wait().expect("it is ours").code() {
        None => End::Killed,
        Some(0) => End::ByItself,
        Some(code) => panic!("a run ended by itself with {code}"),
    }
}

fn kill_at_random_moments(case: &Case) {
    for server in servers().into_iter().filter(|server| server.can().survive_killed_clients) {
        let trial = Trial::new(case, &server);
        let mut tally = Tally::default();
        for (number, moment) in moments(short_or_long(8, 200), trial.course).into_iter().enumerate() {
            trial.kill(number, moment, &mut tally);
        }
        eprintln!("{} on {}, {:?}: {tally:?}", case.name, server.name, trial.course);
        tally.assert_spread();
    }
}

#[test]
fn a_new_image_has_no_info_json_before_it_is_complete_whenever_it_is_killed() {
    let images = Images::new();
    kill_at_random_moments(&Case { name: "killed-new", arguments: &[], old: None, image: &images.smaller });
}

#[test]
fn each_of_both_versions_is_complete_before_its_info_json_whenever_they_are_killed() {
    let images = Images::new();
    let arguments = &["--iiif-version=both"];
    kill_at_random_moments(&Case { name: "killed-both", arguments, old: None, image: &images.smaller });
}

#[test]
fn an_image_has_all_that_it_promises_whenever_its_replacement_is_killed() {
    let Images { larger, smaller, .. } = &Images::new();
    kill_at_random_moments(&Case { name: "killed-replacement", arguments: &[], old: Some(larger), image: smaller });
}

#[test]
fn a_version_is_complete_before_the_image_leads_to_it_whenever_it_is_killed() {
    let images = Images::new();
    kill_at_random_moments(&Case {
        name: "killed-version",
        arguments: &["--versioned"],
        old: Some(&images.larger),
        image: &images.smaller,
    });
}

#[test]
fn what_is_compared_with_is_what_is_planned() {
    let images = Images::new();
    let server = crate::support::s3::in_process();
    let case = Case { name: "killed-never", arguments: &[], old: Some(&images.larger), image: &images.smaller };
    let undisturbed = Trial::new(&case, &server).undisturbed;
    let planned = planned_keys([images.smaller.as_os_str(), "--tile-size=128".as_ref()]);
    let planned: BTreeSet<String> = planned.iter().map(|key| format!("scan/{key}")).collect();
    assert_eq!(undisturbed.after.keys().cloned().collect::<BTreeSet<_>>(), planned);
    assert_eq!(undisturbed.after, undisturbed.new, "nothing of the old image is left");
}
