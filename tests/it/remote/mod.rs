//! Remote sources in buckets and on web servers.

mod buckets;
mod web;

use crate::support::faults::FaultServer;
use crate::support::pictures::{encoded, noise, waves};
use crate::support::program::{Run, program, run_within};
use crate::support::tiff::{Layout, Pieces};
use image::ImageFormat;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Returns files in formats that are read in different ways. Several of them have more than one block.
fn masters() -> Vec<(&'static str, Vec<u8>)> {
    let tiled = Layout { pieces: Pieces::Tiles(256, 256), ..Layout::rgb(1700, 1300) };
    let fixture = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        std::fs::read(path).expect("a fixture")
    };
    vec![
        ("photo.jpg", encoded(waves(1500, 1100), ImageFormat::Jpeg)),
        ("noise.png", encoded(noise(1900, 1300), ImageFormat::Png)),
        ("tiles.tif", tiled.file(|x, y, sample| u64::from((x + 3 * y) % 250 + u32::from(sample)))),
        ("tiled.jp2", fixture("jp2/tiled.jp2")),
        ("planes.tif", fixture("tiff/planes-16-tiles-zstd-tifffile.tif")),
        ("picture.webp", encoded(waves(300, 200), ImageFormat::WebP)),
    ]
}

/// Publishes into a folder.
fn publish_into(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = program();
    command.arg("--output").arg(folder).args(["--public-url=https://example.org"]).args(arguments);
    run_within(Duration::from_mins(2), &mut command)
}

/// Publishes into a bucket, which detects unchanged images.
fn publish_to(target: &FaultServer, arguments: &[&str]) -> Run {
    let mut command = program();
    command.args(["--bucket=tiles", "--endpoint-url", &target.endpoint(), "--public-url=https://example.org"]);
    command.args(arguments).output().expect("built").into()
}

/// Publishes into a bucket with `ingest`.
fn ingest_to(target: &FaultServer, arguments: &[&str]) -> Run {
    let mut command = program();
    command.args(["ingest", "--presentation=none", "--public-url=https://example.org", "--bucket=tiles"]);
    command.args(["--endpoint-url", &target.endpoint()]).args(arguments).output().expect("built").into()
}

/// Publishes a collection into a folder.
fn ingest_into(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = program();
    command.args(["ingest", "--presentation=none", "--public-url=https://example.org", "--output"]).arg(folder);
    command.args(arguments).output().expect("built").into()
}

/// Returns the contents of all files in a folder and its subfolders.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        let name = entry.path().strip_prefix(folder).expect("below").display().to_string();
        files.insert(name, std::fs::read(entry.path()).expect("readable"));
    }
    files
}

/// Asserts that two folders contain the same files, except for internal files of the program.
fn assert_same(one: &Path, other: &Path) {
    let (mut one, mut other) = (files(one), files(other));
    assert!(!one.is_empty());
    for files in [&mut one, &mut other] {
        files.retain(|name, _| !name.split('/').any(|part| part.starts_with('.')));
    }
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    let differing: Vec<_> = one.iter().filter(|(name, bytes)| other[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differing.is_empty(), "{differing:?}");
}
