//! Allmaps, `@allmaps/iiif-parser` 1.0.0-beta.49: `getTileImageRequest` and `Image.getImageUrl`.

use super::checks::{finds_everything, for_every_image};
use super::image::Image;
use super::info::Info;
use super::{Viewer, cells, path};
use proptest::prop_assert;

/// `getTileImageRequest` for every tile of every zoom level (`getTileZoomLevels`), in the form of `getImageUrl`.
fn requests(info: &Info) -> Vec<String> {
    info.scale_factors.iter().flat_map(|scale_factor| zoom_level_requests(info, *scale_factor)).collect()
}

fn zoom_level_requests(info: &Info, scale_factor: u64) -> Vec<String> {
    let (original_width, original_height) = (info.tile.width * scale_factor, info.tile.height * scale_factor);
    let columns = info.image.width.div_ceil(original_width);
    let rows = info.image.height.div_ceil(original_height);
    let request = |(column, row): (u64, u64)| {
        let (x, y) = (column * original_width, row * original_height);
        let (width, height) = (original_width.min(info.image.width - x), original_height.min(info.image.height - y));
        let (size_width, size_height) = (width.div_ceil(scale_factor), height.div_ceil(scale_factor));
        // In version 2, `getImageUrl` omits a height that follows from the width. Its check for that always succeeds.
        let size = if info.version == 2 { format!("{size_width},") } else { format!("{size_width},{size_height}") };
        path(&format!("{x},{y},{width},{height}"), &size)
    };
    cells(columns, rows).map(request).collect()
}

/// Returns `true` if `getImageUrl` refuses to request a tile because it is wider than `maxWidth`.
fn refuses_a_tile(image: Image) -> bool {
    let info = image.info();
    let widest = info.tile.width.min(info.image.width);
    info.max_width.is_some_and(|max_width| widest > max_width)
}

#[test]
fn allmaps_finds_every_tile_it_requests() {
    finds_everything(&Viewer { name: "Allmaps", requests });
}

#[test]
fn allmaps_requests_every_tile_if_the_size_limit_is_at_least_twice_the_tile_size() {
    for_every_image(|image| {
        let image = Image { longest_side: image.longest_side.map(|side| side.max(2 * image.tile_size)), ..image };
        prop_assert!(!refuses_a_tile(image), "the tiles of {} are wider than its maxWidth", image);
        Ok(())
    });
}
