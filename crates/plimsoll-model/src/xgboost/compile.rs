//! From a read XGBoost file to a [`Model`]: every check that a shape cannot express.

use super::document::{self, Booster, Document, Learner, Parameters};
use super::objective::Objective;
use super::raw::Checked;
use super::{invalid, length, missing};
use crate::ensemble::Ensemble as Trees;
use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{Format, Inputs, Model, Scorer, TreeRange, TreesUsed};
use crate::output::Output;
use crate::pack::{Packer, Shape};
use crate::tree::{Forest, Rounding};

const PARAMETERS: &str = "learner.learner_model_param";
const BOOSTER: &str = "learner.gradient_booster";

/// Checks a file and packs its trees.
pub(super) fn compile(
    document: Document,
    format: Format,
    limits: &Limits,
    range: TreeRange,
) -> Result<Model, LoadError> {
    let learner = document.learner.ok_or_else(|| missing("learner"))?;
    let objective = objective(&learner)?;
    let parameters = learner.parameters.as_ref().ok_or_else(|| missing(PARAMETERS))?;
    let shape = shape(parameters, objective, limits)?;
    let base_margins = base_margins(parameters, objective, shape, &document.version)?;
    check_features(&learner, shape)?;
    let booster = learner.booster.ok_or_else(|| missing(BOOSTER))?;
    let ensemble = Ensemble::find(booster)?;
    let trees_used = ensemble.used(learner.best_iteration, shape, range)?;
    let mut forest = ensemble.pack(shape, limits)?;
    forest.trees.truncate(trees_used.used);
    let categories = ensemble.forest.categories;
    if !categories.is_empty() {
        length(format!("{}.cats.enc", ensemble.path), categories.len(), shape.features)?;
    }
    Ok(Model {
        format,
        objective: objective.name.into(),
        inputs: Inputs {
            count: shape.features,
            names: learner.feature_names.into(),
            types: learner.feature_types.into(),
            categories: categories.into(),
            unknown: Box::default(),
        },
        pipeline: None,
        scorer: Scorer::Trees(Trees {
            forest,
            columns: shape.features,
            base_margins,
            divisor: 1.0,
            base_last: false,
        }),
        transform: objective.transform,
        output: Output {
            name: objective.kind.name(),
            kind: objective.kind,
            count: objective.transform.count(shape.margins),
            is_double: false,
        },
        classes: Box::default(),
        trees_used,
    })
}

fn objective(learner: &Learner) -> Result<&'static Objective, LoadError> {
    let path = "learner.objective.name";
    let name = learner.objective.as_deref().ok_or_else(|| missing(path))?;
    Objective::find(name).map_err(|what| LoadError::Unsupported {
        path: path.into(),
        what,
        hint: "use binary:*, multi:*, rank:*, count:poisson, survival:cox or a reg:* mean objective",
    })
}

fn shape(
    parameters: &Parameters,
    objective: &Objective,
    limits: &Limits,
) -> Result<Shape, LoadError> {
    let at = |member: &str| format!("{PARAMETERS}.{member}");
    let features = parameters.num_feature.ok_or_else(|| missing(at("num_feature")))?;
    if features == 0 {
        return Err(invalid(at("num_feature"), "a model needs at least one feature"));
    }
    let max = limits.features_max.min(Limits::FEATURES_MAX);
    if features > max {
        return Err(LoadError::OverLimit { path: at("num_feature"), what: "features", max });
    }
    let (classes, targets) = (parameters.num_class.max(1), parameters.num_target.max(1));
    if classes > 1 && targets > 1 {
        return Err(invalid(
            at("num_target"),
            "several classes and several targets exclude each other",
        ));
    }
    if objective.has_classes() && classes < 2 {
        return Err(invalid(at("num_class"), "a multi objective needs at least two classes"));
    }
    let (margins, max) = (classes.max(targets), limits.outputs_max.min(Limits::OUTPUTS_MAX));
    if margins > max {
        let member = if classes > 1 { "num_class" } else { "num_target" };
        return Err(LoadError::OverLimit { path: at(member), what: "outputs", max });
    }
    Ok(Shape { features, margins })
}

fn base_margins(
    parameters: &Parameters,
    objective: &Objective,
    shape: Shape,
    version: &[u32],
) -> Result<Box<[f64]>, LoadError> {
    let path = || format!("{PARAMETERS}.base_score");
    let scores = parameters.base_score.as_ref().ok_or_else(|| missing(path()))?;
    if scores.len() != 1 {
        length(path(), scores.len(), shape.margins)?;
    }
    let clamps = version >= [3, 2].as_slice();
    let margins: Option<Vec<f32>> =
        scores.iter().map(|score| objective.base_margin(*score, clamps)).collect();
    let margins =
        margins.ok_or_else(|| invalid(path(), "this objective has no finite margin for it"))?;
    Ok(margins.into_iter().map(f64::from).cycle().take(shape.margins).collect())
}

fn check_features(learner: &Learner, shape: Shape) -> Result<(), LoadError> {
    let names = &learner.feature_names;
    if !names.is_empty() {
        length("learner.feature_names", names.len(), shape.features)?;
    }
    if !learner.feature_types.is_empty() {
        length("learner.feature_types", learner.feature_types.len(), shape.features)?;
    }
    let mut sorted: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(invalid("learner.feature_names", "two features have the same name"));
    }
    Ok(())
}

/// The trees of a booster, wherever the release keeps them.
struct Ensemble {
    path: &'static str,
    forest: document::Forest,
    /// One factor per tree (DART), and where they stand.
    weights: Option<(String, Vec<f32>)>,
}

impl Ensemble {
    fn find(booster: Booster) -> Result<Self, LoadError> {
        let name = booster.name.as_deref().ok_or_else(|| missing(format!("{BOOSTER}.name")))?;
        let is_dart = match name {
            "dart" => true,
            "gbtree" => false,
            _ => {
                let what = if name == "gblinear" { "gblinear" } else { "this booster" };
                let path = format!("{BOOSTER}.name");
                return Err(LoadError::Unsupported {
                    path,
                    what,
                    hint: "train a gbtree or dart booster",
                });
            }
        };
        let (forest, path) = match booster.inner {
            Some(inner) => (inner.forest, "learner.gradient_booster.gbtree.model"),
            None => (booster.forest, "learner.gradient_booster.model"),
        };
        let mut forest = forest.ok_or_else(|| missing(path))?;
        if forest.trees.is_none() {
            return Err(missing(format!("{path}.trees")));
        }
        // Up to 3.2 the weights stand in the booster, from 3.3 beside the trees.
        let outer = booster.weight_drop.map(|weights| (BOOSTER, weights));
        let weights = outer.or_else(|| Some((path, forest.weight_drop.take()?)));
        if is_dart && weights.is_none() {
            return Err(missing(format!("{BOOSTER}.weight_drop")));
        }
        // A booster without dropout may write an empty list.
        let weights = weights
            .filter(|(_, weights)| is_dart || !weights.is_empty())
            .map(|(path, weights)| (format!("{path}.weight_drop"), weights));
        Ok(Self { path, forest, weights })
    }

    /// How many trees to evaluate.
    fn used(
        &self,
        best_iteration: Option<usize>,
        shape: Shape,
        range: TreeRange,
    ) -> Result<TreesUsed, LoadError> {
        let total = self.forest.trees.as_ref().map_or(0, Vec::len);
        if let Some(starts) = &self.forest.iteration_indptr {
            let path = || format!("{}.iteration_indptr", self.path);
            if !starts.is_sorted() || starts.first().is_some_and(|first| *first != 0) {
                return Err(invalid(path(), "must rise from 0"));
            }
            length(path(), starts.last().map_or(0, |last| *last as usize), total)?;
        }
        let all = TreesUsed { used: total, total, best_iteration };
        let (TreeRange::BestIteration, Some(best)) = (range, best_iteration) else {
            return Ok(all);
        };
        let used = match &self.forest.iteration_indptr {
            Some(starts) => starts.get(best.saturating_add(1)).map(|start| *start as usize),
            None => {
                let parallel = self.forest.num_parallel_tree.unwrap_or(1).max(1);
                let trees = best.checked_add(1).and_then(|n| n.checked_mul(parallel));
                trees.and_then(|n| n.checked_mul(shape.margins)).filter(|used| *used <= total)
            }
        };
        let path = "learner.attributes.best_iteration";
        let used = used.ok_or_else(|| invalid(path, "the model has fewer iterations"))?;
        Ok(TreesUsed { used, ..all })
    }

    /// Checks and packs every tree.
    fn pack(&self, shape: Shape, limits: &Limits) -> Result<Forest, LoadError> {
        let at = |member: &str| format!("{}.{member}", self.path);
        let trees = self.forest.trees.as_ref().ok_or_else(|| missing(at("trees")))?;
        if let Some(expected) = self.forest.num_trees {
            length(at("trees"), trees.len(), expected)?;
        }
        let groups = self.forest.tree_info.as_ref().ok_or_else(|| missing(at("tree_info")))?;
        length(at("tree_info"), groups.len(), trees.len())?;
        if let Some((path, weights)) = &self.weights {
            length(path, weights.len(), trees.len())?;
            if let Some(index) = weights.iter().position(|weight| !weight.is_finite()) {
                return Err(invalid(format!("{path}[{index}]"), "a weight must be finite"));
            }
        }
        let leaf_width = trees.first().map_or(1, |tree| tree.size_leaf_vector);
        let mut packer = Packer::new(shape, limits, leaf_width, Rounding::Single);
        for (index, (tree, group)) in trees.iter().zip(groups).enumerate() {
            if *group as usize >= shape.margins {
                return Err(invalid(format!("{}.tree_info[{index}]", self.path), "no such output"));
            }
            let weight = self.weights.as_ref().and_then(|(_, weights)| weights.get(index));
            Checked::new(tree, leaf_width, shape.margins, weight.copied())
                .and_then(|tree| packer.add(&tree, *group))
                .map_err(|problem| problem.within(format!("{}.trees[{index}]", self.path)))?;
        }
        Ok(packer.finish(true))
    }
}
