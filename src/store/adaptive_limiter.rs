//! Adjusts the number of concurrent uploads to what the store can handle.
//!
//! The limit follows TCP congestion control (additive increase, multiplicative decrease; RFC 5681). It starts at 32
//! uploads, because opening hundreds of connections at once leads to failed DNS lookups and TLS handshakes. During slow
//! start, each success adds one upload, so the window doubles every round. The first throttled response halves the
//! window and ends slow start, and after that the window grows by one upload per round.
//!
//! Throttled responses within half a second of each other count as one, because they answer uploads sent under the same
//! window. If each one halved the window, a single burst of 503s would shrink it to the minimum. The minimum is 8,
//! because some stores reject one request in ten at random. Without it, such stores would quickly drop to one or two
//! concurrent uploads, most of them backing off.
//!
//! All images and retries share the window. A separate byte limit keeps large in-flight images from exhausting memory.

use super::Traffic;
use crate::limiter::{Limiter, Permit};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Initial number of concurrent uploads.
const INITIAL_WINDOW: f64 = 32.0;

/// Minimum number of concurrent uploads, unless the configured maximum is lower.
const MIN_WINDOW: f64 = 8.0;

/// Minimum time between window decreases. Further throttled responses within this interval are ignored.
const DECREASE_INTERVAL: Duration = Duration::from_millis(500);

/// Maximum delay between uploads, for very low rate limits.
const MAX_DELAY: Duration = Duration::from_hours(24);

/// Fixed limits that don't depend on the store's responses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadLimits {
    /// Maximum number of concurrent uploads.
    pub(crate) puts: u32,
    /// Maximum total size of in-flight bodies, in bytes. Larger bodies are uploaded alone.
    pub(crate) bytes: u64,
    /// Maximum number of uploads started per second.
    pub(crate) puts_per_second: Option<f64>,
}

/// Upload limiter. Clones share the same window.
#[derive(Clone, Debug)]
pub(crate) struct AdaptiveLimiter {
    limits: UploadLimits,
    limiter: Limiter,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    window: f64,
    /// Slow start threshold. The window grows linearly above it.
    threshold: f64,
    last_decrease: Option<Instant>,
    /// Earliest time the next upload may start, if there is a rate limit.
    next_start: Instant,
    traffic: Traffic,
}

/// Permission for one upload. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct UploadPermit {
    _permit: Permit,
}

impl AdaptiveLimiter {
    pub(crate) fn new(limits: UploadLimits) -> Self {
        let max = f64::from(limits.puts.max(1));
        let state = State {
            window: INITIAL_WINDOW.min(max),
            threshold: max,
            last_decrease: None,
            next_start: Instant::now(),
            traffic: Traffic::default(),
        };
        let limiter = Limiter::new(state.max_count(), limits.bytes);
        Self { limits, limiter, state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for permission to upload a body of `bytes` bytes.
    pub(crate) async fn acquire(&self, bytes: u64) -> UploadPermit {
        // Acquire the permit before sleeping, so that an upload canceled during the delay releases it.
        let permit = UploadPermit { _permit: self.limiter.acquire(bytes).await };
        if let Some(rate) = self.limits.puts_per_second {
            let start = self.lock().reserve_start(rate);
            tokio::time::sleep_until(start).await;
        }
        permit
    }

    /// Grows the window after a successful upload.
    pub(crate) fn record_success(&self) {
        let max = f64::from(self.limits.puts.max(1));
        self.resize(|state| {
            // Each success accounts for one upload in the current window. Adding 1 per success doubles the window every
            // round, and adding 1/window grows it by 1. The window isn't an integer because of that fraction.
            let growth = if state.window < state.threshold { 1.0 } else { 1.0 / state.window };
            state.window = (state.window + growth).min(max);
        });
    }

    /// Records a throttled response and halves the window, unless it was just halved.
    pub(crate) fn record_throttle(&self) {
        let min = MIN_WINDOW.min(f64::from(self.limits.puts.max(1)));
        self.resize(|state| {
            state.traffic.throttles += 1;
            // When the store starts throttling, a whole window of uploads is in flight, and dozens of them may fail for
            // the same reason. Count them only once.
            let is_new = state.last_decrease.is_none_or(|last| last.elapsed() >= DECREASE_INTERVAL);
            if is_new {
                state.window = (state.window / 2.0).max(min);
                state.threshold = state.window;
                state.last_decrease = Some(Instant::now());
            }
        });
    }

    /// Updates the window, along with the limiter's maximum count if that changed.
    fn resize(&self, resize: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let before = state.max_count();
        resize(&mut state);
        if state.max_count() != before {
            // Do this while holding the lock, so that the last window change also sets the final maximum.
            self.limiter.set_max_count(state.max_count());
        }
    }

    /// Records that a request was sent.
    pub(crate) fn record_request(&self, is_retry: bool) {
        let mut state = self.lock();
        state.traffic.requests += 1;
        state.traffic.retries += u64::from(is_retry);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.lock().traffic
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only additions happen under this lock, so the state is valid even if another thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the limit, a u32")]
    fn max_count(&self) -> usize {
        self.window as usize
    }

    /// Reserves the next start time allowed by the rate limit.
    fn reserve_start(&mut self, puts_per_second: f64) -> Instant {
        let delay = Duration::try_from_secs_f64(1.0 / puts_per_second).unwrap_or(MAX_DELAY).min(MAX_DELAY);
        // Reserving start times ahead spreads requests evenly, unlike a counter that resets every second. Unused time
        // isn't carried over, so there's no catch-up burst after a pause.
        let start = self.next_start.max(Instant::now());
        self.next_start = start + delay;
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn limited(puts: u32, bytes: u64) -> AdaptiveLimiter {
        AdaptiveLimiter::new(UploadLimits { puts, bytes, puts_per_second: None })
    }

    /// Acquires up to `count` permits for bodies of `bytes` bytes, stopping at the first one that would have to wait.
    async fn acquire_many(limiter: &AdaptiveLimiter, count: usize, bytes: u64) -> Vec<UploadPermit> {
        let mut permits = Vec::new();
        for _ in 0..count {
            match tokio::time::timeout(Duration::from_millis(20), limiter.acquire(bytes)).await {
                Ok(permit) => permits.push(permit),
                Err(_) => break,
            }
        }
        permits
    }

    #[tokio::test]
    async fn the_window_starts_small_and_grows_to_its_limit() {
        let limiter = limited(512, u64::MAX);
        let mut windows = Vec::new();
        for _ in 0..6 {
            let permits = acquire_many(&limiter, 600, 1).await.len();
            windows.push(permits);
            (0..permits).for_each(|_| limiter.record_success());
        }
        assert_eq!(windows, [32, 64, 128, 256, 512, 512]);
    }

    #[tokio::test]
    async fn throttles_halve_the_window_once_per_half_second() {
        let limiter = limited(64, u64::MAX);
        (0..100).for_each(|_| limiter.record_success());
        (0..50).for_each(|_| limiter.record_throttle());
        assert_eq!(acquire_many(&limiter, 100, 1).await.len(), 32, "50 throttles under one window count once");
        tokio::time::sleep(DECREASE_INTERVAL).await;
        limiter.record_throttle();
        assert_eq!(acquire_many(&limiter, 100, 1).await.len(), 16);
        (0..16).for_each(|_| limiter.record_success());
        assert_eq!(acquire_many(&limiter, 100, 1).await.len(), 16, "after a throttle, growth is linear");
        limiter.record_success();
        assert_eq!(acquire_many(&limiter, 100, 1).await.len(), 17);
        assert_eq!(limiter.traffic().throttles, 51);
    }

    #[tokio::test]
    async fn a_throttle_never_widens_a_small_window() {
        for max in 1..=7 {
            let limiter = limited(max, u64::MAX);
            limiter.record_throttle();
            assert_eq!(acquire_many(&limiter, 100, 1).await.len(), max as usize);
        }
    }

    #[tokio::test]
    async fn the_lowest_rates_only_cause_long_delays() {
        let limiter = AdaptiveLimiter::new(UploadLimits { puts: 8, bytes: u64::MAX, puts_per_second: Some(1e-300) });
        assert_eq!(acquire_many(&limiter, 8, 1).await.len(), 1, "the first upload starts at once");
    }

    #[tokio::test]
    async fn bytes_in_flight_are_limited_and_a_larger_body_runs_alone() {
        let limiter = limited(8, 100);
        assert_eq!(acquire_many(&limiter, 8, 30).await.len(), 3);
        assert_eq!(acquire_many(&limiter, 8, 1000).await.len(), 1);
    }

    #[tokio::test]
    async fn a_finished_upload_lets_the_next_one_start() {
        let limiter = limited(1, u64::MAX);
        let first = limiter.acquire(1).await;
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { drop(limiter.acquire(1).await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.expect("the waiter was woken");
    }

    #[tokio::test]
    async fn an_upload_that_is_canceled_while_it_waits_releases_its_permit() {
        let limiter = AdaptiveLimiter::new(UploadLimits { puts: 1, bytes: u64::MAX, puts_per_second: Some(1.0) });
        drop(limiter.acquire(1).await);
        for _ in 0..3 {
            assert!(
                tokio::time::timeout(Duration::from_millis(5), limiter.acquire(1)).await.is_err(),
                "its start is later"
            );
        }
        assert!(limiter.limiter.acquire(1).now_or_never().is_some(), "the permit is free");
    }

    #[tokio::test]
    async fn a_rate_limit_spreads_the_uploads() {
        let limits = UploadLimits { puts: 64, bytes: u64::MAX, puts_per_second: Some(50.0) };
        let limiter = AdaptiveLimiter::new(limits);
        let began = Instant::now();
        for _ in 0..11 {
            drop(limiter.acquire(1).await);
        }
        assert!(began.elapsed() >= Duration::from_millis(199), "ten delays of 20 ms: {:?}", began.elapsed());
    }
}
