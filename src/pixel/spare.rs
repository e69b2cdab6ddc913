//! Memory of strips that is kept for the next image.
//!
//! Large buffers that are freed go back to the system, which hands them out again page by page, each of them cleared.
//! In a collection of photographs, every image would pay for that anew.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something to hold while memory is kept.
pub type Keeping = Box<dyn Any + Send>;

type Keep = dyn Fn(u64) -> Option<Keeping> + Send + Sync;

/// Buffers that no image uses. Clones share the same buffers.
pub struct SpareStrips<T = u8> {
    /// `None` if nothing is kept.
    shared: Option<Arc<Shared<T>>>,
}

struct Shared<T> {
    keep: Box<Keep>,
    /// Oldest first.
    buffers: Mutex<VecDeque<(Vec<T>, Keeping)>>,
}

impl<T> Clone for SpareStrips<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for SpareStrips<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SpareStrips").field("count", &self.count()).finish()
    }
}

impl<T> SpareStrips<T> {
    /// Keeps no buffers.
    #[must_use]
    pub fn none() -> Self {
        Self { shared: None }
    }

    /// Keeps a buffer of some bytes if `keep` returns something to hold in the meantime.
    #[must_use]
    pub fn new(keep: impl Fn(u64) -> Option<Keeping> + Send + Sync + 'static) -> Self {
        let shared = Shared { keep: Box::new(keep), buffers: Mutex::default() };
        Self { shared: Some(Arc::new(shared)) }
    }

    /// Takes the smallest buffer for this number of items. It is at most twice as large as necessary.
    ///
    /// If there is none, the caller will allocate one. The oldest buffers are freed in exchange, so that images of
    /// different sizes don't leave more and more behind.
    #[must_use]
    pub fn take(&self, items: usize) -> Option<Vec<T>> {
        let mut buffers = self.shared.as_ref()?.lock();
        let fits = |capacity: usize| (items..=items.saturating_mul(2)).contains(&capacity);
        let fitting = buffers.iter().enumerate().filter(|(_, (buffer, _))| fits(buffer.capacity()));
        let smallest = fitting.min_by_key(|(_, (buffer, _))| buffer.capacity()).map(|(index, _)| index);
        if let Some((buffer, _)) = smallest.and_then(|index| buffers.remove(index)) {
            return Some(buffer);
        }
        let mut freed = 0;
        while freed < items
            && let Some((oldest, _)) = buffers.pop_front()
        {
            freed += oldest.capacity();
        }
        None
    }

    /// Keeps a buffer, or frees it if it may not be kept.
    pub fn give(&self, buffer: Vec<T>) {
        let Some(shared) = self.shared.as_ref().filter(|_| buffer.capacity() > 0) else { return };
        if let Some(keeping) = (shared.keep)((buffer.capacity() * size_of::<T>()) as u64) {
            shared.lock().push_back((buffer, keeping));
        }
    }

    /// Frees all buffers.
    pub fn clear(&self) {
        if let Some(shared) = &self.shared {
            // Freed without the lock.
            drop(std::mem::take(&mut *shared.lock()));
        }
    }

    fn count(&self) -> usize {
        self.shared.as_ref().map_or(0, |shared| shared.lock().len())
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Vec<T>, Keeping)>> {
        // Buffers are only added and removed under this lock, so the list is valid even if another thread panicked.
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::StripPool;

    #[test]
    fn the_smallest_buffer_that_fits_is_taken() {
        let spare = SpareStrips::<u8>::new(|_| Some(Box::new(())));
        for capacity in [100, 300, 200] {
            spare.give(Vec::with_capacity(capacity));
        }
        assert_eq!(spare.take(110).map(|buffer| buffer.capacity()), Some(200));
        assert_eq!(spare.count(), 2);
        assert_eq!(spare.take(49), None, "too large");
        assert_eq!(spare.count(), 1, "the oldest one makes way for a new one");
        assert_eq!(spare.take(150).map(|buffer| buffer.capacity()), Some(300));
        spare.give(Vec::with_capacity(100));
        spare.clear();
        assert_eq!(spare.count(), 0);
    }

    #[test]
    fn what_may_not_be_kept_is_freed() {
        let spare = SpareStrips::<u16>::new(|bytes| (bytes <= 200).then(|| Box::new(()) as Keeping));
        spare.give(Vec::with_capacity(100));
        spare.give(Vec::with_capacity(101));
        spare.give(Vec::new());
        assert_eq!(spare.count(), 1);
        SpareStrips::<u8>::none().give(vec![0; 100]);
    }

    #[test]
    fn buffers_move_from_pool_to_pool() {
        let spare = SpareStrips::<u8>::new(|_| Some(Box::new(())));
        let mut pool = StripPool::with_spare(2, 100, &spare);
        let (mut late, early) = (pool.take().expect("memory"), pool.take().expect("memory"));
        late.items_mut().fill(7);
        drop(early);
        drop(pool);
        assert_eq!(spare.count(), 1);
        drop(late);
        assert_eq!(spare.count(), 2);
        let mut next = StripPool::with_spare(2, 60, &spare);
        let buffers = [next.take().expect("memory"), next.take().expect("memory")];
        assert_eq!(buffers.each_ref().map(|buffer| buffer.items().len()), [60, 60]);
        assert!(buffers.iter().any(|buffer| buffer.items() == [7; 60]), "the same memory");
        assert_eq!(spare.count(), 0);
    }
}
