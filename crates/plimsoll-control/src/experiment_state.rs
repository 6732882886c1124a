//! Experiments between the store, where they stand; the snapshot, where they are served; and the
//! wire.

use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::experiment_read::Reading;
use crate::outcome::UNNAMED;
use crate::rollout_state::{StoredScoring, guardrail, shown_change};
use plimsoll_api as api;
use plimsoll_release::experiment::{
    ALPHA, ARMS_MAX, Arm, ArmState, Definition, FALSE_STOP, Goal, METRICS_MAX, Metric, Role,
    Source, UNITS_PLANNED, Unit,
};
use plimsoll_release::rollout::{GUARDRAILS_MAX, Phase};
use plimsoll_serving::traffic::{Split, Traffic};
use plimsoll_serving::{LiveRollout, Scoring, ServedArm, ServedExperiment, ServedVersion};
use plimsoll_store::{SplitRow, StoreError};
use plimsoll_types::{ExperimentId, RolloutId, Time};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Experiments that ended and whose records are kept read, as somebody asks about them. Each may
/// take some hundred megabytes. Beside them, those under way are kept: one for each deployment.
const READINGS: usize = 4;

/// Experiments under way: what is seen of them; and what was read of the records of some.
#[derive(Debug, Default)]
pub(crate) struct Experiments {
    live: Mutex<HashMap<ExperimentId, Kept>>,
    readings: Mutex<Vec<Read>>,
}

/// What was read of an experiment's records.
#[derive(Debug)]
struct Read {
    id: ExperimentId,
    is_over: bool,
    reading: Arc<Mutex<Reading>>,
}

/// An experiment under way.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Of each arm but the control.
    pub(crate) lives: Vec<Option<Arc<LiveRollout>>>,
    /// When its evidence was last written down, and of how many answers it was.
    pub(crate) noted: Time,
    pub(crate) seen: u64,
}

impl Kept {
    /// The arms with what was seen of them until now.
    pub(crate) fn states(&self, before: &[ArmState]) -> Vec<ArmState> {
        let seen = |live: &Option<Arc<LiveRollout>>| live.as_ref().map(|l| l.with(|w| w.clone()));
        let stopped = before.iter().map(|state| state.stopped.clone());
        let watched = self.lives.iter().map(seen);
        watched.zip(stopped).map(|(watched, stopped)| ArmState { watched, stopped }).collect()
    }
    /// How many answers guardrails saw.
    pub(crate) fn answers(&self) -> u64 {
        let seen = |live: &Arc<LiveRollout>| live.with(|watched| watched.rollout.counts().0);
        self.lives.iter().flatten().map(seen).sum()
    }
}

impl Experiments {
    /// What is seen of an experiment, from now on if it was not looked at yet.
    pub(crate) fn kept(&self, row: &SplitRow, now: Time) -> Result<Kept, ControlError> {
        let mut all = crate::act::lock(&self.live);
        if let Some(kept) = all.get(&row.id) {
            return Ok(kept.clone());
        }
        let scoring = scoring_of(row)?;
        let live = |state: ArmState| {
            let ArmState { watched, stopped } = state;
            let mut watched = watched?;
            if stopped.is_some() && watched.rollout.phase() != Phase::RolledBack {
                watched.rollout.roll_back();
            }
            let id = RolloutId::from_bytes(*row.id.as_bytes());
            Some(Arc::new(LiveRollout::new(id, scoring, watched)))
        };
        let lives = states_of(row)?.into_iter().map(live).collect();
        let mut kept = Kept { lives, noted: now, seen: 0 };
        kept.seen = kept.answers();
        // One per deployment: what has ended is forgotten.
        all.insert(row.id, kept.clone());
        Ok(kept)
    }
    /// Notes that the evidence was written down.
    pub(crate) fn note(&self, id: ExperimentId, now: Time, seen: u64) {
        if let Some(kept) = crate::act::lock(&self.live).get_mut(&id) {
            (kept.noted, kept.seen) = (now, seen);
        }
    }
    /// Forgets an experiment that has ended.
    pub(crate) fn forget(&self, id: ExperimentId) {
        crate::act::lock(&self.live).remove(&id);
        let mut all = crate::act::lock(&self.readings);
        all.iter_mut().filter(|one| one.id == id).for_each(|one| one.is_over = true);
    }
    /// What was read of an experiment's records; of those that ended, the least recently asked
    /// about is forgotten, and read again if it is asked about again.
    pub(crate) fn reading(&self, row: &SplitRow) -> Result<Arc<Mutex<Reading>>, ControlError> {
        let mut all = crate::act::lock(&self.readings);
        if let Some(place) = all.iter().position(|one| one.id == row.id) {
            let found = all.remove(place);
            let reading = Arc::clone(&found.reading);
            all.push(found);
            return Ok(reading);
        }
        if all.iter().filter(|one| one.is_over).count() >= READINGS
            && let Some(oldest) = all.iter().position(|one| one.is_over)
        {
            all.remove(oldest);
        }
        let reading = Arc::new(Mutex::new(Reading::new(row)?));
        let is_over = row.ended_at.is_some();
        all.push(Read { id: row.id, is_over, reading: Arc::clone(&reading) });
        Ok(reading)
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("the {what} of an experiment is unreadable"))
}

pub(crate) fn declared(row: &SplitRow) -> Result<api::StartExperiment, ControlError> {
    Ok(serde_json::from_str(&row.definition).map_err(|_| damaged("definition"))?)
}

pub(crate) fn definition_of(row: &SplitRow) -> Result<Definition, ControlError> {
    definition(&declared(row)?)
}

pub(crate) fn states_of(row: &SplitRow) -> Result<Vec<ArmState>, ControlError> {
    Ok(serde_json::from_str(&row.state).map_err(|_| damaged("state"))?)
}

pub(crate) fn states_json(states: &[ArmState]) -> Result<String, ControlError> {
    serde_json::to_string(states)
        .map_err(|_| ControlError::Internal("the state of an experiment cannot be written"))
}

pub(crate) fn scoring_of(row: &SplitRow) -> Result<Scoring, ControlError> {
    let StoredScoring { output, positive_from } =
        serde_json::from_str(&row.scoring).map_err(|_| damaged("scoring"))?;
    Ok(Scoring { output, positive_from })
}

pub(crate) fn traffic_of(row: &SplitRow) -> Result<Traffic, ControlError> {
    let arms = definition_of(row)?.arms.iter().map(|arm| arm.share).collect();
    let split = Split { arms, ..Split::default() };
    Traffic::new(split, &row.salt).map_err(|_| damaged("split").into())
}

/// The versions of the arms, the control first.
pub(crate) fn arms_of(row: &SplitRow) -> Result<Vec<u32>, ControlError> {
    Ok(declared(row)?.arms.iter().map(|arm| arm.version).collect())
}

/// Which arms were stopped, as snapshots are described.
pub(crate) fn stops(row: &SplitRow) -> Value {
    let states = states_of(row).unwrap_or_default();
    json!(states.iter().map(|state| state.stopped.is_some()).collect::<Vec<_>>())
}

/// What is asked for, in the words of the decisions.
pub(crate) fn definition(wanted: &api::StartExperiment) -> Result<Definition, ControlError> {
    let bounded = wanted.arms.len() <= ARMS_MAX && wanted.metrics.len() <= METRICS_MAX;
    let guardrails = wanted.guardrails.as_ref();
    if !bounded || guardrails.is_some_and(|all| all.len() > GUARDRAILS_MAX) {
        let detail = format!(
            "an experiment has at most {ARMS_MAX} arms, {METRICS_MAX} metrics, {GUARDRAILS_MAX} guardrails"
        );
        return Err(ControlError::invalid("arms", detail));
    }
    Ok(Definition {
        arms: wanted.arms.iter().map(arm).collect::<Result<_, _>>()?,
        unit: match wanted.unit.unwrap_or(api::ExperimentUnit::Subject) {
            api::ExperimentUnit::Subject => Unit::Subject,
            api::ExperimentUnit::Interaction => Unit::Interaction,
            api::ExperimentUnit::Decision => Unit::Decision,
        },
        metrics: wanted.metrics.iter().map(metric).collect::<Result<_, _>>()?,
        slices: wanted.slices.clone(),
        alpha: wanted.alpha.unwrap_or(ALPHA),
        minimum_effect: wanted.minimum_effect,
        units_planned: wanted.units.unwrap_or(UNITS_PLANNED),
        guardrails: match guardrails {
            None => Definition::usual_guardrails(),
            Some(guardrails) => guardrails.iter().map(guardrail).collect::<Result<_, _>>()?,
        },
        false_stop: wanted.false_stop.unwrap_or(FALSE_STOP),
    })
}

fn arm(arm: &api::ExperimentArm) -> Result<Arm, ControlError> {
    let hundredths = (arm.percent * 100.0).round();
    if !(1.0..=10_000.0).contains(&hundredths) {
        return Err(ControlError::invalid("arms", "`percent` must be 0.01 to 100"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 1 to 10,000"
    )]
    let share = hundredths as u16;
    Ok(Arm { name: arm.name.clone(), version: arm.version, share })
}

fn metric(wanted: &api::ExperimentMetric) -> Result<Metric, ControlError> {
    let bounds = match (wanted.least, wanted.most) {
        (None, None) => None,
        (Some(least), Some(most)) => Some((least, most)),
        _ => return Err(ControlError::invalid("metrics", "`least` and `most` come together")),
    };
    let source = match wanted.kind {
        api::MetricKind::Outcome => Source::Outcome {
            name: wanted.outcome.clone().unwrap_or_else(|| UNNAMED.to_owned()),
            positive: wanted.positive.clone(),
        },
        api::MetricKind::Value => Source::Value,
        api::MetricKind::Score => Source::Score,
        api::MetricKind::Positive => Source::Positive,
    };
    if !matches!(source, Source::Outcome { .. })
        && (wanted.outcome.is_some() || wanted.positive.is_some())
    {
        let detail = "`outcome` and `positive` are of metrics of kind `outcome`";
        return Err(ControlError::invalid("metrics", detail));
    }
    Ok(Metric {
        name: wanted.name.clone(),
        source,
        role: match wanted.role.unwrap_or(api::MetricRole::Secondary) {
            api::MetricRole::Primary => Role::Primary,
            api::MetricRole::Secondary => Role::Secondary,
            api::MetricRole::Guardrail => Role::Guardrail,
        },
        goal: match wanted.goal.unwrap_or(api::MetricGoal::Increase) {
            api::MetricGoal::Increase => Goal::Increase,
            api::MetricGoal::Decrease => Goal::Decrease,
        },
        covariate: wanted.covariate.clone(),
        bounds,
        settles_after_s: wanted.settles_after_seconds.unwrap_or(0),
        margin: wanted.margin.unwrap_or(0.0),
    })
}

impl Control {
    /// An experiment as gateways serve it; `None` if it cannot be served, so that the control alone
    /// answers.
    pub(crate) fn served_experiment(
        &self,
        row: &SplitRow,
        versions: Vec<Result<ServedVersion, Box<str>>>,
    ) -> Option<Arc<ServedExperiment>> {
        let served = || -> Result<ServedExperiment, Box<str>> {
            let words = |error: ControlError| Box::<str>::from(error.to_string());
            let kept = self.experiments.kept(row, self.clock.now()).map_err(words)?;
            let arm = |(version, live): (Result<ServedVersion, Box<str>>, _)| {
                Ok::<_, Box<str>>(ServedArm { version: Arc::new(version?), live })
            };
            Ok(ServedExperiment {
                id: row.id,
                unit: definition_of(row).map_err(words)?.unit,
                arms: versions.into_iter().zip(kept.lives).map(arm).collect::<Result<_, _>>()?,
                traffic: traffic_of(row).map_err(words)?,
                scoring: scoring_of(row).map_err(words)?,
            })
        };
        match served() {
            Ok(served) => Some(Arc::new(served)),
            Err(why) => {
                tracing::error!(experiment = %row.id, %why, "an experiment cannot be served; the control alone answers");
                None
            }
        }
    }

    /// An experiment as it is told.
    pub(crate) fn shown_experiment(
        &self,
        row: &SplitRow,
        with_history: bool,
    ) -> Result<api::Experiment, ControlError> {
        let deployment = self.store.read(|r| r.deployment(row.deployment))?;
        let deployment =
            deployment.ok_or(ControlError::Internal("an experiment has no deployment"))?;
        let definition = declared(row)?;
        let states = states_of(row)?;
        let stopped = definition.arms.iter().zip(states).filter_map(|(arm, state)| {
            let stopped = state.stopped?;
            let at = Time::from_micros(stopped.at_us).into();
            Some(api::StoppedArm { arm: arm.name.clone(), at, why: stopped.why })
        });
        let history =
            if with_history { self.store.read(|r| r.split_steps(row.id))? } else { Vec::new() };
        Ok(api::Experiment {
            id: row.id,
            deployment: deployment.name,
            phase: row.phase.parse().map_err(|_| damaged("phase"))?,
            stopped: stopped.collect(),
            definition,
            started_by: row.started_by,
            started_at: row.started_at.into(),
            ended_at: row.ended_at.map(Into::into),
            history: history.into_iter().map(shown_change).collect::<Result<_, _>>()?,
        })
    }
}
