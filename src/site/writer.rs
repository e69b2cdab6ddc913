//! Uploads a site's changed files.

use super::GENERATOR;
use crate::destination::Destination;
use crate::publish::Publisher;
use crate::store::{Digest, Key, KeyError, Object, Prefix, Store, StoreError, StoreErrorKind};
use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Maximum number of concurrent requests. Pages are small.
const MAX_IN_FLIGHT: usize = 32;

/// Maximum size of a file that can belong to a site, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// `Cache-Control` header for files whose names change with their content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Error returned when storing a site fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A file of a site.
#[derive(Clone, Debug)]
pub(super) struct SiteFile {
    /// Path relative to the prefix.
    pub(super) path: String,
    pub(super) body: Bytes,
    pub(super) content_type: &'static str,
    /// `true` if the name changes with the content.
    pub(super) is_immutable: bool,
    /// `true` if only browsers read the file. It's then stored compressed if the store keeps headers.
    pub(super) is_compressed: bool,
}

impl SiteFile {
    /// Creates a page. It's stored uncompressed, because search engines and command-line tools read it, too.
    pub(super) fn page(path: String, html: String) -> Self {
        let content_type = "text/html; charset=utf-8";
        Self { path, body: html.into(), content_type, is_immutable: false, is_compressed: false }
    }
}

/// Key and size in bytes of an uploaded file, or `None` if it's unchanged.
type PutResult = Result<Option<(Key, u64)>, StoreError>;

/// Uploads files, except those that a listing shows to be up to date.
pub(crate) struct SiteWriter<'a> {
    publisher: &'a Publisher,
    destination: Destination,
    /// Stored files that this run hasn't written yet. `None` if the store denies listing.
    present: Option<HashMap<Key, Option<Digest>>>,
    requests: FuturesUnordered<BoxFuture<'a, PutResult>>,
    is_dry_run: bool,
    unchanged: u64,
    /// Keys and sizes of the files that were uploaded, or would be in a dry run.
    changed: Vec<(Key, u64)>,
}

impl<'a> SiteWriter<'a> {
    /// Creates a writer and lists the site's existing files. With `is_dry_run`, nothing is stored.
    pub(crate) async fn new(publisher: &'a Publisher, is_dry_run: bool) -> Result<Self, SiteError> {
        let destination = publisher.options().destination();
        let mut present = Some(HashMap::new());
        for folder in [Destination::OBJECTS, Destination::SITE] {
            let below = destination.prefix().join(folder)?;
            present = match (present, listed(publisher.store(), &below).await?) {
                (Some(mut present), Some(found)) => {
                    present.extend(found);
                    Some(present)
                }
                _ => None,
            };
        }
        let (requests, changed) = (FuturesUnordered::new(), Vec::new());
        Ok(Self { publisher, destination, present, requests, is_dry_run, unchanged: 0, changed })
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Returns a small file's stored content. Takes `&mut self` because the requests in flight can't be shared between
    /// threads.
    pub(super) async fn read(&mut self, path: &str) -> Result<Option<Bytes>, SiteError> {
        let key = self.destination.document(path)?.key;
        Ok(self.publisher.store().get(&key).await?.map(|stored| stored.body))
    }

    /// Starts uploading a file unless it's unchanged. Returns before the request completes.
    pub(super) async fn write(&mut self, file: SiteFile) -> Result<(), SiteError> {
        let key = self.destination.document(&file.path)?.key;
        let is_compressed = file.is_compressed && self.publisher.store().keeps_headers();
        let body = if is_compressed { compressed(&file.body) } else { file.body };
        let known = self.present.as_mut().and_then(|present| present.remove(&key));
        if known.is_some() && file.is_immutable || known.flatten() == Some(Digest::of(&body)) {
            self.unchanged += 1;
            return Ok(());
        }
        // Only files in the two folders are listed.
        let is_new = known.is_none() && self.present.is_some() && file.path.contains('/');
        let cache_control = if file.is_immutable { IMMUTABLE } else { &self.publisher.options().info_cache_control };
        let object = Object {
            key,
            body: body.into(),
            content_type: file.content_type,
            content_encoding: is_compressed.then_some("gzip"),
            cache_control: Arc::from(cache_control),
            mark: None,
        };
        self.requests.push(put(self.publisher.store(), object, is_new, self.is_dry_run).boxed());
        while self.requests.len() >= MAX_IN_FLIGHT {
            self.wait().await?;
        }
        Ok(())
    }

    /// Waits for a request to complete. Returns `false` if none are pending.
    async fn wait(&mut self) -> Result<bool, SiteError> {
        match self.requests.next().await.transpose()? {
            None => return Ok(false),
            Some(Some(changed)) => self.changed.push(changed),
            Some(None) => self.unchanged += 1,
        }
        Ok(true)
    }

    /// Waits for all pending requests.
    pub(super) async fn flush(&mut self) -> Result<(), SiteError> {
        while self.wait().await? {}
        Ok(())
    }

    /// Deletes files in the site's own folder that weren't written, unless `is_kept` returns `true` for their paths.
    pub(super) async fn delete_others(&mut self, is_kept: impl Fn(&str) -> bool) -> Result<(), SiteError> {
        let prefix = self.destination.prefix();
        let is_other = |key: &&Key| {
            prefix
                .path_of(key.as_str())
                .is_some_and(|path| path.starts_with(Destination::SITE_FOLDER) && !is_kept(path))
        };
        let others: Vec<Key> = self.present.iter().flat_map(HashMap::keys).filter(is_other).cloned().collect();
        if !self.is_dry_run && !others.is_empty() {
            let store = self.publisher.store();
            let ours = stream::iter(others)
                .map(|key| async { Ok::<_, StoreError>(is_ours(store, &key).await?.then_some(key)) });
            let ours: Vec<Option<Key>> = ours.buffer_unordered(MAX_IN_FLIGHT).boxed().try_collect().await?;
            store.delete(ours.into_iter().flatten().collect()).await?;
        }
        Ok(())
    }

    /// Returns the number of unchanged files, the changed files, and the object pages that weren't written.
    pub(super) fn into_result(self) -> (u64, Vec<(Key, u64)>, Vec<Key>) {
        let prefix = self.destination.prefix();
        let is_page = |key: &Key| prefix.path_of(key.as_str()).is_some_and(Destination::is_object_page);
        let pages = self.present.unwrap_or_default().into_keys().filter(is_page).collect();
        (self.unchanged, self.changed, pages)
    }
}

/// Uploads an object if it differs from the stored object, and then returns its key and size.
async fn put(store: &dyn Store, object: Object, is_new: bool, is_dry_run: bool) -> PutResult {
    if !is_new && store.get(&object.key).await?.is_some_and(|stored| stored.body == *object.body) {
        return Ok(None);
    }
    let changed = (object.key.clone(), object.body.len() as u64);
    if !is_dry_run {
        store.put(object).await?;
    }
    Ok(Some(changed))
}

/// Compresses text reproducibly. A comment in the gzip header marks the file as part of a site.
fn compressed(text: &[u8]) -> Bytes {
    let compress = || -> io::Result<Vec<u8>> {
        let mut encoder = GzBuilder::new().comment(GENERATOR).write(Vec::new(), Compression::best());
        encoder.write_all(text)?;
        encoder.finish()
    };
    compress().expect("memory can be written to").into()
}

/// Returns all keys below a prefix, with digests if the store provides them, or `None` if the store denies listing.
async fn listed(store: &dyn Store, below: &Prefix) -> Result<Option<HashMap<Key, Option<Digest>>>, StoreError> {
    let listed = store.pages(below).try_fold(HashMap::new(), |mut present, page| async {
        present.extend(page.into_iter().map(|object| (object.key, object.etag.and_then(|etag| etag.md5()))));
        Ok(present)
    });
    match listed.await {
        Ok(present) => Ok(Some(present)),
        Err(error) if error.kind() == StoreErrorKind::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns `true` if the object is a site file written by this program.
pub(crate) async fn is_ours(store: &dyn Store, key: &Key) -> Result<bool, StoreError> {
    let is_logo = key.as_str().rsplit('/').next().is_some_and(|name| name.starts_with(LOGO));
    Ok(store.get(key).await?.is_some_and(|stored| is_logo || is_site_file(&stored.body)))
}

/// Prefix of a logo's name. Logos are recognized by name because they can't contain [`GENERATOR`].
pub(super) const LOGO: &str = "site-logo-";

/// Returns `true` if `body` is the content of a site file.
pub(crate) fn is_site_file(body: &[u8]) -> bool {
    // In compressed files, the header comment itself isn't compressed.
    body.len() as u64 <= MAX_FILE_BYTES && body.windows(GENERATOR.len()).any(|window| window == GENERATOR.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_are_the_same_each_time_and_recognized() {
        let body = compressed(b"text");
        assert_eq!(body, compressed(b"text"));
        assert!(is_site_file(&body));
        assert!(!is_site_file(b"text"));
    }
}
