//! A meeting in a bucket. A proxy in front of each run logs its requests and can hold the commit of the older run.

use super::meeting::{AtCommit, Meeting};
use super::place::Place;
use super::program::{Aim, Ended, Running};
use super::proxy::{Gate, Log, Proxy, Request};
use super::sources::Sources;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Polling interval.
pub const LOOK: Duration = Duration::from_millis(2);

/// Maximum duration of a run.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The course of a meeting.
pub struct Course {
    /// `true` if one run wrote between two writes of the other.
    pub is_interleaved: bool,
    /// `true` if the older run was killed between its last image file and its commit.
    pub is_killed: bool,
    pub ends: [Ended; 2],
    /// A readable trace of both runs.
    pub trace: String,
}

impl Course {
    /// Returns `true` if the neighbor of the image must be complete.
    pub fn has_neighbor(&self) -> bool {
        self.ends.iter().any(Ended::has_published_neighbor)
    }
}

/// Starts both runs of a meeting and waits for their ends.
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

/// Waits for the commit of the older run and executes the planned action. Returns `true` if the run was killed.
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

/// Waits for a condition. Returns `false` after a timeout.
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

/// Returns `true` for puts and deletions in the image folder. Batch deletions contain no key in their URLs.
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
