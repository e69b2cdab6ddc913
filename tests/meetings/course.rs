//! The course of a meeting in a bucket: a proxy in front of each run shows what it does, and holds the commit of the older one.

use super::meeting::{AtCommit, Meeting};
use super::place::Place;
use super::program::{Aim, Ended, Running};
use super::proxy::{Gate, Log, Proxy, Request};
use super::sources::Sources;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The time between two looks at what runs do.
pub const LOOK: Duration = Duration::from_millis(2);

/// The longest time that any run may take.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// How a meeting went.
pub struct Course {
    /// Set if one run wrote between two writes of the other.
    pub is_interleaved: bool,
    /// Set if the older run was killed between its last picture and its commit.
    pub is_killed: bool,
    pub ends: [Ended; 2],
    /// What the runs did, for people.
    pub trace: String,
}

impl Course {
    /// Returns `true` if the neighbor of the image must be whole.
    pub fn has_neighbor(&self) -> bool {
        self.ends.iter().any(Ended::has_published_neighbor)
    }
}

/// Lets two runs meet.
pub fn meet_in_bucket(meeting: &Meeting, place: &Place, prefix: &str, sources: &Sources) -> Course {
    let log = Log::new();
    let proxies = [0, 1].map(|run| Proxy::new(place.endpoint().expect("a server"), run, &log));
    let start = |run: usize| {
        let endpoint = proxies[run].endpoint();
        let aim = Aim { place, endpoint: Some(&endpoint), prefix, max_rps: Some(meeting.rates[run]) };
        let task = meeting.tasks()[run];
        Running::start(aim.command(task, sources), task)
    };
    let gate = &proxies[0].gate;
    if meeting.at_commit != AtCommit::Pass {
        gate.arm();
    }
    let mut older = start(0);
    sleep(meeting.offset);
    let younger = start(1);
    let is_killed = decide_at_commit(meeting.at_commit, gate, &mut older);
    let ends = [older.wait(), younger.wait()];
    let writes: Vec<Request> = log.requests().into_iter().filter(|request| is_write_of(request, prefix)).collect();
    let trace = writes.iter().map(describe).collect();
    Course { is_interleaved: is_interleaved(&writes), is_killed: is_killed && ends[0].is_killed(), ends, trace }
}

/// Waits for the commit of the older run, and does what is to be done then. Returns `true` if that killed the run.
fn decide_at_commit(at_commit: AtCommit, gate: &Gate, older: &mut Running) -> bool {
    if at_commit != AtCommit::Pass && wait_until(|| gate.is_holding() || older.has_ended()) && gate.is_holding() {
        match at_commit {
            AtCommit::Kill(after) => {
                sleep(after);
                older.kill();
                gate.close();
                return true;
            }
            AtCommit::Hold(time) => sleep(time),
            AtCommit::Pass => {}
        }
    }
    gate.open();
    false
}

/// Waits for a condition. Returns `false` if it takes too long.
pub fn wait_until(mut is_met: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_met() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        sleep(LOOK);
    }
    true
}

/// Returns `true` for puts and deletions in the folder of the image. Batches of deletions name no key.
fn is_write_of(request: &Request, prefix: &str) -> bool {
    request.is_write() && (request.method == "POST" || request.path.contains(&format!("/{prefix}/image/")))
}

/// Returns `true` if a run wrote, then the other one, and then the first one again.
fn is_interleaved(writes: &[Request]) -> bool {
    writes.windows(2).filter(|pair| pair[0].run != pair[1].run).count() >= 2
}

fn describe(request: &Request) -> String {
    let Request { run, at, method, path, state } = request;
    let name = ["older", "younger"][*run];
    format!("{:>6} ms {name:<7} {method} {path} {}\n", at.as_millis(), state.as_deref().unwrap_or_default())
}
