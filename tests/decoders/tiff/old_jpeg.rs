//! Variants of old-style JPEG compression that store a complete JPEG in the file.

use super::{error_chain, read};
use crate::support::rows::read_with;
use crate::support::tiff::{Layout, Order, Page, Values, Variant, file};
use iiif_publish::source::ReadOptions;
use std::path::Path;

/// Size of the JPEG fixtures.
const SIZE: (u32, u32) = (201, 150);

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg/blocks").join(name)
}

/// Returns a file with these strips and tags.
fn old_style(samples: u16, photometric: u16, strips: &[&[u8]], tags: &[(u16, Values)]) -> Vec<u8> {
    let page = Layout { samples, photometric, ..Layout::rgb(SIZE.0, SIZE.1) }.page(|_, _, _| 0);
    let mut page = Page { pieces: strips.iter().map(|strip| strip.to_vec()).collect(), ..page };
    page.tags.retain(|(tag, _)| *tag != 259 && !tags.iter().any(|(other, _)| other == tag));
    page.tags.push((259, Values::Shorts(vec![6])));
    page.tags.extend(tags.iter().cloned());
    page.tags.sort_by_key(|(tag, _)| *tag);
    file(&[page], Order::Little, Variant::Classic)
}

#[test]
fn the_jpeg_of_the_whole_image_is_decoded() {
    for (name, samples, photometric) in
        [("ycbcr-2x2.jpg", 3, 6), ("ycbcr-1x1.jpg", 3, 6), ("ycbcr-2x1.jpg", 3, 2), ("gray.jpg", 1, 1)]
    {
        let jpeg = std::fs::read(fixture(name)).expect("a fixture");
        let expected = read_with(&fixture(name), ReadOptions::default()).expect("read").1;
        let in_strip = old_style(samples, photometric, &[&jpeg], &[(278, Values::Shorts(vec![150]))]);
        let at = in_strip.windows(jpeg.len()).position(|window| window == jpeg).expect("the strip") as u64;
        let offset = |offset| (513, Values::Offsets(vec![offset]));
        let rows = || (278, Values::Shorts(vec![150]));
        for (variant, bytes) in [
            ("only a strip", in_strip.clone()),
            ("as the strip", old_style(samples, photometric, &[&jpeg], &[rows(), offset(at)])),
            ("with a wrong offset", old_style(samples, photometric, &[&jpeg], &[rows(), offset(at + 6)])),
            ("with a wrong length", {
                old_style(samples, photometric, &[&jpeg], &[rows(), offset(at), (514, Values::Offsets(vec![9]))])
            }),
            // Each strip is part of the JPEG.
            ("in strips", {
                let (one, other) = jpeg.split_at(jpeg.len() / 2 / 8 * 8);
                old_style(samples, photometric, &[one, other], &[(278, Values::Shorts(vec![80])), offset(at)])
            }),
        ] {
            let (header, pixels) =
                read(&bytes).unwrap_or_else(|error| panic!("{name} {variant}: {}", error_chain(&error)));
            assert_eq!((header.size.width(), header.size.height()), SIZE);
            assert!(pixels == expected, "{name} {variant}");
        }
    }
}

#[test]
fn samples_are_counted_by_their_depths_if_nothing_else_says_so() {
    let jpeg = std::fs::read(fixture("ycbcr-2x2.jpg")).expect("a fixture");
    let mut bytes = old_style(3, 6, &[&jpeg], &[(278, Values::Shorts(vec![150]))]);
    // Replace `SamplesPerPixel` with a different tag.
    let entry = bytes.windows(4).rposition(|entry| entry == [0x15, 0x01, 3, 0]).expect("the entry");
    bytes[entry..entry + 2].copy_from_slice(&[0x14, 0x01]);
    assert!(read(&bytes).is_ok());
}

#[test]
fn tables_in_tags_are_refused_by_name() {
    let error = error_chain(&read(&old_style(3, 6, &[b"entropy-coded"], &[])).expect_err("refused"));
    assert!(error.contains("old-style JPEG") && error.contains("tables are in tags"), "{error}");
}
