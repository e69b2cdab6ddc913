//! Every request that a viewer makes is an object of the plan.
//!
//! A viewer builds the URLs of a static image by its own arithmetic, from `info.json` alone. So do these modules: each
//! is written from the source of one viewer, names the functions it follows, and computes nothing with
//! `iiif_publish::iiif`. `image` publishes, `info` reads what was published, `checks` compares, `plan` looks at the plan itself.
//!
//! What no static image can serve is not asked for here: `OpenSeadragon` before 2.4, arbitrary crops, sizes that are
//! rounded down.

mod allmaps;
mod atlas;
mod checks;
mod image;
mod info;
mod leaflet;
mod openlayers;
mod openseadragon;
mod plan;
mod whole_images;

use info::Info;
use std::collections::BTreeSet;

/// A viewer, and everything that it can ask of an image.
struct Viewer {
    name: &'static str,
    requests: fn(&Info) -> Vec<String>,
}

/// What viewers ask for of an image with this `info.json`: tiles, as two of them write them, and pictures of the whole.
pub fn requests(info: &str) -> BTreeSet<String> {
    let info = Info::parse(info);
    let tiles = [openseadragon::requests(&info), atlas::requests(&info)].concat();
    tiles.into_iter().chain(whole_images::requests(&info)).collect()
}

/// The path of an image request, as every viewer ends it.
fn path(region: &str, size: &str) -> String {
    format!("{region}/{size}/0/default.jpg")
}

/// The column and the row of every tile of a level.
fn cells(columns: u64, rows: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (column, row)))
}
