//! Estimates the total size of an image's objects.

use super::format::Format;
use super::plan::Plan;
use super::pyramid::Rendering;

/// Returns the average bytes per pixel for photos at quality 85 and 4:2:0. Individual photos vary by up to a factor of
/// two.
fn bytes_per_pixel(format: Format) -> f64 {
    match format {
        Format::Jpg => 0.2,
        Format::Webp => 0.14,
        Format::Png => 1.7,
    }
}

/// Returns the fixed overhead of a file's tables and markers, in bytes.
fn bytes_per_picture(format: Format) -> f64 {
    match format {
        Format::Jpg => 620.0,
        Format::Webp | Format::Png => 60.0,
    }
}

impl Plan {
    /// Estimates the total bytes of all image files in all formats, excluding `info.json`. For photos, the estimate is
    /// accurate to within a factor of two.
    #[must_use]
    pub fn estimated_bytes(&self) -> u64 {
        self.pyramid().formats().all().map(|format| estimated_bytes(self, format)).sum()
    }
}

/// Counts each tile once, then adds the other requests for whole images.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
fn estimated_bytes(plan: &Plan, format: Format) -> u64 {
    let pyramid = plan.pyramid();
    let (of_pixel, of_picture) = (bytes_per_pixel(format), bytes_per_picture(format));
    let picture = |pixels: u64, count: u64| pixels as f64 * of_pixel + count as f64 * of_picture;
    let levels: u64 = pyramid.scale_factors().iter().map(|scale| pyramid.size().at(*scale).pixels()).sum();
    let one_tile = pyramid.scale_factors().iter().filter(|scale| pyramid.fits_one_tile(**scale));
    let one_tile = one_tile.map(|scale| (pyramid.size().at(*scale), pyramid.whole(*scale), 1));
    let wholes = pyramid.whole_levels().map(|scale| (pyramid.size().at(scale), Rendering::Whole(scale), 0));
    let thumbnails = pyramid.thumbnails().map(|thumbnail| (thumbnail.size, Rendering::Thumbnail(thumbnail), 0));
    // A level that fits one tile has already been counted once as a tile. It's a single rendition, but viewers also
    // request it as a whole image. Larger levels and thumbnails are only requested as whole images.
    let others = one_tile.chain(wholes).chain(thumbnails).map(|(size, rendering, counted)| {
        let copies = (plan.requests_in(format, rendering).len() as u64).saturating_sub(counted);
        picture(size.pixels() * copies, copies)
    });
    (picture(levels, pyramid.tile_count()) + others.sum::<f64>()) as u64
}
