//! Publishes a batch of images until it is finished or told to stop.

use super::{Image, PublishError, Published, Publisher};
use crate::store::StoreError;
use futures::{Stream, StreamExt};
use std::pin::pin;

/// Events emitted by [`Publisher::publish_until`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum BatchEvent<'a> {
    /// An image was published or failed.
    Ended {
        /// The image that finished.
        image: &'a Image,
        /// Result of publishing the image.
        result: &'a Result<Published, PublishError>,
    },
    /// The store stopped responding. No more images are started, because each one would run into the same timeout.
    StoreUnavailable {
        /// Error returned by the store.
        error: &'a StoreError,
    },
}

/// An image with its result.
type Ended = (Image, Result<Published, PublishError>);

fn failure((_, result): &Ended) -> Option<&PublishError> {
    result.as_ref().err()
}

impl Publisher {
    /// Publishes images until they have all finished or `stop` resolves. In the latter case, it [stops](Self::stop)
    /// gracefully and lets uploads in flight finish, unless `abort` resolves first. Returns the output of `stop` if
    /// `stop` resolved first.
    pub async fn publish_until<S>(
        &self,
        images: impl IntoIterator<Item = Image>,
        stop: impl Future<Output = S>,
        abort: impl Future,
        mut on_event: impl FnMut(BatchEvent<'_>),
    ) -> Option<S> {
        let on_result = |ended: Result<&Ended, &StoreError>| match ended {
            Ok((image, result)) => on_event(BatchEvent::Ended { image, result }),
            Err(error) => on_event(BatchEvent::StoreUnavailable { error }),
        };
        self.results_until(self.publish_all(images), failure, stop, abort, on_result).await
    }

    /// Takes results like [`publish_until`](Self::publish_until). `on_result` gets each result, or the store's error once
    /// the store stops responding.
    pub(crate) async fn results_until<T, S>(
        &self,
        results: impl Stream<Item = T>,
        failure: fn(&T) -> Option<&PublishError>,
        stop: impl Future<Output = S>,
        abort: impl Future,
        mut on_result: impl FnMut(Result<&T, &StoreError>),
    ) -> Option<S> {
        let mut all = pin!(async {
            let mut results = pin!(results);
            while let Some(result) = results.next().await {
                on_result(Ok(&result));
                // A single image can fail for reasons of its own. The store counts as unavailable only if an unrelated
                // request fails too. In that case, every remaining image would retry until it timed out and then fail.
                if let Some(error) = failure(&result)
                    && let Some(error) = self.unavailable_store(error).await
                {
                    self.stop();
                    on_result(Err(&error));
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

    /// Returns the store's error if the store caused the failure and is still failing.
    async fn unavailable_store(&self, error: &PublishError) -> Option<StoreError> {
        if self.is_stopped() || !error.of_store().is_some_and(StoreError::is_environment) {
            return None;
        }
        self.store().check().await.err()
    }
}
