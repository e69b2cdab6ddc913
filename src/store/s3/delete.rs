//! Deletes objects, in batches if the store supports it.

use super::S3Store;
use crate::store::{Key, StoreError, StoreErrorKind};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::{self, StreamExt, TryStreamExt};

/// Maximum number of concurrent deletions for stores without batch deletion.
const MAX_DELETES_IN_FLIGHT: usize = 16;

/// Maximum number of keys in a `DeleteObjects` request.
const MAX_KEYS_PER_DELETE: usize = 1000;

impl S3Store {
    /// Deletes objects. If a batch fails for an unknown reason, its objects are deleted one by one.
    pub(super) async fn delete_all(&self, keys: &[Key]) -> Result<(), StoreError> {
        for batch in keys.chunks(MAX_KEYS_PER_DELETE) {
            match self.delete_batch(batch).await {
                // Don't fall back for other kinds of errors. If deletion is denied, a thousand individual requests
                // would be denied too.
                Err(error) if error.kind() == StoreErrorKind::Other => self.delete_one_by_one(batch).await?,
                done => done?,
            }
        }
        Ok(())
    }

    async fn delete_batch(&self, keys: &[Key]) -> Result<(), StoreError> {
        let object = |key: &Key| ObjectIdentifier::builder().key(key.as_str()).build();
        let objects: Vec<_> = keys.iter().map(object).collect::<Result<_, _>>().expect("every object has a key");
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().expect("there are objects");
        let action = || format!("could not delete {} objects in `{}`", keys.len(), self.bucket);
        let deleted = self.client.delete_objects().bucket(&self.bucket).delete(delete);
        let deleted = deleted.set_request_payer(self.payer.into()).send().await;
        let deleted = deleted.map_err(|error| self.failed(action(), &error))?;
        // A batch returns status 200 even if every key in it fails.
        match deleted.errors().first() {
            None => Ok(()),
            Some(error) => {
                let code = error.code().unwrap_or("no error code");
                let kind = if code == "AccessDenied" { StoreErrorKind::Denied } else { StoreErrorKind::Other };
                let key = error.key().unwrap_or("one of them");
                Err(StoreError::new(kind, action(), format!("the store answered {code} for `{key}`")))
            }
        }
    }

    /// Deletes objects one by one. Several stores don't support `DeleteObjects` or reject its mandatory checksum.
    async fn delete_one_by_one(&self, keys: &[Key]) -> Result<(), StoreError> {
        let delete = async |key: &Key| {
            let deleted = self.client.delete_object().bucket(&self.bucket).key(key.as_str());
            let deleted = deleted.set_request_payer(self.payer.into()).send().await;
            deleted.map(drop).map_err(|error| self.failed(format!("could not delete `{key}`"), &error))
        };
        stream::iter(keys).map(delete).buffer_unordered(MAX_DELETES_IN_FLIGHT).try_collect().await
    }
}
