//! JPEG decoding with libjpeg.

use super::samples::{Alpha, ColorModel, Depth, Samples};
use super::{
    BlockReader, DecodeError, Input, Opened, Refusal, RowReader, Warning, WarningCode, jpeg_lossless, jpeg_segments,
};
use crate::iiif::Size;
use crate::libjpeg::{Decoder, JpegColor};
use crate::pixel::{BlockLayout, BlockStrip, RowScale};
use jpeg_segments::Segments;
#[cfg(feature = "pdf")]
use std::io::Seek;
use std::io::{BufReader, Read};
use std::sync::Arc;

const END_MISSING: &str = "all pixels are present, but the file has no end marker (EOI)";

pub(super) fn open(file: Input) -> Result<Opened, Refusal> {
    let segments = jpeg_segments::read(&mut BufReader::new(file.clone()))?;
    if segments.frame.is_some_and(jpeg_segments::Frame::is_lossless) {
        return jpeg_lossless::open(&file, segments.metadata);
    }
    // Adobe software stores inverted CMYK, so 255 means no ink.
    open_rest(segments, Box::new(file), true)
}

/// Opens a JPEG inside another file that defines its CMYK encoding. CMYK samples are returned as stored. `head` and
/// `file` must contain the same bytes.
#[cfg(feature = "pdf")]
pub(super) fn open_embedded(head: &mut (impl Read + Seek), file: Box<dyn Read + Send>) -> Result<Opened, Refusal> {
    open_rest(jpeg_segments::read(head)?, file, false)
}

fn open_rest(segments: Segments, file: Box<dyn Read + Send>, is_cmyk_inverted: bool) -> Result<Opened, Refusal> {
    if let Some((what, hint)) = segments.frame.and_then(jpeg_segments::Frame::unsupported) {
        return Err(Refusal::unsupported(what, hint));
    }
    let mut decoder = Decoder::new(file)?;
    let size = Size::new(decoder.width(), decoder.height())?;
    let samples = match decoder.color() {
        JpegColor::Gray => Samples::GRAY_8,
        JpegColor::Rgb => Samples::RGB_8,
        JpegColor::Cmyk => Samples { color: ColorModel::Cmyk, alpha: Alpha::None, depth: Depth::Eight },
        JpegColor::Unknown => return Err(Refusal::Unsupported("a JPEG with an unknown color space".to_owned())),
    };
    let decoder_bytes = decoder.whole_image_bytes();
    let container = if decoder_bytes == 0 { "JPEG" } else { "JPEG, several scans" }.to_owned();
    let is_inverted = is_cmyk_inverted && decoder.color() == JpegColor::Cmyk;
    decoder.set_color(decoder.color());
    Ok(Opened {
        size,
        samples,
        bits: 8,
        container,
        metadata: segments.metadata.finish(),
        decoder_bytes,
        blocks: decoder.block_layout(),
        rows: Box::new(JpegRows { decoder, started: false, is_inverted }),
    })
}

struct JpegRows {
    decoder: Decoder,
    /// `true` once decoding has started, which happens on the first row. For multi-scan files, starting reads the
    /// entire file, and a dry run has to avoid that.
    started: bool,
    is_inverted: bool,
}

impl RowReader for JpegRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if !self.started {
            self.decoder.start()?;
            self.started = true;
        }
        self.decoder.read_rows(rows)?;
        if self.is_inverted {
            for sample in rows {
                *sample = !*sample;
            }
        }
        Ok(())
    }

    fn blocks(&mut self) -> Option<&mut dyn BlockReader> {
        Some(self)
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        self.decoder.finish()?;
        let missing = self.decoder.is_end_missing();
        Ok(missing.then(|| Warning::new(WarningCode::EndMarkerMissing, END_MISSING)).into_iter().collect())
    }
}

impl BlockReader for JpegRows {
    fn keep(&mut self, layout: &Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale) {
        self.decoder.keep_blocks(Arc::clone(layout), strip_rows, strips, scale);
    }

    fn reserve(&mut self, is_to_wait: bool) -> bool {
        self.decoder.reserve_blocks(is_to_wait)
    }

    fn take(&mut self) -> Option<BlockStrip> {
        self.decoder.take_blocks()
    }
}
