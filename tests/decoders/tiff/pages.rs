//! Pages, pyramids and thumbnails.

use super::{ORDERS, VARIANTS, error_chain, read, read_page};
use crate::support::tiff::{Layout, Order, Page, Values, Variant, file};

fn plain_page(value: u8, side: u32, more: Vec<(u16, Values)>) -> Page {
    Layout { more, ..Layout::rgb(side, side) }.page(|_, _, _| value.into())
}

#[test]
fn reduced_versions_are_not_counted_as_pages() {
    let reduced = || vec![(254, Values::Shorts(vec![1]))];
    let old_reduced = || vec![(255, Values::Shorts(vec![2]))];
    let mut pyramid = plain_page(20, 16, Vec::new());
    pyramid.children = vec![plain_page(21, 8, reduced()), plain_page(22, 4, reduced())];
    // Like cameras: the directory is a thumbnail, and its child is the image.
    let mut thumbnail = plain_page(31, 4, reduced());
    thumbnail.children = vec![plain_page(30, 16, Vec::new())];
    let pages = [
        plain_page(10, 16, Vec::new()),
        plain_page(11, 8, reduced()),
        plain_page(12, 4, old_reduced()),
        pyramid,
        thumbnail,
        plain_page(40, 5, Vec::new()),
    ];
    for (order, variant) in ORDERS.into_iter().flat_map(|order| VARIANTS.map(|variant| (order, variant))) {
        let bytes = file(&pages, order, variant);
        for (page, value, side) in [(1, 10, 16), (2, 20, 16), (3, 30, 16), (4, 40, 5)] {
            let (header, pixels) = read_page(&bytes, page).expect("read");
            assert_eq!((header.size.width(), pixels[0]), (side, value), "page {page}");
        }
        for page in [0, 5, u32::MAX] {
            let error = error_chain(&read_page(&bytes, page).expect_err("there is none"));
            assert!(error.contains(&format!("has no page {page}: it has 4 pages")), "{error}");
        }
    }
    let alone = file(&[plain_page(50, 3, reduced())], Order::Little, Variant::Classic);
    assert_eq!(read(&alone).expect("read").1[0], 50, "all directories are marked, so the mark is ignored");
    assert!(error_chain(&read_page(&alone, 2).expect_err("there is none")).contains("it has 1 page"));
}

/// The warnings about a page's header.
fn warnings(bytes: &[u8], page: u32) -> Vec<String> {
    let (header, _) = read_page(bytes, page).expect("read");
    header.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn pages_that_are_left_out_are_counted() {
    let reduced = || plain_page(1, 4, vec![(254, Values::Shorts(vec![1]))]);
    let page = || plain_page(2, 8, Vec::new());
    let bytes = file(&[page(), reduced(), page(), page(), reduced()], Order::Little, Variant::Classic);
    let text = |count: &str| {
        format!("only the first of {count} is published (publish all with `--pages all`) (pages-ignored)")
    };
    assert_eq!(warnings(&bytes, 1), [text("its 3 pages")]);
    assert_eq!(warnings(&bytes, 2), [""; 0], "it was chosen");
    assert_eq!(warnings(&file(&[page(), reduced()], Order::Big, Variant::Big), 1), [""; 0]);
    // The last directory leads to itself.
    let mut looped = file(&[page(), page(), page()], Order::Little, Variant::Classic);
    let first = looped[4..8].to_vec();
    let last = looped.len() - 4;
    looped[last..].copy_from_slice(&first);
    assert_eq!(warnings(&looped, 1), [text("its pages (at least 3)")]);
    let error = error_chain(&read_page(&looped, 4).expect_err("a loop"));
    assert!(error.contains("after page 3: its directories form a loop"), "{error}");
}

#[test]
fn a_chain_of_many_directories_is_read_in_linear_time() {
    let page = Layout::rgb(1, 1).page(|_, _, _| 7);
    let bytes = file(&vec![page; 20_000], Order::Little, Variant::Classic);
    assert_eq!(read_page(&bytes, 20_000).expect("read").1[0], 7);
    assert_eq!(warnings(&bytes, 1).len(), 1);
    assert!(error_chain(&read_page(&bytes, 20_001).expect_err("there is none")).contains("it has 20000 pages"));
}
