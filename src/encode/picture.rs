//! Encodes an image in several formats in a single pass over its rows.

use super::options::Encoding;
#[cfg(feature = "webp")]
use super::webp;
use super::{EncodeError, jpeg, png};
use crate::iiif::{Format, Size};
use crate::libjpeg::{self, Scan};
use crate::pixel::{PixelFormat, Strip, Tile};

/// An encoded image file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Image format.
    pub format: Format,
    /// File contents.
    pub bytes: Vec<u8>,
}

/// An encoded tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedTile {
    /// One file per format.
    pub pictures: Vec<Encoded>,
    /// Scan of the JPEG, if it is kept to be [joined](super::JoinedScans) with those of other tiles.
    pub scan: Option<Scan>,
}

/// Use of a tile's JPEG scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileScan {
    /// It's kept, because the whole level is made of the scans of its tiles.
    Kept,
    /// It's only part of the tile's file.
    Dropped,
}

/// Encodes one tile in each format.
///
/// A scan is never kept with [`Effort::Small`](super::Effort::Small).
///
/// # Errors
/// Returns an error if the ICC profile is too large for a JPEG, or if a codec fails unexpectedly.
pub fn encode_tile(
    tile: &Tile,
    formats: &[Format],
    encoding: &Encoding,
    scan: TileScan,
) -> Result<EncodedTile, EncodeError> {
    let mut encoder = PictureEncoder::new(tile.size, tile.format(), formats, encoding)?;
    if scan == TileScan::Kept {
        encoder.keep_scan()?;
    }
    encoder.write_rows(&tile.rows())?;
    encoder.finish_tile()
}

/// Encodes an image incrementally as its rows arrive.
///
/// JPEG and PNG only buffer the encoded bytes. WebP buffers all pixels, and JPEG with
/// [`Effort::Small`](super::Effort::Small) buffers all coefficients.
pub struct PictureEncoder(Vec<(Format, Encoder)>);

impl PictureEncoder {
    /// Starts encoding an image in each format.
    ///
    /// # Errors
    /// Returns an error if the image is too wide or tall for JPEG, or if the ICC profile is too large for a JPEG.
    pub fn new(size: Size, pixels: PixelFormat, formats: &[Format], encoding: &Encoding) -> Result<Self, EncodeError> {
        let encoder = |format: &Format| Ok((*format, Encoder::new(size, pixels, *format, encoding)?));
        Ok(Self(formats.iter().map(encoder).collect::<Result<_, EncodeError>>()?))
    }

    /// Encodes the next strip.
    ///
    /// # Errors
    /// Returns an error if a codec fails unexpectedly.
    pub fn push(&mut self, strip: &Strip) -> Result<(), EncodeError> {
        self.write_rows(&strip.rows())
    }

    pub(super) fn write_rows<'a>(
        &mut self,
        rows: &(impl Iterator<Item = &'a [u8]> + Clone),
    ) -> Result<(), EncodeError> {
        // The row iterator is cloned for each format, so the encoders can read the rows in place.
        self.0.iter_mut().try_for_each(|(_, encoder)| encoder.write_rows(rows.clone()))
    }

    fn keep_scan(&mut self) -> Result<(), EncodeError> {
        for (_, encoder) in &mut self.0 {
            if let Encoder::Jpeg(encoder) = encoder {
                encoder.keep_scan()?;
            }
        }
        Ok(())
    }

    /// Finishes encoding and returns the files.
    ///
    /// # Errors
    /// Returns an error if rows are missing or the image is too large for WebP.
    pub fn finish(self) -> Result<Vec<Encoded>, EncodeError> {
        Ok(self.finish_tile()?.pictures)
    }

    fn finish_tile(self) -> Result<EncodedTile, EncodeError> {
        let mut tile = EncodedTile { pictures: Vec::with_capacity(self.0.len()), scan: None };
        for (format, encoder) in self.0 {
            let (bytes, scan) = encoder.finish()?;
            tile.pictures.push(Encoded { format, bytes });
            tile.scan = tile.scan.or(scan);
        }
        Ok(tile)
    }
}

/// Encoder for a single format.
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

    fn finish(self) -> Result<(Vec<u8>, Option<Scan>), EncodeError> {
        match self {
            Self::Jpeg(encoder) => Ok(encoder.finish()?),
            #[cfg(feature = "webp")]
            Self::Webp(encoder) => Ok((encoder.finish()?, None)),
            Self::Png(encoder) => Ok((encoder.finish()?, None)),
        }
    }
}
