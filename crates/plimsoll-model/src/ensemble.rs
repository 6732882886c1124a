//! Evaluation of trees: columns to margins. It must not know formats or feature names.
//!
//! Leaves are added in file order onto the base margins, whatever order the trees are walked in,
//! and in `f32` where the framework does so: margins equal the framework's to the bit. To keep the
//! processor busy while a node is on its way from memory, eight walks go in lockstep: eight trees
//! of one row, or eight rows of one tree.

use crate::tree::{Forest, Packed, Rounding, SPLIT, Span};

/// Walks in lockstep. Eight are enough to hide the second-level cache.
const LANES: usize = 8;

/// Steps between looking whether all walks have reached their leaf. Trees grown to a depth are
/// rarely deeper; trees grown by leaves have a few long paths that most rows do not take.
const BURST: u32 = 8;

/// Rows that pass through one tree before the next: with 25 columns they take two fifths of a
/// first-level cache, and a tree of depth 6 is read once per block.
pub(crate) const BLOCK: usize = 64;

/// Columns and margins of one row that are held on the stack; more are on the heap.
const ON_STACK: usize = 32;

/// Trees with the margins they are added to.
#[derive(Debug)]
pub(crate) struct Ensemble {
    pub(crate) forest: Forest,
    /// Columns of a row.
    pub(crate) columns: usize,
    /// What trees are added to, one per group.
    pub(crate) base_margins: Box<[f64]>,
    /// What every sum of leaves is divided by: 1, or how many trees are averaged.
    pub(crate) divisor: f64,
    /// Whether the base comes to the sum of leaves at the end, and not first.
    pub(crate) base_last: bool,
}

/// What leaves are added in.
trait Real: Copy + Default + std::ops::AddAssign + std::ops::DivAssign {
    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
}

impl Real for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

impl Real for f32 {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "leaves added in f32 are f32")]
    fn of(value: f64) -> Self {
        value as Self
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self.into()
    }
}

impl Ensemble {
    /// Margins per row.
    pub(crate) fn margin_count(&self) -> usize {
        self.base_margins.len()
    }

    /// Margins of one row; `row` has a value per column, `out` a place per margin.
    pub(crate) fn row(&self, row: &[f64], out: &mut [f64]) {
        let rounding = self.forest.rounding;
        if rounding == Rounding::None {
            self.rounded_row(row, out);
        } else if row.len() <= ON_STACK {
            let mut rounded = [0.0; ON_STACK];
            for (to, from) in rounded.iter_mut().zip(row) {
                *to = rounding.apply(*from);
            }
            self.rounded_row(rounded.get(..row.len()).unwrap_or_default(), out);
        } else {
            let rounded: Vec<f64> = row.iter().map(|value| rounding.apply(*value)).collect();
            self.rounded_row(&rounded, out);
        }
    }

    fn rounded_row(&self, row: &[f64], out: &mut [f64]) {
        if self.forest.adds_single {
            self.add_row::<f32>(row, out);
        } else {
            self.add_row::<f64>(row, out);
        }
    }

    fn add_row<R: Real>(&self, row: &[f64], out: &mut [f64]) {
        let (mut few, mut many) = ([R::default(); ON_STACK], Vec::new());
        let count = self.margin_count();
        let sums = match few.get_mut(..count) {
            Some(sums) => sums,
            None => {
                many.resize(count, R::default());
                &mut many
            }
        };
        if !self.base_last {
            for (sum, base) in sums.iter_mut().zip(&self.base_margins) {
                *sum = R::of(*base);
            }
        }
        for trees in self.forest.trees.chunks(LANES) {
            let leaves = self.forest.leaves_of_row(trees, row);
            for (tree, leaf) in trees.iter().zip(leaves) {
                self.forest.add_leaf(*tree, leaf, sums);
            }
        }
        self.conclude(sums, out);
    }

    /// Margins of at most [`BLOCK`] rows; `rows` and `out` are row-major. Rounds `rows`.
    pub(crate) fn block(&self, rows: &mut [f64], out: &mut [f64]) {
        let rounding = self.forest.rounding;
        if rounding != Rounding::None {
            rows.iter_mut().for_each(|value| *value = rounding.apply(*value));
        }
        if self.forest.adds_single {
            self.add_block::<f32>(rows, out);
        } else {
            self.add_block::<f64>(rows, out);
        }
    }

    fn add_block<R: Real>(&self, rows: &[f64], out: &mut [f64]) {
        let (columns, margins) = (self.columns, self.margin_count());
        let lanes = rows.len() / (columns * LANES) * LANES;
        let (full, rest) = rows.split_at(lanes * columns);
        let (full_out, rest_out) = out.split_at_mut(lanes * margins);
        let first = |base: &f64| if self.base_last { R::default() } else { R::of(*base) };
        let base = self.base_margins.iter().map(first);
        let mut sums: Vec<R> = base.cycle().take(lanes * margins).collect();
        for tree in &self.forest.trees {
            let octets = full.chunks(columns * LANES).zip(sums.chunks_mut(margins * LANES));
            for (rows, sums) in octets {
                let leaves = self.forest.leaves_of_rows(*tree, rows, columns);
                for (leaf, sums) in leaves.into_iter().zip(sums.chunks_mut(margins)) {
                    self.forest.add_leaf(*tree, leaf, sums);
                }
            }
        }
        self.conclude(&sums, full_out);
        for (row, out) in rest.chunks(columns).zip(rest_out.chunks_mut(margins)) {
            self.add_row::<R>(row, out);
        }
    }

    #[expect(clippy::float_cmp, reason = "1 is written, not computed")]
    fn conclude<R: Real>(&self, sums: &[R], out: &mut [f64]) {
        for ((out, sum), base) in out.iter_mut().zip(sums).zip(self.base_margins.iter().cycle()) {
            let mut sum = *sum;
            if self.divisor != 1.0 {
                sum /= R::of(self.divisor);
            }
            if self.base_last {
                sum += R::of(*base);
            }
            *out = sum.wide();
        }
    }
}

impl Forest {
    /// The leaf of each of up to eight trees for one row. Lanes past the trees repeat the first.
    fn leaves_of_row(&self, trees: &[Span], row: &[f64]) -> [u32; LANES] {
        let first = trees.first().map_or(0, |tree| tree.root);
        let mut at = [first; LANES];
        let mut depth = 0;
        for (lane, tree) in at.iter_mut().zip(trees) {
            *lane = tree.root;
            depth = depth.max(tree.depth);
        }
        let value = |_, feature: usize| row[feature];
        if self.specials.is_empty() {
            self.walk::<false>(at, depth, value)
        } else {
            self.walk::<true>(at, depth, value)
        }
    }

    /// The leaf of one tree for each of eight rows.
    fn leaves_of_rows(&self, tree: Span, rows: &[f64], columns: usize) -> [u32; LANES] {
        let value = |lane: usize, feature| rows[lane.wrapping_mul(columns).wrapping_add(feature)];
        if self.specials.is_empty() {
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
    fn walk<const SPECIALS: bool>(
        &self,
        mut at: [u32; LANES],
        depth: u32,
        value: impl Fn(usize, usize) -> f64,
    ) -> [u32; LANES] {
        let mut left = depth;
        while left > 0 {
            let burst = left.min(BURST);
            for _ in 0..burst {
                for (lane, at) in at.iter_mut().enumerate() {
                    let node = self.nodes[*at as usize];
                    let value = value(lane, usize::from(node.feature));
                    *at = node.child.wrapping_add(self.goes_second::<SPECIALS>(node, value));
                }
            }
            left -= burst;
            if left > 0 && at.iter().all(|at| self.nodes[*at as usize].kind & SPLIT == 0) {
                break;
            }
        }
        at
    }

    #[inline(always)]
    fn add_leaf<R: Real>(&self, tree: Span, leaf: u32, sums: &mut [R]) {
        let leaf: Packed = self.nodes[leaf as usize];
        if self.leaf_width == 1 {
            sums[tree.group as usize] += R::of(self.leaf_values[leaf.index()]);
            return;
        }
        for (sum, value) in sums.iter_mut().zip(self.values(leaf)) {
            *sum += R::of(*value);
        }
    }
}
