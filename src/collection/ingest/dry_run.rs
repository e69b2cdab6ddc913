//! Dry runs, which report changes without making them.

use super::files::Expanded;
use super::manifests::{self, ManifestObject, manifest_objects};
use super::present::listed;
use super::refusal::PruneRefusal;
use super::summary::{KnownImages, published_image};
use super::{Ingest, IngestError};
use crate::collection::{Page, Presentation};
use crate::destination::Identifier;
use crate::iiif::Plan;
use crate::publish::{Change, Image, MAX_IMAGES_LOOKED_UP, Prospect, PublishError};
use crate::store::Key;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

/// Maximum number of concurrent lookups for the pages of one file.
const PAGES_IN_FLIGHT: usize = 4;

/// A single change that a run would make.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DryRunEvent<'a> {
    /// An image would change.
    Image {
        /// The image's identifier.
        identifier: &'a Identifier,
        /// The kind of change. Never [`Change::Unchanged`] or [`Change::Kept`].
        change: Change,
        /// Number of objects to store.
        objects: u64,
        /// Estimated number of bytes to upload, accurate to within a factor of two.
        bytes: u64,
    },
    /// An image would fail.
    Failed {
        /// The image's identifier.
        identifier: &'a Identifier,
        /// The error.
        error: &'a PublishError,
    },
    /// A manifest, a collection, or a file of the site would be written.
    WriteDocument {
        /// The document's key.
        key: &'a Key,
    },
    /// A manifest, a collection page or a page of the site would be deleted.
    DeleteDocument {
        /// The document's key.
        key: &'a Key,
    },
    /// An image would be deleted.
    DeleteImage {
        /// The image's identifier.
        identifier: &'a Identifier,
    },
}

/// Totals for a dry run.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct DryRunTotals {
    /// Images that would be published or replaced.
    pub publish: u64,
    /// Images with changes to only their headers or `info.json`.
    pub update: u64,
    /// Images that wouldn't change.
    pub unchanged: u64,
    /// Images that would fail.
    pub failed: u64,
    /// Images that would be deleted.
    pub delete: u64,
    /// Objects that would be stored.
    pub objects: u64,
    /// Estimated size of these objects in bytes, accurate to within a factor of two.
    pub bytes: u64,
    /// Set if images are missing from the input but the run would refuse to delete them.
    pub refusal: Option<PruneRefusal>,
}

/// Something that a dry run has looked at.
enum Examined<'a> {
    Image(Box<Prospect>),
    /// A file whose pages are images.
    Pages(Expanded<'a>),
}

/// Documents that a run would write.
struct ChangedDocuments {
    /// Keys and sizes in bytes.
    documents: Vec<(Key, u64)>,
    /// Pages of the site for objects that aren't in the input.
    stale_site: Vec<Key>,
}

impl<'a> Ingest<'a> {
    /// Calls `on_event` for each change that [`run`](Self::run) would make. Only reads source headers, not pixels.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if an image fails for a reason that affects all images.
    pub async fn dry_run(&self, mut on_event: impl FnMut(DryRunEvent<'_>)) -> Result<DryRunTotals, IngestError> {
        let mut totals = DryRunTotals::default();
        let published = self.examine_images(&mut totals, &mut on_event).await?;
        let mut stale = match self.options.prune {
            Some(limit) => Some(self.find_stale(limit, self.look_up_documents().as_mut()).await?),
            None => None,
        };
        let mut stale_site = Vec::new();
        if let Some(presentation) = &self.presentation {
            let keeps_collection = stale.as_ref().is_some_and(|stale| self.keeps_collection(stale));
            let changed = self.changed_documents(presentation, &published, keeps_collection).await?;
            for (key, bytes) in &changed.documents {
                totals.objects += 1;
                totals.bytes += bytes;
                on_event(DryRunEvent::WriteDocument { key });
            }
            stale_site = changed.stale_site;
        }
        if let Some(stale) = &mut stale {
            self.add_stale_pages(stale, &published).await?;
            stale.documents.extend(self.own_site_pages(stale_site).await?);
            stale.documents.iter().for_each(|key| on_event(DryRunEvent::DeleteDocument { key }));
            stale.images.iter().for_each(|identifier| on_event(DryRunEvent::DeleteImage { identifier }));
            totals.delete = stale.images.len() as u64;
            totals.refusal = self.refusal(stale);
        }
        Ok(totals)
    }

    /// Examines each image. Returns all images that wouldn't fail.
    async fn examine_images(
        &self,
        totals: &mut DryRunTotals,
        on_event: &mut impl FnMut(DryRunEvent<'_>),
    ) -> Result<KnownImages<'a>, IngestError> {
        let mut known = KnownImages::default();
        let mut prospects = self.prospects();
        while let Some((identifier, prospect)) = prospects.next().await {
            match prospect {
                Ok(Examined::Pages(expanded)) => known.add_file(&expanded),
                Ok(Examined::Image(prospect)) => {
                    if let Some((change, objects, bytes)) = totals.add(&prospect) {
                        on_event(DryRunEvent::Image { identifier: &identifier, change, objects, bytes });
                    }
                    known.published.insert(identifier, published_image(&prospect.published));
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
        Ok(known)
    }

    /// Examines the images of this shard, including the pages of files that are objects.
    fn prospects(&self) -> BoxStream<'_, (Identifier, Result<Examined<'a>, PublishError>)> {
        let files = self.pages.chunk_by(|a, b| self.are_numbered_pages(a, b));
        let files = stream::iter(files).map(|file| self.prospects_of(file));
        files.buffered(MAX_IMAGES_LOOKED_UP).flat_map(stream::iter).boxed()
    }

    /// Examines the images of a file.
    async fn prospects_of(&self, rows: &[&'a Page]) -> Vec<(Identifier, Result<Examined<'a>, PublishError>)> {
        let (images, expanded) = match self.examine_file(rows).await {
            Ok(found) => found,
            Err(error) => return vec![(rows[0].identifier.clone(), Err(error))],
        };
        let examine = async |image: Image| {
            let prospect = self.publisher.examine(&image).await;
            (image.identifier, prospect.map(|prospect| Examined::Image(Box::new(prospect))))
        };
        let mut found: Vec<_> = expanded
            .map(|expanded| (expanded.file.identifier.clone(), Ok(Examined::Pages(expanded))))
            .into_iter()
            .collect();
        found.extend(stream::iter(images).map(examine).buffered(PAGES_IN_FLIGHT).collect::<Vec<_>>().await);
        found
    }

    /// Returns the documents that would be written once the images are published at `published`.
    async fn changed_documents(
        &self,
        presentation: &Presentation,
        published: &KnownImages<'a>,
        keeps_collection: bool,
    ) -> Result<ChangedDocuments, IngestError> {
        // Build the documents as a real run would and compare them with the stored versions. Looking only at the images
        // would miss table changes.
        let objects: Vec<ManifestObject> = manifest_objects(&self.pages, published);
        let mut documents = manifests::changed(self.publisher, presentation, &objects).await?;
        let pages = self.input.pages();
        let (mut content, mut stale_site) = (None, Vec::new());
        if !objects.is_empty() && pages.len() == self.pages.len() && !keeps_collection {
            let mut there = manifests::keys(presentation, &objects)?;
            let listed = listed(self.publisher, presentation.destination().manifests()?).await?;
            there.extend(listed.unwrap_or_default().into_keys());
            let is_there = |key: &Key| there.contains(key);
            let whole = content.insert(self.content(presentation, published, None).await?);
            let collection = manifests::changed_collection(self.publisher, presentation, whole, is_there, None).await?;
            documents.extend(collection.into_iter().map(|(key, body)| (key, body.len() as u64)));
            if let Some(options) = &self.options.site {
                let site = Box::pin(self.build_site((presentation, options), whole, is_there, true)).await?;
                documents.extend(site.changed);
                stale_site = site.stale;
            }
        }
        documents.extend(self.changed_version2(&objects, content.as_ref()).await?);
        Ok(ChangedDocuments { documents, stale_site })
    }
}

impl DryRunTotals {
    /// Adds an image to the totals. Returns the change, object count and size in bytes, or `None` if nothing would
    /// change.
    fn add(&mut self, prospect: &Prospect) -> Option<(Change, u64, u64)> {
        let objects = || prospect.plans.iter().map(Plan::object_count).sum();
        let (objects, bytes) = match prospect.change {
            Change::Unchanged | Change::Kept => {
                self.unchanged += 1;
                return None;
            }
            // One `info.json` per version.
            Change::Documents => (prospect.plans.len() as u64, 0),
            // A copy costs as much as a PUT request but doesn't send any bytes.
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
