//! Collections: published images, messages, the cost of a second run, and parts that add up to the whole.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use crate::support::some::some;
use hyper::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use tempfile::TempDir;

const BUCKET: &str = "tiles";
const PUBLIC_URL: &str = "https://example.org/iiif";

fn ingest(server: &FaultServer, arguments: &[&str], inputs: &[&Path], variables: &[(&str, &str)]) -> Run {
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--public-url", PUBLIC_URL]);
    command.args(arguments).args(inputs).envs(variables.iter().copied());
    command.output().expect("built").into()
}

/// Creates six images of three objects, and a table of them.
fn masters(folder: &TempDir) -> std::path::PathBuf {
    let mut table = "source,id,object,sequence,label\n".to_owned();
    for number in 0..6_u32 {
        let name = format!("{number}.png");
        png_file(folder.path(), &name, 300 + 10 * number, 200);
        let (object, sequence) = (number % 3, 9 - number);
        writeln!(table, "{name},book-{object}/{number},book-{object},{sequence},Page {number}").expect("a string");
    }
    file(folder.path(), "table.csv", table.as_bytes())
}

/// Returns all stored objects.
fn stored(server: &FaultServer) -> BTreeMap<String, Vec<u8>> {
    let object = |key: String| {
        let body = server.object(BUCKET, &key).expect("listed").body.to_vec();
        (key, body)
    };
    server.keys(BUCKET).into_iter().map(object).collect()
}

fn json(server: &FaultServer, key: &str) -> Value {
    serde_json::from_slice(&server.object(BUCKET, key).unwrap_or_else(|| panic!("{key} is there")).body).expect("JSON")
}

fn puts(server: &FaultServer) -> usize {
    server.requests().iter().filter(|request| request.method == Method::PUT).count()
}

#[test]
fn a_report_with_every_status_is_summarized() {
    let folder = TempDir::new().expect("a folder");
    let statuses = ["planned", "unfinished", "failed", "unchanged", "kept-newer", "updated", "published", "deleted"];
    let line = |status: &&str| format!("{{\"status\":\"{status}\",\"id\":\"{status}\"}}\n");
    let lines = statuses.iter().map(line).collect::<Vec<_>>().concat();
    let report = file(folder.path(), "report.jsonl", lines.as_bytes());
    let summary: Run = program().arg("report").arg(&report).output().expect("built").into();
    assert_eq!(summary.code, Some(1), "{}", summary.stderr);
    let counts = "7 images: 1 published (0 objects, 0 B), 1 updated, 1 unchanged, 1 failed, 2 missing, \
                  1 kept (published by a newer version), 1 deleted";
    assert!(summary.stderr.replace('\n', " ").contains(counts), "{}", summary.stderr);
    let ids: Vec<Value> = summary.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(ids.iter().map(|line| &line["id"]).collect::<Vec<_>>(), ["failed", "planned", "unfinished"]);
}

#[test]
fn a_folder_is_published_damaged_images_are_named_and_a_second_run_costs_one_request_per_image() {
    let folder = TempDir::new().expect("a folder");
    let masters = folder.path().join("masters");
    std::fs::create_dir_all(masters.join("maps")).expect("made");
    for name in ["a.png", "maps/b.png", "maps/c.png"] {
        png_file(&masters, name, 300, 200);
    }
    let whole = std::fs::read(masters.join("a.png")).expect("readable");
    file(&masters, "damaged.png", &whole[..whole.len() / 2]);
    file(&masters, "notes.txt", b"no image");
    let report = folder.path().join("report.jsonl");
    let report_argument = format!("--report={}", report.display());
    let server = FaultServer::start();
    let run = ingest(&server, &[&report_argument], &[&masters], &[]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(1), "https://example.org/iiif/collection.json\n"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("4 images of 4 objects") && run.stderr.contains("damaged.png"), "{}", run.stderr);
    for id in ["a", "maps/b", "maps/c"] {
        assert!(server.keys(BUCKET).contains(&format!("{id}/info.json")), "{id}");
        assert!(server.keys(BUCKET).contains(&format!("manifests/{id}.json")), "{id}");
    }
    let items = json(&server, "collection.json")["items"].as_array().expect("items").len();
    assert_eq!(items, 3, "missing images are not shown");
    let lines = std::fs::read_to_string(&report).expect("a report");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let with = |status: &str| lines.iter().filter(|line| line["status"] == status).count();
    assert_eq!((with("planned"), with("published"), with("failed")), (4, 3, 1));
    let failed = lines.iter().find(|line| line["status"] == "failed").expect("one");
    assert_eq!(failed["id"], "damaged");
    assert!(failed["reason"].as_str().is_some_and(|reason| reason.contains("could not decode")), "{failed}");

    let summary = program().arg("report").arg(&report).output().expect("built");
    let summary: Run = summary.into();
    assert_eq!(summary.code, Some(1));
    assert!(
        summary.stderr.contains("4 images: 3 published") && summary.stderr.contains("1 failed, 0 missing"),
        "{}",
        summary.stderr
    );
    let retry = file(folder.path(), "retry.jsonl", summary.stdout.as_bytes());
    file(&masters, "damaged.png", &whole);
    let retry = ingest(&server, &[&format!("--from-file={}", retry.display()), "--presentation=none"], &[], &[]);
    assert_eq!(retry.code, Some(0), "{}", retry.stderr);
    assert!(server.keys(BUCKET).contains("damaged/info.json"), "with the same identifier");

    let rights = "--rights=https://creativecommons.org/publicdomain/zero/1.0/";
    assert_eq!(ingest(&server, &[&report_argument, rights, "--presentation=none"], &[&masters], &[]).code, Some(0));
    let summary: Run = program().arg("report").arg(&report).output().expect("built").into();
    assert_eq!(summary.code, Some(0), "{}", summary.stderr);
    assert!(summary.stderr.contains("0 published (0 objects, 0 B), 4 updated, 0 unchanged"), "{}", summary.stderr);
    assert_eq!(ingest(&server, &["--presentation=none"], &[&masters], &[]).code, Some(0), "and back");

    std::fs::remove_file(masters.join("damaged.png")).expect("removed");
    server.forget_requests();
    let again = ingest(&server, &[&report_argument], &[&masters], &[]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let lines = std::fs::read_to_string(&report).expect("a report");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let requests = lines.iter().filter(|line| line["status"] == "unchanged").map(|line| line["requests"].as_u64());
    assert_eq!(requests.collect::<Vec<_>>(), [Some(1); 3]);
    assert_eq!(puts(&server), 0, "nothing has changed, because the failed image was published before");
    assert!(server.request_count() <= 3 + 5, "one for each image, a look at the bucket, two listings, the collection");

    png_file(&masters, "maps/b.png", 310, 200);
    server.forget_requests();
    assert_eq!(ingest(&server, &[], &[&masters], &[]).code, Some(0));
    let put: Vec<String> = server.puts().iter().map(|put| put.path.clone()).collect();
    let is_expected = |path: &String| {
        path.contains("/maps/b/") || path.contains("manifests/maps/b.json") || path.contains("collection.json")
    };
    assert!(some(&put).all(is_expected), "{put:?}");
}

#[test]
fn the_next_run_does_not_publish_tiles() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 300, 200);
    let ingest_in = |arguments: &[&str]| -> Run {
        let mut command = program();
        command.current_dir(folder.path()).args(["ingest", "--public-url", PUBLIC_URL]).args(arguments);
        command.output().expect("built").into()
    };
    let dry = ingest_in(&[".", "--output=out/iiif", "--dry-run"]);
    assert!(dry.code == Some(0) && dry.stdout.contains("publish  a: "), "{}{}", dry.stdout, dry.stderr);
    assert!(!folder.path().join("out").exists(), "nothing is written");
    for _ in 0..2 {
        let run = ingest_in(&[".", "--output=out/iiif"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains("1 image of 1 object"), "{}", run.stderr);
    }
    let run = ingest_in(&["out/../out", "--output=out"]);
    assert!(run.code == Some(2) && run.stderr.contains("is the publish target"), "{}", run.stderr);

    let server = FaultServer::start();
    let endpoint = format!("--endpoint-url={}", server.endpoint());
    server.store(BUCKET, "masters/a.png", &std::fs::read(folder.path().join("a.png")).expect("readable"));
    for _ in 0..2 {
        let run = ingest_in(&["s3://tiles/", "--bucket=tiles", "--prefix=iiif", &endpoint]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains("1 image of 1 object"), "{}", run.stderr);
    }
    assert!(server.keys(BUCKET).contains("iiif/masters/a/info.json"));
    let run = ingest_in(&["s3://tiles/iiif/", "--bucket=tiles", "--prefix=iiif", &endpoint]);
    assert!(run.code == Some(2) && run.stderr.contains("is the publish target"), "{}", run.stderr);
}

#[test]
fn errors_that_end_a_run_are_json_on_request() {
    let folder = TempDir::new().expect("a folder");
    let configuration = file(folder.path(), "bad.toml", b"buket = \"x\"\n");
    let configuration = format!("--config={}", configuration.display());
    let variables = [("SLURM_ARRAY_TASK_ID", "0"), ("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "0")];
    for arguments in [
        &["--no-such-option"][..],
        &["--bucket=b", "masters", &configuration],
        &["--bucket=b", "--shard=5/4", "masters"],
        &["--bucket=b", "--shard=auto", "--include=*.none", "."],
    ] {
        let mut command = program();
        command.args(["ingest", "--log-format", "json"]).args(arguments).current_dir(folder.path()).envs(variables);
        let run: Run = command.output().expect("built").into();
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("\"event\":\"error\""), "{}", run.stderr);
        for line in run.stderr.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        }
    }
}

#[test]
fn pages_are_in_order_and_have_their_metadata() {
    let folder = TempDir::new().expect("a folder");
    let table = masters(&folder);
    let server = FaultServer::start();
    let table = format!("--table={}", table.display());
    let run = ingest(&server, &[&table, "--label=Books", "--prefix=iiif"], &[], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let manifest = json(&server, "iiif/manifests/book-1.json");
    let labels: Vec<&str> =
        manifest["items"].as_array().expect("pages").iter().filter_map(|it| it["label"]["none"][0].as_str()).collect();
    assert_eq!(labels, ["Page 4", "Page 1"], "by their sequence");
    let collection = json(&server, "iiif/collection.json");
    assert_eq!(collection["label"]["none"][0], "Books");
    let ids: Vec<&str> =
        collection["items"].as_array().expect("objects").iter().filter_map(|it| it["id"].as_str()).collect();
    let expected = [0, 1, 2].map(|number| format!("{PUBLIC_URL}/manifests/book-{number}.json"));
    assert_eq!(ids, expected, "in the order of the table");
    let body = &manifest["items"][0]["items"][0]["items"][0]["body"];
    let key = body["id"].as_str().and_then(|id| id.strip_prefix(PUBLIC_URL)).expect("here");
    assert!(server.keys(BUCKET).contains(&format!("iiif{key}")), "the images of the manifest exist");
}

#[test]
fn parts_add_up_to_the_whole_and_publish_nothing_twice() {
    let folder = TempDir::new().expect("a folder");
    let table = format!("--table={}", masters(&folder).display());
    let whole = FaultServer::start();
    assert_eq!(ingest(&whole, &[&table], &[], &[]).code, Some(0));
    let parts = FaultServer::start();
    for part in ["0", "1", "2", "3"] {
        let variables = [("SLURM_ARRAY_TASK_ID", part), ("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "0")];
        let run = ingest(&parts, &[&table, "--shard=auto"], &[], &variables);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("publishing part {part}/4 (from Slurm)")), "{}", run.stderr);
    }
    let (mut keys, put) = (parts.puts().into_iter().map(|put| put.path).collect::<Vec<_>>(), puts(&parts));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), put, "nothing twice");
    assert!(!parts.keys(BUCKET).contains("collection.json"), "a part cannot write the whole collection");
    let finish = ingest(&parts, &[&table, "--finish"], &[], &[]);
    assert_eq!(finish.code, Some(0), "{}", finish.stderr);
    assert!(stored(&parts) == stored(&whole), "byte for byte");
}

#[test]
fn a_manifest_keeps_its_pages_while_one_of_them_fails() {
    let folder = TempDir::new().expect("a folder");
    let table = format!("--table={}", masters(&folder).display());
    let server = FaultServer::start();
    assert_eq!(ingest(&server, &[&table], &[], &[]).code, Some(0));
    let before = json(&server, "manifests/book-1.json");
    file(folder.path(), "4.png", b"\x89PNG\r\n\x1a\nnothing");
    let run = ingest(&server, &[&table], &[], &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(json(&server, "manifests/book-1.json"), before);
    assert_eq!(json(&server, "collection.json")["items"].as_array().map(Vec::len), Some(3));
}

#[test]
fn all_mistakes_of_a_table_are_reported_before_anything_is_published() {
    let folder = TempDir::new().expect("a folder");
    let table = "source,id,sequence\n0.png,../up,1\n1.png,b,first\n2.png,c,1\n3.png,c,1\n";
    let table = file(folder.path(), "table.csv", table.as_bytes());
    let server = FaultServer::start();
    let run = ingest(&server, &[&format!("--table={}", table.display())], &[], &[]);
    assert_eq!((run.code, server.request_count()), (Some(2), 0), "{}", run.stderr);
    for line in ["3 invalid rows", "line 2: ", "line 3: ", "line 5: "] {
        assert!(run.stderr.contains(line), "{line}: {}", run.stderr);
    }
    let nowhere = ingest(&server, &[], &[Path::new("/no/such/folder")], &[]);
    assert_eq!(nowhere.code, Some(1), "an image like any other: {}", nowhere.stderr);
    for arguments in [&["--shard=4/4"][..], &["--shard=auto"], &[]] {
        assert_eq!(ingest(&server, arguments, &[], &[]).code, Some(2), "{arguments:?}");
    }
    let empty = TempDir::new().expect("a folder");
    let run = ingest(&server, &[], &[empty.path()], &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no images"), "a folder that is not mounted: {}", run.stderr);
    assert!(server.keys(BUCKET).is_empty());
}

#[test]
fn a_run_that_a_limit_stops_has_its_own_exit_code() {
    let folder = TempDir::new().expect("a folder");
    let mut list = String::new();
    for number in 0..40 {
        let damaged = file(folder.path(), &format!("{number:02}.png"), b"\x89PNG\r\n\x1a\nnothing");
        writeln!(list, "{}", damaged.display()).expect("a string");
    }
    let list = file(folder.path(), "list.txt", list.as_bytes());
    let server = FaultServer::start();
    let run = ingest(&server, &[&format!("--from-file={}", list.display()), "--max-failures=3"], &[], &[]);
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(run.stderr.contains("limit reached") && run.stderr.contains("remaining"), "{}", run.stderr);
    assert!(server.keys(BUCKET).is_empty());
}
