//! Huffman coding of quantized blocks in baseline JPEGs (ITU-T T.81, F.1.2).
#![deny(unsafe_code)]
#![expect(clippy::inline_always, reason = "the state stays in registers only if all of it is in one loop")]

use super::bits::{BitWriter, BlockBits};

/// Index in row order of each coefficient in zigzag order (T.81, figure A.6).
pub(super) static ZIGZAG: [u8; 64] = zigzag();

/// Largest number of bits of an AC coefficient in 8-bit baseline JPEG (T.81, F.1.2.2).
const MAX_AC_BITS: u32 = 10;
/// Largest number of bits of the difference between two DC coefficients (T.81, F.1.2.1).
const MAX_DC_BITS: u32 = 11;

/// Symbols for the end of a block and for 16 zeros.
const END_OF_BLOCK: usize = 0x00;
const ZEROS: usize = 0xf0;

const fn zigzag() -> [u8; 64] {
    let mut order = [0; 64];
    let (mut row, mut column) = (0_u8, 0_u8);
    let mut index = 0;
    while index < 64 {
        order[index] = row * 8 + column;
        // Even diagonals lead up to the right, and odd ones down to the left.
        let is_up = (row + column).is_multiple_of(2);
        match (is_up, row, column) {
            (true, _, 7) | (false, 0..7, 0) => row += 1,
            (true, 0, _) | (false, 7, _) => column += 1,
            (true, ..) => (row, column) = (row - 1, column + 1),
            (false, ..) => (row, column) = (row + 1, column - 1),
        }
        index += 1;
    }
    order
}

/// Sets of zigzag positions, by the column of a block and by a set of its rows. Sets are bits, from the lowest one.
static POSITIONS: [[u64; 256]; 8] = positions();

const fn positions() -> [[u64; 256]; 8] {
    let mut positions = [[0; 256]; 8];
    let mut index = 0;
    while index < 64 {
        let (row, column) = (ZIGZAG[index] / 8, ZIGZAG[index] % 8);
        let mut rows = 0;
        while rows < 256 {
            if rows >> row & 1 == 1 {
                positions[column as usize][rows] |= 1 << index;
            }
            rows += 1;
        }
        index += 1;
    }
    positions
}

/// A code and the number of bits that it takes together with the bits of the coefficient, which follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Code {
    /// Code, moved to the left by the bits of the coefficient.
    bits: u32,
    count: u32,
}

/// A Huffman table as in a file: the number of codes of each length, starting at one bit, and their symbols.
pub(super) struct Table<'a> {
    pub(super) lengths: &'a [u8],
    pub(super) symbols: &'a [u8],
}

impl Table<'_> {
    /// Returns the code of each symbol (T.81, C.2). `bits` returns the bits that follow a symbol.
    fn codes<const COUNT: usize>(&self, bits: impl Fn(usize) -> u32) -> [Code; COUNT] {
        let mut codes = [Code::default(); COUNT];
        let (mut symbols, mut code) = (self.symbols.iter(), 0_u32);
        for (length, count) in (1..).zip(self.lengths) {
            for symbol in symbols.by_ref().take(usize::from(*count)) {
                let symbol = usize::from(*symbol);
                if let Some(entry) = codes.get_mut(symbol) {
                    *entry = Code { bits: code << bits(symbol), count: length + bits(symbol) };
                }
                code += 1;
            }
            code <<= 1;
        }
        codes
    }
}

/// Codes of the DC coefficients of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DcCodes([Code; 16]);

impl DcCodes {
    pub(super) fn new(table: &Table<'_>) -> Self {
        Self(table.codes(|symbol| u32::try_from(symbol).expect("one of 16")))
    }

    /// Writes the difference of two DC coefficients. Returns `false` if it has no code.
    #[inline(always)]
    pub(super) fn write(&self, before: i16, now: i16, bits: &mut BlockBits<'_>) -> bool {
        let difference = i32::from(now) - i32::from(before);
        let count = u32::BITS - difference.unsigned_abs().leading_zeros();
        if count > MAX_DC_BITS {
            return false;
        }
        let code = self.0[count as usize];
        // Negative numbers are written minus one, without their sign.
        let low = (difference + (difference >> 31)).cast_unsigned() & ((1 << count) - 1);
        bits.put(u64::from(code.bits | low), code.count);
        true
    }
}

/// Codes of the AC coefficients of a component.
#[derive(Clone, Debug)]
pub(super) struct AcCodes(Box<[Code; 256]>);

impl AcCodes {
    pub(super) fn new(table: &Table<'_>) -> Self {
        Self(Box::new(table.codes(|symbol| u32::try_from(symbol & 15).expect("one of 16"))))
    }

    /// Writes the AC coefficients of a block in row order. Returns `false` if there are no codes for them.
    #[inline(always)]
    pub(super) fn write(&self, block: &[i16; 64], bits: &mut BlockBits<'_>) -> bool {
        let mut left = nonzero(block) & !1;
        let (mut before, mut seen) = (0, 0);
        while left != 0 {
            let position = left.trailing_zeros();
            left &= left - 1;
            let mut zeros = position - before - 1;
            before = position;
            while zeros > 15 {
                bits.put(u64::from(self.0[ZEROS].bits), self.0[ZEROS].count);
                zeros -= 16;
            }
            let value = i32::from(block[usize::from(ZIGZAG[position as usize % 64]) % 64]);
            let size = value.unsigned_abs();
            seen |= size;
            let count = u32::BITS - size.leading_zeros();
            let code = self.0[(zeros << 4 | count & 15) as usize % 256];
            let low = (value + (value >> 31)).cast_unsigned() & ((1 << (count & 15)) - 1);
            bits.put(u64::from(code.bits | low), code.count);
        }
        if before != 63 {
            bits.put(u64::from(self.0[END_OF_BLOCK].bits), self.0[END_OF_BLOCK].count);
        }
        seen >> MAX_AC_BITS == 0
    }
}

/// Returns the zigzag positions of the coefficients that aren't zero. They are bits, from the lowest one.
#[inline(always)]
fn nonzero(block: &[i16; 64]) -> u64 {
    // Testing one coefficient at a time takes longer than writing those that aren't zero, so test four at a time, in a
    // word. Adding this number carries into the highest bit of a coefficient if any of its lower bits are set.
    const LOWER_BITS: u64 = 0x7fff_7fff_7fff_7fff;
    // Collects the rows of each column, with four columns in a word.
    let mut columns = [0_u64; 2];
    for row in 0..8 {
        for (half, columns) in columns.iter_mut().enumerate() {
            let at = 8 * row + 4 * half;
            let word = word([block[at], block[at + 1], block[at + 2], block[at + 3]]);
            let highest_bits = (((word & LOWER_BITS) + LOWER_BITS) | word) & !LOWER_BITS;
            *columns |= highest_bits >> (15 - row);
        }
    }
    let mut positions = 0;
    for (column, of_column) in POSITIONS.iter().enumerate() {
        let rows = columns[column / 4] >> (16 * (column % 4)) & 0xff;
        positions |= of_column[rows as usize];
    }
    positions
}

#[inline(always)]
fn word(coefficients: [i16; 4]) -> u64 {
    // Not `map`, which is called instead of inlined without link-time optimization.
    let [first, second, third, fourth] = coefficients;
    let bits = |coefficient: i16| u64::from(coefficient.cast_unsigned());
    bits(first) | bits(second) << 16 | bits(third) << 32 | bits(fourth) << 48
}

/// Codes of one component.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    pub(super) dc: DcCodes,
    pub(super) ac: AcCodes,
}

impl Codes {
    /// Writes a block after one of the same component with the DC coefficient `before`. Returns `false` if there are
    /// no codes for it.
    #[inline]
    pub(super) fn write(&self, block: &[i16; 64], before: i16, writer: &mut BitWriter) -> bool {
        writer.block(|bits| self.dc.write(before, block[0], bits) & self.ac.write(block, bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_in_zigzag_order() {
        assert_eq!(ZIGZAG[..12], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25]);
        assert_eq!(ZIGZAG[60..], [61, 54, 47, 55, 62, 63][2..]);
        for (position, index) in ZIGZAG.into_iter().enumerate() {
            let mut block = [0; 64];
            block[usize::from(index)] = -1;
            assert_eq!(nonzero(&block), 1 << position);
        }
        assert_eq!(nonzero(&[3; 64]), u64::MAX);
    }
}
