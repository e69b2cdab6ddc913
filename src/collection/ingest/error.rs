//! Errors that end a run.

use super::refusal::PruneRefusal;
use crate::collection::StaleError;
use crate::delete::DeleteError;
use crate::destination::Identifier;
use crate::publish::PublishError;
use crate::site::SiteError;
use crate::store::{Key, KeyError, StoreError};
use std::io;
use std::path::PathBuf;

/// An error that affects a whole run. Failures of single images are reported as
/// [events](super::IngestEvent::ImageEnded) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// An image couldn't be looked up, for a reason that affects all images.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The store failed to read, list, write or delete a manifest or collection page.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Failed to find the images that are no longer in the input.
    #[error(transparent)]
    Stale(#[from] StaleError),
    /// Failed to delete an image that is no longer in the input.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// A manifest or collection page has an invalid key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The run refused to delete images that are no longer in the input.
    #[error(transparent)]
    Refused(#[from] PruneRefusal),
    /// The collection wasn't written because none of its manifests exist in the store.
    #[error("these objects have no manifests, so the collection would be empty")]
    EmptyCollection,
    /// No image has a value in the column that names collections within the collection.
    #[error("no image has a value in the metadata column `{column}`")]
    MissingColumn {
        /// The column's name.
        column: String,
    },
    /// An image's identifier would place its objects in a folder reserved for manifests or collections.
    #[error("`{identifier}` cannot be an identifier: `{folder}` is reserved for manifests and collections")]
    ReservedIdentifier {
        /// The image's identifier.
        identifier: Identifier,
        /// The identifier's first segment.
        folder: String,
    },
    /// A document at the activity stream's location isn't a page of activities.
    #[error("`{key}` is not a page of an activity stream")]
    NotActivities {
        /// The document's key.
        key: Key,
    },
    /// An image or object identifier would collide with the site's files.
    #[error("`{identifier}` cannot be an identifier: `{name}` is reserved for the site")]
    ReservedForSite {
        /// The identifier.
        identifier: Identifier,
        /// The reserved segment.
        name: String,
    },
    /// The report couldn't be created.
    #[error("could not write the report `{}`", path.display())]
    Report {
        /// Path to the report.
        path: PathBuf,
        /// The underlying I/O error.
        #[source]
        cause: io::Error,
    },
}

impl From<SiteError> for IngestError {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::Store(error) => Self::Store(error),
            SiteError::Key(error) => Self::Key(error),
        }
    }
}
