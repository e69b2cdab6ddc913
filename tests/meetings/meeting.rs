//! Plans of meetings: two runs on one image, with their tasks and times.

use super::program::Task;
use super::random::Random;
use super::sources::Picture;
use std::time::Duration;

/// Maximum delay of the younger run after the older one.
const MAX_OFFSET: Duration = Duration::from_millis(1200);

/// Maximum time for which a commit is held. It is much shorter than the grace period, which a put must not exceed.
const MAX_HOLD: Duration = Duration::from_millis(2500);

/// Range of the rate of the slow run, in puts per second.
const SLOW: (usize, usize) = (20, 45);

/// Range of the rate of the other run, in puts per second.
const FAST: (usize, usize) = (50, 250);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    PublishPublish,
    PublishDelete,
    PublishPrune,
    IngestIngest,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::PublishPublish, Self::PublishDelete, Self::PublishPrune, Self::IngestIngest];

    pub fn deletes(self) -> bool {
        matches!(self, Self::PublishDelete | Self::PublishPrune)
    }
}

/// The state of the image before the meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Absent,
    /// Just published.
    Young(Picture),
    /// Published longer ago than the grace period.
    Aged(Picture),
    /// Confirmed.
    Current(Picture),
}

/// The action when the older run commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCommit {
    Pass,
    /// The commit continues after this time.
    Hold(Duration),
    /// The run is killed after this time.
    Kill(Duration),
}

#[derive(Clone, Debug)]
pub struct Meeting {
    pub number: usize,
    pub kind: Kind,
    pub before: Before,
    pub older: Task,
    pub younger: Task,
    /// Delay between the starts of both runs.
    pub offset: Duration,
    pub at_commit: AtCommit,
    /// Rates of the older and the younger run, in puts per second.
    pub rates: [usize; 2],
    /// Random numbers for decisions during the meeting.
    pub random: Random,
}

impl Meeting {
    pub fn new(seed: u64, number: usize) -> Self {
        let mut random = Random::new(seed, number as u64);
        let kind = Kind::ALL[number % Kind::ALL.len()];
        let (older, younger) = tasks(kind, &mut random);
        let before = before(kind, older, &mut random);
        let at_commit = match random.below(100) {
            0..45 => AtCommit::Kill(random.time(MAX_HOLD)),
            45..65 => AtCommit::Hold(random.time(MAX_HOLD)),
            _ => AtCommit::Pass,
        };
        let rates = [SLOW, FAST].map(|(from, to)| from + random.below(to - from));
        Self { number, kind, before, older, younger, offset: random.time(MAX_OFFSET), at_commit, rates, random }
    }

    pub fn tasks(&self) -> [Task; 2] {
        [self.older, self.younger]
    }

    /// Returns the picture that the next run publishes, or `None` if no run follows because the image is gone.
    pub fn next_picture(&mut self, is_gone: bool) -> Option<Picture> {
        if is_gone && self.kind.deletes() && self.random.percent(50) {
            return None;
        }
        let pictures: Vec<Picture> = self.tasks().into_iter().filter_map(Task::picture).collect();
        Some(self.random.one_of(&pictures))
    }
}

fn before(kind: Kind, older: Task, random: &mut Random) -> Before {
    let mut picture = random.one_of(&Picture::MEETING);
    // A run without changes rarely meets the other one.
    if older.picture() == Some(picture) {
        picture = random.one_of(&Picture::MEETING);
    }
    match random.below(100) {
        share if share < if kind.deletes() { 10 } else { 30 } => Before::Absent,
        0..50 => Before::Young(picture),
        50..70 => Before::Aged(picture),
        _ => Before::Current(picture),
    }
}

/// Returns the older and the younger task. The deleting run is usually the younger one, because it is fast.
fn tasks(kind: Kind, random: &mut Random) -> (Task, Task) {
    let first = random.below(Picture::MEETING.len());
    let second = (first + 1 + random.below(Picture::MEETING.len() - 1)) % Picture::MEETING.len();
    let (first, second) = (Picture::MEETING[first], Picture::MEETING[second]);
    let is_swapped = random.percent(15);
    let in_order = |publish, delete| if is_swapped { (delete, publish) } else { (publish, delete) };
    match kind {
        Kind::PublishPublish => (Task::Publish(first), Task::Publish(second)),
        Kind::IngestIngest => (Task::Ingest(first), Task::Ingest(second)),
        Kind::PublishDelete => in_order(Task::Publish(first), Task::Delete),
        Kind::PublishPrune => in_order(Task::Publish(first), Task::Prune),
    }
}
