//! Messages contain no secrets of URLs and no control sequences from outside.

use crate::support::pictures::{encoded, file, png_file, waves};
use crate::support::program::{Run, program, run};
use image::ImageFormat;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use tempfile::TempDir;

/// ESC, line feeds, a C1 control sequence introducer, and a text direction override.
const HOSTILE: &str = "\u{1b}[2J\r\nerror: forged\u{9b}31m\u{202e}gnp";

fn assert_harmless(text: &str, context: &str) {
    let is_harmful = |character: char| character != '\n' && (character.is_control() || character == '\u{202e}');
    assert!(!text.contains(is_harmful), "{context}: {text:?}");
    assert!(text.lines().all(|line| !line.starts_with("error: forged")), "{context}: {text:?}");
}

/// Starts a server that answers every request with the same bytes, and returns its address.
fn server_of(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://{address}")
}

#[test]
fn passwords_in_urls_are_refused_and_never_printed() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 30, 20).display().to_string();
    let output = format!("--output={}", folder.path().join("out").display());
    let secret = "http://user:s3cret@127.0.0.1:9";
    let cases: &[&[&str]] = &[
        &["--bucket=tiles", "--endpoint-url", secret, &image],
        &["--bucket=tiles", "--endpoint-url=http://127.0.0.1:9/?token=s3cret", &image],
        &["ingest", "--bucket=tiles", "--endpoint-url=http://s3cret@127.0.0.1:9", &image],
        &["delete", "--bucket=tiles", "--id=a", "--yes", "--endpoint-url", secret],
        &["bucket", "check", "--bucket=tiles", "--endpoint-url", secret],
        &["verify", "--bucket=tiles", "--id=a", "--endpoint-url", secret],
        &[&output, "--source-endpoint-url", secret, "s3://masters/a.png"],
        &[&output, "s3://user:s3cret@masters/a.png"],
        &[&output, "--public-url", secret, &image],
        &[&output, "--public-url=https://user:s3/cret@example.org", &image],
        &[&output, "--public-url=https://example.org/?token=s3cret", &image],
        &[&output, "--public-url=user:s3cret@example.org", &image],
        &[&output, "--redirects", "--full-image-url=https://user:s3cret@example.org/{id}.jpg", &image],
        &["verify", "https://user:s3cret@example.org/a/info.json"],
    ];
    for arguments in cases {
        for format in [&[][..], &["--log-format=json"]] {
            let run = run([arguments, format].concat());
            assert!(run.code.is_some_and(|code| code > 0), "{arguments:?}: {}", run.stderr);
            for text in [&run.stderr, &run.stdout] {
                assert!(!text.contains("s3cret") && !text.contains("cret@"), "{arguments:?}: {text}");
            }
        }
    }
    let mut command = program();
    command.env("AWS_ENDPOINT_URL", secret).args(["--bucket=tiles", &image]);
    let run: Run = command.output().expect("built").into();
    assert!(run.code == Some(3) && !run.stderr.contains("s3cret"), "{}", run.stderr);
    assert!(run.stderr.contains("a user name or a password"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn names_of_files_are_escaped_when_printed() {
    let folder = TempDir::new().expect("a folder");
    let picture = encoded(waves(30, 20), ImageFormat::Png);
    let (whole, damaged) = ("a\u{202e}b\u{2066}.png", format!("{HOSTILE}.png"));
    file(folder.path(), whole, &picture);
    file(folder.path(), &damaged, &picture);
    file(folder.path(), "c\u{202e}.png", &picture[..60]);
    let output = format!("--output={}", folder.path().join("out").display());
    let public = "--public-url=https://example.org";
    for name in [whole, &damaged, "c\u{202e}.png"] {
        let path = folder.path().join(name).display().to_string();
        for verb in [&[&output[..], public][..], &["plan"], &["ingest", &output, public]] {
            let run = run([verb, &[&path]].concat());
            assert_harmless(&run.stderr, name);
            assert_harmless(&run.stdout, name);
        }
    }
    let path = folder.path().join(whole).display().to_string();
    let run = run([&output[..], public, "--verbose", &path]);
    assert!(run.stderr.contains(r"a\u{202e}b\u{2066}"), "{}", run.stderr);
}

#[test]
fn words_of_configuration_files_and_command_lines_are_escaped() {
    let folder = TempDir::new().expect("a folder");
    for text in
        ["\"\\u001b[2J\\nerror: forged\" = 1\n", "bucket = \"\u{9b}31m\n", "quality = \"\\u001b[2J\\nerror: forged\"\n"]
    {
        file(folder.path(), "iiif-publish.toml", text.as_bytes());
        let mut command = program();
        let run: Run = command.current_dir(folder.path()).args(["ingest", "masters"]).output().expect("built").into();
        assert_eq!(run.code, Some(2), "{text}: {}", run.stderr);
        assert_harmless(&run.stderr, text);
    }
    assert_harmless(&run(["--quality", HOSTILE, "a.png"]).stderr, "a value");
    assert_harmless(&run(["--config", HOSTILE, "ingest"]).stderr, "a path");
}

#[test]
fn messages_of_servers_are_escaped() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 30, 20).display().to_string();
    let message = "&#x1b;[2J&#13;&#10;error: forged&#x9b;31m\u{202e}";
    let body = format!("<Error><Code>AccessDenied{message}</Code><Message>no {message}</Message></Error>");
    let head = format!("HTTP/1.1 400 Bad\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let endpoint = server_of([head.into_bytes(), body.into_bytes()].concat());
    let verbs: &[&[&str]] = &[
        &["--bucket=tiles", &image],
        &["bucket", "check", "--bucket=tiles"],
        &["delete", "--yes", "--bucket=tiles", "--id=a"],
    ];
    for verb in verbs {
        let run = run([verb, &["--endpoint-url", &endpoint][..]].concat());
        assert!(run.stderr.contains("400"), "{verb:?}: {}", run.stderr);
        assert_harmless(&run.stderr, "the message of a store");
        assert_harmless(&run.stdout, "the message of a store");
    }
}

#[test]
fn reports_are_escaped_and_json_stays_json() {
    let folder = TempDir::new().expect("a folder");
    let line = serde_json::json!({"status": "failed", "id": HOSTILE, "source": HOSTILE, "reason": HOSTILE});
    let report = file(folder.path(), "report.jsonl", format!("{line}\n").as_bytes());
    let run = run([Path::new("report"), &report]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_harmless(&run.stderr, "the reason");
    assert!(run.stderr.contains(r"\u{1b}[2J\r\nerror: forged\u{9b}31m\u{202e}gnp"), "{}", run.stderr);
    assert_harmless(&run.stdout, "the line for another run");
    let again: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((&again["id"], &again["source"]), (&HOSTILE.into(), &HOSTILE.into()));
}
