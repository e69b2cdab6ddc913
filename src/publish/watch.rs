//! Notices during a long publish that another run has published the same image.

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

/// Looks at `info.json` again from time to time while an image is written.
///
/// Whoever confirms an image after the grace period relies on this: a run that wrote to it for so long without looking could write
/// once more after the confirmation, and be killed.
#[derive(Debug)]
pub(super) struct Watch {
    interval: Option<Duration>,
    looked: Mutex<(Instant, SystemTime)>,
    /// The folders in which another run has committed already, or a foreign program.
    is_foreign: Vec<bool>,
}

impl Watch {
    /// Begins with the state that is known. Without `timing`, nothing is looked at.
    pub(super) fn new(timing: Option<Timing>, state: &State) -> Self {
        let is_foreign = |info: &Option<StoredInfo>| info.as_ref().is_some_and(StoredInfo::is_foreign);
        Self {
            interval: timing.map(Timing::look_interval),
            looked: Mutex::new(state.loaded),
            is_foreign: state.infos.iter().map(is_foreign).collect(),
        }
    }

    /// Looks, if it is time to.
    ///
    /// # Errors
    /// [`PublishError::Overtaken`] if another run has published the image meanwhile.
    pub(super) async fn look(&self, store: &dyn Store, target: &Target) -> Result<(), PublishError> {
        let Some(interval) = self.interval else { return Ok(()) };
        // The lock is held during the request on purpose. Hundreds of uploads may find at the same time that a look is
        // due; one of them looks, and the others wait here for its result instead of sending the same request.
        let mut looked = self.looked.lock().await;
        let begun = (Instant::now(), SystemTime::now());
        // The one clock stands still while the machine sleeps, the other one may be set.
        let is_recent = |time: (Instant, SystemTime)| {
            let by_clock = begun.1.duration_since(time.1).is_ok_and(|elapsed| elapsed < interval);
            by_clock && begun.0.duration_since(time.0) < interval
        };
        if is_recent(*looked) {
            return Ok(());
        }
        // There is no need to look more often than every quarter of the grace period. A confirmation needs a commit
        // that is older than the whole period, so a run that finds such a commit within a quarter has three quarters
        // left to stop.
        let state = State::load(store, target.folders.iter().map(ApiFolder::current_dir)).await?;
        if self.is_as_left(&state) {
            *looked = begun;
            return Ok(());
        }
        Err(PublishError::Overtaken { identifier: target.identifier.clone() })
    }

    /// Returns `true` if every `info.json` is absent, being replaced, or the same foreign one.
    fn is_as_left(&self, state: &State) -> bool {
        // While this run writes, the only marks that it may meet are its own `replacing` and that of another run which
        // has also begun. Two runs that both write are harmless: the last commit settles, and a later run compares. A
        // commit is not: the other run has deleted what it does not plan, and goes on to be confirmed.
        state.infos.iter().zip(&self.is_foreign).all(|(info, is_foreign)| match info {
            None => true,
            Some(info) => match &info.mark {
                Some(mark) => mark.state == MarkState::Replacing,
                None => *is_foreign && info.is_foreign(),
            },
        })
    }
}
