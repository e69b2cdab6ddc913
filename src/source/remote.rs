//! Remote objects, as their owner provides them.

use super::RemoteError;
use crate::workers;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

/// The location of an image, resolved to a file or an object.
#[derive(Clone)]
pub enum ResolvedSource {
    /// A local file.
    File(PathBuf),
    /// A remote object.
    #[cfg_attr(not(any(feature = "s3", feature = "web")), expect(dead_code, reason = "nothing finds remote objects"))]
    Remote {
        /// Name for messages, without secrets.
        name: String,
        /// The object.
        object: Arc<dyn Remote>,
    },
}

impl fmt::Display for ResolvedSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Remote { name, .. } => name.fmt(formatter),
        }
    }
}

/// A remote object at one revision, so that all reads see the same content.
pub trait Remote: Send + Sync {
    /// Returns the size in bytes.
    fn bytes(&self) -> u64;

    /// Returns a string that changes with the content; `None` if unknown.
    fn revision(&self) -> Option<String>;

    /// Starts fetching a range inside the object, without waiting for it.
    fn fetch(&self, range: Range<u64>) -> Fetch;
}

/// A fetch in flight. Dropping it cancels the fetch.
pub struct Fetch {
    response: Receiver<Result<Vec<u8>, RemoteError>>,
    cancel: Option<Box<dyn FnOnce() + Send>>,
}

impl Fetch {
    /// Creates a fetch whose result arrives through a channel. `cancel` runs if the fetch is dropped before.
    #[cfg(any(test, feature = "s3", feature = "web"))]
    pub fn new(response: Receiver<Result<Vec<u8>, RemoteError>>, cancel: impl FnOnce() + Send + 'static) -> Self {
        Self { response, cancel: Some(Box::new(cancel)) }
    }

    /// Returns the bytes if they have arrived, or the failure.
    pub(super) fn try_wait(&self) -> Option<Result<Vec<u8>, RemoteError>> {
        match self.response.try_recv() {
            Ok(response) => Some(response),
            Err(TryRecvError::Empty) => None,
            // The sender disappears without a response when the runtime stops.
            Err(TryRecvError::Disconnected) => Some(Err(RemoteError::other("reading was stopped"))),
        }
    }

    /// Waits for all bytes. Must not be called from the runtime that fetches them.
    ///
    /// # Errors
    /// If the fetch fails or is stopped.
    pub fn wait(self) -> Result<Vec<u8>, RemoteError> {
        workers::wait(|| self.try_wait())
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel();
        }
    }
}
