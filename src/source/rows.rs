//! Rows of the picture, out of rows of the file: colours converted, the right way up.

use super::colour::Converter;
use super::orientation::Orientation;
use super::samples::Samples;
use super::{DecodeError, RowReader, Warning, resize, zeroed};
use crate::iiif::Size;

/// Bytes of the file's samples that are converted at a time: enough to be worth several threads, and at least one row.
const BATCH_BYTES: usize = 4 << 20;

/// Columns that are turned at a time. They become rows, so many of which the processor's cache holds while the rows of a batch
/// are gone through.
const TURNED_COLUMNS: u32 = 64;

/// What gives the rows of the picture, from its top.
pub(super) struct Rows {
    reader: Box<dyn RowReader>,
    samples: Samples,
    converter: Converter,
    /// Of the file.
    stored: Size,
    orientation: Orientation,
    /// Rows of the file that are still to be read.
    left: u32,
    /// Samples of the file, before they are converted.
    raw: Vec<u8>,
    /// Converted rows that wait, and how many of their bytes are taken.
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
        // What can give its rows from the bottom is never held whole for a half turn.
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
            left: stored.height(),
            raw: Vec::new(),
            converted: Vec::new(),
            taken: 0,
        }
    }

    /// The memory that this takes beside the reader, in bytes.
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

    /// Fills `rows`, a whole number of them, with the next ones of the picture.
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

    /// What reads them, where its rows are those of the picture.
    pub(super) fn reader(&mut self) -> &mut dyn RowReader {
        &mut *self.reader
    }

    pub(super) fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        self.reader.finish()
    }

    /// Whether the rows of the file are those of the picture.
    pub(super) fn is_direct(&self) -> bool {
        self.converter.is_plain() && self.orientation == Orientation::Upright
    }

    /// Whether the first row of the picture needs the last one of the file.
    fn is_whole(&self) -> bool {
        self.orientation.swaps_sides() || self.orientation.is_bottom_up()
    }

    /// Bytes of a converted row of the file.
    fn row_bytes(&self) -> usize {
        self.converter.format().row_bytes(self.stored.width())
    }

    fn batch_rows(&self) -> usize {
        (BATCH_BYTES / self.samples.row_bytes(self.stored.width()).max(1)).clamp(1, self.stored.height() as usize)
    }

    fn refill(&mut self) -> Result<(), DecodeError> {
        self.taken = 0;
        if self.is_whole() {
            return self.turn_whole();
        }
        self.read_batch()?;
        if self.orientation.reverses_rows() {
            let (row_bytes, channels) = (self.row_bytes(), self.converter.format().channels());
            self.converted.chunks_exact_mut(row_bytes).for_each(|row| reverse_pixels(row, channels));
        }
        Ok(())
    }

    /// The next rows of the file, converted.
    fn read_batch(&mut self) -> Result<(), DecodeError> {
        let rows = self.batch_rows().min(self.left as usize);
        self.left -= u32::try_from(rows).expect("no more than the image has");
        let row_bytes = self.row_bytes();
        resize(&mut self.converted, rows, row_bytes)?;
        if self.converter.is_plain() {
            return self.reader.read_rows(&mut self.converted);
        }
        resize(&mut self.raw, rows, self.samples.row_bytes(self.stored.width()))?;
        self.reader.read_rows(&mut self.raw)?;
        self.converter.convert(&self.raw, &mut self.converted)
    }

    /// All rows, each pixel put where the picture has it.
    fn turn_whole(&mut self) -> Result<(), DecodeError> {
        let channels = self.converter.format().channels();
        let shown_row_bytes = self.orientation.shown(self.stored).width() as usize * channels;
        let mut picture = zeroed(
            usize::try_from(self.stored.pixels())
                .ok()
                .and_then(|it| it.checked_mul(channels))
                .ok_or("it does not fit memory")?,
        )?;
        // From one pixel of a row to the next, the place in the picture moves by the same step.
        let step = self.step(channels, shown_row_bytes);
        let columns = if self.orientation.swaps_sides() { TURNED_COLUMNS } else { self.stored.width() };
        while self.left > 0 {
            let top = self.stored.height() - self.left;
            self.read_batch()?;
            for left in (0..self.stored.width()).step_by(columns as usize) {
                let right = self.stored.width().min(left + columns);
                for (row, y) in self.converted.chunks_exact(self.row_bytes()).zip(top..) {
                    let (x, y) = self.orientation.place(left, y, self.stored);
                    let first = y as usize * shown_row_bytes + x as usize * channels;
                    let pixels = &row[left as usize * channels..right as usize * channels];
                    scatter(pixels, &mut picture, first, step, channels);
                }
            }
        }
        self.converted = picture;
        Ok(())
    }

    /// How many bytes further the picture has the next pixel of a row.
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
        // Beyond the last pixel it is not used.
        at = at.wrapping_add_signed(step);
    }
}

fn reverse_pixels(row: &mut [u8], channels: usize) {
    match channels {
        3 => row.as_chunks_mut::<3>().0.reverse(),
        _ => row.reverse(),
    }
}
