//! Whether a body is the picture that it should be.

use super::coverage::{Expected, Measure};
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

/// Bytes of a file: noise takes some three for a pixel as JPEG of quality 100, and four as PNG that was written fast; profiles
/// and metadata come on top.
const BYTES_PER_PIXEL: u64 = 5;
const METADATA_BYTES: u64 = 1 << 20;

/// However large the picture is.
const MAX_BYTES: u64 = 512 << 20;

/// What a decoder may keep: libjpeg of a file with several scans, that of WebP of any.
const MAX_DECODER_BYTES: u64 = 1 << 30;

/// Rows that are decoded and thrown away at a time.
const ROWS: u32 = 16;

/// The most bytes that a picture of these dimensions can have.
pub(super) fn limit_bytes(measure: Measure) -> u64 {
    (measure.most_pixels() * BYTES_PER_PIXEL + METADATA_BYTES).min(MAX_BYTES)
}

/// What is wrong with a picture: its media type, its data, its dimensions. A permit of `decoders` is held meanwhile.
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
    let decoded = decoded.unwrap_or_else(|_| Err("the decoder gave up".into()));
    problems.extend(decoded.err().map(|wrong| match wrong {
        Wrong::Size(found) => Problem::Size { found: found.to_string(), expected: measure.to_string() },
        Wrong::Damaged(reason) => Problem::Damaged { format, reason },
    }));
    problems
}

/// What is wrong with the body of a picture.
enum Wrong {
    Size(Size),
    Damaged(String),
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Damaged(error.into().to_string())
    }
}

/// Decodes a picture to its end. One that has the wrong dimensions by its header is not decoded any further: it may be
/// made to be as large as possible.
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
        return Err("it would take more than a gibibyte to decode".into());
    }
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
