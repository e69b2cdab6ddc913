//! PNG, through the `png` crate.

use super::colour::{Alpha, Depth, Samples};
use super::{DecodeError, Header, Opened, RowReader, zeroed};
use crate::iiif::Size;
use crate::pixel::PixelFormat;
use png::{BitDepth, ColorType, Decoder, Reader, Transformations};
use std::fs::File;
use std::io::BufReader;

type FileReader = Reader<BufReader<File>>;

pub(super) fn open(file: BufReader<File>) -> Opened {
    let mut decoder = Decoder::new(file);
    // Palettes become RGB, 1 to 4 bits become 8, and a transparent colour becomes an alpha channel.
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info()?;
    let size = Size::new(reader.info().width, reader.info().height)?;
    let samples = samples(&reader);
    let interlaced = reader.info().interlaced;
    let image_bytes = size.pixels() * samples.pixel_bytes() as u64;
    let depth = if samples.depth == Depth::Sixteen { ", 16 bit" } else { "" };
    let header = Header {
        size,
        format: samples.format,
        description: format!("PNG{depth}{}", if interlaced { ", interlaced" } else { "" }),
        decoder_bytes: if interlaced { image_bytes } else { 0 },
    };
    let row_bytes = size.width() as usize * samples.pixel_bytes();
    let rows: Box<dyn RowReader> = if interlaced {
        Box::new(InterlacedRows { reader, samples, row_bytes, image: Vec::new(), next_byte: 0 })
    } else {
        Box::new(PngRows { reader, samples, row: zeroed(row_bytes)? })
    };
    Ok((header, rows))
}

fn samples(reader: &FileReader) -> Samples {
    let (colour, depth) = reader.output_color_type();
    let (format, alpha) = match colour {
        ColorType::Grayscale => (PixelFormat::Grey8, Alpha::None),
        ColorType::GrayscaleAlpha => (PixelFormat::Grey8, Alpha::Straight),
        ColorType::Rgba => (PixelFormat::Rgb8, Alpha::Straight),
        // Expanded palettes are RGB.
        ColorType::Rgb | ColorType::Indexed => (PixelFormat::Rgb8, Alpha::None),
    };
    let depth = if depth == BitDepth::Sixteen { Depth::Sixteen } else { Depth::Eight };
    Samples { format, alpha, depth }
}

/// PNG is big-endian.
fn to_native_order(samples: Samples, row: &mut [u8]) {
    if samples.depth == Depth::Sixteen {
        for sample in row.chunks_exact_mut(2) {
            let native = u16::from_be_bytes([sample[0], sample[1]]).to_ne_bytes();
            sample.copy_from_slice(&native);
        }
    }
}

struct PngRows {
    reader: FileReader,
    samples: Samples,
    row: Vec<u8>,
}

impl RowReader for PngRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let row_bytes = self.row.len() / self.samples.pixel_bytes() * self.samples.format.channels();
        for target in rows.chunks_exact_mut(row_bytes) {
            let row = if self.samples.is_plain() { &mut *target } else { &mut self.row };
            self.reader.read_row(row)?.ok_or("the file ends before the image does")?;
            if !self.samples.is_plain() {
                to_native_order(self.samples, &mut self.row);
                self.samples.convert(&self.row, target);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        Ok(self.reader.finish()?)
    }
}

/// Interlaced rows come in seven passes: the whole image is held.
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
            self.image = zeroed(self.reader.output_buffer_size().ok_or("the image does not fit memory")?)?;
            self.reader.next_frame(&mut self.image)?;
            to_native_order(self.samples, &mut self.image);
        }
        let target_bytes = self.row_bytes / self.samples.pixel_bytes() * self.samples.format.channels();
        for target in rows.chunks_exact_mut(target_bytes) {
            let row = &self.image[self.next_byte..self.next_byte + self.row_bytes];
            self.samples.convert(row, target);
            self.next_byte += self.row_bytes;
        }
        Ok(())
    }
}
