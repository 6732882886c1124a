//! What the gateway counts and times. Plain atomics: a request touches a few dozen of them,
//! and a lock there would cost more than the phase it times.

use plimsoll_types::Phase;
use plimsoll_types::record::{ResultClass, Route};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the latency buckets, in nanoseconds: 1-2-5 from a microsecond to five
/// seconds, as a phase may take either.
pub const PHASE_BUCKETS_NS: [u64; 21] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
];

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; PHASE_BUCKETS_NS.len() + 1],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, nanos: u64) {
        let bucket = PHASE_BUCKETS_NS.partition_point(|&bound| bound < nanos);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(nanos, Relaxed);
    }
    /// Counts per bucket (not cumulative; the last is everything above), and the sum in
    /// nanoseconds.
    #[must_use]
    pub fn read(&self) -> ([u64; PHASE_BUCKETS_NS.len() + 1], u64) {
        (std::array::from_fn(|i| self.buckets[i].load(Relaxed)), self.sum_ns.load(Relaxed))
    }
}

/// The gateway's counters.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Latency by phase, in the order of [`Phase::ALL`].
    pub phases: [Histogram; 12],
    /// From `accept` to the answer.
    pub total: Histogram,
    /// Total less the time in the model: what Plimsoll adds.
    pub overhead: Histogram,
    /// Inference requests that were resolved to a deployment.
    pub resolved: AtomicU64,
    /// Completion records by result, in the order of [`ResultClass::ALL`].
    pub completions: [AtomicU64; 7],
    /// Completion records of requests that were planned, by route, in the order of [`Route::ALL`].
    pub routes: [AtomicU64; 5],
    /// Pairs that were not compared, as too many waited.
    pub shadows_dropped: AtomicU64,
    /// Answers withheld because they could not be explained.
    pub explanation_failures: AtomicU64,
    /// Deferred explanations recorded.
    pub deferred_made: AtomicU64,
    /// Decisions that could not be explained after the reply; the record says why.
    pub deferred_failed: AtomicU64,
    /// Ledger entries that were not looked at yet for deferred explanations.
    pub deferred_lag: AtomicU64,
    /// Inference requests in flight.
    pub in_flight: AtomicU64,
    /// Rows of batch jobs recorded; they count as resolved too.
    pub batch_rows: AtomicU64,
    /// Decisions made elsewhere that were recorded here.
    pub observed: AtomicU64,
}

impl Metrics {
    /// The histogram of one phase.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> &Histogram {
        &self.phases[usize::from(phase.code())]
    }
    /// The counter of one result.
    #[must_use]
    pub fn completion(&self, result: ResultClass) -> &AtomicU64 {
        &self.completions[usize::from(result.code())]
    }
    /// The counter of one route.
    #[must_use]
    pub fn route(&self, route: Route) -> &AtomicU64 {
        &self.routes[usize::from(route.code())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for nanos in [0, 1_000, 1_001, 5_000_000_001] {
            histogram.observe(nanos);
        }
        let (buckets, sum) = histogram.read();
        assert_eq!((buckets[0], buckets[1], buckets[21]), (2, 1, 1));
        assert_eq!(sum, 5_000_002_002);
    }
}
