//! What an experiment says so far, and the values that are posted for it.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::experiment_state::{declared, definition_of, states_of};
use crate::experiment_trail::Point;
use crate::outcome::{MAX_OUTCOMES, Telling};
use plimsoll_api as api;
use plimsoll_policy::Action;
use plimsoll_release::experiment::{
    Advice, Contrast, LEAST, MeanOf, Metric, MetricReport, Report, Role, Says, Source,
};
use plimsoll_store::SplitRow;
use plimsoll_types::record::Kind;
use plimsoll_types::{DecisionId, ExperimentId, Name};
use std::collections::HashSet;

/// Entries of the ledger that one report reads at most; it says how far it came, and the next one
/// goes on from there.
const READ_AT_ONCE: usize = 500_000;

impl Control {
    /// What an experiment says so far; without an id, the one under way, or else the last. Blocks.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn report_experiment(
        &self,
        ctx: &RequestContext,
        name: &Name,
        id: Option<ExperimentId>,
    ) -> Result<api::ExperimentReport, ControlError> {
        let row = self.experiment_row(ctx, Action::ReadPerformance, name, id)?;
        self.report_of(&row)
    }

    pub(crate) fn report_of(&self, row: &SplitRow) -> Result<api::ExperimentReport, ControlError> {
        let reading = self.experiments.reading(row)?;
        let mut reading = lock(&reading);
        let is_complete = self.read_on(row, &mut reading, READ_AT_ONCE)?;
        let states = states_of(row)?;
        let stopped: Vec<bool> = states.iter().map(|state| state.stopped.is_some()).collect();
        let now = self.clock.now();
        let report = reading.tally.report(&stopped, now);
        let (definition, wanted) = (definition_of(row)?, declared(row)?);
        let names: Vec<&str> = wanted.arms.iter().map(|arm| arm.name.as_str()).collect();
        let shown = Shown { names: &names, metrics: &definition.metrics };
        let latest = reading.tally.primary(now);
        let latest = latest.map(|(units, contrasts)| Point { at: now, units, contrasts });
        let trail = reading.trail.points().iter().chain(&latest);
        let arm = |(place, arm): (usize, &api::ExperimentArm)| api::ReportedArm {
            arm: arm.name.clone(),
            version: arm.version,
            percent: arm.percent,
            requests: report.requests.get(place).copied().unwrap_or_default(),
            stopped: states
                .get(place)
                .and_then(|state| state.stopped.as_ref())
                .map(|stopped| stopped.why.clone()),
        };
        Ok(api::ExperimentReport {
            experiment: row.id,
            at: now.into(),
            read_to: reading.next,
            is_complete,
            arms: wanted.arms.iter().enumerate().map(arm).collect(),
            splits: splits(&report),
            metrics: report.metrics.iter().filter_map(|metric| shown.metric(metric)).collect(),
            advice: match report.advice {
                Advice::Ship => api::ExperimentAdvice::Ship,
                Advice::Keep => api::ExperimentAdvice::Keep,
                Advice::GoOn => api::ExperimentAdvice::GoOn,
                Advice::Look => api::ExperimentAdvice::Look,
            },
            leader: report.leader.map(|arm| shown.name(arm)),
            misassigned: reading.misassigned,
            left_out: report.left_out,
            trail: trail.map(|point| shown.point(point)).collect(),
        })
    }

    /// Records what decisions of an experiment were worth, as outcomes that are called like the
    /// metric. One that is refused does not stop the others.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn post_experiment_values(
        &self,
        ctx: &RequestContext,
        id: ExperimentId,
        wanted: &api::PostExperimentValues,
    ) -> Result<api::OutcomesRecorded, ControlError> {
        let Some(row) = self.store.read(|r| r.split(id))? else {
            self.may_tell_anything(ctx, Telling::Outcomes)?;
            return Err(ControlError::not_found("experiment", id));
        };
        if wanted.values.is_empty() || wanted.values.len() > MAX_OUTCOMES {
            self.may_tell_anything(ctx, Telling::Outcomes)?;
            return Err(ControlError::invalid("values", format!("must be 1 to {MAX_OUTCOMES}")));
        }
        let definition = definition_of(&row)?;
        let is_value = |metric: &&Metric| metric.source == Source::Value;
        let values = definition.metrics.iter().filter(is_value);
        let metrics: HashSet<&str> = values.map(|metric| metric.name.as_str()).collect();
        let told: Vec<Result<api::RecordOutcome, String>> =
            wanted.values.iter().map(|value| self.told(&row, &metrics, value)).collect();
        self.record_outcomes(ctx, Telling::Outcomes, &told)
    }

    fn told(
        &self,
        row: &SplitRow,
        metrics: &HashSet<&str>,
        value: &api::ExperimentValue,
    ) -> Result<api::RecordOutcome, String> {
        if !metrics.contains(value.metric.as_str()) {
            return Err("`metric` must be one of kind `value` of the experiment".to_owned());
        }
        if !self.is_of(row, value.decision).map_err(|error| error.to_string())? {
            return Err("the decision is none of the experiment's".to_owned());
        }
        Ok(api::RecordOutcome {
            decision: Some(value.decision),
            name: Some(value.metric.clone()),
            value: Some(api::OutcomeValue::Number(value.value)),
            source: value.source.clone(),
            id: value.id.clone(),
            ..api::RecordOutcome::default()
        })
    }

    /// Whether a decision was assigned in the experiment.
    fn is_of(&self, row: &SplitRow, decision: DecisionId) -> Result<bool, ControlError> {
        let entries = self.ledger.get(decision.as_bytes()).map_err(ControlError::Unreadable)?;
        Ok(entries.iter().any(|entry| {
            let draft = &entry.leaf.draft;
            let key = draft.extension.assignment_key;
            draft.kind == Kind::Decision
                && key.is_some_and(|key| key.as_bytes() == row.id.as_bytes())
        }))
    }
}

/// The names that a report is told in.
struct Shown<'a> {
    names: &'a [&'a str],
    metrics: &'a [Metric],
}

impl Shown<'_> {
    fn name(&self, arm: usize) -> String {
        self.names.get(arm).copied().unwrap_or_default().to_owned()
    }

    fn metric(&self, report: &MetricReport) -> Option<api::ReportedMetric> {
        let metric = self.metrics.get(report.metric)?;
        let mean = |(arm, mean): (usize, &MeanOf)| {
            let is_enough = mean.units >= LEAST;
            api::ReportedMean {
                arm: self.name(arm),
                units: mean.units as u64,
                mean: is_enough.then_some(mean.mean),
                deviation: is_enough.then(|| mean.variance.sqrt()),
            }
        };
        let slice = |slice: &plimsoll_release::experiment::SliceReport| api::ReportedSlice {
            key: slice.key.clone(),
            value: slice.value.clone(),
            units: slice.units as u64,
            contrast: self.contrast(&slice.contrast),
            p_adjusted: slice.p_adjusted,
            is_different: slice.is_different,
        };
        Some(api::ReportedMetric {
            name: metric.name.clone(),
            role: match metric.role {
                Role::Primary => api::MetricRole::Primary,
                Role::Secondary => api::MetricRole::Secondary,
                Role::Guardrail => api::MetricRole::Guardrail,
            },
            arms: report.means.iter().enumerate().map(mean).collect(),
            contrasts: report.contrasts.iter().map(|one| self.contrast(one)).collect(),
            slices: report.slices.iter().map(slice).collect(),
        })
    }

    fn point(&self, point: &Point) -> api::ReportedPoint {
        let interval = |one: &Contrast| {
            let (lower, upper) = one.interval?;
            Some(api::ReportedInterval {
                arm: self.name(one.arm),
                difference: one.difference?,
                lower,
                upper,
            })
        };
        api::ReportedPoint {
            at: point.at.into(),
            units: point.units as u64,
            intervals: point.contrasts.iter().filter_map(interval).collect(),
        }
    }

    fn contrast(&self, one: &Contrast) -> api::ReportedContrast {
        api::ReportedContrast {
            arm: self.name(one.arm),
            difference: one.difference,
            lower: one.interval.map(|(lower, _)| lower),
            upper: one.interval.map(|(_, upper)| upper),
            confidence: one.confidence,
            p_value: one.p_value,
            variance_left: one.variance_left,
            says: match one.says {
                Says::Better => api::MetricSays::Better,
                Says::Worse => api::MetricSays::Worse,
                Says::Same => api::MetricSays::Same,
                Says::Unclear => api::MetricSays::Unclear,
            },
            is_harm: one.is_harm,
        }
    }
}

fn splits(report: &Report) -> Vec<api::ReportedSplit> {
    let split = |split: &plimsoll_release::experiment::Split| api::ReportedSplit {
        what: split.what.clone(),
        units: split.counts.clone(),
        // More than a number can say is as much as one can.
        evidence: split.evidence.min(f64::MAX),
        goal: split.goal,
        is_wrong: split.is_wrong,
    };
    report.splits.iter().map(split).collect()
}
