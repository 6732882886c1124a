//! PCA reconstruction error, as NannyML's `DataReconstructionDriftCalculator` has it: principal
//! components of the reference that explain 65 % of its variance, and how far rows are from what
//! those components make of them. A relation between columns that no longer holds moves it.
//!
//! As NannyML prepares rows: a missing number is the reference's mean, a missing category its
//! most frequent one, a category its share of the reference (0 if it has none of it), and then all is
//! brought to mean 0 and deviation 1.

use super::Kind;
use crate::special::{Sum, float};
use serde::{Deserialize, Serialize};

/// The share of the variance that is kept: NannyML's default.
const EXPLAINED: f64 = 0.65;
/// Chunks of a table: NannyML's default.
const CHUNKS: usize = 10;
/// Sweeps of Jacobi's method. It converges quadratically: ten suffice for any matrix here.
const SWEEPS: usize = 40;

/// The principal components of a reference.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reconstruction {
    columns: Vec<Prepared>,
    /// How many components were kept.
    components: usize,
    /// For each column its number in every component, which has unit length: one column after
    /// the other, so that a row is projected column by column.
    loadings: Vec<f64>,
    /// The mean of the errors of the reference's chunks, and NannyML's limits: three deviations.
    reference: f64,
    lower: f64,
    upper: f64,
}

/// How a column's values become numbers around 0.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Prepared {
    /// What stands in for a missing value: a mean, or a code.
    fill: f64,
    /// Of a category its share by code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shares: Option<Vec<f64>>,
    mean: f64,
    deviation: f64,
}

/// Reconstruction errors chunk by chunk, in deviations of the columns.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Chunked {
    /// Components that were kept.
    pub components: usize,
    /// The mean error of each tenth of the reference.
    pub reference: Vec<f64>,
    /// The mean error of each tenth of the current table.
    pub current: Vec<f64>,
    /// The mean error of the current table as a whole.
    pub value: f64,
    /// Mean - 3 standard deviations (of a population) of the reference's chunks.
    pub lower: f64,
    /// Mean + 3 standard deviations.
    pub upper: f64,
}

impl Chunked {
    /// Whether the whole is beyond the limits of a chunk.
    #[must_use]
    pub fn is_beyond(&self) -> bool {
        self.value > self.upper || self.value < self.lower
    }
    /// Chunks of the current table beyond the limits: NannyML's alerts.
    #[must_use]
    pub fn alerts(&self) -> usize {
        self.current.iter().filter(|error| **error > self.upper || **error < self.lower).count()
    }
}

impl Reconstruction {
    /// Fits the columns of a reference. `None` if there are none, or they have no rows, or no
    /// variance.
    #[must_use]
    pub fn fit(kinds: &[Kind], columns: &[Vec<f64>]) -> Option<Self> {
        let rows = columns.iter().map(Vec::len).min().filter(|rows| *rows > 1)?;
        let prepared: Vec<Prepared> =
            kinds.iter().zip(columns).map(|(kind, values)| Prepared::of(*kind, values)).collect();
        let scaled: Vec<Vec<f64>> = prepared
            .iter()
            .zip(columns)
            .map(|(prepared, values)| values.iter().map(|value| prepared.scale(*value)).collect())
            .collect();
        let covariance = |a: &Vec<f64>, b: &Vec<f64>| {
            Sum::of(a.iter().zip(b).map(|(a, b)| a * b)) / float(rows - 1)
        };
        let matrix: Vec<Vec<f64>> =
            scaled.iter().map(|a| scaled.iter().map(|b| covariance(a, b)).collect()).collect();
        let mut pairs = eigen(matrix);
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let all: f64 = pairs.iter().map(|(value, _)| value.max(0.0)).sum();
        if all <= 0.0 {
            return None;
        }
        let mut explained = 0.0;
        let mut vectors = Vec::new();
        for (value, vector) in pairs {
            vectors.push(vector);
            explained += value.max(0.0) / all;
            if explained > EXPLAINED {
                break;
            }
        }
        let of = |column: usize| vectors.iter().filter_map(move |v| v.get(column).copied());
        let mut fitted = Self {
            loadings: (0..prepared.len()).flat_map(of).collect(),
            components: vectors.len(),
            columns: prepared,
            reference: 0.0,
            lower: 0.0,
            upper: 0.0,
        };
        let chunks = means(&fitted.errors(columns));
        let n = float(chunks.len());
        let mean = Sum::of(chunks.iter().copied()) / n;
        let spread = (Sum::of(chunks.iter().map(|one| (one - mean).powi(2))) / n).sqrt();
        fitted.reference = mean;
        (fitted.lower, fitted.upper) = (mean - 3.0 * spread, mean + 3.0 * spread);
        Some(fitted)
    }

    /// How many columns a row has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }
    /// The mean error of the reference, and the limits of a chunk.
    #[must_use]
    pub fn limits(&self) -> (f64, f64, f64) {
        (self.reference, self.lower, self.upper)
    }

    /// How far this row is from what the components make of it. `scratch` is emptied and used.
    #[must_use]
    pub fn error(&self, row: impl Iterator<Item = f64>, scratch: &mut Vec<f64>) -> f64 {
        scratch.clear();
        // First what the row has of each component, then the row itself.
        scratch.resize(self.components + self.columns.len(), 0.0);
        let (parts, scaled) = scratch.split_at_mut(self.components);
        let mut all = 0.0;
        let columns = self.columns.iter().zip(self.loadings.chunks_exact(self.components.max(1)));
        for (((column, loadings), value), slot) in columns.zip(row).zip(&mut *scaled) {
            *slot = column.scale(value);
            all += *slot * *slot;
            parts.iter_mut().zip(loadings).for_each(|(part, own)| *part += *slot * own);
        }
        // Components stand at right angles, so what they explain adds up. Where it is nearly all,
        // a difference of sums would be of rounding, and each value is taken by itself.
        let explained: f64 = parts.iter().map(|part| part * part).sum();
        if all - explained > 1e-3 * all {
            return (all - explained).sqrt();
        }
        let rest = scaled.iter().zip(self.loadings.chunks_exact(self.components.max(1))).map(
            |(value, loadings)| {
                let made: f64 = parts.iter().zip(loadings).map(|(part, own)| part * own).sum();
                (value - made).powi(2)
            },
        );
        rest.sum::<f64>().sqrt()
    }

    /// The error of every row.
    #[must_use]
    pub fn errors(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
        let mut scratch = Vec::with_capacity(columns.len());
        let value = |column: &Vec<f64>, row: usize| column.get(row).copied().unwrap_or(f64::NAN);
        (0..rows)
            .map(|row| self.error(columns.iter().map(|column| value(column, row)), &mut scratch))
            .collect()
    }

    /// Both tables, chunk by chunk.
    #[must_use]
    pub fn chunks(&self, reference: &[Vec<f64>], current: &[Vec<f64>]) -> Chunked {
        let (before, now) = (self.errors(reference), self.errors(current));
        let mean = |errors: &[f64]| Sum::of(errors.iter().copied()) / float(errors.len().max(1));
        Chunked {
            components: self.components,
            reference: means(&before),
            current: means(&now),
            value: mean(&now),
            lower: self.lower,
            upper: self.upper,
        }
    }
}

/// The mean of each tenth; what is left over is one more.
fn means(errors: &[f64]) -> Vec<f64> {
    let chunks = errors.chunks((errors.len() / CHUNKS).max(1));
    chunks.map(|chunk| Sum::of(chunk.iter().copied()) / float(chunk.len())).collect()
}

impl Prepared {
    fn of(kind: Kind, values: &[f64]) -> Self {
        let there: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let n = float(there.len().max(1));
        let (fill, shares) = match kind {
            Kind::Number => (Sum::of(there.iter().copied()) / n, None),
            Kind::Category(count) => {
                let mut counts = vec![0_usize; count];
                for code in &there {
                    if let Some(count) = counts.get_mut(crate::special::whole(*code)) {
                        *count += 1;
                    }
                }
                // Of equally frequent ones the first.
                let most = counts.iter().copied().max().unwrap_or(0);
                let fill = counts.iter().position(|count| *count == most).unwrap_or(0);
                let missing = values.len() - there.len();
                if let Some(count) = counts.get_mut(fill) {
                    *count += missing;
                }
                let all = float(values.len().max(1));
                (float(fill), Some(counts.into_iter().map(|count| float(count) / all).collect()))
            }
        };
        let mut prepared = Self { fill, shares, mean: 0.0, deviation: 1.0 };
        let plain: Vec<f64> = values.iter().map(|value| prepared.plain(*value)).collect();
        let n = float(plain.len().max(1));
        let mean = Sum::of(plain.iter().copied()) / n;
        let variance = Sum::of(plain.iter().map(|value| (value - mean).powi(2))) / n;
        // What differs by rounding only is constant: scikit-learn's bound.
        let rounding = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
        prepared.mean = mean;
        prepared.deviation = if variance <= rounding { 1.0 } else { variance.sqrt() };
        prepared
    }

    /// A number for a value, not yet scaled.
    fn plain(&self, value: f64) -> f64 {
        let value = if value.is_finite() { value } else { self.fill };
        match &self.shares {
            None => value,
            Some(_) if value < 0.0 => 0.0,
            Some(shares) => shares.get(crate::special::whole(value)).copied().unwrap_or(0.0),
        }
    }

    fn scale(&self, value: f64) -> f64 {
        (self.plain(value) - self.mean) / self.deviation
    }
}

/// Eigenvalues and unit eigenvectors of a symmetric matrix: Jacobi's method, cyclic by rows (Golub
/// and Van Loan, *Matrix Computations*, 8.5).
fn eigen(mut matrix: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let n = matrix.len();
    let at = |matrix: &[Vec<f64>], row: usize, column: usize| {
        matrix.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0)
    };
    // Rows are the vectors.
    let mut vectors: Vec<Vec<f64>> = (0..n)
        .map(|row| (0..n).map(|column| f64::from(u8::from(row == column))).collect())
        .collect();
    let scale: f64 = (0..n).map(|place| at(&matrix, place, place).abs()).sum();
    for _ in 0..SWEEPS {
        let mut off = 0.0;
        for p in 0..n {
            for q in p + 1..n {
                let apq = at(&matrix, p, q);
                off += apq * apq;
                if apq.abs() <= f64::MIN_POSITIVE {
                    continue;
                }
                let theta = (at(&matrix, q, q) - at(&matrix, p, p)) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = 1.0 / t.hypot(1.0);
                let sine = t * cosine;
                for row in &mut matrix {
                    turn(row, (p, q), (cosine, sine));
                }
                turn_rows(&mut matrix, (p, q), (cosine, sine));
                turn_rows(&mut vectors, (p, q), (cosine, sine));
            }
        }
        if off.sqrt() <= 1e-15 * scale {
            break;
        }
    }
    (0..n).map(|place| at(&matrix, place, place)).zip(vectors).collect()
}

/// Turns two values of a row by an angle.
fn turn(row: &mut [f64], (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    if let (Some(a), Some(b)) = (row.get(p).copied(), row.get(q).copied()) {
        for (place, value) in [(p, cosine * a - sine * b), (q, sine * a + cosine * b)] {
            if let Some(cell) = row.get_mut(place) {
                *cell = value;
            }
        }
    }
}

/// Turns two rows by an angle; `p` is before `q`.
fn turn_rows(matrix: &mut [Vec<f64>], (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    let Some((head, tail)) = matrix.split_at_mut_checked(q) else { return };
    let (Some(first), Some(second)) = (head.get_mut(p), tail.first_mut()) else { return };
    for (a, b) in first.iter_mut().zip(second) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_make_the_matrix_again() {
        let matrix = vec![vec![4.0, 1.0, -2.0], vec![1.0, 2.0, 0.0], vec![-2.0, 0.0, 3.0]];
        let pairs = eigen(matrix.clone());
        for (row, values) in matrix.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                let made: f64 = pairs.iter().map(|(l, v)| l * v[row] * v[column]).sum();
                assert!((made - value).abs() < 1e-12, "{row} {column}: {made}");
            }
        }
    }

    #[test]
    fn a_relation_that_breaks_is_seen_although_no_column_moves() {
        // y follows x in the reference; in the current table the same values come in another order.
        let x: Vec<f64> = (0..1_000).map(|i| f64::from((i * 37) % 1_000)).collect();
        let noise: Vec<f64> = (0..1_000).map(|i| f64::from((i * 91) % 1_000) / 50.0).collect();
        let y: Vec<f64> = x.iter().zip(&noise).map(|(x, noise)| 2.0 * x + noise).collect();
        let mut turned = y.clone();
        turned.rotate_left(333);
        let kinds = [Kind::Number, Kind::Number];
        let fitted = Reconstruction::fit(&kinds, &[x.clone(), y.clone()]).unwrap();
        assert!(!fitted.chunks(&[x.clone(), y.clone()], &[x.clone(), y.clone()]).is_beyond());
        let found = fitted.chunks(&[x.clone(), y], &[x, turned]);
        assert!(found.is_beyond(), "{found:?}");
        assert_eq!(found.alerts(), found.current.len());
    }

    #[test]
    fn nothing_and_what_never_changes_have_no_components() {
        assert!(Reconstruction::fit(&[], &[]).is_none());
        assert!(Reconstruction::fit(&[Kind::Number], &[vec![3.0; 50]]).is_none());
        assert!(Reconstruction::fit(&[Kind::Category(0)], &[vec![f64::NAN; 50]]).is_none());
    }
}
