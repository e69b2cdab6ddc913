//! Only images that are no longer in the input are deleted, and a dry run lists them.

use crate::support::faults::{Fault, FaultServer, Scope};
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use crate::support::some::some;
use hyper::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const BUCKET: &str = "tiles";
const PREFIX: &str = "--prefix=iiif";

fn ingest(server: &FaultServer, arguments: &[&str], masters: &Path) -> Run {
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), PREFIX]);
    command.args(arguments).arg(masters).output().expect("built").into()
}

/// Publishes ten images.
fn published(folder: &TempDir) -> (FaultServer, PathBuf) {
    let masters = folder.path().join("masters");
    for number in 0..10 {
        for folder in ["maps", "my-manifests"] {
            fs::create_dir_all(masters.join(folder)).expect("made");
        }
        let folder = match number {
            0..5 => "",
            5..9 => "maps/",
            _ => "my-manifests/",
        };
        let name = format!("{folder}{number}.png");
        png_file(&masters, &name, 300, 200 + number);
    }
    let server = FaultServer::start();
    let run = ingest(&server, &[], &masters);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    (server, masters)
}

/// Returns the image information of another program.
fn information(id: &str) -> Vec<u8> {
    let document = json!({"@context": "http://iiif.io/api/image/2/context.json", "@id": id,
        "protocol": "http://iiif.io/api/image", "profile": ["http://iiif.io/api/image/2/level0.json"]});
    document.to_string().into_bytes()
}

fn remove(masters: &Path, names: &[&str]) {
    for name in names {
        fs::remove_file(masters.join(name)).expect("removed");
    }
}

fn keys_of(server: &FaultServer, id: &str) -> usize {
    server.keys(BUCKET).iter().filter(|key| key.starts_with(&format!("iiif/{id}/"))).count()
}

#[test]
fn only_images_that_left_the_input_and_their_manifests_are_deleted() {
    let folder = TempDir::new().expect("a folder");
    let (server, masters) = published(&folder);
    server.store(BUCKET, "iiif/theirs/info.json", &information("https://elsewhere.org/theirs"));
    let vips = format!("{}/{BUCKET}/iiif/vips", server.endpoint());
    server.store(BUCKET, "iiif/vips/info.json", &information(&vips));
    server.store(BUCKET, "iiif/app/info.json", b"{\"id\": \"settings\"}");
    server.store(BUCKET, "iiif/0/notes.txt", b"somebody's");
    server.store(BUCKET, "elsewhere/info.json", b"{}");
    server.store(
        BUCKET,
        "iiif/manifests/mine.json",
        b"{\"id\": \"https://elsewhere.org/mine.json\", \"type\": \"Manifest\"}",
    );
    remove(&masters, &["0.png", "maps/7.png"]);
    server.store(BUCKET, "iiif/left/full/max/0/default.jpg", b"of a run that was killed");
    png_file(&masters, "1.png", 310, 200);

    server.forget_requests();
    let dry = ingest(&server, &["--prune", "--max-delete=20%", "--dry-run"], &masters);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    let would: Vec<&str> = dry.stdout.lines().collect();
    for line in
        ["delete   0", "delete   maps/7", "delete   iiif/manifests/0.json", "delete   iiif/manifests/maps/7.json"]
    {
        assert!(would.contains(&line), "{line}: {would:?}");
    }
    assert!(
        would.iter().any(|line| line.starts_with("replace  1: ") && line.contains(" objects, about ")),
        "{would:?}"
    );
    for line in ["write    iiif/manifests/1.json", "write    iiif/collection.json"] {
        assert!(would.contains(&line), "{line}: {would:?}");
    }
    assert_eq!(would.len(), 7, "{would:?}");
    assert!(dry.stderr.contains("would publish 1 image, delete 2, leave 7 unchanged; 0 would fail"), "{}", dry.stderr);
    assert!(dry.stderr.contains("$0.00"), "{}", dry.stderr);
    let is_change = |method: &Method| [Method::PUT, Method::POST, Method::DELETE].contains(method);
    assert!(!server.requests().iter().any(|request| is_change(&request.method)), "nothing is changed");

    let report = folder.path().join("report.jsonl");
    let report = report.to_str().expect("UTF-8");
    let run = ingest(&server, &["--prune", "--max-delete=2", "--report", report], &masters);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!((keys_of(&server, "0"), keys_of(&server, "maps/7")), (1, 0), "objects of others are kept");
    let keys = server.keys(BUCKET);
    for key in [
        "iiif/theirs/info.json",
        "iiif/vips/info.json",
        "iiif/app/info.json",
        "iiif/0/notes.txt",
        "elsewhere/info.json",
        "iiif/maps/8/info.json",
        "iiif/my-manifests/9/info.json",
        "iiif/manifests/mine.json",
    ] {
        assert!(keys.contains(key), "{key}");
    }
    assert!(!keys.contains("iiif/manifests/0.json") && !keys.contains("iiif/manifests/maps/7.json"));
    let deleted = fs::read_to_string(report).expect("a report");
    assert_eq!(deleted.lines().filter(|line| line.contains("\"deleted\"")).count(), 2, "{deleted}");
    assert_eq!(run.stderr.matches("kept 2 other images").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("left: kept tiles without an `info.json`"), "{}", run.stderr);
    assert!(keys.contains("iiif/left/full/max/0/default.jpg"), "another program may have stored it");
    let summary: Run = program().args(["report", report]).output().expect("built").into();
    assert!(summary.code == Some(0) && summary.stderr.contains("2 deleted"), "{}", summary.stderr);

    server.forget_requests();
    let again = ingest(&server, &["--prune"], &masters);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(!server.requests().iter().any(|request| is_change(&request.method)), "nothing remains to be done");
}

#[test]
fn new_images_do_not_raise_the_delete_limit() {
    let folder = TempDir::new().expect("a folder");
    let (server, masters) = published(&folder);
    remove(&masters, &["0.png", "1.png"]);
    for number in 0..30 {
        file(&masters, &format!("new-{number}.png"), b"junk");
    }
    let run = ingest(&server, &["--prune"], &masters);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("refusing to delete 2 of 10 images"), "{}", run.stderr);
    assert_eq!(run.stderr.matches("refusing to delete").count(), 1);
    assert!(keys_of(&server, "0") > 0 && keys_of(&server, "1") > 0);
}

#[test]
fn a_collection_is_kept_if_the_input_is_incomplete() {
    let folder = TempDir::new().expect("a folder");
    let (server, masters) = published(&folder);
    let collection = || server.object(BUCKET, "iiif/collection.json").expect("there").body;
    let before = collection();
    remove(&masters, &["0.png"]);
    let not_mounted = folder.path().join("not-mounted");
    fs::create_dir(&not_mounted).expect("made");
    let run = ingest(&server, &[not_mounted.to_str().expect("UTF-8")], &masters);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(collection(), before);
    let run = ingest(&server, &[], &masters);
    assert!(run.code == Some(0) && collection() != before, "{}", run.stderr);
}

#[test]
fn nothing_is_deleted_if_too_much_is_missing_or_the_input_is_incomplete() {
    let folder = TempDir::new().expect("a folder");
    let (server, masters) = published(&folder);
    let all = server.keys(BUCKET);
    let no_image_is_gone =
        || all.iter().filter(|key| !key.contains("collection")).all(|key| server.keys(BUCKET).contains(key));
    remove(&masters, &["0.png", "1.png"]);
    let collection = || server.object(BUCKET, "iiif/collection.json").expect("there").body;
    let before = collection();
    let dry = ingest(&server, &["--prune", "--dry-run"], &masters);
    assert!(dry.code == Some(1) && dry.stdout.contains("delete   0\n"), "{}", dry.stdout);
    assert!(!dry.stdout.contains("collection.json"), "{}", dry.stdout);
    let run = ingest(&server, &["--prune"], &masters);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stdout.is_empty() && run.stderr.contains("the collection was not changed"), "{}", run.stderr);
    assert_eq!(collection(), before, "it lists the images that are kept");
    assert!(run.stderr.contains("refusing to delete 2 of 10 images (limit: 10%)"), "{}", run.stderr);
    assert!(run.stderr.contains("--max-delete"), "{}", run.stderr);
    assert!(no_image_is_gone());

    let not_mounted = folder.path().join("not-mounted");
    fs::create_dir(&not_mounted).expect("made");
    let command = ["--prune", "--max-delete=100%", not_mounted.to_str().expect("UTF-8")];
    let run = ingest(&server, &command, &masters);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("there are no images in") && run.stderr.contains("could not be read completely"),
        "{}",
        run.stderr
    );
    assert!(no_image_is_gone());

    std::os::unix::fs::symlink("nowhere", masters.join("dangling.tif")).expect("linked");
    let run = ingest(&server, &["--prune", "--max-delete=100%"], &masters);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("dangling.tif") && run.stderr.contains("could not be read completely"),
        "{}",
        run.stderr
    );
    assert!(no_image_is_gone());

    let part = ingest(&server, &["--prune", "--shard=0/2"], &masters);
    assert_eq!(part.code, Some(2), "a part does not know the input of the others: {}", part.stderr);
}

#[test]
fn nothing_is_deleted_if_a_folder_of_published_images_is_empty() {
    let folder = TempDir::new().expect("a folder");
    let (server, masters) = published(&folder);
    fs::create_dir_all(masters.join("drafts/new")).expect("made");
    remove(&masters, &["my-manifests/9.png"]);
    let all = ["--prune", "--max-delete=100%"];
    for arguments in [&all[..], &["--prune", "--max-delete=100%", "--dry-run"]] {
        let run = ingest(&server, arguments, &masters);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("my-manifests` is empty, but the store has 1 image of it"), "{}", run.stderr);
        assert!(keys_of(&server, "my-manifests/9") > 0);
    }
    fs::remove_dir(masters.join("my-manifests")).expect("removed");
    let run = ingest(&server, &all, &masters);
    assert_eq!(run.code, Some(0), "`drafts` is empty too, but nothing is published from it: {}", run.stderr);
    assert_eq!(keys_of(&server, "my-manifests/9"), 0);
}

#[test]
fn nothing_is_deleted_if_a_table_or_a_list_has_no_rows() {
    let folder = TempDir::new().expect("a folder");
    let (server, masters) = published(&folder);
    remove(&masters, &["0.png"]);
    let table = format!("--table={}", file(folder.path(), "table.csv", b"source,id\n").display());
    let list = format!("--from-file={}", file(folder.path(), "list.txt", b"\n").display());
    for empty in [&table, &list] {
        let run = ingest(&server, &["--prune", "--max-delete=100%", empty], &masters);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("could not be read completely"), "{}", run.stderr);
        assert!(keys_of(&server, "0") > 0);
    }
}

#[test]
fn identifiers_that_are_reserved_for_manifests_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    for name in ["manifests/a", "collections/1", "collection.json"] {
        let masters = TempDir::new_in(folder.path()).expect("a folder");
        let path = masters.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        png_file(masters.path(), &format!("{name}.png"), 100, 80);
        let run = ingest(&server, &[], masters.path());
        assert_eq!(run.code, Some(2), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("`{name}` cannot be an identifier")), "{}", run.stderr);
        assert!(server.puts().is_empty());
        for well in ["--presentation=none", "--iiif-version=both"] {
            let run = ingest(&server, &[well, "--dry-run"], masters.path());
            assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        }
    }
}

#[test]
fn a_collection_contains_manifests_that_a_listing_does_not_show_yet() {
    let folder = TempDir::new().expect("a folder");
    let masters = folder.path().join("masters");
    fs::create_dir(&masters).expect("made");
    png_file(&masters, "a.png", 100, 80);
    let server = FaultServer::start();
    server.fail(Fault::OldListing, Scope::always());
    let run = ingest(&server, &[], &masters);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let collection = server.object(BUCKET, "iiif/collection.json").expect("there").body;
    let collection: Value = serde_json::from_slice(&collection).expect("JSON");
    assert_eq!(collection["items"].as_array().map(Vec::len), Some(1), "{collection}");
}

#[test]
fn manifests_change_with_their_table_without_opening_images() {
    let folder = TempDir::new().expect("a folder");
    for number in 0..3 {
        png_file(folder.path(), &format!("{number}.png"), 300, 200);
    }
    let table = |label: &str| {
        let rows =
            format!("source,id,object,label,thumbnail\n0.png,a,book,{label},b\n1.png,b,book,Two,\n2.png,c,,Three,\n");
        let table = file(folder.path(), "table.csv", rows.as_bytes());
        format!("--table={}", table.display())
    };
    let server = FaultServer::start();
    let run = |arguments: &[&str]| -> Run {
        let mut command = program();
        command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), PREFIX]).args(arguments);
        command.output().expect("built").into()
    };
    let before = run(&[&table("One"), "--manifests-only"]);
    assert_eq!(before.code, Some(1), "nothing is published: {}", before.stderr);
    assert!(before.stderr.contains("3 images are not published"), "{}", before.stderr);
    assert_eq!(run(&[&table("One")]).code, Some(0));
    let manifest = || server.object(BUCKET, "iiif/manifests/book.json").expect("there").body;
    let first = manifest();
    for number in 0..3 {
        fs::remove_file(folder.path().join(format!("{number}.png"))).expect("removed");
    }
    server.forget_requests();
    let changed = run(&[&table("Uno"), "--manifests-only"]);
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    let puts: Vec<String> = server.puts().into_iter().map(|put| put.path).collect();
    assert_eq!(
        puts,
        [format!("/{BUCKET}/iiif/manifests/book.json")],
        "the other one and the collection are as they were"
    );
    let (first, second): (Value, Value) =
        (serde_json::from_slice(&first).expect("JSON"), serde_json::from_slice(&manifest()).expect("JSON"));
    assert_eq!(second["items"][0]["label"]["none"][0], "Uno");
    assert_eq!(first["items"][0]["items"], second["items"][0]["items"], "only the label differs");
    assert_eq!(second["thumbnail"], second["items"][1]["thumbnail"], "the thumbnail of the named page");
}

#[test]
fn the_metrics_of_a_run_are_written_for_prometheus() {
    let folder = TempDir::new().expect("a folder");
    let (server, masters) = published(&folder);
    png_file(&masters, "0.png", 310, 200);
    let file_name = folder.path().join("iiif.prom");
    let metrics = format!("--metrics-file={}", file_name.display());
    assert_eq!(ingest(&server, &[&metrics], &masters).code, Some(0));
    let read = || fs::read_to_string(&file_name).expect("written");
    let value = |text: &str, name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim().parse().expect("a number")
    };
    let first = read();
    let of = |status: &str| value(&first, &format!("iiif_publish_images{{status=\"{status}\"}}"));
    assert_eq!([of("published"), of("unchanged"), of("failed"), of("left")], [1, 9, 0, 0]);
    assert!(value(&first, "iiif_publish_requests") > value(&first, "iiif_publish_objects"));
    png_file(&masters, "0.png", 320, 200);
    server.forget_requests();
    let run = ingest(&server, &[&metrics, "--log-format=json"], &masters);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let is_summary = |line: &Value| line["event"] == "summary";
    let summary = run.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(is_summary);
    let requests = value(&read(), "iiif_publish_requests");
    assert_eq!(summary.expect("a summary")["requests"], requests, "{}", run.stderr);
    assert_eq!(server.request_count() as u64, requests, "including manifests and the collection");
    let first = read();
    let success = value(&first, "iiif_publish_last_success_timestamp_seconds");
    file(&masters, "damaged.png", b"\x89PNG\r\n\x1a\nnothing");
    assert_eq!(ingest(&server, &[&metrics], &masters).code, Some(1));
    let second = read();
    assert_eq!(value(&second, "iiif_publish_exit_code"), 1);
    assert_eq!(value(&second, "iiif_publish_last_success_timestamp_seconds"), success);
    let exit_code = |arguments: &[&str], masters: &Path| {
        let run = ingest(&server, arguments, masters);
        assert_eq!(Some(value(&read(), "iiif_publish_exit_code").try_into().expect("small")), run.code);
        run.code
    };
    assert_eq!(exit_code(&[&metrics], folder.path().join("nowhere").as_path()), Some(1));
    assert_eq!(
        exit_code(&[&metrics, "--include=*.nothing"], &masters),
        Some(2),
        "the run ended before its work started"
    );
    for line in some(second.lines().filter(|line| !line.starts_with('#'))) {
        assert!(line.split_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok()), "{line}");
    }
}
