//! Shares of two samples in the same cells, and the distances between such shares.
//!
//! How the cells are cut decides the number that comes out, so each cut is named after who
//! made it a habit.

use crate::sample::{Sample, runs};
use crate::special::{Sum, float, whole};

/// What an empty cell counts as in [`Cells::psi`] of Plimsoll's convention: a share.
pub const EMPTY_SHARE: f64 = 1e-4;

/// The most bins of a cut by a rule of thumb. A long tail makes Doane's rule ask for more only
/// where one value is far from all others.
const BINS_MAX: usize = 10_000;

/// Shares of the reference and of the current sample, cell by cell.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cells {
    /// Shares of the reference.
    pub reference: Vec<f64>,
    /// Shares of the current sample.
    pub current: Vec<f64>,
}

impl Cells {
    /// Shares from counts of the same cells.
    #[must_use]
    pub fn of_counts(reference: &[u64], current: &[u64]) -> Self {
        let share = |counts: &[u64]| {
            let all = counts.iter().sum::<u64>() as f64;
            counts.iter().map(|count| *count as f64 / all).collect()
        };
        Self { reference: share(reference), current: share(current) }
    }

    fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.reference.iter().copied().zip(self.current.iter().copied())
    }

    /// The same cells without empty ones, as Evidently fills them: 0.0001, or a millionth of the
    /// smallest share if that is no larger.
    #[must_use]
    pub fn filled(&self) -> Self {
        let fill = |shares: &[f64]| {
            let least = shares.iter().copied().filter(|share| *share != 0.0);
            let least = least.fold(f64::INFINITY, f64::min);
            let floor = if least <= 1e-4 { least / 1e6 } else { 1e-4 };
            shares.iter().map(|share| if *share == 0.0 { floor } else { *share }).collect()
        };
        Self { reference: fill(&self.reference), current: fill(&self.current) }
    }

    /// The same cells with empty ones at [`EMPTY_SHARE`].
    #[must_use]
    pub fn floored(&self) -> Self {
        let floor = |shares: &[f64]| {
            shares.iter().map(|share| if *share == 0.0 { EMPTY_SHARE } else { *share }).collect()
        };
        Self { reference: floor(&self.reference), current: floor(&self.current) }
    }

    /// The population stability index: the sum of (r - c) ln(r / c), in nats. No cell may be
    /// empty.
    #[must_use]
    pub fn psi(&self) -> f64 {
        Sum::of(self.pairs().map(|(r, c)| (r - c) * (r / c).ln()))
    }

    /// The Kullback–Leibler divergence of the reference from the current shares, in nats, both
    /// made to add up to 1 (scipy's `entropy`).
    #[must_use]
    pub fn kullback_leibler(&self) -> f64 {
        let (all_r, all_c) = self.totals();
        Sum::of(self.pairs().map(|(r, c)| relative(r / all_r, c / all_c)))
    }

    /// The Jensen–Shannon distance, the root of the divergence, with logarithms to `base` (0 to
    /// 1 with base 2, to 0.8326 with base e), both made to add up to 1.
    #[must_use]
    pub fn jensen_shannon(&self, base: f64) -> f64 {
        let (all_r, all_c) = self.totals();
        let divergence = Sum::of(self.pairs().map(|(r, c)| {
            let (r, c) = (r / all_r, c / all_c);
            let middle = f64::midpoint(r, c);
            relative(r, middle) + relative(c, middle)
        }));
        (divergence.max(0.0) / base.ln() / 2.0).sqrt()
    }

    /// The Hellinger distance, 0 to 1.
    #[must_use]
    pub fn hellinger(&self) -> f64 {
        (Sum::of(self.pairs().map(|(r, c)| (r.sqrt() - c.sqrt()).powi(2))) / 2.0).sqrt()
    }

    /// The same by way of the overlap, which differs where shares do not add up to 1.
    #[must_use]
    pub fn hellinger_by_overlap(&self) -> f64 {
        (1.0 - Sum::of(self.pairs().map(|(r, c)| (r * c).sqrt())).clamp(0.0, 1.0)).sqrt()
    }

    /// The total variation distance, 0 to 1: half the sum of differences.
    #[must_use]
    pub fn total_variation(&self) -> f64 {
        Sum::of(self.pairs().map(|(r, c)| (r - c).abs())) / 2.0
    }

    /// The largest difference of a share, 0 to 1.
    #[must_use]
    pub fn l_infinity(&self) -> f64 {
        self.pairs().map(|(r, c)| (r - c).abs()).fold(0.0, f64::max)
    }

    /// What the first cells hold more of the reference than of the current sample, cell by cell:
    /// the difference of the distribution functions at the end of each.
    pub fn gaps(&self) -> impl Iterator<Item = f64> {
        self.pairs().scan(0.0, |gap, (r, c)| {
            *gap += r - c;
            Some(*gap)
        })
    }

    /// Neighbouring cells put together until each holds at least `share` of the reference: what a
    /// population stability index is habitually of, with a tenth.
    #[must_use]
    pub fn at_least(&self, share: f64) -> Self {
        let mut wider = Self::default();
        let (mut r_sum, mut c_sum) = (0.0, 0.0);
        for (r, c) in self.pairs() {
            (r_sum, c_sum) = (r_sum + r, c_sum + c);
            // Ten times a tenth is a little less than one.
            if r_sum >= share - 1e-9 {
                wider.reference.push(r_sum);
                wider.current.push(c_sum);
                (r_sum, c_sum) = (0.0, 0.0);
            }
        }
        match (wider.reference.last_mut(), wider.current.last_mut()) {
            (Some(r), Some(c)) => (*r, *c) = (*r + r_sum, *c + c_sum),
            _ => (wider.reference, wider.current) = (vec![r_sum], vec![c_sum]),
        }
        wider
    }

    fn totals(&self) -> (f64, f64) {
        (Sum::of(self.reference.iter().copied()), Sum::of(self.current.iter().copied()))
    }
}

/// p ln(p / q), 0 where p is.
fn relative(p: f64, q: f64) -> f64 {
    if p > 0.0 { p * (p / q).ln() } else { 0.0 }
}

/// Counts between neighbouring `edges`: each cell holds its lower edge, the last one both.
#[must_use]
pub fn histogram(sample: &Sample, edges: &[f64]) -> Vec<u64> {
    let Some((last, lower)) = edges.split_last() else { return Vec::new() };
    let ends = lower.iter().map(|edge| sample.count_to(*edge, false));
    let ends: Vec<usize> = ends.chain([sample.count_to(*last, true)]).collect();
    ends.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as u64).collect()
}

/// Evenly spaced edges, placed as numpy places them.
#[must_use]
pub fn even_edges((least, most): (f64, f64), bins: usize) -> Vec<f64> {
    // One value alone gets a cell of width 1 around it.
    let (least, most) = if least == most { (least - 0.5, most + 0.5) } else { (least, most) };
    let step = (most - least) / float(bins);
    let inner = (0..bins).map(|place| float(place) * step + least);
    inner.chain([most]).collect()
}

/// So many bins of `width` cover `range`; whole numbers get bins no narrower than 1.
fn bins(range: f64, width: f64, is_integer: bool) -> usize {
    let width = if is_integer && width < 1.0 { 1.0 } else { width };
    if width > 0.0 { whole((range / width).ceil()).clamp(1, BINS_MAX) } else { 1 }
}

/// Edges by Sturges's rule for `count` values in `range`.
#[must_use]
pub fn sturges_edges(range: (f64, f64), count: usize, is_integer: bool) -> Vec<f64> {
    let span = range.1 - range.0;
    let width = span / (float(count).log2() + 1.0);
    even_edges(range, bins(span, width, is_integer && span > 0.0))
}

/// Edges by Doane's rule, which allows for skewness.
#[must_use]
pub fn doane_edges(sample: &Sample) -> Vec<f64> {
    let Some(range) = sample.range() else { return Vec::new() };
    let (span, n) = (range.1 - range.0, float(sample.len()));
    let (mean, deviation) = (sample.mean(), sample.deviation());
    if sample.len() < 3 || deviation <= 0.0 {
        return even_edges(range, 1);
    }
    let spread = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    let cubes = sample.sorted().iter().map(|value| ((value - mean) / deviation).powi(3));
    let skewness = Sum::of(cubes) / n;
    let width = span / (1.0 + n.log2() + (1.0 + skewness.abs() / spread).log2());
    even_edges(range, bins(span, width, false))
}

/// Both samples in the same cells: each different value is one.
#[must_use]
pub fn by_value(reference: &Sample, current: &Sample) -> Cells {
    let mut cells = Cells::default();
    let (n_r, n_c) = (float(reference.len()), float(current.len()));
    let mut left = runs(reference.sorted()).peekable();
    let mut right = runs(current.sorted()).peekable();
    loop {
        let value = match (left.peek(), right.peek()) {
            (Some((a, _)), Some((b, _))) => a.min(*b),
            (Some((only, _)), None) | (None, Some((only, _))) => *only,
            (None, None) => return cells,
        };
        let count = |run: Option<(f64, usize)>| run.map_or(0.0, |(_, count)| float(count));
        cells.reference.push(count(left.next_if(|(at, _)| *at == value)) / n_r);
        cells.current.push(count(right.next_if(|(at, _)| *at == value)) / n_c);
    }
}

/// Both samples between the same edges, as shares of all of their values: what is outside of
/// the edges is in no cell.
#[must_use]
pub fn by_edges(reference: &Sample, current: &Sample, edges: &[f64]) -> Cells {
    let share = |sample: &Sample| {
        let n = float(sample.len());
        histogram(sample, edges).into_iter().map(|count| count as f64 / n).collect()
    };
    Cells { reference: share(reference), current: share(current) }
}

/// Different values up to which numbers are cells of their own (Evidently's and Plimsoll's
/// conventions).
pub const VALUES_MAX: usize = 20;

/// Evidently's cells of numbers: by value up to [`VALUES_MAX`] different ones in the reference,
/// else between the edges of Sturges's rule on both samples together.
#[must_use]
pub fn evidently(reference: &Sample, current: &Sample, is_integer: bool) -> Cells {
    match (reference.range(), current.range()) {
        (Some(a), Some(b)) if reference.distinct(VALUES_MAX + 1) > VALUES_MAX => {
            let range = (a.0.min(b.0), a.1.max(b.1));
            let edges = sturges_edges(range, reference.len() + current.len(), is_integer);
            by_edges(reference, current, &edges)
        }
        _ => by_value(reference, current),
    }
}

/// Cells that are fitted on a reference, before anything else is seen.
#[derive(Clone, PartialEq, Debug)]
pub enum FittedCells {
    /// Between edges; what is outside is one cell more.
    Edges(Vec<f64>),
    /// By value; what is new is one cell more.
    Values(Vec<f64>),
}

impl FittedCells {
    /// Between the edges of Doane's rule, as NannyML 0.13 fits numbers of any kind.
    #[must_use]
    pub fn fit(reference: &Sample) -> Self {
        Self::Edges(doane_edges(reference))
    }

    /// Both samples in these cells.
    #[must_use]
    pub fn cells(&self, reference: &Sample, current: &Sample) -> Cells {
        let share = |sample: &Sample| -> Vec<f64> {
            let n = float(sample.len());
            match self {
                Self::Edges(edges) => {
                    histogram(sample, edges).into_iter().map(|count| count as f64 / n).collect()
                }
                Self::Values(values) => {
                    let count = |value: &f64| {
                        float(sample.count_to(*value, true) - sample.count_to(*value, false))
                    };
                    values.iter().map(|value| count(value) / n).collect()
                }
            }
        };
        with_rest(share(reference), share(current))
    }
}

/// One cell more for the current shares that are in none.
pub(crate) fn with_rest(mut reference: Vec<f64>, mut current: Vec<f64>) -> Cells {
    let rest = 1.0 - current.iter().sum::<f64>();
    if rest > 0.0 {
        reference.push(0.0);
        current.push(rest);
    }
    Cells { reference, current }
}

/// Plimsoll's cells: by value up to [`VALUES_MAX`] different ones in the reference (all new ones
/// together), else between its deciles, the outer cells open.
#[must_use]
pub fn deciles(reference: &Sample, current: &Sample) -> Cells {
    if reference.distinct(VALUES_MAX + 1) <= VALUES_MAX {
        let values = runs(reference.sorted()).map(|(value, _)| value).collect();
        return FittedCells::Values(values).cells(reference, current);
    }
    let mut edges: Vec<f64> =
        (1..10).map(|tenth| reference.quantile(f64::from(tenth) / 10.0)).collect();
    edges.dedup();
    let edges: Vec<f64> =
        [f64::NEG_INFINITY].into_iter().chain(edges).chain([f64::INFINITY]).collect();
    by_edges(reference, current, &edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_are_equal_are_at_no_distance() {
        let cells = Cells::of_counts(&[1, 2, 3], &[10, 20, 30]);
        assert!(cells.psi().abs() < 1e-15 && cells.jensen_shannon(2.0) < 1e-8);
        assert!(cells.hellinger() < 1e-8 && cells.total_variation() < 1e-15);
    }

    #[test]
    fn shares_that_have_nothing_in_common_are_as_far_as_can_be() {
        let cells = Cells::of_counts(&[5, 0], &[0, 7]);
        assert_eq!(cells.jensen_shannon(2.0), 1.0);
        assert_eq!(
            (cells.hellinger(), cells.total_variation(), cells.l_infinity()),
            (1.0, 1.0, 1.0)
        );
        assert!(
            (cells.jensen_shannon(std::f64::consts::E) - 0.832_554_611_157_697_8).abs() < 1e-15
        );
    }

    #[test]
    fn values_at_the_edges_are_counted_once() {
        let sample = Sample::new(vec![0.0, 1.0, 1.0, 2.0, 3.0], false);
        assert_eq!(histogram(&sample, &[0.0, 1.0, 2.0, 3.0]), [1, 2, 2]);
        assert_eq!(even_edges((1.0, 1.0), 1), [0.5, 1.5]);
    }
}
