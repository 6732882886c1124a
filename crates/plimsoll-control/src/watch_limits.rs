//! What owners put up with, of performance and fairness: declared limits, and the look at a
//! deployment's windows that makes signals of what is beyond them.
//!
//! Nothing is kept between two looks: windows are measured anew, so a crash forgets nothing and a
//! late outcome counts where it belongs. Only answers of the version that answers now are looked
//! at: what the one before did is over.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::fairness::{FairnessLimit, fairness_signals};
use crate::finding::text;
use crate::performance::{Length, PerformanceLimit, length, performance_signals};
use crate::retrain::document;
use plimsoll_api as api;
use plimsoll_lake::Lake;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{DeploymentRow, WatchLimitsRow};
use plimsoll_types::{Name, Signal, SignalKind, Time};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Limits of one deployment: there are some 30 measures.
const MAX_LIMITS: usize = 64;
/// Windows in a row before something is told, unless told.
const PERSISTENCE: u32 = 2;
/// The most of them: a month of days.
const MAX_PERSISTENCE: u32 = 30;
/// The length of a window, unless told.
pub(crate) const WINDOW: &str = "1d";
/// How far back is looked: as far as answers are shown unless told.
const LOOKED_AT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The longest text of an option.
const MAX_TEXT: usize = 2_048;
/// What performance is measured by; `plimsoll-stats` names them.
const PERFORMANCE: [&str; 21] = [
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "auroc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
    "business_value",
    "mae",
    "median_ae",
    "rmse",
    "mape",
    "bias",
    "r2",
    "ndcg",
    "mrr",
    "mean_average_precision",
    "precision_at",
];
/// What fairness is measured by.
const FAIRNESS: [&str; 7] = [
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "disparate_impact",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
];

impl Control {
    /// Says what a deployment's owner puts up with, in place of what was said before.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn set_watch_limits(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::WatchLimits,
    ) -> Result<api::WatchLimitsShown, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::Watch, &Resource::Deployment(resource))?;
        let deployment = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        check(wanted)?;
        if let Some(slice) = &wanted.slice {
            self.check_slice(&deployment, slice)?;
        }
        let permit = permit.for_named(format!("watch-limits/{name}"));
        let row = self.carry_out(permit, json!(wanted), |tx, now| {
            let row = WatchLimitsRow {
                deployment: deployment.id,
                limits: json!(wanted).to_string(),
                changed_by: ctx.id,
                changed_at: now,
            };
            tx.put_watch_limits(&row)?;
            Ok(row)
        })?;
        shown(&deployment, &row)
    }

    /// What a deployment's owner puts up with.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_watch_limits(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::WatchLimitsShown, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadMonitoring, &Resource::Deployment(resource))?;
        let deployment = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let row = self.store.read(|r| r.watch_limits(deployment.id))?;
        let row = row.ok_or_else(|| ControlError::not_found("limits of deployment", name))?;
        shown(&deployment, &row)
    }

    /// Looks at every deployment with limits, and makes findings of what is beyond them. Reads
    /// decision tables: it may take seconds. Blocks.
    ///
    /// # Errors
    /// The first [`ControlError`]; the other deployments are looked at all the same.
    pub fn judge_limits(&self, lake: &Lake) -> Result<(), ControlError> {
        let mut wrong = Ok(());
        for row in self.store.read(|r| r.all_watch_limits())? {
            let deployment = row.deployment;
            if let Err(error) = self.judge_limits_of(lake, &row) {
                tracing::warn!(%deployment, %error, "limits could not be looked at");
                wrong = wrong.and(Err(error));
            }
        }
        wrong
    }

    fn judge_limits_of(&self, lake: &Lake, row: &WatchLimitsRow) -> Result<(), ControlError> {
        let deployment = self.store.read(|r| r.deployment(row.deployment))?;
        let Some(deployment) = deployment else { return Ok(()) };
        let Some(released) = deployment.released else { return Ok(()) };
        let limits: api::WatchLimits = document(&row.limits)?;
        let now = self.clock.now();
        // What is a version's own: answers from its release on.
        let since = now.minus(LOOKED_AT).max(released.at);
        let signals = self
            .hold_unfair(lake, &deployment, &limits)
            .and_then(|()| self.beyond_limits(lake, &deployment, &limits, (since, now)));
        let signals = match signals {
            // It was asked nothing yet, or nothing was told of people yet.
            Err(ControlError::Conflict(_) | ControlError::Invalid { field: "by", .. }) => {
                return Ok(());
            }
            signals => signals?,
        };
        for signal in signals {
            self.raise(&Signal { version: Some(released.number), ..signal })?;
        }
        Ok(())
    }

    fn beyond_limits(
        &self,
        lake: &Lake,
        deployment: &DeploymentRow,
        limits: &api::WatchLimits,
        (since, now): (Time, Time),
    ) -> Result<Vec<Signal>, ControlError> {
        let persistence = usize::try_from(limits.persistence.unwrap_or(PERSISTENCE)).unwrap_or(1);
        let mut signals = Vec::new();
        if since >= now {
            return Ok(signals);
        }
        if !limits.performance.is_empty() {
            let query = performance_query(limits, since, now);
            let found = self.performance_of(lake, deployment, &query)?;
            signals.extend(lasting(deployment, &found, &limits.performance, persistence));
        }
        if !limits.fairness.is_empty() {
            signals.extend(self.unfair(lake, deployment, limits, persistence, (since, now))?);
        }
        Ok(signals)
    }

    /// Groups are compared over each of the last windows; all of them have to be beyond a limit.
    fn unfair(
        &self,
        lake: &Lake,
        deployment: &DeploymentRow,
        limits: &api::WatchLimits,
        persistence: usize,
        (since, now): (Time, Time),
    ) -> Result<Vec<Signal>, ControlError> {
        let of_fairness = fairness_limits(limits);
        let mut lasting: Option<Vec<Signal>> = None;
        for (from, to) in ranges(limits, persistence, (since, now))? {
            let query = fairness_query(limits, from, to);
            let report = self.fairness_of(lake, deployment, &query)?;
            let told = fairness_signals(deployment.id, &report, &of_fairness);
            let before = lasting.take();
            lasting = Some(match before {
                None => told,
                Some(before) => {
                    let known: BTreeSet<_> = before.iter().map(key).collect();
                    told.into_iter().filter(|one| known.contains(&key(one))).collect()
                }
            });
        }
        Ok(lasting.unwrap_or_default())
    }
}

/// What of performance is beyond its limit in so many windows in a row, the last ones.
fn lasting(
    deployment: &DeploymentRow,
    performance: &api::Performance,
    limits: &[api::MeasureLimit],
    persistence: usize,
) -> Vec<Signal> {
    let mut by_slice: BTreeMap<Option<&str>, Vec<&api::PerformanceWindow>> = BTreeMap::new();
    for window in &performance.windows {
        by_slice.entry(window.slice.as_deref()).or_default().push(window);
    }
    let mut signals = Vec::new();
    for windows in by_slice.values() {
        for limit in limits {
            let metric = limit.metric.as_str();
            let is_measured =
                |one: &api::PerformanceWindow| one.metrics.iter().any(|found| found.name == metric);
            let is_estimated = |one: &api::PerformanceWindow| {
                one.estimated.iter().any(|found| found.name == metric)
            };
            let limit = PerformanceLimit {
                metric: limit.metric.clone(),
                least: limit.least,
                most: limit.most,
            };
            let measured = windows.iter().copied().filter(|one| is_measured(one)).collect();
            let estimated = windows.iter().copied().filter(|one| is_estimated(one)).collect();
            for (kind, windows) in
                [(SignalKind::Performance, measured), (SignalKind::EstimatedPerformance, estimated)]
            {
                signals.extend(last_of(
                    deployment,
                    performance,
                    windows,
                    &limit,
                    kind,
                    persistence,
                ));
            }
        }
    }
    signals
}

/// The signal of the last window, if each of the last ones makes one of its kind.
fn last_of(
    deployment: &DeploymentRow,
    performance: &api::Performance,
    mut windows: Vec<&api::PerformanceWindow>,
    limit: &PerformanceLimit,
    kind: SignalKind,
    persistence: usize,
) -> Option<Signal> {
    windows.sort_by_key(|window| window.from);
    let last = windows.get(windows.len().checked_sub(persistence)?..)?;
    let mut told = None;
    for window in last {
        let one = api::Performance { windows: vec![(*window).clone()], ..performance.clone() };
        let signals = performance_signals(deployment.id, &one, std::slice::from_ref(limit));
        told = Some(signals.into_iter().find(|signal| signal.kind == kind)?);
    }
    told
}

fn key(signal: &Signal) -> (String, Option<String>) {
    (signal.about.clone(), signal.slice.clone())
}

/// The last windows of time, oldest first; all of the time where windows are counted in answers,
/// or it is shorter than one.
fn ranges(
    limits: &api::WatchLimits,
    persistence: usize,
    (since, now): (Time, Time),
) -> Result<Vec<(Time, Time)>, ControlError> {
    let window = limits.window.as_deref().unwrap_or(WINDOW);
    let Length::Time(micros) = length(Some(window))? else { return Ok(vec![(since, now)]) };
    let last = now.as_micros() / micros;
    let count = u64::try_from(persistence).unwrap_or(1);
    let ranges: Vec<(Time, Time)> = (last.saturating_sub(count)..last)
        .map(|place| {
            let from = place.saturating_mul(micros);
            (Time::from_micros(from), Time::from_micros(from.saturating_add(micros)))
        })
        .filter(|(from, _)| *from >= since)
        .collect();
    // Fewer windows than have to agree say nothing yet.
    Ok(if ranges.len() < persistence { Vec::new() } else { ranges })
}

pub(crate) fn performance_query(
    limits: &api::WatchLimits,
    since: Time,
    now: Time,
) -> api::PerformanceQuery {
    api::PerformanceQuery {
        task: limits.task,
        output: limits.output.clone(),
        outcome: limits.outcome.clone(),
        positive: limits.positive.clone(),
        threshold: limits.threshold,
        at: limits.at,
        classes: limits.classes.clone(),
        worth: None,
        window: Some(limits.window.clone().unwrap_or_else(|| WINDOW.to_owned())),
        slice: limits.slice.clone(),
        since: Some(since.into()),
        until: Some(now.into()),
        confidence: limits.confidence,
    }
}

pub(crate) fn fairness_limits(limits: &api::WatchLimits) -> Vec<FairnessLimit> {
    let of = |one: &api::MeasureLimit| FairnessLimit {
        metric: one.metric.clone(),
        least: one.least,
        most: one.most,
    };
    limits.fairness.iter().map(of).collect()
}

pub(crate) fn fairness_query(
    limits: &api::WatchLimits,
    since: Time,
    until: Time,
) -> api::FairnessQuery {
    api::FairnessQuery {
        by: limits.by.clone(),
        output: limits.output.clone(),
        outcome: limits.outcome.clone(),
        positive: limits.positive.clone(),
        threshold: limits.threshold,
        since: Some(since.into()),
        until: Some(until.into()),
        confidence: limits.confidence,
    }
}

fn check(wanted: &api::WatchLimits) -> Result<(), ControlError> {
    of_measures("performance", &wanted.performance, &PERFORMANCE)?;
    of_measures("fairness", &wanted.fairness, &FAIRNESS)?;
    length(Some(wanted.window.as_deref().unwrap_or(WINDOW)))?;
    crate::performance::confidence(wanted.confidence)?;
    let persistence = wanted.persistence.unwrap_or(PERSISTENCE);
    if !(1..=MAX_PERSISTENCE).contains(&persistence) {
        let detail = format!("must be 1 to {MAX_PERSISTENCE}");
        return Err(ControlError::invalid("persistence", detail));
    }
    if !wanted.fairness.is_empty() && wanted.by.is_none() {
        let detail = "names the attributes whose groups are compared";
        return Err(ControlError::invalid("by", detail));
    }
    if wanted.objective.is_some_and(|objective| !(objective > 0.0 && objective < 1.0)) {
        return Err(ControlError::invalid("objective", "must be between 0 and 1"));
    }
    if wanted.threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return Err(ControlError::invalid("threshold", "must be a finite number"));
    }
    for (field, value) in [
        ("by", &wanted.by),
        ("slice", &wanted.slice),
        ("output", &wanted.output),
        ("outcome", &wanted.outcome),
        ("positive", &wanted.positive),
        ("classes", &wanted.classes),
    ] {
        if let Some(value) = value {
            text(field, value, MAX_TEXT)?;
        }
    }
    Ok(())
}

fn of_measures(
    field: &'static str,
    limits: &[api::MeasureLimit],
    known: &[&str],
) -> Result<(), ControlError> {
    if limits.len() > MAX_LIMITS {
        return Err(ControlError::invalid(field, format!("are {MAX_LIMITS} at most")));
    }
    for limit in limits {
        if !known.contains(&limit.metric.as_str()) {
            let detail = format!("a measure is one of {}", known.join(", "));
            return Err(ControlError::invalid(field, detail));
        }
        let ends = [limit.least, limit.most];
        if ends.iter().all(Option::is_none) || ends.iter().flatten().any(|end| !end.is_finite()) {
            let detail = "a limit has `least` or `most`, a finite number";
            return Err(ControlError::invalid(field, detail));
        }
    }
    Ok(())
}

fn shown(
    deployment: &DeploymentRow,
    row: &WatchLimitsRow,
) -> Result<api::WatchLimitsShown, ControlError> {
    Ok(api::WatchLimitsShown {
        deployment: deployment.name.clone(),
        limits: document(&row.limits)?,
        changed_by: row.changed_by,
        changed_at: row.changed_at.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_in_a_row_are_the_last_whole_ones_of_the_version() {
        let limits = api::WatchLimits { window: Some("1h".into()), ..api::WatchLimits::default() };
        let hours = |n: u64| Time::from_micros(n * 3_600_000_000);
        let now = Time::from_micros(hours(10).as_micros() + 5);
        let found = ranges(&limits, 2, (hours(0), now)).expect("a length");
        assert_eq!(found, [(hours(8), hours(9)), (hours(9), hours(10))]);
        // Its release was in the middle of one of them.
        let found = ranges(&limits, 2, (Time::from_micros(hours(8).as_micros() + 1), now));
        assert!(found.expect("a length").is_empty());
    }

    #[test]
    fn limits_that_could_say_nothing_are_refused() {
        let one =
            |metric: &str, least, most| api::MeasureLimit { metric: metric.into(), least, most };
        let of = |performance| api::WatchLimits { performance, ..api::WatchLimits::default() };
        assert!(check(&of(vec![one("accuracy", Some(0.8), None)])).is_ok());
        assert!(check(&of(vec![one("accurcy", Some(0.8), None)])).is_err());
        assert!(check(&of(vec![one("mae", None, None)])).is_err());
        assert!(check(&of(vec![one("mae", None, Some(f64::NAN))])).is_err());
        let unfair = api::WatchLimits {
            fairness: vec![one("disparate_impact", Some(0.8), None)],
            ..api::WatchLimits::default()
        };
        assert!(check(&unfair).is_err(), "nobody is compared");
    }
}
