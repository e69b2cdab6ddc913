//! The bytes of the file, for several threads.

use crate::source::{DecodeError, Input};
use std::io::{self, Read};
use std::sync::Arc;

/// Which bit of a byte comes first (`FillOrder`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BitOrder {
    HighFirst,
    LowFirst,
}

/// A file that is read from many places at once.
pub(super) struct TiffInput(Input);

impl TiffInput {
    pub(super) fn new(file: Input) -> Self {
        Self(file)
    }

    /// The length of the file in bytes.
    pub(super) fn length(&self) -> u64 {
        self.0.length()
    }

    /// Whether the file has so many bytes there.
    pub(super) fn has(&self, offset: u64, bytes: u64) -> bool {
        offset.checked_add(bytes).is_some_and(|end| end <= self.0.length())
    }

    /// Bytes of the file, which must be there.
    pub(super) fn bytes(self: &Arc<Self>, offset: u64, count: u64) -> Result<Vec<u8>, DecodeError> {
        if !self.has(offset, count) {
            return Err(format!("the file ends before {count} bytes from byte {offset} on").into());
        }
        let mut bytes = Vec::new();
        self.extent(offset, count, BitOrder::HighFirst).read_to_end(&mut bytes)?;
        // Somebody may be writing it.
        if bytes.len() as u64 == count { Ok(bytes) } else { Err("the file has become shorter".into()) }
    }

    /// A reader of bytes of the file, as far as it has them.
    pub(super) fn extent(self: &Arc<Self>, offset: u64, count: u64, bit_order: BitOrder) -> Extent {
        Extent { input: Arc::clone(self), next: offset, end: offset.saturating_add(count), bit_order }
    }
}

/// Reads one part of the file, whoever else reads another meanwhile.
pub(super) struct Extent {
    input: Arc<TiffInput>,
    next: u64,
    end: u64,
    bit_order: BitOrder,
}

impl Read for Extent {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        let most = into.len().min(left);
        let count = self.input.0.read_at(self.next, &mut into[..most])?;
        self.next += count as u64;
        if self.bit_order == BitOrder::LowFirst {
            into[..count].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
        Ok(count)
    }
}
