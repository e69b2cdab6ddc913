//! `RunLengthDecode` (ISO 32000-2, 7.4.5).

use std::io::{self, BufRead, Read};

/// Length byte that marks the end of the data.
const END: u8 = 128;

/// Decompresses runs on demand.
pub(super) struct RunLengthReader<R> {
    input: io::Bytes<R>,
    run: Run,
}

enum Run {
    /// Number of literal bytes that follow.
    Literal(usize),
    /// A byte and how many times to repeat it.
    Repeated(u8, usize),
    End,
}

impl<R: BufRead> RunLengthReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: input.bytes(), run: Run::Literal(0) }
    }

    fn next_run(&mut self) -> io::Result<Run> {
        Ok(match self.input.next().transpose()? {
            None | Some(END) => Run::End,
            Some(length @ 0..END) => Run::Literal(usize::from(length) + 1),
            Some(length) => match self.input.next().transpose()? {
                Some(byte) => Run::Repeated(byte, 257 - usize::from(length)),
                None => Run::End,
            },
        })
    }
}

impl<R: BufRead> Read for RunLengthReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for (count, byte) in into.iter_mut().enumerate() {
            while matches!(self.run, Run::Literal(0) | Run::Repeated(_, 0)) {
                self.run = self.next_run()?;
            }
            *byte = match &mut self.run {
                Run::Literal(left) => {
                    *left -= 1;
                    let Some(byte) = self.input.next().transpose()? else { return Ok(count) };
                    byte
                }
                Run::Repeated(byte, left) => {
                    *left -= 1;
                    *byte
                }
                Run::End => return Ok(count),
            };
        }
        Ok(into.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_expanded() {
        let expand = |packed: &[u8]| {
            let mut bytes = Vec::new();
            RunLengthReader::new(packed).read_to_end(&mut bytes).expect("read");
            bytes
        };
        assert_eq!(expand(&[2, b'a', b'b', b'c', 254, b'x', 128, 0, b'y']), b"abcxxx");
        assert_eq!(expand(&[255, b'x']), b"xx", "the end is missing");
        assert_eq!(expand(&[4, b'a']), b"a");
    }
}
