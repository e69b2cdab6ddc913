//! Huffman decoding of quantized blocks in baseline JPEGs (ITU-T T.81, F.2.2).
#![deny(unsafe_code)]
#![expect(clippy::inline_always, reason = "the state stays in registers only if all of it is in one loop")]

use super::huffman::{Table, ZIGZAG};

/// Number of bits that a table lookup decodes at once.
const LOOKUP_BITS: u32 = 10;
/// Longest Huffman code (T.81, C.2).
const MAX_CODE_BITS: u32 = 16;
/// A code and the bits of its coefficient take at most 31 bits.
const MIN_BITS: i32 = 32;

/// Symbol for 16 zeros. All other symbols without a coefficient end the block.
const ZEROS: u8 = 0xf0;
/// Step that leads from any position past the end of a block.
const TO_END: u32 = 64;

/// Index in row order of each zigzag position. As in libjpeg, positions past the end lead to the last coefficient. This
/// also allows the end of a block to be decoded as a zero, without a branch.
static ROW_ORDER: [u8; 128] = row_order();

const fn row_order() -> [u8; 128] {
    let mut order = [63; 128];
    let mut index = 0;
    while index < ZIGZAG.len() {
        order[index] = ZIGZAG[index];
        index += 1;
    }
    order
}

/// A decoded symbol with its coefficient, packed into a word.
///
/// From the lowest bit: six bits for the number of bits, seven for the number of positions to skip, a flag for an entry
/// without its coefficient, and from bit 16 the coefficient. Without the coefficient, its size in bits is stored
/// instead. An entry of zero is a code that is longer than a lookup, or no code at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry(u32);

impl Entry {
    const SKIP: u32 = 6;
    const IS_PARTIAL: u32 = 1 << 13;
    const VALUE: u32 = 16;

    fn new(length: u32, skip: u32, value: i16) -> Self {
        Self(length | skip << Self::SKIP | u32::from(value.cast_unsigned()) << Self::VALUE)
    }

    /// Returns an entry for a code of `length` bits, whose coefficient of `size` bits follows.
    fn partial(length: u32, skip: u32, size: u32) -> Self {
        Self(length | skip << Self::SKIP | Self::IS_PARTIAL | size << Self::VALUE)
    }

    #[inline(always)]
    fn is_complete(self) -> bool {
        self.0 != 0 && self.0 & Self::IS_PARTIAL == 0
    }

    #[inline(always)]
    fn length(self) -> u32 {
        self.0 & 0x3f
    }

    #[inline(always)]
    fn skip(self) -> usize {
        (self.0 >> Self::SKIP & 0x7f) as usize
    }

    #[inline(always)]
    fn value(self) -> i16 {
        ((self.0 >> Self::VALUE) as u16).cast_signed()
    }
}

/// Returns the coefficient that `bits` stand for, which are the lowest `size` bits (T.81, F.2.2.1).
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "sizes are below 16")]
fn extended(bits: u32, size: u32) -> i16 {
    let is_negative = size > 0 && bits >> (size - 1) == 0;
    let offset = if is_negative { (1_i32 << size) - 1 } else { 0 };
    (bits.cast_signed() - offset) as i16
}

/// Decodes the symbols of one Huffman table.
#[derive(Debug)]
pub(super) struct Decoder {
    lookup: Box<[Entry; 1 << LOOKUP_BITS]>,
    symbols: Vec<u8>,
    lengths: [Length; MAX_CODE_BITS as usize + 1],
    is_dc: bool,
}

/// Codes of one length.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    /// First code above those of this length and of shorter ones, moved to the top of 16 bits.
    limit: u32,
    /// First code.
    first: u32,
    /// Index of the first code's symbol.
    symbol: usize,
}

impl Decoder {
    /// Creates a decoder for DC or AC coefficients. A table with too many codes isn't an error, but some of its codes
    /// aren't decoded.
    pub(super) fn new(table: &Table<'_>, is_dc: bool) -> Self {
        let mut decoder = Self {
            lookup: Box::new([Entry::default(); 1 << LOOKUP_BITS]),
            symbols: table.symbols.to_vec(),
            lengths: [Length::default(); MAX_CODE_BITS as usize + 1],
            is_dc,
        };
        let (mut code, mut index) = (0_u32, 0);
        for (length, count) in (1..=MAX_CODE_BITS).zip(table.lengths) {
            let first = Length { limit: 0, first: code, symbol: index };
            for _ in 0..*count {
                decoder.add(code, length, index);
                (code, index) = (code + 1, index + 1);
            }
            decoder.lengths[length as usize] = Length { limit: code << (MAX_CODE_BITS - length), ..first };
            code <<= 1;
        }
        decoder
    }

    /// Adds all lookups that start with a code.
    fn add(&mut self, code: u32, length: u32, index: usize) {
        let Some(&symbol) = self.symbols.get(index) else { return };
        let Some(left) = LOOKUP_BITS.checked_sub(length) else { return };
        let (skip, size) = self.meaning(symbol);
        for following in 0..1_u32 << left {
            let entry = match left.checked_sub(size) {
                Some(unused) => Entry::new(length + size, skip, extended(following >> unused, size)),
                None => Entry::partial(length, skip, size),
            };
            if let Some(place) = self.lookup.get_mut((code << left | following) as usize) {
                *place = entry;
            }
        }
    }

    /// Returns the number of positions that a symbol skips, and the number of bits of its coefficient.
    fn meaning(&self, symbol: u8) -> (u32, u32) {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let ends = !self.is_dc && size == 0 && symbol != ZEROS;
        (if ends { TO_END } else { run }, size)
    }

    /// Decodes a symbol and its coefficient. Returns `None` if there is no such code.
    #[inline(always)]
    fn next(&self, bits: &mut BitReader<'_>) -> Option<Entry> {
        bits.refill();
        let entry = self.lookup[bits.peek(LOOKUP_BITS) as usize];
        let entry = if entry.is_complete() { entry } else { self.complete(entry, *bits)? };
        bits.consume(entry.length());
        Some(entry)
    }

    /// Completes an entry that has no coefficient, or finds one for a long code.
    #[cold]
    #[inline(never)]
    fn complete(&self, entry: Entry, bits: BitReader<'_>) -> Option<Entry> {
        let (length, skip, size) = if entry == Entry::default() {
            let (length, symbol) = self.long(bits.peek(MAX_CODE_BITS))?;
            let (skip, size) = self.meaning(symbol);
            (length, skip, size)
        } else {
            (entry.length(), u32::try_from(entry.skip()).ok()?, entry.0 >> Entry::VALUE)
        };
        let coefficient = if size == 0 { 0 } else { bits.peek_after(length, size) };
        Some(Entry::new(length + size, skip, extended(coefficient, size)))
    }

    /// Returns the length and the symbol of the code at the start of 16 bits.
    fn long(&self, bits: u32) -> Option<(u32, u8)> {
        let lengths = (LOOKUP_BITS + 1..=MAX_CODE_BITS).map(|length| (length, self.lengths[length as usize]));
        let (length, codes) = lengths.into_iter().find(|(_, codes)| bits < codes.limit)?;
        let nth = (bits >> (MAX_CODE_BITS - length)).checked_sub(codes.first)?;
        Some((length, *self.symbols.get(codes.symbol + nth as usize)?))
    }

    /// Decodes the difference between a DC coefficient and the one before.
    #[inline(always)]
    pub(super) fn dc(&self, bits: &mut BitReader<'_>) -> Option<i16> {
        self.next(bits).map(Entry::value)
    }

    /// Decodes the AC coefficients of a block of zeros, in row order.
    #[inline(always)]
    pub(super) fn ac(&self, bits: &mut BitReader<'_>, block: &mut [i16; 64]) -> Option<()> {
        let mut position = 1;
        while position < block.len() {
            let entry = self.next(bits)?;
            position += entry.skip();
            block[usize::from(ROW_ORDER[position % ROW_ORDER.len()]) % block.len()] = entry.value();
            position += 1;
        }
        Some(())
    }
}

/// Reads the bits of a scan, most significant first, up to the next marker.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitReader<'a> {
    /// Bits that were read from the input, from the highest one. All others are zero.
    word: u64,
    /// Number of these bits. Negative if more bits were consumed than the input had.
    count: i32,
    input: &'a [u8],
}

impl<'a> BitReader<'a> {
    /// Creates a reader. The lowest `count` bits of `bits`, at most 64, come before `input`.
    pub(super) fn new(bits: u64, count: u32, input: &'a [u8]) -> Self {
        let word = if count == 0 { 0 } else { bits << (u64::BITS - count.min(u64::BITS)) };
        Self { word, count: count.cast_signed(), input }
    }

    /// Returns the unused bits, how many there are, and the unread input, or `None` if the input had too few bits.
    pub(super) fn rest(self) -> Option<(u64, u32, &'a [u8])> {
        let count = u32::try_from(self.count).ok()?;
        let bits = if count == 0 { 0 } else { self.word >> (u64::BITS - count) };
        Some((bits, count, self.input))
    }

    /// Makes enough bits available for a code and its coefficient, unless the input ends.
    #[inline(always)]
    fn refill(&mut self) {
        if self.count < MIN_BITS {
            self.refill_now();
        }
    }

    #[inline(always)]
    fn refill_now(&mut self) {
        match self.input.first_chunk() {
            Some(next) if self.count >= 0 && !has_ff(*next) => {
                let bytes = (63 - self.count.cast_unsigned()) / 8;
                let count = self.count.cast_unsigned() + 8 * bytes;
                self.word |= u64::from_be_bytes(*next) >> self.count;
                self.word &= u64::MAX << (u64::BITS - count);
                self.count = count.cast_signed();
                self.input = self.input.get(bytes as usize..).unwrap_or_default();
            }
            // Passing the state by value keeps it in registers everywhere else.
            _ => *self = self.refilled_by_bytes(),
        }
    }

    #[cold]
    #[inline(never)]
    fn refilled_by_bytes(mut self) -> Self {
        while (0..=56).contains(&self.count) {
            let (byte, rest) = match self.input {
                [0xff, 0, rest @ ..] => (0xff, rest),
                // A marker, or the first half of one.
                [0xff, ..] | [] => return self,
                [byte, rest @ ..] => (*byte, rest),
            };
            self.word |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.input = rest;
        }
        self
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "at most 16 bits")]
    fn peek(self, count: u32) -> u32 {
        (self.word >> (u64::BITS - count)) as u32
    }

    /// Returns `count` bits, at least one, that follow the next `skipped` bits.
    #[expect(clippy::cast_possible_truncation, reason = "at most 15 bits")]
    fn peek_after(self, skipped: u32, count: u32) -> u32 {
        ((self.word << skipped) >> (u64::BITS - count)) as u32
    }

    #[inline(always)]
    fn consume(&mut self, count: u32) {
        self.word <<= count;
        self.count -= count.cast_signed();
    }
}

/// Returns `true` if any of the bytes is `0xff`, which may start a marker.
#[inline(always)]
fn has_ff(bytes: [u8; 8]) -> bool {
    let inverted = !u64::from_ne_bytes(bytes);
    inverted.wrapping_sub(0x0101_0101_0101_0101) & !inverted & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libjpeg::bits::{BitWriter, escape};
    use crate::libjpeg::huffman::{AcCodes, Codes, DcCodes};
    use proptest::prelude::*;

    /// A code for each symbol: short ones, and many of 16 bits.
    fn table(symbols: &[u8]) -> ([u8; 16], Vec<u8>) {
        let mut lengths = [0; 16];
        lengths[1] = 1;
        lengths[4] = 2;
        lengths[15] = u8::try_from(symbols.len() - 3).expect("few");
        (lengths, symbols.to_vec())
    }

    fn ac_symbols() -> Vec<u8> {
        let all = (0..16_u8).flat_map(|run| (1..=10).map(move |size| run << 4 | size));
        [0x01, 0x00, 0x11, ZEROS].into_iter().chain(all.filter(|symbol| ![0x01, 0x11].contains(symbol))).collect()
    }

    fn coefficients() -> impl Strategy<Value = [i16; 64]> {
        let coefficient = prop_oneof![6 => Just(0), 2 => -3..=3_i16, 1 => -1023..=1023_i16];
        proptest::collection::vec(coefficient, 64).prop_map(|it| it.try_into().expect("64"))
    }

    proptest! {
        #[test]
        fn blocks_are_decoded_as_they_were_written(blocks in proptest::collection::vec(coefficients(), 1..40)) {
            let ((dc_lengths, dc_symbols), (lengths, symbols)) = (table(&(0..12).collect::<Vec<_>>()), table(&ac_symbols()));
            let dc = Table { lengths: &dc_lengths, symbols: &dc_symbols };
            let ac = Table { lengths: &lengths, symbols: &symbols };
            let codes = Codes { dc: DcCodes::new(&dc), ac: AcCodes::new(&ac) };
            let (mut writer, mut before) = (BitWriter::default(), 0);
            for block in &blocks {
                prop_assert!(codes.write(block, before, &mut writer));
                before = block[0];
            }
            writer.pad();
            let mut file = Vec::new();
            escape(writer.complete(), &mut file);
            file.extend([0xff, 0xd9]);
            let (dc, ac) = (Decoder::new(&dc, true), Decoder::new(&ac, false));
            let (mut bits, mut before) = (BitReader::new(0, 0, &file), 0);
            for block in &blocks {
                let mut decoded = [0; 64];
                before += dc.dc(&mut bits).expect("a code");
                decoded[0] = before;
                prop_assert!(ac.ac(&mut bits, &mut decoded).is_some());
                prop_assert_eq!(&decoded, block);
                // The state can be taken over after any block.
                let (rest, count, input) = bits.rest().expect("enough bits");
                bits = BitReader::new(rest, count, input);
            }
            prop_assert!(bits.rest().is_some_and(|(_, count, input)| count < 8 && input == [0xff, 0xd9]));
        }
    }

    #[test]
    fn input_that_ends_too_early_is_noticed() {
        let (lengths, symbols) = table(&ac_symbols());
        let ac = Decoder::new(&Table { lengths: &lengths, symbols: &symbols }, false);
        for input in [&[][..], &[0x00], &[0x00, 0xff, 0xd9], &[0x00, 0x00, 0x00, 0xff]] {
            let mut bits = BitReader::new(0, 0, input);
            let decoded = ac.ac(&mut bits, &mut [0; 64]);
            assert!(decoded.is_none() || bits.rest().is_none(), "{input:?}");
        }
    }

    #[test]
    fn bits_that_are_no_code_are_noticed() {
        let (lengths, symbols) = table(&ac_symbols());
        let ac = Decoder::new(&Table { lengths: &lengths, symbols: &symbols }, false);
        let mut bits = BitReader::new(0, 0, &[0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0]);
        assert_eq!(ac.ac(&mut bits, &mut [0; 64]), None);
    }
}
