//! Errors of a run.

use super::refusal::PruneRefusal;
use crate::collection::StaleError;
use crate::delete::DeleteError;
use crate::destination::Identifier;
use crate::publish::PublishError;
use crate::store::{KeyError, StoreError};
use std::io;
use std::path::PathBuf;

/// An error of a whole run. Images that fail by themselves are [events](super::IngestEvent::ImageEnded) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// An image cannot be looked up, for a reason that all images share.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The store failed to read, list, write or delete a manifest or a page of the collection.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The images that left the input cannot be determined.
    #[error(transparent)]
    Stale(#[from] StaleError),
    /// An image that left the input cannot be deleted.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// The key of a manifest or of a page of the collection is not valid.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The images that left the input are not deleted.
    #[error(transparent)]
    Refused(#[from] PruneRefusal),
    /// The collection is not written, because none of its manifests is in the store.
    #[error("these objects have no manifests, so the collection would be empty")]
    EmptyCollection,
    /// The objects of an image would have keys in a folder of manifests or collections.
    #[error("`{identifier}` cannot be an identifier: `{folder}` is reserved for manifests and collections")]
    ReservedIdentifier {
        /// The identifier of the image.
        identifier: Identifier,
        /// Its first segment.
        folder: String,
    },
    /// The report cannot be created.
    #[error("could not write the report `{}`", path.display())]
    Report {
        /// The path of the report.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        cause: io::Error,
    },
}
