//! Trees without tables: too deep, or past the bytes that tables may take. As exact, slower.
//!
//! Path-dependent values: the contribution of player `i` to a leaf of value `v` is
//! `v (s_i - w_i) ∫ Π_{e≠i} (w_e + (s_e - w_e) t) dt` over [0, 1], where `w` is the chance that
//! a training row agrees and `s` says whether the explained row does (Owen's multilinear
//! extension). The integrand is a polynomial below the degree of the players, so that
//! Gauss-Legendre quadrature with half as many points is exact. Products are carried down the
//! tree and sums up it (Yu and others 2022, "Linear TreeSHAP"; arXiv 2605.04497).
//!
//! Interventional values: each background row walks down together with the explained one, and
//! only where they part both ways are followed (Lundberg and others 2020).
//!
//! This file must not know tables.

use plimsoll_model::Model;

use super::forest::{Node, Split, Tree};
use super::game::{self, Weights};
use super::group::Step;
use super::input::Input;

/// Trees without tables.
#[derive(Debug, Default)]
pub(super) struct Deep {
    trees: Vec<DeepTree>,
    /// Most bits, nodes on a path and quadrature points of a tree.
    depth: usize,
    points: usize,
}

#[derive(Debug)]
struct DeepTree {
    tree: Tree,
    against: Against,
}

#[derive(Debug)]
enum Against {
    /// The shares of the training rows.
    Shares(Quadrature),
    /// The bits of each background row, and the weights of as many players as a path has.
    Background { bits: Vec<Vec<u8>>, weights: Weights },
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights").finish_non_exhaustive()
    }
}

/// Points and weights of Gauss-Legendre quadrature on [0, 1].
#[derive(Clone, Debug)]
pub(super) struct Quadrature {
    pub(super) points: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

/// Room for one row, kept from row to row.
#[derive(Debug, Default)]
pub(super) struct DeepScratch {
    bits: Vec<u8>,
    players: Vec<Option<PlayerState>>,
    products: Vec<f64>,
    sums: Vec<f64>,
    sides: Vec<Side>,
}

/// A player on the way down.
#[derive(Clone, Copy, Debug)]
struct PlayerState {
    agrees: f64,
    satisfied: bool,
}

/// Which row alone agrees with the way down, at a column where the two parted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Side {
    #[default]
    Both,
    Explained,
    Drawn,
}

impl Deep {
    /// Prepares `trees`; adds to the base value of each output.
    pub(super) fn new(
        model: &Model,
        trees: Vec<Tree>,
        background: Option<&[Input]>,
        base: &mut [f64],
    ) -> Self {
        let mut deep = Self::default();
        for tree in trees {
            let paths = Paths::of(&tree);
            deep.depth = deep.depth.max(paths.depth);
            let against = match background {
                None => {
                    add_expected(&tree, 0, 1.0, base);
                    let quadrature = Quadrature::new(paths.players.div_ceil(2).max(1));
                    deep.points = deep.points.max(quadrature.points.len());
                    Against::Shares(quadrature)
                }
                Some(rows) => {
                    let bits = rows.iter().map(|row| tree.bits_of(model, row)).collect::<Vec<_>>();
                    let share = 1.0 / game::real(rows.len().max(1));
                    bits.iter().for_each(|bits| add_reached(&tree, bits, share, base));
                    Against::Background { bits, weights: Weights::new(paths.players) }
                }
            };
            deep.trees.push(DeepTree { tree, against });
        }
        deep
    }

    /// How many trees there are.
    pub(super) fn len(&self) -> usize {
        self.trees.len()
    }

    /// Bytes it would take to hold `trees` with a background of so many rows.
    pub(super) fn bytes(trees: &[Tree], rows: usize) -> usize {
        let nodes = |tree: &Tree| tree.nodes.len() * size_of::<Node>();
        trees.iter().map(|tree| nodes(tree) + tree.tests().saturating_mul(rows)).sum()
    }

    /// Adds the contributions of all trees to `row`: `add(output, column, value)`.
    pub(super) fn row(
        &self,
        model: &Model,
        row: &Input,
        scratch: &mut DeepScratch,
        mut add: impl FnMut(usize, usize, f64),
    ) {
        for DeepTree { tree, against } in &self.trees {
            tree.bits(model, row, &mut scratch.bits);
            for output in 0..tree.width {
                let mut add = |column, value| add(tree.output + output, column, value);
                match against {
                    Against::Shares(quadrature) => {
                        scratch.room(row.codes.len(), self.depth, self.points);
                        let DeepScratch { bits, players, products, sums, .. } = &mut *scratch;
                        let count = quadrature.points.len();
                        let mut walk = QuadratureWalk {
                            tree,
                            output,
                            bits,
                            quadrature,
                            players,
                            add: &mut add,
                        };
                        products[..count].fill(1.0);
                        walk.visit(0, products, sums);
                    }
                    Against::Background { bits: drawn, weights } => {
                        scratch.sides.resize(row.codes.len(), Side::Both);
                        let DeepScratch { bits, sides, .. } = &mut *scratch;
                        let share = 1.0 / game::real(drawn.len().max(1));
                        for drawn in drawn {
                            let add = &mut |column, value: f64| add(column, value * share);
                            let mut walk =
                                PairWalk { tree, output, bits, drawn, weights, sides, add };
                            walk.visit(0, 0, 0);
                        }
                    }
                }
            }
        }
    }
}

impl DeepScratch {
    fn room(&mut self, columns: usize, depth: usize, points: usize) {
        self.players.resize(columns, None);
        self.products.resize((depth + 2) * points, 0.0);
        self.sums.resize((depth + 2) * points, 0.0);
    }
}

/// The longest path of a tree, and the most players on one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paths {
    pub(super) depth: usize,
    pub(super) players: usize,
}

impl Paths {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut paths = Self::default();
        paths.visit(tree, 0, &mut Vec::new(), 0);
        paths
    }
    fn visit(&mut self, tree: &Tree, node: usize, columns: &mut Vec<usize>, depth: usize) {
        self.depth = self.depth.max(depth);
        self.players = self.players.max(columns.len());
        let Some(Node::Split(split)) = tree.nodes.get(node) else { return };
        let is_new = !columns.contains(&split.column);
        if is_new {
            columns.push(split.column);
        }
        self.visit(tree, split.left, columns, depth + 1);
        self.visit(tree, split.right, columns, depth + 1);
        if is_new {
            columns.pop();
        }
    }
}

/// Adds the value of each leaf, weighed by the share of the training rows that reached it.
pub(super) fn add_expected(tree: &Tree, node: usize, share: f64, base: &mut [f64]) {
    match tree.nodes.get(node) {
        Some(Node::Split(split)) => {
            add_expected(tree, split.left, share * split.shares[0], base);
            add_expected(tree, split.right, share * split.shares[1], base);
        }
        Some(Node::Leaf(first)) => add_leaf(tree, *first, share, base),
        None => {}
    }
}

/// Adds the value of the leaf that a row with these bits reaches.
pub(super) fn add_reached(tree: &Tree, bits: &[u8], share: f64, base: &mut [f64]) {
    let mut node = 0;
    while let Some(Node::Split(split)) = tree.nodes.get(node) {
        node = child(split, bits);
    }
    if let Some(Node::Leaf(first)) = tree.nodes.get(node) {
        add_leaf(tree, *first, share, base);
    }
}

fn add_leaf(tree: &Tree, first: usize, share: f64, base: &mut [f64]) {
    let outputs = base.iter_mut().skip(tree.output);
    outputs.zip(tree.leaf(first)).for_each(|(base, value)| *base += value * share);
}

/// The child that a row with these bits goes to.
pub(super) fn child(split: &Split, bits: &[u8]) -> usize {
    let goes_left = bits.get(split.test).copied() == Some(split.left_bit);
    if goes_left { split.left } else { split.right }
}

/// One row and output of one tree, by quadrature.
struct QuadratureWalk<'a, F> {
    tree: &'a Tree,
    output: usize,
    bits: &'a [u8],
    quadrature: &'a Quadrature,
    players: &'a mut [Option<PlayerState>],
    add: &'a mut F,
}

impl<F: FnMut(usize, f64)> QuadratureWalk<'_, F> {
    /// Leaves in the front of `sums` the value of every leaf below `node` times the product of
    /// its players' factors at each point; the front of `products` is that of the path so far.
    fn visit(&mut self, node: usize, products: &mut [f64], sums: &mut [f64]) {
        let count = self.quadrature.points.len();
        let (own, below) = sums.split_at_mut(count);
        match self.tree.nodes.get(node).copied() {
            Some(Node::Leaf(first)) => {
                let value = self.tree.values.get(first + self.output).copied().unwrap_or(0.0);
                own.iter_mut().zip(&*products).for_each(|(own, product)| *own = value * product);
            }
            Some(Node::Split(split)) => {
                own.fill(0.0);
                for (step, child) in Step::both(&split) {
                    if self.descend(step, child, products, below) {
                        own.iter_mut().zip(&*below).for_each(|(own, below)| *own += below);
                    }
                }
            }
            None => own.fill(0.0),
        }
    }

    /// Goes one step down and back; whether any leaf there can be reached.
    fn descend(
        &mut self,
        step: Step,
        child: usize,
        products: &mut [f64],
        sums: &mut [f64],
    ) -> bool {
        let count = self.quadrature.points.len();
        let Some(known) = self.players.get(step.column).copied() else { return false };
        let old = known.unwrap_or(PlayerState { agrees: 1.0, satisfied: true });
        let new = PlayerState {
            agrees: old.agrees * step.share,
            satisfied: old.satisfied && self.bits.get(step.test).copied() == Some(step.bit),
        };
        // Neither the explained row nor any training row comes here. This also keeps every
        // factor below above zero, by which is divided.
        if new.agrees <= 0.0 && !new.satisfied {
            return false;
        }
        let (above, below) = products.split_at_mut(count);
        for ((below, above), t) in below.iter_mut().zip(above).zip(&self.quadrature.points) {
            *below = *above / old.factor(*t) * new.factor(*t);
        }
        self.players[step.column] = Some(new);
        self.visit(child, below, sums);
        self.players[step.column] = known;
        let at_points = self.quadrature.points.iter().zip(&self.quadrature.weights);
        let value: f64 = at_points
            .zip(&*sums)
            .map(|((t, weight), sum)| {
                weight * sum * (new.slope() / new.factor(*t) - old.slope() / old.factor(*t))
            })
            .sum();
        (self.add)(step.column, value);
        true
    }
}

impl PlayerState {
    /// What it multiplies a leaf with, at `t`.
    #[inline(always)]
    fn factor(self, t: f64) -> f64 {
        self.agrees + self.slope() * t
    }
    #[inline(always)]
    fn slope(self) -> f64 {
        f64::from(u8::from(self.satisfied)) - self.agrees
    }
}

/// One explained and one drawn row on one output of one tree.
struct PairWalk<'a, F> {
    tree: &'a Tree,
    output: usize,
    bits: &'a [u8],
    drawn: &'a [u8],
    weights: &'a Weights,
    sides: &'a mut [Side],
    add: &'a mut F,
}

impl<F: FnMut(usize, f64)> PairWalk<'_, F> {
    /// What each player that only the explained row satisfies gets of the leaves below `node`,
    /// and what each that only the drawn row satisfies loses; there are `gains` and `losses`.
    fn visit(&mut self, node: usize, gains: usize, losses: usize) -> (f64, f64) {
        match self.tree.nodes.get(node).copied() {
            Some(Node::Leaf(first)) => {
                let value = self.tree.values.get(first + self.output).copied().unwrap_or(0.0);
                let weight = |own: usize, p: usize, q: usize| {
                    if own == 0 { 0.0 } else { value * self.weights.get(p, q) }
                };
                (
                    weight(gains, gains.saturating_sub(1), losses),
                    weight(losses, gains, losses.saturating_sub(1)),
                )
            }
            Some(Node::Split(split)) => {
                let (to, drawn_to) = (child(&split, self.bits), child(&split, self.drawn));
                let side = self.sides.get(split.column).copied().unwrap_or_default();
                match side {
                    _ if to == drawn_to => self.visit(to, gains, losses),
                    Side::Explained => self.visit(to, gains, losses),
                    Side::Drawn => self.visit(drawn_to, gains, losses),
                    Side::Both => self.part(split.column, to, drawn_to, (gains, losses)),
                }
            }
            None => (0.0, 0.0),
        }
    }

    /// Follows both rows where they part.
    fn part(
        &mut self,
        column: usize,
        to: usize,
        drawn_to: usize,
        (gains, losses): (usize, usize),
    ) -> (f64, f64) {
        if column >= self.sides.len() {
            return (0.0, 0.0);
        }
        self.sides[column] = Side::Explained;
        let own = self.visit(to, gains + 1, losses);
        self.sides[column] = Side::Drawn;
        let other = self.visit(drawn_to, gains, losses + 1);
        self.sides[column] = Side::Both;
        (self.add)(column, own.0 - other.1);
        (own.0 + other.0, own.1 + other.1)
    }
}

impl Quadrature {
    /// `count` points: exact for polynomials below degree `2 count`.
    ///
    /// The points are the roots of the Legendre polynomial, found by Newton's method from their
    /// asymptotic places (Press and others, Numerical Recipes, `gauleg`).
    pub(super) fn new(count: usize) -> Self {
        /// Newton's method doubles its digits each time; from these places five are enough.
        const STEPS: usize = 20;
        let n = game::real(count);
        let (mut points, mut weights) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for index in 0..count {
            let mut x = (std::f64::consts::PI * (game::real(index) + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..STEPS {
                let (mut value, mut before) = (1.0, 0.0);
                for degree in 0..count {
                    let j = game::real(degree);
                    (value, before) =
                        (((2.0 * j + 1.0) * x * value - j * before) / (j + 1.0), value);
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-16 {
                    break;
                }
            }
            points.push((1.0 - x) / 2.0);
            weights.push(1.0 / ((1.0 - x * x) * slope * slope));
        }
        Self { points, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrature_is_exact_for_polynomials() {
        for count in [1, 2, 3, 8, 40, 256] {
            let quadrature = Quadrature::new(count);
            for degree in 0..2 * count {
                let power = i32::try_from(degree).unwrap();
                let points = quadrature.points.iter().zip(&quadrature.weights);
                let sum: f64 = points.map(|(t, weight)| weight * t.powi(power)).sum();
                assert!(
                    (sum * game::real(degree + 1) - 1.0).abs() < 1e-12,
                    "{count} {degree} {sum}"
                );
            }
        }
    }
}
