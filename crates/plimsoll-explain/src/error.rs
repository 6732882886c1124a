//! Why an explanation was not given. Messages name counts and limits, never a value of a row.

use plimsoll_model::PredictError;

/// Why a model, a background or a row could not be explained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExplainError {
    /// The model has no cover statistics, which path-dependent values are weighted with.
    #[error(
        "tree {tree} has no cover statistics; declare a background, or save the model with the \
         training weights of its nodes"
    )]
    NoCover {
        /// The first tree without.
        tree: usize,
    },
    /// The model is no ensemble of trees.
    #[error("the model is linear; explain it as one")]
    NotTrees,
    /// The model or the contract has more features than are explained.
    #[error("{found} features, the limit is {max}; explain a model of fewer features")]
    TooManyFeatures {
        /// How many there are.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// The background has other columns than the model has features.
    #[error("the background has {found} columns, the model has {expected} features")]
    BackgroundColumns {
        /// Columns of the background.
        found: usize,
        /// Features of the model.
        expected: usize,
    },
    /// The background has no rows, too many, or values that are no row.
    #[error("the background has {found} rows; it needs 1 to {max}")]
    BackgroundRows {
        /// Rows given.
        found: usize,
        /// Rows allowed.
        max: usize,
    },
    /// The background has an infinite value.
    #[error("background row {row} has an infinite value; use numbers or missing values")]
    BackgroundNotFinite {
        /// The row.
        row: usize,
    },
    /// A background file is no background of the model.
    #[error("the background file cannot be used: {0}")]
    BackgroundFile(String),
    /// The model needs a background to be explained against, and the version has none.
    #[error("the model cannot be explained without a background; add the version with one")]
    NoBackground,
    /// A method for linear models met another.
    #[error("the model is not linear; use a method for its kind")]
    NotLinear,
    /// The mapping of model features to contract features does not fit the model.
    #[error("{found} model features are mapped to contract features, the model has {expected}")]
    Groups {
        /// Features mapped.
        found: usize,
        /// Features of the model.
        expected: usize,
    },
    /// A model feature is mapped to a contract feature that there is not.
    #[error("a model feature is mapped to contract feature {place} (from 0) of {count}")]
    GroupPlace {
        /// The contract feature.
        place: usize,
        /// How many there are.
        count: usize,
    },
    /// There is no row to report on.
    #[error("there is no row to explain")]
    NoRows,
    /// Something is larger than a limit allows.
    #[error("{what}: {found}, over the limit of {max}; {hint}")]
    OverLimit {
        /// What is counted.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much may be.
        max: usize,
        /// What to do.
        hint: &'static str,
    },
    /// Rows of the wrong length, or buffers of the wrong size.
    #[error(transparent)]
    Shape(#[from] PredictError),
    /// A missing value reached a method that has no meaning for it.
    #[error("feature {feature} is missing; this method needs every value")]
    MissingValue {
        /// The feature of the model.
        feature: usize,
    },
    /// The budget of model calls is too small for an answer that means anything.
    #[error("a budget of {given} model calls is too small; give at least {needed}")]
    BudgetTooSmall {
        /// Calls allowed.
        given: usize,
        /// Calls needed.
        needed: usize,
    },
    /// Base value and contributions do not make up the margin: the explanation is wrong and
    /// must not be used. The caller records it and alerts.
    #[error(
        "row {row}: the contributions to output {output} miss the margin by {residual:e}, more \
         than the tolerated {tolerated:e}; the explanation is not used"
    )]
    NotAdditive {
        /// The row, from 0, in the order in which rows were given.
        row: usize,
        /// The output.
        output: usize,
        /// Base value plus contributions minus margin.
        residual: f64,
        /// What would be tolerated.
        tolerated: f64,
    },
}
