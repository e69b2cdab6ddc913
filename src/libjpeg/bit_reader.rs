//! Reads the bits of a scan (ITU-T T.81, F.2.2.5).
#![deny(unsafe_code)]
#![expect(clippy::inline_always, reason = "the state stays in registers only if all of it is in one loop")]

/// Start of a marker, or of an escaped byte.
const MARKER: u8 = 0xff;

/// Bytes of a scan without their escapes, up to the next marker.
///
/// Escapes are removed before decoding, many bytes at a time, so that the loop over the codes doesn't have to look for them.
#[derive(Debug, Default)]
pub(super) struct ScanBytes {
    bytes: Vec<u8>,
    /// Number of bits that have been read.
    position: u64,
    /// `true` if the last input ended with `0xff`.
    is_after_ff: bool,
    /// The marker after the bytes.
    marker: Option<u8>,
}

impl ScanBytes {
    /// Returns `true` if there are `count` more bytes, or if all bytes before the next marker are here.
    pub(super) fn has(&self, count: usize) -> bool {
        self.marker.is_some() || self.left() >= count
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.byte_position())
    }

    fn byte_position(&self) -> usize {
        usize::try_from(self.position / 8).unwrap_or(usize::MAX)
    }

    /// Appends input up to and including the next marker. Returns the number of bytes that were used, and the marker.
    pub(super) fn append(&mut self, input: &[u8]) -> (usize, Option<u8>) {
        let read = self.byte_position().min(self.bytes.len());
        self.bytes.drain(..read);
        self.position %= 8;
        self.bytes.reserve(input.len());
        let mut used = 0;
        while used < input.len() && self.marker.is_none() {
            if self.is_after_ff {
                self.append_after_ff(input[used]);
                used += 1;
            } else {
                let rest = &input[used..];
                let plain = memchr::memchr(MARKER, rest);
                self.is_after_ff = plain.is_some();
                let count = plain.unwrap_or(rest.len());
                self.bytes.extend_from_slice(&rest[..count]);
                used += count + usize::from(self.is_after_ff);
            }
        }
        (used, self.marker)
    }

    fn append_after_ff(&mut self, byte: u8) {
        match byte {
            // Any number of bytes of 0xff can come before a marker (T.81, B.1.1.2).
            MARKER => return,
            0 => self.bytes.push(MARKER),
            marker => self.marker = Some(marker),
        }
        self.is_after_ff = false;
    }

    /// Returns `true` if all bytes before the next marker are here.
    pub(super) fn has_marker(&self) -> bool {
        self.marker.is_some()
    }

    /// Drops all bytes.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.position = 0;
    }

    /// Drops all bytes and passes the marker, which is returned if it has been read.
    pub(super) fn pass_marker(&mut self) -> Option<u8> {
        self.clear();
        self.marker.take()
    }

    /// Reads bits with `read`. Returns `None` if it reads more bits than there are.
    #[inline(always)]
    pub(super) fn read<T>(&mut self, read: impl FnOnce(&mut BitReader<'_>) -> T) -> Option<T> {
        let mut reader = BitReader { bytes: &self.bytes, next: self.byte_position(), bits: 0, count: 0 };
        reader.refill();
        reader.skip((self.position % 8) as u32);
        let value = read(&mut reader);
        self.position = reader.next as u64 * 8 - u64::from(reader.count);
        (self.position <= self.bytes.len() as u64 * 8).then_some(value)
    }
}

/// Reads bits, most significant first. After the last byte come zeros.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Index of the next byte to load.
    next: usize,
    /// Loaded bits, from the highest. Those after the first `count` are either zero or equal to the bits to load.
    bits: u64,
    count: u32,
}

impl BitReader<'_> {
    /// Minimum number of bits after [`refill`](Self::refill).
    pub(super) const MIN_BITS: u32 = 56;

    /// Loads bits, so that at least [`MIN_BITS`](Self::MIN_BITS) are there.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let word = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk);
        let word = word.map_or_else(|| self.last_word(), |word| u64::from_be_bytes(*word));
        self.bits |= word >> self.count;
        self.next += ((u64::BITS - 1 - self.count) / 8) as usize;
        self.count |= Self::MIN_BITS;
    }

    #[cold]
    fn last_word(&self) -> u64 {
        let rest = self.bytes.get(self.next..).unwrap_or_default();
        let mut word = [0; size_of::<u64>()];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(word)
    }

    /// Returns the next `count` bits, which must be loaded, without skipping them. `count` is 1 to 32.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits")]
        let bits = (self.bits >> (u64::BITS - count)) as u32;
        bits
    }

    /// Skips `count` bits, which must be loaded. `count` is less than 64.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.bits <<= count;
        self.count -= count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(input: &[&[u8]]) -> ScanBytes {
        let mut bytes = ScanBytes::default();
        for part in input {
            bytes.append(part);
        }
        bytes
    }

    fn read_all(bytes: &mut ScanBytes) -> Vec<u8> {
        let mut all = Vec::new();
        let next = |bytes: &mut ScanBytes| {
            bytes.read(|reader| {
                let byte = u8::try_from(reader.peek(8)).expect("eight bits");
                reader.skip(8);
                byte
            })
        };
        all.extend(std::iter::from_fn(|| next(bytes)));
        all
    }

    #[test]
    fn escapes_are_removed_wherever_the_input_is_split() {
        let input = [1, 0xff, 0, 0xff, 0, 2, 3, 0xff, 0xff, 0xd0, 4, 5];
        for first in 0..input.len() {
            for second in first..input.len() {
                let mut bytes = ScanBytes::default();
                let mut used = 0;
                for part in [&input[..first], &input[first..second], &input[second..]] {
                    used += bytes.append(part).0;
                }
                assert_eq!(used, 10, "{first} {second}");
                assert!(bytes.has(1000), "nothing more comes before the marker");
                assert_eq!(read_all(&mut bytes), [1, 0xff, 0xff, 2, 3]);
                assert_eq!(bytes.pass_marker(), Some(0xd0));
                assert!(!bytes.has(1));
                assert_eq!(bytes.append(&input[10..]), (2, None));
                assert_eq!(read_all(&mut bytes), [4, 5]);
            }
        }
    }

    #[test]
    fn bits_are_read_in_any_sizes() {
        let input: Vec<u8> = (0..40_u8).map(|number| number.wrapping_mul(151) & 0xfe).collect();
        let bit = |at: usize| u32::from(input[at / 8] >> (7 - at % 8) & 1);
        for size in 1..=31_u32 {
            let mut bytes = bytes(&[&input[..9], &input[9..]]);
            for at in (0..320 - size as usize).step_by(size as usize) {
                let read = bytes.read(|reader| {
                    let read = reader.peek(size);
                    reader.skip(size);
                    read
                });
                let expected = (at..at + size as usize).fold(0, |bits, at| bits << 1 | bit(at));
                assert_eq!(read, Some(expected), "{size} at {at}");
            }
        }
    }

    #[test]
    fn bits_after_the_end_are_missing() {
        let mut bytes = bytes(&[&[0xaa, 0xbb]]);
        let mut skip = |count: u32| bytes.read(|reader| reader.skip(count));
        assert_eq!(skip(15), Some(()));
        assert_eq!(skip(1), Some(()));
        assert_eq!(skip(1), None);
    }
}
