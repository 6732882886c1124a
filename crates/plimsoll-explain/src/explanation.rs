//! What every method gives: base values, contributions, and how they were found.
//!
//! This file must not know any method.

use crate::error::ExplainError;
use plimsoll_types::record::ExplainMethod;

/// The most features of a model or contract that are explained: those of the widest contract.
pub const FEATURES_MAX: usize = 4096;

/// How far base value and contributions may miss the margin, relative to the largest of the
/// margin, the base value and the sum of the contributions' sizes. Margins are sums in `f32`,
/// so that a few in ten million are lost on the way; a mistake would be larger.
pub const ADDITIVITY_TOLERANCE: f64 = 1e-5;
/// What rounding leaves where leaves cancel each other and nothing remains to be relative to.
const ROUNDING: f64 = 1e-14;

/// How contributions were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Exact SHAP values of trees; absent features are averaged over the training rows that
    /// reached each node (Lundberg and others 2020, "tree path dependent").
    TreePathDependent,
    /// Exact SHAP values of trees; absent features take the values of a declared background
    /// (Lundberg and others 2020, "interventional").
    TreeInterventional,
    /// Exact SHAP values of a linear model.
    Linear,
    /// SHAP values estimated by a weighted regression over coalitions.
    Kernel,
    /// SHAP values estimated over permutations of the features.
    Permutation,
    /// Coefficients of a local linear surrogate.
    Lime,
}

impl Method {
    /// The word for it in records, on the wire and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TreePathDependent => "tree_path_dependent",
            Self::TreeInterventional => "tree_interventional",
            Self::Linear => "linear",
            Self::Kernel => "kernel",
            Self::Permutation => "permutation",
            Self::Lime => "lime",
        }
    }
}

impl From<Method> for ExplainMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::TreePathDependent => Self::TreePath,
            Method::TreeInterventional => Self::TreeInterventional,
            Method::Linear => Self::Linear,
            Method::Kernel => Self::Kernel,
            Method::Permutation => Self::Permutation,
            Method::Lime => Self::Lime,
        }
    }
}

/// How good contributions are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quality {
    /// Exact, up to rounding.
    Exact,
    /// Estimated.
    Estimated {
        /// Model calls used.
        calls: usize,
        /// The largest standard error of a contribution, in units of the margin.
        standard_error: f64,
    },
}

/// Why a row got its margins: one base value per output, and one contribution per output and
/// contract feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// How the contributions were found.
    pub method: Method,
    /// How good they are.
    pub quality: Quality,
    /// Contract features per output.
    pub features: usize,
    /// The expected margin of each output, before anything is known about the row.
    pub base: Vec<f64>,
    /// Contributions in units of the margin: for each output, one per contract feature.
    pub values: Vec<f64>,
    /// The margin of each output, as the model gives it.
    pub margins: Vec<f64>,
}

impl Explanation {
    /// An explanation with nothing in it, to be filled.
    #[must_use]
    pub fn empty(method: Method, quality: Quality) -> Self {
        let (base, values, margins) = (Vec::new(), Vec::new(), Vec::new());
        Self { method, quality, features: 0, base, values, margins }
    }
    /// How many outputs are explained.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.base.len()
    }
    /// The contributions to `output`, one per contract feature; none past the last output.
    #[must_use]
    pub fn of(&self, output: usize) -> &[f64] {
        let start = output.saturating_mul(self.features);
        self.values.get(start..start.saturating_add(self.features)).unwrap_or_default()
    }
    /// Base value plus contributions minus margin of `output`.
    #[must_use]
    pub fn residual(&self, output: usize) -> f64 {
        let (base, margin) = (self.base.get(output), self.margins.get(output));
        let (base, margin) = (base.copied().unwrap_or(0.0), margin.copied().unwrap_or(0.0));
        base + self.of(output).iter().sum::<f64>() - margin
    }
    /// Checks that base value and contributions make up the margin of every output. `row` is
    /// only named in the error.
    ///
    /// # Errors
    /// [`ExplainError::NotAdditive`] for the first output where they do not.
    pub fn check(&self, row: usize) -> Result<(), ExplainError> {
        let outputs = self.base.iter().zip(&self.margins).enumerate();
        for (output, (base, margin)) in outputs {
            additive(row, output, *base, self.of(output), *margin)?;
        }
        Ok(())
    }
}

/// Checks one output of one row.
pub(crate) fn additive(
    row: usize,
    output: usize,
    base: f64,
    values: &[f64],
    margin: f64,
) -> Result<(), ExplainError> {
    let (mut sum, mut size) = (0.0, 0.0);
    for value in values {
        sum += value;
        size += value.abs();
    }
    let residual = base + sum - margin;
    let scale = margin.abs().max(base.abs()).max(size);
    let tolerated = (ADDITIVITY_TOLERANCE * scale).max(ROUNDING);
    // Not `>`: a residual that is no number is a violation too, and so is an endless one.
    if residual.abs() <= tolerated && tolerated.is_finite() {
        return Ok(());
    }
    Err(ExplainError::NotAdditive { row, output, residual, tolerated })
}

/// Which contract feature each feature of the model belongs to: one-hot columns belong to the
/// category they were made from, and their contributions are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureGroups {
    of: Box<[usize]>,
    count: usize,
}

impl FeatureGroups {
    /// Every feature of the model is a feature of the contract, in the same order.
    #[must_use]
    pub fn identity(features: usize) -> Self {
        Self { of: (0..features).collect(), count: features }
    }
    /// Model feature `i` belongs to contract feature `of[i]`, of `count`.
    ///
    /// # Errors
    /// [`ExplainError::GroupPlace`] if a place is not below `count`, and
    /// [`ExplainError::TooManyFeatures`] if `count` is above [`FEATURES_MAX`].
    pub fn new(of: impl Into<Box<[usize]>>, count: usize) -> Result<Self, ExplainError> {
        let of = of.into();
        if count > FEATURES_MAX {
            return Err(ExplainError::TooManyFeatures { found: count, max: FEATURES_MAX });
        }
        if let Some(place) = of.iter().find(|place| **place >= count) {
            return Err(ExplainError::GroupPlace { place: *place, count });
        }
        Ok(Self { of, count })
    }
    /// The contract feature of each model feature.
    #[must_use]
    pub fn places(&self) -> &[usize] {
        &self.of
    }
    /// How many contract features there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_leaves_of_leaves_that_cancel_is_no_violation() {
        let left = 8.326672684688674e-17;
        assert!(additive(0, 0, left, &[0.0, 0.0], 0.0).is_ok());
        assert!(additive(0, 0, 0.0, &[1e-13], 0.0).is_err());
    }

    fn explanation(values: Vec<f64>, margin: f64) -> Explanation {
        let empty = Explanation::empty(Method::Linear, Quality::Exact);
        Explanation {
            features: values.len(),
            base: vec![1.0],
            values,
            margins: vec![margin],
            ..empty
        }
    }

    #[test]
    fn additivity_is_relative_to_the_margin() {
        assert_eq!(explanation(vec![0.5, -0.25], 1.25).check(0), Ok(()));
        assert_eq!(explanation(vec![0.5, -0.25], 1.250_01).check(0), Ok(()));
        assert!(explanation(vec![0.5, -0.25], 1.2501).check(0).is_err());
        assert_eq!(explanation(vec![5e5, -5e5], 1.1).check(0), Ok(()));
        for wrong in [f64::NAN, f64::INFINITY] {
            assert!(explanation(vec![wrong], 1.0).check(3).is_err());
            assert!(explanation(vec![1.0], wrong).check(3).is_err());
        }
    }

    #[test]
    fn groups_stay_inside_the_contract() {
        assert!(FeatureGroups::new([0, 1, 1], 2).is_ok());
        assert!(FeatureGroups::new([0, 2], 2).is_err());
        assert!(FeatureGroups::new([0], FEATURES_MAX + 1).is_err());
    }
}
