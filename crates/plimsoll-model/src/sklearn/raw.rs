//! One tree of the document as [`pack`](crate::pack) reads it.

use super::document::{Set, Tree};
use crate::limits::Limits;
use crate::pack::{Problem, RawNode, RawTest, RawTree, words};
use crate::tree::Members;

/// A tree whose arrays are as long as each other.
pub(super) struct Checked<'a> {
    tree: &'a Tree,
    /// For each node its set, if it tests one; empty without any.
    sets: Vec<Option<&'a Set>>,
    leaf_width: usize,
}

impl<'a> Checked<'a> {
    /// Checks the lengths of the arrays.
    pub(super) fn new(tree: &'a Tree, leaf_width: usize) -> Result<Self, Problem> {
        let nodes = tree.left.len();
        let same = [
            ("right", tree.right.len(), nodes),
            ("feature", tree.feature.len(), nodes),
            ("threshold", tree.threshold.len(), nodes),
            ("missing_left", tree.missing_left.len(), nodes),
            ("value", tree.value.len(), nodes.saturating_mul(leaf_width)),
        ];
        let cover = ("cover", tree.cover.len(), nodes);
        let some = Some(cover).filter(|(_, found, _)| *found != 0);
        for (member, found, expected) in same.into_iter().chain(some) {
            if found != expected {
                return Err(Problem::Length(member, found, expected));
            }
        }
        let mut sets = Vec::new();
        if !tree.sets.is_empty() {
            sets.resize(nodes, None);
        }
        for (index, set) in tree.sets.iter().enumerate() {
            let node = set.node.and_then(|node| usize::try_from(node).ok());
            match node.and_then(|node| sets.get_mut(node)) {
                Some(slot @ None) if set.codes.is_some() => *slot = Some(set),
                _ => return Err(Problem::At("sets", index, "needs codes, and a node of its own")),
            }
        }
        Ok(Self { tree, sets, leaf_width })
    }

    fn set_of(&self, node: usize) -> Option<&Set> {
        self.sets.get(node).copied().flatten()
    }
}

impl RawTree for Checked<'_> {
    const CHILDREN: [&'static str; 2] = ["left", "right"];

    fn nodes(&self) -> usize {
        self.tree.left.len()
    }

    fn node(&self, node: usize) -> Result<RawNode, Problem> {
        let tree = self.tree;
        let left = tree.left.get(node).copied().unwrap_or(-1);
        if left == -1 {
            return Ok(RawNode::Leaf);
        }
        let threshold = tree.threshold.get(node).copied().unwrap_or(f64::NAN);
        let test = match self.set_of(node) {
            Some(set) => {
                RawTest::Set { members_left: set.members_left, members: Members::FromZero }
            }
            None if threshold.is_nan() => {
                return Err(Problem::At("threshold", node, "a threshold must be a number"));
            }
            None => RawTest::AtMost(threshold),
        };
        let feature = tree.feature.get(node).and_then(|feature| u64::try_from(*feature).ok());
        let right = tree.right.get(node).copied().unwrap_or(-1);
        Ok(RawNode::Split {
            feature: feature.unwrap_or(u64::MAX),
            member: "feature",
            test,
            missing_left: tree.missing_left.get(node).copied().unwrap_or(false),
            children: [left.into(), right.into()],
        })
    }

    fn leaf(&self, node: usize, out: &mut Vec<f64>) -> Result<(), Problem> {
        let start = node.saturating_mul(self.leaf_width);
        let values = self.tree.value.get(start..start.saturating_add(self.leaf_width));
        let values = values.unwrap_or_default();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Problem::At("value", start, "a leaf must be finite"));
        }
        out.extend_from_slice(values);
        Ok(())
    }

    fn set(&self, node: usize) -> Result<Vec<u32>, Problem> {
        let codes = self.set_of(node).and_then(|set| set.codes.as_deref()).unwrap_or_default();
        let too_large = Problem::At("sets", node, "a code must be below 2^24");
        if codes.iter().any(|code| *code >= Limits::CATEGORY_END) {
            return Err(too_large);
        }
        words(codes.iter().map(|code| Ok(*code)))
    }

    fn cover(&self, node: usize) -> Result<Option<f64>, Problem> {
        match self.tree.cover.get(node) {
            None => Ok(None),
            Some(cover) if cover.is_finite() => Ok(Some(*cover)),
            Some(_) => Err(Problem::At("cover", node, "a cover must be finite")),
        }
    }
}
