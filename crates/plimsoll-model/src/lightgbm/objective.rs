//! LightGBM's objectives, as the model text names them (`ToString` in `src/objective/`).

use crate::output::{OutputKind, Transform};

/// What becomes of a model's margins.
pub(super) struct Objective {
    pub(super) transform: Transform,
    pub(super) kind: OutputKind,
    /// Whether there is one margin per class.
    pub(super) has_classes: bool,
}

impl Objective {
    /// Parses `binary sigmoid:1`; `None` if it is not known. Without any (a custom objective) the
    /// margins are the outputs.
    pub(super) fn parse(text: Option<&str>) -> Option<Self> {
        use {OutputKind as K, Transform as T};
        let mut words = text.unwrap_or("custom").split(' ');
        let name = words.next()?;
        let mut slope = 1.0;
        let mut is_root = false;
        for word in words {
            match word.split_once(':') {
                Some(("sigmoid", value)) => {
                    slope = value.parse().ok().filter(|slope: &f64| *slope > 0.0)?;
                }
                None if word == "sqrt" => is_root = true,
                _ => {}
            }
        }
        let one = |transform, kind| Some(Self { transform, kind, has_classes: false });
        let per_class = |transform, kind| Some(Self { transform, kind, has_classes: true });
        match name {
            "binary" => one(T::Sigmoid(slope), K::Probability),
            "cross_entropy" => one(T::Sigmoid(1.0), K::Probability),
            "cross_entropy_lambda" => one(T::LogOnePlusExp, K::Value),
            "regression" if is_root => one(T::SignedSquare, K::Value),
            "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" => {
                one(T::Identity, K::Value)
            }
            "poisson" | "gamma" | "tweedie" => one(T::Exp, K::Value),
            "lambdarank" | "rank_xendcg" => one(T::Identity, K::RankScore),
            "custom" => one(T::Identity, K::Margin),
            "multiclass" => per_class(T::Softmax, K::ClassProbabilities),
            "multiclassova" => per_class(T::Sigmoid(slope), K::ClassScores),
            _ => None,
        }
    }
}
