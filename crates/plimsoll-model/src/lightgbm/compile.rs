//! From a read LightGBM file to a [`Model`]: every check that a line cannot express.

use super::document::Document;
use super::objective::Objective;
use super::raw::Checked;
use crate::ensemble::Ensemble;
use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{
    Categories, FeatureType, Format, Inputs, Model, Scorer, TreesUsed, UnknownCategory,
};
use crate::output::Output;
use crate::pack::{Packer, Shape};
use crate::tree::{Forest, Rounding};

/// Versions of the text that are read.
const VERSIONS: [&str; 2] = ["v3", "v4"];

/// Checks a file and packs its trees.
pub(super) fn compile(document: Document, limits: &Limits) -> Result<Model, LoadError> {
    if !VERSIONS.contains(&document.version.as_str()) {
        return Err(unsupported(
            "version",
            "this version",
            "save the model with LightGBM 2.3 or later",
        ));
    }
    let objective = Objective::parse(document.objective.as_deref()).ok_or_else(|| {
        unsupported("objective", "this objective", "use one of LightGBM's own, or a custom one")
    })?;
    let shape = shape(&document, &objective, limits)?;
    let inputs = inputs(&document, shape)?;
    let forest = pack(&document, shape, limits)?;
    let total = document.trees.len();
    let iterations = total / shape.margins;
    Ok(Model {
        format: Format::LightgbmText,
        objective: document.objective.as_deref().unwrap_or("custom").into(),
        inputs,
        pipeline: None,
        scorer: Scorer::Trees(Ensemble {
            forest,
            columns: shape.features,
            base_margins: vec![0.0; shape.margins].into(),
            divisor: divisor(document.average_output, iterations),
            base_last: true,
        }),
        transform: objective.transform,
        output: Output {
            name: objective.kind.name(),
            kind: objective.kind,
            count: shape.margins,
            is_double: true,
        },
        classes: Box::default(),
        trees_used: TreesUsed { used: total, total, best_iteration: None },
    })
}

#[expect(clippy::cast_precision_loss, reason = "at most the limit on trees")]
fn divisor(averages: bool, iterations: usize) -> f64 {
    if averages { iterations.max(1) as f64 } else { 1.0 }
}

fn shape(document: &Document, objective: &Objective, limits: &Limits) -> Result<Shape, LoadError> {
    let last = document.max_feature_idx.ok_or_else(|| missing("max_feature_idx"))?;
    let features = last.saturating_add(1);
    let max = limits.features_max.min(Limits::FEATURES_MAX);
    if features > max {
        let (path, what) = ("max_feature_idx".into(), "features");
        return Err(LoadError::OverLimit { path, what, max });
    }
    let margins =
        document.num_tree_per_iteration.ok_or_else(|| missing("num_tree_per_iteration"))?;
    let classes = document.num_class.ok_or_else(|| missing("num_class"))?;
    let max = limits.outputs_max.min(Limits::OUTPUTS_MAX);
    if margins > max {
        let (path, what) = ("num_tree_per_iteration".into(), "outputs");
        return Err(LoadError::OverLimit { path, what, max });
    }
    if margins != classes || margins == 0 {
        return Err(invalid("num_tree_per_iteration", "must be num_class, and at least 1"));
    }
    if objective.has_classes != (classes > 1) && document.objective.is_some() {
        return Err(invalid("num_class", "does not fit the objective"));
    }
    Ok(Shape { features, margins })
}

fn inputs(document: &Document, shape: Shape) -> Result<Inputs, LoadError> {
    let names = document.feature_names.clone().ok_or_else(|| missing("feature_names"))?;
    length("feature_names", names.len(), shape.features)?;
    let mut sorted: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(invalid("feature_names", "two features have the same name"));
    }
    let are_categories = document.are_categories.clone().unwrap_or_default();
    if !are_categories.is_empty() {
        length("feature_infos", are_categories.len(), shape.features)?;
    }
    let kind = |is_category: bool| {
        if is_category { FeatureType::Categorical } else { FeatureType::Quantitative }
    };
    Ok(Inputs {
        count: shape.features,
        names: names.into(),
        types: are_categories.into_iter().map(kind).collect(),
        categories: categories(document, shape)?.into(),
        unknown: vec![UnknownCategory::Missing; shape.features].into(),
    })
}

/// The lists of `pandas_categorical` belong to the data frame's category columns, which the text
/// does not name. They are the features declared as categories, in order, unless their number
/// differs: better none than wrong ones.
fn categories(document: &Document, shape: Shape) -> Result<Vec<Option<Categories>>, LoadError> {
    let lists = &document.pandas_categorical;
    let declared = document.categorical_features.as_deref().unwrap_or_default();
    if lists.is_empty() || lists.len() != declared.len() {
        return Ok(Vec::new());
    }
    let mut all = vec![None; shape.features];
    for (feature, list) in declared.iter().zip(lists) {
        let slot = all.get_mut(*feature);
        *slot.ok_or_else(|| invalid("categorical_feature", "no such feature"))? = named(list);
    }
    Ok(all)
}

/// A list of texts or of integers; others (times, fractions) have no names here.
fn named(list: &[serde_json::Value]) -> Option<Categories> {
    let texts: Option<Box<[Box<str>]>> =
        list.iter().map(|value| value.as_str().map(Into::into)).collect();
    let integers = || list.iter().map(serde_json::Value::as_i64).collect::<Option<_>>();
    texts.map(Categories::Texts).or_else(|| integers().map(Categories::Integers))
}

fn pack(document: &Document, shape: Shape, limits: &Limits) -> Result<Forest, LoadError> {
    let trees = &document.trees;
    let expected = document.tree_count.ok_or_else(|| missing("tree_sizes"))?;
    length("trees", trees.len(), expected)?;
    if !trees.len().is_multiple_of(shape.margins) {
        return Err(invalid("trees", "the last iteration has not one tree per class"));
    }
    let mut packer = Packer::new(shape, limits, 1, Rounding::TinyToZero);
    for ((index, tree), group) in trees.iter().enumerate().zip((0..).take(shape.margins).cycle()) {
        let path = || format!("Tree={index}");
        if tree.is_linear {
            return Err(unsupported(
                &path(),
                "a tree with linear models in its leaves",
                "train without linear_tree",
            ));
        }
        Checked::new(tree)
            .and_then(|tree| packer.add(&tree, group))
            .map_err(|problem| problem.within(path()))?;
    }
    Ok(packer.finish(false))
}

fn missing(path: &str) -> LoadError {
    LoadError::Missing { path: path.into() }
}

fn invalid(path: &str, problem: &'static str) -> LoadError {
    LoadError::Invalid { path: path.into(), problem }
}

fn unsupported(path: &str, what: &'static str, hint: &'static str) -> LoadError {
    LoadError::Unsupported { path: path.into(), what, hint }
}

fn length(path: &str, found: usize, expected: usize) -> Result<(), LoadError> {
    if found == expected {
        return Ok(());
    }
    Err(LoadError::Length { path: path.into(), found, expected })
}
