//! All columns together: correction for their number, verdicts, order.

use super::rule::{Rule, VALUES_MIN};
use super::{ColumnReport, Convention, Measure, Test};
use crate::discovery::Correction;
use crate::multivariate::Multivariate;
use serde::Serialize;

/// How two tables are compared.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Settings {
    /// Whose defaults and cells.
    pub convention: Convention,
    /// The level of all tests together.
    pub alpha: f64,
    /// How p-values are corrected for the number of columns.
    pub correction: Correction,
    /// Columns with a test of their own.
    pub tests: Vec<(String, Test)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            convention: Convention::default(),
            alpha: 0.05,
            correction: Correction::default(),
            tests: Vec::new(),
        }
    }
}

/// The answer for one column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It has drifted.
    Drifted,
    /// No drift was found.
    NoDrift,
    /// There are too few values to tell.
    NotEnoughData,
    /// It is of a kind that is not compared.
    NotCompared,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drifted => "drifted",
            Self::NoDrift => "no drift found",
            Self::NotEnoughData => "not enough data",
            Self::NotCompared => "not compared",
        }
    }
}

/// The two tables as wholes.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Tables {
    /// What the reference is called.
    pub reference: String,
    /// What the current table is called.
    pub current: String,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Rows of the current table.
    pub current_rows: u64,
    /// Rows of the reference that are there before; `None` if they were not counted.
    pub reference_duplicates: Option<u64>,
    /// Rows of the current table that are there before.
    pub current_duplicates: Option<u64>,
    /// Columns of the current table that the reference has not.
    pub new_columns: Vec<String>,
}

/// Two tables compared.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The tables.
    pub tables: Tables,
    /// How they were compared.
    pub settings: Settings,
    /// How many columns drifted.
    pub drifted: usize,
    /// How many could be judged.
    pub judged: usize,
    /// The columns, the most drifted first.
    pub columns: Vec<ColumnReport>,
    /// The tables as wholes, if that was asked for and there was enough of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multivariate: Option<Multivariate>,
}

impl Report {
    /// Corrects the p-values of all columns together and gives every column its verdict.
    #[must_use]
    pub fn decide(tables: Tables, settings: Settings, mut columns: Vec<ColumnReport>) -> Self {
        let plan: Vec<(Option<f64>, Option<f64>)> =
            columns.iter().map(|column| (evidence(column), column.missing_p)).collect();
        let family: Vec<f64> =
            plan.iter().flat_map(|(own, missing)| [*own, *missing]).flatten().collect();
        let mut adjusted = settings.correction.adjust(&family).into_iter();
        for (column, (own, missing)) in columns.iter_mut().zip(plan) {
            column.p_adjusted = own.and_then(|_| adjusted.next());
            column.missing_p = missing.and_then(|_| adjusted.next());
            if column.is_compared {
                judge(column, &settings);
            }
        }
        columns.sort_by(|a, b| {
            let drifted = |column: &ColumnReport| column.verdict == Verdict::Drifted;
            drifted(b).cmp(&drifted(a)).then(b.strength.total_cmp(&a.strength))
        });
        let count = |verdict| columns.iter().filter(|column| column.verdict == verdict).count();
        let drifted = count(Verdict::Drifted);
        let judged = drifted + count(Verdict::NoDrift);
        Self { tables, settings, drifted, judged, columns, multivariate: None }
    }

    /// The same with what was found of the tables as wholes.
    #[must_use]
    pub fn with_multivariate(self, multivariate: Option<Multivariate>) -> Self {
        Self { multivariate, ..self }
    }

    /// Whether the tables drifted as wholes.
    #[must_use]
    pub fn drifted_as_a_whole(&self) -> bool {
        self.multivariate.as_ref().is_some_and(|found| found.is_drifted)
    }

    /// The names of the columns that drifted, the most drifted first.
    pub fn drifted_names(&self) -> impl Iterator<Item = &str> {
        let drifted = self.columns.iter().filter(|column| column.verdict == Verdict::Drifted);
        drifted.map(|column| column.name.as_str())
    }
}

/// The p-value that the column's rule rests on, if it is one that has one.
fn evidence(column: &ColumnReport) -> Option<f64> {
    if !has_enough(column) {
        return None;
    }
    let measure = match column.rule.as_ref()? {
        Rule::One(test) => test.measure,
        Rule::Both { evidence, .. } => evidence.measure,
        Rule::Chunks(_) => return None,
    };
    score(column, measure)?.p_value
}

fn score(column: &ColumnReport, measure: Measure) -> Option<&super::Score> {
    column.scores.iter().find(|score| score.measure == measure)
}

/// Plimsoll's own rule wants so many values that a p-value means something.
fn has_enough(column: &ColumnReport) -> bool {
    let least = match column.rule {
        Some(Rule::Both { .. }) => VALUES_MIN as u64,
        _ => 1,
    };
    let values = |side: &Option<super::Side>| {
        side.as_ref().map_or(0, |side| side.rows - side.missing - side.infinite)
    };
    values(&column.reference) >= least && values(&column.current) >= least
}

/// A threshold reached, as a ratio: from 1 it is.
fn ratio(test: &Test, value: f64) -> f64 {
    if test.measure.is_test() {
        value.max(f64::MIN_POSITIVE).ln() / test.threshold.max(f64::MIN_POSITIVE).ln()
    } else {
        value / test.threshold
    }
}

fn judge(column: &mut ColumnReport, settings: &Settings) {
    let found = match (&column.rule, &column.chunks) {
        _ if !has_enough(column) => None,
        (Some(Rule::One(test)), _) => score(column, test.measure).and_then(|score| {
            // A test decides by its p-value, corrected; a distance by its value.
            let value = if test.measure.is_test() { column.p_adjusted? } else { score.value };
            let is_beyond = if test.measure.is_test() {
                value < test.threshold
            } else {
                value >= test.threshold
            };
            Some((is_beyond, ratio(test, value)))
        }),
        (Some(Rule::Both { evidence, effects }), _) => column.p_adjusted.map(|p| {
            let reached = effects
                .iter()
                .filter_map(|test| Some(ratio(test, score(column, test.measure)?.value)));
            let effect = reached.fold(0.0, f64::max);
            (p <= evidence.threshold && effect >= 1.0, effect.min(ratio(evidence, p)))
        }),
        (Some(Rule::Chunks(_)), Some(chunks)) => {
            let most = chunks.current.iter().copied().fold(0.0, f64::max);
            Some((chunks.alerts() > 0, most / chunks.threshold.max(f64::MIN_POSITIVE)))
        }
        _ => None,
    };
    let is_missing =
        column.missing_p.is_some_and(|p| p <= settings.alpha) && column.missing_effect();
    let found =
        if is_missing { Some((true, found.map_or(1.0, |found| found.1.max(1.0)))) } else { found };
    (column.verdict, column.strength) = match found {
        Some((true, strength)) => (Verdict::Drifted, strength),
        Some((false, strength)) => (Verdict::NoDrift, strength),
        None => (Verdict::NotEnoughData, 0.0),
    };
}
