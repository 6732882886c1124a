//! From a read document to a [`Model`]: every check that a shape cannot express.

use super::document::{self, Columns, Document, Input};
use super::raw::Checked;
use crate::ensemble::Ensemble;
use crate::error::LoadError;
use crate::limits::Limits;
use crate::linear::Linear;
use crate::model::{
    Categories, FeatureType, Format, Inputs, Model, Scorer, TreesUsed, UnknownCategory,
};
use crate::output::{Output, OutputKind, Transform};
use crate::pack::{Packer, Shape};
use crate::pipeline::{Block, End, Find, Otherwise, Pipeline, Places, Step};
use crate::tree::Rounding;

/// What the first line says.
const FORMAT: &str = "plimsoll-sklearn 1";

/// Checks a document and compiles it.
pub(super) fn compile(document: Document, limits: &Limits) -> Result<Model, LoadError> {
    if document.format.as_deref() != Some(FORMAT) {
        return Err(LoadError::Unsupported {
            path: "format".into(),
            what: "this version",
            hint: "export the model again with a plimsoll_export that writes `plimsoll-sklearn 1`",
        });
    }
    let inputs = document.inputs.as_deref().ok_or_else(|| missing("inputs"))?;
    let inputs = compile_inputs(inputs)?;
    let pipeline = match &document.pipeline {
        Some(columns) => Some(compile_pipeline(columns, &inputs, limits)?),
        None => None,
    };
    let columns = pipeline.as_ref().map_or(inputs.count, Pipeline::column_count);
    let (scorer, trees) = scorer(&document, columns, limits)?;
    let margins = scorer.margin_count();
    let (transform, kind) = meaning(&document, margins)?;
    Ok(Model {
        format: Format::SklearnJson,
        objective: document.estimator.as_deref().unwrap_or("scikit-learn").into(),
        inputs,
        pipeline,
        scorer,
        transform,
        output: Output { name: kind.name(), kind, count: margins, is_double: true },
        classes: document.classes.into(),
        trees_used: TreesUsed { used: trees, total: trees, best_iteration: None },
    })
}

fn compile_inputs(inputs: &[Input]) -> Result<Inputs, LoadError> {
    if inputs.is_empty() {
        return Err(invalid("inputs", "a model needs at least one input"));
    }
    let names: Vec<Box<str>> = inputs.iter().filter_map(|input| input.name.clone()).collect();
    if !names.is_empty() && names.len() != inputs.len() {
        return Err(invalid("inputs", "either all inputs have names, or none"));
    }
    let mut sorted: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(invalid("inputs", "two inputs have the same name"));
    }
    let categories = |input: &Input| Some(Categories::Texts(input.values.clone()?.into()));
    let kind = |input: &Input| match input.values {
        Some(_) => FeatureType::Categorical,
        None => FeatureType::Quantitative,
    };
    let unknown = |input: &Input| match input.takes_unknown {
        true => UnknownCategory::Coded,
        false => UnknownCategory::Refused,
    };
    for (index, input) in inputs.iter().enumerate() {
        let mut values: Vec<&str> = input.values.iter().flatten().map(AsRef::as_ref).collect();
        values.sort_unstable();
        if values.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(invalid(format!("inputs[{index}].values"), "a text is there twice"));
        }
    }
    Ok(Inputs {
        count: inputs.len(),
        names: names.into(),
        types: inputs.iter().map(kind).collect(),
        categories: inputs.iter().map(categories).collect(),
        unknown: inputs.iter().map(unknown).collect(),
    })
}

fn compile_pipeline(
    all: &[Columns],
    inputs: &Inputs,
    limits: &Limits,
) -> Result<Pipeline, LoadError> {
    let mut blocks = Vec::new();
    let mut count = 0_usize;
    for (index, columns) in all.iter().enumerate() {
        let at = |member: &str| format!("pipeline[{index}].{member}");
        let feature = columns.input.ok_or_else(|| missing(at("input")))? as usize;
        if feature >= inputs.count {
            return Err(invalid(at("input"), "no such input"));
        }
        let steps = columns.steps.iter().enumerate();
        let steps = steps.map(|(place, step)| {
            compile_step(step)
                .ok_or_else(|| invalid(at(&format!("steps[{place}]")), "has the wrong numbers"))
        });
        let end = end(columns).ok_or_else(|| invalid(at("one_hot"), "a value is there twice"))?;
        count = count.saturating_add(match &end {
            End::Value => 1,
            End::OneHot { columns, .. } => *columns,
        });
        let max = limits.features_max.min(Limits::FEATURES_MAX);
        if count > max {
            return Err(LoadError::OverLimit { path: "pipeline".into(), what: "columns", max });
        }
        blocks.push(Block { feature, steps: steps.collect::<Result<_, _>>()?, end });
    }
    if count == 0 {
        return Err(invalid("pipeline", "a pipeline needs at least one column"));
    }
    Ok(Pipeline::new(blocks))
}

/// `None` if the numbers do not fit the operation.
fn compile_step(step: &document::Step) -> Option<Step> {
    let numbers = step.numbers.as_slice();
    let all_numbers = !numbers.iter().any(|number| number.is_nan());
    Some(match (step.operation?, numbers) {
        ("find", list) => Step::Find(find(list, step)?),
        ("is_missing", []) => Step::IsMissing,
        _ if !all_numbers => return None,
        ("fill", [with]) => Step::Fill(*with),
        ("replace", [what, with]) => Step::Replace(*what, *with),
        ("is", [what]) => Step::Is(*what),
        ("subtract", [other]) => Step::Subtract(*other),
        ("divide", [other]) => Step::Divide(*other),
        ("multiply", [other]) => Step::Multiply(*other),
        ("add", [other]) => Step::Add(*other),
        ("clip", [low, high]) if low <= high => Step::Clip(*low, *high),
        _ => return None,
    })
}

fn find(list: &[f64], step: &document::Step) -> Option<Find> {
    let otherwise = |number: Option<f64>| number.map_or(Otherwise::Refuse, Otherwise::Number);
    let entries: Vec<_> =
        list.iter().enumerate().map(|(place, number)| (*number, Some(place))).collect();
    let (all, is_nan) = (entries.len(), entries.iter().any(|(number, _)| number.is_nan()));
    let places = Places::new(entries);
    let whole = places.len() == all && !is_nan;
    let (unknown, missing) = (otherwise(step.unknown), otherwise(step.missing));
    whole.then_some(Find { places, unknown, missing })
}

/// `None` if a value is there twice.
fn end(columns: &Columns) -> Option<End> {
    let Some(values) = &columns.one_hot else { return Some(End::Value) };
    let hot = values.iter().enumerate().map(|(place, value)| (*value, Some(place)));
    let cold = columns.without_column.iter().map(|value| (*value, None));
    let entries: Vec<_> = hot.chain(cold).collect();
    let count = entries.len();
    let places = Places::new(entries);
    let whole = places.len() == count;
    let (columns, refuses) = (values.len(), columns.refuses_unknown);
    whole.then_some(End::OneHot { columns, places, refuses })
}

/// What scores the columns, and how many trees it has.
fn scorer(
    document: &Document,
    columns: usize,
    limits: &Limits,
) -> Result<(Scorer, usize), LoadError> {
    match (&document.trees, &document.linear) {
        (Some(trees), None) => {
            let ensemble = ensemble(trees, columns, limits)?;
            Ok((Scorer::Trees(ensemble), trees.trees.len()))
        }
        (None, Some(linear)) => {
            let linear = compile_linear(linear, columns, limits)?;
            Ok((Scorer::Linear(linear), 0))
        }
        _ => Err(invalid("trees", "a model has either trees or a linear part")),
    }
}

fn ensemble(
    document: &document::Trees,
    columns: usize,
    limits: &Limits,
) -> Result<Ensemble, LoadError> {
    let margins = document.base.len();
    check_margins("trees.base", margins, &document.base, limits)?;
    let shape = Shape { features: columns, margins };
    // Leaves have one value for the group of their tree, or one for every margin.
    let has_groups = document.trees.first().is_none_or(|tree| tree.group.is_some());
    let leaf_width = if has_groups { 1 } else { margins };
    let rounding = if document.single { Rounding::Single } else { Rounding::None };
    let mut packer = Packer::new(shape, limits, leaf_width, rounding);
    for (index, tree) in document.trees.iter().enumerate() {
        let path = || format!("trees.trees[{index}]");
        if tree.group.is_some() != has_groups {
            return Err(invalid(path(), "either all trees have a group, or none"));
        }
        let group = tree.group.unwrap_or(0);
        if group as usize >= margins {
            return Err(invalid(format!("{}.group", path()), "no such output"));
        }
        Checked::new(tree, leaf_width)
            .and_then(|tree| packer.add(&tree, group))
            .map_err(|problem| problem.within(path()))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most the limit on trees")]
    let divisor = if document.mean { document.trees.len().max(1) as f64 } else { 1.0 };
    let base_margins = document.base.as_slice().into();
    Ok(Ensemble {
        forest: packer.finish(false),
        columns,
        base_margins,
        divisor,
        base_last: document.mean,
    })
}

fn compile_linear(
    document: &document::Linear,
    columns: usize,
    limits: &Limits,
) -> Result<Linear, LoadError> {
    let margins = document.intercepts.len();
    check_margins("linear.intercepts", margins, &document.intercepts, limits)?;
    let (found, expected) = (document.coefficients.len(), margins.saturating_mul(columns));
    if found != expected {
        return Err(LoadError::Length { path: "linear.coefficients".into(), found, expected });
    }
    if let Some(index) = document.coefficients.iter().position(|weight| !weight.is_finite()) {
        let path = format!("linear.coefficients[{index}]");
        return Err(invalid(path, "a coefficient must be finite"));
    }
    let coefficients = document.coefficients.as_slice().into();
    let intercepts = document.intercepts.as_slice().into();
    Ok(Linear { coefficients, intercepts, columns })
}

fn check_margins(
    path: &str,
    margins: usize,
    base: &[f64],
    limits: &Limits,
) -> Result<(), LoadError> {
    let max = limits.outputs_max.min(Limits::OUTPUTS_MAX);
    if margins > max {
        return Err(LoadError::OverLimit { path: path.into(), what: "outputs", max });
    }
    if margins == 0 || base.iter().any(|base| !base.is_finite()) {
        return Err(invalid(path, "needs a finite number for every output"));
    }
    Ok(())
}

/// The transform of the margins, and what it gives.
fn meaning(document: &Document, margins: usize) -> Result<(Transform, OutputKind), LoadError> {
    let transform = match document.transform.as_deref() {
        None | Some("identity") => Transform::Identity,
        // SciPy's expit.
        Some("expit") => Transform::Sigmoid(1.0),
        Some("softmax") => Transform::Softmax,
        Some("exp") => Transform::Exp,
        Some(_) => return Err(invalid("transform", "no such transform")),
    };
    let (kind, classes) = match document.output.as_deref() {
        Some("value") => (OutputKind::Value, 0),
        Some("probability") => (OutputKind::Probability, 2),
        Some("class_probabilities") => (OutputKind::ClassProbabilities, margins),
        Some(_) => return Err(invalid("output", "no such output")),
        None => return Err(missing("output")),
    };
    if kind == OutputKind::Probability && margins != 1 {
        return Err(invalid("output", "a probability is one number"));
    }
    let found = document.classes.len();
    if found != 0 && found != classes {
        return Err(LoadError::Length { path: "classes".into(), found, expected: classes });
    }
    Ok((transform, kind))
}

fn missing(path: impl Into<String>) -> LoadError {
    LoadError::Missing { path: path.into() }
}

fn invalid(path: impl Into<String>, problem: &'static str) -> LoadError {
    LoadError::Invalid { path: path.into(), problem }
}
