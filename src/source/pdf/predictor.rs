//! Reverses the predictors of compressed streams (ISO 32000-2, 7.4.4.4).

use crate::source::{DecodeError, zeroed};
use std::io::{self, Read};

/// Maximum row size in bytes.
const MAX_ROW_BYTES: usize = 16 << 20;

/// Algorithm that predicts the bytes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    /// Each sample is stored as the difference from the sample on its left.
    Tiff,
    /// Each row starts with a PNG filter number.
    Png,
}

/// Reads rows and adds the predictions.
pub(super) struct PredictorReader {
    input: Box<dyn Read + Send>,
    predictor: Predictor,
    row: Vec<u8>,
    /// Previous row.
    above: Vec<u8>,
    /// Number of bytes of the current row that have been returned.
    taken: usize,
    pixel_bytes: usize,
    channels: usize,
    bits: usize,
}

impl PredictorReader {
    pub(super) fn new(
        input: Box<dyn Read + Send>,
        predictor: Predictor,
        colors: i64,
        bits: i64,
        columns: i64,
    ) -> Result<Self, DecodeError> {
        let is_valid = (1..=32).contains(&colors) && [1, 2, 4, 8, 16].contains(&bits) && columns >= 1;
        let row_bytes = (colors * bits).checked_mul(columns).and_then(|bits| usize::try_from(bits).ok());
        let row_bytes = row_bytes.map(|bits| bits.div_ceil(8)).filter(|bytes| is_valid && *bytes <= MAX_ROW_BYTES);
        let row_bytes = row_bytes.ok_or("the predictor of one of its streams is invalid")?;
        let (channels, bits) = (usize::try_from(colors)?, usize::try_from(bits)?);
        let pixel_bytes = (channels * bits).div_ceil(8);
        let (row, above) = (zeroed(row_bytes)?, zeroed(row_bytes)?);
        Ok(Self { input, predictor, taken: row.len(), row, above, pixel_bytes, channels, bits })
    }

    /// Reads the next row. Returns `false` at the end of the data.
    fn next_row(&mut self) -> io::Result<bool> {
        let mut filter = [0];
        if self.predictor == Predictor::Png && self.input.read(&mut filter)? == 0 {
            return Ok(false);
        }
        std::mem::swap(&mut self.row, &mut self.above);
        let length = read_up_to(&mut self.input, &mut self.row)?;
        if length == 0 {
            return Ok(false);
        }
        // Still show an incomplete last row.
        self.row[length..].fill(0);
        match self.predictor {
            Predictor::Png => self.undo_png(filter[0]),
            Predictor::Tiff => self.undo_tiff(),
        }
        self.taken = 0;
        Ok(true)
    }

    fn undo_png(&mut self, filter: u8) {
        let (row, above, back) = (&mut self.row, &self.above, self.pixel_bytes);
        for at in 0..row.len() {
            let left = if at >= back { row[at - back] } else { 0 };
            let corner = if at >= back { above[at - back] } else { 0 };
            let prediction = match filter {
                1 => left,
                2 => above[at],
                3 => u8::midpoint(left, above[at]),
                4 => paeth(left, above[at], corner),
                _ => break,
            };
            row[at] = row[at].wrapping_add(prediction);
        }
    }

    fn undo_tiff(&mut self) {
        let (row, channels) = (&mut self.row, self.channels);
        match self.bits {
            8 => {
                for at in channels..row.len() {
                    row[at] = row[at].wrapping_add(row[at - channels]);
                }
            }
            16 => {
                for at in (2 * channels..row.len().saturating_sub(1)).step_by(2) {
                    let number = |at: usize| u16::from_be_bytes([row[at], row[at + 1]]);
                    let sum = number(at).wrapping_add(number(at - 2 * channels));
                    row[at..at + 2].copy_from_slice(&sum.to_be_bytes());
                }
            }
            bits => undo_tiff_bits(row, channels, bits),
        }
    }
}

/// Accumulates samples that have fewer than 8 bits.
fn undo_tiff_bits(row: &mut [u8], channels: usize, bits: usize) {
    let (per_byte, mask) = (8 / bits, (1_u8 << bits) - 1);
    let shift = |sample: usize| 8 - bits - sample % per_byte * bits;
    for sample in channels..row.len() * per_byte {
        let before = row[(sample - channels) / per_byte] >> shift(sample - channels) & mask;
        let byte = &mut row[sample / per_byte];
        let sum = (*byte >> shift(sample) & mask).wrapping_add(before) & mask;
        *byte = *byte & !(mask << shift(sample)) | sum << shift(sample);
    }
}

fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(corner));
    let estimate = a + b - c;
    let (to_left, to_above, to_corner) = ((estimate - a).abs(), (estimate - b).abs(), (estimate - c).abs());
    if to_left <= to_above && to_left <= to_corner {
        left
    } else if to_above <= to_corner {
        above
    } else {
        corner
    }
}

/// Fills `into` unless the input ends first. Returns the number of bytes read.
fn read_up_to(input: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match input.read(&mut into[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

impl Read for PredictorReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.row.len() && !self.next_row()? {
            return Ok(0);
        }
        let rest = &self.row[self.taken..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], predictor: Predictor, colors: i64, bits: i64, columns: i64) -> Vec<u8> {
        let input = Box::new(io::Cursor::new(bytes.to_vec()));
        let mut reader = PredictorReader::new(input, predictor, colors, bits, columns).expect("valid");
        let mut out = Vec::new();
        reader.read_to_end(&mut out).expect("read");
        out
    }

    #[test]
    fn png_filters_are_undone() {
        let rows = [&[0, 10, 20, 30][..], &[1, 1, 1, 1], &[2, 1, 1, 1], &[3, 10, 10, 10], &[4, 1, 1, 1]];
        let expected = [10, 20, 30, 1, 2, 3, 2, 3, 4, 11, 17, 20, 12, 18, 21];
        assert_eq!(decoded(&rows.concat(), Predictor::Png, 1, 8, 3), expected);
    }

    #[test]
    fn differences_are_added_up() {
        assert_eq!(decoded(&[1, 2, 3, 1, 1, 1], Predictor::Tiff, 3, 8, 2), [1, 2, 3, 2, 3, 4]);
        assert_eq!(decoded(&[0, 255, 0, 1], Predictor::Tiff, 1, 16, 2), [0, 255, 1, 0]);
        assert_eq!(decoded(&[0b1010_0001], Predictor::Tiff, 1, 1, 8), [0b1100_0001]);
        assert_eq!(decoded(&[0x1f, 0x20], Predictor::Tiff, 1, 4, 4), [0x10, 0x22]);
    }

    #[test]
    fn hostile_parameters_are_refused() {
        for (colors, bits, columns) in [(0, 8, 1), (1, 3, 1), (1, 8, 0), (32, 16, i64::MAX), (4, 16, 1 << 40)] {
            let reader = PredictorReader::new(Box::new(io::empty()), Predictor::Png, colors, bits, columns);
            assert!(reader.is_err(), "{colors} {bits} {columns}");
        }
    }
}
