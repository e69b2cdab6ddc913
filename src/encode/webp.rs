//! Lossy WebP, through libwebp, which wants whole pictures.

use super::EncodeError;
use crate::iiif::Size;
use crate::libwebp::Picture;
use crate::pixel::PixelFormat;

/// Gathers the rows of a picture.
pub(super) struct Encoder {
    size: Size,
    format: PixelFormat,
    quality: u8,
    pixels: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(size: Size, format: PixelFormat, quality: u8) -> Self {
        let bytes = format.row_bytes(size.width()) * size.height() as usize;
        Self { size, format, quality, pixels: Vec::with_capacity(bytes) }
    }

    pub(super) fn write_rows<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>) {
        rows.for_each(|row| self.pixels.extend_from_slice(row));
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        let Self { size, format, quality, pixels } = self;
        let bytes = format.row_bytes(size.width()) * size.height() as usize;
        if pixels.len() != bytes {
            return Err(EncodeError::rows_missing());
        }
        let rgb = match format {
            // WebP has no grey.
            PixelFormat::Grey8 => pixels.into_iter().flat_map(|grey| [grey; 3]).collect(),
            PixelFormat::Rgb8 => pixels,
        };
        let picture = Picture::of_rgb(size.width(), size.height(), &rgb)?;
        // A level can be large, and what is encoded is a copy.
        drop(rgb);
        Ok(picture.encode(quality)?)
    }
}
