//! One object of a bucket.

use super::{fetch, refused};
use crate::location::{Revision, S3Object};
use crate::source::{Fetch, Remote, RemoteError, RemoteErrorKind};
use crate::store::{Found, ReadError, S3Store};
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;

/// An object that has been found.
pub(super) struct BucketObject {
    store: S3Store,
    found: Arc<Found>,
    revision: Revision,
    runtime: Handle,
}

impl BucketObject {
    pub(super) async fn find(store: S3Store, object: &S3Object) -> Result<Self, RemoteError> {
        // Without an ETag a listing tells too little.
        let listed = object.listed.clone().filter(|revision| revision.etag.is_some());
        let found = match listed {
            Some(Revision { bytes, etag, modified }) => Found { key: object.key.clone(), bytes, etag, modified },
            None => store.look_at(&object.key).await.map_err(unread)?,
        };
        Ok(Self { store, revision: revision(&found), found: found.into(), runtime: Handle::current() })
    }
}

/// What a listing says of an object.
pub(super) fn listed(bucket: &str, found: Found) -> S3Object {
    let revision = revision(&found);
    S3Object { bucket: bucket.to_owned(), key: found.key, listed: Some(revision) }
}

fn revision(found: &Found) -> Revision {
    Revision { bytes: found.bytes, etag: found.etag.clone(), modified: found.modified.clone() }
}

fn unread(error: ReadError) -> RemoteError {
    match error {
        ReadError::Missing => RemoteError::new(RemoteErrorKind::Missing, "there is no such object"),
        ReadError::Replaced => RemoteError::replaced(),
        ReadError::Failed(error) => refused(&error),
    }
}

impl Remote for BucketObject {
    fn bytes(&self) -> u64 {
        self.revision.bytes
    }

    fn revision(&self) -> Option<String> {
        self.revision.in_words()
    }

    fn fetch(&self, range: Range<u64>) -> Fetch {
        let (store, found) = (self.store.clone(), Arc::clone(&self.found));
        fetch(&self.runtime, async move { store.read_part(&found, range).await.map_err(unread) })
    }
}
