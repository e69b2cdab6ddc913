//! Reads the bits of the entropy-coded samples between markers.

use super::DecodeError;
use super::huffman::HuffmanTable;
use std::io::Read;

/// Reads bits starting with each byte's most significant bit. A 0xff byte is either followed by 0 or starts a marker.
pub(super) struct BitReader<R> {
    reader: R,
    /// Upcoming bits, left-aligned.
    bits: u64,
    /// Number of valid bits.
    count: u32,
    /// Marker at the end of the bits, or 0 at the end of the file.
    marker: Option<u8>,
}

impl<R: Read> BitReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, bits: 0, count: 0, marker: None }
    }

    /// Reads the difference between a sample and its prediction (T.81, H.1.2.2).
    pub(super) fn difference(&mut self, table: &HuffmanTable) -> Result<i32, DecodeError> {
        self.fill()?;
        let (length, category) = table.find((self.bits >> 48) as u16).ok_or("its compressed data is damaged")?;
        self.skip(length)?;
        match category {
            0 => Ok(0),
            16 => Ok(32768),
            category => {
                let value = i32::try_from(self.bits >> (64 - category))?;
                self.skip(category)?;
                // Values in the lower half are negative.
                Ok(if value >> (category - 1) == 0 { value - (1 << category) + 1 } else { value })
            }
        }
    }

    /// Skips past the next restart marker.
    pub(super) fn restart(&mut self) -> Result<(), DecodeError> {
        (self.bits, self.count) = (0, 0);
        let marker = self.next_marker()?;
        if !(0xd0..=0xd7).contains(&marker) {
            return Err("one of its restart markers is missing".into());
        }
        self.marker = None;
        Ok(())
    }

    /// Returns `true` if the next marker is `marker`.
    pub(super) fn ends_with(&mut self, marker: u8) -> Result<bool, DecodeError> {
        (self.bits, self.count) = (0, 0);
        Ok(self.next_marker()? == marker)
    }

    /// Skips to the next marker. Returns 0 at the end of the file.
    fn next_marker(&mut self) -> Result<u8, DecodeError> {
        while self.marker.is_none() {
            self.next_byte()?;
        }
        Ok(self.marker.unwrap_or(0))
    }

    /// Buffers at least 32 bits if that many are left. A code and its extra bits are at most 31 bits long.
    fn fill(&mut self) -> Result<(), DecodeError> {
        while self.count < 32 && self.marker.is_none() {
            if let Some(byte) = self.next_byte()? {
                self.bits |= u64::from(byte) << (56 - self.count);
                self.count += 8;
            }
        }
        Ok(())
    }

    /// Returns the next byte of entropy-coded data, or `None` at a marker.
    fn next_byte(&mut self) -> Result<Option<u8>, DecodeError> {
        let byte = self.raw()?;
        if byte != Some(0xff) {
            self.marker = byte.is_none().then_some(0);
            return Ok(byte);
        }
        // Markers may be preceded by 0xff fill bytes.
        let mut next = self.raw()?;
        while next == Some(0xff) {
            next = self.raw()?;
        }
        if next == Some(0) {
            return Ok(byte);
        }
        self.marker = Some(next.unwrap_or(0));
        Ok(None)
    }

    fn raw(&mut self) -> Result<Option<u8>, DecodeError> {
        let mut byte = [0];
        Ok((self.reader.read(&mut byte)? > 0).then_some(byte[0]))
    }

    fn skip(&mut self, bits: u32) -> Result<(), DecodeError> {
        self.count = self.count.checked_sub(bits).ok_or("its data ends before its last row")?;
        self.bits <<= bits;
        Ok(())
    }
}
