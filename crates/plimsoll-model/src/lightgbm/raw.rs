//! One tree of a LightGBM file as [`pack`](crate::pack) reads it.
//!
//! Inner nodes come first, leaf `~c` is node `inner + c`. `decision_type` has bit 0 for a
//! category, bit 1 for the default direction, bits 2 and 3 for what counts as missing.

use super::document::TextTree;
use crate::pack::{Problem, RawNode, RawTest, RawTree};
use crate::tree::Members;

const IS_CATEGORY: u32 = 1;
const DEFAULT_LEFT: u32 = 2;

/// A tree whose arrays are as long as each other.
pub(super) struct Checked<'a> {
    tree: &'a TextTree,
    inner: usize,
}

impl<'a> Checked<'a> {
    /// Checks the lengths of the arrays.
    pub(super) fn new(tree: &'a TextTree) -> Result<Self, Problem> {
        let leaves = tree.num_leaves.unwrap_or(0);
        let Some(inner) = leaves.checked_sub(1) else {
            return Err(Problem::Whole("num_leaves must be at least 1"));
        };
        let same = [
            ("split_feature", tree.split_feature.len(), inner),
            ("threshold", tree.threshold.len(), inner),
            ("decision_type", tree.decision_type.len(), inner),
            ("left_child", tree.left_child.len(), inner),
            ("right_child", tree.right_child.len(), inner),
            ("leaf_value", tree.leaf_value.len(), leaves),
        ];
        let same_or_none = [
            ("leaf_count", tree.leaf_count.len(), leaves),
            ("internal_count", tree.internal_count.len(), inner),
        ];
        let some = same_or_none.into_iter().filter(|(_, found, _)| *found != 0);
        for (member, found, expected) in same.into_iter().chain(some) {
            if found != expected {
                return Err(Problem::Length(member, found, expected));
            }
        }
        let ends = if tree.num_cat == 0 { 0 } else { tree.num_cat.saturating_add(1) };
        if tree.cat_boundaries.len() != ends {
            return Err(Problem::Length("cat_boundaries", tree.cat_boundaries.len(), ends));
        }
        let words = tree.cat_threshold.len();
        let last = tree.cat_boundaries.last().map_or(0, |last| *last as usize);
        if last != words || !tree.cat_boundaries.is_sorted() {
            return Err(Problem::Whole("cat_boundaries must rise to the length of cat_threshold"));
        }
        Ok(Self { tree, inner })
    }

    /// The bit words of the set that `node` tests.
    fn words(&self, node: usize) -> Option<&[u32]> {
        let index = self.tree.threshold.get(node).copied()?;
        let index = (0..self.tree.num_cat).nth(whole(index)?)?;
        let bound = |at: usize| self.tree.cat_boundaries.get(at).map(|bound| *bound as usize);
        self.tree.cat_threshold.get(bound(index)?..bound(index + 1)?)
    }

    /// The test, and whether a missing value goes left.
    fn test(&self, node: usize) -> Result<(RawTest, bool), Problem> {
        let kind = self.tree.decision_type.get(node).copied().unwrap_or(u32::MAX);
        let threshold = self.tree.threshold.get(node).copied().unwrap_or(f64::NAN);
        let default_left = kind & DEFAULT_LEFT != 0;
        if kind > 15 {
            return Err(Problem::At("decision_type", node, "expected 0 to 15"));
        }
        if kind & IS_CATEGORY != 0 {
            self.words(node).ok_or(Problem::At("threshold", node, "no such set of categories"))?;
            // Whatever the default direction says: what is in no set goes right.
            return Ok((RawTest::Set { members_left: true, members: Members::Cut }, false));
        }
        if threshold.is_nan() {
            return Err(Problem::At("threshold", node, "a threshold must be a number"));
        }
        match kind >> 2 {
            // Nothing is missing: NaN is 0.
            0 => Ok((RawTest::AtMost(threshold), 0.0 <= threshold)),
            1 => Ok((RawTest::AtMostWithoutZero(threshold), default_left)),
            2 => Ok((RawTest::AtMost(threshold), default_left)),
            _ => Err(Problem::At("decision_type", node, "no such kind of missing value")),
        }
    }

    /// The node number of a child: `~c` is leaf `c`.
    fn child(&self, children: &[i32], node: usize) -> i64 {
        let child = children.get(node).copied().map_or(-1, i64::from);
        let inner = i64::try_from(self.inner).unwrap_or(i64::MAX);
        match (children.get(node), child) {
            (None, _) => -1,
            (_, 0..) if child < inner => child,
            (_, 0..) => -1,
            (_, leaf) => inner.saturating_add(!leaf),
        }
    }
}

/// A whole number from 0 that was written as a decimal.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole, from 0, below 2^32"
)]
fn whole(number: f64) -> Option<usize> {
    let fits = number.fract() == 0.0 && (0.0..4_294_967_296.0).contains(&number);
    fits.then_some(number as usize)
}

impl RawTree for Checked<'_> {
    const CHILDREN: [&'static str; 2] = ["left_child", "right_child"];

    fn nodes(&self) -> usize {
        self.inner.saturating_mul(2).saturating_add(1)
    }

    fn node(&self, node: usize) -> Result<RawNode, Problem> {
        if node >= self.inner {
            return Ok(RawNode::Leaf);
        }
        let (test, missing_left) = self.test(node)?;
        Ok(RawNode::Split {
            feature: self.tree.split_feature.get(node).copied().map_or(u64::MAX, u64::from),
            member: "split_feature",
            test,
            missing_left,
            children: [
                self.child(&self.tree.left_child, node),
                self.child(&self.tree.right_child, node),
            ],
        })
    }

    fn leaf(&self, node: usize, out: &mut Vec<f64>) -> Result<(), Problem> {
        out.extend(node.checked_sub(self.inner).and_then(|leaf| self.tree.leaf_value.get(leaf)));
        Ok(())
    }

    fn set(&self, node: usize) -> Result<Vec<u32>, Problem> {
        Ok(self.words(node).unwrap_or_default().to_vec())
    }

    fn cover(&self, node: usize) -> Result<Option<f64>, Problem> {
        Ok(match node.checked_sub(self.inner) {
            None => self.tree.internal_count.get(node).copied(),
            Some(leaf) => self.tree.leaf_count.get(leaf).copied(),
        })
    }
}
