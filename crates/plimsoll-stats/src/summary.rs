//! Summaries of a stream of values that merge: of two halves they give, cell by cell, the
//! summary of the whole. So a minute, an hour, and three gateways add up.
//!
//! Counts between edges that a reference has frozen are exact, and all distances between
//! distributions come from these; sketches are for display only. A p-value from a sketch of
//! quantiles is noise (its rank error enters the statistic twice).

use crate::cells::Cells;
use crate::sample::Sample;
use crate::special::{Sum, float, whole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cells of a summary of numbers: 4 KiB of counts.
pub const EDGES_MAX: usize = 511;

/// Categories that are counted by name; all further ones are counted together.
pub const CATEGORIES_MAX: usize = 256;

/// Registers of a count of different values: 4 KiB, an error of about 1.6 %.
const REGISTERS: usize = 1 << REGISTER_BITS;
const REGISTER_BITS: u32 = 12;

/// Two summaries that do not belong together: their edges or categories differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unlike;

impl std::fmt::Display for Unlike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the summaries are not of the same reference")
    }
}

impl std::error::Error for Unlike {}

/// Edges between cells, frozen on a reference: its quantiles, without repeats.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Edges(Vec<f64>);

impl Edges {
    /// So many cells of equal share of the reference, fewer where values repeat; at most
    /// [`EDGES_MAX`] edges. The least and the greatest value are edges too, so that what is out of
    /// range has cells of its own.
    #[must_use]
    pub fn freeze(reference: &Sample, cells: usize) -> Self {
        let cells = cells.clamp(1, EDGES_MAX - 1);
        let mut edges: Vec<f64> = (0..=cells)
            .map(|place| reference.quantile(float(place) / float(cells)))
            .filter(|edge| edge.is_finite())
            .collect();
        edges.dedup();
        // A reference of one value alone still has an inner cell: that value's.
        if let [only] = edges[..] {
            edges.push(only.next_up());
        }
        Self(edges)
    }
    /// The edges, rising.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }
    /// A cell holds its lower edge; the greatest value belongs to the last inner cell.
    fn cell(&self, value: f64) -> usize {
        let place = self.0.partition_point(|edge| *edge <= value);
        if place == self.0.len() && self.0.last() == Some(&value) {
            place.max(1) - 1
        } else {
            place
        }
    }
}

/// A summary of numbers between frozen edges.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NumberSummary {
    edges: Edges,
    /// Below the first edge, between the edges, above the last.
    counts: Vec<u64>,
    missing: u64,
    least: Option<f64>,
    most: Option<f64>,
    distinct: Distinct,
}

impl NumberSummary {
    /// A summary of nothing.
    #[must_use]
    pub fn new(edges: Edges) -> Self {
        let counts = vec![0; edges.0.len() + 1];
        Self { edges, counts, missing: 0, least: None, most: None, distinct: Distinct::default() }
    }
    /// Sees a value; what is not finite counts as missing.
    pub fn see(&mut self, value: f64) {
        if !value.is_finite() {
            self.missing += 1;
            return;
        }
        // Minus zero is zero.
        let value = value + 0.0;
        if let Some(count) = self.counts.get_mut(self.edges.cell(value)) {
            *count += 1;
        }
        self.least = Some(self.least.map_or(value, |least| least.min(value)));
        self.most = Some(self.most.map_or(value, |most| most.max(value)));
        self.distinct.see_hash(finish(value.to_bits()));
    }
    /// Sees that there is no value.
    pub fn see_missing(&mut self) {
        self.missing += 1;
    }
    /// The same without its edges, as it is written where they are known: see
    /// [`on_edges`](Self::on_edges).
    #[must_use]
    pub fn without_edges(&self) -> Self {
        Self { edges: Edges(Vec::new()), ..self.clone() }
    }
    /// What was written without edges, on those that it had.
    ///
    /// # Errors
    /// [`Unlike`] if these cannot have been its edges.
    pub fn on_edges(self, edges: &Edges) -> Result<Self, Unlike> {
        if self.counts.len() != edges.0.len() + 1 {
            return Err(Unlike);
        }
        Ok(Self { edges: edges.clone(), ..self })
    }
    /// Its edges.
    #[must_use]
    pub fn edges(&self) -> &Edges {
        &self.edges
    }
    /// How many values were below the first edge, between the edges, above the last.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
    /// The least and the greatest value.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((self.least?, self.most?))
    }
    /// Adds what another summary has seen.
    ///
    /// # Errors
    /// [`Unlike`] if its edges are others; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Unlike> {
        if self.edges != other.edges || self.counts.len() != other.counts.len() {
            return Err(Unlike);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
        self.missing += other.missing;
        self.least = self.least.into_iter().chain(other.least).reduce(f64::min);
        self.most = self.most.into_iter().chain(other.most).reduce(f64::max);
        self.distinct.merge(&other.distinct);
        Ok(())
    }
    /// How many values were seen, without missing ones.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
    /// How many were missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }
    /// How many were below the least or above the greatest value of the reference.
    #[must_use]
    pub fn out_of_range(&self) -> u64 {
        let ends = [self.counts.first(), self.counts.last()];
        ends.into_iter().flatten().sum()
    }
    /// About how many different values there were.
    #[must_use]
    pub fn distinct(&self) -> f64 {
        self.distinct.estimate()
    }
    /// The quantile of this level, linear within its cell; `None` of nothing. Within a cell of the
    /// reference, of which each holds the same share, it is off by at most that share.
    #[must_use]
    pub fn quantile(&self, level: f64) -> Option<f64> {
        let (least, most) = (self.least?, self.most?);
        let wanted = level.clamp(0.0, 1.0) * self.count() as f64;
        let mut below = 0.0;
        for (place, count) in self.counts.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && below + count >= wanted {
                let edge = |at: Option<usize>, end: f64| {
                    at.and_then(|at| self.edges.0.get(at)).copied().unwrap_or(end)
                };
                let from = edge(place.checked_sub(1), least).max(least);
                let to = edge(Some(place), most).min(most);
                return Some(from + (to - from).max(0.0) * ((wanted - below) / count));
            }
            below += count;
        }
        Some(most)
    }
    /// The shares of this summary and of the reference's in the same cells, for every distance
    /// between shares.
    ///
    /// # Errors
    /// [`Unlike`] if their edges differ.
    pub fn cells(&self, reference: &Self) -> Result<Cells, Unlike> {
        if self.edges != reference.edges {
            return Err(Unlike);
        }
        Ok(Cells::of_counts(&reference.counts, &self.counts))
    }
    /// The largest difference of the distribution functions at the edges. Between edges it may be
    /// larger by the share of one cell at most.
    ///
    /// # Errors
    /// [`Unlike`] if their edges differ.
    pub fn kolmogorov_smirnov(&self, reference: &Self) -> Result<f64, Unlike> {
        Ok(self.cells(reference)?.gaps().fold(0.0, |most, gap| f64::max(most, gap.abs())))
    }
    /// The area between the distribution functions (Wasserstein, first order), in the column's
    /// own units, with the functions taken as steps at the edges. What is beyond the edges counts
    /// as far as the furthest value of either.
    ///
    /// # Errors
    /// [`Unlike`] if their edges differ.
    pub fn wasserstein(&self, reference: &Self) -> Result<f64, Unlike> {
        let cells = self.cells(reference)?;
        let ends = [self.range(), reference.range()].into_iter().flatten();
        let (least, most) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), range| {
            (low.min(range.0), high.max(range.1))
        });
        let edge = |place: usize| self.edges.0.get(place).copied();
        let cell = |place: usize| {
            let from = place.checked_sub(1).and_then(edge).map_or(least, |edge| edge.max(least));
            let to = edge(place).map_or(most, |edge| edge.min(most));
            (to - from).max(0.0)
        };
        // Within a cell the gap goes from what it was at its lower edge to what it is at its
        // upper one.
        let mut before = 0.0_f64;
        let areas = cells.gaps().enumerate().map(|(place, after)| {
            let area = cell(place) * f64::midpoint(before.abs(), after.abs());
            before = after;
            area
        });
        Ok(Sum::of(areas.filter(|area| area.is_finite())))
    }
}

/// A summary of texts: the categories of a reference by name, all others together as unseen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CategorySummary {
    counts: BTreeMap<Box<str>, u64>,
    unseen: u64,
    missing: u64,
    distinct: Distinct,
}

impl CategorySummary {
    /// A summary of nothing that knows these categories, up to [`CATEGORIES_MAX`] of them.
    #[must_use]
    pub fn new<'a>(known: impl IntoIterator<Item = &'a str>) -> Self {
        let counts = known.into_iter().take(CATEGORIES_MAX).map(|name| (name.into(), 0)).collect();
        Self { counts, unseen: 0, missing: 0, distinct: Distinct::default() }
    }
    /// Sees a text, or that there is none.
    pub fn see(&mut self, text: Option<&str>) {
        let Some(text) = text else {
            self.missing += 1;
            return;
        };
        match self.counts.get_mut(text) {
            Some(count) => *count += 1,
            None => self.unseen += 1,
        }
        self.distinct.see(text.as_bytes());
    }
    /// Adds what another summary has seen.
    ///
    /// # Errors
    /// [`Unlike`] if it knows other categories; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Unlike> {
        if !self.counts.keys().eq(other.counts.keys()) {
            return Err(Unlike);
        }
        self.counts.values_mut().zip(other.counts.values()).for_each(|(own, more)| *own += more);
        self.unseen += other.unseen;
        self.missing += other.missing;
        self.distinct.merge(&other.distinct);
        Ok(())
    }
    /// Each known category with how often it was seen, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, count)| (&**name, *count))
    }
    /// How many texts were none of the known categories.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        self.unseen
    }
    /// How many were missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }
    /// About how many different texts there were.
    #[must_use]
    pub fn distinct(&self) -> f64 {
        self.distinct.estimate()
    }
    /// The shares of this summary and of the reference's; unseen texts are the last cell.
    ///
    /// # Errors
    /// [`Unlike`] if they know other categories.
    pub fn cells(&self, reference: &Self) -> Result<Cells, Unlike> {
        if !self.counts.keys().eq(reference.counts.keys()) {
            return Err(Unlike);
        }
        let counts =
            |of: &Self| of.counts.values().copied().chain([of.unseen]).collect::<Vec<u64>>();
        Ok(Cells::of_counts(&counts(reference), &counts(self)))
    }
}

/// A summary of categories that come as places in a list, such as a contract's: counted without a
/// look at their texts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CodeSummary {
    counts: Vec<u64>,
    unseen: u64,
    missing: u64,
}

impl CodeSummary {
    /// A summary of nothing for a list of so many categories, up to [`CATEGORIES_MAX`]; further
    /// ones are counted together.
    #[must_use]
    pub fn new(categories: usize) -> Self {
        Self { counts: vec![0; categories.min(CATEGORIES_MAX)], unseen: 0, missing: 0 }
    }
    /// Sees the category at this place.
    pub fn see(&mut self, code: usize) {
        match self.counts.get_mut(code) {
            Some(count) => *count += 1,
            None => self.unseen += 1,
        }
    }
    /// Sees that there is none.
    pub fn see_missing(&mut self) {
        self.missing += 1;
    }
    /// Adds what another summary has seen.
    ///
    /// # Errors
    /// [`Unlike`] if its list has another length; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Unlike> {
        if self.counts.len() != other.counts.len() {
            return Err(Unlike);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
        self.unseen += other.unseen;
        self.missing += other.missing;
        Ok(())
    }
    /// How often each category was seen.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
    /// How many were none of the list.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        self.unseen
    }
    /// How many were missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }
    /// The shares of this summary and of the reference's; what is not in the list is the last
    /// cell.
    ///
    /// # Errors
    /// [`Unlike`] if their lists have other lengths.
    pub fn cells(&self, reference: &Self) -> Result<Cells, Unlike> {
        if self.counts.len() != reference.counts.len() {
            return Err(Unlike);
        }
        let counts = |of: &Self| of.counts.iter().copied().chain([of.unseen]).collect::<Vec<u64>>();
        Ok(Cells::of_counts(&counts(reference), &counts(self)))
    }
}

/// About how many different values there were: HyperLogLog (Flajolet and others 2007) with
/// 64-bit hashes, and linear counting where few were seen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Distinct {
    /// Empty until something is seen.
    registers: Vec<u8>,
}

impl Distinct {
    fn see(&mut self, bytes: &[u8]) {
        self.see_hash(hash(bytes));
    }
    fn see_hash(&mut self, hash: u64) {
        if self.registers.len() != REGISTERS {
            self.registers.resize(REGISTERS, 0);
        }
        let place = usize::try_from(hash >> (64 - REGISTER_BITS)).unwrap_or_default();
        // The end bit keeps the rank within the bits that are left.
        let rank = (hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1)).leading_zeros() + 1;
        if let Some(register) = self.registers.get_mut(place) {
            *register = (*register).max(u8::try_from(rank).unwrap_or(u8::MAX));
        }
    }
    fn merge(&mut self, other: &Self) {
        self.registers.resize(self.registers.len().max(other.registers.len()), 0);
        for (own, more) in self.registers.iter_mut().zip(&other.registers) {
            *own = (*own).max(*more);
        }
    }
    fn estimate(&self) -> f64 {
        if self.registers.is_empty() {
            return 0.0;
        }
        let registers = float(REGISTERS);
        let sum: f64 = self.registers.iter().map(|rank| 0.5_f64.powi(i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        if raw <= 2.5 * registers && empty > 0 {
            return registers * (registers / float(empty)).ln();
        }
        raw
    }
}

/// A hash that is the same on every machine: FNV-1a, finished as MurmurHash3. A caller can find
/// values that collide, and would make nothing but this estimate wrong.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    finish(hash)
}

/// MurmurHash3's last step: every bit of the number moves every bit of the hash.
fn finish(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// The edges whose cells a number of rows can fill: at least fifty each on average.
#[must_use]
pub fn cells_for(rows: usize) -> usize {
    whole(float(rows) / 50.0).clamp(1, EDGES_MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::distances;
    use proptest::prelude::*;

    fn summary(edges: &Edges, values: &[f64]) -> NumberSummary {
        let mut summary = NumberSummary::new(edges.clone());
        values.iter().for_each(|value| summary.see(*value));
        summary
    }

    proptest! {
        #[test]
        fn halves_make_the_whole(
            reference in prop::collection::vec(-50_i8..50, 1..200),
            values in prop::collection::vec(prop::option::of(-60_i8..60), 0..300),
            cut in 0..300_usize,
        ) {
            let reference = Sample::new(reference.into_iter().map(f64::from).collect(), false);
            let edges = Edges::freeze(&reference, 20);
            let values: Vec<f64> = values.into_iter().map(|v| v.map_or(f64::NAN, f64::from)).collect();
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut halves = summary(&edges, left);
            halves.merge(&summary(&edges, right)).unwrap();
            let whole = summary(&edges, &values);
            prop_assert_eq!(&halves, &whole);
            let present = values.iter().filter(|v| v.is_finite()).count() as u64;
            prop_assert_eq!(whole.count(), present);
            prop_assert_eq!(whole.missing(), values.len() as u64 - present);
            let (least, most) = reference.range().unwrap();
            let outside = values.iter().filter(|v| **v < least || **v > most).count() as u64;
            prop_assert_eq!(whole.out_of_range(), outside);
        }

        #[test]
        fn categories_too(
            values in prop::collection::vec(prop::option::of("[a-e]"), 0..200), cut in 0..200_usize,
        ) {
            let of = |values: &[Option<String>]| {
                let mut summary = CategorySummary::new(["a", "b", "c"]);
                values.iter().for_each(|value| summary.see(value.as_deref()));
                summary
            };
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut halves = of(left);
            halves.merge(&of(right)).unwrap();
            prop_assert_eq!(&halves, &of(&values));
            let known: u64 = halves.counts().map(|(_, count)| count).sum();
            prop_assert_eq!(known + halves.unseen() + halves.missing(), values.len() as u64);
        }

        #[test]
        fn the_distance_is_that_of_the_samples_up_to_a_cell(
            a in prop::collection::vec(-1e3_f64..1e3, 100..400), b in prop::collection::vec(-1e3_f64..1e3, 100..400),
        ) {
            let (reference, current) = (Sample::new(a.clone(), false), Sample::new(b.clone(), false));
            let edges = Edges::freeze(&reference, 50);
            let (before, now) = (summary(&edges, &a), summary(&edges, &b));
            let exact = distances(&reference, &current).kolmogorov_smirnov;
            let found = now.kolmogorov_smirnov(&before).unwrap();
            // Between edges both functions rise; the reference by a share of a fiftieth.
            let widest = now.cells(&before).unwrap().current.iter().copied().fold(0.02 + 0.01, f64::max);
            prop_assert!(found <= exact + 0.011 && exact <= found + widest + 0.011, "{found} {exact}");
        }
    }

    #[test]
    fn different_values_are_about_counted() {
        for count in [10, 1_000, 100_000] {
            let edges = Edges::freeze(&Sample::default(), 1);
            let mut summary = NumberSummary::new(edges);
            (0..count)
                .for_each(|value| summary.see(f64::from(value % 7_919 + value / 7_919 * 10_000)));
            let error = summary.distinct() / f64::from(count) - 1.0;
            assert!(error.abs() < 0.05, "{count}: {}", summary.distinct());
        }
    }

    #[test]
    fn quantiles_are_near() {
        let reference: Vec<f64> = (0..10_000).map(|i| f64::from(i * 7_919 % 10_007)).collect();
        let sample = Sample::new(reference.clone(), false);
        let edges = Edges::freeze(&sample, cells_for(sample.len()));
        let summary = summary(&edges, &reference);
        for level in [0.0, 0.01, 0.5, 0.9, 1.0] {
            let (found, exact) = (summary.quantile(level).unwrap(), sample.quantile(level));
            assert!((found - exact).abs() <= 60.0, "{level}: {found} {exact}");
        }
        assert_eq!(NumberSummary::new(edges).quantile(0.5), None);
    }

    #[test]
    fn a_reference_of_one_value_knows_that_value() {
        let edges = Edges::freeze(&Sample::new(vec![-2.0; 9], false), 20);
        let summary = summary(&edges, &[-2.0, -2.0, -3.0, 5.0]);
        assert_eq!((summary.count(), summary.out_of_range()), (4, 2));
    }

    #[test]
    fn the_area_between_is_that_of_the_values_where_each_has_a_cell() {
        let sample = |values: &[f64]| Sample::new(values.to_vec(), false);
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let moved: Vec<f64> = values.iter().map(|value| value + 3.0).collect();
        let edges = Edges::freeze(&sample(&values), 100);
        let (before, now) = (summary(&edges, &values), summary(&edges, &moved));
        let exact = distances(&sample(&values), &sample(&moved)).wasserstein;
        let found = now.wasserstein(&before).unwrap();
        assert!((found - exact).abs() < 0.1, "{found} {exact}");
        assert_eq!(before.wasserstein(&before), Ok(0.0));
    }

    #[test]
    fn a_summary_without_edges_gets_them_back() {
        let edges = Edges::freeze(&Sample::new(vec![1.0, 2.0, 3.0], false), 2);
        let whole = summary(&edges, &[1.5, 9.0, f64::NAN]);
        assert_eq!(whole.without_edges().on_edges(&edges), Ok(whole.clone()));
        let other = Edges::freeze(&Sample::new(vec![1.0], false), 2);
        assert_eq!(whole.without_edges().on_edges(&other), Err(Unlike));
    }

    #[test]
    fn categories_by_their_place_are_counted_and_merge() {
        let mut one = CodeSummary::new(2);
        [0, 1, 1, 7].into_iter().for_each(|code| one.see(code));
        one.see_missing();
        let mut two = one.clone();
        two.merge(&one).unwrap();
        assert_eq!((two.counts(), two.unseen(), two.missing()), (&[2, 4][..], 2, 2));
        assert_eq!(two.cells(&one).unwrap().l_infinity(), 0.0);
        assert_eq!(two.merge(&CodeSummary::new(3)), Err(Unlike));
    }

    #[test]
    fn strangers_are_refused() {
        let edges = |values: &[f64]| Edges::freeze(&Sample::new(values.to_vec(), false), 4);
        let mut one = NumberSummary::new(edges(&[1.0, 2.0]));
        assert_eq!(one.merge(&NumberSummary::new(edges(&[1.0, 3.0]))), Err(Unlike));
        let mut one = CategorySummary::new(["a"]);
        assert_eq!(one.merge(&CategorySummary::new(["b"])), Err(Unlike));
    }
}
