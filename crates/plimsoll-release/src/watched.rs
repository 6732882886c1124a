//! A rollout under real traffic: what its guardrails saw, and how far two versions agree on the same
//! inputs. Can be written down at any record and go on from there.

use crate::rollout::{Event, Rollout, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most points of a trail: as many as a chart of a page's width can show, and some 10 KiB
/// where a rollout is written down.
const TRAIL_MAX: usize = 240;
/// The most reason codes that are told apart; a profile has a dozen or two.
const CODES_MAX: usize = 64;
/// Every code beyond them.
const OTHERS: &str = "other reasons";

/// A rollout with what pairs said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Watched {
    /// The rollout.
    pub rollout: Rollout,
    /// What pairs said.
    pub pairs: Pairs,
    /// What pairs said of why; empty of rollouts from before it was kept.
    #[serde(default)]
    pub reasons: Reasons,
    /// How the evidence came to be; empty of rollouts from before it was kept.
    #[serde(default)]
    pub trail: Trail,
}

/// Evidence after so many answers, for people to look at; nothing is decided by it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trail {
    /// A point is kept of so many.
    every: u64,
    points: Vec<Point>,
}

impl Default for Trail {
    fn default() -> Self {
        Self { every: 1, points: Vec::new() }
    }
}

/// What guardrails said at a moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The candidate's answers and pairs until then.
    pub seen: u64,
    /// The step, from 0.
    pub step: u16,
    /// Of each guardrail: the decimal logarithm of how many to 1 the evidence is, to hundredths.
    pub log10: Vec<f32>,
}

impl Trail {
    /// The points, oldest first.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Keeps a point if it is its turn, or the last one. A trail that is full is thinned to half,
    /// so its points stay evenly spread however long the rollout lasts.
    fn mark(&mut self, rollout: &Rollout) {
        let (candidates, pairs) = rollout.counts();
        let seen = candidates.saturating_add(pairs);
        if !seen.is_multiple_of(self.every) && !rollout.is_over() {
            return;
        }
        if self.points.len() >= TRAIL_MAX {
            self.every = self.every.saturating_mul(2);
            let every = self.every;
            self.points.retain(|point| point.seen.is_multiple_of(every));
            if !seen.is_multiple_of(every) && !rollout.is_over() {
                return;
            }
        }
        self.points.push(Point {
            seen,
            step: u16::try_from(rollout.step()).unwrap_or(u16::MAX),
            log10: rollout.evidence().map(|(_, evidence)| hundredths(evidence.wealth)).collect(),
        });
    }
}

/// The decimal logarithm of evidence, to hundredths; between one in a million and a million million
/// to one.
fn hundredths(wealth: f64) -> f32 {
    // JSON has no word for what is no number.
    let log = if wealth.is_nan() { 0.0 } else { wealth.clamp(1e-6, 1e12).log10() };
    #[expect(clippy::cast_possible_truncation, reason = "a small number, rounded to hundredths")]
    let short = ((log * 100.0).round() / 100.0) as f32;
    short
}

/// Answers of both versions to the same inputs, compared.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Pairs {
    /// Pairs in which both answered a score.
    pub compared: u64,
    /// Of these, pairs whose answers are both positive or both not.
    pub agreed: u64,
    /// The sum of the candidate's scores less the incumbent's.
    pub shift: f64,
    /// The sum of how far they are apart.
    pub distance: f64,
}

/// Reasons that both versions gave for their answers to the same inputs. Two versions may agree on
/// every answer and differ in why, and it is the reasons that people are told.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Reasons {
    /// Pairs in which both were explained.
    pub compared: u64,
    /// Of these, pairs whose heaviest reasons are the same.
    pub agreed: u64,
    /// How often a code was the heaviest reason, of the incumbent and of the candidate.
    codes: BTreeMap<String, [u64; 2]>,
}

impl Watched {
    /// A rollout of which nothing was seen yet.
    #[must_use]
    pub fn new(rollout: Rollout) -> Self {
        let (pairs, reasons) = (Pairs::default(), Reasons::default());
        Self { rollout, pairs, reasons, trail: Trail::default() }
    }

    /// Sees what happened; see [`Rollout::see`].
    pub fn see(&mut self, event: &Event) -> Verdict {
        if let Event::Pair(incumbent, candidate) = event
            && let (Some(before), Some(after)) = (incumbent.score, candidate.score)
            && (before - after).is_finite()
        {
            self.pairs.compared += 1;
            self.pairs.agreed += u64::from(incumbent.positive == candidate.positive);
            self.pairs.shift += after - before;
            self.pairs.distance += (after - before).abs();
        }
        let was_over = self.rollout.is_over();
        let verdict = self.rollout.see(event);
        let is_new = matches!(event, Event::Candidate(_) | Event::Pair(..));
        if !was_over && (is_new || self.rollout.is_over()) {
            self.trail.mark(&self.rollout);
        }
        verdict
    }
}

impl Pairs {
    /// The share of pairs that agree; `None` without any.
    #[must_use]
    pub fn agreement(&self) -> Option<f64> {
        self.mean(self.agreed as f64)
    }
    /// How much higher the candidate scores, on average.
    #[must_use]
    pub fn mean_shift(&self) -> Option<f64> {
        self.mean(self.shift)
    }
    /// How far apart the two scores of a pair are, on average.
    #[must_use]
    pub fn mean_distance(&self) -> Option<f64> {
        self.mean(self.distance)
    }
    fn mean(&self, sum: f64) -> Option<f64> {
        (self.compared > 0).then(|| sum / self.compared as f64)
    }
}

impl Reasons {
    /// What an answer's heaviest reason is called where it has none: few profiles give reasons for
    /// an answer that nobody minds.
    pub const NONE: &str = "no reason";

    /// Sees the heaviest reasons of a pair.
    pub fn see(&mut self, incumbent: &str, candidate: &str) {
        self.compared += 1;
        self.agreed += u64::from(incumbent == candidate);
        self.count(incumbent)[0] += 1;
        self.count(candidate)[1] += 1;
    }
    fn count(&mut self, code: &str) -> &mut [u64; 2] {
        let is_known = self.codes.contains_key(code);
        let code = if is_known || self.codes.len() < CODES_MAX { code } else { OTHERS };
        self.codes.entry(code.to_owned()).or_default()
    }
    /// The share of pairs with the same heaviest reason; `None` without any.
    #[must_use]
    pub fn agreement(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.agreed as f64 / self.compared as f64)
    }
    /// How far apart the two mixes of reasons are, from 0 to 1 (total variation distance): the
    /// share of people who would be told another reason at the least.
    #[must_use]
    pub fn shift(&self) -> Option<f64> {
        let apart: u64 = self.codes.values().map(|[before, after]| before.abs_diff(*after)).sum();
        (self.compared > 0).then(|| apart as f64 / 2.0 / self.compared as f64)
    }
    /// How often each code was the heaviest reason, of the incumbent and of the candidate.
    pub fn codes(&self) -> impl Iterator<Item = (&str, [u64; 2])> {
        self.codes.iter().map(|(code, counts)| (&**code, *counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::{Plan, Seen};
    use plimsoll_types::Time;

    #[test]
    fn reasons_say_how_far_versions_agree_on_why() {
        let mut reasons = Reasons::default();
        assert_eq!((reasons.agreement(), reasons.shift()), (None, None));
        for (before, after) in
            [("R1", "R1"), ("R1", "R2"), ("R2", "R1"), (Reasons::NONE, "R2"), ("R2", "R2")]
        {
            reasons.see(before, after);
        }
        // Two swapped: they differ in single cases and not in the mix.
        assert_eq!((reasons.agreement(), reasons.shift()), (Some(0.4), Some(0.2)));
        let codes: Vec<_> = reasons.codes().collect();
        assert_eq!(codes, [("R1", [2, 2]), ("R2", [2, 3]), (Reasons::NONE, [1, 0])]);
        for n in 0..1000 {
            reasons.see(&format!("X{n}"), "R1");
        }
        assert!(reasons.codes().count() <= CODES_MAX + 1);
        assert_eq!(reasons.codes().map(|(_, [before, _])| before).sum::<u64>(), reasons.compared);
        let written = serde_json::to_string(&reasons).unwrap();
        assert_eq!(serde_json::from_str::<Reasons>(&written).unwrap(), reasons);
    }

    #[test]
    fn pairs_say_how_far_versions_agree() {
        let rollout = Rollout::begin(Plan::default(), Time::EPOCH).unwrap();
        let mut watched = Watched::new(rollout);
        assert_eq!(watched.pairs.agreement(), None);
        let seen = |score: f64| Seen {
            score: Some(score),
            positive: Some(score >= 0.5),
            ..Seen::default()
        };
        watched.see(&Event::Pair(seen(0.25), seen(0.5)));
        watched.see(&Event::Pair(seen(0.75), seen(0.5)));
        watched.see(&Event::Pair(seen(0.75), Seen { failed: true, ..Seen::default() }));
        watched.see(&Event::Candidate(seen(1.0)));
        let pairs = watched.pairs;
        assert_eq!((pairs.compared, pairs.agreement()), (2, Some(0.5)));
        assert_eq!((pairs.mean_shift(), pairs.mean_distance()), (Some(0.0), Some(0.25)));
        let kept = serde_json::to_string(&watched).unwrap();
        assert_eq!(serde_json::from_str::<Watched>(&kept).unwrap(), watched);
    }

    #[test]
    fn a_trail_is_even_bounded_and_ends_with_the_end() {
        let rollout = Rollout::begin(Plan::default(), Time::EPOCH).unwrap();
        let mut watched = Watched::new(rollout);
        let seen = |failed| Seen { failed, score: Some(0.5), ..Seen::default() };
        for _ in 0..10_000 {
            watched.see(&Event::Pair(seen(false), seen(false)));
        }
        let seen_at: Vec<u64> = watched.trail.points().iter().map(|point| point.seen).collect();
        assert!(seen_at.len() <= TRAIL_MAX && seen_at.len() >= TRAIL_MAX / 2, "{}", seen_at.len());
        let gap = seen_at[1] - seen_at[0];
        assert!(seen_at.windows(2).all(|two| two[1] - two[0] == gap), "{seen_at:?}");
        while !watched.rollout.is_over() {
            watched.see(&Event::Pair(seen(false), seen(true)));
        }
        let last = watched.trail.points().last().unwrap();
        assert_eq!(last.seen, watched.rollout.counts().1, "the point that decided is kept");
        let goal = watched.rollout.evidence().next().unwrap().1.goal;
        assert!(f64::from(last.log10[0]) >= goal.log10() - 0.01);
        assert_eq!(last.log10.len(), watched.rollout.evidence().count());
        let kept = serde_json::to_string(&watched).unwrap();
        assert_eq!(serde_json::from_str::<Watched>(&kept).unwrap(), watched);
        // What was kept before there were trails is read, too.
        let mut old = serde_json::to_value(&watched).unwrap();
        old.as_object_mut().unwrap().remove("trail");
        assert!(serde_json::from_value::<Watched>(old).unwrap().trail.points().is_empty());
    }
}
