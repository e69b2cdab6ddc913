//! Damaged pixels.

use super::{PIECES, drawn, endure, read_file, told};
use crate::support::pictures::file as file_in;
use crate::support::tiff::{Form, Order, Packing, Pieces, Variety, file};
use tempfile::TempDir;

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error() {
    for (packing, pieces) in [
        (Packing::None, PIECES[1]),
        (Packing::Deflate, PIECES[3]),
        (Packing::Lzw, Pieces::Strips(400)),
        (Packing::PackBits, PIECES[2]),
        (Packing::Zstandard, PIECES[1]),
    ] {
        for (order, variety) in [(Order::Little, Variety::Classic), (Order::Big, Variety::Big)] {
            let form = Form { order, variety, packing, pieces, ..Form::rgb(19, 17) };
            let bytes = form.file(|x, y, channel| drawn(x, y, channel).into());
            let folder = TempDir::new().expect("a folder");
            for length in 0..bytes.len() {
                let path = file_in(folder.path(), "image.tif", &bytes[..length]);
                assert!(read_file(&path, 1).is_err(), "{length} of {} bytes, {form:?}", bytes.len());
            }
        }
    }
}

#[test]
fn damage_inside_a_strip_is_an_error_where_the_compression_can_tell() {
    let folder = TempDir::new().expect("a folder");
    for packing in [Packing::Deflate, Packing::Zstandard] {
        let form = Form { packing, pieces: Pieces::Strips(64), ..Form::rgb(64, 64) };
        let bytes = form.file(|x, y, channel| drawn(x, y, channel).into());
        let mut damaged = bytes.clone();
        damaged[2000..2040].fill(0x55);
        let error = endure(folder.path(), &damaged, "damage");
        // Zstandard has checksums only where its writer wants them.
        assert!(error.is_err() || packing == Packing::Zstandard, "{packing:?}");
        if let Err(error) = error {
            assert!(told(&error).contains("could not decode strip 0"), "{}", told(&error));
        }
    }
}

#[test]
fn the_checksum_of_a_tile_is_looked_at_though_the_image_ends_before_the_tile() {
    let folder = TempDir::new().expect("a folder");
    for pieces in [Pieces::Tiles(64, 64), Pieces::Strips(64)] {
        let form = Form { packing: Packing::Deflate, pieces, ..Form::rgb(64, 40) };
        let mut page = form.page(|x, y, channel| drawn(x, y, channel).into());
        let checksum = page.pieces[0].last_mut().expect("bytes");
        *checksum = !*checksum;
        let bytes = file(&[page], Order::Little, Variety::Classic);
        let error = endure(folder.path(), &bytes, "a wrong checksum").expect_err("a wrong checksum");
        assert!(told(&error).contains("corrupt"), "{}", told(&error));
    }
}
