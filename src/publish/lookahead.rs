//! Adapts the number of images that are looked up concurrently to how many of them turn out to be unchanged.
//!
//! Looking up an image takes one request and hardly any memory or CPU time, so in an unchanged collection, hundreds of
//! images can be looked up at once. Images that have to be published are different: they hold sources, listings and
//! tiles, and looking up more of them ahead of time would only make what was found out about them outdated.
//!
//! The window therefore starts small and grows by one with every unchanged image, which doubles it with every round
//! trip. It shrinks back as soon as an image has to wait for its turn to work, or fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of images to look up concurrently. At a distance of 30 ms, this amounts to 8,500 images per second,
/// which is more than two cores can send requests for.
pub(crate) const MAX_IMAGES_LOOKED_UP: usize = 256;

/// Maximum number of images in progress beyond the lookup, and the initial window.
const MAX_IMAGES_AT_WORK: usize = 32;

/// Number of images in progress. Clones share the same window.
#[derive(Clone, Debug)]
pub(super) struct Lookahead {
    window: Arc<AtomicUsize>,
    max_window: usize,
    at_work: Arc<Semaphore>,
}

impl Lookahead {
    /// Creates a window that grows up to the number of requests that may be in flight. Folders, which only allow a few,
    /// would start a thread for each lookup.
    pub(super) fn new(concurrency: usize) -> Self {
        Self {
            window: Arc::new(AtomicUsize::new(MAX_IMAGES_AT_WORK)),
            max_window: concurrency.clamp(MAX_IMAGES_AT_WORK, MAX_IMAGES_LOOKED_UP),
            at_work: Arc::new(Semaphore::new(MAX_IMAGES_AT_WORK)),
        }
    }

    /// Returns the maximum number of images that may be in progress now.
    pub(super) fn window(&self) -> usize {
        self.window.load(Ordering::Relaxed)
    }

    /// Records that an image needed no work beyond the lookup.
    pub(super) fn record_unchanged(&self) {
        let grow = |window: usize| (window < self.max_window).then_some(window + 1);
        // Fails only if the window has its maximum size already.
        let _ = self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow);
    }

    /// Shrinks the window to its initial size.
    pub(super) fn shrink(&self) {
        self.window.store(MAX_IMAGES_AT_WORK, Ordering::Relaxed);
    }

    /// Waits for a turn to do more than looking up an image.
    pub(super) async fn turn(&self) -> OwnedSemaphorePermit {
        if let Ok(turn) = Arc::clone(&self.at_work).try_acquire_owned() {
            return turn;
        }
        self.shrink();
        Arc::clone(&self.at_work).acquire_owned().await.expect("the semaphore is never closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn the_window_of_a_folder_does_not_grow() {
        let lookahead = Lookahead::new(8);
        lookahead.record_unchanged();
        assert_eq!(lookahead.window(), 32);
    }

    #[test]
    fn the_window_doubles_while_images_are_unchanged_and_shrinks_when_one_waits() {
        let lookahead = Lookahead::new(1_000);
        let mut rounds = Vec::new();
        while lookahead.window() < MAX_IMAGES_LOOKED_UP {
            (0..lookahead.window()).for_each(|_| lookahead.record_unchanged());
            rounds.push(lookahead.window());
        }
        assert_eq!(rounds, [64, 128, 256]);
        lookahead.record_unchanged();
        assert_eq!(lookahead.window(), 256);

        let mut turns: Vec<_> = (0..32).map_while(|_| lookahead.turn().now_or_never()).collect();
        assert_eq!((turns.len(), lookahead.window()), (32, 256), "there is a turn for each");
        let mut waiting = lookahead.turn().boxed();
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(lookahead.window(), 32);
        turns.pop();
        assert!(waiting.now_or_never().is_some());
    }
}
