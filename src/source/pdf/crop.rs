//! Crops images to the part that's visible on a page.

use crate::iiif::Size;
use crate::source::{DecodeError, RowReader, Warning, resize};

/// A rectangular part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelArea {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) size: Size,
}

/// Reads the rows of part of an image.
pub(super) struct CroppedRows {
    rows: Box<dyn RowReader>,
    area: PixelArea,
    pixel_bytes: usize,
    /// Size of an uncropped row in bytes.
    row_bytes: usize,
    row: Vec<u8>,
    is_at_top: bool,
}

impl CroppedRows {
    pub(super) fn new(rows: Box<dyn RowReader>, area: PixelArea, width: u32, pixel_bytes: usize) -> Self {
        let row_bytes = width as usize * pixel_bytes;
        Self { rows, area, pixel_bytes, row_bytes, row: Vec::new(), is_at_top: false }
    }
}

impl RowReader for CroppedRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        resize(&mut self.row, 1, self.row_bytes)?;
        if !self.is_at_top {
            for _ in 0..self.area.top {
                self.rows.read_rows(&mut self.row)?;
            }
            self.is_at_top = true;
        }
        let start = self.area.left as usize * self.pixel_bytes;
        let length = self.area.size.width() as usize * self.pixel_bytes;
        for row in rows.chunks_exact_mut(length) {
            self.rows.read_rows(&mut self.row)?;
            row.copy_from_slice(&self.row[start..start + length]);
        }
        Ok(())
    }

    /// Returns no warnings. The end of the image isn't checked because some rows are never read.
    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(Vec::new())
    }
}
