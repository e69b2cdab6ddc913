//! Configuration of a run.

use super::DeleteLimit;
use crate::collection::{Nesting, PageSelection, Shard};
use crate::iiif::PresentationVersion;
use crate::site::SiteOptions;
use std::path::PathBuf;
use std::time::Duration;

/// Options for a run. By default, a run publishes all images, writes manifests and a collection, and doesn't delete
/// anything.
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
    /// Shard of the input to process.
    pub shard: Shard,
    /// Steps to perform.
    pub mode: IngestMode,
    /// Limit for deleting images and their documents once they are no longer in the input. `None` disables deletion.
    pub prune: Option<DeleteLimit>,
    /// The collection's label. If `None`, neither manifests nor a collection are written.
    pub collection_label: Option<String>,
    /// Keep an existing collection's label. [`collection_label`](Self::collection_label) is only used for new
    /// collections.
    pub keeps_collection_label: bool,
    /// Pages to publish from files with several pages, unless their table row selects others.
    pub pages: PageSelection,
    /// Write the collection along with the manifests. Has no effect if there are no manifests.
    pub writes_collection: bool,
    /// Rule for collections within the collection. By default, it lists all objects itself.
    pub nesting: Option<Nesting>,
    /// Presentation API versions to write in addition to version 3.
    pub further_presentations: Vec<PresentationVersion>,
    /// Append manifest changes to an activity stream. Has no effect unless the collection is also written.
    pub writes_activities: bool,
    /// Website to write along with the collection. Has no effect if no collection is written.
    pub site: Option<SiteOptions>,
    /// Path to a report with one JSON line per image. Existing files are overwritten.
    pub report: Option<PathBuf>,
    /// Number of failed images after which the run stops. Images in progress still finish.
    pub max_failures: Option<u64>,
    /// Maximum time to spend publishing.
    pub max_duration: Option<Duration>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            shard: Shard::WHOLE,
            mode: IngestMode::Publish,
            prune: None,
            collection_label: Some("Collection".to_owned()),
            keeps_collection_label: false,
            pages: PageSelection::default(),
            writes_collection: true,
            nesting: None,
            further_presentations: Vec::new(),
            writes_activities: false,
            site: None,
            report: None,
            max_failures: None,
            max_duration: None,
        }
    }
}

/// Selects the steps to perform in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestMode {
    /// Publishes images and writes their manifests. Also writes the collection if the shard contains the whole input.
    #[default]
    Publish,
    /// Writes manifests and the collection for images that are already published.
    ManifestsOnly,
    /// Only writes the collection. Use this after all shards have been published.
    Finish,
}
