//! Unsupported files and their error messages.

use super::{drawn, endure, error_chain, read, read_page};
use crate::support::tiff::{Layout, Order, Packing, Pieces, Values, Variant, file};
use tempfile::TempDir;

#[test]
fn unsupported_features_are_named_in_the_error() {
    let shorts = |shorts: &[u16]| Values::Shorts(shorts.to_vec());
    let with = |tag, value| {
        let mut page = Layout { samples: 1, photometric: 1, ..Layout::rgb(8, 8) }.page(|_, _, _| 0);
        page.tags.retain(|(other, _)| *other != tag);
        page.tags.push((tag, value));
        error_chain(&read(&file(&[page], Order::Little, Variant::Classic)).expect_err("refused"))
    };
    for (compression, name) in [
        (6, "old-style JPEG"),
        (34887, "LERC"),
        (34925, "LZMA"),
        (34712, "JPEG 2000"),
        (50001, "only 8-bit RGB"),
        (50002, "JPEG XL"),
        (34661, "JBIG"),
        (777, "unknown compression 777"),
    ] {
        assert!(with(259, shorts(&[compression])).contains(name), "{name}");
    }
    for (tag, value, words) in [
        (339, 5, "complex"),
        (258, 40, "samples with 40 bits"),
        (262, 4, "transparency mask"),
        (262, 32803, "raw data of a camera"),
        (262, 99, "unknown color space 99"),
        (277, 500, "500 samples"),
        (256, 0, "cannot be tiled"),
        (277, 0, "`SamplesPerPixel` is 0"),
        (278, 0, "`RowsPerStrip` is 0"),
        (262, 3, "palette is missing"),
        (262, 2, "fewer than its color space"),
    ] {
        let error = with(tag, shorts(&[value]));
        assert!(error.contains(words), "{words}: {error}");
    }
    let layout = Layout { more: vec![(258, shorts(&[5, 6, 5]))], ..Layout::rgb(8, 8) };
    let mut page = layout.page(|_, _, _| 0);
    page.tags.remove(page.tags.iter().position(|(tag, _)| *tag == 258).expect("one of two"));
    let error = error_chain(&read(&file(&[page], Order::Little, Variant::Classic)).expect_err("refused"));
    assert!(error.contains("different depths"), "{error}");
    let layout = Layout { samples: 4, photometric: 5, sample_format: 2, ..Layout::rgb(8, 8) };
    assert!(error_chain(&read(&layout.file(|_, _, _| 0)).expect_err("refused")).contains("sign"));
    assert!(with(258, Values::Bytes(vec![8])).contains("`BitsPerSample` is not a list"));
    let video = Values::Fractions([16, 235, 128, 240, 128, 240].map(|value| (value, 1)).to_vec());
    let layout = Layout { photometric: 6, more: vec![(532, video)], ..Layout::rgb(8, 8) };
    assert!(error_chain(&read(&layout.file(|_, _, _| 0)).expect_err("refused")).contains("reduced range"));
}

#[test]
fn false_sizes_and_directory_loops_are_errors() {
    let folder = TempDir::new().expect("a folder");
    let layout = Layout { packing: Packing::Deflate, pieces: Pieces::Tiles(32, 32), ..Layout::rgb(19, 17) };
    let with = |changes: &[(u16, u64)]| {
        let mut page = layout.page(|x, y, channel| drawn(x, y, channel).into());
        for (tag, value) in changes {
            page.tags.retain(|(other, _)| other != tag);
            page.tags.push((*tag, Values::Offsets(vec![*value])));
        }
        let bytes = file(&[page], Order::Little, Variant::Classic);
        error_chain(&endure(folder.path(), &bytes, "a false size").expect_err("a false size"))
    };
    assert!(with(&[(256, 1 << 30), (257, 1 << 30)]).contains("`TileOffsets` has 1 of"));
    assert!(with(&[(256, u64::from(u32::MAX))]).contains("cannot be tiled"));
    assert!(with(&[(322, 0)]).contains("`TileWidth` is 0"));
    assert!(with(&[(322, 1 << 31)]).contains("`TileWidth` is 2147483648"));
    assert!(with(&[(322, 65536), (323, 65536)]).contains("too few for its rows"));
    let bytes = layout.file(|x, y, channel| drawn(x, y, channel).into());
    let mut looped = bytes.clone();
    let next = looped.len() - 4;
    looped.copy_within(4..8, next);
    assert!(endure(folder.path(), &looped, "a loop").is_ok(), "the first page is readable");
    let error = error_chain(&read_page(&looped, 2).expect_err("there is none"));
    assert!(error.contains("form a loop"), "{error}");
}
