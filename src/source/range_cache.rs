//! Block cache for remote files. Decoders read a few bytes at a time from all over the file, and sending a request for
//! each read would take longer than the decoding.
//!
//! As long as reads are sequential, the next block is prefetched while the current one is being read.

use super::RemoteError;
use super::remote::{Fetch, Remote};
use crate::workers;
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Size of a pixel block in bytes. Assuming 30 ms to the first byte and 100 MB/s after that, most of the request time
/// is spent transferring data.
const BLOCK_BYTES: u64 = 4 << 20;

/// Size of a block in bytes while reading headers. Headers are small, and we read many of them before reserving memory
/// for the images.
const HEADER_BLOCK_BYTES: u64 = 256 << 10;

/// Number of blocks to cache in addition to one per decoding thread. With two threads, that's enough for the four
/// planes of a CMYK TIFF, each with its next block.
const EXTRA_BLOCKS: usize = 6;

/// Remote object with a cache of its blocks.
pub(super) struct BlockCache {
    object: Arc<dyn Remote>,
    /// The most recently used block comes last. The lock is only held while choosing a block, never while waiting for
    /// one.
    cached: Mutex<VecDeque<Arc<Block>>>,
    max_blocks: usize,
    is_at_pixels: AtomicBool,
    /// First failure, if any.
    failure: OnceLock<RemoteError>,
}

struct Block {
    range: Range<u64>,
    /// Pending fetch, until a reader has received its result.
    fetch: Mutex<Option<Fetch>>,
    bytes: OnceLock<Result<Vec<u8>, RemoteError>>,
    /// `true` if a reader requested the block, as opposed to it only being prefetched.
    is_requested: AtomicBool,
}

impl Block {
    /// Waits for the block's contents.
    fn bytes(&self) -> Result<&[u8], &RemoteError> {
        workers::wait(|| {
            self.poll();
            self.bytes.get()
        })
        .as_deref()
    }

    /// Stores the bytes if they have arrived. The lock is only held for the check, because a waiting worker runs other
    /// jobs that may need the same block.
    fn poll(&self) {
        let mut fetch = self.fetch.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(response) = fetch.as_ref().and_then(Fetch::try_wait) else { return };
        let is_whole = |bytes: &Vec<u8>| bytes.len() as u64 == self.range.end - self.range.start;
        let bytes = response.and_then(|bytes| {
            if is_whole(&bytes) { Ok(bytes) } else { Err(RemoteError::other("the response is too short")) }
        });
        // This is the only place that sets it. It only happens once, because the fetch is removed afterwards.
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

    /// Returns the maximum total size of all cached blocks in bytes. A small object can be cached twice: once in header
    /// blocks and once in pixel blocks.
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
        // The cache lock has already been released. Two readers of the same block share one fetch, and other readers
        // aren't held up.
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

    /// Returns the block containing a byte. Its fetch may still be pending.
    fn block(&self, offset: u64) -> Arc<Block> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let index = cached.iter().position(|block| block.range.contains(&offset));
        let block = index.and_then(|index| cached.remove(index)).unwrap_or_else(|| self.start_fetch(offset));
        // Start prefetching when a block is first read. That gives the next block as long as possible to arrive while
        // this one is decoded. We only do this if reads look sequential, meaning the previous block is cached or this
        // is the first block in the file. Without this check, random reads would fetch twice as much as they need.
        let is_first_read = !block.is_requested.swap(true, Ordering::Relaxed);
        if is_first_read && self.is_at_pixels.load(Ordering::Relaxed) {
            let has = |byte: u64| cached.iter().any(|block| block.range.contains(&byte));
            let goes_on = block.range.start.checked_sub(1).is_none_or(has);
            if goes_on && block.range.end < self.object.bytes() && !has(block.range.end) {
                cached.push_back(self.start_fetch(block.range.end));
            }
        }
        cached.push_back(Arc::clone(&block));
        // Threads that are still reading an evicted block hold their own reference, so we can evict it without waiting.
        while cached.len() > self.max_blocks {
            cached.pop_front();
        }
        block
    }

    /// Starts fetching a block. Blocks are aligned to their size, which lets nearby reads share a block.
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

    /// Test object. Each byte is derived from its own offset.
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
            // Reading near the end fails.
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
