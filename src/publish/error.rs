//! Errors that can occur when publishing an image.

use crate::destination::Identifier;
use crate::iiif::PyramidError;
use crate::source::{SourceError, Warning};
use crate::store::{KeyError, StoreError, StoreErrorKind};
use crate::workers::WorkError;
use bytesize::ByteSize;
use std::error::Error;

/// Error returned when publishing an image fails. Except for [`PublishError::CleanUp`], `info.json` was not written.
/// When publishing two API versions, the first `info.json` may have been written, along with all of its objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The source couldn't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A picture couldn't be encoded.
    #[error("could not encode a picture of `{identifier}`")]
    Encode {
        /// Identifier of the image.
        identifier: Identifier,
        /// Error returned by the encoder.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The store returned an error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The prefix and identifier are too long when combined.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// All steps succeeded, but some objects are missing.
    #[error("`{identifier}` is incomplete")]
    Incomplete {
        /// Identifier of the image.
        identifier: Identifier,
        /// Number of stored and expected objects.
        #[source]
        cause: Incomplete,
    },
    /// [`Publisher::stop`](super::Publisher::stop) was called before the image was complete. Run again to resume.
    #[error("`{identifier}` was stopped at {stored} of {promised} objects")]
    Stopped {
        /// Identifier of the image.
        identifier: Identifier,
        /// Number of objects stored so far.
        stored: u64,
        /// Total number of objects.
        promised: u64,
    },
    /// Another run published the same image concurrently. A later run will verify the result.
    #[error("another run published `{identifier}` at the same time")]
    Overtaken {
        /// Identifier of the image.
        identifier: Identifier,
    },
    /// The `full/max` picture exceeds the maximum dimensions of an output format.
    #[error("`{identifier}` is too large for its formats")]
    Formats {
        /// Identifier of the image.
        identifier: Identifier,
        /// The format and its limit.
        #[source]
        cause: PyramidError,
    },
    /// Publishing the image would exceed the memory limit.
    #[error("`{identifier}` needs {} of memory, but the limit is {}", ByteSize(*.needed_bytes), ByteSize(*.limit_bytes))]
    Memory {
        /// Identifier of the image.
        identifier: Identifier,
        /// Required memory in bytes.
        needed_bytes: u64,
        /// Memory limit in bytes.
        limit_bytes: u64,
    },
    /// A page of a file has the same identifier as another image of the input.
    #[error("a page of `{input}` and another image have the same identifier `{identifier}`")]
    PageName {
        /// Path or URL of the file.
        input: String,
        /// The identifier.
        identifier: Identifier,
    },
    /// The image would exceed the limit on objects per image.
    #[error("`{identifier}` needs {objects} objects, but the limit is {max_objects}")]
    TooManyObjects {
        /// Identifier of the image.
        identifier: Identifier,
        /// Number of objects the image needs.
        objects: u64,
        /// Maximum number of objects per image.
        max_objects: u64,
    },
    /// The source has warnings, and [`OnWarning::Fail`](super::OnWarning::Fail) is set.
    #[error("`{identifier}` {}has warnings: {}", if *.is_published { "is published already, and " } else { "" }, listed(.warnings))]
    Warnings {
        /// Identifier of the image.
        identifier: Identifier,
        /// The source's warnings.
        warnings: Vec<Warning>,
        /// `true` if an earlier run published the image despite its warnings.
        is_published: bool,
    },
    /// The image was published, but its obsolete objects couldn't be deleted. The next run will delete them.
    #[error("published `{identifier}`, but could not delete its obsolete objects")]
    CleanUp {
        /// Identifier of the image.
        identifier: Identifier,
        /// Error returned by the store.
        #[source]
        cause: StoreError,
    },
    /// Failed to start the worker threads.
    #[error("could not start the threads to publish `{identifier}`: {message}")]
    Threads {
        /// Identifier of the image.
        identifier: Identifier,
        /// The underlying OS error.
        message: String,
    },
    /// A worker thread panicked.
    #[error("internal error: a worker panicked while publishing `{identifier}`: {message}")]
    Panicked {
        /// Identifier of the image.
        identifier: Identifier,
        /// The panic message.
        message: String,
    },
}

/// Joins warnings into a single string.
fn listed(warnings: &[Warning]) -> String {
    warnings.iter().map(Warning::to_string).collect::<Vec<_>>().join("; ")
}

impl PublishError {
    /// Converts a worker failure into an error for this image.
    pub(super) fn of_work(identifier: &Identifier, cause: WorkError) -> Self {
        let identifier = identifier.clone();
        match cause {
            WorkError::NotStarted(message) => Self::Threads { identifier, message },
            WorkError::Panicked(message) => Self::Panicked { identifier, message },
        }
    }

    /// Returns `true` if retrying won't help until the environment (credentials, bucket, region or endpoint) is fixed.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        // The endpoint was reachable at startup, so losing the connection may be temporary.
        let is_lasting = |error: &StoreError| error.is_environment() && error.kind() != StoreErrorKind::Unreachable;
        match self {
            Self::Source(error) => error.is_environment(),
            _ => self.of_store().is_some_and(is_lasting),
        }
    }

    /// Returns the store's error if the store caused the failure.
    #[must_use]
    pub(crate) fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::CleanUp { cause: error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Error returned when objects are missing although every upload succeeded.
#[derive(Debug, thiserror::Error)]
#[error("{stored} of {promised} objects were stored")]
pub struct Incomplete {
    pub(super) stored: u64,
    pub(super) promised: u64,
}
