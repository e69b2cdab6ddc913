//! Whether a body is the picture that it should be.

use super::coverage::Measure;
use super::fetch::Answer;
use super::finding::Problem;
use super::information::is_media_type;
use crate::iiif::Size;
use crate::libjpeg::{Decoder, LibjpegError};
use bytes::Bytes;
use std::io::Cursor;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

const JPEG: &str = "image/jpeg";

/// Bytes of a JPEG file: noise at quality 100 takes some three for a pixel, profiles and metadata come on top.
const BYTES_PER_PIXEL: u64 = 4;
const METADATA_BYTES: u64 = 1 << 20;

/// However large the picture is.
const MAX_BYTES: u64 = 512 << 20;

/// What libjpeg may keep of a file with several scans.
const MAX_DECODER_BYTES: u64 = 1 << 30;

/// Rows that are decoded and thrown away at a time.
const ROWS: u32 = 16;

/// The most bytes that a picture of these dimensions can have.
pub(super) fn limit_bytes(measure: Measure) -> u64 {
    (measure.most_pixels() * BYTES_PER_PIXEL + METADATA_BYTES).min(MAX_BYTES)
}

/// What is wrong with a picture: its media type, its data, its dimensions. A permit of `decoders` is held meanwhile.
pub(super) async fn problems(answer: &Answer, measure: Measure, decoders: &Semaphore) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_media_type(answer, JPEG) {
        problems.push(Problem::MediaType { found: answer.content_type.clone(), expected: JPEG });
    }
    let body = answer.body.clone();
    let _permit = decoders.acquire().await.expect("the semaphore is never closed");
    let decoded = spawn_blocking(move || decode(body, measure)).await;
    let decoded = decoded.unwrap_or_else(|_| Err(damaged("the decoder gave up")));
    problems.extend(decoded.err());
    problems
}

/// Decodes a picture to its end. One that has the wrong dimensions by its header is not decoded any further: it may be
/// made to be as large as possible.
fn decode(body: Bytes, measure: Measure) -> Result<(), Problem> {
    let mut decoder = Decoder::new(Box::new(Cursor::new(body)))?;
    let size = Size::new(decoder.width(), decoder.height()).map_err(|error| damaged(&error))?;
    if !measure.allows(size) {
        return Err(Problem::Size { found: size.to_string(), expected: measure.to_string() });
    }
    if decoder.whole_image_bytes() > MAX_DECODER_BYTES {
        return Err(damaged("it would take more than a gibibyte to decode"));
    }
    decoder.start()?;
    let mut rows = vec![0; decoder.row_bytes() * ROWS as usize];
    let mut left = size.height();
    while left > 0 {
        let count = left.min(ROWS);
        decoder.read_rows(&mut rows[..decoder.row_bytes() * count as usize])?;
        left -= count;
    }
    Ok(decoder.finish()?)
}

fn damaged(reason: &(impl ToString + ?Sized)) -> Problem {
    Problem::Damaged { reason: reason.to_string() }
}

impl From<LibjpegError> for Problem {
    fn from(error: LibjpegError) -> Self {
        damaged(&error)
    }
}
