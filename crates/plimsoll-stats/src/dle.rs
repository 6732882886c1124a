//! Performance of quantities before outcomes are known: direct loss estimation (DLE), as NannyML
//! does it, with [`crate::booster`] in the place of LightGBM. A model of the model's loss is fitted
//! on rows with outcomes, from the model's inputs and its answer; its mean over rows without is the
//! estimate. It sees what inputs say about errors, and nothing of a relation that has changed.
//!
//! NannyML's own numbers cannot be met to the last digit without LightGBM's; estimates are held
//! against realized losses and against NannyML's within a tolerance that the test states.

use crate::booster::Booster;
use crate::realized::Measure;
use crate::special::{Sum, float};

/// What can be estimated.
pub const MEASURES: [Measure; 3] = [Measure::Mae, Measure::Rmse, Measure::Mape];
/// Rows with outcomes below which nothing is fitted: a few leaves of each tree.
const ROWS_MIN: usize = 200;
/// Parts of the reference that thresholds come from.
const CHUNKS: usize = 10;

/// Rows of quantities with outcomes.
#[derive(Clone, Copy, Debug)]
pub struct Quantities<'a> {
    /// The model's inputs by column; NaN is missing, categories are numbers.
    pub columns: &'a [Vec<f64>],
    /// The model's answers.
    pub answers: &'a [f64],
    /// What they should have been.
    pub outcomes: &'a [f64],
}

/// An estimate of one measure over some rows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LossEstimate {
    /// The measure.
    pub measure: Measure,
    /// Its estimated value.
    pub value: f64,
    /// The standard error from so many rows being few.
    pub sampling_error: f64,
    /// Below this it is lower than it ever was by chance.
    pub lower_threshold: f64,
    /// Above this it is an alert: the mean + 3 standard deviations of the reference's chunks.
    pub upper_threshold: f64,
}

/// DLE of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Dle {
    fitted: Vec<Fitted>,
}

#[derive(Clone, PartialEq, Debug)]
struct Fitted {
    measure: Measure,
    losses: Booster,
    /// Standard deviation of a row's part in the measure.
    deviation: f64,
    lower: f64,
    upper: f64,
}

/// The loss of a row; the measure is its mean, of RMSE the root of that.
fn loss(measure: Measure, answer: f64, outcome: f64) -> f64 {
    let error = answer - outcome;
    match measure {
        Measure::Rmse => error * error,
        Measure::Mape => error.abs() / outcome.abs().max(f64::EPSILON),
        _ => error.abs(),
    }
}

fn measured(measure: Measure, mean: f64) -> f64 {
    if measure == Measure::Rmse { mean.max(0.0).sqrt() } else { mean }
}

impl Dle {
    /// Fits on rows with outcomes; `None` if there are fewer than two hundred, or they do not fit
    /// together.
    #[must_use]
    pub fn fit(known: Quantities<'_>) -> Option<Self> {
        let rows = known.outcomes.len();
        if rows < ROWS_MIN || known.answers.len() != rows {
            return None;
        }
        let columns = with_answers(known.columns, known.answers);
        let fitted = |measure: &Measure| {
            let pairs = known.answers.iter().zip(known.outcomes);
            let losses: Vec<f64> = pairs.map(|(a, o)| loss(*measure, *a, *o)).collect();
            let chunk = (rows / CHUNKS).max(1);
            let realized: Vec<f64> =
                losses.chunks(chunk).map(|part| measured(*measure, mean(part))).collect();
            let (center, spread) = (mean(&realized), 3.0 * deviation(&realized));
            let own = deviation(&losses);
            let deviation = match measure {
                // The delta method: the root of a mean moves half as much, over itself.
                Measure::Rmse => own / (2.0 * mean(&losses).sqrt().max(f64::MIN_POSITIVE)),
                _ => own,
            };
            Some(Fitted {
                measure: *measure,
                losses: Booster::fit(&columns, &losses)?,
                deviation,
                lower: (center - spread).max(0.0),
                upper: center + spread,
            })
        };
        let fitted: Option<Vec<Fitted>> = MEASURES.iter().map(fitted).collect();
        fitted.map(|fitted| Self { fitted })
    }

    /// Estimates over rows without outcomes; nothing if the columns are others.
    #[must_use]
    pub fn estimate(&self, columns: &[Vec<f64>], answers: &[f64]) -> Vec<LossEstimate> {
        let columns = with_answers(columns, answers);
        let estimate = |fitted: &Fitted| {
            let losses = fitted.losses.predict(&columns);
            let losses: Vec<f64> = losses.into_iter().map(|loss| loss.max(0.0)).collect();
            (!losses.is_empty()).then(|| LossEstimate {
                measure: fitted.measure,
                value: measured(fitted.measure, mean(&losses)),
                sampling_error: fitted.deviation / float(losses.len()).sqrt(),
                lower_threshold: fitted.lower,
                upper_threshold: fitted.upper,
            })
        };
        self.fitted.iter().filter_map(estimate).collect()
    }
}

fn with_answers(columns: &[Vec<f64>], answers: &[f64]) -> Vec<Vec<f64>> {
    columns.iter().cloned().chain([answers.to_vec()]).collect()
}

fn mean(values: &[f64]) -> f64 {
    Sum::of(values.iter().copied()) / float(values.len().max(1))
}

/// Of a population, as NannyML has it.
fn deviation(values: &[f64]) -> f64 {
    let center = mean(values);
    mean(&values.iter().map(|value| (value - center).powi(2)).collect::<Vec<_>>()).sqrt()
}
