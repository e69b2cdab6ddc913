//! Looks up the first image while the store is being checked.
//!
//! A distant store makes each request that waits for another one expensive. When a run publishes a single image, the
//! check of the bucket, the lookup of the image and the listing of its pictures would make three round trips. The
//! check is a listing anyway, so it lists the pictures of the first image, and the lookup runs at the same time.

use super::options::Layout;
use super::state::State;
use super::{Image, PublishError, Publisher};
use crate::destination::Identifier;
use crate::store::{Listed, Prefix, StoreError, Tally};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// Lookup of the first image, until that is published.
#[derive(Debug, Default)]
pub(super) struct FirstImage(Mutex<Option<EarlyLookup>>);

/// Lookup of an image that began before the image had its turn.
#[derive(Debug)]
pub(super) struct EarlyLookup {
    identifier: Identifier,
    /// Counts the requests of the image.
    pub(super) tally: Arc<Tally>,
    /// Objects in the image's only folder.
    listed: Option<Vec<Listed>>,
    /// Dropping it cancels the request.
    state: JoinSet<Result<State, PublishError>>,
}

impl FirstImage {
    /// Takes the lookup of an image, if it is the first one.
    pub(super) fn take(&self, identifier: &Identifier) -> Option<EarlyLookup> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.take_if(|first| first.identifier == *identifier)
    }
}

impl EarlyLookup {
    /// Waits for the state. Returns `None` if it is outdated.
    pub(super) async fn state(mut self) -> Result<Option<State>, PublishError> {
        let Some(loaded) = self.state.join_next().await else { return Ok(None) };
        // The task is canceled only when the set is dropped.
        let state = loaded.unwrap_or_else(|error| resume_unwind(error.into_panic()))?;
        Ok((!state.is_outdated()).then(|| State { listed: self.listed, ..state }))
    }
}

impl Publisher {
    /// Checks that the store is writable, on a best-effort basis. Meanwhile, starts to look up the image that will be
    /// published first.
    ///
    /// # Errors
    /// Returns an error if the store can't be used.
    pub async fn check_store(&self, first: Option<&Image>) -> Result<(), StoreError> {
        let Some(Image { identifier, .. }) = first else { return self.store.check().await };
        let (tally, mut state) = (Arc::<Tally>::default(), JoinSet::new());
        let (publisher, identifier, of_state) = (self.clone(), identifier.clone(), Arc::clone(&tally));
        let of_task = identifier.clone();
        state.spawn(async move { of_state.of(publisher.load_state(&of_task)).await });
        // Don't wait for the state. If the check fails, it would be an error that is retried for minutes.
        let listed = match self.only_folder(&identifier) {
            Some(below) => self.store.check_and_list(&below).await?,
            None => self.store.check().await.map(|()| None)?,
        };
        let early = EarlyLookup { identifier, tally, listed, state };
        *self.first.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(early);
        Ok(())
    }

    /// Returns the folder of an image's pictures, if there is only one and its name doesn't depend on the source.
    fn only_folder(&self, identifier: &Identifier) -> Option<Prefix> {
        let images = self.options.destination().images(identifier).ok()?;
        match images.as_slice() {
            [(_, image)] if self.options.layout == Layout::InPlace => Some(image.folder().clone().into()),
            _ => None,
        }
    }

    /// Loads the state of an image, unless its lookup began early.
    pub(super) async fn load_state_once(
        &self,
        identifier: &Identifier,
        early: Option<EarlyLookup>,
    ) -> Result<State, PublishError> {
        let early = match early {
            Some(early) => early.state().await?,
            None => None,
        };
        match early {
            Some(state) => Ok(state),
            None => self.load_state(identifier).await,
        }
    }
}
