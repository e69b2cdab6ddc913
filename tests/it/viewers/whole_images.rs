//! Pictures of the whole image: what viewers show in lists and galleries and offer for download.

use super::checks::finds_everything;
use super::info::Info;
use super::{Viewer, path};

/// `full/w,` of each width.
fn by_width(widths: &[u64]) -> Vec<String> {
    widths.iter().map(|width| path("full", &format!("{width},"))).collect()
}

fn every_entry_of_sizes(info: &Info) -> Vec<String> {
    let sizes = info.sizes.iter().map(|size| format!("{},{}", size.width, size.height));
    sizes.map(|size| path("full", &size)).collect()
}

fn largest(info: &Info) -> Vec<String> {
    let sizes: &[&str] = if info.version == 2 { &["full", "max"] } else { &["max"] };
    sizes.iter().map(|size| path("full", size)).collect()
}

/// Every entry of `sizes`, and the largest picture.
pub fn requests(info: &Info) -> Vec<String> {
    [every_entry_of_sizes(info), largest(info)].concat()
}

/// manifesto.js 4.3, `Canvas.getCanonicalImageUri`, of both versions. The widths are those of Universal Viewer 4.4:
/// `twoColThumbWidth` and `bookmarkThumbWidth` 90, `oneColThumbWidth` and `galleryThumbWidth` 200, where none is set
/// 100.
#[test]
fn universal_viewer_finds_its_thumbnails() {
    finds_everything(&Viewer { name: "Universal Viewer 4", requests: |_| by_width(&[90, 100, 200]) });
}

/// `getThumbnailUrl` with 96 in the list of pages of 0.33 and in the export of 0.35, and 100; with 98, the width of an item in the list
/// of 0.35, where neither the thumbnail of the canvas nor an entry of `sizes` is as wide.
#[test]
fn tify_finds_its_thumbnails() {
    let requests = |info: &Info| by_width(if info.image.width < 98 { &[96, 98, 100] } else { &[96, 100] });
    finds_everything(&Viewer { name: "TIFY", requests });
}

/// Clover 3.3: `200,` is the default size of its `Thumbnail`, of version 3 too.
#[test]
fn clover_finds_its_thumbnails() {
    finds_everything(&Viewer { name: "Clover 3", requests: |_| by_width(&[200]) });
}

/// Mirador 4, `ThumbnailFactory.iiifThumbnailUrl`: `w,h` of an entry of `sizes`, of version 2 too. Atlas does the same
/// with the pictures that it shows below its tiles.
#[test]
fn mirador_finds_every_entry_of_sizes() {
    finds_everything(&Viewer { name: "Mirador 4", requests: every_entry_of_sizes });
}

/// TIFY's `getThumbnailUrl` takes an entry of `sizes` that is near, and asks for its width, of version 3 too.
#[test]
fn tify_finds_every_entry_of_sizes() {
    let requests = |info: &Info| by_width(&info.sizes.iter().map(|size| size.width).collect::<Vec<u64>>());
    finds_everything(&Viewer { name: "TIFY", requests });
}

/// TIFY's `ViewExport` and Allmaps' `getImageUrl` write `full/full` of version 2; manifests show `full/max` of both.
#[test]
fn the_largest_picture_is_found_under_each_of_its_names() {
    finds_everything(&Viewer { name: "TIFY", requests: largest });
}
