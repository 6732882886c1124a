//! What a model goes by over many rows: global explanations, as data and as a page of plots.
//!
//! Mean sizes of contributions are taken over all rows that are given; what is drawn, permuted
//! or varied is a sample of them that depends on nothing but their order.

mod page;
mod plot;

use std::sync::Arc;

use plimsoll_model::{Model, PredictError};

use crate::error::ExplainError;
use crate::shap::{Scratch, TreeExplainer};

/// Rows of the sample. A beeswarm of more is a blot, and the mean of a permuted or varied
/// margin moves by less than a thirtieth of its spread.
pub const SAMPLE_ROWS: usize = 1000;

/// Features that are drawn and varied: those with the largest contributions.
pub const FEATURES_SHOWN: usize = 20;

/// Values of a feature that partial dependence is computed at.
const GRID_MAX: usize = 32;

/// Rows whose dependence is shown one by one.
const ICE_ROWS: usize = 40;

/// A feature, and what it does to one output of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureReport {
    /// Its name.
    pub name: String,
    /// Its place among the features of the model.
    pub feature: usize,
    /// Mean size of its contributions over all rows, in units of the margin.
    pub mean_abs: f64,
    /// Mean change of the margin when its values are dealt out to the rows anew.
    pub permutation: f64,
    /// For each row of the sample its value and its contribution; a missing value is NaN.
    pub points: Vec<(f64, f64)>,
    /// Values, and the mean margin of the sample if every row had them (partial dependence).
    pub dependence: Vec<(f64, f64)>,
    /// The same for single rows (individual conditional expectation).
    pub single_rows: Vec<Vec<f64>>,
}

/// A global explanation of one output.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The model, for people.
    pub title: String,
    /// Which output is explained, and how many there are.
    pub output: usize,
    /// How many outputs the model has.
    pub outputs: usize,
    /// Rows that were explained.
    pub rows: u64,
    /// Rows of the sample.
    pub sampled: usize,
    /// How contributions were found.
    pub method: &'static str,
    /// The explainer pack.
    pub pack: String,
    /// The expected margin.
    pub base: f64,
    /// Mean size of the contributions of every feature, the largest first.
    pub importance: Vec<(String, f64)>,
    /// The most important features in detail.
    pub features: Vec<FeatureReport>,
}

/// Takes in rows and makes a report of them. One row is one value per feature of the model.
#[derive(Debug)]
pub struct Reporter {
    explainer: Arc<TreeExplainer>,
    output: usize,
    rows: u64,
    sums: Vec<f64>,
    sample: Vec<f64>,
    random: Random,
}

impl Reporter {
    /// Reports on `output` of the explained model.
    ///
    /// # Errors
    /// [`ExplainError::OverLimit`] if the model has no such output or its features are grouped.
    pub fn new(explainer: Arc<TreeExplainer>, output: usize) -> Result<Self, ExplainError> {
        let outputs = explainer.outputs();
        if output >= outputs {
            return Err(ExplainError::OverLimit {
                what: "output",
                found: output,
                max: outputs.saturating_sub(1),
                hint: "outputs count from 0",
            });
        }
        let (found, max) = (explainer.features(), explainer.model().feature_count());
        if found != max {
            let (what, hint) = ("contract features", "report on the features of the model");
            return Err(ExplainError::OverLimit { what, found, max, hint });
        }
        let sums = vec![0.0; found];
        let (sample, random) = (Vec::new(), Random(0));
        Ok(Self { explainer, output, rows: 0, sums, sample, random })
    }

    /// Takes in rows with their contributions, as
    /// [`explain_rows`](TreeExplainer::explain_rows) gives them.
    ///
    /// # Errors
    /// [`ExplainError::Shape`] if there are not as many contributions as values.
    pub fn add(&mut self, rows: &[f64], values: &[f64]) -> Result<(), ExplainError> {
        let (width, outputs) = (self.sums.len(), self.explainer.outputs());
        let (found, expected) = (values.len(), rows.len().saturating_mul(outputs));
        if found != expected {
            return Err(PredictError::OutputLength { found, expected }.into());
        }
        for (row, values) in rows.chunks_exact(width).zip(values.chunks_exact(width * outputs)) {
            let own = values.iter().skip(self.output * width);
            self.sums.iter_mut().zip(own).for_each(|(sum, value)| *sum += value.abs());
            self.rows += 1;
            self.pick(row);
        }
        Ok(())
    }

    /// Keeps each row with the same chance (Vitter 1985, algorithm R).
    fn pick(&mut self, row: &[f64]) {
        let width = self.sums.len();
        if self.sample.len() < SAMPLE_ROWS * width {
            self.sample.extend_from_slice(row);
            return;
        }
        let place = usize::try_from(self.random.below(self.rows)).unwrap_or(usize::MAX);
        if place < SAMPLE_ROWS {
            let kept = self.sample.iter_mut().skip(place * width);
            kept.zip(row).for_each(|(kept, value)| *kept = *value);
        }
    }

    /// Makes the report. `names` are those of the features, `title` that of the model.
    ///
    /// # Errors
    /// [`ExplainError::NoRows`] if no row was taken in; other errors as rows are explained.
    pub fn finish(mut self, names: &[String], title: &str) -> Result<Report, ExplainError> {
        if self.rows == 0 {
            return Err(ExplainError::NoRows);
        }
        let name = |feature: usize| {
            names.get(feature).cloned().unwrap_or_else(|| format!("feature {feature}"))
        };
        #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^53")]
        let rows = self.rows as f64;
        let means: Vec<f64> = self.sums.iter().map(|sum| sum / rows).collect();
        let mut order: Vec<usize> = (0..means.len()).collect();
        // Equal importance keeps the order of the features.
        order.sort_by(|a, b| means[*b].total_cmp(&means[*a]));
        let values = self.sample_values()?;
        let shown = order.iter().take(FEATURES_SHOWN).filter(|feature| means[**feature] > 0.0);
        let shown: Vec<usize> = shown.copied().collect();
        let mut features = Vec::with_capacity(shown.len());
        for feature in shown {
            let mut report = self.feature(feature, &values)?;
            (report.name, report.mean_abs) = (name(feature), means[feature]);
            features.push(report);
        }
        Ok(Report {
            title: title.to_owned(),
            output: self.output,
            outputs: self.explainer.outputs(),
            rows: self.rows,
            sampled: self.sample.len() / self.sums.len().max(1),
            method: self.explainer.method().as_str(),
            pack: self.explainer.digest().to_string(),
            base: self.explainer.base().get(self.output).copied().unwrap_or(0.0),
            importance: order.iter().map(|&feature| (name(feature), means[feature])).collect(),
            features,
        })
    }

    /// Contributions of the sample to the output, row-major.
    fn sample_values(&self) -> Result<Vec<f64>, ExplainError> {
        let (width, outputs) = (self.sums.len(), self.explainer.outputs());
        let count = self.sample.len() / width.max(1);
        let mut values = vec![0.0; self.sample.len() * outputs];
        let mut margins = vec![0.0; count * outputs];
        let scratch = &mut Scratch::default();
        self.explainer.explain_rows(&self.sample, scratch, &mut values, &mut margins)?;
        let rows = values.chunks_exact(width * outputs);
        Ok(rows.flat_map(|row| row.iter().skip(self.output * width).take(width).copied()).collect())
    }

    fn feature(&mut self, feature: usize, values: &[f64]) -> Result<FeatureReport, ExplainError> {
        let width = self.sums.len();
        let own: Vec<f64> = self.sample.iter().skip(feature).step_by(width).copied().collect();
        let contributions = values.iter().skip(feature).step_by(width);
        let points = own.iter().copied().zip(contributions.copied()).collect();
        let margins = self.margins(&self.sample)?;
        let mut dealt = own.clone();
        self.random.shuffle(&mut dealt);
        let moved = self.margins(&self.with(feature, dealt.iter().copied()))?;
        let changes = margins.iter().zip(&moved).map(|(a, b)| (a - b).abs());
        let permutation = mean(changes);
        let (mut dependence, mut single_rows) = (Vec::new(), Vec::new());
        for value in grid(&own) {
            let varied = self.margins(&self.with(feature, std::iter::repeat(value)))?;
            dependence.push((value, mean(varied.iter().copied())));
            let step = (varied.len() / ICE_ROWS).max(1);
            single_rows.push(varied.into_iter().step_by(step).take(ICE_ROWS).collect());
        }
        let single_rows = transpose(&single_rows);
        let (name, mean_abs) = (String::new(), 0.0);
        Ok(FeatureReport { name, feature, mean_abs, permutation, points, dependence, single_rows })
    }

    /// The sample with other values of one feature.
    fn with(&self, feature: usize, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut rows = self.sample.clone();
        let places = rows.iter_mut().skip(feature).step_by(self.sums.len());
        places.zip(values).for_each(|(place, value)| *place = value);
        rows
    }

    /// Margins of rows at the output.
    fn margins(&self, rows: &[f64]) -> Result<Vec<f64>, ExplainError> {
        let model: &Model = self.explainer.model();
        let (outputs, count) = (model.margin_count(), rows.len() / self.sums.len().max(1));
        let mut margins = vec![0.0; count * outputs];
        model.margins_batch(rows, count, &mut margins)?;
        Ok(margins.into_iter().skip(self.output).step_by(outputs).collect())
    }
}

/// Values of a feature to vary it over: all that occur if they are few, else quantiles.
fn grid(values: &[f64]) -> Vec<f64> {
    let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    known.dedup();
    if known.len() <= GRID_MAX {
        return known;
    }
    let last = known.len() - 1;
    (0..GRID_MAX).filter_map(|step| known.get(step * last / (GRID_MAX - 1)).copied()).collect()
}

fn transpose(columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows)
        .map(|row| columns.iter().filter_map(|column| column.get(row).copied()).collect())
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "samples are far below 2^53")]
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / count.max(1) as f64
}

/// Numbers that look random and are the same everywhere (SplitMix64, Steele and others 2014).
#[derive(Clone, Copy, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    /// A number below `end`; its bias is below 2^-32 for any count of rows.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
    fn shuffle(&mut self, values: &mut [f64]) {
        for last in (1..values.len()).rev() {
            let end = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            let other = usize::try_from(self.below(end)).unwrap_or(0);
            values.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_every_value_or_quantiles() {
        assert_eq!(grid(&[2.0, f64::NAN, 1.0, 2.0]), [1.0, 2.0]);
        let many: Vec<f64> = (0..1000_u16).rev().map(f64::from).collect();
        let grid = grid(&many);
        assert_eq!((grid.len(), grid[0], grid[GRID_MAX - 1]), (GRID_MAX, 0.0, 999.0));
        assert!(grid.is_sorted());
        assert!(super::grid(&[f64::NAN]).is_empty());
    }

    #[test]
    fn shuffling_keeps_every_value() {
        let mut values: Vec<f64> = (0..100_u8).map(f64::from).collect();
        Random(7).shuffle(&mut values);
        assert!(!values.is_sorted());
        values.sort_by(f64::total_cmp);
        assert!(values.iter().copied().eq((0..100_u8).map(f64::from)));
    }
}
