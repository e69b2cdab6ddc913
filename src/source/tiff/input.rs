//! Shared access to the file's bytes from multiple threads.

use crate::source::{DecodeError, Input};
use std::io::{self, Read};
use std::sync::Arc;

/// Bit order within a byte (`FillOrder`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BitOrder {
    HighFirst,
    LowFirst,
}

/// A file that multiple readers can read at different offsets.
pub(super) struct TiffInput(Input);

impl TiffInput {
    pub(super) fn new(file: Input) -> Self {
        Self(file)
    }

    /// Returns `true` if reading may take a request.
    pub(super) fn is_remote(&self) -> bool {
        self.0.is_remote()
    }

    /// Returns the file length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.0.length()
    }

    /// Returns `true` if the file contains `bytes` bytes starting at `offset`.
    pub(super) fn has(&self, offset: u64, bytes: u64) -> bool {
        offset.checked_add(bytes).is_some_and(|end| end <= self.0.length())
    }

    /// Reads `count` bytes at `offset`. Fails if the file is too short.
    pub(super) fn bytes(self: &Arc<Self>, offset: u64, count: u64) -> Result<Vec<u8>, DecodeError> {
        if !self.has(offset, count) {
            return Err(format!("the file has fewer than {count} bytes after byte {offset}").into());
        }
        let mut bytes = Vec::new();
        self.extent(offset, count, BitOrder::HighFirst).read_to_end(&mut bytes)?;
        // Another process may be writing to the file.
        if bytes.len() as u64 == count { Ok(bytes) } else { Err("the file became shorter".into()) }
    }

    /// Returns a reader for up to `count` bytes starting at `offset`.
    pub(super) fn extent(self: &Arc<Self>, offset: u64, count: u64, bit_order: BitOrder) -> Extent {
        Extent { input: Arc::clone(self), next: offset, end: offset.saturating_add(count), bit_order }
    }
}

/// Reads one part of the file, independently of any other readers.
pub(super) struct Extent {
    input: Arc<TiffInput>,
    next: u64,
    end: u64,
    bit_order: BitOrder,
}

impl Read for Extent {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let remaining = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        let max = into.len().min(remaining);
        let count = self.input.0.read_at(self.next, &mut into[..max])?;
        self.next += count as u64;
        // `FillOrder` 2 applies to the raw bytes in the file, before decompression. Undoing it here means codecs don't
        // have to handle it.
        if self.bit_order == BitOrder::LowFirst {
            into[..count].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
        Ok(count)
    }
}
