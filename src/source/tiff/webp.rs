//! WebP compression. Each strip or tile is a WebP file, which is decoded all at once.

use super::decompressor::{Decompressor, End, Shape};
use super::input::Extent;
use crate::source::DecodeError;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder};
use std::io::{Cursor, Read};

/// Maximum length of a WebP file in bytes: a multiple of its pixels plus a constant for headers and tables.
const MAX_FACTOR: u64 = 2;
const MAX_HEADER_BYTES: u64 = 64 << 10;

/// Memory needed to decode a strip or tile, as a multiple of its pixels. Holds the file, the decoder's planes or colors,
/// and the decoded pixels.
pub(super) const MEMORY_FACTOR: u64 = 5;

/// A decoded strip or tile.
pub(super) struct WebpRows {
    pixels: Vec<u8>,
    next_byte: usize,
}

impl WebpRows {
    pub(super) fn open(input: Extent, shape: Shape) -> Result<Self, DecodeError> {
        let max_bytes = u64::from(shape.width) * u64::from(shape.max_rows) * shape.channels as u64 * MAX_FACTOR;
        let mut file = Vec::new();
        input.take(max_bytes + MAX_HEADER_BYTES).read_to_end(&mut file)?;
        let decoder = WebPDecoder::new(Cursor::new(file))?;
        let (width, height) = decoder.dimensions();
        if width != shape.width || !(shape.rows..=shape.max_rows).contains(&height) {
            return Err(format!("one of its WebP images has {width}x{height} pixels, which do not fit").into());
        }
        let mut pixels = vec![0; usize::try_from(decoder.total_bytes())?];
        let color = decoder.color_type();
        decoder.read_image(&mut pixels)?;
        Ok(Self { pixels: with_channels(pixels, color, shape.channels)?, next_byte: 0 })
    }
}

/// Adds or removes alpha. Writers omit it from tiles that are opaque.
fn with_channels(pixels: Vec<u8>, color: ColorType, channels: usize) -> Result<Vec<u8>, DecodeError> {
    match (color, channels) {
        (ColorType::Rgb8, 3) | (ColorType::Rgba8, 4) => Ok(pixels),
        (ColorType::Rgb8, 4) => Ok(pixels.as_chunks().0.iter().flat_map(|&[r, g, b]| [r, g, b, u8::MAX]).collect()),
        (ColorType::Rgba8, 3) => Ok(pixels.as_chunks().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect()),
        _ => Err("one of its WebP images has other colors".into()),
    }
}

impl Decompressor for WebpRows {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let end = self.next_byte + rows.len();
        rows.copy_from_slice(self.pixels.get(self.next_byte..end).ok_or("its data ends before its last row")?);
        self.next_byte = end;
        Ok(())
    }

    fn finish(&mut self) -> Result<End, DecodeError> {
        Ok(End::Complete)
    }
}
