//! Checks one tree of an XGBoost file and packs it behind the others, level by level.
//!
//! Semantics: `src/tree/tree_model.cc`, `src/predictor/predict_fn.h` and
//! `src/common/categorical.h` of XGBoost.

use super::compile::Shape;
use super::document::RawTree;
use crate::error::LoadError;
use crate::limits::Limits;
use crate::tree::{Forest, Packed, Span};

/// What is wrong with a tree, and where in it.
pub(super) enum Problem {
    /// A member of the tree, such as `split_indices`, is wrong at this index.
    At(&'static str, usize, &'static str),
    /// An array has `.1` entries, not `.2`.
    Length(&'static str, usize, usize),
    /// The tree, or all trees so far, are over a limit.
    OverLimit(&'static str, usize),
    /// The tree as a whole.
    Whole(&'static str),
}

impl Problem {
    /// The error of the tree at `path`.
    pub(super) fn within(self, path: String) -> LoadError {
        match self {
            Self::At(member, index, problem) => {
                LoadError::Invalid { path: format!("{path}.{member}[{index}]"), problem }
            }
            Self::Length(member, found, expected) => {
                LoadError::Length { path: format!("{path}.{member}"), found, expected }
            }
            Self::OverLimit(what, max) => LoadError::OverLimit { path, what, max },
            Self::Whole(problem) => LoadError::Invalid { path, problem },
        }
    }
}

/// Packs trees one after the other.
pub(super) struct Packer {
    shape: Shape,
    depth_max: usize,
    forest: Forest,
}

const NOT_FINITE: &str = "a leaf must be finite";

/// The nodes of a tree as they are packed: their indices in the file.
type Order = Vec<usize>;

impl Packer {
    /// Starts empty; every tree must have `leaf_width` values per leaf.
    pub(super) fn new(shape: Shape, limits: &Limits, leaf_width: usize) -> Self {
        let forest = Forest { leaf_width, ..Forest::default() };
        Self { shape, depth_max: limits.depth_max, forest }
    }

    /// All trees.
    pub(super) fn finish(self) -> Forest {
        self.forest
    }

    /// Checks a tree and packs it; its leaves are multiplied by `weight`.
    pub(super) fn add(
        &mut self,
        tree: &RawTree,
        group: u32,
        weight: Option<f32>,
    ) -> Result<(), Problem> {
        self.check_lengths(tree)?;
        let (order, depth) = self.order(tree)?;
        let sets = self.sets(tree)?;
        let root = index_u32(self.forest.nodes.len())?;
        let mut next_child = self.forest.nodes.len() + 1;
        for node in order.iter().copied() {
            let packed = if is_leaf(tree, node) {
                let bits = self.leaf(tree, node, weight)?;
                Packed::leaf(index_u32(self.forest.nodes.len())?, bits)
            } else {
                let child = index_u32(next_child)?;
                next_child += 2;
                self.split(tree, node, child, sets.as_deref())?
            };
            self.forest.nodes.push(packed);
            self.forest.covers.push(cover(tree, node)?);
        }
        let len = index_u32(order.len())?;
        self.forest.trees.push(Span { root, len, depth: index_u32(depth)?, group });
        Ok(())
    }

    fn check_lengths(&self, tree: &RawTree) -> Result<(), Problem> {
        let nodes = tree.left_children.len();
        if nodes == 0 {
            return Err(Problem::Whole("a tree needs at least one node in left_children"));
        }
        let width = tree.size_leaf_vector;
        if width != self.forest.leaf_width {
            return Err(Problem::Whole("size_leaf_vector differs from the first tree's"));
        }
        if width > 1 && width != self.shape.margins {
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

    /// The nodes reachable from the root, level by level, and the depth of the last level.
    ///
    /// A node that is reached twice is a cycle or has two parents: refused, so the order is at
    /// most as long as the file's arrays.
    fn order(&self, tree: &RawTree) -> Result<(Order, usize), Problem> {
        let nodes = tree.left_children.len();
        let mut reached = vec![false; nodes];
        let mut order: Order = vec![0];
        let (mut depth, mut level_end, mut position) = (0, 1, 0);
        while let Some(node) = order.get(position).copied() {
            if position == level_end {
                depth += 1;
                level_end = order.len();
                if depth > self.depth_max {
                    return Err(Problem::OverLimit("levels of tests", self.depth_max));
                }
            }
            position += 1;
            if is_leaf(tree, node) {
                continue;
            }
            let mut sides =
                [("left_children", &tree.left_children), ("right_children", &tree.right_children)];
            if !first_is_left(tree, node) {
                sides.reverse();
            }
            for (member, children) in sides {
                let child = children.get(node).and_then(|child| usize::try_from(*child).ok());
                let Some((child, seen)) = child.and_then(|c| Some((c, reached.get_mut(c)?))) else {
                    return Err(Problem::At(member, node, "no such node"));
                };
                if *seen || child == 0 {
                    return Err(Problem::At(member, node, "a node is reached twice"));
                }
                *seen = true;
                order.push(child);
            }
        }
        Ok((order, depth))
    }

    /// Packs the category sets, and says per node which is its set; `None` without any.
    fn sets(&mut self, tree: &RawTree) -> Result<Option<Vec<Option<u32>>>, Problem> {
        if tree.categories_nodes.is_empty() {
            return Ok(None);
        }
        let mut of_node = vec![None; tree.left_children.len()];
        let segments = tree.categories_segments.iter().zip(&tree.categories_sizes);
        for (index, (node, (start, size))) in tree.categories_nodes.iter().zip(segments).enumerate()
        {
            let Some(slot) = of_node.get_mut(*node as usize) else {
                return Err(Problem::At("categories_nodes", index, "no such node"));
            };
            if slot.is_some() {
                return Err(Problem::At("categories_nodes", index, "a node appears twice"));
            }
            let start = *start as usize;
            let codes = tree.categories.get(start..start.saturating_add(*size as usize));
            let Some(codes) = codes else {
                return Err(Problem::At("categories_segments", index, "lies outside categories"));
            };
            *slot = Some(index_u32(self.forest.sets.len())?);
            self.pack_set(codes, start)?;
        }
        Ok(Some(of_node))
    }

    fn pack_set(&mut self, codes: &[u32], at: usize) -> Result<(), Problem> {
        let words = &mut self.forest.set_words;
        let start = words.len();
        for (index, code) in codes.iter().enumerate() {
            if *code >= Limits::CATEGORY_END {
                return Err(Problem::At("categories", at + index, "a category must be below 2^24"));
            }
            let word = start + (*code / 32) as usize;
            if word >= Limits::SET_WORDS_MAX {
                return Err(Problem::OverLimit("words of category sets", Limits::SET_WORDS_MAX));
            }
            if word >= words.len() {
                words.resize(word + 1, 0);
            }
            if let Some(word) = words.get_mut(word) {
                *word |= 1 << (*code % 32);
            }
        }
        self.forest.sets.push((index_u32(start)?, index_u32(words.len())?));
        Ok(())
    }

    fn split(
        &self,
        tree: &RawTree,
        node: usize,
        child: u32,
        sets: Option<&[Option<u32>]>,
    ) -> Result<Packed, Problem> {
        let feature = tree.split_indices.get(node).copied().unwrap_or(u32::MAX);
        let feature = u16::try_from(feature).ok().filter(|f| usize::from(*f) < self.shape.features);
        let Some(feature) = feature else {
            return Err(Problem::At("split_indices", node, "no such feature"));
        };
        let missing_left = missing_left(tree, node);
        if is_in_set(tree, node) {
            let set = sets.and_then(|sets| sets.get(node).copied().flatten());
            let set = set.ok_or(Problem::At("split_type", node, "the node has no categories"))?;
            return Ok(Packed::outside(feature, set, missing_left, child));
        }
        if tree.split_type.get(node).is_some_and(|kind| *kind != 0) {
            return Err(Problem::At("split_type", node, "expected 0 or 1"));
        }
        // Infinite thresholds compare well, and XGBoost makes them at the ends of f32.
        let threshold = tree.split_conditions.get(node).copied().unwrap_or(f32::NAN);
        if threshold.is_nan() {
            return Err(Problem::At("split_conditions", node, "a threshold must be a number"));
        }
        Ok(Packed::less(feature, threshold, missing_left, child))
    }

    /// The value of a leaf as bits, or the index of its values.
    fn leaf(&mut self, tree: &RawTree, node: usize, weight: Option<f32>) -> Result<u32, Problem> {
        let width = self.forest.leaf_width;
        if width == 1 {
            let value = tree.split_conditions.get(node).copied().unwrap_or(f32::NAN);
            let value = weigh(value, weight);
            let value = value.ok_or(Problem::At("split_conditions", node, NOT_FINITE))?;
            return Ok(value.to_bits());
        }
        // From 3.1 leaves have their own array, which the right child indexes.
        let (member, values, index) = if tree.leaf_weights.is_empty() {
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
        let first = index_u32(self.forest.leaf_vectors.len() / width)?;
        for value in values {
            let value = weigh(*value, weight);
            let value = value.ok_or(Problem::At(member, node, NOT_FINITE))?;
            self.forest.leaf_vectors.push(value);
        }
        Ok(first)
    }
}

fn is_leaf(tree: &RawTree, node: usize) -> bool {
    tree.left_children.get(node).is_none_or(|child| *child == -1)
}

fn missing_left(tree: &RawTree, node: usize) -> bool {
    tree.default_left.get(node).copied().unwrap_or(false)
}

fn is_in_set(tree: &RawTree, node: usize) -> bool {
    tree.split_type.get(node) == Some(&1)
}

/// The first child is where missing values go, except under a set test: see [`Packed`].
fn first_is_left(tree: &RawTree, node: usize) -> bool {
    missing_left(tree, node) || is_in_set(tree, node)
}

/// What a leaf adds. XGBoost keeps a DART tree's prediction apart, starting at 0, and adds its
/// product with the weight: rounded once here, as there.
fn weigh(value: f32, weight: Option<f32>) -> Option<f32> {
    let value = weight.map_or(value, |weight| (0.0 + value) * weight);
    value.is_finite().then_some(value)
}

fn cover(tree: &RawTree, node: usize) -> Result<f32, Problem> {
    match tree.sum_hessian.get(node) {
        None => Ok(f32::NAN),
        Some(cover) if cover.is_finite() => Ok(*cover),
        Some(_) => Err(Problem::At("sum_hessian", node, "a cover must be finite")),
    }
}

/// Packed indices have 32 bits; the node limit keeps them well below.
fn index_u32(index: usize) -> Result<u32, Problem> {
    u32::try_from(index).map_err(|_| Problem::OverLimit("packed entries", u32::MAX as usize))
}
