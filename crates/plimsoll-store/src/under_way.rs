//! What rollouts and experiments have in common: rows of a deployment of which one at a time is under
//! way, and the history of each. Knows neither what is tried nor how it is judged.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::rollout::RolloutStepRow;
use crate::row::{Columns, micros};
use crate::write::Write;
use plimsoll_types::{DeploymentId, Time};
use rusqlite::params;

type Result<T> = std::result::Result<T, StoreError>;

/// Where it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnderWay {
    /// What one is called, in errors and where its history names it.
    pub(crate) what: &'static str,
    /// Its table.
    pub(crate) table: &'static str,
    /// The table of its history.
    pub(crate) steps: &'static str,
    /// What a line of that is called, in errors.
    pub(crate) step: &'static str,
}

/// Where one stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand<'a> {
    pub(crate) state: &'a str,
    pub(crate) phase: &'a str,
    pub(crate) updated_at: Time,
    pub(crate) ended_at: Option<Time>,
}

impl UnderWay {
    /// The one that is under way in a deployment.
    pub(crate) fn one_in<R: Columns>(
        self,
        read: &Read<'_>,
        deployment: DeploymentId,
    ) -> Result<Option<R>> {
        let from = format!("{} WHERE deployment = ?1 AND ended_at IS NULL", self.table);
        read.one(&from, [deployment.as_bytes()])
    }

    /// The one with this id.
    pub(crate) fn one<R: Columns>(self, read: &Read<'_>, id: &[u8; 16]) -> Result<Option<R>> {
        read.one(&format!("{} WHERE id = ?1", self.table), [id])
    }

    /// Those of a deployment, latest first, before `before`.
    pub(crate) fn latest<R: Columns>(
        self,
        read: &Read<'_>,
        deployment: DeploymentId,
        (before, limit): (Option<&[u8; 16]>, u32),
    ) -> Result<Vec<R>> {
        let before = before.unwrap_or(&[0xff; 16]);
        let from =
            format!("{} WHERE deployment = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3", self.table);
        read.many(&from, params![deployment.as_bytes(), before, limit.min(MAX_PAGE)])
    }

    /// Every one that is under way.
    pub(crate) fn all<R: Columns>(self, read: &Read<'_>) -> Result<Vec<R>> {
        read.whole(&format!("{} WHERE ended_at IS NULL ORDER BY id", self.table), [])
    }

    /// What happened to one, oldest first; of a very long history, the beginning.
    pub(crate) fn history(self, read: &Read<'_>, id: &[u8; 16]) -> Result<Vec<RolloutStepRow>> {
        let from = format!("{} WHERE {} = ?1 ORDER BY place LIMIT ?2", self.steps, self.what);
        read.many(&from, params![id, MAX_PAGE])
    }

    /// Writes where one stands that is under way.
    pub(crate) fn stand(self, write: &Write<'_>, id: &[u8; 16], now: Stand<'_>) -> Result<()> {
        let sql = format!(
            "UPDATE {} SET state = ?2, phase = ?3, updated_at = ?4, ended_at = ?5
             WHERE id = ?1 AND ended_at IS NULL",
            self.table
        );
        let Stand { state, phase, updated_at, ended_at } = now;
        let row = params![id, state, phase, micros(updated_at), ended_at.map(micros)];
        write.update(self.what, &sql, row)
    }

    /// Adds to the history of one.
    pub(crate) fn add_step(
        self,
        write: &Write<'_>,
        id: &[u8; 16],
        step: &RolloutStepRow,
    ) -> Result<()> {
        let Self { what: of, steps, step: one, .. } = self;
        let sql = format!(
            "INSERT INTO {steps} ({of}, place, what, facts, principal, created_at)
             SELECT ?1, coalesce(max(place), 0) + 1, ?2, ?3, ?4, ?5 FROM {steps} WHERE {of} = ?1"
        );
        let RolloutStepRow { what, facts, principal, created_at } = step;
        let row = params![id, what, facts, principal.as_bytes(), micros(*created_at)];
        write.insert(one, &sql, row)
    }
}
