//! Leaflet-IIIF 3.0.0, on Leaflet 1: `L.TileLayer.Iiif`.

use super::checks::{finds_everything, missing};
use super::image::Image;
use super::info::Info;
use super::{Viewer, cells, path};
use iiif_publish::iiif::ApiVersion;

const LEAFLET: Viewer = Viewer { name: "Leaflet-IIIF 3.0.0", requests };

/// The side of the smallest map, in pixels, for which the lowest level is small enough.
const SMALLEST_MAP: u64 = 128;

/// How often `onAdd` halves the image in order to fit it into the map.
const MOST_HALVINGS: u32 = 5;

/// `getTileUrl` of every tile of every zoom.
fn requests(info: &Info) -> Vec<String> {
    // Zooms count down from the full size, so a zoom is as many halvings of it.
    let halvings_to_one_tile = halvings_to_one_tile(info);
    let halvings = 0..=halvings_to_one_tile + halvings_below_one_tile(info, halvings_to_one_tile);
    halvings.flat_map(|halvings| zoom_requests(info, 1 << halvings)).collect()
}

/// `_getInfo`: the highest native zoom. `_setQuality` and the tile size come from the same document.
fn halvings_to_one_tile(info: &Info) -> u32 {
    let halvings =
        |side: u64, tile: u64| (0..u64::BITS).find(|halvings| side <= tile << halvings).expect("a side of `u64`");
    // Tiles are square to it: it reads their width only.
    halvings(info.image.width, info.tile.width).max(halvings(info.image.height, info.tile.width))
}

/// `onAdd`: the negative zooms that fit the image into the smallest map.
fn halvings_below_one_tile(info: &Info, halvings_to_one_tile: u32) -> u32 {
    let longer_side = info.image.longer_side().div_ceil(1 << halvings_to_one_tile);
    (0..MOST_HALVINGS).find(|halvings| longer_side <= SMALLEST_MAP << halvings).unwrap_or(MOST_HALVINGS)
}

/// `getTileUrl`, never with the region `full`.
///
/// At negative zooms `_isValidTile` lets tiles pass that lie beside the image, with regions of negative width, which no
/// server can answer.
fn zoom_requests(info: &Info, scale: u64) -> Vec<String> {
    let (tile, image) = (info.tile.width, info.image);
    let (columns, rows) = (image.width.div_ceil(scale).div_ceil(tile), image.height.div_ceil(scale).div_ceil(tile));
    let request = |(column, row): (u64, u64)| {
        let (x, y) = (column * tile * scale, row * tile * scale);
        let (width, height) = ((x + tile * scale).min(image.width) - x, (y + tile * scale).min(image.height) - y);
        let (size_width, size_height) = (width.div_ceil(scale), height.div_ceil(scale));
        // It goes by `type`, which is `ImageService3` in version 3 alone.
        let size = if info.version == 3 { format!("{size_width},{size_height}") } else { format!("{size_width},") };
        path(&format!("{x},{y},{width},{height}"), &size)
    };
    cells(columns, rows).map(request).collect()
}

#[test]
fn leaflet_finds_every_tile_it_asks_for() {
    finds_everything(&LEAFLET);
}

#[test]
fn a_whole_level_stored_under_full_alone_is_missed_by_leaflet() {
    let image = Image::new(1001, 701, ApiVersion::V3);
    let mut objects = image.paths();
    objects.retain(|path| !path.starts_with("0,0,1001,701/"));
    assert_eq!(missing(&LEAFLET, image, &objects).as_deref(), Some("0,0,1001,701/501,351/0/default.jpg"));
}
