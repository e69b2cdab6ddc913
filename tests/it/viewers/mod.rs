//! Every request of a viewer is an object of the plan.
//!
//! A viewer computes the URLs of a static image with its own arithmetic, from `info.json` alone. These modules do the
//! same: each follows the source of one viewer, names the functions it follows, and computes nothing with
//! `iiif_publish::iiif`. `image` publishes, `info` reads the `info.json`, `checks` compares, `plan` tests the plan
//! itself.
//!
//! Requests that no static image can answer are left out: those of `OpenSeadragon` before 2.4, arbitrary crops, and
//! sizes that are rounded down.

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

/// A viewer with all requests that it can make for an image.
struct Viewer {
    name: &'static str,
    requests: fn(&Info) -> Vec<String>,
}

/// Returns the requests of viewers for an image with this `info.json`: tiles in the forms of two viewers, and whole
/// images.
pub fn requests(info: &str) -> BTreeSet<String> {
    let info = Info::parse(info);
    let tiles = [openseadragon::requests(&info), atlas::requests(&info)].concat();
    tiles.into_iter().chain(whole_images::requests(&info)).collect()
}

/// Returns the path of an image request. All viewers use the same ending.
fn path(region: &str, size: &str) -> String {
    format!("{region}/{size}/0/default.jpg")
}

/// Returns the column and the row of every tile of a level.
fn cells(columns: u64, rows: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (column, row)))
}
