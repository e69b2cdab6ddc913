//! Block cache of remote files. Decoders read a few bytes at many offsets, and a request for each read would take
//! longer than decoding.
//!
//! While one block is read, the next one is prefetched, as long as reading is sequential.

use super::RemoteError;
use super::remote::{Fetch, Remote};
use crate::workers;
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bytes of a block of pixels. With 30 ms to the first byte and 100 MB/s after it, most of a request is spent on
/// transfer.
const BLOCK_BYTES: u64 = 4 << 20;

/// Bytes of a block while headers are read. Headers are short, and those of many images are read before memory is
/// reserved for the images.
const HEADER_BLOCK_BYTES: u64 = 256 << 10;

/// Cached blocks in addition to one per decoding thread: with two threads, enough for the four planes of a CMYK TIFF,
/// each with its next block.
const EXTRA_BLOCKS: usize = 6;

/// A remote object with its cached blocks.
pub(super) struct BlockCache {
    object: Arc<dyn Remote>,
    /// Most recently used last. The lock is held only to choose a block, never while waiting for one.
    cached: Mutex<VecDeque<Arc<Block>>>,
    max_blocks: usize,
    is_at_pixels: AtomicBool,
    /// The first failure.
    failure: OnceLock<RemoteError>,
}

struct Block {
    range: Range<u64>,
    /// The pending fetch, until a reader waits for it.
    fetch: Mutex<Option<Fetch>>,
    bytes: OnceLock<Result<Vec<u8>, RemoteError>>,
    /// The block was requested by a reader, and not only prefetched.
    is_requested: AtomicBool,
}

impl Block {
    /// Waits for the bytes.
    fn bytes(&self) -> Result<&[u8], &RemoteError> {
        workers::wait(|| {
            self.poll();
            self.bytes.get()
        })
        .as_deref()
    }

    /// Keeps the bytes if they have arrived. The lock is held only to look: a worker that waits does other work, which may need the
    /// same block.
    fn poll(&self) {
        let mut fetch = self.fetch.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(response) = fetch.as_ref().and_then(Fetch::try_wait) else { return };
        let is_whole = |bytes: &Vec<u8>| bytes.len() as u64 == self.range.end - self.range.start;
        let bytes = response.and_then(|bytes| {
            if is_whole(&bytes) { Ok(bytes) } else { Err(RemoteError::other("the response is too short")) }
        });
        // It is set only here, once, because the fetch is gone afterwards.
        let _ = self.bytes.set(bytes);
        *fetch = None;
    }
}

impl BlockCache {
    pub(super) fn new(object: Arc<dyn Remote>, threads: NonZeroUsize) -> Self {
        Self {
            object,
            cached: Mutex::default(),
            max_blocks: threads.get().saturating_add(EXTRA_BLOCKS),
            is_at_pixels: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    pub(super) fn begin_pixels(&self) {
        self.is_at_pixels.store(true, Ordering::Relaxed);
    }

    /// Returns the maximum bytes of all cached blocks. A small object may be cached twice, as header blocks and as
    /// pixel blocks.
    pub(super) fn max_bytes(&self) -> u64 {
        let blocks = self.max_blocks as u64;
        (self.object.bytes().saturating_add(blocks * HEADER_BLOCK_BYTES)).min(blocks * BLOCK_BYTES)
    }

    pub(super) fn failure(&self) -> Option<RemoteError> {
        self.failure.get().cloned()
    }

    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if offset >= self.object.bytes() || into.is_empty() {
            return Ok(0);
        }
        // The lock of the cache is free again here: two readers of the same block wait for one fetch, and others go on.
        let block = self.block(offset);
        let bytes = block.bytes().map_err(|error| {
            self.failure.get_or_init(|| error.clone());
            io::Error::other(error.clone())
        })?;
        let from = usize::try_from(offset - block.range.start).expect("a block fits memory");
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    /// Returns the block that contains a byte, whose fetch may be pending.
    fn block(&self, offset: u64) -> Arc<Block> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let index = cached.iter().position(|block| block.range.contains(&offset));
        let block = index.and_then(|index| cached.remove(index)).unwrap_or_else(|| self.start_fetch(offset));
        // Prefetching starts with the first read of a block, whose neighbor has then the whole time of decoding to
        // arrive. It needs evidence that reading is sequential: the block before is cached, or this is the first of the
        // file. Without it, random reads would fetch twice as many bytes as they need.
        let is_first_read = !block.is_requested.swap(true, Ordering::Relaxed);
        if is_first_read && self.is_at_pixels.load(Ordering::Relaxed) {
            let has = |byte: u64| cached.iter().any(|block| block.range.contains(&byte));
            let goes_on = block.range.start.checked_sub(1).is_none_or(has);
            if goes_on && block.range.end < self.object.bytes() && !has(block.range.end) {
                cached.push_back(self.start_fetch(block.range.end));
            }
        }
        cached.push_back(Arc::clone(&block));
        // A thread that still reads an evicted block owns a share of it, so eviction never waits for readers.
        while cached.len() > self.max_blocks {
            cached.pop_front();
        }
        block
    }

    /// Starts the fetch of a block. Blocks start at multiples of their size, so that nearby reads share one.
    fn start_fetch(&self, offset: u64) -> Arc<Block> {
        let bytes = if self.is_at_pixels.load(Ordering::Relaxed) { BLOCK_BYTES } else { HEADER_BLOCK_BYTES };
        let start = offset - offset % bytes;
        let range = start..start.saturating_add(bytes).min(self.object.bytes());
        Arc::new(Block {
            fetch: Mutex::new(Some(self.object.fetch(range.clone()))),
            range,
            bytes: OnceLock::new(),
            is_requested: AtomicBool::new(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    /// An object whose bytes encode their own offsets.
    struct Counted {
        bytes: u64,
        fetched: Mutex<Vec<Range<u64>>>,
    }

    fn byte(at: u64) -> u8 {
        u8::try_from(at % 251).expect("small")
    }

    impl Remote for Counted {
        fn bytes(&self) -> u64 {
            self.bytes
        }

        fn revision(&self) -> Option<String> {
            None
        }

        fn fetch(&self, range: Range<u64>) -> Fetch {
            self.fetched.lock().expect("whole").push(range.clone());
            let (sender, response) = sync_channel(1);
            // The end is damaged.
            let bytes =
                if range.end > 40 << 20 { Err(RemoteError::other("gone")) } else { Ok(range.map(byte).collect()) };
            sender.send(bytes).expect("there is room");
            Fetch::new(response, || ())
        }
    }

    fn blocks(bytes: u64) -> (Arc<Counted>, BlockCache) {
        let object = Arc::new(Counted { bytes, fetched: Mutex::default() });
        (Arc::clone(&object), BlockCache::new(object, NonZeroUsize::MIN))
    }

    fn read(blocks: &BlockCache, at: u64) {
        let mut bytes = [0; 100];
        let count = blocks.read_at(at, &mut bytes).expect("there");
        assert!(count > 0 && bytes[..count].iter().zip(at..).all(|(found, at)| *found == byte(at)), "{at}");
    }

    fn fetched(object: &Counted) -> Vec<Range<u64>> {
        std::mem::take(&mut object.fetched.lock().expect("whole"))
    }

    #[test]
    fn headers_use_small_blocks_and_pixels_are_prefetched() {
        let (object, blocks) = blocks(10 << 20);
        for at in [0, 100, (10 << 20) - 7, 8, (256 << 10) - 3] {
            read(&blocks, at);
        }
        assert_eq!(fetched(&object), [0..256 << 10, (10 << 20) - (256 << 10)..10 << 20]);
        blocks.begin_pixels();
        read(&blocks, 300 << 10);
        assert_eq!(fetched(&object), [0..4 << 20, 4 << 20..8 << 20]);
        read(&blocks, 4 << 20);
        assert_eq!(fetched(&object).first(), Some(&(8 << 20..10 << 20)), "as soon as reading goes on");
        read(&blocks, (10 << 20) - 1);
        assert!(fetched(&object).is_empty());
        assert_eq!(blocks.read_at(10 << 20, &mut [0]).expect("the end"), 0);
    }

    #[test]
    fn the_cache_is_bounded_and_evicts_the_least_recently_used_block() {
        let (object, blocks) = blocks(40 << 20);
        let max_blocks = blocks.max_blocks as u64;
        for number in 0..3 * max_blocks {
            read(&blocks, 0);
            read(&blocks, number % 150 * (256 << 10));
            assert!(blocks.cached.lock().expect("whole").len() <= blocks.max_blocks);
        }
        assert_eq!(fetched(&object).iter().filter(|range| range.start == 0).count(), 1);
    }

    #[test]
    fn a_failure_is_remembered() {
        let (_, blocks) = blocks(41 << 20);
        blocks.begin_pixels();
        read(&blocks, 35 << 20);
        read(&blocks, 36 << 20);
        assert!(blocks.failure().is_none(), "it is only near");
        assert!(blocks.read_at(40 << 20, &mut [0]).is_err());
        assert_eq!(blocks.failure().expect("a failure").to_string(), "gone");
    }
}
