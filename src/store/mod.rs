//! Object storage. A store handles keys and bytes, and knows nothing about images.

#[cfg(feature = "s3")]
mod adaptive_limiter;
mod digest;
mod error;
mod folder;
mod key;
mod memory;
#[cfg(any(feature = "s3", feature = "web"))]
mod rate;
mod redirect;
#[cfg(feature = "s3")]
mod s3;
mod tally;
mod url;

pub use digest::{Digest, ETag};
pub use error::{StoreError, StoreErrorKind};
pub use folder::FolderStore;
pub(crate) use key::check_path;
pub use key::{Key, KeyError, Prefix};
pub use memory::MemoryStore;
#[cfg(feature = "web")]
pub(crate) use rate::{MinRate, TooSlow};
pub use redirect::{Redirect, RedirectStore, Redirects};
#[cfg(all(feature = "s3", feature = "web"))]
pub use s3::CorsRule;
#[cfg(feature = "s3")]
pub use s3::{
    BucketAddress, BucketAddressError, Checksums, HeaderValueError, ObjectAttributes, ObjectCannedAcl, Payer,
    S3Settings, S3Store, ServerSideEncryption, StorageClass,
};
#[cfg(all(feature = "s3", feature = "web"))]
pub(crate) use s3::{ConditionalPut, PublicAccessBlock};
#[cfg(feature = "s3")]
pub(crate) use s3::{ObjectInfo, ReadError};

pub(crate) use tally::Tally;
pub(crate) use url::encoded;
pub use url::{BaseUrl, redacted_url};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// An object to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The key of the object.
    pub key: Key,
    /// The content of the object.
    pub body: Bytes,
    /// The `Content-Type` to serve it with.
    pub content_type: &'static str,
    /// The `Cache-Control` to serve it with.
    pub cache_control: Arc<str>,
    /// A short ASCII text that the store keeps with the object and returns from [`Store::get`].
    pub mark: Option<Arc<str>>,
}

/// The handling of images and objects that exist already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExisting {
    /// Replaces what has changed, and skips images that have not: those from the same source with the same options.
    #[default]
    Update,
    /// Replaces everything, unchanged images too.
    Overwrite,
    /// Keeps everything, changed or not.
    Keep,
}

/// A store's confirmation that an object is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The key of the object.
    pub key: Key,
    /// The size of the content in bytes.
    pub bytes: u64,
    /// The entity tag that the store returned, which a listing shows until the object changes.
    pub etag: Option<ETag>,
}

/// A small object as read by [`Store::get`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The content of the object.
    pub body: Bytes,
    /// The mark that was stored with the object.
    pub mark: Option<String>,
    /// The entity tag of the object.
    pub etag: Option<ETag>,
    /// The time of the last write, by the clock of the store.
    pub modified: Option<SystemTime>,
}

/// New headers for an object that keeps its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderUpdate {
    /// The key of the object.
    pub key: Key,
    /// The size of the content in bytes.
    pub bytes: u64,
    /// The entity tag that the object must still have.
    pub etag: ETag,
    /// The new `Content-Type`.
    pub content_type: &'static str,
    /// The new `Cache-Control`.
    pub cache_control: Arc<str>,
    /// The new mark.
    pub mark: Option<Arc<str>>,
}

/// An object in a listing of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The key of the object.
    pub key: Key,
    /// The size of the content in bytes.
    pub bytes: u64,
    /// The entity tag, if the store lists it.
    pub etag: Option<ETag>,
    /// The time of the last write, if the store lists it.
    pub modified: Option<SystemTime>,
}

/// Request counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Requests sent, including retries.
    pub requests: u64,
    /// Retried requests.
    pub retries: u64,
    /// Responses that asked for fewer requests (503 and 429).
    pub throttles: u64,
}

/// A storage backend for objects.
pub trait Store: Send + Sync {
    /// Stores an object, or replaces the one under the same key. The write is atomic.
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>>;

    /// Stores an object unless its key is taken. An existing object with the same bytes counts as stored.
    ///
    /// # Errors
    /// [`StoreErrorKind::Exists`] if a different object has the key, as far as the store can detect it.
    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            match self.get(&object.key).await? {
                Some(stored) if stored.body != object.body => Err(StoreError::exists(&object.key)),
                _ => self.put(object).await,
            }
        }
        .boxed()
    }

    /// Checks, best effort, that the store is writable.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Reads a small object. Returns `None` if the object does not exist or the caller may not read it.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    /// Lists the objects below a prefix in pages, so that only one page is in memory at a time.
    ///
    /// Pages may be empty. Callers may delete objects of earlier pages while the listing continues.
    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>>;

    /// Returns the names of the folders directly below a prefix, such as `atlas` for `maps/atlas/info.json` below
    /// `maps`. Objects are neither counted nor read.
    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// Deletes objects. Deleting a missing object succeeds.
    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns the redirects of the store; `None` if its objects cannot redirect.
    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        None
    }

    /// Gives an object new headers without sending its content again.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unsupported`] if the store cannot do that. Any error leaves the object as it was or as
    /// requested; callers fall back to [`put`](Self::put).
    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        let action = format!("could not update the headers of `{}`", update.key);
        async move { Err(StoreError::new(StoreErrorKind::Unsupported, action, "the store has no copy operation")) }
            .boxed()
    }

    /// Returns the current time by the clock that stamps [`Stored::modified`] and [`Listed::modified`].
    ///
    /// Remote stores learn the time from their responses, so call this after another request.
    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        async { Ok(SystemTime::now()) }.boxed()
    }

    /// Waits for a period, measured by the same clock.
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }

    /// Makes all earlier writes and deletions durable. Remote stores guarantee durability with each response.
    fn flush(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    /// Returns `true` if the store keeps `Content-Type`, `Cache-Control` and marks with all objects, so that changed
    /// headers require an upload.
    fn keeps_headers(&self) -> bool {
        true
    }

    /// Returns a stable description of the attributes that the store adds to every object. Equal attributes have equal
    /// descriptions in all versions of the program.
    fn attributes(&self) -> String {
        String::new()
    }

    /// Returns the default maximum number of parallel uploads.
    fn default_concurrency(&self) -> usize;

    /// Returns how many calls of [`get`](Self::get) returned `None` because reading was denied. Those objects may
    /// exist.
    fn denied_lookups(&self) -> u64 {
        0
    }

    /// Returns the request counters. Local stores return zeros.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
