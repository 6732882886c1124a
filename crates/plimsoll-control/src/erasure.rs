//! What erasures need after they were asked for: keys destroyed, epochs rotated within the
//! published window, finality stated when no backup of the keys can be older. Runs at every
//! start, which ends what a crash cut short, and every hour.

use crate::act::{Event, Turn, Who};
use crate::artifact::sha256;
use crate::bootstrap::{Control, SERVER};
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_policy::Action;
use plimsoll_store::{ErasureRow, MAX_PAGE};
use plimsoll_types::record::Stage;
use plimsoll_types::{Digest, KeyId, PrincipalId};
use serde_json::{Value, json};
use std::time::Duration;

/// How often [`Control::reconcile`] is to be called.
pub const RECONCILE_EVERY: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The two windows that an erasure waits for before it is final. Both are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureWindows {
    /// Within this time the epoch of keys that an erased key belonged to is destroyed.
    pub rotate_within: Duration,
    /// For this long the operator keeps backups of the keys folder.
    pub key_backups: Duration,
}

impl Default for ErasureWindows {
    fn default() -> Self {
        Self { rotate_within: 30 * DAY, key_backups: 30 * DAY }
    }
}

/// What stands for a key where not even its id should: SHA-256 of the id.
pub(crate) fn commitment(key: KeyId) -> Digest {
    sha256(key.as_bytes())
}

impl Control {
    /// Begins a new epoch of keys and destroys the one before.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn rotate_keys(&self, ctx: &RequestContext) -> Result<api::KeyRotation, ControlError> {
        let permit = self.permit(ctx, Action::RotateKeys, &self.server())?;
        let mut turn = self.begin_turn()?;
        let payload = permit.payload(json!({}));
        self.rotate(&mut turn, permit.who().principal, payload)
    }

    pub(crate) fn rotate(
        &self,
        turn: &mut Turn<'_>,
        principal: PrincipalId,
        mut payload: Value,
    ) -> Result<api::KeyRotation, ControlError> {
        // What a start after a crash tells from whether it was done.
        payload["from_epoch"] = self.ledger.keys().current_epoch().0.into();
        let who = Who { principal, action: Action::RotateKeys.as_str(), resource: "server" };
        let change = |tx: &plimsoll_store::Write<'_>, now, _| {
            let done = self.ledger.rotate_keys().map_err(ControlError::Keys)?;
            let erasures = tx.rotated(done.epoch, now)?;
            Ok(api::KeyRotation { epoch: done.epoch, keys: done.keys, erasures })
        };
        self.act(turn, who, payload, change, |done| Ok(json!(done)))
    }

    /// Whether a rotation that was begun was carried out, by what its intent says.
    pub(crate) fn was_rotated(&self, action: &str, payload: &str) -> bool {
        let from = || serde_json::from_str::<Value>(payload).ok()?.get("from_epoch")?.as_u64();
        action == Action::RotateKeys.as_str()
            && from().is_some_and(|from| u64::from(self.ledger.keys().current_epoch().0) > from)
    }

    /// The part of an erasure that is not in the store: the key goes. Gives facts for the
    /// event that ends it.
    pub(crate) fn destroy(&self, row: &ErasureRow) -> Result<Value, ControlError> {
        self.ledger.erase(&[row.key]).map_err(ControlError::Keys)?;
        let epoch = self.ledger.keys().current_epoch().0;
        self.store.amend(|tx| tx.erased(row.id, epoch, self.clock.now()))?;
        Ok(json!({"key": commitment(row.key), "epoch": epoch}))
    }

    /// Does what is due: ends erasures that were begun, rotates, states finality, ends what
    /// is past its retention, removes uploads that expired. Call it at start and every [`RECONCILE_EVERY`].
    ///
    /// # Errors
    /// The first [`ControlError`]; what is due stays due.
    pub fn reconcile(&self) -> Result<(), ControlError> {
        self.end_erasures()?;
        self.end_retention()?;
        self.rotate_if_due()?;
        self.finish_erasures()?;
        self.reconcile_artifacts()
    }

    /// At start: erasures that a crash cut short are carried out, and keys that a backup of
    /// the keys folder brought back go again.
    pub(crate) fn repeat_erasures(&self) -> Result<(), ControlError> {
        self.end_erasures()?;
        let mut after = None;
        loop {
            let rows = self.store.read(|r| r.erasures(after, MAX_PAGE))?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            for row in rows.iter().filter(|row| row.erased_at.is_some()) {
                if self.ledger.keys().has(row.key).map_err(ControlError::Keys)? {
                    tracing::warn!(erasure = %row.id, "a key that was erased is back; it goes again");
                    self.destroy(row)?;
                    self.store.amend(|tx| tx.reopen_erasure(row.id))?;
                }
            }
        }
        let epoch = self.ledger.keys().current_epoch().0;
        Ok(self.store.amend(|tx| tx.rotated(epoch, self.clock.now()).map(drop))?)
    }

    /// Carries out erasures whose key is not gone yet, and records their ends.
    fn end_erasures(&self) -> Result<(), ControlError> {
        let mut after = None;
        loop {
            let rows = self.store.read(|r| r.open_erasures(after, MAX_PAGE))?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            for row in rows.iter().filter(|row| row.erased_at.is_none()) {
                let _turn = self.begin_turn()?;
                // Someone may have ended it since it was read.
                let now = self.store.read(|r| r.erasure(row.id))?;
                if now.is_some_and(|now| now.erased_at.is_none()) {
                    self.end_erasure(row)?;
                }
            }
        }
    }

    fn end_erasure(&self, row: &ErasureRow) -> Result<(), ControlError> {
        self.ledger.erase(&[row.key]).map_err(ControlError::Keys)?;
        let commitment = commitment(row.key);
        // Recorded first: until it is, every start comes here again.
        let end = Event {
            stage: Stage::Completed,
            action: Action::EraseSubject.as_str(),
            principal: row.principal,
            resource: &format!("subject-key/{commitment}"),
            intent: Some(row.id),
            payload: json!({"key": commitment, "recovered": true}),
        };
        self.record(&end).map_err(ControlError::Ledger)?;
        let epoch = self.ledger.keys().current_epoch().0;
        Ok(self.store.amend(|tx| tx.erased(row.id, epoch, self.clock.now()))?)
    }

    /// Rotates when the oldest erasure would else wait for longer than was published.
    fn rotate_if_due(&self) -> Result<(), ControlError> {
        let due = self.clock.now().plus(RECONCILE_EVERY);
        let within = self.config.erasure.rotate_within;
        let oldest = self.ledger.keys().oldest_erasure();
        if oldest.is_none_or(|erased| erased.plus(within) > due) {
            return Ok(());
        }
        let mut turn = self.begin_turn()?;
        self.rotate(&mut turn, SERVER, json!({"facts": {"why": "keys were erased"}})).map(drop)
    }

    /// States that erasures are final, and forgets whom they were about.
    fn finish_erasures(&self) -> Result<(), ControlError> {
        let before = self.clock.now().minus(self.config.erasure.key_backups);
        let rows = self.store.read(|r| r.open_erasures(None, MAX_PAGE))?;
        let due = rows.iter().filter(|row| row.rotated_at.is_some_and(|at| at <= before));
        let due: Vec<_> = due.map(|row| row.id).collect();
        if due.is_empty() {
            return Ok(());
        }
        let mut turn = self.begin_turn()?;
        let who = Who { principal: SERVER, action: "FinishErasures", resource: "server" };
        let change = |tx: &plimsoll_store::Write<'_>, now, _| {
            Ok(due.iter().try_for_each(|&id| tx.finish_erasure(id, now))?)
        };
        self.act(&mut turn, who, json!({"facts": {"erasures": due}}), change, |()| Ok(Value::Null))
    }
}
