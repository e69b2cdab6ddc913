//! Deletes images and documents that are no longer in the input, up to a limit.

use super::files::Expanded;
use super::present::{DocumentLookup, listed};
use super::refusal::{DeleteLimit, PruneRefusal};
use super::summary::{KnownImages, Run};
use super::{Ingest, IngestError, IngestEvent, IngestInput};
use crate::collection::{EmptyFolder, Page, Presentation, StaleImages, objects, stale_images, stale_pages};
use crate::delete::{self, DEFAULT_SETTLE_AFTER, DeleteError, Subject};
use crate::destination::Identifier;
use crate::publish::Publisher;
use crate::store::{Key, KeyError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashSet};

/// Maximum number of concurrent deletions. Each one spends most of its time waiting for the store.
const DELETES_IN_FLIGHT: usize = 16;

/// Stored images and documents that are no longer in the input.
pub(super) struct Stale {
    pub(super) images: BTreeSet<Identifier>,
    /// Keys of manifests and collection pages.
    pub(super) documents: Vec<Key>,
    /// Number of published images that are in the input.
    known: u64,
    limit: DeleteLimit,
}

impl Ingest<'_> {
    /// Finds images and documents that are no longer in the input. Images below an image of the input, such as the pages
    /// of a file, aren't looked at.
    pub(super) async fn find_stale(
        &self,
        limit: DeleteLimit,
        documents: Option<&mut DocumentLookup>,
    ) -> Result<Stale, IngestError> {
        let destination = self.publisher.options().destination();
        let StaleImages { images, unseen, known, foreign, .. } =
            stale_images(&destination, self.publisher.store(), self.input.pages()).await?;
        let mut documents = match (&self.presentation, documents) {
            (Some(presentation), Some(documents)) => {
                stale_documents(self.publisher, presentation, self.input.pages(), documents).await?
            }
            _ => Vec::new(),
        };
        documents.extend(self.stale_version2().await?);
        // Publishing both Image API versions means that each image is found twice.
        let known = known / destination.api_folders().len().max(1) as u64;
        if foreign > 0 {
            (self.events)(IngestEvent::ForeignImages { count: foreign });
        }
        for identifier in &unseen {
            (self.events)(IngestEvent::PicturesWithoutInfo { identifier });
        }
        Ok(Stale { images, documents, known, limit })
    }

    /// Adds the images that files with pages have left behind: pages that they no longer have, and images of the whole
    /// file.
    pub(super) async fn add_stale_pages(&self, stale: &mut Stale, known: &KnownImages<'_>) -> Result<(), IngestError> {
        let (destination, store) = (self.publisher.options().destination(), self.publisher.store());
        let names = self.names();
        for Expanded { file, pages, .. } in known.files.values() {
            let pages: HashSet<&Identifier> = pages.iter().map(|page| &page.identifier).collect();
            // The file is in the input, but its image is wanted only if it is one image.
            let is_other = |page: &Identifier| *page != file.identifier && names.contains(page);
            let is_wanted = |page: &Identifier| pages.contains(page) || is_other(page);
            stale.images.extend(stale_pages(&destination, store, &file.identifier, &is_wanted).await?);
        }
        Ok(())
    }

    /// Returns a reason to delete nothing.
    pub(super) fn refusal(&self, stale: &Stale) -> Option<PruneRefusal> {
        refusal(self.input, stale.limit, &stale.images, stale.known)
    }

    /// Returns `true` if the collection must stay as it is because the input is doubtful.
    pub(super) fn keeps_collection(&self, stale: &Stale) -> bool {
        self.refusal(stale).is_some_and(|refusal| refusal.doubts_input())
    }

    /// Deletes everything in `stale`, starting with the documents. For each image, its `info.json` is deleted before
    /// its tiles.
    pub(super) async fn prune(&self, mut stale: Stale, run: &mut Run<'_>) -> Result<(), IngestError> {
        self.add_stale_pages(&mut stale, run.images()).await?;
        if let Some(refusal) = self.refusal(&stale) {
            return Err(refusal.into());
        }
        for key in &stale.documents {
            (self.events)(IngestEvent::DocumentDeleted { key });
        }
        // Delete documents first. Viewers show errors for manifests with missing images, but they don't notice images
        // without a manifest.
        self.publisher.store().delete(stale.documents).await?;
        let images = stream::iter(stale.images).map(|identifier| delete_image(self.publisher, identifier));
        let mut deleted = images.buffer_unordered(DELETES_IN_FLIGHT).boxed();
        while let Some(identifier) = deleted.try_next().await? {
            run.deleted(&identifier);
            (self.events)(IngestEvent::ImageDeleted { identifier: &identifier });
        }
        Ok(())
    }
}

/// Returns a reason to delete nothing if the input may be incomplete or too many images would be deleted.
fn refusal(input: &IngestInput, limit: DeleteLimit, images: &BTreeSet<Identifier>, known: u64) -> Option<PruneRefusal> {
    // If a run deletes too few images, the next one catches up. If it deletes too many, images disappear from the web.
    // So refuse whenever the input might be incomplete: unreadable folders, an unmounted disk, a list with missing
    // files, or a table with filtered rows. The limit is a safety net for everything else.
    if !input.unread().is_empty() {
        return Some(PruneRefusal::Unread);
    }
    if let Some(refusal) = unread_folder(&input.empty_folders, images) {
        return Some(refusal);
    }
    if input.missing_files > 0 && !images.is_empty() {
        return Some(PruneRefusal::MissingFiles { files: input.missing_files });
    }
    if input.hidden_rows > 0 && !images.is_empty() {
        return Some(PruneRefusal::HiddenRows { rows: input.hidden_rows });
    }
    let (stale, published) = (images.len() as u64, images.len() as u64 + known);
    (!limit.allows(stale, published)).then_some(PruneRefusal::Limit { stale, published, limit })
}

/// Finds an empty input folder with images that were published earlier. This is a sign of an unmounted disk.
fn unread_folder(folders: &[EmptyFolder], images: &BTreeSet<Identifier>) -> Option<PruneRefusal> {
    let count = |folder: &EmptyFolder| images.iter().filter(|identifier| folder.may_name(identifier)).count() as u64;
    let (folder, images) = folders.iter().map(|folder| (folder, count(folder))).find(|(_, count)| *count > 0)?;
    Some(PruneRefusal::EmptyFolder { folder: folder.path().to_owned(), images })
}

/// Returns the keys of this collection's documents for objects that are no longer in the input.
async fn stale_documents(
    publisher: &Publisher,
    presentation: &Presentation,
    pages: &[Page],
    documents: &mut DocumentLookup,
) -> Result<Vec<Key>, IngestError> {
    let (destination, objects) = (presentation.destination(), objects(pages));
    let manifest_key = |pages: &Vec<_>| pages.first().map(|page: &&Page| &page.object);
    let manifests = objects.iter().filter_map(manifest_key).map(|object| destination.manifest(object));
    let manifests = manifests.map(|manifest| Ok::<_, KeyError>(manifest?.key));
    let mut wanted = manifests.collect::<Result<HashSet<Key>, _>>()?;
    wanted.extend(presentation.collection_keys(&objects)?);
    let pages = listed(publisher, destination.collection_pages()?).await?.unwrap_or_default();
    let present = documents.get().await?.manifests.iter().flatten().chain(&pages).map(|(key, _)| key);
    let mut documents = Vec::new();
    for key in present.filter(|key| !wanted.contains(key)) {
        // Only documents with a matching `id` belong to this collection.
        let stored = publisher.store().get(key).await?;
        if stored.is_some_and(|stored| presentation.is_document(key, &stored.body)) {
            documents.push(key.clone());
        }
    }
    documents.sort();
    Ok(documents)
}

async fn delete_image(publisher: &Publisher, identifier: Identifier) -> Result<Identifier, IngestError> {
    let options = publisher.options();
    let destination = options.destination();
    let subject = Subject::image(destination.prefix(), destination.api_folders(), identifier.clone())?;
    let settle_after = options.settle_after.unwrap_or(DEFAULT_SETTLE_AFTER);
    match delete::delete(publisher.store(), &subject, settle_after, |_| {}).await {
        // A concurrent run may have deleted it.
        Ok(_) | Err(DeleteError::Nothing { .. }) => Ok(identifier),
        Err(error) => Err(error.into()),
    }
}
