//! One column of two tables: its values, what is measured, what is wrong with its data.

use super::measure::{cells_of, measure_once};
use super::rule::{Chunks, Rule};
use super::{Convention, Measure, Score, Settings};
use crate::cells::{even_edges, histogram};
use crate::counts::proportions;
use crate::sample::{Sample, runs};
use crate::special::float;
use serde::Serialize;

/// Bars of a plot of numbers, and categories that are shown.
const BARS: usize = 30;
const CATEGORIES_SHOWN: usize = 12;

/// Different numbers up to which each has a bar of its own.
const OWN_BARS: usize = 12;

/// Share of missing values by which two tables must differ to count.
const MISSING_EFFECT: f64 = 0.05;

/// The values of one column of both tables, without the missing ones.
#[derive(Clone, PartialEq, Debug)]
pub enum Pair {
    /// Finite numbers.
    Numbers {
        /// Of the reference.
        reference: Sample,
        /// Of the current table.
        current: Sample,
        /// Whether both columns hold whole numbers and nothing missing.
        is_integer: bool,
    },
    /// Categories, as places in `names`.
    Categories {
        /// Their names.
        names: Vec<Box<str>>,
        /// The reference.
        reference: Codes,
        /// The current table.
        current: Codes,
    },
}

/// Categories of one table, as places in a list of names, counted once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Codes {
    rows: Vec<u32>,
    counts: Vec<u64>,
}

impl Codes {
    /// These codes, row by row, of so many categories.
    #[must_use]
    pub fn new(rows: Vec<u32>, categories: usize) -> Self {
        let counts = tally(&rows, categories);
        Self { rows, counts }
    }
    /// Row by row.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }
    /// How often each category is there.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// How often each of so many categories is among these; a code beyond them is none.
pub(super) fn tally(codes: &[u32], categories: usize) -> Vec<u64> {
    let mut counts = vec![0; categories];
    for code in codes {
        let place = usize::try_from(*code).ok();
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    counts
}

impl Pair {
    pub(super) fn samples(&self) -> Option<(&Sample, &Sample)> {
        match self {
            Self::Numbers { reference, current, .. } => Some((reference, current)),
            Self::Categories { .. } => None,
        }
    }
    pub(super) fn is_integer(&self) -> bool {
        matches!(self, Self::Numbers { is_integer: true, .. })
    }
    pub(super) fn reference_len(&self) -> usize {
        match self {
            Self::Numbers { reference, .. } => reference.len(),
            Self::Categories { reference, .. } => reference.len(),
        }
    }
    pub(super) fn current_len(&self) -> usize {
        match self {
            Self::Numbers { current, .. } => current.len(),
            Self::Categories { current, .. } => current.len(),
        }
    }
    /// How often each value is there, in both.
    pub(super) fn counts(&self) -> (Vec<u64>, Vec<u64>) {
        match self {
            Self::Numbers { reference, current, .. } => {
                let count = |run: Option<(f64, usize)>| run.map_or(0, |run| run.1 as u64);
                let (mut left, mut right) =
                    (runs(reference.sorted()).peekable(), runs(current.sorted()).peekable());
                let mut counts = (Vec::new(), Vec::new());
                loop {
                    let value = match (left.peek(), right.peek()) {
                        (Some((a, _)), Some((b, _))) => a.min(*b),
                        (Some((only, _)), None) | (None, Some((only, _))) => *only,
                        (None, None) => return counts,
                    };
                    counts.0.push(count(left.next_if(|(at, _)| *at == value)));
                    counts.1.push(count(right.next_if(|(at, _)| *at == value)));
                }
            }
            Self::Categories { reference, current, .. } => {
                (reference.counts().to_vec(), current.counts().to_vec())
            }
        }
    }
    /// How many different values both have together.
    pub(super) fn distinct(&self) -> usize {
        match self {
            Self::Numbers { .. } => {
                // Only few are of interest, and counting stops there.
                let most = 8;
                let Some((reference, current)) = self.samples() else { return 0 };
                let values =
                    runs(reference.sorted()).take(most).chain(runs(current.sorted()).take(most));
                let mut values: Vec<f64> = values.map(|(value, _)| value).collect();
                values.sort_by(f64::total_cmp);
                values.dedup();
                values.len()
            }
            Self::Categories { names, .. } => names.len(),
        }
    }
}

/// A column as it was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Values {
    /// The column's name.
    pub name: String,
    /// What can be compared.
    pub pair: Pair,
    /// Rows, missing values and infinite ones of the reference.
    pub reference: Missing,
    /// The same of the current table.
    pub current: Missing,
    /// Of so many rows one was looked at; 1 is all of them.
    pub one_in: u64,
}

/// How many values are not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Missing {
    /// Rows of the table.
    pub rows: u64,
    /// Nulls and NaN.
    pub missing: u64,
    /// Infinite numbers.
    pub infinite: u64,
}

/// One table's side of a column.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Side {
    /// Rows of the table.
    pub rows: u64,
    /// Nulls and NaN.
    pub missing: u64,
    /// Infinite numbers.
    pub infinite: u64,
    /// Mean, standard deviation (of a population), least, 5 %, median, 95 % and greatest of
    /// numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<[f64; 7]>,
    /// Different values, of categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<usize>,
}

/// Something about a column's data that is worth knowing, whether or not it drifted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// Its name: `missing`, `infinite`, `out_of_range`, `new_categories`, `gone_categories`,
    /// `constant`, `empty`.
    pub check: &'static str,
    /// What was found.
    pub found: String,
}

/// Bars of both tables.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Plot {
    /// Names of the bars, if they are categories or single numbers.
    pub labels: Vec<String>,
    /// Edges of the bars, if they are ranges of numbers; the outer two hold what is beyond them.
    pub edges: Vec<f64>,
    /// Shares of the reference.
    pub reference: Vec<f64>,
    /// Shares of the current table.
    pub current: Vec<f64>,
}

/// All about one column but its verdict, which needs the others.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// `number`, `category`, or why it was not compared.
    pub kind: String,
    /// Whether it was compared.
    pub is_compared: bool,
    /// The verdict; set by `Report::decide`.
    pub verdict: super::Verdict,
    /// How far beyond the threshold of its rule, as a ratio: drift from 1.
    pub strength: f64,
    /// What decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// What was measured, the deciding one first.
    pub scores: Vec<Score>,
    /// The deciding p-value after correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_adjusted: Option<f64>,
    /// Chunk by chunk, in NannyML's convention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Chunks>,
    /// The p-value of missing values, where Plimsoll's convention tests them; then corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_p: Option<f64>,
    /// Of so many rows one was looked at.
    pub one_in: u64,
    /// The reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Side>,
    /// The current table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Side>,
    /// Data quality.
    pub checks: Vec<Check>,
    /// Bars of both tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plot: Option<Plot>,
}

impl ColumnReport {
    /// A column that cannot be compared; with `drifted` that alone is drift.
    #[must_use]
    pub fn not_compared(name: &str, why: &str, drifted: bool) -> Self {
        Self {
            name: name.to_owned(),
            kind: why.to_owned(),
            is_compared: false,
            verdict: if drifted { super::Verdict::Drifted } else { super::Verdict::NotCompared },
            strength: if drifted { 1.0 } else { 0.0 },
            rule: None,
            scores: Vec::new(),
            p_adjusted: None,
            chunks: None,
            missing_p: None,
            one_in: 1,
            reference: None,
            current: None,
            checks: Vec::new(),
            plot: None,
        }
    }
}

/// Measures a column.
#[must_use]
pub fn compare(values: &Values, settings: &Settings) -> ColumnReport {
    let pair = &values.pair;
    let convention = settings.convention;
    let own = settings.tests.iter().find(|(name, _)| *name == values.name).map(|(_, test)| *test);
    let rule = own.map_or_else(|| Rule::usual(convention, pair, settings.alpha), Rule::One);
    let mut wanted = rule.measures();
    if convention == Convention::Plimsoll {
        wanted.push(Measure::Js);
        wanted.dedup();
    }
    let mut walked = None;
    let scores = wanted
        .into_iter()
        .filter_map(|one| measure_once(convention, one, pair, &mut walked))
        .collect();
    let chunks = match &rule {
        Rule::Chunks(measure) => Chunks::of(*measure, pair),
        Rule::One(_) | Rule::Both { .. } => None,
    };
    let missing = |side: &Missing| (side.missing, side.rows);
    let (share_r, share_c) = (share(&values.reference), share(&values.current));
    let tests_missing =
        convention == Convention::Plimsoll && values.reference.rows > 0 && values.current.rows > 0;
    ColumnReport {
        name: values.name.clone(),
        kind: match pair {
            Pair::Numbers { .. } => "number".to_owned(),
            Pair::Categories { .. } => "category".to_owned(),
        },
        is_compared: true,
        verdict: super::Verdict::NotEnoughData,
        strength: 0.0,
        rule: Some(rule),
        scores,
        p_adjusted: None,
        chunks,
        missing_p: tests_missing
            .then(|| proportions(missing(&values.reference), missing(&values.current))),
        one_in: values.one_in,
        reference: Some(side(&values.reference, pair, true)),
        current: Some(side(&values.current, pair, false)),
        checks: checks(values, share_r, share_c),
        plot: plot(pair),
    }
}

impl ColumnReport {
    /// Whether the share of missing values differs by enough to matter.
    pub(super) fn missing_effect(&self) -> bool {
        let share = |side: &Option<Side>| {
            side.as_ref().map_or(0.0, |side| side.missing as f64 / (side.rows.max(1)) as f64)
        };
        (share(&self.reference) - share(&self.current)).abs() >= MISSING_EFFECT
    }
}

fn share(side: &Missing) -> f64 {
    side.missing as f64 / side.rows.max(1) as f64
}

fn side(missing: &Missing, pair: &Pair, is_reference: bool) -> Side {
    let numbers = pair.samples().and_then(|(reference, current)| {
        let sample = if is_reference { reference } else { current };
        let (least, most) = sample.range()?;
        let at = |level| sample.quantile(level);
        Some([sample.mean(), sample.deviation(), least, at(0.05), at(0.5), at(0.95), most])
    });
    let categories = matches!(pair, Pair::Categories { .. }).then(|| {
        let (reference, current) = pair.counts();
        let counts = if is_reference { reference } else { current };
        counts.into_iter().filter(|count| *count > 0).count()
    });
    let Missing { rows, missing, infinite } = *missing;
    Side { rows, missing, infinite, numbers, categories }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// What is wrong with the data, whether or not the column drifted.
fn checks(values: &Values, share_r: f64, share_c: f64) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |check, found| checks.push(Check { check, found });
    let p = proportions(
        (values.reference.missing, values.reference.rows.max(1)),
        (values.current.missing, values.current.rows.max(1)),
    );
    if share_c > share_r && p < 0.001 {
        add(
            "missing",
            format!("missing values rose from {} to {}", percent(share_r), percent(share_c)),
        );
    }
    if values.current.infinite > 0 && values.reference.infinite == 0 {
        add("infinite", format!("{} infinite numbers, none before", values.current.infinite));
    }
    if values.pair.reference_len() == 0 || values.pair.current_len() == 0 {
        add("empty", "no value at all in one of the tables".to_owned());
        return checks;
    }
    match &values.pair {
        Pair::Numbers { reference, current, .. } => {
            if let (Some((least, most)), Some((now_least, now_most))) =
                (reference.range(), current.range())
            {
                let below = current.count_to(least, false);
                let above = current.len() - current.count_to(most, true);
                if below + above > 0 {
                    let share = percent(float(below + above) / float(current.len()));
                    add(
                        "out_of_range",
                        format!(
                            "{} values ({share}) are outside of the reference's range",
                            below + above
                        ),
                    );
                }
                if now_least == now_most && least != most {
                    add("constant", "one value only, several before".to_owned());
                }
            }
        }
        Pair::Categories { names, .. } => {
            let (before, now) = values.pair.counts();
            let each = || before.iter().zip(&now).zip(names);
            let unseen = each().filter(|((before, now), _)| **before == 0 && **now > 0);
            let (rows, kinds) =
                unseen.fold((0, 0), |(rows, kinds), ((_, now), _)| (rows + now, kinds + 1));
            if kinds > 0 {
                let share = percent(rows as f64 / values.pair.current_len() as f64);
                add(
                    "new_categories",
                    format!(
                        "{kinds} categories that the reference has not, in {rows} rows ({share})"
                    ),
                );
            }
            let gone = each().filter(|((before, now), _)| **before > 0 && **now == 0).count();
            if gone > 0 {
                add("gone_categories", format!("{gone} categories of the reference are not there"));
            }
            let kinds = |counts: &[u64]| counts.iter().filter(|count| **count > 0).count();
            if kinds(&now) == 1 && kinds(&before) > 1 {
                add("constant", "one category only, several before".to_owned());
            }
        }
    }
    checks
}

/// Bars that show the bulk of both tables.
fn plot(pair: &Pair) -> Option<Plot> {
    if pair.reference_len() == 0 || pair.current_len() == 0 {
        return None;
    }
    if let Pair::Categories { names, .. } = pair {
        let (before, now) = pair.counts();
        let cells = cells_of(Convention::Plimsoll, pair);
        let mut order: Vec<usize> = (0..names.len()).collect();
        let count =
            |at: usize| before.get(at).copied().unwrap_or(0) + now.get(at).copied().unwrap_or(0);
        order.sort_by_key(|at| std::cmp::Reverse(count(*at)));
        let (shown, rest) = order.split_at(order.len().min(CATEGORIES_SHOWN));
        let pick = |shares: &[f64]| {
            let of = |at: &usize| shares.get(*at).copied().unwrap_or(0.0);
            let mut picked: Vec<f64> = shown.iter().map(of).collect();
            if !rest.is_empty() {
                picked.push(rest.iter().map(of).sum());
            }
            picked
        };
        let mut labels: Vec<String> =
            shown.iter().filter_map(|at| names.get(*at)).map(ToString::to_string).collect();
        if !rest.is_empty() {
            labels.push(format!("{} others", rest.len()));
        }
        return Some(Plot {
            labels,
            edges: Vec::new(),
            reference: pick(&cells.reference),
            current: pick(&cells.current),
        });
    }
    let (reference, current) = pair.samples()?;
    let few = |sample: &Sample| sample.distinct(OWN_BARS + 1) <= OWN_BARS;
    if few(reference) && few(current) {
        let values = runs(reference.sorted()).chain(runs(current.sorted())).map(|(value, _)| value);
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let shares = |sample: &Sample| {
            let count =
                |value: &f64| sample.count_to(*value, true) - sample.count_to(*value, false);
            values.iter().map(|value| float(count(value)) / float(sample.len())).collect()
        };
        return Some(Plot {
            labels: values.iter().map(ToString::to_string).collect(),
            edges: Vec::new(),
            reference: shares(reference),
            current: shares(current),
        });
    }
    // One value far out must not squeeze all others into one bar.
    let range = (
        reference.quantile(0.005).min(current.quantile(0.005)),
        reference.quantile(0.995).max(current.quantile(0.995)),
    );
    let edges = even_edges(range, BARS);
    let inner = edges.get(1..edges.len() - 1).unwrap_or_default();
    let open: Vec<f64> = [f64::NEG_INFINITY]
        .into_iter()
        .chain(inner.iter().copied())
        .chain([f64::INFINITY])
        .collect();
    let shares = |sample: &Sample| {
        let counts = histogram(sample, &open);
        counts.into_iter().map(|count| count as f64 / float(sample.len())).collect()
    };
    Some(Plot { labels: Vec::new(), reference: shares(reference), current: shares(current), edges })
}
