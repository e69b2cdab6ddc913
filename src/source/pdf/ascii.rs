//! Decodes streams that are encoded as ASCII text (ISO 32000-2, 7.4.2 and 7.4.3).

use super::lexer::hexadecimal_digit;
use std::io::{self, BufRead, Read};

/// Decodes `ASCIIHexDecode`.
pub(super) struct AsciiHexReader<R> {
    input: io::Bytes<R>,
    has_ended: bool,
}

impl<R: BufRead> AsciiHexReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: input.bytes(), has_ended: false }
    }

    /// Returns the next digit, or `None` at the end of the data.
    fn digit(&mut self) -> io::Result<Option<u8>> {
        while !self.has_ended {
            let Some(byte) = self.input.next().transpose()? else { break };
            self.has_ended = byte == b'>';
            if let Some(digit) = hexadecimal_digit(byte) {
                return Ok(Some(digit));
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Read for AsciiHexReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for (count, byte) in into.iter_mut().enumerate() {
            let Some(high) = self.digit()? else { return Ok(count) };
            *byte = high << 4 | self.digit()?.unwrap_or(0);
        }
        Ok(into.len())
    }
}

/// Decodes `ASCII85Decode`.
pub(super) struct Ascii85Reader<R> {
    input: io::Bytes<R>,
    /// Decoded bytes that haven't been read yet.
    ready: Vec<u8>,
    has_ended: bool,
}

impl<R: BufRead> Ascii85Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: input.bytes(), ready: Vec::with_capacity(4), has_ended: false }
    }

    /// Decodes the next group of five digits, in reverse order.
    fn next_group(&mut self) -> io::Result<()> {
        let (mut digits, mut value) = (0_usize, 0_u32);
        while digits < 5 && !self.has_ended {
            match self.input.next().transpose()? {
                Some(b'z') if digits == 0 => {
                    self.ready.extend([0; 4]);
                    return Ok(());
                }
                Some(digit @ b'!'..=b'u') => {
                    value = value.wrapping_mul(85).wrapping_add(u32::from(digit - b'!'));
                    digits += 1;
                }
                Some(b'~') | None => self.has_ended = true,
                Some(_) => {}
            }
        }
        // Pad an incomplete group with the highest digit.
        for _ in digits..5 {
            value = value.wrapping_mul(85).wrapping_add(84);
        }
        self.ready.extend(value.to_be_bytes().into_iter().take(digits.saturating_sub(1)).rev());
        Ok(())
    }
}

impl<R: BufRead> Read for Ascii85Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for (count, byte) in into.iter_mut().enumerate() {
            while self.ready.is_empty() {
                if self.has_ended {
                    return Ok(count);
                }
                self.next_group()?;
            }
            *byte = self.ready.pop().unwrap_or(0);
        }
        Ok(into.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded() {
        let hexadecimal = |text: &[u8]| {
            let mut bytes = Vec::new();
            AsciiHexReader::new(text).read_to_end(&mut bytes).expect("read");
            bytes
        };
        assert_eq!(hexadecimal(b"48 65\n6c6C 7>ff"), b"Hellp");
        let base_85 = |text: &[u8]| {
            let mut bytes = Vec::new();
            Ascii85Reader::new(text).read_to_end(&mut bytes).expect("read");
            bytes
        };
        assert_eq!(base_85(b"87cUR\nD]i,\"Ebo80~>rest"), b"Hello World!");
        assert_eq!(base_85(b"z87cURDZ"), b"\0\0\0\0Hello", "an incomplete group");
        assert_eq!(base_85(b""), b"");
    }
}
