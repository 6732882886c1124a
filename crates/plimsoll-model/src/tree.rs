//! Trees as they are evaluated: packed nodes, category sets, and a read-only view of both.
//! It must not know a file format.

use std::fmt;

/// A node in 16 bytes: one comparison decides where any value, also a missing one, goes.
///
/// Children are adjacent, and a row goes to the second one if its value, with [`bits`](Self::bits)
/// flipped, is at least the threshold. A missing value fails every comparison, so it goes to the
/// first: where missing values go right, the first child is the right one, and the comparison is
/// turned around by flipping the sign (see [`Packed::less`]).
///
/// A leaf is its own first child with a threshold nothing reaches: stepping from it stays there,
/// and trees of different depth are walked in lockstep without asking which lanes are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    /// What the value is compared with; NaN, which nothing reaches, for a leaf.
    pub(crate) threshold: f32,
    /// The first child, in all nodes; the second is the next. Of a leaf, itself.
    pub(crate) child: u32,
    /// The sign bit, to flip it, or 0. Of a leaf its value as bits; of a set test or of a leaf
    /// with several values an index.
    pub(crate) bits: u32,
    /// The tested feature; 0 for a leaf.
    pub(crate) feature: u16,
    /// [`SPLIT`], [`MISSING_RIGHT`] and [`IN_SET`].
    pub(crate) kind: u16,
}

/// The node has children.
pub(crate) const SPLIT: u16 = 1;
/// A missing value goes right. Unless the node tests a set, its first child is the right one.
pub(crate) const MISSING_RIGHT: u16 = 2;
/// The test is set membership, not a comparison. The first child is the left one.
pub(crate) const IN_SET: u16 = 4;
/// The sign of an `f32`.
const SIGN: u32 = 1 << 31;

impl Packed {
    /// A split that sends values below `threshold` left, others right.
    ///
    /// Missing goes left: second child (right) if `x >= t`. Missing goes right: second child
    /// (left) if `x < t`, that is `-x > -t`, that is `-x >= next_up(-t)`; nothing is below
    /// negative infinity.
    pub(crate) fn less(feature: u16, threshold: f32, missing_left: bool, child: u32) -> Self {
        if missing_left {
            return Self { threshold, child, bits: 0, feature, kind: SPLIT };
        }
        let turned = if threshold == f32::NEG_INFINITY { f32::NAN } else { (-threshold).next_up() };
        Self { threshold: turned, child, bits: SIGN, feature, kind: SPLIT | MISSING_RIGHT }
    }

    /// A split that sends members of the set with index `set` right, others left.
    pub(crate) fn outside(feature: u16, set: u32, missing_left: bool, child: u32) -> Self {
        let missing = if missing_left { 0 } else { MISSING_RIGHT };
        Self { threshold: f32::NAN, child, bits: set, feature, kind: SPLIT | IN_SET | missing }
    }

    /// A leaf at index `at`, with its value, or the index of its values, as bits.
    pub(crate) fn leaf(at: u32, bits: u32) -> Self {
        Self { threshold: f32::NAN, child: at, bits, feature: 0, kind: 0 }
    }

    /// The file's children: whether the first is the left one.
    pub(crate) fn first_is_left(self) -> bool {
        self.kind & (MISSING_RIGHT | IN_SET) != MISSING_RIGHT
    }

    /// The file's threshold.
    fn file_threshold(self) -> f32 {
        match self.first_is_left() {
            true => self.threshold,
            false if self.threshold.is_nan() => f32::NEG_INFINITY,
            false => -self.threshold.next_down(),
        }
    }
}

/// Where one tree lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The root, in all nodes; the others follow, level by level.
    pub(crate) root: u32,
    /// How many nodes.
    pub(crate) len: u32,
    /// Tests from the root to the deepest leaf.
    pub(crate) depth: u32,
    /// The margin it adds to; 0 if its leaves hold all margins.
    pub(crate) group: u32,
}

/// All trees of a model, in file order, which is the order of addition.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    pub(crate) trees: Vec<Span>,
    pub(crate) nodes: Vec<Packed>,
    /// Weight of the training rows that reached each node; NaN where the file has none.
    pub(crate) covers: Vec<f32>,
    /// Start and end in `set_words` of each category set.
    pub(crate) sets: Vec<(u32, u32)>,
    pub(crate) set_words: Vec<u32>,
    /// Values of vector leaves, `leaf_width` each; empty for scalar leaves.
    pub(crate) leaf_vectors: Vec<f32>,
    /// Values per leaf.
    pub(crate) leaf_width: usize,
}

impl Forest {
    pub(crate) fn set(&self, node: Packed) -> CategorySet<'_> {
        let (start, end) = self.sets.get(node.bits as usize).copied().unwrap_or((0, 0));
        CategorySet { words: self.set_words.get(start as usize..end as usize).unwrap_or_default() }
    }

    /// The values of the vector leaf `node`.
    pub(crate) fn leaf_vector(&self, node: Packed) -> &[f32] {
        let start = node.bits as usize * self.leaf_width;
        self.leaf_vectors.get(start..start + self.leaf_width).unwrap_or_default()
    }
}

/// A read-only view of one tree. Node 0 is the root; nodes are numbered level by level.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    pub(crate) forest: &'a Forest,
    pub(crate) span: Span,
}

/// One node of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node<'a> {
    /// The end of a path.
    Leaf {
        /// What it adds to the margins. The weight of a DART tree is already in it.
        values: LeafValues<'a>,
        /// Sum of second derivatives of the training rows that ended here, if the file has it.
        cover: Option<f32>,
    },
    /// A test with two children.
    Split {
        /// Index of the tested feature.
        feature: usize,
        /// The test; a row that passes goes left.
        test: Test<'a>,
        /// Whether a row without a value goes left.
        missing_left: bool,
        /// The child of rows that pass.
        left: usize,
        /// The child of rows that fail.
        right: usize,
        /// Sum of second derivatives of the training rows that came here, if the file has it.
        cover: Option<f32>,
    },
}

/// What a leaf adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LeafValues<'a> {
    /// A value to the margin of the tree's [`group`](Tree::group).
    One(f32),
    /// A value to every margin.
    PerMargin(&'a [f32]),
}

/// The test of a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test<'a> {
    /// The value is below this threshold, compared as `f32`.
    Less(f32),
    /// The value, cut to an integer, is no member of this set.
    Outside(CategorySet<'a>),
}

impl<'a> Tree<'a> {
    /// The margin that leaves with one value add to.
    #[must_use]
    pub fn group(&self) -> usize {
        self.span.group as usize
    }
    /// How many nodes it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a tree has at least its root")]
    pub fn len(&self) -> usize {
        self.span.len as usize
    }
    /// Tests from the root to the deepest leaf.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.span.depth as usize
    }
    /// Node `index`, or `None` past the last.
    #[must_use]
    pub fn node(&self, index: usize) -> Option<Node<'a>> {
        if index >= self.len() {
            return None;
        }
        let root = self.span.root as usize;
        let node = self.forest.nodes.get(root + index)?;
        let cover = self.forest.covers.get(root + index).copied().filter(|cover| !cover.is_nan());
        if node.kind & SPLIT == 0 {
            let values = if self.forest.leaf_width == 1 {
                LeafValues::One(f32::from_bits(node.bits))
            } else {
                LeafValues::PerMargin(self.forest.leaf_vector(*node))
            };
            return Some(Node::Leaf { values, cover });
        }
        let first = node.child as usize - root;
        let (left, right) =
            if node.first_is_left() { (first, first + 1) } else { (first + 1, first) };
        Some(Node::Split {
            feature: usize::from(node.feature),
            test: if node.kind & IN_SET != 0 {
                Test::Outside(self.forest.set(*node))
            } else {
                Test::Less(node.file_threshold())
            },
            missing_left: node.kind & MISSING_RIGHT == 0,
            left,
            right,
            cover,
        })
    }
}

impl fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("span", &self.span).finish_non_exhaustive()
    }
}

/// A set of category codes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CategorySet<'a> {
    words: &'a [u32],
}

impl<'a> CategorySet<'a> {
    /// Whether `code` is a member.
    #[must_use]
    pub fn contains(&self, code: u32) -> bool {
        self.words.get((code / 32) as usize).is_some_and(|word| word >> (code % 32) & 1 == 1)
    }

    /// The members, ascending.
    pub fn iter(self) -> impl Iterator<Item = u32> + 'a {
        (0..).zip(self.words).flat_map(|(index, word)| {
            (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| index * 32 + bit)
        })
    }
}

impl fmt::Debug for CategorySet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_real() -> impl Strategy<Value = f32> {
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::NAN];
        let close =
            prop_oneof![any::<i8>().prop_map(|step| f32::from_bits(step.unsigned_abs().into()))];
        prop_oneof![
            prop::sample::select(special.to_vec()),
            any::<u32>().prop_map(f32::from_bits),
            close
        ]
    }

    /// A file's threshold is never NaN: such a file is refused.
    fn any_threshold() -> impl Strategy<Value = f32> {
        any_real().prop_map(|value| if value.is_nan() { 0.0 } else { value })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_096, ..ProptestConfig::default() })]

        /// The one comparison of a packed node sends every value where the file's test does.
        #[test]
        fn packed_nodes_decide_like_the_file(value in any_real(), threshold in any_threshold(), missing_left: bool) {
            let node = Packed::less(0, threshold, missing_left, 1);
            let second = f32::from_bits(value.to_bits() ^ node.bits) >= node.threshold;
            let goes_left = if value.is_nan() { missing_left } else { value < threshold };
            prop_assert_eq!(second != node.first_is_left(), goes_left);
            prop_assert_eq!(node.file_threshold(), threshold);
        }

        #[test]
        fn a_leaf_keeps_every_value(value in any_real(), leaf in any_real()) {
            let node = Packed::leaf(7, leaf.to_bits());
            let second = f32::from_bits(value.to_bits() ^ node.bits) >= node.threshold;
            prop_assert!(!second && node.child == 7 && node.bits == leaf.to_bits());
        }
    }
}
