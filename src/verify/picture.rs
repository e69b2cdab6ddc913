//! Checks that a response body contains the expected image.

use super::expected::{Expected, Measure};
use super::fetch::Answer;
use super::finding::Problem;
use super::information::is_media_type;
use crate::iiif::{Format, Size};
use crate::libjpeg::{Decoder, LibjpegError};
use bytes::Bytes;
use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder, Limits};
use std::error::Error;
use std::io::Cursor;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Maximum number of bytes per pixel. Noise takes about three bytes as a quality 100 JPEG and four as a fast PNG.
/// Profiles and metadata are counted separately.
const BYTES_PER_PIXEL: u64 = 5;
const METADATA_BYTES: u64 = 1 << 20;

/// Maximum number of bytes regardless of dimensions.
const MAX_BYTES: u64 = 512 << 20;

/// Maximum decoder memory in bytes. libjpeg needs this for files with multiple scans, and WebP for every file.
const MAX_DECODER_BYTES: u64 = 1 << 30;

/// Number of rows to decode and discard at a time.
const ROWS: u32 = 16;

/// Returns the maximum size in bytes for an image with these dimensions.
pub(super) fn limit_bytes(measure: Measure) -> u64 {
    (measure.max_pixels() * BYTES_PER_PIXEL + METADATA_BYTES).min(MAX_BYTES)
}

/// Checks an image's media type, data and dimensions. Holds a permit from `decoders` while decoding.
pub(super) async fn problems(answer: &Answer, expected: Expected, decoders: &Semaphore) -> Vec<Problem> {
    let Expected { request, measure } = expected;
    let format = request.format;
    let mut problems = Vec::new();
    if !is_media_type(answer, format.media_type()) {
        problems.push(Problem::MediaType { found: answer.content_type.clone(), expected: format.media_type() });
    }
    let body = answer.body.clone();
    let _permit = decoders.acquire().await.expect("the semaphore is never closed");
    let decoded = spawn_blocking(move || decode(body, format, measure)).await;
    let decoded = decoded.unwrap_or_else(|_| Err("internal error: the decoder panicked".into()));
    problems.extend(decoded.err().map(|wrong| match wrong {
        Wrong::Size(found) => Problem::Size { found: found.to_string(), expected: measure.to_string() },
        Wrong::Damaged(reason) => Problem::Damaged { format, reason },
    }));
    problems
}

/// A problem with an image's body.
enum Wrong {
    Size(Size),
    Damaged(String),
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Damaged(error.into().to_string())
    }
}

/// Decodes an entire image.
///
/// Stops after the header if the dimensions are wrong, because a malicious file may claim to be huge.
fn decode(body: Bytes, format: Format, measure: Measure) -> Result<(), Wrong> {
    let body = Cursor::new(body);
    match format {
        Format::Jpg => decode_jpeg(body, measure),
        Format::Webp => decode_webp(body, measure),
        Format::Png => decode_png(body, measure),
    }
}

fn measured((width, height): (u32, u32), measure: Measure) -> Result<Size, Wrong> {
    let size = Size::new(width, height)?;
    if measure.allows(size) { Ok(size) } else { Err(Wrong::Size(size)) }
}

fn decode_jpeg(body: Cursor<Bytes>, measure: Measure) -> Result<(), Wrong> {
    let mut decoder = Decoder::new(Box::new(body))?;
    let size = measured((decoder.width(), decoder.height()), measure)?;
    if decoder.whole_image_bytes() > MAX_DECODER_BYTES {
        return Err("decoding needs more than 1 GiB of memory".into());
    }
    // Decode every row. A truncated file still has the right header and media type, and a CDN may even serve it with
    // status 200, so only the entropy decoder notices.
    decoder.start()?;
    let mut rows = vec![0; decoder.row_bytes() * ROWS as usize];
    let mut left = size.height();
    while left > 0 {
        let count = left.min(ROWS);
        decoder.read_rows(&mut rows[..decoder.row_bytes() * count as usize])?;
        left -= count;
    }
    decoder.finish()?;
    if decoder.is_end_missing() { Err(LibjpegError::Truncated.into()) } else { Ok(()) }
}

fn decode_webp(body: Cursor<Bytes>, measure: Measure) -> Result<(), Wrong> {
    let mut decoder = WebPDecoder::new(body)?;
    measured(decoder.dimensions(), measure)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    limits.reserve(decoder.total_bytes())?;
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes())?];
    decoder.set_limits(limits)?;
    Ok(decoder.read_image(&mut pixels)?)
}

fn decode_png(body: Cursor<Bytes>, measure: Measure) -> Result<(), Wrong> {
    let mut reader = png::Decoder::new(body).read_info()?;
    measured(reader.info().size(), measure)?;
    while reader.next_row()?.is_some() {}
    Ok(reader.finish()?)
}
