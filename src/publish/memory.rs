//! Estimates the peak memory of a publish from headers alone.

use super::blocks::decoded_rows;
use crate::encode::{BlankTiles, Effort, JpegOptions, JpegTiles, Subsampling};
use crate::iiif::{Format, Formats, Pyramid, PyramidShape, Size};
use crate::pixel::{Block, BlockLayout, PixelFormat, RowScale};
use crate::pyramid::{Cascade, STRIPS_PER_LEVEL};
use crate::source::Header;

/// Memory of the program itself: code, runtime, TLS, connections, and the buffers of decoders and encoders.
const BASE_BYTES: u64 = 32 << 20;

/// Upper bound of the bytes of an encoded pixel. Photographs at quality 85 take a fifth of it.
const ENCODED_BYTES_PER_PIXEL: u64 = 1;

/// Pictures that may be in memory at the same time, of all images of a publisher together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InFlight {
    /// Pictures that are being encoded.
    pub encoders: u64,
    /// Pictures that are being encoded or are encoded.
    pub pictures: u64,
    /// Maximum bytes of these pictures. If they are large, there are fewer.
    pub encoded_bytes: u64,
}

impl InFlight {
    /// Enough for 120 MB/s to a store that is 200 ms away.
    const ENCODED_BYTES: u64 = 24 << 20;

    /// Returns the limits for `jobs` encoders and `concurrency` uploads.
    pub(super) const fn new(jobs: usize, concurrency: usize) -> Self {
        let pictures = jobs.saturating_add(concurrency) as u64;
        Self { encoders: jobs as u64, pictures, encoded_bytes: Self::ENCODED_BYTES }
    }
}

/// Bytes that the WebP encoder needs for a pixel: three of RGB, and half as many of YUV. Later allocations are smaller, because the
/// RGB is freed before encoding begins.
const WEBP_BYTES_PER_PIXEL: u64 = 5;

/// Returns the bytes of an encoded pixel, in all formats together. A PNG of noise takes 1.4 times its pixels at the fast
/// compression level.
fn encoded_bytes_per_pixel(formats: Formats, channels: u64) -> u64 {
    let of_format = |format| match format {
        Format::Jpg | Format::Webp => ENCODED_BYTES_PER_PIXEL,
        Format::Png => (3 * channels).div_ceil(2),
    };
    formats.all().map(of_format).sum()
}

/// Returns the bytes that the encoders of a picture need beside their output. WebP needs its pixels. JPEG and PNG need nothing that
/// grows with the picture, except a JPEG with [`Effort::Small`]: its 16-bit coefficients, before and after quantization.
fn encoder_bytes(size: Size, formats: Formats, channels: u64, jpeg: JpegOptions) -> u64 {
    let webp = if formats.all().any(|format| format == Format::Webp) { WEBP_BYTES_PER_PIXEL } else { 0 };
    let coefficients = match (jpeg.effort_of(size), jpeg.subsampling) {
        (Effort::Fast, _) => 0,
        // Of three channels, two have a quarter each.
        (Effort::Small, Subsampling::Half) if channels > 1 => 6,
        (Effort::Small, _) => 4 * channels,
    };
    size.pixels() * (webp + coefficients)
}

/// Returns the peak memory of publishing one image, in bytes.
///
/// Strips (two of each level: `4 x width x tile height x channels`), what the decoder holds, encoded pictures in flight in
/// all formats and what their encoders hold, whole levels, and the levels that thumbnails are resampled from. None of it
/// grows with the height of the image, unless the format makes the decoder hold it whole, or `full/max` is uncapped.
pub(super) fn peak_memory_bytes(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions, in_flight: InFlight) -> u64 {
    let tile = tile_size(pyramid.tile_size());
    let tile = if tile.pixels() < pyramid.size().pixels() { tile } else { pyramid.size() };
    BASE_BYTES
        + in_flight_bytes(tile, pyramid.formats(), jpeg, in_flight)
        + image_bytes(header, pyramid, jpeg, in_flight).total()
}

/// Returns the memory that all images of a publisher share, in bytes.
pub(super) fn shared_bytes(shape: PyramidShape, jpeg: JpegOptions, in_flight: InFlight) -> u64 {
    BASE_BYTES + in_flight_bytes(tile_size(shape.tile_size()), shape.formats(), jpeg, in_flight)
}

fn tile_size(side: u32) -> Size {
    Size::new(side, side).expect("a shape has no empty tiles")
}

/// Tiles that are encoded, and that are being encoded.
fn in_flight_bytes(tile: Size, formats: Formats, jpeg: JpegOptions, in_flight: InFlight) -> u64 {
    let tile_bytes = encoded_tile_bytes(tile.pixels(), formats, jpeg);
    // A single tile may be larger than the limit.
    let encoded = (in_flight.pictures * tile_bytes).min(in_flight.encoded_bytes.max(tile_bytes));
    let channels = PixelFormat::Rgb8.channels() as u64;
    encoded + in_flight.encoders * encoder_bytes(tile, formats, channels, jpeg)
}

/// Returns the bytes that a tile takes at most when it is encoded, in all formats together.
pub(super) fn encoded_tile_bytes(pixels: u64, formats: Formats, jpeg: JpegOptions) -> u64 {
    let channels = PixelFormat::Rgb8.channels() as u64;
    // As large as they are in the source, which may have the highest quality.
    let lossless = if jpeg.tiles == JpegTiles::Lossless { channels } else { 0 };
    pixels * encoded_bytes_per_pixel(formats, channels).max(lossless)
}

/// The memory that an image takes, beside what all images share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageBytes {
    /// Until the image has been read and its tiles are encoded.
    pub(super) reading: u64,
    /// Until its last object is stored.
    pub(super) lasting: u64,
}

impl ImageBytes {
    pub(super) fn total(self) -> u64 {
        self.reading + self.lasting
    }
}

/// Returns what each image takes besides.
pub(super) fn image_bytes(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions, in_flight: InFlight) -> ImageBytes {
    // Every picture carries it, the blank ones that are remembered too.
    let profile_bytes = header.kept_profile.as_ref().map_or(0, |profile| profile.len() as u64);
    let profile_bytes = profile_bytes * pyramid.formats().count();
    let profiles =
        (profile_bytes * in_flight.pictures).min(in_flight.encoded_bytes) + profile_bytes * BlankTiles::MAX as u64;
    let blocks = decoded_rows(header, pyramid, jpeg);
    let strips = Cascade::bytes(pyramid, header.format, blocks.unwrap_or(RowScale::Full))
        + header.blocks.as_ref().filter(|_| blocks.is_some()).map_or(0, |layout| block_strip_bytes(layout, pyramid));
    ImageBytes {
        reading: header.decoder_bytes + strips,
        lasting: profiles + whole_levels(pyramid, header.format, jpeg),
    }
}

/// Returns the size of the strips of JPEG blocks, in bytes.
fn block_strip_bytes(layout: &BlockLayout, pyramid: &Pyramid) -> u64 {
    let rows = pyramid.size().height().min(pyramid.tile_size());
    (STRIPS_PER_LEVEL * layout.strip_blocks(rows) * size_of::<Block>()) as u64
}

/// Returns the size of whole levels and of the pixels that thumbnails are made from, in bytes.
fn whole_levels(pyramid: &Pyramid, format: PixelFormat, jpeg: JpegOptions) -> u64 {
    let channels = format.channels() as u64;
    let formats = pyramid.formats();
    let encoded = encoded_bytes_per_pixel(formats, channels);
    let of_level = |size: Size| size.pixels() * encoded + encoder_bytes(size, formats, channels, jpeg);
    let whole: u64 = pyramid.whole_levels().map(|scale| of_level(pyramid.size().at(scale))).sum();
    let mut sources: Vec<_> = pyramid.thumbnails().map(|thumbnail| thumbnail.source).collect();
    sources.dedup();
    let gathered: u64 = sources.iter().map(|scale| pyramid.size().at(*scale).pixels()).sum();
    whole + gathered * channels
}
