//! Every supported format, compared with an independent decoder in one table.
//!
//! The files are those of `tests/fixtures`, from other programs. `cargo test --test decoders matrix:: -- --nocapture`
//! prints the table.

use crate::support::rows::read;
use iiif_publish::internals::PixelFormat;
use std::path::{Path, PathBuf};

/// Folders of files, each with the results of another decoder in `expected`.
const FOLDERS: [&str; 8] = ["avif", "formats", "lenient", "tiff", "jp2", "jpeg/lossless", "jxl", "psd"];

/// Folders of formats that are not in every build.
#[cfg(feature = "heic")]
const OPTIONAL_FOLDERS: [&str; 1] = ["heic"];
#[cfg(not(feature = "heic"))]
const OPTIONAL_FOLDERS: [&str; 0] = [];

/// Entries of the folders that are not images.
const NOT_IMAGES: [&str; 3] = ["README.md", "expected", "make.py"];

/// Images without an expectation, because another test covers them.
const WITHOUT_EXPECTATION: &[(&str, &str)] = &[
    ("avif/cropped.avif", "`avif.rs` compares it with the drawn picture"),
    ("avif/hlg.avif", "avifdec leaves high dynamic range as it is: `avif.rs` checks the warning"),
    ("avif/p3.avif", "avifdec leaves the colors as they are: `avif.rs` compares it with the drawn picture"),
    ("avif/pq.avif", "avifdec leaves high dynamic range as it is: `avif.rs` checks the warning"),
    ("avif/turned-mirrored.avif", "`avif.rs` compares it with the drawn picture"),
    ("avif/turned.avif", "`avif.rs` compares it with the drawn picture"),
    #[cfg(feature = "heic")]
    ("heic/p3.heic", "libheif leaves the colors as they are: `heic.rs` checks the conversion"),
    #[cfg(feature = "heic")]
    ("heic/pq.heic", "libheif leaves high dynamic range as it is: `heic.rs` checks the warning"),
    #[cfg(feature = "heic")]
    ("heic/two.heic", "`heic.rs` compares it with the drawn picture"),
    ("jp2/cmyk.jp2", "inks have no single correct color: `jp2.rs` checks the color model"),
    ("jp2/exchanged.jp2", "`jp2.rs` compares it with the drawn picture"),
    ("jp2/gray12.jp2", "`jp2.rs` compares it with the drawn picture"),
    ("jp2/high_throughput.jph", "refused: `jp2.rs` checks the error"),
    ("jp2/profile.jp2", "`jp2.rs` compares it with the drawn picture, after the conversion from its profile"),
    ("jp2/rgb16.jp2", "`jp2.rs` compares it with the drawn picture"),
    ("jp2/signed.j2k", "`jp2.rs` compares it with the drawn picture"),
    ("jp2/spaced.jp2", "`jp2.rs` compares it with the drawn picture"),
    ("jp2/spaced_offsets.jp2", "`jp2.rs` compares it with the drawn picture"),
    ("jp2/sycc420_tiled.jp2", "`jp2.rs` compares it with the same picture without tiles"),
    ("jxl/hlg-lossy.jxl", "djxl leaves high dynamic range as it is: `jxl.rs` checks the warning"),
    ("jxl/p3.jxl", "djxl leaves the colors as they are: `jxl.rs` compares it with the drawn picture"),
    ("jxl/pq.jxl", "djxl leaves high dynamic range as it is: `jxl.rs` checks the warning"),
    ("psd/cmyk-16.psd", "inks have no single correct color: `psd.rs` checks the color model"),
    ("psd/cmyk-imagemagick.psd", "inks have no single correct color: `psd.rs` checks the color model"),
    ("psd/duotone.psd", "`psd.rs` compares it with the drawn picture"),
    ("psd/float.psd", "`psd.rs` compares it with the drawn picture"),
    ("psd/gray-float.psd", "`psd.rs` compares it with the drawn picture"),
    ("psd/gray-transparent.psb", "ImageMagick leaves white in gray: `psd.rs` compares it with the drawn picture"),
    ("psd/lab-16.psd", "`psd.rs` compares it with the same picture in 8 bits"),
    ("psd/lab.psd", "`psd.rs` compares it with the same picture in 16 bits"),
    ("psd/multichannel.psd", "refused: `psd.rs` checks the error"),
    ("psd/palette-transparent.psd", "`psd.rs` compares it with the drawn picture"),
    ("psd/without-composite.psd", "refused: `psd.rs` checks the error"),
    ("tiff/float-16-big-endian-tifffile.tif", "`tiff/fixtures.rs` compares it with the drawn picture"),
    ("tiff/float-32-predictor-3-tifffile.tif", "`tiff/fixtures.rs` compares it with the drawn picture"),
    ("tiff/jpeg-cmyk-imagemagick.tif", "its expectation has inks, and is a TIFF: `tiff/fixtures.rs` compares them"),
    ("tiff/lab-16-imagemagick.tif", "`tiff/fixtures.rs` compares it with the drawn picture"),
    ("tiff/lab-16-vips.tif", "`tiff/fixtures.rs` compares it with the drawn picture"),
    ("tiff/lab-8-vips.tif", "`tiff/fixtures.rs` compares it with the drawn picture"),
];

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
    } else if has("420-limited.avif") {
        within(0.8, 12, "avifdec limits the factor of blue to 2, where BT.709 has 2.1")
    } else if has("lossy") && has(".avif") || has("premultiplied") {
        within(0.4, 2, "avifdec calculates with factors of 7 bits")
    } else if has("jp2/lab") {
        within(0.5, 2, "OpenJPEG has LittleCMS convert from 16 to 8 bits")
    } else if has("linear") {
        within(0.2, 2, "dark colors have few steps in linear light of 10 bits")
    } else if has("lossy") && has(".jxl") || has("jpeg-turned") {
        within(0.3, 1, "decoders of lossy data may round differently")
    } else if has(".heic") && (has("420") || has("422")) {
        within(1.4, 6, "libheif repeats samples of chroma: `heic.rs` compares them with the drawn picture")
    } else if has("444-12.heic") {
        within(0.3, 1, "rounded from 12 to 8 bits")
    } else if has("webp-lossy") {
        within(0.0, 0, "Pillow has the same decoder")
    } else if has("jpeg") || has("lossy") {
        within(0.1, 1, "decoders of lossy data may round differently")
    } else if has("transparent-16") {
        within(0.5, 1, "rounded from 16 to 8 bits, and blended with white")
    } else if has("alpha") || has("rgba") || has("transparent") {
        within(0.2, 1, "blended with white, rounded at another stage")
    } else if has("16") {
        within(0.2, 1, "rounded from 16 to 8 bits")
    } else {
        within(0.0, 0, "without loss")
    }
}

/// A file and the image that another decoder made of it.
struct Fixture {
    /// Folder and file name, such as `tiff/palette-pillow.tif`.
    name: String,
    path: PathBuf,
    /// `None` if there is no such image.
    expected: Option<PathBuf>,
}

fn fixtures() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut fixtures = Vec::new();
    for folder in FOLDERS.into_iter().chain(OPTIONAL_FOLDERS) {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().into_string().expect("ASCII"));
            if NOT_IMAGES.contains(&name.as_str()) {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            let expected =
                [name.as_str(), stem].map(|name| root.join(folder).join("expected").join(format!("{name}.png")));
            let expected = expected.into_iter().find(|path| path.is_file());
            fixtures.push(Fixture { name: format!("{folder}/{name}"), path, expected });
        }
    }
    fixtures.sort_by(|one, other| one.name.cmp(&other.name));
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
fn every_fixture_has_an_expectation_or_a_reason() {
    let fixtures = fixtures();
    let without = fixtures.iter().filter(|fixture| fixture.expected.is_none());
    let without: Vec<&str> = without.map(|fixture| fixture.name.as_str()).collect();
    let listed: Vec<&str> = WITHOUT_EXPECTATION.iter().map(|(name, _)| *name).collect();
    assert_eq!(without, listed, "images without a PNG in `expected`, and those that are listed");
}

#[test]
fn every_format_is_read_like_an_independent_decoder() {
    let fixtures = fixtures();
    let compared: Vec<_> =
        fixtures.iter().filter_map(|Fixture { name, path, expected }| Some((name, path, expected.as_ref()?))).collect();
    assert!(compared.len() > 80, "{} files", compared.len());
    let mut beyond = Vec::new();
    eprintln!("| file | mean | most | allowed | because | what was found |\n|---|---|---|---|---|---|");
    for (name, path, expected) in compared {
        let (mean, max, found) = differences(path, expected);
        let allowed = tolerance(name);
        eprintln!("| {name} | {mean:.2} | {max} | {:.1}, {} | {} | {found} |", allowed.mean, allowed.max, allowed.why);
        if mean > allowed.mean || max > allowed.max {
            beyond.push(format!("{name}: {mean:.2}, {max}"));
        }
    }
    assert!(beyond.is_empty(), "{beyond:#?}");
}
