//! The number of parallel uploads, adapted to the store.
//!
//! The limit follows the congestion control of TCP (additive increase, multiplicative decrease; RFC 5681). It starts at
//! 16 uploads, because hundreds of new connections at once fail in DNS lookups and TLS handshakes. In slow start, each
//! success adds one upload, so the window doubles with each round of uploads. A throttle halves the window and ends
//! slow start; from then on, the window grows by one upload per round. Throttles within half a second count once,
//! because they answer uploads that were sent under the same window. If each of them halved the window, a single burst
//! of 503 responses would cut it to the minimum. The minimum is 8, because some stores reject one request in ten at
//! random: without it, such a store would soon get only one or two uploads at a time, most of them waiting for their
//! next attempt. All images and all retries share the window. A second limit on bytes keeps large images in flight from
//! filling the memory.

use super::Traffic;
use crate::limiter::{Limiter, Permit};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Initial number of parallel uploads.
const INITIAL_WINDOW: f64 = 16.0;

/// Minimum number of parallel uploads, unless the configured maximum is smaller.
const MIN_WINDOW: f64 = 8.0;

/// Minimum time between two decreases of the window. Other throttles within this time are ignored.
const DECREASE_INTERVAL: Duration = Duration::from_millis(500);

/// Maximum delay between two uploads, for very low rate limits.
const MAX_DELAY: Duration = Duration::from_hours(24);

/// Fixed limits, independent of the responses of the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadLimits {
    /// Maximum parallel uploads.
    pub(crate) puts: u32,
    /// Maximum total size of the bodies in flight, in bytes. A larger body is uploaded alone.
    pub(crate) bytes: u64,
    /// Maximum rate of starting uploads, per second.
    pub(crate) puts_per_second: Option<f64>,
}

/// A limiter for uploads. Clones share the same window.
#[derive(Clone, Debug)]
pub(crate) struct AdaptiveLimiter {
    limits: UploadLimits,
    limiter: Limiter,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    window: f64,
    /// The end of slow start: above this window, growth is linear.
    threshold: f64,
    last_decrease: Option<Instant>,
    /// The earliest start of the next upload under a rate limit.
    next_start: Instant,
    traffic: Traffic,
}

/// Permission for one upload. Dropping the permit lets the next upload start.
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
        // Acquired before the delay, so that an upload that is canceled during the delay releases its permit.
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
            // Each success stands for one upload of the current window. Adding 1 for each doubles the window in the
            // time of one upload; adding 1/window for each makes it 1 larger. The fraction is why the window is not an
            // integer.
            let growth = if state.window < state.threshold { 1.0 } else { 1.0 / state.window };
            state.window = (state.window + growth).min(max);
        });
    }

    /// Counts a throttle, and halves the window unless it was halved a moment ago.
    pub(crate) fn record_throttle(&self) {
        let min = MIN_WINDOW.min(f64::from(self.limits.puts.max(1)));
        self.resize(|state| {
            state.traffic.throttles += 1;
            // All uploads of a window are in flight when the store begins to throttle, so dozens of them may fail by
            // one decision of the store. They count once.
            let is_new = state.last_decrease.is_none_or(|last| last.elapsed() >= DECREASE_INTERVAL);
            if is_new {
                state.window = (state.window / 2.0).max(min);
                state.threshold = state.window;
                state.last_decrease = Some(Instant::now());
            }
        });
    }

    /// Changes the window, and the maximum count of the limiter if it differs.
    fn resize(&self, resize: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let before = state.max_count();
        resize(&mut state);
        if state.max_count() != before {
            // Under the lock, so that the last change of the window also sets the final maximum count.
            self.limiter.set_max_count(state.max_count());
        }
    }

    /// Counts a request.
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

    /// Reserves the next start time under a rate limit.
    fn reserve_start(&mut self, puts_per_second: f64) -> Instant {
        let delay = Duration::try_from_secs_f64(1.0 / puts_per_second).unwrap_or(MAX_DELAY).min(MAX_DELAY);
        // Starts are reserved ahead instead of being counted in buckets of a second, so that the requests of a second
        // are spread over it. Time that was not used is lost: after a pause, there is no burst to catch up.
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

    /// Acquires up to `count` permits for bodies of `bytes` bytes, as long as none of them waits.
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
        let limiter = limited(64, u64::MAX);
        assert_eq!(acquire_many(&limiter, 100, 1).await.len(), 16);
        (0..100).for_each(|_| limiter.record_success());
        assert_eq!(acquire_many(&limiter, 100, 1).await.len(), 64);
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
