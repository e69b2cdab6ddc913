//! Source images on web servers.

use super::{assert_same, files, ingest_into, masters, publish_into, publish_to};
use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::pictures::{encoded, file, noise, waves};
use crate::support::program::run;
use crate::support::some::some;
use hyper::Method;
use image::ImageFormat;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use tempfile::TempDir;

/// Returns a server with one file of each format below `/web/`.
fn server() -> FaultServer {
    let server = FaultServer::start();
    for (name, bytes) in masters() {
        server.store("web", name, &bytes);
    }
    server
}

/// Returns the URL of an image on the server.
fn url(server: &FaultServer, name: &str) -> String {
    format!("{}/web/{name}", server.endpoint())
}

#[test]
fn web_servers_yield_the_same_bytes_as_files_with_and_without_ranges() {
    let (sources, local) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let paths: Vec<String> =
        masters().iter().map(|(name, bytes)| file(sources.path(), name, bytes).display().to_string()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(publish_into(local.path(), &paths).code, Some(0));
    let refused = Scope::always().of(&Method::HEAD);
    for faults in [
        vec![],
        vec![(Fault::IgnoreRanges, Scope::always())],
        vec![(Fault::Answer(Refusal::AccessDenied), refused.clone())],
        vec![(Fault::Answer(Refusal::AccessDenied), refused), (Fault::IgnoreRanges, Scope::always())],
    ] {
        let (server, target) = (server(), TempDir::new().expect("a folder"));
        let names = format!("{faults:?}");
        for (fault, scope) in faults {
            server.fail(fault, scope);
        }
        let urls: Vec<String> = masters().iter().map(|(name, _)| url(&server, name)).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let run = publish_into(target.path(), &urls);
        assert_eq!(run.code, Some(0), "{names}: {}", run.stderr);
        assert_same(local.path(), target.path());
        let target = FaultServer::start();
        assert_eq!(publish_to(&target, &urls).code, Some(0));
        let again = publish_to(&target, &[&urls[..], &["--verbose"]].concat());
        assert_eq!(again.stderr.matches(": unchanged").count(), urls.len(), "{names}: {}", again.stderr);
    }
}

#[test]
fn a_server_without_ranges_is_read_only_once() {
    let (server, target) = (FaultServer::start(), TempDir::new().expect("a folder"));
    server.store("web", "noise.png", &encoded(noise(1900, 1700), ImageFormat::Png));
    server.fail(Fault::IgnoreRanges, Scope::always());
    let run = publish_into(target.path(), &[&url(&server, "noise.png")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let gets = server.requests().iter().filter(|request| request.method == Method::GET).count();
    assert_eq!(gets, 2, "one request that detects missing range support, and one for the whole file");
}

#[test]
fn secrets_in_urls_are_sent_but_never_shown() {
    let (server, target) = (server(), TempDir::new().expect("a folder"));
    let report = target.path().join("report.jsonl");
    let host = server.endpoint().replace("http://", "");
    let with_secrets = |name: &str| format!("http://user:hunter2@{host}/web/{name}?X-Amz-Signature=hunter3");
    let list = [with_secrets("photo.jpg"), with_secrets("none.jpg"), with_secrets("tiled.jp2?")].join("\n");
    let list = file(target.path(), "list.txt", list.as_bytes());
    for progress in ["--progress=json", "--progress=plain"] {
        let arguments = [&format!("--from-file={}", list.display()), progress, "--verbose", "--report"];
        let run = ingest_into(&target.path().join("out"), &[&arguments[..], &[&report.display().to_string()]].concat());
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("could not read `http://{host}/web/none.jpg`")), "{}", run.stderr);
        let report = std::fs::read_to_string(&report).expect("a report");
        assert!(report.contains(&format!(r#""source":"http://{host}/web/photo.jpg""#)), "{report}");
        for text in [&run.stderr, &run.stdout, &report] {
            assert!(!text.contains("hunter") && !text.contains("user"), "{text}");
        }
    }
    let heard = server.requests();
    assert!(heard.iter().any(|request| request.query.contains("hunter3")), "the server needs them");
    for file in some(files(&target.path().join("out")).values()) {
        assert!(!String::from_utf8_lossy(file).contains("hunter"));
    }
    for url in ["http://user:hun/ter2@host/x.jpg", "http://user:hunter2@127.0.0.1:1/x.jpg", "http://user:hunter2@"] {
        let run = publish_into(target.path(), &["--retry-for=1", url]);
        assert_ne!(run.code, Some(0));
        assert!(!run.stderr.contains("hun") && !run.stderr.contains("user:"), "{}", run.stderr);
    }
    let plan = run(["plan", "https://user:hunter2@host/x.jpg"]);
    assert!(plan.code == Some(2) && !plan.stderr.contains("hunter"), "{}", plan.stderr);
}

#[test]
fn transient_errors_are_retried_and_others_are_reported() {
    let (server, target) = (server(), TempDir::new().expect("a folder"));
    server.fail(Fault::Answer(Refusal::ServiceUnavailable), Scope::next(2));
    server.fail(Fault::ResetAfterBody, Scope::next(1).of(&Method::GET).after(1));
    let photo = url(&server, "photo.jpg");
    let run = publish_into(target.path(), &[&photo]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for (name, words) in [("none.jpg", "404 Not Found"), ("none/", "identifier")] {
        let missing = url(&server, name);
        let run = publish_into(target.path(), &[&missing]);
        assert!(run.stderr.contains(words) && run.stderr.contains(&missing), "{}", run.stderr);
    }
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always());
    let run = publish_into(target.path(), &["--overwrite", &photo]);
    assert_eq!(run.code, Some(1), "one image fails, not the run: {}", run.stderr);
    assert!(run.stderr.contains("403 Forbidden"), "{}", run.stderr);
}

#[test]
fn a_silent_server_fails_an_image() {
    let (server, target) = (server(), TempDir::new().expect("a folder"));
    for (spared, name) in [(0, "photo.jpg"), (2, "noise.png")] {
        server.heal();
        server.fail(Fault::NeverAnswer, Scope::always().after(spared));
        let url = url(&server, name);
        let run = publish_into(target.path(), &["--retry-for=1", &url]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("could not read `{url}`: the server does not respond")), "{}", run.stderr);
    }
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_an_error() {
    for is_spooled in [false, true] {
        let (server, target) = (FaultServer::start(), TempDir::new().expect("a folder"));
        server.store("web", "noise.png", &encoded(noise(1900, 1700), ImageFormat::Png));
        server.fail(Fault::IgnoreConditions, Scope::always());
        if is_spooled {
            server.fail(Fault::IgnoreRanges, Scope::always());
        }
        server.fail(Fault::WrongETag, Scope::always().of(&Method::GET).after(1));
        let run = publish_into(target.path(), &[&url(&server, "noise.png")]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("it was replaced while it was read"), "{}", run.stderr);
        assert!(!files(target.path()).contains_key("noise/info.json"));
    }
}

/// Answers every `GET` with a body that ends with the connection, without `Content-Length`.
fn serve_without_lengths(body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let is_get = head[..length].starts_with(b"GET");
            let status = if is_get { "200 OK" } else { "405 Method Not Allowed" };
            // Clients close the connection when they have enough data.
            let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(if is_get { &body } else { &[] });
        }
    });
    address
}

#[test]
fn files_without_validators_are_identified_by_their_content() {
    let bytes = encoded(noise(1900, 1700), ImageFormat::Png);
    let (here, target) = (TempDir::new().expect("a folder"), FaultServer::start());
    let local = file(here.path(), "noise.png", &bytes).display().to_string();
    let url = format!("http://{}/noise.png", serve_without_lengths(bytes));
    let (one, other) = (here.path().join("one"), here.path().join("other"));
    assert_eq!(publish_into(&one, &[&local]).code, Some(0));
    let run = publish_into(&other, &[&url]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_same(&one, &other);
    assert_eq!(publish_to(&target, &[&url]).code, Some(0));
    let again = publish_to(&target, &[&url]);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
}

#[test]
fn a_table_may_mix_local_and_remote_images() {
    let (server, folder) = (server(), TempDir::new().expect("a folder"));
    file(folder.path(), "here.png", &encoded(waves(300, 200), ImageFormat::Png));
    let table = format!("source,id\nhere.png,\n{},maps/1\ns3://web/picture.webp,\n", url(&server, "photo.jpg"));
    let table = format!("--table={}", file(folder.path(), "table.csv", table.as_bytes()).display());
    let out = folder.path().join("out");
    let run = ingest_into(&out, &[&table, &format!("--source-endpoint-url={}", server.endpoint())]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for id in ["here", "maps/1", "picture"] {
        assert!(files(&out).contains_key(&format!("{id}/info.json")), "{id}");
    }
}
