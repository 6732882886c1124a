//! What the server counts, read off its metrics page.

use plimsoll_types::Phase;
use std::collections::BTreeMap;

/// The numbers of one scrape. All count from the start of the server's process.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Counters {
    /// Inference requests that were resolved to a deployment.
    pub(super) resolved: u64,
    /// Completion records.
    pub(super) completions: u64,
    /// Requests in flight.
    pub(super) in_flight: u64,
    /// Entries in the ledger.
    pub(super) entries: u64,
    /// Bytes written to the ledger.
    pub(super) bytes: u64,
    /// Mean time of each phase, in microseconds, in the order of a request.
    pub(super) phases: Vec<(&'static str, f64)>,
    /// Refusals by reason, the most frequent first.
    pub(super) refusals: Vec<(String, u64)>,
}

impl Counters {
    /// Reads a metrics page (OpenMetrics 1.0). What is not there counts as zero.
    pub(super) fn read(page: &str) -> Self {
        let samples: Vec<Sample<'_>> = page.lines().filter_map(sample).collect();
        let sum = |name: &str| {
            let ours = samples.iter().filter(|sample| sample.name == name);
            ours.filter_map(|sample| sample.value.parse::<u64>().ok()).sum()
        };
        Self {
            resolved: sum("plimsoll_gateway_requests_resolved_total"),
            completions: sum("plimsoll_gateway_completions_total"),
            in_flight: sum("plimsoll_gateway_in_flight"),
            entries: sum("plimsoll_ledger_durable_entries"),
            bytes: sum("plimsoll_ledger_bytes_total"),
            phases: phases(&samples),
            refusals: refusals(&samples),
        }
    }

    /// Refusals of all reasons.
    pub(super) fn refused(&self) -> u64 {
        self.refusals.iter().map(|(_, count)| count).sum()
    }
}

/// A line of the page: `name{labels} value`.
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: &'a str,
}

impl Sample<'_> {
    /// The value of a label. The values we read hold no quotes.
    fn label(&self, name: &str) -> Option<&str> {
        let labels = self.labels.split(',').filter_map(|label| label.split_once('='));
        labels.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
    }
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let (series, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    Some(Sample { name, labels: labels.trim_end_matches('}'), value })
}

/// The mean time of each phase that was ever reached.
fn phases(samples: &[Sample<'_>]) -> Vec<(&'static str, f64)> {
    let of = |phase: &str, part: &str| -> Option<f64> {
        let name = format!("plimsoll_gateway_phase_duration_seconds_{part}");
        let is_it =
            |sample: &&Sample<'_>| sample.name == name && sample.label("phase") == Some(phase);
        samples.iter().find(is_it)?.value.parse().ok()
    };
    let mean = |phase: &Phase| {
        let name = phase.as_str();
        let count = of(name, "count").filter(|count| *count > 0.0)?;
        Some((name, of(name, "sum")? * 1e6 / count))
    };
    Phase::ALL.iter().filter_map(mean).collect()
}

fn refusals(samples: &[Sample<'_>]) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::<&str, u64>::new();
    for sample in samples.iter().filter(|sample| sample.name == "plimsoll_refusals_total") {
        if let (Some(code), Ok(count)) = (sample.label("code"), sample.value.parse::<u64>()) {
            *counts.entry(code).or_default() += count;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().map(|(code, n)| (code.to_owned(), n)).collect();
    // Stable: the same number in the order of the alphabet.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# TYPE plimsoll_gateway_phase_duration_seconds histogram
plimsoll_gateway_phase_duration_seconds_sum{phase="validate"} 0.0003
plimsoll_gateway_phase_duration_seconds_count{phase="validate"} 10
plimsoll_gateway_phase_duration_seconds_bucket{le="0.000001",phase="validate"} 1
plimsoll_gateway_phase_duration_seconds_sum{phase="explain"} 0.0
plimsoll_gateway_phase_duration_seconds_count{phase="explain"} 0
plimsoll_gateway_phase_duration_seconds_sum{phase="accept"} 0.00001
plimsoll_gateway_phase_duration_seconds_count{phase="accept"} 10
plimsoll_gateway_requests_resolved_total 10
plimsoll_gateway_completions_total{result="answered"} 7
plimsoll_gateway_completions_total{result="refused"} 3
plimsoll_refusals_total{listener="data",phase="validate",code="wrong_kind"} 2
plimsoll_refusals_total{listener="data",phase="authorize",code="forbidden"} 1
plimsoll_refusals_total{listener="control",phase="authorize",code="forbidden"} 2
plimsoll_gateway_in_flight 0
plimsoll_ledger_bytes_total 7840
plimsoll_ledger_durable_entries 15
# EOF
"#;

    #[test]
    fn a_page_is_read() {
        let counters = Counters::read(PAGE);
        assert_eq!((counters.resolved, counters.completions, counters.in_flight), (10, 10, 0));
        assert_eq!((counters.entries, counters.bytes), (15, 7840));
        let phases: Vec<String> =
            counters.phases.iter().map(|(name, mean)| format!("{name} {mean:.1}")).collect();
        assert_eq!(phases, ["accept 1.0", "validate 30.0"]);
        assert_eq!(counters.refusals, [("forbidden".into(), 3), ("wrong_kind".into(), 2)]);
        assert_eq!(counters.refused(), 5);
        assert_eq!(Counters::read("<html> 5"), Counters::default());
    }
}
