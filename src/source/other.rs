//! Whatever else the `image` crate reads: whole images only.

use super::{DecodeError, Header, Opened, RowReader};
use crate::iiif::Size;
use crate::pixel::PixelFormat;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use std::fs::File;
use std::io::{BufReader, Seek};

/// Bytes that a pixel takes while it is converted: what was decoded, RGBA, and the result.
const CONVERSION_BYTES: u64 = 4 + 3;

pub(super) fn open(file: File, format: ImageFormat) -> Opened {
    let decoder = ImageReader::with_format(BufReader::new(file.try_clone()?), format).into_decoder()?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height)?;
    let is_grey = !decoder.color_type().has_color();
    let header = Header {
        size,
        format: if is_grey { PixelFormat::Grey8 } else { PixelFormat::Rgb8 },
        description: format!("{format:?}"),
        decoder_bytes: decoder.total_bytes() + size.pixels() * CONVERSION_BYTES,
    };
    let rows =
        WholeImage { file: Some(file), container: format, format: header.format, pixels: Vec::new(), next_byte: 0 };
    Ok((header, Box::new(rows)))
}

struct WholeImage {
    /// Until the first row is asked for.
    file: Option<File>,
    container: ImageFormat,
    format: PixelFormat,
    pixels: Vec<u8>,
    next_byte: usize,
}

impl RowReader for WholeImage {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if let Some(mut file) = self.file.take() {
            file.rewind()?;
            let image = ImageReader::with_format(BufReader::new(file), self.container).decode()?;
            self.pixels = match self.format {
                PixelFormat::Grey8 if !image.color().has_alpha() => image.into_luma8().into_raw(),
                format => flattened(image, format),
            };
        }
        let end = self.next_byte + rows.len();
        rows.copy_from_slice(&self.pixels[self.next_byte..end]);
        self.next_byte = end;
        Ok(())
    }
}

fn flattened(image: DynamicImage, format: PixelFormat) -> Vec<u8> {
    use super::colour::{Alpha, Depth, Samples};
    let rgba = image.into_rgba8();
    let mut pixels = vec![0; rgba.as_raw().len() / 4 * format.channels()];
    let straight = Samples { format, alpha: Alpha::Straight, depth: Depth::Eight };
    match format {
        PixelFormat::Rgb8 => straight.convert(rgba.as_raw(), &mut pixels),
        PixelFormat::Grey8 => {
            let grey_alpha: Vec<u8> = rgba.as_raw().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[3]]).collect();
            straight.convert(&grey_alpha, &mut pixels);
        }
    }
    pixels
}
