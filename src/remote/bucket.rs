//! A source object in a bucket.

use super::fetch;
use crate::location::{Revision, S3Object};
use crate::source::{Fetch, Remote, RemoteError, RemoteErrorKind};
use crate::store::{ObjectInfo, ReadError, S3Store, StoreError, StoreErrorKind};
use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

/// A source object that is known to exist.
pub(super) struct BucketObject {
    object: Arc<PinnedObject>,
    revision: Revision,
    runtime: Handle,
}

struct PinnedObject {
    store: S3Store,
    found: ObjectInfo,
    /// Metadata that every range must match. If the object is only known from a listing, this is set on the first read.
    first: OnceCell<ObjectInfo>,
}

impl BucketObject {
    pub(super) async fn find(store: S3Store, object: &S3Object) -> Result<Self, RemoteError> {
        // A listing without an ETag doesn't identify a revision.
        let listed = object.listed.clone().filter(|revision| revision.etag.is_some());
        let is_listed = listed.is_some();
        let found = match listed {
            Some(Revision { bytes, etag, modified }) => ObjectInfo { key: object.key.clone(), bytes, etag, modified },
            None => store.look_at(&object.key).await.map_err(read_error)?,
        };
        let first = OnceCell::new_with((!is_listed).then(|| found.clone()));
        let (revision, runtime) = (revision(&found), Handle::current());
        Ok(Self { object: Arc::new(PinnedObject { store, found, first }), revision, runtime })
    }
}

impl PinnedObject {
    async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        if let Some(pinned) = self.first.get() {
            return self.store.read_part(pinned, range).await;
        }
        // The listing already described the object, so skip the usual HEAD request. This function is the price for
        // that. Some stores list a different ETag than they return with the object, so the first mismatch doesn't prove
        // that the object was replaced.
        match self.store.read_part(&self.found, range.clone()).await {
            Ok(bytes) => {
                let pinned = self.first.get_or_init(async || self.found.clone()).await;
                if *pinned == self.found { Ok(bytes) } else { Err(ReadError::Replaced) }
            }
            Err(ReadError::Replaced) => {
                let pinned = self.first.get_or_try_init(|| self.refresh()).await?;
                self.store.read_part(pinned, range).await
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the metadata again after a mismatch. Some stores list different ETags than they return with the object, so
    /// the size and time have to match the listing instead.
    async fn refresh(&self) -> Result<ObjectInfo, ReadError> {
        let found = self.store.look_at(&self.found.key).await?;
        let is_listed = found.bytes == self.found.bytes && found.modified == self.found.modified;
        if is_listed { Ok(found) } else { Err(ReadError::Replaced) }
    }
}

/// Converts a listed object, keeping its revision.
pub(super) fn listed(bucket: &str, found: ObjectInfo) -> S3Object {
    let revision = revision(&found);
    S3Object { bucket: bucket.to_owned(), key: found.key, listed: Some(revision) }
}

fn revision(found: &ObjectInfo) -> Revision {
    Revision { bytes: found.bytes, etag: found.etag.clone(), modified: found.modified.clone() }
}

fn read_error(error: ReadError) -> RemoteError {
    match error {
        ReadError::Missing => RemoteError::new(RemoteErrorKind::Missing, "the object does not exist"),
        ReadError::Replaced => RemoteError::replaced(),
        ReadError::Failed(error) => status_error(&error),
    }
}

impl Remote for BucketObject {
    fn bytes(&self) -> u64 {
        self.revision.bytes
    }

    fn revision(&self) -> Option<String> {
        self.revision.describe()
    }

    fn fetch(&self, range: Range<u64>) -> Fetch {
        let object = Arc::clone(&self.object);
        fetch(&self.runtime, async move { object.read(range).await.map_err(read_error) })
    }
}

/// Converts a bucket's error response. The enclosing error names the object.
pub(super) fn status_error(error: &StoreError) -> RemoteError {
    // The endpoint was reachable when the run started, so a connection failure may be temporary.
    let is_lasting = error.is_environment() && error.kind() != StoreErrorKind::Unreachable;
    let kind = if is_lasting { RemoteErrorKind::Environment } else { RemoteErrorKind::Other };
    RemoteError::new(kind, error.source().map_or_else(|| error.to_string(), ToString::to_string))
}
