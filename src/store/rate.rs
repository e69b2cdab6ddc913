//! Minimum transfer rate for response bodies.

use std::time::{Duration, Instant};

/// Minimum number of bytes to receive in each [`INTERVAL`], which works out to about 1 KiB per second.
const MIN_BYTES: u64 = 64 << 10;
const INTERVAL: Duration = Duration::from_mins(1);

/// Tracks the transfer rate of one response body. A server that trickles out single bytes would otherwise stall a run
/// for days without ever hitting a read timeout.
#[derive(Debug)]
pub(crate) struct MinRate {
    interval: Duration,
    min_bytes: u64,
    began: Instant,
    bytes: u64,
}

/// Error for a response body that arrives too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response arrives too slowly: {bytes} bytes in {seconds} s")]
pub(crate) struct TooSlow {
    bytes: u64,
    seconds: u64,
}

impl MinRate {
    /// Starts tracking. If `retry_for` is shorter than a minute, the rate is measured over that time instead.
    pub(crate) fn new(retry_for: Duration) -> Self {
        let interval = INTERVAL.min(retry_for);
        // Millisecond precision is good enough here.
        let share = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let min_bytes = MIN_BYTES.saturating_mul(share) / 60_000;
        Self { interval, min_bytes, began: Instant::now(), bytes: 0 }
    }

    /// Records that more bytes have arrived.
    ///
    /// # Errors
    /// Returns an error if too few bytes arrived during the current interval.
    pub(crate) fn arrived(&mut self, bytes: usize) -> Result<(), TooSlow> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let elapsed = self.began.elapsed();
        if elapsed < self.interval {
            return Ok(());
        }
        if self.bytes < self.min_bytes {
            return Err(TooSlow { bytes: self.bytes, seconds: elapsed.as_secs() });
        }
        (self.began, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_drips_is_too_slow_and_a_steady_one_is_not() {
        let mut rate = MinRate::new(Duration::from_millis(30));
        assert_eq!(rate.min_bytes, 32);
        assert_eq!(rate.arrived(1), Ok(()), "the interval has only begun");
        std::thread::sleep(Duration::from_millis(40));
        assert!(rate.arrived(1).is_err());
        let mut rate = MinRate::new(Duration::from_millis(30));
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(40));
            assert_eq!(rate.arrived(100), Ok(()));
        }
        assert_eq!(MinRate::new(Duration::from_hours(1)).min_bytes, MIN_BYTES);
    }
}
