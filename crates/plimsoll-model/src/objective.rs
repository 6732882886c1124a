//! What a model's margins mean: the link of the base score, the transform to outputs, and the
//! description of those. It must not know trees.
//!
//! Formulas are XGBoost's, in `f32` and in its order of operations (`src/objective/`,
//! `src/common/math.h`).

/// What a model puts out for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Name for replies and records.
    pub name: &'static str,
    /// What the numbers are.
    pub kind: OutputKind,
    /// How many there are.
    pub count: usize,
}

/// What output numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Probability of the positive class, in [0, 1].
    Probability,
    /// Logarithm of the odds of the positive class.
    LogOdds,
    /// 0 or 1.
    Label,
    /// Predicted quantity, in the units of the training label.
    Value,
    /// One probability per class; they sum to 1.
    ClassProbabilities,
    /// Index of the most probable class, from 0.
    Class,
    /// Unitless score; higher ranks first.
    RankScore,
    /// Hazard relative to the baseline, above 0.
    HazardRatio,
}

impl OutputKind {
    fn name(self) -> &'static str {
        match self {
            Self::Probability => "probability",
            Self::LogOdds => "log_odds",
            Self::Label => "label",
            Self::Value => "value",
            Self::ClassProbabilities => "class_probabilities",
            Self::Class => "class",
            Self::RankScore => "rank_score",
            Self::HazardRatio => "hazard_ratio",
        }
    }
}

/// From the base score, kept in output space, to the margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Identity,
    Logit,
    Log,
}

/// From margins to outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transform {
    Identity,
    Sigmoid,
    Exp,
    Step,
    Softmax,
    Argmax,
}

/// A training objective.
#[derive(Debug)]
pub(crate) struct Objective {
    /// XGBoost's name.
    pub(crate) name: &'static str,
    link: Link,
    transform: Transform,
    kind: OutputKind,
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
        objective("binary:logistic", L::Logit, T::Sigmoid, K::Probability),
        objective("reg:logistic", L::Logit, T::Sigmoid, K::Probability),
        objective("binary:logitraw", L::Identity, T::Identity, K::LogOdds),
        objective("binary:hinge", L::Identity, T::Step, K::Label),
        objective("reg:squarederror", L::Identity, T::Identity, K::Value),
        objective("reg:squaredlogerror", L::Identity, T::Identity, K::Value),
        objective("reg:pseudohubererror", L::Identity, T::Identity, K::Value),
        objective("reg:absoluteerror", L::Identity, T::Identity, K::Value),
        objective("count:poisson", L::Log, T::Exp, K::Value),
        objective("reg:gamma", L::Log, T::Exp, K::Value),
        objective("reg:tweedie", L::Log, T::Exp, K::Value),
        objective("survival:cox", L::Log, T::Exp, K::HazardRatio),
        objective("multi:softprob", L::Identity, T::Softmax, K::ClassProbabilities),
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

    /// The outputs of a model with `margins` margins per row.
    pub(crate) fn output(&self, margins: usize) -> Output {
        let count = if self.transform == Transform::Argmax { 1 } else { margins };
        Output { name: self.kind.name(), kind: self.kind, count }
    }

    /// Whether `transform` needs all margins and gives fewer outputs.
    pub(crate) fn picks_class(&self) -> bool {
        self.transform == Transform::Argmax
    }

    /// Whether the margins are one per class.
    pub(crate) fn has_classes(&self) -> bool {
        matches!(self.transform, Transform::Argmax | Transform::Softmax)
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

    /// Turns the margins of one row into outputs in place; not for [`Self::picks_class`].
    pub(crate) fn transform(&self, row: &mut [f32]) {
        match self.transform {
            Transform::Identity | Transform::Argmax => {}
            Transform::Sigmoid => row.iter_mut().for_each(|m| *m = sigmoid(*m)),
            Transform::Exp => row.iter_mut().for_each(|m| *m = m.exp()),
            Transform::Step => row.iter_mut().for_each(|m| *m = if *m > 0.0 { 1.0 } else { 0.0 }),
            Transform::Softmax => softmax(row),
        }
    }
}

/// `1 / (1 + e^-m)`; 88.7 keeps `e` from overflowing.
fn sigmoid(margin: f32) -> f32 {
    let power = (-margin).min(88.7);
    1.0 / (power.exp() + 1.0 + 1e-16)
}

/// Exponentials in `f32`, their sum in `f64`, the division in `f32`.
fn softmax(row: &mut [f32]) {
    let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0_f64;
    for margin in row.iter_mut() {
        *margin = (*margin - highest).exp();
        sum += f64::from(*margin);
    }
    #[expect(clippy::cast_possible_truncation, reason = "XGBoost divides by the sum in f32")]
    let sum = sum as f32;
    row.iter_mut().for_each(|margin| *margin /= sum);
}

/// The first index of the highest margin.
pub(crate) fn argmax(row: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, margin) in row.iter().enumerate() {
        if *margin > best.1 {
            best = (index, *margin);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_margins_stay_in_range() {
        assert_eq!((sigmoid(f32::MAX), sigmoid(0.0)), (1.0, 0.5));
        assert!(sigmoid(f32::MIN) > 0.0 && sigmoid(f32::MIN) < 1e-38);
        let mut row = [3e38, -3e38, 3e38];
        softmax(&mut row);
        assert_eq!(row, [0.5, 0.0, 0.5]);
    }

    #[test]
    fn the_first_of_equal_classes_wins() {
        assert_eq!(argmax(&[1.0, 2.0, 2.0]), 1);
        assert_eq!(argmax(&[-1.0, -2.0]), 0);
    }

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
