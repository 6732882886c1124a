//! One tree of an XGBoost file as [`pack`](crate::pack) reads it.
//!
//! Semantics: `src/tree/tree_model.cc`, `src/predictor/predict_fn.h` and
//! `src/common/categorical.h` of XGBoost.

use super::document;
use crate::limits::Limits;
use crate::pack::{Problem, RawNode, RawTest, RawTree, words};
use crate::tree::Members;

const NOT_FINITE: &str = "a leaf must be finite";

/// A tree whose arrays are as long as each other.
pub(super) struct Checked<'a> {
    tree: &'a document::RawTree,
    /// For each node the place of its set among the sets; empty without any.
    sets: Vec<Option<usize>>,
    weight: Option<f32>,
}

impl<'a> Checked<'a> {
    /// Checks the lengths of the arrays; leaves are multiplied by `weight`.
    pub(super) fn new(
        tree: &'a document::RawTree,
        leaf_width: usize,
        margins: usize,
        weight: Option<f32>,
    ) -> Result<Self, Problem> {
        check_lengths(tree, leaf_width, margins)?;
        Ok(Self { tree, sets: sets(tree)?, weight })
    }

    fn is_leaf(&self, node: usize) -> bool {
        self.tree.left_children.get(node).is_none_or(|child| *child == -1)
    }

    fn is_in_set(&self, node: usize) -> bool {
        self.tree.split_type.get(node) == Some(&1)
    }

    fn test(&self, node: usize) -> Result<RawTest, Problem> {
        if self.is_in_set(node) {
            let set = self.sets.get(node).copied().flatten();
            set.ok_or(Problem::At("split_type", node, "the node has no categories"))?;
            return Ok(RawTest::Set { members_left: false, members: Members::FromZero });
        }
        if self.tree.split_type.get(node).is_some_and(|kind| *kind != 0) {
            return Err(Problem::At("split_type", node, "expected 0 or 1"));
        }
        // Infinite thresholds compare well, and XGBoost makes them at the ends of f32.
        let threshold = self.tree.split_conditions.get(node).copied().unwrap_or(f32::NAN);
        if threshold.is_nan() {
            return Err(Problem::At("split_conditions", node, "a threshold must be a number"));
        }
        Ok(RawTest::Less(threshold.into()))
    }
}

impl RawTree for Checked<'_> {
    const CHILDREN: [&'static str; 2] = ["left_children", "right_children"];

    fn nodes(&self) -> usize {
        self.tree.left_children.len()
    }

    fn node(&self, node: usize) -> Result<RawNode, Problem> {
        if self.is_leaf(node) {
            return Ok(RawNode::Leaf);
        }
        let tree = self.tree;
        let child = |children: &[i32]| children.get(node).copied().unwrap_or(-1).into();
        Ok(RawNode::Split {
            feature: tree.split_indices.get(node).copied().map_or(u64::MAX, u64::from),
            member: "split_indices",
            test: self.test(node)?,
            missing_left: tree.default_left.get(node).copied().unwrap_or(false),
            children: [child(&tree.left_children), child(&tree.right_children)],
        })
    }

    fn leaf(&self, node: usize, out: &mut Vec<f64>) -> Result<(), Problem> {
        let (tree, width) = (self.tree, self.tree.size_leaf_vector);
        // From 3.1 leaves of several values have their own array, which the right child indexes.
        let (member, values, index) = if width == 1 {
            ("split_conditions", &tree.split_conditions, Some(node))
        } else if tree.leaf_weights.is_empty() {
            ("base_weights", &tree.base_weights, Some(node))
        } else {
            let right = tree.right_children.get(node).and_then(|k| usize::try_from(*k).ok());
            ("leaf_weights", &tree.leaf_weights, right)
        };
        let start = index.and_then(|index| index.checked_mul(width));
        let values = start.and_then(|start| values.get(start..start.checked_add(width)?));
        let Some(values) = values else {
            return Err(Problem::At("right_children", node, "no such leaf"));
        };
        for value in values {
            let value = weigh(*value, self.weight);
            out.push(value.ok_or(Problem::At(member, node, NOT_FINITE))?.into());
        }
        Ok(())
    }

    fn set(&self, node: usize) -> Result<Vec<u32>, Problem> {
        let tree = self.tree;
        let index = self.sets.get(node).copied().flatten().unwrap_or(usize::MAX);
        let start = tree.categories_segments.get(index).map_or(0, |start| *start as usize);
        let size = tree.categories_sizes.get(index).map_or(0, |size| *size as usize);
        let codes = tree.categories.get(start..start.saturating_add(size)).unwrap_or_default();
        words(codes.iter().enumerate().map(|(place, code)| {
            let below = *code < Limits::CATEGORY_END;
            let at = start + place;
            below.then_some(*code).ok_or(Problem::At(
                "categories",
                at,
                "a category must be below 2^24",
            ))
        }))
    }

    fn cover(&self, node: usize) -> Result<Option<f64>, Problem> {
        match self.tree.sum_hessian.get(node) {
            None => Ok(None),
            Some(cover) if cover.is_finite() => Ok(Some((*cover).into())),
            Some(_) => Err(Problem::At("sum_hessian", node, "a cover must be finite")),
        }
    }
}

fn check_lengths(
    tree: &document::RawTree,
    leaf_width: usize,
    margins: usize,
) -> Result<(), Problem> {
    let nodes = tree.left_children.len();
    if nodes == 0 {
        return Err(Problem::Whole("a tree needs at least one node in left_children"));
    }
    let width = tree.size_leaf_vector;
    if width != leaf_width {
        return Err(Problem::Whole("size_leaf_vector differs from the first tree's"));
    }
    if width > 1 && width != margins {
        return Err(Problem::Whole("size_leaf_vector is not the number of outputs"));
    }
    let same = [
        ("tree_param.num_nodes", tree.num_nodes.unwrap_or(nodes)),
        ("right_children", tree.right_children.len()),
        ("split_indices", tree.split_indices.len()),
        ("split_conditions", tree.split_conditions.len()),
        ("default_left", tree.default_left.len()),
    ];
    // Old releases and vector leaves lack these.
    let same_or_none =
        [("split_type", tree.split_type.len()), ("sum_hessian", tree.sum_hessian.len())];
    let some = same_or_none.into_iter().filter(|(_, found)| *found != 0);
    for (member, found) in same.into_iter().chain(some) {
        if found != nodes {
            return Err(Problem::Length(member, found, nodes));
        }
    }
    let sets = tree.categories_nodes.len();
    for (member, found) in [
        ("categories_segments", tree.categories_segments.len()),
        ("categories_sizes", tree.categories_sizes.len()),
    ] {
        if found != sets {
            return Err(Problem::Length(member, found, sets));
        }
    }
    Ok(())
}

/// For each node the place of its category set.
fn sets(tree: &document::RawTree) -> Result<Vec<Option<usize>>, Problem> {
    if tree.categories_nodes.is_empty() {
        return Ok(Vec::new());
    }
    let mut of_node = vec![None; tree.left_children.len()];
    let segments = tree.categories_segments.iter().zip(&tree.categories_sizes);
    for (index, (node, (start, size))) in tree.categories_nodes.iter().zip(segments).enumerate() {
        let Some(slot) = of_node.get_mut(*node as usize) else {
            return Err(Problem::At("categories_nodes", index, "no such node"));
        };
        if slot.is_some() {
            return Err(Problem::At("categories_nodes", index, "a node appears twice"));
        }
        let end = (*start as usize).saturating_add(*size as usize);
        if end > tree.categories.len() {
            return Err(Problem::At("categories_segments", index, "lies outside categories"));
        }
        *slot = Some(index);
    }
    Ok(of_node)
}

/// What a leaf adds. XGBoost keeps a DART tree's prediction apart, starting at 0, and adds its
/// product with the weight: rounded once here, as there.
fn weigh(value: f32, weight: Option<f32>) -> Option<f32> {
    let value = weight.map_or(value, |weight| (0.0 + value) * weight);
    value.is_finite().then_some(value)
}
