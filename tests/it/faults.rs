//! The client and the program on a failing server: no object is lost or stored incompletely, and errors that no retry
//! can fix are reported at once.

use crate::support::child::{in_child, short_or_long};
use crate::support::faults::{Fault, FaultServer, Refusal, Request, Scope};
use crate::support::load::{BUCKET, IN_FLIGHT, body, key, object, objects, put_all, store_on};
use crate::support::pictures::png_file;
use crate::support::program::{Run, planned_keys, program, run_within};
use crate::support::some::some;
use hyper::Method;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Maximum requests per object in tests where only some requests can fail.
const REQUESTS_PER_OBJECT: f64 = 1.05;

/// Puts after a storm within which the number in flight must recover, and the required fraction of the earlier number.
const RECOVERY: usize = 3_000;
const RECOVERED: f64 = 0.8;

/// Delay of each response, so that a load takes some time: 64 puts in flight are 1,280 per second even on a slow
/// machine.
const LATENCY: Duration = Duration::from_millis(50);

/// Describes the first errors of many.
fn first(errors: &[String]) -> String {
    format!("{} errors, such as {:?}", errors.len(), errors.iter().take(3).collect::<Vec<_>>())
}

/// Puts a load, asserts that no object was lost, and returns the requests.
async fn put_without_loss(server: &FaultServer, count: usize) -> Vec<Request> {
    let store = store_on(server).await;
    let errors = put_all(&store, objects(count), IN_FLIGHT).await;
    let puts = server.puts();
    eprintln!("{count} objects, {} requests", puts.len());
    assert!(errors.is_empty(), "{}", first(&errors));
    assert_eq!(server.keys(BUCKET).len(), count, "a confirmed put is stored");
    puts
}

/// Asserts that every object is stored exactly as sent.
fn assert_uncorrupted(server: &FaultServer, count: usize) {
    let is_wrong =
        |number: &usize| server.object(BUCKET, key(*number).as_str()).is_none_or(|o| o.body != body(*number));
    let wrong: Vec<usize> = (0..count).filter(is_wrong).collect();
    assert!(wrong.is_empty(), "{} of {count} objects are wrong, such as {:?}", wrong.len(), wrong.first());
}

fn assert_few(requests: usize, objects: usize, per_object: f64) {
    let real = requests as f64 / objects as f64;
    assert!(real <= per_object, "{real:.3} requests per object, {per_object:.3} are allowed");
}

/// Runs a load with a storm in the middle: no object is lost, few requests are wasted, and the rate recovers.
async fn storm(refusal: Refusal, duration: Duration) {
    let count = short_or_long(6_000, 60_000);
    let server = FaultServer::sink();
    let fault = Fault::Answer(refusal);
    server.fail(Fault::Slow(LATENCY), Scope::always());
    server.fail(fault, Scope::lasting(duration).of(&Method::PUT).after(count as u64 / 4));
    let puts = put_without_loss(&server, count).await;
    let is_refused = |put: &Request| put.faults.contains(&fault);
    let began = puts.iter().position(is_refused).expect("a storm");
    let ended = puts.iter().rposition(is_refused).expect("a storm") + 1;
    let before = puts[..began].iter().map(|put| put.in_flight).max().expect("the load began earlier") as f64;
    let recovered = puts[ended..].iter().position(|put| put.in_flight as f64 >= RECOVERED * before);
    eprintln!("{before} puts in flight before the storm of {}; recovered after {recovered:?} puts", ended - began);
    assert!(recovered.is_some_and(|puts| puts < RECOVERY), "{before} puts in flight before, recovered: {recovered:?}");
    assert_few(puts.len(), count, REQUESTS_PER_OBJECT);
}

#[test]
fn a_503_storm_loses_nothing_wastes_little_and_ends_quickly() {
    in_child(|| storm(Refusal::SlowDown, Duration::from_secs(short_or_long(2, 15))));
}

#[test]
fn a_long_503_storm_loses_nothing_wastes_little_and_ends_quickly() {
    in_child(|| storm(Refusal::SlowDown, Duration::from_secs(short_or_long(4, 60))));
}

#[test]
fn a_429_storm_loses_nothing_wastes_little_and_ends_quickly() {
    in_child(|| storm(Refusal::TooManyRequests, Duration::from_secs(short_or_long(2, 15))));
}

#[test]
fn one_503_in_ten_requests_loses_nothing_and_wastes_nothing() {
    in_child(|| async {
        let count = short_or_long(3_000, 60_000);
        let server = FaultServer::sink();
        server.fail(Fault::Answer(Refusal::SlowDown), Scope::one_in(10).of(&Method::PUT));
        let puts = put_without_loss(&server, count).await;
        // If one request in ten fails, each object needs 1.11 requests with any client.
        assert_few(puts.len(), count, REQUESTS_PER_OBJECT / 0.9);
    });
}

#[test]
fn transient_errors_are_retried_whatever_their_code() {
    in_child(|| async {
        let mut lost = Vec::new();
        for fault in [
            Fault::Answer(Refusal::InternalError),
            Fault::Answer(Refusal::BadGateway),
            Fault::Answer(Refusal::ServiceUnavailable),
            Fault::Answer(Refusal::TooManyRequests),
            Fault::Answer(Refusal::RequestTimeout),
            Fault::Answer(Refusal::RequestTimeTooSkewed),
            Fault::Answer(Refusal::OperationAborted),
            Fault::Answer(Refusal::ConditionalRequestConflict),
            Fault::Answer(Refusal::BadDigest),
            Fault::ErrorInOk,
        ] {
            let server = FaultServer::sink();
            server.fail(fault, Scope::one_in(20).of(&Method::PUT));
            let errors = put_all(&store_on(&server).await, objects(300), IN_FLIGHT).await;
            let missing = 300 - server.keys(BUCKET).len();
            if !errors.is_empty() || missing > 0 {
                lost.push(format!("{fault:?}: {missing} objects are missing, {}", first(&errors)));
            }
        }
        assert!(lost.is_empty(), "{lost:#?}");
    });
}

#[test]
fn unanswered_requests_lose_nothing() {
    in_child(|| async {
        let server = FaultServer::sink();
        server.fail(Fault::NeverAnswer, Scope::one_in(500).of(&Method::PUT));
        let count = short_or_long(2_000, 60_000);
        let puts = put_without_loss(&server, count).await;
        assert!(puts.len() > count, "some requests were not answered");
        assert_few(puts.len(), count, REQUESTS_PER_OBJECT);
    });
}

#[test]
fn connection_resets_lose_nothing() {
    in_child(|| async {
        let count = short_or_long(3_000, 60_000);
        let server = FaultServer::sink();
        server.fail(Fault::ResetBeforeBody, Scope::one_in(100).of(&Method::PUT));
        server.fail(Fault::ResetAfterBody, Scope::one_in(100).of(&Method::PUT));
        let puts = put_without_loss(&server, count).await;
        assert_few(puts.len(), count, REQUESTS_PER_OBJECT);
    });
}

#[test]
fn connections_closed_by_the_server_between_puts_are_not_errors() {
    in_child(|| async {
        let server = FaultServer::sink();
        let store = store_on(&server).await;
        let idle = Duration::from_millis(20);
        server.close_idle_after(Some(idle));
        for burst in 0..short_or_long(40, 400) {
            let burst = (burst * IN_FLIGHT..).take(IN_FLIGHT).map(|number| object(number, body(number)));
            let errors = put_all(&store, burst, IN_FLIGHT).await;
            assert!(errors.is_empty(), "{}", first(&errors));
            // About the idle limit of the server, so that some connections are closed just as they are used.
            tokio::time::sleep(idle).await;
        }
    });
}

/// Runs a load with an outage of the server in the middle.
async fn outage(duration: Duration) {
    let count = 2_000;
    let server = FaultServer::sink();
    server.fail(Fault::Down(duration), Scope::next(1).after(count as u64 / 2));
    put_without_loss(&server, count).await;
}

#[test]
fn a_short_outage_of_the_endpoint_loses_nothing() {
    in_child(|| outage(Duration::from_secs(short_or_long(2, 10))));
}

#[test]
fn a_long_outage_of_the_endpoint_loses_nothing() {
    in_child(|| outage(Duration::from_secs(short_or_long(4, 60))));
}

#[test]
fn a_bit_flipped_in_transit_is_detected_and_put_again() {
    in_child(|| async {
        let server = FaultServer::start();
        server.fail(Fault::FlippedBit, Scope::one_in(50).of(&Method::PUT));
        put_without_loss(&server, 1_000).await;
        assert_uncorrupted(&server, 1_000);
    });
}

#[test]
fn a_flipped_bit_that_the_server_misses_is_detected_by_the_etag_and_put_again() {
    in_child(|| async {
        let server = FaultServer::start();
        server.fail(Fault::FlippedBitUnnoticed, Scope::one_in(50).of(&Method::PUT));
        put_without_loss(&server, 1_000).await;
        assert_uncorrupted(&server, 1_000);
    });
}

#[test]
fn a_put_with_a_wrong_etag_is_repeated_until_it_is_right() {
    in_child(|| async {
        let server = FaultServer::sink();
        server.fail(Fault::WrongETag, Scope::one_in(50).of(&Method::PUT));
        let puts = put_without_loss(&server, 1_000).await;
        let right = puts.iter().filter(|put| put.faults.is_empty()).map(|put| &put.path).collect::<BTreeSet<_>>();
        assert_eq!(right.len(), 1_000, "every object was put with the right answer");
        assert_few(puts.len(), 1_000, REQUESTS_PER_OBJECT);
    });
}

#[test]
fn an_etag_that_is_not_an_md5_is_accepted() {
    in_child(|| async {
        let server = FaultServer::sink();
        server.fail(Fault::OpaqueETag, Scope::always());
        assert_eq!(put_without_loss(&server, 100).await.len(), 100);
    });
}

#[test]
fn a_persistently_wrong_etag_is_an_error_and_not_an_endless_loop() {
    in_child(|| async {
        let server = FaultServer::sink();
        server.fail(Fault::WrongETag, Scope::always());
        let store = store_on(&server).await;
        let put = put_all(&store, objects(1), 1);
        let errors = tokio::time::timeout(Duration::from_secs(90), put).await.expect("an end");
        assert_eq!(errors.len(), 1, "an object that is never right is not stored");
    });
}

#[test]
fn stores_that_reject_checksum_headers_accept_puts() {
    in_child(|| async {
        let server = FaultServer::sink();
        server.fail(Fault::RejectChecksums, Scope::always());
        server.fail(Fault::IgnoreConditions, Scope::always());
        assert_eq!(put_without_loss(&server, 100).await.len(), 100);
    });
}

#[test]
fn puts_without_faults_take_one_request_each_on_few_connections() {
    in_child(|| async {
        let server = FaultServer::sink();
        let puts = put_without_loss(&server, 2_000).await;
        assert_eq!(puts.len(), 2_000);
        assert_eq!(server.request_count(), 2_000, "nothing but puts");
        let most = puts.iter().map(|put| put.in_flight).max();
        assert!(most.is_some_and(|most| most <= IN_FLIGHT), "{most:?} in flight");
        // The client opens some more while it waits for a free one.
        let connections = server.connection_count();
        assert!(connections <= 2 * IN_FLIGHT, "{connections} connections");
    });
}

/// Returns the command that publishes images into a bucket of the server.
fn publishing(server: &FaultServer, images: &[&Path]) -> Command {
    let mut command = program();
    command.args(["--bucket", "tiles", "--endpoint-url", &server.endpoint()]).args(images);
    command
}

fn run(mut command: Command) -> Run {
    run_within(Duration::from_mins(2), &mut command)
}

/// Asserts that the program sent no request for an object twice.
fn assert_not_retried(server: &FaultServer, case: &str) {
    let mut sent = BTreeSet::new();
    for request in server.requests().iter().filter(|request| !request.path.ends_with('/')) {
        let Request { method, path, query, aws_region, .. } = request;
        let request = format!("{method} {path}?{query} {aws_region:?}");
        assert!(sent.insert(request.clone()), "{case}: `{request}` was sent again");
    }
}

/// Asserts that the program ended without retries, with one error and one hint, and that nothing is stored.
fn assert_refused(server: &FaultServer, case: &str, command: Command, words: &[&str]) {
    let run = run(command);
    eprintln!("{case}: {}", run.stderr);
    assert_eq!(run.code, Some(3), "{case}: {}", run.stderr);
    assert_not_retried(server, case);
    let said: Vec<&str> = run.stderr.lines().skip_while(|line| !line.starts_with("error: ")).collect();
    assert!((1..=2).contains(&said.len()), "{case}: {}", run.stderr);
    assert!(words.iter().all(|word| run.stderr.contains(word)), "{case}: {words:?} in {}", run.stderr);
    assert!(run.stdout.is_empty() && server.keys("tiles").is_empty(), "{case}: nothing is stored");
}

/// Creates an image with about twenty objects.
fn picture(folder: &TempDir) -> std::path::PathBuf {
    png_file(folder.path(), "scan.png", 1500, 1100)
}

#[test]
fn errors_that_no_retry_can_fix_are_reported_without_one_and_nothing_is_stored() {
    let folder = TempDir::new().expect("a folder");
    let image = picture(&folder);
    for (refusal, words) in [
        (Refusal::ExpiredToken, &["ExpiredToken"][..]),
        (Refusal::AccessDenied, &["AccessDenied", "s3:PutObject"]),
        (Refusal::NoSuchBucket, &["NoSuchBucket", "tiles"]),
        (Refusal::PermanentRedirect("eu-west-1"), &["tiles", "eu-west-1"]),
    ] {
        let server = FaultServer::start();
        server.fail(Fault::Answer(refusal), Scope::always());
        assert_refused(&server, &format!("{refusal:?}"), publishing(&server, &[&image]), words);
    }
    let server = FaultServer::start();
    let mut command = publishing(&server, &[&image]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    assert_refused(&server, "no credentials", command, &["credentials"]);
    assert_eq!(server.request_count(), 0, "nothing is sent without credentials");
}

#[test]
fn a_role_without_put_permission_is_reported_without_a_retry() {
    let folder = TempDir::new().expect("a folder");
    let image = picture(&folder);
    let server = FaultServer::start();
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::PUT));
    assert_refused(&server, "no puts", publishing(&server, &[&image]), &["AccessDenied", "s3:PutObject"]);
}

#[test]
fn a_role_with_only_put_permission_can_publish() {
    let folder = TempDir::new().expect("a folder");
    let image = picture(&folder);
    let server = FaultServer::start();
    for method in [Method::GET, Method::HEAD] {
        server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&method));
    }
    let run = run(publishing(&server, &[&image]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(server.keys("tiles").len(), planned_keys([&image]).len());
}

#[test]
fn a_wrong_region_is_followed_once_and_reported() {
    let folder = TempDir::new().expect("a folder");
    let image = picture(&folder);
    let server = FaultServer::start();
    server.fail(Fault::OnlyRegion("eu-west-1"), Scope::always());
    let run = run(publishing(&server, &[&image]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("eu-west-1"), "{}", run.stderr);
    let refused = server.requests().iter().filter(|request| request.aws_region.as_deref() != Some("eu-west-1")).count();
    assert!((1..=2).contains(&refused), "one check, and one lookup at the same time: {refused}");
}

#[test]
fn a_token_that_expires_during_a_run_stops_it_at_once_without_an_info_json() {
    let folder = TempDir::new().expect("a folder");
    let image = picture(&folder);
    let server = FaultServer::start();
    server.fail(Fault::Answer(Refusal::ExpiredToken), Scope::always().of(&Method::PUT).after(8));
    let run = run(publishing(&server, &[&image]));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("ExpiredToken") && run.stderr.contains("scan"), "{}", run.stderr);
    assert_not_retried(&server, "an expired token");
    assert!(!server.keys("tiles").contains("scan/info.json"));
}

#[test]
fn a_publication_through_a_storm_and_an_outage_is_complete_and_info_json_comes_last() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 3000, 2000);
    let server = FaultServer::start();
    server.fail(Fault::Answer(Refusal::SlowDown), Scope::lasting(Duration::from_secs(1)).of(&Method::PUT).after(5));
    server.fail(Fault::Down(Duration::from_secs(1)), Scope::next(1).of(&Method::PUT).after(20));
    server.fail(Fault::ResetAfterBody, Scope::one_in(20).of(&Method::PUT));
    let run = run(publishing(&server, &[&image]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let planned: BTreeSet<String> = planned_keys([&image]).iter().map(|key| format!("scan/{key}")).collect();
    assert_eq!(server.keys("tiles"), planned);
    let first_promise = server.puts().iter().position(|put| put.path.ends_with("info.json"));
    let after = server.puts().split_off(first_promise.expect("an info.json"));
    assert!(after.iter().all(|put| put.path.ends_with("info.json")), "{after:#?}");
}

#[test]
fn objects_that_a_failed_run_could_not_delete_are_deleted_by_the_next_one() {
    let folder = TempDir::new().expect("a folder");
    let sides = [("larger.png", 1500), ("smaller.png", 700)];
    let [larger, smaller] = sides.map(|(name, side)| png_file(folder.path(), name, side, side));
    let server = FaultServer::start();
    let publish = |image: &Path| {
        let mut command = publishing(&server, &[image]);
        command.args(["--id=scan", "--retry-for=1"]);
        run(command)
    };
    assert_eq!(publish(&larger).code, Some(0));
    let storm = Duration::from_secs(3);
    server.fail(Fault::Answer(Refusal::InternalError), Scope::lasting(storm).of(&Method::POST));
    let failed = publish(&smaller);
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    let planned: BTreeSet<String> = planned_keys([&smaller]).iter().map(|key| format!("scan/{key}")).collect();
    assert!(server.keys("tiles").len() > planned.len(), "it promised, and deleted nothing");
    std::thread::sleep(storm);
    let puts = server.puts().len();
    assert_eq!(publish(&smaller).code, Some(0));
    assert_eq!(server.keys("tiles"), planned);
    assert!(some(&server.puts()[puts..]).all(|put| put.path.ends_with("info.json")), "the pictures were there");
    let puts = server.puts().len();
    assert_eq!(publish(&smaller).code, Some(0));
    assert_eq!(server.puts().len(), puts, "it is current");
}
