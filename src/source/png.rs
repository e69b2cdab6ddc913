//! PNG, through the `png` crate.

use super::orientation::of_exif_block;
use super::samples::{Alpha, Colour, Depth, Samples};
use super::{DecodeError, Input, Opened, Refusal, RowReader, zeroed};
use crate::iiif::Size;
use png::{BitDepth, ColorType, Decoder, Reader, Transformations};
use std::io::BufReader;

type FileReader = Reader<BufReader<Input>>;

pub(super) fn open(file: BufReader<Input>) -> Result<Opened, Refusal> {
    let mut decoder = Decoder::new(file);
    // Palettes become RGB, 1 to 4 bits become 8, and a transparent colour becomes an alpha channel.
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info()?;
    let info = reader.info();
    let size = Size::new(info.width, info.height)?;
    let samples = samples(&reader);
    let interlaced = info.interlaced;
    let decoder_bytes = if interlaced { size.pixels() * samples.pixel_bytes() as u64 } else { 0 };
    let container = if interlaced { "PNG, interlaced" } else { "PNG" }.to_owned();
    let bits = u16::from(info.bit_depth as u8);
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    let orientation = info.exif_metadata.as_deref().map(of_exif_block).unwrap_or_default();
    let rows: Box<dyn RowReader> = if interlaced {
        let row_bytes = samples.row_bytes(size.width());
        Box::new(InterlacedRows { reader, samples, row_bytes, image: Vec::new(), next_byte: 0 })
    } else {
        Box::new(PngRows { reader, samples, row_bytes: samples.row_bytes(size.width()) })
    };
    Ok(Opened { size, samples, bits, container, profile, orientation, decoder_bytes, blocks: None, rows })
}

fn samples(reader: &FileReader) -> Samples {
    let (colour, depth) = reader.output_color_type();
    let (colour, alpha) = match colour {
        ColorType::Grayscale => (Colour::Grey, Alpha::None),
        ColorType::GrayscaleAlpha => (Colour::Grey, Alpha::Straight),
        ColorType::Rgba => (Colour::Rgb, Alpha::Straight),
        // Expanded palettes are RGB.
        ColorType::Rgb | ColorType::Indexed => (Colour::Rgb, Alpha::None),
    };
    let depth = if depth == BitDepth::Sixteen { Depth::Sixteen } else { Depth::Eight };
    Samples { colour, alpha, depth }
}

/// PNG is big-endian.
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
            self.reader.read_row(row)?.ok_or("the file ends before the image does")?;
        }
        to_native_order(self.samples, rows);
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
        debug_assert!(rows.len().is_multiple_of(self.row_bytes), "whole rows");
        let end = self.next_byte + rows.len();
        rows.copy_from_slice(&self.image[self.next_byte..end]);
        self.next_byte = end;
        Ok(())
    }
}
