//! Files with wrong bytes, for every decoder: they may fail or give other pixels, but must not panic, hang, or use
//! more memory than the header announced.
//!
//! Each decoder reads the same [`FILES`] files in every run; with `IIIF_PUBLISH_TEST_FUZZ_SECONDS=600`, it goes on for ten
//! minutes. A failing input is written to a file whose name is printed, and should become a test.

use crate::support::pdf;
use crate::support::pictures::{encoded, file, noise, waves};
use crate::support::watchdog::guarded;
use iiif_publish::internals::Source;
use iiif_publish::internals::{BlockTile, RowScale};
use iiif_publish::internals::{Encoding, TileScan, encode_block_tile};
use iiif_publish::publish::{JpegTiles, Subsampling};
use iiif_publish::source::ReadOptions;
use image::{DynamicImage, ImageFormat};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Damaged files that each decoder reads in every run.
const FILES: u64 = 3_000;

/// Maximum announced size that is read here; the caller decides about more.
const MAX_PIXELS: u64 = 1 << 20;
const MAX_DECODER_BYTES: u64 = 256 << 20;

/// Side of tiles that are cut out of JPEG, in pixels.
const TILE: u32 = 64;

/// Returns the time for which each decoder reads more files than [`FILES`].
fn budget() -> Duration {
    let seconds = std::env::var("IIIF_PUBLISH_TEST_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|seconds| seconds.parse().expect("IIIF_PUBLISH_TEST_FUZZ_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Pseudorandom numbers, the same on every run (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end.max(1)
    }
}

/// Edge cases of lengths, counts and sizes.
const EDGES: [u32; 10] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x0001_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// Damages a file in one of several ways.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let rest = bytes.len() - at;
    match random.below(6) {
        0 => bytes[at] = random.below(256) as u8,
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes.truncate(at.max(1)),
        3 if rest >= 4 => {
            let edge = EDGES[random.below(EDGES.len())];
            let edge = if random.below(2) == 0 { edge.to_be_bytes() } else { edge.to_le_bytes() };
            bytes[at..at + 4].copy_from_slice(&edge);
        }
        4 => {
            let piece = bytes[at..at + random.below(rest.min(64))].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        _ => drop(bytes.drain(at..at + random.below(rest.min(64)))),
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

/// Reads a file like the publisher. Returns `true` if it can be read to its end.
fn read(path: &Path) -> bool {
    let options = ReadOptions::default().with_max_pixels(MAX_PIXELS);
    let Ok(mut source) = Source::open(path, options) else { return false };
    let header = source.header().clone();
    if header.decoder_bytes > MAX_DECODER_BYTES {
        return false;
    }
    let row_bytes = header.format.row_bytes(header.size.width());
    let mut rows = vec![0; row_bytes * 16];
    let mut left = header.size.height() as usize;
    while left > 0 {
        let count = left.min(16);
        if source.read_rows(&mut rows[..count * row_bytes]).is_err() {
            return false;
        }
        left -= count;
    }
    source.finish().is_ok()
}

/// Makes tiles from the blocks of a JPEG like the publisher.
fn cut(path: &Path) {
    let options = ReadOptions::default().with_max_pixels(MAX_PIXELS);
    for (scale, divisor) in [(RowScale::Full, 1), (RowScale::Half, 2)] {
        let Ok(mut source) = Source::open(path, options) else { return };
        let header = source.header().clone();
        let Some(layout) = header.blocks else { return };
        if !JpegTiles::Lossless.can_cut(&layout, TILE, Subsampling::None) {
            return;
        }
        source.keep_blocks(TILE, 2, scale);
        let encode = |source: &mut Source| {
            while let Some(strip) = source.take_blocks().map(Arc::new) {
                for tile in (0..).map_while(|column| BlockTile::cut(&strip, column, TILE)) {
                    let encoded = encode_block_tile(&tile, &Encoding::default(), TileScan::Kept);
                    encoded.expect("any coefficients can be encoded");
                }
            }
        };
        let mut row = vec![0; header.format.row_bytes(header.size.width().div_ceil(divisor))];
        for _ in 0..header.size.height().div_ceil(divisor) {
            if source.read_rows(&mut row).is_err() {
                return;
            }
            encode(&mut source);
        }
        if source.finish().is_ok() {
            encode(&mut source);
        }
    }
}

/// Damages complete files repeatedly.
fn endure(decoder: &str, whole: &[Vec<u8>]) {
    let folder = TempDir::new().expect("a folder");
    let (began, budget, mut files, mut readable) = (Instant::now(), budget(), 0, 0_u64);
    while files < FILES || began.elapsed() < budget {
        let mut random = Random(files);
        let mut bytes = whole[random.below(whole.len())].clone();
        for _ in 0..=random.below(4) {
            damage(&mut bytes, &mut random);
        }
        let path = file(folder.path(), "damaged", &bytes);
        let work = || {
            let is_readable = read(&path);
            cut(&path);
            is_readable
        };
        let outcome = guarded(&format!("{decoder}, file {files}"), || catch_unwind(AssertUnwindSafe(work)));
        if outcome.is_err() {
            let kept = file(&std::env::temp_dir(), &format!("iiif-publish-fuzz-{decoder}-{files}"), &bytes);
            panic!("{decoder}, file {files}, kept as {}", kept.display());
        }
        readable += u64::from(outcome.is_ok_and(|is_readable| is_readable));
        files += 1;
    }
    eprintln!("{decoder}: {files} damaged files, {readable} readable, in {:?}", began.elapsed());
    assert!(
        readable > files / 50 && readable < files,
        "{readable} of {files} are readable: the damage is not in the pixels"
    );
}

/// Returns the files in a folder of `tests/fixtures` with these extensions.
fn fixtures(folder: &str, extensions: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let is_one = |path: &Path| path.extension().is_some_and(|it| extensions.iter().any(|extension| it == *extension));
    paths.into_iter().filter(|path| is_one(path)).map(|path| std::fs::read(path).expect("readable")).collect()
}

#[test]
fn damaged_jpeg_does_not_panic() {
    let mut whole = fixtures("formats", &["jpg"]);
    whole.extend(fixtures("jpeg", &["jpg"]));
    whole.extend(fixtures("jpeg/blocks", &["jpg"]));
    whole.extend(fixtures("jpeg/blocks/several", &["jpg"]));
    whole.extend(fixtures("jpeg/lossless", &["jpg"]));
    endure("jpeg", &whole);
}

#[test]
fn damaged_png_does_not_panic() {
    let mut whole = fixtures("formats", &["png"]);
    whole.push(encoded(DynamicImage::ImageRgb8(noise(64, 64)), ImageFormat::Png));
    endure("png", &whole);
}

#[test]
fn damaged_tiff_does_not_panic() {
    endure("tiff", &fixtures("tiff", &["tif"]));
}

#[test]
fn damaged_jpeg_in_tiff_does_not_panic() {
    endure("jpeg-in-tiff", &fixtures("jpeg/tiff", &["tif"]));
}

#[test]
fn damaged_jpeg_2000_does_not_panic() {
    endure("jp2", &fixtures("jp2", &["jp2", "j2k", "jph"]));
}

/// Returns all kinds of pages, small enough to render in milliseconds.
fn pdfs() -> Vec<Vec<u8>> {
    let picture = waves(60, 40);
    let rgb = "/ColorSpace/DeviceRGB/BitsPerComponent 8";
    let bits = "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter";
    let fax = format!("{bits}/CCITTFaxDecode/DecodeParms<</K -1/Columns 60>>");
    let images = [
        (format!("{rgb}/Filter/FlateDecode"), pdf::deflated(picture.as_raw())),
        (rgb.to_owned(), picture.as_raw().clone()),
        (format!("{rgb}/Filter/DCTDecode"), encoded(picture.clone(), ImageFormat::Jpeg)),
        (fax, pdf::group_4(&picture)),
        (format!("{bits}/JBIG2Decode"), pdf::jbig2(&picture)),
    ];
    let scans = images.iter().map(|(entries, data)| pdf::scan((60, 40), entries, data));
    let content = "q 9 0 0 9 9 9 cm /Im0 Do Q BT /F1 9 Tf (Text) Tj ET 1 0 0 rg 5 5 9 9 re B [2 1] 0 d 0 0 m 9 40 l S";
    let rendered = images.iter().map(|(entries, data)| {
        let mut file = pdf::Pdf::default();
        let image = file.image((60, 40), entries, data);
        let mut page = pdf::Page::showing(image, content).with("/Rotate 90");
        page.entries = page.entries.replace("[0 0 360 240]", "[0 0 60 40]");
        let labels = "/PageLabels<</Nums[0<</S/r/P(A)>>]>>/Outlines<</First 1 0 R>>";
        pdf::document(file, &[page.clone(), page], labels)
    });
    scans.chain(rendered).collect()
}

#[test]
fn damaged_pdf_does_not_panic() {
    endure("pdf", &pdfs());
}

#[test]
fn damaged_avif_does_not_panic() {
    endure("avif", &fixtures("avif", &["avif"]));
}

#[cfg(feature = "heic")]
#[test]
fn damaged_heic_does_not_panic() {
    endure("heic", &fixtures("heic", &["heic"]));
}

#[test]
fn damaged_jpeg_xl_does_not_panic() {
    endure("jxl", &fixtures("jxl", &["jxl"]));
}

#[test]
fn damaged_photoshop_files_do_not_panic() {
    endure("psd", &fixtures("psd", &["psd", "psb"]));
}

#[test]
fn damaged_webp_does_not_panic() {
    endure("webp", &fixtures("formats", &["webp"]));
}

#[test]
fn damaged_gif_bmp_and_pnm_do_not_panic() {
    endure("other", &fixtures("formats", &["gif", "bmp", "pgm", "ppm", "pbm"]));
}
