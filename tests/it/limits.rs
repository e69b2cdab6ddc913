//! The limits of memory, pixels and objects, which are checked before work on an image starts.

use crate::support::child::is_long;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use crate::support::publishing::publish;
use iiif_publish::publish::{Options, PublishError, Publisher};
use iiif_publish::store::MemoryStore;
use png::{BitDepth, ColorType, Encoder};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const MEBIBYTE: u64 = 1 << 20;

fn options(max_memory_bytes: u64) -> Options {
    Options::builder("https://example.org".parse().expect("a URL"))
        .max_memory_bytes(Some(max_memory_bytes))
        .build()
        .expect("valid options")
}

#[tokio::test]
async fn an_image_that_needs_too_much_memory_is_refused_before_anything_is_stored() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let error = publish(Arc::clone(&store) as _, options(16 * MEBIBYTE), path.clone()).await.expect_err("too little");
    let PublishError::Memory { needed_bytes, limit_bytes, .. } = error else { panic!("{error}") };
    assert_eq!(limit_bytes, 16 * MEBIBYTE);
    assert!(store.puts().is_empty());
    publish(store as _, options(needed_bytes), path).await.expect("exactly enough");
}

#[tokio::test]
async fn images_that_exceed_memory_together_are_published_one_after_the_other() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let error = publish(Arc::clone(&store) as _, options(1), path.clone()).await.expect_err("too little");
    let PublishError::Memory { needed_bytes, .. } = error else { panic!("{error}") };
    let publisher = Publisher::new(Arc::clone(&store) as _, options(needed_bytes), |_| ());
    let named = |name: &str| iiif_publish::publish::Image::new(path.clone(), name.parse().expect("an identifier"));
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let results = futures::join!(publisher.publish(&a), publisher.publish(&b), publisher.publish(&c));
    assert!(results.0.is_ok() && results.1.is_ok() && results.2.is_ok(), "{results:?}");
}

fn into_folder(folder: &Path, arguments: &[&str], image: &Path) -> Run {
    let mut command = program();
    command.arg("--output").arg(folder.join("out")).args(arguments).arg(image);
    command.output().expect("built").into()
}

#[test]
fn an_error_names_the_limit_of_the_command_line() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 700, 500);
    for (arguments, words) in [
        (&["--max-memory=10MiB"][..], ["the limit is 10.0 MiB", "--max-memory"]),
        (&["--max-pixels=349999"], ["350000 pixels", "--max-pixels"]),
    ] {
        let run = into_folder(folder.path(), arguments, &image);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(words.iter().all(|word| run.stderr.contains(word)), "{}", run.stderr);
        assert!(!folder.path().join("out/x").exists());
    }
    for wrong in ["--max-memory=much", "--max-memory=-1", "--max-pixels=0"] {
        assert_eq!(into_folder(folder.path(), &[wrong], &image).code, Some(2), "{wrong}");
    }
    assert_eq!(into_folder(folder.path(), &["--max-memory=1GB", "--max-pixels=350000"], &image).code, Some(0));
}

/// Returns a square PNG with one bit per pixel and only the first `rows` of its rows, all white.
fn bilevel(side: u32, rows: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    let mut header = encoder.write_header().expect("a header");
    let mut writer = header.stream_writer().expect("a stream");
    let row = vec![0xff; side.div_ceil(8) as usize];
    for _ in 0..rows {
        writer.write_all(&row).expect("a row");
    }
    // An error, because rows are missing on purpose.
    let _ = writer.finish();
    drop(header);
    bytes
}

#[test]
fn a_bomb_is_published_if_allowed_and_refused_at_once_otherwise() {
    let folder = TempDir::new().expect("a folder");
    let side = if is_long() { 19_000 } else { 6_000 };
    let allowed = file(folder.path(), "allowed.png", &bilevel(side, side));
    let run = into_folder(folder.path(), &["--max-memory=256MiB"], &allowed);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(folder.path().join("out/allowed/info.json").is_file());

    // The header claims 4 gigapixels, and the file contains only ten rows: decoding it would be another error.
    let bomb = file(folder.path(), "bomb.png", &bilevel(65_500, 10));
    let run = into_folder(folder.path(), &[], &bomb);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("4290250000 pixels") && run.stderr.contains("--max-pixels"), "{}", run.stderr);
}
