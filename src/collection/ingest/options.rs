//! Options of a run.

use super::DeleteLimit;
use crate::collection::Shard;
use crate::iiif::PresentationVersion;
use std::path::PathBuf;
use std::time::Duration;

/// Options of a run. The defaults publish all images, write manifests and a collection, and delete nothing.
///
/// ```
/// use iiif_publish::collection::ingest::{DeleteLimit, IngestOptions};
/// let mut options = IngestOptions::default();
/// options.collection_label = Some("Maps".to_owned());
/// options.prune = Some(DeleteLimit::Percent(5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IngestOptions {
    /// The shard of the input that this run handles.
    pub shard: Shard,
    /// The steps of the run.
    pub mode: IngestMode,
    /// Deletes images and documents that left the input, up to a limit; `None` keeps them.
    pub prune: Option<DeleteLimit>,
    /// The label of the collection; `None` writes neither manifests nor a collection.
    pub collection_label: Option<String>,
    /// The version of the Presentation API of manifests and the collection.
    pub presentation_version: PresentationVersion,
    /// The file for a JSON line per image. An existing file is replaced.
    pub report: Option<PathBuf>,
    /// Stops the run when this number of images has failed. Images that are being processed still end.
    pub max_failures: Option<u64>,
    /// Stops publishing after this time.
    pub max_duration: Option<Duration>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            shard: Shard::WHOLE,
            mode: IngestMode::Publish,
            prune: None,
            collection_label: Some("Collection".to_owned()),
            presentation_version: PresentationVersion::default(),
            report: None,
            max_failures: None,
            max_duration: None,
        }
    }
}

/// The steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestMode {
    /// Publishes the images, then writes their manifests, and the collection if this shard is the whole input.
    #[default]
    Publish,
    /// Writes the manifests and the collection of images that are published already.
    ManifestsOnly,
    /// Writes only the collection, after all shards have been published.
    Finish,
}
