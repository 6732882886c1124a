//! Gates: the checks run on a version, what they found kept, and the gate judged from it. What
//! passes is decided in `plimsoll-release`; what a check does, in `gate_checks.rs`.

use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::gate_checks::{BUILTIN, Look};
use crate::governance::{check_id, document, kind};
use crate::page::{cursor, limit};
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_release::assess::Assessment;
use plimsoll_release::gate::{Case, CheckResult, Declared, GateResult, Verdict, judge};
use plimsoll_store::{DeploymentRow, GovernanceRow, VersionRow};
use plimsoll_types::{Digest, GovernanceId, Name};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Results of one version in one deployment that a gate looks at, newest first. A run makes some
/// 25, so this is the last forty runs.
const MAX_RESULTS: u32 = 1_000;
/// The largest evaluation set, in bytes as JSON.
const MAX_EVALUATION: u64 = 8 << 20;
/// Rows of an evaluation set.
pub(crate) const MAX_ROWS: usize = 20_000;

/// What a result's record holds: the result, and under what it was found.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    result: CheckResult,
    contract: Digest,
    incumbent: Option<u32>,
}

/// What a gate's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Judged {
    version: u32,
    digest: Digest,
    result: GateResult,
}

/// What an evaluation set's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    digest: Digest,
    rows: u64,
}

impl Control {
    /// The checks that a deployment's version can be judged by: those of the build that its kind
    /// of model allows, and the team's own.
    fn declared(
        &self,
        version: &VersionRow,
        plan: &api::GatePlan,
    ) -> Result<Vec<Declared>, ControlError> {
        let is_elsewhere = self.is_elsewhere(version)?;
        let builtin = BUILTIN.iter().filter(|one| !(one.needs_model && is_elsewhere));
        let mut declared: Vec<Declared> =
            builtin.map(crate::gate_checks::Builtin::declared).collect();
        for plugin in &plan.plugins {
            declared.push(Declared {
                name: plugin.name.clone(),
                version: plugin.version,
                proves: check_id("plugins", &plugin.proves)?,
                max_age_s: plugin.max_age_s,
                from_tier: None,
            });
        }
        declared.extend(Self::declared_by_people(plan));
        Ok(declared)
    }

    fn is_elsewhere(&self, version: &VersionRow) -> Result<bool, ControlError> {
        let files = self.store.read(|r| r.files(version.model, version.number))?;
        let model = self.compiler.model(&self.artifacts, version, &files);
        Ok(model.is_ok_and(|model| model.is_elsewhere()))
    }

    /// The gate of a version, judged now from the results that count: of this artifact, under
    /// this contract, and, where two versions were compared, against the one that answers now.
    pub(crate) fn judged(
        &self,
        row: &DeploymentRow,
        version: &VersionRow,
        assessment: &Assessment,
        plan: &api::GatePlan,
    ) -> Result<GateResult, ControlError> {
        let records = self
            .store
            .read(|r| r.governance_about(row.id, kind::RESULT, version.digest, MAX_RESULTS))?;
        let incumbent = row.released.map(|release| release.number);
        let mut results = Vec::new();
        for record in &records {
            let found: Found = document(record)?;
            let is_compared = crate::gate_checks::is_compared(&found.result.check);
            let counts =
                found.contract == row.contract && (!is_compared || found.incumbent == incumbent);
            if counts {
                results.push(found.result);
            }
        }
        let is_elsewhere = self.is_elsewhere(version)?;
        results.extend(self.stated_now(row, version, assessment, is_elsewhere)?);
        Ok(judge(&Case {
            deployment: row.name.as_str(),
            artifact: version.digest,
            assessment,
            declared: &self.declared(version, plan)?,
            results: &results,
            exceptions: &self.exceptions_of(row)?,
            now: self.clock.now(),
        }))
    }

    /// Runs every check of the build on a version and judges the gate. Both are kept, and both
    /// are in the ledger with the numbers. Takes up to about a minute.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn run_gate(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: api::RunGate,
    ) -> Result<api::GateRun, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::RunGate, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let row = self.under(row, wanted.contract)?;
        let version = self.store.read(|r| r.version(row.model, wanted.version))?;
        let version =
            version.ok_or_else(|| ControlError::not_found("model version", wanted.version))?;
        let assessed = self.assessed(&row)?.ok_or_else(|| {
            ControlError::conflict("nobody assessed this use; `plimsoll assess --deployment` does")
        })?;
        let plan = self.plan_of(&row)?;
        let look = Look::new(self, &row, &version, &assessed, &plan)?;
        let mut results = Vec::new();
        for check in BUILTIN {
            if check.needs_model && look.is_elsewhere() {
                continue;
            }
            let (verdict, says) = look.run(check)?;
            results.push(self.found(ctx, &row, &version, check.name, check.version, verdict, says));
        }
        let told: Vec<Value> = results
            .iter()
            .map(|(_, one)| {
                json!({"check": one.check, "version": one.version, "verdict": one.verdict,
                       "says": one.says})
            })
            .collect();
        self.carry_out(
            permit,
            json!({"version": wanted.version, "artifact": version.digest,
                   "contract": row.contract, "results": told}),
            |tx, _| {
                for (record, _) in &results {
                    tx.insert_governance(record)?;
                }
                Ok(())
            },
        )?;
        self.judge_and_keep(ctx, &row, &version)
    }

    /// Judges from what was found, keeps the gate result and records it: a control event of its
    /// own, as approvals are bound to it.
    fn judge_and_keep(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        version: &VersionRow,
    ) -> Result<api::GateRun, ControlError> {
        let assessed = self.assessed(row)?;
        let assessed = assessed.ok_or(ControlError::Internal("an assessment is gone"))?;
        let plan = self.plan_of(row)?;
        let result = self.judged(row, version, &assessed.assessment, &plan)?;
        let digest = result.digest();
        let counts: Vec<_> =
            result.counts().into_iter().map(|(state, n)| (state.to_string(), n)).collect();
        let told = json!({"request": ctx.request_id, "facts": {
            "version": version.number, "artifact": version.digest, "contract": row.contract,
            "gate": digest,
            "tier": result.tier, "passed": result.is_passed, "states": counts,
            "reasons": result.reasons, "assessment": assessed.row.id,
        }});
        let judged = Judged { version: version.number, digest, result };
        let mut record = self.governance_row(ctx, row, kind::GATE, &judged);
        record.artifact = Some(version.digest);
        let resource = format!("deployment/{}", row.name);
        self.carry_out_as(ctx.id, "JudgeGate", &resource, told, |tx, _| {
            Ok(tx.insert_governance(&record)?)
        })?;
        self.shown_gate(row, &record)
    }

    #[expect(clippy::too_many_arguments, reason = "a result is of all of these")]
    fn found(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        version: &VersionRow,
        check: &str,
        check_version: u32,
        verdict: Verdict,
        says: String,
    ) -> (GovernanceRow, CheckResult) {
        let result = CheckResult {
            check: check.to_owned(),
            version: check_version,
            artifact: version.digest,
            verdict,
            says,
            at_us: self.clock.now().as_micros(),
            evidence: None,
        };
        (self.result_record(ctx, row, version, &result), result)
    }

    fn result_record(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        version: &VersionRow,
        result: &CheckResult,
    ) -> GovernanceRow {
        let found = Found {
            result: result.clone(),
            contract: row.contract,
            incumbent: row.released.map(|release| release.number),
        };
        let mut record = self.governance_row(ctx, row, kind::RESULT, &found);
        record.artifact = Some(version.digest);
        record
    }

    /// Takes what a check of the team's own found of a version.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn post_check_result(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::PostCheckResult,
    ) -> Result<(), ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::RunGate, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let row = self.under(row, wanted.contract)?;
        let version = self.store.read(|r| r.version(row.model, wanted.version))?;
        let version =
            version.ok_or_else(|| ControlError::not_found("model version", wanted.version))?;
        let plan = self.plan_of(&row)?;
        let is_declared = plan
            .plugins
            .iter()
            .any(|one| one.name == wanted.check && one.version == wanted.check_version);
        if !is_declared {
            let detail = "the deployment's plan declares no plug-in of this name and version";
            return Err(ControlError::invalid("check", detail));
        }
        let verdict = Verdict::ALL.iter().copied().find(|v| v.as_str() == wanted.verdict);
        let verdict = verdict.ok_or_else(|| {
            ControlError::invalid("verdict", "is pass, fail, not_applicable or not_evaluable")
        })?;
        let result = CheckResult {
            check: wanted.check.clone(),
            version: wanted.check_version,
            artifact: version.digest,
            verdict,
            says: crate::governance::bounded("says", &wanted.says)?,
            at_us: self.clock.now().as_micros(),
            evidence: wanted.evidence,
        };
        let record = self.result_record(ctx, &row, &version, &result);
        self.carry_out(permit, json!({"result": result, "contract": row.contract}), |tx, _| {
            Ok(tx.insert_governance(&record)?)
        })
    }

    /// Gate results of a deployment, newest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_gates(
        &self,
        ctx: &RequestContext,
        name: &Name,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::GateRun>, ControlError> {
        let row = self.readable_deployment(ctx, name)?;
        let before: Option<GovernanceId> = cursor(query.cursor.as_deref())?;
        let limit = limit(query.limit)?;
        let mut records =
            self.store.read(|r| r.governance_of(row.id, kind::GATE, plimsoll_store::MAX_PAGE))?;
        records.retain(|record| before.is_none_or(|before| record.id < before));
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let next_cursor = (records.len() > wanted)
            .then(|| wanted.checked_sub(1).and_then(|last| records.get(last)))
            .flatten()
            .map(|last| last.id.to_string());
        records.truncate(wanted);
        let items = records.iter().map(|record| self.shown_gate(&row, record));
        Ok(api::Page { items: items.collect::<Result<_, _>>()?, next_cursor })
    }

    fn shown_gate(
        &self,
        row: &DeploymentRow,
        record: &GovernanceRow,
    ) -> Result<api::GateRun, ControlError> {
        let judged: Judged = document(record)?;
        Ok(api::GateRun {
            id: record.id,
            deployment: row.name.clone(),
            version: judged.version,
            digest: judged.digest,
            is_passed: judged.result.is_passed,
            result: json!(judged.result),
            by: record.made_by,
            by_name: self.name_or_id(record.made_by)?,
            at: record.made_at.into(),
        })
    }

    /// Whether a gate result of this digest is on record for an artifact, and passed.
    pub(crate) fn gate_on_record(
        &self,
        row: &DeploymentRow,
        artifact: Digest,
        gate: Digest,
    ) -> Result<Option<bool>, ControlError> {
        let records =
            self.store.read(|r| r.governance_about(row.id, kind::GATE, artifact, MAX_RESULTS))?;
        for record in &records {
            let judged: Judged = document(record)?;
            if judged.digest == gate {
                return Ok(Some(judged.result.is_passed));
            }
        }
        Ok(None)
    }

    /// Keeps rows with their outcomes, sealed, for checks to run versions on.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn put_evaluation(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::PutEvaluation,
    ) -> Result<api::StoredEvaluation, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::AssessDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let rows = wanted.rows.len();
        if rows == 0 || rows > MAX_ROWS {
            return Err(ControlError::invalid("rows", format!("must be 1 to {MAX_ROWS}")));
        }
        let fits = |len: usize| len == 0 || len == rows;
        let fits = fits(wanted.outcomes.len())
            && fits(wanted.groups.len())
            && wanted.golden.values().all(|golden| fits(golden.len()));
        if !fits {
            let detail = "outcomes, groups and golden answers are one for each row, or none";
            return Err(ControlError::invalid("rows", detail));
        }
        let bytes = serde_json::to_vec(wanted)
            .map_err(|_| ControlError::Internal("an evaluation set cannot be written"))?;
        let mut upload = self.begin_upload(MAX_EVALUATION)?;
        upload.write(&bytes)?;
        let stored = upload.finish()?;
        debug_assert_eq!(stored.digest, sha256(&bytes));
        let kept = Kept { digest: stored.digest, rows: u64::try_from(rows).unwrap_or(u64::MAX) };
        let record = self.governance_row(ctx, &row, kind::EVALUATION, &kept);
        self.carry_out(permit, json!({"evaluation": kept.digest, "rows": rows}), |tx, _| {
            Ok(tx.insert_governance(&record)?)
        })?;
        Ok(api::StoredEvaluation { digest: kept.digest, rows: kept.rows })
    }

    /// The newest evaluation set of a deployment.
    pub(crate) fn evaluation_of(
        &self,
        row: &DeploymentRow,
    ) -> Result<Option<(Digest, api::PutEvaluation)>, ControlError> {
        let Some(record) = self.newest(row, kind::EVALUATION)? else { return Ok(None) };
        let kept: Kept = document(&record)?;
        let limit = usize::try_from(MAX_EVALUATION).unwrap_or(usize::MAX);
        let bytes = self.artifacts.read(kept.digest, limit)?;
        let set = serde_json::from_slice(&bytes)
            .map_err(|_| ControlError::Internal("an evaluation set is unreadable"))?;
        Ok(Some((kept.digest, set)))
    }
}
