//! Encodes one image in several formats from a single pass over its rows.

use super::options::Encoding;
#[cfg(feature = "webp")]
use super::webp;
use super::{EncodeError, jpeg, png};
use crate::iiif::{Format, Size};
use crate::libjpeg;
use crate::pixel::{PixelFormat, Strip, Tile};

/// An encoded image file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The image format.
    pub format: Format,
    /// The content of the file.
    pub bytes: Vec<u8>,
}

/// Encodes one tile in each of the formats.
///
/// # Errors
/// Returns an error if a codec fails (not expected), or if the ICC profile is too large for a JPEG.
pub fn encode_tile(tile: &Tile, formats: &[Format], encoding: &Encoding) -> Result<Vec<Encoded>, EncodeError> {
    let mut encoder = PictureEncoder::new(tile.size, tile.format(), formats, encoding)?;
    encoder.write_rows(&tile.rows())?;
    encoder.finish()
}

/// Encodes an image from rows as they arrive.
///
/// JPEG and PNG hold only the encoded bytes, WebP holds the pixels, and JPEG with
/// [`Effort::Small`](super::Effort::Small) holds the coefficients.
pub struct PictureEncoder(Vec<(Format, Encoder)>);

impl PictureEncoder {
    /// Starts an image of `size` pixels in each of the formats.
    ///
    /// # Errors
    /// Returns an error if a side is longer than JPEG allows, or if the ICC profile is too large for a JPEG.
    pub fn new(size: Size, pixels: PixelFormat, formats: &[Format], encoding: &Encoding) -> Result<Self, EncodeError> {
        let encoder = |format: &Format| Ok((*format, Encoder::new(size, pixels, *format, encoding)?));
        Ok(Self(formats.iter().map(encoder).collect::<Result<_, EncodeError>>()?))
    }

    /// Encodes the next strip.
    ///
    /// # Errors
    /// Returns an error if a codec fails (not expected).
    pub fn push(&mut self, strip: &Strip) -> Result<(), EncodeError> {
        self.write_rows(&strip.rows())
    }

    pub(super) fn write_rows<'a>(
        &mut self,
        rows: &(impl Iterator<Item = &'a [u8]> + Clone),
    ) -> Result<(), EncodeError> {
        // The rows are an iterator that is cloned for each format, not a buffer: encoders read them in place.
        self.0.iter_mut().try_for_each(|(_, encoder)| encoder.write_rows(rows.clone()))
    }

    /// Returns the finished files.
    ///
    /// # Errors
    /// Returns an error if rows are missing, or if the image is too large for WebP.
    pub fn finish(self) -> Result<Vec<Encoded>, EncodeError> {
        let encoded = |(format, encoder): (Format, Encoder)| Ok(Encoded { format, bytes: encoder.finish()? });
        self.0.into_iter().map(encoded).collect()
    }
}

/// The encoder of one format.
enum Encoder {
    Jpeg(libjpeg::Encoder),
    #[cfg(feature = "webp")]
    Webp(webp::Encoder),
    Png(Box<png::Encoder>),
}

impl Encoder {
    fn new(size: Size, pixels: PixelFormat, format: Format, encoding: &Encoding) -> Result<Self, EncodeError> {
        Ok(match format {
            Format::Jpg => Self::Jpeg(jpeg::encoder(size, pixels, encoding)?),
            #[cfg(feature = "webp")]
            Format::Webp => Self::Webp(webp::Encoder::new(size, pixels, encoding)),
            #[cfg(not(feature = "webp"))]
            Format::Webp => return Err(EncodeError::webp_missing()),
            Format::Png => Self::Png(Box::new(png::Encoder::new(size, pixels, encoding)?)),
        })
    }

    fn write_rows<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>) -> Result<(), EncodeError> {
        match self {
            Self::Jpeg(encoder) => encoder.write_rows(rows)?,
            #[cfg(feature = "webp")]
            Self::Webp(encoder) => encoder.write_rows(rows),
            Self::Png(encoder) => encoder.write_rows(rows)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Jpeg(encoder) => Ok(encoder.finish()?),
            #[cfg(feature = "webp")]
            Self::Webp(encoder) => encoder.finish(),
            Self::Png(encoder) => encoder.finish(),
        }
    }
}
