//! Returns the rows of an image that is decoded completely when the first row is read.

use super::decode::{Frames, Layout, decode, guarded};
use super::{ColorModel, DecodeError, Depth, Input};
use crate::iiif::Size;
use crate::source::hdr::HdrToSrgb;
use crate::source::samples::scaled_to_8_bits;
use crate::source::{RowReader, zeroed};

pub(super) struct JxlRows {
    file: Input,
    size: Size,
    layout: Layout,
    frames: Frames,
    hdr: Option<HdrToSrgb>,
    /// The whole image, preceded by padding that aligns its samples.
    image: Vec<u8>,
    next_byte: usize,
}

impl JxlRows {
    pub(super) fn new(file: Input, size: Size, layout: Layout, frames: Frames, hdr: Option<HdrToSrgb>) -> Self {
        Self { file, size, layout, frames, hdr, image: Vec::new(), next_byte: 0 }
    }

    fn decode(&mut self) -> Result<(), DecodeError> {
        let (rows, row_bytes) = (self.size.height() as usize, self.layout.samples.row_bytes(self.size.width()));
        let image_bytes = rows.checked_mul(row_bytes).ok_or("it does not fit into memory")?;
        // The decoder writes 16-bit samples, which must be at even addresses.
        self.image = zeroed(image_bytes + 1)?;
        self.next_byte = self.image.as_ptr().align_offset(2).min(1);
        let pixels = &mut self.image[self.next_byte..][..image_bytes];
        guarded(|| decode(&self.file, &self.layout, self.frames, pixels, (rows, row_bytes)))?;
        if self.layout.samples.color == ColorModel::Cmyk {
            // The file uses 0 for full ink.
            for byte in pixels.iter_mut() {
                *byte = !*byte;
            }
        }
        Ok(())
    }
}

impl RowReader for JxlRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if self.image.is_empty() {
            self.decode()?;
        }
        let Some(hdr) = &self.hdr else {
            let end = self.next_byte + rows.len();
            rows.copy_from_slice(&self.image[self.next_byte..end]);
            self.next_byte = end;
            return Ok(());
        };
        let samples = self.layout.samples;
        let (channels, colors) = (samples.channels(), samples.color_channels());
        let alpha = channels - colors;
        let pixels = rows.chunks_exact_mut(3 + alpha);
        let image = self.image[self.next_byte..].chunks_exact(samples.pixel_bytes());
        self.next_byte += pixels.len() * samples.pixel_bytes();
        for (to, from) in pixels.zip(image) {
            let sample = |channel: usize| match samples.depth {
                Depth::Eight => u16::from(from[channel]) * 257,
                Depth::Sixteen => u16::from_ne_bytes([from[channel * 2], from[channel * 2 + 1]]),
            };
            let color = if colors == 1 { [sample(0); 3] } else { [sample(0), sample(1), sample(2)] };
            to[..3].copy_from_slice(&hdr.convert(color));
            if alpha == 1 {
                to[3] = scaled_to_8_bits(sample(colors));
            }
        }
        Ok(())
    }
}
