//! Temporary storage for downloads from servers without range requests. Uses unnamed temporary files that the OS
//! removes when the process exits.

use crate::source::RemoteError;
use std::io::{self, SeekFrom};
use std::ops::Range;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// A temporary file that is written completely before it is read.
pub(super) struct Spool {
    /// Locked during each read, because all readers share the file position.
    file: Mutex<File>,
    bytes: u64,
}

impl Spool {
    pub(super) fn new() -> Result<Self, RemoteError> {
        // The file has no name, so it goes away with the process no matter how that ends. Decoders need to seek, and a
        // TIFF can have its directory at the end, so the entire response must be kept if parts of it can't be requested
        // again. It isn't kept in memory, because these files are often larger than the total `--max-memory` for all
        // images.
        let file = tempfile::tempfile().map_err(|error| spool_error(&error))?;
        Ok(Self { file: Mutex::new(File::from_std(file)), bytes: 0 })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), RemoteError> {
        self.bytes += bytes.len() as u64;
        self.file.get_mut().write_all(bytes).await.map_err(|error| spool_error(&error))
    }

    /// Finishes writing.
    pub(super) async fn finish(mut self) -> Result<Self, RemoteError> {
        self.file.get_mut().flush().await.map_err(|error| spool_error(&error))?;
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
        read.await.map_err(|error| spool_error(&error))
    }
}

fn spool_error(error: &io::Error) -> RemoteError {
    RemoteError::other(format!(
        "the server does not support range requests, and the file could not be stored temporarily: {error}"
    ))
}
