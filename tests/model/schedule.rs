//! A store whose operations wait for grants of a scheduler.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use iiif_publish::store::{
    HeaderUpdate, Key, Listed, MemoryStore, Object, Prefix, Receipt, RedirectStore, Store, StoreError, Stored,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, oneshot};

/// A waiting operation.
struct Pending {
    number: u64,
    name: String,
    /// The time at which a wait ends without a grant.
    deadline: Option<Duration>,
    grant: oneshot::Sender<()>,
}

#[derive(Default)]
struct State {
    /// The operations of each run, oldest first.
    runs: Vec<Vec<Pending>>,
    is_done: Vec<bool>,
    now: Duration,
    next_number: u64,
}

/// A scheduler that grants the operations of several runs.
#[derive(Default)]
pub struct Scheduler {
    state: Mutex<State>,
    changed: Notify,
}

impl Scheduler {
    pub fn new(runs: usize) -> Arc<Self> {
        let state =
            State { runs: (0..runs).map(|_| Vec::new()).collect(), is_done: vec![false; runs], ..State::default() };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a run has ended or was killed.
    pub fn done(&self, run: usize) {
        let mut state = self.locked();
        state.is_done[run] = true;
        state.runs[run].clear();
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until every run has ended or waits for a grant.
    pub async fn quiet(&self) {
        loop {
            // A run may begin several operations at once; none of them needs more than a few polls.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            let is_quiet = {
                let state = self.locked();
                state.runs.iter().zip(&state.is_done).all(|(pending, is_done)| *is_done || !pending.is_empty())
            };
            if is_quiet {
                return;
            }
            self.changed.notified().await;
        }
    }

    /// Returns the active runs, each with the name of its next operation.
    pub fn next(&self) -> Vec<(usize, String)> {
        let state = self.locked();
        let name = |pending: &Vec<Pending>| {
            let next = pending.iter().find(|pending| pending.deadline.is_none()).or_else(|| pending.first());
            next.map(|pending| pending.name.clone())
        };
        state.runs.iter().enumerate().filter_map(|(run, pending)| Some((run, name(pending)?))).collect()
    }

    /// Grants the next operation of a run. If the operation is a wait, advances the clock for all runs.
    pub fn grant(&self, run: usize, store: &MemoryStore) {
        let mut state = self.locked();
        if let Some(position) = state.runs[run].iter().position(|pending| pending.deadline.is_none()) {
            let _ = state.runs[run].remove(position).grant.send(());
            return;
        }
        let until = state.runs[run].iter().filter_map(|pending| pending.deadline).min().unwrap_or_default();
        store.advance(until.saturating_sub(state.now));
        state.now = state.now.max(until);
        for pending in &mut state.runs {
            let is_over = |pending: &mut Pending| pending.deadline.is_some_and(|deadline| deadline <= until);
            for over in pending.extract_if(.., is_over) {
                let _ = over.grant.send(());
            }
        }
    }

    fn forget(&self, run: usize, number: u64) {
        self.locked().runs[run].retain(|pending| pending.number != number);
    }
}

/// The store of one run.
pub struct RunStore {
    pub run: usize,
    pub scheduler: Arc<Scheduler>,
    pub inner: Arc<MemoryStore>,
}

/// Removes a canceled operation.
struct Withdrawal<'a> {
    store: &'a RunStore,
    number: u64,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        self.store.scheduler.forget(self.store.run, self.number);
    }
}

impl RunStore {
    async fn step(&self, name: String, wait: Option<Duration>) {
        let (grant, granted) = oneshot::channel();
        let number = {
            let mut state = self.scheduler.locked();
            state.next_number += 1;
            let (number, deadline) = (state.next_number, wait.map(|wait| state.now + wait));
            state.runs[self.run].push(Pending { number, name, deadline, grant });
            number
        };
        let _withdrawal = Withdrawal { store: self, number };
        self.scheduler.changed.notify_one();
        // Fails only if the run is killed.
        let _ = granted.await;
    }
}

impl Store for RunStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            self.step(format!("put {}", object.key), None).await;
            self.inner.put(object).await
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.check()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        async move {
            self.step(format!("get {key}"), None).await;
            self.inner.get(key).await
        }
        .boxed()
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        let pages = async move {
            self.step(format!("list {below}"), None).await;
            self.inner.pages(below)
        };
        stream::once(pages).flatten().boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            self.step(format!("folders {below}"), None).await;
            self.inner.folders(below).await
        }
        .boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.step(format!("delete {}", keys.first().map(ToString::to_string).unwrap_or_default()), None).await;
            self.inner.delete(keys).await
        }
        .boxed()
    }

    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        self.inner.redirect_store()
    }

    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            self.step(format!("copy {}", update.key), None).await;
            self.inner.update_headers(update).await
        }
        .boxed()
    }

    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        self.inner.now()
    }

    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.step("wait".to_owned(), Some(time)).boxed()
    }

    fn default_concurrency(&self) -> usize {
        1
    }
}
