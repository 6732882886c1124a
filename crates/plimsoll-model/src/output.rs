//! What a model's margins mean: the transform to outputs, and the description of those.
//! It must not know trees or formats.
//!
//! Transforms ending in `Single` are XGBoost's, in `f32` and in its order of operations
//! (`src/objective/`, `src/common/math.h`); the others are in `f64`, as LightGBM's
//! (`src/objective/`, `ConvertOutput`) and scikit-learn's.

/// What a model puts out for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Name for replies and records.
    pub name: &'static str,
    /// What the numbers are.
    pub kind: OutputKind,
    /// How many there are.
    pub count: usize,
    /// Whether the framework computes them in 64 bits; else every one is exactly an `f32`.
    pub is_double: bool,
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
    /// One number per class, each from a question of its own; they need not sum to 1.
    ClassScores,
    /// Index of the most probable class, from 0.
    Class,
    /// The raw sum of a model whose objective the file does not know.
    Margin,
    /// Unitless score; higher ranks first.
    RankScore,
    /// Hazard relative to the baseline, above 0.
    HazardRatio,
}

impl OutputKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Probability,
        Self::LogOdds,
        Self::Label,
        Self::Value,
        Self::ClassProbabilities,
        Self::ClassScores,
        Self::Class,
        Self::Margin,
        Self::RankScore,
        Self::HazardRatio,
    ];

    /// The kind of this [`name`](Self::name).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
    /// The word for it in replies and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probability => "probability",
            Self::LogOdds => "log_odds",
            Self::Label => "label",
            Self::Value => "value",
            Self::ClassProbabilities => "class_probabilities",
            Self::ClassScores => "class_scores",
            Self::Class => "class",
            Self::Margin => "margin",
            Self::RankScore => "rank_score",
            Self::HazardRatio => "hazard_ratio",
        }
    }
}

/// From margins to outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Transform {
    Identity,
    SigmoidSingle,
    ExpSingle,
    Step,
    SoftmaxSingle,
    Argmax,
    /// `1 / (1 + e^(-slope m))` of every margin.
    Sigmoid(f64),
    Exp,
    Softmax,
    /// `log(1 + e^m)`.
    LogOnePlusExp,
    /// `sign(m) m²`.
    SignedSquare,
}

impl Transform {
    /// How many outputs come of `margins` margins.
    pub(crate) fn count(self, margins: usize) -> usize {
        if self == Self::Argmax { 1 } else { margins }
    }

    /// Whether it needs all margins and gives fewer outputs.
    pub(crate) fn picks_class(self) -> bool {
        self == Self::Argmax
    }

    /// Turns the margins of one row into outputs in place; not for [`Self::picks_class`].
    pub(crate) fn apply(self, row: &mut [f64]) {
        let each = |row: &mut [f64], of: &dyn Fn(f64) -> f64| {
            row.iter_mut().for_each(|margin| *margin = of(*margin));
        };
        match self {
            Self::Identity | Self::Argmax => {}
            Self::SigmoidSingle => each(row, &|m| sigmoid_single(single(m)).into()),
            Self::ExpSingle => each(row, &|m| single(m).exp().into()),
            Self::Step => each(row, &|m| if m > 0.0 { 1.0 } else { 0.0 }),
            Self::SoftmaxSingle => softmax_single(row),
            Self::Sigmoid(slope) => each(row, &|m| 1.0 / (1.0 + (-slope * m).exp())),
            Self::Exp => each(row, &f64::exp),
            Self::Softmax => softmax(row),
            Self::LogOnePlusExp => each(row, &|m| m.exp().ln_1p()),
            Self::SignedSquare => each(row, &signed_square),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "margins of f32 models are f32")]
fn single(margin: f64) -> f32 {
    margin as f32
}

/// `1 / (1 + e^-m)`; 88.7 keeps `e` from overflowing.
fn sigmoid_single(margin: f32) -> f32 {
    let power = (-margin).min(88.7);
    1.0 / (power.exp() + 1.0 + 1e-16)
}

/// Exponentials in `f32`, their sum in `f64`, the division in `f32`.
fn softmax_single(row: &mut [f64]) {
    let highest = single(row.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    let mut sum = 0.0_f64;
    for margin in row.iter_mut() {
        *margin = (single(*margin) - highest).exp().into();
        sum += *margin;
    }
    let sum = single(sum);
    row.iter_mut().for_each(|margin| *margin = (single(*margin) / sum).into());
}

fn signed_square(margin: f64) -> f64 {
    let sign = f64::from(i8::from(margin > 0.0) - i8::from(margin < 0.0));
    sign * margin * margin
}

fn softmax(row: &mut [f64]) {
    let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for margin in row.iter_mut() {
        *margin = (*margin - highest).exp();
        sum += *margin;
    }
    row.iter_mut().for_each(|margin| *margin /= sum);
}

/// The first index of the highest margin.
pub(crate) fn argmax(row: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
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
        assert_eq!((sigmoid_single(f32::MAX), sigmoid_single(0.0)), (1.0, 0.5));
        assert!(sigmoid_single(f32::MIN) > 0.0 && sigmoid_single(f32::MIN) < 1e-38);
        let mut row = [3e38_f32, -3e38, 3e38].map(f64::from);
        softmax_single(&mut row);
        assert_eq!(row, [0.5, 0.0, 0.5]);
        let mut row = [1e300, -1e300, 1e300];
        Transform::Softmax.apply(&mut row);
        assert_eq!(row, [0.5, 0.0, 0.5]);
    }

    #[test]
    fn the_first_of_equal_classes_wins() {
        assert_eq!(argmax(&[1.0, 2.0, 2.0]), 1);
        assert_eq!(argmax(&[-1.0, -2.0]), 0);
    }

    #[test]
    fn signs_survive_the_square() {
        assert_eq!([-3.0, 0.0, 2.0].map(signed_square), [-9.0, 0.0, 4.0]);
    }
}
