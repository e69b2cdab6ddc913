//! WebP (RFC 9649). Lossy images without alpha are decoded row by row with libwebp. All other images are decoded with
//! the `image` crate.

mod chunks;

use super::metadata::Metadata;
use super::samples::{Alpha, ColorModel, Depth, Samples};
use super::{DecodeError, Input, Opened, Refusal, RowReader, other};
use crate::iiif::Size;
use crate::libwebp::LossyDecoder;
use chunks::Lossy;
use image::ImageFormat;
use std::io::{Read, Seek, SeekFrom};

const SAMPLES: Samples = Samples { color: ColorModel::Rgb, alpha: Alpha::None, depth: Depth::Eight };

/// Number of bytes to read at a time.
const READ_BYTES: usize = 64 << 10;

/// Maximum memory for the decoder's state, in bytes per pixel of a row. It keeps up to 32 rows, and data about each
/// block.
const STATE_ROW_BYTES: u64 = 192;

/// Opens a file.
pub(super) fn open(file: Input) -> Result<Opened, Refusal> {
    let mut metadata = Metadata::default();
    let Some(Lossy { start, length, width, height }) = chunks::read(&file, &mut metadata)? else {
        return other::open_with(file, ImageFormat::WebP, metadata);
    };
    let size = Size::new(width, height)?;
    let pixel_bytes = size.pixels() * SAMPLES.pixel_bytes() as u64;
    Ok(Opened {
        size,
        samples: SAMPLES,
        bits: 8,
        container: "WebP".to_owned(),
        metadata: metadata.finish(),
        // Holds both the file's data and the decoded image.
        decoder_bytes: length.min(file.length()) + pixel_bytes + u64::from(width) * STATE_ROW_BYTES,
        blocks: None,
        rows: Box::new(LossyRows { file, start, unread: length, data: Vec::new(), decoder: None, size, row: 0 }),
    })
}

/// Decodes rows as the file is read.
struct LossyRows {
    file: Input,
    /// File offset of the image data.
    start: u64,
    /// Number of bytes of image data that haven't been read.
    unread: u64,
    /// Image data read so far. The decoder needs all of it.
    data: Vec<u8>,
    decoder: Option<LossyDecoder>,
    size: Size,
    /// Next row to return.
    row: u32,
}

impl LossyRows {
    /// Reads more of the file and decodes it. Returns the number of rows decoded so far.
    fn decode_more(&mut self) -> Result<u32, DecodeError> {
        self.file.seek(SeekFrom::Start(self.start + self.data.len() as u64))?;
        if self.data.is_empty() {
            // Growing step by step could take twice the planned memory.
            self.data.reserve_exact(usize::try_from(self.unread.min(self.file.length()))?);
        }
        let count = self.unread.min(READ_BYTES as u64);
        let read = (&mut self.file).take(count).read_to_end(&mut self.data)? as u64;
        if read == 0 {
            return Err("it is truncated".into());
        }
        self.unread -= read;
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(LossyDecoder::new(self.size.width(), self.size.height())?),
        };
        Ok(decoder.decode(&self.data)?)
    }
}

impl RowReader for LossyRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let row_bytes = self.size.width() as usize * SAMPLES.pixel_bytes();
        for row in rows.chunks_exact_mut(row_bytes) {
            while self.decoder.as_ref().is_none_or(|decoder| decoder.rows() <= self.row) {
                self.decode_more()?;
            }
            if let Some(decoder) = &self.decoder {
                decoder.copy_row(self.row, row);
            }
            self.row += 1;
        }
        Ok(())
    }
}
