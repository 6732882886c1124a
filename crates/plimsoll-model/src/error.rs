//! Why a model was not loaded or a row not predicted. Messages name places in the model file,
//! never values of a row.

use crate::model::Format;

/// Why a model file was refused. `path` is the place in the file, such as
/// `learner.gradient_booster.model.trees[3].left_children[7]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is larger than the limit.
    #[error(
        "the file has {bytes} bytes, over the limit of {max}; raise the limit or prune the model"
    )]
    FileTooLarge {
        /// Size of the file.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The first bytes fit no known format.
    #[error(
        "the file is in no known format; known are XGBoost JSON and UBJSON, LightGBM text, the scikit-learn JSON of plimsoll_export, and ONNX"
    )]
    UnknownFormat,
    /// The file breaks the rules of its format.
    #[error("{path}: {problem} (byte {at} of the {format} file)")]
    Syntax {
        /// The format the file began as.
        format: Format,
        /// The innermost known place.
        path: String,
        /// Offset in the file.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A required member is absent.
    #[error("{path}: missing")]
    Missing {
        /// Where it belongs.
        path: String,
    },
    /// Something is larger than a limit allows.
    #[error("{path}: over the limit of {max} {what}; raise the limit or use a smaller model")]
    OverLimit {
        /// Where.
        path: String,
        /// What is counted.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// An array is shorter or longer than another part of the file says.
    #[error("{path}: has {found} entries, expected {expected}")]
    Length {
        /// The array.
        path: String,
        /// Its length.
        found: usize,
        /// The length the rest of the file asks for.
        expected: usize,
    },
    /// A value cannot be right.
    #[error("{path}: {problem}")]
    Invalid {
        /// Where.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A valid model of a kind that this crate does not evaluate.
    #[error("{path}: {what} is not supported; {hint}")]
    Unsupported {
        /// Where.
        path: String,
        /// What the file uses.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

/// Why a prediction was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// The rows do not have one value per feature of the model.
    #[error("the rows hold {found} values, expected {expected}: one per feature and row")]
    RowLength {
        /// Values given.
        found: usize,
        /// Values needed.
        expected: usize,
    },
    /// A value of a category has no place in the model, which was made to refuse that.
    #[error("the value of feature {feature} (from 0) is none the model was trained with")]
    NoCategory {
        /// Index of the feature.
        feature: usize,
    },
    /// As [`NoCategory`](Self::NoCategory), in a graph.
    #[error("operator {operator} (from 0) got a value that is none of its categories")]
    NoCategoryAt {
        /// Place of the operator in the file.
        operator: usize,
    },
    /// An operator of a graph cannot work with these values.
    #[error("operator {operator} (from 0) failed: {problem}")]
    Operator {
        /// Place of the operator in the file.
        operator: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The network could not be run.
    #[error("the network could not be run on these values")]
    Network,
    /// The model answers elsewhere.
    #[error("the model answers elsewhere; only a running deployment asks it")]
    Elsewhere,
    /// The output buffer has another size than the outputs.
    #[error("the output has room for {found} values, expected {expected}")]
    OutputLength {
        /// Room given.
        found: usize,
        /// Room needed.
        expected: usize,
    },
}
