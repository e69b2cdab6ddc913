//! `--strict`: warnings fail an image before anything of it is visible; marks remember them.

use crate::support::pictures::{encoded, file, waves};
use crate::support::program::{Run, run};
use crate::support::tiff::{self, Layout};
use image::ImageFormat;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A TIFF whose header gives a warning: it does not name its colors.
fn guessed(folder: &Path) -> PathBuf {
    let mut page = Layout::rgb(40, 40).page(|_, _, _| 9);
    page.tags.retain(|(tag, _)| *tag != 262);
    file(folder, "x.tif", &tiff::file(&[page], tiff::Order::Little, tiff::Variant::Classic))
}

fn publish(output: &Path, image: &Path, more: &[&str]) -> Run {
    let arguments = ["--public-url=https://example.org", "--output"].map(AsRef::as_ref);
    let more = more.iter().map(AsRef::as_ref);
    run(arguments.into_iter().chain([output.as_os_str(), image.as_os_str()]).chain(more))
}

/// The contents of all files below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(contents(&path)),
            path => drop(found.insert(path.clone(), fs::read(path).expect("readable"))),
        }
    }
    found
}

#[test]
fn a_warning_of_the_header_fails_an_image_before_anything_is_stored() {
    let folder = TempDir::new().expect("a folder");
    let (image, output) = (guessed(folder.path()), folder.path().join("out"));
    let strict = publish(&output, &image, &["--strict"]);
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    assert!(
        strict.stderr.contains("`x` has warnings: ") && strict.stderr.contains("(colors-guessed)"),
        "{}",
        strict.stderr
    );
    assert_eq!(contents(&output), BTreeMap::new());
}

#[test]
fn a_warning_of_the_last_row_leaves_the_published_image_as_it_was() {
    let folder = TempDir::new().expect("a folder");
    let output = folder.path().join("out");
    let image = file(folder.path(), "x.png", &encoded(waves(600, 700), ImageFormat::Png));
    assert_eq!(publish(&output, &image, &["--strict"]).code, Some(0));
    let before = contents(&output);
    let other = encoded(waves(700, 600), ImageFormat::Png);
    file(folder.path(), "x.png", &other[..other.len() - 12]);
    let strict = publish(&output, &image, &["--strict"]);
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    assert!(strict.stderr.contains("(end-marker-missing)"), "{}", strict.stderr);
    assert!(contents(&output) == before, "something was replaced");
    assert_eq!(publish(&output, &image, &[]).code, Some(0));
    assert!(contents(&output) != before);
}

#[test]
fn the_warnings_of_an_unchanged_image_are_remembered() {
    let folder = TempDir::new().expect("a folder");
    let (image, output) = (guessed(folder.path()), folder.path().join("out"));
    assert_eq!(publish(&output, &image, &[]).code, Some(0));
    let again = publish(&output, &image, &["--progress=plain"]);
    assert!(again.stderr.starts_with("1 image unchanged in `"), "{}", again.stderr);
    let verbose = publish(&output, &image, &["--verbose"]);
    assert_eq!(verbose.stderr.lines().next(), Some("x: unchanged; warning: its colors are guessed"));
    let events = publish(&output, &image, &["--progress=json", "--verbose"]).stderr;
    let unchanged: Value = serde_json::from_str(events.lines().next().expect("an event")).expect("JSON");
    assert_eq!(
        (&unchanged["event"], &unchanged["warnings"][0]["code"]),
        (&"unchanged".into(), &"colors-guessed".into())
    );
    let strict = publish(&output, &image, &["--strict"]);
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    assert!(strict.stderr.contains("`x` is published already, and has warnings"), "{}", strict.stderr);
    // Only documents are written again, without reading the source.
    let updated = publish(&output, &image, &["--rights=https://creativecommons.org/publicdomain/zero/1.0/"]);
    assert!(updated.stderr.starts_with("x: updated"), "{}", updated.stderr);
    let verbose =
        publish(&output, &image, &["--rights=https://creativecommons.org/publicdomain/zero/1.0/", "--verbose"]);
    assert!(verbose.stderr.contains("its colors are guessed"), "{}", verbose.stderr);
}
