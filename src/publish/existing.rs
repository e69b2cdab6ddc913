//! Objects of an image that are in the store already: which of them can stay, and which are deleted afterwards.

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
use std::time::Duration;

/// The result of preparing the store for a publish.
#[derive(Debug)]
pub(super) struct Existing {
    /// Pictures that need not be put again if they have the right bytes.
    pub(super) reusable: HashMap<Key, ETag>,
    /// Pictures that the image does not have any longer, to be deleted after the commit.
    pub(super) orphans: Vec<Key>,
    /// The state that was invalidated.
    pub(super) state: State,
}

/// A state that is older than this is loaded again before it is invalidated.
const RELOAD_AFTER: Duration = Duration::from_secs(2);

/// The largest picture that is read to find out with which headers a run began.
const MAX_READ_BYTES: u64 = 1 << 20;

impl Publisher {
    /// Lists what is there, and invalidates the mark of the image, in this order: a run that is killed in between has changed nothing.
    pub(super) async fn prepare(
        &self,
        target: &Target,
        state: &State,
        fingerprint: &Fingerprint,
    ) -> Result<Existing, PublishError> {
        // Everything that only reads comes before the invalidation, and everything that writes after it. A listing of a
        // large image takes many requests, and a run that is killed during them should leave an image that the next run
        // still skips.
        let pictures = self.pictures(target).await?;
        let state = &self.reload(target, state).await?;
        let may_reuse = self.options.on_existing != OnExisting::Overwrite
            && self.has_same_headers(target, state, &pictures, fingerprint).await?;
        self.check_not_stopped(target)?;
        // Mixed from now on, unless they are the same.
        // The bytes of a picture can be compared by entity tag, but its headers cannot: no listing shows them. So the
        // mark remembers which headers all pictures have. From the first PUT with other headers they are mixed, which
        // the empty string stands for; a run that resumes this one then knows that it cannot keep anything.
        let headers = if state.has_headers(&fingerprint.headers) { fingerprint.headers.as_str() } else { "" };
        self.invalidate(target, state, headers).await?;
        // The folder of a version is named after its content, so what is in it belongs to it. Whole versions are pruned
        // instead.
        let orphans = if target.is_versioned() { Vec::new() } else { orphans(target, &pictures) };
        let reusable = pictures.into_iter().filter(|_| may_reuse).filter_map(|listed| Some((listed.key, listed.etag?)));
        Ok(Existing { reusable: reusable.collect(), orphans, state: state.clone() })
    }

    /// Loads the state again, because the image may have waited for long since it was loaded.
    ///
    /// # Errors
    /// [`PublishError::Overtaken`] if another run has published the image meanwhile.
    async fn reload(&self, target: &Target, state: &State) -> Result<State, PublishError> {
        if state.loaded.0.elapsed() < RELOAD_AFTER || self.timing().is_none() {
            return Ok(state.clone());
        }
        let again = State::load(&*self.store, target.folders.iter().map(ApiFolder::current_dir)).await?;
        // A look that is minutes old is as good as none: another run may have published, waited and settled since. If
        // it has only invalidated the mark, both runs write, which the protocol allows. If it has committed, this one
        // gives up: what it would store is at best the same, and at worst older.
        if again.is_as_seen(state) || !again.has_commit_since(state) {
            return Ok(again);
        }
        Err(PublishError::Overtaken { identifier: target.identifier.clone() })
    }

    /// Puts a mark in place of every one that a later run, or one that runs now, could take for the truth.
    pub(super) async fn invalidate(&self, target: &Target, state: &State, headers: &str) -> Result<(), StoreError> {
        let writer = self.info_writer(target);
        let mark = Mark::replacing(headers);
        // An `info.json` of another program has no mark that a run of this one would believe, so there is nothing to
        // invalidate.
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
        // Side by side: each of them may have to wait.
        futures::future::try_join_all(invalidations).await?;
        // After a power failure, no old mark may describe new pictures.
        self.store.flush().await
    }

    /// Returns the pictures in the folders that are written to, with one listing each; nothing if they may not be listed.
    pub(super) async fn pictures(&self, target: &Target) -> Result<Vec<Listed>, StoreError> {
        let mut pictures = Vec::new();
        for folder in &target.folders {
            let is_picture = |listed: &Listed| request(folder.dir(), &listed.key).is_some();
            pictures.extend(self.listed(folder.dir(), is_picture).await?.unwrap_or_default());
        }
        Ok(pictures)
    }

    /// Returns those objects in a folder that are wanted; `None` if it may not be listed. The others, which may be those of many
    /// images further down, take no memory.
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

    /// Calls `visit` with each object in a folder. Returns `false` if it may not be listed.
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

    /// Computes the digest of the pictures in a folder, in constant memory; `None` if it may not be listed.
    pub(super) async fn listed_content(&self, folder: &ImageFolder) -> Result<Option<ContentDigest>, StoreError> {
        let mut content = ContentDigest::default();
        let is_listed = self.for_each_listed(folder, |listed| {
            // Redirects have no bytes, and pictures have some.
            if listed.bytes > 0 && request(folder, &listed.key).is_some() {
                content.add(path_in(folder, &listed.key), listed.etag.as_ref(), listed.bytes);
            }
        });
        Ok(is_listed.await?.then_some(content))
    }

    /// Returns `true` if the pictures that are there were put with the headers that this run gives them.
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
        // An earlier run did not come to its end: its first picture tells with which headers it began. Redirects have no bytes.
        let is_readable = |bytes: u64| (1..=MAX_READ_BYTES).contains(&bytes);
        let pictures = pictures.iter().filter(|object| is_readable(object.bytes) && object.etag.is_some());
        let Some(oldest) = pictures.min_by_key(|object| object.modified) else { return Ok(false) };
        let headers = self.store.get(&oldest.key).await?.and_then(|stored| stored.mark);
        Ok(headers.as_deref() == Some(&fingerprint.headers))
    }

    /// Deletes pictures that an earlier version of an image has left, and then notes that in its marks.
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

    /// Deletes objects that no `info.json` promises, if that is allowed.
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

/// Returns the pictures that are there and not planned.
pub(super) fn orphans(target: &Target, pictures: &[Listed]) -> Vec<Key> {
    let planned: HashSet<Key> = if pictures.is_empty() { HashSet::new() } else { target.keys().collect() };
    pictures.iter().map(|listed| &listed.key).filter(|key| !planned.contains(key)).cloned().collect()
}
