//! The schema of an XGBoost model file, as read: shapes are right, nothing else is checked.
//!
//! Follows `doc/model.schema` of XGBoost (last at 3.1) and its `src/tree/io_utils.h`.

use std::cell::Cell;

use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{Categories, FeatureType};
use crate::source::{self, Source};

/// A whole file.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) version: Vec<u32>,
    pub(crate) learner: Option<Learner>,
}

/// `learner`.
#[derive(Default)]
pub(crate) struct Learner {
    pub(crate) best_iteration: Option<usize>,
    pub(crate) feature_names: Vec<Box<str>>,
    pub(crate) feature_types: Vec<FeatureType>,
    pub(crate) parameters: Option<Parameters>,
    pub(crate) objective: Option<String>,
    pub(crate) booster: Option<Booster>,
}

/// `learner_model_param`.
#[derive(Default)]
pub(crate) struct Parameters {
    pub(crate) base_score: Option<Vec<f32>>,
    pub(crate) num_class: usize,
    pub(crate) num_feature: Option<usize>,
    pub(crate) num_target: usize,
}

/// `gradient_booster`. A `dart` booster holds the trees in an inner one up to 3.2.
#[derive(Default)]
pub(crate) struct Booster {
    pub(crate) name: Option<String>,
    pub(crate) inner: Option<Box<Booster>>,
    pub(crate) forest: Option<Forest>,
    pub(crate) weight_drop: Option<Vec<f32>>,
}

/// `model` of a tree booster.
#[derive(Default)]
pub(crate) struct Forest {
    pub(crate) num_trees: Option<usize>,
    pub(crate) num_parallel_tree: Option<usize>,
    pub(crate) tree_info: Option<Vec<u32>>,
    pub(crate) iteration_indptr: Option<Vec<u32>>,
    pub(crate) weight_drop: Option<Vec<f32>>,
    pub(crate) trees: Option<Vec<RawTree>>,
    pub(crate) categories: Vec<Option<Categories>>,
}

/// One of `trees`. Arrays that a release may lack are empty then.
#[derive(Default)]
pub(crate) struct RawTree {
    pub(crate) num_nodes: Option<usize>,
    pub(crate) size_leaf_vector: usize,
    pub(crate) left_children: Vec<i32>,
    pub(crate) right_children: Vec<i32>,
    pub(crate) split_indices: Vec<u32>,
    pub(crate) split_conditions: Vec<f32>,
    pub(crate) default_left: Vec<bool>,
    pub(crate) split_type: Vec<u32>,
    pub(crate) sum_hessian: Vec<f32>,
    pub(crate) base_weights: Vec<f32>,
    pub(crate) leaf_weights: Vec<f32>,
    pub(crate) categories: Vec<u32>,
    pub(crate) categories_nodes: Vec<u32>,
    pub(crate) categories_segments: Vec<u32>,
    pub(crate) categories_sizes: Vec<u32>,
}

/// Reads a whole file.
pub(crate) fn read<'a, S: Source<'a>>(
    mut source: S,
    limits: &Limits,
) -> Result<Document, LoadError> {
    let mut document = Document::default();
    source.object(&["version", "learner"], |source, key| {
        match key {
            "version" => document.version = source.counts()?,
            _ => document.learner = Some(learner(source, limits)?),
        }
        Ok(())
    })?;
    source.end()?;
    Ok(document)
}

fn learner<'a, S: Source<'a>>(source: &mut S, limits: &Limits) -> Result<Learner, LoadError> {
    let mut learner = Learner::default();
    let features_max = limits.features_max.min(Limits::FEATURES_MAX);
    let known = &[
        "attributes",
        "feature_names",
        "feature_types",
        "gradient_booster",
        "learner_model_param",
        "objective",
    ];
    source.object(known, |source, key| {
        match key {
            "attributes" => source.object(&["best_iteration"], |source, _| {
                learner.best_iteration = Some(count(source)?);
                Ok(())
            })?,
            "feature_names" => source.array(features_max, "features", |source| {
                learner.feature_names.push(source.short_text()?.into());
                Ok(())
            })?,
            "feature_types" => source.array(features_max, "features", |source| {
                let kind = FeatureType::parse(&source.text()?)
                    .ok_or_else(|| source.fault("expected one of float, q, int, i, c"))?;
                learner.feature_types.push(kind);
                Ok(())
            })?,
            "gradient_booster" => learner.booster = Some(booster(source, limits, 0)?),
            "learner_model_param" => learner.parameters = Some(parameters(source)?),
            _ => source.object(&["name"], |source, _| {
                learner.objective = Some(source.short_text()?.into_owned());
                Ok(())
            })?,
        }
        Ok(())
    })?;
    Ok(learner)
}

fn parameters<'a, S: Source<'a>>(source: &mut S) -> Result<Parameters, LoadError> {
    let mut parameters = Parameters::default();
    source.object(&["base_score", "num_class", "num_feature", "num_target"], |source, key| {
        match key {
            "base_score" => {
                let text = source.short_text()?;
                let scores = base_scores(&text);
                let fault = || source.fault("expected a number such as 5E-1, or a list of them");
                parameters.base_score = Some(scores.ok_or_else(fault)?);
            }
            "num_class" => parameters.num_class = count(source)?,
            "num_feature" => parameters.num_feature = Some(count(source)?),
            _ => parameters.num_target = count(source)?,
        }
        Ok(())
    })?;
    Ok(parameters)
}

/// Parses `5E-1` (to 3.0), `[5E-1]` or `[a,b]` (from 3.1); round brackets are allowed.
pub(crate) fn base_scores(text: &str) -> Option<Vec<f32>> {
    let text = text.trim_ascii();
    let opened = text.strip_prefix(['[', '(']);
    let list = match opened {
        Some(rest) => rest.strip_suffix([']', ')'])?,
        None => text,
    };
    let scores: Option<Vec<f32>> =
        list.split(',').map(|score| source::decimal(score.trim_ascii().as_bytes())).collect();
    scores.filter(|scores| opened.is_some() || scores.len() == 1)
}

fn booster<'a, S: Source<'a>>(
    source: &mut S,
    limits: &Limits,
    depth: usize,
) -> Result<Booster, LoadError> {
    let mut booster = Booster::default();
    source.object(&["name", "gbtree", "model", "weight_drop"], |source, key| {
        match key {
            "name" => booster.name = Some(source.short_text()?.into_owned()),
            "gbtree" if depth == 0 => {
                booster.inner = Some(Box::new(self::booster(source, limits, depth + 1)?));
            }
            "gbtree" => return Err(source.fault("a booster within a booster within a booster")),
            "weight_drop" => booster.weight_drop = Some(source.reals()?),
            _ => booster.forest = Some(forest(source, limits)?),
        }
        Ok(())
    })?;
    Ok(booster)
}

fn forest<'a, S: Source<'a>>(source: &mut S, limits: &Limits) -> Result<Forest, LoadError> {
    let mut forest = Forest::default();
    let known =
        &["cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees", "weight_drop"];
    source.object(known, |source, key| {
        match key {
            "cats" => forest.categories = categories(source, limits)?,
            "gbtree_model_param" => {
                source.object(&["num_trees", "num_parallel_tree"], |source, key| {
                    let number = Some(count(source)?);
                    match key {
                        "num_trees" => forest.num_trees = number,
                        _ => forest.num_parallel_tree = number,
                    }
                    Ok(())
                })?;
            }
            "iteration_indptr" => forest.iteration_indptr = Some(source.counts()?),
            "tree_info" => forest.tree_info = Some(source.counts()?),
            "weight_drop" => forest.weight_drop = Some(source.reals()?),
            _ => forest.trees = Some(trees(source, limits)?),
        }
        Ok(())
    })?;
    Ok(forest)
}

fn trees<'a, S: Source<'a>>(source: &mut S, limits: &Limits) -> Result<Vec<RawTree>, LoadError> {
    let mut trees = Vec::new();
    let mut nodes = 0_usize;
    source.array(limits.trees_max, "trees", |source| {
        let tree = tree(source)?;
        nodes = nodes.saturating_add(tree.left_children.len());
        if nodes > limits.nodes_max {
            let path = source.path().to_string();
            return Err(LoadError::OverLimit { path, what: "nodes", max: limits.nodes_max });
        }
        trees.push(tree);
        Ok(())
    })?;
    Ok(trees)
}

fn tree<'a, S: Source<'a>>(source: &mut S) -> Result<RawTree, LoadError> {
    let mut tree = RawTree { size_leaf_vector: 1, ..RawTree::default() };
    let known = &[
        "base_weights",
        "categories",
        "categories_nodes",
        "categories_segments",
        "categories_sizes",
        "default_left",
        "leaf_weights",
        "left_children",
        "right_children",
        "split_conditions",
        "split_indices",
        "split_type",
        "sum_hessian",
        "tree_param",
    ];
    source.object(known, |source, key| {
        match key {
            "base_weights" => tree.base_weights = source.reals()?,
            "categories" => tree.categories = source.counts()?,
            "categories_nodes" => tree.categories_nodes = source.counts()?,
            "categories_segments" => tree.categories_segments = source.counts()?,
            "categories_sizes" => tree.categories_sizes = source.counts()?,
            "default_left" => tree.default_left = source.flags()?,
            "leaf_weights" => tree.leaf_weights = source.reals()?,
            "left_children" => tree.left_children = source.integers()?,
            "right_children" => tree.right_children = source.integers()?,
            "split_conditions" => tree.split_conditions = source.reals()?,
            "split_indices" => tree.split_indices = source.counts()?,
            "split_type" => tree.split_type = source.counts()?,
            "sum_hessian" => tree.sum_hessian = source.reals()?,
            _ => source.object(&["num_nodes", "size_leaf_vector"], |source, key| {
                match key {
                    "num_nodes" => tree.num_nodes = Some(count(source)?),
                    // Releases before 2.0 write 0 for a scalar leaf.
                    _ => tree.size_leaf_vector = count(source)?.max(1),
                }
                Ok(())
            })?,
        }
        Ok(())
    })?;
    Ok(tree)
}

/// `cats`: per feature, texts as offsets into bytes, or integers, or nothing.
fn categories<'a, S: Source<'a>>(
    source: &mut S,
    limits: &Limits,
) -> Result<Vec<Option<Categories>>, LoadError> {
    let mut all = Vec::new();
    let mut room = limits.categories_max;
    let features_max = limits.features_max.min(Limits::FEATURES_MAX);
    source.object(&["enc"], |source, _| {
        source.array(features_max, "features", |source| {
            let listed = feature_categories(source)?;
            let Some(left) = room.checked_sub(listed.len()) else {
                let (path, max) = (source.path().to_string(), limits.categories_max);
                return Err(LoadError::OverLimit { path, what: "categories", max });
            };
            room = left;
            all.push(listed.named().map_err(|problem| source.fault(problem))?);
            Ok(())
        })
    })?;
    Ok(all)
}

/// The categories of one feature, as listed.
#[derive(Default)]
struct Listed {
    /// Where texts begin and end in `values`; absent if `values` are the categories.
    offsets: Option<Vec<u32>>,
    values: Vec<i64>,
    /// Whether a value is no integer: real categories, which nothing needs yet.
    has_real: bool,
}

fn feature_categories<'a, S: Source<'a>>(source: &mut S) -> Result<Listed, LoadError> {
    let mut listed = Listed::default();
    source.object(&["offsets", "values"], |source, key| {
        match key {
            "offsets" => listed.offsets = Some(source.counts()?),
            _ => {
                let has_real = Cell::new(false);
                listed.values = source.scalars("expected a number", |scalar| {
                    let integer = source::integer(scalar);
                    has_real.set(has_real.get() || integer.is_none());
                    Some(integer.unwrap_or_default())
                })?;
                listed.has_real = has_real.get();
            }
        }
        Ok(())
    })?;
    Ok(listed)
}

impl Listed {
    fn len(&self) -> usize {
        self.offsets.as_ref().map_or(self.values.len(), |offsets| offsets.len().saturating_sub(1))
    }

    /// The categories, or what is wrong; `None` if the feature has none, or none to rely on.
    fn named(self) -> Result<Option<Categories>, &'static str> {
        match self.offsets {
            _ if self.has_real => Ok(None),
            None => Ok(Some(Categories::Integers(self.values.into()))),
            Some(offsets) if offsets.is_empty() && self.values.is_empty() => Ok(None),
            // XGBoost (to 3.2) counts characters where it means bytes, so that names which are
            // not ASCII are cut wrongly in the file: better none than wrong ones.
            Some(_) if self.values.iter().any(|byte| !(0..128).contains(byte)) => Ok(None),
            Some(offsets) => match texts(&offsets, &self.values) {
                Some(texts) => Ok(Some(texts)),
                None => Err("offsets do not cut values into texts"),
            },
        }
    }
}

/// Cuts ASCII into texts.
fn texts(offsets: &[u32], values: &[i64]) -> Option<Categories> {
    let bytes: Option<Vec<u8>> = values.iter().map(|value| u8::try_from(*value).ok()).collect();
    let text = String::from_utf8(bytes?).ok()?;
    let texts: Option<Box<[Box<str>]>> = offsets
        .windows(2)
        .map(|pair| match *pair {
            [start, end] => text.get(start as usize..end as usize).map(Into::into),
            _ => None,
        })
        .collect();
    texts.map(Categories::Texts)
}

/// Parameters are texts in the file, also where they are numbers.
fn count<'a, S: Source<'a>>(source: &mut S) -> Result<usize, LoadError> {
    let text = source.text()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| source.fault("expected a text of digits, below 2^64"))
}

#[cfg(test)]
mod tests {
    use super::base_scores;

    #[test]
    fn base_scores_of_every_release_are_read() {
        for text in ["5E-1", "0.5", " 5E-1 ", "[5E-1]", "(5E-1)", "( 5E-1 ]"] {
            assert_eq!(base_scores(text), Some(vec![0.5]), "{text}");
        }
        assert_eq!(base_scores("[5E-1, -2,3E0]"), Some(vec![0.5, -2.0, 3.0]));
        for text in ["", "[]", "[", "5E-1]", "1,2", "[1,]", "[1 2]", "[[1]]", "one"] {
            assert_eq!(base_scores(text), None, "{text}");
        }
    }
}
