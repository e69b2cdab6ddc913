//! Per-task request counters, independent of other users of the same store.

use super::Traffic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    /// Counters for the current task.
    static PRESENT: Arc<Tally>;
}

/// Counts requests, retries and throttled responses.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    retries: AtomicU64,
    throttles: AtomicU64,
}

impl Tally {
    /// Runs `work` and counts the requests it sends. Requests from tasks spawned by `work` aren't counted.
    pub(crate) async fn of<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        PRESENT.scope(Arc::clone(self), work).await
    }

    /// Returns the current counts.
    pub(crate) fn traffic(&self) -> Traffic {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Traffic { requests: read(&self.requests), retries: read(&self.retries), throttles: read(&self.throttles) }
    }

    /// Counts a request sent by the current task.
    #[cfg(feature = "s3")]
    pub(super) fn sent(is_retry: bool) {
        Self::count(|tally| &tally.requests);
        if is_retry {
            Self::count(|tally| &tally.retries);
        }
    }

    /// Counts a throttled response to the current task.
    #[cfg(feature = "s3")]
    pub(super) fn throttled() {
        Self::count(|tally| &tally.throttles);
    }

    #[cfg(feature = "s3")]
    fn count(which: impl FnOnce(&Self) -> &AtomicU64) {
        // Some requests don't belong to any task, such as the initial bucket check.
        let _ = PRESENT.try_with(|tally| which(tally).fetch_add(1, Ordering::Relaxed));
    }
}
