//! Invalidates an `info.json` before the objects that it describes change.
//!
//! A run that compares an image with its digest ends by marking it current, with a put that knows nothing of what happened since it
//! looked. Whoever is about to change objects therefore invalidates the mark first, and if such a put may still be on its way, waits
//! until it must have arrived. `ARCHITECTURE.md` has the whole protocol.

use super::mark::{Mark, MarkState};
use crate::store::{Key, Object, Store, StoreError, Stored};
use std::time::{Duration, SystemTime};

/// The longest time for which a confirmation may be on its way.
const MAX_CONFIRMATION: Duration = Duration::from_secs(4);

/// Times in HTTP headers are whole seconds: the difference of two of them may be wrong by this much.
const CLOCK_PRECISION: Duration = Duration::from_secs(2);

/// The times of the protocol. None of them is longer than the grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// The time after which no run that had begun before a commit writes to the image.
    pub(crate) grace: Duration,
}

impl Timing {
    /// Returns how long to wait until a confirmation that was on its way has arrived.
    fn confirmation(self) -> Duration {
        MAX_CONFIRMATION.min(self.grace)
    }

    /// Returns the time that a confirming run has between its last look at a mark and the end of its put. The rest of
    /// [`confirmation`](Self::confirmation) is for a request that the run has given up but the store still executes.
    pub(super) fn confirmation_limit(self) -> Duration {
        self.confirmation() / 2
    }

    /// Returns how long a run may write before it looks at the mark again.
    pub(crate) fn look_interval(self) -> Duration {
        self.grace / 4
    }

    /// Returns `true` if a run may confirm a mark that was put at `modified`.
    pub(super) fn is_past_grace(self, modified: Option<SystemTime>, now: SystemTime) -> bool {
        age(modified, now).is_some_and(|age| age > self.grace)
    }

    /// Returns `true` if a confirmation of what was `stored` may be on its way at `now`.
    pub(super) fn may_be_confirmed(self, stored: &Stored, now: SystemTime) -> bool {
        let mark = stored.mark.as_deref().and_then(|mark| mark.parse::<Mark>().ok());
        // Confirmations need a time.
        // The question is: can some run have looked at this very `info.json`, decided to confirm it, and still be on
        // its way? All times are those of the store, as `Last-Modified` and `Date`, so a local clock that is wrong
        // cannot shorten the wait. If the answer is yes too often, a replacement takes four seconds longer; if it is no
        // once too often, an image that is half replaced may be marked as current for good.
        let Some(age) = age(stored.modified, now) else { return false };
        // What a newer version of the program does is not known.
        let Some(mark) = mark else { return is_ours(stored.mark.as_deref()) };
        let is_recent = age <= self.confirmation() + CLOCK_PRECISION;
        match mark.state {
            // A run that only changed the document did not wait for a confirmation of what was there before.
            MarkState::Settling => age + CLOCK_PRECISION >= self.grace || (mark.is_contested && is_recent),
            // Two runs may confirm at the same time, and one of them may be late.
            MarkState::Current => is_recent,
            // Whoever began to replace it may have died before it had waited.
            MarkState::Replacing => mark.is_contested && is_recent,
        }
    }
}

fn age(modified: Option<SystemTime>, now: SystemTime) -> Option<Duration> {
    now.duration_since(modified?).ok()
}

/// Puts `replacing` in place of the mark of `stored`, and returns when no confirmation can undo that.
///
/// Readers see the same `info.json` as before.
///
/// # Errors
/// If the store fails.
pub(crate) async fn invalidate(
    store: &dyn Store,
    stored: &Stored,
    replacing: Object,
    timing: Timing,
) -> Result<(), StoreError> {
    // Without the wait below, the model test finds this order of events: run A lists a whole image and decides to
    // confirm it; run B invalidates the mark and replaces half of the pictures; the PUT of A arrives and marks the
    // image as current; B is killed. From then on every run skips a mixture of two images.
    //
    // Locks are not an alternative, because a killed run never releases one. Conditional writes would close the gap,
    // but several stores accept the headers and ignore them.
    if !timing.may_be_confirmed(stored, store.now().await?) {
        store.put(replacing.clone()).await?;
        // The grace period may have ended meanwhile.
        if !timing.may_be_confirmed(stored, store.now().await?) {
            return Ok(());
        }
    }
    // If this run dies while it waits, the mark tells the next one to wait too.
    // Two PUTs, one before and one after the wait. The first stops confirmations that have not looked yet: they find
    // another mark. The second overwrites one that arrived during the wait.
    let uncontested = replacing.clone();
    store.put(contested(replacing)).await?;
    store.wait(timing.confirmation()).await;
    // Whatever has arrived meanwhile, and without the note.
    store.put(uncontested).await.map(drop)
}

fn contested(replacing: Object) -> Object {
    let mark = replacing.mark.as_deref().and_then(|mark| mark.parse::<Mark>().ok());
    Object { mark: mark.map(|mark| mark.contested().to_string().into()), ..replacing }
}

/// Returns the object that invalidates an `info.json` which is about to be deleted.
pub(crate) fn doomed(key: Key, stored: &Stored) -> Object {
    Object {
        key,
        body: stored.body.clone(),
        content_type: "application/json",
        cache_control: "no-cache".into(),
        mark: Some(Mark::replacing("").to_string().into()),
    }
}

/// Returns `true` if a mark was written by this program, in any of its versions.
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
