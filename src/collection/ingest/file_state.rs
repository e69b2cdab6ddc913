//! The state of a file's pages, which is kept with the manifest of its object.

use super::files::{Expanded, ManifestState};
use super::{Ingest, image, manifests};
use crate::collection::{Page, PageSelection, StoredPage};
use crate::destination::Identifier;
use crate::iiif::PresentationVersion;
use crate::publish::{DocumentMark, Layout, PublishError, PublishedImage, may_have_pages};
use crate::store::{Key, OnExisting, StoreError, Stored};
use std::collections::{HashMap, HashSet};

/// A stored manifest.
pub(super) struct StoredManifest {
    key: Key,
    stored: Stored,
    pub(super) mark: DocumentMark,
}

/// Published images with their base URIs and sizes, and the file whose pages they are.
pub(super) type FoundImages<'a> = (Vec<(Identifier, PublishedImage)>, Option<Expanded<'a>>);

impl<'a> Ingest<'a> {
    /// Looks up a file's published images, without opening the file. The pages of a file are those in its manifest.
    pub(super) async fn find_images(&self, file: &'a Page) -> Result<FoundImages<'a>, PublishError> {
        let selection = self.selection(file);
        let has_pages = !matches!(selection, PageSelection::One(_)) && may_have_pages(&file.source);
        if has_pages
            && selection != PageSelection::Auto
            && let Some(found) = self.find_pages(file).await?
            && found.1.as_ref().is_some_and(|expanded| !expanded.is_one_image())
        {
            return Ok(found);
        }
        match self.publisher.find(&image(file)).await? {
            Some(found) => Ok((vec![(file.identifier.clone(), found)], None)),
            None if has_pages => Ok(self.find_pages(file).await?.unwrap_or_default()),
            None => Ok(FoundImages::default()),
        }
    }

    async fn find_pages(&self, file: &'a Page) -> Result<Option<FoundImages<'a>>, PublishError> {
        let Some((presentation, manifest)) = self.presentation.as_ref().zip(self.stored_manifest(file).await?) else {
            return Ok(None);
        };
        let stored = presentation.stored_pages(file, &manifest.stored.body, manifest.mark.direction);
        let Some(stored) = stored else { return Ok(None) };
        let found = |stored: &StoredPage| {
            let base_uri = presentation.destination().base_uris(&stored.page.identifier).remove(0);
            let image = PublishedImage { base_uri, size: stored.size, scale: stored.scale };
            (stored.page.identifier.clone(), image)
        };
        let images = stored.iter().map(found).collect();
        let pages = stored.into_iter().map(|stored| stored.page).collect();
        let manifest = Some(ManifestState::Kept(manifest.mark));
        Ok(Some((images, Some(Expanded { file, pages, manifest }))))
    }

    /// Returns the manifest of a file's object, or `None` if there is none or it shows other files too.
    pub(super) async fn stored_manifest(&self, file: &Page) -> Result<Option<StoredManifest>, PublishError> {
        let Some(presentation) = self.presentation.as_ref().filter(|_| self.may_keep_state(file)) else {
            return Ok(None);
        };
        let key = presentation.destination().manifest(&file.object)?.key;
        let stored = self.publisher.store().get(&key).await?;
        Ok(stored.map(|stored| StoredManifest { mark: DocumentMark::read(stored.mark.as_deref()), key, stored }))
    }

    /// Returns `true` if the state of all pages is kept with the manifest: if the object has no other files.
    pub(super) fn may_keep_state(&self, file: &Page) -> bool {
        let shared = self.shared_objects.get_or_init(|| objects_of_several(self.input.pages()));
        // With versions, each page may have old versions to delete.
        let is_in_place = self.publisher.options().layout == Layout::InPlace;
        is_in_place && file.object == file.identifier && !shared.contains(&file.object)
    }

    /// Returns the pages that the manifest shows if none of them can have changed.
    pub(super) async fn unchanged(
        &self,
        file: &Page,
        hash: &str,
        manifest: Option<&StoredManifest>,
    ) -> Result<Option<Vec<StoredPage>>, PublishError> {
        let (Some(presentation), Some(StoredManifest { stored, mark, .. })) = (&self.presentation, manifest) else {
            return Ok(None);
        };
        let is_update = self.publisher.options().on_existing == OnExisting::Update;
        let Some(pages) = mark.pages.as_ref().filter(|pages| is_update && pages.hash == hash) else {
            return Ok(None);
        };
        // Pages settle after the grace period. Before that, there's nothing to find out.
        if !pages.is_settled && self.publisher.is_past_grace(stored.modified).await? {
            return Ok(None);
        }
        Ok(presentation.stored_pages(file, &stored.body, mark.direction))
    }

    /// Removes the state of a manifest unless it has this hash, because pages are about to change. Returns the new mark.
    pub(super) async fn invalidate(&self, manifest: StoredManifest, hash: &str) -> Result<DocumentMark, StoreError> {
        let StoredManifest { key, mut stored, mark } = manifest;
        let is_overwritten = self.publisher.options().on_existing == OnExisting::Overwrite;
        let Some(pages) = mark.pages.as_ref().filter(|pages| pages.hash != hash || is_overwritten) else {
            return Ok(mark);
        };
        // Another run may have seen this manifest and be about to confirm its state.
        let may_be_confirmed = !pages.is_settled && self.publisher.is_past_grace(stored.modified).await?;
        let without = mark.without_pages();
        loop {
            manifests::put(self.publisher, PresentationVersion::V3, key.clone(), stored.body, &without).await?;
            if !may_be_confirmed {
                return Ok(without);
            }
            self.publisher.wait_for_confirmation().await;
            match self.publisher.store().get(&key).await? {
                Some(again) if DocumentMark::read(again.mark.as_deref()).pages.is_some() => stored = again,
                _ => return Ok(without),
            }
        }
    }
}

/// Returns the objects that have several entries in the input.
fn objects_of_several(pages: &[Page]) -> HashSet<&Identifier> {
    let mut counts: HashMap<&Identifier, usize> = HashMap::with_capacity(pages.len());
    for page in pages {
        *counts.entry(&page.object).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(object, _)| object).collect()
}
