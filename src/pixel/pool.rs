//! Memory that is used again and again.

use std::collections::TryReserveError;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The memory of one strip: bytes of pixels, or blocks. Dropped, it goes back to the pool it came from.
#[derive(Debug)]
pub struct StripBuffer<T = u8> {
    items: Vec<T>,
    home: SyncSender<Vec<T>>,
}

impl<T> StripBuffer<T> {
    /// What is in it.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }

    /// What is in it.
    #[must_use]
    pub fn items(&self) -> &[T] {
        &self.items
    }
}

impl<T> Drop for StripBuffer<T> {
    fn drop(&mut self) {
        // Fails only where the pool is gone, and then the memory is simply freed.
        let _ = self.home.try_send(std::mem::take(&mut self.items));
    }
}

/// The strips of one level: so many and no more, which bounds the memory of a level and slows the reader down to the
/// speed of the encoders and the bucket. They are used again, because fresh memory costs as much as halving it.
#[derive(Debug)]
pub struct StripPool<T = u8> {
    strip_items: usize,
    home: SyncSender<Vec<T>>,
    free: Receiver<Vec<T>>,
}

impl<T: Copy + Default> StripPool<T> {
    /// A pool of `count` strips of so many bytes or blocks; they are allocated when they are first taken.
    #[must_use]
    pub fn new(count: usize, strip_items: usize) -> Self
    where
        T: std::fmt::Debug,
    {
        let (home, free) = sync_channel(count);
        for _ in 0..count {
            home.try_send(Vec::new()).expect("the channel holds as many as there are");
        }
        Self { strip_items, home, free }
    }

    /// A strip's memory, with whatever was in it before; waits until one is free.
    ///
    /// # Errors
    /// Where the machine has not so much memory.
    pub fn take(&self) -> Result<StripBuffer<T>, TryReserveError> {
        let mut items = self.free.recv().expect("the pool itself holds a sender");
        items.try_reserve_exact(self.strip_items.saturating_sub(items.len()))?;
        items.resize(self.strip_items, T::default());
        Ok(StripBuffer { items, home: self.home.clone() })
    }
}
