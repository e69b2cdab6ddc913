//! `verify` on complete and on damaged images.

mod foreign;
mod hosts;
mod published;

use crate::support::host::Host;
use crate::support::pictures::png_file;
use crate::support::program::{Run, program, run_well, run_within};
use serde_json::Value;
use std::time::Duration;
use tempfile::TempDir;

/// Publishes an image with the identifier `x` on its own host.
fn published(width: u32, height: u32, arguments: &[&str]) -> Host {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", width, height);
    let output = folder.path().join("out");
    let host = Host::start();
    let mut all = vec!["--progress=none".as_ref(), "--public-url".as_ref(), host.url().as_ref()];
    all.extend(arguments.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
    all.extend(["--output".as_ref(), output.as_os_str(), image.as_os_str()]);
    run_well(all);
    host.show(&output);
    host
}

fn verify(arguments: &[&str]) -> Run {
    run_within(Duration::from_mins(2), program().arg("verify").args(arguments))
}

/// Verifies the image `x` of a host.
fn verify_on(host: &Host, arguments: &[&str]) -> Run {
    let url = format!("{}/x/info.json", host.url());
    let mut all = vec![url.as_str()];
    all.extend(arguments);
    verify(&all)
}

/// Returns the findings on a host's image `x`, without the URL of each line. The exit code must be 1.
fn problems(host: &Host) -> Vec<String> {
    let run = verify_on(host, &[]);
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    let base = format!("{}/x", host.url());
    run.stdout.lines().map(|line| line.replacen(&base, "", 1)).collect()
}

/// Returns the JSON report on a host's image `x`.
fn report(host: &Host, arguments: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let run = verify_on(host, &all);
    let mut document: Value = serde_json::from_str(&run.stdout).expect("JSON");
    document["images"][0].take()
}
