//! Invalidates an `info.json` before the objects it describes change.
//!
//! After comparing an image with its digest, a run marks it as current, unaware of anything that has happened since its
//! last check. A run that is about to change objects therefore invalidates the mark first. If a confirmation may still
//! be in flight, the run also waits until that request must have arrived. See `ARCHITECTURE.md` for the full protocol.

use super::mark::{Mark, MarkState};
use crate::store::{Key, Object, Store, StoreError, Stored};
use std::time::{Duration, SystemTime};

/// Maximum time that a confirmation can be in flight.
const MAX_CONFIRMATION: Duration = Duration::from_secs(4);

/// HTTP dates have a resolution of one second, so the difference of two dates can be off by this much.
const CLOCK_PRECISION: Duration = Duration::from_secs(2);

/// Time limits used by the protocol. None of them exceeds the grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Time after a commit until any runs that were already in progress have stopped writing to the image.
    pub(crate) grace: Duration,
}

impl Timing {
    /// Returns the time to wait for a confirmation in flight.
    pub(crate) fn confirmation(self) -> Duration {
        MAX_CONFIRMATION.min(self.grace)
    }

    /// Returns the time limit for a confirming run, from its last check of the mark until its upload completes. The
    /// rest of [`confirmation`](Self::confirmation) covers requests that the run has abandoned but the store still
    /// executes.
    pub(super) fn confirmation_limit(self) -> Duration {
        self.confirmation() / 2
    }

    /// Returns the maximum time a run may write without checking the mark.
    pub(crate) fn look_interval(self) -> Duration {
        self.grace / 4
    }

    /// Returns `true` if a run may confirm a mark that was written at `modified`.
    pub(crate) fn is_past_grace(self, modified: Option<SystemTime>, now: SystemTime) -> bool {
        age(modified, now).is_some_and(|age| age > self.grace)
    }

    /// Returns `true` if a confirmation of the `stored` mark may be in flight at `now`.
    pub(super) fn may_be_confirmed(self, stored: &Stored, now: SystemTime) -> bool {
        let mark = stored.mark.as_deref().and_then(|mark| mark.parse::<Mark>().ok());
        // Could another run have read this exact `info.json`, decided to confirm it, and still be in flight? We only
        // compare the store's own times (`Last-Modified` and `Date`), so a wrong local clock can't shorten the wait. A
        // false positive delays a replacement by four seconds. A false negative may leave a half-replaced image
        // permanently marked as current.
        //
        // Confirming requires a modification time.
        let Some(age) = age(stored.modified, now) else { return false };
        // We don't know how newer versions of the program behave.
        let Some(mark) = mark else { return is_ours(stored.mark.as_deref()) };
        let is_recent = age <= self.confirmation() + CLOCK_PRECISION;
        match mark.state {
            // A run that only changed the document didn't wait for confirmations of the previous mark.
            MarkState::Settling => age + CLOCK_PRECISION >= self.grace || (mark.is_contested && is_recent),
            // Two runs may be confirming at the same time, and one of them may be late.
            MarkState::Current => is_recent,
            // The run that started replacing the image may have died before it finished waiting.
            MarkState::Replacing => mark.is_contested && is_recent,
        }
    }
}

fn age(modified: Option<SystemTime>, now: SystemTime) -> Option<Duration> {
    now.duration_since(modified?).ok()
}

/// Replaces the mark of `stored` with `replacing`, and returns once no confirmation can undo this.
///
/// The contents of `info.json` don't change for readers.
///
/// # Errors
/// Returns an error if the store fails.
pub(crate) async fn invalidate(
    store: &dyn Store,
    stored: &Stored,
    replacing: Object,
    timing: Timing,
) -> Result<(), StoreError> {
    // Without the wait below, the model test finds this sequence: run A lists a complete image and decides to confirm
    // it. Run B invalidates the mark and replaces half of the pictures. A's PUT arrives and marks the image as current.
    // B is killed. From then on, every run skips a mixture of two images.
    //
    // Locks wouldn't work, because a killed run never releases them. Conditional writes would close the gap, but
    // several stores accept the headers and ignore them.
    if !timing.may_be_confirmed(stored, store.now().await?) {
        store.put(replacing.clone()).await?;
        // The grace period may have ended in the meantime.
        if !timing.may_be_confirmed(stored, store.now().await?) {
            return Ok(());
        }
    }
    // If this run dies while waiting, the contested mark makes the next run wait too.
    //
    // We need one PUT before the wait and one after it. The first stops any run that hasn't done its last check yet,
    // because it will find a different mark. The second overwrites any confirmation that arrived during the wait.
    let uncontested = replacing.clone();
    store.put(contested(replacing)).await?;
    store.wait(timing.confirmation()).await;
    // Overwrite anything that arrived in the meantime, and clear the contested flag.
    store.put(uncontested).await.map(drop)
}

fn contested(replacing: Object) -> Object {
    let mark = replacing.mark.as_deref().and_then(|mark| mark.parse::<Mark>().ok());
    Object { mark: mark.map(|mark| mark.contested().to_string().into()), ..replacing }
}

/// Returns the object that invalidates an `info.json` before it is deleted.
pub(crate) fn doomed(key: Key, stored: &Stored) -> Object {
    Object {
        key,
        body: stored.body.clone().into(),
        content_encoding: None,
        content_type: "application/json",
        cache_control: "no-cache".into(),
        mark: Some(Mark::replacing("").to_string().into()),
    }
}

/// Returns `true` if a mark was written by any version of this program.
pub(crate) fn is_ours(mark: Option<&str>) -> bool {
    let version = mark.and_then(|mark| Some(mark.split_once(";state=")?.0));
    version.is_some_and(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing { grace: Duration::from_hours(1) };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn only_what_may_be_confirmed_now_is_waited_for() {
        for (state, age, expected) in [
            ("settling", 0, false),
            ("settling", 3590, false),
            ("settling", 3599, true),
            ("settling", 1_000_000, true),
            ("settling;contested=1", 1, true),
            ("settling;contested=1", 60, false),
            ("current", 1, true),
            ("current", 60, false),
            ("replacing", 1, false),
            ("replacing;contested=1", 1, true),
            ("replacing;contested=1", 60, false),
        ] {
            let stored = Stored {
                body: "{}".into(),
                mark: Some(format!("1;state={state};headers=x")),
                etag: None,
                modified: Some(at(10)),
            };
            assert_eq!(TIMING.may_be_confirmed(&stored, at(10 + age)), expected, "{state} after {age} s");
            let foreign = Stored { mark: None, ..stored };
            assert!(!TIMING.may_be_confirmed(&foreign, at(10 + age)));
        }
    }

    #[test]
    fn marks_of_every_version_are_ours() {
        for (mark, expected) in [
            (Some("1;state=current"), true),
            (Some("12;state=whatever;x=y"), true),
            (Some("0f3a-77aa"), false),
            (Some(";state=current"), false),
            (None, false),
        ] {
            assert_eq!(is_ours(mark), expected, "{mark:?}");
        }
    }
}
