//! Handles an image's existing objects, deciding which to keep and which to delete after publishing.

use super::api_folder::ApiFolder;
use super::content::{ContentDigest, path_in};
use super::event::Orphans;
use super::fingerprint::Fingerprint;
use super::info::InfoWriter;
use super::mark::Mark;
use super::replace::invalidate;
use super::state::State;
use super::target::{Target, request};
use super::{PublishError, Publisher};
use crate::destination::ImageFolder;
use crate::store::{ETag, Key, Listed, OnExisting, Prefix, StoreError, StoreErrorKind};
use futures::TryStreamExt;
use std::collections::{HashMap, HashSet};

/// Result of preparing the store for publishing.
#[derive(Debug)]
pub(super) struct Existing {
    /// Pictures that don't need to be uploaded again if their bytes match.
    pub(super) reusable: HashMap<Key, ETag>,
    /// Pictures that are no longer part of the image, to be deleted after the commit.
    pub(super) orphans: Vec<Key>,
    /// State that was invalidated.
    pub(super) state: State,
}

/// Maximum size of a picture that is downloaded to find out which headers an interrupted run used.
const MAX_READ_BYTES: u64 = 1 << 20;

impl Publisher {
    /// Lists existing objects and then invalidates the image's mark. If a run is killed between the two, nothing has
    /// changed yet.
    pub(super) async fn prepare(
        &self,
        target: &Target,
        state: &State,
        fingerprint: &Fingerprint,
    ) -> Result<Existing, PublishError> {
        // Do everything read-only before invalidating, and all writes after it. Listing a large image takes many
        // requests, and a run killed in the middle should leave an image that the next run can still skip.
        let pictures = match (state.early_listing(), target.folders.as_slice()) {
            (Some(listed), [only]) => listed.iter().filter(|listed| is_picture(only, listed)).cloned().collect(),
            _ => self.pictures(target).await?,
        };
        let state = &self.reload(target, state).await?;
        let may_reuse = self.options.on_existing != OnExisting::Overwrite
            && self.has_same_headers(target, state, &pictures, fingerprint).await?;
        self.check_not_stopped(target)?;
        // Entity tags reveal whether a picture's bytes match, but listings never include headers. The mark therefore
        // records the headers shared by all pictures. Once a picture is uploaded with different headers, they are
        // mixed, which is recorded as an empty string. A run that resumes this one then knows that it can't keep any
        // pictures.
        let headers = if state.has_headers(&fingerprint.headers) { fingerprint.headers.as_str() } else { "" };
        self.invalidate(target, state, headers).await?;
        // A version's folder is named after its content, so everything in it belongs there. Old versions are pruned as
        // a whole instead.
        let orphans = if target.is_versioned() { Vec::new() } else { orphans(target, &pictures) };
        let reusable = pictures.into_iter().filter(|_| may_reuse).filter_map(|listed| Some((listed.key, listed.etag?)));
        Ok(Existing { reusable: reusable.collect(), orphans, state: state.clone() })
    }

    /// Reloads the state if it is too old, since the image may have waited a long time.
    ///
    /// # Errors
    /// Returns [`PublishError::Overtaken`] if another run has published the image in the meantime.
    async fn reload(&self, target: &Target, state: &State) -> Result<State, PublishError> {
        if !state.is_outdated() || self.timing().is_none() {
            return Ok(state.clone());
        }
        let again = State::load(&*self.store, target.folders.iter().map(ApiFolder::current_dir)).await?;
        // A state that is minutes old is useless, because another run may have published, waited and settled since
        // then. If that run only invalidated the mark, both runs write, which the protocol allows. If it committed,
        // this run gives up, because its own result would be the same at best and outdated at worst.
        if again.is_as_seen(state) || !again.has_commit_since(state) {
            return Ok(again);
        }
        Err(PublishError::Overtaken { identifier: target.identifier.clone() })
    }

    /// Replaces every mark that a later or concurrent run might trust.
    pub(super) async fn invalidate(&self, target: &Target, state: &State, headers: &str) -> Result<(), StoreError> {
        let writer = self.info_writer(target);
        let mark = Mark::replacing(headers);
        // Files written by other programs don't have a mark that we would trust, so there's nothing to invalidate.
        let known = target.folders.iter().zip(&state.infos).filter_map(|(folder, info)| Some((folder, info.as_ref()?)));
        let invalidations = known.filter(|(_, info)| !info.is_foreign()).map(|(folder, info)| {
            let replacing = writer.replacing(folder, info, &mark);
            async {
                match self.timing() {
                    Some(timing) => invalidate(&*self.store, &info.stored, replacing, timing).await,
                    None => self.store.put(replacing).await.map(drop),
                }
            }
        });
        // Run these concurrently, since each one may have to wait.
        futures::future::try_join_all(invalidations).await?;
        // After a power failure, an old mark must not describe new pictures.
        self.store.flush().await
    }

    /// Lists the pictures in the image's folders, using one listing per folder. Returns nothing if listing is denied.
    pub(super) async fn pictures(&self, target: &Target) -> Result<Vec<Listed>, StoreError> {
        let mut pictures = Vec::new();
        for folder in &target.folders {
            let is_wanted = |listed: &Listed| is_picture(folder, listed);
            pictures.extend(self.listed(folder.dir(), is_wanted).await?.unwrap_or_default());
        }
        Ok(pictures)
    }

    /// Lists the objects in a folder that match `is_wanted`, or returns `None` if listing is denied. Other objects,
    /// which may belong to many nested images, aren't kept in memory.
    pub(super) async fn listed(
        &self,
        folder: &ImageFolder,
        is_wanted: impl Fn(&Listed) -> bool,
    ) -> Result<Option<Vec<Listed>>, StoreError> {
        let mut listed = Vec::new();
        let is_listed = self.for_each_listed(folder, |object| {
            if is_wanted(&object) {
                listed.push(object);
            }
        });
        Ok(is_listed.await?.then_some(listed))
    }

    /// Calls `visit` for each object in a folder. Returns `false` if listing is denied.
    async fn for_each_listed(&self, folder: &ImageFolder, mut visit: impl FnMut(Listed)) -> Result<bool, StoreError> {
        let below = Prefix::from(folder.clone());
        let mut pages = self.store.pages(&below);
        loop {
            match pages.try_next().await {
                Ok(Some(page)) => page.into_iter().for_each(&mut visit),
                Ok(None) => return Ok(true),
                Err(error) if error.kind() == StoreErrorKind::Denied => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Computes the digest of a folder's pictures in constant memory. Returns `None` if listing is denied.
    pub(super) async fn listed_content(&self, folder: &ImageFolder) -> Result<Option<ContentDigest>, StoreError> {
        let mut content = ContentDigest::default();
        let is_listed = self.for_each_listed(folder, |listed| {
            // Redirects are empty objects. Pictures never are.
            if listed.bytes > 0 && request(folder, &listed.key).is_some() {
                content.add(path_in(folder, &listed.key), listed.etag.as_ref(), listed.bytes);
            }
        });
        Ok(is_listed.await?.then_some(content))
    }

    /// Returns `true` if the existing pictures were uploaded with the headers that this run would use.
    async fn has_same_headers(
        &self,
        target: &Target,
        state: &State,
        pictures: &[Listed],
        fingerprint: &Fingerprint,
    ) -> Result<bool, PublishError> {
        if state.is_there() && !target.is_versioned() {
            return Ok(state.has_headers(&fingerprint.headers));
        }
        // An earlier run was interrupted. Its oldest picture shows which headers it used. Redirects are empty, so skip
        // them.
        let is_readable = |bytes: u64| (1..=MAX_READ_BYTES).contains(&bytes);
        let pictures = pictures.iter().filter(|object| is_readable(object.bytes) && object.etag.is_some());
        let Some(oldest) = pictures.min_by_key(|object| object.modified) else { return Ok(false) };
        let headers = self.store.get(&oldest.key).await?.and_then(|stored| stored.mark);
        Ok(headers.as_deref() == Some(&fingerprint.headers))
    }

    /// Deletes pictures left over from an earlier version of an image, then records this in the marks.
    pub(super) async fn delete_orphans(
        &self,
        target: &Target,
        marks: &[Mark],
        orphans: Vec<Key>,
    ) -> Result<Orphans, StoreError> {
        let deleted = self.delete(orphans).await?;
        if marks.iter().any(|mark| mark.has_orphans) {
            self.store.flush().await?;
            let marks: Vec<Mark> = marks.iter().map(|mark| Mark { has_orphans: false, ..mark.clone() }).collect();
            self.info_writer(target).put_current(&marks).await?;
        }
        Ok(deleted)
    }

    /// Deletes objects not referenced by any `info.json`, if permitted.
    pub(super) async fn delete(&self, keys: Vec<Key>) -> Result<Orphans, StoreError> {
        let count = keys.len() as u64;
        if count == 0 {
            return Ok(Orphans::default());
        }
        match self.store.delete(keys).await {
            Ok(()) => Ok(Orphans { deleted: count, left: 0 }),
            Err(error) if error.kind() == StoreErrorKind::Denied => Ok(Orphans { deleted: 0, left: count }),
            Err(error) => Err(error),
        }
    }

    pub(super) fn info_writer<'a>(&'a self, target: &'a Target) -> InfoWriter<'a> {
        InfoWriter { store: &*self.store, options: &self.options, target }
    }
}

fn is_picture(folder: &ApiFolder, listed: &Listed) -> bool {
    request(folder.dir(), &listed.key).is_some()
}

/// Returns existing pictures that are not part of the image.
pub(super) fn orphans(target: &Target, pictures: &[Listed]) -> Vec<Key> {
    let planned: HashSet<Key> = if pictures.is_empty() { HashSet::new() } else { target.keys().collect() };
    pictures.iter().map(|listed| &listed.key).filter(|key| !planned.contains(key)).cloned().collect()
}
