//! Decoder input: a local file or remote object that several threads can read at arbitrary offsets.

use super::RemoteError;
use super::range_cache::BlockCache;
use super::remote::Remote;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// An open file or a remote object with its block cache, or a section of either. Each clone has its own position.
#[derive(Clone)]
pub(super) struct Input {
    bytes: Arc<Bytes>,
    /// Offset of the section within the file.
    start: u64,
    length: u64,
    position: u64,
}

enum Bytes {
    File(File),
    Remote(BlockCache),
}

impl Input {
    pub(super) fn from_file(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { bytes: Arc::new(Bytes::File(file)), start: 0, length, position: 0 })
    }

    pub(super) fn from_remote(object: Arc<dyn Remote>, threads: NonZeroUsize) -> Self {
        let length = object.bytes();
        Self { bytes: Arc::new(Bytes::Remote(BlockCache::new(object, threads))), start: 0, length, position: 0 }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the section with this offset and length, truncated to the available bytes.
    #[cfg(any(feature = "openjpeg", feature = "pdf"))]
    pub(super) fn part(&self, offset: u64, length: u64) -> Self {
        let offset = offset.min(self.length);
        let length = length.min(self.length - offset);
        Self { bytes: Arc::clone(&self.bytes), start: self.start + offset, length, position: 0 }
    }

    /// Returns `true` if reading may take a request.
    pub(super) fn is_remote(&self) -> bool {
        matches!(&*self.bytes, Bytes::Remote(_))
    }

    /// Reads at an offset, independently of other readers.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (length, offset) = (left.min(into.len()), self.start.saturating_add(offset));
        match &*self.bytes {
            Bytes::File(file) => read_at(file, offset, &mut into[..length]),
            Bytes::Remote(blocks) => Ok(blocks.read_at(offset, &mut into[..length])?),
        }
    }

    /// Fills `into` starting at an offset. Fails if the file is too short.
    #[cfg(any(test, feature = "avif", feature = "heic", feature = "jp2"))]
    pub(super) fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        Self { position: offset, ..self.clone() }.read_exact(into)
    }

    /// Marks the end of the headers. From here on, we expect to read most of the file.
    pub(super) fn begin_pixels(&self) {
        if let Bytes::Remote(blocks) = &*self.bytes {
            blocks.begin_pixels();
        }
    }

    /// Returns the maximum size of the block cache in bytes.
    pub(super) fn cache_bytes(&self) -> u64 {
        match &*self.bytes {
            Bytes::File(_) => 0,
            Bytes::Remote(blocks) => blocks.max_bytes(),
        }
    }

    /// Returns the first fetch failure, if any, even if the decoder ignored it.
    pub(super) fn failure(&self) -> Option<RemoteError> {
        match &*self.bytes {
            Bytes::File(_) => None,
            Bytes::Remote(blocks) => blocks.failure(),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

/// Reads at an offset. This also moves the file position, but we don't use that.
#[cfg(windows)]
fn read_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, offset)
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.read_at(self.position, into)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Seeking past the end is allowed, just like with files. The next read returns 0 bytes.
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_have_their_own_positions() -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        io::Write::write_all(&mut file, b"0123456789")?;
        let mut one = Input::from_file(file)?;
        assert_eq!(one.seek(SeekFrom::End(-3))?, 7);
        let mut other = one.clone();
        one.rewind()?;
        let mut bytes = [0; 4];
        assert_eq!(other.read(&mut bytes)?, 3, "no more is there");
        assert_eq!(&bytes[..3], b"789");
        one.read_exact(&mut bytes)?;
        assert_eq!(&bytes, b"0123");
        one.read_exact_at(5, &mut bytes)?;
        assert_eq!((&bytes, one.stream_position()?), (b"5678", 4));
        assert!(one.seek(SeekFrom::Current(-5)).is_err());
        assert!(one.read_exact_at(8, &mut bytes).is_err());
        Ok(())
    }

    #[test]
    #[cfg(feature = "pdf")]
    fn parts_end_where_they_should() -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        io::Write::write_all(&mut file, b"0123456789")?;
        let file = Input::from_file(file)?;
        for (offset, length, expected) in [(2, 3, "234"), (8, 5, "89"), (12, 1, ""), (0, u64::MAX, "0123456789")] {
            let mut text = String::new();
            let mut part = file.part(offset, length);
            part.read_to_string(&mut text)?;
            assert_eq!((&*text, part.length()), (expected, expected.len() as u64));
        }
        let mut bytes = [0; 2];
        file.part(2, 6).part(1, 2).read_exact_at(0, &mut bytes)?;
        assert_eq!(&bytes, b"34");
        Ok(())
    }
}
