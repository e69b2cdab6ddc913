//! Checks the imports of the library against the table at the head of `src/lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// Rows of the table: the first cell names modules, the last one the modules that they may import.
fn rooms() -> Vec<(String, Vec<String>)> {
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut rooms = Vec::new();
    // Other tables come first.
    let table = include_str!("../../src/lib.rs").lines().skip_while(|line| !line.starts_with("//! | room |"));
    for line in table.filter_map(|line| line.strip_prefix("//! | ")) {
        let [module, .., allowed] = line.trim_end_matches(" |").split(" | ").collect::<Vec<_>>()[..] else { continue };
        rooms.extend(names(module).into_iter().map(|room| (room, names(allowed))));
    }
    rooms
}

/// The modules of the library, as `src/lib.rs` declares them.
fn modules() -> Vec<&'static str> {
    let lines = include_str!("../../src/lib.rs").lines();
    let modules = lines.filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    modules.filter_map(|module| module.strip_suffix(';')).collect()
}

#[test]
fn the_table_has_every_module() {
    let rooms = rooms();
    let mut named: Vec<&str> = rooms.iter().map(|(room, _)| room.as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, modules());
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.flat_map(|entry| files(&entry.path())).filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

fn files_of(room: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    [source.join(format!("{room}.rs")), source.join(room)].iter().flat_map(|path| files(path)).collect()
}

/// Returns the rooms that a line of code names: `crate::room::…`.
fn imported(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest))
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    for (room, allowed) in rooms() {
        let files = files_of(&room);
        assert!(!files.is_empty(), "{room} is there");
        for file in files {
            let text = fs::read_to_string(&file).expect("readable");
            for (number, line) in text.lines().enumerate() {
                for import in imported(line).filter(|import| *import != room) {
                    assert!(
                        allowed.iter().any(|allowed| allowed == import),
                        "{}:{}: {room} may not import {import}",
                        file.display(),
                        number + 1
                    );
                }
            }
        }
    }
}

#[test]
fn only_the_http_room_has_an_http_client() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let naming = |file: &&PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains("reqwest"));
    let all = files(&source);
    let naming: Vec<_> = all.iter().filter(naming).collect();
    assert!(!naming.is_empty());
    for file in naming {
        assert!(file.starts_with(source.join("http")), "{} names reqwest", file.display());
    }
}

#[test]
fn stores_know_nothing_of_images() {
    for file in files_of("store") {
        let text = fs::read_to_string(&file).expect("readable");
        for word in ["ImageRequest", "ImageFolder", "Identifier", "VersionName", "iiif::"] {
            let is_there = text.lines().any(|line| line.contains(word) && !line.contains("ObjectIdentifier"));
            assert!(!is_there, "{} names {word}", file.display());
        }
    }
}

#[test]
fn only_publish_verify_and_the_folder_store_block_threads_of_the_runtime() {
    for room in ["source", "pyramid", "encode", "iiif", "pixel", "libjpeg", "libwebp"] {
        for file in files_of(room) {
            let text = fs::read_to_string(&file).expect("readable");
            assert!(!text.contains("tokio"), "{} is plain blocking code", file.display());
        }
    }
    let spawning = |file: &PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains("spawn_blocking("));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files(&source).iter().filter(|file| spawning(file)) {
        let path = file.strip_prefix(&source).expect("below").to_str().expect("UTF-8");
        let may =
            ["publish/", "store/folder/"].iter().any(|room| path.starts_with(room)) || path == "verify/picture.rs";
        assert!(may, "{path} calls spawn_blocking");
    }
}
