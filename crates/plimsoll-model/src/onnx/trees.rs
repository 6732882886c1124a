//! TreeEnsembleClassifier, TreeEnsembleRegressor (versions 1 and 3) and TreeEnsemble (version 5): from
//! their arrays to packed trees, and from sums to scores.
//!
//! Semantics: `onnx/defs/traditionalml/defs.cc` and ONNX Runtime's `tree_ensemble_common.h` and
//! `tree_ensemble_aggregator.h`, which also say what two classes with the weights of one mean.

use std::collections::HashMap;

use super::ml::{Labels, Post, first_highest, logistic, rows};
use super::tensor::{Data, Tensor, Trouble, count};
use crate::ensemble::{BLOCK, Ensemble};
use crate::limits::Limits;
use crate::pack::{Packer, Problem, RawNode, RawTest, RawTree, Shape, words};
use crate::tree::{Members, Rounding};

/// What a file says of its trees, whatever the version of the operator.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) trees: Vec<LocalTree>,
    /// Targets or classes.
    pub(super) targets: usize,
    pub(super) base: Vec<f64>,
    pub(super) averages: bool,
}

/// A tree whose nodes are numbered from its root, 0.
#[derive(Debug, Default)]
pub(super) struct LocalTree {
    pub(super) nodes: Vec<LocalNode>,
}

/// A node of a [`LocalTree`].
#[derive(Debug)]
pub(super) enum LocalNode {
    /// What a leaf adds to which target.
    Leaf(Vec<(usize, f64)>),
    Split {
        feature: u64,
        mode: Mode,
        value: f64,
        /// The members of [`Mode::Member`].
        members: Vec<u32>,
        tracks_true: bool,
        /// The nodes for true and for false.
        children: [i64; 2],
    },
}

/// `nodes_modes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    AtMost,
    Less,
    AtLeast,
    Greater,
    Equal,
    Unequal,
    Member,
}

/// A tree as [`pack`](crate::pack) reads it.
struct Packable<'a> {
    tree: &'a LocalTree,
    /// Values of a leaf: 1, or one per margin.
    width: usize,
}

impl RawTree for Packable<'_> {
    const CHILDREN: [&'static str; 2] = ["nodes_truenodeids", "nodes_falsenodeids"];

    fn nodes(&self) -> usize {
        self.tree.nodes.len()
    }

    fn node(&self, node: usize) -> Result<RawNode, Problem> {
        let Some(LocalNode::Split { feature, mode, value, tracks_true, children, .. }) =
            self.tree.nodes.get(node)
        else {
            return Ok(RawNode::Leaf);
        };
        if value.is_nan() {
            return Err(Problem::At("nodes_values", node, "a threshold must be a number"));
        }
        // A missing value fails every test but "unequal", unless it tracks true.
        let [yes, no] = *children;
        let (test, children, missing_left) = match mode {
            Mode::AtMost => (RawTest::AtMost(*value), [yes, no], *tracks_true),
            Mode::Less => (RawTest::Less(*value), [yes, no], *tracks_true),
            Mode::AtLeast => (RawTest::Less(*value), [no, yes], !tracks_true),
            Mode::Greater => (RawTest::AtMost(*value), [no, yes], !tracks_true),
            Mode::Equal => (RawTest::Equal(*value), [yes, no], *tracks_true),
            Mode::Unequal => (RawTest::Equal(*value), [no, yes], false),
            Mode::Member => {
                let test = RawTest::Set { members_left: true, members: Members::Whole };
                (test, [yes, no], *tracks_true)
            }
        };
        let (feature, member) = (*feature, "nodes_featureids");
        Ok(RawNode::Split { feature, member, test, missing_left, children })
    }

    fn leaf(&self, node: usize, out: &mut Vec<f64>) -> Result<(), Problem> {
        let start = out.len();
        out.resize(start + self.width, 0.0);
        if let Some(LocalNode::Leaf(weights)) = self.tree.nodes.get(node) {
            for (target, weight) in weights {
                let place = if self.width == 1 { 0 } else { *target };
                if let Some(slot) = out.get_mut(start + place) {
                    *slot += weight;
                }
            }
        }
        Ok(())
    }

    fn set(&self, node: usize) -> Result<Vec<u32>, Problem> {
        match self.tree.nodes.get(node) {
            Some(LocalNode::Split { members, .. }) => words(members.iter().map(|code| Ok(*code))),
            _ => Ok(Vec::new()),
        }
    }

    fn cover(&self, _: usize) -> Result<Option<f64>, Problem> {
        Ok(None)
    }
}

/// Packs trees that test up to `columns`. The type that they test and add in is that of their input,
/// which a try of the graph tells.
pub(super) fn pack(
    described: &Described,
    columns: usize,
    limits: &Limits,
) -> Result<Ensemble, (usize, Problem)> {
    let shape = Shape { features: columns, margins: described.targets };
    // Where every tree adds to one target, its leaves hold one value.
    let groups: Option<Vec<u32>> = described.trees.iter().map(group).collect();
    let width = if groups.is_some() { 1 } else { described.targets };
    let mut packer = Packer::new(shape, limits, width, Rounding::None);
    for (index, tree) in described.trees.iter().enumerate() {
        let group = groups.as_ref().and_then(|groups| groups.get(index)).copied().unwrap_or(0);
        packer.add(&Packable { tree, width }, group).map_err(|problem| (index, problem))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most the limit on trees")]
    let divisor = if described.averages { described.trees.len().max(1) as f64 } else { 1.0 };
    Ok(Ensemble {
        forest: packer.finish(false),
        columns,
        base_margins: described.base.as_slice().into(),
        divisor,
        base_last: true,
    })
}

/// The one target that all leaves of a tree add to, if so.
fn group(tree: &LocalTree) -> Option<u32> {
    let mut only = None;
    for node in &tree.nodes {
        let LocalNode::Leaf(weights) = node else { continue };
        for (target, _) in weights {
            if only.is_some_and(|only| only != *target) {
                return None;
            }
            only = Some(*target);
        }
    }
    u32::try_from(only.unwrap_or(0)).ok()
}

/// From the sums of an ensemble to scores, and labels if it classifies.
#[derive(Clone, Debug)]
pub(super) enum Finish {
    /// One score per target.
    Regress(Post),
    /// One score per class; the highest is the label.
    Classify(Post, Labels),
    /// Two classes, weights for one of them: two scores are made of one.
    Pair {
        post: Post,
        labels: Labels,
        /// Whether all weights are at least 0, so that the sum is taken for a probability.
        all_positive: bool,
    },
}

/// Runs an ensemble over the rows of a matrix: labels, if it classifies, and scores.
pub(super) fn run(
    ensemble: &Ensemble,
    finish: &Finish,
    tensor: &Tensor,
) -> Result<(Option<Tensor>, Tensor), Trouble> {
    let (count_rows, width) = rows(tensor)?;
    let tested = ensemble.columns;
    if width < tested {
        return Err(Trouble::Misfit("the trees test more columns than there are"));
    }
    let margins = ensemble.margin_count();
    count(&[count_rows, margins.max(2)])?;
    let all = tensor.doubles()?;
    let rows = all.chunks(width.max(1));
    let mut values: Vec<f64> =
        rows.flat_map(|row| row.get(..tested).unwrap_or_default()).copied().collect();
    let mut sums = vec![0.0; count_rows * margins];
    let blocks = values.chunks_mut(tested.max(1) * BLOCK);
    for (rows, out) in blocks.zip(sums.chunks_mut(margins.max(1) * BLOCK)) {
        ensemble.block(rows, out);
    }
    let sums = super::core::narrow(&sums);
    finish.apply(&sums, margins)
}

impl Finish {
    fn apply(&self, sums: &[f32], margins: usize) -> Result<(Option<Tensor>, Tensor), Trouble> {
        let per_row = || sums.chunks(margins.max(1));
        let count_rows = sums.len() / margins.max(1);
        match self {
            Self::Regress(post) => {
                let mut scores = sums.to_vec();
                for row in scores.chunks_mut(margins.max(1)) {
                    // ONNX Runtime transforms a single target only by PROBIT.
                    if margins > 1 || *post == Post::Probit {
                        post.apply(row);
                    }
                }
                let scores = Tensor::new(vec![count_rows, margins], Data::Single(scores))?;
                Ok((None, scores))
            }
            Self::Classify(post, labels) => {
                let label = labels.at(per_row().map(|row| match row {
                    // Two classes of ONNX Runtime: the second wins if its score is above 0.
                    [_, second] if margins == 2 => usize::from(*second > 0.0),
                    _ => first_highest(row),
                }))?;
                let mut scores = sums.to_vec();
                scores.chunks_mut(margins.max(1)).for_each(|row| post.apply(row));
                let scores = Tensor::new(vec![count_rows, margins], Data::Single(scores))?;
                Ok((Some(label), scores))
            }
            Self::Pair { post, labels, all_positive } => {
                let wins = |sum: f32| if *all_positive { sum > 0.5 } else { sum > 0.0 };
                let label = labels.at(sums.iter().map(|sum| usize::from(wins(*sum))))?;
                let pairs = sums.iter().flat_map(|sum| pair(*sum, *post, *all_positive));
                let scores = Tensor::new(vec![count_rows, 2], Data::Single(pairs.collect()))?;
                Ok((Some(label), scores))
            }
        }
    }
}

/// The two scores that ONNX Runtime makes of one.
fn pair(sum: f32, post: Post, all_positive: bool) -> [f32; 2] {
    match post {
        Post::Logistic => [logistic(-sum), logistic(sum)],
        _ if all_positive => [1.0 - sum, sum],
        _ => [-sum, sum],
    }
}

/// The nodes of versions 1 and 3, keyed by tree and node.
#[derive(Debug)]
pub(super) struct Keyed<'a> {
    pub(super) tree_ids: &'a [i64],
    pub(super) node_ids: &'a [i64],
    pub(super) features: &'a [i64],
    /// `None` for a leaf.
    pub(super) modes: Vec<Option<Mode>>,
    pub(super) values: &'a [f64],
    pub(super) yes: &'a [i64],
    pub(super) no: &'a [i64],
    pub(super) tracks_true: &'a [i64],
    pub(super) weight_trees: &'a [i64],
    pub(super) weight_nodes: &'a [i64],
    pub(super) weight_targets: &'a [i64],
    pub(super) weights: &'a [f64],
}

impl Keyed<'_> {
    /// Cuts the arrays into trees. The first node of a tree in the file is its root.
    pub(super) fn trees(&self, targets: usize) -> Result<Vec<LocalTree>, &'static str> {
        let count = self.tree_ids.len();
        let lengths = [
            self.node_ids.len(),
            self.features.len(),
            self.modes.len(),
            self.yes.len(),
            self.no.len(),
        ];
        if lengths.iter().any(|length| *length != count) || self.values.len() != count {
            return Err("the arrays of nodes differ in length");
        }
        let weights = self.weights.len();
        let lengths = [self.weight_trees.len(), self.weight_nodes.len(), self.weight_targets.len()];
        if lengths.iter().any(|length| *length != weights) {
            return Err("the arrays of weights differ in length");
        }
        if !self.tracks_true.is_empty() && self.tracks_true.len() != count {
            return Err("nodes_missing_value_tracks_true has another length");
        }
        let mut trees: Vec<LocalTree> = Vec::new();
        let mut tree_of: HashMap<i64, usize> = HashMap::new();
        // Where each node stands: its tree, and its place there.
        let mut place_of: HashMap<(i64, i64), (usize, usize)> = HashMap::with_capacity(count);
        for (tree_id, node_id) in self.tree_ids.iter().zip(self.node_ids) {
            let tree = *tree_of.entry(*tree_id).or_insert_with(|| {
                trees.push(LocalTree::default());
                trees.len() - 1
            });
            let Some(nodes) = trees.get_mut(tree).map(|tree| &mut tree.nodes) else { continue };
            if place_of.insert((*tree_id, *node_id), (tree, nodes.len())).is_some() {
                return Err("a node is there twice");
            }
            nodes.push(LocalNode::Leaf(Vec::new()));
        }
        for index in 0..count {
            self.fill(index, &place_of, &mut trees);
        }
        for (index, weight) in self.weights.iter().enumerate() {
            let at = |list: &[i64]| list.get(index).copied().unwrap_or(-1);
            let key = (at(self.weight_trees), at(self.weight_nodes));
            let target = usize::try_from(at(self.weight_targets)).ok();
            let target = target.filter(|target| *target < targets);
            let target = target.ok_or("a weight is for no target")?;
            let place = place_of.get(&key).ok_or("a weight is for no node")?;
            let node = trees.get_mut(place.0).and_then(|tree| tree.nodes.get_mut(place.1));
            match node {
                Some(LocalNode::Leaf(all)) => all.push((target, *weight)),
                _ => return Err("a weight is for a node that is no leaf"),
            }
        }
        Ok(trees)
    }

    /// Makes a split of node `index` if it is one.
    fn fill(
        &self,
        index: usize,
        place_of: &HashMap<(i64, i64), (usize, usize)>,
        trees: &mut [LocalTree],
    ) {
        let Some(mode) = self.modes.get(index).copied().flatten() else { return };
        let at = |list: &[i64]| list.get(index).copied().unwrap_or(-1);
        let tree_id = at(self.tree_ids);
        let child = |node: i64| {
            let place = place_of.get(&(tree_id, node)).map(|(_, place)| *place);
            place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1)
        };
        let split = LocalNode::Split {
            feature: u64::try_from(at(self.features)).unwrap_or(u64::MAX),
            mode,
            value: self.values.get(index).copied().unwrap_or(f64::NAN),
            members: Vec::new(),
            tracks_true: self.tracks_true.get(index) == Some(&1),
            children: [child(at(self.yes)), child(at(self.no))],
        };
        let place = place_of.get(&(tree_id, at(self.node_ids)));
        let node = place.and_then(|(tree, place)| trees.get_mut(*tree)?.nodes.get_mut(*place));
        if let Some(node) = node {
            *node = split;
        }
    }
}

/// The nodes of version 5: inner nodes and leaves each numbered over all trees.
#[derive(Debug)]
pub(super) struct Numbered<'a> {
    pub(super) roots: &'a [i64],
    pub(super) features: &'a [i64],
    pub(super) modes: Vec<Mode>,
    pub(super) values: &'a [f64],
    pub(super) yes: &'a [i64],
    pub(super) yes_is_leaf: &'a [i64],
    pub(super) no: &'a [i64],
    pub(super) no_is_leaf: &'a [i64],
    pub(super) tracks_true: &'a [i64],
    pub(super) members: &'a [f64],
    pub(super) leaf_targets: &'a [i64],
    pub(super) leaf_weights: &'a [f64],
}

impl Numbered<'_> {
    /// Follows every tree from its root.
    pub(super) fn trees(&self, targets: usize) -> Result<Vec<LocalTree>, &'static str> {
        let count = self.features.len();
        let lengths = [
            self.modes.len(),
            self.values.len(),
            self.yes.len(),
            self.yes_is_leaf.len(),
            self.no.len(),
            self.no_is_leaf.len(),
        ];
        if lengths.iter().any(|length| *length != count) {
            return Err("the arrays of nodes differ in length");
        }
        if self.leaf_targets.len() != self.leaf_weights.len() {
            return Err("the arrays of leaves differ in length");
        }
        if !self.tracks_true.is_empty() && self.tracks_true.len() != count {
            return Err("nodes_missing_value_tracks_true has another length");
        }
        let sets = self.sets()?;
        let mut met = vec![false; count];
        self.roots.iter().map(|root| self.tree(*root, targets, &sets, &mut met)).collect()
    }

    /// The members of every node that tests membership, in order, cut at NaN.
    fn sets(&self) -> Result<Vec<Vec<u32>>, &'static str> {
        let mut sets: Vec<Vec<u32>> = Vec::new();
        let mut open = Vec::new();
        for member in self.members {
            if member.is_nan() {
                sets.push(std::mem::take(&mut open));
                continue;
            }
            let whole = member.fract() == 0.0 && (0.0..16_777_216.0).contains(member);
            if !whole {
                return Err("a member is no integer from 0 to 2^24");
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole and in range"
            )]
            open.push(*member as u32);
        }
        if !open.is_empty() {
            sets.push(open);
        }
        let wanted = self.modes.iter().filter(|mode| **mode == Mode::Member).count();
        if sets.len() != wanted {
            return Err("membership_values has not one list per node that tests membership");
        }
        let mut lists = sets.into_iter();
        let of_node = |mode: &Mode| match mode {
            Mode::Member => lists.next().unwrap_or_default(),
            _ => Vec::new(),
        };
        Ok(self.modes.iter().map(of_node).collect())
    }

    fn tree(
        &self,
        root: i64,
        targets: usize,
        sets: &[Vec<u32>],
        met: &mut [bool],
    ) -> Result<LocalTree, &'static str> {
        let mut tree = LocalTree { nodes: vec![LocalNode::Leaf(Vec::new())] };
        // Inner nodes still to fill: their number in the file and their place in the tree.
        let mut open = vec![(root, 0)];
        while let Some((number, place)) = open.pop() {
            let index = usize::try_from(number).ok();
            let index = index.filter(|index| *index < met.len()).ok_or("no such node")?;
            if met.get_mut(index).is_none_or(|met| std::mem::replace(met, true)) {
                return Err("a node is reached twice");
            }
            let at = |list: &[i64]| list.get(index).copied().unwrap_or(-1);
            let (yes, no) = (at(self.yes), at(self.no));
            let (yes_is_leaf, no_is_leaf) = (at(self.yes_is_leaf) != 0, at(self.no_is_leaf) != 0);
            // A tree of one leaf is a node with that leaf on both sides.
            if yes_is_leaf && no_is_leaf && yes == no && place == 0 {
                tree.nodes = vec![self.leaf(yes, targets)?];
                continue;
            }
            let mut children = [-1, -1];
            for (slot, (child, is_leaf)) in
                children.iter_mut().zip([(yes, yes_is_leaf), (no, no_is_leaf)])
            {
                *slot = i64::try_from(tree.nodes.len()).unwrap_or(-1);
                if is_leaf {
                    tree.nodes.push(self.leaf(child, targets)?);
                } else {
                    open.push((child, tree.nodes.len()));
                    tree.nodes.push(LocalNode::Leaf(Vec::new()));
                }
            }
            let split = LocalNode::Split {
                feature: u64::try_from(at(self.features)).unwrap_or(u64::MAX),
                mode: self.modes.get(index).copied().unwrap_or(Mode::AtMost),
                value: self.values.get(index).copied().unwrap_or(f64::NAN),
                members: sets.get(index).cloned().unwrap_or_default(),
                tracks_true: self.tracks_true.get(index) == Some(&1),
                children,
            };
            if let Some(node) = tree.nodes.get_mut(place) {
                *node = split;
            }
        }
        Ok(tree)
    }

    fn leaf(&self, number: i64, targets: usize) -> Result<LocalNode, &'static str> {
        let index = usize::try_from(number).ok();
        let found = index.and_then(|index| {
            Some((*self.leaf_targets.get(index)?, *self.leaf_weights.get(index)?))
        });
        let (target, weight) = found.ok_or("no such leaf")?;
        let target = usize::try_from(target).ok().filter(|target| *target < targets);
        Ok(LocalNode::Leaf(vec![(target.ok_or("a leaf is for no target")?, weight)]))
    }
}
