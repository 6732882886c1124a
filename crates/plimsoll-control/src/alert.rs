//! Alerts: who is told of findings, and what was told. An alert is noted in the transaction of
//! what it tells, so that it is lost with neither; sending it is another crate's business.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::finding::{budget, numbers, runbook, standing, text};
use crate::finding_state::{is_silent, is_within_budget, silences};
use crate::page::{limit, page};
use crate::sink::Secret;
use crate::words::stored;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{
    AlertRow, DeliveryState, DeploymentRow, FindingRow, Read, RouteRow, StoreError, Write,
};
use plimsoll_types::{AlertId, AlertRouteId, DeploymentId, FindingId, Name, Time};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use zeroize::Zeroizing;

/// The most routes. Each is looked at for every finding.
const MAX_ROUTES: usize = 256;
/// The most deployments that a route names.
const MAX_DEPLOYMENTS: usize = 256;
/// Bytes of a secret: Standard Webhooks takes 24 to 64.
const SECRET_LEN: usize = 32;
/// The longest routing key, in bytes. PagerDuty's have 32.
const MAX_KEY: usize = 256;
/// The longest address or list of mailboxes, in bytes.
const MAX_ADDRESS: usize = 2_000;
/// What the budget counts in.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Findings told in one alert beside the first. Chats cut what is longer.
const MAX_ALSO: usize = 20;
/// Deliveries that wait. Beyond, findings are held until there is room: a receiver that is
/// away for long must not fill the control state.
const MAX_WAITING: u64 = 10_000;
/// Deliveries handed out at a time.
const MAX_DUE: u32 = 32;
/// How long what was told is kept.
const KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// Where PagerDuty takes events, unless a route says otherwise.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Where an alert goes, opened.
#[derive(Debug, Clone)]
pub struct AlertTarget {
    /// The route.
    pub id: AlertRouteId,
    /// Its name, for logs.
    pub name: Name,
    /// In which shape.
    pub shape: api::AlertShape,
    /// An URL, or mailboxes.
    pub address: Secret,
    /// What signatures are made with, or a routing key.
    pub secret: Secret,
}

/// An alert to be sent now.
#[derive(Debug, Clone)]
pub struct DueAlert {
    /// What.
    pub alert: api::Alert,
    /// Where to.
    pub target: AlertTarget,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub made: Time,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertEnd {
    /// The receiver took it.
    Delivered,
    /// It is tried again at this time, as it failed for this reason.
    Again(Time, String),
    /// It is tried no more, for this reason.
    Dead(String),
}

impl Control {
    /// Adds a route. `origin` is what may be shown of its address, which was checked before.
    /// The secret of a webhook is in the answer and nowhere else in clear.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_alert_route(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateAlertRoute,
        origin: &str,
    ) -> Result<api::AlertRouteSecret, ControlError> {
        let permit = self.permit(ctx, Action::ChangeAlerting, &self.server())?;
        let permit = permit.for_named(format!("alert-route/{}", wanted.name));
        check_route(wanted)?;
        let id = AlertRouteId::new(self.clock.now());
        let address = wanted.to.as_deref().unwrap_or(PAGERDUTY);
        let mut own = Zeroizing::new([0; SECRET_LEN]);
        rand::fill(own.as_mut_slice())
            .map_err(|_| ControlError::Internal("the random number generator failed"))?;
        let is_signed = wanted.shape == api::AlertShape::Webhook;
        let secret: &[u8] = match &wanted.key {
            Some(key) => key.as_bytes(),
            None if is_signed => own.as_slice(),
            None => &[],
        };
        let keys = self.ledger.keys();
        let seal = |what, bytes: &[u8]| {
            keys.seal_secret(&context(id, what), bytes).map_err(ControlError::Ledger)
        };
        let severity = wanted.severity.unwrap_or(api::FindingSeverity::Warning);
        let row = RouteRow {
            id,
            name: wanted.name.clone(),
            shape: wanted.shape.to_string(),
            origin: origin.to_owned(),
            address: seal("address", address.as_bytes())?,
            secret: seal("secret", secret)?,
            deployments: wanted.deployments.clone(),
            kinds: wanted.kinds.as_ref().map(|k| k.iter().map(ToString::to_string).collect()),
            severity: severity.to_string(),
            created_by: ctx.id,
            created_at: self.clock.now(),
        };
        let facts = json!({
            "id": id, "shape": wanted.shape, "origin": origin, "severity": severity,
            "deployments": wanted.deployments, "kinds": wanted.kinds,
        });
        self.carry_out(permit, facts, |tx, _| {
            if tx.alert_routes()?.len() >= MAX_ROUTES {
                let detail = format!("there are {MAX_ROUTES} alert routes already");
                return Err(ControlError::conflict(detail));
            }
            Ok(tx.insert_alert_route(&row)?)
        })?;
        let secret = is_signed.then(|| format!("whsec_{}", STANDARD.encode(own.as_slice())));
        Ok(api::AlertRouteSecret { secret, route: shown_route(row)? })
    }

    /// Takes a route away, its secret with it, and what it was still to be told.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn remove_alert_route(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<(), ControlError> {
        let permit = self.permit(ctx, Action::ChangeAlerting, &self.server())?;
        let permit = permit.for_named(format!("alert-route/{name}"));
        let row = self.route_row(name)?;
        self.carry_out(permit, json!({"id": row.id, "removed": true}), |tx, _| {
            Ok(tx.delete_alert_route(row.id)?)
        })
    }

    /// The routes, by name.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_alert_routes(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::AlertRoute>, ControlError> {
        self.may_read(ctx, Action::ReadAlerting, &self.server())?;
        let after = query.cursor.as_deref().unwrap_or_default();
        let mut rows = self.store.read(|r| r.alert_routes())?;
        rows.retain(|row| row.name.as_str() > after);
        rows.truncate(usize::try_from(limit(query.limit)?).unwrap_or(usize::MAX));
        page(query, rows, |row| row.name.to_string(), |row| shown_route(row).map(Some))
    }

    /// Where to send a test, and what; the attempt is recorded.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn test_alert_route(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<(AlertTarget, api::Alert), ControlError> {
        let permit = self.permit(ctx, Action::TestAlertRoute, &self.server())?;
        let permit = permit.for_named(format!("alert-route/{name}"));
        let row = self.route_row(name)?;
        self.carry_out(permit, json!({"id": row.id}), |_, _| Ok::<_, ControlError>(()))?;
        let now = self.clock.now();
        let deployment = Name::new("none").map_err(|_| ControlError::Internal("not a name"))?;
        let finding = api::AlertFinding {
            id: FindingId::new(now),
            deployment,
            kind: api::FindingKind::Unwatched,
            severity: api::FindingSeverity::Info,
            state: api::FindingState::Resolved,
            about: "test".into(),
            slice: None,
            text: format!("this is a test of the alert route `{name}`; nothing is wrong"),
            numbers: BTreeMap::new(),
            version: None,
            owner: self.display_name(ctx.id)?.unwrap_or_default(),
            assignee: None,
            occurrences: 1,
            opened_at: now.into(),
            due_at: now.into(),
            runbook: "docs/findings.md".into(),
            reason: None,
            link: None,
        };
        let alert = api::Alert {
            id: AlertId::new(now),
            what: api::AlertWhat::Test,
            time: now.into(),
            source: self.event_source(),
            finding,
            also: Vec::new(),
            more: 0,
        };
        Ok((self.alert_target(&row)?, alert))
    }

    /// What was told and is to be, latest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_alerts(
        &self,
        ctx: &RequestContext,
        wanted: &api::AlertFilter,
    ) -> Result<api::Page<api::SentAlert>, ControlError> {
        self.may_read(ctx, Action::ReadAlerting, &self.server())?;
        let before = crate::page::cursor(wanted.cursor.as_deref())?;
        let (state, limit) = (wanted.state.map(api::AlertState::as_str), limit(wanted.limit)?);
        let rows = self.store.read(|r| r.sent_alerts(state, wanted.finding, before, limit))?;
        let query = api::PageQuery { limit: wanted.limit, cursor: None };
        page(
            &query,
            rows,
            |row| row.alert.to_string(),
            |row| {
                let deployment = self.store.read(|r| r.deployment(row.deployment))?;
                let Some(deployment) = deployment else { return Ok(None) };
                let state: api::AlertState = stored(&row.state, "state of a delivery")?;
                let waits = state == api::AlertState::Waiting;
                Ok(Some(api::SentAlert {
                    id: row.alert,
                    route: row.route,
                    finding: row.finding,
                    deployment: deployment.name,
                    what: stored(&row.what, "word of an alert")?,
                    state,
                    attempts: row.attempts,
                    due_at: waits.then(|| row.due_at.into()),
                    reason: row.why,
                    created_at: row.created_at.into(),
                    ended_at: row.ended_at.map(Into::into),
                }))
            },
        )
    }

    /// Lets an alert that is tried no more be tried again.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn redeliver_alert(&self, ctx: &RequestContext, id: AlertId) -> Result<(), ControlError> {
        let permit = self.permit(ctx, Action::ChangeAlerting, &self.server())?;
        let permit = permit.for_named(format!("alert/{id}"));
        self.carry_out(permit, json!({"again": true}), |tx, now| Ok(tx.revive_alert(id, now)?))
    }

    /// Alerts that are due. Not for callers: it holds secrets.
    ///
    /// # Errors
    /// [`ControlError`] if store or keys cannot be read.
    pub fn due_alerts(&self) -> Result<Vec<DueAlert>, ControlError> {
        let rows = self.store.read(|r| r.due_alerts(self.clock.now(), MAX_DUE))?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            // Taken away meanwhile.
            let Some(route) = self.store.read(|r| r.alert_route(row.route))? else { continue };
            let damaged = |_| ControlError::Internal("an alert is unreadable");
            due.push(DueAlert {
                alert: serde_json::from_str(&row.body).map_err(damaged)?,
                target: self.alert_target(&route)?,
                attempts: row.attempts,
                made: row.created_at,
            });
        }
        Ok(due)
    }

    /// Notes what became of an attempt.
    ///
    /// # Errors
    /// [`ControlError::Store`]; it may be sent once more then, with the same id.
    pub fn note_alert(
        &self,
        alert: AlertId,
        route: AlertRouteId,
        end: &AlertEnd,
    ) -> Result<(), ControlError> {
        let now = self.clock.now();
        let (state, due, why) = match end {
            AlertEnd::Delivered => (DeliveryState::Delivered, now, None),
            AlertEnd::Again(due, why) => (DeliveryState::Waiting, *due, Some(why.as_str())),
            AlertEnd::Dead(why) => (DeliveryState::Dead, now, Some(why.as_str())),
        };
        Ok(self.store.note_delivery((alert, route), state, due, why, now)?)
    }

    /// Deliveries that wait, and those that are tried no more: for metrics.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn count_alerts(&self) -> Result<(u64, u64), ControlError> {
        self.store.read(|r| {
            let waiting = r.count_deliveries(DeliveryState::Waiting)?;
            Ok((waiting, r.count_deliveries(DeliveryState::Dead)?))
        })
    }

    /// Tells what waited for a budget or for the end of a silence, all of a deployment in one
    /// alert, and forgets what was told long ago. Call it every minute. Whether there is
    /// anything to send.
    ///
    /// # Errors
    /// [`ControlError::Store`]; what waits goes on waiting then.
    pub fn release_held(&self) -> Result<bool, ControlError> {
        let now = self.clock.now();
        self.store.forget_alerts(now.minus(KEPT_FOR))?;
        let mut any = false;
        for deployment in self.store.read(|r| r.deployments_with_held())? {
            any |= self.release_of(deployment)?;
        }
        Ok(any)
    }

    fn release_of(&self, deployment: DeploymentId) -> Result<bool, ControlError> {
        // Findings change within a turn only.
        let turn = self.begin_turn()?;
        let now = self.clock.now();
        let found = self.store.read(|r| r.deployment(deployment))?;
        let Some(deployment) = found else { return Ok(false) };
        let held = self.store.read(|r| r.held_findings(deployment.id, plimsoll_store::MAX_PAGE))?;
        let mut worst: Option<&FindingRow> = None;
        for row in &held {
            let (is_free, _) = self.store.read(|r| self.may_tell(r, row, &deployment, now))?;
            let rank = |row: &FindingRow| row.severity.parse::<api::FindingSeverity>().ok();
            if is_free && worst.is_none_or(|worst| rank(row) > rank(worst)) {
                worst = Some(row);
            }
        }
        let Some(first) = worst.cloned() else { return Ok(false) };
        let what =
            if first.openings > 1 { api::AlertWhat::Returned } else { api::AlertWhat::Opened };
        let mut told = Ok(());
        let noted = self.store.amend(|tx| {
            told = self.alert_people(tx, first, &deployment, what, now);
            // Undoes what was written.
            if told.is_err() { Err(StoreError::Lost) } else { Ok(()) }
        });
        drop(turn);
        told?;
        noted?;
        Ok(true)
    }

    /// Notes whom to tell that a finding opened, got worse or returned: now, with what waited,
    /// or later with others.
    pub(crate) fn alert_people(
        &self,
        tx: &Write<'_>,
        row: FindingRow,
        deployment: &DeploymentRow,
        what: api::AlertWhat,
        now: Time,
    ) -> Result<(), ControlError> {
        let (is_free, routes) = self.may_tell(tx, &row, deployment, now)?;
        if routes.is_empty() {
            // Nobody wants to know; the list of findings shows it.
            return Ok(tx.put_finding(&FindingRow { is_held: false, ..row })?);
        }
        if !is_free {
            return Ok(tx.put_finding(&FindingRow { is_held: true, ..row })?);
        }
        let settings = self.alerting_of(tx, deployment.id)?;
        let mut held = tx.held_findings(deployment.id, plimsoll_store::MAX_PAGE)?;
        held.retain(|other| other.id != row.id);
        let mut also = Vec::new();
        for other in &held {
            if !self.is_silenced(tx, other, now)? {
                also.push(other);
            }
        }
        also.sort_by_key(|other| {
            std::cmp::Reverse(other.severity.parse::<api::FindingSeverity>().ok())
        });
        let also: Vec<&FindingRow> = also;
        let ids: Vec<FindingId> = also.iter().map(|other| other.id).chain([row.id]).collect();
        let severity = standing(&row)?.severity;
        let alert = api::Alert {
            id: AlertId::new(now),
            what,
            time: now.into(),
            source: self.event_source(),
            finding: told(&row, deployment, &settings)?,
            also: also
                .iter()
                .take(MAX_ALSO)
                .map(|other| told(other, deployment, &settings))
                .collect::<Result<_, _>>()?,
            more: u64::try_from(also.len().saturating_sub(MAX_ALSO)).unwrap_or(u64::MAX),
        };
        let is_counted = severity != api::FindingSeverity::Critical;
        insert(tx, &alert, &row, is_counted, &routes, now)?;
        Ok(tx.release_findings(&ids)?)
    }

    /// Notes whom to tell what became of a finding: those who were told of it.
    pub(crate) fn alert_again(
        &self,
        tx: &Write<'_>,
        row: &FindingRow,
        deployment: &DeploymentRow,
        what: api::AlertWhat,
        now: Time,
    ) -> Result<(), ControlError> {
        let mut routes = tx.routes_told(row.id)?;
        // A chat or mailbox need not know who sees to it; that it is over, it should.
        routes.retain(|route| {
            let is_machine = matches!(
                route.shape.parse(),
                Ok(api::AlertShape::Webhook | api::AlertShape::Pagerduty)
            );
            is_machine || what == api::AlertWhat::Resolved
        });
        if routes.is_empty() || tx.count_deliveries(DeliveryState::Waiting)? >= MAX_WAITING {
            return Ok(());
        }
        let settings = self.alerting_of(tx, deployment.id)?;
        let alert = api::Alert {
            id: AlertId::new(now),
            what,
            time: now.into(),
            source: self.event_source(),
            finding: told(row, deployment, &settings)?,
            also: Vec::new(),
            more: 0,
        };
        insert(tx, &alert, row, false, &routes, now)
    }

    /// Whether a finding may be told of now, and to whom.
    fn may_tell(
        &self,
        read: &Read<'_>,
        row: &FindingRow,
        deployment: &DeploymentRow,
        now: Time,
    ) -> Result<(bool, Vec<RouteRow>), ControlError> {
        let severity = standing(row)?.severity;
        let mut routes = read.alert_routes()?;
        routes.retain(|route| wants(route, row, deployment, severity));
        let settings = self.alerting_of(read, deployment.id)?;
        let told = read.counted_alerts(deployment.id, now.minus(MONTH))?;
        let is_free = is_within_budget(severity, told, budget(&settings))
            && !self.is_silenced(read, row, now)?
            && read.count_deliveries(DeliveryState::Waiting)? < MAX_WAITING;
        Ok((is_free, routes))
    }

    fn is_silenced(
        &self,
        read: &Read<'_>,
        row: &FindingRow,
        now: Time,
    ) -> Result<bool, ControlError> {
        let severity = standing(row)?.severity;
        let silenced = read.silences(now)?;
        Ok(silenced.iter().any(|silence| {
            is_silent(silence, now) && silences(silence, row.deployment, &row.kind, severity)
        }))
    }

    fn route_row(&self, name: &Name) -> Result<RouteRow, ControlError> {
        let row = self.store.read(|r| r.alert_route_named(name.as_str()))?;
        row.ok_or_else(|| ControlError::not_found("alert route", name))
    }

    fn alert_target(&self, row: &RouteRow) -> Result<AlertTarget, ControlError> {
        let keys = self.ledger.keys();
        let open = |what, sealed: &[u8]| {
            let opened = keys.open_secret(&context(row.id, what), sealed);
            opened.map(Secret).map_err(ControlError::Unreadable)
        };
        Ok(AlertTarget {
            id: row.id,
            name: row.name.clone(),
            shape: stored(&row.shape, "shape of an alert route")?,
            address: open("address", &row.address)?,
            secret: open("secret", &row.secret)?,
        })
    }

    /// The deployments that the caller may read, live ones, with how their findings are told
    /// of: what the rules of Prometheus are made of.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn prometheus_rules(&self, ctx: &RequestContext) -> Result<String, ControlError> {
        self.may_read(ctx, Action::ReadAlerting, &self.server())?;
        let mut watched = Vec::new();
        for row in self.store.read(|r| r.all_deployments())? {
            let resource = Resource::Deployment(crate::deployment::resource_of(&row)?);
            if row.archived_at.is_none() && self.allows(ctx, Action::ReadDeployment, &resource) {
                let settings = self.store.read(|r| self.alerting_of(r, row.id))?;
                watched.push((row, settings));
            }
        }
        Ok(crate::alert_rules::rules(&watched))
    }
}

fn insert(
    tx: &Write<'_>,
    alert: &api::Alert,
    row: &FindingRow,
    is_counted: bool,
    routes: &[RouteRow],
    now: Time,
) -> Result<(), ControlError> {
    let ids: Vec<AlertRouteId> = routes.iter().map(|route| route.id).collect();
    let row = AlertRow {
        id: alert.id,
        finding: row.id,
        deployment: row.deployment,
        what: alert.what.to_string(),
        is_counted,
        body: json!(alert).to_string(),
        created_at: now,
    };
    Ok(tx.insert_alert(&row, &ids)?)
}

fn wants(
    route: &RouteRow,
    row: &FindingRow,
    deployment: &DeploymentRow,
    severity: api::FindingSeverity,
) -> bool {
    let mildest = route.severity.parse::<api::FindingSeverity>();
    mildest.is_ok_and(|mildest| severity >= mildest)
        && route.kinds.as_ref().is_none_or(|kinds| kinds.contains(&row.kind))
        && route.deployments.as_ref().is_none_or(|names| names.contains(&deployment.name))
}

fn told(
    row: &FindingRow,
    deployment: &DeploymentRow,
    settings: &api::Alerting,
) -> Result<api::AlertFinding, ControlError> {
    let kind: api::FindingKind = stored(&row.kind, "kind of a finding")?;
    Ok(api::AlertFinding {
        id: row.id,
        deployment: deployment.name.clone(),
        kind,
        severity: stored(&row.severity, "severity of a finding")?,
        state: stored(&row.state, "state of a finding")?,
        about: row.about.clone(),
        slice: Some(row.slice.clone()).filter(|slice| !slice.is_empty()),
        text: row.text.clone(),
        numbers: numbers(row),
        version: row.version,
        owner: row.owner.clone(),
        assignee: row.assignee.clone(),
        occurrences: row.occurrences,
        opened_at: row.opened_at.into(),
        due_at: row.due_at.into(),
        runbook: runbook(settings, kind),
        reason: row.reason.clone(),
        link: None,
    })
}

fn check_route(wanted: &api::CreateAlertRoute) -> Result<(), ControlError> {
    let empty = "must name at least one, or be left out";
    if wanted.kinds.as_ref().is_some_and(Vec::is_empty) {
        return Err(ControlError::invalid("kinds", empty));
    }
    if wanted.deployments.as_ref().is_some_and(|d| !(1..=MAX_DEPLOYMENTS).contains(&d.len())) {
        return Err(ControlError::invalid("deployments", empty));
    }
    let is_pagerduty = wanted.shape == api::AlertShape::Pagerduty;
    match &wanted.to {
        Some(to) => text("to", to, MAX_ADDRESS)?,
        None if is_pagerduty => {}
        None => return Err(ControlError::invalid("to", "must say where to")),
    }
    match &wanted.key {
        Some(key) if is_pagerduty => text("key", key, MAX_KEY),
        Some(_) => Err(ControlError::invalid("key", "only `pagerduty` takes one")),
        None if is_pagerduty => {
            Err(ControlError::invalid("key", "must be the integration's routing key"))
        }
        None => Ok(()),
    }
}

fn shown_route(row: RouteRow) -> Result<api::AlertRoute, ControlError> {
    let kinds = row.kinds.map(|kinds| {
        kinds.iter().map(|kind| stored(kind, "kind of an alert route")).collect::<Result<_, _>>()
    });
    Ok(api::AlertRoute {
        id: row.id,
        name: row.name,
        shape: stored(&row.shape, "shape of an alert route")?,
        origin: row.origin,
        deployments: row.deployments,
        kinds: kinds.transpose()?,
        severity: stored(&row.severity, "severity of an alert route")?,
        created_by: row.created_by,
        created_at: row.created_at.into(),
    })
}

fn context(id: AlertRouteId, what: &str) -> Vec<u8> {
    format!("plimsoll alert route {what} {id}").into_bytes()
}
