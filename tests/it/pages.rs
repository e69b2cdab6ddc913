//! Files with several pages: each page is an image, and the file is an object.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use crate::support::tiff::{self, Layout, Order, Values, Variant};
use hyper::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const BUCKET: &str = "tiles";
const PUBLIC_URL: &str = "https://example.org/iiif";
const HOUR: Duration = Duration::from_secs(3601);

fn program_with(server: &FaultServer, verb: &[&str], arguments: &[&str], inputs: &[&Path]) -> Run {
    let mut command = program();
    command.args(verb).args(["--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--public-url", PUBLIC_URL]);
    command.args(arguments).args(inputs).output().expect("built").into()
}

fn publish(server: &FaultServer, arguments: &[&str], input: &Path) -> Run {
    program_with(server, &[], arguments, &[input])
}

fn ingest(server: &FaultServer, arguments: &[&str], input: &Path) -> Run {
    program_with(server, &["ingest"], arguments, &[input])
}

fn well(run: Run) -> Run {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

/// A page of this width, with an optional name.
fn page(width: u32, name: Option<&str>) -> tiff::Page {
    let name = name.map(|name| (285, Values::Bytes([name.as_bytes(), b"\0"].concat())));
    Layout { more: name.into_iter().collect(), ..Layout::rgb(width, 30) }.page(|x, _, _| x.into())
}

/// A reduced copy of a page, which doesn't count.
fn reduced() -> tiff::Page {
    Layout { more: vec![(254, Values::Shorts(vec![1]))], ..Layout::rgb(20, 15) }.page(|x, _, _| x.into())
}

fn bytes(pages: &[tiff::Page]) -> Vec<u8> {
    tiff::file(pages, Order::Little, Variant::Classic)
}

/// Creates a file whose pages are 41, 42, … pixels wide.
fn book(folder: &Path, name: &str, pages: u32) -> PathBuf {
    let pages: Vec<tiff::Page> = (1..=pages).map(|number| page(40 + number, None)).collect();
    file(folder, name, &bytes(&pages))
}

fn json(server: &FaultServer, key: &str) -> Value {
    serde_json::from_slice(&server.object(BUCKET, key).unwrap_or_else(|| panic!("{key} is there")).body).expect("JSON")
}

/// The widths of a manifest's canvases.
fn widths(server: &FaultServer, manifest: &str) -> Vec<u64> {
    let manifest = json(server, manifest);
    let canvases = manifest["items"].as_array().expect("canvases");
    canvases.iter().map(|canvas| canvas["width"].as_u64().expect("a number")).collect()
}

/// The identifiers of all images.
fn images(server: &FaultServer) -> BTreeSet<String> {
    let keys = server.keys(BUCKET);
    keys.iter().filter_map(|key| key.strip_suffix("/info.json")).map(str::to_owned).collect()
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The requests of a run for these keys.
fn requests(server: &FaultServer, prefix: &str) -> Vec<(Method, String)> {
    let requests = server.requests().into_iter().map(|request| (request.method, request.path));
    requests.filter(|(_, path)| path.starts_with(&format!("/{BUCKET}/{prefix}"))).collect()
}

fn mark(server: &FaultServer, key: &str) -> String {
    let object = server.object(BUCKET, key).expect("stored");
    object.header("x-amz-meta-iiif-publish-mark").expect("a mark").to_owned()
}

#[test]
fn one_command_publishes_all_pages_and_a_manifest_of_them() {
    let folder = TempDir::new().expect("a folder");
    let pages = [page(41, Some("Cover")), reduced(), page(42, None), page(43, Some("Folio 2\u{e9}"))];
    let image = file(folder.path(), "book.tif", &bytes(&pages));
    let server = FaultServer::start();
    let run = well(publish(&server, &["--pages=all"], &image));
    assert_eq!(run.stdout, "https://example.org/iiif/manifests/book.json\n");
    assert_eq!(images(&server), named(&["book/1", "book/2", "book/3"]), "the reduced copy is not a page");
    assert!(!server.keys(BUCKET).contains("collection.json"));
    assert_eq!(widths(&server, "manifests/book.json"), [41, 42, 43]);
    let manifest = json(&server, "manifests/book.json");
    let canvases = manifest["items"].as_array().expect("canvases");
    let labels: Vec<&Value> = canvases.iter().map(|canvas| &canvas["label"]["none"][0]).collect();
    assert_eq!(labels, ["Cover", "2", "Folio 2\u{e9}"]);
    assert_eq!(manifest["label"]["none"][0], "book");
    assert_eq!(manifest["behavior"][0], "paged");
    let last_put = server.puts().last().expect("puts").path.clone();
    assert_eq!(last_put, format!("/{BUCKET}/manifests/book.json"), "nothing is half visible");
}

#[test]
fn only_the_first_page_is_published_by_default_and_the_others_are_counted() {
    let folder = TempDir::new().expect("a folder");
    let image = book(folder.path(), "book.tif", 12);
    let server = FaultServer::start();
    let run = well(publish(&server, &["--verbose"], &image));
    let warning = "only the first of its 12 pages is published (publish all with `--pages all`)";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert_eq!(images(&server), named(&["book"]));
    well(publish(&server, &["--pages=2", "--id=second"], &image));
    assert_eq!(json(&server, "second/info.json")["width"], 42);
    well(publish(&server, &["--page=3", "--id=third"], &image));
    assert_eq!(json(&server, "third/info.json")["width"], 43);
}

#[test]
fn a_range_of_pages_keeps_their_numbers() {
    let folder = TempDir::new().expect("a folder");
    let image = book(folder.path(), "book.tif", 12);
    let server = FaultServer::start();
    well(publish(&server, &["--pages=9-11"], &image));
    assert_eq!(images(&server), named(&["book/9", "book/10", "book/11"]), "never padded");
    assert_eq!(widths(&server, "manifests/book.json"), [49, 50, 51]);
    let beyond = publish(&server, &["--pages=12-13"], &image);
    assert_eq!(beyond.code, Some(1));
    assert!(beyond.stderr.contains("book.tif` has no page 13: it has 12 pages"), "{}", beyond.stderr);
    let invalid = publish(&server, &["--pages=3-2"], &image);
    assert_eq!(invalid.code, Some(2), "{}", invalid.stderr);
}

#[test]
fn a_file_with_one_page_is_one_image() {
    let folder = TempDir::new().expect("a folder");
    book(folder.path(), "one.tif", 1);
    png_file(folder.path(), "photo.png", 50, 40);
    let server = FaultServer::start();
    well(ingest(&server, &["--pages=all"], folder.path()));
    assert_eq!(images(&server), named(&["one", "photo"]));
    server.forget_requests();
    well(ingest(&server, &["--pages=all"], folder.path()));
    let manifest = (Method::GET, format!("/{BUCKET}/manifests/one.json"));
    assert_eq!([requests(&server, "one"), requests(&server, "manifests/one")].concat(), [manifest], "one request");
    let bucket = ["--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--yes", "--id=one"];
    let deleted: Run = program().arg("delete").args(bucket).output().expect("built").into();
    assert_eq!(deleted.code, Some(0), "{}", deleted.stderr);
    well(ingest(&server, &["--pages=all"], folder.path()));
    assert_eq!(images(&server), named(&["one", "photo"]));
    let server = FaultServer::start();
    well(ingest(&server, &[], folder.path()));
    assert_eq!(images(&server), named(&["one", "photo"]));
}

#[test]
fn a_page_that_does_not_decode_is_named_and_there_is_no_manifest() {
    let folder = TempDir::new().expect("a folder");
    let mut damaged = page(42, None);
    // An unknown compression.
    for (tag, value) in &mut damaged.tags {
        if *tag == 259 {
            *value = Values::Shorts(vec![9999]);
        }
    }
    let image = file(folder.path(), "book.tif", &bytes(&[page(41, None), damaged, page(43, None)]));
    let server = FaultServer::start();
    let run = publish(&server, &["--pages=all"], &image);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains("book.tif (page 2)"), "{}", run.stderr);
    assert_eq!(images(&server), named(&["book/1", "book/3"]));
    assert!(!server.keys(BUCKET).contains("manifests/book.json"));

    file(folder.path(), "book.tif", &bytes(&[page(41, None), page(42, None), page(43, None)]));
    server.forget_requests();
    well(publish(&server, &["--pages=all"], &image));
    assert_eq!(widths(&server, "manifests/book.json"), [41, 42, 43]);
}

#[test]
fn damaged_lists_of_pages_are_refused_with_the_page_before_the_damage() {
    let folder = TempDir::new().expect("a folder");
    let whole = bytes(&[page(41, None), page(42, None), page(43, None)]);
    let first = u32::from_le_bytes(whole[4..8].try_into().expect("four bytes"));
    let mut looped = whole.clone();
    let last = looped.len() - 4;
    looped[last..].copy_from_slice(&first.to_le_bytes());
    let mut outside = whole.clone();
    outside[last..].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut none = whole;
    none[4..8].copy_from_slice(&[0; 4]);
    let server = FaultServer::start();
    for (name, content, expected) in [
        ("looped.tif", looped, "after page 3: its directories form a loop"),
        ("outside.tif", outside, "after page 3: "),
        ("none.tif", none, "has no page 1: it has 0 pages"),
    ] {
        let image = file(folder.path(), name, &content);
        let run = publish(&server, &["--pages=all"], &image);
        assert_eq!(run.code, Some(1), "{name}");
        assert!(run.stderr.contains(name) && run.stderr.contains(expected), "{}", run.stderr);
    }
    assert_eq!(server.keys(BUCKET), BTreeSet::new(), "nothing is visible");
}

#[test]
fn a_run_over_unchanged_pages_asks_for_their_manifest_only() {
    let folder = TempDir::new().expect("a folder");
    let input = folder.path().join("in");
    fs::create_dir(&input).expect("made");
    let path = book(&input, "book.tif", 12);
    let server = FaultServer::start();
    let report = folder.path().join("report.jsonl");
    let report_argument = format!("--report={}", report.display());
    let run = well(ingest(&server, &[], &input));
    assert!(run.stderr.contains("published 12 images"), "{}", run.stderr);
    let of_book =
        || -> Vec<(Method, String)> { [requests(&server, "book"), requests(&server, "manifests/book")].concat() };
    let manifest = (Method::GET, format!("/{BUCKET}/manifests/book.json"));
    let info = (Method::GET, format!("/{BUCKET}/book/info.json"));

    // The pages settle: there's nothing to find out before the end of the grace period.
    server.forget_requests();
    let again = well(ingest(&server, &[&report_argument], &input));
    assert_eq!(of_book(), [info, manifest.clone()], "is it published as one image? No, and all pages are unchanged");
    assert!(again.stderr.contains("12 images unchanged"), "{}", again.stderr);
    let lines = fs::read_to_string(&report).expect("a report");
    assert_eq!(lines.matches("\"status\":\"unchanged\"").count(), 12);
    server.forget_requests();
    well(ingest(&server, &["--pages=all"], &input));
    assert_eq!(of_book(), std::slice::from_ref(&manifest), "one request for 12 pages");

    // After the grace period, each page is compared once, and then never again.
    assert!(mark(&server, "manifests/book.json").contains(";state=settling;pages="));
    server.advance(HOUR);
    well(ingest(&server, &["--pages=all"], &input));
    assert!(mark(&server, "book/12/info.json").contains(";state=current;"));
    assert!(mark(&server, "manifests/book.json").contains(";state=current;pages="));
    server.advance(HOUR);
    server.forget_requests();
    well(ingest(&server, &["--pages=all"], &input));
    assert_eq!(of_book(), [manifest]);

    // A change of the file is found, and only the objects that differ are put.
    let pages: Vec<tiff::Page> =
        (1..=12).map(|number| page(if number == 5 { 99 } else { 40 + number }, None)).collect();
    fs::write(&path, bytes(&pages)).expect("written");
    server.forget_requests();
    well(ingest(&server, &["--pages=all"], &input));
    assert_eq!(widths(&server, "manifests/book.json")[4], 99);
    let pictures: Vec<String> =
        server.puts().into_iter().map(|put| put.path).filter(|path| path.ends_with(".jpg")).collect();
    let of_others = pictures.iter().filter(|path| !path.starts_with(&format!("/{BUCKET}/book/5/")));
    assert_eq!(of_others.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(mark(&server, "manifests/book.json").contains(";state=settling;"));
}

#[test]
fn new_metadata_rewrites_the_manifest_without_opening_the_file() {
    let folder = TempDir::new().expect("a folder");
    let path = book(folder.path(), "book.tif", 3);
    let table = |label: &str| {
        let path = file(folder.path(), "t.csv", format!("source,label,pages\nbook.tif,{label},all\n").as_bytes());
        format!("--table={}", path.display())
    };
    let server = FaultServer::start();
    well(program_with(&server, &["ingest"], &[&table("Old")], &[]));
    assert_eq!(json(&server, "manifests/book.json")["label"]["none"][0], "Old");
    let state = mark(&server, "manifests/book.json");
    server.forget_requests();
    well(program_with(&server, &["ingest"], &[&table("New")], &[]));
    let manifest = json(&server, "manifests/book.json");
    assert_eq!(
        (&manifest["label"]["none"][0], &manifest["items"][2]["label"]["none"][0]),
        (&"New".into(), &"3".into())
    );
    assert_eq!(mark(&server, "manifests/book.json"), state, "the state of the pages is kept");
    assert_eq!(requests(&server, "book"), [], "no page is looked at");
    fs::remove_file(path).expect("removed");
    well(program_with(&server, &["ingest"], &[&table("Gone"), "--manifests-only"], &[]));
    let manifest = json(&server, "manifests/book.json");
    assert_eq!(manifest["label"]["none"][0], "Gone");
    assert_eq!(widths(&server, "manifests/book.json"), [41, 42, 43]);
}

#[test]
fn a_file_that_is_published_as_one_image_keeps_its_identifier_until_all_pages_are_asked_for() {
    let folder = TempDir::new().expect("a folder");
    book(folder.path(), "book.tif", 3);
    let server = FaultServer::start();
    well(ingest(&server, &["--pages=1"], folder.path()));
    assert_eq!(images(&server), named(&["book"]));
    server.forget_requests();
    let kept = well(ingest(&server, &[], folder.path()));
    assert_eq!(images(&server), named(&["book"]));
    let warning = "warning: 1 file with several pages: only one page is published; to publish all, use `--pages all`";
    assert!(kept.stderr.replace('\n', " ").contains(warning), "{}", kept.stderr);
    assert_eq!(requests(&server, "book").len(), 1, "as for any other image");

    let pruned = well(ingest(&server, &["--pages=all", "--prune", "--max-delete=100%"], folder.path()));
    assert_eq!(images(&server), named(&["book/1", "book/2", "book/3"]), "{}", pruned.stderr);
    assert_eq!(widths(&server, "manifests/book.json"), [41, 42, 43]);
    assert!(!server.keys(BUCKET).iter().any(|key| key.starts_with("book/full/")), "the image of the file is gone");
}

#[test]
fn pruning_keeps_pages_and_deletes_those_that_the_file_no_longer_has() {
    let folder = TempDir::new().expect("a folder");
    let input = folder.path().join("in");
    fs::create_dir(&input).expect("made");
    book(&input, "book.tif", 4);
    book(&input, "gone.tif", 2);
    png_file(&input, "photo.png", 50, 40);
    let server = FaultServer::start();
    let prune = &["--prune", "--max-delete=100%"];
    well(ingest(&server, prune, &input));
    let all = named(&["book/1", "book/2", "book/3", "book/4", "gone/1", "gone/2", "photo"]);
    assert_eq!(images(&server), all);
    well(ingest(&server, prune, &input));
    assert_eq!(images(&server), all);

    book(&input, "book.tif", 3);
    fs::remove_file(input.join("gone.tif")).expect("removed");
    let dry = well(ingest(&server, &["--prune", "--max-delete=100%", "--dry-run"], &input));
    for line in ["delete   book/4\n", "delete   gone/1\n", "delete   gone/2\n", "delete   manifests/gone.json\n"] {
        assert!(dry.stdout.contains(line), "{}", dry.stdout);
    }
    assert!(!dry.stdout.contains("delete   book/3"), "{}", dry.stdout);
    let refused = ingest(&server, &["--prune", "--max-delete=2"], &input);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("refusing to delete 3 of"), "{}", refused.stderr);
    well(ingest(&server, prune, &input));
    assert_eq!(images(&server), named(&["book/1", "book/2", "book/3", "photo"]));
    assert_eq!(widths(&server, "manifests/book.json"), [41, 42, 43]);
}

#[test]
fn a_page_that_was_deleted_or_replaced_by_hand_comes_back() {
    let folder = TempDir::new().expect("a folder");
    let input = folder.path().join("in");
    fs::create_dir(&input).expect("made");
    book(&input, "book.tif", 3);
    let server = FaultServer::start();
    well(ingest(&server, &[], &input));
    let bucket = ["--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--yes"];
    let deleted: Run = program().arg("delete").args(bucket).arg("--id=book/2").output().expect("built").into();
    assert_eq!(deleted.code, Some(0), "{}", deleted.stderr);
    assert_eq!(images(&server), named(&["book/1", "book/3"]));
    well(ingest(&server, &[], &input));
    assert_eq!(images(&server), named(&["book/1", "book/2", "book/3"]));

    let other = png_file(folder.path(), "other.png", 77, 40);
    well(publish(&server, &["--id=book/3"], &other));
    assert_eq!(json(&server, "book/3/info.json")["width"], 77);
    well(ingest(&server, &[], &input));
    assert_eq!(json(&server, "book/3/info.json")["width"], 43);
}

#[test]
fn all_pages_of_a_file_are_in_one_part() {
    let folder = TempDir::new().expect("a folder");
    for name in ["a.tif", "b.tif", "c.tif", "d.tif"] {
        book(folder.path(), name, 3);
    }
    let server = FaultServer::start();
    for part in ["0/2", "1/2"] {
        let before = images(&server).len();
        well(ingest(&server, &["--shard", part], folder.path()));
        assert_eq!((images(&server).len() - before) % 3, 0);
    }
    assert_eq!(images(&server).len(), 12);
    well(ingest(&server, &["--finish"], folder.path()));
    assert_eq!(json(&server, "collection.json")["items"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_table_selects_pages_and_describes_them() {
    let folder = TempDir::new().expect("a folder");
    book(folder.path(), "book.tif", 5);
    book(folder.path(), "fax.tif", 4);
    book(folder.path(), "cover.tif", 3);
    let rows = "source,page,pages,label\n\
                book.tif,2,,Folio 1r\n\
                book.tif,4,,Folio 2r\n\
                fax.tif,,2-3,A fax\n\
                cover.tif,,1,A cover\n";
    let table = format!("--table={}", file(folder.path(), "t.csv", rows.as_bytes()).display());
    let server = FaultServer::start();
    let run = well(program_with(&server, &["ingest"], &[&table], &[]));
    assert_eq!(images(&server), named(&["book/2", "book/4", "fax/2", "fax/3", "cover"]), "{}", run.stderr);
    let book = json(&server, "manifests/book.json");
    let labels = book["items"].as_array().expect("canvases").iter().map(|canvas| &canvas["label"]["none"][0]);
    assert_eq!(labels.collect::<Vec<_>>(), ["Folio 1r", "Folio 2r"]);
    assert_eq!(widths(&server, "manifests/book.json"), [42, 44]);
    assert_eq!(json(&server, "manifests/fax.json")["label"]["none"][0], "A fax");
    server.forget_requests();
    well(program_with(&server, &["ingest"], &[&table], &[]));
    assert_eq!(server.puts().len(), 0, "nothing has changed");

    let invalid = "source,page,pages\nbook.tif,2,all\nbook.tif,0,\nbook.tif,,4-2\n";
    let table = format!("--table={}", file(folder.path(), "t.csv", invalid.as_bytes()).display());
    let run = program_with(&server, &["ingest"], &[&table], &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    for error in ["line 2: `page` and `pages` cannot be used", "line 3: `page` counts from 1", "line 4: `pages`: "] {
        assert!(run.stderr.replace('\n', " ").contains(error), "{error}: {}", run.stderr);
    }
}

#[test]
fn a_page_never_takes_the_identifier_of_another_image() {
    let folder = TempDir::new().expect("a folder");
    book(folder.path(), "book.tif", 3);
    fs::create_dir(folder.path().join("book")).expect("made");
    png_file(folder.path(), "book/2.png", 50, 40);
    let server = FaultServer::start();
    let run = ingest(&server, &[], folder.path());
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("have the same identifier `book/2`"), "{}", run.stderr);
    assert_eq!(images(&server), named(&["book/2"]));
    assert_eq!(json(&server, "book/2/info.json")["width"], 50);
}

#[test]
fn a_failed_page_is_retried_from_the_report() {
    let folder = TempDir::new().expect("a folder");
    let input = folder.path().join("in");
    fs::create_dir(&input).expect("made");
    let mut damaged = page(42, None);
    damaged.tags.retain(|(tag, _)| *tag != 256);
    file(&input, "book.tif", &bytes(&[page(41, None), damaged]));
    let report = folder.path().join("report.jsonl");
    let server = FaultServer::start();
    let run = ingest(&server, &[&format!("--report={}", report.display())], &input);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let summary: Run = program().arg("report").arg(&report).output().expect("built").into();
    assert!(summary.stderr.contains("2 images: 1 published"), "{}", summary.stderr);
    let line: Value = serde_json::from_str(summary.stdout.trim()).expect("one line of JSON");
    assert_eq!((&line["id"], &line["page"]), (&"book/2".into(), &2.into()));

    file(&input, "book.tif", &bytes(&[page(41, None), page(42, None)]));
    let retry = format!("--from-file={}", file(folder.path(), "retry.jsonl", summary.stdout.as_bytes()).display());
    well(program_with(&server, &["ingest"], &[&retry, "--presentation=none"], &[]));
    assert_eq!(json(&server, "book/2/info.json")["width"], 42);
}

#[test]
fn a_dry_run_lists_the_pages() {
    let folder = TempDir::new().expect("a folder");
    book(folder.path(), "book.tif", 3);
    let server = FaultServer::start();
    let dry = well(ingest(&server, &["--dry-run"], folder.path()));
    let lines: Vec<&str> = dry.stdout.lines().filter_map(|line| line.split(':').next()).collect();
    let expected = [
        "publish  book/1",
        "publish  book/2",
        "publish  book/3",
        "write    manifests/book.json",
        "write    collection.json",
    ];
    assert_eq!(lines, expected);
    assert!(dry.stderr.contains("would publish 3 images"), "{}", dry.stderr);
    assert_eq!(server.keys(BUCKET), BTreeSet::new());
    well(ingest(&server, &[], folder.path()));
    let dry = well(ingest(&server, &["--dry-run"], folder.path()));
    assert!(dry.stderr.contains("leave 3 unchanged"), "{}", dry.stderr);
}

#[test]
fn pages_are_published_into_a_folder_like_into_a_bucket() {
    let folder = TempDir::new().expect("a folder");
    let image = book(folder.path(), "book.tif", 3);
    let output = folder.path().join("out");
    let run = || -> Run {
        let mut command = program();
        command.args(["--public-url", PUBLIC_URL, "--pages=all", "--output"]).arg(&output).arg(&image);
        command.output().expect("built").into()
    };
    assert_eq!(well(run()).stdout, "https://example.org/iiif/manifests/book.json\n");
    assert!(well(run()).stderr.contains("3 images unchanged"));
    let pages = fs::read_dir(output.join("book")).expect("a folder").count();
    assert_eq!(pages, 3);
    let preview: Run = program().args(["plan", "--pages=all"]).arg(&image).output().expect("built").into();
    assert_eq!(preview.code, Some(2), "{}", preview.stderr);
}

#[test]
fn two_api_versions_have_the_same_pages() {
    let folder = TempDir::new().expect("a folder");
    let image = book(folder.path(), "book.tif", 2);
    let server = FaultServer::start();
    well(publish(&server, &["--pages=all", "--iiif-version=both"], &image));
    assert_eq!(images(&server), named(&["2/book/1", "2/book/2", "3/book/1", "3/book/2"]));
    assert!(mark(&server, "manifests/book.json").contains(";pages="), "their state is kept");
}
