//! What is in the store already: whether it is current, what of it can stay, and what is deleted afterwards.

use super::event::Orphans;
use super::fingerprint::{Fingerprint, kept_old_versions};
use super::job::{Folder, Job};
use super::{Image, PublishError, Publisher, Unchanged};
use crate::iiif::{ImageRequest, Plan, Size};
use crate::store::{ImageFolder, Key, Listed, Prefix, Store, StoreError, StoreErrorKind, Stored};
use futures::TryStreamExt;
use serde::Deserialize;
use std::collections::HashSet;

/// The `info.json` of each version of the Image API, where it is there.
#[derive(Debug)]
pub(super) struct StoredInformation(Vec<Option<Stored>>);

/// What is read of an `info.json`.
#[derive(Deserialize)]
struct Described {
    #[serde(alias = "@id")]
    id: String,
    width: u32,
    height: u32,
}

impl StoredInformation {
    /// One request for each folder.
    async fn of<'a>(store: &dyn Store, folders: impl Iterator<Item = &'a ImageFolder>) -> Result<Self, StoreError> {
        let mut stored = Vec::new();
        for folder in folders {
            stored.push(store.get(&folder.key(&Plan::INFO_JSON)).await?);
        }
        Ok(Self(stored))
    }

    /// Whether every version is there with this fingerprint.
    pub(super) fn is_current(&self, fingerprint: &Fingerprint) -> bool {
        self.0.iter().all(|stored| stored.as_ref().is_some_and(|stored| fingerprint.is(stored.mark.as_deref())))
    }

    /// Whether no more than so many old versions stand beside it, for sure.
    pub(super) fn has_at_most(&self, keep: usize) -> bool {
        let kept = |stored: &Option<Stored>| kept_old_versions(stored.as_ref()?.mark.as_deref());
        self.0.iter().all(|stored| kept(stored).is_some_and(|kept| kept <= keep))
    }

    /// The size of the image that it describes, where it does.
    pub(super) fn size(&self) -> Option<Size> {
        let Described { width, height, .. } = self.described()?;
        Size::new(width, height).ok()
    }

    /// The base URI of the image that it describes.
    pub(super) fn base_uri(&self) -> Option<String> {
        self.described().map(|described| described.id)
    }

    fn described(&self) -> Option<Described> {
        serde_json::from_slice(&self.0.iter().flatten().next()?.body).ok()
    }

    /// Whether some version is there, whoever published it.
    pub(super) fn is_there(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Whether objects that are there with the right bytes can stay: they have the right headers too, because nothing was
    /// finished yet, or because it was put with the same ones.
    pub(super) fn may_resume(&self, fingerprint: &Fingerprint) -> bool {
        let has_headers = |stored: &Stored| fingerprint.has_headers_of(stored.mark.as_deref());
        self.0.iter().all(|stored| stored.as_ref().is_none_or(has_headers))
    }
}

impl Publisher {
    /// The `info.json` that says what is current.
    pub(super) async fn information_at_home(&self, job: &Job) -> Result<StoredInformation, StoreError> {
        StoredInformation::of(&*self.store, job.folders.iter().map(Folder::home)).await
    }

    /// The same, of an image of which nothing else is known.
    pub(super) async fn information_of(&self, image: &Image) -> Result<StoredInformation, PublishError> {
        let home = |(_, folder)| ImageFolder::new(&self.options.prefix, folder, &image.identifier);
        let homes: Vec<_> = self.options.versions.folders().into_iter().map(home).collect::<Result<_, _>>()?;
        Ok(StoredInformation::of(&*self.store, homes.iter()).await?)
    }

    /// The `info.json` in the folders of this very version.
    pub(super) async fn information_in_place(&self, job: &Job) -> Result<StoredInformation, StoreError> {
        StoredInformation::of(&*self.store, job.folders.iter().map(|folder| &folder.place)).await
    }

    /// Finds out what of the image is in the store, for the job, and takes back what it promises now; what is to be deleted when it
    /// is published.
    pub(super) async fn make_way(
        &self,
        job: &mut Job,
        stored: &StoredInformation,
        fingerprint: &Fingerprint,
    ) -> Result<Vec<Key>, PublishError> {
        let existing = self.existing_pictures(job).await?;
        if self.options.unchanged == Unchanged::Skip && self.may_resume(stored, &existing, fingerprint).await? {
            job.resumed =
                existing.iter().filter_map(|object| Some((object.key.clone(), object.etag.as_ref()?.md5()?))).collect();
        }
        job.going_on()?;
        if self.is_versioned() {
            return Ok(Vec::new());
        }
        self.mark_as_replaced(job, stored, fingerprint).await?;
        Ok(orphans(job, existing))
    }

    /// The pictures in the folders that are written to: one listing each.
    async fn existing_pictures(&self, job: &Job) -> Result<Vec<Listed>, PublishError> {
        let mut existing = Vec::new();
        for folder in &job.folders {
            existing.extend(self.listed(&folder.place, |object| job.is_request(&object.key)).await?);
        }
        Ok(existing)
    }

    /// What is wanted of the objects in a folder; nothing where it may not be listed. The objects of other images, which may be
    /// many below the same folder, take no memory.
    pub(super) async fn listed(
        &self,
        folder: &ImageFolder,
        is_wanted: impl Fn(&Listed) -> bool,
    ) -> Result<Vec<Listed>, StoreError> {
        let (below, mut listed) = (Prefix::from(folder.clone()), Vec::new());
        let mut pages = self.store.pages(&below);
        loop {
            match pages.try_next().await {
                Ok(Some(page)) => listed.extend(page.into_iter().filter(&is_wanted)),
                Ok(None) => return Ok(listed),
                Err(error) if error.kind() == StoreErrorKind::Denied => return Ok(Vec::new()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether objects that are there with the right bytes can stay: only those that were put with the same headers.
    async fn may_resume(
        &self,
        stored: &StoredInformation,
        existing: &[Listed],
        fingerprint: &Fingerprint,
    ) -> Result<bool, PublishError> {
        if self.is_versioned() {
            // The name of the version is made of the headers too.
            return Ok(true);
        }
        if stored.is_there() {
            return Ok(stored.may_resume(fingerprint));
        }
        // Of a run that was not finished: what was put first tells with which headers it all began. Redirects have no bytes.
        let pictures = existing
            .iter()
            .filter(|object| object.bytes > 0 && object.etag.as_ref().is_some_and(|etag| etag.md5().is_some()));
        let Some(oldest) = pictures.min_by_key(|object| object.modified) else { return Ok(false) };
        let headers = self.store.get(&oldest.key).await?.and_then(|stored| stored.mark);
        Ok(headers.as_deref() == Some(fingerprint.headers()))
    }

    /// Takes back, before the first object is replaced, the word that what is there is current: should this run fail, the
    /// next one must not believe it. Readers see the same `info.json` as before.
    async fn mark_as_replaced(
        &self,
        job: &Job,
        stored: &StoredInformation,
        fingerprint: &Fingerprint,
    ) -> Result<(), PublishError> {
        for (folder, stored) in job.folders.iter().zip(&stored.0) {
            let Some(Stored { body, mark: Some(old), .. }) = stored else { continue };
            let replacing = fingerprint.replacing(Some(old));
            self.store.put(self.information(folder, folder.home(), body.clone(), replacing)).await?;
        }
        // Before the first picture is replaced: after a power failure the next run must not take a mixture for current.
        self.store.flush().await?;
        Ok(())
    }

    /// Deletes what an earlier version of the image had and this one has not; only now that nobody is promised it any more. Then
    /// the image is current, and not before: should this run end in between, the next one still has something to delete.
    pub(super) async fn delete_orphans(
        &self,
        job: &Job,
        orphans: Vec<Key>,
        fingerprint: &Fingerprint,
    ) -> Result<Orphans, PublishError> {
        if orphans.is_empty() {
            return Ok(Orphans::default());
        }
        let deleted = self.delete(orphans).await.map_err(|cause| job.not_cleaned_up(cause))?;
        let settled = self.put_information(job, Folder::place, &fingerprint.to_string()).await;
        settled.map_err(|cause| job.not_cleaned_up(cause)).map(|_| deleted)
    }

    /// Deletes objects that nobody is promised any more, where that is allowed.
    pub(super) async fn delete(&self, keys: Vec<Key>) -> Result<Orphans, StoreError> {
        let count = keys.len() as u64;
        match self.store.delete(keys).await {
            Ok(()) => Ok(Orphans { deleted: count, left: 0 }),
            Err(error) if error.kind() == StoreErrorKind::Denied => Ok(Orphans { deleted: 0, left: count }),
            Err(error) => Err(error),
        }
    }
}

/// The pictures that are there and not planned.
fn orphans(job: &Job, existing: Vec<Listed>) -> Vec<Key> {
    let planned: HashSet<Key> = if existing.is_empty() { HashSet::new() } else { job.keys().collect() };
    existing.into_iter().map(|object| object.key).filter(|key| !planned.contains(key)).collect()
}

/// Whether a path below the folder of an image is one of its pictures.
pub(super) fn is_picture(path: &str) -> bool {
    path.parse::<ImageRequest>().is_ok()
}
