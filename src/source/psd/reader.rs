//! Reads the sections that precede the pixels.

use crate::source::{DecodeError, Input};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

/// Buffer size for headers in bytes. Headers are small and far apart.
const BUFFER_BYTES: usize = 512;

/// Reads big-endian integers and moves between sections.
pub(super) struct SectionReader {
    file: BufReader<Input>,
    pub(super) at: u64,
    file_bytes: u64,
}

impl SectionReader {
    pub(super) fn new(file: &Input) -> Self {
        let file_bytes = file.length();
        Self { file: BufReader::with_capacity(BUFFER_BYTES, file.clone()), at: 0, file_bytes }
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        self.file.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => DecodeError::from("the file ends within its header"),
            _ => error.into(),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn short(&mut self) -> Result<u16, DecodeError> {
        let mut bytes = [0; 2];
        self.fill(&mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    pub(super) fn long(&mut self) -> Result<u32, DecodeError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Reads a length of 8 bytes if `is_long` is set, or 4 bytes otherwise.
    pub(super) fn length(&mut self, is_long: bool) -> Result<u64, DecodeError> {
        if !is_long {
            return Ok(self.long()?.into());
        }
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// Returns the end of a section that starts at the current position. Fails if it's past the end of the file.
    pub(super) fn section_end(&self, bytes: u64) -> Result<u64, DecodeError> {
        let end = self.at.checked_add(bytes).filter(|end| *end <= self.file_bytes);
        end.ok_or_else(|| "one of its sections reaches beyond the end of the file".into())
    }

    pub(super) fn move_to(&mut self, position: u64) -> Result<(), DecodeError> {
        self.file.seek(SeekFrom::Start(position))?;
        self.at = position;
        Ok(())
    }
}
