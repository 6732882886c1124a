//! The loaded model and what it says about itself. It must not know a file's schema.

use std::fmt;

use crate::ensemble::Ensemble;
use crate::error::LoadError;
use crate::limits::Limits;
use crate::linear::Linear;
use crate::network::Network;
use crate::onnx::Graph;
use crate::output::{Output, Transform};
use crate::pipeline::Pipeline;
use crate::source::json::Json;
use crate::source::ubjson::Ubjson;
use crate::tree::{Forest, Rounding, Tree};
use crate::{lightgbm, onnx, sklearn, xgboost};

/// A model file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// XGBoost's JSON.
    XgboostJson,
    /// XGBoost's UBJSON.
    XgboostUbjson,
    /// LightGBM's text.
    LightgbmText,
    /// scikit-learn's models as JSON, by `plimsoll_export`.
    SklearnJson,
    /// ONNX.
    Onnx,
    /// No file of a model: the declaration of one that answers elsewhere.
    Upstream,
}

impl Format {
    /// The format that a file with these first bytes can only be.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n") {
            return Some(Self::LightgbmText);
        }
        // Protocol Buffers have no magic number; ONNX writes its version, `ir_version`, first.
        if let [8, 1..=32, ..] = bytes {
            return Some(Self::Onnx);
        }
        let rest = bytes.trim_ascii_start().strip_prefix(b"{")?;
        if rest.trim_ascii_start().starts_with(b"\"format\"") {
            return Some(Self::SklearnJson);
        }
        match rest.first()? {
            b'L' => bytes.starts_with(b"{").then_some(Self::XgboostUbjson),
            b'"' | b'}' | b' ' | b'\n' | b'\r' | b'\t' => Some(Self::XgboostJson),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XgboostJson => "XGBoost JSON",
            Self::XgboostUbjson => "XGBoost UBJSON",
            Self::LightgbmText => "LightGBM text",
            Self::SklearnJson => "scikit-learn JSON",
            Self::Onnx => "ONNX",
            Self::Upstream => "upstream",
        })
    }
}

/// Which trees of a file to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreeRange {
    /// All of them, as `Booster.predict` does.
    #[default]
    All,
    /// Those up to the best iteration of early stopping, as the scikit-learn wrappers do; all if
    /// the file names none.
    BestIteration,
}

/// Which trees of the file a model evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreesUsed {
    /// Trees evaluated: the first of the file.
    pub used: usize,
    /// Trees in the file.
    pub total: usize,
    /// Best iteration of early stopping, if the file names one, whether or not it was asked for.
    pub best_iteration: Option<usize>,
}

/// What the values of a feature are, as the training data declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureType {
    /// A real number.
    Quantitative,
    /// An integer.
    Integer,
    /// 0 or 1.
    Indicator,
    /// A category code, from 0.
    Categorical,
}

impl FeatureType {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "float" | "q" => Some(Self::Quantitative),
            "int" => Some(Self::Integer),
            "i" => Some(Self::Indicator),
            "c" => Some(Self::Categorical),
            _ => None,
        }
    }
}

/// The training categories of a feature, in the order of their codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Categories {
    /// Categories that were texts.
    Texts(Box<[Box<str>]>),
    /// Categories that were integers.
    Integers(Box<[i64]>),
}

impl Categories {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Integers(integers) => integers.len(),
        }
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What becomes of a text that is none of a feature's training categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCategory {
    /// The model was not trained for it: refuse it.
    Refused,
    /// It is a missing value.
    Missing,
    /// The model has a place for it, under a code of its own.
    Coded,
}

/// What a model reads.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) count: usize,
    /// Empty, or one per feature.
    pub(crate) names: Box<[Box<str>]>,
    /// Empty, or one per feature.
    pub(crate) types: Box<[FeatureType]>,
    /// Empty, or one per feature.
    pub(crate) categories: Box<[Option<Categories>]>,
    /// Empty (then nothing unknown is taken), or one per feature.
    pub(crate) unknown: Box<[UnknownCategory]>,
}

/// How a model comes to its margins.
#[derive(Debug)]
pub(crate) enum Scorer {
    Trees(Ensemble),
    Linear(Linear),
    Graph(Box<Graph>),
    /// Another crate runs it; so many outputs.
    Network(Box<dyn Network>, usize),
    /// The model answers elsewhere; here only its shape is known.
    Elsewhere,
}

impl Scorer {
    /// The trees whose sums are the margins.
    pub(crate) fn ensemble(&self) -> Option<&Ensemble> {
        match self {
            Self::Trees(ensemble) => Some(ensemble),
            Self::Graph(graph) => graph.sole().map(|(ensemble, _)| ensemble),
            Self::Linear(_) | Self::Network(..) | Self::Elsewhere => None,
        }
    }

    /// Margins per row.
    pub(crate) fn margin_count(&self) -> usize {
        match self {
            Self::Trees(ensemble) => ensemble.margin_count(),
            Self::Linear(linear) => linear.intercepts().len(),
            Self::Elsewhere => 0,
            Self::Network(_, outputs) => *outputs,
            Self::Graph(graph) => self.ensemble().map_or(graph.width(), Ensemble::margin_count),
        }
    }
}

/// A model: loaded, validated, immutable.
pub struct Model {
    pub(crate) format: Format,
    pub(crate) objective: Box<str>,
    pub(crate) inputs: Inputs,
    pub(crate) pipeline: Option<Pipeline>,
    pub(crate) scorer: Scorer,
    pub(crate) transform: Transform,
    pub(crate) output: Output,
    /// Empty, or one label per class.
    pub(crate) classes: Box<[Box<str>]>,
    pub(crate) trees_used: TreesUsed,
}

impl Model {
    /// The value of a row for a category the model was not trained with, where it has a place for
    /// such ([`UnknownCategory::Coded`]).
    pub const UNKNOWN_CODE: f64 = -1.0;

    /// Loads a model file with all its trees.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong and where in the file.
    pub fn load(bytes: &[u8], limits: &Limits) -> Result<Self, LoadError> {
        Self::load_range(bytes, limits, TreeRange::All)
    }

    /// Loads a model file with the trees of `range`; the others are checked and left out.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong and where in the file.
    pub fn load_range(bytes: &[u8], limits: &Limits, range: TreeRange) -> Result<Self, LoadError> {
        if bytes.len() > limits.bytes_max {
            return Err(LoadError::FileTooLarge { bytes: bytes.len(), max: limits.bytes_max });
        }
        let format = Format::sniff(bytes).ok_or(LoadError::UnknownFormat)?;
        match format {
            Format::XgboostJson => xgboost::load(Json::new(bytes, format), format, limits, range),
            Format::XgboostUbjson => xgboost::load(Ubjson::new(bytes), format, limits, range),
            Format::LightgbmText => lightgbm::load(bytes, limits, range),
            Format::SklearnJson => sklearn::load(bytes, limits),
            Format::Onnx => onnx::load(bytes, limits),
            // Never sniffed: a declaration is no model file.
            Format::Upstream => Err(LoadError::UnknownFormat),
        }
    }

    /// A model that answers elsewhere: what it reads and puts out is declared, and whoever asks it
    /// here is told so by [`PredictError::Elsewhere`](crate::PredictError::Elsewhere).
    #[must_use]
    pub fn declared(word: &str, features: &[Box<str>], output: Output) -> Self {
        Self {
            format: Format::Upstream,
            objective: word.into(),
            inputs: Inputs {
                count: features.len(),
                names: features.into(),
                types: Box::default(),
                categories: Box::default(),
                unknown: Box::default(),
            },
            pipeline: None,
            scorer: Scorer::Elsewhere,
            transform: Transform::Identity,
            output,
            classes: Box::default(),
            trees_used: TreesUsed { used: 0, total: 0, best_iteration: None },
        }
    }

    /// Whether it answers elsewhere.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.scorer, Scorer::Elsewhere)
    }
    /// The format of the file it came from.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }
    /// The framework's name of the training objective.
    #[must_use]
    pub fn objective(&self) -> &str {
        &self.objective
    }
    /// Values per row.
    #[must_use]
    pub fn feature_count(&self) -> usize {
        self.inputs.count
    }
    /// Names of the features in the order of a row, if the file has them.
    #[must_use]
    pub fn feature_names(&self) -> Option<&[Box<str>]> {
        (!self.inputs.names.is_empty()).then_some(&self.inputs.names)
    }
    /// Types of the features in the order of a row, if the file has them.
    #[must_use]
    pub fn feature_types(&self) -> Option<&[FeatureType]> {
        (!self.inputs.types.is_empty()).then_some(&self.inputs.types)
    }
    /// Training categories of a feature, if the file has them: the value of a row is an index
    /// into them.
    #[must_use]
    pub fn categories(&self, feature: usize) -> Option<&Categories> {
        self.inputs.categories.get(feature)?.as_ref()
    }
    /// What becomes of a text that is none of a feature's [`categories`](Self::categories).
    #[must_use]
    pub fn unknown_category(&self, feature: usize) -> UnknownCategory {
        self.inputs.unknown.get(feature).copied().unwrap_or(UnknownCategory::Refused)
    }
    /// Labels of the classes, in the order of training, if the file has them. Two for a
    /// probability: it is that of the second.
    #[must_use]
    pub fn classes(&self) -> Option<&[Box<str>]> {
        (!self.classes.is_empty()).then_some(&self.classes)
    }
    /// What happens to features before they are scored, if anything does. Trees and coefficients
    /// are about the columns that it makes; without one, about the features.
    #[must_use]
    pub fn pipeline(&self) -> Option<&Pipeline> {
        self.pipeline.as_ref()
    }
    /// Columns that are scored: those of the [`pipeline`](Self::pipeline), or the features.
    #[must_use]
    pub fn column_count(&self) -> usize {
        self.pipeline.as_ref().map_or(self.inputs.count, Pipeline::column_count)
    }
    /// Margins per row: one, or one per class or target. Of a graph that is not built around one
    /// ensemble of trees, its outputs.
    #[must_use]
    pub fn margin_count(&self) -> usize {
        self.scorer.margin_count()
    }
    /// Margins of a row before any tree or coefficient: base score or intercepts, in margin space.
    /// None of a graph that is not built around one ensemble of trees.
    #[must_use]
    pub fn base_margins(&self) -> &[f64] {
        match (&self.scorer, self.scorer.ensemble()) {
            (_, Some(ensemble)) => &ensemble.base_margins,
            (Scorer::Linear(linear), _) => linear.intercepts(),
            _ => &[],
        }
    }
    /// What every sum of leaves is divided by before it is added to the base margin: 1, or the
    /// number of trees where they are averaged.
    #[must_use]
    pub fn tree_divisor(&self) -> f64 {
        self.scorer.ensemble().map_or(1.0, |ensemble| ensemble.divisor)
    }
    /// The weighted sums that are the margins, if they are such.
    #[must_use]
    pub fn linear(&self) -> Option<&Linear> {
        match &self.scorer {
            Scorer::Linear(linear) => Some(linear),
            Scorer::Trees(_) | Scorer::Graph(_) | Scorer::Network(..) | Scorer::Elsewhere => None,
        }
    }
    /// What [`predict`](Self::predict) puts out.
    #[must_use]
    pub fn output(&self) -> Output {
        self.output
    }
    /// Which trees of the file are evaluated.
    #[must_use]
    pub fn trees_used(&self) -> TreesUsed {
        self.trees_used
    }
    /// Whether the margins are sums of [`trees`](Self::trees): not of a linear model, nor of a graph
    /// that is not built around one ensemble.
    #[must_use]
    pub fn has_trees(&self) -> bool {
        self.scorer.ensemble().is_some()
    }
    /// Whether trees round their columns to `f32` before they test them.
    #[must_use]
    pub fn tests_single(&self) -> bool {
        let rounding = self.scorer.ensemble().map(|ensemble| ensemble.forest.rounding);
        rounding == Some(Rounding::Single)
    }
    /// The trees, in the order their leaves are added; none if the model is of another kind.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = Tree<'_>> {
        static NONE: Forest = Forest::EMPTY;
        let forest = self.scorer.ensemble().map_or(&NONE, |ensemble| &ensemble.forest);
        forest.trees.iter().map(move |span| Tree { forest, span: *span })
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("format", &self.format)
            .field("objective", &self.objective)
            .field("feature_count", &self.inputs.count)
            .field("trees_used", &self.trees_used)
            .finish_non_exhaustive()
    }
}
