//! Blocks of what is elsewhere: decoders read some bytes at a time and at many places, and a request for each would take
//! longer than decoding.
//!
//! While one block is read, the one behind it is fetched, as long as reading goes on from block to block.

use super::RemoteError;
use super::input::{Fetch, Remote};
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bytes of a block of pixels: at 30 ms until the first byte and 100 MB/s after it, most of the time of a request is spent on
/// bytes.
const BLOCK_BYTES: u64 = 4 << 20;

/// Bytes of a block while headers are read, which are short: of many images that are opened at the same time, before memory
/// is given to them.
const HEADER_BLOCK_BYTES: u64 = 256 << 10;

/// Blocks that are held beside one for each thread that decodes: with two threads, the four planes of a CMYK TIFF, each with
/// the block that follows.
const MORE_BLOCKS: usize = 6;

/// An object with the blocks of it that are held.
pub(super) struct Blocks {
    object: Arc<dyn Remote>,
    /// The one that was used last is at the end. Locked only to choose one, never while it is waited for.
    held: Mutex<VecDeque<Arc<Block>>>,
    most: usize,
    is_at_pixels: AtomicBool,
    /// The first.
    failure: OnceLock<RemoteError>,
}

struct Block {
    range: Range<u64>,
    /// Until somebody waits for it.
    fetch: Mutex<Option<Fetch>>,
    bytes: OnceLock<Result<Vec<u8>, RemoteError>>,
    /// Whether anybody has asked for it, and not only looked ahead.
    is_asked_for: AtomicBool,
}

impl Block {
    /// Its bytes; the first who asks waits for them, and all others for him.
    fn bytes(&self) -> Result<&[u8], &RemoteError> {
        let arrived = self.bytes.get_or_init(|| {
            let fetch = self.fetch.lock().unwrap_or_else(PoisonError::into_inner).take();
            let bytes = fetch.map_or_else(|| Err(RemoteError::other("reading was stopped")), Fetch::wait)?;
            let is_whole = bytes.len() as u64 == self.range.end - self.range.start;
            if is_whole { Ok(bytes) } else { Err(RemoteError::other("fewer bytes came than were asked for")) }
        });
        arrived.as_deref()
    }
}

impl Blocks {
    pub(super) fn new(object: Arc<dyn Remote>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            object,
            held: Mutex::default(),
            most: threads + MORE_BLOCKS,
            is_at_pixels: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    pub(super) fn begin_pixels(&self) {
        self.is_at_pixels.store(true, Ordering::Relaxed);
    }

    /// The memory of all blocks. What is small is held whole, once more in blocks of headers.
    pub(super) fn most_bytes(&self) -> u64 {
        let blocks = self.most as u64;
        (self.object.bytes().saturating_add(blocks * HEADER_BLOCK_BYTES)).min(blocks * BLOCK_BYTES)
    }

    pub(super) fn failure(&self) -> Option<RemoteError> {
        self.failure.get().cloned()
    }

    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if offset >= self.object.bytes() || into.is_empty() {
            return Ok(0);
        }
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

    /// The block that has a byte, which may still be on its way.
    fn block(&self, offset: u64) -> Arc<Block> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let place = held.iter().position(|block| block.range.contains(&offset));
        let block = place.and_then(|place| held.remove(place)).unwrap_or_else(|| self.begin(offset));
        let is_first_read = !block.is_asked_for.swap(true, Ordering::Relaxed);
        if is_first_read && self.is_at_pixels.load(Ordering::Relaxed) {
            let has = |byte: u64| held.iter().any(|block| block.range.contains(&byte));
            let goes_on = block.range.start.checked_sub(1).is_none_or(has);
            if goes_on && block.range.end < self.object.bytes() && !has(block.range.end) {
                held.push_back(self.begin(block.range.end));
            }
        }
        held.push_back(Arc::clone(&block));
        while held.len() > self.most {
            held.pop_front();
        }
        block
    }

    /// Blocks begin at multiples of their size, so that two who read near each other share one.
    fn begin(&self, offset: u64) -> Arc<Block> {
        let bytes = if self.is_at_pixels.load(Ordering::Relaxed) { BLOCK_BYTES } else { HEADER_BLOCK_BYTES };
        let start = offset - offset % bytes;
        let range = start..start.saturating_add(bytes).min(self.object.bytes());
        Arc::new(Block {
            fetch: Mutex::new(Some(self.object.fetch(range.clone()))),
            range,
            bytes: OnceLock::new(),
            is_asked_for: AtomicBool::new(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    /// Bytes that say where they stand.
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
            let (sender, answer) = sync_channel(1);
            // The end is damaged.
            let bytes =
                if range.end > 40 << 20 { Err(RemoteError::other("gone")) } else { Ok(range.map(byte).collect()) };
            sender.send(bytes).expect("there is room");
            Fetch::new(answer, || ())
        }
    }

    fn blocks(bytes: u64) -> (Arc<Counted>, Blocks) {
        let object = Arc::new(Counted { bytes, fetched: Mutex::default() });
        (Arc::clone(&object), Blocks::new(object))
    }

    fn read(blocks: &Blocks, at: u64) {
        let mut bytes = [0; 100];
        let count = blocks.read_at(at, &mut bytes).expect("there");
        assert!(count > 0 && bytes[..count].iter().zip(at..).all(|(found, at)| *found == byte(at)), "{at}");
    }

    fn fetched(object: &Counted) -> Vec<Range<u64>> {
        std::mem::take(&mut object.fetched.lock().expect("whole"))
    }

    #[test]
    fn headers_are_read_in_small_blocks_and_pixels_ahead() {
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
    fn no_more_blocks_are_held_than_were_said_and_those_that_are_used_stay() {
        let (object, blocks) = blocks(40 << 20);
        let most = blocks.most as u64;
        for number in 0..3 * most {
            read(&blocks, 0);
            read(&blocks, number % 150 * (256 << 10));
            assert!(blocks.held.lock().expect("whole").len() <= blocks.most);
        }
        assert_eq!(fetched(&object).iter().filter(|range| range.start == 0).count(), 1);
    }

    #[test]
    fn a_failure_is_remembered_where_it_was_met() {
        let (_, blocks) = blocks(41 << 20);
        blocks.begin_pixels();
        read(&blocks, 35 << 20);
        read(&blocks, 36 << 20);
        assert!(blocks.failure().is_none(), "it is only near");
        assert!(blocks.read_at(40 << 20, &mut [0]).is_err());
        assert_eq!(blocks.failure().expect("a failure").to_string(), "gone");
    }
}
