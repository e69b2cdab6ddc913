//! The manifests and the collection that are in the store. A run looks at them once, while it publishes.

use super::IngestError;
use crate::publish::Publisher;
use crate::store::{Digest, Key, Prefix, StoreErrorKind, Stored};
use futures::{TryStreamExt, try_join};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

/// Keys of manifests with their digests, if the store provides those.
pub(super) type Manifests = HashMap<Key, Option<Digest>>;

/// A document as it is in the store.
pub(super) type KnownDocument = (Key, Option<Stored>);

/// Maximum age of a look at the documents. After that, they are looked at again, because the other parts of a
/// collection may have written some in the meantime. Compared to the time of such a run, this takes no time.
const MAX_AGE: Duration = Duration::from_mins(1);

/// Keys of the documents to look at.
#[derive(Clone, Debug)]
pub(super) struct DocumentKeys {
    pub(super) manifests: Prefix,
    /// `None` if the collection isn't written.
    pub(super) collection: Option<Key>,
}

/// Documents in the store.
#[derive(Debug, Default)]
pub(super) struct PresentDocuments {
    /// `None` if the store denies listing.
    pub(super) manifests: Option<Manifests>,
    /// `collection.json`, but none of its further pages.
    pub(super) collection: Option<KnownDocument>,
}

/// A look at the documents in the background.
pub(super) struct DocumentLookup {
    publisher: Publisher,
    keys: DocumentKeys,
    began: Instant,
    /// Empty once everything is known. Dropping it cancels the requests.
    task: JoinSet<Result<PresentDocuments, IngestError>>,
    documents: PresentDocuments,
}

impl DocumentLookup {
    /// Starts the requests.
    pub(super) fn begin(publisher: &Publisher, keys: DocumentKeys) -> Self {
        let mut task = JoinSet::new();
        task.spawn(look_up(publisher.clone(), keys.clone()));
        let (publisher, documents) = (publisher.clone(), PresentDocuments::default());
        Self { publisher, keys, began: Instant::now(), task, documents }
    }

    /// Waits for the documents.
    pub(super) async fn get(&mut self) -> Result<&PresentDocuments, IngestError> {
        if self.began.elapsed() > MAX_AGE {
            *self = Self::begin(&self.publisher, self.keys.clone());
        }
        if let Some(result) = self.task.join_next().await {
            self.documents = result.unwrap_or_else(repeat_panic)?;
        }
        Ok(&self.documents)
    }
}

/// Looks up the documents.
pub(super) async fn look_up(publisher: Publisher, keys: DocumentKeys) -> Result<PresentDocuments, IngestError> {
    let DocumentKeys { manifests, collection } = keys;
    let collection = async {
        let Some(key) = collection else { return Ok(None) };
        let stored = publisher.store().get(&key).await?;
        Ok(Some((key, stored)))
    };
    let (manifests, collection) = try_join!(listed(&publisher, manifests), collection)?;
    Ok(PresentDocuments { manifests, collection })
}

/// Returns the keys below a prefix, with digests if the store provides them. Returns `None` if the store denies
/// listing.
pub(super) async fn listed(publisher: &Publisher, below: Prefix) -> Result<Option<Manifests>, IngestError> {
    let pages = publisher.store().pages(&below);
    let listed = pages.try_fold(HashMap::new(), |mut present, page| async {
        present.extend(page.into_iter().map(|object| (object.key, object.etag.and_then(|etag| etag.md5()))));
        Ok(present)
    });
    match listed.await {
        Ok(present) => Ok(Some(present)),
        Err(error) if error.kind() == StoreErrorKind::Denied => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Continues a panic of the task. The task is canceled only when its owner is dropped.
fn repeat_panic<T>(error: JoinError) -> T {
    std::panic::resume_unwind(error.into_panic())
}
