//! Presentation API version 2 documents, written alongside those for version 3.

use super::manifests::{self, CollectionContent, ManifestObject};
use super::present::{DocumentKeys, listed, look_up};
use super::{Ingest, IngestError, IngestInput, document_keys};
use crate::collection::{Presentation, objects};
use crate::destination::Destination;
use crate::iiif::PresentationVersion;
use crate::publish::Publisher;
use crate::store::{Key, KeyError};
use std::collections::HashSet;

/// Version 2 documents that a run writes.
pub(super) struct Version2 {
    presentation: Presentation,
    keys: DocumentKeys,
}

impl Version2 {
    /// Prepares the documents, if enabled. They describe the same images as `newest`, which is version 3.
    /// `writes_collection` includes the collection.
    ///
    /// # Errors
    /// Returns an error if an image's identifier is reserved for these documents.
    pub(super) fn new(
        (publisher, input): (&Publisher, &IngestInput),
        versions: &[PresentationVersion],
        newest: Option<&Presentation>,
        writes_collection: bool,
    ) -> Result<Option<Self>, IngestError> {
        let Some(newest) = newest.filter(|_| versions.contains(&PresentationVersion::V2)) else { return Ok(None) };
        input.check_folder(newest.destination(), Destination::PRESENTATION)?;
        let presentation = newest.in_version2(publisher.options().versions)?;
        let keys = document_keys(presentation.destination(), writes_collection)?;
        Ok(Some(Self { presentation, keys }))
    }
}

impl Ingest<'_> {
    /// Writes version 2 manifests for these objects, and the collection if `content` is set. Returns the number of
    /// manifests written and the collection's URL.
    pub(super) async fn present_version2(
        &self,
        objects: &[ManifestObject<'_>],
        content: Option<&CollectionContent<'_>>,
    ) -> Result<(u64, Option<String>), IngestError> {
        let Some(Version2 { presentation, keys }) = &self.version2 else { return Ok((0, None)) };
        let present = look_up(self.publisher.clone(), keys.clone()).await?;
        // State for multi-page files is only kept with version 3 manifests.
        let objects: Vec<ManifestObject> = objects.iter().map(ManifestObject::without_marks).collect();
        let manifests = present.manifests.clone().unwrap_or_default();
        let written = manifests::manifests(self.publisher, presentation, &objects, &manifests).await?;
        let url = match content.filter(|_| present.collection.is_some()) {
            Some(content) => {
                Some(manifests::collection(self.publisher, presentation, content, (&present, &written)).await?)
            }
            None => None,
        };
        Ok((written.len() as u64, url))
    }

    /// Returns the keys and sizes of version 2 documents that would be written.
    pub(super) async fn changed_version2(
        &self,
        objects: &[ManifestObject<'_>],
        content: Option<&CollectionContent<'_>>,
    ) -> Result<Vec<(Key, u64)>, IngestError> {
        let Some(Version2 { presentation, .. }) = &self.version2 else { return Ok(Vec::new()) };
        let objects: Vec<ManifestObject> = objects.iter().map(ManifestObject::without_marks).collect();
        let mut documents = manifests::changed(self.publisher, presentation, &objects).await?;
        let Some(content) = content else { return Ok(documents) };
        let mut there = manifests::keys(presentation, &objects)?;
        let listed = listed(self.publisher, presentation.destination().manifests()?).await?;
        there.extend(listed.unwrap_or_default().into_keys());
        let is_there = |key: &Key| there.contains(key);
        let collection = manifests::changed_collection(self.publisher, presentation, content, is_there, None).await?;
        documents.extend(collection.into_iter().map(|(key, body)| (key, body.len() as u64)));
        Ok(documents)
    }

    /// Returns the keys of version 2 documents for objects that are no longer in the input. Also finds them if this run
    /// doesn't write version 2.
    pub(super) async fn stale_version2(&self) -> Result<Vec<Key>, IngestError> {
        let Some(newest) = &self.presentation else { return Ok(Vec::new()) };
        let presentation = newest.in_version2(self.publisher.options().versions)?;
        let destination = presentation.destination();
        let present = listed(self.publisher, destination.prefix().clone()).await?.unwrap_or_default();
        let objects = objects(self.input.pages());
        let object = objects.iter().filter_map(|pages| pages.first()).map(|page| destination.manifest(&page.object));
        let mut wanted = object.map(|address| Ok(address?.key)).collect::<Result<HashSet<Key>, KeyError>>()?;
        wanted.extend(presentation.collection_keys(&objects)?);
        let mut stale = Vec::new();
        for key in present.into_keys().filter(|key| !wanted.contains(key)) {
            let stored = self.publisher.store().get(&key).await?;
            stale.extend(stored.filter(|stored| presentation.is_document(&key, &stored.body)).map(|_| key));
        }
        Ok(stale)
    }
}
