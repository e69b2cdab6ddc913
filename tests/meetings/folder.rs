//! A meeting in a folder. Without a proxy in between, runs are stopped between their writes by signals.
//!
//! Only one run is active while files are compared, which shows the writer of each file.

use super::course::{Course, LOOK, PATIENCE, wait_until};
use super::meeting::{AtCommit, Meeting};
use super::place::{Place, files};
use super::program::{Aim, Running, Task};
use super::random::Random;
use super::sources::Sources;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Maximum time for which a run is stopped. It is well below the grace period.
const MAX_STOP: Duration = Duration::from_millis(2500);

/// A shell process that sends signals without delay.
struct Signals {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Signals {
    fn new() -> Self {
        let mut shell = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let (input, output) = (shell.stdin.take().expect("a pipe"), shell.stdout.take().expect("a pipe"));
        Self { shell, input, output: BufReader::new(output) }
    }

    /// Sends a signal unless the run has ended, because its process ID may have been reused.
    fn send(&mut self, name: &str, run: &mut Running) {
        if run.has_ended() {
            return;
        }
        writeln!(self.input, "kill -{name} {} 2>/dev/null; echo", run.id()).expect("it listens");
        self.output.read_line(&mut String::new()).expect("it answers");
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = (self.shell.kill(), self.shell.wait());
    }
}

/// The files of an image, each with metadata that changes when it is replaced.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, (u64, i64, i64)>);

impl Files {
    fn of(folder: &Path) -> Self {
        let stamp = |path: PathBuf| {
            let metadata = path.metadata().ok()?;
            Some((path, (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())))
        };
        Self(files(folder).into_iter().filter_map(stamp).collect())
    }

    /// Counts the image files written since `before`.
    fn put_since(&self, before: &Self) -> usize {
        let is_picture = |path: &Path| path.extension().is_some_and(|extension| extension == "jpg");
        self.0.iter().filter(|(path, stamp)| is_picture(path) && before.0.get(*path) != Some(stamp)).count()
    }

    /// Counts the files written or deleted since `before`.
    fn changed_since(&self, before: &Self) -> usize {
        let put = self.0.iter().filter(|(path, stamp)| before.0.get(*path) != Some(stamp)).count();
        put + before.0.keys().filter(|path| !self.0.contains_key(*path)).count()
    }

    fn info_json(&self) -> Option<&(u64, i64, i64)> {
        self.0.iter().find(|(path, _)| path.ends_with("image/info.json")).map(|(_, stamp)| stamp)
    }
}

/// A folder in which two runs meet, with control over the active one.
struct Stage {
    image: PathBuf,
    /// Number of image files that the older run writes.
    planned: usize,
    signals: Signals,
    random: Random,
    trace: String,
}

/// Runs a meeting. `planned` is the number of image files that the older run writes.
pub fn meet_in_folder(meeting: &Meeting, place: &Place, prefix: &str, sources: &Sources, planned: usize) -> Course {
    let Place::Folder { folder } = place else { panic!("{} is not a folder", place.name()) };
    let image = folder.path().join(prefix).join("image");
    let (signals, random) = (Signals::new(), meeting.random.clone());
    let mut stage = Stage { image, planned, signals, random, trace: String::new() };
    let start =
        |task: Task| Running::start(Aim { place, endpoint: None, prefix, max_rps: None }.command(task, sources), task);
    let at_first = stage.files();
    let mut older = start(meeting.older);
    let at_stop = stage.stop_older(&mut older, &at_first);
    let mut younger = start(meeting.younger);
    let at_younger_stop = stage.stop_younger(&mut younger, &at_stop);
    let is_to_be_killed = matches!(meeting.at_commit, AtCommit::Kill(_)) && meeting.older.picture().is_some();
    let is_killed = if is_to_be_killed {
        stage.kill_before_commit(&mut older, at_stop.put_since(&at_first), &at_younger_stop)
    } else {
        stage.go_on(&mut older, &at_younger_stop);
        false
    };
    let changes = [
        at_stop.changed_since(&at_first),
        at_younger_stop.changed_since(&at_stop),
        stage.files().changed_since(&at_younger_stop),
    ];
    let _ = writeln!(stage.trace, "older, younger and older again changed {changes:?} files");
    stage.signals.send("CONT", &mut younger);
    let ends = [older.wait(), younger.wait()];
    let is_killed = is_killed && ends[0].is_killed();
    Course { is_interleaved: changes.iter().all(|count| *count > 0), is_killed, ends, trace: stage.trace }
}

impl Stage {
    fn files(&self) -> Files {
        Files::of(&self.image)
    }

    /// Lets the older run change some files, then stops it.
    fn stop_older(&mut self, older: &mut Running, before: &Files) -> Files {
        let limit = 1 + self.random.below(self.planned.max(1));
        run_until(older, || self.files().changed_since(before) >= limit, PATIENCE);
        self.signals.send("STOP", older);
        let files = self.files();
        let _ = writeln!(self.trace, "older stopped after {} of {} pictures", files.put_since(before), self.planned);
        files
    }

    /// Lets the younger run change some files or end, then stops it.
    fn stop_younger(&mut self, younger: &mut Running, before: &Files) -> Files {
        let begun = Instant::now();
        let (limit, most) = (1 + self.random.below(2 * self.planned.max(1)), self.random.time(MAX_STOP));
        run_until(younger, || self.files().changed_since(before) >= limit, most);
        self.signals.send("STOP", younger);
        let _ = writeln!(self.trace, "younger stopped after {} ms", begun.elapsed().as_millis());
        self.files()
    }

    /// Resumes the older run until it has written its remaining image files, then kills it. Returns `true` if it had
    /// not committed.
    fn kill_before_commit(&mut self, older: &mut Running, already_put: usize, before: &Files) -> bool {
        let (image, planned) = (self.image.clone(), self.planned);
        let has_all = || already_put + Files::of(&image).put_since(before) >= planned;
        step_until(&mut self.signals, older, has_all);
        let is_complete = already_put < planned && has_all();
        older.kill();
        let _ = wait_until(|| older.has_ended());
        let is_before_commit = is_complete && self.files().info_json() == before.info_json();
        let _ = writeln!(self.trace, "older killed, complete: {is_complete}, before its commit: {is_before_commit}");
        is_before_commit
    }

    /// Lets the older run change some more files. The run continues.
    fn go_on(&mut self, older: &mut Running, before: &Files) {
        self.signals.send("CONT", older);
        let (limit, most) = (1 + self.random.below(self.planned.max(1)), self.random.time(MAX_STOP));
        run_until(older, || self.files().changed_since(before) >= limit, most);
    }
}

/// Waits until a run has done something, has ended, or has timed out.
fn run_until(run: &mut Running, is_done: impl Fn() -> bool, most: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < most && !is_done() && !run.has_ended() {
        sleep(LOOK / 4);
    }
}

/// Resumes a stopped run in short steps until it has done something, has ended, or has timed out. Leaves it stopped.
fn step_until(signals: &mut Signals, run: &mut Running, is_done: impl Fn() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < MAX_STOP && !is_done() && !run.has_ended() {
        signals.send("CONT", run);
        sleep(LOOK);
        signals.send("STOP", run);
    }
}
