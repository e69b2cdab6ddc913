//! LZW (TIFF 6.0, section 13), and its older variant with reversed bit order.

use std::io::{self, BufRead, Read};
use weezl::decode::{Configuration, Decoder};
use weezl::{BitOrder, LzwStatus};

/// Bits of an uncompressed symbol.
const SYMBOL_BITS: u8 = 8;

/// Decompresses LZW on demand.
pub(super) struct LzwReader<R> {
    input: R,
    decoder: Decoder,
}

impl<R: BufRead> LzwReader<R> {
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        // Both variants start with the code 256, of 9 bits: 0x80 0b0xxx_xxxx, or, in the old order, 0x00 0bxxxx_xxx1.
        // Writers before TIFF 5.0 numbered bits from the lowest one and switched to longer codes one code later.
        // Nothing in the tags tells the variants apart, but the first code does; libtiff looks at the same bit.
        let is_old = matches!(input.fill_buf()?, [0, second, ..] if second & 1 == 1);
        let configuration = if is_old {
            Configuration::new(BitOrder::Lsb, SYMBOL_BITS)
        } else {
            Configuration::with_tiff_size_switch(BitOrder::Msb, SYMBOL_BITS)
        };
        // Bytes after the last row need not be LZW.
        Ok(Self { input, decoder: configuration.with_yield_on_full_buffer(true).build() })
    }
}

impl<R: BufRead> Read for LzwReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut was_idle = false;
        loop {
            let input = self.input.fill_buf()?;
            let done = self.decoder.decode_bytes(input, into);
            self.input.consume(done.consumed_in);
            match done.status {
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                Ok(_) if done.consumed_out > 0 => return Ok(done.consumed_out),
                // A clear code, or the first bits of a code, which produce no output.
                Ok(LzwStatus::Ok) => {}
                Ok(LzwStatus::NoProgress) if done.consumed_in > 0 => {}
                // Also returned for a string longer than the buffer: the next call returns its start.
                Ok(LzwStatus::NoProgress) if !was_idle => was_idle = true,
                Ok(_) => return Ok(0),
            }
        }
    }
}
