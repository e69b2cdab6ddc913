//! Events that a publisher emits while it works.

use crate::destination::{Identifier, VersionName};
use crate::iiif::Size;
use crate::source::{SourceProperties, Warning};
use crate::store::Traffic;
use std::time::Duration;

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An image was opened and planned.
    Started {
        /// The image.
        identifier: Identifier,
        /// Its size in pixels.
        size: Size,
        /// The kind of file: `JPEG`, `TIFF, 16 bit`, …
        description: String,
        /// The properties of the file, and the conversions that they need.
        properties: SourceProperties,
        /// Objects that it will have, `info.json` included.
        objects: u64,
    },
    /// An object was stored.
    Stored {
        /// The image.
        identifier: Identifier,
        /// The size of the object.
        bytes: u64,
    },
    /// An image is complete: its `info.json` is stored.
    Published(Published),
    /// An image was there already, from the same source, and its documents or headers were written again.
    Updated(Published),
    /// An image was there already, from the same source and with the same options.
    Unchanged(Published),
    /// An image was there already, and is not to be replaced.
    Kept(Published),
    /// An image was there already, and a newer version of the program has published it.
    KeptNewer(Published),
    /// The store lists no entity tags: images are compared by the sizes of their objects. Emitted once.
    ComparedBySize,
    /// An image could not be published, for a [reason](super::PublishError) that `publish` returns.
    Failed {
        /// The image.
        identifier: Identifier,
    },
}

impl Event {
    /// Returns the event at the end of an image that is there.
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

/// The result of publishing an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Its pictures were stored.
    Published,
    /// Its documents or headers were updated; its source was not opened.
    Updated,
    /// It was there already.
    Unchanged,
    /// It was there already, perhaps another version of it, and images that are there are kept.
    Kept,
    /// It was published by a newer version of the program, and kept.
    KeptNewer,
}

/// A published image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// Its identifier.
    pub identifier: Identifier,
    /// The result of publishing it.
    pub outcome: Outcome,
    /// The public URLs of its `info.json`, one for each version of the Image API.
    pub info_urls: Vec<String>,
    /// The name of its content, which is the same for the same source and options. `None` if the published version is not known.
    pub version: Option<VersionName>,
    /// Its size in pixels.
    pub size: Size,
    /// Its tiles, of one version.
    pub tiles: u64,
    /// The objects that it consists of.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Properties that could not be honored: first the warnings of the [header](SourceProperties::warnings), then those that only reading the
    /// pixels gives. Those of an unchanged image have no details.
    pub warnings: Vec<Warning>,
    /// Objects of an earlier version of it.
    pub orphans: Orphans,
    /// The requests that it took.
    pub traffic: Traffic,
    /// The time that it took.
    pub duration: Duration,
}

/// Counts of the objects that only an earlier version of an image had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphans {
    /// Objects that were deleted.
    pub deleted: u64,
    /// Objects that remain, because the store does not allow deleting.
    pub left: u64,
}

impl std::ops::Add for Orphans {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { deleted: self.deleted + other.deleted, left: self.left + other.left }
    }
}
