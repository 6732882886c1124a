//! Trees as games are played on them: every test is one bit, whatever it tests.
//!
//! Numbers, missing values and categories end here: what follows sees bits, shares and leaves.
//! This file is the only one that knows the trees of `plimsoll-model`.

use plimsoll_model::{CategorySet, LeafValues, Model, Node as ModelNode, Test as ModelTest};

use crate::error::ExplainError;

/// The deepest tree that is explained. Loaders allow 256 by default.
const DEPTH_MAX: usize = 512;

/// A test whose bit is one comparison: `flip(x) < threshold`, false for a missing value.
///
/// Where missing values go left the bit says "right" (`x >= t`, that is `-x < next_up(-t)`),
/// else it says "left", so that a missing value needs no test of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Compare {
    /// The tested feature of the model.
    pub(super) feature: usize,
    /// The sign bit, to flip it, or 0.
    pub(super) flip: u32,
    /// What the value is compared with.
    pub(super) threshold: f32,
}

impl Compare {
    #[inline(always)]
    pub(super) fn bit(flip: u32, threshold: f32, value: f32) -> u8 {
        u8::from(f32::from_bits(value.to_bits() ^ flip) < threshold)
    }
}

/// A test of another kind: its bit is "the row goes left".
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Other {
    pub(super) feature: usize,
    pub(super) rule: Rule,
    pub(super) missing_left: bool,
}

/// What an [`Other`] test asks of a value that is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rule {
    /// Left if the value is below this.
    Less(f32),
    /// Left if the value, cut to an integer, is not in this set, 32 codes a word.
    Outside(Box<[u32]>),
}

impl Other {
    pub(super) fn bit(&self, value: f32) -> u8 {
        u8::from(match &self.rule {
            _ if value.is_nan() => self.missing_left,
            Rule::Less(threshold) => value < *threshold,
            Rule::Outside(words) => !contains(words, value),
        })
    }
}

/// Negative and huge values are in no set; others are cut to an integer.
fn contains(words: &[u32], value: f32) -> bool {
    if value < 0.0 {
        return false;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; too large a value becomes u32::MAX, which no set has"
    )]
    let code = value as u32;
    words.get((code / 32) as usize).is_some_and(|word| word >> (code % 32) & 1 == 1)
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
    pub(super) feature: usize,
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
    /// Takes all of the tree into a digest.
    pub(super) fn hash(&self, hash: &mut super::Hash) {
        hash.count(self.compares.len());
        for Compare { feature, flip, threshold } in &self.compares {
            hash.count(*feature);
            hash.bytes(&flip.to_le_bytes());
            hash.bytes(&threshold.to_le_bytes());
        }
        hash.count(self.others.len());
        for Other { feature, rule, missing_left } in &self.others {
            hash.count(*feature);
            hash.bytes(&[u8::from(*missing_left)]);
            match rule {
                Rule::Less(threshold) => hash.bytes(&threshold.to_le_bytes()),
                Rule::Outside(words) => {
                    hash.count(words.len());
                    words.iter().for_each(|word| hash.bytes(&word.to_le_bytes()));
                }
            }
        }
        hash.count(self.nodes.len());
        for node in &self.nodes {
            match node {
                Node::Leaf(first) => {
                    hash.count(0);
                    hash.count(*first);
                }
                Node::Split(split) => {
                    hash.count(1 + split.test);
                    hash.bytes(&[split.left_bit]);
                    [split.left, split.right].iter().for_each(|child| hash.count(*child));
                    split.shares.iter().for_each(|share| hash.bytes(&share.to_le_bytes()));
                }
            }
        }
        hash.count(self.output);
        hash.count(self.width);
        self.values.iter().for_each(|value| hash.bytes(&value.to_le_bytes()));
    }
    /// Writes the bit of every test for `row`.
    pub(super) fn bits(&self, row: &[f32], bits: &mut Vec<u8>) {
        bits.clear();
        let value = |feature: usize| row.get(feature).copied().unwrap_or(f32::NAN);
        bits.extend(
            self.compares.iter().map(|t| Compare::bit(t.flip, t.threshold, value(t.feature))),
        );
        bits.extend(self.others.iter().map(|test| test.bit(value(test.feature))));
    }
}

/// The trees of `model`. With `covers`, every split has the shares of its children.
pub(super) fn trees(model: &Model, covers: bool) -> Result<Vec<Tree>, ExplainError> {
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
            read(&tree, covers).ok_or(ExplainError::NoCover { tree: index })
        })
        .collect()
}

/// One tree, or `None` if covers are wanted and missing.
fn read(tree: &plimsoll_model::Tree<'_>, covers: bool) -> Option<Tree> {
    let mut read = Tree { output: tree.group(), width: 1, ..Tree::default() };
    let nodes: Vec<ModelNode<'_>> = (0..tree.len()).map_while(|index| tree.node(index)).collect();
    let others = nodes.iter().filter(|node| matches!(test(node), Some(AsBit::Other(..)))).count();
    let compares = nodes.len() / 2 - others.min(nodes.len() / 2);
    for node in &nodes {
        let packed = match node {
            ModelNode::Leaf { values, .. } => leaf(&mut read, *values),
            ModelNode::Split { feature, left, right, cover, .. } => {
                let (test, left_bit) = match test(node)? {
                    AsBit::Compare(compare, left_bit) => {
                        read.compares.push(compare);
                        (read.compares.len() - 1, left_bit)
                    }
                    AsBit::Other(other) => {
                        read.others.push(other);
                        (compares + read.others.len() - 1, 1)
                    }
                };
                let shares = match covers {
                    true => {
                        shares(*cover, cover_of(nodes.get(*left)), cover_of(nodes.get(*right)))?
                    }
                    false => [0.0; 2],
                };
                let (feature, left, right) = (*feature, *left, *right);
                Node::Split(Split { feature, test, left_bit, left, right, shares })
            }
        };
        read.nodes.push(packed);
    }
    Some(read)
}

/// A test as a bit.
enum AsBit {
    /// With the bit that means "left".
    Compare(Compare, u8),
    Other(Other),
}

/// The test of a split.
fn test(node: &ModelNode<'_>) -> Option<AsBit> {
    let ModelNode::Split { feature, test, missing_left, .. } = node else { return None };
    let (feature, missing_left) = (*feature, *missing_left);
    Some(match test {
        ModelTest::Less(threshold) => less(feature, *threshold, missing_left),
        ModelTest::Outside(set) => {
            AsBit::Other(Other { feature, rule: Rule::Outside(words(*set)), missing_left })
        }
    })
}

fn less(feature: usize, threshold: f32, missing_left: bool) -> AsBit {
    const SIGN: u32 = 1 << 31;
    if !missing_left {
        return AsBit::Compare(Compare { feature, flip: 0, threshold }, 1);
    }
    if threshold == f32::NEG_INFINITY {
        // Nothing is above minus its negative, infinity.
        return AsBit::Other(Other { feature, rule: Rule::Less(threshold), missing_left });
    }
    AsBit::Compare(Compare { feature, flip: SIGN, threshold: (-threshold).next_up() }, 0)
}

fn words(set: CategorySet<'_>) -> Box<[u32]> {
    let mut words = Vec::new();
    for code in set.iter() {
        let word = (code / 32) as usize;
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        if let Some(word) = words.get_mut(word) {
            *word |= 1 << (code % 32);
        }
    }
    words.into()
}

fn leaf(tree: &mut Tree, values: LeafValues<'_>) -> Node {
    let first = tree.values.len();
    match values {
        LeafValues::One(value) => tree.values.push(value.into()),
        LeafValues::PerMargin(values) => {
            (tree.output, tree.width) = (0, values.len());
            tree.values.extend(values.iter().copied().map(f64::from));
        }
    }
    Node::Leaf(first)
}

fn cover_of(node: Option<&ModelNode<'_>>) -> Option<f64> {
    match node? {
        ModelNode::Leaf { cover, .. } | ModelNode::Split { cover, .. } => cover.map(f64::from),
    }
}

/// Shares of the children. A node that no training row reached is halved, as in XGBoost.
fn shares(cover: Option<f32>, left: Option<f64>, right: Option<f64>) -> Option<[f64; 2]> {
    let (cover, left, right) = (f64::from(cover?), left?, right?);
    if cover > 0.0 { Some([left / cover, right / cover]) } else { Some([0.5; 2]) }
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
            let goes_left = if value.is_nan() { missing_left } else { value < threshold };
            let bit_says = match less(0, threshold, missing_left) {
                AsBit::Compare(test, left) => Compare::bit(test.flip, test.threshold, value) == left,
                AsBit::Other(test) => test.bit(value) == 1,
            };
            prop_assert_eq!(bit_says, goes_left);
        }
    }
}
