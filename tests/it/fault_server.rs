//! The server of faults does what it says.

use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::http::{Http, Reply, request};
use hyper::Method;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

fn connected(server: &FaultServer) -> Http {
    Http::connect(server.address()).expect("the server listens")
}

fn put(server: &FaultServer, key: &str) -> Reply {
    connected(server).ask("PUT", &format!("/b/{key}"), &[], b"hello").expect("an answer")
}

fn get(server: &FaultServer, target: &str) -> Reply {
    connected(server).ask("GET", target, &[], b"").expect("an answer")
}

/// The MD5 of `hello`.
const HELLO_ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

/// The SHA-256 of `hello`.
const HELLO_SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn what_is_put_is_read_again_with_its_headers() {
    let server = FaultServer::start();
    let headers = [("content-type", "text/plain"), ("cache-control", "no-store"), ("x-amz-meta-name", "Größe")];
    let stored = connected(&server).ask("PUT", "/b/a%20b%2B", &headers, b"hello").expect("an answer");
    assert_eq!((stored.status, stored.header("etag")), (200, Some(HELLO_ETAG)));
    let read = get(&server, "/b/a%20b%2B");
    assert_eq!((read.status, read.body.as_str()), (200, "hello"));
    let named = ["content-type", "cache-control", "x-amz-meta-name", "etag"].map(|name| read.header(name));
    assert_eq!(named, [Some("text/plain"), Some("no-store"), Some("Größe"), Some(HELLO_ETAG)]);
    let head = connected(&server).ask("HEAD", "/b/a%20b%2B", &[], b"").expect("an answer");
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (200, Some("5"), ""));
    assert_eq!(get(&server, "/b/other").status, 404);
    assert_eq!(server.object("b", "a b+").and_then(|object| object.header("cache-control").map(str::to_owned)), {
        Some("no-store".to_owned())
    });
}

#[test]
fn a_body_must_have_the_sha256_that_its_request_names() {
    let server = FaultServer::start();
    let mut http = connected(&server);
    let mut put_with = |sha256: &str, body: &[u8]| {
        http.ask("PUT", "/b/k", &[("x-amz-content-sha256", sha256)], body).expect("an answer")
    };
    let wrong = put_with(HELLO_SHA256, b"hullo");
    assert!(wrong.status == 400 && wrong.body.contains("XAmzContentSHA256Mismatch"), "{wrong:?}");
    assert!(server.keys("b").is_empty());
    assert_eq!(put_with(HELLO_SHA256, b"hello").status, 200);
    assert_eq!(put_with("UNSIGNED-PAYLOAD", b"hullo").status, 200);
}

#[test]
fn keys_are_listed_in_pages_and_deleted_in_batches() {
    let server = FaultServer::start();
    for key in ["a/<1>", "a/2 & 3", "a/4", "b"] {
        server.store("b", key, b"hello");
    }
    let first = get(&server, "/b/?list-type=2&prefix=a%2F&max-keys=2");
    for part in ["<Key>a/2 &amp; 3</Key>", "<Key>a/4</Key>", "<Size>5</Size>", "<IsTruncated>true</IsTruncated>"] {
        assert!(first.body.contains(part), "{}", first.body);
    }
    let token = first.body.split("<NextContinuationToken>").nth(1).and_then(|rest| rest.split('<').next());
    let token = token.expect("a second page").replace('/', "%2F");
    let second = get(&server, &format!("/b?list-type=2&prefix=a%2F&max-keys=2&continuation-token={token}"));
    assert!(second.body.contains("<Key>a/&lt;1&gt;</Key>") && !second.body.contains("<Key>b"), "{}", second.body);
    assert!(second.body.contains("<IsTruncated>false</IsTruncated>"), "{}", second.body);

    let batch = b"<Delete><Object><Key>a/&lt;1&gt;</Key></Object><Object><Key>a/2 &amp; 3</Key></Object></Delete>";
    let deleted = connected(&server).ask("POST", "/b?delete", &[], batch).expect("an answer");
    assert!(deleted.status == 200 && deleted.body.contains("<Deleted><Key>a/&lt;1&gt;</Key>"), "{}", deleted.body);
    assert_eq!(connected(&server).ask("DELETE", "/b/a/4", &[], b"").expect("an answer").status, 204);
    assert_eq!(server.keys("b").into_iter().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn every_refusal_has_the_status_and_the_code_of_s3() {
    let server = FaultServer::start();
    for (refusal, status, part) in [
        (Refusal::InternalError, 500, "<Code>InternalError<"),
        (Refusal::BadGateway, 502, "<html>"),
        (Refusal::SlowDown, 503, "<Code>SlowDown<"),
        (Refusal::ServiceUnavailable, 503, "<Code>ServiceUnavailable<"),
        (Refusal::TooManyRequests, 429, "<Code>TooManyRequests<"),
        (Refusal::RequestTimeout, 400, "<Code>RequestTimeout<"),
        (Refusal::RequestTimeTooSkewed, 403, "<Code>RequestTimeTooSkewed<"),
        (Refusal::ExpiredToken, 403, "<Code>ExpiredToken<"),
        (Refusal::OperationAborted, 409, "<Code>OperationAborted<"),
        (Refusal::ConditionalRequestConflict, 409, "<Code>ConditionalRequestConflict<"),
        (Refusal::BadDigest, 400, "<Code>BadDigest<"),
        (Refusal::AccessDenied, 403, "<Code>AccessDenied<"),
        (Refusal::NoSuchBucket, 404, "<Code>NoSuchBucket<"),
        (Refusal::PermanentRedirect("eu-west-1"), 301, "<Code>PermanentRedirect<"),
    ] {
        server.fail(Fault::Answer(refusal), Scope::next(1));
        let reply = put(&server, "k");
        assert!(reply.status == status && reply.body.contains(part), "{refusal:?}: {reply:?}");
        assert_eq!(reply.header("x-amz-bucket-region"), (status == 301).then_some("eu-west-1"));
        assert!(server.keys("b").is_empty(), "{refusal:?}");
    }
    server.fail(Fault::ErrorInOk, Scope::next(1));
    let reply = put(&server, "k");
    assert!(reply.status == 200 && reply.body.contains("<Error>") && server.keys("b").is_empty(), "{reply:?}");
    server.without_bucket("gone");
    assert_eq!(get(&server, "/gone?list-type=2").status, 404);
}

#[test]
fn faults_befall_only_what_their_scope_names() {
    let server = FaultServer::start();
    let refused = Fault::Answer(Refusal::SlowDown);
    server.fail(refused, Scope::next(2).of(&Method::PUT).of_keys_with("tile").after(1));
    let statuses = ["info", "tile", "tile", "tile", "tile"].map(|key| put(&server, key).status);
    assert_eq!(statuses, [200, 200, 503, 503, 200]);
    assert_eq!(get(&server, "/b/tile").status, 200);

    server.fail(refused, Scope::lasting(Duration::from_millis(200)));
    assert_eq!(put(&server, "k").status, 503);
    thread::sleep(Duration::from_millis(250));
    assert_eq!(put(&server, "k").status, 200);

    server.fail(refused, Scope::one_in(10));
    let mut http = connected(&server);
    let refusals = (0..2_000).filter(|_| http.ask("GET", "/b/k", &[], b"").is_ok_and(|reply| reply.status == 503));
    let refusals = refusals.count();
    assert!((150..250).contains(&refusals), "{refusals} of 2,000");
    server.heal();
    assert!((0..100).all(|_| put(&server, "k").status == 200));
}

#[test]
fn requests_are_written_down_in_order_with_what_befell_them() {
    let server = FaultServer::start();
    server.fail(Fault::Answer(Refusal::SlowDown), Scope::next(1).of(&Method::PUT));
    let credential = "AWS4-HMAC-SHA256 Credential=me/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host";
    let headers = [("amz-sdk-request", "attempt=2; max=10"), ("authorization", credential)];
    connected(&server).ask("PUT", "/b/a%20b?x-id=PutObject", &headers, b"hello").expect("an answer");
    get(&server, "/b/a%20b");
    let requests = server.requests();
    assert_eq!((requests.len(), server.puts().len(), server.request_count()), (2, 1, 2));
    let put = &requests[0];
    assert_eq!((put.path.as_str(), put.query.as_str(), put.status), ("/b/a b", "x-id=PutObject", Some(503)));
    assert_eq!((put.attempt.as_deref(), put.aws_region.as_deref()), (Some("attempt=2; max=10"), Some("eu-west-1")));
    assert_eq!(put.faults, [Fault::Answer(Refusal::SlowDown)]);
    assert!(!put.is_confirmed() && put.at <= requests[1].at && requests[1].faults.is_empty());
    server.forget_requests();
    assert!(server.requests().is_empty());
}

#[test]
fn a_reset_before_the_body_stores_nothing_and_one_after_it_stores_all() {
    let server = FaultServer::start();
    for (fault, stored) in [(Fault::ResetBeforeBody, 0), (Fault::ResetAfterBody, 1)] {
        server.fail(fault, Scope::next(1));
        let error = connected(&server).ask("PUT", "/b/k", &[], b"hello").expect_err("no answer");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{fault:?}: {error}");
        assert_eq!(server.keys("b").len(), stored, "{fault:?}");
        assert_eq!(server.requests().last().and_then(|request| request.status), None);
    }
}

#[test]
fn an_answer_comes_late_or_never() {
    let server = FaultServer::start();
    let began = Instant::now();
    server.fail(Fault::Slow(Duration::from_millis(150)), Scope::next(1));
    assert_eq!(put(&server, "slow").status, 200);
    assert!(began.elapsed() >= Duration::from_millis(150));
    server.fail(Fault::NeverAnswer, Scope::next(1));
    let mut impatient = connected(&server).patience(Duration::from_millis(200));
    let error = impatient.ask("PUT", "/b/never", &[], b"hello").expect_err("no answer");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(server.keys("b").into_iter().collect::<Vec<_>>(), ["slow"]);
}

#[test]
fn while_it_is_down_connections_are_reset_and_refused() {
    let server = FaultServer::start();
    let mut open = connected(&server);
    open.ask("PUT", "/b/k", &[], b"hello").expect("an answer");
    server.go_down(Duration::from_millis(300));
    assert!(open.ask("GET", "/b/k", &[], b"").is_err());
    let error = Http::connect(server.address()).err().map(|error| error.kind());
    assert_eq!(error, Some(ErrorKind::ConnectionRefused));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(get(&server, "/b/k").body, "hello", "the same port, the same objects");

    server.fail(Fault::Down(Duration::from_millis(100)), Scope::next(1).after(1));
    assert_eq!(put(&server, "k").status, 200);
    assert!(connected(&server).ask("PUT", "/b/other", &[], b"hello").is_err());
    thread::sleep(Duration::from_millis(300));
    assert_eq!(get(&server, "/b/other").status, 404);
}

#[test]
fn idle_connections_are_closed_and_busy_ones_are_not() {
    let server = FaultServer::start();
    server.close_idle_after(Some(Duration::from_millis(100)));
    server.fail(Fault::Slow(Duration::from_millis(300)), Scope::next(1));
    let mut http = connected(&server);
    assert_eq!(http.ask("PUT", "/b/k", &[], b"hello").expect("busy").status, 200);
    assert_eq!(http.ask("GET", "/b/k", &[], b"").expect("not yet idle").status, 200);
    thread::sleep(Duration::from_millis(300));
    assert!(http.ask("GET", "/b/k", &[], b"").is_err());
    server.close_idle_after(None);
    let mut http = connected(&server);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(http.ask("GET", "/b/k", &[], b"").expect("no limit").status, 200);
}

#[test]
fn a_flipped_bit_shows_in_the_sha256_or_only_in_the_etag() {
    let server = FaultServer::start();
    let put = || {
        let headers = [("x-amz-content-sha256", HELLO_SHA256)];
        connected(&server).ask("PUT", "/b/k", &headers, b"hello").expect("an answer")
    };
    server.fail(Fault::FlippedBit, Scope::next(1));
    assert_eq!(put().status, 400);
    server.fail(Fault::FlippedBitUnnoticed, Scope::next(1));
    let unnoticed = put();
    assert_eq!(unnoticed.status, 200);
    assert_ne!(unnoticed.header("etag"), Some(HELLO_ETAG));
    assert_eq!(server.object("b", "k").map(|object| object.body), Some("hemlo".into()));
    for fault in [Fault::WrongETag, Fault::OpaqueETag] {
        server.fail(fault, Scope::next(1));
        assert_ne!(put().header("etag"), Some(HELLO_ETAG), "{fault:?}");
        assert_eq!(server.object("b", "k").map(|object| object.body), Some("hello".into()), "{fault:?}");
    }
}

#[test]
fn conditions_checksums_and_regions_count_unless_told_otherwise() {
    let server = FaultServer::start();
    let put =
        |headers: &[(&str, &str)]| connected(&server).ask("PUT", "/b/k", headers, b"hello").expect("an answer").status;
    let must_be_new = [("if-none-match", "*")];
    assert_eq!([put(&must_be_new), put(&must_be_new)], [200, 412]);
    server.fail(Fault::IgnoreConditions, Scope::always());
    assert_eq!(put(&must_be_new), 200);

    let checksum = [("x-amz-checksum-crc32", "NhCmhg==")];
    assert_eq!(put(&checksum), 200);
    server.fail(Fault::RejectChecksums, Scope::always());
    assert_eq!([put(&checksum), put(&[("x-amz-sdk-checksum-algorithm", "CRC32")]), put(&[])], [400, 400, 200]);

    server.fail(Fault::OnlyRegion("eu-west-1"), Scope::always());
    let signed = |region| format!("AWS4-HMAC-SHA256 Credential=me/20260101/{region}/s3/aws4_request, Signature=0");
    let statuses = ["us-east-1", "eu-west-1"].map(|region| put(&[("authorization", &signed(region))]));
    assert_eq!(statuses, [301, 200]);
}

#[test]
fn connections_carry_any_number_of_requests() {
    const CONNECTIONS: usize = 8;
    const PUTS: usize = 250;
    let server = FaultServer::sink();
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let server = &server;
            scope.spawn(move || {
                let mut http = connected(server);
                for number in 0..PUTS {
                    let target = format!("/b/{connection}/{number}");
                    let request = request("PUT", &target, &[("x-amz-content-sha256", HELLO_SHA256)], b"hello");
                    assert_eq!(http.ask_again(&request).expect("an answer").status, 200);
                }
            });
        }
    });
    assert_eq!(server.keys("b").len(), CONNECTIONS * PUTS);
    assert_eq!((server.connection_count(), server.request_count()), (CONNECTIONS, CONNECTIONS * PUTS));
    assert!(server.requests().iter().all(|request| (1..=CONNECTIONS).contains(&request.in_flight)));
}
