//! Reads lists, tables and reports with a limit on line length.

use std::io::{self, BufRead, Read};

/// Maximum line length in bytes. Some files, such as `/dev/zero`, never contain a line feed.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// A reader that returns an error when a line is too long, without buffering the line.
pub(super) struct LimitedLines<R> {
    inner: R,
    /// Number of bytes since the last line feed.
    length: u64,
}

impl<R: Read> LimitedLines<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, length: 0 }
    }
}

impl<R: Read> Read for LimitedLines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        for line in into[..count].split_inclusive(|byte| *byte == b'\n') {
            self.length += line.len() as u64;
            if self.length > MAX_LINE_BYTES {
                return Err(too_long());
            }
            if line.ends_with(b"\n") {
                self.length = 0;
            }
        }
        Ok(count)
    }
}

/// Reads the next line, including its line ending. Returns `None` at the end of the file.
pub(super) fn next_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let length = reader.take(MAX_LINE_BYTES + 1).read_line(&mut line)?;
    if length as u64 > MAX_LINE_BYTES {
        return Err(too_long());
    }
    Ok((length > 0).then_some(line))
}

fn too_long() -> io::Error {
    io::Error::other(format!("a line is longer than {MAX_LINE_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_may_be_long_but_lines_may_not() {
        let line = [vec![b'x'; 600 << 10], b"\n".to_vec()].concat();
        let mut read = Vec::new();
        LimitedLines::new(&line.repeat(4)[..]).read_to_end(&mut read).expect("short lines");
        assert_eq!(read.len(), 4 * line.len());
        let endless = LimitedLines::new(io::repeat(0)).read_to_end(&mut Vec::new());
        assert!(endless.expect_err("no end of line").to_string().contains("longer than 1048576 bytes"));
    }

    #[test]
    fn lines_come_one_by_one() {
        let mut reader = &b"a\n\nb"[..];
        let lines: Vec<String> = std::iter::from_fn(|| next_line(&mut reader).expect("in memory")).collect();
        assert_eq!(lines, ["a\n", "\n", "b"]);
        assert!(next_line(&mut io::BufReader::new(io::repeat(b'x'))).is_err());
    }
}
