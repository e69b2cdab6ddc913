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
    assert!(run.stderr.contains("Rename it to `source`, `Titel` to `label`"), "{}", run.stderr);
    let table = file(folder.path(), "karten.csv", b"source;label\r\n1.png;Gr\xfc\xdfe\r\n;\r\n");
    let run = ingest(&server, &table, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("karten.csv` as semicolon-separated, Windows-1252"), "{}", run.stderr);
    let manifest = server.object(BUCKET, "manifests/1.json").expect("a manifest");
    assert!(String::from_utf8_lossy(&manifest.body).contains("Grüße"));
}
