//! Tree ensembles, searched best first: the first point taken from the queue that flips the
//! decision is the cheapest there is.
//!
//! A node of the search is a box: for each changeable feature a set of its values. Its cost
//! is that of its cheapest point. Trees are reduced to what changeable features decide; the
//! least that each can still add in a box bounds what the ensemble can reach there, so boxes
//! that cannot flip are thrown away. A box is split where its cheapest point and the leaf
//! that would help most part ways, as in Chen et al., "Robustness verification of tree-based
//! models" (NeurIPS 2019) and Devos et al., "Versatile verification of tree ensembles"
//! (ICML 2021).

use super::{Budget, MAX_CHANGES, Space};
use plimsoll_model::{LeafValues, Node, Tree};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Boxes that wait at once: with ten domains, some 20 MiB.
const MAX_BOXES: usize = 1 << 16;

/// What changeable features decide of an ensemble, turned so that more is better.
pub(crate) struct Ensemble {
    nodes: Vec<Reduced>,
    /// The root of each tree that changeable features decide in.
    roots: Vec<usize>,
    /// What the ensemble must reach.
    needed: f64,
}

/// A node of a reduced tree.
#[derive(Clone, Copy, Debug)]
enum Reduced {
    Leaf(f64),
    Split {
        domain: usize,
        /// The values that go left, a bit for each.
        lefts: u128,
        left: usize,
        right: usize,
    },
}

/// How an answer follows from its margin.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Identity,
    Logistic,
    Exponential,
}

impl Link {
    fn answer(self, margin: f64) -> f64 {
        match self {
            Self::Identity => margin,
            Self::Logistic => 1.0 / (1.0 + (-margin).exp()),
            Self::Exponential => margin.exp(),
        }
    }
    /// The margin of an answer; infinite where no margin gives it.
    fn margin(self, answer: f64) -> f64 {
        match self {
            Self::Identity => answer,
            Self::Logistic => (answer / (1.0 - answer)).ln(),
            Self::Exponential => answer.ln(),
        }
    }
}

impl Ensemble {
    /// The ensemble around a row whose answer is `now`; `None` for models that are no plain
    /// ensemble of trees with one margin and a known link.
    pub(super) fn new(space: &Space<'_>, now: f64) -> Option<Self> {
        let model = space.decided.model;
        if model.margin_count() != 1 || model.output().count != 1 || model.pipeline().is_some() {
            return None;
        }
        if model.trees().len() == 0 || model.linear().is_some() {
            return None;
        }
        let mut margins = [0.0];
        model.margins(&space.inputs, &mut margins).ok()?;
        let [margin] = margins;
        let close = |link: &Link| (link.answer(margin) - now).abs() <= 1e-5 * (1.0 + now.abs());
        let link = [Link::Logistic, Link::Exponential, Link::Identity].into_iter().find(close)?;
        let target = link.margin(space.threshold);
        if !target.is_finite() {
            return None;
        }
        let sign = if space.lower { -1.0 } else { 1.0 };
        let mut ensemble = Self { nodes: Vec::new(), roots: Vec::new(), needed: 0.0 };
        let scale = sign / model.tree_divisor();
        for tree in model.trees() {
            let root = ensemble.reduce(space, &tree, 0, scale)?;
            if matches!(ensemble.nodes.get(root), Some(Reduced::Split { .. })) {
                ensemble.roots.push(root);
            } else {
                ensemble.nodes.truncate(root);
            }
        }
        // What the present point scores stands for its margin: only differences count. Margins
        // may be sums in 32 bits, so that a little more than enough is asked for.
        let slack = 1e-6 * (1.0 + margin.abs());
        let present = ensemble.score(&space.start());
        ensemble.needed = present + sign * (target - margin) + slack;
        Some(ensemble)
    }

    /// Adds what is left of `tree` below `index` for this row; returns where.
    fn reduce(
        &mut self,
        space: &Space<'_>,
        tree: &Tree<'_>,
        index: usize,
        scale: f64,
    ) -> Option<usize> {
        match tree.node(index)? {
            Node::Leaf { values, .. } => {
                let value = match values {
                    LeafValues::One(value) => value,
                    LeafValues::PerMargin(values) => *values.first()?,
                };
                self.nodes.push(Reduced::Leaf(value * scale));
                Some(self.nodes.len() - 1)
            }
            Node::Split { feature, left, right, .. } => {
                let domain = space.domains.iter().position(|domain| domain.input == feature);
                let Some(domain) = domain else {
                    let goes_left = tree.goes_left(index, *space.inputs.get(feature)?)?;
                    return self.reduce(space, tree, if goes_left { left } else { right }, scale);
                };
                let values = &space.domains.get(domain)?.values;
                let mut lefts = 0_u128;
                for (bit, value) in values.iter().enumerate() {
                    lefts |= u128::from(tree.goes_left(index, *value)?) << bit;
                }
                let all = everything(values.len());
                if lefts == 0 || lefts == all {
                    let child = if lefts == 0 { right } else { left };
                    return self.reduce(space, tree, child, scale);
                }
                let at = self.nodes.len();
                self.nodes.push(Reduced::Leaf(0.0));
                let left = self.reduce(space, tree, left, scale)?;
                let right = self.reduce(space, tree, right, scale)?;
                *self.nodes.get_mut(at)? = Reduced::Split { domain, lefts, left, right };
                Some(at)
            }
        }
    }

    fn score(&self, point: &[usize]) -> f64 {
        let leaves = self.roots.iter().map(|root| self.leaf(*root, point).0);
        leaves.sum()
    }

    /// The value of the leaf that `point` reaches from `node`, and the nodes on the way.
    fn leaf(&self, mut node: usize, point: &[usize]) -> (f64, u64) {
        let mut visits = 1;
        loop {
            match self.nodes.get(node) {
                Some(Reduced::Split { domain, lefts, left, right }) => {
                    let bit = point.get(*domain).copied().unwrap_or_default();
                    node = if lefts >> bit & 1 == 1 { *left } else { *right };
                    visits += 1;
                }
                Some(Reduced::Leaf(value)) => return (*value, visits),
                None => return (0.0, visits),
            }
        }
    }

    /// How far `point` is beyond what is needed; `None` without budget.
    pub(super) fn gain(&self, point: &[usize], budget: &mut Budget) -> Option<f64> {
        let (mut sum, mut visits) = (0.0, 0);
        for root in &self.roots {
            let (value, seen) = self.leaf(*root, point);
            sum += value;
            visits += seen;
        }
        budget.spend(visits).then_some(sum - self.needed)
    }

    /// The most that the tree below `node` can add within `sets`, and where that leaf is.
    fn most(&self, node: usize, sets: &[u128], visits: &mut u64) -> (f64, usize) {
        *visits += 1;
        match self.nodes.get(node) {
            Some(Reduced::Split { domain, lefts, left, right }) => {
                let set = sets.get(*domain).copied().unwrap_or_default();
                match (set & lefts != 0, set & !lefts != 0) {
                    (true, false) => self.most(*left, sets, visits),
                    (false, true) => self.most(*right, sets, visits),
                    _ => {
                        let left = self.most(*left, sets, visits);
                        let right = self.most(*right, sets, visits);
                        if left.0 >= right.0 { left } else { right }
                    }
                }
            }
            Some(Reduced::Leaf(value)) => (*value, node),
            None => (0.0, node),
        }
    }

    /// The first split on the way to the best leaf of `root` that `point` leaves it at.
    fn parting(&self, root: usize, best: usize, point: &[usize]) -> Option<(usize, u128)> {
        let mut node = root;
        while let Some(Reduced::Split { domain, lefts, left, right }) = self.nodes.get(node) {
            // Nodes stand in the order of a walk: the right part begins at `right`.
            let wants_left = best < *right;
            let bit = point.get(*domain).copied()?;
            let goes_left = lefts >> bit & 1 == 1;
            if wants_left != goes_left {
                return Some((*domain, *lefts));
            }
            node = if goes_left { *left } else { *right };
        }
        None
    }
}

/// The lowest `count` bits.
fn everything(count: usize) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

/// A box, cheapest first out of the queue.
struct Boxed {
    cost: f64,
    /// Order of making, so that equal costs come out the same way every time.
    serial: usize,
    sets: Box<[u128]>,
}

impl PartialEq for Boxed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Boxed {}
impl PartialOrd for Boxed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Boxed {
    fn cmp(&self, other: &Self) -> Ordering {
        other.cost.total_cmp(&self.cost).then(other.serial.cmp(&self.serial))
    }
}

/// The cheapest point that flips, cheaper than `known`; and whether the search was complete,
/// so that there is no cheaper one.
pub(super) fn search(
    space: &Space<'_>,
    ensemble: &Ensemble,
    known: Option<&[usize]>,
    budget: &mut Budget,
) -> (Option<Vec<usize>>, bool) {
    let ceiling = known.map_or(f64::INFINITY, |point| space.cost(point));
    let sets = space.domains.iter().map(|domain| everything(domain.values.len())).collect();
    let mut queue = BinaryHeap::from([Boxed { cost: 0.0, serial: 0, sets }]);
    let mut serial = 0;
    while let Some(boxed) = queue.pop() {
        if boxed.cost >= ceiling {
            return (None, true);
        }
        // Values stand cheapest first: the lowest bit is the cheapest value.
        let point: Vec<usize> =
            boxed.sets.iter().map(|set| set.trailing_zeros() as usize).collect();
        let Some(split) = look(ensemble, &boxed.sets, &point, budget) else {
            return (None, false);
        };
        let (domain, lefts) = match split {
            Look::Flips => return (Some(point), true),
            Look::Hopeless => continue,
            Look::Split(domain, lefts) => (domain, lefts),
        };
        if queue.len() + 2 > MAX_BOXES {
            return (None, false);
        }
        for half in [lefts, !lefts] {
            let mut sets = boxed.sets.clone();
            let Some(set) = sets.get_mut(domain) else { continue };
            *set &= half;
            if *set == 0 {
                continue;
            }
            let cheapest: Vec<usize> =
                sets.iter().map(|set| set.trailing_zeros() as usize).collect();
            if space.changed(&cheapest) > MAX_CHANGES {
                continue;
            }
            serial += 1;
            queue.push(Boxed { cost: space.cost(&cheapest), serial, sets });
        }
    }
    (None, true)
}

/// What a look at a box told.
enum Look {
    /// Its cheapest point flips the decision.
    Flips,
    /// No point in it does.
    Hopeless,
    /// It may: split this domain into these values and the others.
    Split(usize, u128),
}

/// Looks at a box; `None` without budget.
fn look(ensemble: &Ensemble, sets: &[u128], point: &[usize], budget: &mut Budget) -> Option<Look> {
    let (mut sum, mut bound, mut visits) = (0.0, 0.0, 0);
    let mut widest: Option<(f64, usize, usize)> = None;
    for root in &ensemble.roots {
        let (here, seen) = ensemble.leaf(*root, point);
        let (most, best) = ensemble.most(*root, sets, &mut visits);
        visits += seen;
        sum += here;
        bound += most;
        if most > here && widest.is_none_or(|(gap, ..)| most - here > gap) {
            widest = Some((most - here, *root, best));
        }
    }
    if !budget.spend(visits) {
        return None;
    }
    if sum >= ensemble.needed {
        return Some(Look::Flips);
    }
    if bound < ensemble.needed {
        return Some(Look::Hopeless);
    }
    let (_, root, best) = widest?;
    let (domain, lefts) = ensemble.parting(root, best, point)?;
    Some(Look::Split(domain, lefts))
}
