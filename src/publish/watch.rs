//! Detects during a long upload that another run has published the same image.

use super::PublishError;
use super::api_folder::ApiFolder;
use super::mark::MarkState;
use super::replace::Timing;
use super::state::{State, StoredInfo};
use super::target::Target;
use crate::store::Store;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Periodically checks `info.json` while an image is being uploaded.
///
/// Confirming an image after the grace period relies on this. If a run could write for that long without checking, it
/// might overwrite an object after the image has been confirmed and then be killed.
#[derive(Debug)]
pub(super) struct Watch {
    interval: Option<Duration>,
    looked: Mutex<(Instant, SystemTime)>,
    /// `true` for each folder with an `info.json` written by a different program.
    is_foreign: Vec<bool>,
}

impl Watch {
    /// Creates a watch, starting from the last known state. Checks are disabled if `timing` is `None`.
    pub(super) fn new(timing: Option<Timing>, state: &State) -> Self {
        let is_foreign = |info: &Option<StoredInfo>| info.as_ref().is_some_and(StoredInfo::is_foreign);
        Self {
            interval: timing.map(Timing::look_interval),
            looked: Mutex::new(state.loaded),
            is_foreign: state.infos.iter().map(is_foreign).collect(),
        }
    }

    /// Checks `info.json` if the interval has passed.
    ///
    /// # Errors
    /// Returns [`PublishError::Overtaken`] if another run has published the image in the meantime.
    pub(super) async fn look(&self, store: &dyn Store, target: &Target) -> Result<(), PublishError> {
        let Some(interval) = self.interval else { return Ok(()) };
        // Hold the lock during the request on purpose. If a check is due for hundreds of uploads at once, only one of
        // them sends the request, and the rest wait here for its result.
        let mut looked = self.looked.lock().await;
        let begun = (Instant::now(), SystemTime::now());
        // The monotonic clock stops while the machine is asleep, and the system clock can be changed.
        let is_recent = |time: (Instant, SystemTime)| {
            let by_clock = begun.1.duration_since(time.1).is_ok_and(|elapsed| elapsed < interval);
            by_clock && begun.0.duration_since(time.0) < interval
        };
        if is_recent(*looked) {
            return Ok(());
        }
        // Checking once every quarter of the grace period is enough. A commit can only be confirmed once the whole
        // period has passed, so a run that notices it within a quarter of the period has three quarters left to stop.
        let state = State::load(store, target.folders.iter().map(ApiFolder::current_dir)).await?;
        if self.is_as_left(&state) {
            *looked = begun;
            return Ok(());
        }
        Err(PublishError::Overtaken { identifier: target.identifier.clone() })
    }

    /// Returns `true` if each `info.json` is missing, being replaced, or still the same foreign file.
    fn is_as_left(&self, state: &State) -> bool {
        // While this run is writing, it should only see its own `replacing` mark or one from another run that has also
        // started. It's harmless if both of them write, because the last commit settles and a later run compares the
        // result. A commit by the other run isn't harmless: it has deleted objects that it didn't plan and will go on
        // to be confirmed.
        state.infos.iter().zip(&self.is_foreign).all(|(info, is_foreign)| match info {
            None => true,
            Some(info) => match &info.mark {
                Some(mark) => mark.state == MarkState::Replacing,
                None => *is_foreign && info.is_foreign(),
            },
        })
    }
}
