//! A batch of meetings in one place, which share the wait for the grace period.

use super::check::{Expected, Seen, check, put_bystanders};
use super::course::{Course, meet_in_bucket};
use super::folder::meet_in_folder;
use super::meeting::{Before, Kind, Meeting};
use super::place::Place;
use super::program::{Aim, Ended, GRACE, Task, public_url, run_well};
use super::reference::References;
use super::report::Report;
use super::sources::{Picture, Sources};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;
use std::thread::{scope, sleep};
use std::time::Duration;

/// Maximum number of meetings at the same time.
const MEETINGS_IN_FLIGHT: usize = 10;

/// Maximum number of images checked at the same time.
const CHECKS_IN_FLIGHT: usize = 3;

/// The grace period, with a margin for clocks with a resolution of a second.
const PAST_GRACE: Duration = GRACE.saturating_add(Duration::from_secs(3));

/// A place and the images that are published there.
pub struct Ground<'a> {
    pub place: &'a Place,
    pub sources: &'a Sources,
    pub references: References,
}

/// A completed meeting.
struct Met {
    meeting: Meeting,
    course: Course,
    /// The picture that the next run publishes.
    next: Option<Picture>,
    expected: Expected,
    is_repair: bool,
}

pub struct Batch<'a> {
    ground: &'a Ground<'a>,
    prefix: String,
    violations: Mutex<Vec<String>>,
}

impl<'a> Batch<'a> {
    pub fn new(ground: &'a Ground, number: usize) -> Self {
        Self { ground, prefix: format!("b{number}"), violations: Mutex::default() }
    }

    /// Runs these meetings and checks the results.
    pub fn run(self, meetings: Vec<Meeting>) -> Report {
        self.prepare(&meetings);
        let courses = in_parallel(meetings, MEETINGS_IN_FLIGHT, |meeting| (self.meet(&meeting), meeting));
        sleep(PAST_GRACE);
        let mut met = in_parallel(courses, CHECKS_IN_FLIGHT, |(course, meeting)| self.look(meeting, course));
        let pictures: Vec<_> = met.iter().filter_map(|met| Some((met.meeting.number, met.next?))).collect();
        let objects = self.publish("final", &pictures);
        for met in &mut met {
            met.is_repair &= objects.get(&met.meeting.number).is_some_and(|objects| *objects > 0);
        }
        sleep(PAST_GRACE);
        self.publish("confirming", &pictures);
        let met = in_parallel(met, CHECKS_IN_FLIGHT, |met| {
            self.check(&met);
            met
        });
        let mut report = Report::default();
        for Met { meeting, course, is_repair, .. } in &met {
            report.enter(meeting.kind, course.is_interleaved, course.is_killed, *is_repair);
        }
        report.violations = self.violations.into_inner().expect("no thread has panicked");
        report
    }

    fn prefix_of(&self, meeting: &Meeting) -> String {
        format!("{}/m{}", self.prefix, meeting.number)
    }

    /// Brings each image into its initial state, except for young ones.
    fn prepare(&self, meetings: &[Meeting]) {
        for meeting in meetings {
            put_bystanders(self.ground.place, &self.prefix_of(meeting));
        }
        let old = |meeting: &Meeting| match meeting.before {
            Before::Aged(picture) | Before::Current(picture) => Some((meeting.number, picture)),
            Before::Absent | Before::Young(_) => None,
        };
        let current = |meeting: &&Meeting| matches!(meeting.before, Before::Current(_));
        self.publish("first", &meetings.iter().filter_map(old).collect::<Vec<_>>());
        sleep(PAST_GRACE);
        self.publish("second", &meetings.iter().filter(current).filter_map(old).collect::<Vec<_>>());
    }

    /// Publishes the images of many meetings with one run. Returns the number of uploaded objects of each.
    fn publish(&self, name: &str, pictures: &[(usize, Picture)]) -> BTreeMap<usize, u64> {
        if pictures.is_empty() {
            return BTreeMap::new();
        }
        let Ground { place, sources, .. } = self.ground;
        let mut lines = "source,id\n".to_owned();
        for (number, picture) in pictures {
            let _ = writeln!(lines, "{}.ppm,m{number}/image", picture.name());
        }
        let table = sources.folder().join(format!("{}-{}-{name}.csv", place.name(), self.prefix));
        let report = table.with_extension("jsonl");
        fs::write(&table, lines).expect("written");
        run_well(Aim { place, endpoint: None, prefix: &self.prefix, max_rps: None }.table(&table, &report));
        let report = fs::read_to_string(&report).expect("a report");
        let objects = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let number = line["id"].as_str()?.strip_prefix('m')?.split_once('/')?.0.parse().ok()?;
            Some((number, line["objects"].as_u64()?))
        };
        report.lines().filter_map(objects).collect()
    }

    fn meet(&self, meeting: &Meeting) -> Course {
        let Ground { place, sources, references } = self.ground;
        let prefix = self.prefix_of(meeting);
        if let Before::Young(picture) = meeting.before {
            let aim = Aim { place, endpoint: None, prefix: &prefix, max_rps: None };
            run_well(aim.command(Task::Publish(picture), sources));
        }
        let pictures = |picture| references.of(picture).bodies.len() - 1;
        let course = match place {
            Place::Bucket { .. } => meet_in_bucket(meeting, place, &prefix, sources),
            Place::Folder { .. } => {
                let planned = meeting.older.picture().map_or(0, pictures);
                meet_in_folder(meeting, place, &prefix, sources, planned)
            }
        };
        if !course.ends.iter().all(Ended::is_excused) || course.ends[1].is_killed() {
            self.violated(meeting, &course, "a run failed");
        }
        course
    }

    /// Checks an image after the grace period and decides how the meeting continues.
    fn look(&self, mut meeting: Meeting, course: Course) -> Met {
        let Ground { place, references, .. } = self.ground;
        let prefix = self.prefix_of(&meeting);
        let seen = Seen::new(place, &prefix);
        let picture = seen.picture(references);
        if seen.is_gone && !meeting.kind.deletes() && !course.ends[0].is_killed() {
            self.violated(&meeting, &course, "it is gone, and no run deleted it");
        }
        // An image must not be marked current unless it is complete.
        if seen.state() == Some("current") {
            let wrong = match picture {
                Some(picture) => check(Expected::Whole(picture), course.has_neighbor(), place, &prefix, references),
                None => vec!["it is current and of no picture".to_owned()],
            };
            self.all_violated(&meeting, &course, "marked current before the last runs", &wrong);
        }
        let next = meeting.next_picture(seen.is_gone);
        let expected = match next {
            Some(picture) => Expected::Whole(picture),
            None if course.ends[0].is_killed() => Expected::Unfinished,
            None => Expected::Gone,
        };
        // A run of the same picture uploads objects only if the image is damaged.
        let is_repair = next.is_some() && next == picture && seen.state() != Some("replacing");
        Met { meeting, course, next, expected, is_repair }
    }

    fn check(&self, met: &Met) {
        let Ground { place, references, .. } = self.ground;
        let wrong = check(met.expected, met.course.has_neighbor(), place, &self.prefix_of(&met.meeting), references);
        self.all_violated(&met.meeting, &met.course, &format!("expected {:?}", met.expected), &wrong);
    }

    fn all_violated(&self, meeting: &Meeting, course: &Course, name: &str, wrong: &[String]) {
        if !wrong.is_empty() {
            self.violated(meeting, course, &format!("{name}: {}", wrong.join("; ")));
        }
    }

    fn violated(&self, meeting: &Meeting, course: &Course, text: &str) {
        let prefix = self.prefix_of(meeting);
        let Course { ends, trace, .. } = course;
        let text = format!(
            "{} {} ({}): {text}\n{meeting:?}\n{ends:?}\n{trace}",
            self.ground.place.name(),
            prefix,
            public_url(&prefix)
        );
        eprintln!("VIOLATION {text}");
        self.violations.lock().expect("no thread has panicked").push(text);
    }
}

impl Report {
    fn enter(&mut self, kind: Kind, is_interleaved: bool, is_killed: bool, is_repair: bool) {
        let counts = self.kinds.entry(kind).or_default();
        counts.meetings += 1;
        counts.interleaved += usize::from(is_interleaved);
        counts.killed += usize::from(is_killed);
        counts.repaired += usize::from(is_repair);
    }
}

/// Maps items on several threads, in any order.
fn in_parallel<T: Send, R: Send>(items: Vec<T>, threads: usize, map: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (items, results) = (Mutex::new(items), Mutex::new(Vec::new()));
    let next = || items.lock().expect("no thread has panicked").pop();
    scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = next() {
                    let result = map(item);
                    results.lock().expect("no thread has panicked").push(result);
                }
            });
        }
    });
    results.into_inner().expect("no thread has panicked")
}
