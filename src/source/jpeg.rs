//! JPEG, through libjpeg.

use super::{DecodeError, Header, Opened, Refusal, RowReader};
use crate::iiif::Size;
use crate::libjpeg::{Decoder, JpegColour};
use crate::pixel::PixelFormat;
use std::fs::File;

pub(super) fn open(file: File) -> Opened {
    let mut decoder = Decoder::new(Box::new(file))?;
    let size = Size::new(decoder.width(), decoder.height())?;
    let format = match decoder.colour() {
        JpegColour::Grey => PixelFormat::Grey8,
        JpegColour::Rgb => PixelFormat::Rgb8,
        JpegColour::Cmyk => return Err(Refusal::Unsupported("a CMYK JPEG".to_owned())),
        JpegColour::Unknown => return Err(Refusal::Unsupported("a JPEG of an unknown colour space".to_owned())),
    };
    let decoder_bytes = decoder.whole_image_bytes();
    let description = if decoder_bytes == 0 { "JPEG" } else { "JPEG, several scans" }.to_owned();
    decoder.set_format(format);
    Ok((Header { size, format, description, decoder_bytes }, Box::new(JpegRows { decoder, started: false })))
}

struct JpegRows {
    decoder: Decoder,
    /// Decoding begins with the first row: with several scans it reads the whole file, which a plan must not.
    started: bool,
}

impl RowReader for JpegRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if !self.started {
            self.decoder.start()?;
            self.started = true;
        }
        Ok(self.decoder.read_rows(rows)?)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        Ok(self.decoder.finish()?)
    }
}
