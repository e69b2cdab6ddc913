//! PNG decoding with the `png` crate.

use super::png_chunks::{self, PixelChunks};
use super::samples::{Alpha, ColorModel, Depth, Samples};
use super::{DecodeError, Input, Opened, Refusal, RowReader, Warning, WarningCode, zeroed};
use crate::iiif::Size;
use png::{BitDepth, ColorType, Decoder, DecodingError, Reader, Transformations};
use std::io;

type FileReader = Reader<PixelChunks>;

const PNGCRUSH: &str = "convert it first, for example: `pngcrush -revert-iphone-optimizations IN.png OUT.png`, or with Xcode's own `pngcrush`";

pub(super) fn open(file: &Input) -> Result<Opened, Refusal> {
    let mut chunks = png_chunks::read(file)?;
    if chunks.is_apple {
        return Err(Refusal::unsupported("a PNG in Apple's variant for apps (CgBI)", PNGCRUSH));
    }
    let mut decoder = Decoder::new(PixelChunks::new(file.clone())?);
    // Expands palettes to RGB, 1 to 4 bit samples to 8 bits, and a transparent color to an alpha channel.
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info().map_err(plain)?;
    if chunks.is_animated {
        chunks.metadata.warn(WarningCode::PagesIgnored, "it is animated, and only its first image is published");
    }
    let info = reader.info();
    let size = Size::new(info.width, info.height)?;
    let samples = samples(&reader);
    let interlaced = info.interlaced;
    let decoder_bytes = if interlaced { size.pixels() * samples.pixel_bytes() as u64 } else { 0 };
    let container = if interlaced { "PNG, interlaced" } else { "PNG" }.to_owned();
    let bits = u16::from(info.bit_depth as u8);
    // Adam7 splits the image into seven passes, and the last one contains every other row. We can't return rows in
    // order until almost the entire file has been read, so we have to hold the whole image.
    let rows: Box<dyn RowReader> = if interlaced {
        let row_bytes = samples.row_bytes(size.width());
        Box::new(InterlacedRows { reader, samples, row_bytes, image: Vec::new(), next_byte: 0 })
    } else {
        Box::new(PngRows { reader, samples, row_bytes: samples.row_bytes(size.width()) })
    };
    let metadata = chunks.metadata.finish();
    Ok(Opened { size, samples, bits, container, metadata, decoder_bytes, blocks: None, rows })
}

/// Rewrites an error in plain language, because the library's messages include Rust debug output.
fn plain(error: DecodingError) -> DecodeError {
    let text = match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return "the file ends before the image does".into();
        }
        DecodingError::IoError(error) => return error.into(),
        DecodingError::LimitsExceeded => return "one of its chunks is too large".into(),
        error => error.to_string(),
    };
    let text = if text.starts_with("CRC error") {
        "the checksum of one of its chunks is wrong"
    } else if text.starts_with("Corrupt deflate stream") {
        "its compressed data is damaged"
    } else if text.contains(['{', '(', '\'']) {
        "its chunks contradict the PNG specification"
    } else {
        return text.trim_end_matches('.').to_owned().into();
    };
    text.into()
}

/// Reads the rest of the file after the last pixel.
fn finish(reader: &mut FileReader) -> Result<Vec<Warning>, DecodeError> {
    match reader.finish() {
        Ok(()) => Ok(Vec::new()),
        Err(DecodingError::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(vec![Warning::new(WarningCode::EndMarkerMissing, "the file has no end marker (IEND)")])
        }
        Err(error) => Err(plain(error)),
    }
}

fn samples(reader: &FileReader) -> Samples {
    let (color, depth) = reader.output_color_type();
    let (color, alpha) = match color {
        ColorType::Grayscale => (ColorModel::Gray, Alpha::None),
        ColorType::GrayscaleAlpha => (ColorModel::Gray, Alpha::Straight),
        ColorType::Rgba => (ColorModel::Rgb, Alpha::Straight),
        // Palettes have been expanded to RGB.
        ColorType::Rgb | ColorType::Indexed => (ColorModel::Rgb, Alpha::None),
    };
    let depth = if depth == BitDepth::Sixteen { Depth::Sixteen } else { Depth::Eight };
    Samples { color, alpha, depth }
}

/// Converts samples from big-endian to native byte order.
fn to_native_order(samples: Samples, row: &mut [u8]) {
    if samples.depth == Depth::Sixteen {
        for sample in row.as_chunks_mut::<2>().0 {
            *sample = u16::from_be_bytes(*sample).to_ne_bytes();
        }
    }
}

struct PngRows {
    reader: FileReader,
    samples: Samples,
    row_bytes: usize,
}

impl RowReader for PngRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        for row in rows.chunks_exact_mut(self.row_bytes) {
            self.reader.read_row(row).map_err(plain)?.ok_or("the file ends before the image does")?;
        }
        to_native_order(self.samples, rows);
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        finish(&mut self.reader)
    }
}

/// Reads interlaced images. The whole image is decoded at once because its rows are spread over seven passes.
struct InterlacedRows {
    reader: FileReader,
    samples: Samples,
    row_bytes: usize,
    image: Vec<u8>,
    next_byte: usize,
}

impl RowReader for InterlacedRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if self.image.is_empty() {
            self.image = zeroed(self.reader.output_buffer_size().ok_or("the image does not fit into memory")?)?;
            self.reader.next_frame(&mut self.image).map_err(plain)?;
            to_native_order(self.samples, &mut self.image);
        }
        debug_assert!(rows.len().is_multiple_of(self.row_bytes), "whole rows");
        let end = self.next_byte + rows.len();
        rows.copy_from_slice(&self.image[self.next_byte..end]);
        self.next_byte = end;
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        finish(&mut self.reader)
    }
}
