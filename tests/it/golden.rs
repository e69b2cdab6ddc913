//! Output that must not change without a decision.
//!
//! Published images carry the revisions of the code that made them, and are published again if one is raised
//! (`src/publish/revision.rs`, and `src/source/format.rs` for decoders). This test fails if the output for some fixture changes. Then decide:
//!
//! - the old output is wrong or incomplete: raise the revision of what made it, and run with `IIIF_PUBLISH_TEST_BLESS=1`;
//! - the new output is only different, for example after an update of an encoder: leave the revision, and bless it all the same.
//!
//! Colors are compared with a tolerance, because another processor or another version of a codec may round differently.

use crate::support::publishing::publish;
use iiif_publish::publish::{Options, PublishError};
use iiif_publish::store::{Digest, ETag, MemoryStore};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FOLDERS: [&str; 8] = ["avif", "formats", "lenient", "tiff", "jp2", "jpeg", "jxl", "psd"];

/// Fields of a picture, in each direction, of which the mean color is compared.
const FIELDS: u32 = 4;

/// Steps of 8 bits by which a mean may differ.
const TOLERANCE: i64 = 2;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn sources() -> BTreeMap<String, PathBuf> {
    let is_source = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        path.is_file() && !["md", "py", "json"].contains(&extension)
    };
    let of_folder = |folder: &str| std::fs::read_dir(root().join(folder)).expect("a folder").flatten();
    let paths = FOLDERS.iter().flat_map(|folder| of_folder(folder)).map(|entry| entry.path()).filter(is_source);
    paths.map(|path| (path.strip_prefix(root()).expect("below").display().to_string(), path)).collect()
}

/// Describes what a source is published as.
async fn output(path: PathBuf) -> Value {
    let store = Arc::new(MemoryStore::default());
    let options = Options::new("https://example.org".parse().expect("a URL"));
    if let Err(error) = publish(Arc::clone(&store) as _, options, path).await {
        assert!(matches!(error, PublishError::Source(_)), "{error:?}");
        return json!({"made": "refused"});
    }
    let puts = store.puts();
    let keys: Vec<&str> = {
        let mut keys: Vec<&str> = puts.iter().map(|put| put.key.as_str()).collect();
        keys.sort_unstable();
        keys
    };
    let mark = puts.last().and_then(|info| info.mark.clone()).expect("a mark");
    let made = mark.split(';').find_map(|field| field.strip_prefix("made=")).expect("revisions").to_owned();
    let full = puts.iter().find(|put| put.key.as_str().ends_with("/full/max/0/default.jpg")).expect("planned");
    json!({"made": made, "keys": ETag::from(Digest::of(keys.join("\n").as_bytes())).as_str(), "colors": colors(&full.body)})
}

/// Returns the mean color of each field, as red, green and blue.
fn colors(jpeg: &[u8]) -> Vec<u64> {
    let picture = image::load_from_memory(jpeg).expect("a JPEG").into_rgb8();
    let (width, height) = picture.dimensions();
    let edge = |length: u32, field: u32| (length * field / FIELDS).min(length - 1);
    let mut colors = Vec::new();
    for (row, column) in (0..FIELDS).flat_map(|row| (0..FIELDS).map(move |column| (row, column))) {
        let (left, top) = (edge(width, column), edge(height, row));
        let (right, bottom) = (edge(width, column + 1).max(left + 1), edge(height, row + 1).max(top + 1));
        let (mut sums, mut count) = ([0_u64; 3], 0);
        for (x, y) in (left..right).flat_map(|x| (top..bottom).map(move |y| (x, y))) {
            let pixel = picture.get_pixel(x.min(width - 1), y.min(height - 1)).0;
            sums.iter_mut().zip(pixel).for_each(|(sum, sample)| *sum += u64::from(sample));
            count += 1;
        }
        colors.extend(sums.map(|sum| sum / count));
    }
    colors
}

fn is_near(found: &Value, golden: &Value) -> bool {
    let numbers = |value: &Value| -> Vec<i64> {
        value["colors"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
    };
    let (found, golden) = (numbers(found), numbers(golden));
    found.len() == golden.len() && found.iter().zip(&golden).all(|(a, b)| (a - b).abs() <= TOLERANCE)
}

#[tokio::test]
async fn output_changes_only_with_a_decision() {
    let mut found = BTreeMap::new();
    for (name, path) in sources() {
        found.insert(name, output(path).await);
    }
    let file = root().join("golden.json");
    if std::env::var_os("IIIF_PUBLISH_TEST_BLESS").is_some() {
        let text = serde_json::to_string(&found).expect("JSON").replace("},", "},\n");
        std::fs::write(&file, text + "\n").expect("written");
        return;
    }
    let golden: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(&file).expect("readable")).expect("JSON");
    assert!(found.len() > 50, "there are fixtures");
    assert_eq!(found.keys().collect::<Vec<_>>(), golden.keys().collect::<Vec<_>>(), "bless new fixtures");
    for (name, output) in &found {
        let before = &golden[name];
        assert_eq!((&output["made"], &output["keys"]), (&before["made"], &before["keys"]), "{name}: see golden.rs");
        assert!(is_near(output, before), "{name}: {output} instead of {before}: see golden.rs");
    }
}
