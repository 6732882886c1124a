//! Checks trees, whatever their format, and packs them one behind the other, level by level.
//! It must not know a file format: a loader gives a [`RawTree`] for each tree.
//!
//! After this, evaluation relies on: children lie inside their tree and every reachable node has
//! one parent, features are below the feature count, thresholds are numbers, leaves are finite.

use crate::error::LoadError;
use crate::limits::Limits;
use crate::tree::{Compare, Forest, Members, Packed, Rounding, Span, Special, SpecialKind};

/// What every tree must fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Columns a test may name.
    pub(crate) features: usize,
    /// Margins of a row.
    pub(crate) margins: usize,
}

/// What is wrong with a tree, and where in it.
#[derive(Debug)]
pub(crate) enum Problem {
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
    pub(crate) fn within(self, path: String) -> LoadError {
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

/// A tree as a file states it. Nodes are numbered from the root, 0, in any order.
pub(crate) trait RawTree {
    /// Names of the members that hold the left and the right children, for messages.
    const CHILDREN: [&'static str; 2];
    /// How many nodes there may be.
    fn nodes(&self) -> usize;
    /// Node `node`, which is below [`nodes`](Self::nodes).
    fn node(&self, node: usize) -> Result<RawNode, Problem>;
    /// Appends what the leaf `node` adds, `leaf_width` values.
    fn leaf(&self, node: usize, out: &mut Vec<f64>) -> Result<(), Problem>;
    /// The codes of the set that `node` tests, as words of 32.
    fn set(&self, node: usize) -> Result<Vec<u32>, Problem>;
    /// Weight of the training rows that reached `node`, if the file has it.
    fn cover(&self, node: usize) -> Result<Option<f64>, Problem>;
}

/// A node as a file states it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawNode {
    /// The end of a path.
    Leaf,
    /// A test.
    Split {
        /// The tested column; checked here.
        feature: u64,
        /// Where [`feature`](Self::Split::feature) stands, for messages.
        member: &'static str,
        /// The test.
        test: RawTest,
        /// Whether a missing value goes left.
        missing_left: bool,
        /// The left and the right child; checked here. Negative is none.
        children: [i64; 2],
    },
}

/// A test as a file states it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawTest {
    /// Values below go left.
    Less(f64),
    /// Values up to this go left.
    AtMost(f64),
    /// Values up to this go left; 0 is missing.
    AtMostWithoutZero(f64),
    /// This value goes left.
    Equal(f64),
    /// Members of the set go left, or right; see [`SpecialKind::Set`].
    Set { members_left: bool, members: Members },
}

/// Packs trees one after the other.
pub(crate) struct Packer {
    shape: Shape,
    depth_max: usize,
    nodes_max: usize,
    forest: Forest,
}

/// Nodes in packed order: their indices in the file.
type Order = Vec<usize>;

impl Packer {
    /// Starts empty; every leaf must have `leaf_width` values.
    pub(crate) fn new(
        shape: Shape,
        limits: &Limits,
        leaf_width: usize,
        rounding: Rounding,
    ) -> Self {
        let forest = Forest { leaf_width: leaf_width.max(1), rounding, ..Forest::default() };
        Self { shape, depth_max: limits.depth_max, nodes_max: limits.nodes_max, forest }
    }

    /// All trees; `adds_single` if their framework adds leaves in `f32`.
    pub(crate) fn finish(self, adds_single: bool) -> Forest {
        Forest { adds_single, ..self.forest }
    }

    /// Checks a tree and packs it.
    pub(crate) fn add<T: RawTree>(&mut self, tree: &T, group: u32) -> Result<(), Problem> {
        if tree.nodes() == 0 {
            return Err(Problem::Whole("a tree needs at least one node"));
        }
        let (order, depth) = self.order(tree)?;
        if self.forest.nodes.len().saturating_add(order.len()) > self.nodes_max {
            return Err(Problem::OverLimit("nodes", self.nodes_max));
        }
        let root = index_u32(self.forest.nodes.len())?;
        let mut next_child = self.forest.nodes.len() + 1;
        for node in order.iter().copied() {
            let at = index_u32(self.forest.nodes.len())?;
            let packed = match tree.node(node)? {
                RawNode::Leaf => Packed::leaf(at, self.leaf(tree, node)?),
                RawNode::Split { feature, member, test, missing_left, .. } => {
                    let feature = self.feature(feature).ok_or(Problem::At(
                        member,
                        node,
                        "no such feature",
                    ))?;
                    let child = index_u32(next_child)?;
                    next_child += 2;
                    let test = self.test(tree, node, test, missing_left)?;
                    Packed::split(feature, test, missing_left, child, |special| {
                        self.forest.specials.push(special);
                        index_u32(self.forest.specials.len() - 1)
                    })?
                }
            };
            self.forest.nodes.push(packed);
            self.cover(tree.cover(node)?);
        }
        let len = index_u32(order.len())?;
        self.forest.trees.push(Span { root, len, depth: index_u32(depth)?, group });
        Ok(())
    }

    /// The nodes reachable from the root, level by level, and the depth of the last level.
    ///
    /// A node that is reached twice is a cycle or has two parents: refused, so the order is at
    /// most as long as the file's arrays.
    fn order<T: RawTree>(&self, tree: &T) -> Result<(Order, usize), Problem> {
        let mut reached = vec![false; tree.nodes()];
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
            let RawNode::Split { test, missing_left, children, .. } = tree.node(node)? else {
                continue;
            };
            let [left, right] = T::CHILDREN;
            let mut sides = [(left, children[0]), (right, children[1])];
            if !test.first_is_left(missing_left) {
                sides.reverse();
            }
            for (member, child) in sides {
                let child = usize::try_from(child).ok();
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

    fn feature(&self, feature: u64) -> Option<u16> {
        u16::try_from(feature).ok().filter(|f| usize::from(*f) < self.shape.features)
    }

    fn test<T: RawTree>(
        &mut self,
        tree: &T,
        node: usize,
        test: RawTest,
        missing_left: bool,
    ) -> Result<Compare, Problem> {
        let kind = match test {
            RawTest::Less(threshold) => return Ok(Compare::Less(threshold)),
            RawTest::AtMost(threshold) if self.forest.rounding == Rounding::Single => {
                return Ok(Compare::AtMost(single_at_most(threshold)));
            }
            RawTest::AtMost(threshold) => return Ok(Compare::AtMost(threshold)),
            RawTest::AtMostWithoutZero(threshold) => SpecialKind::AtMostWithoutZero(threshold),
            RawTest::Equal(value) => SpecialKind::Equal(value),
            RawTest::Set { members_left, members } => {
                let set = self.set(&tree.set(node)?)?;
                SpecialKind::Set { set, members_left, members }
            }
        };
        Ok(Compare::Special(Special { kind, missing_left }))
    }

    fn set(&mut self, words: &[u32]) -> Result<u32, Problem> {
        let all = &mut self.forest.set_words;
        if all.len().saturating_add(words.len()) > Limits::SET_WORDS_MAX {
            return Err(Problem::OverLimit("words of category sets", Limits::SET_WORDS_MAX));
        }
        let start = index_u32(all.len())?;
        all.extend_from_slice(words);
        self.forest.sets.push((start, index_u32(all.len())?));
        index_u32(self.forest.sets.len() - 1)
    }

    /// Keeps the values of a leaf and gives their index.
    fn leaf<T: RawTree>(&mut self, tree: &T, node: usize) -> Result<u32, Problem> {
        let (width, start) = (self.forest.leaf_width, self.forest.leaf_values.len());
        tree.leaf(node, &mut self.forest.leaf_values)?;
        let added = self.forest.leaf_values.get(start..).unwrap_or_default();
        if added.len() != width {
            return Err(Problem::Whole("a leaf has another number of values than the first"));
        }
        if added.iter().any(|value| !value.is_finite()) {
            return Err(Problem::At("leaf", node, "a leaf must be finite"));
        }
        index_u32(start / width)
    }

    /// Keeps a cover. The first one makes room for those that came before without.
    fn cover(&mut self, cover: Option<f64>) {
        let covers = &mut self.forest.covers;
        if cover.is_some() || !covers.is_empty() {
            covers.resize(self.forest.nodes.len() - 1, f64::NAN);
            covers.push(cover.unwrap_or(f64::NAN));
        }
    }
}

impl RawTest {
    /// As [`Compare::first_is_left`].
    fn first_is_left(self, missing_left: bool) -> bool {
        let special = !matches!(self, Self::Less(_) | Self::AtMost(_));
        missing_left || special
    }
}

/// The greatest `f32` up to a threshold: an `f32` is at most the one if it is at most the other.
#[expect(clippy::cast_possible_truncation, reason = "rounding is corrected after")]
fn single_at_most(threshold: f64) -> f64 {
    let nearest = threshold as f32;
    let below = if f64::from(nearest) > threshold { nearest.next_down() } else { nearest };
    below.into()
}

/// Category codes as words of 32; `code` gives each, or what is wrong with it.
pub(crate) fn words(
    codes: impl Iterator<Item = Result<u32, Problem>>,
) -> Result<Vec<u32>, Problem> {
    let mut words: Vec<u32> = Vec::new();
    for code in codes {
        let code = code?;
        let place = (code / 32) as usize;
        if place >= Limits::SET_WORDS_MAX {
            return Err(Problem::OverLimit("words of category sets", Limits::SET_WORDS_MAX));
        }
        if place >= words.len() {
            words.resize(place + 1, 0);
        }
        if let Some(word) = words.get_mut(place) {
            *word |= 1 << (code % 32);
        }
    }
    Ok(words)
}

/// Packed indices have 32 bits; the node limit keeps them well below.
fn index_u32(index: usize) -> Result<u32, Problem> {
    u32::try_from(index).map_err(|_| Problem::OverLimit("packed entries", u32::MAX as usize))
}
