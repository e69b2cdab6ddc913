//! How many puts are in flight: as many as the store takes, found out by trying.
//!
//! Additive increase, multiplicative decrease, as in TCP: the window grows while puts succeed and is halved when the store
//! says that it is too much. All images and all retries share it. It is bounded by bytes as well, so that large pictures do
//! not pile up in memory.

use super::Traffic;
use crate::limiter::{Limiter, Permit};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Puts in flight at the beginning: hundreds of new connections at once fail on names and handshakes.
const FIRST_WINDOW: f64 = 16.0;

/// The window never gets smaller: a store that refuses one request in ten at random, and not because there are too many,
/// would otherwise be asked by two puts at a time, most of which wait for their next try.
const LEAST_WINDOW: f64 = 8.0;

/// Throttles within this time count once: they answer puts that were all sent under the same window.
const DECREASE_INTERVAL: Duration = Duration::from_millis(500);

/// The longest pause between two puts that a rate can ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

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
    limiter: Limiter,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    window: f64,
    /// Below it the window doubles with every round of puts, above it grows by one.
    threshold: f64,
    last_decrease: Option<Instant>,
    /// When the next put may begin, where their rate is limited.
    next_begin: Instant,
    traffic: Traffic,
}

/// The right to one put. Dropped, the next one may begin.
#[derive(Debug)]
pub(crate) struct Pace {
    _permit: Permit,
}

impl Pacer {
    pub(crate) fn new(limits: PaceLimits) -> Self {
        let most = f64::from(limits.puts.max(1));
        let state = State {
            window: FIRST_WINDOW.min(most),
            threshold: most,
            last_decrease: None,
            next_begin: Instant::now(),
            traffic: Traffic::default(),
        };
        let limiter = Limiter::new(state.places(), limits.bytes);
        Self { limits, limiter, state: Arc::new(Mutex::new(state)) }
    }

    /// Waits until one more put of so many bytes may be in flight.
    pub(crate) async fn begin(&self, bytes: u64) -> Pace {
        // Before the pause, so that a put that is given up in it gives back its place.
        let pace = Pace { _permit: self.limiter.acquire(bytes).await };
        if let Some(rate) = self.limits.puts_per_second {
            let begin = self.locked().next_turn(rate);
            tokio::time::sleep_until(begin).await;
        }
        pace
    }

    /// A put has succeeded: there may be room for more.
    pub(crate) fn succeeded(&self) {
        let most = f64::from(self.limits.puts.max(1));
        self.resize(|state| {
            let growth = if state.window < state.threshold { 1.0 } else { 1.0 / state.window };
            state.window = (state.window + growth).min(most);
        });
    }

    /// The store asked for fewer requests.
    pub(crate) fn throttled(&self) {
        let least = LEAST_WINDOW.min(f64::from(self.limits.puts.max(1)));
        self.resize(|state| {
            state.traffic.throttles += 1;
            let is_new = state.last_decrease.is_none_or(|last| last.elapsed() >= DECREASE_INTERVAL);
            if is_new {
                state.window = (state.window / 2.0).max(least);
                state.threshold = state.window;
                state.last_decrease = Some(Instant::now());
            }
        });
    }

    /// Changes the window, and tells the limiter if the number of places is another one.
    fn resize(&self, resize: impl FnOnce(&mut State)) {
        let mut state = self.locked();
        let before = state.places();
        resize(&mut state);
        if state.places() != before {
            // Under the lock, so that the last one to change the window is the last one to tell.
            self.limiter.set_max_count(state.places());
        }
    }

    /// A request is sent, for the first time or again.
    pub(crate) fn sent(&self, again: bool) {
        let mut state = self.locked();
        state.traffic.requests += 1;
        state.traffic.retries += u64::from(again);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.locked().traffic
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Only additions happen under this lock: what a panic elsewhere left behind is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the limit, a u32")]
    fn places(&self) -> usize {
        self.window as usize
    }

    /// Takes the next turn of a rate.
    fn next_turn(&mut self, puts_per_second: f64) -> Instant {
        let pause = Duration::try_from_secs_f64(1.0 / puts_per_second).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
        let begin = self.next_begin.max(Instant::now());
        self.next_begin = begin + pause;
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

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
        assert_eq!(begun(&pacer, 100, 1).await.len(), 16);
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
    async fn a_throttle_never_widens_a_small_window() {
        for most in 1..=7 {
            let pacer = limited(most, u64::MAX);
            pacer.throttled();
            assert_eq!(begun(&pacer, 100, 1).await.len(), most as usize);
        }
    }

    #[tokio::test]
    async fn the_smallest_rates_only_make_long_pauses() {
        let pacer = Pacer::new(PaceLimits { puts: 8, bytes: u64::MAX, puts_per_second: Some(1e-300) });
        assert_eq!(begun(&pacer, 8, 1).await.len(), 1, "the first put begins at once");
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
        assert!(pacer.limiter.acquire(1).now_or_never().is_some(), "the place is free");
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
