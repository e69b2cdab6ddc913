//! Broken listings: each must be an error, because objects missing from a listing would be deleted or left behind.

use crate::support::child::in_child;
use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::load::{BUCKET, key, object, objects, put_all, store_on};
use crate::support::pictures::png_file;
use crate::support::program::{Run, program};
use futures::TryStreamExt;
use hyper::Method;
use iiif_publish::store::{HeaderUpdate, Prefix, Store, StoreError, StoreErrorKind};
use std::error::Error;
use std::path::Path;
use tempfile::TempDir;

const BROKEN: [(Fault, &str); 4] = [
    (Fault::CutListing, "has no continuation token"),
    (Fault::RepeatToken, "the same page twice"),
    (Fault::RepeatPage, "the same page twice"),
    (Fault::IgnorePrefix, "do not begin with the requested prefix"),
];

/// Returns a server with more than one page of objects, and one object beside them.
fn filled() -> FaultServer {
    let server = FaultServer::start();
    for number in 0..1001 {
        server.store(BUCKET, key(number).as_str(), b"");
    }
    server.store(BUCKET, "another", b"");
    server
}

fn words(error: &StoreError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}; hint: {}", error.hint().unwrap_or_default())
}

#[test]
fn a_broken_listing_is_an_error_and_never_the_end_of_the_listing() {
    in_child(|| async {
        let prefix: Prefix = "load".parse().expect("a prefix");
        for (fault, message) in BROKEN {
            let server = filled();
            let store = store_on(&server).await;
            let count = store.pages(&prefix).try_fold(0, async |sum, page| Ok(sum + page.len())).await;
            assert_eq!(count.expect("whole"), 1001);
            server.fail(fault, Scope::always().of(&Method::GET));
            let error = store.pages(&prefix).try_for_each(async |_| Ok(())).await.expect_err("broken");
            assert!(words(&error).contains(message), "{fault:?}: {}", words(&error));
            let error = store.objects("load/").try_for_each(async |_| Ok(())).await.expect_err("broken");
            assert!(words(&error).contains(message), "{fault:?}: {}", words(&error));
        }
    });
}

fn ended(arguments: &[&str], server: &FaultServer, image: Option<&Path>) -> Run {
    let mut command = program();
    command.args(arguments).args(["--bucket", "tiles", "--endpoint-url", &server.endpoint()]).args(image);
    command.output().expect("the program was built").into()
}

#[test]
fn delete_fails_on_a_truncated_listing() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    let server = FaultServer::start();
    assert_eq!(ended(&[], &server, Some(&image)).code, Some(0));
    let whole = server.keys("tiles");
    server.fail(Fault::CutListing, Scope::always().of(&Method::GET));
    let run = ended(&["delete", "--id=scan", "--yes"], &server, None);
    assert_ne!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("truncates the listing"), "{}", run.stderr);
    assert_eq!(server.keys("tiles"), whole, "nothing is deleted");
}

#[test]
fn prune_deletes_nothing_if_the_source_listing_is_truncated() {
    let folder = TempDir::new().expect("a folder");
    let (sources, server) = (FaultServer::start(), FaultServer::start());
    for name in ["one", "two"] {
        let image = png_file(folder.path(), name, 40, 30);
        sources.store("masters", &format!("{name}.png"), &std::fs::read(image).expect("a file"));
    }
    let ingest = |more: &[&str]| {
        let from = ["ingest", "s3://masters/", "--source-endpoint-url", &sources.endpoint()];
        ended(&[&from[..], more].concat(), &server, None)
    };
    let first = ingest(&[]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let whole = server.keys("tiles");
    sources.fail(Fault::CutListing, Scope::always().of(&Method::GET));
    let pruned = ingest(&["--prune", "--max-delete=100"]);
    assert_ne!(pruned.code, Some(0), "{}", pruned.stderr);
    assert!(pruned.stderr.contains("truncates the listing"), "{}", pruned.stderr);
    assert_eq!(server.keys("tiles"), whole);
}

/// Returns the error of a put on a server with a fault.
async fn refused(fault: Fault) -> StoreError {
    let server = FaultServer::start();
    server.fail(fault, Scope::always().of(&Method::PUT));
    store_on(&server).await.put(object(1, "body".into())).await.expect_err("refused")
}

#[test]
fn rejections_are_explained_by_their_cause() {
    in_child(|| async {
        let error = refused(Fault::NoETag).await;
        assert!(words(&error).contains("returned no ETag") && words(&error).contains("--endpoint-url"), "{error:?}");

        let error = refused(Fault::Answer(Refusal::TemporaryRedirect("https://other.example.org/load/1?x"))).await;
        assert_eq!(error.kind(), StoreErrorKind::Endpoint, "{error:?}");
        assert!(words(&error).contains("redirects to https://other.example.org"), "{error:?}");

        let error = refused(Fault::Answer(Refusal::PermanentRedirect("eu-west-1"))).await;
        assert_eq!((error.kind(), error.region()), (StoreErrorKind::Region, Some("eu-west-1")), "{error:?}");

        let error = refused(Fault::Answer(Refusal::ObjectLock)).await;
        assert!(words(&error).contains("Object Lock, which requires checksums"), "{error:?}");
    });
}

#[test]
fn an_error_in_a_200_response_is_explained_by_its_code() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 40, 30);
    let server = FaultServer::start();
    server.fail(Fault::ErrorInOk, Scope::always().of(&Method::PUT));
    let run = ended(&["--retry-for=3"], &server, Some(&image));
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("200 InternalError"), "{}", run.stderr);
    assert!(!run.stderr.contains("operation timeout"), "{}", run.stderr);
}

#[test]
fn denied_lookups_are_counted() {
    in_child(|| async {
        let server = FaultServer::start();
        let store = store_on(&server).await;
        assert_eq!((store.get(&key(1)).await.expect("missing"), store.denied_lookups()), (None, 0));
        server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::GET));
        assert_eq!((store.get(&key(1)).await.expect("denied"), store.denied_lookups()), (None, 1));
    });
}

#[test]
fn a_rejected_header_update_is_distinguished_from_an_unsupported_one() {
    in_child(|| async {
        let server = FaultServer::start();
        let store = store_on(&server).await;
        assert!(put_all(&store, objects(1), 1).await.is_empty());
        let stored = store.get(&key(0)).await.expect("readable").expect("stored");
        let update = HeaderUpdate {
            key: key(0),
            bytes: stored.body.len() as u64,
            etag: stored.etag.expect("a digest"),
            content_type: "image/jpeg",
            cache_control: "no-store".into(),
            mark: None,
        };
        for (fault, kind) in [
            (Fault::Answer(Refusal::NotImplemented), StoreErrorKind::Unsupported),
            (Fault::Answer(Refusal::AccessDenied), StoreErrorKind::Denied),
        ] {
            server.fail(fault, Scope::next(1).of(&Method::PUT));
            let error = store.update_headers(update.clone()).await.expect_err("refused");
            assert_eq!(error.kind(), kind, "{error:?}");
        }
        server.fail(Fault::ErrorInOk, Scope::next(1).of(&Method::PUT));
        store.update_headers(update.clone()).await.expect("an error in a 200 response is retried");
        assert_eq!(server.object(BUCKET, key(0).as_str()).expect("stored").header("cache-control"), Some("no-store"));
    });
}
