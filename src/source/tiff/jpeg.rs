//! JPEG-compressed TIFF (TIFF Technical Note 2), decoded with libjpeg.

use super::decompressor::{Decompressor, End, Jpeg, Shape};
use super::input::Extent;
use crate::libjpeg::Decoder;
use crate::source::DecodeError;
use std::io::{Cursor, Read};
use std::ops::RangeInclusive;

const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Maximum memory for libjpeg to use on a strip or tile with multiple scans, in bytes. This is enough for a tile of
/// 2048 x 2048 pixels, although no known writer produces such tiles.
const MAX_HELD_BYTES: u64 = 32 << 20;

/// Decodes the rows of a single JPEG stream.
pub(super) struct JpegRows {
    decoder: Decoder,
    remaining: u32,
    row_bytes: usize,
}

impl JpegRows {
    pub(super) fn open(jpeg: &Jpeg, extent: Extent, shape: Shape) -> Result<Self, DecodeError> {
        let heights = shape.rows..=shape.max_rows.max(shape.rows);
        let mut decoder = open_stream(jpeg, extent, shape.width, heights)?;
        decoder.start()?;
        let (height, row_bytes) = (decoder.height(), decoder.row_bytes());
        if row_bytes == 0 || row_bytes != shape.width as usize * shape.channels {
            return Err("the components of its JPEG do not match the samples of the image".into());
        }
        Ok(Self { remaining: height, row_bytes, decoder })
    }
}

/// Opens a strip's or tile's JPEG stream without decoding it. The width must match exactly. The height may be larger
/// than the number of visible rows, because some writers pad the last strip to the height of the others.
pub(super) fn open_stream(
    jpeg: &Jpeg,
    extent: Extent,
    width: u32,
    heights: RangeInclusive<u32>,
) -> Result<Decoder, DecodeError> {
    let mut decoder = Decoder::new(spliced(jpeg, extent)?)?;
    if decoder.width() != width || !heights.contains(&decoder.height()) {
        let (expected, found) = (format!("{width}x{}", heights.start()), (decoder.width(), decoder.height()));
        return Err(format!("its JPEG has {}x{} pixels, not {expected}", found.0, found.1).into());
    }
    if decoder.whole_image_bytes() > MAX_HELD_BYTES {
        return Err("its JPEG has several scans and is too large for memory".into());
    }
    decoder.set_components(jpeg.components);
    Ok(decoder)
}

impl Decompressor for JpegRows {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let count = u32::try_from(rows.len() / self.row_bytes)?;
        self.remaining = self.remaining.checked_sub(count).ok_or("its JPEG has fewer rows than the image")?;
        Ok(self.decoder.read_rows(rows)?)
    }

    fn finish(&mut self) -> Result<End, DecodeError> {
        if self.remaining > 0 {
            return Ok(End::Complete);
        }
        self.decoder.finish()?;
        Ok(if self.decoder.is_end_missing() { End::WithoutMarker } else { End::Complete })
    }
}

/// Joins the shared tables and the image data into an ordinary JPEG stream.
fn spliced(jpeg: &Jpeg, mut extent: Extent) -> Result<Box<dyn Read + Send>, DecodeError> {
    let Some(tables) = jpeg.tables.as_ref().and_then(|tables| tables.strip_suffix(&END_OF_IMAGE)) else {
        return Ok(Box::new(extent));
    };
    // The tables end with an EOI marker and the image starts with an SOI marker. Dropping both and concatenating the
    // rest yields a single JPEG stream. libjpeg can also load the tables in a separate call, but then these streams
    // would need a different code path from every other JPEG.
    let mut start = [0; 2];
    extent.read_exact(&mut start).map_err(|_| "its JPEG is empty")?;
    if start != START_OF_IMAGE {
        return Err("its data is not a JPEG".into());
    }
    Ok(Box::new(Cursor::new(tables.to_owned()).chain(extent)))
}
