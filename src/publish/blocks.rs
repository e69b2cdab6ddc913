//! Decides how the pictures of an image are made of JPEG blocks: tiles cut out of the file, and whole levels joined from
//! their tiles.

use crate::encode::{Effort, JpegOptions, Subsampling};
use crate::iiif::{Format, Pyramid, Rendering, ScaleFactor};
use crate::pixel::{BlockLayout, Component, PixelFormat, RowScale};
use crate::source::Header;

/// Returns the scale at which rows still have to be decoded when full-size tiles are cut from JPEG blocks, or `None` if
/// blocks can't be used.
///
/// Only JPEG tiles can be cut from blocks. The other levels usually need rows at half size. Full-size rows are needed
/// in three cases: the image has full-size pictures that aren't made of blocks, it has only one level, or its last
/// blocks extend past the edge. In the last case, decoding at half size would mix hidden pixels into visible pixels.
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
    let is_only_level = pyramid.scale_factors().len() == 1;
    let is_full = is_only_level || mixes_hidden_pixels(layout) || pictures.into_iter().any(needs_pixels);
    Some(if is_full { RowScale::Full } else { RowScale::Half })
}

/// Returns `true` if decoding at half size would mix pixels past the edges into visible pixels.
fn mixes_hidden_pixels(layout: &BlockLayout) -> bool {
    let (across, down) = layout.mcu();
    let is_whole = |it: &Component| {
        // At half size, a component with half the resolution in both directions is decoded like at full size. In all
        // others, each block of 8 x 8 samples becomes 4 x 4.
        let is_unscaled = (16 * it.h_samp, 16 * it.v_samp) == (across, down);
        let ends_with_block =
            |side: u32, samples: u32, mcu: u32| (u64::from(side) * u64::from(samples)).is_multiple_of(mcu.into());
        is_unscaled
            || ends_with_block(layout.size.width(), it.h_samp, across)
                && ends_with_block(layout.size.height(), it.v_samp, down)
    };
    !layout.components.iter().all(is_whole)
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
