//! Scans a subject's objects: first every `info.json`, then everything else.

use super::DeleteError;
use super::subject::{Extent, Subject};
use crate::destination::{Destination, VersionName};
use crate::iiif::ImageDocument;
use crate::publish::is_ours;
use crate::site;
use crate::store::{Key, Listed, Prefix, Store, StoreError, Stored};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Maximum number of objects to read concurrently.
const MAX_LOOKUPS_IN_FLIGHT: usize = 32;

/// Maximum size of an `info.json`, in bytes. Ours are only a few kilobytes.
const MAX_DOCUMENT_BYTES: u64 = 1 << 20;

/// Maximum size of an image file we'll fetch just to read its headers, in bytes.
const MAX_PICTURE_BYTES: u64 = 16 << 20;

/// Maximum number of folders to remember that contain image files but no `info.json`.
const MAX_LONE_FOLDERS: usize = 10_000;

/// Folders of images being deleted, as keys without a trailing slash. Each takes about 100 bytes.
pub(super) type Taken = HashSet<String>;

/// An existing `info.json`.
pub(super) struct Document {
    pub(super) key: Key,
    /// Contents, if they could be read.
    pub(super) stored: Option<Stored>,
    pub(super) verdict: Verdict,
}

impl Document {
    /// Returns the key of the document's parent folder.
    pub(super) fn folder(&self) -> &str {
        self.key.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Verdict on an `info.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Delete the document and its image.
    Delete,
    /// Keep the document because it isn't Level 0 image information.
    NotImage,
    /// Keep the document because it describes an image in a different folder.
    Misplaced,
    /// Keep the document because it couldn't be read.
    Unreadable,
}

/// Kind of object found in a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// An `info.json` that already has a verdict.
    Document,
    /// Image file belonging to an image that's being deleted.
    Picture,
    /// Redirect from the bare base URI of an image that's being deleted.
    Redirect,
    /// File that belongs to a collection's site.
    SiteFile,
    /// Image file that isn't described by any `info.json`.
    LonePicture,
    Other,
}

impl Part {
    /// Returns `true` for objects that are deleted after every `info.json` is gone.
    pub(super) fn is_content(self) -> bool {
        matches!(self, Self::Picture | Self::Redirect | Self::SiteFile)
    }
}

/// Object that might be an `info.json`.
struct Candidate {
    key: Key,
    /// Path to the image folder, relative to the place.
    path: String,
    bytes: u64,
    is_listed: bool,
}

/// A scan over a subject's objects.
pub(super) struct Scan<'a> {
    store: &'a dyn Store,
    subject: &'a Subject,
    /// Image files older than this that don't have an `info.json` can't belong to an image that's still being
    /// published.
    old_before: Option<SystemTime>,
    has_redirects: AtomicBool,
    /// Folders without an `info.json`, mapped to `true` if their image files should be deleted.
    lone_folders: Mutex<HashMap<String, bool>>,
}

impl<'a> Scan<'a> {
    pub(super) async fn new(
        store: &'a dyn Store,
        subject: &'a Subject,
        settle_after: Duration,
    ) -> Result<Self, DeleteError> {
        let now = store.now().await.map_err(DeleteError::List)?;
        let old_before = now.checked_sub(settle_after);
        Ok(Self { store, subject, old_before, has_redirects: AtomicBool::new(false), lone_folders: Mutex::default() })
    }

    /// Returns `true` if `key` is one of the named image's documents.
    pub(super) fn is_named(&self, key: &Key) -> bool {
        self.subject.documents.contains(key)
    }

    /// Lists objects page by page, along with the place they're in. Skips the empty placeholder objects that some
    /// stores create for folders.
    fn pages(&self) -> impl Stream<Item = Result<(&'a Prefix, Vec<Listed>), DeleteError>> + '_ {
        let is_object = |object: &Listed| object.bytes > 0 || !object.key.as_str().ends_with('/');
        let pages = move |place: &'a Prefix| {
            let pages = self.store.pages(place);
            pages.map_ok(move |page| (place, page.into_iter().filter(is_object).collect::<Vec<_>>()))
        };
        stream::iter(&self.subject.places).flat_map(pages).map_err(DeleteError::List)
    }

    /// Finds and reads every `info.json`. Lists first, so nothing happens if listing is denied. Listings can be stale,
    /// so a named image's `info.json` is also read by key.
    pub(super) fn documents(&self) -> impl Stream<Item = Result<Document, DeleteError>> + '_ {
        let known = self.subject.documents.iter().cloned();
        let known = known.map(|key| Candidate { key, path: String::new(), bytes: 0, is_listed: false });
        // We need both lookups. Listings can be stale, and we only know the keys if the user named an image.
        let listed =
            self.pages().map_ok(|(place, page)| stream::iter(self.candidates(place, page).into_iter().map(Ok)));
        let candidates = listed.try_flatten().chain(stream::iter(known).map(Ok));
        let read = candidates.map_ok(|candidate| self.read(candidate)).try_buffer_unordered(MAX_LOOKUPS_IN_FLIGHT);
        read.try_filter_map(|document| ready(Ok(document)))
    }

    fn candidates(&self, place: &Prefix, page: Vec<Listed>) -> Vec<Candidate> {
        let candidate = |Listed { key, bytes, .. }: Listed| {
            let path = place.path_of(key.as_str())?;
            if bytes == 0 && self.subject.picture_path(path).is_some() {
                self.has_redirects.store(true, Ordering::Relaxed);
            }
            let path = self.subject.image_path(path)?.to_owned();
            Some(Candidate { key, path, bytes, is_listed: true })
        };
        page.into_iter().filter_map(candidate).collect()
    }

    /// Reads a document. Returns `None` if it doesn't exist.
    async fn read(&self, candidate: Candidate) -> Result<Option<Document>, DeleteError> {
        let Candidate { key, path, bytes, is_listed } = candidate;
        if bytes > MAX_DOCUMENT_BYTES {
            return Ok(Some(Document { key, stored: None, verdict: Verdict::NotImage }));
        }
        let stored = self.store.get(&key).await.map_err(DeleteError::List)?;
        if stored.is_none() && !is_listed {
            return Ok(None);
        }
        let verdict = self.verdict(&path, stored.as_ref());
        Ok(Some(Document { key, stored, verdict }))
    }

    fn verdict(&self, path: &str, stored: Option<&Stored>) -> Verdict {
        match (&self.subject.extent, stored) {
            // The user named this image, and its document was in the listing.
            (Extent::Image(_), None) => Verdict::Delete,
            (Extent::Image(_), Some(stored)) => {
                let is_image = is_ours(stored.mark.as_deref()) || ImageDocument::read(&stored.body).is_some();
                if is_image { Verdict::Delete } else { Verdict::NotImage }
            }
            (Extent::AllImages(_), None) => Verdict::Unreadable,
            (Extent::AllImages(_), Some(stored)) => {
                match ImageDocument::read(&stored.body).filter(ImageDocument::is_static) {
                    None => Verdict::NotImage,
                    Some(document) if is_at(&document, path) => Verdict::Delete,
                    Some(_) => Verdict::Misplaced,
                }
            }
        }
    }

    /// Finds redirects from bare base URIs, which are stored as empty objects.
    ///
    /// Does nothing if the scan hasn't seen any other redirects, because stores that keep objects in directories may
    /// fail when we request a directory.
    pub(super) async fn redirects(&self, bases: impl IntoIterator<Item = Key>) -> Result<Vec<Key>, DeleteError> {
        if !self.has_redirects.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let redirect = async |key: Key| {
            let stored = self.store.get(&key).await?;
            Ok::<_, StoreError>(stored.filter(|stored| stored.body.is_empty()).map(|_| key))
        };
        let found = stream::iter(bases).map(redirect).buffer_unordered(MAX_LOOKUPS_IN_FLIGHT);
        found.try_filter_map(|key| ready(Ok(key))).try_collect().await.map_err(DeleteError::List)
    }

    /// Lists and classifies every object. Images in the `taken` folders are the ones being deleted.
    pub(super) fn objects<'s>(&'s self, taken: &'s Taken) -> impl Stream<Item = Result<(Part, Key), DeleteError>> + 's {
        let parts = self.pages().and_then(move |(place, page)| self.parts(place, page, taken));
        parts.map_ok(|parts| stream::iter(parts.into_iter().map(Ok))).try_flatten()
    }

    async fn parts(&self, place: &Prefix, page: Vec<Listed>, taken: &Taken) -> Result<Vec<(Part, Key)>, DeleteError> {
        self.decide_lone_folders(place, &page, taken).await.map_err(DeleteError::List)?;
        let site_files = self.site_files(place, &page).await.map_err(DeleteError::List)?;
        let part = |object: &Listed| match self.part(place, object, taken) {
            Part::Other if site_files.contains(&object.key) => Part::SiteFile,
            part => part,
        };
        Ok(page.into_iter().map(|object| (part(&object), object.key)).collect())
    }

    /// Returns the objects on this page that are site files. Reads each candidate, because its name alone proves
    /// nothing.
    async fn site_files(&self, place: &Prefix, page: &[Listed]) -> Result<HashSet<Key>, StoreError> {
        if !matches!(self.subject.extent, Extent::AllImages(_)) {
            return Ok(HashSet::new());
        }
        let may_be = |object: &&Listed| {
            object.bytes <= MAX_PICTURE_BYTES
                && place.path_of(object.key.as_str()).is_some_and(Destination::may_be_site_file)
        };
        let keys: Vec<Key> = page.iter().filter(may_be).map(|object| object.key.clone()).collect();
        let check = async |key: Key| Ok::<_, StoreError>(site::is_ours(self.store, &key).await?.then_some(key));
        let found = stream::iter(keys).map(check).buffer_unordered(MAX_LOOKUPS_IN_FLIGHT);
        found.try_filter_map(|key| ready(Ok(key))).try_collect().await
    }

    fn part(&self, place: &Prefix, object: &Listed, taken: &Taken) -> Part {
        let key = object.key.as_str();
        let Some(path) = place.path_of(key) else { return Part::Other };
        if let Some((folder, _)) = self.subject.picture_path(path) {
            // The path looks like an Image API request, but unrelated files can look like that too, such as
            // `2/1,1,1,1/max/0/default.jpg` in a data set. Only delete it if the folder belongs to an image we decided
            // to delete, or contains a file with our mark.
            let is_deleted = self.has_image(&folder_key(place, folder), taken)
                || self.is_deleted_lone_folder(&folder_key(place, folder));
            return if is_deleted { Part::Picture } else { Part::LonePicture };
        }
        match self.subject.image_path(path) {
            Some(_) => Part::Document,
            None if object.bytes == 0 && taken.contains(key) => Part::Redirect,
            None => Part::Other,
        }
    }

    /// Returns `true` if a folder holds an image that's being deleted, or one of its versions.
    fn has_image(&self, folder: &str, taken: &Taken) -> bool {
        let version =
            |folder: &str| folder.rsplit_once('/').is_some_and(|(_, name)| name.parse::<VersionName>().is_ok());
        let above = folder.rsplit_once('/').map(|(above, _)| above).filter(|_| version(folder));
        // If the user named the image, delete its files even without an `info.json`. Publishing or deleting it may have
        // been interrupted.
        matches!(self.subject.extent, Extent::Image(_))
            || taken.contains(folder)
            || above.is_some_and(|above| taken.contains(above))
    }

    fn is_deleted_lone_folder(&self, folder: &str) -> bool {
        self.lone_folders.lock().unwrap_or_else(PoisonError::into_inner).get(folder).copied().unwrap_or(false)
    }

    /// Decides what to do with the folders on this page that contain image files but no `info.json`.
    ///
    /// A mark on one of the files means the folder holds a partially published image. We delete its files unless any of
    /// them is recent enough that publishing may still be in progress.
    async fn decide_lone_folders(&self, place: &Prefix, page: &[Listed], taken: &Taken) -> Result<(), StoreError> {
        let mut unknown: HashMap<String, Vec<&Listed>> = HashMap::new();
        for object in page {
            let path = place.path_of(object.key.as_str()).and_then(|path| self.subject.picture_path(path));
            let Some(folder) = path.map(|(folder, _)| folder_key(place, folder)) else { continue };
            if !self.has_image(&folder, taken) {
                unknown.entry(folder).or_default().push(object);
            }
        }
        {
            let mut known = self.lone_folders.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > MAX_LONE_FOLDERS {
                known.clear();
            }
            unknown.retain(|folder, _| !known.contains_key(folder));
        }
        let decide = async |(folder, pictures): (String, Vec<&Listed>)| {
            let is_deleted = self.is_old(&pictures) && self.has_mark(&pictures).await?;
            Ok::<_, StoreError>((folder, is_deleted))
        };
        let decided = stream::iter(unknown).map(decide).buffer_unordered(MAX_LOOKUPS_IN_FLIGHT);
        let decided: Vec<_> = decided.try_collect().await?;
        self.lone_folders.lock().unwrap_or_else(PoisonError::into_inner).extend(decided);
        Ok(())
    }

    fn is_old(&self, pictures: &[&Listed]) -> bool {
        let is_old = |picture: &&Listed| picture.modified.zip(self.old_before).is_some_and(|(at, limit)| at < limit);
        pictures.iter().all(is_old)
    }

    async fn has_mark(&self, pictures: &[&Listed]) -> Result<bool, StoreError> {
        let readable = pictures.iter().find(|picture| (1..=MAX_PICTURE_BYTES).contains(&picture.bytes));
        let Some(picture) = readable else { return Ok(false) };
        Ok(self.store.get(&picture.key).await?.is_some_and(|stored| stored.mark.is_some()))
    }
}

/// Returns the key of a folder inside `place`.
fn folder_key(place: &Prefix, folder: &str) -> String {
    let key = format!("{}{folder}", place.with_slash());
    key.trim_end_matches('/').to_owned()
}

/// Returns `true` if a document describes the image at this path under the prefix. If a folder holds several versions,
/// its top-level `info.json` describes the newest one.
fn is_at(document: &ImageDocument, path: &str) -> bool {
    let Some(id) = document.decoded_id() else { return false };
    let newest = id.rsplit_once('/').filter(|(_, name)| name.parse::<VersionName>().is_ok()).map(|(id, _)| id);
    let ends = |id: &str| id.strip_suffix(path).is_some_and(|start| start.ends_with('/'));
    ends(&id) || newest.is_some_and(ends)
}
