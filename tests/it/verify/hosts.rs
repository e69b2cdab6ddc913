//! Hosts that are silent, busy, misconfigured or malicious, and invalid usage.

use super::{problems, published, report, verify, verify_on};
use crate::support::host::{Host, Page};

const MAX: &str = "/x/full/max/0/default.jpg";

#[test]
fn an_unreachable_host_exits_with_3() {
    // No program listens on port 1 of this machine.
    let run = verify(&["http://127.0.0.1:1/x/info.json"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""));
    assert!(
        run.stderr.contains("could not reach `http://127.0.0.1:1/x/info.json`: Connection refused"),
        "{}",
        run.stderr
    );

    let host = published(90, 70, &[]);
    let well = format!("{}/x/info.json", host.url());
    let run = verify(&["--json", "http://127.0.0.1:1/x/info.json", &well]);
    assert_eq!(run.code, Some(3), "one image does not hide another: {}", run.stderr);
    assert!(run.stdout.contains("\"error\"") && run.stdout.contains("\"well\": true"), "{}", run.stdout);
}

#[test]
fn a_missing_or_invalid_info_json_is_the_only_finding() {
    let host = Host::start();
    assert_eq!(problems(&host), ["/info.json: missing (404)"]);
    host.put("/x/info.json", Page::new("text/html", "<html>"));
    assert_eq!(
        problems(&host),
        [
            "/info.json: not JSON: expected value at line 1 column 1",
            "/info.json: `Content-Type: text/html` instead of application/json",
        ]
    );
    host.put("/x/info.json", Page::new("application/json", "{\"@context\": \"http://example.org\"}"));
    assert_eq!(problems(&host), ["/info.json: not an `info.json` of Image API version 2 or 3"]);
    host.put("/x/info.json", Page::new("application/json", vec![b' '; 2 << 20]));
    assert_eq!(problems(&host), ["/info.json: larger than the possible maximum of 1048576 bytes"]);
}

#[test]
fn requests_to_a_busy_server_are_retried() {
    let host = published(90, 70, &[]);
    host.change(MAX, |page| page.busy = 2);
    assert_eq!(verify_on(&host, &[]).code, Some(0));
    assert_eq!(host.requests().iter().filter(|path| *path == MAX).count(), 3);
}

#[test]
fn a_transient_status_is_requested_three_times_and_another_one_once() {
    let host = published(90, 70, &[]);
    for (status, requests) in [(408, 3), (501, 1)] {
        host.change(MAX, |page| page.status = status);
        let before = host.requests().len();
        assert_eq!(problems(&host), [format!("/full/max/0/default.jpg: unexpected status {status}")]);
        assert_eq!(host.requests()[before..].iter().filter(|path| *path == MAX).count(), requests, "{status}");
    }
}

#[test]
fn at_most_five_redirects_are_followed() {
    let host = published(90, 70, &[]);
    let picture = host.body(MAX);
    for hop in 1..5 {
        host.put(&format!("/hop{hop}"), Page::redirect(&format!("/hop{}", hop + 1)));
    }
    host.put("/hop5", Page::new("image/jpeg", picture));
    host.put(MAX, Page::redirect("/hop1"));
    assert_eq!(verify_on(&host, &[]).code, Some(0));
    host.put("/hop5", Page::redirect("/hop1"));
    assert_eq!(problems(&host), ["/full/max/0/default.jpg: incomplete response: too many redirects"]);
    host.put(MAX, Page::redirect("file:///etc/passwd"));
    assert_eq!(
        problems(&host),
        ["/full/max/0/default.jpg: unexpected status 302"],
        "only HTTP and HTTPS URLs are followed"
    );
}

#[test]
fn hostile_answers_are_findings() {
    let host = published(90, 70, &[]);
    // The dimensions of a JPEG follow the marker FF C0, a length and a depth: 65,500 x 65,500 pixels.
    let mut huge = host.body(MAX).to_vec();
    let start = huge.windows(2).position(|bytes| bytes == [0xff, 0xc0]).expect("a frame header") + 5;
    huge[start..start + 4].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    host.change(MAX, |page| page.body = huge.into());
    assert_eq!(problems(&host), ["/full/max/0/default.jpg: 65500x65500 pixels instead of 90x70"]);

    host.put(MAX, Page::new("image/jpeg", vec![0xff; 2 << 20]));
    assert_eq!(problems(&host), ["/full/max/0/default.jpg: larger than the possible maximum of 1080076 bytes"]);

    host.put(MAX, Page::new("text/\u{9b}31m\u{202e}", ""));
    let found = problems(&host).join("\n");
    assert!(found.contains("text/\\u{9b}31m\\u{202e}") && !found.contains('\u{9b}'), "{found:?}");
    assert!(found.contains("not a complete JPEG"), "{found}");
}

#[test]
fn no_input_makes_the_decoder_panic() {
    let host = published(200, 150, &[]);
    let path = "/x/full/200,150/0/default.jpg";
    let whole = host.body(path).to_vec();
    for seed in 0..24_usize {
        let mut bytes = whole.clone();
        for step in 0..8 {
            let place = (seed * 7919 + step * 104_729) % bytes.len();
            bytes[place] ^= 1 << (seed % 8);
        }
        host.change(path, |page| page.body = bytes.into());
        let report = report(&host, &["--sample=1000"]);
        let details: Vec<_> = report["problems"].as_array().into_iter().flatten().collect();
        assert!(details.len() <= 1, "{details:#?}");
        assert!(!report.to_string().contains("gave up"), "{report:#}");
    }
}

#[test]
fn invalid_usage_exits_with_2_and_reveals_no_secret() {
    for arguments in [
        &[][..],
        &["--bucket", "b"],
        &["--bucket", "b", "--id", "../x"],
        &["--bucket", "b", "--id", "x", "https://example.org/x/info.json"],
        &["--id", "x", "https://example.org/x/info.json"],
        &["--sample", "0", "https://example.org/x/info.json"],
        &["--concurrency", "0", "https://example.org/x/info.json"],
        &["ftp://example.org/x/info.json"],
        &["x/info.json"],
        &["https://example.org/x/info.json?token=hush"],
        &["https://name:hush@example.org/x/info.json"],
        &["--bucket", "b", "--id", "x", "--public-url", "https://name:hush@example.org"],
    ] {
        let run = verify(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.contains("hush"), "{}", run.stderr);
    }
}
