//! What is refused, and why.

use super::{drawn, endure, read, read_page, told};
use crate::support::tiff::{Form, Order, Packing, Pieces, Values, Variety, file};
use tempfile::TempDir;

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let shorts = |shorts: &[u16]| Values::Shorts(shorts.to_vec());
    let with = |tag, value| {
        let mut page = Form { samples: 1, photometric: 1, ..Form::rgb(8, 8) }.page(|_, _, _| 0);
        page.tags.retain(|(other, _)| *other != tag);
        page.tags.push((tag, value));
        told(&read(&file(&[page], Order::Little, Variety::Classic)).expect_err("refused"))
    };
    for (compression, name) in [
        (6, "old-style JPEG"),
        (2, "CCITT run-length"),
        (34887, "LERC"),
        (34925, "LZMA"),
        (34712, "JPEG 2000"),
        (50001, "WebP"),
        (50002, "JPEG XL"),
        (34661, "JBIG"),
        (777, "unknown compression 777"),
    ] {
        assert!(with(259, shorts(&[compression])).contains(name), "{name}");
    }
    for (tag, value, words) in [
        (339, 5, "complex"),
        (258, 40, "samples of 40 bits"),
        (262, 4, "transparency mask"),
        (262, 32803, "raw data of a camera"),
        (262, 99, "unknown colours 99"),
        (277, 500, "500 samples"),
        (256, 0, "cannot be tiled"),
        (277, 0, "`SamplesPerPixel` is 0"),
        (278, 0, "`RowsPerStrip` is 0"),
        (262, 3, "palette is missing"),
        (262, 2, "fewer than its colours"),
    ] {
        let error = with(tag, shorts(&[value]));
        assert!(error.contains(words), "{words}: {error}");
    }
    let form = Form { more: vec![(258, shorts(&[5, 6, 5]))], ..Form::rgb(8, 8) };
    let mut page = form.page(|_, _, _| 0);
    page.tags.remove(page.tags.iter().position(|(tag, _)| *tag == 258).expect("one of two"));
    let error = told(&read(&file(&[page], Order::Little, Variety::Classic)).expect_err("refused"));
    assert!(error.contains("different depths"), "{error}");
    let form = Form { samples: 4, photometric: 5, sample_format: 2, ..Form::rgb(8, 8) };
    assert!(told(&read(&form.file(|_, _, _| 0)).expect_err("refused")).contains("sign"));
    assert!(with(258, Values::Bytes(vec![8])).contains("`BitsPerSample` is not a list"));
    let video = Values::Fractions([16, 235, 128, 240, 128, 240].map(|value| (value, 1)).to_vec());
    let form = Form { photometric: 6, more: vec![(532, video)], ..Form::rgb(8, 8) };
    assert!(told(&read(&form.file(|_, _, _| 0)).expect_err("refused")).contains("less than the full range"));
}

#[test]
fn lies_about_sizes_and_circles_of_directories_are_errors() {
    let folder = TempDir::new().expect("a folder");
    let form = Form { packing: Packing::Deflate, pieces: Pieces::Tiles(32, 32), ..Form::rgb(19, 17) };
    let with = |changes: &[(u16, u64)]| {
        let mut page = form.page(|x, y, channel| drawn(x, y, channel).into());
        for (tag, value) in changes {
            page.tags.retain(|(other, _)| other != tag);
            page.tags.push((*tag, Values::Offsets(vec![*value])));
        }
        let bytes = file(&[page], Order::Little, Variety::Classic);
        told(&endure(folder.path(), &bytes, "a lie").expect_err("a lie"))
    };
    assert!(with(&[(256, 1 << 30), (257, 1 << 30)]).contains("`TileOffsets` has 1 of"));
    assert!(with(&[(256, u64::from(u32::MAX))]).contains("cannot be tiled"));
    assert!(with(&[(322, 0)]).contains("`TileWidth` is 0"));
    assert!(with(&[(322, 1 << 31)]).contains("`TileWidth` is 2147483648"));
    assert!(with(&[(322, 65536), (323, 65536)]).contains("fewer than its rows need"));
    let bytes = form.file(|x, y, channel| drawn(x, y, channel).into());
    let mut circle = bytes.clone();
    let next = circle.len() - 4;
    circle.copy_within(4..8, next);
    assert!(endure(folder.path(), &circle, "a circle").is_ok(), "its first page is what it is");
    let error = told(&read_page(&circle, 2).expect_err("there is none"));
    assert!(error.contains("in a circle"), "{error}");
}
