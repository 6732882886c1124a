//! Rollouts between the store, where they stand; the snapshot, where they are served; and the wire.

use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::outcome::UNNAMED;
use plimsoll_api as api;
use plimsoll_contract::CompiledContract;
use plimsoll_release::rollout::{
    Evidence, Exposure, GUARDRAILS_MAX, Group, Guardrail, Phase, Plan, Rollout, STEPS_MAX, Step,
    Weighted,
};
use plimsoll_release::watched::{Point, Watched};
use plimsoll_serving::traffic::{Split, Traffic, WHOLE};
use plimsoll_serving::{LiveRollout, Scoring, ServedGroup, ServedRollout, ServedVersion};
use plimsoll_store::{RolloutRow, StoreError};
use plimsoll_types::record::MAX_OUTCOME_WORD;
use plimsoll_types::{RolloutId, Time};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Rollouts under way: what is seen of them, and what of that is written down.
#[derive(Debug, Default)]
pub(crate) struct Rollouts(Mutex<HashMap<RolloutId, Kept>>);

/// A rollout under way.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) live: Arc<LiveRollout>,
    /// Where it stood when that was last recorded.
    pub(crate) phase: Phase,
    pub(crate) step: usize,
    /// When its evidence was last written down, and how much that was.
    pub(crate) noted: Time,
    pub(crate) seen: [u64; 4],
}

/// How much a rollout has seen: answers of the candidate, pairs, and outcomes of both.
pub(crate) fn progress(rollout: &Rollout) -> [u64; 4] {
    let ((candidates, pairs), (before, after)) = (rollout.counts(), rollout.outcomes());
    [candidates, pairs, before, after]
}

/// How answers are read, as the store keeps it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredScoring {
    pub(crate) output: usize,
    pub(crate) positive_from: f64,
}

pub(crate) fn scoring_json(scoring: Scoring) -> String {
    let Scoring { output, positive_from } = scoring;
    json!({ "output": output, "positive_from": positive_from }).to_string()
}

/// What was seen of a rollout until it was last written down.
pub(crate) fn watched_of(row: &RolloutRow) -> Result<Watched, ControlError> {
    let damaged = |_| StoreError::Damaged("the state of a rollout is unreadable".into());
    Ok(serde_json::from_str(&row.state).map_err(damaged)?)
}

pub(crate) fn state_json(watched: &Watched) -> Result<String, ControlError> {
    serde_json::to_string(watched)
        .map_err(|_| ControlError::Internal("the state of a rollout cannot be written"))
}

/// How much the candidate of a rollout is exposed, as snapshots are described.
pub(crate) fn exposed(row: &RolloutRow) -> Value {
    json!(watched_of(row).ok().and_then(|watched| watched.rollout.exposure()))
}

impl Rollouts {
    /// What is seen of a rollout, from now on if it was not looked at yet.
    pub(crate) fn kept(&self, row: &RolloutRow, now: Time) -> Result<Kept, ControlError> {
        let mut all = crate::act::lock(&self.0);
        if let Some(kept) = all.get(&row.id) {
            return Ok(kept.clone());
        }
        let watched = watched_of(row)?;
        let damaged = |_| StoreError::Damaged("the scoring of a rollout is unreadable".into());
        let StoredScoring { output, positive_from } =
            serde_json::from_str(&row.scoring).map_err(damaged)?;
        let kept = Kept {
            phase: watched.rollout.phase(),
            step: watched.rollout.step(),
            seen: progress(&watched.rollout),
            noted: now,
            live: Arc::new(LiveRollout::new(row.id, Scoring { output, positive_from }, watched)),
        };
        // One per deployment: what has ended is forgotten.
        all.insert(row.id, kept.clone());
        Ok(kept)
    }
    /// What is seen of a rollout that is under way in this process.
    pub(crate) fn live(&self, id: RolloutId) -> Option<Arc<LiveRollout>> {
        crate::act::lock(&self.0).get(&id).map(|kept| Arc::clone(&kept.live))
    }
    /// Notes what of a rollout is written down.
    pub(crate) fn note(&self, id: RolloutId, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = crate::act::lock(&self.0).get_mut(&id) {
            change(kept);
        }
    }
    /// Forgets a rollout that has ended.
    pub(crate) fn forget(&self, id: RolloutId) {
        crate::act::lock(&self.0).remove(&id);
    }
}

impl Control {
    /// A rollout as gateways serve it; `None` if it cannot be served, so that the incumbent alone
    /// answers.
    pub(crate) fn served_rollout(
        &self,
        row: &RolloutRow,
        candidate: Result<ServedVersion, Box<str>>,
        contract: &CompiledContract,
    ) -> Option<Arc<ServedRollout>> {
        let served = || -> Result<Option<Arc<ServedRollout>>, Box<str>> {
            let watched = watched_of(row).map_err(|error| error.to_string())?;
            let kept =
                self.rollouts.kept(row, self.clock.now()).map_err(|error| error.to_string())?;
            let split = match watched.rollout.exposure() {
                None => return Ok(None),
                Some(Exposure::Shadow) => Split { shadow: WHOLE, ..Split::default() },
                Some(Exposure::Share(share)) => Split { canary: share, ..Split::default() },
            };
            let is_exposed = split.canary > 0;
            let traffic = Traffic::new(split, &row.salt).map_err(|error| error.to_string())?;
            let step = u16::try_from(watched.rollout.step()).unwrap_or(u16::MAX);
            let candidate = Arc::new(candidate?);
            Ok(Some(Arc::new(ServedRollout {
                id: row.id,
                step,
                candidate,
                is_exposed,
                traffic,
                groups: groups(watched.rollout.plan(), contract),
                live: kept.live,
            })))
        };
        served().unwrap_or_else(|why| {
            tracing::error!(rollout = %row.id, %why, "a rollout cannot be served; the incumbent alone answers");
            None
        })
    }

    /// A rollout with what is seen of it at this moment.
    pub(crate) fn shown_rollout(
        &self,
        row: &RolloutRow,
        with_history: bool,
    ) -> Result<api::Rollout, ControlError> {
        let deployment = self.store.read(|r| r.deployment(row.deployment))?;
        let deployment = deployment.ok_or(ControlError::Internal("a rollout has no deployment"))?;
        let (watched, dropped) = if row.ended_at.is_none() {
            let kept = self.rollouts.kept(row, self.clock.now())?;
            (kept.live.with(|watched| watched.clone()), kept.live.dropped())
        } else {
            (watched_of(row)?, 0)
        };
        let rollout = &watched.rollout;
        let (candidates, pairs) = rollout.counts();
        let steps: Vec<_> = rollout.plan().steps.iter().map(shown_step).collect();
        let step = rollout.step().min(steps.len().saturating_sub(1));
        let history =
            if with_history { self.store.read(|r| r.rollout_steps(row.id))? } else { Vec::new() };
        Ok(api::Rollout {
            id: row.id,
            deployment: deployment.name,
            incumbent: row.incumbent,
            candidate: row.candidate,
            phase: phase(rollout.phase()),
            step: u32::try_from(step).unwrap_or(u32::MAX).saturating_add(1),
            percent: percent(rollout.exposure()),
            steps,
            candidates,
            pairs,
            in_step: rollout.in_step(),
            outcomes: rollout.outcomes().1,
            incumbent_outcomes: rollout.outcomes().0,
            dropped,
            agreement: watched.pairs.agreement(),
            score_shift: watched.pairs.mean_shift(),
            reason_agreement: watched.reasons.agreement(),
            reason_shift: watched.reasons.shift(),
            reasons: watched.reasons.codes().map(shown_reason).collect(),
            evidence: rollout.evidence().map(|one| shown_evidence(rollout, one)).collect(),
            reason: rollout.reason().map(|reason| reason.what.clone()),
            is_drill: row.is_drill,
            started_by: row.started_by,
            started_at: row.started_at.into(),
            ended_at: row.ended_at.map(Into::into),
            trail: if with_history { shown_trail(&watched) } else { Vec::new() },
            history: history.into_iter().map(shown_change).collect::<Result<_, _>>()?,
        })
    }
}

fn shown_reason((code, [incumbent, candidate]): (&str, [u64; 2])) -> api::RolloutReason {
    api::RolloutReason { code: code.to_owned(), incumbent, candidate }
}

fn shown_trail(watched: &Watched) -> Vec<api::RolloutPoint> {
    let point = |point: &Point| api::RolloutPoint {
        seen: point.seen,
        step: u32::from(point.step).saturating_add(1),
        log10: point.log10.clone(),
    };
    watched.trail.points().iter().map(point).collect()
}

pub(crate) fn shown_change(
    step: plimsoll_store::RolloutStepRow,
) -> Result<api::RolloutChange, ControlError> {
    let damaged = |_| StoreError::Damaged("a step of a rollout is unreadable".into());
    Ok(api::RolloutChange {
        at: step.created_at.into(),
        what: step.what,
        by: Some(step.principal).filter(|by| *by != crate::bootstrap::SERVER),
        facts: serde_json::from_str(&step.facts).map_err(damaged)?,
    })
}

fn shown_evidence(
    rollout: &Rollout,
    (guardrail, evidence): (&Guardrail, Evidence),
) -> api::RolloutEvidence {
    let note = match (guardrail, rollout.outcomes()) {
        (Guardrail::Outcomes { .. }, (0, 0)) => Some("no outcomes yet"),
        (Guardrail::Outcomes { .. }, (_, 0)) => Some("no outcomes of the candidate yet"),
        (Guardrail::Outcomes { .. }, (0, _)) => Some("no outcomes of the incumbent yet"),
        _ => None,
    };
    api::RolloutEvidence {
        note: note.map(str::to_owned),
        guardrail: guardrail.to_string(),
        wealth: evidence.wealth,
        most: evidence.most,
        goal: evidence.goal,
    }
}

fn shown_step(step: &Step) -> api::RolloutStep {
    api::RolloutStep {
        percent: percent(Some(step.exposure)),
        requests_min: step.requests_min,
        seconds_min: step.seconds_min,
        seconds_max: step.seconds_max,
        outcomes_min: step.outcomes_min,
    }
}

/// Which requests are of the groups that a plan looks at. A key that the contract no longer has
/// marks nobody: its guardrail sees nothing.
fn groups(plan: &Plan, contract: &CompiledContract) -> Vec<ServedGroup> {
    let slices = &contract.mapping().slices;
    let group = |(place, weighted): (usize, &Weighted)| match &weighted.guardrail {
        Guardrail::Mix { group: Some(group), .. } => {
            let source = slices.iter().find(|source| *source.name == *group.by)?;
            let mark = 1_u16.checked_shl(u32::try_from(place).ok()?)?;
            Some(ServedGroup { mark, source: source.clone(), is: group.is.as_str().into() })
        }
        _ => None,
    };
    plan.guardrails.iter().enumerate().filter_map(group).collect()
}

fn percent(exposure: Option<Exposure>) -> f64 {
    match exposure {
        None | Some(Exposure::Shadow) => 0.0,
        Some(Exposure::Share(share)) => f64::from(share) / 100.0,
    }
}

pub(crate) const fn phase(phase: Phase) -> api::RolloutPhase {
    match phase {
        Phase::Running => api::RolloutPhase::Running,
        Phase::Held => api::RolloutPhase::Held,
        Phase::Inconclusive => api::RolloutPhase::Inconclusive,
        Phase::RolledBack => api::RolloutPhase::RolledBack,
        Phase::Promoted => api::RolloutPhase::Promoted,
    }
}

/// The rollout that is asked for.
pub(crate) fn begun(wanted: &api::StartRollout, now: Time) -> Result<Rollout, ControlError> {
    let usual = Plan::default();
    let steps = match &wanted.steps {
        None => usual.steps,
        Some(steps) if steps.len() > STEPS_MAX => {
            return Err(ControlError::invalid("steps", "a plan has 1 to 16 steps"));
        }
        Some(steps) => steps.iter().map(step).collect::<Result<_, _>>()?,
    };
    let mut guardrails = match &wanted.guardrails {
        None => usual.guardrails,
        Some(guardrails) => guardrails.iter().map(guardrail).collect::<Result<_, _>>()?,
    };
    for one in wanted.also.iter().take(GUARDRAILS_MAX) {
        guardrails.push(guardrail(one)?);
    }
    let false_rollback = wanted.false_rollback.unwrap_or(usual.false_rollback);
    Rollout::begin(Plan { steps, guardrails, false_rollback }, now)
        .map_err(|error| ControlError::invalid("steps", error.to_string()))
}

fn step(step: &api::RolloutStep) -> Result<Step, ControlError> {
    let hundredths = (step.percent * 100.0).round();
    if !(0.0..=10_000.0).contains(&hundredths) {
        return Err(ControlError::invalid("steps", "`percent` must be 0 (shadow) to 100"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 10,000"
    )]
    let share = hundredths as u16;
    if share == 0 && step.percent > 0.0 {
        return Err(ControlError::invalid("steps", "the least share is 0.01 percent"));
    }
    Ok(Step {
        exposure: if share == 0 { Exposure::Shadow } else { Exposure::Share(share) },
        requests_min: step.requests_min,
        seconds_min: step.seconds_min,
        seconds_max: step.seconds_max,
        outcomes_min: step.outcomes_min,
    })
}

pub(crate) fn guardrail(wanted: &api::RolloutGuardrail) -> Result<Weighted, ControlError> {
    let is_mix = wanted.kind == api::GuardrailKind::Mix;
    let is_outcomes = wanted.kind == api::GuardrailKind::Outcomes;
    let of_outcomes = wanted.outcome.is_some() || wanted.positive.is_some();
    let group = match (&wanted.by, &wanted.group) {
        (Some(by), Some(is)) if is_mix => Some(Group { by: by.clone(), is: is.clone() }),
        (None, None) => None,
        _ => {
            let detail = "`by` and `group` come together, and with the guardrail `mix`";
            return Err(ControlError::invalid("guardrails", detail));
        }
    };
    let texts = [&wanted.by, &wanted.group, &wanted.outcome, &wanted.positive];
    let is_long = |text: &String| text.is_empty() || text.len() > MAX_OUTCOME_WORD;
    if texts.into_iter().flatten().any(is_long) || (of_outcomes && !is_outcomes) {
        let detail = format!(
            "`outcome` and `positive` come with the guardrail `outcomes`; all names have 1 to \
             {MAX_OUTCOME_WORD} bytes"
        );
        return Err(ControlError::invalid("guardrails", detail));
    }
    let guardrail = match wanted.kind {
        api::GuardrailKind::Errors => Guardrail::Errors,
        api::GuardrailKind::Refusals => Guardrail::Refusals,
        api::GuardrailKind::Latency => Guardrail::Latency {
            quantile: wanted.quantile.unwrap_or(0.95),
            tolerance: wanted.tolerance.unwrap_or(1.25),
        },
        api::GuardrailKind::Score => {
            Guardrail::Score { margin: wanted.margin.unwrap_or(0.1), spread: None }
        }
        api::GuardrailKind::Mix => Guardrail::Mix { margin: wanted.margin.unwrap_or(0.05), group },
        api::GuardrailKind::Outcomes => Guardrail::Outcomes {
            name: wanted.outcome.clone().unwrap_or_else(|| UNNAMED.to_owned()),
            positive: wanted.positive.clone(),
        },
    };
    Ok(Weighted { guardrail, weight: wanted.weight })
}
