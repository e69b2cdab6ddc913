//! What a server gives only as a whole: in a temporary file without a name, which the system removes with the program.

use crate::source::RemoteError;
use std::io::{self, SeekFrom};
use std::ops::Range;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// A file that is written to its end, and then read.
pub(super) struct Spool {
    /// Locked for one read: all share its position.
    file: Mutex<File>,
    bytes: u64,
}

impl Spool {
    pub(super) fn new() -> Result<Self, RemoteError> {
        let file = tempfile::tempfile().map_err(|error| not_kept(&error))?;
        Ok(Self { file: Mutex::new(File::from_std(file)), bytes: 0 })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), RemoteError> {
        self.bytes += bytes.len() as u64;
        self.file.get_mut().write_all(bytes).await.map_err(|error| not_kept(&error))
    }

    /// Says that all is written.
    pub(super) async fn finish(mut self) -> Result<Self, RemoteError> {
        self.file.get_mut().flush().await.map_err(|error| not_kept(&error))?;
        Ok(self)
    }

    pub(super) async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, RemoteError> {
        let read = async {
            let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
            let mut bytes = vec![0; length];
            let mut file = self.file.lock().await;
            file.seek(SeekFrom::Start(range.start)).await?;
            file.read_exact(&mut bytes).await?;
            Ok(bytes)
        };
        read.await.map_err(|error| not_kept(&error))
    }
}

fn not_kept(error: &io::Error) -> RemoteError {
    RemoteError::other(format!(
        "the server gives no parts of it, and it could not be kept in a temporary file: {error}"
    ))
}
