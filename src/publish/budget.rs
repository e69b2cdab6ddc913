//! What all images of a publisher share: cores, puts in flight, memory, and the word to stop.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What all images of a publisher share.
#[derive(Clone)]
pub(super) struct Budget {
    /// One permit for each encoder that may run: more than there are cores only makes them take turns.
    pub(super) encoders: Arc<Semaphore>,
    /// One permit for each put in flight.
    pub(super) puts: Arc<Semaphore>,
    /// One permit for each tile that is being encoded, waits for a put or is being put: bounds the encoded bytes in
    /// memory. As many as can be put, and one for each encoder, so that neither waits for the other.
    pub(super) tiles: Arc<Semaphore>,
    /// Whether no new work is to begin.
    stopping: Arc<watch::Sender<bool>>,
}

impl Budget {
    pub(super) fn new(jobs: usize, concurrency: usize) -> Self {
        Self {
            encoders: Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS))),
            puts: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))),
            tiles: Arc::new(Semaphore::new(jobs.saturating_add(concurrency).min(Semaphore::MAX_PERMITS))),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }

    /// From now on nothing begins any more; what is in flight goes on.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until nothing is to begin any more.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // Fails only when the budget is gone, which `self` rules out.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }
}

pub(super) async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("the semaphores of a budget are never closed")
}
