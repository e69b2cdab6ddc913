//! A store in memory: for tests, and for whoever uses the crate as a library.

use super::{Digest, ImageFolder, Key, Listed, Object, Prefix, Receipt, Redirect, Store, StoreError, Stored};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Objects in memory, in the order in which they were put.
#[derive(Debug, Default)]
pub struct MemoryStore {
    puts: Mutex<Vec<Object>>,
    redirects: Mutex<Vec<Redirect>>,
}

impl MemoryStore {
    /// Every put so far, in order; an object that was replaced is there twice.
    #[must_use]
    pub fn puts(&self) -> Vec<Object> {
        self.locked().clone()
    }

    /// Every redirect so far, in order.
    #[must_use]
    pub fn redirects(&self) -> Vec<Redirect> {
        self.redirects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn listed(&self, found: impl Fn(&str) -> Option<Key>) -> Vec<Listed> {
        let puts = self.locked();
        let mut last: HashMap<&Key, &Object> = HashMap::new();
        last.extend(puts.iter().filter(|put| found(put.key.as_str()).is_some()).map(|put| (&put.key, put)));
        let listed = |object: &&Object| Listed {
            key: object.key.clone(),
            bytes: object.body.len() as u64,
            etag: Some(Digest::of(&object.body).into()),
            modified: last_put(&puts, &object.key),
        };
        last.values().map(listed).collect()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Object>> {
        // A push is all that ever happens under this lock: what a panic elsewhere left behind is whole.
        self.puts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time that tells the order of puts, and nothing else.
fn last_put(puts: &[Object], key: &Key) -> Option<SystemTime> {
    let number = puts.iter().rposition(|put| put.key == *key)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(number as u64))
}

impl Store for MemoryStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            let etag = Some(Digest::of(&object.body).into());
            let receipt = Receipt { key: object.key.clone(), bytes: object.body.len() as u64, etag };
            self.locked().push(object);
            Ok(receipt)
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        async move {
            let puts = self.locked();
            let last = puts.iter().rev().find(|object| object.key == *key);
            let stored = |object: &Object| Stored {
                body: object.body.clone(),
                mark: object.mark.as_deref().map(str::to_owned),
                etag: Some(Digest::of(&object.body).into()),
                modified: last_put(&puts, key),
            };
            Ok(last.map(stored))
        }
        .boxed()
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        stream::once(async move { Ok(self.listed(|key| below.found(key))) }).boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            let puts = self.locked();
            let paths = puts.iter().filter_map(|object| below.path_of(object.key.as_str()));
            let names: BTreeSet<&str> = paths.filter_map(|path| Some(path.split_once('/')?.0)).collect();
            Ok(names.into_iter().map(str::to_owned).collect())
        }
        .boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.locked().retain(|object| !keys.contains(&object.key));
            Ok(())
        }
        .boxed()
    }

    fn redirect<'a>(
        &'a self,
        _: &'a ImageFolder,
        _: &'a str,
        redirects: Vec<Redirect>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.redirects.lock().unwrap_or_else(PoisonError::into_inner).extend(redirects);
            Ok(())
        }
        .boxed()
    }

    fn default_concurrency(&self) -> usize {
        64
    }
}
