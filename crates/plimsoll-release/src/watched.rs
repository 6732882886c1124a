//! A rollout under real traffic: what its guardrails saw, and how far two versions agree on the same
//! inputs. Can be written down at any record and go on from there.

use crate::rollout::{Event, Rollout, Verdict};
use serde::{Deserialize, Serialize};

/// A rollout with what pairs said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Watched {
    /// The rollout.
    pub rollout: Rollout,
    /// What pairs said.
    pub pairs: Pairs,
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

impl Watched {
    /// A rollout of which nothing was seen yet.
    #[must_use]
    pub fn new(rollout: Rollout) -> Self {
        Self { rollout, pairs: Pairs::default() }
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
        self.rollout.see(event)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::{Plan, Seen};
    use plimsoll_types::Time;

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
}
