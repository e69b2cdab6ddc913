//! CCITT run lengths without end-of-line codes (TIFF 6.0, section 10), and two-dimensional Group 3 (ITU-T T.4, section
//! 4.2), using the `fax` crate's code tables.

use super::decompressor::{Decompressor, End, Shape};
use super::fax::{FaxBytes, draw, padded};
use super::input::Extent;
use crate::source::DecodeError;
use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};

/// Number of zero bits at the start of an end-of-line code, which is everything except its last bit. Any preceding fill
/// bits are also 0.
const END_OF_LINE_ZEROS: u8 = 11;

/// Row coding method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowCoding {
    /// Each row starts at a byte boundary.
    RunLength,
    /// Each row starts with an end-of-line code and a bit that specifies whether the row refers to the row above.
    TwoDimensional,
}

/// Decodes rows with one bit per pixel. Set bits are printed pixels.
pub(super) struct CodedRows {
    reader: ByteReader<FaxBytes>,
    coding: RowCoding,
    width: u32,
    /// Columns where the color changes. The first change is to black.
    current: Vec<u32>,
    above: Vec<u32>,
}

impl CodedRows {
    pub(super) fn new(coding: RowCoding, input: Extent, shape: Shape) -> Result<Self, DecodeError> {
        let reader = ByteReader::new(padded(input))?;
        Ok(Self { reader, coding, width: shape.width, current: Vec::new(), above: Vec::new() })
    }

    /// Decodes the next row and returns the columns where its color changes.
    fn next_row(&mut self) -> Result<&[u32], DecodeError> {
        std::mem::swap(&mut self.current, &mut self.above);
        self.current.clear();
        let has_reference = match self.coding {
            RowCoding::RunLength => {
                self.reader.consume(self.reader.bits_to_byte_boundary())?;
                false
            }
            RowCoding::TwoDimensional => self.begins_with_reference()?,
        };
        if has_reference {
            self.differences()?;
        } else {
            self.runs()?;
        }
        // Zero-length runs have no effect here, but would be treated as changes when decoding the next row.
        remove_empty_runs(&mut self.current);
        Ok(&self.current)
    }

    /// Reads an end-of-line code. Returns `true` if the row refers to the row above.
    fn begins_with_reference(&mut self) -> Result<bool, DecodeError> {
        if self.reader.peek(END_OF_LINE_ZEROS) != Some(0) {
            return Err("one of its rows does not begin with an end-of-line code".into());
        }
        while self.reader.peek(1) == Some(0) {
            self.reader.consume(1)?;
        }
        let bits = self.reader.peek(2).ok_or("its data ends before its last row")?;
        self.reader.consume(2)?;
        Ok(bits & 1 == 0)
    }

    /// Decodes alternating white and black runs.
    fn runs(&mut self) -> Result<(), DecodeError> {
        let (mut at, mut is_black) = (0, false);
        while at < self.width {
            at = self.after_run(at, is_black)?;
            self.push(at)?;
            is_black = !is_black;
        }
        Ok(())
    }

    /// Decodes differences from the row above.
    fn differences(&mut self) -> Result<(), DecodeError> {
        // Position of the next code. `None` is before the first column, which could be a change itself.
        let (mut at, mut is_black) = (None, false);
        while at.is_none_or(|at| at < self.width) {
            let (first, second) = self.changes_above(at, is_black);
            match mode::decode(&mut self.reader).ok_or("one of its rows is damaged")? {
                Mode::Pass => at = Some(second),
                Mode::Vertical(by) => {
                    let change = first.checked_add_signed(by.into()).filter(|change| *change >= at.unwrap_or(0));
                    let change = change.ok_or("one of its rows is damaged")?;
                    self.push(change)?;
                    (at, is_black) = (Some(change), !is_black);
                }
                Mode::Horizontal => {
                    let change = self.after_run(at.unwrap_or(0), is_black)?;
                    self.push(change)?;
                    let next = self.after_run(change, !is_black)?;
                    self.push(next)?;
                    at = Some(next);
                }
                Mode::Extension => return Err("it has rows in uncompressed mode, which is not supported".into()),
                Mode::EOF => return Err("its data ends before its last row".into()),
            }
        }
        Ok(())
    }

    /// Returns the first change after `at` in the row above that ends the current color, along with the change after
    /// it.
    fn changes_above(&self, at: Option<u32>, is_black: bool) -> (u32, u32) {
        let behind = self.above.partition_point(|change| at.is_some_and(|at| *change <= at));
        // Changes to black have even indices.
        let first = behind + usize::from((behind % 2 == 1) != is_black);
        let change = |place: usize| self.above.get(place).copied().unwrap_or(self.width);
        (change(first), change(first + 1))
    }

    /// Reads the codes of a run and returns its end.
    fn after_run(&mut self, start: u32, is_black: bool) -> Result<u32, DecodeError> {
        let mut end = start;
        loop {
            let code = if is_black { black::decode(&mut self.reader) } else { white::decode(&mut self.reader) };
            let pixels = code.ok_or("one of its rows is damaged")?;
            end += u32::from(pixels);
            if end > self.width {
                return Err("one of its rows is not as wide as the image".into());
            }
            // Longer runs start with codes for multiples of 64.
            if pixels < 64 {
                return Ok(end);
            }
        }
    }

    fn push(&mut self, change: u32) -> Result<(), DecodeError> {
        // In valid data, only the first run can have zero length.
        if change > self.width || self.current.len() > self.width as usize + 2 {
            return Err("one of its rows is damaged".into());
        }
        self.current.push(change);
        Ok(())
    }
}

/// Removes pairs of changes at the same column.
fn remove_empty_runs(changes: &mut Vec<u32>) {
    let mut kept = 0;
    for place in 0..changes.len() {
        if kept > 0 && changes[kept - 1] == changes[place] {
            kept -= 1;
        } else {
            changes[kept] = changes[place];
            kept += 1;
        }
    }
    changes.truncate(kept);
}

impl Decompressor for CodedRows {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let (width, row_bytes) = (self.width, self.width.div_ceil(8) as usize);
        rows.chunks_exact_mut(row_bytes).try_for_each(|row| draw(self.next_row()?, width, row))
    }

    fn finish(&mut self) -> Result<End, DecodeError> {
        Ok(End::Complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_without_pixels_are_no_changes() {
        for (changes, expected) in [
            (vec![0, 5, 9], vec![0, 5, 9]),
            (vec![3, 3], vec![]),
            (vec![2, 4, 4, 7], vec![2, 7]),
            (vec![1, 1, 1], vec![1]),
        ] {
            let mut real = changes.clone();
            remove_empty_runs(&mut real);
            assert_eq!(real, expected, "{changes:?}");
        }
    }
}
