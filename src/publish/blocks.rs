//! Whether tiles are made of the blocks of a JPEG.

use crate::encode::JpegOptions;
use crate::iiif::{Format, Pyramid, Rendering, ScaleFactor};
use crate::pixel::RowScale;
use crate::source::Header;

/// What is still decoded of an image whose tiles of the full size are made of its blocks; `None` where they are not.
///
/// Only JPEG tiles can be. Rows are wanted at the full size where that level is drawn whole too, or is all there is; and where
/// the last blocks reach beyond the image, because at half the size, what is hidden there would be mixed into what is shown.
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
