//! Estimates peak memory usage from image headers.

use super::blocks::{decoded_rows, is_joined};
use crate::encode::{BlankTiles, Effort, JpegOptions, JpegTiles, Subsampling};
use crate::iiif::{Format, Formats, Pyramid, PyramidShape, ScaleFactor, Size};
use crate::pixel::{Block, BlockLayout, PixelFormat, RowScale};
use crate::pyramid::{Cascade, STRIPS_PER_LEVEL};
use crate::source::Header;

/// Memory used by the program itself, including code, runtime, TLS, and codec buffers.
const BASE_BYTES: u64 = 32 << 20;

/// Memory used by a connection and the request on it. Measured with uploads of small tiles, without TLS.
const CONNECTION_BYTES: u64 = 40 << 10;

/// Upper bound on encoded bytes per pixel. Photos at quality 85 need about a fifth of it.
const ENCODED_BYTES_PER_PIXEL: u64 = 1;

/// Maximum number of pictures in memory across all of a publisher's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InFlight {
    /// Number of pictures being encoded.
    pub encoders: u64,
    /// Number of pictures being encoded or already encoded.
    pub pictures: u64,
    /// Number of pictures being uploaded.
    pub uploads: u64,
    /// Maximum total size of these pictures, in bytes. If they are large, fewer are allowed.
    pub encoded_bytes: u64,
}

impl InFlight {
    /// Enough to upload 120 MB/s with a latency of 200 ms.
    const ENCODED_BYTES: u64 = 24 << 20;

    /// Returns the limits for `jobs` encoders and `concurrency` uploads.
    pub(super) const fn new(jobs: usize, concurrency: usize) -> Self {
        let pictures = jobs.saturating_add(concurrency) as u64;
        Self { encoders: jobs as u64, pictures, uploads: concurrency as u64, encoded_bytes: Self::ENCODED_BYTES }
    }

    /// Returns the memory used by the program and its connections, in bytes.
    const fn base_bytes(self) -> u64 {
        BASE_BYTES.saturating_add(self.uploads.saturating_mul(CONNECTION_BYTES))
    }
}

/// Bytes per pixel used by the WebP encoder: 3 for RGB and half as many for YUV. Later allocations are smaller because
/// the RGB buffer is freed before encoding starts.
const WEBP_BYTES_PER_PIXEL: u64 = 5;

/// Returns the maximum encoded bytes per pixel, summed over all formats. A PNG of random noise is 1.4 times the size of
/// its pixels at the fast compression level.
fn encoded_bytes_per_pixel(formats: Formats, channels: u64) -> u64 {
    let of_format = |format| match format {
        Format::Jpg | Format::Webp => ENCODED_BYTES_PER_PIXEL,
        Format::Png => (3 * channels).div_ceil(2),
    };
    formats.all().map(of_format).sum()
}

/// Returns the memory used by a picture's encoders, in addition to their output. WebP needs a copy of the pixels. JPEG
/// and PNG only need small buffers, except that JPEG with [`Effort::Small`] stores 16-bit coefficients before and after
/// quantization.
fn encoder_bytes(size: Size, formats: Formats, channels: u64, jpeg: JpegOptions) -> u64 {
    let webp = if formats.all().any(|format| format == Format::Webp) { WEBP_BYTES_PER_PIXEL } else { 0 };
    let coefficients = match (jpeg.effort_of(size), jpeg.subsampling) {
        (Effort::Fast, _) => 0,
        // Both chroma channels are a quarter of the size.
        (Effort::Small, Subsampling::Half) if channels > 1 => 6,
        (Effort::Small, _) => 4 * channels,
    };
    size.pixels() * (webp + coefficients)
}

/// Returns the peak memory needed to publish one image, in bytes.
///
/// This includes two strips per level (`4 x width x tile height x channels`), decoder memory, encoded pictures in
/// flight in all formats along with their encoders, whole levels, and the levels used to create thumbnails. None of
/// these depend on the image's height, unless the format forces the decoder to hold the whole image or `full/max` is
/// uncapped.
pub(super) fn peak_memory_bytes(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions, in_flight: InFlight) -> u64 {
    let tile = tile_size(pyramid.tile_size());
    let tile = if tile.pixels() < pyramid.size().pixels() { tile } else { pyramid.size() };
    in_flight.base_bytes()
        + in_flight_bytes(tile, pyramid.formats(), jpeg, in_flight)
        + image_bytes(header, pyramid, jpeg, in_flight).total()
}

/// Returns the memory shared by all of a publisher's images, in bytes.
pub(super) fn shared_bytes(shape: PyramidShape, jpeg: JpegOptions, in_flight: InFlight) -> u64 {
    in_flight.base_bytes() + in_flight_bytes(tile_size(shape.tile_size()), shape.formats(), jpeg, in_flight)
}

fn tile_size(side: u32) -> Size {
    Size::new(side, side).expect("a shape has no empty tiles")
}

/// Returns the memory used by tiles that are encoded or being encoded, in bytes.
fn in_flight_bytes(tile: Size, formats: Formats, jpeg: JpegOptions, in_flight: InFlight) -> u64 {
    let tile_bytes = encoded_tile_bytes(tile.pixels(), formats, jpeg);
    // A single tile may exceed the limit.
    let encoded = (in_flight.pictures * tile_bytes).min(in_flight.encoded_bytes.max(tile_bytes));
    let channels = PixelFormat::Rgb8.channels() as u64;
    encoded + in_flight.encoders * encoder_bytes(tile, formats, channels, jpeg)
}

/// Returns the maximum encoded size of a tile in bytes, summed over all formats.
pub(super) fn encoded_tile_bytes(pixels: u64, formats: Formats, jpeg: JpegOptions) -> u64 {
    let channels = PixelFormat::Rgb8.channels() as u64;
    // Lossless tiles are as large as in the source, which may use the highest quality.
    let lossless = if jpeg.tiles == JpegTiles::Lossless { channels } else { 0 };
    pixels * encoded_bytes_per_pixel(formats, channels).max(lossless)
}

/// Memory used by one image, excluding shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageBytes {
    /// Bytes held until the image has been read and its tiles have been encoded.
    pub(super) reading: u64,
    /// Bytes held until the last object has been stored.
    pub(super) lasting: u64,
}

impl ImageBytes {
    pub(super) fn total(self) -> u64 {
        self.reading + self.lasting
    }
}

/// Returns the additional memory needed for each image.
pub(super) fn image_bytes(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions, in_flight: InFlight) -> ImageBytes {
    // Every picture embeds the profile, including cached blank tiles.
    let profile_bytes = header.kept_profile.as_ref().map_or(0, |profile| profile.len() as u64);
    let profile_bytes = profile_bytes * pyramid.formats().count();
    let profiles =
        (profile_bytes * in_flight.pictures).min(in_flight.encoded_bytes) + profile_bytes * BlankTiles::MAX as u64;
    let blocks = decoded_rows(header, pyramid, jpeg);
    let strips = Cascade::bytes(pyramid, header.format, blocks.unwrap_or(RowScale::Full))
        + header
            .blocks
            .as_ref()
            .filter(|_| blocks.is_some())
            .map_or(0, |layout| block_strip_bytes(layout, pyramid) + header.block_bytes);
    ImageBytes { reading: header.decoder_bytes + strips, lasting: profiles + whole_levels(header, pyramid, jpeg) }
}

/// Returns the memory used by strips of JPEG blocks, in bytes.
fn block_strip_bytes(layout: &BlockLayout, pyramid: &Pyramid) -> u64 {
    let rows = pyramid.size().height().min(pyramid.tile_size());
    (STRIPS_PER_LEVEL * layout.strip_blocks(rows) * size_of::<Block>()) as u64
}

/// Returns the memory that a level needs in addition to its file if it's joined from the scans of its tiles, in bytes.
fn joined_bytes(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions, scale: ScaleFactor) -> u64 {
    let size = pyramid.size().at(scale);
    // Each scan is either waiting or part of the file, but while a row of tiles is joined, it is both.
    let row_pixels = u64::from(size.width()) * u64::from(size.height().min(pyramid.tile_size()));
    let is_cut = scale == ScaleFactor::ONE && decoded_rows(header, pyramid, jpeg).is_some();
    if is_cut && jpeg.tiles == JpegTiles::Lossless {
        // The source may have the highest quality.
        let bytes = encoded_tile_bytes(size.pixels() + row_pixels, pyramid.formats(), jpeg);
        return bytes - size.pixels() * ENCODED_BYTES_PER_PIXEL;
    }
    row_pixels * ENCODED_BYTES_PER_PIXEL
}

/// Returns the memory used by whole levels and thumbnail sources, in bytes.
fn whole_levels(header: &Header, pyramid: &Pyramid, jpeg: JpegOptions) -> u64 {
    let channels = header.format.channels() as u64;
    let formats = pyramid.formats();
    let encoded = encoded_bytes_per_pixel(formats, channels);
    let of_level = |scale| {
        let size = pyramid.size().at(scale);
        let joined =
            if is_joined(header, pyramid, jpeg, scale) { joined_bytes(header, pyramid, jpeg, scale) } else { 0 };
        size.pixels() * encoded + joined + encoder_bytes(size, formats, channels, jpeg)
    };
    let whole: u64 = pyramid.whole_levels().map(of_level).sum();
    let mut sources: Vec<_> = pyramid.thumbnails().map(|thumbnail| thumbnail.source).collect();
    sources.dedup();
    let gathered: u64 = sources.iter().map(|scale| pyramid.size().at(*scale).pixels()).sum();
    whole + gathered * channels
}
