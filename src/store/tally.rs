//! Counts what goes to and fro for one image, whoever else uses the same store meanwhile.

use super::Traffic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    /// Of the image that the present task works for.
    static PRESENT: Arc<Tally>;
}

/// Requests, retries and throttles so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    retries: AtomicU64,
    throttles: AtomicU64,
}

impl Tally {
    /// Does work whose requests are counted here; not those of tasks that it spawns.
    pub(crate) async fn of<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        PRESENT.scope(Arc::clone(self), work).await
    }

    /// What has been counted.
    pub(crate) fn traffic(&self) -> Traffic {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Traffic { requests: read(&self.requests), retries: read(&self.retries), throttles: read(&self.throttles) }
    }

    /// A request of the present task is sent, perhaps once more.
    pub(super) fn sent(is_retry: bool) {
        Self::count(|tally| &tally.requests);
        if is_retry {
            Self::count(|tally| &tally.retries);
        }
    }

    /// A request of the present task was too much for the store.
    pub(super) fn throttled() {
        Self::count(|tally| &tally.throttles);
    }

    fn count(which: impl FnOnce(&Self) -> &AtomicU64) {
        // Requests for no image, such as the first look at the bucket, are nobody's.
        let _ = PRESENT.try_with(|tally| which(tally).fetch_add(1, Ordering::Relaxed));
    }
}
