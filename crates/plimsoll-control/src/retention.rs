//! The end of retention. A deployment's records without a subject are sealed under a key of
//! their day; when the day is older than the deployment's retention, its key is destroyed.
//! Records about subjects are sealed under the subjects' keys, which outlive a day: beyond
//! retention nobody is shown them, and they go with the subject. A legal hold keeps both.

use crate::act::Who;
use crate::bootstrap::{Control, SERVER};
use crate::compile::settings_of;
use crate::error::ControlError;
use plimsoll_api::Tier;
use plimsoll_ledger::Entry;
use plimsoll_store::{DeploymentRow, Store};
use plimsoll_types::{DeploymentId, KeyId, Time};
use serde_json::{Value, json};
use std::time::Duration;

/// Six months: what logs of a high-risk system are kept for at least (Regulation (EU)
/// 2024/1689, articles 19(1) and 26(6)).
const FLOOR_DAYS: u32 = 183;
/// A hundred years.
const MAX_DAYS: u32 = 36_525;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys destroyed with one event.
const MAX_KEYS: usize = 1_000;

/// The shortest retention of a tier, in days.
const fn floor(tier: Tier) -> u32 {
    match tier {
        Tier::Unassessed | Tier::T0 | Tier::T1 | Tier::T2 | Tier::T3 | Tier::T4 => FLOOR_DAYS,
    }
}

/// Refuses a retention below the tier's floor.
pub(crate) fn check(days: Option<u32>, tier: Tier) -> Result<(), ControlError> {
    match days {
        Some(days) if !(floor(tier)..=MAX_DAYS).contains(&days) => {
            let detail = format!(
                "must be {} to {MAX_DAYS}: records of decisions are kept for six months at least",
                floor(tier)
            );
            Err(ControlError::invalid("retention_days", detail))
        }
        _ => Ok(()),
    }
}

impl Control {
    /// Destroys the keys of days that are older than their deployment's retention.
    pub(crate) fn end_retention(&self) -> Result<(), ControlError> {
        for row in self.store.read(|r| r.all_deployments())? {
            let Some(cutoff) = self.cutoff(&row)? else { continue };
            if self.store.read(|r| r.hold_on_deployment(row.id))?.is_some() {
                continue;
            }
            let keys = self.keys_before(&row, cutoff)?;
            for keys in keys.chunks(MAX_KEYS) {
                self.end_days(&row, cutoff, keys)?;
            }
        }
        Ok(())
    }

    /// Whether a record of the deployment from `time` is beyond its retention, and not held.
    pub(crate) fn is_past_retention(
        &self,
        row: &DeploymentRow,
        time: Time,
    ) -> Result<bool, ControlError> {
        let Some(cutoff) = self.cutoff(row)? else { return Ok(false) };
        Ok(time < cutoff && self.store.read(|r| r.hold_on_deployment(row.id))?.is_none())
    }

    /// The same of a record, which may belong to no deployment, or to one that is gone.
    pub(crate) fn is_entry_past_retention(&self, entry: &Entry) -> Result<bool, ControlError> {
        let Some(id) = entry.leaf.draft.deployment else { return Ok(false) };
        let row = self.store.read(|r| r.deployment(id))?;
        row.map_or(Ok(false), |row| self.is_past_retention(&row, entry.leaf.draft.time))
    }

    /// The beginning of the first day of which a deployment keeps decisions, if its retention
    /// ends and no hold is on it.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn kept_from(&self, deployment: DeploymentId) -> Result<Option<Time>, ControlError> {
        kept_from(&self.store, deployment, self.clock.now())
    }

    /// The beginning of the first day that is kept.
    fn cutoff(&self, row: &DeploymentRow) -> Result<Option<Time>, ControlError> {
        first_day(row, self.clock.now())
    }

    /// The keys of the deployment's days before `cutoff`, oldest first.
    fn keys_before(&self, row: &DeploymentRow, cutoff: Time) -> Result<Vec<KeyId>, ControlError> {
        let mut found = Vec::new();
        // A record carries the time its request was accepted: never before its deployment.
        let first = row.created_at.minus(DAY).as_micros();
        let mut day = Time::from_micros(first - first % micros(DAY));
        for _ in 0..MAX_DAYS {
            if day >= cutoff {
                break;
            }
            let key = self.ledger.keys().find_day(row.id, day);
            found.extend(key.map_err(ControlError::Keys)?);
            day = day.plus(DAY);
        }
        Ok(found)
    }

    fn end_days(
        &self,
        row: &DeploymentRow,
        cutoff: Time,
        keys: &[KeyId],
    ) -> Result<(), ControlError> {
        let label = format!("deployment/{}", row.name);
        let who = Who { principal: SERVER, action: "EndRetention", resource: &label };
        let before = plimsoll_api::Timestamp(cutoff).to_string();
        let payload = json!({"facts": {"days": keys.len(), "before": before}});
        let mut turn = self.begin_turn()?;
        // If the process dies before the keys go, the next start finds them again.
        let then = |(): &()| {
            self.ledger.erase(keys).map_err(ControlError::Keys)?;
            Ok(Value::Null)
        };
        self.act(&mut turn, who, payload, |_, _, _| Ok(()), then)
    }
}

/// The same as [`Control::kept_from`], of a control state that no server has open.
///
/// # Errors
/// [`ControlError::Store`].
pub fn kept_from(
    store: &Store,
    deployment: DeploymentId,
    now: Time,
) -> Result<Option<Time>, ControlError> {
    let Some(row) = store.read(|r| r.deployment(deployment))? else { return Ok(None) };
    let first = first_day(&row, now)?;
    if first.is_some() && store.read(|r| r.hold_on_deployment(deployment))?.is_some() {
        return Ok(None);
    }
    Ok(first)
}

fn first_day(row: &DeploymentRow, now: Time) -> Result<Option<Time>, ControlError> {
    let Some(days) = settings_of(row)?.retention_days else { return Ok(None) };
    let first = now.minus(DAY * days).as_micros();
    Ok(Some(Time::from_micros(first - first % micros(DAY))))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
