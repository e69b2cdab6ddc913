//! `OpenLayers` 10.11: `ol/source/IIIF` with the options that `ol/format/IIIFInfo` reads.

use super::checks::{finds_everything, missing};
use super::image::Image;
use super::info::Info;
use super::{Viewer, cells, path};
use iiif_publish::iiif::ApiVersion;

const OPENLAYERS: Viewer = Viewer { name: "OpenLayers 10", requests };

/// `tileUrlFunction` for every tile of every scale factor, which are its `resolutions`.
///
/// It uses `sizes` only if `tiles` is missing. A static image supports neither `regionByPx` nor any `sizeBy…`
/// (`generateVersion2Options`, `generateVersion3Options`), so arbitrary tiling is not used either.
fn requests(info: &Info) -> Vec<String> {
    info.scale_factors.iter().flat_map(|scale| resolution_requests(info, *scale)).collect()
}

fn resolution_requests(info: &Info, scale: u64) -> Vec<String> {
    let columns = info.image.width.div_ceil(scale * info.tile.width);
    let rows = info.image.height.div_ceil(scale * info.tile.height);
    cells(columns, rows).map(|(column, row)| tile_url(info, scale, column, row)).collect()
}

fn tile_url(info: &Info, scale: u64, column: u64, row: u64) -> String {
    let (x, width, size_width) = span(column, info.tile.width, info.image.width, scale);
    let (y, height, size_height) = span(row, info.tile.height, info.image.height, scale);
    let is_whole = x == 0 && y == 0 && width == info.image.width && height == info.image.height;
    let region = if is_whole { "full".to_owned() } else { format!("{x},{y},{width},{height}") };
    // OpenLayers never uses `max`, and never `full` as a size.
    let size = if info.version == 3 { format!("{size_width},{size_height}") } else { format!("{size_width},") };
    path(&region, &size)
}

/// Returns the start and length of a tile in the image, and its length in the output.
fn span(index: u64, tile: u64, image: u64, scale: u64) -> (u64, u64, u64) {
    let start = index * tile * scale;
    if start + tile * scale > image {
        (start, image - start, (image - start).div_ceil(scale))
    } else {
        (start, tile * scale, tile)
    }
}

#[test]
fn openlayers_finds_every_tile_it_requests() {
    finds_everything(&OPENLAYERS);
}

#[test]
fn openlayers_misses_a_whole_level_that_is_only_stored_under_its_region() {
    let image = Image::new(1001, 701, ApiVersion::V2);
    let mut objects = image.paths();
    objects.retain(|path| !path.starts_with("full/"));
    assert_eq!(missing(&OPENLAYERS, image, &objects).as_deref(), Some("full/501,/0/default.jpg"));
}
