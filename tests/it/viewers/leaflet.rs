//! Leaflet-IIIF 3.0.0, on Leaflet 1: `L.TileLayer.Iiif`.

use super::checks::{finds_everything, missing};
use super::image::Image;
use super::info::Info;
use super::{Viewer, cells, path};
use iiif_publish::iiif::ApiVersion;

const LEAFLET: Viewer = Viewer { name: "Leaflet-IIIF 3.0.0", requests };

/// The side of the smallest map, in pixels, that the lowest level fits.
const SMALLEST_MAP: u64 = 128;

/// The number of times that `onAdd` halves the image to fit it into the map.
const MOST_HALVINGS: u32 = 5;

/// `getTileUrl` for every tile of every zoom.
fn requests(info: &Info) -> Vec<String> {
    // Zooms count down from the full size, so each zoom below it is one halving.
    let halvings_to_one_tile = halvings_to_one_tile(info);
    let halvings = 0..=halvings_to_one_tile + halvings_below_one_tile(info, halvings_to_one_tile);
    halvings.flat_map(|halvings| zoom_requests(info, 1 << halvings)).collect()
}

/// `_getInfo`: the highest native zoom. `_setQuality` and the tile size use the same document.
fn halvings_to_one_tile(info: &Info) -> u32 {
    let halvings =
        |side: u64, tile: u64| (0..u64::BITS).find(|halvings| side <= tile << halvings).expect("a side of `u64`");
    // Leaflet assumes square tiles: it reads only their width.
    halvings(info.image.width, info.tile.width).max(halvings(info.image.height, info.tile.width))
}

/// `onAdd`: the negative zooms that fit the image into the smallest map.
fn halvings_below_one_tile(info: &Info, halvings_to_one_tile: u32) -> u32 {
    let longer_side = info.image.longer_side().div_ceil(1 << halvings_to_one_tile);
    (0..MOST_HALVINGS).find(|halvings| longer_side <= SMALLEST_MAP << halvings).unwrap_or(MOST_HALVINGS)
}

/// `getTileUrl`. It never uses the region `full`.
///
/// At negative zooms, `_isValidTile` accepts tiles outside the image. Their regions have a negative width, which no
/// server can answer.
fn zoom_requests(info: &Info, scale: u64) -> Vec<String> {
    let (tile, image) = (info.tile.width, info.image);
    let (columns, rows) = (image.width.div_ceil(scale).div_ceil(tile), image.height.div_ceil(scale).div_ceil(tile));
    let request = |(column, row): (u64, u64)| {
        let (x, y) = (column * tile * scale, row * tile * scale);
        let (width, height) = ((x + tile * scale).min(image.width) - x, (y + tile * scale).min(image.height) - y);
        let (size_width, size_height) = (width.div_ceil(scale), height.div_ceil(scale));
        // Leaflet checks `type`, which is `ImageService3` only in version 3.
        let size = if info.version == 3 { format!("{size_width},{size_height}") } else { format!("{size_width},") };
        path(&format!("{x},{y},{width},{height}"), &size)
    };
    cells(columns, rows).map(request).collect()
}

#[test]
fn leaflet_finds_every_tile_it_requests() {
    finds_everything(&LEAFLET);
}

#[test]
fn leaflet_misses_a_whole_level_that_is_only_stored_as_full() {
    let image = Image::new(1001, 701, ApiVersion::V3);
    let mut objects = image.paths();
    objects.retain(|path| !path.starts_with("0,0,1001,701/"));
    assert_eq!(missing(&LEAFLET, image, &objects).as_deref(), Some("0,0,1001,701/501,351/0/default.jpg"));
}
