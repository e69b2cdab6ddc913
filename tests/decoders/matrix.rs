//! Every supported format, compared with an independent decoder in one table.
//!
//! The files are those of `tests/fixtures`, from other programs. `cargo test --test it matrix:: -- --nocapture` prints
//! the table.

use crate::support::rows::read;
use iiif_publish::internals::PixelFormat;
use std::path::{Path, PathBuf};

/// Folders of files, each with the results of another decoder in `expected`.
const FOLDERS: [&str; 4] = ["formats", "lenient", "tiff", "jp2"];

/// Tolerance between two decoders, in steps of 8 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tolerance {
    mean: f64,
    max: u8,
    why: &'static str,
}

/// Returns the tolerance of a file by its name.
fn tolerance(name: &str) -> Tolerance {
    let within = |mean, max, why| Tolerance { mean, max, why };
    let has = |part: &str| name.contains(part);
    if has("sycc420") {
        within(0.6, 1, "chroma is rounded at another stage")
    } else if has("jpeg") || has("lossy.") {
        within(0.1, 1, "decoders of lossy data may round differently")
    } else if has("alpha") || has("rgba") || has("transparent") {
        within(0.2, 1, "blended with white, rounded at another stage")
    } else if has("16") {
        within(0.2, 1, "rounded from 16 to 8 bits")
    } else {
        within(0.0, 0, "without loss")
    }
}

fn fixtures() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut fixtures = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder").flatten() {
            let name = entry.file_name().into_string().expect("ASCII");
            let stem = entry.path().file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            let expected = [&name, &stem].map(|name| root.join(folder).join("expected").join(format!("{name}.png")));
            fixtures.extend(expected.into_iter().find(|path| path.is_file()).map(|expected| (entry.path(), expected)));
        }
    }
    fixtures.sort();
    fixtures
}

/// Returns the mean and maximum difference from the other decoder.
fn differences(path: &Path, expected: &Path) -> (f64, u8, String) {
    let (header, pixels) = read(path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    let expected = image::open(expected).expect("a PNG");
    let expected = match header.format {
        PixelFormat::Gray8 => expected.into_luma8().into_raw(),
        PixelFormat::Rgb8 => expected.into_rgb8().into_raw(),
    };
    assert_eq!(pixels.len(), expected.len(), "{}", path.display());
    let differences = || pixels.iter().zip(&expected).map(|(one, other)| one.abs_diff(*other));
    let mean = differences().map(f64::from).sum::<f64>() / pixels.len() as f64;
    (mean, differences().max().unwrap_or(0), format!("{}, {}", header.description, header.properties))
}

#[test]
fn every_format_is_read_like_an_independent_decoder() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 80, "{} files", fixtures.len());
    let mut beyond = Vec::new();
    eprintln!("| file | mean | most | allowed | because | what was found |\n|---|---|---|---|---|---|");
    for (path, expected) in fixtures {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let (mean, max, found) = differences(&path, &expected);
        let allowed = tolerance(name);
        eprintln!("| {name} | {mean:.2} | {max} | {:.1}, {} | {} | {found} |", allowed.mean, allowed.max, allowed.why);
        if mean > allowed.mean || max > allowed.max {
            beyond.push(format!("{name}: {mean:.2}, {max}"));
        }
    }
    assert!(beyond.is_empty(), "{beyond:#?}");
}
