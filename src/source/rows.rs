//! Turns a file's rows into the rows of the displayed image by converting colors and applying the orientation.

use super::color::Converter;
use super::orientation::Orientation;
use super::samples::Samples;
use super::{DecodeError, RowReader, Warning, resize, zeroed};
use crate::iiif::Size;

/// Number of sample bytes to convert at once. This is enough to keep several threads busy. At least one row is always
/// converted.
const BATCH_BYTES: usize = 4 << 20;

/// Number of columns to rotate at once. Each column turns into a row, and this many rows fit into the CPU cache while
/// processing a batch.
const ROTATED_COLUMNS: u32 = 64;

/// Reads the displayed image's rows from top to bottom.
pub(super) struct Rows {
    reader: Box<dyn RowReader>,
    samples: Samples,
    converter: Converter,
    /// Image size before applying the orientation.
    stored: Size,
    orientation: Orientation,
    /// Number of rows left to read from the file.
    remaining: u32,
    /// Samples from the file, before conversion.
    raw: Vec<u8>,
    /// Converted rows, followed by the number of bytes already returned.
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
        // An upside-down image would normally have to be read completely before we can return its first row. Some
        // readers can also start at the bottom, including those for uncompressed and tiled TIFF, which is what most
        // large scans use. In that case, a half turn only requires reversing each row.
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

    /// Returns the size of the buffers in bytes, not counting the reader's own.
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

    /// Fills `rows` with the next rows of the displayed image. `rows` must hold a whole number of rows.
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

    /// Returns the decoder. If [`is_direct`](Self::is_direct) returns `true`, its rows match the displayed image.
    pub(super) fn reader(&mut self) -> &mut dyn RowReader {
        &mut *self.reader
    }

    pub(super) fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        self.reader.finish()
    }

    /// Returns `true` if the stored rows don't need any conversion.
    pub(super) fn is_direct(&self) -> bool {
        self.converter.is_plain() && self.orientation == Orientation::Upright
    }

    /// Returns `true` if the first displayed row depends on the last stored row.
    fn is_whole(&self) -> bool {
        self.orientation.swaps_sides() || self.orientation.is_bottom_up()
    }

    /// Returns the size of a converted row in bytes.
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

    /// Reads and converts the file's next rows.
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

    /// Reads every row and writes each pixel to its position in the displayed image.
    fn rotate_whole(&mut self) -> Result<(), DecodeError> {
        let channels = self.converter.format().channels();
        let shown_row_bytes = self.orientation.displayed_size(self.stored).width() as usize * channels;
        let mut picture = zeroed(
            usize::try_from(self.stored.pixels())
                .ok()
                .and_then(|it| it.checked_mul(channels))
                .ok_or("it does not fit into memory")?,
        )?;
        // Moving along a stored row always advances the displayed position by the same step.
        let step = self.step(channels, shown_row_bytes);
        // For a quarter turn, adjacent pixels in a stored row end up a full row apart in the displayed image. Writing
        // entire rows would touch a new cache line for every pixel, so we write each batch in groups of 64 columns.
        // Each group fills a block of 64 displayed rows, which are still in the cache when we get to the next stored
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

    /// Returns the distance in the displayed image between adjacent pixels in a stored row, in bytes.
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
        // The result isn't used after the last pixel.
        at = at.wrapping_add_signed(step);
    }
}

fn reverse_pixels(row: &mut [u8], channels: usize) {
    match channels {
        3 => row.as_chunks_mut::<3>().0.reverse(),
        _ => row.reverse(),
    }
}
