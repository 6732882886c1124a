//! The schema of `plimsoll-sklearn 1`, as read: shapes are right, nothing else is checked.

use crate::error::LoadError;
use crate::limits::Limits;
use crate::source::{Scalar, Source, wide};

/// A whole file.
#[derive(Default)]
pub(super) struct Document {
    pub(super) format: Option<String>,
    pub(super) estimator: Option<String>,
    pub(super) inputs: Option<Vec<Input>>,
    pub(super) pipeline: Option<Vec<Columns>>,
    pub(super) trees: Option<Trees>,
    pub(super) linear: Option<Linear>,
    pub(super) transform: Option<String>,
    pub(super) output: Option<String>,
    pub(super) classes: Vec<Box<str>>,
}

/// One of `inputs`.
#[derive(Default)]
pub(super) struct Input {
    pub(super) name: Option<Box<str>>,
    /// The texts of a category, in the order of their codes; absent for a number.
    pub(super) values: Option<Vec<Box<str>>>,
    /// Whether texts that are none of `values` are let through, coded -1.
    pub(super) takes_unknown: bool,
}

/// One of `pipeline`: the columns that one input becomes.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) input: Option<u32>,
    pub(super) steps: Vec<Step>,
    /// `null` is NaN.
    pub(super) one_hot: Option<Vec<f64>>,
    pub(super) without_column: Vec<f64>,
    pub(super) refuses_unknown: bool,
}

/// One of `steps`: an operation and its numbers.
#[derive(Default)]
pub(super) struct Step {
    pub(super) operation: Option<&'static str>,
    pub(super) numbers: Vec<f64>,
    pub(super) unknown: Option<f64>,
    pub(super) missing: Option<f64>,
}

/// `trees`.
#[derive(Default)]
pub(super) struct Trees {
    pub(super) single: bool,
    pub(super) mean: bool,
    pub(super) base: Vec<f64>,
    pub(super) trees: Vec<Tree>,
}

/// One tree.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) group: Option<u32>,
    pub(super) left: Vec<i32>,
    pub(super) right: Vec<i32>,
    pub(super) feature: Vec<i32>,
    pub(super) threshold: Vec<f64>,
    pub(super) missing_left: Vec<bool>,
    pub(super) value: Vec<f64>,
    pub(super) cover: Vec<f64>,
    pub(super) sets: Vec<Set>,
}

/// One of a tree's `sets`.
#[derive(Default)]
pub(super) struct Set {
    pub(super) node: Option<u32>,
    pub(super) members_left: bool,
    pub(super) codes: Option<Vec<u32>>,
}

/// `linear`.
#[derive(Default)]
pub(super) struct Linear {
    pub(super) coefficients: Vec<f64>,
    pub(super) intercepts: Vec<f64>,
}

/// Operations of a step; [`compile`](super::compile) knows their numbers.
pub(super) const OPERATIONS: [&str; 10] = [
    "fill",
    "replace",
    "is_missing",
    "is",
    "subtract",
    "divide",
    "multiply",
    "add",
    "clip",
    "find",
];

/// Reads a whole file.
pub(super) fn read<'a, S: Source<'a>>(
    mut source: S,
    limits: &Limits,
) -> Result<Document, LoadError> {
    let mut document = Document::default();
    let known = &[
        "format",
        "estimator",
        "inputs",
        "pipeline",
        "trees",
        "linear",
        "transform",
        "output",
        "classes",
    ];
    source.object(known, |source, key| {
        match key {
            "format" => document.format = Some(source.short_text()?.into_owned()),
            "estimator" => document.estimator = Some(source.short_text()?.into_owned()),
            "inputs" => document.inputs = Some(inputs(source, limits)?),
            "pipeline" => document.pipeline = Some(pipeline(source, limits)?),
            "trees" => document.trees = Some(trees(source, limits)?),
            "linear" => document.linear = Some(linear(source)?),
            "transform" => document.transform = Some(source.short_text()?.into_owned()),
            "output" => document.output = Some(source.short_text()?.into_owned()),
            _ => document.classes = texts(source, limits.outputs_max, "classes")?,
        }
        Ok(())
    })?;
    source.end()?;
    Ok(document)
}

fn texts<'a, S: Source<'a>>(
    source: &mut S,
    max: usize,
    what: &'static str,
) -> Result<Vec<Box<str>>, LoadError> {
    let mut texts = Vec::new();
    source.array(max, what, |source| {
        texts.push(source.short_text()?.into());
        Ok(())
    })?;
    Ok(texts)
}

fn inputs<'a, S: Source<'a>>(source: &mut S, limits: &Limits) -> Result<Vec<Input>, LoadError> {
    let mut inputs = Vec::new();
    let mut room = limits.categories_max;
    source.array(limits.features_max, "inputs", |source| {
        let mut input = Input::default();
        source.object(&["name", "values", "takes_unknown"], |source, key| {
            match key {
                "name" => input.name = Some(source.short_text()?.into()),
                "values" => {
                    let values = texts(source, room, "categories")?;
                    room -= values.len();
                    input.values = Some(values);
                }
                _ => input.takes_unknown = source.flag()?,
            }
            Ok(())
        })?;
        inputs.push(input);
        Ok(())
    })?;
    Ok(inputs)
}

fn pipeline<'a, S: Source<'a>>(source: &mut S, limits: &Limits) -> Result<Vec<Columns>, LoadError> {
    let mut all = Vec::new();
    let known = &["input", "steps", "one_hot", "without_column", "refuses_unknown"];
    source.array(limits.features_max, "columns", |source| {
        let mut columns = Columns::default();
        source.object(known, |source, key| {
            match key {
                "input" => columns.input = Some(source.count()?),
                "steps" => columns.steps = steps(source)?,
                "one_hot" => columns.one_hot = Some(numbers_or_null(source)?),
                "without_column" => columns.without_column = numbers_or_null(source)?,
                _ => columns.refuses_unknown = source.flag()?,
            }
            Ok(())
        })?;
        all.push(columns);
        Ok(())
    })?;
    Ok(all)
}

/// Most steps from an input to a column: a pipeline has a handful.
const STEPS_MAX: usize = 64;

fn steps<'a, S: Source<'a>>(source: &mut S) -> Result<Vec<Step>, LoadError> {
    let mut steps = Vec::new();
    source.array(STEPS_MAX, "steps", |source| {
        let mut step = Step::default();
        let known = &["do", "with", "unknown", "missing"];
        source.object(known, |source, key| {
            match key {
                "do" => {
                    let name = source.short_text()?;
                    let known = OPERATIONS.into_iter().find(|known| *known == name);
                    let fault = || source.fault("no such step");
                    step.operation = Some(known.ok_or_else(fault)?);
                }
                "with" => step.numbers = numbers_or_null(source)?,
                "unknown" => step.unknown = Some(source.number_or_null()?),
                _ => step.missing = Some(source.number_or_null()?),
            }
            Ok(())
        })?;
        steps.push(step);
        Ok(())
    })?;
    Ok(steps)
}

/// Numbers; `null` is NaN.
fn numbers_or_null<'a, S: Source<'a>>(source: &mut S) -> Result<Vec<f64>, LoadError> {
    source.scalars("expected a number or null", |scalar| match scalar {
        Scalar::Token(b"null") => Some(f64::NAN),
        scalar => wide(scalar).filter(|number| number.is_finite()),
    })
}

fn trees<'a, S: Source<'a>>(source: &mut S, limits: &Limits) -> Result<Trees, LoadError> {
    let mut trees = Trees::default();
    source.object(&["single", "mean", "base", "trees"], |source, key| {
        match key {
            "single" => trees.single = source.flag()?,
            "mean" => trees.mean = source.flag()?,
            "base" => trees.base = source.doubles()?,
            _ => {
                let mut nodes = 0_usize;
                source.array(limits.trees_max, "trees", |source| {
                    let tree = tree(source)?;
                    nodes = nodes.saturating_add(tree.left.len());
                    if nodes > limits.nodes_max {
                        let path = source.path().to_string();
                        let (what, max) = ("nodes", limits.nodes_max);
                        return Err(LoadError::OverLimit { path, what, max });
                    }
                    trees.trees.push(tree);
                    Ok(())
                })?;
            }
        }
        Ok(())
    })?;
    Ok(trees)
}

fn tree<'a, S: Source<'a>>(source: &mut S) -> Result<Tree, LoadError> {
    let mut tree = Tree::default();
    let known = &[
        "group",
        "left",
        "right",
        "feature",
        "threshold",
        "missing_left",
        "value",
        "cover",
        "sets",
    ];
    source.object(known, |source, key| {
        match key {
            "group" => tree.group = Some(source.count()?),
            "left" => tree.left = source.integers()?,
            "right" => tree.right = source.integers()?,
            "feature" => tree.feature = source.integers()?,
            "threshold" => tree.threshold = thresholds(source)?,
            "missing_left" => tree.missing_left = source.flags()?,
            "value" => tree.value = source.doubles()?,
            "cover" => tree.cover = source.doubles()?,
            _ => {
                let most = tree.left.len().max(Limits::FEATURES_MAX);
                source.array(most, "sets", |source| {
                    let mut set = Set::default();
                    source.object(&["node", "members_left", "codes"], |source, key| {
                        match key {
                            "node" => set.node = Some(source.count()?),
                            "members_left" => set.members_left = source.flag()?,
                            _ => set.codes = Some(source.counts()?),
                        }
                        Ok(())
                    })?;
                    tree.sets.push(set);
                    Ok(())
                })?;
            }
        }
        Ok(())
    })?;
    Ok(tree)
}

/// Numbers; `null` is infinity, which parts missing values from all others.
fn thresholds<'a, S: Source<'a>>(source: &mut S) -> Result<Vec<f64>, LoadError> {
    source.scalars("expected a number or null", |scalar| match scalar {
        Scalar::Token(b"null") => Some(f64::INFINITY),
        scalar => wide(scalar).filter(|number| number.is_finite()),
    })
}

fn linear<'a, S: Source<'a>>(source: &mut S) -> Result<Linear, LoadError> {
    let mut linear = Linear::default();
    source.object(&["coefficients", "intercepts"], |source, key| {
        match key {
            "coefficients" => linear.coefficients = source.doubles()?,
            _ => linear.intercepts = source.doubles()?,
        }
        Ok(())
    })?;
    Ok(linear)
}
