//! Where objects go. A store knows keys and bytes, never images.

mod digest;
mod folder;
mod key;
mod memory;
mod pacer;
mod rate;
mod redirects;
mod s3;
mod tally;

pub use digest::{Digest, ETag};
pub use folder::{FolderStore, NameProblem, name_problems};
pub use key::{Identifier, ImageFolder, Key, KeyError, Prefix, PublicUrl, VersionName, VersionNameError, redacted_url};
pub use memory::MemoryStore;
pub(crate) use rate::{MinRate, TooSlow};
pub use s3::{
    BucketAddress, BucketAddressError, Checksums, Clobber, ConditionalPut, CorsRule, Found, ObjectAttributes,
    ObjectCannedAcl, Payer, PublicAccessBlock, ReadError, S3Settings, S3Store, ServerSideEncryption, StorageClass,
};

pub(crate) use tally::Tally;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What is put into a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub key: Key,
    /// Its content.
    pub body: Bytes,
    /// The `Content-Type` to serve it with.
    pub content_type: &'static str,
    /// The `Cache-Control` to serve it with.
    pub cache_control: Arc<str>,
    /// A short ASCII text that the store keeps with the object and returns from [`Store::get`].
    pub mark: Option<Arc<str>>,
}

/// The store's word that an object is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The object.
    pub key: Key,
    /// The size of its content.
    pub bytes: u64,
    /// The entity tag that the store returned, which a listing shows until the object changes.
    pub etag: Option<ETag>,
}

/// A small object as read by [`Store::get`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its content.
    pub body: Bytes,
    /// The mark that was put with it.
    pub mark: Option<String>,
    /// Its entity tag.
    pub etag: Option<ETag>,
    /// When it was last written, by the store's clock.
    pub modified: Option<SystemTime>,
}

/// New headers for an object that keeps its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderUpdate {
    /// The object.
    pub key: Key,
    /// The size of its content.
    pub bytes: u64,
    /// The entity tag that it must still have.
    pub etag: ETag,
    /// The new `Content-Type`.
    pub content_type: &'static str,
    /// The new `Cache-Control`.
    pub cache_control: Arc<str>,
    /// The new mark.
    pub mark: Option<Arc<str>>,
}

/// An object that is in a store already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: Key,
    /// The size of its content.
    pub bytes: u64,
    /// Its entity tag, if the store lists it.
    pub etag: Option<ETag>,
    /// When it was stored, where the store says so.
    pub modified: Option<SystemTime>,
}

/// A key that leads elsewhere instead of having bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// What is asked for.
    pub from: Key,
    /// Where that is seen.
    pub url: String,
    /// The URL that has it.
    pub to: String,
}

/// What has gone to and fro.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests, those that were sent again included.
    pub requests: u64,
    /// Those that were sent again.
    pub retries: u64,
    /// Answers that asked for fewer requests (503, 429).
    pub throttles: u64,
}

/// A place for objects.
pub trait Store: Send + Sync {
    /// Stores an object, or replaces the one under the same key. Nothing is stored by halves.
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>>;

    /// Stores an object where there is none under its key, or one with the same bytes.
    ///
    /// # Errors
    /// [`StoreErrorKind::Exists`] where there is another one, as far as the store can tell.
    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            match self.get(&object.key).await? {
                Some(stored) if stored.body != object.body => Err(StoreError::exists(&object.key)),
                _ => self.put(object).await,
            }
        }
        .boxed()
    }

    /// Finds out before any work whether objects can be put here, as far as that can be known.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// A small object; `None` where there is none, or no permission to look.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    /// Everything below a prefix, page by page, so that no more than a page need be in memory. Pages may be empty. Objects
    /// of pages that have come may be deleted meanwhile.
    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>>;

    /// The names of the folders right below a prefix: of `maps/atlas/info.json` below `maps`, that is `atlas`. No objects are
    /// counted or read.
    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// Deletes objects. One that is not there is deleted already.
    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Makes exactly these keys of one image, seen at `base_uri`, lead elsewhere for readers that come over the web. Which
    /// servers obey, the store cannot know. Where redirects are objects, those that are not among these any more stay.
    ///
    /// # Errors
    /// Where there is an object under the bare key of the image that is no redirect: it is somebody else's.
    fn redirect<'a>(
        &'a self,
        folder: &'a ImageFolder,
        base_uri: &'a str,
        redirects: Vec<Redirect>,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Gives an object new headers without sending its content again.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unsupported`] if the store cannot do that. Any error leaves the object as it was or as requested; callers
    /// fall back to [`put`](Self::put).
    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        let action = format!("could not update the headers of `{}`", update.key);
        async move { Err(StoreError::new(StoreErrorKind::Unsupported, action, "the store has no copy operation")) }
            .boxed()
    }

    /// Returns the current time by the clock that stamps [`Stored::modified`] and [`Listed::modified`].
    ///
    /// Call it after a request to the store, so that remote stores know their clock.
    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        async { Ok(SystemTime::now()) }.boxed()
    }

    /// Waits for a time, by the same clock.
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }

    /// Makes everything that has been put and deleted so far survive a power failure. Remote stores promise that with each response.
    fn flush(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    /// Returns `true` if the store keeps `Content-Type`, `Cache-Control` and marks with pictures, so that a change of headers
    /// is a change of objects.
    fn keeps_headers(&self) -> bool {
        true
    }

    /// Returns a stable description of the attributes that the store adds to every object: the same text for the same attributes,
    /// in every version of the program.
    fn attributes(&self) -> String {
        String::new()
    }

    /// Puts that are worth having in flight at the same time.
    fn default_concurrency(&self) -> usize;

    /// Returns how many times [`get`](Self::get) found nothing because reading was denied: the object may be there all the same.
    fn denied_lookups(&self) -> u64 {
        0
    }

    /// What has gone to and fro, in stores that are elsewhere.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

/// What kind of failure it was: decides whether trying again can help, and what to advise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// No credentials, or wrong or expired ones.
    Credentials,
    /// The credentials are good, but may not do this.
    Denied,
    /// There is no such bucket or folder.
    Missing,
    /// The bucket is in another region.
    Region,
    /// The endpoint redirects to another one.
    Endpoint,
    /// Nothing answers at the endpoint.
    Unreachable,
    /// There is another object already, and it must not be replaced.
    Exists,
    /// The store does not have this operation.
    Unsupported,
    /// Anything else: another try may help.
    Other,
}

/// Why a store did not do something.
#[derive(Debug, thiserror::Error)]
#[error("{action}")]
pub struct StoreError {
    kind: StoreErrorKind,
    action: String,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
    region: Option<String>,
    hint: Option<&'static str>,
}

impl StoreError {
    /// A failure to do `action` (``could not put `key` ``), because of `cause`.
    pub fn new(
        kind: StoreErrorKind,
        action: String,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, action, cause: cause.into(), region: None, hint: None }
    }

    /// That there is another object under a key, which must not be replaced.
    pub(crate) fn exists(key: &Key) -> Self {
        let cause = "there is another object under this key, which must not be replaced";
        Self::new(StoreErrorKind::Exists, format!("could not put `{key}`"), cause)
    }

    /// Returns the error for a header update of an object that was replaced since its entity tag was read.
    pub(crate) fn replaced(key: &Key) -> Self {
        let action = format!("could not update the headers of `{key}`");
        Self::new(StoreErrorKind::Exists, action, "the object was replaced meanwhile")
            .with_hint("run the same command again")
    }

    /// Returns the error with another kind.
    #[must_use]
    pub(crate) fn with_kind(self, kind: StoreErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Returns the error with advice that is more precise than that for its kind.
    #[must_use]
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Returns what to do about the error, if that is known more precisely than by its kind.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    /// The same failure, with the region that the bucket is in.
    #[must_use]
    pub fn in_region(self, region: Option<String>) -> Self {
        Self { region, ..self }
    }

    /// The region that the bucket is in, where the store named it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the surroundings must change before another try can help.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        !matches!(self.kind, StoreErrorKind::Other | StoreErrorKind::Exists)
    }
}
