//! What is said about a deployment's use: the facts of its assessment, the plan of its gate, how
//! many interactions there are in all, exceptions. Decides no release; see `release_gate.rs`.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::deployment::unchanged;
use crate::error::ControlError;
use crate::gate_checks::BUILTIN;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_release::assess::{Assessment, Controls};
use plimsoll_release::catalog::CheckId;
use plimsoll_release::facts::Share;
use plimsoll_release::gate::Exception;
use plimsoll_release::{Day, Facts, assess};
use plimsoll_store::{DeploymentRow, GovernanceRow, StoreError};
use plimsoll_types::{GovernanceId, Name, PrincipalId, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// Kinds of governance records.
pub(crate) mod kind {
    pub(crate) const ASSESSMENT: &str = "assessment";
    pub(crate) const PLAN: &str = "plan";
    pub(crate) const EVALUATION: &str = "evaluation";
    pub(crate) const INTERACTIONS: &str = "interactions";
    pub(crate) const RESULT: &str = "result";
    pub(crate) const GATE: &str = "gate";
    pub(crate) const EXCEPTION: &str = "exception";
    pub(crate) const ALLOWED: &str = "exception-allowed";
    pub(crate) const KEY: &str = "approval-key";
    pub(crate) const CHALLENGE: &str = "challenge";
    pub(crate) const APPROVAL: &str = "approval";
    pub(crate) const GLASS: &str = "glass";
    pub(crate) const ATTESTATION: &str = "attestation";
}

/// Interactions are counted over this time, and a posted total counts as long.
const INTERACTION_DAYS: Duration = Duration::from_secs(30 * 24 * 3600);
/// Exceptions of one deployment that are looked at.
pub(crate) const MAX_EXCEPTIONS: u32 = 200;
/// Checks of a team's own.
const MAX_PLUGINS: usize = 64;
/// The longest text of a plan or exception, in bytes.
pub(crate) const MAX_TEXT: usize = 4_096;
/// How long a result of a team's own check may count: a year.
const MAX_AGE_S: u64 = 366 * 24 * 3600;
/// The greatest age that a version may reach: ten years, as with retraining.
const MAX_AGE_DAYS: u32 = 3_650;

/// What an assessment's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Sheet {
    facts: Facts,
    controls: Controls,
}

/// What a posted total holds.
#[derive(Debug, Serialize, Deserialize)]
struct Total {
    whole: u64,
}

/// What an exception's record holds; who asked is its maker.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    check: CheckId,
    owner: String,
    reason: String,
    compensating: CheckId,
    until_us: u64,
}

/// What the record that allows an exception holds.
#[derive(Debug, Serialize, Deserialize)]
struct Allowed {
    exception: GovernanceId,
}

/// An assessment as of now.
#[derive(Debug)]
pub(crate) struct Assessed {
    pub(crate) row: GovernanceRow,
    pub(crate) facts: Facts,
    pub(crate) assessment: Assessment,
    pub(crate) interactions: Option<api::MeasuredShare>,
}

/// A stored document, read back.
pub(crate) fn document<T: DeserializeOwned>(row: &GovernanceRow) -> Result<T, ControlError> {
    serde_json::from_str(&row.document)
        .map_err(|_| StoreError::Damaged("a governance record is unreadable".into()).into())
}

/// The demand of a name.
pub(crate) fn check_id(field: &'static str, name: &str) -> Result<CheckId, ControlError> {
    let found = CheckId::ALL.iter().copied().find(|id| id.as_str() == name);
    found.ok_or_else(|| ControlError::invalid(field, "names no demand of the catalogue"))
}

/// The day of a time, in UTC.
pub(crate) fn day_of(time: Time) -> Result<Day, ControlError> {
    let text: String = api::Timestamp(time).to_string().chars().take(10).collect();
    text.parse().map_err(|_| ControlError::Internal("the clock shows no day"))
}

/// The window of a time's own day: from when, until when. Empty on a day that is not listed.
pub(crate) fn window_at(window: &api::ChangeWindow, now: Time) -> (Time, Time) {
    const DAYS: [api::Weekday; 7] = [
        api::Weekday::Thu,
        api::Weekday::Fri,
        api::Weekday::Sat,
        api::Weekday::Sun,
        api::Weekday::Mon,
        api::Weekday::Tue,
        api::Weekday::Wed,
    ];
    let day = now.as_secs() / 86_400;
    let today = DAYS.get(usize::try_from(day % 7).unwrap_or(0));
    if !today.is_some_and(|today| window.days.contains(today)) {
        return (Time::EPOCH, Time::EPOCH);
    }
    let at = |minute: u16| Time::from_micros((day * 86_400 + u64::from(minute) * 60) * 1_000_000);
    (at(window.from_minute), at(window.until_minute))
}

/// The facts that are stated, and what is known to be in place.
pub(crate) fn read_sheet(wanted: &api::PutAssessment) -> Result<(Facts, Controls), ControlError> {
    let facts = serde_json::from_value(wanted.facts.clone())
        .map_err(|error| ControlError::invalid("facts", format!("do not fit: {error}")))?;
    let controls = match &wanted.controls {
        None | Some(Value::Null) => Controls::default(),
        Some(controls) => serde_json::from_value(controls.clone())
            .map_err(|error| ControlError::invalid("controls", format!("do not fit: {error}")))?,
    };
    Ok((facts, controls))
}

impl Control {
    /// A new record about a deployment.
    pub(crate) fn governance_row(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        kind: &str,
        document: &impl Serialize,
    ) -> GovernanceRow {
        let now = self.clock.now();
        GovernanceRow {
            id: GovernanceId::new(now),
            deployment: Some(row.id),
            kind: kind.to_owned(),
            artifact: None,
            document: json!(document).to_string(),
            made_by: ctx.id,
            made_at: now,
            ended_by: None,
            ended_at: None,
        }
    }

    /// The newest record of a kind about a deployment.
    pub(crate) fn newest(
        &self,
        row: &DeploymentRow,
        kind: &str,
    ) -> Result<Option<GovernanceRow>, ControlError> {
        Ok(self.store.read(|r| r.governance_of(row.id, kind, 1))?.into_iter().next())
    }

    pub(crate) fn name_or_id(&self, id: PrincipalId) -> Result<String, ControlError> {
        Ok(self.display_name(id)?.unwrap_or_else(|| id.to_string()))
    }

    /// States the facts of a deployment's use. Its tier is what they lead to.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn put_assessment(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::PutAssessment,
    ) -> Result<api::StoredAssessment, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let what = Resource::Deployment(resource);
        let permit = self.permit(ctx, Action::AssessDeployment, &what)?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let (facts, controls) = read_sheet(wanted)?;
        let as_of = day_of(self.clock.now())?;
        let tier = assess(&facts, &controls, as_of).tier;
        if tier.as_str() < row.tier.as_str() && row.tier != api::Tier::Unassessed.as_str() {
            // Tiers rise by facts, and fall only through somebody who allows exceptions.
            drop(self.permit(ctx, Action::AllowException, &what)?);
        }
        let record = self.governance_row(ctx, &row, kind::ASSESSMENT, &Sheet { facts, controls });
        let told = json!({ "id": record.id, "tier": tier, "before": row.tier,
                           "facts": wanted.facts });
        self.carry_out(permit, told, |tx, now| {
            unchanged(tx.deployment(row.id)?.as_ref(), &row)?;
            tx.insert_governance(&record)?;
            let row = DeploymentRow { tier: tier.to_string(), updated_at: now, ..row.clone() };
            Ok(tx.update_deployment(&row)?)
        })?;
        self.read_assessment(ctx, name)
    }

    /// What is owed for a deployment's use, as of now.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_assessment(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::StoredAssessment, ControlError> {
        let row = self.readable_deployment(ctx, name)?;
        let found = self.assessed(&row)?;
        let found = found.ok_or_else(|| ControlError::not_found("assessment of", name))?;
        Ok(api::StoredAssessment {
            id: found.row.id,
            deployment: row.name,
            facts: json!(found.facts),
            assessment: json!(found.assessment),
            interactions: found.interactions,
            by: found.row.made_by,
            by_name: self.name_or_id(found.row.made_by)?,
            at: found.row.made_at.into(),
        })
    }

    /// A live deployment, if the caller may read it.
    pub(crate) fn readable_deployment(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<DeploymentRow, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
        row.ok_or_else(|| ControlError::not_found("deployment", name))
    }

    /// The newest facts, with measured interactions in the place of stated ones where a total was
    /// posted, and what they lead to today.
    pub(crate) fn assessed(&self, row: &DeploymentRow) -> Result<Option<Assessed>, ControlError> {
        let Some(record) = self.newest(row, kind::ASSESSMENT)? else { return Ok(None) };
        let Sheet { mut facts, controls } = document(&record)?;
        let interactions = self.measured(row)?;
        if let Some(share) = interactions {
            // What is too much to count is all of them.
            facts.interactions = share.part.map(|part| Share { part, whole: share.whole });
        }
        let assessment = assess(&facts, &controls, day_of(self.clock.now())?);
        Ok(Some(Assessed { row: record, facts, assessment, interactions }))
    }

    /// Says how many interactions there were in all. From then on for 30 days the share is what
    /// was measured here over it; afterwards it is not known, until a total is posted again.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn post_interactions(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: api::PostInteractions,
    ) -> Result<api::MeasuredShare, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::AssessDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let total = Total { whole: wanted.whole };
        let record = self.governance_row(ctx, &row, kind::INTERACTIONS, &total);
        self.carry_out(permit, json!(wanted), |tx, _| Ok(tx.insert_governance(&record)?))?;
        let missing = ControlError::Internal("a posted total is gone");
        self.measured(&row)?.ok_or(missing)
    }

    /// Interactions of 30 days over the posted total, if one was ever posted.
    fn measured(&self, row: &DeploymentRow) -> Result<Option<api::MeasuredShare>, ControlError> {
        let Some(record) = self.newest(row, kind::INTERACTIONS)? else { return Ok(None) };
        let Total { whole } = document(&record)?;
        let now = self.clock.now();
        let is_old = now.since(record.made_at) > INTERACTION_DAYS;
        let since = now.minus(INTERACTION_DAYS);
        let part = if is_old { None } else { self.interactions_since(row, since)? };
        Ok(Some(api::MeasuredShare { part, whole }))
    }

    /// Declares what a deployment's gate looks at, and its thresholds.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn put_plan(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::GatePlan,
    ) -> Result<api::GatePlan, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::AssessDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        check_plan(wanted)?;
        let record = self.governance_row(ctx, &row, kind::PLAN, wanted);
        self.carry_out(permit, json!({"id": record.id, "plan": wanted}), |tx, _| {
            Ok(tx.insert_governance(&record)?)
        })?;
        Ok(wanted.clone())
    }

    /// The plan of a deployment's gate.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_plan(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::GatePlan, ControlError> {
        let row = self.readable_deployment(ctx, name)?;
        self.plan_of(&row)
    }

    pub(crate) fn plan_of(&self, row: &DeploymentRow) -> Result<api::GatePlan, ControlError> {
        let record = self.newest(row, kind::PLAN)?;
        record.as_ref().map_or_else(|| Ok(api::GatePlan::default()), document)
    }

    /// Asks for an exception. It counts once somebody else allows it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn request_exception(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::RequestException,
    ) -> Result<api::GateException, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::AssessDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let asked = Asked {
            check: check_id("check", &wanted.check)?,
            owner: bounded("owner", &wanted.owner)?,
            reason: bounded("reason", &wanted.reason)?,
            compensating: check_id("compensating", &wanted.compensating)?,
            until_us: wanted.until.0.as_micros(),
        };
        let record = self.governance_row(ctx, &row, kind::EXCEPTION, &asked);
        // Everything but its being allowed is judged when it is asked for.
        let mut wouldbe = exception_of(&record, &asked, "somebody else");
        wouldbe.requested_by = "who asks".to_owned();
        if let Some(objection) = wouldbe.objection(self.clock.now()) {
            return Err(ControlError::invalid("check", objection));
        }
        let told = json!({"id": record.id, "exception": asked});
        self.carry_out(permit, told, |tx, _| Ok(tx.insert_governance(&record)?))?;
        self.shown_exception(&record, None)
    }

    /// Allows an exception that somebody else asked for.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn allow_exception(
        &self,
        ctx: &RequestContext,
        name: &Name,
        id: GovernanceId,
    ) -> Result<api::GateException, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::AllowException, &Resource::Deployment(resource))?;
        let (row, record) = self.exception_record(row, name, id)?;
        if record.made_by == ctx.id {
            return Err(ControlError::conflict("who asked for an exception does not allow it"));
        }
        if self.allowed_by(&row, id)?.is_some() {
            return Err(ControlError::conflict("the exception was allowed before"));
        }
        let allowed = self.governance_row(ctx, &row, kind::ALLOWED, &Allowed { exception: id });
        self.carry_out(permit, json!({"exception": id}), |tx, _| {
            Ok(tx.insert_governance(&allowed)?)
        })?;
        self.shown_exception(&record, Some(ctx.id))
    }

    /// Ends an exception before its time, for good.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn end_exception(
        &self,
        ctx: &RequestContext,
        name: &Name,
        id: GovernanceId,
    ) -> Result<(), ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::AllowException, &Resource::Deployment(resource))?;
        let (_, record) = self.exception_record(row, name, id)?;
        self.carry_out(permit, json!({"exception": id, "ended": true}), |tx, now| {
            Ok(tx.end_governance(record.id, ctx.id, now)?)
        })
    }

    /// Exceptions of a deployment that were not ended, newest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_exceptions(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Page<api::GateException>, ControlError> {
        let row = self.readable_deployment(ctx, name)?;
        let records = self.exception_records(&row)?;
        let shown = |record: &GovernanceRow| {
            self.shown_exception(record, self.allowed_by(&row, record.id)?)
        };
        let items = records.iter().map(shown).collect::<Result<_, _>>()?;
        Ok(api::Page { items, next_cursor: None })
    }

    fn exception_record(
        &self,
        row: Option<DeploymentRow>,
        name: &Name,
        id: GovernanceId,
    ) -> Result<(DeploymentRow, GovernanceRow), ControlError> {
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let record = self.store.read(|r| r.governance(id))?.filter(|record| {
            record.kind == kind::EXCEPTION
                && record.deployment == Some(row.id)
                && record.ended_at.is_none()
        });
        let record = record.ok_or_else(|| ControlError::not_found("exception", id))?;
        Ok((row, record))
    }

    fn exception_records(&self, row: &DeploymentRow) -> Result<Vec<GovernanceRow>, ControlError> {
        let mut records =
            self.store.read(|r| r.governance_of(row.id, kind::EXCEPTION, MAX_EXCEPTIONS))?;
        records.retain(|record| record.ended_at.is_none());
        Ok(records)
    }

    /// Who allowed an exception.
    fn allowed_by(
        &self,
        row: &DeploymentRow,
        id: GovernanceId,
    ) -> Result<Option<PrincipalId>, ControlError> {
        for record in self.store.read(|r| r.governance_of(row.id, kind::ALLOWED, MAX_EXCEPTIONS))? {
            if document::<Allowed>(&record)?.exception == id {
                return Ok(Some(record.made_by));
            }
        }
        Ok(None)
    }

    /// The exceptions that somebody asked for and somebody else allowed, expired ones too.
    pub(crate) fn exceptions_of(
        &self,
        row: &DeploymentRow,
    ) -> Result<Vec<Exception>, ControlError> {
        let mut exceptions = Vec::new();
        for record in self.exception_records(row)? {
            let Some(by) = self.allowed_by(row, record.id)? else { continue };
            let by = self.name_or_id(by)?;
            let mut exception = exception_of(&record, &document(&record)?, &by);
            exception.requested_by = self.name_or_id(record.made_by)?;
            exceptions.push(exception);
        }
        Ok(exceptions)
    }

    fn shown_exception(
        &self,
        record: &GovernanceRow,
        by: Option<PrincipalId>,
    ) -> Result<api::GateException, ControlError> {
        let asked: Asked = document(record)?;
        let approved_by = by.map(|by| self.name_or_id(by)).transpose()?;
        let requested_by = self.name_or_id(record.made_by)?;
        let mut exception =
            exception_of(record, &asked, approved_by.as_deref().unwrap_or_default());
        exception.requested_by.clone_from(&requested_by);
        let objection = match &approved_by {
            None => Some("nobody allowed it yet".to_owned()),
            Some(_) => exception.objection(self.clock.now()),
        };
        Ok(api::GateException {
            id: record.id,
            check: asked.check.to_string(),
            owner: asked.owner,
            reason: asked.reason,
            compensating: asked.compensating.to_string(),
            requested_by,
            approved_by,
            from: record.made_at.into(),
            until: Time::from_micros(asked.until_us).into(),
            objection,
        })
    }
}

fn exception_of(record: &GovernanceRow, asked: &Asked, approved_by: &str) -> Exception {
    Exception {
        id: record.id.to_string(),
        check: asked.check,
        owner: asked.owner.clone(),
        requested_by: record.made_by.to_string(),
        approved_by: approved_by.to_owned(),
        reason: asked.reason.clone(),
        compensating: asked.compensating,
        from_us: record.made_at.as_micros(),
        until_us: asked.until_us,
    }
}

/// A text that is there and not too long.
pub(crate) fn bounded(field: &'static str, text: &str) -> Result<String, ControlError> {
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        return Err(ControlError::invalid(field, format!("must be 1 to {MAX_TEXT} bytes")));
    }
    Ok(text.to_owned())
}

fn check_plan(plan: &api::GatePlan) -> Result<(), ControlError> {
    let wrong = |field, detail: &str| Err(ControlError::invalid(field, detail));
    let texts = [&plan.purpose, &plan.on_call, &plan.on_breach];
    let outcomes = plan.outcomes.iter().flat_map(|of| [&of.source, &of.proxy]);
    if texts.into_iter().chain(outcomes).any(|text| text.len() > MAX_TEXT) {
        return wrong("purpose", "is too long");
    }
    if plan.max_age_days.is_some_and(|days| !(1..=MAX_AGE_DAYS).contains(&days)) {
        return wrong("max_age_days", "must be 1 to 3650");
    }
    let shares = [plan.margin, plan.auroc_floor, plan.parity_ratio, plan.odds_difference];
    if shares.into_iter().flatten().any(|share| !(0.0..=1.0).contains(&share)) {
        return wrong("margin", "margins, floors, ratios and differences are from 0 to 1");
    }
    if plan.threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return wrong("threshold", "must be a finite number");
    }
    if plan.window.as_ref().is_some_and(|window| {
        window.days.is_empty()
            || window.from_minute >= window.until_minute
            || window.until_minute > 1440
    }) {
        return wrong("window", "needs a day, and minutes of it in their order, at most 1440");
    }
    if plan.plugins.len() > MAX_PLUGINS || plan.mutable.len() > MAX_TEXT {
        return wrong("plugins", "are too many");
    }
    for (place, plugin) in plan.plugins.iter().enumerate() {
        check_id("plugins", &plugin.proves)?;
        let is_taken = BUILTIN.iter().any(|one| one.name == plugin.name)
            || plan.plugins.iter().take(place).any(|other| other.name == plugin.name);
        if is_taken || plugin.name.trim().is_empty() || plugin.name.len() > 255 {
            return wrong("plugins", "each has a name of its own, of 1 to 255 bytes");
        }
        if plugin.timeout_s.is_some_and(|seconds| !(1..=3_600).contains(&seconds)) {
            return wrong("plugins", "one takes at most an hour (`timeout_s`, 1 to 3600)");
        }
        if plugin.max_age_s == 0 || plugin.max_age_s > MAX_AGE_S {
            return wrong("plugins", "a result counts for a second to a year");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_of_its_own_day_only() {
        use api::Weekday as Day;
        let window = |days: &[Day]| api::ChangeWindow {
            days: days.to_vec(),
            from_minute: 480,
            until_minute: 960,
        };
        // 2026-11-23, a Monday, at nine.
        let nine = Time::from_micros(1_795_424_400_000_000);
        let (opens, closes) = window_at(&window(&[Day::Mon, Day::Tue]), nine);
        assert_eq!(api::Timestamp(opens).to_string(), "2026-11-23T08:00:00.000000Z");
        assert_eq!(api::Timestamp(closes).to_string(), "2026-11-23T16:00:00.000000Z");
        let (opens, closes) = window_at(&window(&[Day::Sat]), nine);
        assert!(closes <= opens || nine >= closes, "closed all day");
    }

    #[test]
    fn a_plan_has_sane_thresholds_and_plug_ins_with_names_of_their_own() {
        let plugin = |name: &str, proves: &str| api::PluginCheck {
            name: name.to_owned(),
            version: 1,
            proves: proves.to_owned(),
            max_age_s: 60,
            command: Vec::new(),
            url: None,
            timeout_s: None,
        };
        let with = |plugins| api::GatePlan { plugins, ..api::GatePlan::default() };
        assert!(check_plan(&with(vec![plugin("a", "VUL-01"), plugin("b", "VUL-01")])).is_ok());
        for plugins in [
            vec![plugin("a", "VUL-01"), plugin("a", "CHG-01")],
            vec![plugin("artifact.signed", "ART-01")],
            vec![plugin("a", "VUL-99")],
            vec![plugin(" ", "VUL-01")],
        ] {
            assert!(check_plan(&with(plugins)).is_err());
        }
        let margin = api::GatePlan { margin: Some(1.5), ..api::GatePlan::default() };
        assert!(check_plan(&margin).is_err());
        let window = api::ChangeWindow { days: Vec::new(), from_minute: 0, until_minute: 60 };
        let window = api::GatePlan { window: Some(window), ..api::GatePlan::default() };
        assert!(check_plan(&window).is_err());
    }
}
