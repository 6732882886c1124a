//! The loaded model and what it says about itself. It must not know a file's schema.

use std::fmt;

use crate::error::LoadError;
use crate::limits::Limits;
use crate::objective::{Objective, Output};
use crate::source::json::Json;
use crate::source::ubjson::Ubjson;
use crate::tree::{Forest, Tree};
use crate::xgboost::{compile, document};

/// A model file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// XGBoost's JSON.
    XgboostJson,
    /// XGBoost's UBJSON.
    XgboostUbjson,
}

impl Format {
    /// The format that a file with these first bytes can only be.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.trim_ascii_start().strip_prefix(b"{")?;
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
            Self::XgboostJson => "JSON",
            Self::XgboostUbjson => "UBJSON",
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

/// A tree model: loaded, validated, immutable.
pub struct Model {
    pub(crate) format: Format,
    pub(crate) objective: &'static Objective,
    pub(crate) forest: Forest,
    /// Where every margin starts, one per group.
    pub(crate) base_margins: Box<[f32]>,
    pub(crate) feature_count: usize,
    pub(crate) feature_names: Box<[Box<str>]>,
    pub(crate) feature_types: Box<[FeatureType]>,
    pub(crate) categories: Box<[Option<Categories>]>,
    pub(crate) trees_used: TreesUsed,
}

impl Model {
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
        let document = match format {
            Format::XgboostJson => document::read(Json::new(bytes), limits)?,
            Format::XgboostUbjson => document::read(Ubjson::new(bytes), limits)?,
        };
        compile::compile(document, format, limits, range)
    }

    /// The format of the file it came from.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }
    /// XGBoost's name of the training objective.
    #[must_use]
    pub fn objective(&self) -> &'static str {
        self.objective.name
    }
    /// Values per row.
    #[must_use]
    pub fn feature_count(&self) -> usize {
        self.feature_count
    }
    /// Names of the features in the order of a row, if the file has them.
    #[must_use]
    pub fn feature_names(&self) -> Option<&[Box<str>]> {
        (!self.feature_names.is_empty()).then_some(&self.feature_names)
    }
    /// Types of the features in the order of a row, if the file has them.
    #[must_use]
    pub fn feature_types(&self) -> Option<&[FeatureType]> {
        (!self.feature_types.is_empty()).then_some(&self.feature_types)
    }
    /// Training categories of a feature, if the file has them (XGBoost from 3.1): the value of a
    /// row is an index into them.
    #[must_use]
    pub fn categories(&self, feature: usize) -> Option<&Categories> {
        self.categories.get(feature)?.as_ref()
    }
    /// Margins per row: one, or one per class or target.
    #[must_use]
    pub fn margin_count(&self) -> usize {
        self.base_margins.len()
    }
    /// Margins of a row before any tree: the base score, in margin space.
    #[must_use]
    pub fn base_margins(&self) -> &[f32] {
        &self.base_margins
    }
    /// What [`predict`](Self::predict) puts out.
    #[must_use]
    pub fn output(&self) -> Output {
        self.objective.output(self.margin_count())
    }
    /// Which trees of the file are evaluated.
    #[must_use]
    pub fn trees_used(&self) -> TreesUsed {
        self.trees_used
    }
    /// The trees, in the order their leaves are added.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = Tree<'_>> {
        self.forest.trees.iter().map(|span| Tree { forest: &self.forest, span: *span })
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("format", &self.format)
            .field("objective", &self.objective.name)
            .field("feature_count", &self.feature_count)
            .field("trees_used", &self.trees_used)
            .finish_non_exhaustive()
    }
}
