//! Runs of the program.

use super::place::{Place, environment};
use super::sources::{Picture, Sources};
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The grace period of all runs, which must be longer than any pause of a process on a busy machine.
pub const GRACE: Duration = Duration::from_secs(8);

/// The task of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Publish(Picture),
    Ingest(Picture),
    Delete,
    /// An ingest of a folder without the image.
    Prune,
}

impl Task {
    /// Returns the picture of the image after the task.
    pub fn picture(self) -> Option<Picture> {
        match self {
            Self::Publish(picture) | Self::Ingest(picture) => Some(picture),
            Self::Delete | Self::Prune => None,
        }
    }

    /// Returns the messages of permitted failures.
    fn excuses(self) -> &'static [&'static str] {
        match self {
            Self::Publish(_) | Self::Ingest(_) => &["another run published"],
            Self::Delete => &["there are no objects of", "another run keeps publishing"],
            Self::Prune => &["another run keeps publishing"],
        }
    }
}

/// The target and the rate of a run.
#[derive(Clone, Copy)]
pub struct Aim<'a> {
    pub place: &'a Place,
    pub endpoint: Option<&'a str>,
    pub prefix: &'a str,
    pub max_rps: Option<usize>,
}

impl Aim<'_> {
    /// Returns the command of a task.
    pub fn command(&self, task: Task, sources: &Sources) -> Command {
        let mut command = program();
        match task {
            Task::Publish(picture) => {
                self.publish(&mut command).args(["--id", "image"]).arg(sources.file(picture));
            }
            Task::Ingest(picture) => {
                self.ingest(command.arg("ingest")).arg(sources.input(Some(picture)));
            }
            Task::Prune => {
                let command = self.ingest(command.arg("ingest")).args(["--prune", "--max-delete", "100%"]);
                command.arg(sources.input(None));
            }
            Task::Delete => {
                self.locate(command.arg("delete")).args(["--id", "image", "--yes"]);
            }
        }
        command
    }

    /// Returns the command that publishes a table.
    pub fn table(&self, table: &Path, report: &Path) -> Command {
        let mut command = program();
        self.ingest(command.arg("ingest")).arg("--table").arg(table).arg("--report").arg(report);
        command
    }

    fn locate<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.args(self.place.arguments(self.endpoint)).args(["--prefix", self.prefix]);
        command.args(["--settle-after", &GRACE.as_secs().to_string()])
    }

    fn publish<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.locate(command).args(["--public-url", &public_url(self.prefix)]);
        command.args(["--tile-size=64", "--progress=none"]);
        if let Some(rate) = self.max_rps {
            // Few parallel uploads, so that the rate limit applies from the first second.
            command.args([&format!("--max-rps={rate}"), "--concurrency=8", "--jobs=1"]);
        }
        command
    }

    fn ingest<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.publish(command).args(["--presentation", "none"])
    }
}

pub fn public_url(prefix: &str) -> String {
    format!("https://iiif.example.org/{prefix}")
}

/// Returns the program with credentials of the test servers and without the AWS configuration and proxies of the
/// machine.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iiif-publish"));
    let is_foreign = |name: &str| name.starts_with("AWS_") || name.to_lowercase().ends_with("_proxy");
    for (name, _) in std::env::vars().filter(|(name, _)| is_foreign(name)) {
        command.env_remove(name);
    }
    command.envs(environment());
    command
}

/// A running process, which is killed when it is dropped.
pub struct Running {
    child: Child,
    task: Task,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stderr: String,
    task: Task,
}

impl Running {
    pub fn start(mut command: Command, task: Task) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { child: command.spawn().expect("the program was built"), task }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
    }

    /// Waits for the end of the run. The pipe has room for its stderr output.
    pub fn wait(mut self) -> Ended {
        let mut stderr = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("UTF-8");
        Ended { status: self.child.wait().expect("it is ours"), stderr, task: self.task }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

impl Ended {
    pub fn is_killed(&self) -> bool {
        self.status.code().is_none()
    }

    /// Returns `true` if the neighbor of the image must be complete.
    pub fn has_published_neighbor(&self) -> bool {
        self.status.success() && matches!(self.task, Task::Ingest(_) | Task::Prune)
    }

    /// Returns `true` if the run succeeded, was killed, or failed with a permitted message.
    pub fn is_excused(&self) -> bool {
        let gave_way = self.task.excuses().iter().any(|excuse| self.stderr.contains(excuse));
        self.status.success() || self.is_killed() || gave_way
    }
}

/// Runs a command that must succeed.
pub fn run_well(mut command: Command) {
    let output = command.output().expect("the program was built");
    let arguments: Vec<&OsStr> = command.get_args().collect();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
