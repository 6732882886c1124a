//! What the demo's callers have seen so far.

use super::traffic::Seen;
use super::wire::Outcome;
use std::collections::VecDeque;
use std::time::Duration;

/// Requests that rate and latency are told of: two seconds of the highest rate.
const MAX_RECENT: usize = 2048;
/// Decisions shown.
pub(super) const MAX_LAST: usize = 8;
/// The time the rate is told of.
const RATE_SPAN: Duration = Duration::from_secs(5);

/// Counts, latencies and the last decisions.
#[derive(Clone, Default, Debug)]
pub(super) struct Tally {
    /// Requests that were sent.
    pub(super) requests: u64,
    /// Those that were resolved to a deployment, each of which must be recorded.
    pub(super) resolved: u64,
    /// Those that a model answered.
    pub(super) answered: u64,
    /// Those that got a recorded answer again.
    pub(super) replayed: u64,
    /// Those that were refused.
    pub(super) refused: u64,
    /// Those without an answer.
    pub(super) broken: u64,
    /// What was wrong with the last of these.
    pub(super) complaint: Option<String>,
    /// The first answer of a model.
    pub(super) first: Option<Seen>,
    /// The last decisions, newest first.
    pub(super) last: VecDeque<Seen>,
    /// When the last requests ended and how long they took, in nanoseconds; oldest first.
    recent: VecDeque<(u64, u64)>,
}

impl Tally {
    /// Counts one request.
    pub(super) fn add(&mut self, seen: Seen) {
        self.requests += 1;
        match &seen.reply.outcome {
            Outcome::Answered { is_replayed, .. } => {
                self.resolved += 1;
                *(if *is_replayed { &mut self.replayed } else { &mut self.answered }) += 1;
                self.first.get_or_insert_with(|| seen.clone());
            }
            Outcome::Refused { is_resolved, .. } => {
                self.resolved += u64::from(*is_resolved);
                self.refused += 1;
            }
            Outcome::Broken(complaint) => {
                self.broken += 1;
                self.complaint = Some(complaint.clone());
            }
        }
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((seen.monotonic, seen.nanos));
        self.last.push_front(seen);
        self.last.truncate(MAX_LAST);
    }

    /// Requests per second of the last five seconds, at `now`, of a run that began at `start`.
    /// Under the highest rates, of as long as is remembered.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
    pub(super) fn rate(&self, start: u64, now: u64) -> f64 {
        let span = u64::try_from(RATE_SPAN.as_nanos()).unwrap_or(u64::MAX);
        let from = now.saturating_sub(span).max(start);
        let is_whole = self.recent.len() < MAX_RECENT;
        let oldest = self.recent.front().map_or(from, |(ended, _)| *ended);
        let from = if is_whole { from } else { from.max(oldest) };
        let count = self.recent.iter().filter(|(ended, _)| *ended >= from).count();
        count as f64 / Duration::from_nanos(now.saturating_sub(from).max(1)).as_secs_f64()
    }

    /// The latency that `percent` of the last requests kept, if there were any (nearest rank).
    pub(super) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut nanos: Vec<u64> = self.recent.iter().map(|(_, nanos)| *nanos).collect();
        nanos.sort_unstable();
        let rank = (nanos.len() * percent).div_ceil(100).max(1);
        nanos.get(rank - 1).map(|nanos| Duration::from_nanos(*nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Reply;
    use super::*;
    use plimsoll_types::Time;

    fn seen(millis: u64, outcome: Outcome) -> Seen {
        Seen {
            time: Time::EPOCH,
            monotonic: millis * 1_000_000,
            nanos: millis * 1_000,
            deployment: "d",
            reply: Reply { id: millis.to_string(), outcome },
        }
    }

    #[test]
    fn every_request_counts_once() {
        let mut tally = Tally::default();
        let refused = |is_resolved| Outcome::Refused { code: "c".into(), field: None, is_resolved };
        let outcomes = [
            Outcome::Broken("gone".into()),
            Outcome::Answered { value: 0.5, is_replayed: false },
            Outcome::Answered { value: 0.5, is_replayed: true },
            refused(true),
            refused(false),
        ];
        for (millis, outcome) in (1..).zip(outcomes) {
            tally.add(seen(millis, outcome));
        }
        let Tally { requests, resolved, answered, replayed, refused, broken, .. } = tally;
        assert_eq!((requests, resolved), (5, 3));
        assert_eq!((answered, replayed, refused, broken), (1, 1, 2, 1));
        assert_eq!(tally.first.expect("one").reply.id, "2");
        assert_eq!(tally.last.front().expect("one").reply.id, "5");
    }

    #[test]
    fn rate_and_latency_are_those_of_the_last_requests() {
        let mut tally = Tally::default();
        assert_eq!(tally.percentile(50), None);
        for n in 1..=1000 {
            tally.add(seen(n * 10, Outcome::Answered { value: 0.0, is_replayed: false }));
        }
        assert_eq!(tally.percentile(50), Some(Duration::from_millis(5)));
        assert_eq!(tally.percentile(99), Some(Duration::from_micros(9_900)));
        let at = |seconds: u64| seconds * 1_000_000_000;
        assert!((tally.rate(0, at(10)) - 100.2).abs() < 1e-9);
        assert!(tally.rate(0, at(20)).abs() < 1e-9);
        for n in 1..=4096 {
            tally.add(seen(20_000 + n, Outcome::Answered { value: 0.0, is_replayed: false }));
        }
        assert!((tally.rate(0, at(24) + 96_000_000) - 1000.0).abs() < 1.0);
        assert_eq!(tally.last.len(), MAX_LAST);
    }
}
