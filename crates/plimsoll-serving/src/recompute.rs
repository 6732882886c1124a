//! A recorded request computed again: on the version that answered it, or on another.
//!
//! Prediction is a pure function of the recorded rows and the model's bytes, so the recorded
//! outputs must come out to the bit. The gateway's `predict` does the same with memory that
//! it uses again.

use plimsoll_contract::Binding;
use plimsoll_model::Model;
use plimsoll_types::Rows;

/// Rows that differ which a comparison names.
pub const MAX_DIFFERENCES: usize = 100;

/// The outputs of every row, row-major; `None` if the model cannot take the rows.
#[must_use]
pub fn recompute(model: &Model, binding: &Binding, rows: &Rows) -> Option<Vec<f64>> {
    let width = model.output().count;
    let mut outputs = Vec::with_capacity(rows.len().saturating_mul(width));
    let (mut features, mut predicted) = (Vec::new(), vec![0.0; width]);
    for row in 0..rows.len() {
        features.clear();
        binding.model_row(rows, row, &mut features);
        model.predict(&features, &mut predicted).ok()?;
        outputs.extend_from_slice(&predicted);
    }
    Some(outputs)
}

/// A row that came out otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The row, from 0.
    pub row: u64,
    /// What is on record.
    pub recorded: Vec<f64>,
    /// What came out.
    pub computed: Vec<f64>,
}

/// Recorded outputs beside computed ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// Numbers compared.
    pub values: u64,
    /// Numbers that differ, and those that have no counterpart.
    pub differing: u64,
    /// The first rows that differ, at most [`MAX_DIFFERENCES`].
    pub differences: Vec<Difference>,
}

/// Compares outputs of `width` numbers per row, to the bit.
#[must_use]
pub fn compare(recorded: &[f64], computed: &[f64], width: usize) -> Comparison {
    let (width, apart) = (width.max(1), recorded.len().abs_diff(computed.len()));
    let mut comparison = Comparison {
        values: recorded.len().max(computed.len()) as u64,
        differing: apart as u64,
        differences: Vec::new(),
    };
    let rows = recorded.chunks(width).zip(computed.chunks(width));
    for (row, (before, after)) in (0..).zip(rows).filter(|(_, (a, b))| !same_bits(a, b)) {
        let differs = before.iter().zip(after).filter(|(a, b)| a.to_bits() != b.to_bits());
        comparison.differing = comparison.differing.saturating_add(differs.count() as u64);
        if comparison.differences.len() < MAX_DIFFERENCES {
            let (recorded, computed) = (before.to_vec(), after.to_vec());
            comparison.differences.push(Difference { row, recorded, computed });
        }
    }
    comparison
}

/// How a recorded row is decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Is the one output at or above this number.
    Threshold(f64),
    /// Which of several outputs is largest; the first of equals.
    Largest,
    /// Any difference of a bit is a change: nothing says how outputs become decisions.
    Bits,
}

impl Rule {
    /// The rule for outputs of `width` numbers per row, with the threshold if one is given.
    #[must_use]
    pub fn of(width: usize, threshold: Option<f64>) -> Self {
        match (width, threshold) {
            (1, Some(threshold)) => Self::Threshold(threshold),
            (1, None) => Self::Bits,
            _ => Self::Largest,
        }
    }

    /// Whether two answers for one row are different decisions.
    #[must_use]
    pub fn changes(self, before: &[f64], after: &[f64]) -> bool {
        match self {
            Self::Threshold(at) => {
                let above = |values: &[f64]| values.first().is_some_and(|value| *value >= at);
                above(before) != above(after)
            }
            Self::Largest => largest(before) != largest(after),
            Self::Bits => !same_bits(before, after),
        }
    }
}

fn largest(values: &[f64]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (at, &value) in values.iter().enumerate() {
        if best.is_none_or(|(_, most)| value > most) {
            best = Some((at, value));
        }
    }
    best.map(|(at, _)| at)
}

/// Whether two answers are the same to the bit.
#[must_use]
pub fn same_bits(before: &[f64], after: &[f64]) -> bool {
    before.len() == after.len() && before.iter().zip(after).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The largest distance between two answers for one row. Infinite where one of two numbers is
/// not finite and the other is.
#[must_use]
pub fn distance(before: &[f64], after: &[f64]) -> f64 {
    let apart = |(a, b): (&f64, &f64)| {
        let apart = (a - b).abs();
        match (a.to_bits() == b.to_bits(), apart.is_nan()) {
            (true, _) => 0.0,
            (false, true) => f64::INFINITY,
            (false, false) => apart,
        }
    };
    before.iter().zip(after).map(apart).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_tell_changes_of_decision_from_changes_of_numbers() {
        assert_eq!(Rule::of(1, Some(0.5)), Rule::Threshold(0.5));
        assert_eq!((Rule::of(1, None), Rule::of(3, Some(0.5))), (Rule::Bits, Rule::Largest));
        let half = Rule::Threshold(0.5);
        assert!(half.changes(&[0.49], &[0.5]));
        assert!(!half.changes(&[0.5], &[0.99]));
        assert!(Rule::Largest.changes(&[0.1, 0.2], &[0.2, 0.1]));
        assert!(!Rule::Largest.changes(&[0.1, 0.2, 0.3], &[0.0, 0.1, 0.9]));
        assert!(!Rule::Largest.changes(&[0.5, 0.5], &[0.6, 0.4]), "the first of equals");
        assert!(Rule::Bits.changes(&[0.0], &[-0.0]));
        assert!(!Rule::Bits.changes(&[f64::NAN], &[f64::NAN]));
        assert!(!same_bits(&[1.0], &[1.0, 1.0]));
    }

    #[test]
    fn comparisons_count_numbers_and_name_rows() {
        assert_eq!(
            compare(&[1.0, 2.0], &[1.0, 2.0], 2),
            Comparison { values: 2, ..Comparison::default() }
        );
        let found = compare(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 5.0], 2);
        assert_eq!((found.values, found.differing), (4, 1));
        let row = Difference { row: 1, recorded: vec![3.0, 4.0], computed: vec![3.0, 5.0] };
        assert_eq!(found.differences, [row]);
        assert_eq!(compare(&[1.0], &[1.0, 2.0], 0).differing, 1);
        let many = compare(&[0.0; 500], &[1.0; 500], 1);
        assert_eq!((many.differing, many.differences.len()), (500, MAX_DIFFERENCES));
    }

    #[test]
    fn distances_are_never_not_a_number() {
        assert_eq!(distance(&[0.25, 1.0], &[0.5, 1.0]).to_bits(), 0.25_f64.to_bits());
        assert_eq!(distance(&[f64::NAN], &[f64::NAN]).to_bits(), 0.0_f64.to_bits());
        assert!(distance(&[f64::NAN], &[1.0]).is_infinite());
        assert!(distance(&[f64::INFINITY], &[f64::NEG_INFINITY]).is_infinite());
    }
}
