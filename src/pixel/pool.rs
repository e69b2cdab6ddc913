//! Reusable memory for strips.

use super::SpareStrips;
use std::collections::TryReserveError;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Memory for one strip of pixel bytes or JPEG blocks. Returned to its pool when dropped.
#[derive(Debug)]
pub struct StripBuffer<T = u8> {
    items: Vec<T>,
    home: SyncSender<Vec<T>>,
    spare: SpareStrips<T>,
}

impl<T> StripBuffer<T> {
    /// Returns the contents for writing.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }

    /// Returns the contents.
    #[must_use]
    pub fn items(&self) -> &[T] {
        &self.items
    }
}

impl<T> Drop for StripBuffer<T> {
    fn drop(&mut self) {
        // The pool is dropped before the last tiles are encoded. A buffer that was allocated beyond the limit is freed.
        if let Err(TrySendError::Disconnected(items)) = self.home.try_send(std::mem::take(&mut self.items)) {
            self.spare.give(items);
        }
    }
}

/// A fixed number of strip buffers for one level.
///
/// The limit bounds the level's memory use. It also provides back pressure: the reader has to [reserve](Self::reserve)
/// a buffer before continuing, so it waits if encoders or uploads are slow. Buffers are reused because allocating and
/// clearing new memory takes as long as halving the level. For the same reason, the first buffers are taken from the
/// [spare](SpareStrips) ones of other images.
#[derive(Debug)]
pub struct StripPool<T = u8> {
    strip_items: usize,
    spare: SpareStrips<T>,
    home: SyncSender<Vec<T>>,
    free: Receiver<Vec<T>>,
    /// Buffer that the next call to [`take`](Self::take) will return.
    reserved: Option<Vec<T>>,
}

impl<T: Copy + Default> StripPool<T> {
    /// Creates a pool of `count` buffers with `strip_items` bytes or blocks each. Buffers are allocated the first time
    /// they are taken.
    #[must_use]
    pub fn new(count: usize, strip_items: usize) -> Self
    where
        T: std::fmt::Debug,
    {
        Self::with_spare(count, strip_items, &SpareStrips::none())
    }

    /// Creates a pool whose buffers come from `spare` and end there, if possible.
    #[must_use]
    pub fn with_spare(count: usize, strip_items: usize, spare: &SpareStrips<T>) -> Self
    where
        T: std::fmt::Debug,
    {
        let (home, free) = sync_channel(count);
        for _ in 0..count {
            home.try_send(Vec::new()).expect("the channel holds as many as there are");
        }
        Self { strip_items, spare: spare.clone(), home, free, reserved: None }
    }

    /// Waits until a buffer is free and keeps it for the next call to [`take`](Self::take).
    pub fn reserve(&mut self) {
        if self.reserved.is_none() {
            self.reserved = Some(self.free.recv().expect("the pool itself holds a sender"));
        }
    }

    /// Tries to reserve a buffer without waiting. Returns `true` if a buffer is reserved.
    pub fn try_reserve(&mut self) -> bool {
        if self.reserved.is_none() {
            self.reserved = self.free.try_recv().ok();
        }
        self.reserved.is_some()
    }

    /// Takes a buffer, which should already be [reserved](Self::reserve). Its contents are left over from the previous
    /// use.
    ///
    /// # Errors
    /// Returns an error if memory can't be allocated.
    pub fn take(&mut self) -> Result<StripBuffer<T>, TryReserveError> {
        // Don't wait here. The encoders that would return a buffer might need this thread to make progress. If no
        // buffer is reserved or free, allocate one beyond the limit, which is later freed instead of returned.
        let mut items = if self.try_reserve() { self.reserved.take().unwrap_or_default() } else { Vec::new() };
        if items.capacity() == 0 {
            items = self.spare.take(self.strip_items).unwrap_or_default();
        }
        items.try_reserve_exact(self.strip_items.saturating_sub(items.len()))?;
        items.resize(self.strip_items, T::default());
        Ok(StripBuffer { items, home: self.home.clone(), spare: self.spare.clone() })
    }
}

impl<T> Drop for StripPool<T> {
    fn drop(&mut self) {
        self.reserved.take().into_iter().chain(self.free.try_iter()).for_each(|items| self.spare.give(items));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_reused_and_their_number_is_limited() {
        let mut pool = StripPool::<u8>::new(2, 10);
        let mut one = pool.take().expect("memory");
        one.items_mut().fill(7);
        let other = pool.take().expect("memory");
        assert!(!pool.try_reserve(), "both are in use");
        drop(one);
        pool.reserve();
        assert!(pool.try_reserve(), "it is still reserved");
        assert_eq!(pool.take().expect("memory").items(), [7; 10], "the same memory");
        drop(other);
    }

    #[test]
    fn a_buffer_beyond_the_limit_is_freed() {
        let mut pool = StripPool::<u8>::new(1, 10);
        let taken = [pool.take().expect("memory"), pool.take().expect("memory")];
        drop(taken);
        pool.reserve();
        pool.reserved = None;
        assert!(!pool.try_reserve(), "one came back, the other did not");
    }
}
