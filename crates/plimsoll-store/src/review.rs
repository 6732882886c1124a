//! The queue of reviews: derived from the ledger, with the index it was derived up to.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros, signed};
use crate::store::Store;
use plimsoll_types::{DecisionId, DeploymentId, PrincipalId, Time};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

type Result<T> = std::result::Result<T, StoreError>;

/// Reviews whose times are read for a median.
const MAX_TIMES: u32 = 100_000;

/// A decision that a person looks at, or has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// The decision.
    pub decision: DecisionId,
    /// Its index in the ledger.
    pub index: u64,
    /// Its deployment.
    pub deployment: DeploymentId,
    /// When it was made.
    pub decided_at: Time,
    /// Why a person looks at it.
    pub why: String,
    /// Where it stands.
    pub state: String,
    /// When it was last contested.
    pub contested_at: Option<Time>,
    /// When it was last reviewed.
    pub reviewed_at: Option<Time>,
    /// Who reviewed it last.
    pub reviewer: Option<PrincipalId>,
}

impl Columns for ReviewRow {
    const COLUMNS: &'static str = "decision, ledger_index, deployment, decided_at, why, state, \
         contested_at, reviewed_at, reviewer";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            decision: DecisionId::from_bytes(row.get(0)?),
            index: row::count(row, 1)?,
            deployment: DeploymentId::from_bytes(row.get(2)?),
            decided_at: row::time(row, 3)?,
            why: row.get(4)?,
            state: row.get(5)?,
            contested_at: row::maybe_time(row, 6)?,
            reviewed_at: row::maybe_time(row, 7)?,
            reviewer: row.get::<_, Option<[u8; 16]>>(8)?.map(PrincipalId::from_bytes),
        })
    }
}

/// What a record of the ledger means for the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewMark {
    /// A model answered.
    Counted {
        /// Of which deployment.
        deployment: DeploymentId,
        /// When.
        time: Time,
    },
    /// A person is to look at a decision, or looked at it unasked.
    Asked(ReviewRow),
    /// Somebody contested it.
    Contested {
        /// The decision.
        decision: DecisionId,
        /// When.
        time: Time,
    },
    /// Somebody reviewed it.
    Reviewed {
        /// The decision.
        decision: DecisionId,
        /// `accepted` or `overridden`.
        state: &'static str,
        /// Who.
        reviewer: PrincipalId,
        /// When.
        time: Time,
    },
    /// A record says something about it.
    Said {
        /// The decision.
        decision: DecisionId,
        /// The record's index.
        index: u64,
    },
}

/// The reviews of one deployment's decisions in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReviewTotals {
    /// Decisions in the queue, whatever their state.
    pub asked: u64,
    /// Of these, waiting.
    pub waiting: u64,
    /// Accepted.
    pub accepted: u64,
    /// Overridden.
    pub overridden: u64,
    /// Contested, whatever their state.
    pub contested: u64,
    /// When the oldest that waits was made.
    pub oldest_waiting: Option<Time>,
    /// Microseconds from decision or contest to review, ascending.
    pub times: Vec<u64>,
    /// Answered decisions counted; `None` if none were.
    pub decisions: Option<u64>,
}

impl Read<'_> {
    /// The case of a decision.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn review(&self, decision: DecisionId) -> Result<Option<ReviewRow>> {
        self.one("reviews WHERE decision = ?1", [decision.as_bytes()])
    }
    /// Cases in a state, oldest decision first, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn reviews(
        &self,
        state: &str,
        after: Option<DecisionId>,
        limit: u32,
    ) -> Result<Vec<ReviewRow>> {
        let after = after.unwrap_or(DecisionId::from_bytes([0; 16]));
        self.many(
            "reviews WHERE state = ?1 AND decision > ?2 ORDER BY decision LIMIT ?3",
            params![state, after.as_bytes(), limit.min(MAX_PAGE)],
        )
    }
    /// The ledger indexes of what was said about a decision, oldest first, at most a page.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn review_records(&self, decision: DecisionId) -> Result<Vec<u64>> {
        let sql = "SELECT ledger_index FROM review_records WHERE decision = ?1
                   ORDER BY ledger_index DESC LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement
            .query_map(params![decision.as_bytes(), MAX_PAGE], |row| row::count(row, 0))?;
        let mut rows = rows.collect::<std::result::Result<Vec<u64>, _>>()?;
        rows.reverse();
        Ok(rows)
    }
    /// The ledger index up to which the queue was derived.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn review_cursor(&self) -> Result<u64> {
        let sql = "SELECT cursor FROM review_cursor";
        let found = self.0.prepare_cached(sql)?.query_row([], |row| row::count(row, 0));
        Ok(found.optional()?.unwrap_or(0))
    }
    /// The reviews of a deployment's decisions made from `since` until before `until`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn review_totals(
        &self,
        deployment: DeploymentId,
        since: Time,
        until: Time,
    ) -> Result<ReviewTotals> {
        let window = params![deployment.as_bytes(), micros(since), micros(until)];
        let sql = "SELECT count(*), count(*) FILTER (WHERE state = 'waiting'),
                     count(*) FILTER (WHERE state = 'accepted'),
                     count(*) FILTER (WHERE state = 'overridden'),
                     count(contested_at),
                     min(decided_at) FILTER (WHERE state = 'waiting')
                   FROM reviews WHERE deployment = ?1 AND decided_at >= ?2 AND decided_at < ?3";
        let mut totals = self.0.prepare_cached(sql)?.query_row(window, |row| {
            Ok(ReviewTotals {
                asked: row::count(row, 0)?,
                waiting: row::count(row, 1)?,
                accepted: row::count(row, 2)?,
                overridden: row::count(row, 3)?,
                contested: row::count(row, 4)?,
                oldest_waiting: row::maybe_time(row, 5)?,
                ..ReviewTotals::default()
            })
        })?;
        let sql = format!(
            "SELECT max(0, reviewed_at - coalesce(contested_at, decided_at)) AS taken FROM reviews
             WHERE deployment = ?1 AND decided_at >= ?2 AND decided_at < ?3
               AND state IN ('accepted', 'overridden') ORDER BY taken LIMIT {MAX_TIMES}"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let times = statement.query_map(window, |row| row::count(row, 0))?;
        totals.times = times.collect::<std::result::Result<_, _>>()?;
        let sql = "SELECT sum(decisions) FROM review_counts
                   WHERE deployment = ?1 AND hour >= ?2 AND hour <= ?3";
        let hours = params![
            deployment.as_bytes(),
            signed(hour(since)),
            signed(hour(until.minus(std::time::Duration::from_micros(1)))),
        ];
        let counted: Option<i64> =
            self.0.prepare_cached(sql)?.query_row(hours, |row| row.get(0))?;
        totals.decisions = counted.and_then(|n| u64::try_from(n).ok());
        Ok(totals)
    }
}

const fn hour(time: Time) -> u64 {
    time.as_secs() / 3_600
}

impl Store {
    /// Applies what records mean for the queue, and that it is derived up to `cursor`: all
    /// of it or nothing. Nothing happens if it was derived further already.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn apply_reviews(&self, from: u64, cursor: u64, marks: &[ReviewMark]) -> Result<()> {
        let mut writer = self.writer();
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let moved = tx.execute(
            "UPDATE review_cursor SET cursor = ?2 WHERE cursor = ?1",
            params![signed(from), signed(cursor)],
        )?;
        if moved == 1 {
            marks.iter().try_for_each(|mark| apply(&tx, mark))?;
        }
        tx.commit()?;
        Ok(())
    }
}

fn apply(tx: &Connection, mark: &ReviewMark) -> Result<()> {
    match mark {
        ReviewMark::Counted { deployment, time } => tx
            .prepare_cached(
                "INSERT INTO review_counts (deployment, hour, decisions) VALUES (?1, ?2, 1)
                 ON CONFLICT (deployment, hour) DO UPDATE SET decisions = decisions + 1",
            )?
            .execute(params![deployment.as_bytes(), signed(hour(*time))])?,
        ReviewMark::Asked(case) => tx
            .prepare_cached(
                "INSERT OR IGNORE INTO reviews
                   (decision, ledger_index, deployment, decided_at, why, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                case.decision.as_bytes(),
                signed(case.index),
                case.deployment.as_bytes(),
                micros(case.decided_at),
                case.why,
                case.state,
            ])?,
        ReviewMark::Contested { decision, time } => tx
            .prepare_cached(
                "UPDATE reviews SET state = 'waiting', contested_at = ?2 WHERE decision = ?1",
            )?
            .execute(params![decision.as_bytes(), micros(*time)])?,
        ReviewMark::Reviewed { decision, state, reviewer, time } => tx
            .prepare_cached(
                "UPDATE reviews SET state = ?2, reviewer = ?3, reviewed_at = ?4
                 WHERE decision = ?1",
            )?
            .execute(params![decision.as_bytes(), state, reviewer.as_bytes(), micros(*time)])?,
        ReviewMark::Said { decision, index } => tx
            .prepare_cached("INSERT OR IGNORE INTO review_records VALUES (?1, ?2)")?
            .execute(params![decision.as_bytes(), signed(*index)])?,
    };
    Ok(())
}
