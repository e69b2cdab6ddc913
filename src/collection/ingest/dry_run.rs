//! Determines what a run would do, without changing anything.

use super::manifests::{self, ManifestObject, manifest_objects};
use super::refusal::PruneRefusal;
use super::summary::{PublishedImages, base_uri};
use super::{IMAGES_IN_FLIGHT, Ingest, IngestError, image};
use crate::collection::{Page, Presentation};
use crate::destination::Identifier;
use crate::iiif::Plan;
use crate::publish::{Change, Prospect, PublishError};
use crate::store::Key;
use futures::{StreamExt, stream};
use std::collections::HashMap;

/// One thing that a run would do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DryRunEvent<'a> {
    /// An image would change.
    Image {
        /// The identifier of the image.
        identifier: &'a Identifier,
        /// The change: any but [`Change::Unchanged`] and [`Change::Kept`].
        change: Change,
        /// Objects that would be stored.
        objects: u64,
        /// An estimate of the bytes that would be sent, within a factor of two.
        bytes: u64,
    },
    /// An image would fail.
    Failed {
        /// The identifier of the image.
        identifier: &'a Identifier,
        /// The error.
        error: &'a PublishError,
    },
    /// A manifest or a page of the collection would be written.
    WriteDocument {
        /// The key of the document.
        key: &'a Key,
    },
    /// A manifest or a page of the collection would be deleted.
    DeleteDocument {
        /// The key of the document.
        key: &'a Key,
    },
    /// An image would be deleted.
    DeleteImage {
        /// The identifier of the image.
        identifier: &'a Identifier,
    },
}

/// Totals of a dry run.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct DryRunTotals {
    /// Images that would be published or replaced.
    pub publish: u64,
    /// Images of which only headers or `info.json` would change.
    pub update: u64,
    /// Images that would stay as they are.
    pub unchanged: u64,
    /// Images that would fail.
    pub failed: u64,
    /// Images that would be deleted.
    pub delete: u64,
    /// Objects that would be stored.
    pub objects: u64,
    /// An estimate of their bytes, within a factor of two.
    pub bytes: u64,
    /// The reason if the run would delete nothing, although images left the input.
    pub refusal: Option<PruneRefusal>,
}

impl<'a> Ingest<'a> {
    /// Calls `on_event` with each thing that [`run`](Self::run) would do. Reads the headers of sources, but no pixels.
    ///
    /// # Errors
    /// If the store fails, or an image fails for a reason that all images share.
    pub async fn dry_run(&self, mut on_event: impl FnMut(DryRunEvent<'_>)) -> Result<DryRunTotals, IngestError> {
        let mut totals = DryRunTotals::default();
        let published = self.examine_images(&mut totals, &mut on_event).await?;
        if let Some(presentation) = &self.presentation {
            for (key, bytes) in self.changed_documents(presentation, &published).await? {
                totals.objects += 1;
                totals.bytes += bytes;
                on_event(DryRunEvent::WriteDocument { key: &key });
            }
        }
        if let Some(limit) = self.options.prune {
            let stale = self.find_stale(limit).await?;
            stale.documents.iter().for_each(|key| on_event(DryRunEvent::DeleteDocument { key }));
            stale.images.iter().for_each(|identifier| on_event(DryRunEvent::DeleteImage { identifier }));
            totals.delete = stale.images.len() as u64;
            totals.refusal = stale.refusal;
        }
        Ok(totals)
    }

    /// Examines each image. Returns where those will be that do not fail.
    async fn examine_images(
        &self,
        totals: &mut DryRunTotals,
        on_event: &mut impl FnMut(DryRunEvent<'_>),
    ) -> Result<PublishedImages, IngestError> {
        let mut published = HashMap::new();
        let examine = async |page: &'a Page| (page.identifier.clone(), self.publisher.examine(&image(page)).await);
        let mut prospects = stream::iter(self.pages.iter().copied().map(examine)).buffered(IMAGES_IN_FLIGHT).boxed();
        while let Some((identifier, prospect)) = prospects.next().await {
            match prospect {
                Ok(prospect) => {
                    if let Some((change, objects, bytes)) = totals.add(&prospect) {
                        on_event(DryRunEvent::Image { identifier: &identifier, change, objects, bytes });
                    }
                    published.insert(identifier, (base_uri(&prospect.published), prospect.published.size));
                }
                Err(error) => {
                    totals.failed += 1;
                    on_event(DryRunEvent::Failed { identifier: &identifier, error: &error });
                    if error.is_environment() {
                        return Err(error.into());
                    }
                }
            }
        }
        Ok(published)
    }

    /// Returns the keys and sizes of the documents that would be written if the images were at `published`.
    async fn changed_documents(
        &self,
        presentation: &Presentation,
        published: &PublishedImages,
    ) -> Result<Vec<(Key, u64)>, IngestError> {
        // The documents are made as if the run had taken place, and compared with those in the store. An estimate that
        // only looks at the images would miss changes of a table.
        let objects: Vec<ManifestObject> = manifest_objects(&self.pages, published);
        let mut documents = manifests::changed(self.publisher, presentation, &objects).await?;
        let pages = self.input.pages();
        if !objects.is_empty() && pages.len() == self.pages.len() {
            let mut there = manifests::keys(presentation, &objects)?;
            let listed = manifests::listed(self.publisher, presentation.destination().manifests()?).await?;
            there.extend(listed.unwrap_or_default().into_keys());
            let is_there = |key: &Key| there.contains(key);
            let collection =
                manifests::changed_collection(self.publisher, presentation, self.label(), pages, is_there).await?;
            documents.extend(collection.into_iter().map(|(key, body)| (key, body.len() as u64)));
        }
        Ok(documents)
    }
}

impl DryRunTotals {
    /// Adds an image. Returns the change with its objects and bytes, or `None` if nothing would change.
    fn add(&mut self, prospect: &Prospect) -> Option<(Change, u64, u64)> {
        let objects = || prospect.plans.iter().map(Plan::object_count).sum();
        let (objects, bytes) = match prospect.change {
            Change::Unchanged | Change::Kept => {
                self.unchanged += 1;
                return None;
            }
            // Only an `info.json` for each version.
            Change::Documents => (prospect.plans.len() as u64, 0),
            // A copy is priced like a PUT request, but sends no bytes.
            Change::Headers => (objects(), 0),
            _ => (objects(), prospect.plans.iter().map(Plan::estimated_bytes).sum()),
        };
        let is_update = matches!(prospect.change, Change::Documents | Change::Headers);
        *(if is_update { &mut self.update } else { &mut self.publish }) += 1;
        self.objects += objects;
        self.bytes += bytes;
        Some((prospect.change, objects, bytes))
    }
}
