//! Finds the boxes in ISO base media files (ISO/IEC 14496-12) and reads their numeric fields.

use super::{DecodeError, Input};
use std::ops::Range;

/// Maximum number of boxes at each level of a file. Real files have a few dozen.
const MAX_BOXES: usize = 20_000;

/// A box's type and the byte range of its contents.
pub(super) struct FileBox {
    pub(super) kind: [u8; 4],
    pub(super) content: Range<u64>,
}

impl FileBox {
    /// Reads the contents, which must not exceed `limit` bytes.
    pub(super) fn read(&self, file: &Input, limit: u64) -> Result<Vec<u8>, DecodeError> {
        let bytes = self.content.end - self.content.start;
        if bytes > limit {
            return Err(format!("its box `{}` has {bytes} bytes, which is above the limit", self.name()).into());
        }
        let mut content = vec![0; usize::try_from(bytes)?];
        file.read_exact_at(self.content.start, &mut content)?;
        Ok(content)
    }

    fn name(&self) -> String {
        self.kind.escape_ascii().to_string()
    }
}

/// Returns the boxes in a byte range. The search stops after a box of kind `last`.
pub(super) fn boxes(file: &Input, range: Range<u64>, last: Option<&[u8; 4]>) -> Result<Vec<FileBox>, DecodeError> {
    let (mut found, mut at) = (Vec::new(), range.start);
    while at < range.end && found.len() < MAX_BOXES {
        let next = next(file, at, range.end)?;
        at = next.content.end;
        let is_last = Some(&next.kind) == last;
        found.push(next);
        if is_last {
            break;
        }
    }
    Ok(found)
}

fn next(file: &Input, at: u64, end: u64) -> Result<FileBox, DecodeError> {
    let mut head = [0; 8];
    if end - at < 8 {
        return Err("one of its boxes ends within its header".into());
    }
    file.read_exact_at(at, &mut head)?;
    let [l0, l1, l2, l3, kind @ ..] = head;
    let (header_bytes, length) = match u32::from_be_bytes([l0, l1, l2, l3]) {
        // The box extends to the end of the file.
        0 => (8, end - at),
        1 if end - at >= 16 => {
            let mut length = [0; 8];
            file.read_exact_at(at + 8, &mut length)?;
            (16, u64::from_be_bytes(length))
        }
        length => (8, length.into()),
    };
    let content_end = at.checked_add(length).filter(|content_end| *content_end <= end && length >= header_bytes);
    let content_end = content_end
        .ok_or_else(|| format!("its box `{}` reaches beyond the end of what holds it", kind.escape_ascii()))?;
    Ok(FileBox { kind, content: at + header_bytes..content_end })
}

/// Reads big-endian integers from the start of a slice.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl<'a> Numbers<'a> {
    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or("one of its boxes ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads an integer of up to 8 bytes. Returns 0 if `bytes` is 0.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64, DecodeError> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn short(&mut self) -> Result<u16, DecodeError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn long(&mut self) -> Result<u32, DecodeError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Reads a full box's version and flags.
    pub(super) fn version_and_flags(&mut self) -> Result<(u8, u32), DecodeError> {
        let long = self.long()?;
        Ok(((long >> 24) as u8, long & 0x00ff_ffff))
    }
}
