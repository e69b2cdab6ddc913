//! Single pass over a subject that deletes every object it finds.

use super::scan::{Document, Part, Scan, Taken, Verdict};
use super::subject::{Extent, Subject};
use super::{DeleteCounts, DeleteError};
use crate::publish::{Options, Timing, doomed, forget_pages, invalidate};
use crate::store::{Key, Prefix, Store, StoreErrorKind};
use futures::TryStreamExt;
use futures::stream::TryChunksError;
use std::collections::HashSet;
use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Number of keys per delete call, matching the S3 batch limit.
const BATCH_KEYS: usize = 1000;

/// Maximum number of batches in flight. The next page is listed while earlier batches are being deleted.
const MAX_BATCHES_IN_FLIGHT: usize = 4;

/// Maximum number of documents to invalidate concurrently. They all share the wait for runs that may be confirming
/// them.
const MAX_INVALIDATIONS_IN_FLIGHT: usize = 256;

/// Result of a pass.
pub(super) struct Summary {
    pub(super) found: DeleteCounts,
    /// `true` if an `info.json` may have been published again after it was deleted.
    pub(super) has_returned: bool,
    /// `true` if the pass ran out of time and left image files behind.
    pub(super) is_unfinished: bool,
}

/// Counts from deleting image files and redirects in a single pass.
struct Contents {
    /// Number of `info.json` files in the listing.
    documents: u64,
    is_unfinished: bool,
}

pub(super) struct Round<'a> {
    store: &'a dyn Store,
    subject: &'a Subject,
    timing: Timing,
    /// Manifests that were looked at, because their files may have pages among the images.
    manifests: Mutex<HashSet<Key>>,
}

/// Counts a document and, if its image should be deleted, records its folder. Returns `true` the first time a folder is
/// recorded.
pub(super) fn decide(
    document: &Document,
    scan: &Scan<'_>,
    taken: &mut Taken,
    found: &mut DeleteCounts,
) -> Result<bool, DeleteError> {
    match document.verdict {
        Verdict::NotImage if scan.is_named(&document.key) => {
            return Err(DeleteError::NotImage { key: document.key.clone() });
        }
        Verdict::NotImage => found.kept.documents += 1,
        Verdict::Misplaced => found.kept.misplaced += 1,
        Verdict::Unreadable => found.kept.unreadable += 1,
        Verdict::Delete => {
            let is_new = taken.insert(document.folder().to_owned());
            found.information += u64::from(is_new);
            return Ok(is_new);
        }
    }
    Ok(false)
}

impl<'a> Round<'a> {
    pub(super) fn new(store: &'a dyn Store, subject: &'a Subject, timing: Timing) -> Self {
        Self { store, subject, timing, manifests: Mutex::default() }
    }

    pub(super) async fn run(&self, on_deleted: &impl Fn(u64)) -> Result<Summary, DeleteError> {
        let scan = Scan::new(self.store, self.subject, self.timing.grace).await?;
        let (taken, mut found) = self.delete_documents(&scan, on_deleted).await?;
        // Flush before deleting any files. Otherwise a power failure could bring back an `info.json` without its files.
        self.store.flush().await.map_err(DeleteError::Delete)?;
        let contents = self.delete_contents(&scan, &taken, &mut found, on_deleted).await?;
        let kept = found.kept.documents + found.kept.misplaced + found.kept.unreadable;
        let has_returned = contents.documents > kept;
        Ok(Summary { found, has_returned, is_unfinished: contents.is_unfinished })
    }

    /// Invalidates and deletes every `info.json`, along with its redirects.
    async fn delete_documents(
        &self,
        scan: &Scan<'_>,
        on_deleted: &impl Fn(u64),
    ) -> Result<(Taken, DeleteCounts), DeleteError> {
        let decided = Mutex::new((Taken::new(), DeleteCounts::default()));
        let select = |document: Document| {
            let mut decided = decided.lock().unwrap_or_else(PoisonError::into_inner);
            let (taken, found) = &mut *decided;
            ready(decide(&document, scan, taken, found).map(|is_new| is_new.then_some(document)))
        };
        // Listing, reading, invalidating and deleting all overlap, each with its own concurrency limit. Invalidating
        // has by far the highest limit because it may wait four seconds. With a limit of 16, we'd only delete 4 images
        // per second.
        let documents = scan.documents().try_filter_map(select);
        let invalidated = documents.map_ok(|document| self.invalidate(document));
        let batches = invalidated.try_buffer_unordered(MAX_INVALIDATIONS_IN_FLIGHT).try_chunks(BATCH_KEYS);
        let delete = async |documents: Vec<Key>| {
            // Website endpoints redirect an image's bare URI using an empty object next to its folder. We don't list a
            // prefix that includes it, so look it up by key.
            let bases = if matches!(self.subject.extent, Extent::Image(_)) { Vec::new() } else { bases(&documents) };
            let redirects = scan.redirects(bases).await?;
            decided.lock().unwrap_or_else(PoisonError::into_inner).1.pictures += redirects.len() as u64;
            self.delete(documents.into_iter().chain(redirects).collect(), on_deleted).await
        };
        let batches = batches.map_err(|TryChunksError(_, error)| error);
        batches.try_for_each_concurrent(MAX_BATCHES_IN_FLIGHT, delete).await?;
        let redirects = scan.redirects(self.subject.bases.iter().cloned()).await?;
        let (taken, mut found) = decided.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.pictures += redirects.len() as u64;
        self.delete(redirects, on_deleted).await?;
        Ok((taken, found))
    }

    /// Prevents a run that's confirming the image from marking it as current after we delete it. If the credentials
    /// allow deletes but not writes, carries on without invalidating.
    async fn invalidate(&self, document: Document) -> Result<Key, DeleteError> {
        let Document { key, stored, .. } = document;
        self.forget_pages(&key).await?;
        if let Some(stored) = stored.filter(|stored| stored.mark.is_some()) {
            match invalidate(self.store, &stored, doomed(key.clone(), &stored), self.timing).await {
                Err(error) if error.kind() != StoreErrorKind::Denied => return Err(DeleteError::Delete(error)),
                _ => {}
            }
        }
        Ok(key)
    }

    /// Invalidates what is kept about the pages of a file if the image may be one of them. Otherwise the next run would
    /// assume that the page still exists.
    async fn forget_pages(&self, document: &Key) -> Result<(), DeleteError> {
        for manifest in self.subject.manifests(document) {
            let is_new = self.manifests.lock().unwrap_or_else(PoisonError::into_inner).insert(manifest.clone());
            if !is_new {
                continue;
            }
            match forget_pages(self.store, manifest, Options::INFO_CACHE_CONTROL).await {
                Err(error) if error.kind() != StoreErrorKind::Denied => return Err(DeleteError::Delete(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes image files and redirects. Stops after the time that a run may keep writing without checking the store.
    async fn delete_contents(
        &self,
        scan: &Scan<'_>,
        taken: &Taken,
        found: &mut DeleteCounts,
        on_deleted: &impl Fn(u64),
    ) -> Result<Contents, DeleteError> {
        let mut documents = 0;
        let contents = scan.objects(taken).try_filter_map(|(part, key)| {
            found.count(part);
            documents += u64::from(part == Part::Document);
            ready(Ok(part.is_content().then_some(key)))
        });
        let batches = contents.try_chunks(BATCH_KEYS).map_err(|TryChunksError(_, error)| error);
        let (begun, has_begun, is_over) = (Instant::now(), AtomicBool::new(false), AtomicBool::new(false));
        let delete = async |keys| {
            // Another run may have republished the images by now, so stop and let the caller check the store first.
            // Always delete the first batch so that every pass makes progress.
            if has_begun.swap(true, Ordering::Relaxed) && begun.elapsed() > self.timing.look_interval() {
                is_over.store(true, Ordering::Relaxed);
                return Ok(());
            }
            self.delete(keys, on_deleted).await
        };
        batches.try_for_each_concurrent(MAX_BATCHES_IN_FLIGHT, delete).await?;
        Ok(Contents { documents, is_unfinished: is_over.into_inner() })
    }

    async fn delete(&self, keys: Vec<Key>, on_deleted: &impl Fn(u64)) -> Result<(), DeleteError> {
        let count = keys.len() as u64;
        if count > 0 {
            self.store.delete(keys).await.map_err(DeleteError::Delete)?;
            on_deleted(count);
        }
        Ok(())
    }
}

/// Returns the images' bare base keys.
fn bases(documents: &[Key]) -> Vec<Key> {
    let base = |key: &Key| Prefix::default().found(key.as_str().rsplit_once('/')?.0);
    documents.iter().filter_map(base).collect()
}
