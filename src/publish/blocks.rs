//! Decides whether to cut tiles directly out of JPEG blocks or to encode them from pixels.

use crate::encode::JpegOptions;
use crate::iiif::{Format, Pyramid, Rendering, ScaleFactor};
use crate::pixel::RowScale;
use crate::source::Header;

/// Returns the scale at which rows still have to be decoded when full-size tiles are cut from JPEG blocks, or `None` if
/// blocks can't be used.
///
/// Only JPEG tiles can be cut from blocks. The other levels usually need rows at half size. Full-size rows are needed
/// in three cases: the image has full-size pictures other than tiles, it has only one level, or its last blocks extend
/// past the edge. In the last case, decoding at half size would mix hidden pixels into visible pixels.
pub(super) fn decoded_rows(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions) -> Option<RowScale> {
    let layout = header.blocks.as_ref()?;
    let is_jpeg_only = pyramid.formats().all().eq([Format::Jpg]);
    if !is_jpeg_only || !jpeg.tiles.can_cut(layout, pyramid.tile_size(), jpeg.subsampling) {
        return None;
    }
    let needs_pixels = |rendering| match rendering {
        Rendering::Whole(scale) => scale == ScaleFactor::ONE,
        Rendering::Thumbnail(thumbnail) => thumbnail.source == ScaleFactor::ONE,
        Rendering::Tile(_) => false,
    };
    let pictures = pyramid.whole_levels().map(Rendering::Whole).chain(pyramid.thumbnails().map(Rendering::Thumbnail));
    let is_only_level = pyramid.scale_factors().len() == 1;
    let (across, down) = layout.mcu();
    let has_hidden_pixels = !(layout.size.width().is_multiple_of(across) && layout.size.height().is_multiple_of(down));
    let is_full = is_only_level || has_hidden_pixels || pictures.into_iter().any(needs_pixels);
    Some(if is_full { RowScale::Full } else { RowScale::Half })
}
