//! What becomes of the candidate of a retraining: gate, rollout, promotion. A *trial* is one row
//! that is brought further by whoever looks at it next, one step at a time; each step is in the
//! ledger, and what it does is in the same transaction. A process that dies goes on from there.
//!
//! | state | goes on when |
//! |---|---|
//! | `gate` | the gate of the candidate is run and passed; ends if a check fails |
//! | `held` | what the tier asks of people is there |
//! | `rollout` | the rollout ends: promoted or rolled back |
//!
//! Nothing goes on while a finding of security is open, and nothing answers that
//! [`Control::governed_standing`](crate::release_gate) does not let answer. Knows no trainers.

use crate::bootstrap::{Control, SERVER};
use crate::compile::settings_of;
use crate::error::ControlError;
use crate::release_gate::Standing;
use crate::retrain::{document, told};
use crate::rollout::{Begin, By};
use crate::rollout_state::begun;
use crate::words::stored;
use plimsoll_api as api;
use plimsoll_api::TrialState;
use plimsoll_policy::Action;
use plimsoll_release::Tier;
use plimsoll_release::catalog::CheckId;
use plimsoll_release::gate::{Answered, GateResult, State};
use plimsoll_store::{DeploymentRow, FindingKey, RetrainRow, RolloutRow, TrialRow};
use plimsoll_types::{Digest, PrincipalId, Severity, Signal, SignalKind, Time};
use serde_json::json;
use std::time::Duration;

/// How long a candidate waits for results of checks that only others can run: as long as an
/// approval counts. What is older was trained on another world.
const WAITS_FOR_CHECKS: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// After so long the checks of the build are run again, as most of their results count for a day.
const GATE_AGAIN: Duration = Duration::from_secs(20 * 60 * 60);
/// How long trust in a policy counts: half a year, as an exception of a gate does.
pub(crate) const TRUST_MAX: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// What nobody can put right about a version. Other demands are of its deployment (a reference, who
/// is told, a statement): they are waited for.
const OF_THE_VERSION: [CheckId; 5] =
    [CheckId::Art01, CheckId::Sch01, CheckId::Tst01, CheckId::Tst02, CheckId::Tst03];
/// The longest sentence that a step keeps, in characters.
const MAX_WHY: usize = 1_000;
/// What findings of trials are about.
const GATE: &str = "gate of a retrained version";
const APPROVAL: &str = "approval of a retrained version";
const TRIAL: &str = "trial of a retrained version";
/// Why a rollout is held while a finding of security is open.
const SECURITY: &str = "security";
/// Why a rollout is held that passed and may not be released; `rollout_tend` says so.
const RELEASE: &str = "release";

/// A trial with what it is about.
struct Seen {
    row: TrialRow,
    retrain: RetrainRow,
    deployment: DeploymentRow,
}

impl Control {
    /// Brings every candidate that is on its way one step further. Call it every second; running
    /// a gate takes up to a minute.
    ///
    /// # Errors
    /// The first [`ControlError`]; the others are looked after all the same, and what failed is
    /// tried again.
    pub fn tend_trials(&self) -> Result<(), ControlError> {
        let mut wrong = Ok(());
        for row in self.store.read(|r| r.trials_under_way())? {
            let retrain = row.retrain;
            if let Err(error) = self.tend_trial(row) {
                tracing::warn!(%retrain, %error, "a candidate could not be looked after");
                wrong = wrong.and(Err(error));
            }
        }
        wrong
    }

    fn tend_trial(&self, row: TrialRow) -> Result<(), ControlError> {
        let (retrain, deployment) = self.store.read(|r| {
            Ok::<_, ControlError>((r.retrain(row.retrain)?, r.deployment(row.deployment)?))
        })?;
        let retrain = retrain.ok_or(ControlError::Internal("a trial has no retraining"))?;
        let deployment = deployment.ok_or(ControlError::Internal("a trial has no deployment"))?;
        let seen = Seen { row, retrain, deployment };
        if seen.deployment.archived_at.is_some() {
            return self.end_trial(&seen, TrialState::Cancelled, "the deployment is archived");
        }
        if seen.row.state == TrialState::Rollout.as_str() {
            return self.follow_rollout(&seen);
        }
        if self.is_attacked(seen.deployment.id)? {
            return self.note_trial(&seen, "suspended: a finding of security is open");
        }
        let released = seen.deployment.released.map(|release| release.number);
        if released == Some(seen.row.version) {
            return self.promoted(&seen, "somebody released it");
        }
        let standing = self.trial_standing(&seen)?;
        if standing.gate.is_some() && self.gate_is_due(&seen) {
            return self.run_trial_gate(&seen);
        }
        let reasons = standing.permission.reasons.join("; ");
        match &standing.gate {
            _ if standing.permission.is_allowed && !standing.permission.is_emergency => {
                self.try_candidate(&seen, &standing)
            }
            Some(gate) if !gate.is_passed => self.judge_trial(&seen, gate),
            Some(_) => self.hold_trial(&seen, &standing),
            // Nothing that people can approve: facts have to be stated first.
            None => self.wait_for_people(&seen, &reasons, &reasons),
        }
    }

    /// What governance finds, with the consent of who trusts the policy that made the candidate.
    fn trial_standing(&self, seen: &Seen) -> Result<Standing, ControlError> {
        let trust = self.trust_in(seen)?;
        self.trusted_standing(&seen.deployment, seen.row.version, trust)
    }

    /// Who trusts the policy that made a candidate, if that counts now: the policy is as it was,
    /// who trusted it is neither its author nor gone, and still may.
    fn trust_in(&self, seen: &Seen) -> Result<Option<PrincipalId>, ControlError> {
        let policy = self.store.read(|r| r.retrain_policy(seen.deployment.id))?;
        let Some(policy) = policy.filter(|policy| policy.policy == seen.retrain.policy) else {
            return Ok(None);
        };
        let Some((by, at)) = policy.trusted else { return Ok(None) };
        let is_old = at.plus(TRUST_MAX) <= self.clock.now();
        if is_old || by == seen.retrain.carried_by {
            return Ok(None);
        }
        let Some(ctx) = self.acting_as(by)? else { return Ok(None) };
        let resource = crate::deployment::resource_of(&seen.deployment)?;
        let resource = plimsoll_policy::Resource::Deployment(resource);
        Ok(self.allows(&ctx, Action::ApproveRetrain, &resource).then_some(by))
    }

    fn gate_is_due(&self, seen: &Seen) -> bool {
        let now = self.clock.now();
        seen.row.judged_at.is_none_or(|at| at.plus(GATE_AGAIN) <= now)
    }

    /// Runs the checks of the build with the rights of who set the policy, as registering was
    /// done. Done twice, it finds the same.
    fn run_trial_gate(&self, seen: &Seen) -> Result<(), ControlError> {
        let Some(ctx) = self.acting_as(seen.retrain.carried_by)? else {
            let why = "who set the policy may do nothing any more, so no gate is run";
            return self.refuse_trial(seen, why);
        };
        let wanted = api::RunGate { version: seen.row.version, contract: None };
        let run = match self.run_gate(&ctx, &seen.deployment.name, wanted) {
            Ok(run) => run,
            Err(error @ (ControlError::Denied { .. } | ControlError::NotFound { .. })) => {
                return self.refuse_trial(seen, &format!("its gate cannot be run: {error}"));
            }
            Err(error) => return Err(error),
        };
        let why = if run.is_passed { "the gate is passed" } else { "the gate was run" };
        self.step_trial(seen, why, |row, now| TrialRow {
            state: if row.state == TrialState::Held.as_str() {
                TrialState::Gate.to_string()
            } else {
                row.state
            },
            gate: Some(run.digest.to_string()),
            judged_at: Some(now),
            ..row
        })
    }

    /// A gate that is not passed: it ends if a check failed, and waits for those that others run.
    fn judge_trial(&self, seen: &Seen, gate: &GateResult) -> Result<(), ControlError> {
        let open = gate.demands.iter().filter(|one| one.demand.blocks && !one.state.lets_pass());
        let is_its_fault = |one: &&Answered| {
            one.state == State::Fail && OF_THE_VERSION.contains(&one.demand.check)
        };
        let (failed, waiting): (Vec<&Answered>, Vec<&Answered>) = open.partition(is_its_fault);
        let named = |all: Vec<&Answered>| -> Vec<String> {
            all.into_iter().map(|one| one.demand.check.to_string()).collect()
        };
        let (failed, waiting) = (named(failed), named(waiting));
        let is_late = self.clock.now().since(seen.retrain.ended_at.unwrap_or(seen.row.since))
            > WAITS_FOR_CHECKS;
        // What is open and no demand, such as a fact that nobody stated, no check will bring.
        if failed.is_empty() && waiting.is_empty() {
            let why = gate.reasons.join("; ");
            return self.wait_for_people(seen, &why, &why);
        }
        if failed.is_empty() && !is_late {
            let why = format!("it waits for results of checks that prove {}", waiting.join(", "));
            if seen.row.why.as_deref() != Some(why.as_str()) {
                self.tell_of_trial(seen, GATE, Severity::Info, &why)?;
            }
            return self.note_trial(seen, &why);
        }
        let why = if failed.is_empty() {
            format!("no results came within 7 days of checks that prove {}", waiting.join(", "))
        } else {
            format!("the gate is not passed: {} failed", failed.join(", "))
        };
        self.tell_of_trial(seen, GATE, Severity::Warning, &why)?;
        self.end_trial(seen, TrialState::GateFailed, &why)
    }

    /// The gate is passed, and people are asked for.
    fn hold_trial(&self, seen: &Seen, standing: &Standing) -> Result<(), ControlError> {
        let why = standing.permission.reasons.join("; ");
        let tier = standing.tier.map_or_else(|| "its".to_owned(), |tier| tier.to_string());
        let roles: Vec<&str> = standing.required.roles.iter().map(String::as_str).collect();
        let roles = match roles.as_slice() {
            [] => String::new(),
            roles => format!(", with the roles {} among them", roles.join(" and ")),
        };
        let name = &seen.deployment.name;
        let people = standing.required.people;
        let who = format!(
            "tier {tier} asks for {people} other people{roles}; each runs `plimsoll gate approve \
             {name} --version {} --sign-with KEY`",
            seen.row.version
        );
        self.wait_for_people(seen, &why, &format!("{why}. {who}"))
    }

    fn wait_for_people(&self, seen: &Seen, why: &str, told: &str) -> Result<(), ControlError> {
        let is_new = seen.row.state != TrialState::Held.as_str()
            || seen.row.why.as_deref() != Some(bounded(why).as_str());
        if !is_new {
            return Ok(());
        }
        self.tell_of_trial(seen, APPROVAL, Severity::Warning, told)?;
        self.step_trial(seen, why, |row, _| TrialRow { state: TrialState::Held.to_string(), ..row })
    }

    /// Everything that is asked for is there: the rollout begins, in one transaction with the step.
    fn try_candidate(&self, seen: &Seen, standing: &Standing) -> Result<(), ControlError> {
        let Seen { row, retrain, deployment } = seen;
        let incumbent = match self.incumbent(deployment) {
            Ok(incumbent) => incumbent,
            Err(ControlError::Conflict(why)) => {
                return self.note_trial(seen, &format!("it waits: {why}"));
            }
            Err(error) => return Err(error),
        };
        let policy: api::RetrainPolicy = document(&retrain.policy)?;
        let begin = self.candidate_fits(deployment, row.version).and_then(|()| {
            let wanted = wanted(&policy, row.version);
            let read = (wanted.score_output, wanted.positive_from);
            let scoring = self.scoring(deployment, (incumbent, row.version), read)?;
            let mut rollout = begun(&wanted, self.clock.now())?;
            self.check_groups(deployment, &rollout)?;
            let (records, failed) = self.known(deployment.id)?;
            rollout.learn_errors(records, failed);
            let (candidate, trial) = (row.version, Some(row.clone()));
            Ok(Begin { incumbent, candidate, scoring, rollout, is_drill: false, trial })
        });
        let begin = match begin {
            Ok(begin) => begin,
            Err(error @ (ControlError::Invalid { .. } | ControlError::Conflict(_))) => {
                return self.refuse_trial(seen, &error.to_string());
            }
            Err(error) => return Err(error),
        };
        let by = By::Trial { on_behalf_of: retrain.carried_by, standing: standing.told() };
        self.begin_rollout(by, deployment, begin)?;
        self.forget_finding(seen, APPROVAL, "its rollout began")
    }

    /// What a version is asked for beside the gate: it is of use, fits, and is signed if the
    /// deployment says by whom.
    fn candidate_fits(&self, deployment: &DeploymentRow, number: u32) -> Result<(), ControlError> {
        self.check_usable(deployment, number)?;
        self.check_fit(deployment, number)?;
        let signers = settings_of(deployment)?.signers;
        if signers.is_empty() {
            return Ok(());
        }
        let files = self.store.read(|r| r.files(deployment.model, number))?;
        match self.signer(&signers, &files)? {
            Ok(_) => Ok(()),
            Err(why) => Err(ControlError::invalid(
                "version",
                format!("the deployment asks for a signature: {why}"),
            )),
        }
    }

    /// Whether the candidate of a retraining may answer everybody now, as its rollout has ended
    /// well. Asked of policy's facts anew: an approval or a gate result may have got old meanwhile.
    pub(crate) fn trial_may_answer(&self, row: TrialRow) -> Result<(), ControlError> {
        let (retrain, deployment) = self.store.read(|r| {
            Ok::<_, ControlError>((r.retrain(row.retrain)?, r.deployment(row.deployment)?))
        })?;
        let (Some(retrain), Some(deployment)) = (retrain, deployment) else {
            return Err(ControlError::Internal("a trial has no retraining"));
        };
        let seen = Seen { row, retrain, deployment };
        if self.is_attacked(seen.deployment.id)? {
            return Err(ControlError::conflict("a finding of security is open"));
        }
        let standing = self.trial_standing(&seen)?;
        if !standing.permission.is_allowed || standing.permission.is_emergency {
            return Err(ControlError::conflict(standing.permission.reasons.join("; ")));
        }
        self.candidate_fits(&seen.deployment, seen.row.version)
    }

    fn follow_rollout(&self, seen: &Seen) -> Result<(), ControlError> {
        let id = seen.row.rollout.ok_or(ControlError::Internal("a trial has no rollout"))?;
        let rollout = self.store.read(|r| r.rollout(id))?;
        let rollout = rollout.ok_or(ControlError::Internal("a trial has no rollout"))?;
        let phase: api::RolloutPhase = stored(&rollout.phase, "phase of a rollout")?;
        let watched = crate::rollout_state::watched_of(&rollout)?;
        let reason = watched.rollout.reason().map(|reason| reason.what.clone());
        let why = reason.clone().unwrap_or_default();
        let is_attacked = self.is_attacked(seen.deployment.id)?;
        match phase {
            api::RolloutPhase::Promoted => self.promoted(seen, "its rollout ended well"),
            api::RolloutPhase::RolledBack => {
                self.end_trial(seen, TrialState::RolledBack, &format!("rolled back: {why}"))
            }
            api::RolloutPhase::Running if is_attacked => {
                let by = By::Server(Action::RollBack);
                self.hold(by, &seen.deployment, &rollout, SECURITY)?;
                self.note_trial(seen, "suspended: a finding of security is open")
            }
            api::RolloutPhase::Held if why == SECURITY && !is_attacked => {
                self.resume(By::Server(Action::Release), &seen.deployment, &rollout)?;
                self.note_trial(seen, "it goes on: the finding of security is resolved")
            }
            api::RolloutPhase::Held if why == RELEASE => self.go_on(seen, &rollout),
            api::RolloutPhase::Held | api::RolloutPhase::Inconclusive if why != SECURITY => {
                let text = format!("the rollout is {phase}: {why}; a person has to look at it");
                self.need_a_person(seen, &text)
            }
            _ => Ok(()),
        }
    }

    /// The rollout passed every step, and what a release asks for was not there, or got old
    /// meanwhile: the gate is run again, and it goes on when it may.
    fn go_on(&self, seen: &Seen, rollout: &RolloutRow) -> Result<(), ControlError> {
        let standing = self.trial_standing(seen)?;
        if standing.gate.is_some() && !standing.permission.is_allowed && self.gate_is_due(seen) {
            return self.run_trial_gate(seen);
        }
        match self.trial_may_answer(seen.row.clone()) {
            Ok(()) => {
                self.resume(By::Server(Action::Release), &seen.deployment, rollout)?;
                self.note_trial(seen, "it goes on: what a release asks for is there")
            }
            Err(ControlError::Conflict(why)) => {
                self.need_a_person(seen, &format!("every step is passed, and it waits: {why}"))
            }
            Err(error) => self.need_a_person(seen, &format!("it may not answer: {error}")),
        }
    }

    fn need_a_person(&self, seen: &Seen, text: &str) -> Result<(), ControlError> {
        if seen.row.why.as_deref() != Some(bounded(text).as_str()) {
            self.tell_of_trial(seen, TRIAL, Severity::Warning, text)?;
        }
        self.note_trial(seen, text)
    }

    /// The candidate answers: what asked for it is over, and asks anew if it is seen again.
    fn promoted(&self, seen: &Seen, why: &str) -> Result<(), ControlError> {
        let over = format!("version {}, trained for it, answers", seen.row.version);
        if let Some(finding) = seen.retrain.finding {
            self.resolve_as_server(finding, &over)?;
        }
        for about in [GATE, APPROVAL, TRIAL] {
            self.forget_finding(seen, about, &over)?;
        }
        self.end_trial(seen, TrialState::Promoted, why)
    }

    fn refuse_trial(&self, seen: &Seen, why: &str) -> Result<(), ControlError> {
        self.tell_of_trial(seen, TRIAL, Severity::Warning, why)?;
        self.end_trial(seen, TrialState::Refused, why)
    }

    /// Ends the trial of a candidate whose retraining somebody cancels. Its rollout, if one is
    /// under way, is rolled back first.
    pub(crate) fn cancel_trial(
        &self,
        who: PrincipalId,
        row: TrialRow,
        why: &str,
    ) -> Result<(), ControlError> {
        let deployment = self.store.read(|r| r.deployment(row.deployment))?;
        let deployment = deployment.ok_or(ControlError::Internal("a trial has no deployment"))?;
        if let Some(id) = row.rollout
            && let Some(rollout) = self.store.read(|r| r.rollout(id))?
            && rollout.ended_at.is_none()
        {
            self.undo(By::Server(Action::RollBack), &deployment, &rollout)?;
        }
        self.write_trial(who, &row, why, |row, now| TrialRow {
            state: TrialState::Cancelled.to_string(),
            ended_at: Some(now),
            ..row
        })
    }

    fn end_trial(&self, seen: &Seen, state: TrialState, why: &str) -> Result<(), ControlError> {
        self.step_trial(seen, why, |row, now| TrialRow {
            state: state.to_string(),
            ended_at: Some(now),
            ..row
        })
    }

    /// Says why a candidate stands where it stands, unless that was said.
    fn note_trial(&self, seen: &Seen, why: &str) -> Result<(), ControlError> {
        if seen.row.why.as_deref() == Some(bounded(why).as_str()) {
            return Ok(());
        }
        self.step_trial(seen, why, |row, _| row)
    }

    fn step_trial(
        &self,
        seen: &Seen,
        why: &str,
        next: impl FnOnce(TrialRow, Time) -> TrialRow,
    ) -> Result<(), ControlError> {
        self.write_trial(SERVER, &seen.row, why, next)
    }

    fn write_trial(
        &self,
        who: PrincipalId,
        row: &TrialRow,
        why: &str,
        next: impl FnOnce(TrialRow, Time) -> TrialRow,
    ) -> Result<(), ControlError> {
        let why = bounded(why);
        let after = next(TrialRow { why: Some(why.clone()), ..row.clone() }, self.clock.now());
        let facts = json!({
            "state": after.state, "version": after.version, "reason": why, "gate": after.gate,
        });
        let resource = format!("retrain/{}", row.retrain);
        let payload = json!({"facts": facts});
        self.carry_out_as(who, "StepTrial", &resource, payload, |tx, now| {
            let since = if after.state == row.state { row.since } else { now };
            let ended_at = after.ended_at.map(|_| now);
            let after = TrialRow { since, ended_at, ..after };
            tx.update_trial(&after, &row.state)?;
            Ok(tx.tell_retrain(row.retrain, &told(&after.state, Some(why), who, now))?)
        })
    }

    /// Makes a finding of what people should know of a candidate.
    fn tell_of_trial(
        &self,
        seen: &Seen,
        about: &str,
        severity: Severity,
        text: &str,
    ) -> Result<(), ControlError> {
        let signal = Signal {
            deployment: seen.deployment.id,
            version: Some(seen.row.version),
            kind: SignalKind::Release,
            severity,
            about: about.to_owned(),
            slice: None,
            since: seen.retrain.created_at,
            until: self.clock.now(),
            text: bounded(&format!(
                "version {} of retraining {}: {text}",
                seen.row.version, seen.row.retrain
            )),
            numbers: Vec::new(),
        };
        self.raise(&signal).map(drop)
    }

    fn forget_finding(&self, seen: &Seen, about: &str, why: &str) -> Result<(), ControlError> {
        let key = FindingKey {
            deployment: seen.deployment.id,
            kind: SignalKind::Release.name(),
            about,
            slice: "",
        };
        match self.store.read(|r| r.finding_of(&key))? {
            Some(row) => self.resolve_as_server(row.id, why),
            None => Ok(()),
        }
    }

    /// A trial as it is shown.
    pub(crate) fn shown_trial(row: TrialRow) -> Result<api::Trial, ControlError> {
        let damaged = |_| ControlError::Internal("the gate of a trial is unreadable");
        Ok(api::Trial {
            state: stored(&row.state, "state of a trial")?,
            why: row.why,
            gate: row.gate.map(|text| text.parse::<Digest>()).transpose().map_err(damaged)?,
            rollout: row.rollout,
            since: row.since.into(),
            ended_at: row.ended_at.map(Into::into),
        })
    }
}

/// A candidate at the beginning of its way.
pub(crate) fn first(retrain: &RetrainRow, version: u32, now: Time) -> TrialRow {
    TrialRow {
        retrain: retrain.id,
        deployment: retrain.deployment,
        version,
        state: TrialState::Gate.to_string(),
        why: None,
        gate: None,
        judged_at: None,
        rollout: None,
        since: now,
        ended_at: None,
    }
}

/// The rollout that a policy asks for.
fn wanted(policy: &api::RetrainPolicy, version: u32) -> api::StartRollout {
    let rollout = policy.rollout.clone().unwrap_or_default();
    api::StartRollout {
        version,
        steps: rollout.steps,
        guardrails: rollout.guardrails.or_else(|| Some(usual())),
        also: Vec::new(),
        false_rollback: rollout.false_rollback,
        score_output: rollout.score_output,
        positive_from: rollout.positive_from,
    }
}

/// What a candidate must not be worse in unless told. Not its scores: it was trained because those
/// of the incumbent are wrong by now.
fn usual() -> Vec<api::RolloutGuardrail> {
    use api::GuardrailKind::{Errors, Latency, Refusals};
    [Errors, Refusals, Latency]
        .map(|kind| api::RolloutGuardrail {
            kind,
            weight: 1.0,
            quantile: None,
            tolerance: None,
            margin: None,
            by: None,
            group: None,
            outcome: None,
            positive: None,
        })
        .to_vec()
}

/// A rollout that a policy may ask for.
pub(crate) fn check(policy: &api::RetrainPolicy, now: Time) -> Result<(), ControlError> {
    begun(&wanted(policy, 1), now).map(drop)
}

/// Whether trust in a policy stands for the approval that a tier asks for: where one other person
/// is enough, and none of a special role.
pub(crate) fn trust_suffices(tier: Tier) -> bool {
    tier == Tier::T1
}

/// Until when trust counts.
pub(crate) fn trusted_until(at: Time) -> Time {
    at.plus(TRUST_MAX)
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_WHY).collect()
}
