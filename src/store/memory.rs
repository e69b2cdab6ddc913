//! A store in memory: for tests, and for whoever uses the crate as a library.

use super::{Key, Object, Receipt, Store, StoreError};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::{Mutex, PoisonError};

/// Objects in memory, in the order in which they were put.
#[derive(Debug, Default)]
pub struct MemoryStore {
    puts: Mutex<Vec<Object>>,
}

impl MemoryStore {
    /// Every put so far, in order; an object that was replaced is there twice.
    #[must_use]
    pub fn puts(&self) -> Vec<Object> {
        self.locked().clone()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Object>> {
        // A push is all that ever happens under this lock: what a panic elsewhere left behind is whole.
        self.puts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            let receipt = Receipt { key: object.key.clone(), bytes: object.body.len() as u64 };
            self.locked().push(object);
            Ok(receipt)
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn fingerprint<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        async move {
            let puts = self.locked();
            let last = puts.iter().rev().find(|object| object.key == *key);
            Ok(last.and_then(|object| object.fingerprint.as_deref().map(str::to_owned)))
        }
        .boxed()
    }

    fn default_concurrency(&self) -> usize {
        64
    }
}
