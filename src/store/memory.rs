//! An in-memory store, for tests and for programs that embed this crate.

use super::{
    Digest, ETag, HeaderUpdate, Key, Listed, Object, Prefix, Receipt, Redirect, RedirectStore, Redirects, Store,
    StoreError, StoreErrorKind, Stored,
};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Amount by which each operation advances the store's clock.
const TICK: Duration = Duration::from_millis(1);

/// Initial time on the store's clock, in seconds since the Unix epoch (2026-01-01).
const FIRST_SECOND: u64 = 1_767_225_600;

/// A store that keeps objects in memory.
///
/// Its clock is deterministic: it only moves forward when an operation runs or [`advance`](Self::advance) is called.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Key, Entry>,
    /// All puts, in order.
    puts: Vec<Object>,
    header_updates: Vec<HeaderUpdate>,
    redirects: Vec<Redirect>,
    elapsed: Duration,
}

#[derive(Debug)]
struct Entry {
    object: Object,
    modified: SystemTime,
}

impl Entry {
    fn etag(&self) -> ETag {
        Digest::of(&self.object.body).into()
    }

    fn receipt(&self) -> Receipt {
        let Object { key, body, .. } = &self.object;
        Receipt { key: key.clone(), bytes: body.len() as u64, etag: Some(self.etag()) }
    }

    fn stored(&self) -> Stored {
        let Object { body, mark, .. } = &self.object;
        let mark = mark.as_deref().map(str::to_owned);
        Stored { body: (**body).clone(), mark, etag: Some(self.etag()), modified: Some(self.modified) }
    }

    fn listed(&self) -> Listed {
        let Receipt { key, bytes, etag } = self.receipt();
        Listed { key, bytes, etag, modified: Some(self.modified) }
    }
}

impl State {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST_SECOND) + self.elapsed
    }

    fn put(&mut self, object: Object) -> Receipt {
        let entry = Entry { object: object.clone(), modified: self.now() };
        let receipt = entry.receipt();
        self.objects.insert(object.key.clone(), entry);
        self.puts.push(object);
        receipt
    }

    fn update(&mut self, update: HeaderUpdate) -> Result<Receipt, StoreError> {
        let now = self.now();
        let entry = self.objects.get_mut(&update.key).ok_or_else(|| {
            let action = format!("could not update the headers of `{}`", update.key);
            StoreError::new(StoreErrorKind::Other, action, "the object does not exist")
        })?;
        if entry.etag() != update.etag {
            return Err(StoreError::replaced(&update.key));
        }
        entry.modified = now;
        entry.object.content_type = update.content_type;
        entry.object.cache_control = update.cache_control.clone();
        entry.object.mark.clone_from(&update.mark);
        let receipt = entry.receipt();
        self.header_updates.push(update);
        Ok(receipt)
    }
}

impl MemoryStore {
    /// Returns every put whose object still exists, in order. An object that was replaced appears once per put.
    #[must_use]
    pub fn puts(&self) -> Vec<Object> {
        let state = self.locked();
        state.puts.iter().filter(|put| state.objects.contains_key(&put.key)).cloned().collect()
    }

    /// Returns all current objects, sorted by key.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        self.locked().objects.values().map(|entry| entry.object.clone()).collect()
    }

    /// Returns all header updates so far, in order.
    #[must_use]
    pub fn header_updates(&self) -> Vec<HeaderUpdate> {
        self.locked().header_updates.clone()
    }

    /// Returns all redirects so far, in order.
    #[must_use]
    pub fn redirects(&self) -> Vec<Redirect> {
        self.locked().redirects.clone()
    }

    /// Advances the store's clock.
    pub fn advance(&self, time: Duration) {
        self.locked().elapsed += time;
    }

    /// Starts an operation by locking the state and advancing the clock one tick.
    fn begin(&self) -> MutexGuard<'_, State> {
        let mut state = self.locked();
        state.elapsed += TICK;
        state
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // No operation can panic partway through, so the state is consistent even if another thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move { Ok(self.begin().put(object)) }.boxed()
    }

    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            let mut state = self.begin();
            match state.objects.get(&object.key) {
                // Identical content is fine, as in remote stores, where a retry may find the object that an earlier
                // request stored before its response was lost.
                Some(entry) if entry.object.body != object.body => Err(StoreError::exists(&object.key)),
                Some(entry) => Ok(entry.receipt()),
                None => Ok(state.put(object)),
            }
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    /// Advances the clock instead of actually waiting.
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        async move { self.advance(time) }.boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        async move { Ok(self.begin().objects.get(key).map(Entry::stored)) }.boxed()
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        let page = async move {
            let state = self.begin();
            let listed = state.objects.values().filter(|entry| below.found(entry.object.key.as_str()).is_some());
            Ok(listed.map(Entry::listed).collect())
        };
        stream::once(page).boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            let state = self.begin();
            let paths = state.objects.keys().filter_map(|key| below.path_of(key.as_str()));
            let names: BTreeSet<&str> = paths.filter_map(|path| Some(path.split_once('/')?.0)).collect();
            Ok(names.into_iter().map(str::to_owned).collect())
        }
        .boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut state = self.begin();
            for key in &keys {
                state.objects.remove(key);
            }
            let keys: BTreeSet<&Key> = keys.iter().collect();
            state.puts.retain(|put| !keys.contains(&put.key));
            Ok(())
        }
        .boxed()
    }

    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        Some(self)
    }

    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move { self.begin().update(update) }.boxed()
    }

    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        async move { Ok(self.begin().now()) }.boxed()
    }

    fn default_concurrency(&self) -> usize {
        64
    }
}

impl RedirectStore for MemoryStore {
    fn set_redirects(&self, redirects: Redirects) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.begin().redirects.extend(redirects.redirects);
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(body: &'static [u8]) -> Object {
        let key = Prefix::default().found("a/info.json").expect("a key");
        Object {
            key,
            body: body.into(),
            content_encoding: None,
            content_type: "text/plain",
            cache_control: "no-cache".into(),
            mark: None,
        }
    }

    #[tokio::test]
    async fn the_clock_moves_with_operations_and_when_it_is_advanced() -> Result<(), StoreError> {
        let store = MemoryStore::default();
        let before = store.now().await?;
        store.put(object(b"one")).await?;
        let modified = store.get(&object(b"").key).await?.and_then(|stored| stored.modified).expect("stored");
        assert_eq!(modified.duration_since(before).expect("later"), TICK);
        store.advance(Duration::from_hours(1));
        let age = store.now().await?.duration_since(modified).expect("later");
        assert_eq!(age, Duration::from_hours(1) + 2 * TICK);
        Ok(())
    }

    #[tokio::test]
    async fn a_header_update_is_not_a_put() -> Result<(), StoreError> {
        let store = MemoryStore::default();
        let Receipt { key, bytes, etag } = store.put(object(b"one")).await?;
        let etag = etag.expect("a digest");
        let update =
            HeaderUpdate { key, bytes, etag, content_type: "text/html", cache_control: "x".into(), mark: None };
        store.update_headers(update.clone()).await?;
        assert_eq!((store.puts().len(), store.header_updates()), (1, vec![update]));
        assert_eq!(store.objects()[0].content_type, "text/html");
        Ok(())
    }
}
