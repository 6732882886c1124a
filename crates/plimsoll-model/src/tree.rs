//! Trees as they are evaluated: packed nodes, category sets, and a read-only view of both.
//! It must not know a file format.
//!
//! Every format ends here. Thresholds and leaves are `f64`, which holds an `f32` exactly; where a
//! framework compares or adds in `f32`, [`Rounding`] and [`Forest::adds_single`] say so.

use std::fmt;

/// A node in 16 bytes: one comparison decides where any value, also a missing one, goes.
///
/// Children are adjacent, and a row goes to the second one if its value, with its sign flipped
/// where [`FLIP`] says so, is at least the threshold. A missing value fails every comparison, so
/// it goes to the first: where missing values go right, the first child is the right one, and the
/// comparison is turned around by flipping the sign (see [`Packed::less`]).
///
/// A leaf is its own first child with a threshold nothing reaches: stepping from it stays there,
/// and trees of different depth are walked in lockstep without asking which lanes are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    /// What the value is compared with. Of a leaf or a special node, a NaN, which nothing
    /// reaches, with an index in its low bits.
    pub(crate) threshold: f64,
    /// The first child, in all nodes; the second is the next. Of a leaf, itself.
    pub(crate) child: u32,
    /// The tested feature; 0 for a leaf.
    pub(crate) feature: u16,
    /// [`FLIP`], [`SPLIT`], [`SPECIAL`] and [`AT_MOST`].
    pub(crate) kind: u16,
}

/// The value is compared with its sign flipped, and the first child is the right one. The lowest
/// bit, so that it shifts to the sign of an `f64` and all others out of it.
pub(crate) const FLIP: u16 = 1;
/// The node has children.
pub(crate) const SPLIT: u16 = 2;
/// The test is one of [`Forest::specials`]. The first child is the left one.
pub(crate) const SPECIAL: u16 = 4;
/// The file's test is `<=`, not `<`.
const AT_MOST: u16 = 8;

/// The bits of a quiet NaN whose low 32 bits are free for an index.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

impl Packed {
    /// A split that sends values below `threshold` left, others right.
    ///
    /// Missing goes left: second child (right) if `x >= t`. Missing goes right: second child
    /// (left) if `x < t`, that is `-x > -t`, that is `-x >= next_up(-t)`; nothing is below
    /// negative infinity.
    fn less(feature: u16, threshold: f64, missing_left: bool, child: u32) -> Self {
        if missing_left {
            return Self { threshold, child, feature, kind: SPLIT };
        }
        let turned = if threshold == f64::NEG_INFINITY { f64::NAN } else { (-threshold).next_up() };
        Self { threshold: turned, child, feature, kind: SPLIT | FLIP }
    }

    /// A split that sends values up to `threshold` left, others right.
    ///
    /// Missing goes left: second child (right) if `x > t`, that is `x >= next_up(t)`; nothing is
    /// above infinity. Missing goes right: second child (left) if `-x >= -t`.
    fn at_most(feature: u16, threshold: f64, missing_left: bool, child: u32) -> Self {
        if !missing_left {
            return Self { threshold: -threshold, child, feature, kind: SPLIT | FLIP | AT_MOST };
        }
        let above = if threshold == f64::INFINITY { f64::NAN } else { threshold.next_up() };
        Self { threshold: above, child, feature, kind: SPLIT | AT_MOST }
    }

    /// A split whose test is the special one with index `special`.
    fn special(feature: u16, special: u32, child: u32) -> Self {
        let threshold = f64::from_bits(NAN_BITS | u64::from(special));
        Self { threshold, child, feature, kind: SPLIT | SPECIAL }
    }

    /// A leaf at index `at` with the values of index `values`.
    pub(crate) fn leaf(at: u32, values: u32) -> Self {
        let threshold = f64::from_bits(NAN_BITS | u64::from(values));
        Self { threshold, child: at, feature: 0, kind: 0 }
    }

    /// The split of a test as files state it. `special` adds a special test and gives its index.
    pub(crate) fn split<E>(
        feature: u16,
        test: Compare,
        missing_left: bool,
        child: u32,
        special: impl FnOnce(Special) -> Result<u32, E>,
    ) -> Result<Self, E> {
        Ok(match test {
            Compare::Less(threshold) => Self::less(feature, threshold, missing_left, child),
            Compare::AtMost(threshold) => Self::at_most(feature, threshold, missing_left, child),
            Compare::Special(test) => Self::special(feature, special(test)?, child),
        })
    }

    /// The index in the low bits of a leaf's or special node's threshold.
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the index")]
    pub(crate) fn index(self) -> usize {
        self.threshold.to_bits() as u32 as usize
    }

    /// The sign bit where the value's sign is flipped, else 0.
    #[inline(always)]
    pub(crate) fn flip(self) -> u64 {
        u64::from(self.kind) << 63
    }

    /// Whether the first child is the file's left one.
    fn first_is_left(self) -> bool {
        self.kind & FLIP == 0
    }

    /// The file's comparison.
    fn compare(self) -> Test<'static> {
        let t = self.threshold;
        match (self.kind & AT_MOST != 0, self.first_is_left()) {
            (false, true) => Test::Less(t),
            (false, false) if t.is_nan() => Test::Less(f64::NEG_INFINITY),
            (false, false) => Test::Less(-t.next_down()),
            (true, true) if t.is_nan() => Test::AtMost(f64::INFINITY),
            (true, true) => Test::AtMost(t.next_down()),
            (true, false) => Test::AtMost(-t),
        }
    }
}

/// A test as files state it, before it is packed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compare {
    /// Values below go left.
    Less(f64),
    /// Values up to this go left.
    AtMost(f64),
    /// Anything one comparison cannot say.
    Special(Special),
}

/// A test that one comparison cannot say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Special {
    pub(crate) kind: SpecialKind,
    /// Whether a row without a value goes left.
    pub(crate) missing_left: bool,
}

/// What a special test asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SpecialKind {
    /// Whether the value, cut to an integer, is in a set of [`Forest::sets`].
    Set {
        /// Which set.
        set: u32,
        /// Whether members go left; else they go right, and others left.
        members_left: bool,
        /// Which values can be members.
        members: Members,
    },
    /// Whether the value equals this; then it goes left.
    Equal(f64),
    /// Whether the value is at most this; then it goes left. A value within
    /// [`ZERO_THRESHOLD`] of 0 counts as missing.
    AtMostWithoutZero(f64),
}

/// Which values can be members of a set of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    /// Those from 0, cut to an integer (XGBoost).
    FromZero,
    /// Those that are at least 0 once cut to an integer, such as -0.5 (LightGBM).
    Cut,
    /// Whole numbers (ONNX).
    Whole,
}

/// LightGBM's `kZeroThreshold`: what is closer to 0 is 0.
pub(crate) const ZERO_THRESHOLD: f64 = 1e-35_f32 as f64;

/// How values are rounded before they are tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Not at all.
    #[default]
    None,
    /// To `f32`, as XGBoost, scikit-learn's trees and ONNX read their input.
    Single,
    /// Values within [`ZERO_THRESHOLD`] of 0 become 0, as LightGBM reads its input.
    TinyToZero,
}

impl Rounding {
    /// The value as it is tested.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    pub(crate) fn apply(self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::Single => f64::from(value as f32),
            Self::TinyToZero if value.abs() <= ZERO_THRESHOLD => 0.0,
            Self::TinyToZero => value,
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
    /// Weight or number of the training rows that reached each node; empty without any, NaN where
    /// one is missing.
    pub(crate) covers: Vec<f64>,
    pub(crate) specials: Vec<Special>,
    /// Start and end in `set_words` of each category set.
    pub(crate) sets: Vec<(u32, u32)>,
    pub(crate) set_words: Vec<u32>,
    /// Values of leaves, `leaf_width` each.
    pub(crate) leaf_values: Vec<f64>,
    /// Values per leaf: 1, or one per margin.
    pub(crate) leaf_width: usize,
    /// How values are rounded before they are tested.
    pub(crate) rounding: Rounding,
    /// Whether leaves are added in `f32`.
    pub(crate) adds_single: bool,
}

impl Forest {
    /// No trees.
    pub(crate) const EMPTY: Self = Self {
        trees: Vec::new(),
        nodes: Vec::new(),
        covers: Vec::new(),
        specials: Vec::new(),
        sets: Vec::new(),
        set_words: Vec::new(),
        leaf_values: Vec::new(),
        leaf_width: 1,
        rounding: Rounding::None,
        adds_single: false,
    };

    fn set(&self, index: u32) -> CategorySet<'_> {
        let (start, end) = self.sets.get(index as usize).copied().unwrap_or((0, 0));
        CategorySet { words: self.set_words.get(start as usize..end as usize).unwrap_or_default() }
    }

    /// The values of the leaf `node`.
    #[inline(always)]
    pub(crate) fn values(&self, node: Packed) -> &[f64] {
        let start = node.index() * self.leaf_width;
        self.leaf_values.get(start..start + self.leaf_width).unwrap_or_default()
    }

    /// Whether the special `node` sends a value right, to its second child.
    #[inline(never)]
    pub(crate) fn special_goes_right(&self, node: Packed, value: f64) -> bool {
        let Some(special) = self.specials.get(node.index()) else { return false };
        if value.is_nan() {
            return !special.missing_left;
        }
        match special.kind {
            SpecialKind::Equal(wanted) => value != wanted,
            SpecialKind::AtMostWithoutZero(_) if value.abs() <= ZERO_THRESHOLD => {
                !special.missing_left
            }
            SpecialKind::AtMostWithoutZero(threshold) => value > threshold,
            SpecialKind::Set { set, members_left, members } => {
                let outside = match members {
                    Members::FromZero => value < 0.0,
                    Members::Cut => value <= -1.0,
                    Members::Whole => value < 0.0 || value.fract() != 0.0,
                };
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "cut to an integer; too large a value becomes u32::MAX, in no set"
                )]
                let is_member = !outside && self.set(set).contains(value as u32);
                is_member != members_left
            }
        }
    }

    /// 1 if the value goes to the second child, 0 if to the first one or nowhere.
    #[inline(always)]
    pub(crate) fn goes_second<const SPECIALS: bool>(&self, node: Packed, value: f64) -> u32 {
        if SPECIALS && node.kind & SPECIAL != 0 {
            return u32::from(self.special_goes_right(node, value));
        }
        u32::from(f64::from_bits(value.to_bits() ^ node.flip()) >= node.threshold)
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
        /// What it adds to the margins. The weight of a tree is already in it.
        values: LeafValues<'a>,
        /// Weight (XGBoost: sum of second derivatives) or number of the training rows that ended
        /// here, if the file has it.
        cover: Option<f64>,
    },
    /// A test with two children.
    Split {
        /// Index of the tested column, which is a feature unless the model has a pipeline.
        feature: usize,
        /// The test; a row that passes goes left.
        test: Test<'a>,
        /// Whether a row without a value goes left.
        missing_left: bool,
        /// Whether 0 counts as no value (LightGBM with `zero_as_missing`).
        zero_is_missing: bool,
        /// The child of rows that pass.
        left: usize,
        /// The child of rows that fail.
        right: usize,
        /// Weight or number of the training rows that came here, if the file has it.
        cover: Option<f64>,
    },
}

/// What a leaf adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LeafValues<'a> {
    /// A value to the margin of the tree's [`group`](Tree::group).
    One(f64),
    /// A value to every margin.
    PerMargin(&'a [f64]),
}

/// The test of a split. [`Tree::goes_left`] applies it, with the model's rounding of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test<'a> {
    /// The value is below this threshold.
    Less(f64),
    /// The value is at most this threshold.
    AtMost(f64),
    /// The value equals this.
    Equal(f64),
    /// The value, cut to an integer, is a member of this set.
    Inside(CategorySet<'a>),
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

    /// Whether the split `index` sends this value of its column left; NaN is a missing value.
    /// `None` for a leaf or past the last node.
    ///
    /// This is the evaluator's own decision: the value is rounded as the model rounds it, and
    /// needs no rounding before.
    #[must_use]
    pub fn goes_left(&self, index: usize, value: f64) -> Option<bool> {
        let node = self.packed(index).filter(|node| node.kind & SPLIT != 0)?;
        let value = self.forest.rounding.apply(value);
        let second = self.forest.goes_second::<true>(node, value) == 1;
        Some(second != node.first_is_left())
    }

    /// Node `index`, or `None` past the last.
    #[must_use]
    pub fn node(&self, index: usize) -> Option<Node<'a>> {
        let node = self.packed(index)?;
        let root = self.span.root as usize;
        let cover = self.forest.covers.get(root + index).copied().filter(|cover| !cover.is_nan());
        if node.kind & SPLIT == 0 {
            let values = match (self.forest.leaf_width, self.forest.values(node)) {
                (1, [one]) => LeafValues::One(*one),
                (_, values) => LeafValues::PerMargin(values),
            };
            return Some(Node::Leaf { values, cover });
        }
        let first = node.child as usize - root;
        let (left, right) =
            if node.first_is_left() { (first, first + 1) } else { (first + 1, first) };
        let (test, missing_left, zero_is_missing) = self.test(node)?;
        let feature = usize::from(node.feature);
        Some(Node::Split { feature, test, missing_left, zero_is_missing, left, right, cover })
    }

    fn packed(&self, index: usize) -> Option<Packed> {
        let inside = index < self.len();
        self.forest.nodes.get(self.span.root as usize + index).copied().filter(|_| inside)
    }

    fn test(&self, node: Packed) -> Option<(Test<'a>, bool, bool)> {
        if node.kind & SPECIAL == 0 {
            return Some((node.compare(), node.first_is_left(), false));
        }
        let special = self.forest.specials.get(node.index())?;
        let (test, zero_is_missing) = match special.kind {
            SpecialKind::Equal(value) => (Test::Equal(value), false),
            SpecialKind::AtMostWithoutZero(threshold) => (Test::AtMost(threshold), true),
            SpecialKind::Set { set, members_left: true, .. } => {
                (Test::Inside(self.forest.set(set)), false)
            }
            SpecialKind::Set { set, .. } => (Test::Outside(self.forest.set(set)), false),
        };
        Some((test, special.missing_left, zero_is_missing))
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

    fn any_real() -> impl Strategy<Value = f64> {
        let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::NAN];
        let close =
            prop_oneof![any::<i8>().prop_map(|step| f64::from_bits(step.unsigned_abs().into()))];
        prop_oneof![
            prop::sample::select(special.to_vec()),
            any::<u64>().prop_map(f64::from_bits),
            close
        ]
    }

    /// A file's threshold is never NaN: such a file is refused.
    fn any_threshold() -> impl Strategy<Value = f64> {
        any_real().prop_map(|value| if value.is_nan() { 0.0 } else { value })
    }

    fn goes_left(node: Packed, value: f64) -> bool {
        let second = Forest::default().goes_second::<false>(node, value) == 1;
        second != node.first_is_left()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_096, ..ProptestConfig::default() })]

        /// The one comparison of a packed node sends every value where the file's test does.
        #[test]
        fn packed_nodes_decide_like_the_file(value in any_real(), threshold in any_threshold(), missing_left: bool) {
            for value in [value, threshold, threshold.next_up(), threshold.next_down()] {
                let below = Packed::less(0, threshold, missing_left, 1);
                let wanted = if value.is_nan() { missing_left } else { value < threshold };
                prop_assert_eq!(goes_left(below, value), wanted);
                prop_assert_eq!(below.compare(), Test::Less(threshold));
                let up_to = Packed::at_most(0, threshold, missing_left, 1);
                let wanted = if value.is_nan() { missing_left } else { value <= threshold };
                prop_assert_eq!(goes_left(up_to, value), wanted);
                prop_assert_eq!(up_to.compare(), Test::AtMost(threshold));
            }
        }

        #[test]
        fn a_leaf_keeps_every_value(value in any_real(), index: u32) {
            let node = Packed::leaf(7, index);
            let second = Forest::default().goes_second::<false>(node, value);
            prop_assert!(second == 0 && node.child == 7 && node.index() == index as usize);
        }
    }
}
