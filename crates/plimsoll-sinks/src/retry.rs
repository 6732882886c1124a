//! When a failed attempt is made again.

use aws_lc_rs::rand;
use std::time::Duration;

/// Exponential back-off with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for Backoff {
    /// From a second to five minutes.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row, with `wish` of the receiver (its
    /// `retry-after`) as the least, within the bound. `random` spreads it over the upper
    /// half, so that sinks which failed together do not come back together.
    #[must_use]
    pub fn wait(&self, failures: u32, wish: Option<Duration>, random: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1_u32 << doublings).min(self.max);
        let half = whole / 2;
        let share = f64::from(random) / f64::from(u32::MAX);
        let wait = half.saturating_add(half.mul_f64(share));
        wait.max(wish.unwrap_or_default()).min(self.max)
    }

    /// The same with jitter of the system's generator.
    pub(crate) fn jittered(&self, failures: u32, wish: Option<Duration>) -> Duration {
        let mut bytes = [0; 4];
        // Without randomness there is no jitter, and the wait is the whole.
        let random = rand::fill(&mut bytes).map_or(u32::MAX, |()| u32::from_le_bytes(bytes));
        self.wait(failures, wish, random)
    }
}
