//! Evaluation: rows to margins to outputs. It must not know formats or feature names.
//!
//! Leaves are added in `f32`, in file order, onto the base margins, whatever order the trees are
//! walked in: margins equal XGBoost's to the bit. To keep the processor busy while a node is on
//! its way from memory, eight walks go in lockstep: eight trees of one row, or eight rows of one
//! tree.

use crate::error::PredictError;
use crate::limits::Limits;
use crate::model::Model;
use crate::objective::argmax;
use crate::tree::{Forest, IN_SET, MISSING_RIGHT, Packed, SPLIT, Span};

/// Walks in lockstep. Eight are enough to hide the second-level cache.
const LANES: usize = 8;

/// Steps between looking whether all walks have reached their leaf. Trees grown to a depth are
/// rarely deeper; trees grown by leaves have a few long paths that most rows do not take.
const BURST: u32 = 8;

/// Rows that pass through one tree before the next: with 25 features they take a fifth of a
/// first-level cache, and a tree of depth 6 is read once per block.
const BLOCK: usize = 64;

impl Model {
    /// Margins of one row: base margin plus leaves. A missing value is NaN.
    ///
    /// # Errors
    /// [`PredictError`] if `row` has not one value per feature, or `out` not one place per margin.
    pub fn margins(&self, row: &[f32], out: &mut [f32]) -> Result<(), PredictError> {
        self.check(row, 1, out.len(), self.margin_count())?;
        self.row_margins(row, out);
        Ok(())
    }

    /// Outputs of one row, as [`output`](Self::output) describes them.
    ///
    /// # Errors
    /// [`PredictError`] if `row` has not one value per feature, or `out` not one place per output.
    pub fn predict(&self, row: &[f32], out: &mut [f32]) -> Result<(), PredictError> {
        self.check(row, 1, out.len(), self.output().count)?;
        if self.objective.picks_class() {
            let mut margins = [0.0; Limits::OUTPUTS_MAX];
            let margins = margins.get_mut(..self.margin_count()).unwrap_or_default();
            self.row_margins(row, margins);
            out.fill(class(margins));
        } else {
            self.row_margins(row, out);
            self.objective.transform(out);
        }
        Ok(())
    }

    /// Margins of `count` rows; `rows` and `out` are row-major.
    ///
    /// # Errors
    /// [`PredictError`] if `rows` has not one value per feature and row, or `out` not one place
    /// per margin and row.
    pub fn margins_batch(
        &self,
        rows: &[f32],
        count: usize,
        out: &mut [f32],
    ) -> Result<(), PredictError> {
        self.check(rows, count, out.len(), self.margin_count())?;
        let blocks = rows.chunks(self.feature_count * BLOCK);
        for (rows, out) in blocks.zip(out.chunks_mut(self.margin_count() * BLOCK)) {
            self.block_margins(rows, out);
        }
        Ok(())
    }

    /// Outputs of `count` rows; `rows` and `out` are row-major.
    ///
    /// # Errors
    /// [`PredictError`] if `rows` has not one value per feature and row, or `out` not one place
    /// per output and row.
    pub fn predict_batch(
        &self,
        rows: &[f32],
        count: usize,
        out: &mut [f32],
    ) -> Result<(), PredictError> {
        let width = self.output().count;
        self.check(rows, count, out.len(), width)?;
        if self.objective.picks_class() {
            for (row, out) in rows.chunks(self.feature_count).zip(out.chunks_mut(width)) {
                self.predict(row, out)?;
            }
            return Ok(());
        }
        self.margins_batch(rows, count, out)?;
        out.chunks_mut(width).for_each(|row| self.objective.transform(row));
        Ok(())
    }

    fn check(
        &self,
        rows: &[f32],
        count: usize,
        room: usize,
        width: usize,
    ) -> Result<(), PredictError> {
        let expected = self.feature_count.saturating_mul(count);
        if rows.len() != expected {
            return Err(PredictError::RowLength { found: rows.len(), expected });
        }
        let expected = width.saturating_mul(count);
        if room != expected {
            return Err(PredictError::OutputLength { found: room, expected });
        }
        Ok(())
    }

    fn row_margins(&self, row: &[f32], out: &mut [f32]) {
        out.copy_from_slice(&self.base_margins);
        for trees in self.forest.trees.chunks(LANES) {
            let leaves = self.forest.leaves_of_row(trees, row);
            for (tree, leaf) in trees.iter().zip(leaves) {
                self.forest.add_leaf(*tree, leaf, out);
            }
        }
    }

    fn block_margins(&self, rows: &[f32], out: &mut [f32]) {
        let (features, margins) = (self.feature_count, self.margin_count());
        let lanes = rows.len() / (features * LANES) * LANES;
        let (full, rest) = rows.split_at(lanes * features);
        let (full_out, rest_out) = out.split_at_mut(lanes * margins);
        for row in full_out.chunks_mut(margins) {
            row.copy_from_slice(&self.base_margins);
        }
        for tree in &self.forest.trees {
            let octets = full.chunks(features * LANES).zip(full_out.chunks_mut(margins * LANES));
            for (rows, out) in octets {
                let leaves = self.forest.leaves_of_rows(*tree, rows, features);
                for (leaf, out) in leaves.into_iter().zip(out.chunks_mut(margins)) {
                    self.forest.add_leaf(*tree, leaf, out);
                }
            }
        }
        for (row, out) in rest.chunks(features).zip(rest_out.chunks_mut(margins)) {
            self.row_margins(row, out);
        }
    }
}

/// The class as a number; class counts are below 2^24, which `f32` holds exactly.
fn class(margins: &[f32]) -> f32 {
    f32::from(u16::try_from(argmax(margins)).unwrap_or(u16::MAX))
}

impl Forest {
    /// The leaf of each of up to eight trees for one row. Lanes past the trees repeat the first.
    fn leaves_of_row(&self, trees: &[Span], row: &[f32]) -> [u32; LANES] {
        let first = trees.first().map_or(0, |tree| tree.root);
        let mut at = [first; LANES];
        let mut depth = 0;
        for (lane, tree) in at.iter_mut().zip(trees) {
            *lane = tree.root;
            depth = depth.max(tree.depth);
        }
        let value = |_, feature: usize| row[feature];
        if self.sets.is_empty() {
            self.walk::<false>(at, depth, value)
        } else {
            self.walk::<true>(at, depth, value)
        }
    }

    /// The leaf of one tree for each of eight rows.
    fn leaves_of_rows(&self, tree: Span, rows: &[f32], features: usize) -> [u32; LANES] {
        let value = |lane: usize, feature| rows[lane.wrapping_mul(features).wrapping_add(feature)];
        if self.sets.is_empty() {
            self.walk::<false>([tree.root; LANES], tree.depth, value)
        } else {
            self.walk::<true>([tree.root; LANES], tree.depth, value)
        }
    }

    /// Walks eight lanes down, each from its node, to their leaves.
    ///
    /// Nodes, children and features were checked against their arrays when the model was loaded,
    /// and the length of a row before it came here, so that indexing does not panic.
    #[inline(always)]
    fn walk<const SETS: bool>(
        &self,
        mut at: [u32; LANES],
        depth: u32,
        value: impl Fn(usize, usize) -> f32,
    ) -> [u32; LANES] {
        let mut left = depth;
        while left > 0 {
            let burst = left.min(BURST);
            for _ in 0..burst {
                for (lane, at) in at.iter_mut().enumerate() {
                    let node = self.nodes[*at as usize];
                    let value = value(lane, usize::from(node.feature));
                    *at = node.child.wrapping_add(self.goes_second::<SETS>(node, value));
                }
            }
            left -= burst;
            if left > 0 && at.iter().all(|at| self.nodes[*at as usize].kind & SPLIT == 0) {
                break;
            }
        }
        at
    }

    /// 1 if the row goes to the second child, 0 if to the first one or nowhere.
    #[inline(always)]
    fn goes_second<const SETS: bool>(&self, node: Packed, value: f32) -> u32 {
        if SETS && node.kind & IN_SET != 0 {
            return u32::from(self.in_set(node, value));
        }
        u32::from(f32::from_bits(value.to_bits() ^ node.bits) >= node.threshold)
    }

    /// Whether a category is in the node's set, or missing and sent where the set is.
    #[inline(never)]
    fn in_set(&self, node: Packed, value: f32) -> bool {
        if value.is_nan() {
            return node.kind & MISSING_RIGHT != 0;
        }
        // Negative and huge values are in no set; others are cut to an integer.
        if value < 0.0 {
            return false;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative; too large a value becomes u32::MAX, which no set has"
        )]
        let code = value as u32;
        self.set(node).contains(code)
    }

    #[inline(always)]
    fn add_leaf(&self, tree: Span, leaf: u32, out: &mut [f32]) {
        let leaf = self.nodes[leaf as usize];
        if self.leaf_width == 1 {
            out[tree.group as usize] += f32::from_bits(leaf.bits);
            return;
        }
        for (out, value) in out.iter_mut().zip(self.leaf_vector(leaf)) {
            *out += *value;
        }
    }
}
