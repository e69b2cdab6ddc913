//! The program, run as users run it.

use super::s3::{ACCESS_KEY, SECRET_KEY};
use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program with credentials of the test servers, and nothing of the machine's own AWS configuration and proxies.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iiif-publish"));
    let is_own = |name: &str| name.starts_with("IIIF_PUBLISH_") && !name.starts_with("IIIF_PUBLISH_TEST_");
    let is_foreign = |name: &str| name.starts_with("AWS_") || name.to_lowercase().ends_with("_proxy") || is_own(name);
    for (name, _) in std::env::vars().filter(|(name, _)| is_foreign(name)) {
        command.env_remove(name);
    }
    command
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/nonexistent/config")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The result of a run.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs the program to its end.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    program().args(arguments).output().expect("the program was built").into()
}

/// Runs a command that could hang. A run that takes longer than `limit` is killed, and the test fails. The limit is a
/// guard and no measurement: it is a multiple of the time on a slow machine.
pub fn run_within(limit: Duration, command: &mut Command) -> Run {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program was built");
    let (stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    thread::scope(|scope| {
        let (stdout, stderr) = (scope.spawn(|| all_of(stdout)), scope.spawn(|| all_of(stderr)));
        let status = end_within(limit, &mut child);
        let text = |reader: thread::ScopedJoinHandle<Vec<u8>>| reader.join().expect("it reads");
        Output { status, stdout: text(stdout), stderr: text(stderr) }.into()
    })
}

/// Waits for the end of a child, which is killed if it takes longer than `limit`.
pub fn end_within(limit: Duration, child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if began.elapsed() > limit {
            child.kill().expect("a child");
            panic!("the run did not end within {limit:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn all_of(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("readable");
    bytes
}

/// Runs the program, which must end well; its standard output.
pub fn run_well<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    let run = run(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout
}

/// The keys of an image, as `plan --keys` prints them.
pub fn planned_keys<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut command = program();
    command.arg("plan").args(arguments).arg("--keys");
    let run: Run = command.output().expect("the program was built").into();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout.lines().map(str::to_owned).collect()
}
