//! Publishes many images until they are done or the run is to stop.

use super::{Image, PublishError, Published, Publisher};
use crate::store::StoreError;
use futures::StreamExt;
use std::pin::pin;

/// An event of [`Publisher::publish_until`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum BatchEvent<'a> {
    /// An image is published, or failed.
    Ended {
        /// The image.
        image: &'a Image,
        /// The result.
        result: &'a Result<Published, PublishError>,
    },
    /// The store does not respond anymore, so no further image is started: each would only wait for it as long.
    StoreUnavailable {
        /// The error of the store.
        error: &'a StoreError,
    },
}

impl Publisher {
    /// Publishes images until all have ended, or until `stop` resolves. Then it [stops](Self::stop) gracefully: it finishes uploads
    /// in flight, unless `abort` resolves before. Returns the output of `stop` if that ended the work.
    pub async fn publish_until<S>(
        &self,
        images: impl IntoIterator<Item = Image>,
        stop: impl Future<Output = S>,
        abort: impl Future,
        mut on_event: impl FnMut(BatchEvent<'_>),
    ) -> Option<S> {
        let mut all = pin!(async {
            let mut results = pin!(self.publish_all(images));
            while let Some((image, result)) = results.next().await {
                on_event(BatchEvent::Ended { image: &image, result: &result });
                // One image may fail for its own reasons. Only if a request that has nothing to do with it fails too is
                // the store considered unavailable; then every further image would wait for the whole retry time and
                // fail.
                if let Err(error) = &result
                    && let Some(error) = self.unavailable_store(error).await
                {
                    self.stop();
                    on_event(BatchEvent::StoreUnavailable { error: &error });
                }
            }
        });
        let stopped = tokio::select! {
            () = &mut all => return None,
            stopped = stop => stopped,
        };
        self.stop();
        tokio::select! {
            () = all => {}
            _ = abort => {}
        }
        Some(stopped)
    }

    /// Returns the error of the store if an image failed because of the store, and the store still fails.
    async fn unavailable_store(&self, error: &PublishError) -> Option<StoreError> {
        if self.is_stopped() || !error.of_store().is_some_and(StoreError::is_environment) {
            return None;
        }
        self.store().check().await.err()
    }
}
