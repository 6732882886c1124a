//! How units are split among arms, judged by a sequential test; arms may stop on the way.

use super::declared::Definition;
use super::report::Split;
use plimsoll_stats::contest::{SPLIT_PRIOR, SplitContest};

/// The chance that a sound split is called unsound, as in a rollout.
const SPLIT_ALPHA: f64 = 0.001;

/// How units are split among arms.
#[derive(Clone, Debug)]
pub(super) struct Splits {
    /// The arms that take traffic, and the test of how it is split.
    arms: Vec<usize>,
    contest: Option<SplitContest>,
    counts: Vec<u64>,
}

impl Splits {
    pub(super) fn new(definition: &Definition) -> Self {
        let mut splits = Self {
            arms: (0..definition.arms.len()).collect(),
            contest: None,
            counts: vec![0; definition.arms.len()],
        };
        splits.plan(definition);
        splits
    }

    /// The shares that the arms have which take traffic.
    fn plan(&mut self, definition: &Definition) {
        let of = |arm: &usize| definition.arms.get(*arm).map_or(0.0, |arm| f64::from(arm.share));
        let all: f64 = self.arms.iter().map(of).sum();
        let shares: Vec<f64> = self.arms.iter().map(|arm| of(arm) / all).collect();
        match &mut self.contest {
            Some(contest) => {
                contest.plan(&shares);
            }
            None => self.contest = SplitContest::new(&shares, SPLIT_PRIOR, SPLIT_ALPHA),
        }
    }

    pub(super) fn stop(&mut self, arm: usize, definition: &Definition) {
        self.arms.retain(|one| *one != arm);
        self.plan(definition);
    }

    pub(super) fn see(&mut self, arm: usize) {
        self.counts.iter_mut().skip(arm).take(1).for_each(|count| *count += 1);
        let place = self.arms.iter().position(|one| *one == arm);
        // Of one arm that is left there is nothing to compare.
        if let (Some(contest), Some(place), true) = (&mut self.contest, place, self.arms.len() > 1)
        {
            contest.see(place);
        }
    }

    pub(super) fn shown(&self, what: &str) -> Split {
        let contest = self.contest.as_ref();
        Split {
            what: what.to_owned(),
            counts: self.counts.clone(),
            evidence: contest.map_or(0.0, SplitContest::log_evidence).exp(),
            goal: 1.0 / SPLIT_ALPHA,
            is_wrong: contest.is_some_and(SplitContest::is_rejected),
        }
    }
}
