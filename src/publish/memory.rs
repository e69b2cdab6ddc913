//! The memory of a publish, known before the first pixel.

use crate::iiif::{Pyramid, Size};
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
    let tile = Size::new(pyramid.tile_size(), pyramid.tile_size()).expect("a tile size is not 0");
    let in_flight = pictures_in_flight * tile.pixels().min(pyramid.size().pixels()) * ENCODED_BYTES_PER_PIXEL;
    BASE_BYTES
        + header.decoder_bytes
        + Cascade::bytes(pyramid, header.format)
        + in_flight
        + whole_levels(pyramid, header.format)
}

/// Encoded whole levels, and the pixels of those that thumbnails are made of.
fn whole_levels(pyramid: &Pyramid, format: PixelFormat) -> u64 {
    let encoded: u64 = pyramid.whole_levels().map(|scale| pyramid.size().at(scale).pixels()).sum();
    let mut sources: Vec<_> = pyramid.thumbnails().map(|thumbnail| thumbnail.source).collect();
    sources.dedup();
    let gathered: u64 = sources.iter().map(|scale| pyramid.size().at(*scale).pixels()).sum();
    encoded * ENCODED_BYTES_PER_PIXEL + gathered * format.channels() as u64
}
