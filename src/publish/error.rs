//! Errors of publishing an image.

use crate::destination::Identifier;
use crate::iiif::PyramidError;
use crate::source::{SourceError, Warning};
use crate::store::{KeyError, StoreError, StoreErrorKind};
use crate::workers::WorkError;
use bytesize::ByteSize;
use std::error::Error;

/// An error that prevented an image from being published. Its `info.json` was not written, except with [`PublishError::CleanUp`]. If
/// two API versions are published, the `info.json` of the first may be there, with all of its objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A picture cannot be encoded.
    #[error("could not encode a picture of `{identifier}`")]
    Encode {
        /// The image.
        identifier: Identifier,
        /// The error of the encoder.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The store did not take an object.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Prefix and identifier are too long together.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Objects are missing although nothing failed.
    #[error("`{identifier}` is incomplete")]
    Incomplete {
        /// The image.
        identifier: Identifier,
        /// The numbers of objects.
        #[source]
        cause: Incomplete,
    },
    /// [`Publisher::stop`](super::Publisher::stop) was called before the image was complete. The next run resumes it.
    #[error("`{identifier}` was stopped at {stored} of {promised} objects")]
    Stopped {
        /// The image.
        identifier: Identifier,
        /// Its objects that are stored.
        stored: u64,
        /// All of its objects.
        promised: u64,
    },
    /// Another run published it at the same time; a later run checks the result.
    #[error("another run published `{identifier}` at the same time")]
    Overtaken {
        /// The image.
        identifier: Identifier,
    },
    /// Its `full/max` is too large for a format.
    #[error("`{identifier}` is too large for its formats")]
    Formats {
        /// The image.
        identifier: Identifier,
        /// The format and its limit.
        #[source]
        cause: PyramidError,
    },
    /// It needs more memory than all images together may take.
    #[error("`{identifier}` needs {} of memory, but the limit is {}", ByteSize(*.needed_bytes), ByteSize(*.limit_bytes))]
    Memory {
        /// The image.
        identifier: Identifier,
        /// The memory that it needs, in bytes.
        needed_bytes: u64,
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// It has more objects than one image may have.
    #[error("`{identifier}` needs {objects} objects, but the limit is {max_objects}")]
    TooManyObjects {
        /// The image.
        identifier: Identifier,
        /// The number of its objects.
        objects: u64,
        /// The limit.
        max_objects: u64,
    },
    /// Its source gave warnings, and [`OnWarning::Fail`](super::OnWarning::Fail) was chosen.
    #[error("`{identifier}` {}has warnings: {}", if *.is_published { "is published already, and " } else { "" }, listed(.warnings))]
    Warnings {
        /// The image.
        identifier: Identifier,
        /// The warnings.
        warnings: Vec<Warning>,
        /// Set if an earlier run published the image in spite of them.
        is_published: bool,
    },
    /// It is published, but its obsolete objects are left. The next run deletes them.
    #[error("published `{identifier}`, but could not delete its obsolete objects")]
    CleanUp {
        /// The image.
        identifier: Identifier,
        /// The error of the store.
        #[source]
        cause: StoreError,
    },
    /// The threads that decode and encode cannot be started.
    #[error("could not start the threads to publish `{identifier}`: {message}")]
    Threads {
        /// The image.
        identifier: Identifier,
        /// The error of the operating system.
        message: String,
    },
    /// A worker panicked.
    #[error("internal error: a worker panicked while publishing `{identifier}`: {message}")]
    Panicked {
        /// The image.
        identifier: Identifier,
        /// The message of the panic.
        message: String,
    },
}

/// Joins warnings to one text.
fn listed(warnings: &[Warning]) -> String {
    warnings.iter().map(Warning::to_string).collect::<Vec<_>>().join("; ")
}

impl PublishError {
    /// Returns the error for work on an image that has no result.
    pub(super) fn of_work(identifier: &Identifier, cause: WorkError) -> Self {
        let identifier = identifier.clone();
        match cause {
            WorkError::NotStarted(message) => Self::Threads { identifier, message },
            WorkError::Panicked(message) => Self::Panicked { identifier, message },
        }
    }

    /// Returns `true` if the environment (credentials, bucket, region, endpoint) must change before a retry can succeed.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        // The endpoint was reachable when the run began, so being unreachable may be transient.
        let is_lasting = |error: &StoreError| error.is_environment() && error.kind() != StoreErrorKind::Unreachable;
        match self {
            Self::Source(error) => error.is_environment(),
            _ => self.of_store().is_some_and(is_lasting),
        }
    }

    /// Returns the error of the store, if the store failed.
    #[must_use]
    pub(crate) fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::CleanUp { cause: error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Objects are missing although nothing failed.
#[derive(Debug, thiserror::Error)]
#[error("{stored} of {promised} objects were stored")]
pub struct Incomplete {
    pub(super) stored: u64,
    pub(super) promised: u64,
}
