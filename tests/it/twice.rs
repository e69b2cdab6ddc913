//! Nothing is done twice: what a run does about images that are there already, as requests and files show it.

use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::pictures::png_file;
use crate::support::program::{Run, program};
use crate::support::s3::{ACCESS_KEY, SECRET_KEY};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use hyper::Method;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const BUCKET: &str = "tiles";
const PUBLIC_URL: &str = "--public-url=https://example.org/iiif";
const TWO_HOURS: Duration = Duration::from_hours(2);
const IMAGES: usize = 3;

/// A folder of images.
fn masters() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (number, width) in [300, 700, 1100].into_iter().enumerate() {
        png_file(folder.path(), &format!("{number}.png"), width, 200);
    }
    folder
}

/// Makes every source unreadable, but not for a look at its size and time: whoever opens one fails.
fn spoil(folder: &TempDir) {
    for entry in fs::read_dir(folder.path()).expect("readable").flatten() {
        let metadata = entry.metadata().expect("a file");
        let length = usize::try_from(metadata.len()).expect("small");
        fs::write(entry.path(), vec![0; length]).expect("written");
        let file = File::options().write(true).open(entry.path()).expect("writable");
        file.set_modified(metadata.modified().expect("a time")).expect("set");
    }
}

fn ingest(target: &[String], arguments: &[&str], masters: &TempDir) -> Run {
    let presentation = ["--presentation=none"];
    ingest_with(target, &[&presentation[..], arguments].concat(), masters)
}

fn ingest_with(target: &[String], arguments: &[&str], masters: &TempDir) -> Run {
    let mut command = program();
    command.arg("ingest").args(target).args(arguments).arg(masters.path());
    let run: Run = command.output().expect("built").into();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

fn bucket(server: &FaultServer) -> Vec<String> {
    vec![format!("--bucket={BUCKET}"), format!("--endpoint-url={}", server.endpoint())]
}

/// Writes since the last call: puts of pictures, puts of `info.json`, copies, deletions.
fn writes(server: &FaultServer) -> (usize, usize, usize, usize) {
    let requests = server.requests();
    server.forget_requests();
    let puts = requests.iter().filter(|request| request.method == Method::PUT);
    let (copies, puts): (Vec<_>, Vec<_>) = puts.partition(|request| request.is_copy);
    let infos = puts.iter().filter(|request| request.path.ends_with("/info.json")).count();
    let deletions = requests.iter().filter(|request| matches!(request.method, Method::POST | Method::DELETE)).count();
    (puts.len() - infos, infos, copies.len(), deletions)
}

/// Everything that is stored, but for the documents.
fn pictures(server: &FaultServer) -> BTreeMap<String, Vec<u8>> {
    let keys = server.keys(BUCKET).into_iter().filter(|key| key.ends_with(".jpg"));
    keys.map(|key| (key.clone(), server.object(BUCKET, &key).expect("listed").body.to_vec())).collect()
}

fn mark(server: &FaultServer, key: &str) -> String {
    let object = server.object(BUCKET, key).expect("there");
    object.header("x-amz-meta-iiif-publish-mark").expect("a mark").to_owned()
}

#[test]
fn a_night_without_changes_costs_one_request_an_image_before_and_after_it_was_confirmed() {
    let (server, masters) = (FaultServer::start(), masters());
    let target = bucket(&server);
    ingest(&target, &[PUBLIC_URL], &masters);
    spoil(&masters);
    server.forget_requests();
    ingest(&target, &[PUBLIC_URL], &masters);
    assert_eq!(server.request_count(), IMAGES + 1, "one each, and a look at the bucket");
    assert!(mark(&server, "0/info.json").contains("state=settling"));

    server.advance(TWO_HOURS);
    server.forget_requests();
    ingest(&target, &[PUBLIC_URL], &masters);
    assert_eq!(writes(&server), (0, IMAGES, 0, 0), "each is compared and confirmed, from its listing");
    assert!(mark(&server, "0/info.json").contains("state=current"));

    server.advance(TWO_HOURS);
    ingest(&target, &[PUBLIC_URL], &masters);
    assert_eq!(server.request_count(), IMAGES + 1);
}

#[test]
fn another_public_url_is_written_without_opening_a_source() {
    let (server, masters) = (FaultServer::start(), masters());
    let target = bucket(&server);
    ingest(&target, &[PUBLIC_URL], &masters);
    let before = pictures(&server);
    spoil(&masters);
    server.forget_requests();
    let run = ingest(&target, &["--public-url=https://other.example", "--progress=plain"], &masters);
    assert_eq!(writes(&server), (0, IMAGES, 0, 0));
    assert!(run.stderr.contains("updated 3 images"), "{}", run.stderr);
    let info = server.object(BUCKET, "1/info.json").expect("there").body;
    assert!(String::from_utf8_lossy(&info).contains("\"https://other.example/1\""));
    assert_eq!(pictures(&server), before);
    ingest(&target, &["--public-url=https://other.example"], &masters);
    assert_eq!(writes(&server), (0, 0, 0, 0));
}

#[test]
fn another_cache_control_is_a_copy_in_place() {
    let (server, masters) = (FaultServer::start(), masters());
    let target = bucket(&server);
    ingest(&target, &[PUBLIC_URL, "--tagging=a=b"], &masters);
    let before = pictures(&server);
    spoil(&masters);
    server.forget_requests();
    let arguments = [PUBLIC_URL, "--cache-control=max-age=60", "--tagging=a=b"];
    let dry_run = ingest(&target, &[arguments[0], arguments[1], arguments[2], "--dry-run"], &masters);
    assert!(dry_run.stdout.contains("new headers only"), "{}", dry_run.stdout);
    server.forget_requests();
    ingest(&target, &arguments, &masters);
    let (puts, infos, copies, deletions) = writes(&server);
    assert_eq!((puts, copies, deletions), (0, before.len(), 0));
    assert_eq!(infos, 2 * IMAGES, "invalidated before, and written after");
    assert_eq!(pictures(&server), before);
    for key in before.keys() {
        let object = server.object(BUCKET, key).expect("there");
        assert_eq!(object.header("cache-control"), Some("max-age=60"), "{key}");
        assert_eq!(object.header("x-amz-tagging"), Some("a=b"), "{key}");
    }
    ingest(&target, &arguments, &masters);
    assert_eq!(writes(&server), (0, 0, 0, 0));
    server.advance(TWO_HOURS);
    ingest(&target, &arguments, &masters);
    assert!(mark(&server, "0/info.json").contains("state=current"), "its digest is that of the copies");
}

#[test]
fn a_store_that_refuses_copies_gets_the_pictures_again() {
    let (server, masters) = (FaultServer::start(), masters());
    let target = bucket(&server);
    ingest(&target, &[PUBLIC_URL], &masters);
    let before = pictures(&server);
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of_copies());
    server.forget_requests();
    ingest(&target, &[PUBLIC_URL, "--cache-control=max-age=60"], &masters);
    let (puts, ..) = writes(&server);
    assert_eq!(puts, before.len(), "all of them, because their headers are mixed now");
    assert_eq!(pictures(&server), before);
}

#[test]
fn what_another_run_has_spoiled_is_repaired_after_the_grace_period_and_nothing_else_is_put() {
    let (server, masters) = (FaultServer::start(), masters());
    let target = bucket(&server);
    ingest(&target, &[PUBLIC_URL], &masters);
    let before = pictures(&server);
    let keys: Vec<&String> = before.keys().filter(|key| key.starts_with("1/")).collect();
    // As a slow run of another picture would, and one that is killed.
    server.store(BUCKET, keys[0], b"another picture");
    server.store(BUCKET, "1/0,0,9999,9999/100,100/0/default.jpg", b"a tile of another picture");
    server.remove(BUCKET, keys[1]);
    server.forget_requests();
    ingest(&target, &[PUBLIC_URL], &masters);
    assert_eq!(writes(&server), (0, 0, 0, 0), "the other run may still be at work");

    server.advance(TWO_HOURS);
    ingest(&target, &[PUBLIC_URL], &masters);
    let (puts, _, copies, deletions) = writes(&server);
    assert_eq!((puts, copies, deletions), (2, 0, 1));
    assert_eq!(pictures(&server), before);
    server.advance(TWO_HOURS);
    ingest(&target, &[PUBLIC_URL], &masters);
    assert!(mark(&server, "1/info.json").contains("state=current"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_a_newer_version_of_the_program_is_kept() {
    let (server, masters) = (FaultServer::start(), masters());
    let target = bucket(&server);
    ingest(&target, &[PUBLIC_URL], &masters);
    let info = server.object(BUCKET, "1/info.json").expect("there").body;
    let newer = mark(&server, "1/info.json").replace("plan:1", "plan:99");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
        .region(Region::from_static("us-east-1"))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .build();
    let put = Client::from_conf(config).put_object().bucket(BUCKET).key("1/info.json");
    put.metadata("iiif-publish-mark", newer).body(info.clone().into()).send().await.expect("put");
    server.forget_requests();
    // Other options, with which this version would publish it again.
    let run = ingest(&target, &[PUBLIC_URL, "--quality=50", "--progress=plain"], &masters);
    assert!(run.stderr.contains("1 image kept, published by a newer version"), "{}", run.stderr);
    assert_eq!(server.object(BUCKET, "1/info.json").expect("there").body, info);
    let is_touched = server.puts().iter().any(|request| request.path.contains("/1/"));
    assert!(!is_touched, "nothing of it is put");
    ingest(&target, &[PUBLIC_URL, "--quality=50", "--overwrite"], &masters);
    assert!(!mark(&server, "1/info.json").contains("plan:99"), "unless it is asked for");
}

/// Every file below a folder, hidden ones too, with its time.
fn times(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut times = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        let metadata = entry.metadata().expect("there");
        if metadata.is_dir() {
            times.extend(self::times(&entry.path()));
        } else {
            times.insert(entry.path(), metadata.modified().expect("a time"));
        }
    }
    times
}

#[test]
fn a_folder_remembers_what_it_holds() {
    let (masters, output) = (masters(), TempDir::new().expect("a folder"));
    let target = [format!("--output={}", output.path().display())];
    ingest(&target, &[PUBLIC_URL], &masters);
    spoil(&masters);
    let before = times(output.path());
    ingest(&target, &[PUBLIC_URL, "--cache-control=max-age=60"], &masters);
    assert_eq!(times(output.path()), before, "a folder keeps no headers");

    ingest(&target, &["--public-url=https://other.example"], &masters);
    let after = times(output.path());
    let changed: Vec<&PathBuf> =
        after.iter().filter(|(path, time)| before.get(*path) != Some(time)).map(|it| it.0).collect();
    assert!(changed.iter().all(|path| path.to_string_lossy().contains("info.json")), "{changed:?}");
    assert_eq!(changed.len(), 2 * IMAGES, "each with its mark");
    let info = fs::read_to_string(output.path().join("2/info.json")).expect("readable");
    assert!(info.contains("\"https://other.example/2\""));
}

#[test]
fn manifests_in_a_folder_are_not_written_again() {
    let (masters, output) = (masters(), TempDir::new().expect("a folder"));
    let target = [format!("--output={}", output.path().display())];
    ingest_with(&target, &[PUBLIC_URL], &masters);
    let before = times(output.path());
    assert!(before.keys().any(|path| path.ends_with("collection.json")));
    ingest_with(&target, &[PUBLIC_URL], &masters);
    assert_eq!(times(output.path()), before);
}
