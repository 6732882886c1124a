//! Findings, silences, and how a deployment's findings are told of.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros, signed};
use crate::store::Store;
use crate::write::{Write, json};
use plimsoll_types::{DeploymentId, FindingId, PrincipalId, SilenceId, TenantId, Time};
use rusqlite::{OptionalExtension, Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// What makes two signals the same finding.
#[derive(Debug, Clone, Copy)]
pub struct FindingKey<'a> {
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// What kind of thing is wrong.
    pub kind: &'a str,
    /// What it is about.
    pub about: &'a str,
    /// The part of the population; empty is all of it.
    pub slice: &'a str,
}

/// A finding.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingRow {
    /// Its id.
    pub id: FindingId,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// What kind of thing is wrong.
    pub kind: String,
    /// What it is about.
    pub about: String,
    /// The part of the population; empty is all of it.
    pub slice: String,
    /// How bad it is.
    pub severity: String,
    /// Where it stands.
    pub state: String,
    /// Who answers for the deployment, when it opened.
    pub owner: String,
    /// Who sees to it.
    pub assignee: Option<String>,
    /// The version it was last seen with.
    pub version: Option<u32>,
    /// What was seen last, for a person.
    pub text: String,
    /// The numbers that decided.
    pub numbers: Vec<(String, f64)>,
    /// How often it was seen, ever.
    pub occurrences: u64,
    /// How often it opened: once, and with each return.
    pub openings: u64,
    /// When what it was seen in last began.
    pub since: Time,
    /// And ended.
    pub until: Time,
    /// When it opened, this time.
    pub opened_at: Time,
    /// When it was last seen.
    pub seen_at: Time,
    /// When it is to be seen to.
    pub due_at: Time,
    /// Nobody is told before.
    pub snoozed_until: Option<Time>,
    /// Who acknowledged, snoozed or resolved it last.
    pub changed_by: Option<PrincipalId>,
    /// When.
    pub changed_at: Option<Time>,
    /// Why.
    pub reason: Option<String>,
    /// Whether somebody is still to be told.
    pub is_held: bool,
    /// The organisation it belongs to.
    pub tenant: TenantId,
}

/// Which findings are wanted.
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    /// Of this deployment.
    pub deployment: Option<DeploymentId>,
    /// In this state.
    pub state: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this severity.
    pub severity: Option<String>,
    /// Seen to by this one; or by nobody, of a deployment of this owner.
    pub owner: Option<String>,
    /// Opened, this time, before this time.
    pub opened_before: Option<Time>,
    /// Due before this time, and not resolved.
    pub due_before: Option<Time>,
    /// Opened for the first time before this one.
    pub before: Option<FindingId>,
}

/// A time in which nobody is told of some findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceRow {
    /// Its id.
    pub id: SilenceId,
    /// Of which deployment; `None` is every one.
    pub deployment: Option<DeploymentId>,
    /// Of which kind; `None` is every one.
    pub kind: Option<String>,
    /// The worst that is silenced.
    pub severity: String,
    /// When it begins.
    pub starts_at: Time,
    /// When it ends.
    pub ends_at: Time,
    /// After how many microseconds it comes again.
    pub every: Option<u64>,
    /// After when it begins no more.
    pub last_at: Option<Time>,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub created_by: PrincipalId,
    /// When.
    pub created_at: Time,
}

impl Columns for FindingRow {
    const COLUMNS: &'static str = "id, deployment, kind, about, slice, severity, state, owner, \
         assignee, version, text, numbers, occurrences, openings, since, until, opened_at, \
         seen_at, due_at, snoozed_until, changed_by, changed_at, reason, is_held, tenant";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: FindingId::from_bytes(row.get(0)?),
            deployment: DeploymentId::from_bytes(row.get(1)?),
            kind: row.get(2)?,
            about: row.get(3)?,
            slice: row.get(4)?,
            severity: row.get(5)?,
            state: row.get(6)?,
            owner: row.get(7)?,
            assignee: row.get(8)?,
            version: row.get(9)?,
            text: row.get(10)?,
            numbers: row::json(row, 11)?,
            occurrences: row::count(row, 12)?,
            openings: row::count(row, 13)?,
            since: row::time(row, 14)?,
            until: row::time(row, 15)?,
            opened_at: row::time(row, 16)?,
            seen_at: row::time(row, 17)?,
            due_at: row::time(row, 18)?,
            snoozed_until: row::maybe_time(row, 19)?,
            changed_by: row.get::<_, Option<[u8; 16]>>(20)?.map(PrincipalId::from_bytes),
            changed_at: row::maybe_time(row, 21)?,
            reason: row.get(22)?,
            is_held: row.get(23)?,
            tenant: TenantId::from_bytes(row.get(24)?),
        })
    }
}

impl Columns for SilenceRow {
    const COLUMNS: &'static str = "id, deployment, kind, severity, starts_at, ends_at, every, \
         last_at, reason, created_by, created_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let every = row.get::<_, Option<i64>>(6)?;
        Ok(Self {
            id: SilenceId::from_bytes(row.get(0)?),
            deployment: row.get::<_, Option<[u8; 16]>>(1)?.map(DeploymentId::from_bytes),
            kind: row.get(2)?,
            severity: row.get(3)?,
            starts_at: row::time(row, 4)?,
            ends_at: row::time(row, 5)?,
            every: every.and_then(|every| u64::try_from(every).ok()),
            last_at: row::maybe_time(row, 7)?,
            reason: row.get(8)?,
            created_by: PrincipalId::from_bytes(row.get(9)?),
            created_at: row::time(row, 10)?,
        })
    }
}

impl Read<'_> {
    /// The finding with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn finding(&self, id: FindingId) -> Result<Option<FindingRow>> {
        self.one("findings WHERE id = ?1", [id.as_bytes()])
    }
    /// The finding that a signal of this key belongs to.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn finding_of(&self, key: &FindingKey<'_>) -> Result<Option<FindingRow>> {
        self.one(
            "findings WHERE deployment = ?1 AND kind = ?2 AND about = ?3 AND slice = ?4",
            params![key.deployment.as_bytes(), key.kind, key.about, key.slice],
        )
    }
    /// Findings, those that were first seen last first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn findings(&self, filter: &FindingFilter, limit: u32) -> Result<Vec<FindingRow>> {
        let before = filter.before.map_or([0xff; 16], |id| *id.as_bytes());
        self.many(
            "findings WHERE id < ?1 AND (?2 IS NULL OR deployment = ?2)
               AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR kind = ?4)
               AND (?5 IS NULL OR severity = ?5)
               AND (?7 IS NULL OR coalesce(assignee, owner) = ?7)
               AND (?8 IS NULL OR opened_at < ?8)
               AND (?9 IS NULL OR (due_at < ?9 AND state <> 'resolved'))
             ORDER BY id DESC LIMIT ?6",
            params![
                before,
                filter.deployment.map(|id| *id.as_bytes()),
                filter.state,
                filter.kind,
                filter.severity,
                limit.min(MAX_PAGE),
                filter.owner,
                filter.opened_before.map(micros),
                filter.due_before.map(micros),
            ],
        )
    }
    /// Findings of a deployment that somebody is still to be told of, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn held_findings(&self, deployment: DeploymentId, limit: u32) -> Result<Vec<FindingRow>> {
        self.many(
            "findings WHERE deployment = ?1 AND is_held = 1 ORDER BY id LIMIT ?2",
            params![deployment.as_bytes(), limit.min(MAX_PAGE)],
        )
    }
    /// Deployments with findings that somebody is still to be told of.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn deployments_with_held(&self) -> Result<Vec<DeploymentId>> {
        let sql = "SELECT DISTINCT deployment FROM findings WHERE is_held = 1 LIMIT ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([MAX_PAGE], |row| row.get(0).map(DeploymentId::from_bytes));
        Ok(rows?.collect::<rusqlite::Result<_>>()?)
    }
    /// How many findings are not resolved, by deployment, kind, severity and state.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn count_findings(&self) -> Result<Vec<(DeploymentId, [String; 3], u64)>> {
        let sql = "SELECT deployment, kind, severity, state, count(*) FROM findings
                   WHERE state <> 'resolved' GROUP BY 1, 2, 3, 4 LIMIT ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([MAX_PAGE], |row| {
            let words = [row.get(1)?, row.get(2)?, row.get(3)?];
            Ok((DeploymentId::from_bytes(row.get(0)?), words, row::count(row, 4)?))
        });
        Ok(rows?.collect::<rusqlite::Result<_>>()?)
    }
    /// How many findings a deployment has, whatever their state.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn finding_count(&self, deployment: DeploymentId) -> Result<u64> {
        let sql = "SELECT count(*) FROM findings WHERE deployment = ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row([deployment.as_bytes()], |r| row::count(r, 0))?)
    }
    /// Every silence that is not over for good before `time`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn silences(&self, time: Time) -> Result<Vec<SilenceRow>> {
        self.many(
            "silences WHERE ends_at > ?1 OR (every IS NOT NULL AND (last_at IS NULL OR
               last_at + (ends_at - starts_at) > ?1)) ORDER BY id LIMIT ?2",
            params![micros(time), MAX_PAGE],
        )
    }
    /// The silence with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn silence(&self, id: SilenceId) -> Result<Option<SilenceRow>> {
        self.one("silences WHERE id = ?1", [id.as_bytes()])
    }
    /// How a deployment's findings are told of, as JSON, if somebody said.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn alerting(&self, deployment: DeploymentId) -> Result<Option<String>> {
        let sql = "SELECT settings FROM alerting WHERE deployment = ?1";
        let found = self.0.prepare_cached(sql)?.query_row([deployment.as_bytes()], |r| r.get(0));
        Ok(found.optional()?)
    }
}

impl Write<'_> {
    /// Adds a finding, or writes everything of the one that has its id.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if another has the same key.
    pub fn put_finding(&self, row: &FindingRow) -> Result<()> {
        self.insert(
            "finding",
            &format!(
                "INSERT INTO findings ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                 ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)
                 ON CONFLICT (id) DO UPDATE SET severity = ?6, state = ?7, owner = ?8, \
                 assignee = ?9, version = ?10, text = ?11, numbers = ?12, occurrences = ?13, \
                 openings = ?14, since = ?15, until = ?16, opened_at = ?17, seen_at = ?18, \
                 due_at = ?19, snoozed_until = ?20, changed_by = ?21, changed_at = ?22, \
                 reason = ?23, is_held = ?24",
                FindingRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.deployment.as_bytes(),
                row.kind,
                row.about,
                row.slice,
                row.severity,
                row.state,
                row.owner,
                row.assignee,
                row.version,
                row.text,
                json(&row.numbers)?,
                signed(row.occurrences),
                signed(row.openings),
                micros(row.since),
                micros(row.until),
                micros(row.opened_at),
                micros(row.seen_at),
                micros(row.due_at),
                row.snoozed_until.map(micros),
                row.changed_by.map(|id| *id.as_bytes()),
                row.changed_at.map(micros),
                row.reason,
                row.is_held,
                row.tenant.as_bytes(),
            ],
        )
    }
    /// Nobody is to be told of these any more.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn release_findings(&self, ids: &[FindingId]) -> Result<()> {
        for id in ids {
            self.change("UPDATE findings SET is_held = 0 WHERE id = ?1", [id.as_bytes()])?;
        }
        Ok(())
    }
    /// Adds a silence.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there already.
    pub fn insert_silence(&self, row: &SilenceRow) -> Result<()> {
        self.insert(
            "silence",
            &format!(
                "INSERT INTO silences ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                SilenceRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.deployment.map(|id| *id.as_bytes()),
                row.kind,
                row.severity,
                micros(row.starts_at),
                micros(row.ends_at),
                row.every.map(signed),
                row.last_at.map(micros),
                row.reason,
                row.created_by.as_bytes(),
                micros(row.created_at),
            ],
        )
    }
    /// Takes a silence away.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such silence.
    pub fn delete_silence(&self, id: SilenceId) -> Result<()> {
        self.update("silence", "DELETE FROM silences WHERE id = ?1", [id.as_bytes()])
    }
    /// Says how a deployment's findings are told of.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn put_alerting(&self, deployment: DeploymentId, settings: &str) -> Result<()> {
        self.insert(
            "setting of alerts",
            "INSERT INTO alerting (deployment, settings) VALUES (?1, ?2)
             ON CONFLICT (deployment) DO UPDATE SET settings = ?2",
            params![deployment.as_bytes(), settings],
        )
    }
}

impl Store {
    /// Notes that a finding was seen again and is what it was: no change of state.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    pub fn note_finding(&self, row: &FindingRow) -> Result<()> {
        self.amend(|tx| tx.put_finding(row))
    }
}
