//! A limit on the number of items in flight and on their total size.
//!
//! Permits are granted in the order of the requests. A large item at the head of the queue blocks smaller ones behind
//! it. Otherwise, a stream of small items could delay the large one forever.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A limiter for all tasks that acquire permits from it. Clones share the same limit.
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

/// Permission for one item in flight. Dropping the permit releases its capacity.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Limiter,
    bytes: u64,
}

impl Limiter {
    /// Creates a limit of `max_count` items and `max_bytes` bytes. An item that is larger than `max_bytes` runs alone.
    pub(crate) fn new(max_count: usize, max_bytes: u64) -> Self {
        let max_count = max_count.max(1);
        let state = State { max_count, max_bytes, count: 0, bytes: 0, waiting: VecDeque::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a permit for one item of `bytes` bytes.
    pub(crate) async fn acquire(&self, bytes: u64) -> Permit {
        // A semaphore of tokio cannot express this limit: it counts one kind of permits, and the byte budget needs a
        // rule for items that are larger than all of it. Two semaphores, one for the number and one for the bytes,
        // would be acquired one after the other, so that an item could hold a slot while it waits for bytes.
        let (grant, granted) = oneshot::channel();
        self.change(|state| state.waiting.push_back(Waiter { bytes, grant }));
        granted.await.expect("a waiter stays in the queue until it is granted a permit")
    }

    /// Changes the maximum number of items, where 0 counts as 1. Excess permits stay valid until they are dropped.
    #[cfg(any(test, feature = "s3"))]
    pub(crate) fn set_max_count(&self, max_count: usize) {
        self.change(|state| state.max_count = max_count.max(1));
    }

    /// Changes the state, then grants all permits that fit.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let granted: Vec<Waiter> = {
            let mut state = self.lock();
            change(&mut state);
            std::iter::from_fn(|| state.grant_next()).collect()
        };
        for Waiter { bytes, grant } in granted {
            // Permits are sent after the lock is released. Dropping one takes the lock again, and that may happen right
            // here: a waiter whose future was dropped leaves a closed channel.
            // If the waiter is gone, `send` returns the permit and dropping it releases the capacity.
            drop(grant.send(Permit { limiter: self.clone(), bytes }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only additions happen under this lock, so the state is valid even if another thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes the first waiter from the queue if its permit fits.
    fn grant_next(&mut self) -> Option<Waiter> {
        // Canceled waiters are removed only here, when they reach the front. Searching the queue when a future is
        // dropped would need an identifier for each waiter, and would change nothing for those that wait.
        while self.waiting.front().is_some_and(|waiter| waiter.grant.is_closed()) {
            self.waiting.pop_front();
        }
        let bytes = self.waiting.front()?.bytes;
        // An item that is larger than the limit must be able to run, or it would wait forever. It gets its turn when
        // nothing else is in flight, so the peak is the limit or one such item, never both.
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
    /// Reduces the permit to `bytes`, for an item that turned out smaller. Does nothing if the permit is not larger.
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

    /// A step of a random test.
    #[derive(Clone, Debug)]
    enum Step {
        Acquire(u64),
        /// Drops a permit, chosen by the number.
        Release(usize),
        /// Cancels a waiter, chosen by the number.
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

    /// All waiters in order, and all granted permits.
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
                        // The next change removes the canceled waiter from the queue.
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
            // Every waiter gets a turn when the permits are dropped one by one.
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
