//! SHAP interaction values, for work offline: how much of a margin two features make together.
//!
//! The value of a pair is half its Shapley interaction index, so that the two halves and what a
//! feature makes alone add up to its SHAP value (Lundberg and others 2020). The index of a pair
//! is the integral over [0, 1] of the mixed second derivative of Owen's multilinear extension:
//! for a leaf, `v (s_i - w_i) (s_j - w_j) ∫ Π_{e≠i,j} (w_e + (s_e - w_e) t) dt`; where each of
//! two rows agrees alone with some players, that is a Beta integral.
//!
//! Everything is `f64`, leaf by leaf, without tables.

use std::sync::Arc;

use plimsoll_model::Model;

use super::deep::{Paths, Quadrature, add_expected, add_reached, child};
use super::forest::{self, Node, Tree};
use super::game::{self, Weights};
use super::group::Step;
use super::input::{Codes, Input};
use super::{TreeOptions, check, expected_base, inputs};
use crate::error::ExplainError;
use crate::explanation::{Method, additive};

/// The most values for one row: outputs times features squared, 128 MiB.
const VALUES_MAX: usize = 1 << 24;

/// Explains the margins of one tree model by pairs of features, exactly.
#[derive(Debug)]
pub struct InteractionExplainer {
    model: Arc<Model>,
    method: Method,
    features: usize,
    places: Box<[usize]>,
    codes: Codes,
    base: Box<[f64]>,
    trees: Vec<Explained>,
}

/// A tree, and what it is explained against.
#[derive(Debug)]
struct Explained {
    tree: Tree,
    against: Against,
}

#[derive(Debug)]
enum Against {
    Shares(Quadrature),
    Background { bits: Vec<Vec<u8>>, weights: Weights },
}

impl InteractionExplainer {
    /// Prepares to explain `model`; limits on tables do not matter.
    ///
    /// # Errors
    /// As [`TreeExplainer::new`](super::TreeExplainer::new), and [`ExplainError::OverLimit`] if
    /// the matrices of one row would be too large.
    pub fn new(model: Arc<Model>, options: &TreeOptions<'_>) -> Result<Self, ExplainError> {
        let groups = check(&model, options)?;
        let found = model.margin_count() * groups.count() * groups.count();
        if found > VALUES_MAX {
            return Err(ExplainError::OverLimit {
                what: "interaction values of a row",
                found,
                max: VALUES_MAX,
                hint: "explain fewer features or outputs",
            });
        }
        let codes = Codes::of(&model)?;
        let trees = forest::trees(&model, &codes, options.background.is_none())?;
        let drawn = inputs(&model, &codes, options.background)?;
        let mut base = expected_base(&model);
        let trees = trees
            .into_iter()
            .map(|tree| Explained::new(&model, tree, drawn.as_deref(), &mut base))
            .collect();
        let method = match options.background {
            Some(_) => Method::TreeInterventional,
            None => Method::TreePathDependent,
        };
        let (features, places) = (groups.count(), super::places(&model, &groups));
        Ok(Self { model, method, features, places, codes, base, trees })
    }

    /// Path-dependent or interventional.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }
    /// Contract features per side of a matrix.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }
    /// Outputs: margins of the model.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.base.len()
    }
    /// The expected margin of each output.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// Explains one row: `values` gets a symmetric matrix of contract features per output,
    /// whose rows add up to SHAP values, and `margins` the margins.
    ///
    /// # Errors
    /// [`ExplainError::Shape`] if a buffer has the wrong length, and
    /// [`ExplainError::NotAdditive`] if base value and matrix do not make up the margin.
    pub fn explain_row(
        &self,
        row: &[f64],
        values: &mut [f64],
        margins: &mut [f64],
    ) -> Result<(), ExplainError> {
        self.model.margins(row, margins)?;
        let square = self.features * self.features;
        let (found, expected) = (values.len(), self.outputs() * square);
        if found != expected {
            return Err(plimsoll_model::PredictError::OutputLength { found, expected }.into());
        }
        values.fill(0.0);
        let mut input = Input::default();
        self.codes.read(&self.model, row, &mut input)?;
        let mut matrices = Matrices { features: self.features, places: &self.places, values };
        for Explained { tree, against } in &self.trees {
            let bits = tree.bits_of(&self.model, &input);
            match against {
                Against::Shares(quadrature) => {
                    let players = Vec::new();
                    let mut walk = ShareWalk {
                        tree,
                        bits: &bits,
                        quadrature,
                        players,
                        matrices: &mut matrices,
                    };
                    walk.visit(0);
                }
                Against::Background { bits: drawn, weights } => {
                    let share = 1.0 / game::real(drawn.len().max(1));
                    for drawn in drawn {
                        let (gains, losses) = (Vec::new(), Vec::new());
                        let matrices = &mut matrices;
                        let mut walk = PairWalk {
                            tree,
                            bits: &bits,
                            drawn,
                            weights,
                            share,
                            gains,
                            losses,
                            matrices,
                        };
                        walk.visit(0);
                    }
                }
            }
        }
        let outputs = values.chunks_exact(square.max(1)).zip(margins).zip(&self.base);
        for (output, ((values, margin), base)) in outputs.enumerate() {
            additive(0, output, *base, values, *margin)?;
        }
        Ok(())
    }
}

impl Explained {
    fn new(model: &Model, tree: Tree, drawn: Option<&[Input]>, base: &mut [f64]) -> Self {
        let players = Paths::of(&tree).players;
        let against = match drawn {
            None => {
                add_expected(&tree, 0, 1.0, base);
                Against::Shares(Quadrature::new(players.div_ceil(2).max(1)))
            }
            Some(drawn) => {
                let bits: Vec<_> = drawn.iter().map(|row| tree.bits_of(model, row)).collect();
                let share = 1.0 / game::real(bits.len().max(1));
                bits.iter().for_each(|bits| add_reached(&tree, bits, share, base));
                Against::Background { bits, weights: Weights::new(players) }
            }
        };
        Self { tree, against }
    }
}

/// A matrix of contract features per output.
struct Matrices<'a> {
    features: usize,
    places: &'a [usize],
    values: &'a mut [f64],
}

impl Matrices<'_> {
    /// Adds to one place.
    fn add(&mut self, output: usize, i: usize, j: usize, value: f64) {
        let place = |column: usize| self.places.get(column).copied().unwrap_or(0);
        let at = (output * self.features + place(i)) * self.features + place(j);
        if let Some(sum) = self.values.get_mut(at) {
            *sum += value;
        }
    }
    /// Adds half of an interaction index to both places of a pair, and takes it from both
    /// players' own.
    fn add_pair(&mut self, output: usize, i: usize, j: usize, index: f64) {
        let half = index / 2.0;
        self.add(output, i, j, half);
        self.add(output, j, i, half);
        self.add(output, i, i, -half);
        self.add(output, j, j, -half);
    }
}

/// A player on the way down.
#[derive(Clone, Copy, Debug)]
struct Player {
    column: usize,
    agrees: f64,
    satisfied: bool,
}

/// One row of one tree, against the shares of the training rows.
struct ShareWalk<'a, 'm> {
    tree: &'a Tree,
    bits: &'a [u8],
    quadrature: &'a Quadrature,
    players: Vec<Player>,
    matrices: &'a mut Matrices<'m>,
}

impl ShareWalk<'_, '_> {
    fn visit(&mut self, node: usize) {
        match self.tree.nodes.get(node).copied() {
            Some(Node::Split(split)) => {
                for (step, child) in Step::both(&split) {
                    self.descend(step, child);
                }
            }
            Some(Node::Leaf(first)) => self.leaf(first),
            None => {}
        }
    }

    fn descend(&mut self, step: Step, child: usize) {
        let agrees_here = self.bits.get(step.test).copied() == Some(step.bit);
        let known = self.players.iter().position(|player| player.column == step.column);
        let before = known.and_then(|place| self.players.get(place).copied());
        let player = Player {
            column: step.column,
            agrees: before.map_or(1.0, |player| player.agrees) * step.share,
            satisfied: before.is_none_or(|player| player.satisfied) && agrees_here,
        };
        // Nobody comes here; and below, this keeps what is divided by above zero.
        if player.agrees <= 0.0 && !player.satisfied {
            return;
        }
        match known {
            Some(place) => self.players[place] = player,
            None => self.players.push(player),
        }
        self.visit(child);
        match (known, before) {
            (Some(place), Some(before)) => self.players[place] = before,
            _ => drop(self.players.pop()),
        }
    }

    fn leaf(&mut self, first: usize) {
        let count = self.players.len();
        // For each player its slope over its factor, at one point after the other.
        let mut parts = vec![0.0; count];
        let mut own = vec![0.0; count];
        let mut pairs = vec![0.0; count * count];
        for (t, weight) in self.quadrature.points.iter().zip(&self.quadrature.weights) {
            let mut product = *weight;
            for (part, player) in parts.iter_mut().zip(&self.players) {
                let slope = f64::from(u8::from(player.satisfied)) - player.agrees;
                let factor = player.agrees + slope * t;
                product *= factor;
                *part = slope / factor;
            }
            for (i, part) in parts.iter().enumerate() {
                own[i] += product * part;
                for (j, other) in parts.iter().enumerate().take(i) {
                    pairs[i * count + j] += product * part * other;
                }
            }
        }
        let tree = self.tree;
        for (output, value) in (tree.output..).zip(tree.leaf(first)) {
            for (i, player) in self.players.iter().enumerate() {
                self.matrices.add(output, player.column, player.column, value * own[i]);
                for (j, other) in self.players.iter().enumerate().take(i) {
                    let index = value * pairs[i * count + j];
                    self.matrices.add_pair(output, player.column, other.column, index);
                }
            }
        }
    }
}

/// One explained and one drawn row on one tree.
struct PairWalk<'a, 'm> {
    tree: &'a Tree,
    bits: &'a [u8],
    drawn: &'a [u8],
    weights: &'a Weights,
    share: f64,
    /// Columns that only the explained row, and only the drawn row, agrees with on the way.
    gains: Vec<usize>,
    losses: Vec<usize>,
    matrices: &'a mut Matrices<'m>,
}

impl PairWalk<'_, '_> {
    fn visit(&mut self, node: usize) {
        match self.tree.nodes.get(node).copied() {
            Some(Node::Leaf(first)) => self.leaf(first),
            Some(Node::Split(split)) => {
                let (to, drawn_to) = (child(&split, self.bits), child(&split, self.drawn));
                if to == drawn_to || self.gains.contains(&split.column) {
                    self.visit(to);
                } else if self.losses.contains(&split.column) {
                    self.visit(drawn_to);
                } else {
                    self.gains.push(split.column);
                    self.visit(to);
                    self.gains.pop();
                    self.losses.push(split.column);
                    self.visit(drawn_to);
                    self.losses.pop();
                }
            }
            None => {}
        }
    }

    fn leaf(&mut self, first: usize) {
        let (a, m) = (self.gains.len(), self.losses.len());
        let weight = |p: Option<usize>, q: Option<usize>| match (p, q) {
            (Some(p), Some(q)) => self.weights.get(p, q),
            _ => 0.0,
        };
        let gain = weight(a.checked_sub(1), Some(m));
        let loss = weight(Some(a), m.checked_sub(1));
        let both_gain = weight(a.checked_sub(2), Some(m));
        let both_lose = weight(Some(a), m.checked_sub(2));
        let mixed = weight(a.checked_sub(1), m.checked_sub(1));
        let tree = self.tree;
        for (output, value) in (tree.output..).zip(tree.leaf(first)) {
            let value = value * self.share;
            for (place, i) in self.gains.iter().enumerate() {
                self.matrices.add(output, *i, *i, value * gain);
                for j in self.gains.iter().take(place) {
                    self.matrices.add_pair(output, *i, *j, value * both_gain);
                }
                for j in &self.losses {
                    self.matrices.add_pair(output, *i, *j, -value * mixed);
                }
            }
            for (place, i) in self.losses.iter().enumerate() {
                self.matrices.add(output, *i, *i, -value * loss);
                for j in self.losses.iter().take(place) {
                    self.matrices.add_pair(output, *i, *j, value * both_lose);
                }
            }
        }
    }
}
