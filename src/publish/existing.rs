//! What is in the store already: whether it is current, what of it can stay, and what is deleted afterwards.

use super::event::Orphans;
use super::fingerprint::Fingerprint;
use super::job::{Folder, Job};
use super::{PublishError, Publisher};
use crate::iiif::{ImageRequest, Plan};
use crate::store::{ImageFolder, Key, Listed, Store, StoreErrorKind, Stored};
use std::collections::HashSet;

/// The `info.json` of each version of the Image API, where it is there.
#[derive(Debug)]
pub(super) struct StoredInformation(Vec<Option<Stored>>);

impl StoredInformation {
    /// One request for each folder.
    async fn of<'a>(store: &dyn Store, folders: impl Iterator<Item = &'a ImageFolder>) -> Result<Self, PublishError> {
        let mut stored = Vec::new();
        for folder in folders {
            stored.push(store.get(&folder.key(&Plan::INFO_JSON)).await?);
        }
        Ok(Self(stored))
    }

    /// Whether every version is there with this fingerprint.
    pub(super) fn is_current(&self, fingerprint: &Fingerprint) -> bool {
        let fingerprint = fingerprint.to_string();
        let is_current = |stored: &Stored| stored.fingerprint.as_ref() == Some(&fingerprint);
        self.0.iter().all(|stored| stored.as_ref().is_some_and(is_current))
    }

    /// Whether some version is there, whoever published it.
    pub(super) fn is_there(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Whether objects that are there with the right bytes can stay: they have the right headers too, because nothing was
    /// finished yet, or because it was put with the same ones.
    pub(super) fn may_resume(&self, fingerprint: &Fingerprint) -> bool {
        let has_headers = |stored: &Stored| fingerprint.has_headers_of(stored.fingerprint.as_deref());
        self.0.iter().all(|stored| stored.as_ref().is_none_or(has_headers))
    }
}

impl Publisher {
    /// The `info.json` that says what is current.
    pub(super) async fn information_at_home(&self, job: &Job) -> Result<StoredInformation, PublishError> {
        StoredInformation::of(&*self.store, job.folders.iter().map(Folder::home)).await
    }

    /// The `info.json` in the folders of this very version.
    pub(super) async fn information_in_place(&self, job: &Job) -> Result<StoredInformation, PublishError> {
        StoredInformation::of(&*self.store, job.folders.iter().map(|folder| &folder.place)).await
    }

    /// What is in the folders that are written to: one listing each, where it may be listed.
    pub(super) async fn existing_objects(&self, job: &Job) -> Result<Vec<Listed>, PublishError> {
        let mut existing = Vec::new();
        for folder in &job.folders {
            existing.extend(self.store.list(&folder.place).await?.unwrap_or_default());
        }
        Ok(existing)
    }

    /// Whether objects that are there with the right bytes can stay: only those that were put with the same headers.
    pub(super) async fn may_resume(
        &self,
        job: &Job,
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
        let pictures = existing.iter().filter(|object| object.bytes > 0 && object.digest.is_some());
        let oldest = pictures.filter(|object| job.is_request(&object.key)).min_by_key(|object| object.modified);
        let Some(oldest) = oldest else { return Ok(false) };
        let headers = self.store.get(&oldest.key).await?.and_then(|stored| stored.fingerprint);
        Ok(headers.as_deref() == Some(fingerprint.headers()))
    }

    /// Takes back, before the first object is replaced, the word that what is there is current: should this run fail, the
    /// next one must not believe it. Readers see the same `info.json` as before.
    pub(super) async fn mark_as_replaced(
        &self,
        job: &Job,
        stored: &StoredInformation,
        fingerprint: &Fingerprint,
    ) -> Result<(), PublishError> {
        for (folder, stored) in job.folders.iter().zip(&stored.0) {
            let Some(Stored { body, fingerprint: Some(old) }) = stored else { continue };
            let replacing = fingerprint.replacing(Some(old));
            self.store.put(self.information(folder, folder.home(), body.clone(), replacing)).await?;
        }
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
        let deleted = self.delete(orphans).await?;
        for folder in &job.folders {
            let current = fingerprint.to_string();
            self.store.put(self.information(folder, &folder.place, self.info_json(job, folder), current)).await?;
        }
        Ok(deleted)
    }

    /// Deletes objects that nobody is promised any more, where that is allowed.
    pub(super) async fn delete(&self, keys: Vec<Key>) -> Result<Orphans, PublishError> {
        let count = keys.len() as u64;
        match self.store.delete(keys).await {
            Ok(()) => Ok(Orphans { deleted: count, left: 0 }),
            Err(error) if error.kind() == StoreErrorKind::Denied => Ok(Orphans { deleted: 0, left: count }),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is there and not planned. Only what looks like a request of the Image API is touched.
pub(super) fn orphans(job: &Job, existing: Vec<Listed>) -> Vec<Key> {
    let planned: HashSet<Key> = if existing.is_empty() { HashSet::new() } else { job.keys().collect() };
    let is_orphan = |key: &Key| !planned.contains(key) && job.is_request(key);
    existing.into_iter().map(|object| object.key).filter(is_orphan).collect()
}

/// Whether a path below the folder of an image is one of its pictures.
pub(super) fn is_picture(path: &str) -> bool {
    path.parse::<ImageRequest>().is_ok()
}
