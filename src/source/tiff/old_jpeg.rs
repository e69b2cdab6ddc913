//! Old-style JPEG compression (TIFF 6.0, section 22), of which programs wrote many variants.
//!
//! Nearly all files have a complete JPEG for the whole image, and the strips are parts of it, or are the same bytes. This
//! JPEG is read as a single strip, so that neither the tables in tags nor the strips matter.

use super::input::TiffInput;
use super::tags::{self, Tags};
use crate::source::{DecodeError, Refusal};
use std::sync::Arc;

/// `Compression` value.
const OLD_JPEG: u16 = 6;

const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];

/// Returns `true` if a directory has this compression.
pub(super) fn is_used(tags: Tags<'_>) -> bool {
    tags.choice(tags::COMPRESSION, 1).is_ok_and(|compression| compression == OLD_JPEG)
}

/// Returns the byte offset and length of an image's JPEG, or `None` if it has another compression. The length extends to
/// the end of the file, since the tags for it are often wrong.
///
/// # Errors
/// Returns an error if there is no complete JPEG.
pub(super) fn stream(tags: Tags<'_>) -> Result<Option<(u64, u64)>, Refusal> {
    if !is_used(tags) {
        return Ok(None);
    }
    let input = &tags.structure.input;
    // One writer's offset points behind the start of the JPEG. Its only strip begins there.
    let offsets = [
        tags.number(tags::JPEG_INTERCHANGE_FORMAT)?,
        tags.first_numbers(tags::STRIP_OFFSETS, 1)?.and_then(|offsets| offsets.first().copied()),
    ];
    for offset in offsets.into_iter().flatten() {
        if begins_with_jpeg(input, offset)? {
            return Ok(Some((offset, input.length() - offset)));
        }
    }
    let what = "a TIFF with old-style JPEG compression, whose tables are in tags";
    Err(Refusal::unsupported(what, "convert it first, for example with libtiff: `tiffcp -c none IN.tif OUT.tif`"))
}

fn begins_with_jpeg(input: &Arc<TiffInput>, offset: u64) -> Result<bool, DecodeError> {
    Ok(input.has(offset, 2) && input.bytes(offset, 2)? == START_OF_IMAGE)
}
