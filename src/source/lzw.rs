//! LZW for TIFF (TIFF 6.0, section 13), including its older variant, and for PDF (ISO 32000-2, 7.4.4).

use std::io::{self, BufRead, Read};
use weezl::decode::{Configuration, Decoder};
use weezl::{BitOrder, LzwStatus};

/// Bits per uncompressed symbol.
const SYMBOL_BITS: u8 = 8;

/// Decompresses LZW on demand.
pub(super) struct LzwReader<R> {
    input: R,
    decoder: Decoder,
}

impl<R: BufRead> LzwReader<R> {
    /// Creates a reader for LZW data from a TIFF.
    pub(super) fn of_tiff(mut input: R) -> io::Result<Self> {
        // Both variants start with code 256, which is 9 bits long: 0x80 0b0xxx_xxxx, or 0x00 0bxxxx_xxx1 in the old
        // bit order. Writers from before TIFF 5.0 started from the lowest bit and switched to longer codes one code
        // later. The tags don't distinguish the two variants, but the first code does. libtiff checks the same bit.
        let is_old = matches!(input.fill_buf()?, [0, second, ..] if second & 1 == 1);
        let configuration = if is_old {
            Configuration::new(BitOrder::Lsb, SYMBOL_BITS)
        } else {
            Configuration::with_tiff_size_switch(BitOrder::Msb, SYMBOL_BITS)
        };
        Ok(Self::new(input, configuration))
    }

    /// Creates a reader for LZW data from a PDF. If `is_early` is set, the code length increases one code early, as in
    /// TIFF.
    #[cfg(feature = "pdf")]
    pub(super) fn of_pdf(input: R, is_early: bool) -> Self {
        let configuration = if is_early {
            Configuration::with_tiff_size_switch(BitOrder::Msb, SYMBOL_BITS)
        } else {
            Configuration::new(BitOrder::Msb, SYMBOL_BITS)
        };
        Self::new(input, configuration)
    }

    fn new(input: R, configuration: Configuration) -> Self {
        // Bytes after the last row might not be LZW data.
        Self { input, decoder: configuration.with_yield_on_full_buffer(true).build() }
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
                // A clear code or a partial code, neither of which produces any output.
                Ok(LzwStatus::Ok) => {}
                Ok(LzwStatus::NoProgress) if done.consumed_in > 0 => {}
                // Also returned when a string is longer than the buffer. The next call returns the start of the
                // string.
                Ok(LzwStatus::NoProgress) if !was_idle => was_idle = true,
                Ok(_) => return Ok(0),
            }
        }
    }
}
