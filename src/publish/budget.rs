//! Limits that all images of a publisher share, and the stop signal.

use super::memory::{ImageBytes, InFlight, shared_bytes};
use super::options::Options;
use crate::limiter::Limiter;
use crate::workers::Workers;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The limits and the stop signal. Clones share them.
#[derive(Clone)]
pub(super) struct Budget {
    /// The threads that decode, convert colors and encode.
    pub(super) workers: Workers,
    /// One permit for each image that is being read. There is one more than there are encoders: small images keep all cores busy, and
    /// one is decoded while another waits. Images that wait for the store hold none, because it may be far away.
    pub(super) readers: Arc<Semaphore>,
    /// One permit for each encoder that runs or is next. The workers take what they are given in order, so that more encoders would
    /// only make the readers wait.
    pub(super) encoders: Arc<Semaphore>,
    /// One permit for each upload in flight.
    pub(super) puts: Arc<Semaphore>,
    /// One permit for each tile that is being encoded or uploaded, or waits for its upload, with its encoded bytes. There are enough
    /// for all uploads and all encoders, so that neither waits for the other unless the bytes reach their limit.
    pub(super) tiles: Limiter,
    in_flight: InFlight,
    /// The memory of images, without the part that they share; `None` if there is no limit.
    memory: Option<Memory>,
    /// Set to `true` once no new work may begin.
    stopping: Arc<watch::Sender<bool>>,
}

impl Budget {
    pub(super) fn new(options: &Options, concurrency: usize) -> Self {
        let jobs = options.jobs.get();
        let pictures = jobs.saturating_add(concurrency);
        let in_flight = InFlight::new(jobs, concurrency);
        let memory = options.max_memory_bytes.map(|limit_bytes| {
            let bytes = limit_bytes.saturating_sub(shared_bytes(options.shape, options.jpeg, in_flight));
            Memory::new(limit_bytes, bytes)
        });
        Self {
            workers: Workers::new(options.jobs),
            in_flight,
            memory,
            readers: Arc::new(Semaphore::new(jobs.saturating_add(1).min(Semaphore::MAX_PERMITS))),
            encoders: Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS))),
            puts: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))),
            tiles: Limiter::new(pictures, in_flight.encoded_bytes),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Returns the maximum number of pictures in memory, of all images together.
    pub(super) fn in_flight(&self) -> InFlight {
        self.in_flight
    }

    /// Returns the memory limit if an image that needs `peak_bytes` exceeds it.
    pub(super) fn is_beyond(&self, peak_bytes: u64) -> Option<u64> {
        self.memory.as_ref().map(|memory| memory.limit_bytes).filter(|limit| peak_bytes > *limit)
    }

    /// Waits for the memory of an image. Requests are granted in order, so that a large image is not overtaken forever.
    pub(super) async fn memory(&self, bytes: ImageBytes) -> ImageMemory {
        let Some(memory) = &self.memory else { return ImageMemory::default() };
        // All memory of an image is taken at once. Two images that took theirs in two steps could each hold what the
        // other one waits for. Later the permit is split, so that the larger part can be returned earlier.
        let units = memory.units_of(bytes.total()).max(1);
        let permit = Arc::clone(&memory.left).acquire_many_owned(units).await;
        let mut reading = permit.expect("the semaphores of a budget are never closed");
        let lasting = reading.split(memory.units_of(bytes.lasting).min(units) as usize);
        ImageMemory { reading: Arc::new(Some(reading)), lasting }
    }

    /// Stops: work in flight continues, new work does not begin.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for the stop signal.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // Fails only if the sender is dropped, and `self` holds it.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }
}

/// Memory that an image has, given back when this is dropped.
#[derive(Debug, Default)]
pub(super) struct ImageMemory {
    /// Held by everything that holds pixels of the image.
    pub(super) reading: ReadingMemory,
    /// Held until the last object of the image is stored.
    pub(super) lasting: Option<OwnedSemaphorePermit>,
}

/// Memory that is free again when an image has been read and encoded: when the last clone is dropped.
pub(super) type ReadingMemory = Arc<Option<OwnedSemaphorePermit>>;

pub(super) async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("the semaphores of a budget are never closed")
}

/// A memory limit, in units that fit the counter of a semaphore.
#[derive(Clone)]
struct Memory {
    /// The limit of the whole program, in bytes.
    limit_bytes: u64,
    /// The units for images.
    units: u32,
    left: Arc<Semaphore>,
}

impl Memory {
    const UNIT_BYTES: u64 = 1 << 16;

    fn new(limit_bytes: u64, bytes: u64) -> Self {
        // At most 256 TiB.
        // A semaphore counts permits in `u32` for one acquisition. Units of 64 KiB lift the limit to 256 TiB, and round
        // each image up by less than that.
        let units = u32::try_from(bytes / Self::UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self { limit_bytes, units, left: Arc::new(Semaphore::new(units as usize)) }
    }

    /// Returns the units for a number of bytes, limited to all units.
    fn units_of(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(Self::UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units)
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
        let memory = |reading, lasting| budget.memory(ImageBytes { reading, lasting }).now_or_never();
        let large = memory(700 << 20, 200 << 20).expect("there is enough");
        assert!(memory(100 << 20, 100 << 20).is_none(), "what is left is less");
        let small = memory(1 << 20, 0).expect("there is enough");
        let ImageMemory { reading, lasting } = large;
        let encoder = Arc::clone(&reading);
        drop(reading);
        assert!(memory(600 << 20, 0).is_none(), "an encoder still holds pixels");
        drop(encoder);
        let second = memory(600 << 20, 0).expect("the image has been read");
        assert!(memory(200 << 20, 0).is_none(), "its pictures are still put");
        drop(lasting);
        let third = memory(200 << 20, 0).expect("it was given back");
        drop((small, second, third));
        assert!(memory(u64::MAX / 2, u64::MAX / 2).is_some(), "no more than all");
    }
}
