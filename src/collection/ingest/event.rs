//! Progress events.

use crate::collection::Page;
use crate::destination::Identifier;
use crate::publish::{Image, PublishError, Published};
use crate::store::{Key, StoreError};

/// Callback that receives events during a run.
pub(super) type Events<'a> = dyn Fn(IngestEvent<'_>) + Send + Sync + 'a;

/// An event that occurs during a run, in addition to the [publisher's events](crate::publish::Event).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum IngestEvent<'a> {
    /// Images exist below the prefix that weren't published by this program. They are kept.
    ForeignImages {
        /// Number of images.
        count: u64,
    },
    /// Image files without an `info.json` exist for an image that isn't in the input. They are kept.
    PicturesWithoutInfo {
        /// Identifier that the image would have.
        identifier: &'a Identifier,
    },
    /// A file has several pages, and each of them is an image. The file itself isn't an image.
    PagesFound {
        /// The file's identifier.
        file: &'a Identifier,
        /// The pages to publish.
        pages: &'a [Page],
    },
    /// An image was published or failed.
    ImageEnded {
        /// The image.
        image: &'a Image,
        /// The result.
        result: &'a Result<Published, PublishError>,
    },
    /// The store stopped responding, so no more images will be started.
    StoreUnavailable {
        /// The store's error.
        error: &'a StoreError,
    },
    /// Publishing is stopping. Uploads in flight will still finish.
    Stopping {
        /// The reason.
        reason: StopReason,
    },
    /// Publishing has ended.
    PublishingEnded {
        /// The reason, if publishing was stopped early.
        stopped: Option<StopReason>,
    },
    /// Publishing was stopped because [too many images](super::IngestOptions::max_failures) failed.
    TooManyFailures {
        /// Number of failed images.
        failed: u64,
    },
    /// Some input images aren't published, so they aren't in any manifest.
    NotPublished {
        /// Number of images.
        count: u64,
    },
    /// An object's manifest was written or already up to date, and shows all of its pages.
    ManifestWritten {
        /// The object's identifier.
        object: &'a Identifier,
        /// The manifest's URL.
        url: &'a str,
    },
    /// The manifests of this run's objects were written, unless they were up to date.
    ManifestsWritten {
        /// Number of manifests that were written.
        updated: u64,
        /// Number of manifests that were not written.
        unchanged: u64,
    },
    /// The collection and the site were left as they are, because the input is doubtful: deletions will be refused.
    CollectionKept,
    /// The collection was written or already up to date.
    CollectionWritten {
        /// The collection's URL.
        url: &'a str,
    },
    /// The activity stream is up to date.
    ActivitiesWritten {
        /// URL of the activity collection.
        url: &'a str,
        /// Number of activities added.
        added: u64,
    },
    /// A column chosen as a filter of the site isn't in the metadata of any object.
    SiteFacetUnused {
        /// Name of the column.
        column: &'a str,
    },
    /// The site was written or already up to date.
    SiteWritten {
        /// URL of the first page.
        url: &'a str,
        /// Number of files written.
        updated: u64,
        /// Number of files that were already up to date.
        unchanged: u64,
    },
    /// A manifest, a collection page or an object's page is being deleted because its object is no longer in the input.
    DocumentDeleted {
        /// The document's key.
        key: &'a Key,
    },
    /// An image was deleted because it is no longer in the input.
    ImageDeleted {
        /// The image's identifier.
        identifier: &'a Identifier,
    },
}

/// The reason for stopping before all images were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The caller requested it.
    Requested,
    /// The run reached its [maximum duration](super::IngestOptions::max_duration).
    MaxDuration,
}
