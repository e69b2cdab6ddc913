//! Atlas 3.1.1, which Canvas Panel uses: `TiledImage`.

use super::checks::finds_everything;
use super::info::Info;
use super::{Viewer, cells, path};

/// `TiledImage.fromTile` for every scale factor, `getImageUrl` for every tile. It never uses the region `full`.
pub fn requests(info: &Info) -> Vec<String> {
    info.scale_factors.iter().flat_map(|scale| level_requests(info, *scale)).collect()
}

fn level_requests(info: &Info, scale: u64) -> Vec<String> {
    let columns = info.image.width.div_ceil(scale).div_ceil(info.tile.width);
    let rows = info.image.height.div_ceil(scale).div_ceil(info.tile.height);
    let request = |(column, row)| {
        let (left, right) = edges(column, columns, info.tile.width * scale, info.image.width);
        let (top, bottom) = edges(row, rows, info.tile.height * scale, info.image.height);
        let (width, height) = (right - left, bottom - top);
        // Atlas uses the tile width for both limits.
        let limited = |side: u64| side.div_ceil(scale).min(info.tile.width);
        let height_as_drawn = if info.version == 3 { limited(height).to_string() } else { String::new() };
        path(&format!("{left},{top},{width},{height}"), &format!("{},{height_as_drawn}", limited(width)))
    };
    cells(columns, rows).map(request).collect()
}

/// Returns both edges of a column or a row. The last one ends with the image.
fn edges(index: u64, count: u64, step: u64, image: u64) -> (u64, u64) {
    (index * step, if index + 1 == count { image } else { (index + 1) * step })
}

#[test]
fn atlas_finds_every_tile_it_requests() {
    finds_everything(&Viewer { name: "Atlas 3.1.1", requests });
}
