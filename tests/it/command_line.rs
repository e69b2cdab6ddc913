//! The output and exit codes of the command line.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, planned_keys, program, run, run_well, run_within};
use crate::support::s3::in_process;
use crate::support::tiff::{self, Layout};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Returns the files in a folder, or none if there is no such folder. Hidden files are not objects.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                found.push(path.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_gets_exactly_the_planned_files() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 1100, 700);
    let output = folder.path().join("out");
    let arguments = ["--public-url=https://example.org/iiif", "--iiif-version=both", "--output"];
    let stdout = run_well(arguments.iter().map(AsRef::as_ref).chain([output.as_os_str(), image.as_os_str()]));
    assert_eq!(stdout, "https://example.org/iiif/3/scan/info.json\nhttps://example.org/iiif/2/scan/info.json\n");
    let keys = planned_keys([image.as_os_str(), "--iiif-version=both".as_ref()]);
    let mut planned: Vec<String> = keys.iter().map(|key| format!("{}scan/{}", &key[..2], &key[2..])).collect();
    planned.sort();
    assert_eq!(files_below(&output), planned);
}

#[test]
fn a_page_of_a_tiff_is_published_and_planned() {
    let folder = TempDir::new().expect("a folder");
    let pages = [(40, 30), (60, 50)].map(|(width, height)| Layout::rgb(width, height).page(|x, _, _| x.into()));
    let bytes = tiff::file(&pages, tiff::Order::Little, tiff::Variant::Classic);
    let image = file(folder.path(), "book.tif", &bytes);
    let output = folder.path().join("out");
    let size = |page: &str| {
        let publish = ["--public-url=https://example.org/iiif", page, "--output"];
        run_well(publish.iter().map(AsRef::as_ref).chain([output.as_os_str(), image.as_os_str()]));
        let published = std::fs::read_to_string(output.join("book/info.json")).expect("a file");
        let planned = run_well(["plan", "--json", page].iter().map(AsRef::as_ref).chain([image.as_os_str()]));
        [published, planned].map(|json| serde_json::from_str::<Value>(&json).expect("JSON")["width"].clone())
    };
    assert_eq!(size("--page=1"), [40, 40]);
    assert_eq!(size("--page=2"), [60, 60], "another page is another image");
    let missing = run(["plan", "--page=3"].iter().map(AsRef::as_ref).chain([image.as_os_str()]));
    assert!(missing.stderr.contains("has no page 3: it has 2 pages"), "{}", missing.stderr);
}

#[test]
fn a_plan_of_a_size_is_one_json_document() {
    let plan = |extra: &[&str]| -> Value {
        let arguments = ["plan", "--size", "20000x15000", "--json", "--id", "map", "--public-url", "https://x.org/y"];
        serde_json::from_str(&run_well(arguments.iter().chain(extra))).expect("JSON")
    };
    let document = plan(&[]);
    assert_eq!((&document["width"], &document["height"]), (&Value::from(20000), &Value::from(15000)));
    assert_eq!(document["scaleFactors"], serde_json::json!([1, 2, 4, 8, 16, 32, 64, 128, 256]));
    assert_eq!(document["objects"], 1639);
    assert_eq!(document["keys"].as_array().map(Vec::len), Some(1639));
    assert_eq!(document["keys"][1638], "info.json");
    assert_eq!(document["info"]["id"], "https://x.org/y/map");
    assert_eq!(document["info"]["maxWidth"], 2500);
    for number in ["bytes", "cost", "memory"] {
        assert!(document[number].as_f64().is_some_and(|number| number > 0.0), "{number}");
    }
    let both = plan(&["--iiif-version", "both"]);
    let versions = both.as_array().expect("an array");
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0]["keys"][0], "3/0,0,512,512/512,512/0/default.jpg");
    assert_eq!(versions[1]["keys"][0], "2/0,0,512,512/512,/0/default.jpg");
    assert_eq!(versions[1]["info"]["@id"], "https://x.org/y/2/map");
}

#[test]
fn a_plan_reads_only_the_header() {
    let folder = TempDir::new().expect("a folder");
    let whole = std::fs::read(png_file(folder.path(), "x.png", 900, 700)).expect("written");
    let header_only = file(folder.path(), "header.png", &whole[..100]);
    assert!(run_well(["plan".as_ref(), header_only.as_os_str()]).contains("900x700"));
}

#[test]
fn invalid_usage_exits_with_2_before_anything_is_read() {
    for arguments in [
        &["missing.jpg"][..],
        &["--bucket", "b"],
        &["--bucket", "b", "--output", "o", "missing.jpg"],
        &["--output", "o", "--id", "../x", "missing.jpg"],
        &["--output", "o", "--prefix", "a/../b", "missing.jpg"],
        &["--output", "o", "--id", "x", "missing.jpg", "other.jpg"],
        &["--output", "o", "a/missing.jpg", "b/missing.tif"],
        &["--output", "o", "--max-size", "100", "missing.jpg"],
        &["--output", "o", "--tile-size", "0", "missing.jpg"],
        &["--output", "o", "--quality", "101", "missing.jpg"],
        &["--output", "o", "--rights", "all mine", "missing.jpg"],
        &["--output", "o", "--public-url", "example.org", "missing.jpg"],
        &["--output", "o", "--cache-control", "a\nb", "missing.jpg"],
        &["plan"],
        &["plan", "--size", "0x5"],
        &["plan", "--size", "100x100", "--max-size", "256"],
    ] {
        let run = run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stdout.is_empty() && run.stderr.starts_with("error: "), "{arguments:?}: {}", run.stderr);
        assert!(!Path::new("o").exists(), "{arguments:?}");
    }
}

#[test]
fn a_bad_file_is_reported_in_one_line_with_a_hint() {
    let folder = TempDir::new().expect("a folder");
    let output = folder.path().join("out");
    for (name, content) in [("text.jpg", "hello".as_bytes()), ("empty.jpg", b"")] {
        let image = file(folder.path(), name, content);
        let run =
            run(["--output".as_ref(), output.as_os_str(), "--public-url=https://x.org".as_ref(), image.as_os_str()]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
        assert!(run.stderr.contains(name), "{}", run.stderr);
    }
    assert!(files_below(&output).is_empty());
}

#[test]
fn missing_credentials_or_server_exit_with_3() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let endpoint = in_process().endpoint;
    let mut command = program();
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let run: Run =
        command.args(["--bucket", "tiles", "--endpoint-url", &endpoint]).arg(&image).output().expect("built").into();
    assert_eq!(run.code, Some(3));
    assert!(run.stderr.contains("credentials"), "{}", run.stderr);

    let mut command = program();
    // Port 1 of this machine refuses connections.
    command.args(["--bucket", "tiles", "--endpoint-url", "http://127.0.0.1:1"]).arg(&image);
    let run = run_within(Duration::from_mins(2), &mut command);
    assert_eq!(run.code, Some(3));
    assert!(run.stderr.contains("Connection refused"), "{}", run.stderr);
}

#[test]
fn events_are_json_lines_and_stdout_has_only_results() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let output = folder.path().join("out");
    let mut command = program();
    command.args(["--progress=json", "--public-url=https://x.org", "--output"]).arg(&output).arg(&image);
    let run: Run = command.output().expect("built").into();
    assert_eq!(run.stdout, "https://x.org/x/info.json\n");
    let events: Vec<Value> = run.stderr.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        events.iter().map(|event| event["event"].as_str()).collect::<Vec<_>>(),
        [Some("started"), Some("published"), Some("summary")]
    );
    assert_eq!(events[1]["objects"], planned_keys([&image]).len());
}

#[test]
fn an_event_lists_the_warnings_of_its_image_with_their_codes() {
    let folder = TempDir::new().expect("a folder");
    let mut page = Layout::rgb(40, 40).page(|_, _, _| 9);
    page.tags.retain(|(tag, _)| *tag != 262);
    let image = file(folder.path(), "x.tif", &tiff::file(&[page], tiff::Order::Little, tiff::Variant::Classic));
    let output = folder.path().join("out");
    let arguments = ["--progress=json", "--public-url=https://x.org", "--output"].map(AsRef::as_ref);
    let run = run(arguments.into_iter().chain([output.as_os_str(), image.as_os_str()]));
    let started: Value = serde_json::from_str(run.stderr.lines().next().expect("an event")).expect("JSON");
    assert_eq!(started["warnings"][0]["code"], "colors-guessed", "{}", run.stderr);
    assert!(started["warnings"][0]["text"].as_str().is_some_and(|text| text.contains("taken as RGB")));
}

#[cfg(unix)]
#[test]
fn an_interrupt_exits_with_130_or_143_and_leaves_no_info_json() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 4000, 3000);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let output = folder.path().join(signal);
        let mut command = program();
        command.args(["--public-url=https://x.org", "--output"]).arg(&output).arg(&image);
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().expect("built");
        let began = Instant::now();
        while !output.join("x").exists() {
            assert!(began.elapsed() < Duration::from_secs(30), "no tile was written");
            std::thread::sleep(Duration::from_millis(1));
        }
        let kill = std::process::Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
        assert!(kill.is_ok_and(|status| status.success()));
        let status = child.wait().expect("ended");
        assert_eq!(status.code(), Some(code));
        assert!(!output.join("x/info.json").exists(), "interrupted after its first tile");
    }
}

#[test]
fn help_version_completions_and_manual_are_printed() {
    assert!(run_well(["--help"]).contains("iiif-publish --bucket art-tiles photo.jpg"));
    assert!(run_well(["--version"]).contains("SIMD"));
    assert!(run_well(["completions", "bash"]).contains("iiif-publish"));
    assert!(run_well(["man"]).contains(".TH iiif-publish"));
}

#[test]
fn a_run_of_several_images_ends_with_a_summary() {
    let folder = TempDir::new().expect("a folder");
    let images = ["a.png", "b.png"].map(|name| png_file(folder.path(), name, 300, 200));
    let server = FaultServer::start();
    let publish = |more: &[&str], images: &[std::path::PathBuf]| {
        let mut command = program();
        command.args(["--bucket=tiles", "--endpoint-url", &server.endpoint()]).args(more).args(images);
        let run: Run = command.output().expect("built").into();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    let first = publish(&[], &images);
    let [.., done, cost] = first.lines().collect::<Vec<_>>()[..] else { panic!("{first}") };
    let objects = server.puts().len();
    let expected = format!("published 2 images to {}/tiles ({objects} objects, ", server.endpoint());
    assert!(done.starts_with(&expected), "{done}");
    // 49 requests cost 0.025 cents, rounded up to one cent.
    assert_eq!(cost, format!("{} requests (at most $0.01 on S3 Standard)", server.request_count()));
    let second = publish(&[], &images);
    assert!(second.lines().any(|line| line.starts_with("2 images unchanged at ")), "{second}");
    let one = publish(&[], &images[..1]);
    assert!(one.starts_with("1 image unchanged at ") && one.lines().count() == 2, "{one}");
    assert_eq!(publish(&["--quiet"], &images), "");
}

/// Returns the lines that a run prints to a terminal of 80 columns. `script` from util-linux starts it.
#[cfg(target_os = "linux")]
fn on_terminal(name: &str, arguments: &[&std::ffi::OsStr]) -> Vec<String> {
    let program = program();
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().expect("UTF-8"));
    let words: Vec<String> = [program.get_program()].into_iter().chain(arguments.iter().copied()).map(quoted).collect();
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--command", &format!("stty cols 80; {}", words.join(" ")), "/dev/null"]);
    let output = script
        .env("TERM", name)
        .env("NO_COLOR", "1")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("util-linux has it");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

/// Returns the rest of a line after its control sequences, which erase bars (`ESC [ 2 K`).
#[cfg(target_os = "linux")]
fn after_controls(line: &str) -> &str {
    let rest = line.rsplit(['\r', '\u{1b}']).next().unwrap_or(line);
    match rest.strip_prefix('[') {
        Some(sequence) => sequence.split_once(|end: char| end.is_ascii_alphabetic()).map_or(sequence, |(_, rest)| rest),
        None => rest,
    }
}

#[cfg(target_os = "linux")]
#[test]
fn lines_fit_the_terminal() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let bad = file(folder.path(), "a-text-that-is-called-like-a-picture.jpg", b"hello");
    let output = folder.path().join("out");
    let arguments = ["--output".as_ref(), output.as_os_str(), "--public-url=https://x.org".as_ref(), image.as_os_str()];
    let printed = on_terminal("xterm", &[&arguments[..], &[bad.as_os_str()]].concat()).join("\n");
    let stays: Vec<&str> = printed.lines().map(after_controls).collect();
    let last = stays.last().expect("a summary");
    assert_eq!(*last, "1 of 2 images failed");
    assert!(stays.iter().any(|line| line.starts_with("published 1 image to ")), "{stays:?}");
    let error = stays.iter().position(|line| line.starts_with("error: ")).expect("an error");
    assert!(stays[error + 1].starts_with("       ") && !stays[error + 1].contains("the content"), "{stays:?}");
    assert!(stays.iter().all(|line| line.chars().count() <= 80), "{stays:?}");

    let dumb = on_terminal("dumb", &[&arguments[..], &["--overwrite".as_ref()]].concat());
    assert!(dumb.iter().any(|line| line.starts_with("x: published 21 objects")), "{dumb:?}");
    assert!(!dumb.iter().any(|line| line.contains('\u{1b}') || line.contains('\r')), "{dumb:?}");
}
