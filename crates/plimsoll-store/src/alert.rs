//! Who is told of findings, and what they were told: the outbox of alerts.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros};
use crate::store::Store;
use crate::write::{Write, json};
use plimsoll_types::{AlertId, AlertRouteId, DeploymentId, FindingId, Name, PrincipalId, Time};
use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// Somebody who is told of findings.
#[derive(Clone, PartialEq, Eq)]
pub struct RouteRow {
    /// Its id.
    pub id: AlertRouteId,
    /// Its name, unique.
    pub name: Name,
    /// In which shape it is told.
    pub shape: String,
    /// What may be shown of the address.
    pub origin: String,
    /// All of the address, sealed.
    pub address: Vec<u8>,
    /// What signatures are made with, or a key; sealed.
    pub secret: Vec<u8>,
    /// Only of these deployments.
    pub deployments: Option<Vec<Name>>,
    /// Only of these kinds.
    pub kinds: Option<Vec<String>>,
    /// The mildest that is told.
    pub severity: String,
    /// Who added it.
    pub created_by: PrincipalId,
    /// When.
    pub created_at: Time,
}

impl std::fmt::Debug for RouteRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteRow").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Something that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Its id.
    pub id: AlertId,
    /// The finding it is about first.
    pub finding: FindingId,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// What happened.
    pub what: String,
    /// Whether it counts against the budget.
    pub is_counted: bool,
    /// All of it, as JSON.
    pub body: String,
    /// When it was made.
    pub created_at: Time,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried, again after a failure.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It is tried no more.
    Dead,
}

impl DeliveryState {
    /// The word in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// A delivery whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAlert {
    /// The alert.
    pub alert: AlertId,
    /// Where to.
    pub route: AlertRouteId,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Time,
    /// All of it, as JSON.
    pub body: String,
}

/// A delivery, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAlert {
    /// The alert.
    pub alert: AlertId,
    /// The name of the route.
    pub route: Name,
    /// The finding it is about first.
    pub finding: FindingId,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// What happened.
    pub what: String,
    /// How far it is.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Of the next attempt.
    pub due_at: Time,
    /// Why the last one failed.
    pub why: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
}

impl Columns for RouteRow {
    const COLUMNS: &'static str = "id, name, shape, origin, address, secret, deployments, kinds, \
         severity, created_by, created_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let is_null = |at| row.get_ref(at).map(|value| value == ValueRef::Null);
        Ok(Self {
            id: AlertRouteId::from_bytes(row.get(0)?),
            name: row::name(row, 1)?,
            shape: row.get(2)?,
            origin: row.get(3)?,
            address: row.get(4)?,
            secret: row.get(5)?,
            deployments: if is_null(6)? { None } else { Some(row::json(row, 6)?) },
            kinds: if is_null(7)? { None } else { Some(row::json(row, 7)?) },
            severity: row.get(8)?,
            created_by: PrincipalId::from_bytes(row.get(9)?),
            created_at: row::time(row, 10)?,
        })
    }
}

impl Columns for DueAlert {
    const COLUMNS: &'static str = "d.alert, d.route, d.attempts, a.created_at, a.body";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            alert: AlertId::from_bytes(row.get(0)?),
            route: AlertRouteId::from_bytes(row.get(1)?),
            attempts: row.get(2)?,
            created_at: row::time(row, 3)?,
            body: row.get(4)?,
        })
    }
}

impl Columns for SentAlert {
    const COLUMNS: &'static str = "d.alert, r.name, a.finding, a.deployment, a.what, d.state, \
         d.attempts, d.due_at, d.why, a.created_at, d.ended_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            alert: AlertId::from_bytes(row.get(0)?),
            route: row::name(row, 1)?,
            finding: FindingId::from_bytes(row.get(2)?),
            deployment: DeploymentId::from_bytes(row.get(3)?),
            what: row.get(4)?,
            state: row.get(5)?,
            attempts: row.get(6)?,
            due_at: row::time(row, 7)?,
            why: row.get(8)?,
            created_at: row::time(row, 9)?,
            ended_at: row::maybe_time(row, 10)?,
        })
    }
}

impl Read<'_> {
    /// Every route, by name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn alert_routes(&self) -> Result<Vec<RouteRow>> {
        self.many("alert_routes ORDER BY name LIMIT ?1", [MAX_PAGE])
    }
    /// The route with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn alert_route_named(&self, name: &str) -> Result<Option<RouteRow>> {
        self.one("alert_routes WHERE name = ?1", [name])
    }
    /// The route with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn alert_route(&self, id: AlertRouteId) -> Result<Option<RouteRow>> {
        self.one("alert_routes WHERE id = ?1", [id.as_bytes()])
    }
    /// Routes that were told of a finding, or are about to be.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn routes_told(&self, finding: FindingId) -> Result<Vec<RouteRow>> {
        self.many(
            "alert_routes WHERE id IN (SELECT d.route FROM alert_deliveries d
               JOIN alerts a ON a.id = d.alert WHERE a.finding = ?1) ORDER BY name LIMIT ?2",
            params![finding.as_bytes(), MAX_PAGE],
        )
    }
    /// How many alerts of a deployment after `since` count against its budget.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn counted_alerts(&self, deployment: DeploymentId, since: Time) -> Result<u64> {
        let sql = "SELECT count(*) FROM alerts
                   WHERE deployment = ?1 AND created_at > ?2 AND is_counted = 1";
        let mut statement = self.0.prepare_cached(sql)?;
        let params = params![deployment.as_bytes(), micros(since)];
        Ok(statement.query_row(params, |row| row::count(row, 0))?)
    }
    /// Deliveries that are due, oldest first. Of one finding, a route is told one thing after
    /// the other.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn due_alerts(&self, now: Time, limit: u32) -> Result<Vec<DueAlert>> {
        self.many(
            "alert_deliveries d JOIN alerts a ON a.id = d.alert
             WHERE d.state = 'waiting' AND d.due_at <= ?1 AND NOT EXISTS (
               SELECT 1 FROM alert_deliveries e JOIN alerts b ON b.id = e.alert
               WHERE e.route = d.route AND e.state = 'waiting' AND b.finding = a.finding
                 AND e.alert < d.alert)
             ORDER BY d.alert LIMIT ?2",
            params![micros(now), limit.min(MAX_PAGE)],
        )
    }
    /// How many deliveries are in a state.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn count_deliveries(&self, state: DeliveryState) -> Result<u64> {
        let sql = "SELECT count(*) FROM alert_deliveries WHERE state = ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row([state.as_str()], |row| row::count(row, 0))?)
    }
    /// Deliveries, latest first, before `before`; in one state and of one finding, if they are told.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn sent_alerts(
        &self,
        state: Option<&str>,
        finding: Option<FindingId>,
        before: Option<AlertId>,
        limit: u32,
    ) -> Result<Vec<SentAlert>> {
        let before = before.map_or([0xff; 16], |id| *id.as_bytes());
        self.many(
            "alert_deliveries d JOIN alerts a ON a.id = d.alert JOIN alert_routes r ON r.id = d.route
             WHERE d.alert < ?1 AND (?2 IS NULL OR d.state = ?2) AND (?4 IS NULL OR a.finding = ?4)
             ORDER BY d.alert DESC, r.name LIMIT ?3",
            params![before, state, limit.min(MAX_PAGE), finding.map(|id| *id.as_bytes())],
        )
    }
}

impl Write<'_> {
    /// Adds a route.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken.
    pub fn insert_alert_route(&self, row: &RouteRow) -> Result<()> {
        self.insert(
            "alert route",
            &format!(
                "INSERT INTO alert_routes ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                 ?11)",
                RouteRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.name.as_str(),
                row.shape,
                row.origin,
                row.address,
                row.secret,
                row.deployments.as_ref().map(json).transpose()?,
                row.kinds.as_ref().map(json).transpose()?,
                row.severity,
                row.created_by.as_bytes(),
                micros(row.created_at),
            ],
        )
    }
    /// Takes a route away, with its secret and what it was still to be told.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such route.
    pub fn delete_alert_route(&self, id: AlertRouteId) -> Result<()> {
        self.update("alert route", "DELETE FROM alert_routes WHERE id = ?1", [id.as_bytes()])
    }
    /// Notes what is to be told to whom.
    ///
    /// # Errors
    /// [`StoreError::Dangling`] if its finding or a route is not there.
    pub fn insert_alert(&self, row: &AlertRow, routes: &[AlertRouteId]) -> Result<()> {
        self.insert(
            "alert",
            "INSERT INTO alerts (id, finding, deployment, what, is_counted, body, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                row.id.as_bytes(),
                row.finding.as_bytes(),
                row.deployment.as_bytes(),
                row.what,
                row.is_counted,
                row.body,
                micros(row.created_at),
            ],
        )?;
        for route in routes {
            self.insert(
                "delivery of an alert",
                "INSERT INTO alert_deliveries (alert, route, state, attempts, due_at)
                 VALUES (?1, ?2, 'waiting', 0, ?3)",
                params![row.id.as_bytes(), route.as_bytes(), micros(row.created_at)],
            )?;
        }
        Ok(())
    }
    /// Tries a delivery that is tried no more again.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such dead delivery.
    pub fn revive_alert(&self, alert: AlertId, now: Time) -> Result<()> {
        let sql = "UPDATE alert_deliveries SET state = 'waiting', due_at = ?2, ended_at = NULL
                   WHERE alert = ?1 AND state = 'dead'";
        match self.change(sql, params![alert.as_bytes(), micros(now)])? {
            0 => Err(StoreError::Gone("delivery that is tried no more")),
            _ => Ok(()),
        }
    }
}

impl Store {
    /// Notes what became of an attempt: nothing is noted of a delivery that ended meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_delivery(
        &self,
        (alert, route): (AlertId, AlertRouteId),
        state: DeliveryState,
        due_at: Time,
        why: Option<&str>,
        now: Time,
    ) -> Result<()> {
        let ended = (state != DeliveryState::Waiting).then(|| micros(now));
        let sql = "UPDATE alert_deliveries SET state = ?3, attempts = attempts + 1, due_at = ?4,
                   why = ?5, ended_at = ?6 WHERE alert = ?1 AND route = ?2 AND state = 'waiting'";
        let (alert, route) = (alert.as_bytes(), route.as_bytes());
        let params = params![alert, route, state.as_str(), micros(due_at), why, ended];
        self.writer().execute(sql, params)?;
        Ok(())
    }
    /// Forgets deliveries that ended before `time` and what they told, a bounded number of
    /// them. Gives how many alerts went.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn forget_alerts(&self, time: Time) -> Result<usize> {
        let sql = "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts a WHERE created_at < ?1
                     AND NOT EXISTS (SELECT 1 FROM alert_deliveries d
                       WHERE d.alert = a.id AND d.state = 'waiting') LIMIT ?2)";
        Ok(self.writer().execute(sql, params![micros(time), MAX_PAGE])?)
    }
}
