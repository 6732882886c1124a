//! Looks contributions up: 64 rows at a time in columns, or one row alone.
//!
//! Both add the same `f32` in the same order, tables of a tree in their order and trees in
//! theirs, and pass to `f64` after each tree: their results are equal to the bit, whatever the
//! processor. A block goes through three steps per tree, each over all rows before the next:
//! the bits of the tests, the index of each table from them, and the entries, which lie by row
//! and are wanted by feature: four quads of four rows are turned over in registers.
//!
//! `pulp` chooses AVX2 or AVX-512 at run time; its functions are safe, and so is this file.

use plimsoll_model::Model;

use super::forest::Compare;
use super::input::Input;
use super::pack::{Pack, PackedTree, Quad};

/// Rows of a block: one row's bits of a test fill a cache line, and the sums of 25 features
/// take a sixth of a first-level cache.
pub(super) const ROWS: usize = 64;

/// A column's codes in a block.
pub(super) type Column = [f32; ROWS];
/// A column's values in a block.
pub(super) type Values = [f64; ROWS];
/// A test's bits in a block.
pub(super) type Bits = [u8; ROWS];
/// A sum of one tree in a block.
pub(super) type Sums = [f32; ROWS];
/// A contribution in a block.
pub(super) type Totals = [f64; ROWS];

/// The instructions to use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lanes {
    /// Those that every processor of the target has.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl Lanes {
    /// The best that this processor has, but no better than `most`.
    pub(super) fn detect(most: super::Simd) -> Self {
        use super::Simd;
        #[cfg(target_arch = "x86_64")]
        match most {
            Simd::Portable => {}
            Simd::Avx512 => {
                if let Some(lanes) = pulp::x86::V4::try_new() {
                    return Self::Avx512(lanes);
                }
                return Self::detect(Simd::Avx2);
            }
            Simd::Avx2 => {
                if let Some(lanes) = pulp::x86::V3::try_new() {
                    return Self::Avx2(lanes);
                }
            }
        }
        let _ = most;
        Self::Portable
    }
    /// What it is.
    pub(super) fn simd(self) -> super::Simd {
        match self {
            Self::Portable => super::Simd::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => super::Simd::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => super::Simd::Avx512,
        }
    }
}

/// Blocks of rows, and room for what is found about them.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    pub(super) model: &'a Model,
    pub(super) pack: &'a Pack,
    /// For each block the codes of every column of the pack.
    pub(super) columns: &'a [Column],
    /// For each block the values of every column of the pack that other tests look at.
    pub(super) values: &'a [Values],
    /// Room for the bits of one tree.
    pub(super) bits: &'a mut [Bits],
    /// Room for the sums of one tree.
    pub(super) sums: &'a mut [Sums],
    /// For each block the contributions, which are added to.
    pub(super) totals: &'a mut [Totals],
    /// Contributions per block.
    pub(super) targets: usize,
}

impl Blocks<'_> {
    /// Adds the contributions of all packed trees.
    pub(super) fn run(self, lanes: Lanes) {
        if self.targets == 0 {
            return;
        }
        match lanes {
            Lanes::Portable => Run(Portable, self).all(),
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx2(lanes) => lanes.vectorize(Run(lanes, self)),
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx512(lanes) => lanes.vectorize(Run(lanes, self)),
        }
    }
}

/// One run over blocks with some instructions.
struct Run<'a, A>(A, Blocks<'a>);

#[cfg(target_arch = "x86_64")]
impl<A: Add> pulp::NullaryFnOnce for Run<'_, A> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.all();
    }
}

impl<A: Add> Run<'_, A> {
    /// A tree's tables are read for all blocks before the next tree's.
    #[inline(always)]
    fn all(self) {
        let Self(add, Blocks { model, pack, columns, values, bits, sums, totals, targets }) = self;
        let (width, others) = (pack.columns.len(), pack.values.len());
        for tree in &pack.trees {
            for (block, totals) in totals.chunks_exact_mut(targets).enumerate() {
                let columns = &columns[block * width..][..width];
                decide(tree, columns, bits);
                if !tree.others.is_empty() {
                    decide_others(model, tree, &values[block * others..][..others], bits);
                }
                conjoin(tree, bits);
                let sums = &mut sums[..tree.sums()];
                sums.fill([0.0; ROWS]);
                let (mut index, mut slots) = (&tree.index[..], &tree.slots[..]);
                for lookup in &tree.lookups {
                    let (own_index, own_slots);
                    (own_index, index) = index.split_at(usize::from(lookup.bits));
                    (own_slots, slots) = slots.split_at(usize::from(lookup.quads));
                    let table =
                        &pack.quads[lookup.table as usize..][..own_slots.len() << own_index.len()];
                    look_up(add, table, own_index, own_slots, bits, sums);
                }
                for (target, sums) in tree.targets.iter().zip(sums) {
                    let totals = &mut totals[*target];
                    totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += f64::from(*sum));
                }
            }
        }
    }
}

/// The bits of a tree's comparisons.
#[inline(always)]
fn decide(tree: &PackedTree, columns: &[Column], bits: &mut [Bits]) {
    for (test, bits) in tree.compares.iter().zip(bits) {
        let column = &columns[test.column as usize];
        for (bit, value) in bits.iter_mut().zip(column) {
            *bit = Compare::bit(test.flip, test.threshold, *value);
        }
    }
}

/// The bits of a tree's other tests, which follow those of its comparisons.
#[inline(never)]
fn decide_others(model: &Model, tree: &PackedTree, values: &[Values], bits: &mut [Bits]) {
    let view = model.trees().nth(tree.tree);
    for (other, bits) in tree.others.iter().zip(&mut bits[tree.compares.len()..]) {
        let values = &values[other.column as usize];
        bits.iter_mut().zip(values).for_each(|(bit, value)| *bit = other.test.bit(view, *value));
    }
}

/// The bits of a tree's conjunctions, which follow those of its tests.
#[inline(always)]
fn conjoin(tree: &PackedTree, bits: &mut [Bits]) {
    let (tests, rest) = bits.split_at_mut(tree.compares.len() + tree.others.len());
    for (all, bits) in tree.all.iter().zip(rest) {
        bits.fill(1);
        for (test, want) in &all.of {
            let test = &tests[usize::from(*test)];
            bits.iter_mut().zip(test).for_each(|(bit, test)| *bit &= test ^ want ^ 1);
        }
    }
}

#[inline(always)]
fn look_up<A: Add>(
    add: A,
    table: &[Quad],
    index: &[u16],
    slots: &[[u16; 4]],
    bits: &[Bits],
    sums: &mut [Sums],
) {
    if index.len() <= 8 {
        let index = indices(index, bits, |index: u8, bit| index << 1 | bit);
        entries(add, table, slots, &index, sums);
    } else {
        let index = indices(index, bits, |index: u16, bit| index << 1 | u16::from(bit));
        entries(add, table, slots, &index, sums);
    }
}

/// The index of each row, from the bits that make it up.
#[inline(always)]
fn indices<I: Copy + Default>(
    index: &[u16],
    bits: &[Bits],
    push: impl Fn(I, u8) -> I,
) -> [I; ROWS] {
    let mut indices = [I::default(); ROWS];
    for bit in index {
        let bits = &bits[usize::from(*bit)];
        indices.iter_mut().zip(bits).for_each(|(index, bit)| *index = push(*index, *bit));
    }
    indices
}

#[inline(always)]
fn entries<A: Add, I: Copy + Into<usize>>(
    add: A,
    table: &[Quad],
    slots: &[[u16; 4]],
    index: &[I; ROWS],
    sums: &mut [Sums],
) {
    match slots.len() {
        1 => add_all::<A, I, 1>(add, table, slots, index, sums),
        2 => add_all::<A, I, 2>(add, table, slots, index, sums),
        3 => add_all::<A, I, 3>(add, table, slots, index, sums),
        _ => add_all::<A, I, 4>(add, table, slots, index, sums),
    }
}

#[inline(always)]
fn add_all<A: Add, I: Copy + Into<usize>, const N: usize>(
    add: A,
    table: &[Quad],
    slots: &[[u16; 4]],
    index: &[I; ROWS],
    sums: &mut [Sums],
) {
    let table = table.as_chunks::<N>().0;
    if table.is_empty() {
        return;
    }
    for (quad, slots) in (0..N).zip(slots) {
        // The slots of a quad differ, and lie inside the sums: this always succeeds.
        let Ok(sums) = sums.get_disjoint_mut(slots.map(usize::from)) else { continue };
        // A table has a power of two of entries, which lets the compiler see that no index is
        // past its end.
        add.add(index, sums, |index: I| table[index.into() & (table.len() - 1)][quad]);
    }
}

/// Adds a quad of each row's entry to four sums.
trait Add: Copy {
    fn add<I: Copy>(self, index: &[I; ROWS], sums: [&mut Sums; 4], entry: impl Fn(I) -> Quad);
}

#[derive(Clone, Copy)]
struct Portable;

impl Add for Portable {
    #[inline(always)]
    fn add<I: Copy>(self, index: &[I; ROWS], sums: [&mut Sums; 4], entry: impl Fn(I) -> Quad) {
        let [a, b, c, d] = sums;
        for ((((index, a), b), c), d) in index.iter().zip(a).zip(b).zip(c).zip(d) {
            let quad = entry(*index);
            *a += quad[0];
            *b += quad[1];
            *c += quad[2];
            *d += quad[3];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::__m128;

    use pulp::cast;
    use pulp::x86::{V3, V4};

    use super::{Add, Quad, ROWS, Sums};

    /// First and third, second and fourth, of the halves of two registers.
    const LOW: i32 = 0b01_00_01_00;
    const HIGH: i32 = 0b11_10_11_10;

    impl Add for V3 {
        #[inline(always)]
        fn add<I: Copy>(self, index: &[I; ROWS], sums: [&mut Sums; 4], entry: impl Fn(I) -> Quad) {
            let avx = self.avx;
            let [a, b, c, d] = sums.map(|sums| sums.as_chunks_mut::<8>().0);
            for ((((index, a), b), c), d) in
                index.as_chunks::<8>().0.iter().zip(a).zip(b).zip(c).zip(d)
            {
                let quad = |row: usize| -> __m128 { cast(entry(index[row])) };
                // Rows r and r+4 in the halves of a register.
                let pair = |row: usize| {
                    let low = avx._mm256_castps128_ps256(quad(row));
                    avx._mm256_insertf128_ps::<1>(low, quad(row + 4))
                };
                let (p0, p1, p2, p3) = (pair(0), pair(1), pair(2), pair(3));
                let (l0, h0) = (avx._mm256_unpacklo_ps(p0, p1), avx._mm256_unpackhi_ps(p0, p1));
                let (l1, h1) = (avx._mm256_unpacklo_ps(p2, p3), avx._mm256_unpackhi_ps(p2, p3));
                *a = cast(avx._mm256_add_ps(cast(*a), avx._mm256_shuffle_ps::<LOW>(l0, l1)));
                *b = cast(avx._mm256_add_ps(cast(*b), avx._mm256_shuffle_ps::<HIGH>(l0, l1)));
                *c = cast(avx._mm256_add_ps(cast(*c), avx._mm256_shuffle_ps::<LOW>(h0, h1)));
                *d = cast(avx._mm256_add_ps(cast(*d), avx._mm256_shuffle_ps::<HIGH>(h0, h1)));
            }
        }
    }

    impl Add for V4 {
        #[inline(always)]
        fn add<I: Copy>(self, index: &[I; ROWS], sums: [&mut Sums; 4], entry: impl Fn(I) -> Quad) {
            let avx = self.avx512f;
            let [a, b, c, d] = sums.map(|sums| sums.as_chunks_mut::<16>().0);
            for ((((index, a), b), c), d) in
                index.as_chunks::<16>().0.iter().zip(a).zip(b).zip(c).zip(d)
            {
                let quad = |row: usize| -> __m128 { cast(entry(index[row])) };
                // Rows r, r+4, r+8 and r+12 in the quarters of a register.
                let four = |row: usize| {
                    let one = avx._mm512_castps128_ps512(quad(row));
                    let two = avx._mm512_insertf32x4::<1>(one, quad(row + 4));
                    let three = avx._mm512_insertf32x4::<2>(two, quad(row + 8));
                    avx._mm512_insertf32x4::<3>(three, quad(row + 12))
                };
                let (p0, p1, p2, p3) = (four(0), four(1), four(2), four(3));
                let (l0, h0) = (avx._mm512_unpacklo_ps(p0, p1), avx._mm512_unpackhi_ps(p0, p1));
                let (l1, h1) = (avx._mm512_unpacklo_ps(p2, p3), avx._mm512_unpackhi_ps(p2, p3));
                *a = cast(avx._mm512_add_ps(cast(*a), avx._mm512_shuffle_ps::<LOW>(l0, l1)));
                *b = cast(avx._mm512_add_ps(cast(*b), avx._mm512_shuffle_ps::<HIGH>(l0, l1)));
                *c = cast(avx._mm512_add_ps(cast(*c), avx._mm512_shuffle_ps::<LOW>(h0, h1)));
                *d = cast(avx._mm512_add_ps(cast(*d), avx._mm512_shuffle_ps::<HIGH>(h0, h1)));
            }
        }
    }
}

/// Room for one row.
#[derive(Debug, Default)]
pub(super) struct RowScratch {
    columns: Vec<f32>,
    bits: Vec<u8>,
    places: Vec<u32>,
    picked: Vec<Quad>,
    sums: Vec<f32>,
}

/// Adds the contributions of all packed trees to one row.
///
/// Tables are larger than near caches, and each is read in one place. So all places are found
/// first, then all are read, many at a time because none waits for another, and then added.
pub(super) fn row(
    model: &Model,
    pack: &Pack,
    row: &Input,
    scratch: &mut RowScratch,
    totals: &mut [f64],
) {
    let RowScratch { columns, bits, places, picked, sums } = scratch;
    columns.clear();
    columns.extend(pack.columns.iter().map(|column| row.codes[*column]));
    bits.resize(pack.bits_max, 0);
    sums.resize(pack.sums_max, 0.0);
    places.clear();
    for tree in &pack.trees {
        decide_row(model, tree, columns, row, bits);
        place_row(tree, bits, places);
    }
    picked.clear();
    picked.extend(places.iter().map(|place| pack.quads[*place as usize]));
    let mut picked = &picked[..];
    for tree in &pack.trees {
        let own;
        (own, picked) = picked.split_at(tree.slots.len());
        let sums = &mut sums[..tree.sums()];
        sums.fill(0.0);
        for (quad, slots) in own.iter().zip(&tree.slots) {
            for (value, slot) in quad.iter().zip(slots) {
                sums[usize::from(*slot)] += value;
            }
        }
        for (target, sum) in tree.targets.iter().zip(sums) {
            totals[*target] += f64::from(*sum);
        }
    }
}

/// The places of the quads that a row with these bits takes from the tables of a tree.
fn place_row(tree: &PackedTree, bits: &[u8], places: &mut Vec<u32>) {
    let mut index = &tree.index[..];
    for lookup in &tree.lookups {
        let own;
        (own, index) = index.split_at(usize::from(lookup.bits));
        let entry =
            own.iter().fold(0_u32, |index, bit| index << 1 | u32::from(bits[usize::from(*bit)]));
        let first = lookup.table + entry * u32::from(lookup.quads);
        places.extend(first..first + u32::from(lookup.quads));
    }
}

/// The bits of a tree's tests and conjunctions for one row.
fn decide_row(model: &Model, tree: &PackedTree, columns: &[f32], row: &Input, bits: &mut [u8]) {
    for (test, bit) in tree.compares.iter().zip(bits.iter_mut()) {
        *bit = Compare::bit(test.flip, test.threshold, columns[test.column as usize]);
    }
    let after = tree.compares.len();
    if !tree.others.is_empty() {
        let view = model.trees().nth(tree.tree);
        for (other, bit) in tree.others.iter().zip(&mut bits[after..]) {
            *bit = other.test.bit(view, row.values[other.test.column]);
        }
    }
    let (tests, rest) = bits.split_at_mut(after + tree.others.len());
    for (all, bit) in tree.all.iter().zip(rest) {
        *bit = u8::from(all.of.iter().all(|(test, want)| tests[usize::from(*test)] == *want));
    }
}
