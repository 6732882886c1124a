//! Maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012): the distance of two
//! distributions in the kernel's space, and the p-value of "there is none" by permutation.
//!
//! The estimate without bias, the kernel's width by the median of the squared distances, as
//! alibi-detect has it. Numbers are scaled by the reference, what is missing is its mean; categories
//! are at a squared distance of 2 from each other, as one-hot vectors are.

use super::{Draws, Kind, SEED, Sampled};
use crate::special::{Sum, float};
use serde::Serialize;

/// Rows of each table that are compared: a kernel of 2,000 by 2,000 is 16 MB.
pub const COMPARED_MAX: usize = 1_000;
/// Permutations; the least p-value is one over one more.
const PERMUTATIONS: u32 = 200;

/// What was found.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Discrepancy {
    /// The squared discrepancy, estimated without bias: about 0 if there is none, at most 2.
    pub squared: f64,
    /// The width of the kernel, in deviations of the columns.
    pub width: f64,
    /// The share of permutations that give as much: (1 + how many) / (1 + all).
    pub p_value: f64,
    /// Rows of both tables together.
    pub rows: usize,
}

impl Discrepancy {
    pub(super) fn of(tables: &Sampled) -> Option<Self> {
        let rows: Vec<Vec<f64>> = prepared(tables);
        let reference = tables.reference.first()?.len();
        let categories: Vec<bool> = tables.kinds.iter().map(|kind| *kind != Kind::Number).collect();
        Self::of_rows(&rows, reference, &categories)
    }

    /// Of rows that are prepared, the first `reference` of which are the reference's.
    fn of_rows(rows: &[Vec<f64>], reference: usize, categories: &[bool]) -> Option<Self> {
        let (n, all) = (reference, rows.len());
        let m = all.checked_sub(n)?;
        if n < 2 || m < 2 {
            return None;
        }
        // Above the diagonal, row by row.
        let mut kernel = Vec::with_capacity(all * (all - 1) / 2);
        for (place, a) in rows.iter().enumerate() {
            kernel.extend(rows.iter().skip(place + 1).map(|b| apart(a, b, categories)));
        }
        let width_squared = 0.5 * median(&kernel)?;
        if width_squared <= 0.0 {
            return None;
        }
        kernel
            .iter_mut()
            .for_each(|distance| *distance = (-*distance / (2.0 * width_squared)).exp());
        let mut is_first: Vec<bool> = (0..all).map(|row| row < n).collect();
        let whole = Sum::of(kernel.iter().copied());
        let found = squared(&kernel, &is_first, whole);
        let mut draws = Draws::new(SEED);
        let mut as_much = 0_u32;
        for _ in 0..PERMUTATIONS {
            shuffle(&mut is_first, &mut draws);
            as_much += u32::from(squared(&kernel, &is_first, whole) >= found);
        }
        Some(Self {
            squared: found,
            width: width_squared.sqrt(),
            p_value: f64::from(1 + as_much) / f64::from(1 + PERMUTATIONS),
            rows: all,
        })
    }
}

/// Rows of both tables, the reference's first, with numbers scaled by the reference.
fn prepared(tables: &Sampled) -> Vec<Vec<f64>> {
    let columns = tables.reference.iter().zip(&tables.current).zip(&tables.kinds);
    let columns: Vec<Vec<f64>> = columns
        .map(|((before, now), kind)| {
            let each = before.iter().chain(now);
            match kind {
                // What is missing is a category of its own.
                Kind::Category(_) => {
                    each.map(|code| if code.is_nan() { -1.0 } else { *code }).collect()
                }
                Kind::Number => {
                    let (mean, deviation) = moments(before);
                    each.map(|v| if v.is_nan() { 0.0 } else { (v - mean) / deviation }).collect()
                }
            }
        })
        .collect();
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows)
        .map(|row| columns.iter().filter_map(|column| column.get(row).copied()).collect())
        .collect()
}

/// Mean and deviation (of a population) of what is there; a deviation of 0 counts as 1.
fn moments(values: &[f64]) -> (f64, f64) {
    let there = || values.iter().copied().filter(|value| value.is_finite());
    let n = float(there().count().max(1));
    let mean = Sum::of(there()) / n;
    let variance = Sum::of(there().map(|value| (value - mean).powi(2))) / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// The squared distance of two rows.
fn apart(a: &[f64], b: &[f64], categories: &[bool]) -> f64 {
    let each = a.iter().zip(b).zip(categories);
    each.map(|((a, b), is_category)| match is_category {
        true => 2.0 * f64::from(u8::from(a != b)),
        false => (a - b) * (a - b),
    })
    .sum()
}

/// The lower median, as alibi-detect takes it of the whole matrix without its diagonal.
fn median(distances: &[f64]) -> Option<f64> {
    let mut sorted = distances.to_vec();
    let middle = sorted.len().checked_sub(1)? / 2;
    let (_, median, _) = sorted.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

/// The squared discrepancy between the rows that are first and the others. `whole`: the sum of
/// the kernel.
fn squared(kernel: &[f64], is_first: &[bool], whole: f64) -> f64 {
    let all = is_first.len();
    let (mut first, mut second) = (0.0, 0.0);
    let mut rest = kernel;
    for (place, own) in is_first.iter().enumerate() {
        let Some((row, after)) = rest.split_at_checked(all - place - 1) else { break };
        rest = after;
        let others = is_first.get(place + 1..).unwrap_or_default();
        let same = row.iter().zip(others).map(|(k, is)| if is == own { *k } else { 0.0 });
        *(if *own { &mut first } else { &mut second }) += same.sum::<f64>();
    }
    let n = float(is_first.iter().filter(|is| **is).count());
    let m = float(all) - n;
    let between = whole - first - second;
    2.0 * first / (n * (n - 1.0)) + 2.0 * second / (m * (m - 1.0)) - 2.0 * between / (n * m)
}

/// Fisher and Yates's shuffle.
fn shuffle(values: &mut [bool], draws: &mut Draws) {
    for last in (1..values.len()).rev() {
        values.swap(last, draws.below(last + 1));
    }
}
