//! Stores that are far away: requests that wait for each other are what a run takes.

use crate::support::child::{in_child, short_or_long};
use crate::support::faults::{Fault, FaultServer, Scope};
use crate::support::load::{objects, put_all, store_on};
use crate::support::pictures::png_file;
use crate::support::program::run_well;
use hyper::Method;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BUCKET: &str = "tiles";

/// Set to a number of images to measure an unchanged night, 30 ms away.
const IMAGES_VARIABLE: &str = "IIIF_PUBLISH_TEST_IMAGES";

fn ingest(server: &FaultServer, arguments: &[&str], masters: &Path) -> Duration {
    let began = Instant::now();
    let (bucket, endpoint) = (format!("--bucket={BUCKET}"), format!("--endpoint-url={}", server.endpoint()));
    let masters = masters.to_str().expect("UTF-8");
    run_well([&["ingest", &bucket, &endpoint][..], arguments, &[masters]].concat());
    began.elapsed()
}

/// Returns the number of images, and the delay of each response.
fn unchanged_images() -> (usize, Duration) {
    let images = std::env::var(IMAGES_VARIABLE).ok();
    images.map_or((1_000, DISTANCE), |images| (images.parse().expect("a number"), Duration::from_millis(30)))
}

#[test]
fn an_unchanged_night_looks_up_hundreds_of_images_at_a_time() {
    let ((images, delay), is_measured) = (unchanged_images(), std::env::var_os(IMAGES_VARIABLE).is_some());
    let (server, masters) = (FaultServer::start(), TempDir::new().expect("a folder"));
    let first = png_file(masters.path(), "0.png", 2, 2);
    for number in 1..images {
        std::fs::hard_link(&first, masters.path().join(format!("{number}.png"))).expect("linked");
    }
    ingest(&server, &["--presentation=none"], masters.path());
    server.forget_requests();
    server.fail(Fault::Slow(delay), Scope::always());
    let elapsed = ingest(&server, &["--presentation=none"], masters.path());
    println!("{images} unchanged images, {delay:?} away: {elapsed:?}");
    assert_eq!(server.request_count(), images + 1, "one each, and a look at the bucket");
    let most = server.requests().iter().map(|request| request.in_flight).max().expect("requests");
    assert!(most <= 256 && (is_measured || most > 128), "{most} in flight");
}

/// Delay of the responses in tests that count round trips. It is much longer than anything else takes.
const DISTANCE: Duration = Duration::from_millis(500);

/// Returns the number of round trips, each of which begins with a request that had to wait for those before it.
fn round_trips(server: &FaultServer) -> usize {
    let (mut count, mut began) = (0, None);
    for request in server.requests() {
        if began.is_none_or(|began: Instant| request.at.duration_since(began) >= DISTANCE) {
            (count, began) = (count + 1, Some(request.at));
        }
    }
    count
}

fn requests(server: &FaultServer) -> Vec<String> {
    let requests = server.requests();
    requests.iter().map(|request| format!("{} {}?{}", request.method, request.path, request.query)).collect()
}

#[test]
fn one_image_waits_for_three_round_trips_and_a_collection_of_one_for_five() {
    let (server, folder) = (FaultServer::start(), TempDir::new().expect("a folder"));
    server.fail(Fault::Slow(DISTANCE), Scope::always());
    let image = png_file(folder.path(), "a.png", 300, 200);
    let (bucket, endpoint) = (format!("--bucket={BUCKET}"), format!("--endpoint-url={}", server.endpoint()));
    let image = image.to_str().expect("UTF-8");
    run_well([&bucket, &endpoint, image]);
    assert_eq!(round_trips(&server), 3, "lookups, pictures, `info.json`: {:#?}", requests(&server));
    let lookups = server.requests().iter().filter(|request| request.method == Method::GET).count();
    assert_eq!(lookups, 2, "the check of the bucket lists the pictures");

    server.forget_requests();
    run_well([&bucket, &endpoint, image]);
    assert_eq!((round_trips(&server), server.request_count()), (1, 2), "nothing has changed");

    server.forget_requests();
    ingest(&server, &["--prefix=collection"], folder.path());
    assert_eq!(round_trips(&server), 5, "and a manifest, and the collection: {:#?}", requests(&server));
    let listings = requests(&server).iter().filter(|request| request.contains("manifests")).count();
    assert_eq!(listings, 2, "one listing, one manifest: {:#?}", requests(&server));

    server.forget_requests();
    ingest(&server, &["--prefix=collection"], folder.path());
    assert_eq!(round_trips(&server), 2, "{:#?}", requests(&server));
}

#[test]
fn an_image_that_another_run_has_begun_is_resumed_by_the_first_listing() {
    let (server, folder) = (FaultServer::start(), TempDir::new().expect("a folder"));
    let image = png_file(folder.path(), "a.png", 300, 200);
    let (bucket, endpoint) = (format!("--bucket={BUCKET}"), format!("--endpoint-url={}", server.endpoint()));
    let image = image.to_str().expect("UTF-8");
    run_well([&bucket, &endpoint, image]);
    server.remove(BUCKET, "a/info.json");
    server.remove(BUCKET, "a/full/max/0/default.jpg");
    server.forget_requests();
    run_well([&bucket, &endpoint, image]);
    let puts: Vec<String> = server.puts().into_iter().map(|put| put.path).collect();
    assert_eq!(puts, ["/tiles/a/full/max/0/default.jpg", "/tiles/a/info.json"], "{:#?}", requests(&server));
    let listings = requests(&server).iter().filter(|request| request.contains("list-type")).count();
    assert_eq!(listings, 1);
}

#[test]
fn small_bodies_are_put_hundreds_at_a_time() {
    in_child(|| async {
        let server = FaultServer::sink();
        server.fail(Fault::Slow(DISTANCE), Scope::always());
        let (store, puts) = (store_on(&server).await, short_or_long(1_500, 10_000));
        let began = Instant::now();
        let errors = put_all(&store, objects(puts), 1_000).await;
        println!("{puts} puts, {DISTANCE:?} away: {:?}", began.elapsed());
        assert!(errors.is_empty(), "{errors:?}");
        let first = server.puts().first().expect("puts").at;
        let at_first = server.puts().iter().filter(|put| put.at.duration_since(first) < DISTANCE / 2).count();
        assert!(at_first <= 32, "{at_first} connections at first");
        let most = server.puts().iter().map(|put| put.in_flight).max().expect("puts");
        assert!((300..=512).contains(&most), "{most} in flight");
    });
}
