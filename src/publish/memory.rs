//! The memory of a publish, known before the first pixel.

use crate::iiif::Pyramid;
use crate::pixel::PixelFormat;
use crate::pyramid::Cascade;
use crate::source::Header;

/// The program itself: code, runtime, TLS, the connections of the store, buffers of decoder and encoders.
const BASE_BYTES: u64 = 32 << 20;

/// What an encoded picture takes of a pixel at its most, in bytes: photographs at quality 85 take a fifth of it.
const ENCODED_BYTES_PER_PIXEL: u64 = 1;

/// What publishing one image takes at its most, in bytes.
///
/// Strips (two of each level: `4 x width x tile height x channels`), what the decoder holds, encoded pictures in flight,
/// and the levels that thumbnails are resampled from. None of it grows with the height of the image, unless the format
/// makes the decoder hold it whole, or `full/max` is uncapped.
#[must_use]
pub fn peak_memory_bytes(header: &Header, pyramid: &Pyramid, pictures_in_flight: u64) -> u64 {
    let in_flight =
        in_flight_bytes(pyramid.tile_size(), pictures_in_flight).min(pictures_in_flight * pyramid.size().pixels());
    BASE_BYTES + in_flight + image_bytes(header, pyramid)
}

/// What all images of a publisher share.
pub(super) fn shared_bytes(tile_size: u32, pictures_in_flight: u64) -> u64 {
    BASE_BYTES + in_flight_bytes(tile_size, pictures_in_flight)
}

fn in_flight_bytes(tile_size: u32, pictures_in_flight: u64) -> u64 {
    pictures_in_flight * u64::from(tile_size).pow(2) * ENCODED_BYTES_PER_PIXEL
}

/// What each image takes besides.
pub(super) fn image_bytes(header: &Header, pyramid: &Pyramid) -> u64 {
    header.decoder_bytes + Cascade::bytes(pyramid, header.format) + whole_levels(pyramid, header.format)
}

/// Encoded whole levels, and the pixels of those that thumbnails are made of.
fn whole_levels(pyramid: &Pyramid, format: PixelFormat) -> u64 {
    let encoded: u64 = pyramid.whole_levels().map(|scale| pyramid.size().at(scale).pixels()).sum();
    let mut sources: Vec<_> = pyramid.thumbnails().map(|thumbnail| thumbnail.source).collect();
    sources.dedup();
    let gathered: u64 = sources.iter().map(|scale| pyramid.size().at(*scale).pixels()).sum();
    encoded * ENCODED_BYTES_PER_PIXEL + gathered * format.channels() as u64
}
