//! Limits: set, shown, taken away. Gateways keep them from the next snapshot on.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{limit as page_limit, page};
use plimsoll_api as api;
use plimsoll_policy::Action;
use plimsoll_serving::{Limit, Limits, Rate};
use plimsoll_store::{LimitRow, StoreError};
use plimsoll_types::{DeploymentId, PrincipalId};
use serde_json::json;
use std::sync::Arc;

/// The fastest rate that is no "without limit".
const MAX_PER_SECOND: f64 = 1e6;
/// The slowest: one request in a quarter of an hour.
const MIN_PER_SECOND: f64 = 0.001;
/// The largest burst and the most requests in flight.
const MAX_COUNT: u32 = 1_000_000;
/// The most single limits. Each is in every snapshot.
const MAX_LIMITS: usize = 10_000;

const EVERYONE: &str = "everyone";
const PRINCIPAL: &str = "principal";
const DEPLOYMENT: &str = "deployment";

/// Whose a limit is.
struct Target {
    of: &'static str,
    id: [u8; 16],
}

impl Control {
    /// Sets a limit in place of the one before. When this returns, gateways of this process
    /// keep it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn set_limit(
        &self,
        ctx: &RequestContext,
        wanted: &api::SetLimit,
    ) -> Result<api::LimitSet, ControlError> {
        let permit = self.permit(ctx, Action::SetLimit, &self.server())?;
        check(&wanted.limit)?;
        let target = self.limit_target(&wanted.of)?;
        let rows = self.store.read(|r| r.limits())?;
        let is_new = !rows.iter().any(|row| row.of == target.of && row.id == target.id);
        if is_new && rows.len() >= MAX_LIMITS {
            return Err(ControlError::conflict(format!(
                "there may be at most {MAX_LIMITS} limits"
            )));
        }
        let permit = permit.for_named(format!("limit/{}", wanted.of));
        let row = self.carry_out(permit, json!(wanted), |tx, now| {
            let row = LimitRow {
                of: target.of.to_owned(),
                id: target.id,
                document: json!(wanted.limit).to_string(),
                changed_by: ctx.id,
                changed_at: now,
            };
            tx.set_limit(&row)?;
            Ok(row)
        })?;
        self.shown_limit(&row)
    }

    /// Takes a limit away.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn remove_limit(&self, ctx: &RequestContext, of: &str) -> Result<(), ControlError> {
        let permit = self.permit(ctx, Action::SetLimit, &self.server())?;
        let target = self.limit_target(of)?;
        let row = self.store.read(|r| r.limit(target.of, target.id))?;
        row.ok_or_else(|| ControlError::not_found("limit", of))?;
        let permit = permit.for_named(format!("limit/{of}"));
        self.carry_out(permit, json!({"of": of, "limit": null}), |tx, _| {
            Ok(tx.remove_limit(target.of, target.id)?)
        })
    }

    /// A limit.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_limit(
        &self,
        ctx: &RequestContext,
        of: &str,
    ) -> Result<api::LimitSet, ControlError> {
        self.may_read(ctx, Action::ReadLimits, &self.server())?;
        let target = self.limit_target(of)?;
        let row = self.store.read(|r| r.limit(target.of, target.id))?;
        self.shown_limit(&row.ok_or_else(|| ControlError::not_found("limit", of))?)
    }

    /// Limits, in an order of their own.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_limits(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::LimitSet>, ControlError> {
        self.may_read(ctx, Action::ReadLimits, &self.server())?;
        let after = query.cursor.as_deref().unwrap_or_default();
        let mut rows = self.store.read(|r| r.limits())?;
        rows.retain(|row| place(row).as_str() > after);
        rows.truncate(usize::try_from(page_limit(query.limit)?).unwrap_or(usize::MAX));
        page(query, rows, place, |row| self.shown_limit(&row).map(Some))
    }

    fn limit_target(&self, text: &str) -> Result<Target, ControlError> {
        if text == EVERYONE {
            return Ok(Target { of: EVERYONE, id: [0; 16] });
        }
        let found = match text.split_once(':') {
            Some((PRINCIPAL, name)) => {
                let by_id =
                    name.parse().ok().map(|id: PrincipalId| self.store.read(|r| r.principal(id)));
                let row = match by_id {
                    Some(row) => row?,
                    None => self.store.read(|r| r.principal_named(name))?,
                };
                row.map(|row| Target { of: PRINCIPAL, id: *row.id.as_bytes() })
            }
            Some((DEPLOYMENT, name)) => {
                let row = self.store.read(|r| r.deployment_named(name))?;
                row.map(|row| Target { of: DEPLOYMENT, id: *row.id.as_bytes() })
            }
            _ => {
                let detail = "must be `everyone`, `principal:NAME` or `deployment:NAME`";
                return Err(ControlError::invalid("of", detail));
            }
        };
        found.ok_or_else(|| ControlError::not_found("principal or deployment", text))
    }

    fn shown_limit(&self, row: &LimitRow) -> Result<api::LimitSet, ControlError> {
        let named = |name: Option<String>, id: String| name.unwrap_or(id);
        let of = match row.of.as_str() {
            PRINCIPAL => {
                let id = PrincipalId::from_bytes(row.id);
                let found = self.store.read(|r| r.principal(id))?.map(|row| row.name.to_string());
                format!("{PRINCIPAL}:{}", named(found, id.to_string()))
            }
            DEPLOYMENT => {
                let id = DeploymentId::from_bytes(row.id);
                let found = self.store.read(|r| r.deployment(id))?.map(|row| row.name.to_string());
                format!("{DEPLOYMENT}:{}", named(found, id.to_string()))
            }
            _ => EVERYONE.to_owned(),
        };
        Ok(api::LimitSet {
            of,
            limit: document(row)?,
            changed_by: row.changed_by,
            changed_by_name: self.display_name(row.changed_by)?,
            changed_at: row.changed_at.into(),
        })
    }
}

/// The limits as a snapshot has them.
pub(crate) fn compiled(rows: &[LimitRow]) -> Result<Limits, ControlError> {
    let mut limits = Limits::default();
    for row in rows {
        let limit = Arc::new(serving(&document(row)?));
        match row.of.as_str() {
            PRINCIPAL => drop(limits.principals.insert(PrincipalId::from_bytes(row.id), limit)),
            DEPLOYMENT => drop(limits.deployments.insert(DeploymentId::from_bytes(row.id), limit)),
            _ => limits.everyone = Some(limit),
        }
    }
    Ok(limits)
}

fn document(row: &LimitRow) -> Result<api::Limit, ControlError> {
    let damaged = |_| StoreError::Damaged("a limit is unreadable".into());
    Ok(serde_json::from_str(&row.document).map_err(damaged)?)
}

fn serving(limit: &api::Limit) -> Limit {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive rate of at most a million, rounded up"
    )]
    let a_second = |per_second: f64| per_second.ceil().max(1.0) as u32;
    let rate = |per_second| Rate::new(per_second, limit.burst.unwrap_or(a_second(per_second)));
    Limit {
        rate: limit.requests_per_second.map(rate),
        in_flight: limit.in_flight,
        requests_per_day: limit.requests_per_day,
        rows_per_day: limit.rows_per_day,
    }
}

fn check(limit: &api::Limit) -> Result<(), ControlError> {
    let invalid = |field, detail: &str| Err(ControlError::invalid(field, detail));
    if *limit == api::Limit::default() {
        return invalid("limit", "must limit something; take it away to limit nothing");
    }
    let fits = |rate: f64| (MIN_PER_SECOND..=MAX_PER_SECOND).contains(&rate);
    if !limit.requests_per_second.is_none_or(fits) {
        return invalid("requests_per_second", "must be 0.001 to 1000000");
    }
    if limit.burst.is_some() && limit.requests_per_second.is_none() {
        return invalid("burst", "goes with `requests_per_second`");
    }
    if !limit.burst.is_none_or(|burst| (1..=MAX_COUNT).contains(&burst)) {
        return invalid("burst", "must be 1 to 1000000");
    }
    if !limit.in_flight.is_none_or(|most| (1..=MAX_COUNT).contains(&most)) {
        return invalid("in_flight", "must be 1 to 1000000");
    }
    Ok(())
}

/// Where a row stands in the list.
fn place(row: &LimitRow) -> String {
    let digits: String = row.id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}:{digits}", row.of)
}

/// A limit as it enters the digest of a snapshot.
pub(crate) fn described(row: &LimitRow) -> serde_json::Value {
    json!([place(row), row.document])
}
