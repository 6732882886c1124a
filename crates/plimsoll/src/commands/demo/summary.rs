//! The end of a demo: what happened, and whether every decision is where it must be.

use super::counters::Counters;
use super::tally::Tally;
use super::view::{duration, number};
use crate::commands::ledger;
use crate::failure::Failure;
use crate::printer::Facts;
use plimsoll_types::record::Kind;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// What happened. `requests` are the demo's own; `resolved` and what follows count everybody's.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Summary {
    seconds: f64,
    requests: u64,
    answered: u64,
    replayed: u64,
    refused: u64,
    broken: u64,
    p50_us: Option<u128>,
    p99_us: Option<u128>,
    sent_and_resolved: u64,
    resolved: u64,
    completions: u64,
    read_back: u64,
    lost: u64,
    first_decision: Option<String>,
}

impl Summary {
    /// Puts together what callers saw, what the server counted, and what the ledger holds.
    pub(super) fn new(tally: &Tally, counters: &Counters, read_back: u64, took: Duration) -> Self {
        let micros = |percent| tally.percentile(percent).map(|time| time.as_micros());
        Self {
            seconds: took.as_secs_f64(),
            requests: tally.requests,
            answered: tally.answered,
            replayed: tally.replayed,
            refused: tally.refused,
            broken: tally.broken,
            p50_us: micros(50),
            p99_us: micros(99),
            sent_and_resolved: tally.resolved,
            resolved: counters.resolved,
            completions: counters.completions,
            read_back,
            lost: tally.resolved.max(counters.resolved).saturating_sub(read_back),
            first_decision: tally.first.as_ref().map(|seen| seen.reply.id.clone()),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Self { answered, replayed, refused, broken, .. } = self;
        let time = |micros: Option<u128>| {
            let micros = micros.and_then(|micros| u64::try_from(micros).ok());
            micros.map_or_else(|| "-".to_owned(), |micros| duration(Duration::from_micros(micros)))
        };
        let requests = format!(
            "{} in {:.1} s: {} answered, {} replayed, {} refused, {} without an answer",
            number(self.requests),
            self.seconds,
            number(*answered),
            number(*replayed),
            number(*refused),
            number(*broken),
        );
        let others = self.resolved.saturating_sub(self.sent_and_resolved);
        let others = if others > 0 {
            format!(" ({} not the demo's)", number(others))
        } else {
            String::new()
        };
        let parity = format!(
            "{} requests resolved{others} = {} completions = {} decisions read back from the ledger",
            number(self.resolved),
            number(self.completions),
            number(self.read_back),
        );
        let parity = if self.check().is_ok() { parity } else { parity.replace('=', "≠") };
        Facts::default()
            .add("requests", requests)
            .add("latency", format!("p50 {}, p99 {}", time(self.p50_us), time(self.p99_us)))
            .add("parity", parity)
            .add("lost", number(self.lost))
            .maybe("first answer", self.first_decision.as_ref())
            .to_string()
    }

    /// Fails unless each resolved request has its completion, and each of those its entry.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let all = [self.completions, self.read_back].iter().all(|count| *count == self.resolved);
        if all && self.sent_and_resolved <= self.resolved {
            return Ok(());
        }
        Err(Failure::unverified("the requests that were resolved are not the decisions on record")
            .hint("read the ledger with `plimsoll ledger verify --data DIR/data`"))
    }
}

/// Decisions in the ledger of `data` from entry `from` on.
pub(super) fn read_back(data: &Path, from: u64) -> Result<u64, Failure> {
    let reader = ledger::open(data, None)?;
    let mut decisions = 0;
    for entry in reader.entries(from) {
        let entry = entry.map_err(ledger::failure)?;
        decisions += u64::from(entry.leaf.draft.kind == Kind::Decision);
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    fn summary(ours: u64, resolved: u64, completions: u64, read_back: u64) -> Summary {
        let mut tally = Tally::default();
        (tally.requests, tally.resolved, tally.answered) = (220, ours, 200);
        let counters = Counters { resolved, completions, ..Counters::default() };
        Summary::new(&tally, &counters, read_back, Duration::from_millis(5_040))
    }

    #[test]
    fn every_request_needs_its_record() {
        insta::assert_snapshot!(summary(213, 213, 213, 213).text());
        assert!(summary(213, 213, 213, 213).check().is_ok());
        // Somebody tried the hints.
        assert!(summary(213, 215, 215, 215).check().is_ok());
        assert!(
            summary(213, 215, 215, 215)
                .text()
                .contains("215 requests resolved (2 not the demo's) =")
        );
        for wrong in [
            summary(214, 213, 213, 213),
            summary(213, 214, 213, 213),
            summary(213, 213, 213, 212),
            summary(213, 213, 212, 212),
        ] {
            assert_eq!(wrong.check().expect_err("wrong").exit(), Exit::Unverified);
            assert!(wrong.text().contains('≠'), "{}", wrong.text());
            assert_eq!(wrong.lost, 1);
        }
    }
}
