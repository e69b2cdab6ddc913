//! Object storage. Stores work with keys and bytes and know nothing about images.

#[cfg(feature = "s3")]
mod adaptive_limiter;
mod body;
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

pub use body::Body;
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
    /// The object's key.
    pub key: Key,
    /// The object's content.
    pub body: Body,
    /// `Content-Type` header to serve.
    pub content_type: &'static str,
    /// `Content-Encoding` header to serve, such as `gzip` for compressed content. Ignored by stores that don't keep
    /// headers.
    pub content_encoding: Option<&'static str>,
    /// `Cache-Control` header to serve.
    pub cache_control: Arc<str>,
    /// Short ASCII string stored alongside the object and returned by [`Store::get`].
    pub mark: Option<Arc<str>>,
}

/// Policy for images and objects that already exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExisting {
    /// Replace anything that changed, and skip images with the same source and options as before.
    #[default]
    Update,
    /// Replace everything, including unchanged images.
    Overwrite,
    /// Keep everything, even if it changed.
    Keep,
}

/// Confirmation that an object has been stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The object's key.
    pub key: Key,
    /// Content size in bytes.
    pub bytes: u64,
    /// Entity tag returned by the store. Listings report the same tag until the object changes.
    pub etag: Option<ETag>,
}

/// A small object read by [`Store::get`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The object's content.
    pub body: Bytes,
    /// The mark stored with the object.
    pub mark: Option<String>,
    /// The object's entity tag.
    pub etag: Option<ETag>,
    /// Last modified time, according to the store's clock.
    pub modified: Option<SystemTime>,
}

/// New headers for an object, leaving its content unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderUpdate {
    /// The object's key.
    pub key: Key,
    /// Content size in bytes.
    pub bytes: u64,
    /// Entity tag that the object is expected to have.
    pub etag: ETag,
    /// New `Content-Type` header.
    pub content_type: &'static str,
    /// New `Cache-Control` header.
    pub cache_control: Arc<str>,
    /// New mark, if any.
    pub mark: Option<Arc<str>>,
}

/// An object returned by a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The object's key.
    pub key: Key,
    /// Content size in bytes.
    pub bytes: u64,
    /// Entity tag, if the listing includes it.
    pub etag: Option<ETag>,
    /// Last modified time, if the listing includes it.
    pub modified: Option<SystemTime>,
}

/// Request counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Number of requests sent, including retries.
    pub requests: u64,
    /// Number of retries.
    pub retries: u64,
    /// Number of responses asking the client to slow down (429 or 503).
    pub throttles: u64,
}

/// A storage backend for objects.
pub trait Store: Send + Sync {
    /// Stores an object, replacing any existing object with the same key. The write is atomic.
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>>;

    /// Stores an object if its key doesn't exist yet. Succeeds if the existing object has the same content.
    ///
    /// # Errors
    /// Returns [`StoreErrorKind::Exists`] if the key already holds different content, provided that the store can
    /// detect this.
    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            match self.get(&object.key).await? {
                Some(stored) if stored.body != *object.body => Err(StoreError::exists(&object.key)),
                _ => self.put(object).await,
            }
        }
        .boxed()
    }

    /// Checks that the store is writable, on a best-effort basis.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Checks the store, like [`check`](Self::check), and lists the objects under a prefix with the same request. Returns
    /// `None` if that isn't possible, because there are many objects or listing is denied.
    fn check_and_list<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Option<Vec<Listed>>, StoreError>> {
        let _ = below;
        async move { self.check().await.map(|()| None) }.boxed()
    }

    /// Reads a small object. Returns `None` if the object doesn't exist or the caller isn't allowed to read it.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    /// Lists all objects under a prefix, one page at a time to bound memory usage.
    ///
    /// Pages may be empty. It's safe to delete objects from earlier pages while the listing is in progress.
    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>>;

    /// Returns the names of the folders directly under a prefix. For example, if `maps/atlas/info.json` exists, listing
    /// `maps` returns `atlas`. Doesn't count or read any objects.
    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// Deletes objects. Deleting an object that doesn't exist is not an error.
    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns a handle for setting redirects, or `None` if the store doesn't support them.
    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        None
    }

    /// Updates an object's headers without uploading its content again.
    ///
    /// # Errors
    /// Returns [`StoreErrorKind::Unsupported`] if the store can't do this. After any error, the object has either its
    /// old headers or the requested ones, and callers fall back to [`put`](Self::put).
    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        let action = format!("could not update the headers of `{}`", update.key);
        async move { Err(StoreError::new(StoreErrorKind::Unsupported, action, "the store has no copy operation")) }
            .boxed()
    }

    /// Returns the current time according to the clock used for [`Stored::modified`] and [`Listed::modified`].
    ///
    /// Remote stores learn the time from responses, so send at least one request before calling this.
    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        async { Ok(SystemTime::now()) }.boxed()
    }

    /// Waits for the given duration, as measured by the same clock as [`now`](Self::now).
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }

    /// Makes all earlier writes and deletions durable. Remote stores are durable as soon as they respond.
    fn flush(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    /// Returns `true` if the store saves `Content-Type`, `Cache-Control` and marks with every object, which means that
    /// changing a header requires an upload.
    fn keeps_headers(&self) -> bool {
        true
    }

    /// Returns a stable description of the attributes that the store adds to every object. Equal attributes have equal
    /// descriptions across all versions of this crate.
    fn attributes(&self) -> String {
        String::new()
    }

    /// Returns the default limit on concurrent uploads.
    fn default_concurrency(&self) -> usize;

    /// Returns the number of [`get`](Self::get) calls that returned `None` because access was denied. Those objects
    /// might exist.
    fn denied_lookups(&self) -> u64 {
        0
    }

    /// Returns the request counters, which are always zero for local stores.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
