//! Limits shared by all images of a publisher, and the stop signal.

use super::lookahead::Lookahead;
use super::memory::{ImageBytes, InFlight, shared_bytes};
use super::options::Options;
use crate::limiter::Limiter;
use crate::pixel::{Keeping, SpareStrips};
use crate::workers::Workers;
use futures::future::poll_immediate;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Shared limits and the stop signal. Cloning is cheap, and clones share the same limits.
#[derive(Clone)]
pub(super) struct Budget {
    /// Threads that decode, convert colors and encode.
    pub(super) workers: Workers,
    /// Images in progress.
    pub(super) lookahead: Lookahead,
    /// One permit per image being read. There is one more permit than there are encoders, which keeps all cores busy on
    /// small images: one image is decoded while another waits. Images waiting for the store don't hold a permit because
    /// the store may have high latency.
    pub(super) readers: Arc<Semaphore>,
    /// One permit per encoder that is running or next in line. Workers process jobs in order, so extra encoders would
    /// only make the readers wait.
    pub(super) encoders: Arc<Semaphore>,
    /// One permit per upload in flight.
    pub(super) puts: Arc<Semaphore>,
    /// One permit per tile that is being encoded, waiting to be uploaded, or being uploaded, weighted by its encoded
    /// size. There are enough permits for all encoders and uploads, so neither waits for the other until the byte limit
    /// is reached.
    pub(super) tiles: Limiter,
    /// Strips that no image uses. What they hold is a part of the memory.
    pub(super) spare: SpareStrips,
    in_flight: InFlight,
    /// Memory available to images, excluding what they share, or `None` if there is no limit.
    memory: Option<Memory>,
    /// `true` once no new work may start.
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
        let spare = spare_strips(memory.as_ref().map(|memory| Arc::clone(&memory.left)));
        Self {
            spare,
            workers: Workers::new(options.jobs),
            lookahead: Lookahead::new(concurrency),
            in_flight,
            memory,
            readers: Arc::new(Semaphore::new(jobs.saturating_add(1).min(Semaphore::MAX_PERMITS))),
            encoders: Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS))),
            puts: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))),
            tiles: Limiter::new(pictures, in_flight.encoded_bytes),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Returns the maximum number of pictures in memory across all images.
    pub(super) fn in_flight(&self) -> InFlight {
        self.in_flight
    }

    /// Returns the memory limit if `peak_bytes` exceeds it.
    pub(super) fn is_beyond(&self, peak_bytes: u64) -> Option<u64> {
        self.memory.as_ref().map(|memory| memory.limit_bytes).filter(|limit| peak_bytes > *limit)
    }

    /// Waits until an image's memory is available. Requests are granted in order, so smaller images can't starve a
    /// large one.
    pub(super) async fn memory(&self, bytes: ImageBytes) -> ImageMemory {
        let Some(memory) = &self.memory else { return ImageMemory::default() };
        // Acquire all of an image's memory at once. If two images acquired theirs in two steps, each could end up
        // holding the memory the other needs. The permit is split later, so the larger part can be released earlier.
        let units = memory.units_of(bytes.total()).max(1);
        let mut reading = memory.acquire(units, &self.spare).await;
        let lasting = reading.split(memory.units_of(bytes.lasting).min(units) as usize);
        ImageMemory { reading: Arc::new(Some(reading)), lasting }
    }

    /// Prevents new work from starting. Work in flight continues.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for the stop signal.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // This only fails if the sender is dropped, but `self` holds it.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }
}

/// Memory reserved for an image. Dropping it releases the memory.
#[derive(Debug, Default)]
pub(super) struct ImageMemory {
    /// Held by everything that still needs the image's pixels.
    pub(super) reading: ReadingMemory,
    /// Held until the image's last object is stored.
    pub(super) lasting: Option<OwnedSemaphorePermit>,
}

/// Memory held until an image has been read and encoded. Released when the last clone is dropped.
pub(super) type ReadingMemory = Arc<Option<OwnedSemaphorePermit>>;

pub(super) async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("the semaphores of a budget are never closed")
}

/// A memory limit, in units small enough for a semaphore's counter.
#[derive(Clone)]
struct Memory {
    /// Memory limit for the whole program, in bytes.
    limit_bytes: u64,
    /// Units available to images.
    units: u32,
    left: Arc<Semaphore>,
}

impl Memory {
    const UNIT_BYTES: u64 = 1 << 16;

    fn new(limit_bytes: u64, bytes: u64) -> Self {
        // A semaphore acquires permits as a `u32`. Units of 64 KiB raise the limit to 256 TiB and waste less than one
        // unit per image.
        let units = u32::try_from(bytes / Self::UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self { limit_bytes, units, left: Arc::new(Semaphore::new(units as usize)) }
    }

    /// Waits for memory. Spare strips make way for it.
    async fn acquire(&self, units: u32, spare: &SpareStrips) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.left).try_acquire_many_owned(units) {
            return permit;
        }
        let permit = Arc::clone(&self.left).acquire_many_owned(units);
        let mut permit = pin!(permit);
        // Queue up first. From then on, no memory is left for more spare strips.
        let permit = if let Some(permit) = poll_immediate(permit.as_mut()).await {
            permit
        } else {
            spare.clear();
            permit.await
        };
        permit.expect("the semaphores of a budget are never closed")
    }

    /// Converts bytes to units, capped at the total number of units.
    fn units_of(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(Self::UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units)
    }
}

/// Maximum memory of spare strips, in bytes. This is enough for the strips of three photographs of 12 megapixels.
const MAX_SPARE_BYTES: u64 = 64 << 20;

/// Creates the list of spare strips, which hold memory of the limit `left`, if there is one.
fn spare_strips(left: Option<Arc<Semaphore>>) -> SpareStrips {
    let spare = Arc::new(Semaphore::new((MAX_SPARE_BYTES / Memory::UNIT_BYTES) as usize));
    SpareStrips::new(move |bytes| {
        let units = u32::try_from(bytes.div_ceil(Memory::UNIT_BYTES)).ok()?;
        let of_spare = Arc::clone(&spare).try_acquire_many_owned(units).ok()?;
        let of_memory = match &left {
            Some(left) => Some(Arc::clone(left).try_acquire_many_owned(units).ok()?),
            None => None,
        };
        Some(Box::new((of_spare, of_memory)) as Keeping)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn spare_strips_count_as_memory_and_make_way_for_images() {
        let mut options = Options::new("https://example.org".parse().expect("a URL"));
        options.max_memory_bytes = Some(1 << 30);
        let budget = Budget::new(&options, 4);
        let memory = |reading| budget.memory(ImageBytes { reading, lasting: 0 }).now_or_never();
        let strip = || Vec::with_capacity(16 << 20);
        (0..5).for_each(|_| budget.spare.give(strip()));
        let spare = || (0..5).map_while(|_| budget.spare.take(16 << 20)).count();
        assert_eq!(spare(), 4, "no more than 64 MiB");
        (0..4).for_each(|_| budget.spare.give(strip()));
        let all = memory(u64::MAX / 2).expect("spare strips are freed");
        assert_eq!(spare(), 0);
        budget.spare.give(strip());
        assert_eq!(spare(), 0, "no memory is left");
        drop(all);
        budget.spare.give(strip());
        let half = memory(1 << 29).expect("there is enough for both");
        assert_eq!(spare(), 1);
        drop(half);
    }

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
