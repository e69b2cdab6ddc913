//! What all images of a publisher share: cores, puts in flight, memory, and the word to stop.

use super::memory::{InFlight, shared_bytes};
use super::options::Options;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What all images of a publisher share.
#[derive(Clone)]
pub(super) struct Budget {
    /// One permit for each image that is worked on: as many as there are encoders, so that small ones keep all cores busy, and one
    /// more to decode while another waits for its last objects.
    pub(super) images: Arc<Semaphore>,
    /// One permit for each encoder that may run: more than there are cores only makes them take turns.
    pub(super) encoders: Arc<Semaphore>,
    /// One permit for each put in flight.
    pub(super) puts: Arc<Semaphore>,
    /// One permit for each tile that is being encoded, waits for a put or is being put: bounds the encoded bytes in
    /// memory. As many as can be put, and one for each encoder, so that neither waits for the other.
    pub(super) tiles: Arc<Semaphore>,
    in_flight: InFlight,
    /// What of the memory is for images, beside what they share; `None` without a limit.
    memory: Option<Memory>,
    /// Whether no new work is to begin.
    stopping: Arc<watch::Sender<bool>>,
}

impl Budget {
    pub(super) fn new(options: &Options, concurrency: usize) -> Self {
        let jobs = options.jobs.get();
        let pictures = jobs.saturating_add(concurrency);
        let in_flight = InFlight { encoders: jobs as u64, pictures: pictures as u64 };
        let memory = options.max_memory_bytes.map(|limit_bytes| {
            let bytes = limit_bytes.saturating_sub(shared_bytes(options.shape, options.jpeg, in_flight));
            Memory::new(limit_bytes, bytes)
        });
        Self {
            in_flight,
            memory,
            images: Arc::new(Semaphore::new(jobs.saturating_add(1).min(Semaphore::MAX_PERMITS))),
            encoders: Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS))),
            puts: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))),
            tiles: Arc::new(Semaphore::new(pictures.min(Semaphore::MAX_PERMITS))),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Encoded pictures in memory at the same time, of all images together.
    pub(super) fn in_flight(&self) -> InFlight {
        self.in_flight
    }

    /// The limit that an image is beyond which takes `peak_bytes` all by itself.
    pub(super) fn is_beyond(&self, peak_bytes: u64) -> Option<u64> {
        self.memory.as_ref().map(|memory| memory.limit_bytes).filter(|limit| peak_bytes > *limit)
    }

    /// Waits until there is memory for an image that takes so much beside what all images share, and takes it. Images get it in
    /// the order in which they ask, so that a large one is not waiting for ever.
    pub(super) async fn memory(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let memory = self.memory.as_ref()?;
        let units = u32::try_from(bytes.div_ceil(Memory::UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, memory.units);
        let permit = Arc::clone(&memory.left).acquire_many_owned(units).await;
        Some(permit.expect("the semaphores of a budget are never closed"))
    }

    /// From now on nothing begins any more; what is in flight goes on.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until nothing is to begin any more.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // Fails only when the budget is gone, which `self` rules out.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }
}

pub(super) async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("the semaphores of a budget are never closed")
}

/// Memory, in units that a semaphore can count.
#[derive(Clone)]
struct Memory {
    /// For everything.
    limit_bytes: u64,
    /// For images.
    units: u32,
    left: Arc<Semaphore>,
}

impl Memory {
    const UNIT_BYTES: u64 = 1 << 16;

    fn new(limit_bytes: u64, bytes: u64) -> Self {
        // 256 TiB at the most.
        let units = u32::try_from(bytes / Self::UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self { limit_bytes, units, left: Arc::new(Semaphore::new(units as usize)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn images_share_the_memory_and_none_waits_for_ever() {
        let mut options = Options::new("https://example.org".parse().expect("a URL"));
        options.max_memory_bytes = Some(1 << 30);
        let budget = Budget::new(&options, 4);
        assert_eq!(budget.is_beyond(1 << 30), None);
        assert_eq!(budget.is_beyond((1 << 30) + 1), Some(1 << 30));
        let large = budget.memory(900 << 20).now_or_never().expect("there is enough");
        assert!(budget.memory(200 << 20).now_or_never().is_none(), "what is left is less");
        let small = budget.memory(1 << 20).now_or_never().expect("there is enough");
        drop(large);
        let rest = budget.memory(900 << 20).now_or_never().expect("it was given back");
        drop((small, rest));
        assert!(budget.memory(u64::MAX).now_or_never().is_some(), "no more than all");
    }
}
