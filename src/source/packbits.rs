//! `PackBits`, which encodes runs of literal or repeated bytes, for TIFF (TIFF 6.0, section 9) and PSD.

use std::io::{self, BufRead, Read};

/// Decompresses `PackBits` on demand.
pub(super) struct PackBitsReader<R> {
    input: R,
    run: Run,
    /// Number of bytes left in the current run.
    remaining: usize,
}

#[derive(Clone, Copy)]
enum Run {
    Literal,
    Repeated(u8),
}

impl<R: BufRead> PackBitsReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, run: Run::Literal, remaining: 0 }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.input.fill_buf()?.first().copied();
        self.input.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// Reads the next run's header. Returns `false` at the end of the data.
    fn next_run(&mut self) -> io::Result<bool> {
        while self.remaining == 0 {
            let Some(head) = self.byte()? else { return Ok(false) };
            let head = head.cast_signed();
            match head {
                // The specification defines this as a no-op.
                i8::MIN => continue,
                0.. => self.run = Run::Literal,
                _ => self.run = Run::Repeated(self.byte()?.ok_or(io::ErrorKind::UnexpectedEof)?),
            }
            self.remaining = usize::from(head.unsigned_abs()) + 1;
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for PackBitsReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() && self.next_run()? {
            let max = self.remaining.min(into.len() - done);
            let target = &mut into[done..done + max];
            let count = match self.run {
                Run::Literal => self.input.read(target)?,
                Run::Repeated(byte) => {
                    target.fill(byte);
                    max
                }
            };
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.remaining -= count;
            done += count;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_expanded() {
        // TIFF 6.0 refers to Apple's technical note, which contains this example.
        let packed = b"\xfe\xaa\x02\x80\x00\x2a\xfd\xaa\x03\x80\x00\x2a\x22\xf7\xaa";
        let bytes = b"\xaa\xaa\xaa\x80\x00\x2a\xaa\xaa\xaa\xaa\x80\x00\x2a\x22\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa";
        for chunk in 1..bytes.len() {
            let mut reader = PackBitsReader::new(&packed[..]);
            let mut expanded = vec![0; bytes.len()];
            expanded.chunks_mut(chunk).for_each(|part| reader.read_exact(part).expect("expanded"));
            assert_eq!(expanded, bytes);
        }
        let cut = &packed[..packed.len() - 1];
        assert!(PackBitsReader::new(cut).read_exact(&mut [0; 24]).is_err());
    }
}
