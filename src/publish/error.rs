//! Why an image was not published.

use super::Incomplete;
use crate::encode::EncodeError;
use crate::iiif::PyramidError;
use crate::source::{SourceError, Warning};
use crate::store::{Identifier, KeyError, StoreError, StoreErrorKind};
use bytesize::ByteSize;

/// Why an image was not published. Its `info.json` was not written, but for [`PublishError::CleanUp`]; of two versions, the
/// first one may have been, with all of its objects stored.
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
        /// Why.
        #[source]
        cause: EncodeError,
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
        /// How many there are.
        #[source]
        cause: Incomplete,
    },
    /// It was not finished before [`Publisher::stop`](super::Publisher::stop); the next run goes on where it was.
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
    #[error("another run has published `{identifier}` meanwhile")]
    Overtaken {
        /// The image.
        identifier: Identifier,
    },
    /// Its `full/max` is too large for a format.
    #[error("`{identifier}` is too large for its formats")]
    Formats {
        /// The image.
        identifier: Identifier,
        /// Which one, and how large.
        #[source]
        cause: PyramidError,
    },
    /// It takes more memory than all images together may.
    #[error("`{identifier}` takes {} of memory, and no more than {} is allowed", ByteSize(*.needed_bytes), ByteSize(*.limit_bytes))]
    Memory {
        /// The image.
        identifier: Identifier,
        /// What it takes.
        needed_bytes: u64,
        /// What it may take.
        limit_bytes: u64,
    },
    /// It has more objects than one image may have.
    #[error("`{identifier}` takes {objects} objects, and no more than {max_objects} are allowed")]
    TooManyObjects {
        /// The image.
        identifier: Identifier,
        /// The number of its objects.
        objects: u64,
        /// The number that is allowed.
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
    /// It is published, and the next run cleans up.
    #[error("`{identifier}` is published, but what is not of it any more could not be deleted")]
    CleanUp {
        /// The image.
        identifier: Identifier,
        /// Why.
        #[source]
        cause: StoreError,
    },
    /// A codec panicked.
    #[error("a worker gave up on `{identifier}`")]
    Panicked {
        /// The image.
        identifier: Identifier,
        /// What the runtime says.
        #[source]
        cause: tokio::task::JoinError,
    },
}

/// Joins warnings to one text.
fn listed(warnings: &[Warning]) -> String {
    warnings.iter().map(Warning::to_string).collect::<Vec<_>>().join("; ")
}

impl PublishError {
    /// Whether the surroundings (credentials, bucket, region, endpoint) must change before another try can help.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        // The endpoint was there when the run began: to be unreachable now may pass.
        let is_lasting = |error: &StoreError| error.is_environment() && error.kind() != StoreErrorKind::Unreachable;
        match self {
            Self::Source(error) => error.is_environment(),
            _ => self.of_store().is_some_and(is_lasting),
        }
    }

    /// What the store said, where it is the store that failed.
    #[must_use]
    pub fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::CleanUp { cause: error, .. } => Some(error),
            _ => None,
        }
    }
}
