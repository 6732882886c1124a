//! A histogram of latencies in constant memory, with a relative error below 1/64
//! (log-linear buckets, as HdrHistogram has them). It must not know what is measured.

use serde::Serialize;

/// Buckets per power of two.
const STEPS: u64 = 1 << STEP_BITS;
const STEP_BITS: u32 = 6;
/// Up to 2^40 ns (18 minutes); slower counts as that.
const MAX_BITS: u32 = 40;
const BUCKETS: usize = ((MAX_BITS - STEP_BITS + 1) as usize) << STEP_BITS;

/// Latencies in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

/// What is told of a histogram, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// The median.
    pub(crate) p50_us: f64,
    /// The 90th percentile.
    pub(crate) p90_us: f64,
    /// The 99th percentile.
    pub(crate) p99_us: f64,
    /// The 99.9th percentile.
    pub(crate) p999_us: f64,
    /// The slowest, exactly.
    pub(crate) max_us: f64,
}

impl Histogram {
    /// An empty histogram.
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into(), total: 0, max: 0 }
    }
    /// Counts one latency.
    pub(crate) fn add(&mut self, nanos: u64) {
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(nanos);
    }
    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
    /// The percentiles.
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            p50_us: micros(self.per_mille(500)),
            p90_us: micros(self.per_mille(900)),
            p99_us: micros(self.per_mille(990)),
            p999_us: micros(self.per_mille(999)),
            max_us: micros(self.max),
        }
    }
    /// The latency that `rank` thousandths of all do not exceed, to the bucket's upper end.
    fn per_mille(&self, rank: u64) -> u64 {
        let wanted = (self.total * rank).div_ceil(1_000);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper_end(index).min(self.max);
            }
        }
        self.max
    }
}

/// The first `STEPS` buckets hold one nanosecond each; then `STEPS` per power of two.
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.min((1 << MAX_BITS) - 1);
    let power = (64 - nanos.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let index = u64::from(power) * STEPS + (nanos >> power);
    usize::try_from(index).unwrap_or(BUCKETS - 1)
}

/// The largest latency of a bucket.
fn upper_end(index: usize) -> u64 {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    let power = (index / STEPS).saturating_sub(1);
    ((index - power * STEPS + 1) << power) - 1
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^53 ns")]
fn micros(nanos: u64) -> f64 {
    (nanos as f64 / 100.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_without_gaps() {
        let mut last = 0;
        for nanos in (0..4_096).chain([1 << 20, (1 << 39) + 12_345, (1 << 40) - 1]) {
            let index = bucket(nanos);
            assert!(index < BUCKETS && index >= last, "{nanos}");
            let end = upper_end(index);
            assert!(end >= nanos && end - nanos <= nanos / STEPS, "{nanos} ends at {end}");
            last = index;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_of_a_known_set() {
        let mut histogram = Histogram::new();
        for millis in 1..=1_000 {
            histogram.add(millis * 1_000_000);
        }
        let summary = histogram.summary();
        for (got, want) in
            [(summary.p50_us, 500e3), (summary.p90_us, 900e3), (summary.p99_us, 990e3)]
        {
            assert!((got / want - 1.0).abs() < 1.0 / 64.0, "{got} for {want}");
        }
        assert!((summary.max_us - 1e6).abs() < f64::EPSILON);
        assert_eq!(Histogram::new().summary().p99_us, 0.0);
    }
}
