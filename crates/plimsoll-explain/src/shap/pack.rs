//! The explainer pack: the tables of a model's trees, and the programs that index them.
//!
//! Built once per model and background. Bytes of tables are counted before any is allocated;
//! trees that do not fit are left to `deep.rs`, which needs no table.
//!
//! This file must not know how tables are looked up quickly; see `lookup.rs`.

use plimsoll_model::Model;

use super::forest::{Compare, Other, Tree};
use super::game::Weights;
use super::group::{self, Condition, Contributions, Drawn, Group, LEAF_CONDITIONS_MAX};
use super::input::Input;

/// Four contributions: the unit of tables.
pub(super) type Quad = [f32; 4];

/// The most quads that one look-up adds; wider entries are split.
pub(super) const QUADS_MAX: usize = 4;

/// Tests of a tree with tables: 64 rows of their bits take 64 KiB, which a second-level cache
/// holds beside the tables.
pub(super) const TESTS_MAX: usize = 1024;

/// Quads of all tables: 32 GiB, so that 32 bits name each.
const QUADS_TOTAL_MAX: usize = 1 << 31;

/// Conditions that a group is cut for. More make fewer, larger tables; at eight the entries a
/// block of rows touches still stay in a second-level cache.
const BITS: std::ops::RangeInclusive<usize> = 4..=9;

/// A comparison on a place of [`Pack::columns`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnCompare {
    pub(super) column: u32,
    pub(super) flip: u32,
    pub(super) threshold: f32,
}

/// Another test, on a place of [`Pack::values`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnOther {
    pub(super) column: u32,
    pub(super) test: Other,
}

/// A conjunction of tests: its bit follows those of the tests.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct All {
    /// Bits of tests, and what each must be.
    pub(super) of: Box<[(u16, u8)]>,
}

/// One table and how it is indexed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup {
    /// The first quad of the table; [`QUADS_TOTAL_MAX`] bounds them.
    pub(super) table: u32,
    /// How many bits index it: of [`PackedTree::index`], those after the lookup before.
    pub(super) bits: u8,
    /// Quads per entry, and so many of [`PackedTree::slots`].
    pub(super) quads: u8,
}

/// A tree that is explained from tables.
#[derive(Clone, Debug)]
pub(super) struct PackedTree {
    /// Its place among the model's trees.
    pub(super) tree: usize,
    pub(super) compares: Vec<ColumnCompare>,
    pub(super) others: Vec<ColumnOther>,
    pub(super) all: Vec<All>,
    pub(super) lookups: Vec<Lookup>,
    /// The bits that index the tables, one lookup after the other, the highest first.
    pub(super) index: Vec<u16>,
    /// The sums that each quad of an entry is added to, one lookup after the other.
    pub(super) slots: Vec<[u16; 4]>,
    /// The contribution that each sum of the tree belongs to.
    pub(super) targets: Vec<usize>,
}

impl PackedTree {
    /// Bits that its lookups index with.
    pub(super) fn bits(&self) -> usize {
        self.compares.len() + self.others.len() + self.all.len()
    }
    /// Sums that its lookups add to; the last three belong to nobody, and fill up quads.
    pub(super) fn sums(&self) -> usize {
        self.targets.len() + FILLERS
    }
}

/// Sums that belong to nobody: a quad is filled up with at most three different ones.
const FILLERS: usize = 3;

/// What packing needs to know of the model.
pub(super) struct Plan<'a> {
    pub(super) model: &'a Model,
    /// The contract feature of each column.
    pub(super) places: &'a [usize],
    /// Contract features.
    pub(super) features: usize,
    /// Most bytes of tables of one tree.
    pub(super) tree_bytes_max: usize,
    /// Most bytes of all tables.
    pub(super) bytes_max: usize,
    /// The rows of the background, if there is one.
    pub(super) background: Option<&'a [Input]>,
}

/// All tables of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Pack {
    /// The columns whose codes are compared.
    pub(super) columns: Vec<usize>,
    /// The columns whose values other tests look at.
    pub(super) values: Vec<usize>,
    pub(super) trees: Vec<PackedTree>,
    pub(super) quads: Vec<Quad>,
    /// What the trees add to the base value of each output.
    pub(super) base: Vec<f64>,
    /// Most bits of a tree.
    pub(super) bits_max: usize,
    /// Most sums of a tree.
    pub(super) sums_max: usize,
}

/// Packs the trees that fit, and gives back the others.
pub(super) fn pack(trees: Vec<Tree>, outputs: usize, plan: &Plan<'_>) -> (Pack, Vec<Tree>) {
    let mut pack = Pack { base: vec![0.0; outputs], ..Pack::default() };
    let weights = Weights::new(LEAF_CONDITIONS_MAX.max(*BITS.end()));
    let mut columns = vec![None; plan.places.len()];
    let mut values = columns.clone();
    let mut deep = Vec::new();
    for tree in trees {
        if tree.tests() == 0 {
            // A constant is known before anything is known about the row.
            let bases = pack.base.iter_mut().skip(tree.output);
            bases.zip(tree.leaf(0)).for_each(|(base, value)| *base += value);
            continue;
        }
        let bytes_max = plan.bytes_max.min(QUADS_TOTAL_MAX * size_of::<Quad>());
        let left = bytes_max.saturating_sub(pack.quads.len() * size_of::<Quad>());
        match choose(&tree, left.min(plan.tree_bytes_max)) {
            Some(groups) => {
                let packed =
                    add(&mut pack, [&mut columns, &mut values], &tree, &groups, plan, &weights);
                pack.bits_max = pack.bits_max.max(packed.bits());
                pack.sums_max = pack.sums_max.max(packed.sums());
                pack.trees.push(packed);
            }
            None => deep.push(tree),
        }
    }
    (pack, deep)
}

/// The cut of `tree` with the fewest look-ups whose tables fit into `bytes_max`.
fn choose(tree: &Tree, bytes_max: usize) -> Option<Vec<Group>> {
    if tree.tests() > TESTS_MAX || tree.tests() * tree.width > SUMS_MAX {
        return None;
    }
    let mut best: Option<(usize, Vec<Group>)> = None;
    for bits in BITS {
        let groups = group::cut(tree, bits)?;
        let bytes: usize = groups.iter().map(|group| bytes(group, tree)).sum();
        if bytes > bytes_max || (best.is_some() && bytes > TREE_BYTES_GOAL) {
            break;
        }
        let cost = groups.iter().map(|group| cost(group, tree)).sum();
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, groups));
        }
    }
    best.map(|(_, groups)| groups)
}

/// Sums of a tree, which are numbered in 16 bits.
const SUMS_MAX: usize = 1 << 15;

/// Bytes of tables of a tree above which fewer look-ups no longer pay.
const TREE_BYTES_GOAL: usize = 192 << 10;

fn quads(group: &Group, tree: &Tree) -> usize {
    group.width(tree).div_ceil(4)
}

fn bytes(group: &Group, tree: &Tree) -> usize {
    (quads(group, tree) * size_of::<Quad>()) << group.conditions.len()
}

/// What a look-up costs, roughly: adding a quad is four times as much as a bit of the index.
fn cost(group: &Group, tree: &Tree) -> usize {
    quads(group, tree) * 4 + group.conditions.len()
}

fn add(
    pack: &mut Pack,
    [columns, values]: [&mut [Option<u32>]; 2],
    tree: &Tree,
    groups: &[Group],
    plan: &Plan<'_>,
    weights: &Weights,
) -> PackedTree {
    let compares = tree.compares.iter().map(|&Compare { column, flip, threshold }| {
        let column = place_of(column, columns, &mut pack.columns);
        ColumnCompare { column, flip, threshold }
    });
    let compares = compares.collect();
    let others = tree.others.iter().map(|test| {
        let column = place_of(test.column, values, &mut pack.values);
        ColumnOther { column, test: *test }
    });
    let others = others.collect();
    let mut packed = PackedTree {
        tree: tree.index,
        compares,
        others,
        all: Vec::new(),
        lookups: Vec::new(),
        index: Vec::new(),
        slots: Vec::new(),
        targets: Vec::new(),
    };
    let background: Option<Vec<Vec<u8>>> =
        plan.background.map(|rows| rows.iter().map(|row| tree.bits_of(plan.model, row)).collect());
    let drawn = background.as_deref().map_or(Drawn::Independent, Drawn::Rows);
    let targets: Vec<Vec<usize>> = groups.iter().map(|group| targets(group, tree, plan)).collect();
    packed.targets = targets.concat();
    packed.targets.sort_unstable();
    packed.targets.dedup();
    for (group, targets) in groups.iter().zip(targets) {
        let contributions = group.contributions(tree, drawn, weights);
        let bases = pack.base.iter_mut().skip(tree.output).zip(&contributions.base);
        bases.for_each(|(sum, base)| *sum += base);
        add_lookups(pack, &mut packed, tree.tests(), group, &contributions, &targets);
    }
    packed
}

/// The place of a column in a list of those that are looked at; a new one goes to its end.
fn place_of(column: usize, known: &mut [Option<u32>], list: &mut Vec<usize>) -> u32 {
    let next = u32::try_from(list.len()).unwrap_or(u32::MAX);
    let Some(known) = known.get_mut(column) else { return 0 };
    *known.get_or_insert_with(|| {
        list.push(column);
        next
    })
}

/// The contribution that each value of an entry of the group belongs to.
fn targets(group: &Group, tree: &Tree, plan: &Plan<'_>) -> Vec<usize> {
    (tree.output..tree.output + tree.width)
        .flat_map(|output| {
            group.columns.iter().map(move |column| {
                output * plan.features + plan.places.get(*column).copied().unwrap_or(0)
            })
        })
        .collect()
}

/// Stores the table of a group, in parts of at most [`QUADS_MAX`] quads per entry.
fn add_lookups(
    pack: &mut Pack,
    packed: &mut PackedTree,
    tests: usize,
    group: &Group,
    contributions: &Contributions,
    targets: &[usize],
) {
    let bits: Vec<u16> =
        group.conditions.iter().map(|condition| bit(&mut packed.all, tests, condition)).collect();
    // Columns of one contract feature share a sum: their values are added here.
    let mut distinct = targets.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    for part in distinct.chunks(4 * QUADS_MAX) {
        let quads = part.len().div_ceil(4);
        let table = u32::try_from(pack.quads.len()).unwrap_or(u32::MAX);
        let entries = contributions.values.chunks_exact(contributions.width.max(1));
        for entry in entries {
            let mut sums = [0.0_f64; 4 * QUADS_MAX];
            for (target, value) in targets.iter().zip(entry) {
                if let Ok(place) = part.binary_search(target) {
                    sums[place] += value;
                }
            }
            let (four, _) = sums.as_chunks::<4>();
            #[expect(clippy::cast_possible_truncation, reason = "tables are f32; sums are not")]
            pack.quads.extend(four.iter().take(quads).map(|four| four.map(|sum| sum as f32)));
        }
        let known = packed.targets.len();
        let own = part.iter().map(|target| packed.targets.partition_point(|t| t < target));
        let slots: Vec<u16> = own.chain(known..known + FILLERS).map(narrow).collect();
        packed.slots.extend(slots.as_chunks::<4>().0.iter().take(quads));
        packed.index.extend(&bits);
        packed.lookups.push(Lookup { table, bits: small(bits.len()), quads: small(quads) });
    }
}

/// The bit of a condition. Conjunctions are made once per tree.
fn bit(all: &mut Vec<All>, tests: usize, condition: &Condition) -> u16 {
    match condition {
        Condition::Test(test) => narrow(*test),
        Condition::All(of) => {
            let new = All { of: of.iter().map(|(test, bit)| (narrow(*test), *bit)).collect() };
            let known = all.iter().position(|known| *known == new);
            narrow(
                tests
                    + known.unwrap_or_else(|| {
                        all.push(new);
                        all.len() - 1
                    }),
            )
        }
    }
}

/// Bits of an index and quads of an entry are at most ten and four.
fn small(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// Bits and sums of a tree are bounded by its tests, conjunctions and outputs, all below 2^16.
fn narrow(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
