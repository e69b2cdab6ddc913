//! Events of a run.

use crate::destination::Identifier;
use crate::publish::{Image, PublishError, Published};
use crate::store::{Key, StoreError};

/// The closure that receives the events of a run.
pub(super) type Events<'a> = dyn Fn(IngestEvent<'_>) + Send + Sync + 'a;

/// An event of a run, in addition to the [events of the publisher](crate::publish::Event).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum IngestEvent<'a> {
    /// There are images below the prefix that this program did not publish there. They are kept.
    ForeignImages {
        /// The number of images.
        count: u64,
    },
    /// There are pictures without an `info.json`, of an image that is not in the input. They are kept.
    PicturesWithoutInfo {
        /// The identifier that the image would have.
        identifier: &'a Identifier,
    },
    /// An image is published, or failed.
    ImageEnded {
        /// The image.
        image: &'a Image,
        /// The result.
        result: &'a Result<Published, PublishError>,
    },
    /// The store does not respond anymore, so no further image is started.
    StoreUnavailable {
        /// The error of the store.
        error: &'a StoreError,
    },
    /// Publishing stops: uploads in flight are finished.
    Stopping {
        /// The reason.
        reason: StopReason,
    },
    /// No image is being published anymore.
    PublishingEnded {
        /// The reason, if publishing was stopped.
        stopped: Option<StopReason>,
    },
    /// Publishing was stopped because [too many images](super::IngestOptions::max_failures) have failed.
    TooManyFailures {
        /// The number of images that have failed.
        failed: u64,
    },
    /// Images of the input are not published, and so have no manifest.
    NotPublished {
        /// The number of images.
        count: u64,
    },
    /// The collection is written, or was the same already.
    CollectionWritten {
        /// Its URL.
        url: &'a str,
    },
    /// A manifest or a page of the collection is deleted (its object is no longer in the input).
    DocumentDeleted {
        /// The key of the document.
        key: &'a Key,
    },
    /// An image is deleted (no longer in the input).
    ImageDeleted {
        /// The identifier of the image.
        identifier: &'a Identifier,
    },
}

/// The reason why publishing is stopped before all images have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The caller asked for it.
    Requested,
    /// The run has taken [the time it may take](super::IngestOptions::max_duration).
    MaxDuration,
}
