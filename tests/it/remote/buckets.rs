//! Source images in buckets.

use super::{assert_same, files, ingest_into, ingest_to, masters, publish_into};
use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::pictures::{encoded, file, noise, waves};
use crate::support::program::{Run, program, run};
use crate::support::s3::{MISSING_BUCKET, Server, block_on, for_each_server, servers};
use crate::support::some::some;
use aws_sdk_s3::primitives::ByteStream;
use hyper::Method;
use image::ImageFormat;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn put(server: &Server, bucket: &str, key: &str, body: Vec<u8>) {
    let put = server.client().put_object().bucket(bucket).key(key).body(ByteStream::from(body));
    block_on(put.send()).unwrap_or_else(|error| panic!("{}: {error:?}", server.name));
}

/// Returns the option for the endpoint.
fn endpoint(url: &str) -> String {
    format!("--source-endpoint-url={url}")
}

/// Returns a server with one image of several blocks under `masters/noise.png`.
fn server_with_noise() -> FaultServer {
    let server = FaultServer::start();
    server.store("masters", "noise.png", &encoded(noise(1900, 1700), ImageFormat::Png));
    server
}

/// Returns the number of range requests for objects.
fn parts(server: &FaultServer) -> usize {
    server.requests().iter().filter(|request| request.range.is_some()).count()
}

#[test]
fn objects_and_prefixes_yield_the_same_bytes_as_files() {
    let (local, masters) = (TempDir::new().expect("a folder"), masters());
    let sources = TempDir::new().expect("a folder");
    let paths: Vec<String> =
        masters.iter().map(|(name, bytes)| file(sources.path(), name, bytes).display().to_string()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(publish_into(local.path(), &paths).code, Some(0));
    for_each_server("remote-sources", |server, bucket| {
        for (name, bytes) in &masters {
            put(server, bucket, &format!("in/{name}"), bytes.clone());
        }
        put(server, bucket, "in/notes.txt", b"no image".to_vec());
        let endpoint = endpoint(&server.endpoint);
        let urls: Vec<String> = masters.iter().map(|(name, _)| format!("s3://{bucket}/in/{name}")).collect();
        let singly = TempDir::new().expect("a folder");
        let arguments: Vec<&str> = std::iter::once(endpoint.as_str()).chain(urls.iter().map(String::as_str)).collect();
        let run = publish_into(singly.path(), &arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_same(local.path(), singly.path());

        let together = TempDir::new().expect("a folder");
        let prefix = format!("s3://{bucket}/in/");
        let run = ingest_into(together.path(), &[&endpoint, &prefix]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("{} images of", masters.len())), "{}", run.stderr);
        assert_same(local.path(), together.path());
        let few = TempDir::new().expect("a folder");
        let run = ingest_into(few.path(), &[&endpoint, &format!("s3://{bucket}"), "--include=**/*.jp2"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(files(few.path()).contains_key("in/tiled/info.json"), "named by the path below the prefix");
        assert!(!files(few.path()).contains_key("in/photo/info.json"));
    });
}

#[test]
fn an_unchanged_image_in_a_listing_costs_no_source_request() {
    let (server, target, folder) = (FaultServer::start(), FaultServer::start(), TempDir::new().expect("a folder"));
    for name in ["a.png", "b/c.png"] {
        server.store("masters", name, &encoded(waves(300, 200), ImageFormat::Png));
    }
    let endpoint = endpoint(&server.endpoint());
    let ingest = |arguments: &[&str]| {
        server.forget_requests();
        let run = ingest_to(&target, &[&[endpoint.as_str(), "s3://masters/"], arguments].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    };
    ingest(&[]);
    let first = target.keys("tiles");
    assert!(first.contains("a/info.json") && first.contains("b/c/info.json"));
    let report = file(folder.path(), "report", b"").display().to_string();
    ingest(&[&format!("--report={report}")]);
    let lines = std::fs::read_to_string(&report).expect("a report");
    assert_eq!(lines.matches(r#""status":"unchanged""#).count(), 2, "{lines}");
    assert!(lines.contains(r#""source":"s3://masters/b/c.png""#), "{lines}");
    let looked_at = server.requests().iter().filter(|request| request.method == Method::HEAD).count();
    assert_eq!(looked_at, 0, "the listing is sufficient");
    let retry =
        file(folder.path(), "retry", b"s3://masters/a.png\n{\"source\": \"s3://masters/b/c.png\", \"id\": \"b/c\"}\n");
    server.forget_requests();
    let run = ingest_to(&target, &[&endpoint, "--verbose", &format!("--from-file={}", retry.display())]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let looked_at = server.requests().iter().filter(|request| request.method == Method::HEAD).count();
    assert_eq!(looked_at, 2, "one request per image, and the same fingerprint");
    assert_eq!(run.stderr.matches(": unchanged").count(), 2, "{}", run.stderr);

    server.store("masters", "a.png", &encoded(waves(310, 200), ImageFormat::Png));
    ingest(&["--report", &report]);
    let lines = std::fs::read_to_string(&report).expect("a report");
    assert_eq!(lines.matches(r#""status":"published""#).count(), 1, "{lines}");
    ingest(&["--check=content"]);
    ingest(&["--check=content", "--report", &report]);
    let lines = std::fs::read_to_string(&report).expect("a report");
    assert_eq!(lines.matches(r#""status":"unchanged""#).count(), 2, "{lines}");
}

#[test]
fn the_source_bucket_and_the_target_bucket_may_be_the_same() {
    for server in servers() {
        let (from, to) = (server.bucket("remote-from"), server.bucket("remote-to"));
        put(&server, &from, "scan.png", encoded(waves(300, 200), ImageFormat::Png));
        let source = format!("s3://{from}/scan.png");
        let publish = || run(["--bucket", &to, "--endpoint-url", &server.endpoint, &source]);
        for _ in 0..2 {
            let run: Run = publish();
            assert_eq!(run.code, Some(0), "{}: {}", server.name, run.stderr);
        }
        assert!(publish().stderr.contains("unchanged"), "{}", server.name);
        assert!(server.objects(&to).contains_key("scan/info.json"));
    }
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_an_error() {
    let (server, target) = (server_with_noise(), TempDir::new().expect("a folder"));
    // Long enough to replace the object before the response to the second range request.
    server.fail(Fault::Slow(Duration::from_secs(1)), Scope::always().of(&Method::GET).of_keys_with("noise").after(1));
    let mut command = program();
    command.arg("--output").arg(target.path()).args([endpoint(&server.endpoint()).as_str(), "s3://masters/noise.png"]);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("built");
    let begin = Instant::now();
    while parts(&server) < 2 {
        assert!(begin.elapsed() < Duration::from_mins(1), "{:?}", server.requests());
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut other = noise(1900, 1700);
    image::imageops::flip_vertical_in_place(&mut other);
    server.store("masters", "noise.png", &encoded(other, ImageFormat::Png));
    let run: Run = child.wait_with_output().expect("a child").into();
    assert_replaced(&run, target.path());

    // The same test with a store that ignores conditions.
    let server = server_with_noise();
    server.fail(Fault::IgnoreConditions, Scope::always());
    server.fail(Fault::WrongETag, Scope::always().of(&Method::GET).of_keys_with("noise").after(2));
    let run = publish_into(target.path(), &[&endpoint(&server.endpoint()), "s3://masters/noise.png"]);
    assert_replaced(&run, target.path());
}

fn assert_replaced(run: &Run, target: &Path) {
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let expected = "could not read `s3://masters/noise.png`: it was replaced while it was read";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(!files(target).contains_key("noise/info.json"));
}

#[test]
fn transient_errors_are_retried() {
    let (server, target) = (server_with_noise(), TempDir::new().expect("a folder"));
    let of_parts = |scope: Scope| scope.of(&Method::GET).of_keys_with("noise");
    server.fail(Fault::Answer(Refusal::SlowDown), of_parts(Scope::next(1)));
    server.fail(Fault::Answer(Refusal::TooManyRequests), of_parts(Scope::next(1).after(1)));
    server.fail(Fault::ResetAfterBody, of_parts(Scope::next(1).after(3)));
    let run = publish_into(target.path(), &[&endpoint(&server.endpoint()), "s3://masters/noise.png"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(files(target.path()).contains_key("noise/info.json"));
}

#[test]
fn a_silent_store_fails_an_image_when_the_time_for_retries_is_over() {
    let (server, target) = (server_with_noise(), TempDir::new().expect("a folder"));
    server.fail(Fault::NeverAnswer, Scope::always().of(&Method::GET).of_keys_with("noise").after(2));
    let arguments = [&endpoint(&server.endpoint()), "--retry-for=2", "s3://masters/noise.png"];
    let run = publish_into(target.path(), &arguments);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("could not read `s3://masters/noise.png`"), "{}", run.stderr);
}

#[test]
fn a_missing_source_is_reported_with_its_url() {
    let (server, target) = (FaultServer::start(), TempDir::new().expect("a folder"));
    server.without_bucket(MISSING_BUCKET);
    server.store("masters", "x.png", b"");
    let endpoint = endpoint(&server.endpoint());
    let missing = format!("s3://{MISSING_BUCKET}/");
    for (source, code, words) in [
        (missing.as_str(), 3, "NoSuchBucket"),
        ("s3://masters/none.png", 1, "could not read `s3://masters/none.png`: the object does not exist"),
        ("s3://masters/x.png", 1, "`s3://masters/x.png` is empty"),
        ("s3://", 2, "has no bucket"),
        ("s3://masters/nothing/", 2, "no images in the input"),
    ] {
        let run = ingest_into(target.path(), &[&endpoint, source]);
        assert_eq!(run.code, Some(code), "{source}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{source}: {}", run.stderr);
    }
    let one = publish_into(target.path(), &[&endpoint, &format!("{missing}x.tif")]);
    assert_eq!(one.code, Some(3), "{}", one.stderr);
    assert!(one.stderr.contains(MISSING_BUCKET) && one.stderr.contains("NoSuchBucket"), "{}", one.stderr);
    let folder = publish_into(target.path(), &[&endpoint, "s3://masters/x/"]);
    assert_eq!(folder.code, Some(2), "{}", folder.stderr);

    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always());
    let denied = ingest_into(target.path(), &[&endpoint, "s3://masters/"]);
    assert_eq!(denied.code, Some(3), "{}", denied.stderr);
    assert!(denied.stderr.contains("`s3://masters/`") && denied.stderr.contains("AccessDenied"), "{}", denied.stderr);
}

#[test]
fn sources_have_their_own_region_and_payer() {
    let (server, target) = (FaultServer::start(), TempDir::new().expect("a folder"));
    server.store("masters", "x.png", &encoded(waves(300, 200), ImageFormat::Png));
    server.fail(Fault::OnlyRegion("eu-west-3"), Scope::always());
    let endpoint = endpoint(&server.endpoint());
    let run = publish_into(target.path(), &[&endpoint, "--source-request-payer", "s3://masters/x.png"]);
    assert_eq!(run.code, Some(0), "the region of the bucket is used: {}", run.stderr);
    let requests = server.requests();
    assert!(requests.last().is_some_and(|last| last.aws_region.as_deref() == Some("eu-west-3")));
    server.forget_requests();
    let run = publish_into(target.path(), &[&endpoint, "--source-aws-region=eu-west-3", "s3://masters/x.png"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(some(server.requests()).all(|request| request.aws_region.as_deref() == Some("eu-west-3")));
}
