//! Which columns a change of the score comes from, and in which slice it concentrates.
//!
//! Where a version can be explained, a field's part is the change of its mean contribution (its SHAP
//! value) between the reference and the window: the parts add up to the change of the mean margin,
//! whatever else moved. Where it cannot, a field's part is its distance times how much of the score
//! hangs on it, and only the order says something.

use crate::reference::{Reference, Source, score_of};
use plimsoll_api as api;
use plimsoll_api::{MonitoredColumn, MonitoredKind, MonitoredWindow};
use plimsoll_explain::{Explainer, Room, Row};
use plimsoll_serving::ServedVersion;
use plimsoll_stats::multivariate::{Draws, SEED};
use plimsoll_types::Rows;
use plimsoll_types::record::ExplainMethod;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Rows that are explained: a mean of so many is known to a thirtieth of a deviation, and trees
/// explain them in a tenth of a second.
const ROWS_MAX: usize = 1_000;
/// Inputs that a sample holds: ten megabytes.
const VALUES_MAX: usize = 1_280_000;
/// Fields and slices that a sentence names.
const NAMED: usize = 3;
/// A part that is smaller is not named.
const NAMED_SHARE: f64 = 0.05;

/// What the fields of a contract contributed to a model's margin, as means over rows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Contributions {
    /// Rows.
    pub rows: u64,
    /// The mean margin.
    pub margin: f64,
    /// The mean contribution by the field's position.
    pub fields: Vec<f64>,
}

/// Rows of a version, each as likely to be kept as any other: Vitter's algorithm R (1985) with draws
/// of a fixed seed, so that the same rows give the same sample.
#[derive(Debug)]
pub struct Sampler {
    draws: Draws,
    seen: usize,
    width: usize,
    inputs: Vec<f64>,
    row: Vec<f64>,
}

impl Default for Sampler {
    fn default() -> Self {
        let (inputs, row) = (Vec::new(), Vec::new());
        Self { draws: Draws::new(SEED), seen: 0, width: 0, inputs, row }
    }
}

impl Sampler {
    /// Sees validated rows of the version's contract.
    pub fn see(&mut self, version: &ServedVersion, rows: &Rows) {
        if version.explainer.is_none() || version.upstream.is_some() {
            return;
        }
        for place in 0..rows.len() {
            self.row.clear();
            version.binding.model_row(rows, place, &mut self.row);
            self.width = self.row.len();
            let most = ROWS_MAX.min(VALUES_MAX / self.width.max(1));
            self.seen += 1;
            if self.seen <= most {
                self.inputs.extend_from_slice(&self.row);
                continue;
            }
            let slot = self.draws.below(self.seen);
            let from = slot.saturating_mul(self.width);
            if slot < most
                && let Some(kept) = self.inputs.get_mut(from..from + self.width)
            {
                kept.copy_from_slice(&self.row);
            }
        }
    }

    /// Explains what was kept; `None` if nothing was, or the version cannot be explained.
    #[must_use]
    pub fn contributions(&self, version: &ServedVersion) -> Option<Contributions> {
        means(version.explainer.as_ref()?, version, &self.inputs, self.width)
    }
}

fn means(
    explainer: &Explainer,
    version: &ServedVersion,
    inputs: &[f64],
    width: usize,
) -> Option<Contributions> {
    // What can only be asked is asked thousands of times for each row, and estimates.
    if explainer.method() == ExplainMethod::Permutation {
        return None;
    }
    let outputs = version.model.output().count;
    // Always the same margin, whatever the answer is: that of the score that is watched.
    let mut answer = vec![0.0; outputs];
    *answer.get_mut(score_of(outputs))? = 1.0;
    let mut room = Room::default();
    let (mut rows, mut margin, mut fields) = (0_u32, 0.0, Vec::new());
    for inputs in inputs.chunks_exact(width.max(1)) {
        let mut one = explainer.begin(None);
        let row = Row { inputs, answer: &answer, seed: [0; 16] };
        explainer.explain(row, None, &mut room, &mut one).ok()?;
        rows += 1;
        margin += one.rows.first()?.margin;
        fields.resize(one.contributions.len().max(fields.len()), 0.0);
        fields.iter_mut().zip(&one.contributions).for_each(|(all, part)| *all += part);
    }
    let n = f64::from(rows);
    fields.iter_mut().for_each(|all| *all /= n);
    (rows > 0).then(|| Contributions { rows: rows.into(), margin: margin / n, fields })
}

/// What moved the score of this window. `now` are the contributions of a sample of its rows.
#[must_use]
pub fn explained(
    window: &MonitoredWindow,
    reference: &Reference,
    now: Option<&Contributions>,
) -> api::DriftExplained {
    let both = reference.contributions.as_ref().zip(now);
    let both = both.filter(|(then, now)| then.fields.len() == now.fields.len());
    let has_weights =
        window.columns.iter().any(|column| reference.weights.get(&column.name).is_some());
    let by = match (both.is_some(), has_weights) {
        (true, _) => api::DriftBy::Contributions,
        (false, true) => api::DriftBy::WeightedDistances,
        (false, false) => api::DriftBy::Distances,
    };
    let inputs = window.columns.iter().zip(&reference.columns).filter_map(|(shown, column)| {
        let Source::Field(place) = column.source else { return None };
        // Context is recorded and not given to the model: it has no part in the score.
        let contribution =
            both.map(|(then, now)| match (then.fields.get(place), now.fields.get(place)) {
                (Some(then), Some(now)) => now - then,
                _ => 0.0,
            });
        let size = match by {
            api::DriftBy::Contributions => contribution.unwrap_or_default().abs(),
            api::DriftBy::WeightedDistances => {
                shown.distance * reference.weights.get(&shown.name).unwrap_or_default()
            }
            api::DriftBy::Distances => shown.distance,
        };
        Some((shown, contribution, size))
    });
    let inputs: Vec<_> = inputs.collect();
    let all: f64 = inputs.iter().map(|(_, _, size)| size).sum();
    let mut columns: Vec<api::DriftPart> = inputs
        .into_iter()
        .map(|(shown, contribution, size)| api::DriftPart {
            column: shown.name.clone(),
            distance: shown.distance,
            tolerance: shown.tolerance,
            is_told: shown.is_drift_told,
            contribution,
            share: if all > 0.0 { size / all } else { 0.0 },
        })
        .collect();
    columns.sort_by(|a, b| b.share.total_cmp(&a.share));
    let slices = slices(window);
    let score = both.map(|(then, now)| api::ScoreChange {
        before: then.margin,
        now: now.margin,
        rows: now.rows,
    });
    let mut explained = api::DriftExplained {
        version: window.version,
        from: window.from,
        until: window.until,
        by,
        score,
        columns,
        slices,
        text: String::new(),
    };
    explained.text = in_words(&explained);
    explained
}

/// Parts of the population by how far the score moved in them, weighed by how many rows they have.
fn slices(window: &MonitoredWindow) -> Vec<api::DriftSlice> {
    let of_score = |column: &&MonitoredColumn| {
        column.kind == MonitoredKind::Output && column.slice.is_some() && column.is_enough
    };
    let overall = |name: &str| {
        let whole = window.columns.iter().find(|c| c.slice.is_none() && c.name == name);
        whole.map_or((0.0, 0), |whole| (whole.distance, whole.values))
    };
    let mut slices: Vec<api::DriftSlice> = window
        .columns
        .iter()
        .filter(of_score)
        .map(|column| {
            let (distance, values) = overall(&column.name);
            api::DriftSlice {
                slice: column.slice.clone().unwrap_or_default(),
                rows: share(column.values, values),
                distance: column.distance,
                overall: distance,
            }
        })
        .collect();
    slices.sort_by(|a, b| (b.distance * b.rows).total_cmp(&(a.distance * a.rows)));
    slices
}

#[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^53")]
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// One or two sentences for a finding.
fn in_words(explained: &api::DriftExplained) -> String {
    let named: Vec<String> = explained
        .columns
        .iter()
        .take(NAMED)
        .filter(|part| part.share >= NAMED_SHARE)
        .map(|part| format!("{} {:.0} %", part.column, part.share * 100.0))
        .collect();
    if named.is_empty() {
        return "no input explains a change of the score".to_owned();
    }
    let mut text = match explained.by {
        api::DriftBy::Contributions => "the change of the score comes from",
        api::DriftBy::WeightedDistances => "by distance and weight in the score it comes from",
        api::DriftBy::Distances => "by distance alone it comes from",
    }
    .to_owned();
    // Into a string nothing fails.
    let _in_memory = write!(text, " {}", named.join(", "));
    if let Some(score) = &explained.score {
        let _in_memory =
            write!(text, "; the mean margin went from {:.3} to {:.3}", score.before, score.now);
    }
    if let Some(slice) = explained.slices.first().filter(|slice| slice.distance > slice.overall) {
        let _in_memory = write!(
            text,
            "; it is most where {} ({:.1} % of the population moved, {:.1} % overall)",
            slice.slice,
            slice.distance * 100.0,
            slice.overall * 100.0
        );
    }
    text
}
