//! A sample of numbers, sorted once; what is measured on two of them walks both side by side.

use crate::special::{Sum, float, whole};

/// Finite numbers of one column, sorted, and as they came if their order matters.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sample {
    sorted: Vec<f64>,
    in_order: Vec<f64>,
    /// Of these numbers; 0 of none.
    mean: f64,
    deviation: f64,
}

impl Sample {
    /// Takes the finite numbers of `values`. With `keeps_order` they are kept as they came, too,
    /// which rules by chunks need.
    #[must_use]
    pub fn new(mut values: Vec<f64>, keeps_order: bool) -> Self {
        values.retain(|value| value.is_finite());
        let in_order = if keeps_order { values.clone() } else { Vec::new() };
        sort(&mut values);
        let n = float(values.len().max(1));
        let mean = Sum::of_each(&values, |value| value) / n;
        let deviation = (Sum::of_each(&values, |value| (value - mean).powi(2)) / n).sqrt();
        Self { sorted: values, in_order, mean, deviation }
    }
    /// The numbers, sorted.
    #[must_use]
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }
    /// The numbers as they came; empty unless that was asked for.
    #[must_use]
    pub fn in_order(&self) -> &[f64] {
        &self.in_order
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
    /// The least and the greatest.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((*self.sorted.first()?, *self.sorted.last()?))
    }
    /// The mean; NaN of nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.is_empty() { f64::NAN } else { self.mean }
    }
    /// The standard deviation of a population: divided by n.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.is_empty() { f64::NAN } else { self.deviation }
    }
    /// The quantile of this level, 0 to 1, linear between neighbours (type 7 of Hyndman and Fan,
    /// numpy's default).
    #[must_use]
    pub fn quantile(&self, level: f64) -> f64 {
        let Some(last) = self.len().checked_sub(1) else { return f64::NAN };
        let place = level.clamp(0.0, 1.0) * float(last);
        let below = whole(place.floor()).min(last);
        let low = self.sorted.get(below).copied().unwrap_or(f64::NAN);
        let high = self.sorted.get(below + 1).copied().unwrap_or(low);
        low + (high - low) * (place - float(below))
    }
    /// How many different numbers there are, counted up to `most`.
    #[must_use]
    pub fn distinct(&self, most: usize) -> usize {
        runs(&self.sorted).take(most).count()
    }
    /// How many are below `edge`, or equal to it.
    pub(crate) fn count_to(&self, edge: f64, inclusive: bool) -> usize {
        self.sorted.partition_point(|value| if inclusive { *value <= edge } else { *value < edge })
    }
}

/// Each different number of a sorted slice with how often it is there.
pub(crate) fn runs(sorted: &[f64]) -> impl Iterator<Item = (f64, usize)> {
    sorted.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len())))
}

/// Sorts finite numbers, -0 as 0. Long slices by their upper bits, eleven at a time, and then the
/// few that share those: at a million numbers several times as fast as comparing them.
fn sort(values: &mut [f64]) {
    const SHORT: usize = 4096;
    const DIGIT: u32 = 11;
    // Sign, exponent and 21 bits of the fraction: numbers that differ mostly differ here.
    const SHIFTS: [u32; 3] = [31, 42, 53];
    // Minus zero would be told apart from zero by its bits.
    values.iter_mut().for_each(|value| *value += 0.0);
    if values.len() < SHORT {
        values.sort_unstable_by(f64::total_cmp);
        return;
    }
    let key = |value: f64| {
        let bits = value.to_bits();
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    };
    let back = |key: u64| f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key });
    let digit = |key: u64, shift: u32| {
        usize::try_from(key >> shift & ((1 << DIGIT) - 1)).unwrap_or_default()
    };
    let mut keys: Vec<u64> = Vec::with_capacity(values.len());
    let mut places = [[0_usize; 1 << DIGIT]; SHIFTS.len()];
    keys.extend(values.iter().map(|value| {
        let key = key(*value);
        places.iter_mut().zip(SHIFTS).for_each(|(places, shift)| places[digit(key, shift)] += 1);
        key
    }));
    let mut other: Vec<u64> = vec![0; keys.len()];
    for (places, shift) in places.iter_mut().zip(SHIFTS) {
        if places.contains(&keys.len()) {
            continue;
        }
        let mut next = 0;
        for place in &mut *places {
            next += std::mem::replace(place, next);
        }
        for key in &keys {
            let place = &mut places[digit(*key, shift)];
            other[*place] = *key;
            *place += 1;
        }
        std::mem::swap(&mut keys, &mut other);
    }
    let alike = |a: &u64, b: &u64| a >> SHIFTS[0] == b >> SHIFTS[0];
    keys.chunk_by_mut(alike).filter(|run| run.len() > 1).for_each(<[u64]>::sort_unstable);
    values.iter_mut().zip(keys).for_each(|(value, key)| *value = back(key));
}

/// What one walk over two samples finds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Distances {
    /// The largest difference of the distribution functions (Kolmogorov–Smirnov), 0 to 1.
    pub kolmogorov_smirnov: f64,
    /// The area between them (Wasserstein, first order), in the column's own units.
    pub wasserstein: f64,
    /// √2 times the L2 distance between them (energy distance), as scipy's.
    pub energy: f64,
}

/// Walks both samples. NaN throughout if one is empty.
#[must_use]
pub fn distances(reference: &Sample, current: &Sample) -> Distances {
    let (a, b) = (reference.sorted(), current.sorted());
    if a.is_empty() || b.is_empty() {
        let nan = f64::NAN;
        return Distances { kolmogorov_smirnov: nan, wasserstein: nan, energy: nan };
    }
    let (step_a, step_b) = (1.0 / float(a.len()), 1.0 / float(b.len()));
    // Plain sums: terms of one sign lose less than a digit in a million.
    let (mut most, mut area, mut square) = (0.0_f64, 0.0, 0.0);
    let (mut here, mut gap) = (a[0].min(b[0]), 0.0_f64);
    // The functions are `gap` apart from `here` to `next`. Equal values come one by one, a width of
    // nothing each, and only the gap behind the last of them counts. Nothing here is a branch: which
    // sample has the next value is anybody's guess.
    let mut walk = |next: f64, left: f64, right: f64| {
        let width = next - here;
        most = most.max(if width > 0.0 { gap } else { 0.0 });
        area += gap * width;
        square += gap * gap * width;
        here = next;
        gap = (left * step_a - right * step_b).abs();
    };
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        i += usize::from(x <= y);
        j += usize::from(y <= x);
        walk(x.min(*y), float(i), float(j));
    }
    for x in a.get(i..).unwrap_or_default() {
        i += 1;
        walk(*x, float(i), float(j));
    }
    for y in b.get(j..).unwrap_or_default() {
        j += 1;
        walk(*y, float(i), float(j));
    }
    most = most.max(gap);
    Distances { kolmogorov_smirnov: most, wasserstein: area, energy: f64::sqrt(2.0 * square) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn long_slices_sort_as_short_ones(values in prop::collection::vec(-1e9_f64..1e9, 4096..5000)) {
            let mut by_bits = values.clone();
            sort(&mut by_bits);
            let mut compared = values;
            compared.sort_by(f64::total_cmp);
            prop_assert_eq!(by_bits, compared);
        }

        #[test]
        fn numbers_that_hardly_differ_sort_too(values in prop::collection::vec(0_u32..100_000, 4096..5000)) {
            let of = |value: &u32| 1.0 + f64::from(*value) * f64::EPSILON;
            let mut by_bits: Vec<f64> = values.iter().map(of).collect();
            let mut compared = by_bits.clone();
            sort(&mut by_bits);
            compared.sort_by(f64::total_cmp);
            prop_assert_eq!(by_bits, compared);
        }

        #[test]
        fn distances_are_those_of_their_definition(
            a in prop::collection::vec(-9_i8..9, 1..40), b in prop::collection::vec(-9_i8..9, 1..40),
        ) {
            let sample = |values: &[i8]| Sample::new(values.iter().map(|v| f64::from(*v)).collect(), false);
            let share = |values: &[i8], to: i8| {
                float(values.iter().filter(|v| **v <= to).count()) / float(values.len())
            };
            let gaps: Vec<f64> = (-9..9).map(|to| (share(&a, to) - share(&b, to)).abs()).collect();
            let found = distances(&sample(&a), &sample(&b));
            let most = gaps.iter().copied().fold(0.0, f64::max);
            prop_assert!((found.kolmogorov_smirnov - most).abs() < 1e-12);
            prop_assert!((found.wasserstein - gaps.iter().sum::<f64>()).abs() < 1e-12);
        }
    }

    #[test]
    fn quantiles_are_linear() {
        let sample = Sample::new(vec![4.0, 1.0, f64::NAN, 2.0, 3.0], false);
        assert_eq!((sample.len(), sample.quantile(0.5), sample.quantile(1.0)), (4, 2.5, 4.0));
        assert_eq!(sample.deviation(), f64::sqrt(1.25));
        assert!(Sample::default().quantile(0.5).is_nan());
    }

    #[test]
    fn signs_and_zeros_sort() {
        let mut values: Vec<f64> = (0..5000).map(|i| f64::from(i % 7 - 3) * 1e-300).collect();
        values.extend([-0.0, 0.0, f64::MAX, f64::MIN]);
        sort(&mut values);
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(values.iter().all(|value| *value != 0.0 || value.is_sign_positive()));
    }
}
