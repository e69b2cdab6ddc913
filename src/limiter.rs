//! Limits the number of items in flight and their total size.
//!
//! Permits are granted in FIFO order. A large item at the head of the queue blocks the smaller ones behind it, because
//! a steady stream of small items could otherwise starve it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A limiter shared by every task that acquires permits from it. Clones share the same limits.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    max_count: usize,
    max_bytes: u64,
    count: usize,
    bytes: u64,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    bytes: u64,
    grant: oneshot::Sender<Permit>,
}

/// Permission to have one item in flight. Dropping it releases the capacity.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Limiter,
    bytes: u64,
}

impl Limiter {
    /// Creates a limiter for `max_count` items and `max_bytes` bytes. An item larger than `max_bytes` runs alone.
    pub(crate) fn new(max_count: usize, max_bytes: u64) -> Self {
        let max_count = max_count.max(1);
        let state = State { max_count, max_bytes, count: 0, bytes: 0, waiting: VecDeque::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a permit for an item of `bytes` bytes.
    pub(crate) async fn acquire(&self, bytes: u64) -> Permit {
        // A Tokio semaphore can't express this limit because it counts only one kind of permit, and items larger than
        // the whole byte budget need special treatment. Using two semaphores, one for the count and one for the bytes,
        // would mean acquiring them one after the other, and an item could hold a slot while it waits for bytes.
        let (grant, granted) = oneshot::channel();
        self.change(|state| state.waiting.push_back(Waiter { bytes, grant }));
        granted.await.expect("a waiter stays in the queue until it is granted a permit")
    }

    /// Sets the maximum number of items, with a minimum of 1. Permits above the new limit stay valid until they are
    /// dropped.
    #[cfg(any(test, feature = "s3"))]
    pub(crate) fn set_max_count(&self, max_count: usize) {
        self.change(|state| state.max_count = max_count.max(1));
    }

    /// Updates the state, then grants every permit that now fits.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let granted: Vec<Waiter> = {
            let mut state = self.lock();
            change(&mut state);
            std::iter::from_fn(|| state.grant_next()).collect()
        };
        for Waiter { bytes, grant } in granted {
            // Send permits only after releasing the lock. Dropping a permit takes the lock again, and that can happen
            // right here if the waiter's future was dropped and its channel is closed. In that case `send` hands the
            // permit back, and dropping it releases the capacity.
            drop(grant.send(Permit { limiter: self.clone(), bytes }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only additions happen under this lock, so the state is valid even if another thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Pops the first waiter off the queue if its permit fits.
    fn grant_next(&mut self) -> Option<Waiter> {
        // Canceled waiters are removed only when they reach the front. Searching the queue whenever a future is dropped
        // would require an ID per waiter and wouldn't help the remaining waiters.
        while self.waiting.front().is_some_and(|waiter| waiter.grant.is_closed()) {
            self.waiting.pop_front();
        }
        let bytes = self.waiting.front()?.bytes;
        // An item larger than the limit has to run eventually, so it gets its turn when nothing else is in flight. Peak
        // usage is then either the limit or one oversized item, never both.
        let has_room = self.count == 0 || self.bytes.saturating_add(bytes) <= self.max_bytes;
        if self.count >= self.max_count || !has_room {
            return None;
        }
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.waiting.pop_front()
    }
}

impl Permit {
    /// Shrinks the permit to `bytes` when an item turns out smaller than expected. Does nothing if it already fits.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        if surplus > 0 {
            self.bytes = bytes;
            self.limiter.change(|state| state.bytes -= surplus);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let bytes = self.bytes;
        self.limiter.change(|state| {
            state.count -= 1;
            state.bytes -= bytes;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use proptest::prelude::*;

    /// One step of a randomized test.
    #[derive(Clone, Debug)]
    enum Step {
        Acquire(u64),
        /// Drops the permit selected by this number.
        Release(usize),
        /// Cancels the waiter selected by this number.
        Cancel(usize),
        Shrink(usize, u64),
        SetMaxCount(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0_u64..150).prop_map(Step::Acquire),
            4 => any::<usize>().prop_map(Step::Release),
            1 => any::<usize>().prop_map(Step::Cancel),
            1 => (any::<usize>(), 0_u64..150).prop_map(|(which, bytes)| Step::Shrink(which, bytes)),
            1 => (0_usize..6).prop_map(Step::SetMaxCount),
        ]
    }

    /// Waiters in queue order, plus the permits granted so far.
    #[derive(Default)]
    struct Crowd {
        waiting: VecDeque<(u64, BoxFuture<'static, Permit>)>,
        granted: Vec<Permit>,
    }

    impl Crowd {
        fn acquire(&mut self, limiter: &Limiter, bytes: u64) {
            let limiter = limiter.clone();
            self.waiting.push_back((bytes, async move { limiter.acquire(bytes).await }.boxed()));
        }

        /// Polls all waiters. Only the head of the queue may be granted a permit.
        fn poll(&mut self) {
            let mut is_behind_a_waiter = false;
            for (bytes, mut future) in std::mem::take(&mut self.waiting) {
                if let Some(permit) = future.as_mut().now_or_never() {
                    assert!(!is_behind_a_waiter, "granted out of order");
                    self.granted.push(permit);
                } else {
                    is_behind_a_waiter = true;
                    self.waiting.push_back((bytes, future));
                }
            }
        }

        fn bytes(&self) -> u64 {
            self.granted.iter().map(|permit| permit.bytes).sum()
        }
    }

    proptest! {
        #[test]
        fn limits_hold_in_order_and_a_waiter_that_fits_never_waits(steps in prop::collection::vec(step(), 1..120)) {
            const MAX_BYTES: u64 = 100;
            let (limiter, mut crowd, mut max_count) = (Limiter::new(3, MAX_BYTES), Crowd::default(), 3);
            for step in steps {
                let granted_before = crowd.granted.len();
                match step {
                    Step::Acquire(bytes) => crowd.acquire(&limiter, bytes),
                    Step::Release(which) if granted_before > 0 => drop(crowd.granted.swap_remove(which % granted_before)),
                    Step::Cancel(which) if !crowd.waiting.is_empty() => {
                        drop(crowd.waiting.remove(which % crowd.waiting.len()));
                        // The next state change removes the canceled waiter from the queue.
                        limiter.set_max_count(max_count);
                    }
                    Step::Shrink(which, bytes) if granted_before > 0 => {
                        crowd.granted[which % granted_before].shrink_to(bytes);
                    }
                    Step::SetMaxCount(count) => {
                        max_count = count.max(1);
                        limiter.set_max_count(count);
                    }
                    _ => {}
                }
                let before = crowd.granted.len();
                crowd.poll();
                if crowd.granted.len() > before {
                    prop_assert!(crowd.granted.len() <= max_count);
                    prop_assert!(crowd.bytes() <= MAX_BYTES || crowd.granted.len() == 1);
                }
                if let Some((bytes, _)) = crowd.waiting.front() {
                    let is_full = crowd.granted.len() >= max_count;
                    let has_room = crowd.granted.is_empty() || crowd.bytes() + bytes <= MAX_BYTES;
                    prop_assert!(is_full || !has_room, "{} of {max_count}, {} bytes", crowd.granted.len(), crowd.bytes());
                }
            }
            // Dropping the permits one by one gives every waiter a turn.
            let mut turns = crowd.waiting.len() + crowd.granted.len();
            while !crowd.granted.is_empty() {
                crowd.granted.remove(0);
                turns -= 1;
                crowd.poll();
            }
            prop_assert_eq!((turns, crowd.waiting.len()), (0, 0));
        }
    }

    #[test]
    fn a_permit_for_a_canceled_waiter_is_available_again() {
        let limiter = Limiter::new(1, 100);
        let first = limiter.acquire(1).now_or_never().expect("there is room");
        let mut second = limiter.acquire(1).boxed();
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        // The permit was granted but never received.
        drop(second);
        assert!(limiter.acquire(1).now_or_never().is_some());
    }
}
