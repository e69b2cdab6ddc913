//! Old-style JPEG compression (TIFF 6.0, section 22), which exists in many variants.
//!
//! Nearly all files contain a complete JPEG of the whole image. The strips are either parts of that JPEG or identical
//! to it. Reading it as a single strip makes the tables in tags and the actual strips irrelevant.

use super::input::TiffInput;
use super::tags::{self, Tags};
use crate::source::{DecodeError, Refusal};
use std::sync::Arc;

/// `Compression` tag value.
const OLD_JPEG: u16 = 6;

const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];

/// Returns `true` if a directory uses this compression.
pub(super) fn is_used(tags: Tags<'_>) -> bool {
    tags.choice(tags::COMPRESSION, 1).is_ok_and(|compression| compression == OLD_JPEG)
}

/// Returns the byte offset and length of an image's JPEG, or `None` if it uses a different compression. The length
/// extends to the end of the file because the relevant tags are often wrong.
///
/// # Errors
/// Returns an error if the file doesn't contain a complete JPEG.
pub(super) fn stream(tags: Tags<'_>) -> Result<Option<(u64, u64)>, Refusal> {
    if !is_used(tags) {
        return Ok(None);
    }
    let input = &tags.structure.input;
    // One writer sets an offset past the start of the JPEG. Its only strip has the correct offset.
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
