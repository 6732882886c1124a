//! Trees as games are played on them: every test is one bit, whatever it tests.
//!
//! Numbers, missing values and categories end here: what follows sees bits, shares and leaves.

use plimsoll_model::{LeafValues, Model, Node as ModelNode, Test as ModelTest};

use super::Hash;
use super::input::{Codes, Input, cut};
use crate::error::ExplainError;

/// The deepest tree that is explained. Loaders allow 256 by default.
const DEPTH_MAX: usize = 512;

/// A test whose bit is one comparison of a code: `flip(x) < threshold`, false if missing.
///
/// Where missing values go left the bit says "right" (`x >= t`, that is `-x < next_up(-t)`),
/// else it says "left", so that a missing value needs no test of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Compare {
    /// The tested column.
    pub(super) column: usize,
    /// The sign bit, to flip it, or 0.
    pub(super) flip: u32,
    /// What the code is compared with.
    pub(super) threshold: f32,
}

impl Compare {
    #[inline(always)]
    pub(super) fn bit(flip: u32, threshold: f32, code: f32) -> u8 {
        u8::from(f32::from_bits(code.to_bits() ^ flip) < threshold)
    }
}

/// A test of another kind, which the model decides: its bit is "the row goes left".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Other {
    pub(super) column: usize,
    /// The node of the model's tree.
    pub(super) node: usize,
}

impl Other {
    /// The bit for a value, by the tree that the test belongs to.
    pub(super) fn bit(self, tree: Option<plimsoll_model::Tree<'_>>, value: f64) -> u8 {
        u8::from(tree.and_then(|tree| tree.goes_left(self.node, value)).unwrap_or(false))
    }
}

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Node {
    /// The end of a path; its values begin at this place of [`Tree::values`].
    Leaf(usize),
    /// A test with two children.
    Split(Split),
}

/// A test with two children.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    pub(super) column: usize,
    /// Index of the test: comparisons first, then others.
    pub(super) test: usize,
    /// The bit with which a row goes left.
    pub(super) left_bit: u8,
    pub(super) left: usize,
    pub(super) right: usize,
    /// Shares of the training rows that went left and right; 0 where covers are not needed.
    pub(super) shares: [f64; 2],
}

/// A tree of bits. Node 0 is its root.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Its place among the model's trees.
    pub(super) index: usize,
    pub(super) compares: Vec<Compare>,
    pub(super) others: Vec<Other>,
    pub(super) nodes: Vec<Node>,
    /// Values of the leaves, [`width`](Self::width) each.
    pub(super) values: Vec<f64>,
    /// The first output that leaves add to.
    pub(super) output: usize,
    /// To how many outputs, from the first.
    pub(super) width: usize,
}

impl Tree {
    /// How many tests it has.
    pub(super) fn tests(&self) -> usize {
        self.compares.len() + self.others.len()
    }
    /// The values of the leaf whose values begin at `first`.
    pub(super) fn leaf(&self, first: usize) -> &[f64] {
        self.values.get(first..first + self.width).unwrap_or_default()
    }
    /// Writes the bit of every test for a row.
    pub(super) fn bits(&self, model: &Model, input: &Input, bits: &mut Vec<u8>) {
        bits.clear();
        let code = |column: usize| input.codes.get(column).copied().unwrap_or(f32::NAN);
        let compares = self.compares.iter();
        bits.extend(compares.map(|t| Compare::bit(t.flip, t.threshold, code(t.column))));
        if self.others.is_empty() {
            return;
        }
        let tree = model.trees().nth(self.index);
        let value = |column: usize| input.values.get(column).copied().unwrap_or(f64::NAN);
        bits.extend(self.others.iter().map(|test| test.bit(tree, value(test.column))));
    }
    /// The bit of every test for a row.
    pub(super) fn bits_of(&self, model: &Model, input: &Input) -> Vec<u8> {
        let mut bits = Vec::with_capacity(self.tests());
        self.bits(model, input, &mut bits);
        bits
    }
}

/// The trees of `model`. With `covers`, every split has the shares of its children.
pub(super) fn trees(model: &Model, codes: &Codes, covers: bool) -> Result<Vec<Tree>, ExplainError> {
    if !model.has_trees() {
        return Err(ExplainError::NotTrees);
    }
    let divisor = model.tree_divisor();
    model
        .trees()
        .enumerate()
        .map(|(index, tree)| {
            if tree.depth() > DEPTH_MAX {
                return Err(ExplainError::OverLimit {
                    what: "tests from a root to a leaf",
                    found: tree.depth(),
                    max: DEPTH_MAX,
                    hint: "train shallower trees",
                });
            }
            let mut read =
                read(&tree, codes, covers).ok_or(ExplainError::NoCover { tree: index })?;
            read.index = index;
            read.values.iter_mut().for_each(|value| *value /= divisor);
            Ok(read)
        })
        .collect()
}

/// One tree, or `None` if covers are wanted and missing.
fn read(tree: &plimsoll_model::Tree<'_>, codes: &Codes, covers: bool) -> Option<Tree> {
    let mut read = Tree { output: tree.group(), width: 1, ..Tree::default() };
    let nodes: Vec<ModelNode<'_>> = (0..tree.len()).map_while(|index| tree.node(index)).collect();
    let compares = nodes.iter().filter(|node| as_compare(node, codes).is_some());
    let compares = compares.count();
    for (at, node) in nodes.iter().enumerate() {
        let packed = match node {
            ModelNode::Leaf { values, .. } => leaf(&mut read, *values),
            ModelNode::Split { feature, left, right, cover, .. } => {
                let (test, left_bit) = match as_compare(node, codes) {
                    Some((compare, left_bit)) => {
                        read.compares.push(compare);
                        (read.compares.len() - 1, left_bit)
                    }
                    None => {
                        read.others.push(Other { column: *feature, node: at });
                        (compares + read.others.len() - 1, 1)
                    }
                };
                let below = |child: usize| cover_of(nodes.get(child));
                let shares = match covers {
                    true => shares((*cover)?, below(*left)?, below(*right)?),
                    false => [0.0; 2],
                };
                let (column, left, right) = (*feature, *left, *right);
                Node::Split(Split { column, test, left_bit, left, right, shares })
            }
        };
        read.nodes.push(packed);
    }
    Some(read)
}

/// A split as a comparison of codes, with the bit that means "left"; `None` if it is none.
fn as_compare(node: &ModelNode<'_>, codes: &Codes) -> Option<(Compare, u8)> {
    let (column, cut) = cut(node)?;
    let ModelNode::Split { missing_left, .. } = node else { return None };
    less(column, codes.threshold(column, cut), *missing_left)
}

/// "Below `threshold`" as a comparison. `None` where no comparison says so: nothing is above
/// minus its negative, infinity.
fn less(column: usize, threshold: f32, missing_left: bool) -> Option<(Compare, u8)> {
    const SIGN: u32 = 1 << 31;
    if !missing_left {
        return Some((Compare { column, flip: 0, threshold }, 1));
    }
    let turned = (-threshold).next_up();
    (threshold != f32::NEG_INFINITY)
        .then_some((Compare { column, flip: SIGN, threshold: turned }, 0))
}

fn leaf(tree: &mut Tree, values: LeafValues<'_>) -> Node {
    let first = tree.values.len();
    match values {
        LeafValues::One(value) => tree.values.push(value),
        LeafValues::PerMargin(values) => {
            (tree.output, tree.width) = (0, values.len());
            tree.values.extend_from_slice(values);
        }
    }
    Node::Leaf(first)
}

fn cover_of(node: Option<&ModelNode<'_>>) -> Option<f64> {
    match node? {
        ModelNode::Leaf { cover, .. } | ModelNode::Split { cover, .. } => *cover,
    }
}

/// Shares of the children. A node that no training row reached is halved, as in XGBoost.
fn shares(cover: f64, left: f64, right: f64) -> [f64; 2] {
    if cover > 0.0 { [left / cover, right / cover] } else { [0.5; 2] }
}

/// Takes all of a model's trees into a digest, as the model tells them.
pub(super) fn hash(model: &Model, hash: &mut Hash) {
    hash.number(model.tree_divisor());
    hash.count(usize::from(model.tests_single()));
    hash.count(model.trees().len());
    for tree in model.trees() {
        hash.count(tree.group());
        hash.count(tree.len());
        for node in (0..tree.len()).filter_map(|index| tree.node(index)) {
            hash_node(&node, hash);
        }
    }
}

fn hash_node(node: &ModelNode<'_>, hash: &mut Hash) {
    match node {
        ModelNode::Leaf { values, cover } => {
            let values = match values {
                LeafValues::One(value) => std::slice::from_ref(value),
                LeafValues::PerMargin(values) => values,
            };
            hash.count(values.len());
            values.iter().for_each(|value| hash.number(*value));
            hash.number(cover.unwrap_or(f64::NAN));
        }
        ModelNode::Split { feature, test, missing_left, zero_is_missing, left, right, cover } => {
            hash.count(0);
            [*feature, *left, *right].iter().for_each(|index| hash.count(*index));
            hash.bytes(&[u8::from(*missing_left), u8::from(*zero_is_missing)]);
            hash.number(cover.unwrap_or(f64::NAN));
            match test {
                ModelTest::Less(threshold) => hash.test(1, *threshold),
                ModelTest::AtMost(threshold) => hash.test(2, *threshold),
                ModelTest::Equal(value) => hash.test(3, *value),
                ModelTest::Inside(set) | ModelTest::Outside(set) => {
                    let kind = if matches!(test, ModelTest::Inside(_)) { 4 } else { 5 };
                    hash.count(kind);
                    hash.count(set.iter().count());
                    set.iter().for_each(|code| hash.bytes(&code.to_le_bytes()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_real() -> impl Strategy<Value = f32> {
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-45];
        prop_oneof![prop::sample::select(special.to_vec()), any::<u32>().prop_map(f32::from_bits)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_096, ..ProptestConfig::default() })]

        #[test]
        fn a_bit_decides_like_the_test(value in any_real(), threshold in any_real(), missing_left: bool) {
            prop_assume!(!threshold.is_nan());
            let Some((test, left)) = less(0, threshold, missing_left) else {
                prop_assert!(missing_left && threshold == f32::NEG_INFINITY);
                return Ok(());
            };
            let goes_left = if value.is_nan() { missing_left } else { value < threshold };
            prop_assert_eq!(Compare::bit(test.flip, test.threshold, value) == left, goes_left);
        }
    }
}
