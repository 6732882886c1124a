//! Cuts a tree into groups: small subtrees whose contributions are looked up in one table.
//!
//! A node becomes a group as soon as the conditions that lead to it and the tests below it are
//! few enough to index a table. Conditions of one column on the way down count once: only
//! whether all of them hold matters to the leaves.
//!
//! This file must not know how tables are stored or looked up.

use super::forest::{Node, Split, Tree};
use super::game::{self, Weights};

/// The most conditions of a single leaf: its table has 1,024 entries of at most ten values.
pub(super) const LEAF_CONDITIONS_MAX: usize = 10;

/// A test on the way down, and the bit that stays on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) column: usize,
    pub(super) test: usize,
    pub(super) bit: u8,
    /// Share of the training rows that went this way.
    pub(super) share: f64,
}

impl Step {
    /// The steps to the two children of a split, left first.
    pub(super) fn both(split: &Split) -> [(Self, usize); 2] {
        let step = |bit, share| Self { column: split.column, test: split.test, bit, share };
        [
            (step(split.left_bit, split.shares[0]), split.left),
            (step(1 - split.left_bit, split.shares[1]), split.right),
        ]
    }
}

/// One bit of a table's index.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// The bit of a test, as it is.
    Test(usize),
    /// Whether each of these tests has this bit.
    All(Vec<(usize, u8)>),
}

/// What a player of a leaf asks of the index of its group.
#[derive(Clone, Copy, Debug)]
struct Player {
    column: usize,
    /// The chance that a training row stays on its path.
    agrees: f64,
    mask: usize,
    want: usize,
}

/// A leaf of a group.
#[derive(Clone, Debug)]
struct Leaf {
    players: Vec<Player>,
    first: usize,
}

/// A subtree that is looked up in one table.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The bits of the index, the highest first.
    pub(super) conditions: Vec<Condition>,
    leaves: Vec<Leaf>,
    /// The columns with a part in it, ascending.
    pub(super) columns: Vec<usize>,
}

/// Cuts `tree` into groups of at most `bits` conditions; a leaf alone may have
/// [`LEAF_CONDITIONS_MAX`]. `None` if a leaf has more.
pub(super) fn cut(tree: &Tree, bits: usize) -> Option<Vec<Group>> {
    let mut cutter = Cutter { tree, bits, inner: inner_counts(tree), groups: Vec::new() };
    cutter.visit(0, &mut Vec::new())?;
    Some(cutter.groups)
}

/// How many tests are at and below each node. Children come after their parents.
fn inner_counts(tree: &Tree) -> Vec<usize> {
    let mut counts = vec![0_usize; tree.nodes.len()];
    for (index, node) in tree.nodes.iter().enumerate().rev() {
        if let Node::Split(split) = node {
            let below = |child: usize| counts.get(child).copied().unwrap_or(0);
            counts[index] = 1 + below(split.left) + below(split.right);
        }
    }
    counts
}

struct Cutter<'a> {
    tree: &'a Tree,
    bits: usize,
    inner: Vec<usize>,
    groups: Vec<Group>,
}

impl Cutter<'_> {
    fn visit(&mut self, node: usize, path: &mut Vec<Step>) -> Option<()> {
        let above = columns(path).len();
        match self.tree.nodes.get(node)? {
            Node::Leaf(_) if above > LEAF_CONDITIONS_MAX => return None,
            Node::Split(split) if above + self.inner[node] > self.bits => {
                for (step, child) in Step::both(split) {
                    path.push(step);
                    self.visit(child, path)?;
                    path.pop();
                }
            }
            Node::Leaf(_) | Node::Split(_) => self.groups.push(group(self.tree, node, path)),
        }
        Some(())
    }
}

/// The columns of `path` in the order in which they come.
fn columns(path: &[Step]) -> Vec<usize> {
    let mut columns = Vec::new();
    for step in path {
        if !columns.contains(&step.column) {
            columns.push(step.column);
        }
    }
    columns
}

/// The group of the subtree at `node`, which `path` leads to.
fn group(tree: &Tree, node: usize, path: &[Step]) -> Group {
    let mut group = Group { conditions: Vec::new(), leaves: Vec::new(), columns: Vec::new() };
    let mut wanted = Vec::new();
    for column in columns(path) {
        let steps: Vec<_> = path.iter().filter(|step| step.column == column).collect();
        let agrees = steps.iter().map(|step| step.share).product::<f64>();
        match steps[..] {
            [only] => {
                group.conditions.push(Condition::Test(only.test));
                wanted.push((column, agrees, only.bit));
            }
            _ => {
                let all = steps.iter().map(|step| (step.test, step.bit)).collect();
                group.conditions.push(Condition::All(all));
                wanted.push((column, agrees, 1));
            }
        }
    }
    let mut inner = Vec::new();
    collect(tree, node, &mut Vec::new(), &mut group.conditions, &mut inner);
    let bits = group.conditions.len();
    let place = |condition: usize| bits - 1 - condition;
    for (first, steps) in inner {
        let mut players: Vec<Player> = Vec::new();
        let above = wanted
            .iter()
            .enumerate()
            .map(|(index, &(column, agrees, bit))| (column, agrees, place(index), bit));
        let below = steps.iter().map(|(condition, step): &(usize, Step)| {
            (step.column, step.share, place(*condition), step.bit)
        });
        for (column, agrees, place, bit) in above.chain(below) {
            let (mask, want) = (1 << place, usize::from(bit) << place);
            match players.iter_mut().find(|player| player.column == column) {
                Some(player) => {
                    player.agrees *= agrees;
                    player.mask |= mask;
                    player.want |= want;
                }
                None => players.push(Player { column, agrees, mask, want }),
            }
        }
        group.columns.extend(players.iter().map(|player| player.column));
        group.leaves.push(Leaf { players, first });
    }
    group.columns.sort_unstable();
    group.columns.dedup();
    group
}

/// A step inside a group, with the condition that its test is.
type InnerStep = (usize, Step);

/// Every leaf below `node` with the steps to it; every test becomes a condition.
fn collect(
    tree: &Tree,
    node: usize,
    path: &mut Vec<InnerStep>,
    conditions: &mut Vec<Condition>,
    leaves: &mut Vec<(usize, Vec<InnerStep>)>,
) {
    match tree.nodes.get(node) {
        Some(Node::Split(split)) => {
            let condition = conditions.len();
            conditions.push(Condition::Test(split.test));
            for (step, child) in Step::both(split) {
                path.push((condition, step));
                collect(tree, child, path, conditions, leaves);
                path.pop();
            }
        }
        Some(Node::Leaf(first)) => leaves.push((*first, path.clone())),
        None => {}
    }
}

/// The rows a group's leaves are weighed against.
#[derive(Clone, Copy)]
pub(super) enum Drawn<'a> {
    /// Each player alone, by the shares of the training rows.
    Independent,
    /// The bits of the background's rows, one slice of tests per row.
    Rows(&'a [Vec<u8>]),
}

/// The contributions of a group: `2^conditions` entries of one value per output of the tree
/// and column of the group.
pub(super) struct Contributions {
    /// Values per entry: for each output, one per column.
    pub(super) width: usize,
    pub(super) values: Vec<f64>,
    /// What the group adds to the base value of each output.
    pub(super) base: Vec<f64>,
}

impl Group {
    /// Values of one entry of its table.
    pub(super) fn width(&self, tree: &Tree) -> usize {
        tree.width * self.columns.len()
    }

    /// Fills the table.
    pub(super) fn contributions(
        &self,
        tree: &Tree,
        drawn: Drawn<'_>,
        weights: &Weights,
    ) -> Contributions {
        let patterns = 1_usize << self.conditions.len();
        let width = self.width(tree);
        let seen = match drawn {
            Drawn::Independent => Vec::new(),
            Drawn::Rows(rows) => self.patterns_of(rows),
        };
        let mut values = vec![0.0; patterns * width];
        let mut base = vec![0.0; tree.width];
        for leaf in &self.leaves {
            let players = leaf.players.len();
            let everyone = (1_usize << players) - 1;
            let satisfied: Vec<usize> = (0..patterns).map(|p| leaf.satisfied(p)).collect();
            let chances = match drawn {
                Drawn::Independent => {
                    let agrees: Vec<f64> = leaf.players.iter().map(|p| p.agrees).collect();
                    game::independent(&agrees)
                }
                Drawn::Rows(_) => {
                    let mut chances = vec![0.0; everyone + 1];
                    for (pattern, share) in &seen {
                        chances[everyone & !satisfied[*pattern]] += share;
                    }
                    chances
                }
            };
            let unit = game::shapley(&chances, players, weights);
            let outputs = tree.leaf(leaf.first);
            base.iter_mut().zip(outputs).for_each(|(base, value)| *base += value * chances[0]);
            let slots: Vec<usize> = leaf
                .players
                .iter()
                .map(|player| self.columns.partition_point(|c| *c < player.column))
                .collect();
            for (entry, set) in values.chunks_exact_mut(width).zip(satisfied) {
                let unit = &unit[set * players..][..players];
                for (entry, value) in entry.chunks_exact_mut(self.columns.len()).zip(outputs) {
                    for (slot, unit) in slots.iter().zip(unit) {
                        entry[*slot] += value * unit;
                    }
                }
            }
        }
        Contributions { width, values, base }
    }

    /// The patterns of `rows` with the share of the rows that has each, ascending.
    fn patterns_of(&self, rows: &[Vec<u8>]) -> Vec<(usize, f64)> {
        let mut patterns: Vec<usize> = rows.iter().map(|bits| self.pattern(bits)).collect();
        patterns.sort_unstable();
        let share = 1.0 / game::real(rows.len().max(1));
        patterns
            .chunk_by(|a, b| a == b)
            .filter_map(|same| Some((*same.first()?, game::real(same.len()) * share)))
            .collect()
    }

    /// The index of a row with these bits of tests.
    fn pattern(&self, bits: &[u8]) -> usize {
        let bit = |test: usize| bits.get(test).copied().unwrap_or(0);
        self.conditions.iter().fold(0, |pattern, condition| {
            let holds = match condition {
                Condition::Test(test) => bit(*test) == 1,
                Condition::All(all) => all.iter().all(|(test, want)| bit(*test) == *want),
            };
            pattern << 1 | usize::from(holds)
        })
    }
}

impl Leaf {
    /// The players that a row with this pattern satisfies.
    fn satisfied(&self, pattern: usize) -> usize {
        self.players.iter().enumerate().fold(0, |set, (index, player)| {
            set | usize::from(pattern & player.mask == player.want) << index
        })
    }
}
