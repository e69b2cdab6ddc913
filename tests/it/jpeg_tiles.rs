//! Tiles that are made of the blocks of a JPEG: nothing is lost, or less than by encoding again; and whatever cannot be made so is
//! made as ever.

use crate::support::pictures::{decoded_jpeg as decoded, encoded, file, gray_waves, mean_difference, waves};
use crate::support::program::run_well;
use crate::support::publishing::{publish, published};
use iiif_publish::iiif::{Format, Formats, PyramidShape, RoundedSizes};
use iiif_publish::publish::Options;
use iiif_publish::publish::{JpegOptions, JpegTiles, Subsampling};
use iiif_publish::store::MemoryStore;
use image::{ImageFormat, RgbImage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// 201 x 150 pixels each.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg/blocks").join(name)
}

const SIZE: (u32, u32) = (201, 150);
const TILE: u32 = 64;

fn options(tiles: JpegTiles, longest_side: u32) -> Options {
    let shape = PyramidShape::new(TILE, Some(longest_side), RoundedSizes::default()).expect("a shape");
    let jpeg = JpegOptions::default().with_tiles(tiles);
    Options::builder("https://example.org/iiif".parse().expect("a URL"))
        .shape(shape)
        .jpeg(jpeg)
        .build()
        .expect("valid options")
}

/// The tiles of the full size put together.
fn put_together(pictures: &BTreeMap<String, Vec<u8>>, (width, height): (u32, u32)) -> RgbImage {
    let mut whole = RgbImage::new(width, height);
    for y in (0..height).step_by(TILE as usize) {
        for x in (0..width).step_by(TILE as usize) {
            let (w, h) = (TILE.min(width - x), TILE.min(height - y));
            let tile = decoded(&pictures[&format!("{x},{y},{w},{h}/{w},{h}/0/default.jpg")]);
            assert_eq!(tile.dimensions(), (w, h));
            image::imageops::replace(&mut whole, &tile, x.into(), y.into());
        }
    }
    whole
}

/// Returns `true` if two images differ only beside the borders of tiles, where subsampled chroma is smoothed with that
/// of the neighboring tile, if there are any.
fn are_the_same_inside(one: &RgbImage, other: &RgbImage, border: u32) -> bool {
    let is_inside = |at: u32| (border..TILE - border).contains(&(at % TILE));
    one.enumerate_pixels().all(|(x, y, pixel)| !(is_inside(x) && is_inside(y)) || other.get_pixel(x, y) == pixel)
}

#[tokio::test]
async fn lossless_tiles_are_the_source_whatever_its_color_resolution() {
    for (name, border) in [
        ("ycbcr-1x1.jpg", 0),
        ("ycbcr-2x1.jpg", 2),
        ("ycbcr-1x2.jpg", 2),
        ("ycbcr-2x2.jpg", 2),
        ("ycbcr-4x1.jpg", 4),
        ("ycbcr-2x2-1x2.jpg", 2),
        ("restart.jpg", 2),
        ("gray.jpg", 0),
        ("gray-2x2.jpg", 0),
    ] {
        let source = decoded(&std::fs::read(fixture(name)).expect("a fixture"));
        // Without the whole image, and with it: it is joined from its tiles.
        for longest_side in [TILE, 4096] {
            let pictures = published(fixture(name), options(JpegTiles::Lossless, longest_side)).await;
            if longest_side == 4096 {
                assert!(decoded(&pictures["full/max/0/default.jpg"]) == source, "{name}");
            }
            let tiles = put_together(&pictures, SIZE);
            assert!(are_the_same_inside(&tiles, &source, border), "{name}, {longest_side}");
            assert!(mean_difference(&tiles, &source) < 0.5, "{name}, {longest_side}");
        }
    }
}

#[tokio::test]
async fn files_with_several_scans_give_the_same_pictures_as_those_with_one() {
    for (several, one) in [
        ("progressive-ycbcr-1x1.jpg", "ycbcr-1x1.jpg"),
        ("progressive-ycbcr-2x2.jpg", "ycbcr-2x2.jpg"),
        ("progressive-ycbcr-4x1.jpg", "ycbcr-4x1.jpg"),
        ("progressive-gray.jpg", "gray.jpg"),
        ("sequential-ycbcr-2x2.jpg", "ycbcr-2x2.jpg"),
        ("arithmetic-ycbcr-2x2.jpg", "ycbcr-2x2.jpg"),
    ] {
        for tiles in [JpegTiles::Auto, JpegTiles::Lossless] {
            // Rows are decoded at half the size, and at the full size.
            for longest_side in [TILE, 4096] {
                let options = options(tiles, longest_side);
                let pictures = published(fixture("several").join(several), options.clone()).await;
                assert!(pictures == published(fixture(one), options).await, "{several}, {tiles:?}, {longest_side}");
            }
        }
    }
}

#[tokio::test]
async fn a_scan_for_each_component_may_have_more_blocks_than_a_tile_can() {
    // 4:4:4 with factors of 2, which make twelve blocks in an MCU of all components.
    let path = fixture("several/sequential-12-blocks.jpg");
    for tiles in [JpegTiles::Auto, JpegTiles::Lossless] {
        let [cut, again] = [tiles, JpegTiles::Reencode].map(|tiles| {
            let mut options = options(tiles, TILE);
            options.jpeg.subsampling = Subsampling::None;
            options
        });
        assert!(published(path.clone(), cut).await == published(path.clone(), again).await, "{tiles:?}");
    }
}

/// Returns a file that redefines the chroma quantization table before its second scan.
fn with_other_steps_later(change: fn(u8) -> u8) -> Vec<u8> {
    let mut bytes = std::fs::read(fixture("several/sequential-ycbcr-2x2.jpg")).expect("a fixture");
    let find = |wanted: [u8; 2], from: usize| {
        from + bytes[from..].windows(2).position(|pair| pair == wanted).expect("a marker")
    };
    let tables = find([0xff, 0xdb], find([0xff, 0xdb], 0) + 2);
    let mut table = bytes[tables..tables + 69].to_vec();
    assert_eq!(table[4], 1, "the table of chroma");
    table[5..].iter_mut().for_each(|step| *step = change(*step));
    let second = find([0xff, 0xda], find([0xff, 0xda], 0) + 2);
    bytes.splice(second..second, table);
    bytes
}

#[tokio::test]
async fn tables_that_change_between_scans_are_those_of_the_tiles() {
    let folder = TempDir::new().expect("a folder");
    let before = decoded(&std::fs::read(fixture("several/sequential-ycbcr-2x2.jpg")).expect("a fixture"));
    let path = file(folder.path(), "later.jpg", &with_other_steps_later(|step| step.saturating_mul(2)));
    // libjpeg is the reference: the decoder of `decoded` ignores such tables.
    let mut best = options(JpegTiles::Reencode, 4096);
    best.jpeg.quality = 98;
    let source = decoded(&published(path.clone(), best).await["full/max/0/default.jpg"]);
    assert!(mean_difference(&source, &before) > 20.0, "its colors are stronger");
    let lossless = published(path.clone(), options(JpegTiles::Lossless, 4096)).await;
    assert!(mean_difference(&decoded(&lossless["full/max/0/default.jpg"]), &source) < 2.0);
    let auto = put_together(&published(path, options(JpegTiles::Auto, TILE)).await, SIZE);
    assert!(mean_difference(&auto, &source) < 3.0);
}

#[tokio::test]
async fn tables_that_tiles_cannot_have_are_an_error_that_names_the_option() {
    let folder = TempDir::new().expect("a folder");
    let path = file(folder.path(), "zero.jpg", &with_other_steps_later(|_| 0));
    let store = Arc::new(MemoryStore::default());
    let error = publish(Arc::clone(&store) as _, options(JpegTiles::Auto, TILE), path).await.expect_err("steps of 0");
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(text.contains("--jpeg-tiles reencode") && store.puts().is_empty(), "{text}");
}

#[tokio::test]
async fn by_themselves_tiles_are_nearer_to_the_source_than_encoded_again_and_no_larger() {
    let source = decoded(&std::fs::read(fixture("ycbcr-2x2.jpg")).expect("a fixture"));
    let mut figures = Vec::new();
    for tiles in [JpegTiles::Auto, JpegTiles::Reencode, JpegTiles::Lossless] {
        let pictures = published(fixture("ycbcr-2x2.jpg"), options(tiles, TILE)).await;
        let bytes: usize = pictures.iter().filter(|(path, _)| !path.starts_with("full/")).map(|(_, it)| it.len()).sum();
        figures.push((mean_difference(&put_together(&pictures, SIZE), &source), bytes));
    }
    let [(auto, auto_bytes), (reencode, reencode_bytes), (lossless, lossless_bytes)] = figures[..] else {
        panic!("three")
    };
    assert!(lossless < auto && auto < reencode, "{figures:?}");
    assert!(auto_bytes < lossless_bytes && auto_bytes * 100 < reencode_bytes * 103, "{figures:?}");
}

#[tokio::test]
async fn a_source_that_is_coarser_than_the_quality_is_cut_as_it_is() {
    let auto = published(fixture("coarse.jpg"), options(JpegTiles::Auto, TILE)).await;
    let lossless = published(fixture("coarse.jpg"), options(JpegTiles::Lossless, TILE)).await;
    assert_eq!(auto, lossless);
}

#[tokio::test]
async fn at_half_the_size_no_hidden_pixel_is_mixed_in() {
    let folder = TempDir::new().expect("a folder");
    // Whole MCUs, and one pixel less, whose last column and row the encoder has filled up.
    for (width, height) in [(192, 160), (191, 159)] {
        let png = file(folder.path(), "x.png", &encoded(waves(width, height), ImageFormat::Png));
        let mut best = options(JpegTiles::Reencode, 4096);
        best.jpeg.quality = 98;
        let path = file(folder.path(), "x.jpg", &published(png, best).await["full/max/0/default.jpg"]);
        let levels = published(path.clone(), options(JpegTiles::Auto, TILE)).await;
        let halved = published(path, options(JpegTiles::Reencode, TILE)).await;
        assert!(levels.keys().eq(halved.keys()));
        for (path, picture) in &levels {
            assert!(mean_difference(&decoded(picture), &decoded(&halved[path])) < 2.0, "{width} x {height}, {path}");
        }
        let corner = levels.keys().rfind(|path| path.starts_with("128,128,")).expect("a tile");
        let (one, other) = (decoded(&levels[corner]), decoded(&halved[corner]));
        let (x, y) = (one.width() - 1, one.height() - 1);
        let edge = |picture: &RgbImage| (0..=y).map(|y| picture.get_pixel(x, y).0).collect::<Vec<_>>().concat();
        assert!(mean_difference(&edge(&one), &edge(&other)) < 2.0, "{corner}");
    }
}

#[tokio::test]
async fn whole_levels_have_the_pixels_of_their_tiles() {
    let folder = TempDir::new().expect("a folder");
    // Whole blocks but not whole MCUs; neither; gray.
    let color = [(200, 136), (201, 150)].map(|(width, height)| encoded(waves(width, height), ImageFormat::Png));
    for (png, border) in color.into_iter().chain([encoded(gray_waves(201, 150), ImageFormat::Png)]).zip([2, 2, 0]) {
        let path = file(folder.path(), "x.png", &png);
        let jpeg = file(
            folder.path(),
            "x.jpg",
            &published(path.clone(), options(JpegTiles::Auto, 4096)).await["full/max/0/default.jpg"],
        );
        for (source, tiles) in [(path, JpegTiles::Auto), (jpeg.clone(), JpegTiles::Auto), (jpeg, JpegTiles::Reencode)] {
            let pictures = published(source, options(tiles, 4096)).await;
            let whole = decoded(&pictures["full/max/0/default.jpg"]);
            let tiles = put_together(&pictures, whole.dimensions());
            assert!(are_the_same_inside(&whole, &tiles, border), "{:?}", whole.dimensions());
        }
    }
}

#[tokio::test]
async fn whole_levels_beside_other_formats_are_the_same() {
    let plain = published(fixture("ycbcr-1x1.jpg"), options(JpegTiles::Reencode, 4096)).await;
    let mut with_webp = options(JpegTiles::Reencode, 4096);
    with_webp.shape = with_webp.shape.in_formats(Formats::beside_jpg([Format::Webp]));
    let with_webp = published(fixture("ycbcr-1x1.jpg"), with_webp).await;
    assert!(plain == with_webp);
}

#[tokio::test]
async fn beside_other_formats_tiles_are_made_of_pixels() {
    let mut with_webp = options(JpegTiles::Lossless, TILE);
    with_webp.shape = with_webp.shape.in_formats(Formats::beside_jpg([Format::Webp]));
    let store = Arc::new(MemoryStore::default());
    publish(Arc::clone(&store) as _, with_webp, fixture("ycbcr-2x2.jpg")).await.expect("published");
    let count = |extension: &str| store.puts().iter().filter(|it| it.key.as_str().ends_with(extension)).count();
    assert!(count(".webp") > 0 && count(".webp") == count(".jpg"));
}

#[tokio::test]
async fn levels_below_look_as_if_they_were_halved() {
    for name in ["ycbcr-2x2.jpg", "ycbcr-1x1.jpg", "gray.jpg"] {
        let by_half = published(fixture(name), options(JpegTiles::Lossless, TILE)).await;
        let halved = published(fixture(name), options(JpegTiles::Reencode, TILE)).await;
        assert!(by_half.keys().eq(halved.keys()), "{name}");
        for (path, picture) in &by_half {
            let (one, other) = (decoded(picture), decoded(&halved[path]));
            assert_eq!(one.dimensions(), other.dimensions(), "{path}");
            let difference = mean_difference(&one, &other);
            assert!(difference < 2.0, "{name} {path}: {difference}");
        }
    }
}

#[tokio::test]
async fn awkward_sizes_and_tile_sizes_give_every_tile() {
    let folder = TempDir::new().expect("a folder");
    for (width, height) in [(1, 1), (1, 300), (300, 1), (64, 64), (65, 129), (128, 64), (127, 63)] {
        // The library's own encoder gives 4:2:0.
        let png = file(folder.path(), "x.png", &encoded(waves(width, height), ImageFormat::Png));
        let pictures = published(png, options(JpegTiles::Reencode, 4096)).await;
        let path = file(folder.path(), "x.jpg", &pictures["full/max/0/default.jpg"]);
        let source = decoded(&pictures["full/max/0/default.jpg"]);
        for longest_side in [TILE, 4096] {
            let pictures = published(path.clone(), options(JpegTiles::Lossless, longest_side)).await;
            let tiles = put_together(&pictures, (width, height));
            assert!(are_the_same_inside(&tiles, &source, 2), "{width} x {height}, {longest_side}");
        }
    }
    // Tiles that are not a whole number of MCUs are encoded again, and so are tiles so small that one row of MCUs completes several.
    for (tile, name) in
        [(100, "ycbcr-2x2.jpg"), (16, "ycbcr-2x2.jpg"), (16, "gray.jpg"), (24, "gray.jpg"), (32, "ycbcr-2x2.jpg")]
    {
        for longest_side in [tile, 4096] {
            let shape = PyramidShape::new(tile, Some(longest_side), RoundedSizes::default()).expect("a shape");
            let pictures = published(
                fixture(name),
                options(JpegTiles::Lossless, 4096).into_builder().shape(shape).build().expect("valid options"),
            )
            .await;
            let first = decoded(&pictures[&format!("0,0,{tile},{tile}/{tile},{tile}/0/default.jpg")]);
            assert_eq!(first.dimensions(), (tile, tile), "{name}");
        }
    }
}

#[tokio::test]
async fn what_would_not_be_what_was_asked_for_is_encoded_again() {
    let reencoded = published(fixture("ycbcr-1x1.jpg"), options(JpegTiles::Reencode, TILE)).await;
    let auto = published(fixture("ycbcr-1x1.jpg"), options(JpegTiles::Auto, TILE)).await;
    assert_eq!(auto, reencoded, "4:4:4 where 4:2:0 is asked for");
    // 4:2:2 in an unusual spelling.
    let reencoded_tall = published(fixture("ycbcr-2x2-1x2.jpg"), options(JpegTiles::Reencode, TILE)).await;
    let tall = published(fixture("ycbcr-2x2-1x2.jpg"), options(JpegTiles::Auto, TILE)).await;
    assert_eq!(tall, reencoded_tall);
    let mut with_colors = options(JpegTiles::Auto, TILE);
    with_colors.jpeg.subsampling = Subsampling::None;
    let with_colors = published(fixture("ycbcr-1x1.jpg"), with_colors).await;
    let source = decoded(&std::fs::read(fixture("ycbcr-1x1.jpg")).expect("a fixture"));
    let difference = |pictures| mean_difference(&put_together(pictures, SIZE), &source);
    assert!(difference(&with_colors) < difference(&reencoded));
    let turned = {
        let bytes = std::fs::read(fixture("ycbcr-2x2.jpg")).expect("a fixture");
        // Exif, little-endian, one entry: orientation 6.
        let exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        [&bytes[..2], exif, &bytes[2..]].concat()
    };
    let folder = TempDir::new().expect("a folder");
    let turned = published(file(folder.path(), "x.jpg", &turned), options(JpegTiles::Lossless, TILE)).await;
    let tiles = put_together(&turned, (SIZE.1, SIZE.0));
    let upright = image::imageops::rotate90(&decoded(&std::fs::read(fixture("ycbcr-2x2.jpg")).expect("a fixture")));
    assert!(mean_difference(&tiles, &upright) < 4.0);
    published(fixture("arithmetic.jpg"), options(JpegTiles::Lossless, TILE)).await;
}

#[test]
fn the_command_line_says_how_tiles_are_made() {
    let folder = TempDir::new().expect("a folder");
    let tile = |how: &str| {
        let output = folder.path().join(how);
        let arguments =
            ["--public-url=https://example.org", "--progress=none", "--tile-size=64", "--jpeg-tiles", how, "--output"];
        run_well(
            arguments.map(AsRef::as_ref).into_iter().chain([output.as_os_str(), fixture("ycbcr-2x2.jpg").as_os_str()]),
        );
        std::fs::read(output.join("ycbcr-2x2/0,0,64,64/64,64/0/default.jpg")).expect("published")
    };
    let [auto, lossless, reencode] = ["auto", "lossless", "reencode"].map(tile);
    assert!(auto.len() < lossless.len() && auto != reencode && lossless != reencode);
}

#[tokio::test]
async fn damaged_blocks_are_refused_wherever_the_damage_is() {
    let folder = TempDir::new().expect("a folder");
    let whole = std::fs::read(fixture("restart.jpg")).expect("a fixture");
    for cut in [whole.len() / 3, whole.len() * 2 / 3, whole.len() - 12] {
        let path = file(folder.path(), "cut.jpg", &whole[..cut]);
        for (tiles, longest_side) in [(JpegTiles::Auto, TILE), (JpegTiles::Lossless, 4096)] {
            let store = Arc::new(MemoryStore::default());
            let published = publish(Arc::clone(&store) as _, options(tiles, longest_side), path.clone()).await;
            assert!(published.is_err(), "{cut} of {} bytes", whole.len());
            assert!(!store.puts().iter().any(|object| object.key.as_str().ends_with("info.json")));
        }
    }
    let whole_of_several = std::fs::read(fixture("several/progressive-ycbcr-2x2.jpg")).expect("a fixture");
    for cut in [whole_of_several.len() / 3, whole_of_several.len() * 2 / 3, whole_of_several.len() - 12] {
        let path = file(folder.path(), "several.jpg", &whole_of_several[..cut]);
        let store = Arc::new(MemoryStore::default());
        let published = publish(Arc::clone(&store) as _, options(JpegTiles::Auto, TILE), path).await;
        assert!(published.is_err() && store.puts().is_empty(), "{cut} of {} bytes", whole_of_several.len());
    }
    // Only its end marker is missing.
    let path = file(folder.path(), "cut.jpg", &whole[..whole.len() - 2]);
    let expected = published(fixture("restart.jpg"), options(JpegTiles::Auto, TILE)).await;
    assert!(published(path, options(JpegTiles::Auto, TILE)).await == expected);
    // A second scan after the only one.
    let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).expect("a scan");
    let twice = [&whole[..whole.len() - 2], &whole[scan..]].concat();
    let store = Arc::new(MemoryStore::default());
    let path = file(folder.path(), "twice.jpg", &twice);
    assert!(publish(Arc::clone(&store) as _, options(JpegTiles::Auto, TILE), path).await.is_err());
}
