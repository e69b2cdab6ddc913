//! Retry policy. Decides if a failure is transient and when to try again.

use super::StatusCode;
use super::header::{HeaderMap, RETRY_AFTER};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

/// Maximum delay before the second attempt. It doubles with each attempt, up to [`MAX_BACKOFF`].
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Maximum number of attempts to connect to a host that hasn't responded yet, so that a mistyped name fails within
/// seconds.
const MAX_INITIAL_CONNECTS: u32 = 3;

/// A failure that may be transient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A connection couldn't be established.
    Connect,
    /// The connection was lost, too slow or timed out.
    Exchange,
    /// The server returned a transient status and may have requested a delay.
    Status { retry_after: Option<Duration> },
}

impl Failure {
    /// Returns the failure if the response status is transient: 408, 429, 500, 502, 503 or 504.
    pub(crate) fn of_response(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let is_transient = matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
        is_transient.then(|| Self::Status { retry_after: retry_after(headers, SystemTime::now()) })
    }
}

/// Retry limits for a single request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    retry_for: Duration,
    max_attempts: u32,
    max_connects: u32,
}

impl Policy {
    /// Creates a policy that retries for a limited time and attempts to connect at most three times.
    pub(crate) const fn new(retry_for: Duration) -> Self {
        Self { retry_for, max_attempts: u32::MAX, max_connects: MAX_INITIAL_CONNECTS }
    }

    /// Limits the number of attempts as well, counting the first one.
    pub(crate) const fn with_max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    /// Retries failed connections for as long as any other failure, because the host has responded before.
    pub(crate) const fn for_known_host(self) -> Self {
        Self { max_connects: u32::MAX, ..self }
    }

    /// Returns the maximum time to spend retrying, counted from the first attempt.
    pub(crate) fn retry_for(self) -> Duration {
        self.retry_for
    }

    /// Returns the delay before the next attempt, or `None` to give up.
    pub(super) fn decide(self, failure: Failure, attempts: u32, elapsed: Duration) -> Option<Duration> {
        self.decide_with(failure, attempts, elapsed, jitter())
    }

    /// Decides like [`decide`](Self::decide), but with an explicit `jitter` between 0 and 1. `attempts` is the number of
    /// failed attempts so far, and `elapsed` is the time since the first one started.
    ///
    /// Gives up if the server requests a delay that extends past the retry time, because it would reject an earlier
    /// attempt.
    fn decide_with(self, failure: Failure, attempts: u32, elapsed: Duration, jitter: f64) -> Option<Duration> {
        let backoff = backoff(attempts, jitter);
        // A server that requests no delay still gets the normal backoff.
        let wait = match failure {
            Failure::Status { retry_after: Some(after) } => after.max(backoff),
            _ => backoff,
        };
        let is_exhausted = attempts >= self.max_attempts
            || (failure == Failure::Connect && attempts >= self.max_connects)
            || elapsed.saturating_add(wait) > self.retry_for;
        (!is_exhausted).then_some(wait)
    }
}

/// Returns an exponential backoff between 50% and 100% of its maximum, to spread out parallel requests.
fn backoff(attempts: u32, jitter: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let max = INITIAL_BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF);
    max.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// Returns a random number between 0 and 1. Hash map seeds are random enough for this.
fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(random).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// Parses the server's requested delay, given in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok().map(|date| date.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const POLICY: Policy = Policy::new(Duration::from_secs(20));
    const BUSY: Failure = Failure::Status { retry_after: None };

    fn after(seconds: u64) -> Failure {
        Failure::Status { retry_after: Some(Duration::from_secs(seconds)) }
    }

    #[test]
    fn each_failure_has_one_decision() {
        let three = POLICY.with_max_attempts(3);
        for (name, policy, failure, attempts, elapsed, expected) in [
            ("first failure", POLICY, Failure::Exchange, 1, 0, Some(1)),
            ("second failure", POLICY, BUSY, 2, 1, Some(2)),
            ("longest backoff", POLICY, BUSY, 40, 1, Some(5)),
            ("last moment", POLICY, BUSY, 4, 15, Some(5)),
            ("time is over", POLICY, BUSY, 4, 16, None),
            ("second connect", POLICY, Failure::Connect, 2, 0, Some(2)),
            ("third connect", POLICY, Failure::Connect, 3, 0, None),
            ("third connect to a known host", POLICY.for_known_host(), Failure::Connect, 3, 0, Some(4)),
            ("attempts left", three, BUSY, 2, 0, Some(2)),
            ("no attempts left", three, BUSY, 3, 0, None),
            ("requested delay", POLICY, after(7), 1, 0, Some(7)),
            ("requested delay below the backoff", POLICY, after(0), 1, 0, Some(1)),
            ("requested delay in time", POLICY, after(10), 1, 10, Some(10)),
            ("requested delay too late", POLICY, after(11), 1, 10, None),
            ("requested delay without end", POLICY, after(u64::MAX), 1, 10, None),
        ] {
            let decided = policy.decide_with(failure, attempts, Duration::from_secs(elapsed), 1.0);
            assert_eq!(decided, expected.map(Duration::from_secs), "{name}");
        }
    }

    #[test]
    fn jitter_spreads_the_backoff_over_its_upper_half() {
        assert_eq!([0.0, 0.5, 1.0].map(|jitter| backoff(1, jitter)), [SECOND / 2, SECOND * 3 / 4, SECOND]);
        let drawn: Vec<f64> = (0..100).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|jitter| (0.0..=1.0).contains(jitter)), "{drawn:?}");
        assert!(drawn.iter().any(|jitter| *jitter < 0.5) && drawn.iter().any(|jitter| *jitter > 0.5), "{drawn:?}");
    }

    #[test]
    fn overloaded_servers_are_transient_and_refusals_are_not() {
        for status in [408, 429, 500, 502, 503, 504] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(Failure::of_response(status, &HeaderMap::new()), Some(BUSY), "{status}");
        }
        for status in [200, 206, 304, 400, 401, 403, 404, 410, 412, 416, 501, 505] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(Failure::of_response(status, &HeaderMap::new()), None, "{status}");
        }
    }

    #[test]
    fn a_requested_delay_is_a_number_of_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Mon, 05 Jan 2026 00:00:00 GMT").expect("a date");
        let read =
            |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a value"))]), now);
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("18446744073709551615"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read("Mon, 05 Jan 2026 00:00:07 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(read("Sun, 04 Jan 2026 00:00:00 GMT"), Some(Duration::ZERO), "a time in the past");
        for nonsense in ["", "soon", "-1", "1.5", "18446744073709551616"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
