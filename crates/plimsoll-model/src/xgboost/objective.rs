//! XGBoost's objectives: the link of the base score, and what becomes of margins.
//!
//! Formulas are XGBoost's, in `f32` (`src/objective/`).

use crate::output::{OutputKind, Transform};

/// From the base score, kept in output space, to the margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Identity,
    Logit,
    Log,
}

/// A training objective.
#[derive(Debug)]
pub(crate) struct Objective {
    /// XGBoost's name.
    pub(crate) name: &'static str,
    link: Link,
    pub(crate) transform: Transform,
    pub(crate) kind: OutputKind,
}

const fn objective(
    name: &'static str,
    link: Link,
    transform: Transform,
    kind: OutputKind,
) -> Objective {
    Objective { name, link, transform, kind }
}

/// Every objective that is evaluated.
static OBJECTIVES: [Objective; 17] = {
    use {Link as L, OutputKind as K, Transform as T};
    [
        objective("binary:logistic", L::Logit, T::SigmoidSingle, K::Probability),
        objective("reg:logistic", L::Logit, T::SigmoidSingle, K::Probability),
        objective("binary:logitraw", L::Identity, T::Identity, K::LogOdds),
        objective("binary:hinge", L::Identity, T::Step, K::Label),
        objective("reg:squarederror", L::Identity, T::Identity, K::Value),
        objective("reg:squaredlogerror", L::Identity, T::Identity, K::Value),
        objective("reg:pseudohubererror", L::Identity, T::Identity, K::Value),
        objective("reg:absoluteerror", L::Identity, T::Identity, K::Value),
        objective("count:poisson", L::Log, T::ExpSingle, K::Value),
        objective("reg:gamma", L::Log, T::ExpSingle, K::Value),
        objective("reg:tweedie", L::Log, T::ExpSingle, K::Value),
        objective("survival:cox", L::Log, T::ExpSingle, K::HazardRatio),
        objective("multi:softprob", L::Identity, T::SoftmaxSingle, K::ClassProbabilities),
        objective("multi:softmax", L::Identity, T::Argmax, K::Class),
        objective("rank:pairwise", L::Identity, T::Identity, K::RankScore),
        objective("rank:ndcg", L::Identity, T::Identity, K::RankScore),
        objective("rank:map", L::Identity, T::Identity, K::RankScore),
    ]
};

/// Objectives that are known and refused: their transforms differ between releases, or need
/// more than the trees.
const REFUSED: [&str; 3] = ["reg:quantileerror", "reg:expectileerror", "survival:aft"];

impl Objective {
    /// The objective of this name, or what to call it when it is refused.
    pub(crate) fn find(name: &str) -> Result<&'static Self, &'static str> {
        let known = OBJECTIVES.iter().find(|objective| objective.name == name);
        let refused = REFUSED.into_iter().find(|refused| *refused == name);
        known.ok_or(refused.unwrap_or("this objective"))
    }

    /// Whether the margins are one per class.
    pub(crate) fn has_classes(&self) -> bool {
        matches!(self.transform, Transform::Argmax | Transform::SoftmaxSingle)
    }

    /// The margin of a base score, or `None` if it has no finite one.
    ///
    /// `clamps`: releases from 3.2 pull a probability into [1e-6, 1 - 1e-6] first.
    pub(crate) fn base_margin(&self, base_score: f32, clamps: bool) -> Option<f32> {
        let margin = match self.link {
            Link::Identity => base_score,
            Link::Log => base_score.ln(),
            Link::Logit => {
                let p = if clamps { base_score.clamp(1e-6, 1.0 - 1e-6) } else { base_score };
                -(1.0 / p - 1.0).ln()
            }
        };
        margin.is_finite().then_some(margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_score_outside_its_range_has_no_margin() {
        let margin = |name: &str, score, clamps| {
            Objective::find(name).ok().and_then(|objective| objective.base_margin(score, clamps))
        };
        assert_eq!(margin("binary:logistic", 0.5, true), Some(-0.0));
        for (score, clamped) in [(0.0, true), (1.0, true), (-3.0, true)] {
            assert_eq!(margin("binary:logistic", score, true).is_some(), clamped);
            assert_eq!(margin("binary:logistic", score, false), None);
        }
        assert_eq!(margin("reg:gamma", 0.0, true), None);
        assert_eq!(margin("reg:squarederror", f32::NAN, true), None);
        assert_eq!(margin("binary:logistic", f32::NAN, true), None);
    }
}
