//! Signals and unavailable stores: uploads in flight finish, and remaining images are listed.

use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::pictures::png_file;
use crate::support::program::{Run, end_within, program, run_within};
use hyper::Method;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BUCKET: &str = "tiles";

fn publishing(server: &FaultServer, images: &[&Path]) -> Command {
    let mut command = program();
    command.args(["--bucket", BUCKET, "--endpoint-url", &server.endpoint()]).args(images);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until the server has received `count` uploads.
fn wait_for_puts(server: &FaultServer, count: usize) {
    let began = Instant::now();
    while server.puts().len() < count {
        assert!(began.elapsed() < Duration::from_secs(30), "{} puts", server.puts().len());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(kill.is_ok_and(|status| status.success()));
}

#[cfg(unix)]
#[test]
fn the_first_signal_finishes_uploads_in_flight_and_lists_remaining_images() {
    let folder = TempDir::new().expect("a folder");
    let (first, second) =
        (png_file(folder.path(), "first.png", 3000, 2500), png_file(folder.path(), "second.png", 600, 400));
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let server = FaultServer::start();
        server.fail(Fault::Slow(Duration::from_millis(400)), Scope::always().of(&Method::PUT));
        let mut command = publishing(&server, &[&first, &second]);
        command.arg("--concurrency=4");
        let child = command.spawn().expect("built");
        wait_for_puts(&server, 6);
        signal(&child, name);
        let run: Run = child.wait_with_output().expect("an end").into();
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        let puts = server.puts();
        let cut_off = puts.iter().filter(|put| !put.is_confirmed()).count();
        assert_eq!(cut_off, 0, "each started upload got a response");
        assert!(puts.len() < 20, "and few more were started: {}", puts.len());
        assert!(!server.keys(BUCKET).iter().any(|key| key.ends_with("info.json")));
        let left = run.stderr.lines().find(|line| line.starts_with("interrupted: ")).expect("a summary");
        assert!(left.contains("2 remaining") && left.contains("`first`") && left.contains("`second`"), "{left}");
        assert!(left.contains(" objects)"), "its progress: {left}");
    }
}

#[cfg(unix)]
#[test]
fn the_second_signal_quits_at_once() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 3000, 2500);
    let server = FaultServer::start();
    server.fail(Fault::NeverAnswer, Scope::always().of(&Method::PUT));
    let mut child = publishing(&server, &[&image]).spawn().expect("built");
    wait_for_puts(&server, 4);
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().expect("a child").is_none(), "it waits for uploads in flight");
    signal(&child, "INT");
    // Otherwise it would wait for responses, and retry, for minutes.
    end_within(Duration::from_secs(20), &mut child);
    let run: Run = child.wait_with_output().expect("an end").into();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(run.stderr.contains("`scan`"), "{}", run.stderr);
}

#[test]
fn a_level_that_a_signal_interrupts_is_never_stored_as_complete() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 1000, 9000);
    let server = FaultServer::start();
    server.fail(Fault::Slow(Duration::from_millis(100)), Scope::always().of(&Method::PUT));
    let mut command = publishing(&server, &[&image]);
    command.args(["--concurrency=2", "--tile-size=256"]);
    let child = command.spawn().expect("built");
    wait_for_puts(&server, 12);
    signal(&child, "INT");
    let run: Run = child.wait_with_output().expect("an end").into();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    let whole = server.keys(BUCKET).into_iter().filter(|key| key.contains("/full/")).collect::<Vec<_>>();
    assert!(whole.is_empty(), "no level was complete: {whole:?}");
}

#[test]
fn a_store_that_stays_unavailable_fails_every_image_by_name_without_info_json() {
    let folder = TempDir::new().expect("a folder");
    // The time for retries of all images, one after the other, is far longer than the limit.
    let (count, retry_for, limit) = (30, "--retry-for=4", Duration::from_mins(1));
    let names: Vec<String> = (0..count).map(|number| format!("{number:02}-scan")).collect();
    let image = |name: &String| png_file(folder.path(), &format!("{name}.png"), 600, 400);
    let images: Vec<_> = names.iter().map(image).collect();
    let images: Vec<&Path> = images.iter().map(|path| &**path).collect();
    let server = FaultServer::start();
    for name in &names {
        server.store(BUCKET, &format!("{name}/info.json"), b"old");
    }
    server.fail(Fault::Down(Duration::MAX), Scope::next(1).of(&Method::PUT).after(8));
    let mut command = publishing(&server, &images);
    command.arg(retry_for);
    let run = run_within(limit, &mut command);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for name in &names {
        assert!(run.stderr.contains(name), "{name} is named: {}", run.stderr);
        let information = server.object(BUCKET, &format!("{name}/info.json")).expect("the old one");
        assert_eq!(information.body, &b"old"[..], "{name}");
    }
}

#[test]
fn retries_and_throttles_are_reported() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 1500, 1100);
    let server = FaultServer::start();
    server.fail(Fault::Answer(Refusal::SlowDown), Scope::next(2).of(&Method::PUT).after(3));
    server.fail(Fault::Answer(Refusal::InternalError), Scope::next(3).of(&Method::PUT).after(8));
    let run: Run = publishing(&server, &[&image]).output().expect("built").into();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let words = format!("5 of {} requests were retried; the store throttled 2 times", server.request_count());
    assert!(run.stderr.contains(&words), "{words}: {}", run.stderr);

    let server = FaultServer::start();
    server.fail(Fault::Answer(Refusal::TooManyRequests), Scope::next(1).of(&Method::PUT).after(3));
    let mut command = publishing(&server, &[&image]);
    let run: Run = command.arg("--progress=json").output().expect("built").into();
    let summary: Value = serde_json::from_str(run.stderr.lines().last().expect("events")).expect("JSON");
    assert_eq!(summary["event"], "summary");
    assert_eq!((&summary["throttles"], &summary["retries"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(summary["requests"], server.request_count());
}
