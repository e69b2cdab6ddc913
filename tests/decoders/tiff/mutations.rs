//! Files with wrong bytes anywhere, which may fail but must not panic or take long.

use super::fixtures::{FIXTURES, path};
use super::{PIECES, drawn, endure};
use crate::support::tiff::{Layout, Order, Packing, Pieces, Values, Variant};
use tempfile::TempDir;

/// Mutations of each fixture: enough to reach every decoder, and few enough for every run.
const MUTATIONS: u32 = 60;

#[test]
fn a_wrong_byte_anywhere_in_the_directory_does_not_panic() {
    let palette = vec![(320, Values::Shorts(vec![77; 48])), (274, Values::Shorts(vec![3]))];
    let ycbcr = vec![(530, Values::Shorts(vec![1, 1])), (338, Values::Shorts(vec![1]))];
    let layouts = [
        Layout { packing: Packing::Lzw, pieces: PIECES[3], variant: Variant::Big, predictor: 2, ..Layout::rgb(19, 17) },
        Layout { order: Order::Big, is_planar: true, ..Layout::rgb(19, 17) },
        Layout {
            bits: 4,
            samples: 1,
            photometric: 3,
            more: palette,
            packing: Packing::PackBits,
            ..Layout::rgb(19, 17)
        },
        Layout {
            photometric: 6,
            more: ycbcr,
            packing: Packing::Deflate,
            pieces: Pieces::Strips(400),
            ..Layout::rgb(19, 17)
        },
        Layout { bits: 32, sample_format: 3, predictor: 3, packing: Packing::Zstandard, ..Layout::rgb(19, 17) },
    ];
    // In parallel, because this test takes longer than all others of its tier.
    std::thread::scope(|scope| {
        for layout in &layouts {
            scope.spawn(|| damage_every_byte_of_the_directory(layout));
        }
    });
}

fn damage_every_byte_of_the_directory(layout: &Layout) {
    let folder = TempDir::new().expect("a folder");
    let bytes = layout.file(|x, y, channel| u64::from(drawn(x, y, channel)) % 16);
    // Header and directory; the pixels are between them.
    let directory = bytes.len() - 12 * if layout.variant == Variant::Big { 40 } else { 28 };
    for at in (0..16).chain(directory..bytes.len()) {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff, !bytes[at], bytes[at] ^ 1, bytes[at].wrapping_add(1)] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let _ = endure(folder.path(), &damaged, &format!("byte {at} as {value}, {layout:?}"));
        }
    }
}

#[test]
fn wrong_bytes_anywhere_in_files_of_other_programs_do_not_panic() {
    let folder = TempDir::new().expect("a folder");
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for name in FIXTURES {
        let whole = std::fs::read(path(name)).expect("the fixture");
        for mutation in 0..MUTATIONS {
            let mut bytes = whole.clone();
            for _ in 0..=random(8) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            let _ = endure(folder.path(), &bytes, &format!("{name}, mutation {mutation}"));
        }
    }
}
