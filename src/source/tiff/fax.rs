//! CCITT Group 3 (one-dimensional) and Group 4, using the `fax` crate, which represents rows as lists of color
//! changes.

use super::decompressor::{BUFFER_BYTES, Decompressor, End, Shape};
use super::input::Extent;
use crate::source::DecodeError;
use fax::decoder::{DecodeStatus, Group3Decoder, Group4Decoder};
use std::io::{BufReader, Bytes, Chain, Read, Repeat, Take, repeat};

/// Iterator over the bytes of fax data.
pub(super) type FaxBytes = Bytes<BufReader<Chain<Extent, Take<Repeat>>>>;

/// Number of zero bytes to append to the data. The longest code has 13 bits, and `fax` always reads that far ahead,
/// even for shorter codes.
const PADDING_BYTES: u64 = 2;

enum Decoder {
    Group3(Group3Decoder<FaxBytes>),
    Group4(Group4Decoder<FaxBytes>),
}

/// Decodes rows with one bit per pixel, where 1 is a printed pixel.
pub(super) struct FaxRows {
    decoder: Decoder,
    width: u32,
    /// Set if the data may contain more rows than requested.
    may_have_more: bool,
    /// Set once the end-of-data code has been read.
    has_ended: bool,
}

impl FaxRows {
    pub(super) fn group_3(input: Extent, shape: Shape) -> Result<Self, DecodeError> {
        let decoder = Group3Decoder::new(padded(input)).map_err(|_| "it does not start with a row")?;
        Ok(Self::new(Decoder::Group3(decoder), shape))
    }

    pub(super) fn group_4(input: Extent, shape: Shape) -> Result<Self, DecodeError> {
        let decoder = Group4Decoder::new(padded(input), shape.width)?;
        Ok(Self::new(Decoder::Group4(decoder), shape))
    }

    fn new(decoder: Decoder, shape: Shape) -> Self {
        Self { decoder, width: shape.width, may_have_more: shape.rows < shape.max_rows, has_ended: false }
    }

    /// Decodes the next row and returns the columns where its color changes.
    fn next_row(&mut self) -> Result<&[u32], DecodeError> {
        if self.has_ended {
            return Err("its data ends before its last row".into());
        }
        match &mut self.decoder {
            Decoder::Group3(decoder) => {
                // The decoder expects an end-of-line code after the last row, but many writers omit it. In that case
                // it mistakes the last byte's padding bits for pixels past the right edge.
                self.has_ended = decoder.advance().map_or(true, |status| status == DecodeStatus::End);
                let (width, changes) = (self.width, decoder.transitions());
                let end = changes.iter().position(|change| *change == width);
                match end.filter(|end| self.has_ended || changes[*end..].iter().all(|change| *change == width)) {
                    Some(end) => Ok(&changes[..end]),
                    None => Err("one of its rows is not as wide as the image".into()),
                }
            }
            Decoder::Group4(decoder) => match decoder.advance().map_err(|_| "its data is damaged")? {
                DecodeStatus::Incomplete => Ok(decoder.transition()),
                DecodeStatus::End => Err("its data ends before its last row".into()),
            },
        }
    }
}

/// Appends zero bytes, which don't form a valid code.
pub(super) fn padded(input: Extent) -> FaxBytes {
    BufReader::with_capacity(BUFFER_BYTES, input.chain(repeat(0).take(PADDING_BYTES))).bytes()
}

impl Decompressor for FaxRows {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let (width, row_bytes) = (self.width, self.width.div_ceil(8) as usize);
        rows.chunks_exact_mut(row_bytes).try_for_each(|row| draw(self.next_row()?, width, row))
    }

    /// Fails if there is an extra row, because that means an earlier row was decoded incorrectly.
    fn finish(&mut self) -> Result<End, DecodeError> {
        // Fax data has no checksum and hardly any invalid codes, so a flipped bit doesn't cause an error right away.
        // In Group 4, each row depends on the one above, so corruption usually leads to the wrong number of rows.
        // `fill` detects missing rows, and this function detects extra rows.
        let has_more = match &mut self.decoder {
            Decoder::Group4(decoder) if !self.may_have_more => {
                matches!(decoder.advance(), Ok(DecodeStatus::Incomplete))
            }
            _ => false,
        };
        if has_more { Err("it has too many rows".into()) } else { Ok(End::Complete) }
    }
}

/// Fills the runs of printed pixels, which alternate with blank runs between the changes.
pub(super) fn draw(changes: &[u32], width: u32, row: &mut [u8]) -> Result<(), DecodeError> {
    if !changes.is_sorted() || changes.last().is_some_and(|last| *last > width) {
        return Err("one of its rows is damaged".into());
    }
    row.fill(0);
    for run in changes.chunks(2) {
        let end = run.get(1).copied().unwrap_or(width);
        set_bits(row, run[0] as usize, end as usize);
    }
    Ok(())
}

/// Sets bits `from..to`, counting from the first byte's most significant bit.
fn set_bits(row: &mut [u8], from: usize, to: usize) {
    if from >= to {
        return;
    }
    let (first, last) = (from / 8, (to - 1) / 8);
    let (head, tail) = (0xff >> (from % 8), 0xff << (7 - (to - 1) % 8));
    if first == last {
        row[first] |= head & tail;
        return;
    }
    row[first] |= head;
    row[first + 1..last].fill(0xff);
    row[last] |= tail;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_drawn_bit_by_bit() {
        for from in 0..32 {
            for to in from..=32 {
                let mut row = [0; 4];
                set_bits(&mut row, from, to);
                let set = |bit: usize| row[bit / 8] >> (7 - bit % 8) & 1 == 1;
                assert!((0..32).all(|bit| set(bit) == (from..to).contains(&bit)), "{from} to {to}");
            }
        }
        let mut row = [0xaa; 2];
        draw(&[3, 5, 11], 13, &mut row).expect("drawn");
        assert_eq!(row, [0b0001_1000, 0b0001_1000]);
        assert!(draw(&[5, 3], 13, &mut row).is_err());
        assert!(draw(&[5, 14], 13, &mut row).is_err());
    }
}
