//! Renditions of the whole image, which viewers show in lists and galleries and offer for download.

use super::checks::finds_everything;
use super::info::Info;
use super::{Viewer, path};

/// Returns `full/w,` for each width.
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

/// Every entry of `sizes`, and the largest rendition.
pub fn requests(info: &Info) -> Vec<String> {
    [every_entry_of_sizes(info), largest(info)].concat()
}

/// manifesto.js 4.3, `Canvas.getCanonicalImageUri`, for both versions.
///
/// The widths are those of Universal Viewer 4.4: `twoColThumbWidth` and `bookmarkThumbWidth` 90, `oneColThumbWidth` and
/// `galleryThumbWidth` 200, and 100 as the default.
#[test]
fn universal_viewer_finds_its_thumbnails() {
    finds_everything(&Viewer { name: "Universal Viewer 4", requests: |_| by_width(&[90, 100, 200]) });
}

/// `getThumbnailUrl` with 96 in the page list of 0.33 and in the export of 0.35, and with 100.
///
/// It uses 98, the item width in the list of 0.35, if neither the thumbnail of the canvas nor an entry of `sizes` is
/// that wide.
#[test]
fn tify_finds_its_thumbnails() {
    let requests = |info: &Info| by_width(if info.image.width < 98 { &[96, 98, 100] } else { &[96, 100] });
    finds_everything(&Viewer { name: "TIFY", requests });
}

/// Clover 3.3: `200,` is the default size of its `Thumbnail`, also in version 3.
#[test]
fn clover_finds_its_thumbnails() {
    finds_everything(&Viewer { name: "Clover 3", requests: |_| by_width(&[200]) });
}

/// Mirador 4, `ThumbnailFactory.iiifThumbnailUrl`: `w,h` of an entry of `sizes`, also in version 2. Atlas does the same
/// with the images that it shows below its tiles.
#[test]
fn mirador_finds_every_entry_of_sizes() {
    finds_everything(&Viewer { name: "Mirador 4", requests: every_entry_of_sizes });
}

/// TIFY's `getThumbnailUrl` chooses an entry of `sizes` with a similar width and requests that width, also in version
/// 3.
#[test]
fn tify_finds_every_entry_of_sizes() {
    let requests = |info: &Info| by_width(&info.sizes.iter().map(|size| size.width).collect::<Vec<u64>>());
    finds_everything(&Viewer { name: "TIFY", requests });
}

/// TIFY's `ViewExport` and Allmaps' `getImageUrl` use `full/full` in version 2. Manifests use `full/max` in both.
#[test]
fn the_largest_rendition_is_found_under_all_of_its_paths() {
    finds_everything(&Viewer { name: "TIFY", requests: largest });
}
