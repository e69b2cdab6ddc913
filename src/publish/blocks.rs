//! Decides how the pictures of an image are made of JPEG blocks: tiles cut out of the file, and whole levels joined from
//! their tiles.

use crate::encode::{Effort, JpegOptions, Subsampling};
use crate::iiif::{Format, Pyramid, Rendering, ScaleFactor};
use crate::pixel::{PixelFormat, RowScale};
use crate::source::Header;

/// Returns the scale of the rows that still need decoding when full-size tiles are cut from JPEG blocks, or `None` if
/// blocks can't be used.
///
/// Only JPEG tiles can be cut from blocks. The other levels usually need rows at half size. Full-size rows are needed
/// in three cases: the image has full-size pictures that aren't made of blocks, it has only one level, or its last
/// blocks extend past the edge. In the last case, decoding at half size would mix hidden pixels into visible pixels,
/// unless the decoder handles the edges itself.
pub(super) fn decoded_rows(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions) -> Option<RowScale> {
    let layout = header.blocks.as_ref()?;
    let is_jpeg_only = pyramid.formats().all().eq([Format::Jpg]);
    if !is_jpeg_only || !jpeg.tiles.can_cut(layout, pyramid.tile_size(), jpeg.subsampling) {
        return None;
    }
    let needs_pixels = |rendering| match rendering {
        Rendering::Whole(scale) => scale == ScaleFactor::ONE && !has_joinable_scans(jpeg),
        Rendering::Thumbnail(thumbnail) => thumbnail.source == ScaleFactor::ONE,
        Rendering::Tile(_) => false,
    };
    let pictures = pyramid.whole_levels().map(Rendering::Whole).chain(pyramid.thumbnails().map(Rendering::Thumbnail));
    let mixes_hidden_pixels = !header.has_clean_edges && layout.mixes_hidden_pixels();
    let is_only_level = pyramid.scale_factors().len() == 1;
    let is_full = is_only_level || mixes_hidden_pixels || pictures.into_iter().any(needs_pixels);
    Some(if is_full { RowScale::Full } else { RowScale::Half })
}

/// Returns `true` if a whole level's JPEG is joined from the scans of its tiles. They must all consist of the same MCUs.
pub(super) fn is_joined(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions, scale: ScaleFactor) -> bool {
    let is_cut = scale == ScaleFactor::ONE && decoded_rows(header, pyramid, jpeg).is_some();
    let mcu = match (header.format, jpeg.subsampling) {
        (PixelFormat::Rgb8, Subsampling::Half) => 16,
        (PixelFormat::Gray8, _) | (_, Subsampling::None) => 8,
    };
    has_joinable_scans(jpeg) && (is_cut || pyramid.tile_size().is_multiple_of(mcu))
}

/// Returns `true` if each file has a single scan.
fn has_joinable_scans(jpeg: JpegOptions) -> bool {
    jpeg.effort == Effort::Fast
}
