//! Reads an image consisting of a single JPEG-compressed strip like a JPEG file, including its blocks.

use super::chunk::damaged;
use super::codec::Codec;
use super::decompressor::End;
use super::image::Image;
use super::jpeg;
use crate::libjpeg::{Decoder, LibjpegError};
use crate::pixel::{BlockLayout, BlockStrip, RowScale};
use crate::source::{BlockReader, DecodeError, RowReader, Warning};
use std::sync::Arc;

/// Reads the strip's rows and optionally keeps its blocks.
pub(super) struct JpegStrip {
    image: Arc<Image>,
    decoder: Decoder,
    has_started: bool,
}

impl JpegStrip {
    /// Opens the strip. Returns `None` if the JPEG and the image are different sizes.
    pub(super) fn open(image: &Arc<Image>) -> Option<Self> {
        let Codec::Jpeg(jpeg) = &image.codec else { return None };
        let size = image.chunks.size;
        let heights = size.height()..=size.height();
        let decoder = jpeg::open_stream(jpeg, image.jpeg_extent(0), size.width(), heights).ok()?;
        Some(Self { image: Arc::clone(image), decoder, has_started: false })
    }

    fn read(&mut self, rows: &mut [u8]) -> Result<(), LibjpegError> {
        if !self.has_started {
            self.has_started = true;
            self.decoder.start()?;
        }
        self.decoder.read_rows(rows)
    }
}

impl RowReader for JpegStrip {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        self.read(rows).map_err(|cause| damaged(&self.image, 0, cause.into()))
    }

    fn blocks(&mut self) -> Option<&mut dyn BlockReader> {
        Some(self)
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        self.decoder.finish()?;
        if self.decoder.is_end_missing() {
            self.image.late_warnings.add_end(End::WithoutMarker);
        }
        Ok(self.image.warnings())
    }
}

impl BlockReader for JpegStrip {
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
