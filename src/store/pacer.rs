//! How many puts are in flight: as many as the store takes, found out by trying.
//!
//! Additive increase, multiplicative decrease, as in TCP: the window grows while puts succeed and is halved when the store
//! says that it is too much. All images and all retries share it. It is bounded by bytes as well, so that large pictures do
//! not pile up in memory.

use super::Traffic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Puts in flight at the beginning: hundreds of new connections at once fail on names and handshakes.
const FIRST_WINDOW: f64 = 8.0;

/// The window never gets smaller: a store that refuses one request in ten at random, and not because there are too many,
/// would otherwise be asked by two puts at a time, most of which wait for their next try.
const LEAST_WINDOW: f64 = 8.0;

/// Throttles within this time count once: they answer puts that were all sent under the same window.
const DECREASE_INTERVAL: Duration = Duration::from_millis(500);

/// The limits that hold whatever the store says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaceLimits {
    /// Puts in flight at the most.
    pub(crate) puts: u32,
    /// Bytes of their bodies together at the most; a single larger body may still go alone.
    pub(crate) bytes: u64,
    /// Puts that begin within a second at the most.
    pub(crate) puts_per_second: Option<f64>,
}

/// Shared by everything that puts.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    limits: PaceLimits,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the next in line, when a put ended or the window grew.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    window: f64,
    /// Below it the window doubles with every round of puts, above it grows by one.
    threshold: f64,
    puts: u32,
    bytes: u64,
    last_decrease: Option<Instant>,
    /// When the next put may begin, where their rate is limited.
    next_begin: Instant,
    traffic: Traffic,
}

/// The right to one put. Dropped, the next one may begin.
#[derive(Debug)]
pub(crate) struct Pace {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Pacer {
    pub(crate) fn new(limits: PaceLimits) -> Self {
        let most = f64::from(limits.puts.max(1));
        let state = State {
            window: FIRST_WINDOW.min(most),
            threshold: most,
            puts: 0,
            bytes: 0,
            last_decrease: None,
            next_begin: Instant::now(),
            traffic: Traffic::default(),
        };
        Self { limits, shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// Waits until one more put of so many bytes may be in flight.
    pub(crate) async fn begin(&self, bytes: u64) -> Pace {
        loop {
            // Registered before looking, so that a change in between is not missed.
            let changed = self.shared.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if let Some(begin) = self.try_begin(bytes) {
                // Before the pause, so that a put that is given up in it gives back its place.
                let pace = Pace { shared: Arc::clone(&self.shared), bytes };
                tokio::time::sleep_until(begin).await;
                return pace;
            }
            changed.await;
        }
    }

    /// Takes a place, and says when its put may begin.
    fn try_begin(&self, bytes: u64) -> Option<Instant> {
        let mut state = self.shared.locked();
        let has_place = f64::from(state.puts) < state.window.floor();
        let has_room = state.puts == 0 || state.bytes + bytes <= self.limits.bytes;
        if !has_place || !has_room {
            return None;
        }
        state.puts += 1;
        state.bytes += bytes;
        let begin = state.next_begin.max(Instant::now());
        if let Some(rate) = self.limits.puts_per_second {
            state.next_begin = begin + Duration::from_secs_f64(1.0 / rate);
        }
        Some(begin)
    }

    /// A put has succeeded: there may be room for more.
    pub(crate) fn succeeded(&self) {
        let mut state = self.shared.locked();
        let before = state.window.floor();
        let growth = if state.window < state.threshold { 1.0 } else { 1.0 / state.window };
        state.window = (state.window + growth).min(f64::from(self.limits.puts.max(1)));
        if state.window.floor() > before {
            self.shared.changed.notify_one();
        }
    }

    /// The store asked for fewer requests.
    pub(crate) fn throttled(&self) {
        let mut state = self.shared.locked();
        state.traffic.throttles += 1;
        let is_new = state.last_decrease.is_none_or(|last| last.elapsed() >= DECREASE_INTERVAL);
        if is_new {
            state.window = (state.window / 2.0).max(LEAST_WINDOW);
            state.threshold = state.window;
            state.last_decrease = Some(Instant::now());
        }
    }

    /// A request is sent, for the first time or again.
    pub(crate) fn sent(&self, again: bool) {
        let mut state = self.shared.locked();
        state.traffic.requests += 1;
        state.traffic.retries += u64::from(again);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.shared.locked().traffic
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        // Only additions happen under this lock: what a panic elsewhere left behind is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        let mut state = self.shared.locked();
        state.puts -= 1;
        state.bytes -= self.bytes;
        // One place is free, so one waiter is woken; one that finds the window too small by now waits for the next.
        self.shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(puts: u32, bytes: u64) -> Pacer {
        Pacer::new(PaceLimits { puts, bytes, puts_per_second: None })
    }

    /// How many of the given puts may be in flight at once.
    async fn begun(pacer: &Pacer, count: usize, bytes: u64) -> Vec<Pace> {
        let mut begun = Vec::new();
        for _ in 0..count {
            match tokio::time::timeout(Duration::from_millis(20), pacer.begin(bytes)).await {
                Ok(pace) => begun.push(pace),
                Err(_) => break,
            }
        }
        begun
    }

    #[tokio::test]
    async fn it_starts_slowly_and_grows_to_its_limit() {
        let pacer = limited(64, u64::MAX);
        assert_eq!(begun(&pacer, 100, 1).await.len(), 8);
        (0..100).for_each(|_| pacer.succeeded());
        assert_eq!(begun(&pacer, 100, 1).await.len(), 64);
    }

    #[tokio::test]
    async fn throttles_halve_the_window_once_each_half_second() {
        let pacer = limited(64, u64::MAX);
        (0..100).for_each(|_| pacer.succeeded());
        (0..50).for_each(|_| pacer.throttled());
        assert_eq!(begun(&pacer, 100, 1).await.len(), 32, "50 throttles of one window are one");
        tokio::time::sleep(DECREASE_INTERVAL).await;
        pacer.throttled();
        assert_eq!(begun(&pacer, 100, 1).await.len(), 16);
        (0..16).for_each(|_| pacer.succeeded());
        assert_eq!(begun(&pacer, 100, 1).await.len(), 16, "after a throttle it grows by one with each round");
        pacer.succeeded();
        assert_eq!(begun(&pacer, 100, 1).await.len(), 17);
        assert_eq!(pacer.traffic().throttles, 51);
    }

    #[tokio::test]
    async fn bodies_in_flight_are_bounded_and_one_large_body_goes_alone() {
        let pacer = limited(8, 100);
        assert_eq!(begun(&pacer, 8, 30).await.len(), 3);
        assert_eq!(begun(&pacer, 8, 1000).await.len(), 1);
    }

    #[tokio::test]
    async fn an_ended_put_lets_the_next_begin() {
        let pacer = limited(1, u64::MAX);
        let first = pacer.begin(1).await;
        let waiting = tokio::spawn({
            let pacer = pacer.clone();
            async move { drop(pacer.begin(1).await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.expect("it was woken");
    }

    #[tokio::test]
    async fn a_put_that_is_given_up_while_it_waits_gives_back_its_place() {
        let pacer = Pacer::new(PaceLimits { puts: 1, bytes: u64::MAX, puts_per_second: Some(1.0) });
        drop(pacer.begin(1).await);
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_millis(5), pacer.begin(1)).await.is_err(), "its turn is later");
        }
        assert_eq!(pacer.shared.locked().puts, 0);
    }

    #[tokio::test]
    async fn a_rate_spreads_the_puts() {
        let limits = PaceLimits { puts: 64, bytes: u64::MAX, puts_per_second: Some(50.0) };
        let pacer = Pacer::new(limits);
        let began = Instant::now();
        for _ in 0..11 {
            drop(pacer.begin(1).await);
        }
        assert!(began.elapsed() >= Duration::from_millis(199), "ten pauses of 20 ms: {:?}", began.elapsed());
    }
}
