//! Tables as people and spreadsheets write them. A damaged table must not cause deletions.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use std::path::Path;
use tempfile::TempDir;

const BUCKET: &str = "tiles";

fn ingest(server: &FaultServer, table: &Path, arguments: &[&str]) -> Run {
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--table"]);
    command.arg(table).args(arguments).output().expect("built").into()
}

fn image_count(server: &FaultServer) -> usize {
    server.keys(BUCKET).iter().filter(|key| key.ends_with("/info.json")).count()
}

/// Returns the rows of existing images.
fn rows(folder: &Path, numbers: std::ops::RangeInclusive<u32>) -> String {
    let row = |number: u32| {
        png_file(folder, &format!("{number}.png"), 60, 40);
        format!("{number}.png,{number},Map {number}\n")
    };
    numbers.map(row).collect()
}

#[test]
fn a_stray_quote_is_reported_with_file_and_line_and_deletes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let rows = format!("source,id,label\n{}", rows(folder.path(), 1..=12));
    let server = FaultServer::start();
    let table = file(folder.path(), "maps.csv", rows.as_bytes());
    assert_eq!(ingest(&server, &table, &[]).code, Some(0));
    assert_eq!(image_count(&server), 12);
    for (stray, line) in [(",\"Map 6", "line 7"), (",12\" map", "line 7"), (",\"Map\" 6", "line 7")] {
        let table = file(folder.path(), "maps.csv", rows.replace(",Map 6", stray).as_bytes());
        server.forget_requests();
        let run = ingest(&server, &table, &["--prune", "--max-delete=100%"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("maps.csv") && run.stderr.contains(line), "{}", run.stderr);
        assert!(server.requests().is_empty(), "nothing is published or deleted");
    }
    assert_eq!(image_count(&server), 12);
}

#[test]
fn a_table_from_a_german_excel_is_read_with_a_note() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "1.png", 60, 40);
    let server = FaultServer::start();
    let unnamed = file(folder.path(), "karten.csv", b"Quelle;Titel\r\n1.png;Gr\xfc\xdfe\r\n;\r\n");
    let run = ingest(&server, &unnamed, &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("`Quelle`, `Titel`; did you mean `Quelle`?"), "{}", run.stderr);
    assert!(run.stderr.contains("Pass --column source=Quelle --column label=Titel, or rename"), "{}", run.stderr);
    let named = ingest(&server, &unnamed, &["--column=source=Quelle", "--column=label=Titel", "--dry-run"]);
    assert_eq!(named.code, Some(0), "{}", named.stderr);
    let public = "karten.csv`: `Titel` (as label)";
    assert!(named.stderr.replace('\n', " ").contains(public), "{}", named.stderr);
    let table = file(folder.path(), "karten.csv", b"source;label\r\n1.png;Gr\xfc\xdfe\r\n;\r\n");
    let run = ingest(&server, &table, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("karten.csv` as semicolon-separated, Windows-1252"), "{}", run.stderr);
    let manifest = server.object(BUCKET, "manifests/1.json").expect("a manifest");
    assert!(String::from_utf8_lossy(&manifest.body).contains("Grüße"));
}

#[test]
fn a_configuration_file_names_the_columns() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "1.png", 60, 40);
    std::fs::create_dir(folder.path().join("other")).expect("made");
    png_file(folder.path(), "other/2.png", 60, 40);
    file(folder.path(), "karten.csv", "Datei;Titel;Datum;Preis\n1.png;Weltatlas;1595;5 €\n".as_bytes());
    let settings = "[ingest]\ntable = \"karten.csv\"\ncolumn = [\"source=Datei\", \"label=Titel\"]\nmetadata-columns = [\"Datum\"]\n";
    file(folder.path(), "iiif-publish.toml", settings.as_bytes());
    let run = |arguments: &[&str]| -> Run {
        let mut command = program();
        command.current_dir(folder.path()).args(["ingest", "--output=out", "--public-url=https://example.org"]);
        command.args(arguments).output().expect("built").into()
    };
    let whole = run(&[]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    let manifest = std::fs::read_to_string(folder.path().join("out/manifests/1.json")).expect("a manifest");
    assert!(manifest.contains("Weltatlas") && manifest.contains("1595") && !manifest.contains("5 €"), "{manifest}");
    let public = "public columns of `karten.csv`: `Titel` (as label), `Datum`; not published: `Preis`";
    assert!(whole.stderr.replace('\n', " ").contains(public), "{}", whole.stderr);
    let other = run(&["other"]);
    assert_eq!(other.code, Some(0), "the options of the table belong to the table: {}", other.stderr);
    let none = run(&["--no-metadata-columns", "--dry-run"]);
    assert!(none.stderr.replace('\n', " ").contains("not published: `Datum`, `Preis`"), "{}", none.stderr);
    let wrong = run(&["--column=surce=Datei"]);
    assert!(wrong.stderr.contains("did you mean `source`?"), "{}", wrong.stderr);
}

#[test]
fn a_table_from_the_web_is_read() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "1.png", 60, 40);
    let server = FaultServer::start();
    let table = |name: &str, text: &str| {
        server.store("web", name, text.as_bytes());
        let mut command = program();
        command.current_dir(folder.path()).args(["ingest", "--output=out", "--public-url=https://example.org"]);
        command.args(["--retry-for=1", "--table"]).arg(format!("{}/web/{name}?key=secret", server.endpoint()));
        Run::from(command.output().expect("built"))
    };
    let run = table("table.csv", "source,label\n1.png,World atlas\n");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    let manifest = std::fs::read_to_string(folder.path().join("out/manifests/1.json")).expect("a manifest");
    assert!(manifest.contains("World atlas"), "{manifest}");
    for (name, text, error) in [
        ("page.csv", "<!doctype html><title>Sign in</title>", "is a web page, not a table"),
        ("greedy.csv", "source,id\n/etc/passwd,x\n", "line 2: `/etc/passwd` is outside the current folder"),
    ] {
        let run = table(name, text);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.replace('\n', " ").contains(error), "{}", run.stderr);
    }
    let missing = ingest(&server, Path::new(&format!("{}/web/none.csv", server.endpoint())), &[]);
    assert!(missing.code != Some(0) && missing.stderr.contains("404"), "{}", missing.stderr);
}

#[test]
fn each_folder_is_a_book() {
    let folder = TempDir::new().expect("a folder");
    std::fs::create_dir_all(folder.path().join("scans/Große Bücher")).expect("made");
    for name in ["Große Bücher/2.png", "Große Bücher/10.png", "Große Bücher/1.png", "alone.png"] {
        png_file(folder.path(), &format!("scans/{name}"), 60, 40);
    }
    let out = folder.path().join("out");
    let mut command = program();
    command.args(["ingest", "--group=folder", "--slug", "--public-url=https://example.org", "--output"]).arg(&out);
    let run: Run = command.arg(folder.path().join("scans")).output().expect("built").into();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("4 images of 2 objects"), "{}", run.stderr);
    let manifest = std::fs::read(out.join("manifests/grosse-bucher.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["label"]["none"][0], "Große Bücher");
    let page =
        |number: usize| manifest["items"][number]["id"].as_str().expect("an id").rsplit('/').next().expect("a name");
    assert_eq!([page(0), page(1), page(2)], ["1", "2", "10"]);
    assert!(out.join("manifests/scans.json").is_file(), "the images of the folder itself");
}

#[test]
fn a_collection_keeps_its_label() {
    let folder = TempDir::new().expect("a folder");
    let rows = format!("source,id,label\n{}", rows(folder.path(), 1..=2));
    let table = file(folder.path(), "maps.csv", rows.as_bytes());
    let server = FaultServer::start();
    let label = || {
        let collection = server.object(BUCKET, "collection.json").expect("a collection");
        let collection: serde_json::Value = serde_json::from_slice(&collection.body).expect("JSON");
        collection["label"]["none"][0].as_str().expect("a label").to_owned()
    };
    for (arguments, expected) in
        [(&[][..], "Collection"), (&["--label=Our maps"], "Our maps"), (&[], "Our maps"), (&["--label=Maps"], "Maps")]
    {
        let run = ingest(&server, &table, arguments);
        assert_eq!((run.code, label().as_str()), (Some(0), expected), "{}", run.stderr);
    }
    let dry = ingest(&server, &table, &["--dry-run"]);
    assert!(!dry.stdout.contains("collection.json"), "{}", dry.stdout);
}
