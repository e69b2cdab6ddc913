//! Damaged pixels.

use super::{PIECES, drawn, endure, error_chain, read_file};
use crate::support::pictures::file as file_in;
use crate::support::tiff::{Layout, Order, Packing, Pieces, Variant, file};
use tempfile::TempDir;

#[test]
fn a_file_truncated_anywhere_is_an_error() {
    for (packing, pieces) in [
        (Packing::None, PIECES[1]),
        (Packing::Deflate, PIECES[3]),
        (Packing::Lzw, Pieces::Strips(400)),
        (Packing::PackBits, PIECES[2]),
        (Packing::Zstandard, PIECES[1]),
    ] {
        for (order, variant) in [(Order::Little, Variant::Classic), (Order::Big, Variant::Big)] {
            let layout = Layout { order, variant, packing, pieces, ..Layout::rgb(19, 17) };
            let bytes = layout.file(|x, y, channel| drawn(x, y, channel).into());
            let folder = TempDir::new().expect("a folder");
            for length in 0..bytes.len() {
                let path = file_in(folder.path(), "image.tif", &bytes[..length]);
                assert!(read_file(&path, 1).is_err(), "{length} of {} bytes, {layout:?}", bytes.len());
            }
        }
    }
}

#[test]
fn damage_inside_a_strip_is_an_error_if_the_compression_detects_it() {
    let folder = TempDir::new().expect("a folder");
    for packing in [Packing::Deflate, Packing::Zstandard] {
        let layout = Layout { packing, pieces: Pieces::Strips(64), ..Layout::rgb(64, 64) };
        let bytes = layout.file(|x, y, channel| drawn(x, y, channel).into());
        let mut damaged = bytes.clone();
        damaged[2000..2040].fill(0x55);
        let error = endure(folder.path(), &damaged, "damage");
        // Zstandard has checksums only if the writer enables them.
        assert!(error.is_err() || packing == Packing::Zstandard, "{packing:?}");
        if let Err(error) = error {
            assert!(error_chain(&error).contains("could not decode strip 0"), "{}", error_chain(&error));
        }
    }
}

#[test]
fn the_checksum_of_a_tile_is_verified_even_if_the_tile_exceeds_the_image() {
    let folder = TempDir::new().expect("a folder");
    for pieces in [Pieces::Tiles(64, 64), Pieces::Strips(64)] {
        let layout = Layout { packing: Packing::Deflate, pieces, ..Layout::rgb(64, 40) };
        let mut page = layout.page(|x, y, channel| drawn(x, y, channel).into());
        let checksum = page.pieces[0].last_mut().expect("bytes");
        *checksum = !*checksum;
        let bytes = file(&[page], Order::Little, Variant::Classic);
        let error = endure(folder.path(), &bytes, "a wrong checksum").expect_err("a wrong checksum");
        assert!(error_chain(&error).contains("corrupt"), "{}", error_chain(&error));
    }
}
