//! Events emitted while publishing.

use crate::destination::{Identifier, VersionName};
use crate::iiif::{PhysicalScale, Size};
use crate::source::{SourceProperties, Warning};
use crate::store::Traffic;
use std::time::Duration;

/// A progress event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An image was opened and its objects were planned.
    Started {
        /// Identifier of the image.
        identifier: Identifier,
        /// Image size in pixels.
        size: Size,
        /// File type, such as `JPEG` or `TIFF, 16 bit`.
        description: String,
        /// File properties and the conversions they require.
        properties: SourceProperties,
        /// Number of objects to store, including `info.json`.
        objects: u64,
    },
    /// An image that was [started](Self::Started) entered another stage.
    Stage {
        /// Identifier of the image.
        identifier: Identifier,
        /// The stage.
        stage: Stage,
    },
    /// An object was uploaded, or was already stored with the same content.
    Stored {
        /// Identifier of the image.
        identifier: Identifier,
        /// Object size in bytes.
        bytes: u64,
    },
    /// An image was published, including its `info.json`.
    Published(Published),
    /// All pictures of an image were already stored, and its documents or headers were updated.
    Updated(Published),
    /// An image was already published from the same source with the same options.
    Unchanged(Published),
    /// An existing image was kept because replacing it is disabled.
    Kept(Published),
    /// An existing image was kept because a newer version of the program published it.
    KeptNewer(Published),
    /// The store doesn't list entity tags, so images are compared by object size instead. Emitted at most once.
    ComparedBySize,
    /// Publishing an image failed. `publish` returns the [error](super::PublishError).
    Failed {
        /// Identifier of the image.
        identifier: Identifier,
    },
}

impl Event {
    /// Returns the event for a published image, based on its outcome.
    pub(super) fn of(published: Published) -> Self {
        match published.outcome {
            Outcome::Published => Self::Published(published),
            Outcome::Updated => Self::Updated(published),
            Outcome::Unchanged => Self::Unchanged(published),
            Outcome::Kept => Self::Kept(published),
            Outcome::KeptNewer => Self::KeptNewer(published),
        }
    }
}

/// Stage of an image that is being published. Every image starts with [`Reading`](Self::Reading).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The source is being read while tiles are uploaded.
    Reading,
    /// The source has been read, and the last tiles are being uploaded.
    Uploading,
    /// All tiles are stored, and `info.json` is being written.
    Finishing,
    /// The image is published, and objects of an earlier version are being deleted.
    CleaningUp,
}

/// Outcome of publishing an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The image's pictures were stored.
    Published,
    /// Only documents or headers were updated. All pictures were already stored.
    Updated,
    /// The image was already up to date.
    Unchanged,
    /// The existing image was kept because replacing it is disabled. It may be an older version.
    Kept,
    /// The existing image was kept because a newer version of the program published it.
    KeptNewer,
}

/// A published image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// Identifier of the image.
    pub identifier: Identifier,
    /// Outcome of publishing the image.
    pub outcome: Outcome,
    /// Public URLs of `info.json`, one per Image API version.
    pub info_urls: Vec<String>,
    /// Name derived from the source and options, so publishing the same content again produces the same name. `None` if
    /// the published version is unknown.
    pub version: Option<VersionName>,
    /// Image size in pixels.
    pub size: Size,
    /// Physical pixel size, if the source specifies it.
    pub scale: Option<PhysicalScale>,
    /// Number of tiles per Image API version.
    pub tiles: u64,
    /// Number of objects that were stored.
    pub objects: u64,
    /// Total size of these objects in bytes.
    pub bytes: u64,
    /// Source properties that couldn't be preserved, starting with the [header's warnings](SourceProperties::warnings)
    /// and followed by warnings found while reading the pixels. If the image is unchanged, warnings don't include
    /// details.
    pub warnings: Vec<Warning>,
    /// Leftover objects from an earlier version.
    pub orphans: Orphans,
    /// Requests sent to the store.
    pub traffic: Traffic,
    /// Time taken.
    pub duration: Duration,
    /// `true` if no later run has to compare the image with its digest.
    pub(crate) is_settled: bool,
}

/// Counts of objects left over from an earlier version of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphans {
    /// Number of objects that were deleted.
    pub deleted: u64,
    /// Number of objects left in place because deleting them isn't permitted.
    pub left: u64,
}

impl std::ops::Add for Orphans {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { deleted: self.deleted + other.deleted, left: self.left + other.left }
    }
}
