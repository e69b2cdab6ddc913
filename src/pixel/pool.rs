//! Reusable memory for strips.

use std::collections::TryReserveError;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The memory of one strip: bytes of pixels, or JPEG blocks. It returns to its pool when dropped.
#[derive(Debug)]
pub struct StripBuffer<T = u8> {
    items: Vec<T>,
    home: SyncSender<Vec<T>>,
}

impl<T> StripBuffer<T> {
    /// Returns the content for writing.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }

    /// Returns the content.
    #[must_use]
    pub fn items(&self) -> &[T] {
        &self.items
    }
}

impl<T> Drop for StripBuffer<T> {
    fn drop(&mut self) {
        // Sending fails only if the pool was dropped; then the memory is freed.
        // `try_send` never finds the channel full, because the channel has room for all buffers that its pool ever
        // made.
        let _ = self.home.try_send(std::mem::take(&mut self.items));
    }
}

/// A fixed number of strip buffers for one level.
///
/// The limit bounds the memory of the level. It also applies back pressure: if encoders or uploads are slow, the reader
/// waits for a free buffer. Buffers are reused, because allocating and clearing fresh memory takes as long as halving
/// the level.
#[derive(Debug)]
pub struct StripPool<T = u8> {
    strip_items: usize,
    home: SyncSender<Vec<T>>,
    free: Receiver<Vec<T>>,
}

impl<T: Copy + Default> StripPool<T> {
    /// Creates a pool of `count` buffers with `strip_items` bytes or blocks each. A buffer is allocated when it is
    /// first taken.
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

    /// Takes a buffer. Waits until one is free. The content is left over from its last use.
    ///
    /// # Errors
    /// Returns an error if the memory cannot be allocated.
    pub fn take(&self) -> Result<StripBuffer<T>, TryReserveError> {
        // This blocks the thread of the reader, and is the point where a slow store makes the decoder wait. It cannot
        // block forever: whoever holds a strip needs nothing from the reader to finish with it.
        let mut items = self.free.recv().expect("the pool itself holds a sender");
        items.try_reserve_exact(self.strip_items.saturating_sub(items.len()))?;
        items.resize(self.strip_items, T::default());
        Ok(StripBuffer { items, home: self.home.clone() })
    }
}
