//! Interface for remote objects, implemented by whoever fetches them.

use super::RemoteError;
use crate::workers;
use std::ffi::OsStr;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

/// An image location, resolved to a local file or remote object.
#[derive(Clone)]
pub enum ResolvedSource {
    /// A local file.
    File(PathBuf),
    /// A remote object.
    #[cfg_attr(not(any(feature = "s3", feature = "web")), expect(dead_code, reason = "nothing finds remote objects"))]
    Remote {
        /// Name to use in messages. Doesn't contain secrets.
        name: String,
        /// The object itself.
        object: Arc<dyn Remote>,
    },
}

impl ResolvedSource {
    /// Returns the file extension, or an empty string if the name doesn't have an extension.
    pub(crate) fn extension(&self) -> String {
        let name = self.to_string();
        let extension = Path::new(&name).extension().and_then(OsStr::to_str);
        extension.unwrap_or_default().to_owned()
    }
}

impl fmt::Display for ResolvedSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Remote { name, .. } => name.fmt(formatter),
        }
    }
}

/// A specific revision of a remote object, which guarantees that all reads see the same content.
pub trait Remote: Send + Sync {
    /// Returns the object's size in bytes.
    fn bytes(&self) -> u64;

    /// Returns a string that changes whenever the content does, or `None` if unknown.
    fn revision(&self) -> Option<String>;

    /// Starts fetching a range, but doesn't wait for it. The range must be within the object.
    fn fetch(&self, range: Range<u64>) -> Fetch;
}

/// A pending fetch. Dropping it cancels the request.
pub struct Fetch {
    response: Receiver<Result<Vec<u8>, RemoteError>>,
    cancel: Option<Box<dyn FnOnce() + Send>>,
}

impl Fetch {
    /// Creates a fetch that receives its result through a channel. `cancel` is called when the fetch is dropped.
    #[cfg(any(test, feature = "s3", feature = "web"))]
    pub fn new(response: Receiver<Result<Vec<u8>, RemoteError>>, cancel: impl FnOnce() + Send + 'static) -> Self {
        Self { response, cancel: Some(Box::new(cancel)) }
    }

    /// Returns the bytes or an error if the fetch is done, or `None` if it's still running.
    pub(super) fn try_wait(&self) -> Option<Result<Vec<u8>, RemoteError>> {
        match self.response.try_recv() {
            Ok(response) => Some(response),
            Err(TryRecvError::Empty) => None,
            // When the runtime shuts down, the sender is dropped without sending a response.
            Err(TryRecvError::Disconnected) => Some(Err(RemoteError::other("reading was stopped"))),
        }
    }

    /// Waits for the fetch to complete. Never call this from the runtime that performs it.
    ///
    /// # Errors
    /// Returns an error if the fetch fails or is stopped.
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
