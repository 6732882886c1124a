//! Findings: made of signals, seen to by people. What is told of them is `alert.rs`'s.

use crate::bootstrap::{Control, SERVER};
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::finding_state::{MAX_SNOOZE, Move, NoMove, Standing, is_silent, step};
use crate::page::{cursor, limit};
use crate::words::stored;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{DeploymentRow, FindingFilter, FindingKey, FindingRow, SilenceRow, Write};
use plimsoll_types::{
    DeploymentId, FindingId, Name, PrincipalId, Severity, Signal, SignalKind, SilenceId, Time,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest name of what a signal is about, and of a slice, in bytes: names of a contract.
const MAX_ABOUT: usize = 512;
/// The longest sentence of a signal and the longest reason, in bytes: a screen of text.
const MAX_TEXT: usize = 2_048;
/// Numbers of one signal: more are a table, not what decided.
const MAX_NUMBERS: usize = 64;
/// Findings of one deployment, whatever their state: 4,096 features and some slices. A watch
/// that names things anew at every look must not fill the control state.
const MAX_FINDINGS: u64 = 10_000;
/// The most silences. Each is looked at for every finding.
const MAX_SILENCES: usize = 256;
/// The longest silence.
const MAX_SILENCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often a silence may come again, at most: each hour.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Hours in a year, after which a silence comes again at the latest.
const MAX_EVERY_HOURS: u32 = 366 * 24;
/// The longest link to a runbook, in bytes.
const MAX_LINK: usize = 2_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The most alerts below `critical` of 30 days.
const MAX_BUDGET: u32 = 1_000;
/// A budget of one alert in 30 days, unless told.
const BUDGET: u32 = 1;

impl Control {
    /// Takes a signal: the finding it belongs to opens, gets worse, returns or is counted once
    /// more. Durable on return, in the ledger too if anything but the count changed; who is to
    /// be told is noted in the same transaction. Blocks.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] if there is no such deployment, [`ControlError::Invalid`] if
    /// the signal breaks a bound, [`ControlError::Ledger`] and [`ControlError::Store`] if it
    /// cannot be kept: raise it again then.
    pub fn raise(&self, signal: &Signal) -> Result<FindingId, ControlError> {
        self.raise_by(SERVER, signal)
    }

    /// Takes what a person or another tool saw, as a signal.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn report_finding(
        &self,
        ctx: &RequestContext,
        wanted: &api::ReportFinding,
    ) -> Result<api::Finding, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, &wanted.deployment)?;
        let resource = Resource::Deployment(resource);
        // What is reported is recorded by `raise_by`, with who did.
        let permit = self.permit(ctx, Action::HandleFinding, &resource)?;
        let principal = permit.who().principal;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", &wanted.deployment))?;
        let now = self.clock.now();
        let unknown = || ControlError::Internal("a word of findings is unknown");
        let id = self.raise_by(
            principal,
            &Signal {
                deployment: row.id,
                version: wanted.version,
                kind: SignalKind::from_name(wanted.kind.as_str()).ok_or_else(unknown)?,
                severity: Severity::from_name(wanted.severity.as_str()).ok_or_else(unknown)?,
                about: wanted.about.clone(),
                slice: wanted.slice.clone(),
                since: wanted.since.map_or(now, |time| time.0),
                until: now,
                text: wanted.text.clone(),
                numbers: wanted.numbers.clone().into_iter().collect(),
            },
        )?;
        self.read_finding(ctx, id)
    }

    fn raise_by(&self, principal: PrincipalId, signal: &Signal) -> Result<FindingId, ControlError> {
        check(signal)?;
        let deployment = self.store.read(|r| r.deployment(signal.deployment))?;
        let deployment =
            deployment.ok_or_else(|| ControlError::not_found("deployment", signal.deployment))?;
        // Held to the end: no two signals make two findings.
        let mut turn = self.begin_turn()?;
        let key = FindingKey {
            deployment: deployment.id,
            kind: signal.kind.name(),
            about: &signal.about,
            slice: signal.slice.as_deref().unwrap_or_default(),
        };
        let now = self.clock.now();
        let (before, settings) = self.store.read(|r| {
            Ok::<_, ControlError>((r.finding_of(&key)?, self.alerting_of(r, deployment.id)?))
        })?;
        let severity = severity(signal.severity);
        let (standing, told) = match &before {
            None => {
                let state = api::FindingState::Open;
                let standing = Standing { state, severity, snoozed_until: None };
                (standing, Some(api::AlertWhat::Opened))
            }
            Some(row) => {
                let seen = step(standing(row)?, Move::Seen(severity), now);
                seen.map_err(|_| ControlError::Internal("a finding cannot be seen"))?
            }
        };
        let is_quiet =
            before.as_ref().is_some_and(|row| row.severity == standing.severity.as_str())
                && told.is_none();
        let row = seen(signal, &deployment, before, standing, told, &settings, now);
        if is_quiet {
            self.store.note_finding(&row)?;
            return Ok(row.id);
        }
        let resource = format!("finding/{}", row.id);
        let facts = json!({
            "deployment": deployment.name, "kind": row.kind, "about": row.about,
            "slice": signal.slice, "severity": row.severity, "state": row.state,
            "what": told, "text": row.text, "numbers": numbers(&row), "version": row.version,
            "occurrences": row.occurrences,
        });
        let who = crate::act::Who { principal, action: "RaiseFinding", resource: &resource };
        let id = row.id;
        let is_new = row.occurrences == 1;
        let change = |tx: &Write<'_>, now, _| {
            if is_new && tx.finding_count(deployment.id)? >= MAX_FINDINGS {
                let detail = format!("the deployment has {MAX_FINDINGS} findings already");
                return Err(ControlError::conflict(detail));
            }
            tx.put_finding(&row)?;
            match told {
                Some(what) => self.alert_people(tx, row, &deployment, what, now),
                None => Ok(()),
            }
        };
        let payload = json!({"facts": facts});
        self.act(&mut turn, who, payload, change, |()| Ok(serde_json::Value::Null))?;
        self.publish().map_err(|error| ControlError::Unpublished(error.into()))?;
        Ok(id)
    }

    /// Findings of deployments that the caller may read, first seen last first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_findings(
        &self,
        ctx: &RequestContext,
        wanted: &api::FindingFilter,
    ) -> Result<api::Page<api::Finding>, ControlError> {
        self.may_read(ctx, Action::ListFindings, &self.server())?;
        let deployment = match &wanted.deployment {
            None => None,
            Some(name) => {
                let (row, resource) = self.deployment_resource(ctx, name)?;
                self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
                Some(row.ok_or_else(|| ControlError::not_found("deployment", name))?.id)
            }
        };
        let filter = FindingFilter {
            deployment,
            state: wanted.state.map(|state| state.to_string()),
            kind: wanted.kind.map(|kind| kind.to_string()),
            severity: wanted.severity.map(|severity| severity.to_string()),
            owner: wanted.owner.clone(),
            opened_before: wanted.opened_before.map(|time| time.0),
            due_before: (wanted.is_overdue == Some(true)).then(|| self.clock.now()),
            before: cursor(wanted.cursor.as_deref())?,
        };
        let limit = limit(wanted.limit)?;
        let rows = self.store.read(|r| r.findings(&filter, limit))?;
        let query = api::PageQuery { limit: wanted.limit, cursor: None };
        crate::page::page(
            &query,
            rows,
            |row| row.id.to_string(),
            |row| {
                let deployment = self.deployment_of(&row)?;
                let resource = crate::deployment::resource_of(&deployment)?;
                let resource = Resource::Deployment(resource);
                let may = self.allows(ctx, Action::ReadDeployment, &resource);
                may.then(|| self.shown_finding(row, &deployment)).transpose()
            },
        )
    }

    /// A finding.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_finding(
        &self,
        ctx: &RequestContext,
        id: FindingId,
    ) -> Result<api::Finding, ControlError> {
        let (row, deployment) = self.finding_row(ctx, id)?;
        let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
        self.may_read(ctx, Action::ReadDeployment, &resource)?;
        self.shown_finding(row, &deployment)
    }

    /// Says that the caller sees to a finding.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn acknowledge_finding(
        &self,
        ctx: &RequestContext,
        id: FindingId,
        wanted: &api::AcknowledgeFinding,
    ) -> Result<api::Finding, ControlError> {
        if let Some(note) = &wanted.note {
            text("note", note, MAX_TEXT)?;
        }
        self.move_finding(ctx, id, Move::Acknowledge, |row| row.reason.clone_from(&wanted.note))
    }

    /// Gives a finding to somebody.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn assign_finding(
        &self,
        ctx: &RequestContext,
        id: FindingId,
        wanted: &api::AssignFinding,
    ) -> Result<api::Finding, ControlError> {
        text("to", &wanted.to, MAX_ABOUT)?;
        self.move_finding(ctx, id, Move::Assign, |row| row.assignee = Some(wanted.to.clone()))
    }

    /// Lets nobody be told of a finding for some time, unless it becomes critical.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn snooze_finding(
        &self,
        ctx: &RequestContext,
        id: FindingId,
        wanted: &api::SnoozeFinding,
    ) -> Result<api::Finding, ControlError> {
        text("reason", &wanted.reason, MAX_TEXT)?;
        self.move_finding(ctx, id, Move::Snooze(wanted.until.0), |row| {
            row.reason = Some(wanted.reason.clone());
        })
    }

    /// Says that a finding is over. It opens again when it is seen again.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn resolve_finding(
        &self,
        ctx: &RequestContext,
        id: FindingId,
        wanted: &api::ResolveFinding,
    ) -> Result<api::Finding, ControlError> {
        text("reason", &wanted.reason, MAX_TEXT)?;
        self.move_finding(ctx, id, Move::Resolve, |row| row.reason = Some(wanted.reason.clone()))
    }

    fn move_finding(
        &self,
        ctx: &RequestContext,
        id: FindingId,
        to: Move,
        say: impl FnOnce(&mut FindingRow),
    ) -> Result<api::Finding, ControlError> {
        let (row, deployment) = self.finding_row(ctx, id)?;
        let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
        let permit = self.permit(ctx, Action::HandleFinding, &resource)?;
        // Told of here, so that no intent is recorded of what cannot be; decided below.
        step(standing(&row)?, to, self.clock.now()).map_err(refused)?;
        let mut said = row;
        said.reason = None;
        say(&mut said);
        let facts = json!({
            "deployment": deployment.name, "what": word(to), "reason": said.reason,
            "assignee": said.assignee, "until": until(to).map(api::Timestamp),
        });
        let permit = permit.for_named(format!("finding/{id}"));
        let row = self.carry_out(permit, facts, |tx, now| {
            // It may have been seen, or seen to, since it was read.
            let row = tx.finding(id)?.ok_or_else(|| ControlError::not_found("finding", id))?;
            let (after, told) = step(standing(&row)?, to, now).map_err(refused)?;
            let mut row = FindingRow { reason: said.reason, assignee: said.assignee, ..row };
            (row.changed_by, row.changed_at) = (Some(ctx.id), Some(now));
            stand(&mut row, after);
            if to != Move::Assign {
                // Somebody knows: nobody is to be told any more.
                row.is_held = false;
            }
            tx.put_finding(&row)?;
            if let Some(what) = told {
                self.alert_again(tx, &row, &deployment, what, now)?;
            }
            Ok(row)
        })?;
        self.shown_finding(row, &deployment)
    }

    /// The server says that a finding is over, because of what it did. One that is resolved, or
    /// gone, stays so.
    pub(crate) fn resolve_as_server(&self, id: FindingId, why: &str) -> Result<(), ControlError> {
        let Some(row) = self.store.read(|r| r.finding(id))? else { return Ok(()) };
        if standing(&row)?.state == api::FindingState::Resolved {
            return Ok(());
        }
        let deployment = self.deployment_of(&row)?;
        let facts = json!({
            "deployment": deployment.name, "what": word(Move::Resolve), "reason": why,
        });
        let resource = format!("finding/{id}");
        let payload = json!({"facts": facts});
        self.carry_out_as(SERVER, "ResolveFinding", &resource, payload, |tx, now| {
            let Some(mut row) = tx.finding(id)? else { return Ok(()) };
            // Somebody may have done so meanwhile.
            let Ok((after, told)) = step(standing(&row)?, Move::Resolve, now) else {
                return Ok(());
            };
            row.reason = Some(why.to_owned());
            (row.changed_by, row.changed_at) = (Some(SERVER), Some(now));
            stand(&mut row, after);
            row.is_held = false;
            tx.put_finding(&row)?;
            match told {
                Some(what) => self.alert_again(tx, &row, &deployment, what, now),
                None => Ok(()),
            }
        })
    }

    /// Makes a silence.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_silence(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateSilence,
    ) -> Result<api::Silence, ControlError> {
        let now = self.clock.now();
        let (permit, deployment) = match &wanted.deployment {
            None => (self.permit(ctx, Action::ChangeAlerting, &self.server())?, None),
            Some(name) => {
                let (row, resource) = self.deployment_resource(ctx, name)?;
                let resource = Resource::Deployment(resource);
                let permit = self.permit(ctx, Action::HandleFinding, &resource)?;
                let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
                (permit, Some(row.id))
            }
        };
        let row = SilenceRow {
            id: SilenceId::new(now),
            deployment,
            kind: wanted.kind.map(|kind| kind.to_string()),
            severity: wanted.severity.unwrap_or(api::FindingSeverity::Warning).to_string(),
            starts_at: wanted.starts_at.map_or(now, |time| time.0),
            ends_at: wanted.ends_at.0,
            every: wanted.every_hours.map(|hours| micros(HOUR.saturating_mul(hours))),
            last_at: wanted.last_at.map(|time| time.0),
            reason: wanted.reason.clone(),
            created_by: ctx.id,
            created_at: now,
        };
        check_silence(&row, wanted, now)?;
        let permit = permit.for_named(format!("silence/{}", row.id));
        let row = self.carry_out(permit, json!(wanted), |tx, _| {
            if tx.silences(now)?.len() >= MAX_SILENCES {
                let detail = format!("there are {MAX_SILENCES} silences already");
                return Err(ControlError::conflict(detail));
            }
            tx.insert_silence(&row)?;
            Ok(row)
        })?;
        self.shown_silence(row)
    }

    /// Silences that hold or will.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_silences(
        &self,
        ctx: &RequestContext,
    ) -> Result<api::Page<api::Silence>, ControlError> {
        self.may_read(ctx, Action::ListFindings, &self.server())?;
        let rows = self.store.read(|r| r.silences(self.clock.now()))?;
        let items = rows.into_iter().map(|row| self.shown_silence(row));
        Ok(api::Page { items: items.collect::<Result<_, _>>()?, next_cursor: None })
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn remove_silence(&self, ctx: &RequestContext, id: SilenceId) -> Result<(), ControlError> {
        let row = self.store.read(|r| r.silence(id))?;
        let deployment = row.as_ref().and_then(|row| row.deployment);
        let deployment = deployment.map(|id| self.store.read(|r| r.deployment(id))).transpose()?;
        let permit = match deployment.flatten() {
            None => self.permit(ctx, Action::ChangeAlerting, &self.server())?,
            Some(row) => {
                let resource = Resource::Deployment(crate::deployment::resource_of(&row)?);
                self.permit(ctx, Action::HandleFinding, &resource)?
            }
        };
        row.ok_or_else(|| ControlError::not_found("silence", id))?;
        let permit = permit.for_named(format!("silence/{id}"));
        self.carry_out(permit, json!({"removed": true}), |tx, _| Ok(tx.delete_silence(id)?))
    }

    /// How a deployment's findings are told of.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_alerting(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Alerting, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        self.store.read(|r| self.alerting_of(r, row.id))
    }

    /// Says how a deployment's findings are told of, in place of what was said before.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn set_alerting(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::Alerting,
    ) -> Result<api::Alerting, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::UpdateDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        if wanted.budget.is_some_and(|budget| budget > MAX_BUDGET) {
            return Err(ControlError::invalid("budget", "must be 0 to 1000"));
        }
        if wanted.due_days.values().any(|days| !(1..=365).contains(days)) {
            return Err(ControlError::invalid("due_days", "must be 1 to 365"));
        }
        for link in wanted.runbooks.values() {
            text("runbooks", link, MAX_LINK)?;
            if !link.starts_with("https://") && !link.starts_with("http://") {
                return Err(ControlError::invalid("runbooks", "must be links of http or https"));
            }
        }
        let permit = permit.for_named(format!("alerting/{name}"));
        self.carry_out(permit, json!(wanted), |tx, _| {
            Ok(tx.put_alerting(row.id, &json!(wanted).to_string())?)
        })?;
        Ok(wanted.clone())
    }

    /// Findings that are not resolved, by deployment, kind, severity and state: for metrics.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn count_findings(&self) -> Result<Vec<(Name, [String; 3], u64)>, ControlError> {
        self.store.read(|r| {
            let mut found = Vec::new();
            for (deployment, words, count) in r.count_findings()? {
                if let Some(row) = r.deployment(deployment)? {
                    found.push((row.name, words, count));
                }
            }
            Ok(found)
        })
    }

    /// Whether a finding of a kind is open on a deployment, acknowledged or not.
    pub(crate) fn has_finding(
        &self,
        deployment: DeploymentId,
        kind: api::FindingKind,
    ) -> Result<bool, ControlError> {
        self.store.read(|r| is_open(r, deployment, kind))
    }

    pub(crate) fn alerting_of(
        &self,
        read: &plimsoll_store::Read<'_>,
        deployment: DeploymentId,
    ) -> Result<api::Alerting, ControlError> {
        let damaged = |_| ControlError::Internal("settings of alerts are unreadable");
        let text = read.alerting(deployment)?;
        text.map_or(Ok(api::Alerting::default()), |t| serde_json::from_str(&t).map_err(damaged))
    }

    fn deployment_of(&self, row: &FindingRow) -> Result<DeploymentRow, ControlError> {
        let found = self.store.read(|r| r.deployment(row.deployment))?;
        found.ok_or(ControlError::Internal("a finding has no deployment"))
    }

    fn finding_row(
        &self,
        ctx: &RequestContext,
        id: FindingId,
    ) -> Result<(FindingRow, DeploymentRow), ControlError> {
        let Some(row) = self.store.read(|r| r.finding(id))? else {
            // Whoever may not list findings learns nothing of which there are.
            self.may_read(ctx, Action::ListFindings, &self.server())?;
            return Err(ControlError::not_found("finding", id));
        };
        let deployment = self.deployment_of(&row)?;
        Ok((row, deployment))
    }

    pub(crate) fn shown_finding(
        &self,
        row: FindingRow,
        deployment: &DeploymentRow,
    ) -> Result<api::Finding, ControlError> {
        let settings = self.store.read(|r| self.alerting_of(r, deployment.id))?;
        let kind: api::FindingKind = stored(&row.kind, "kind of a finding")?;
        let state: api::FindingState = stored(&row.state, "state of a finding")?;
        let is_over = state == api::FindingState::Resolved;
        Ok(api::Finding {
            id: row.id,
            deployment: deployment.name.clone(),
            deployment_id: deployment.id,
            kind,
            severity: stored(&row.severity, "severity of a finding")?,
            state,
            numbers: numbers(&row),
            runbook: runbook(&settings, kind),
            is_overdue: !is_over && row.due_at < self.clock.now(),
            about: row.about,
            slice: Some(row.slice).filter(|slice| !slice.is_empty()),
            text: row.text,
            version: row.version,
            owner: row.owner,
            assignee: row.assignee,
            occurrences: row.occurrences,
            openings: row.openings,
            since: row.since.into(),
            until: row.until.into(),
            opened_at: row.opened_at.into(),
            seen_at: row.seen_at.into(),
            due_at: row.due_at.into(),
            snoozed_until: row.snoozed_until.map(Into::into),
            changed_by: row.changed_by,
            changed_by_name: match row.changed_by {
                Some(id) => self.display_name(id)?,
                None => None,
            },
            changed_at: row.changed_at.map(Into::into),
            reason: row.reason,
            is_held: row.is_held,
        })
    }

    fn shown_silence(&self, row: SilenceRow) -> Result<api::Silence, ControlError> {
        let deployment = row.deployment.map(|id| self.store.read(|r| r.deployment(id)));
        let hours = |every: u64| u32::try_from(every / micros(HOUR)).ok();
        Ok(api::Silence {
            id: row.id,
            deployment: deployment.transpose()?.flatten().map(|row| row.name),
            is_active: is_silent(&row, self.clock.now()),
            kind: row.kind.as_deref().map(|kind| stored(kind, "kind of a silence")).transpose()?,
            severity: stored(&row.severity, "severity of a silence")?,
            starts_at: row.starts_at.into(),
            ends_at: row.ends_at.into(),
            every_hours: row.every.and_then(hours),
            last_at: row.last_at.map(Into::into),
            reason: row.reason,
            created_by: row.created_by,
            created_at: row.created_at.into(),
        })
    }
}

/// Whether a finding of a kind is open on a deployment, acknowledged or not.
fn is_open(
    read: &plimsoll_store::Read<'_>,
    deployment: DeploymentId,
    kind: api::FindingKind,
) -> Result<bool, ControlError> {
    let states =
        [api::FindingState::Open, api::FindingState::Acknowledged, api::FindingState::Snoozed];
    for state in states {
        let filter = FindingFilter {
            deployment: Some(deployment),
            kind: Some(kind.to_string()),
            state: Some(state.to_string()),
            ..FindingFilter::default()
        };
        if !read.findings(&filter, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// For transactions of what is suspended while somebody may attack: what was seen before may not
/// count any more.
pub(crate) fn is_not_attacked(
    read: &plimsoll_store::Read<'_>,
    deployment: DeploymentId,
) -> Result<(), ControlError> {
    if is_open(read, deployment, api::FindingKind::Security)? {
        return Err(ControlError::conflict("a finding of security is open"));
    }
    Ok(())
}

/// The row of a finding that was just seen.
fn seen(
    signal: &Signal,
    deployment: &DeploymentRow,
    before: Option<FindingRow>,
    standing: Standing,
    told: Option<api::AlertWhat>,
    settings: &api::Alerting,
    now: Time,
) -> FindingRow {
    let is_new = before.is_none();
    let mut row = before.unwrap_or_else(|| FindingRow {
        id: FindingId::new(now),
        deployment: deployment.id,
        kind: signal.kind.name().into(),
        about: signal.about.clone(),
        slice: signal.slice.clone().unwrap_or_default(),
        severity: standing.severity.to_string(),
        state: standing.state.to_string(),
        owner: deployment.owner.clone(),
        assignee: None,
        version: None,
        text: String::new(),
        numbers: Vec::new(),
        occurrences: 0,
        openings: 1,
        since: signal.since,
        until: signal.until,
        opened_at: now,
        seen_at: now,
        due_at: now,
        snoozed_until: None,
        changed_by: None,
        changed_at: None,
        reason: None,
        is_held: false,
        tenant: deployment.tenant,
    });
    stand(&mut row, standing);
    row.occurrences = row.occurrences.saturating_add(1);
    row.text.clone_from(&signal.text);
    // JSON has no number for what is not finite; the sentence says it.
    row.numbers = signal.numbers.iter().filter(|(_, n)| n.is_finite()).cloned().collect();
    (row.since, row.until, row.seen_at) = (signal.since, signal.until, now);
    row.version = signal.version.or(row.version);
    let is_again = told == Some(api::AlertWhat::Returned);
    if is_again {
        row.openings = row.openings.saturating_add(1);
    }
    if is_new || is_again {
        row.opened_at = now;
        row.owner.clone_from(&deployment.owner);
    }
    if told.is_some() {
        let due = now.plus(DAY.saturating_mul(due_days(settings, standing.severity)));
        // What got worse is not due later for it.
        row.due_at = if is_new || is_again { due } else { due.min(row.due_at) };
    }
    row
}

fn stand(row: &mut FindingRow, standing: Standing) {
    row.state = standing.state.to_string();
    row.severity = standing.severity.to_string();
    row.snoozed_until = standing.snoozed_until;
}

pub(crate) fn standing(row: &FindingRow) -> Result<Standing, ControlError> {
    Ok(Standing {
        state: stored(&row.state, "state of a finding")?,
        severity: stored(&row.severity, "severity of a finding")?,
        snoozed_until: row.snoozed_until,
    })
}

pub(crate) fn numbers(row: &FindingRow) -> BTreeMap<String, f64> {
    row.numbers.iter().cloned().collect()
}

pub(crate) fn runbook(settings: &api::Alerting, kind: api::FindingKind) -> String {
    let own = || format!("docs/findings.md#{}", kind.as_str().replace('_', "-"));
    settings.runbooks.get(&kind).cloned().unwrap_or_else(own)
}

pub(crate) fn budget(settings: &api::Alerting) -> u32 {
    settings.budget.unwrap_or(BUDGET)
}

fn due_days(settings: &api::Alerting, severity: api::FindingSeverity) -> u32 {
    let usual = match severity {
        api::FindingSeverity::Critical => 1,
        api::FindingSeverity::Warning => 14,
        api::FindingSeverity::Info => 30,
    };
    settings.due_days.get(&severity).copied().unwrap_or(usual)
}

fn severity(severity: Severity) -> api::FindingSeverity {
    match severity {
        Severity::Info => api::FindingSeverity::Info,
        Severity::Warning => api::FindingSeverity::Warning,
        Severity::Critical => api::FindingSeverity::Critical,
    }
}

fn check(signal: &Signal) -> Result<(), ControlError> {
    text("about", &signal.about, MAX_ABOUT)?;
    text("text", &signal.text, MAX_TEXT)?;
    if let Some(slice) = &signal.slice {
        text("slice", slice, MAX_ABOUT)?;
    }
    if signal.numbers.len() > MAX_NUMBERS {
        return Err(ControlError::invalid("numbers", format!("are {MAX_NUMBERS} at most")));
    }
    signal.numbers.iter().try_for_each(|(name, _)| text("numbers", name, MAX_ABOUT))
}

/// A text that is there and not too long.
pub(crate) fn text(field: &'static str, text: &str, most: usize) -> Result<(), ControlError> {
    if text.trim().is_empty() || text.len() > most {
        return Err(ControlError::invalid(field, format!("must be a text of 1 to {most} bytes")));
    }
    Ok(())
}

fn check_silence(
    row: &SilenceRow,
    wanted: &api::CreateSilence,
    now: Time,
) -> Result<(), ControlError> {
    text("reason", &row.reason, MAX_TEXT)?;
    let length = row.ends_at.since(row.starts_at);
    if row.ends_at <= row.starts_at || length > MAX_SILENCE {
        return Err(ControlError::invalid("ends_at", "must be at most 30 days after its begin"));
    }
    let Some(hours) = wanted.every_hours else {
        if row.ends_at <= now {
            return Err(ControlError::invalid("ends_at", "is over"));
        }
        return Ok(());
    };
    let every = HOUR.saturating_mul(hours);
    if !(1..=MAX_EVERY_HOURS).contains(&hours) || every <= length {
        let detail = "must be longer than the silence itself, and a year at most";
        return Err(ControlError::invalid("every_hours", detail));
    }
    Ok(())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const fn word(to: Move) -> &'static str {
    match to {
        Move::Seen(_) => "seen",
        Move::Acknowledge => "acknowledged",
        Move::Assign => "assigned",
        Move::Snooze(_) => "snoozed",
        Move::Resolve => "resolved",
    }
}

const fn until(to: Move) -> Option<Time> {
    match to {
        Move::Snooze(until) => Some(until),
        _ => None,
    }
}

fn refused(no: NoMove) -> ControlError {
    match no {
        NoMove::Resolved => ControlError::conflict("the finding is resolved already"),
        NoMove::Snooze => {
            let days = MAX_SNOOZE.as_secs() / DAY.as_secs();
            ControlError::invalid("until", format!("must be within {days} days from now"))
        }
    }
}
