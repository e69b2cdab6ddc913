//! Files without end markers: published with a warning if every pixel is present, and rejected otherwise.

use crate::support::pictures::{encoded, png_file, waves};
use crate::support::publishing::published;
use crate::support::rows::{codes, read_bytes};
use crate::support::tiff::{Layout, Order, Values, Variant, file};
use iiif_publish::publish::Options;
use iiif_publish::publish::{Effort, JpegOptions};
use image::{GrayImage, ImageFormat, Luma};
use tempfile::TempDir;

/// Truncates a file step by step: a result must have every pixel, and a warning once the marker is incomplete.
fn assert_cuts(case: &str, whole: &[u8], marker_bytes: usize, most_cut: usize) {
    let (header, expected) = read_bytes(whole).expect("whole");
    assert_eq!(codes(&header), Vec::<&str>::new(), "{case}");
    let mut published = 0;
    for cut in 1..most_cut.min(whole.len()) {
        if let Ok((header, pixels)) = read_bytes(&whole[..whole.len() - cut]) {
            assert!(pixels == expected, "{case}: {cut} bytes less");
            assert_eq!(codes(&header), ["end-marker-missing"], "{case}: {cut} bytes less");
            published += 1;
        } else {
            assert!(cut > marker_bytes, "{case}: {cut} bytes less are still no pixel");
        }
    }
    assert!(published >= marker_bytes && published < most_cut / 2, "{case}: {published}");
}

#[test]
fn a_jpeg_without_an_end_marker_is_published_if_all_pixels_are_present() {
    let bytes = encoded(waves(61, 47), ImageFormat::Jpeg);
    assert_cuts("JPEG", &bytes, 2, bytes.len() / 2);
    let mut followed = bytes[..bytes.len() - 2].to_vec();
    followed.extend(b"SEFT and what a telephone writes \xff\xd8\xff\xe1 behind its photographs");
    let (header, pixels) = read_bytes(&followed).expect("read");
    assert_eq!(codes(&header), ["end-marker-missing"]);
    assert!(pixels == read_bytes(&bytes).expect("read").1);
}

/// Creates a JPEG with several scans, as `--optimize` writes it.
async fn progressive() -> Vec<u8> {
    let folder = TempDir::new().expect("a folder");
    let options = Options::builder("https://example.org".parse().expect("a URL"));
    let options = options.jpeg(JpegOptions::default().with_effort(Effort::Small)).build().expect("valid options");
    let images = published(png_file(folder.path(), "x.png", 90, 70), options).await;
    images["full/max/0/default.jpg"].clone()
}

#[tokio::test]
async fn a_progressive_jpeg_without_an_end_marker_needs_all_scans() {
    let bytes = progressive().await;
    let (_, expected) = read_bytes(&bytes).expect("read");
    assert!(bytes.ends_with(b"\xff\xd9"));
    let (header, pixels) = read_bytes(&bytes[..bytes.len() - 2]).expect("all scans are present");
    assert_eq!((codes(&header), pixels == expected), (vec!["end-marker-missing"], true));
    let scans: Vec<usize> = (0..bytes.len() - 1).filter(|at| bytes[*at..].starts_with(b"\xff\xda")).collect();
    assert!(scans.len() > 2);
    for scan in &scans[1..] {
        // Cut between two scans, every remaining scan is complete.
        assert!(read_bytes(&bytes[..*scan]).is_err(), "a scan is missing");
    }
}

#[test]
fn a_png_without_an_end_marker_is_published_if_all_pixels_are_present() {
    let bytes = encoded(waves(61, 47), ImageFormat::Png);
    assert_cuts("PNG", &bytes, 12, bytes.len() / 2);
}

#[test]
fn a_tiff_of_jpegs_without_end_markers_is_published_if_all_pixels_are_present() {
    let strips: Vec<_> = [waves(48, 16), waves(48, 13)].map(|strip| encoded(strip, ImageFormat::Jpeg)).to_vec();
    let page = |strips: &[Vec<u8>]| {
        let mut page = Layout { photometric: 6, ..Layout::rgb(48, 29) }.page(|_, _, _| 0);
        page.tags.retain(|(tag, _)| *tag != 259);
        page.tags.push((259, Values::Shorts(vec![7])));
        page.pieces = strips.to_vec();
        file(&[page], Order::Little, Variant::Classic)
    };
    let (header, expected) = read_bytes(&page(&strips)).expect("read");
    assert_eq!(codes(&header), Vec::<&str>::new());
    let without: Vec<_> = strips.iter().map(|strip| strip[..strip.len() - 2].to_vec()).collect();
    let (header, pixels) = read_bytes(&page(&without)).expect("read");
    assert_eq!((codes(&header), pixels == expected), (vec!["end-marker-missing"], true));
    let cut: Vec<_> = strips.iter().map(|strip| strip[..strip.len() - 40].to_vec()).collect();
    assert!(read_bytes(&page(&cut)).is_err(), "pixels are missing");
}

/// Creates a JPEG with one scan per component, each copied from a gray JPEG.
fn sequential_scans() -> Vec<u8> {
    let picture = waves(61, 47);
    let grays: Vec<Vec<u8>> = (0..3)
        .map(|channel| GrayImage::from_fn(61, 47, |x, y| Luma([picture.get_pixel(x, y)[channel]])))
        .map(|gray| encoded(gray, ImageFormat::Jpeg))
        .collect();
    let mut bytes = b"\xff\xd8\xff\xc0\0\x11\x08\0\x2f\0\x3d\x03\x01\x11\0\x02\x11\0\x03\x11\0".to_vec();
    for (marker, content) in segments(&grays[0]).filter(|(marker, _)| matches!(marker, 0xdb | 0xc4)) {
        bytes.extend([0xff, marker]);
        bytes.extend(content);
    }
    for (id, gray) in (1..).zip(&grays) {
        let scan = gray.windows(2).position(|marker| marker == [0xff, 0xda]).expect("a scan");
        let head = usize::from(u16::from_be_bytes([gray[scan + 2], gray[scan + 3]]));
        bytes.extend([0xff, 0xda, 0, 8, 1, id, 0, 0, 63, 0]);
        bytes.extend(&gray[scan + 2 + head..gray.len() - 2]);
    }
    bytes.extend(b"\xff\xd9");
    bytes
}

/// Iterates over the segments before the pixels: marker, and content with its length.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let [0xff, marker, high, low] = *jpeg[at..].first_chunk::<4>()? else { return None };
        let start = at + 2;
        at = start + usize::from(u16::from_be_bytes([high, low]));
        (marker != 0xda).then(|| (marker, &jpeg[start..at]))
    })
}

#[test]
fn a_jpeg_in_sequential_scans_needs_one_for_each_component() {
    let bytes = sequential_scans();
    let (header, expected) = read_bytes(&bytes).expect("read");
    assert!(header.description.contains("several scans") && codes(&header).is_empty(), "{}", header.description);
    let (header, pixels) = read_bytes(&bytes[..bytes.len() - 2]).expect("all scans are present");
    assert_eq!((codes(&header), pixels == expected), (vec!["end-marker-missing"], true));
    let scans: Vec<usize> = (0..bytes.len() - 1).filter(|at| bytes[*at..].starts_with(b"\xff\xda")).collect();
    assert_eq!(scans.len(), 3);
    for cut in [scans[1], scans[2], bytes.len() - 40] {
        assert!(read_bytes(&bytes[..cut]).is_err(), "{cut} of {} bytes", bytes.len());
    }
}
