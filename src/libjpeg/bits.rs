//! Writes, joins and escapes the bits of a scan (ITU-T T.81, F.1.2).
#![deny(unsafe_code)]
#![expect(clippy::inline_always, reason = "the state stays in registers only if all of it is in one loop")]

use std::ops::Range;

/// Bytes to reserve for a block. It has at most 64 codes of up to 27 bits, and every write stores eight bytes.
const BLOCK_BYTES: usize = 64 * 27 / 8 + 2 * size_of::<u64>();

/// Bits to copy at a time. Together with the up to seven bits that are pending, they fit in eight bytes.
const COPIED_BITS: u32 = 56;

/// Writes bits, most significant first, without escaping.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Number of complete bytes. The rest of `bytes` is reserved.
    complete: usize,
    pending: Pending,
}

/// Up to seven bits that don't fill a byte yet, starting from the highest bit.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    bits: u64,
    count: u32,
}

/// Memory for the bits of one block.
pub(super) struct BlockBits<'a> {
    bytes: &'a mut [u8],
    complete: usize,
    pending: Pending,
}

impl BlockBits<'_> {
    /// Appends `count` bits. All other bits of `bits` must be zero. `count` is at most 56.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        // Always store eight bytes and advance by those that are complete. A branch that asks if a byte is complete
        // would often be mispredicted.
        let count = self.pending.count + count;
        let bits = self.pending.bits | bits.wrapping_shl(u64::BITS.wrapping_sub(count));
        if let Some(bytes) = self.bytes.get_mut(self.complete..).and_then(<[u8]>::first_chunk_mut) {
            *bytes = bits.to_be_bytes();
        }
        self.complete += (count / 8) as usize;
        self.pending = Pending { bits: bits << (count & !7), count: count & 7 };
    }
}

impl BitWriter {
    /// Writes the bits of one block, which are at most 64 codes of up to 27 bits.
    #[inline(always)]
    pub(super) fn block<T>(&mut self, write: impl FnOnce(&mut BlockBits<'_>) -> T) -> T {
        self.reserve(BLOCK_BYTES);
        let bytes = &mut self.bytes[self.complete..];
        let mut bits = BlockBits { bytes, complete: 0, pending: self.pending };
        let written = write(&mut bits);
        let BlockBits { complete, pending, .. } = bits;
        self.complete += complete;
        self.pending = pending;
        written
    }

    /// Appends a range of another writer's bits.
    pub(super) fn copy(&mut self, from: &[u8], range: Range<u64>) {
        let count = range.end.saturating_sub(range.start);
        self.reserve((count / 8) as usize + 2 * size_of::<u64>());
        let mut bits = BlockBits { bytes: &mut self.bytes[self.complete..], complete: 0, pending: self.pending };
        let mut at = range.start;
        while at < range.end {
            let step = u32::try_from(range.end - at).map_or(COPIED_BITS, |left| left.min(COPIED_BITS));
            let word = word_at(from, (at / 8) as usize) << (at % 8);
            bits.put(word >> (u64::BITS - step), step);
            at += u64::from(step);
        }
        let BlockBits { complete, pending, .. } = bits;
        self.complete += complete;
        self.pending = pending;
    }

    fn reserve(&mut self, count: usize) {
        if self.bytes.len() < self.complete + count {
            let length = (2 * self.bytes.len()).max(self.complete + count).max(1 << 12);
            self.bytes.resize(length, 0);
        }
    }

    /// Returns the number of bits written since the last [`drain`](Self::drain).
    pub(super) fn position(&self) -> u64 {
        self.complete as u64 * 8 + u64::from(self.pending.count)
    }

    /// Fills the last byte with ones (T.81, F.1.2.3).
    pub(super) fn pad(&mut self) {
        let missing = (8 - self.pending.count) % 8;
        self.block(|bits| bits.put((1 << missing) - 1, missing));
    }

    /// Moves the complete bytes to a file, with escapes.
    pub(super) fn drain(&mut self, file: &mut Vec<u8>) {
        escape(&self.bytes[..self.complete], file);
        self.complete = 0;
    }

    /// Returns the complete bytes.
    pub(super) fn complete(&self) -> &[u8] {
        &self.bytes[..self.complete]
    }

    /// Returns all bits, where those of the last byte after the last bit are zero.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.complete);
        if self.pending.count > 0 {
            self.bytes.push(self.pending.bits.to_be_bytes()[0]);
        }
        self.bytes.shrink_to_fit();
        self.bytes
    }
}

/// Returns the eight bytes at `at`, padded with zeros past the end.
fn word_at(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    let word = rest.first_chunk().copied().unwrap_or_else(|| {
        let mut word = [0; size_of::<u64>()];
        word[..rest.len()].copy_from_slice(rest);
        word
    });
    u64::from_be_bytes(word)
}

/// Appends `bytes` to a file, with a zero after each `0xff`.
pub(super) fn escape(bytes: &[u8], file: &mut Vec<u8>) {
    // About one byte in 200 needs an escape.
    file.reserve(bytes.len() + bytes.len() / 64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        // A byte of `0xff` is the only one that overflows into its highest bit.
        let inverted = !u64::from_ne_bytes(*word);
        let has_ff = inverted.wrapping_sub(0x0101_0101_0101_0101) & !inverted & 0x8080_8080_8080_8080 != 0;
        if has_ff { escape_bytes(word, file) } else { file.extend_from_slice(word) }
    }
    escape_bytes(rest, file);
}

fn escape_bytes(bytes: &[u8], file: &mut Vec<u8>) {
    for byte in bytes {
        file.push(*byte);
        if *byte == 0xff {
            file.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_each_other_and_the_last_byte_is_filled_with_ones() {
        let mut writer = BitWriter::default();
        writer.block(|bits| {
            [(0b1, 1), (0, 0), (0b01, 2), (0x1f_ffff, 21), (0, 3)].map(|(it, count)| bits.put(it, count))
        });
        assert_eq!(writer.position(), 27);
        writer.pad();
        let mut file = vec![7];
        writer.drain(&mut file);
        assert_eq!(file, [7, 0b1011_1111, 0xff, 0, 0xff, 0, 0b0001_1111]);
    }

    #[test]
    fn any_range_of_bits_can_be_copied_to_any_place() {
        let from: Vec<u8> = (0..40_u8).map(|number| number.wrapping_mul(151)).collect();
        let bit = |bytes: &[u8], at: u64| bytes[(at / 8) as usize] >> (7 - at % 8) & 1;
        for before in 0..9_u64 {
            for range in [0..0, 0..1, 3..8, 7..70, 1..120, 13..320, 319..320] {
                let mut writer = BitWriter::default();
                writer.block(|bits| (0..before).for_each(|_| bits.put(1, 1)));
                writer.copy(&from, range.clone());
                assert_eq!(writer.position(), before + range.end - range.start);
                let copied = writer.into_bytes();
                assert!((0..before).all(|at| bit(&copied, at) == 1));
                assert!(range.clone().all(|at| bit(&copied, before + at - range.start) == bit(&from, at)), "{range:?}");
            }
        }
    }

    #[test]
    fn every_ff_is_escaped() {
        for at in 0..20 {
            let mut bytes = [0xfe_u8; 20];
            bytes[at] = 0xff;
            let mut file = Vec::new();
            escape(&bytes, &mut file);
            let expected = [&bytes[..=at], &[0], &bytes[at + 1..]].concat();
            assert_eq!(file, expected);
        }
        let mut file = Vec::new();
        escape(&[0xff; 17], &mut file);
        assert_eq!(file, [0xff, 0].repeat(17));
    }
}
