//! Rows of the displayed image, from rows of the file: colors converted and upright.

use super::color::Converter;
use super::orientation::Orientation;
use super::samples::Samples;
use super::{DecodeError, RowReader, Warning, resize, zeroed};
use crate::iiif::Size;

/// Bytes of samples that are converted together: enough for several threads, and at least one row.
const BATCH_BYTES: usize = 4 << 20;

/// Columns that are rotated together. They become as many rows as fit into the processor's cache while a batch is
/// processed.
const ROTATED_COLUMNS: u32 = 64;

/// Reader of the rows of the displayed image, from its top.
pub(super) struct Rows {
    reader: Box<dyn RowReader>,
    samples: Samples,
    converter: Converter,
    /// Size of the stored image.
    stored: Size,
    orientation: Orientation,
    /// Rows of the file that have not been read.
    remaining: u32,
    /// Samples of the file before conversion.
    raw: Vec<u8>,
    /// Converted rows, and the number of bytes already delivered.
    converted: Vec<u8>,
    taken: usize,
}

impl Rows {
    pub(super) fn new(
        mut reader: Box<dyn RowReader>,
        samples: Samples,
        converter: Converter,
        stored: Size,
        orientation: Orientation,
    ) -> Self {
        // A reader that can start from the bottom avoids holding the whole image for a half turn.
        // A picture that is stored upside down seems to need all of its rows before the first one can be shown.
        // Uncompressed and tiled TIFF, which large scans are, can also be read from the bottom at no cost; then a half
        // turn is only a reversal of each row.
        let is_from_bottom = orientation.is_bottom_up() && reader.reverse_rows();
        let orientation = match orientation {
            Orientation::Flipped if is_from_bottom => Orientation::Upright,
            Orientation::HalfTurn if is_from_bottom => Orientation::Mirrored,
            orientation => orientation,
        };
        Self {
            reader,
            samples,
            converter,
            stored,
            orientation,
            remaining: stored.height(),
            raw: Vec::new(),
            converted: Vec::new(),
            taken: 0,
        }
    }

    /// Returns the buffer memory in bytes, without that of the reader.
    pub(super) fn buffer_bytes(&self) -> u64 {
        let row_bytes = self.row_bytes() as u64;
        let batch = if self.is_direct() {
            0
        } else {
            self.batch_rows() as u64 * (row_bytes + self.samples.row_bytes(self.stored.width()) as u64)
        };
        let whole = if self.is_whole() { row_bytes * u64::from(self.stored.height()) } else { 0 };
        batch + whole
    }

    /// Fills `rows`, a whole number of rows, with the next ones of the displayed image.
    pub(super) fn read(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if self.is_direct() {
            return self.reader.read_rows(rows);
        }
        let mut rows = rows;
        while !rows.is_empty() {
            if self.taken == self.converted.len() {
                self.refill()?;
            }
            let waiting = &self.converted[self.taken..];
            let (now, later) = rows.split_at_mut(waiting.len().min(rows.len()));
            now.copy_from_slice(&waiting[..now.len()]);
            self.taken += now.len();
            rows = later;
        }
        Ok(())
    }

    /// Returns the decoder. Its rows are those of the displayed image if [`is_direct`](Self::is_direct).
    pub(super) fn reader(&mut self) -> &mut dyn RowReader {
        &mut *self.reader
    }

    pub(super) fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        self.reader.finish()
    }

    /// Returns `true` if the stored rows need no conversion.
    pub(super) fn is_direct(&self) -> bool {
        self.converter.is_plain() && self.orientation == Orientation::Upright
    }

    /// Returns `true` if the first displayed row needs the last stored row.
    fn is_whole(&self) -> bool {
        self.orientation.swaps_sides() || self.orientation.is_bottom_up()
    }

    /// Returns the bytes of a converted row of the file.
    fn row_bytes(&self) -> usize {
        self.converter.format().row_bytes(self.stored.width())
    }

    fn batch_rows(&self) -> usize {
        (BATCH_BYTES / self.samples.row_bytes(self.stored.width()).max(1)).clamp(1, self.stored.height() as usize)
    }

    fn refill(&mut self) -> Result<(), DecodeError> {
        self.taken = 0;
        if self.is_whole() {
            return self.rotate_whole();
        }
        self.read_batch()?;
        if self.orientation.reverses_rows() {
            let (row_bytes, channels) = (self.row_bytes(), self.converter.format().channels());
            self.converted.chunks_exact_mut(row_bytes).for_each(|row| reverse_pixels(row, channels));
        }
        Ok(())
    }

    /// Reads and converts the next rows of the file.
    fn read_batch(&mut self) -> Result<(), DecodeError> {
        let rows = self.batch_rows().min(self.remaining as usize);
        self.remaining -= u32::try_from(rows).expect("no more than the image has");
        let row_bytes = self.row_bytes();
        resize(&mut self.converted, rows, row_bytes)?;
        if self.converter.is_plain() {
            return self.reader.read_rows(&mut self.converted);
        }
        resize(&mut self.raw, rows, self.samples.row_bytes(self.stored.width()))?;
        self.reader.read_rows(&mut self.raw)?;
        self.converter.convert(&self.raw, &mut self.converted)
    }

    /// Reads all rows and writes each pixel to its position in the displayed image.
    fn rotate_whole(&mut self) -> Result<(), DecodeError> {
        let channels = self.converter.format().channels();
        let shown_row_bytes = self.orientation.displayed_size(self.stored).width() as usize * channels;
        let mut picture = zeroed(
            usize::try_from(self.stored.pixels())
                .ok()
                .and_then(|it| it.checked_mul(channels))
                .ok_or("it does not fit into memory")?,
        )?;
        // The position in the displayed image advances by the same step for each pixel of a row.
        let step = self.step(channels, shown_row_bytes);
        // In a quarter turn, neighbors in a stored row are a whole row apart in the displayed image. Writing row by row
        // would touch a new cache line for every pixel. A batch of rows is therefore written in columns of 64, so that
        // what is written together is one block of 64 rows, and its lines are still in the cache for the next stored
        // row.
        let columns = if self.orientation.swaps_sides() { ROTATED_COLUMNS } else { self.stored.width() };
        while self.remaining > 0 {
            let top = self.stored.height() - self.remaining;
            self.read_batch()?;
            for left in (0..self.stored.width()).step_by(columns as usize) {
                let right = self.stored.width().min(left + columns);
                for (row, y) in self.converted.chunks_exact(self.row_bytes()).zip(top..) {
                    let (x, y) = self.orientation.displayed_position(left, y, self.stored);
                    let first = y as usize * shown_row_bytes + x as usize * channels;
                    let pixels = &row[left as usize * channels..right as usize * channels];
                    scatter(pixels, &mut picture, first, step, channels);
                }
            }
        }
        self.converted = picture;
        Ok(())
    }

    /// Returns the distance in bytes, in the displayed image, between neighbors in a stored row.
    fn step(&self, channels: usize, shown_row_bytes: usize) -> isize {
        let (channels, row) = (channels.cast_signed(), shown_row_bytes.cast_signed());
        match self.orientation {
            Orientation::Upright | Orientation::Flipped => channels,
            Orientation::Mirrored | Orientation::HalfTurn => -channels,
            Orientation::Transposed | Orientation::QuarterRight => row,
            Orientation::Transversed | Orientation::QuarterLeft => -row,
        }
    }
}

fn scatter(row: &[u8], picture: &mut [u8], first: usize, step: isize, channels: usize) {
    let mut at = first;
    for pixel in row.chunks_exact(channels) {
        picture[at..at + channels].copy_from_slice(pixel);
        // Not used after the last pixel.
        at = at.wrapping_add_signed(step);
    }
}

fn reverse_pixels(row: &mut [u8], channels: usize) {
    match channels {
        3 => row.as_chunks_mut::<3>().0.reverse(),
        _ => row.reverse(),
    }
}
