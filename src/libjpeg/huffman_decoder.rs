//! Decodes the Huffman codes of sequential JPEGs (ITU-T T.81, F.2.2).
#![deny(unsafe_code)]
#![expect(clippy::inline_always, reason = "the state stays in registers only if all of it is in one loop")]

use super::bit_reader::BitReader;
use super::huffman::{Table, ZIGZAG};

/// Codes up to this length are looked up, together with the bits of their coefficient if these fit too. With fewer bits, fewer
/// coefficients fit. With more, the tables of a file take too much of the CPU's first cache.
const LOOKUP_BITS: u32 = 10;

/// Maximum number of bits of a code (T.81, C.1).
const MAX_CODE_BITS: u32 = 16;

/// Maximum number of bits of a symbol, which are a code and its coefficient.
const MAX_SYMBOL_BITS: u32 = MAX_CODE_BITS + 15;

/// Number of symbols to read without loading bits in between, as long as they fit into the lookup.
const SHORT_SYMBOLS: u32 = 3;

const _: () = assert!((SHORT_SYMBOLS - 1) * LOOKUP_BITS + MAX_SYMBOL_BITS <= BitReader::MIN_BITS);

/// Position of the last coefficient of a block.
const LAST: u32 = 63;

/// A symbol and its coefficient.
///
/// From the lowest bit: the number of bits to skip (5 bits), the number of bits of a coefficient that isn't included (4 bits), the
/// number of positions to advance (7 bits), and the coefficient (16 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Symbol(u32);

impl Symbol {
    /// Stands for a code that is too long to be looked up.
    const LONG: Self = Self::new(0, 15, 0);

    const fn new(skipped: u32, missing: u32, advance: u32) -> Self {
        Self(skipped | missing << 5 | advance << 9)
    }

    /// Returns this symbol with its coefficient.
    const fn with(self, coefficient: i32) -> Self {
        Self(Self::new(self.skipped() + self.missing(), 0, self.advance()).0 | coefficient.cast_unsigned() << 16)
    }

    #[inline(always)]
    const fn skipped(self) -> u32 {
        self.0 & 31
    }

    #[inline(always)]
    const fn missing(self) -> u32 {
        self.0 >> 5 & 15
    }

    #[inline(always)]
    const fn advance(self) -> u32 {
        self.0 >> 9 & 127
    }

    #[inline(always)]
    const fn coefficient(self) -> i32 {
        self.0.cast_signed() >> 16
    }
}

/// Meaning of the symbols in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coefficients {
    /// A symbol is the number of bits of a difference.
    Dc,
    /// A symbol is a number of zeros and the number of bits of the coefficient after them.
    Ac,
}

/// Codes of one table, prepared for decoding.
#[derive(Debug)]
pub(super) struct DecodingTable {
    lookup: Box<[Symbol; 1 << LOOKUP_BITS]>,
    /// Symbols without their coefficients, in the order of their codes.
    symbols: Vec<Symbol>,
    /// For each length from 1, the first number that is too large for a code, and the offset from a code to its index in `symbols`.
    lengths: [(u32, u32); MAX_CODE_BITS as usize],
}

impl DecodingTable {
    pub(super) fn new(table: &Table<'_>, coefficients: Coefficients) -> Self {
        let mut lookup = Box::new([Symbol::LONG; 1 << LOOKUP_BITS]);
        let (mut symbols, mut lengths) = (Vec::new(), [(0, 0); MAX_CODE_BITS as usize]);
        let mut code = 0_u32;
        for ((length, count), entry) in (1..).zip(table.lengths).zip(&mut lengths) {
            let offset = u32::try_from(symbols.len()).expect("at most 255 symbols for each length").wrapping_sub(code);
            for symbol in table.symbols.iter().skip(symbols.len()).take(usize::from(*count)) {
                let symbol = coefficients.symbol(*symbol, length);
                symbols.push(symbol);
                fill_lookup(&mut lookup[..], symbol, code);
                code += 1;
            }
            *entry = (code, offset);
            code <<= 1;
        }
        Self { lookup, symbols, lengths }
    }

    /// Looks up the next symbol. Its coefficient is included if it fits.
    #[inline(always)]
    fn look_up(&self, bits: &BitReader<'_>) -> Symbol {
        self.lookup[bits.peek(LOOKUP_BITS) as usize]
    }

    /// Skips the symbol that was looked up, and returns it with its coefficient, or `None` if no code matches.
    #[inline(always)]
    fn complete(&self, found: Symbol, bits: &mut BitReader<'_>) -> Option<Symbol> {
        if found.missing() == 0 {
            bits.skip(found.skipped());
            return Some(found);
        }
        let symbol = if found == Symbol::LONG { self.long_symbol(bits)? } else { found };
        bits.skip(symbol.skipped());
        let count = symbol.missing();
        if count == 0 {
            return Some(symbol);
        }
        let coefficient = coefficient(bits.peek(count), count);
        bits.skip(count);
        Some(symbol.with(coefficient))
    }

    #[cold]
    fn long_symbol(&self, bits: &BitReader<'_>) -> Option<Symbol> {
        (1..).zip(&self.lengths).skip(LOOKUP_BITS as usize).find_map(|(length, (end, offset))| {
            let code = bits.peek(length);
            // A number below the first code of this length begins with a shorter code, which would have been found.
            (code < *end).then(|| self.symbols.get(code.wrapping_add(*offset) as usize).copied()).flatten()
        })
    }
}

/// Sets the entries for all bits that start with a code.
fn fill_lookup(lookup: &mut [Symbol], symbol: Symbol, code: u32) {
    let Some(rest) = LOOKUP_BITS.checked_sub(symbol.skipped()) else { return };
    let entries = lookup.get_mut((code << rest) as usize..).unwrap_or_default();
    for (low, entry) in (0..1_u32 << rest).zip(entries) {
        let count = symbol.missing();
        *entry = match rest.checked_sub(count) {
            Some(after) if count > 0 => symbol.with(coefficient(low >> after, count)),
            _ => symbol,
        };
    }
}

impl Coefficients {
    /// Returns the meaning of a symbol whose code has `length` bits.
    fn symbol(self, symbol: u8, length: u32) -> Symbol {
        match (self, u32::from(symbol >> 4), u32::from(symbol & 15)) {
            (Self::Dc, _, bits) => Symbol::new(length, bits, 0),
            // Sixteen zeros.
            (Self::Ac, 15, 0) => Symbol::new(length, 0, 16),
            // All others are zero. Like libjpeg, this includes symbols that exist only in progressive files.
            (Self::Ac, _, 0) => Symbol::new(length, 0, LAST),
            (Self::Ac, zeros, bits) => Symbol::new(length, bits, zeros + 1),
        }
    }
}

/// Returns the coefficient with these bits (T.81, F.2.2.1, figure F.12).
#[inline(always)]
fn coefficient(bits: u32, count: u32) -> i32 {
    // Negative numbers are written minus one, without their sign.
    let is_negative = bits >> (count - 1) == 0;
    bits.cast_signed() - if is_negative { (1 << count) - 1 } else { 0 }
}

/// Tables of one component.
#[derive(Debug)]
pub(super) struct DecodingTables {
    pub(super) dc: DecodingTable,
    pub(super) ac: DecodingTable,
}

impl DecodingTables {
    /// Reads a block into `block`, which must be zero and is in row order afterward. `before` is the DC coefficient of the
    /// component's previous block.
    ///
    /// Returns the DC coefficient, or `None` if the bits aren't those of a block.
    #[inline(always)]
    pub(super) fn read(&self, bits: &mut BitReader<'_>, before: i16, block: &mut [i16; 64]) -> Option<i16> {
        bits.refill();
        let difference = self.dc.complete(self.dc.look_up(bits), bits)?.coefficient();
        let dc = i16::try_from(i32::from(before) + difference).ok()?;
        block[0] = dc;
        let mut position = 0;
        loop {
            bits.refill();
            for _ in 0..SHORT_SYMBOLS {
                let found = self.ac.look_up(bits);
                let symbol = self.ac.complete(found, bits)?;
                position += symbol.advance();
                if symbol.coefficient() != 0 {
                    let index = *ZIGZAG.get(position as usize)?;
                    #[expect(clippy::cast_possible_truncation, reason = "at most 15 bits and a sign")]
                    let coefficient = symbol.coefficient() as i16;
                    block[usize::from(index) % 64] = coefficient;
                }
                if position >= LAST {
                    return Some(dc);
                }
                if found.missing() > 0 {
                    break;
                }
            }
        }
    }
}
