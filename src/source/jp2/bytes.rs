//! Reads big-endian numbers and marker segments from a codestream.

use super::DecodeError;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

pub(super) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u16::from_be_bytes(*bytes))
}

pub(super) fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_be_bytes(*bytes))
}

/// Moves from marker to marker, but never past the end.
pub(super) struct Cursor<'a, F> {
    file: &'a mut F,
    pub(super) at: u64,
    pub(super) end: u64,
}

impl<'a, F: Read + Seek> Cursor<'a, F> {
    pub(super) fn new(file: &'a mut F, range: Range<u64>) -> Result<Self, DecodeError> {
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Self { file, at: range.start, end: range.end })
    }

    /// Returns the same cursor with an earlier end.
    pub(super) fn until(&mut self, end: u64) -> Cursor<'_, F> {
        Cursor { file: self.file, at: self.at, end }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        let after = self.at + bytes.len() as u64;
        if after > self.end {
            return Err("its codestream ends too early".into());
        }
        self.file.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => DecodeError::from("the file became shorter"),
            _ => error.into(),
        })?;
        self.at = after;
        Ok(())
    }

    pub(super) fn short(&mut self) -> Result<u16, DecodeError> {
        let mut bytes = [0; 2];
        self.read(&mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    /// Reads a segment's contents, excluding its length field.
    pub(super) fn segment(&mut self) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = vec![0; self.segment_bytes()?.into()];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn skip_segment(&mut self) -> Result<(), DecodeError> {
        let end = u64::from(self.segment_bytes()?) + self.at;
        self.go_to(end)
    }

    fn segment_bytes(&mut self) -> Result<u16, DecodeError> {
        self.short()?.checked_sub(2).ok_or_else(|| "a marker segment has no length".into())
    }

    /// Moves forward to the given offset.
    pub(super) fn go_to(&mut self, at: u64) -> Result<(), DecodeError> {
        if at > self.end {
            return Err("its codestream ends too early".into());
        }
        self.file.seek(SeekFrom::Start(at))?;
        self.at = at;
        Ok(())
    }
}
