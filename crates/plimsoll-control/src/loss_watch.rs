//! Outcomes record by record: whether answers are wrong more often than they were, and how fast the
//! budget of wrong answers is used up. What only outcomes show (the relation of inputs and truth
//! has changed, and no input has) is found here.
//!
//! Limits are another's: what an owner declared is looked at in windows, so many in a row.
//!
//! Nothing is kept between two looks but what metrics show: everything is computed anew from
//! answers and outcomes, so a late outcome counts in the window of its decision.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::outcome::UNNAMED;
use crate::performance::{Length, Pair, Reading, Window, length, paired, reading, unread, windows};
use crate::retrain::document;
use crate::watch_limits::{WINDOW, performance_query};
use plimsoll_api as api;
use plimsoll_api::Task;
use plimsoll_lake::Lake;
use plimsoll_stats::burn::{Burnt, PAIRS, burnt, limit};
use plimsoll_stats::edetector::{LEARN_MIN, LossWatch, Risen};
use plimsoll_store::DeploymentRow;
use plimsoll_types::{DeploymentId, Name, Severity, Signal, SignalKind, Time};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// How far back is looked: what a version did a year ago is what it was like at first.
const LOOKED_AT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// What false alerts are counted in, and how many of them outcomes may make in one: half of what a
/// deployment may have; windows of traffic make far less than the other half.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const ALERTS_PER_MONTH: f64 = 0.5;
/// A window counts once so much of what is usual is known of it: outcomes that come soon may not be
/// like those that come late.
const NEARLY: f64 = 0.9;
/// An error is large if so many of the first ones were smaller.
const LARGE: f64 = 0.9;
/// Deployments whose figures metrics show.
const MAX_SHOWN: usize = 10_000;

/// What metrics show of a deployment's outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its name.
    pub name: Name,
    /// The share of right answers that is wanted, if it was declared.
    pub objective: Option<f64>,
    /// What each window with outcomes enough says of it.
    pub burnt: Vec<Burnt>,
    /// By window, the burn rate that is too fast.
    pub limits: Vec<(&'static str, f64)>,
    /// The evidence, by loss, that it has risen, and what it has to reach.
    pub losses: Vec<(&'static str, f64, f64)>,
}

/// The latest of every deployment.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<BTreeMap<DeploymentId, Standing>>);

/// A loss that is watched.
struct Loss {
    name: &'static str,
    /// Of each window, in order.
    windows: Vec<Vec<f64>>,
}

impl Control {
    /// Looks at the outcomes of a deployment, and makes a finding if its answers are wrong more often
    /// than they were. Reads decision tables: it may take seconds. Blocks.
    ///
    /// # Errors
    /// [`ControlError`] if they cannot be read.
    pub fn judge_outcomes(&self, lake: &Lake, id: DeploymentId) -> Result<(), ControlError> {
        let Some(deployment) = self.store.read(|r| r.deployment(id))? else { return Ok(()) };
        let Some(released) = deployment.released.filter(|_| deployment.archived_at.is_none())
        else {
            return Ok(());
        };
        let limits = self.store.read(|r| r.watch_limits(id))?;
        let limits: api::WatchLimits =
            limits.map(|row| document(&row.limits)).transpose()?.unwrap_or_default();
        let now = self.clock.now();
        let query = performance_query(&limits, now.minus(LOOKED_AT), now);
        let range = (query.since, query.until);
        let looked = match self.looked_at(lake, &deployment, query.output.as_deref(), range) {
            // It was asked nothing yet, or nobody said which output is judged.
            Err(ControlError::Conflict(_) | ControlError::Invalid { .. }) => return Ok(()),
            looked => looked?,
        };
        let judged = lake.judged(&looked.judge).map_err(unread)?;
        let pairs = paired(&judged, query.outcome.as_deref().unwrap_or(UNNAMED));
        let reading = reading(&query, &pairs)?;
        let rights = rights(&reading, &pairs);
        let own: Vec<Pair<'_>> = pairs
            .iter()
            .copied()
            .filter(|pair| pair.answer.version == Some(released.number))
            .filter(|pair| pair.answer.time >= released.at)
            .collect();
        let time = match length(query.window.as_deref())? {
            Length::Time(micros) => micros,
            Length::Whole | Length::Count(_) => day()?,
        };
        let range = (looked.judge.since, looked.judge.until);
        let windows = counted(windows(&own, Length::Time(time), range)?);
        let losses = losses(&reading, &windows);
        let mut standing = Standing {
            name: deployment.name.clone(),
            objective: limits.objective,
            burnt: limits
                .objective
                .map(|objective| burnt(&rights, now.as_micros(), objective))
                .unwrap_or_default(),
            limits: limits.objective.map(burn_limits).unwrap_or_default(),
            losses: Vec::new(),
        };
        // Each loss has its share of the budget.
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a month, and three losses")]
        let goal = MONTH.as_micros() as f64 / time as f64 / ALERTS_PER_MONTH * losses.len() as f64;
        let goal = goal.max(2.0);
        for loss in &losses {
            let Some(watch) = watched(loss, goal) else { continue };
            standing.losses.push((loss.name, watch.evidence(), goal));
            if let Some(risen) = watch.risen() {
                self.raise(&told(&deployment, released.number, loss, &risen, &windows))?;
            }
        }
        self.standings.keep(id, standing);
        Ok(())
    }

    /// Deployments with limits: they are looked at whether or not something came.
    ///
    /// # Errors
    /// [`ControlError`] if the store cannot be read.
    pub fn with_limits(&self) -> Result<Vec<DeploymentId>, ControlError> {
        let rows = self.store.read(|r| r.all_watch_limits())?;
        Ok(rows.into_iter().map(|row| row.deployment).collect())
    }

    /// What was last seen of outcomes, for metrics.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        lock(&self.standings.0).values().cloned().collect()
    }
}

impl Standings {
    fn keep(&self, id: DeploymentId, standing: Standing) {
        let mut all = lock(&self.0);
        if all.len() < MAX_SHOWN || all.contains_key(&id) {
            all.insert(id, standing);
        }
    }
}

/// When each outcome became known, and whether the answer was right; nothing of quantities and ranks.
fn rights(reading: &Reading, pairs: &[Pair<'_>]) -> Vec<(u64, bool)> {
    let right = |pair: &Pair<'_>| {
        let is_right = match reading.task {
            Task::Binary => reading.said(pair).map(|said| said.answer == said.outcome)?,
            Task::Multiclass => reading.chosen(pair).map(|said| said.answer == said.outcome)?,
            Task::Regression | Task::Ranking => return None,
        };
        Some((pair.truth?.recorded.as_micros(), is_right))
    };
    pairs.iter().filter_map(right).collect()
}

fn burn_limits(objective: f64) -> Vec<(&'static str, f64)> {
    PAIRS.iter().map(|(long, _, usual)| (*long, limit(*usual, objective))).collect()
}

/// The windows of which nearly as much is known as usual.
fn counted(windows: Vec<Window<'_>>) -> Vec<Window<'_>> {
    let mut shares: Vec<f64> = windows.iter().map(Window::known).collect();
    shares.sort_by(f64::total_cmp);
    let usual = shares.get(shares.len() / 2).copied().unwrap_or_default();
    windows
        .into_iter()
        .filter(|window| window.known() > 0.0 && window.known() >= NEARLY * usual)
        .collect()
}

/// What is watched: whether an answer was wrong, how far its probability was from what happened, or
/// whether a quantity was as far off as one in ten was at first.
fn losses(reading: &Reading, windows: &[Window<'_>]) -> Vec<Loss> {
    let of = |name, loss: &dyn Fn(&Pair<'_>) -> Option<f64>| Loss {
        name,
        windows: windows.iter().map(|one| one.pairs.iter().filter_map(loss).collect()).collect(),
    };
    match reading.task {
        Task::Binary => vec![
            of("error rate", &|pair| {
                reading.said(pair).map(|said| f64::from(u8::from(said.answer != said.outcome)))
            }),
            of("squared error", &|pair| {
                let said = reading.said(pair).filter(|said| (0.0..=1.0).contains(&said.score))?;
                Some((said.score - f64::from(u8::from(said.outcome))).powi(2))
            }),
        ],
        Task::Multiclass => vec![of("error rate", &|pair| {
            reading.chosen(pair).map(|said| f64::from(u8::from(said.answer != said.outcome)))
        })],
        Task::Regression => {
            let off = |pair: &Pair<'_>| {
                Reading::quantity(pair).map(|(answer, outcome)| (answer - outcome).abs())
            };
            let pairs = windows.iter().flat_map(|window| &window.pairs);
            let mut first: Vec<f64> = pairs.filter_map(off).take(LEARN_MIN).collect();
            first.sort_by(f64::total_cmp);
            let Some(large) = first.get(place(first.len())).copied() else { return Vec::new() };
            vec![of("large errors", &|pair| off(pair).map(|off| f64::from(u8::from(off > large))))]
        }
        Task::Ranking => Vec::new(),
    }
}

/// Where the ninth tenth of so many begins.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 200"
)]
fn place(count: usize) -> usize {
    (count as f64 * LARGE) as usize
}

fn watched(loss: &Loss, goal: f64) -> Option<LossWatch> {
    let mut watch = LossWatch::new(goal, None)?;
    for window in &loss.windows {
        watch.begin_window();
        window.iter().for_each(|loss| watch.see(*loss));
    }
    Some(watch)
}

fn day() -> Result<u64, ControlError> {
    match length(Some(WINDOW))? {
        Length::Time(micros) => Ok(micros),
        Length::Whole | Length::Count(_) => Err(ControlError::Internal("a day is no time")),
    }
}

fn told(
    deployment: &DeploymentRow,
    version: u32,
    loss: &Loss,
    risen: &Risen,
    windows: &[Window<'_>],
) -> Signal {
    let until = windows.last().map_or(Time::EPOCH, |window| window.to);
    let since = windows.get(risen.since).map_or(until, |window| window.from);
    let Risen { evidence, goal, before, bound, now, count, .. } = *risen;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let numbers = [
        ("now", now),
        ("before", before),
        ("put_up_with", bound),
        ("outcomes", count as f64),
        ("evidence", evidence),
        ("evidence_needed", goal),
    ];
    Signal {
        deployment: deployment.id,
        version: Some(version),
        kind: SignalKind::Performance,
        severity: Severity::Warning,
        about: loss.name.to_owned(),
        slice: None,
        since,
        until,
        text: format!(
            "the {} is {now:.4} over {count} outcomes, and was {before:.4} at first; up to {bound:.4} is \
             put up with, and {evidence:.0} to one speaks for more",
            loss.name
        ),
        numbers: numbers.map(|(name, number)| (name.to_owned(), number)).to_vec(),
    }
}
