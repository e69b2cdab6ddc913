//! Whole-image thumbnails at sizes between two levels.

use super::{EncodeError, Encoded, Encoding, PictureEncoder};
use crate::iiif::{Format, Size};
use crate::pixel::{PixelFormat, Strip};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, Resizer};

/// All pixels of a level, collected from its strips. Only used for levels slightly larger than a thumbnail.
#[derive(Debug)]
pub struct LevelPixels {
    size: Size,
    format: PixelFormat,
    pixels: Vec<u8>,
}

impl LevelPixels {
    /// Creates an empty level of `size` pixels.
    #[must_use]
    pub fn new(size: Size, format: PixelFormat) -> Self {
        let bytes = format.row_bytes(size.width()) * size.height() as usize;
        Self { size, format, pixels: Vec::with_capacity(bytes) }
    }

    /// Appends the next strip.
    pub fn push(&mut self, strip: &Strip) {
        strip.rows().for_each(|row| self.pixels.extend_from_slice(row));
    }
}

/// Shrinks a level and encodes it in each format. Uses the resizer's default filter, Lanczos.
///
/// # Errors
/// Returns an error if the level is missing strips, or if a codec fails unexpectedly.
pub fn encode_thumbnail(
    level: &LevelPixels,
    size: Size,
    formats: &[Format],
    encoding: &Encoding,
) -> Result<Vec<Encoded>, EncodeError> {
    let refused = |error: &dyn std::error::Error| EncodeError(error.to_string().into());
    let kind = match level.format {
        PixelFormat::Gray8 => PixelType::U8,
        PixelFormat::Rgb8 => PixelType::U8x3,
    };
    let from = ImageRef::new(level.size.width(), level.size.height(), &level.pixels, kind);
    let from = from.map_err(|error| refused(&error))?;
    let mut to = Image::new(size.width(), size.height(), kind);
    Resizer::new().resize(&from, &mut to, None).map_err(|error| refused(&error))?;
    // All formats share the resized image, so each extra format only costs its encoding.
    let mut encoder = PictureEncoder::new(size, level.format, formats, encoding)?;
    encoder.write_rows(&to.buffer().chunks_exact(level.format.row_bytes(size.width())))?;
    encoder.finish()
}
