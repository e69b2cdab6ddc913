//! Deleting images: each `info.json` first, all objects of the image, and nothing else.

use crate::support::faults::{Fault, FaultServer, Refusal, Request, Scope};
use crate::support::pictures::png_file;
use crate::support::program::{Run, planned_keys, program};
use crate::support::s3::for_each_server;
use crate::support::some::some;
use hyper::Method;
use iiif_publish::delete::{DEFAULT_SETTLE_AFTER, DeleteError, Subject, delete, preview, survey};
use iiif_publish::publish::{Image, Options, Publisher, Versions};
use iiif_publish::store::{FolderStore, MemoryStore, Store};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The bucket on the fault server, which accepts any bucket.
const BUCKET: &str = "art-tiles";

/// The header of marks.
const MARK_HEADER: &str = "x-amz-meta-iiif-publish-mark";

fn ended(mut command: Command) -> Run {
    command.stdin(Stdio::null()).output().expect("the program was built").into()
}

fn on(endpoint: &str, bucket: &str, verb: &[&str], arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(verb).args(["--bucket", bucket, "--endpoint-url", endpoint]).args(arguments);
    command
}

fn publish(endpoint: &str, bucket: &str, image: &Path, arguments: &[&str]) {
    let mut command = on(endpoint, bucket, &[], arguments);
    command.arg(image);
    let run = ended(command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

fn delete_from(endpoint: &str, bucket: &str, arguments: &[&str]) -> Run {
    ended(on(endpoint, bucket, &["delete"], arguments))
}

/// Returns a fault server with an image `atlas` and an empty request log.
fn with_atlas(folder: &TempDir) -> FaultServer {
    let server = FaultServer::start();
    let image = png_file(folder.path(), "atlas.png", 700, 500);
    publish(&server.endpoint(), BUCKET, &image, &["--prefix=maps"]);
    server.forget_requests();
    server
}

fn deletes(server: &FaultServer) -> Vec<Request> {
    server.requests().into_iter().filter(|request| !request.deletes.is_empty()).collect()
}

#[test]
fn all_objects_of_an_image_are_deleted_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 700, 500);
    for_each_server("delete", |server, bucket| {
        for id in ["atlas", "atlas/1", "atlas-2"] {
            publish(&server.endpoint, bucket, &image, &["--iiif-version=both", "--prefix=maps", "--id", id]);
        }
        let of_atlas = |key: &&String| {
            let path = ["maps/3/atlas/", "maps/2/atlas/"].iter().find_map(|folder| key.strip_prefix(folder));
            path.is_some_and(|path| !path.starts_with("1/"))
        };
        let before: BTreeSet<String> = server.objects(bucket).into_keys().collect();
        let mut kept: BTreeSet<String> = before.iter().filter(|key| !of_atlas(key)).cloned().collect();
        for foreign in ["maps/3/atlas/notes.txt", "maps/3/atlas/full/max/0/default.gif"] {
            server.put(bucket, foreign, b"not of publishing");
            kept.insert(foreign.to_owned());
        }
        let arguments = ["--prefix=maps", "--id=atlas", "--yes"];
        let run = delete_from(&server.endpoint, bucket, &arguments);
        assert_eq!(run.code, Some(0), "{}: {}", server.name, run.stderr);
        let planned = planned_keys([image.as_os_str(), "--iiif-version=both".as_ref()]).len();
        let others = kept.iter().filter(|key| key.contains("/atlas/")).count();
        assert_eq!(
            run.stdout,
            format!("`atlas`: deleted {planned} objects; kept {others} other objects\n"),
            "{}",
            server.name
        );
        assert_eq!(server.objects(bucket).into_keys().collect::<BTreeSet<_>>(), kept, "{}", server.name);
    });
}

#[test]
fn images_with_more_objects_than_a_page_of_a_listing_are_deleted() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "many.png", 2100, 1700);
    for_each_server("pages", |server, bucket| {
        publish(&server.endpoint, bucket, &image, &["--tile-size=64", "--max-size=256"]);
        server.put(bucket, "many/notes.txt", b"not of publishing");
        let planned = planned_keys([image.as_os_str(), "--tile-size=64".as_ref(), "--max-size=256".as_ref()]).len();
        assert!(planned > 1100, "{planned}");
        let run = delete_from(&server.endpoint, bucket, &["--id=many", "--yes"]);
        assert_eq!(run.code, Some(0), "{}: {}", server.name, run.stderr);
        assert!(run.stdout.ends_with("; kept 1 other object\n"), "{}: {}", server.name, run.stdout);
        assert_eq!(server.objects(bucket).into_keys().collect::<Vec<_>>(), ["many/notes.txt"], "{}", server.name);
    });
}

#[test]
fn all_images_below_a_prefix_are_deleted_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    for_each_server("all", |server, bucket| {
        publish(&server.endpoint, bucket, &image, &["--prefix=maps", "--id=rome/1"]);
        publish(&server.endpoint, bucket, &image, &["--prefix=maps", "--id=atlas", "--iiif-version=both"]);
        publish(&server.endpoint, bucket, &image, &["--prefix=maps-2", "--id=atlas"]);
        server.put(bucket, "maps/index.html", b"<html>");
        server.put(bucket, "maps/cache/1/2/0/default.jpg", b"of a tile cache");
        let kept = |key: &String| {
            ["maps/index.html", "maps/cache/1/2/0/default.jpg"].contains(&key.as_str()) || key.starts_with("maps-2/")
        };
        let kept: BTreeSet<String> = server.objects(bucket).into_keys().filter(kept).collect();

        let refused = delete_from(&server.endpoint, bucket, &["--all", "--yes"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("--prefix"), "{}", refused.stderr);

        let run = delete_from(&server.endpoint, bucket, &["--prefix=maps", "--all", "--yes"]);
        assert_eq!(run.code, Some(0), "{}: {}", server.name, run.stderr);
        assert!(run.stdout.starts_with("all images below `maps`: deleted "), "{}", run.stdout);
        assert!(run.stdout.ends_with("; kept 2 other objects\n"), "{}", run.stdout);
        assert_eq!(server.objects(bucket).into_keys().collect::<BTreeSet<_>>(), kept, "{}", server.name);
    });
}

/// Returns image information of another program.
fn foreign_information(id: &str) -> Vec<u8> {
    let document = json!({"@context": "http://iiif.io/api/image/2/context.json", "@id": id, "width": 100, "height": 80,
        "protocol": "http://iiif.io/api/image", "profile": ["http://iiif.io/api/image/2/level0.json"]});
    document.to_string().into_bytes()
}

#[test]
fn all_images_are_static_images_at_their_own_paths() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    let image = png_file(folder.path(), "a b.png", 300, 200);
    publish(&server.endpoint(), BUCKET, &image, &["--prefix=maps", "--public-url=https://example.org/x/maps"]);
    server.store(BUCKET, "maps/vips/info.json", &foreign_information("https://example.com/iiif/vips"));
    server.store(BUCKET, "maps/vips/full/max/0/default.jpg", b"JPEG");
    let others = [
        ("maps/app/info.json", b"{\"id\": \"settings\"}".to_vec()),
        ("maps/node_modules/x/info.json", b"{\"profile\": \"level0\"}".to_vec()),
        (
            "maps/manifests/info.json",
            b"{\"id\": \"https://example.org/x/maps/manifests\", \"type\": \"Manifest\"}".to_vec(),
        ),
        ("maps/large/info.json", vec![b' '; 2 << 20]),
        ("maps/moved/info.json", foreign_information("https://example.com/iiif/elsewhere")),
        ("maps/moved/full/max/0/default.jpg", b"JPEG".to_vec()),
        ("maps/cache/full/max/0/default.jpg", b"of no image".to_vec()),
        ("maps/cache/notes.txt", b"mine".to_vec()),
    ];
    for (key, body) in &others {
        server.store(BUCKET, key, body);
    }
    let arguments = ["--prefix=maps", "--all"];
    let dry = delete_from(&server.endpoint(), BUCKET, &[&arguments[..], &["--dry-run"]].concat());
    assert!(
        dry.stdout.contains("maps/a b/info.json\n") && dry.stdout.contains("maps/vips/info.json\n"),
        "{}",
        dry.stdout
    );
    assert!(!dry.stdout.contains("moved") && !dry.stdout.contains("cache"), "{}", dry.stdout);
    let run = delete_from(&server.endpoint(), BUCKET, &[&arguments[..], &["--yes"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let reasons = "; kept 4 `info.json` that are not Level 0 image information, 1 `info.json` whose id does not end in its path, \
                   2 image files without an `info.json`, 1 other object\n";
    assert!(run.stdout.ends_with(reasons), "{}", run.stdout);
    assert_eq!(server.keys(BUCKET), others.map(|(key, _)| key.to_owned()).into());
}

#[test]
fn all_images_include_unfinished_images_of_this_program() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::POST).after(1));
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--all", "--yes"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let left = server.keys(BUCKET);
    assert!(!left.is_empty() && left.iter().all(|key| !key.ends_with("info.json")), "{left:?}");
    server.heal();
    let young = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--all", "--yes"]);
    assert_eq!(young.code, Some(1), "an image may be in the making: {}", young.stderr);
    assert!(young.stderr.contains("image files without an `info.json`"), "{}", young.stderr);
    assert_eq!(server.keys(BUCKET), left);
    server.store(BUCKET, "maps/cache/full/max/0/default.jpg", b"without the mark of this program");
    server.advance(2 * DEFAULT_SETTLE_AFTER);
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--all", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(server.keys(BUCKET), ["maps/cache/full/max/0/default.jpg".to_owned()].into());
}

#[test]
fn an_image_of_another_program_is_deleted_if_it_is_named() {
    let server = FaultServer::start();
    for key in ["vips/full/max/0/default.jpg", "vips/0,0,100,80/100,/0/default.jpg"] {
        server.store(BUCKET, key, b"JPEG");
    }
    server.store(BUCKET, "vips/info.json", &foreign_information("https://example.com/elsewhere"));
    server.store(BUCKET, "settings/info.json", b"{\"id\": \"https://example.com/settings\"}");
    server.store(BUCKET, "settings/full/max/0/default.jpg", b"JPEG");
    let run = delete_from(&server.endpoint(), BUCKET, &["--id=vips", "--id=settings", "--yes"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert_eq!(run.stdout, "`vips`: deleted 3 objects\n");
    assert!(run.stderr.contains("`settings/info.json` is not IIIF image information"), "{}", run.stderr);
    assert_eq!(server.keys(BUCKET).len(), 2, "{:?}", server.keys(BUCKET));
}

#[test]
fn tiles_of_an_unfinished_image_are_deleted_if_it_is_named() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    let image = png_file(folder.path(), "atlas.png", 700, 500);
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::PUT).of_keys_with("info.json"));
    let mut command = on(&server.endpoint(), BUCKET, &[], &["--iiif-version=both"]);
    command.arg(&image);
    assert_eq!(ended(command).code, Some(3));
    assert!(!server.keys(BUCKET).is_empty());
    let run = delete_from(&server.endpoint(), BUCKET, &["--id=atlas", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(server.keys(BUCKET).is_empty(), "{:?}", server.keys(BUCKET));
}

#[test]
fn an_identifier_that_starts_like_a_version_folder_is_not_mistaken_for_another() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    let image = png_file(folder.path(), "x.png", 300, 200);
    for id in ["page", "2/page", "3/page"] {
        publish(&server.endpoint(), BUCKET, &image, &["--id", id]);
    }
    let run = delete_from(&server.endpoint(), BUCKET, &["--id=page", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for (id, is_there) in [("page", false), ("2/page", true), ("3/page", true)] {
        assert_eq!(server.keys(BUCKET).contains(&format!("{id}/info.json")), is_there, "{id}");
    }
}

#[test]
fn an_info_json_is_invalidated_before_it_is_deleted() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::POST));
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas", "--yes"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let information = server.object(BUCKET, "maps/atlas/info.json").expect("there");
    let mark = information.header(MARK_HEADER).expect("a mark");
    assert!(mark.contains("state=replacing"), "{mark}");
    server.heal();

    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::PUT));
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas", "--yes"]);
    assert_eq!(run.code, Some(0), "credentials that may only delete are enough: {}", run.stderr);
    assert!(server.keys(BUCKET).is_empty());
}

#[test]
fn all_versions_of_an_image_are_deleted() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    for width in [300, 310] {
        let image = png_file(folder.path(), "atlas.png", width, 200);
        publish(&server.endpoint(), BUCKET, &image, &["--versioned", "--keep=5"]);
    }
    let published = server.keys(BUCKET);
    let versions: BTreeSet<&str> = published.iter().filter_map(|key| key.split('/').nth(1)).collect();
    assert_eq!(versions.iter().filter(|name| name.starts_with('v')).count(), 2, "{published:?}");
    server.forget_requests();
    let run = delete_from(&server.endpoint(), BUCKET, &["--id=atlas", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(some(&deletes(&server)[0].deletes).all(|key| key.ends_with("info.json")));
    assert!(server.keys(BUCKET).is_empty(), "{:?}", server.keys(BUCKET));
}

#[test]
fn redirects_of_base_uris_are_deleted_with_their_images_but_no_other_empty_objects() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "atlas.png", 300, 200);
    for subject in ["--id=atlas", "--all"] {
        let server = FaultServer::start();
        let redirecting = ["--redirects", "--public-url=https://example.org", "--prefix=maps", "--versioned"];
        publish(&server.endpoint(), BUCKET, &image, &redirecting);
        assert!(server.keys(BUCKET).contains("maps/atlas"));
        let others = ["maps/atla", "maps/atlas-2", "maps/atlas/notes"];
        for key in others {
            server.store(BUCKET, key, b"");
        }
        let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", subject, "--yes"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(server.keys(BUCKET), others.map(str::to_owned).into(), "{subject}");
    }
}

#[test]
fn a_missing_image_is_named_and_does_not_prevent_deleting_others() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    let arguments = ["--prefix=maps", "--id=gone", "--id=atlas", "--id=atlas", "--yes"];
    let run = delete_from(&server.endpoint(), BUCKET, &arguments);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("error: there are no objects of `gone`\n"), "{}", run.stderr);
    assert!(!run.stderr.contains("`atlas`") && run.stdout.starts_with("`atlas`: deleted "), "{}", run.stdout);
    assert!(server.keys(BUCKET).is_empty());
}

#[test]
fn every_info_json_is_deleted_before_the_first_tile() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    let image = png_file(folder.path(), "x.png", 700, 500);
    for id in ["a", "b"] {
        publish(&server.endpoint(), BUCKET, &image, &["--prefix=maps", "--iiif-version=both", "--id", id]);
    }
    server.forget_requests();
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--all", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let deletes = deletes(&server);
    let mut first = deletes[0].deletes.clone();
    first.sort();
    assert_eq!(first, ["maps/2/a/info.json", "maps/2/b/info.json", "maps/3/a/info.json", "maps/3/b/info.json"]);
    let answered = server.requests().iter().position(|request| !request.deletes.is_empty()).expect("in the log");
    assert!(server.requests()[answered + 1].query.contains("list-type"), "it is listed again only after that");
    assert!(some(deletes[1..].iter().flat_map(|request| &request.deletes)).all(|key| !key.ends_with("info.json")));
    assert!(server.keys(BUCKET).is_empty());
}

#[test]
fn nothing_is_deleted_if_the_info_json_cannot_be_deleted() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    let before = server.keys(BUCKET);
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::POST));
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas", "--yes"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{}", run.stderr);
    assert!(run.stderr.contains("s3:DeleteObject"), "{}", run.stderr);
    assert_eq!(server.keys(BUCKET), before);
}

#[test]
fn nothing_is_deleted_without_permission_to_list() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::GET));
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas", "--yes"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{}", run.stderr);
    assert!(run.stderr.contains("s3:ListBucket") && run.stderr.contains("`maps/atlas/`"), "{}", run.stderr);
    assert!(deletes(&server).is_empty());
}

#[test]
fn a_failed_delete_leaves_no_info_json_and_can_be_rerun() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::POST).after(1));
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas", "--yes"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let left = server.keys(BUCKET);
    assert!(!left.is_empty() && !left.contains("maps/atlas/info.json"), "{left:?}");
    server.heal();
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(server.keys(BUCKET).is_empty());
}

#[cfg(unix)]
#[test]
fn an_interrupted_delete_leaves_no_info_json() {
    let folder = TempDir::new().expect("a folder");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = with_atlas(&folder);
        server.fail(Fault::NeverAnswer, Scope::always().of(&Method::POST).after(1));
        let arguments = ["--prefix=maps", "--id=atlas", "--yes"];
        let mut command = on(&server.endpoint(), BUCKET, &["delete"], &arguments);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("built");
        let began = Instant::now();
        while deletes(&server).len() < 2 {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", server.requests());
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
        assert!(kill.is_ok_and(|status| status.success()));
        assert_eq!(child.wait().expect("ended").code(), Some(code));
        let left = server.keys(BUCKET);
        assert!(!left.is_empty() && !left.contains("maps/atlas/info.json"), "{left:?}");
    }
}

#[test]
fn a_dry_run_prints_the_keys_in_order_and_deletes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    let before = server.keys(BUCKET);
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let printed: Vec<String> = run.stdout.lines().map(str::to_owned).collect();
    assert_eq!(printed.first().map(String::as_str), Some("maps/atlas/info.json"));
    assert_eq!(printed.iter().cloned().collect::<BTreeSet<_>>(), before);
    assert_eq!(run.stderr, format!("`atlas`: would delete {} objects\n", before.len()));
    assert_eq!(server.keys(BUCKET), before);
}

#[test]
fn invalid_usage_exits_with_2_and_deletes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let server = with_atlas(&folder);
    let before = server.keys(BUCKET);
    for arguments in [
        &["--prefix=maps", "--id=atlas"][..],
        &["--prefix=maps", "--yes"],
        &["--prefix=maps", "--id=atlas", "--all", "--yes"],
        &["--prefix=/", "--all", "--yes"],
        &["--prefix=maps", "--id=..", "--yes"],
        &["--prefix=maps", "--id=atlas", "--yes", "--dry-run"],
        &["--prefix=maps", "--id=atlas", "--yes", "--output=out"],
        &["--prefix=maps", "--all", "--iiif-version=2", "--yes"],
    ] {
        let run = delete_from(&server.endpoint(), BUCKET, arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: "), "{arguments:?}: {}", run.stderr);
    }
    let run = delete_from(&server.endpoint(), BUCKET, &["--prefix=maps", "--id=atlas"]);
    assert!(run.stderr.contains("`--yes`"), "{}", run.stderr);
    assert_eq!(server.request_count(), 0);
    assert_eq!(server.keys(BUCKET), before);
}

#[test]
fn in_a_folder_the_files_of_the_image_are_deleted_and_the_folder_is_kept() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    let output = folder.path().join("site/out");
    let in_folder = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).arg("--output").arg(&output);
        ended(command)
    };
    let published = in_folder(&["--public-url=https://x.org", image.to_str().expect("UTF-8")]);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    std::fs::write(output.join("scan/notes.txt"), "mine").expect("written");
    let run = in_folder(&["delete", "--id=scan", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let left: Vec<_> = std::fs::read_dir(output.join("scan")).expect("stays").flatten().collect();
    assert_eq!(left.iter().map(std::fs::DirEntry::file_name).collect::<Vec<_>>(), ["notes.txt"]);

    std::fs::remove_dir_all(output.join("scan")).expect("removed");
    let published = in_folder(&["--public-url=https://x.org", image.to_str().expect("UTF-8")]);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    assert_eq!(in_folder(&["delete", "--id=scan", "--yes"]).code, Some(0));
    assert_eq!(std::fs::read_dir(&output).expect("stays").count(), 0);
    assert_eq!(in_folder(&["delete", "--id=scan", "--yes"]).code, Some(1), "nothing remains");
}

/// Publishes an image next to other objects into a store of this process, and deletes it.
async fn delete_in(store: Arc<dyn Store>) -> Result<(), DeleteError> {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 900, 700);
    let options = Options::builder("https://example.org".parse().expect("a URL"))
        .versions(Versions::Both)
        .build()
        .expect("valid options");
    let publisher = Publisher::new(Arc::clone(&store), options.clone(), |_| ());
    let image = |identifier: &str| Image::new(path.clone(), identifier.parse().expect("an identifier"));
    let stored = publisher.publish(&image("x")).await.expect("published");
    publisher.publish(&image("x-2")).await.expect("published");

    let subject = |identifier: &str| {
        let folders = options.versions.folders().into_iter().map(|(_, folder)| folder);
        Subject::image(&options.prefix, folders, identifier.parse().expect("an identifier")).expect("short")
    };
    let x = subject("x");
    let found = survey(&*store, &x, DEFAULT_SETTLE_AFTER).await?;
    assert_eq!((found.objects(), found.information, found.kept.objects()), (stored.objects, 2, 0));
    let mut planned = Vec::new();
    preview(&*store, &x, DEFAULT_SETTLE_AFTER, |key| planned.push(key.clone())).await?;
    assert_eq!(planned.len() as u64, stored.objects);
    assert!(planned[..2].iter().all(|key| key.as_str().ends_with("/x/info.json")), "{:?}", &planned[..2]);
    let found_again = Subject::find(&*store, &options.prefix, "x".parse().expect("an identifier")).await?;
    assert_eq!(found_again, x, "the folders of the versions are found");
    assert_eq!(delete(&*store, &x, DEFAULT_SETTLE_AFTER, |_| ()).await?, found);
    let again = delete(&*store, &x, DEFAULT_SETTLE_AFTER, |_| ()).await;
    assert!(matches!(again, Err(DeleteError::Nothing { kept, .. }) if kept.objects() == 0));
    assert_eq!(survey(&*store, &subject("x-2"), DEFAULT_SETTLE_AFTER).await?, found);
    Ok(())
}

#[tokio::test]
async fn memory_and_folder_stores_delete_the_same_objects() -> Result<(), DeleteError> {
    let folder = TempDir::new().expect("a folder");
    delete_in(Arc::new(MemoryStore::default())).await?;
    delete_in(Arc::new(FolderStore::new(folder.path().join("out")))).await
}

#[test]
fn an_object_is_deleted_with_its_images_and_documents_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    for name in ["masters/book/1.png", "masters/book/2.png", "masters/bookends.png"] {
        std::fs::create_dir_all(folder.path().join("masters/book")).expect("made");
        png_file(folder.path(), name, 60, 40);
    }
    let server = FaultServer::start();
    let ingest = || {
        let options = ["--prefix=maps", "--group=folder", "--presentation=3,2", "--site"];
        let mut command = on(&server.endpoint(), BUCKET, &["ingest"], &options);
        command.arg(folder.path().join("masters"));
        let run = ended(command);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    };
    let delete =
        |arguments: &[&str]| delete_from(&server.endpoint(), BUCKET, &[&["--prefix=maps"], arguments].concat());
    ingest();
    let before = server.keys(BUCKET);
    let documents = ["manifests/book.json", "presentation/2/manifests/book.json", "objects/book/index.html"];
    let is_of_book = |key: &str| {
        let path = key.trim_start_matches("maps/");
        path.starts_with("book/") || documents.contains(&path)
    };
    let expected: BTreeSet<String> = before.iter().filter(|key| is_of_book(key)).cloned().collect();
    assert!(expected.len() > 5, "{expected:?}");

    let image = delete(&["--id=book", "--yes"]);
    assert!(image.code == Some(1) && image.stderr.contains("use `--object`"), "{}", image.stderr);
    let nothing = delete(&["--object=books", "--yes"]);
    assert!(nothing.code == Some(1) && nothing.stderr.contains("there is no object `books`"), "{}", nothing.stderr);
    server.store(
        BUCKET,
        "maps/manifests/mine.json",
        b"{\"id\": \"https://x.org/mine.json\", \"type\": \"Manifest\", \"items\": []}",
    );
    let foreign = delete(&["--object=mine", "--yes"]);
    assert!(
        foreign.code == Some(1) && foreign.stderr.contains("is not a manifest of this program"),
        "{}",
        foreign.stderr
    );
    let dry = delete(&["--object=book", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert_eq!(dry.stdout.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
    assert!(before.is_subset(&server.keys(BUCKET)), "nothing is deleted so far");

    // The manifest is deleted last, so an interrupted deletion can be repeated.
    assert_eq!(delete(&["--id=book/1", "--yes"]).code, Some(0));
    let run = delete(&["--object=book", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("`book` has 2 images: `book/1`, `book/2`; and `maps/manifests/book.json`"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.ends_with("`book`: deleted 3 documents\n"), "{}", run.stdout);
    assert!(run.stderr.contains("the collection still lists `book`"), "{}", run.stderr);
    let left: BTreeSet<String> = before.difference(&server.keys(BUCKET)).cloned().collect();
    assert_eq!(left, expected);
    ingest();
    assert_eq!(server.keys(BUCKET).iter().filter(|key| is_of_book(key)).count(), expected.len(), "published again");
}
