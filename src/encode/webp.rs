//! Lossy WebP encoding with libwebp, which needs all pixels at once.

use super::{EncodeError, Encoding};
use crate::iiif::Size;
use crate::libwebp::Picture;
use crate::pixel::PixelFormat;
use std::sync::Arc;

/// Collects an image's rows and encodes them at the end.
pub(super) struct Encoder {
    size: Size,
    format: PixelFormat,
    quality: u8,
    profile: Option<Arc<[u8]>>,
    pixels: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(size: Size, format: PixelFormat, encoding: &Encoding) -> Self {
        let bytes = format.row_bytes(size.width()) * size.height() as usize;
        let (quality, profile) = (encoding.jpeg.quality, encoding.profile.clone());
        Self { size, format, quality, profile, pixels: Vec::with_capacity(bytes) }
    }

    pub(super) fn write_rows<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>) {
        rows.for_each(|row| self.pixels.extend_from_slice(row));
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        let Self { size, format, quality, profile, pixels } = self;
        let bytes = format.row_bytes(size.width()) * size.height() as usize;
        if pixels.len() != bytes {
            return Err(EncodeError::rows_missing());
        }
        let rgb = match format {
            // WebP has no grayscale.
            PixelFormat::Gray8 => pixels.into_iter().flat_map(|gray| [gray; 3]).collect(),
            PixelFormat::Rgb8 => pixels,
        };
        let picture = Picture::of_rgb(size.width(), size.height(), &rgb)?;
        // Free the pixels early. They can be large, and the encoder has its own copy.
        drop(rgb);
        let file = picture.encode(quality)?;
        match profile {
            Some(profile) => with_profile(&file, size, &profile),
            None => Ok(file),
        }
    }
}

/// Length of the file header, which consists of `RIFF`, the remaining size, and `WEBP`.
const FILE_HEAD_BYTES: usize = 12;

/// Extended header flag for an ICC profile.
const HAS_PROFILE: u32 = 0x20;

/// Converts a simple WebP file to an extended file with an ICC profile ([WebP Container
/// Specification](https://developers.google.com/speed/webp/docs/riff_container#extended_file_format)).
fn with_profile(file: &[u8], size: Size, profile: &[u8]) -> Result<Vec<u8>, EncodeError> {
    // libwebp's encoder only writes the simple format, and adding a profile would require its separate muxer library.
    // The extended format is the same image chunk preceded by a header chunk and a profile chunk.
    let picture = file.get(FILE_HEAD_BYTES..).ok_or_else(EncodeError::rows_missing)?;
    // The header stores width and height minus one, in three bytes each.
    let [width, height] = [size.width(), size.height()].map(|side| (side - 1).to_le_bytes());
    let header = [&HAS_PROFILE.to_le_bytes(), &width[..3], &height[..3]].concat();
    let (header, profile) = (chunk(*b"VP8X", &header)?, chunk(*b"ICCP", profile)?);
    chunk(*b"RIFF", &[b"WEBP", &header[..], &profile, picture].concat())
}

/// Builds a RIFF chunk from a name and content, padded to an even length.
fn chunk(name: [u8; 4], content: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let length = u32::try_from(content.len()).map_err(|error| EncodeError(error.into()))?;
    let padding = &[0][..content.len() % 2];
    Ok([&name, &length.to_le_bytes()[..], content, padding].concat())
}
