//! Messages on stderr: how many there are, and what each format has.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use crate::support::some::some;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// Runs `ingest` of the folder `masters` into the folder `out`.
fn ingest(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = program();
    command.current_dir(folder).args(["ingest", "masters", "--output=out", "--public-url=https://x.org"]);
    command.args(arguments).output().expect("built").into()
}

/// A folder with `masters`, three images of which one is damaged.
fn masters() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("masters")).expect("made");
    for name in ["a", "b"] {
        png_file(folder.path(), &format!("masters/{name}.png"), 300, 200);
    }
    file(folder.path(), "masters/damaged.png", b"no image");
    folder
}

#[test]
fn an_unchanged_image_has_a_line_only_with_verbose() {
    let folder = masters();
    let first = ingest(folder.path(), &[]).stderr;
    assert!(first.contains("a: published ") && first.contains("2 manifests updated, 0 unchanged"), "{first}");
    let lines = |arguments: &[&str]| -> Vec<String> {
        ingest(folder.path(), arguments).stderr.lines().map(str::to_owned).collect()
    };
    let starts = |lines: &[String]| -> Vec<String> {
        let word = |line: &String| line.split([' ', ':']).next().unwrap_or_default().to_owned();
        lines.iter().map(word).collect()
    };
    assert_eq!(starts(&lines(&[])), ["3", "error", "hint", "0", "2", "1"], "{:?}", lines(&[]));
    assert_eq!(starts(&lines(&["--summary"])), ["3", "error", "hint", "0", "2", "1"]);
    assert_eq!(starts(&lines(&["--quiet"])), ["error", "hint", "1"]);
    let verbose = lines(&["--verbose"]);
    assert!(
        verbose.contains(&"a: unchanged".to_owned()) && verbose.contains(&"b: unchanged".to_owned()),
        "{verbose:?}"
    );
    let summary = ingest(folder.path(), &["--summary", "--overwrite"]).stderr;
    assert!(!summary.contains("a: ") && summary.contains("published 2 images"), "{summary}");
}

#[test]
fn json_lines_have_a_time_a_level_and_an_event() {
    let folder = masters();
    for (arguments, levels) in [
        (&["--log-format=json"][..], &["info", "error"][..]),
        (&["--log-format=json", "-v"], &["info", "error", "debug"]),
    ] {
        let run = ingest(folder.path(), arguments);
        let mut found = Vec::new();
        for line in some(run.stderr.lines()) {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let keys: Vec<&String> = line.as_object().expect("an object").keys().collect();
            assert_eq!(keys[..3], ["time", "level", "event"], "{line}");
            let time = line["time"].as_str().expect("a text");
            assert!(time.len() >= 20 && time.starts_with("20") && time.ends_with('Z'), "{time}");
            let level = line["level"].as_str().expect("a text").to_owned();
            if !found.contains(&level) {
                found.push(level);
            }
        }
        found.sort_by_key(|level| levels.iter().position(|expected| expected == level));
        assert_eq!(found, levels, "{}", run.stderr);
    }
}

#[test]
fn an_image_whose_files_are_all_there_is_not_called_published() {
    let (folder, server) = (TempDir::new().expect("a folder"), FaultServer::start());
    let image = png_file(folder.path(), "a.png", 300, 200);
    let publish = || -> Run {
        let mut command = program();
        command.args(["--bucket=tiles", "--endpoint-url", &server.endpoint()]).arg(&image);
        command.output().expect("built").into()
    };
    assert!(publish().stderr.contains("a: published "));
    // The same pixels in a file with another time.
    let file = std::fs::File::options().write(true).open(&image).expect("writable");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000)).expect("set");
    let again = publish().stderr;
    assert!(again.contains("a: updated 1 object; no image file was uploaded"), "{again}");
    assert!(!again.contains("a: published"), "{again}");
}

#[cfg(target_os = "linux")]
#[test]
fn errors_are_colored_on_a_terminal_unless_no_color_is_set() {
    let folder = masters();
    let on_terminal = |prefix: &str| {
        let program = program();
        let command = format!(
            "{prefix} {} masters/damaged.png --output=out --public-url=https://x.org",
            program.get_program().display()
        );
        let mut script = std::process::Command::new("script");
        script.current_dir(folder.path()).args(["--quiet", "--command", &command, "/dev/null"]);
        script.env_remove("NO_COLOR").env("TERM", "xterm");
        let output = script.stdin(std::process::Stdio::null()).output().expect("util-linux has it");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let colored = on_terminal("");
    assert!(colored.contains("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m `masters/damaged.png`"), "{colored:?}");
    assert!(!on_terminal("NO_COLOR=1").contains("\u{1b}[31m"));
    assert!(!on_terminal("TERM=dumb").contains("\u{1b}[31m"));
    assert!(!ingest(folder.path(), &[]).stderr.contains('\u{1b}'), "a pipe");
}
