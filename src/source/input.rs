//! What decoders read: a file or an object elsewhere, at any place, by several threads at the same time.

use super::RemoteError;
use super::blocks::Blocks;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Where an image is read from.
#[derive(Clone)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// Something elsewhere, which has been found.
    Remote {
        /// What to call it, without secrets.
        name: String,
        /// What it is.
        object: Arc<dyn Remote>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Remote { name, .. } => name.fmt(formatter),
        }
    }
}

/// Bytes that are elsewhere: one revision of them, so that no two reads see different ones.
pub trait Remote: Send + Sync {
    /// How many there are.
    fn bytes(&self) -> u64;

    /// Words that differ where the content differs; `None` where nobody can tell.
    fn revision(&self) -> Option<String>;

    /// Begins to fetch bytes that are there, and does not wait for them.
    fn fetch(&self, range: Range<u64>) -> Fetch;
}

/// Bytes that are on their way. Dropped, they are not wanted any more.
pub struct Fetch {
    answer: Receiver<Result<Vec<u8>, RemoteError>>,
    cancel: Option<Box<dyn FnOnce() + Send>>,
}

impl Fetch {
    /// What will come through a channel, unless it is cancelled before.
    pub fn new(answer: Receiver<Result<Vec<u8>, RemoteError>>, cancel: impl FnOnce() + Send + 'static) -> Self {
        Self { answer, cancel: Some(Box::new(cancel)) }
    }

    /// Waits for all of it. Never to be called by what runs on the runtime that fetches.
    ///
    /// # Errors
    /// Where it does not come.
    pub fn wait(self) -> Result<Vec<u8>, RemoteError> {
        // The other end is gone without an answer where the runtime is: the run is over.
        self.answer.recv().unwrap_or_else(|_| Err(RemoteError::other("reading was stopped")))
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel();
        }
    }
}

/// An open file, or an object with its blocks. Clones have positions of their own.
#[derive(Clone)]
pub(super) struct Input {
    bytes: Arc<Bytes>,
    length: u64,
    position: u64,
}

enum Bytes {
    File(File),
    Remote(Blocks),
}

impl Input {
    pub(super) fn of_file(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { bytes: Arc::new(Bytes::File(file)), length, position: 0 })
    }

    pub(super) fn of_remote(object: Arc<dyn Remote>) -> Self {
        let length = object.bytes();
        Self { bytes: Arc::new(Bytes::Remote(Blocks::new(object))), length, position: 0 }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads from a place, whoever else reads meanwhile.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match &*self.bytes {
            Bytes::File(file) => read_at(file, offset, into),
            Bytes::Remote(blocks) => Ok(blocks.read_at(offset, into)?),
        }
    }

    /// The same as far as `into` reaches, which must be there.
    pub(super) fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        Self { position: offset, ..self.clone() }.read_exact(into)
    }

    /// Says that the headers are known: what is read from now on is most of it.
    pub(super) fn begin_pixels(&self) {
        if let Bytes::Remote(blocks) = &*self.bytes {
            blocks.begin_pixels();
        }
    }

    /// The memory that is held of it at the most.
    pub(super) fn held_bytes(&self) -> u64 {
        match &*self.bytes {
            Bytes::File(_) => 0,
            Bytes::Remote(blocks) => blocks.most_bytes(),
        }
    }

    /// Why bytes that were asked for did not come, whatever a decoder made of that.
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

/// Moves the position of the file as well, which nobody here looks at.
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
    fn clones_have_positions_of_their_own() -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        io::Write::write_all(&mut file, b"0123456789")?;
        let mut one = Input::of_file(file)?;
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
}
