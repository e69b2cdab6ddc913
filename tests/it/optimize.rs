//! JPEG that is written to be small: the same pictures at the same quality, in fewer bytes.

use crate::support::pictures::{decoded_jpeg, encoded, file, gray_waves, mean_difference, noise, waves};
use crate::support::program::run_well;
use crate::support::publishing::published;
use iiif_publish::iiif::{PyramidShape, RoundedSizes};
use iiif_publish::publish::Options;
use iiif_publish::publish::{Effort, JpegOptions, JpegTiles, Subsampling};
use image::{DynamicImage, ImageFormat, RgbImage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Baseline, and progressive (ITU-T T.81, table B.1).
const BASELINE: u8 = 0xc0;
const PROGRESSIVE: u8 = 0xc2;
const QUANTISATION: u8 = 0xdb;
const SCAN: u8 = 0xda;

fn options(jpeg: JpegOptions) -> Options {
    let shape = PyramidShape::new(128, Some(1024), RoundedSizes::default()).expect("a shape");
    Options::builder("https://example.org/iiif".parse().expect("a URL"))
        .shape(shape)
        .jpeg(jpeg)
        .build()
        .expect("valid options")
}

/// Fast and small.
async fn both(path: &Path, jpeg: JpegOptions) -> [BTreeMap<String, Vec<u8>>; 2] {
    let fast = published(path.to_owned(), options(jpeg.with_effort(Effort::Fast))).await;
    let small = published(path.to_owned(), options(jpeg.with_effort(Effort::Small))).await;
    assert!(fast.keys().eq(small.keys()));
    [fast, small]
}

/// The segments before the first scan, with their markers.
fn segments(jpeg: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut rest, mut segments) = (&jpeg[2..], Vec::new());
    while let [0xff, marker, high, low, ..] = *rest {
        if marker == SCAN {
            break;
        }
        let (segment, behind) = rest[2..].split_at(u16::from_be_bytes([high, low]).into());
        segments.push((marker, &segment[2..]));
        rest = behind;
    }
    segments
}

fn is(jpeg: &[u8], frame: u8) -> bool {
    segments(jpeg).iter().any(|(marker, _)| *marker == frame)
}

fn steps(jpeg: &[u8]) -> Vec<u8> {
    let tables = segments(jpeg).into_iter().filter(|(marker, _)| *marker == QUANTISATION);
    tables.flat_map(|(_, table)| table.to_vec()).collect()
}

fn bytes(pictures: &BTreeMap<String, Vec<u8>>) -> usize {
    pictures.values().map(Vec::len).sum()
}

/// Waves with a little noise, as photographs have it.
fn picture(width: u32, height: u32) -> RgbImage {
    let (mut picture, noise) = (waves(width, height), noise(width, height));
    let mixed = |one: u8, other: u8| ((u16::from(one) * 15 + u16::from(other)) / 16) as u8;
    picture.iter_mut().zip(noise.iter()).for_each(|(one, other)| *one = mixed(*one, *other));
    picture
}

fn png(folder: &TempDir, picture: impl Into<DynamicImage>) -> PathBuf {
    file(folder.path(), "x.png", &encoded(picture, ImageFormat::Png))
}

#[tokio::test]
async fn small_pictures_are_progressive_have_the_same_steps_and_look_the_same() {
    let folder = TempDir::new().expect("a folder");
    for (picture, subsampling) in [
        (DynamicImage::from(picture(300, 200)), Subsampling::Half),
        (picture(300, 200).into(), Subsampling::None),
        (gray_waves(300, 200).into(), Subsampling::Half),
    ] {
        let source = picture.to_rgb8();
        let [fast, small] = both(&png(&folder, picture), JpegOptions::default().with_subsampling(subsampling)).await;
        for (path, small) in &small {
            let fast = &fast[path];
            assert!(is(fast, BASELINE) && is(small, PROGRESSIVE), "{path}");
            assert_eq!(steps(fast), steps(small), "{path}");
            assert!(mean_difference(&decoded_jpeg(fast), &decoded_jpeg(small)) < 4.0, "{path}");
        }
        let difference = |pictures: &BTreeMap<_, Vec<u8>>| {
            mean_difference(&decoded_jpeg(&pictures["full/max/0/default.jpg"]), &source)
        };
        assert!(difference(&small) < difference(&fast) * 1.3 + 0.5, "{} {}", difference(&small), difference(&fast));
        assert!(bytes(&small) * 10 < bytes(&fast) * 9, "{} of {} bytes", bytes(&small), bytes(&fast));
    }
}

#[tokio::test]
async fn blocks_of_a_jpeg_stay_what_they_are() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg/blocks");
    let of_any_resolution = ["1x1", "2x1", "1x2", "2x2", "4x1", "2x2-1x2"].map(|it| format!("ycbcr-{it}.jpg"));
    let lossless = of_any_resolution.into_iter().chain(["gray-2x2.jpg".to_owned()]);
    let auto = ["ycbcr-2x2.jpg", "restart.jpg", "coarse.jpg", "gray.jpg"].map(str::to_owned);
    let lossless = lossless.map(|name| (name, JpegTiles::Lossless, 85));
    let auto = auto.into_iter().flat_map(|name| [85, 100].map(|quality| (name.clone(), JpegTiles::Auto, quality)));
    for (name, tiles, quality) in lossless.chain(auto) {
        let jpeg = JpegOptions::default().with_tiles(tiles).with_quality(quality);
        let [fast, small] = both(&fixtures.join(&name), jpeg).await;
        for corner in ["0,0,128,128/128,128", "128,0,73,128/73,128", "0,128,128,22/128,22", "128,128,73,22/73,22"] {
            let path = format!("{corner}/0/default.jpg");
            assert!(is(&small[&path], PROGRESSIVE), "{name}, {path}");
            assert!(decoded_jpeg(&fast[&path]) == decoded_jpeg(&small[&path]), "{name}, {path}");
            assert!(small[&path].len() < fast[&path].len(), "{name}, {path}");
        }
    }
}

#[test]
fn the_command_line_asks_for_it() {
    let folder = TempDir::new().expect("a folder");
    let image = png(&folder, picture(300, 200));
    let tile = |name: &str, arguments: &[&str]| {
        let output = folder.path().join(name);
        let own = ["--public-url=https://example.org", "--progress=none", "--output"].map(AsRef::as_ref);
        let paths = [output.as_os_str(), image.as_os_str()];
        run_well(own.into_iter().chain(paths).chain(arguments.iter().map(AsRef::as_ref)));
        std::fs::read(output.join("x/full/max/0/default.jpg")).expect("published")
    };
    let (fast, small) = (tile("fast", &[]), tile("small", &["--optimize"]));
    assert!(is(&fast, BASELINE) && is(&small, PROGRESSIVE));
}
