//! A window against its reference, column by column: distances as people know them, the tests
//! that tools choose, and evidence that adds up over windows.
//!
//! What is tested is not whether a window *is* the reference (at a million rows nothing is) but
//! whether it is further from it than is put up with: the hypothesis is that the distance is at
//! most the tolerance. For distribution functions the inequality of Dvoretzky, Kiefer, Wolfowitz
//! and Massart gives a p-value without any assumption about their shape; for shares of categories
//! Hoeffding's does, for rates Chernoff's.
//!
//! Each window's p-value becomes an e-value (1 / (2 √p)), and e-values become an e-detector after
//! Shiryaev and Roberts (Shin, Ramdas and Rinaldo, *E-detectors*, 2023): M ← (M + 1) · e. As long
//! as the hypothesis holds, M is expected to reach 1/α only after 1/α windows or more, however often
//! it is looked at; e-BH spreads that over all columns.

use crate::reference::{Column, Habits, Reference, Source, Test};
use crate::tally::{Tally, Values};
use plimsoll_api::{ColumnTest, MonitoredColumn, MonitoredKind};
use plimsoll_stats::cells::Cells;
use plimsoll_stats::counts::contingency_of_frequent;
use plimsoll_stats::discovery::{e_bh, e_value};
use plimsoll_stats::ks;
use std::time::Duration;

/// Beyond this share of a part of a reference a rate (missing values, values of no known kind) is
/// not put up with.
const RATE_TOLERANCE: f64 = 0.01;
/// What an e-detector holds at most, as a multiple of what it has to reach: so that what ends is
/// forgotten within some windows.
const EVIDENCE_OVER: f64 = 1_000.0;
/// The share of a population that one cell of its stability index holds.
const DECILE: f64 = 0.1;
/// The length of the month that alerts are counted in.
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// The index at which a population is habitually said to have moved altogether.
pub const PSI_MOVED: f64 = 0.25;
/// Rows of a reference up to which tools take tests, and beyond which distances.
const SMALL: u64 = 1_000;

/// Evidence of one column so far.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Evidence {
    /// The e-detector of its distribution.
    pub drift: f64,
    /// Windows in a row in which the distribution was beyond what is put up with.
    pub drift_run: u32,
    /// The e-detector of missing and unknown values.
    pub quality: f64,
    /// Windows in a row of the same.
    pub quality_run: u32,
}

/// What one window adds to a column's evidence.
#[derive(Debug)]
struct Weighed {
    shown: MonitoredColumn,
    after: Evidence,
    /// Whether there were values enough for missing and unknown ones to say something.
    has_rows: bool,
}

/// What a window says.
#[derive(Debug)]
pub struct Judged {
    /// Column by column.
    pub columns: Vec<MonitoredColumn>,
    /// The evidence from here on.
    pub evidence: Vec<Evidence>,
}

/// Judges a window of this length. `before` is the evidence so far, by column.
#[must_use]
pub fn judge(
    tally: &Tally,
    reference: &Reference,
    before: &[Evidence],
    length: Duration,
) -> Judged {
    let habits = &reference.habits;
    let months = length.as_secs_f64() / MONTH.as_secs_f64();
    let alpha = (habits.alerts_per_month * months).clamp(1e-9, 0.5);
    let pairs = reference.columns.iter().zip(&tally.columns);
    let weighed = pairs.enumerate().map(|(place, (column, values))| {
        weigh(column, values, habits, before.get(place).copied().unwrap_or_default())
    });
    let mut weighed: Vec<Weighed> = weighed.collect();
    discover(&mut weighed, habits, alpha);
    let (columns, evidence) = weighed.into_iter().map(|one| (one.shown, one.after)).unzip();
    Judged { columns, evidence }
}

/// Which evidence is enough: e-BH over the distributions and qualities of all columns, and then
/// only what was seen in as many windows in a row as is asked for.
fn discover(weighed: &mut [Weighed], habits: &Habits, alpha: f64) {
    let all: Vec<f64> =
        weighed.iter().flat_map(|one| [one.after.drift, one.after.quality]).collect();
    #[expect(clippy::cast_precision_loss, reason = "at most some hundred columns")]
    let goal = all.len() as f64 / alpha;
    let found = e_bh(&all, alpha);
    for (one, found) in weighed.iter_mut().zip(found.chunks(2)) {
        let [drift, quality] = found else { continue };
        let Weighed { shown, after, has_rows } = one;
        after.drift = after.drift.min(goal * EVIDENCE_OVER);
        after.quality = after.quality.min(goal * EVIDENCE_OVER);
        shown.is_drift_told = *drift && shown.is_enough && after.drift_run >= habits.persistence;
        shown.is_quality_told = *quality && *has_rows && after.quality_run >= habits.persistence;
        shown.evidence_needed = goal;
        (shown.evidence, shown.drift_run) = (after.drift, after.drift_run);
        (shown.quality_evidence, shown.quality_run) = (after.quality, after.quality_run);
    }
}

/// One column: what is shown of it, and the evidence with this window.
fn weigh(column: &Column, values: &Values, habits: &Habits, before: Evidence) -> Weighed {
    let (n, n_ref) = (values.count(), column.values.count());
    let mut shown = MonitoredColumn {
        name: column.name.clone(),
        slice: column.slice.as_ref().map(|slice| slice.text.clone()),
        kind: match column.source {
            Source::Field(_) => MonitoredKind::Input,
            Source::Output(_) => MonitoredKind::Output,
            Source::Joint => MonitoredKind::Together,
        },
        values: n,
        missing: share(values.missing(), n + values.missing()),
        missing_reference: share(column.values.missing(), n_ref + column.values.missing()),
        outside: share(values.outside(), n),
        outside_reference: share(column.values.outside(), n_ref),
        tolerance: habits.tolerance.max(column.strays),
        ..MonitoredColumn::default()
    };
    let mut after = before;
    let seen = n + values.missing();
    if seen < habits.min_rows {
        return Weighed { shown, after, has_rows: false };
    }
    let p = quality(&shown, n, seen);
    (after.quality, after.quality_run) = add(before.quality, before.quality_run, p);
    if n >= habits.min_rows
        && n_ref > 0
        && let Some(cells) =
            measure(column, values, habits.tests.get(&column.name).copied(), &mut shown)
    {
        let p = moved(&shown, &cells, n, n_ref);
        (after.drift, after.drift_run) = add(before.drift, before.drift_run, p);
        shown.is_enough = true;
    }
    Weighed { shown, after, has_rows: true }
}

/// The e-detector and the run with one p-value more. Below 1/4 a p-value makes evidence.
fn add(evidence: f64, run: u32, p: f64) -> (f64, u32) {
    let e = e_value(p);
    ((evidence + 1.0) * e, if e > 1.0 { run.saturating_add(1) } else { 0 })
}

/// The p-value of "missing and outside values are at most a hundredth more than in the
/// reference": Chernoff's bound, for both rates together.
fn quality(shown: &MonitoredColumn, n: u64, seen: u64) -> f64 {
    let missing = chernoff(shown.missing, shown.missing_reference + RATE_TOLERANCE, seen);
    let outside = chernoff(shown.outside, shown.outside_reference + RATE_TOLERANCE, n);
    (2.0 * missing.min(outside)).min(1.0)
}

/// The probability bound that `n` draws of rate `most` show a rate of `found` or more.
fn chernoff(found: f64, most: f64, n: u64) -> f64 {
    if found <= most || n == 0 {
        return 1.0;
    }
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    (-count(n) * (part(found, most) + part(1.0 - found, 1.0 - most))).exp()
}

/// The p-value of "the distance is at most what is put up with".
fn moved(shown: &MonitoredColumn, cells: &Cells, n: u64, n_ref: u64) -> f64 {
    let (n, n_ref) = (count(n), count(n_ref));
    let over = (shown.distance - shown.tolerance).max(0.0);
    if over == 0.0 {
        return 1.0;
    }
    let effective = n * n_ref / (n + n_ref);
    // Of a distribution function two sides can be off, of shares each of them both ways.
    let ways = match shown.is_category {
        true => 2.0 * count(cells.current.len() as u64),
        false => 2.0,
    };
    (ways * (-2.0 * effective * over * over).exp()).min(1.0)
}

/// Fills in the distances; `None` if the window is of another reference.
fn measure(
    column: &Column,
    values: &Values,
    chosen: Option<Test>,
    shown: &mut MonitoredColumn,
) -> Option<Cells> {
    let (cells, counts) = match (values, &column.values) {
        (Values::Numbers(now), Values::Numbers(then)) => {
            shown.distance = now.kolmogorov_smirnov(then).ok()?;
            let wasserstein = now.wasserstein(then).ok()?;
            shown.wasserstein_normed = column.deviation.map(|d| wasserstein / d.max(0.001));
            shown.median = now.quantile(0.5);
            shown.median_reference = then.quantile(0.5);
            shown.distinct = Some(now.distinct());
            (now.cells(then).ok()?, (then.counts().to_vec(), now.counts().to_vec()))
        }
        (Values::Codes(now), Values::Codes(then)) => {
            let counts = |of: &plimsoll_stats::summary::CodeSummary| {
                of.counts().iter().copied().chain([of.unseen()]).collect::<Vec<u64>>()
            };
            shown.is_category = true;
            (now.cells(then).ok()?, (counts(then), counts(now)))
        }
        (Values::Texts(now), Values::Texts(then)) => {
            let counts = |of: &plimsoll_stats::summary::CategorySummary| {
                of.counts().map(|(_, n)| n).chain([of.unseen()]).collect::<Vec<u64>>()
            };
            shown.is_category = true;
            shown.distinct = Some(now.distinct());
            (now.cells(then).ok()?, (counts(then), counts(now)))
        }
        _ => return None,
    };
    if shown.is_category {
        shown.distance = cells.l_infinity();
    }
    let tenths = if shown.is_category { cells.clone() } else { cells.at_least(DECILE) };
    shown.psi = tenths.floored().psi();
    shown.jensen_shannon = cells.jensen_shannon(2.0);
    shown.hellinger = cells.hellinger();
    let sizes = [column.values.count(), values.count()];
    shown.test = Some(test(chosen, sizes, shown, &counts));
    Some(cells)
}

/// The column's test, on the frozen cells: the one that was chosen for it, else what Evidently
/// takes by default for a column of this type and size.
fn test(
    chosen: Option<Test>,
    sizes: [u64; 2],
    shown: &MonitoredColumn,
    (then, now): &(Vec<u64>, Vec<u64>),
) -> ColumnTest {
    let is_small = sizes[0] <= SMALL;
    let usual = match (shown.is_category, is_small) {
        (false, true) => Test::Ks,
        (true, true) => Test::ChiSquare,
        (false, false) => Test::Wasserstein,
        (true, false) => Test::JensenShannon,
    };
    // What is of numbers only is not asked of categories.
    let of_numbers = |test: &Test| matches!(test, Test::Ks | Test::Wasserstein);
    let chosen = chosen.filter(|test| !shown.is_category || !of_numbers(test));
    let (name, value, limit, is_p) = match chosen.unwrap_or(usual) {
        Test::Psi => ("psi_nats", shown.psi, 0.1, false),
        // Evidently's distance is in nats.
        Test::JensenShannon => {
            let nats = shown.jensen_shannon * std::f64::consts::LN_2.sqrt();
            ("jensen_shannon_nats", nats, 0.1, false)
        }
        Test::JensenShannonBase2 => ("jensen_shannon_base_2", shown.jensen_shannon, 0.1, false),
        Test::Hellinger => ("hellinger", shown.hellinger, 0.1, false),
        Test::Wasserstein => {
            let normed = shown.wasserstein_normed.unwrap_or_default();
            ("wasserstein_deviations", normed, 0.1, false)
        }
        Test::Ks => {
            let [n_ref, n] = sizes.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            ("ks_p_value", ks::p_value(shown.distance, n_ref, n), 0.05, true)
        }
        Test::ChiSquare => {
            ("chi_square_p_value", contingency_of_frequent(then, now).p_value, 0.05, true)
        }
    };
    let is_beyond = if is_p { value < limit } else { value >= limit };
    ColumnTest { name: name.to_owned(), value, limit, is_beyond }
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { count(part) / count(all) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}
