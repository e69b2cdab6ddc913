//! One picture in several formats, from one reading of its rows.

use super::{EncodeError, JpegOptions, jpeg, png, webp};
use crate::iiif::{Format, Size};
use crate::libjpeg;
use crate::pixel::{PixelFormat, Strip, Tile};
use std::sync::Arc;

/// How the pictures of one image are encoded.
#[derive(Clone, Debug, Default)]
pub struct Encoding {
    /// As JPEG; the quality is that of WebP too.
    pub jpeg: JpegOptions,
    /// The ICC profile that they carry, if their colours are not sRGB; of as many channels as they have. WebP has no grey.
    pub profile: Option<Arc<[u8]>>,
}

/// A picture as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Of what format.
    pub format: Format,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Encodes one tile in each of the formats.
///
/// # Errors
/// Where a codec refuses, which it has no reason to.
pub fn encode_tile(tile: &Tile, formats: &[Format], encoding: &Encoding) -> Result<Vec<Encoded>, EncodeError> {
    let mut encoder = PictureEncoder::new(tile.size, tile.format(), formats, encoding)?;
    encoder.write_rows(&tile.rows())?;
    encoder.finish()
}

/// Encodes a picture from its rows, as they come. JPEG and PNG hold only what is encoded, WebP the pixels, and a
/// JPEG that is to be small its coefficients.
pub struct PictureEncoder(Vec<(Format, Encoder)>);

impl PictureEncoder {
    /// Begins a picture of `size` pixels in each of the formats.
    ///
    /// # Errors
    /// Where a side is longer than a JPEG file can be.
    pub fn new(size: Size, pixels: PixelFormat, formats: &[Format], encoding: &Encoding) -> Result<Self, EncodeError> {
        let encoder = |format: &Format| Ok((*format, Encoder::new(size, pixels, *format, encoding)?));
        Ok(Self(formats.iter().map(encoder).collect::<Result<_, EncodeError>>()?))
    }

    /// Encodes the next strip.
    ///
    /// # Errors
    /// Where a codec refuses.
    pub fn push(&mut self, strip: &Strip) -> Result<(), EncodeError> {
        self.write_rows(&strip.rows())
    }

    pub(super) fn write_rows<'a>(
        &mut self,
        rows: &(impl Iterator<Item = &'a [u8]> + Clone),
    ) -> Result<(), EncodeError> {
        self.0.iter_mut().try_for_each(|(_, encoder)| encoder.write_rows(rows.clone()))
    }

    /// The finished files.
    ///
    /// # Errors
    /// Where rows are missing, or WebP is too large.
    pub fn finish(self) -> Result<Vec<Encoded>, EncodeError> {
        let encoded = |(format, encoder): (Format, Encoder)| Ok(Encoded { format, bytes: encoder.finish()? });
        self.0.into_iter().map(encoded).collect()
    }
}

/// The encoder of one format.
enum Encoder {
    Jpeg(libjpeg::Encoder),
    Webp(webp::Encoder),
    Png(Box<png::Encoder>),
}

impl Encoder {
    fn new(size: Size, pixels: PixelFormat, format: Format, encoding: &Encoding) -> Result<Self, EncodeError> {
        Ok(match format {
            Format::Jpg => Self::Jpeg(jpeg::encoder(size, pixels, encoding)?),
            Format::Webp => Self::Webp(webp::Encoder::new(size, pixels, encoding)),
            Format::Png => Self::Png(Box::new(png::Encoder::new(size, pixels, encoding)?)),
        })
    }

    fn write_rows<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>) -> Result<(), EncodeError> {
        match self {
            Self::Jpeg(encoder) => encoder.write_rows(rows)?,
            Self::Webp(encoder) => encoder.write_rows(rows),
            Self::Png(encoder) => encoder.write_rows(rows)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Jpeg(encoder) => Ok(encoder.finish()?),
            Self::Webp(encoder) => encoder.finish(),
            Self::Png(encoder) => encoder.finish(),
        }
    }
}
