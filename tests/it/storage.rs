//! Options of the owner of a bucket for all stored objects.

use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::pictures::{encoded, file, gray_waves, png_file};
use crate::support::program::{Run, planned_keys, program};
use crate::support::some::some;
use hyper::Method;
use image::ImageFormat;
use std::path::Path;
use tempfile::TempDir;

const BUCKET: &str = "tiles";

fn publish(server: &FaultServer, arguments: &[&str], image: &Path) -> Run {
    let mut command = program();
    command.args(["--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--id=scan"]).args(arguments).arg(image);
    command.output().expect("built").into()
}

#[test]
fn every_object_has_the_requested_attributes_and_no_others() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    let server = FaultServer::start();
    let run = publish(
        &server,
        &[
            "--acl=public-read",
            "--storage-class=STANDARD_IA",
            "--sse=aws:kms",
            "--sse-kms-key-id=key-1",
            "--tagging=project=maps & plans",
            "--tagging=owner=library",
            "--metadata=Source=scanner 3",
            "--request-payer",
        ],
        &image,
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("STANDARD_IA") && run.stderr.contains("128 kB"), "a warning: {}", run.stderr);
    for key in some(server.keys(BUCKET)) {
        let object = server.object(BUCKET, &key).expect("listed");
        for (name, value) in [
            ("x-amz-acl", "public-read"),
            ("x-amz-storage-class", "STANDARD_IA"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
            ("x-amz-tagging", "project=maps%20%26%20plans&owner=library"),
            ("x-amz-meta-source", "scanner 3"),
            ("x-amz-request-payer", "requester"),
        ] {
            assert_eq!(object.header(name), Some(value), "{name} of {key}");
        }
    }
    let plain = FaultServer::start();
    assert_eq!(publish(&plain, &[], &image).code, Some(0));
    let object = plain.object(BUCKET, "scan/full/max/0/default.jpg").expect("stored");
    for name in ["x-amz-acl", "x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-tagging"] {
        assert_eq!(object.header(name), None, "{name}");
    }
}

#[test]
fn changed_attributes_upload_every_object_again() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    let server = FaultServer::start();
    assert_eq!(publish(&server, &[], &image).code, Some(0));
    server.forget_requests();
    assert_eq!(publish(&server, &["--storage-class=INTELLIGENT_TIERING"], &image).code, Some(0));
    let pictures = server.puts().iter().filter(|put| put.path.ends_with(".jpg")).count();
    assert_eq!(pictures, planned_keys([&image]).len() - 1);
}

#[test]
fn an_existing_object_is_never_replaced_with_no_clobber() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    let other = file(folder.path(), "other.png", &encoded(gray_waves(700, 500), ImageFormat::Png));
    let server = FaultServer::start();
    server.store(BUCKET, "scan/full/max/0/default.jpg", b"somebody else's");
    let run = publish(&server, &["--no-clobber"], &image);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("scan/full/max/0/default.jpg") && run.stderr.contains("--no-clobber"),
        "{}",
        run.stderr
    );
    assert!(!server.keys(BUCKET).contains("scan/info.json"));

    let server = FaultServer::start();
    // The responses to some puts are lost, so that the next attempt finds the object.
    server.fail(Fault::ResetAfterBody, Scope::next(3).of(&Method::PUT).after(4));
    assert_eq!(publish(&server, &["--no-clobber"], &image).code, Some(0), "its own object is accepted");
    server.forget_requests();
    let run = publish(&server, &["--no-clobber"], &other);
    assert_eq!((run.code, server.puts().len()), (Some(0), 0), "{}", run.stderr);
    assert!(run.stderr.contains("skipped, already exists"), "{}", run.stderr);
}

#[test]
fn an_existing_object_is_compared_by_its_bytes_if_its_etag_is_not_a_digest() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    let server = FaultServer::start();
    server.fail(Fault::OpaqueETag, Scope::always());
    server.fail(Fault::ResetAfterBody, Scope::next(3).of(&Method::PUT).after(4));
    let run = publish(&server, &["--no-clobber", "--sse=aws:kms"], &image);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn a_redirect_of_the_bare_uri_never_replaces_an_object_of_another_program() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    let arguments = ["--redirects", "--public-url=https://example.org"];
    let server = FaultServer::start();
    server.store(BUCKET, "scan", b"somebody else's");
    let run = publish(&server, &arguments, &image);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("`scan`") && run.stderr.contains("not a redirect"), "{}", run.stderr);
    assert_eq!(server.object(BUCKET, "scan").expect("there").body, "somebody else's");
    assert!(!server.keys(BUCKET).contains("scan/info.json"));

    let server = FaultServer::start();
    for _ in 0..2 {
        let run = publish(&server, &[&arguments[..], &["--overwrite"]].concat(), &image);
        assert_eq!(run.code, Some(0), "its own: {}", run.stderr);
    }
    let header = "x-amz-website-redirect-location";
    let redirect = server.object(BUCKET, "scan").expect("there");
    assert_eq!(redirect.header(header), Some("https://example.org/scan/info.json"));
}

#[test]
fn an_image_with_a_failed_cleanup_is_still_published() {
    let folder = TempDir::new().expect("a folder");
    let large = png_file(folder.path(), "large.png", 1300, 900);
    let small = png_file(folder.path(), "small.png", 300, 200);
    let server = FaultServer::start();
    assert_eq!(publish(&server, &[], &large).code, Some(0));
    for method in [Method::POST, Method::DELETE] {
        server.fail(Fault::Answer(Refusal::InternalError), Scope::always().of(&method));
    }
    let run = publish(&server, &["--retry-for=1"], &small);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("published `scan`"), "{}", run.stderr);
    assert!(
        run.stderr.contains("to delete the rest of the old image") && !run.stderr.contains("no info.json"),
        "{}",
        run.stderr
    );
    let left = server.keys(BUCKET).len();
    server.heal();
    server.forget_requests();
    assert_eq!(publish(&server, &[], &small).code, Some(0));
    assert_eq!(server.keys(BUCKET).len(), planned_keys([&small]).len());
    assert!(left > server.keys(BUCKET).len());
}

#[test]
fn unsupported_storage_options_are_usage_errors() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 300, 200);
    let server = FaultServer::start();
    for (argument, word) in [
        ("--acl=everybody", "public-read"),
        ("--storage-class=GLACIER", "not directly readable"),
        ("--storage-class=CHEAP", "STANDARD_IA"),
        ("--sse=rot13", "AES256"),
        ("--tagging=nothing", "NAME=VALUE"),
        ("--metadata=a b=c", "name"),
        ("--metadata=iiif-publish-fingerprint=x", "reserved"),
        ("--full-image-url=https://example.org/x.jpg", "--redirects"),
        ("--keep=1", "--versioned"),
    ] {
        let run = publish(&server, &[argument], &image);
        assert_eq!(run.code, Some(2), "{argument}: {}", run.stderr);
        assert!(run.stderr.contains(word), "{argument}: {}", run.stderr);
    }
    assert_eq!(server.request_count(), 0);
}
