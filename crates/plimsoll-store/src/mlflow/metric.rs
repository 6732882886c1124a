//! Metrics: every value, and the newest of each.

use super::Result;
use crate::read::Read;
use crate::write::Write;
use plimsoll_mlflow::Metric;
use rusqlite::{Row, params};

/// The columns of a value, with those that only the history has.
const HISTORY: &str = "key, value, is_nan, time, step, logged, dataset_name, dataset_digest";

fn newest(row: &Row<'_>) -> std::result::Result<Metric, rusqlite::Error> {
    let is_nan: bool = row.get(2)?;
    Ok(Metric {
        key: row.get(0)?,
        value: if is_nan { f64::NAN } else { row.get(1)? },
        timestamp: row.get(3)?,
        step: row.get(4)?,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    })
}

fn historic(row: &Row<'_>) -> std::result::Result<Metric, rusqlite::Error> {
    Ok(Metric {
        model_id: row.get(5)?,
        dataset_name: row.get(6)?,
        dataset_digest: row.get(7)?,
        ..newest(row)?
    })
}

impl Read<'_> {
    /// The newest value of each metric of a run, by key.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn latest_metrics(&self, run: i64) -> Result<Vec<Metric>> {
        let sql =
            "SELECT key, value, is_nan, time, step FROM ml_latest WHERE run = ?1 ORDER BY key";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([run], newest)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    /// The values of a metric, oldest first, `limit` of them after `offset`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn metric_history(
        &self,
        run: i64,
        key: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Metric>> {
        let sql = format!(
            "SELECT {HISTORY} FROM ml_metrics WHERE run = ?1 AND key = ?2
             ORDER BY time, step, value LIMIT ?3 OFFSET ?4"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params![run, key, limit, offset], historic)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    /// The values of every metric of a run after the one that stands at `after`, in one fixed
    /// order: what the digest of a run is made of.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn all_metrics(&self, run: i64, offset: u32, limit: u32) -> Result<Vec<Metric>> {
        let sql = format!(
            "SELECT {HISTORY} FROM ml_metrics WHERE run = ?1
             ORDER BY key, time, step, value, is_nan LIMIT ?2 OFFSET ?3"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params![run, limit, offset], historic)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    /// The newest value of each metric of a logged model on each dataset.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn logged_metrics(&self, logged: &str, limit: u32) -> Result<Vec<Metric>> {
        let sql = format!(
            "SELECT {HISTORY}, (SELECT id FROM ml_runs WHERE row = run) FROM ml_metrics m
             WHERE logged = ?1 AND NOT EXISTS (
               SELECT 1 FROM ml_metrics n WHERE n.logged = ?1 AND n.run = m.run AND n.key = m.key
               AND n.dataset_name IS m.dataset_name AND n.dataset_digest IS m.dataset_digest
               AND (n.step, n.time, n.value) > (m.step, m.time, m.value))
             ORDER BY key, run, time LIMIT ?2"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params![logged, limit], |row| {
            Ok(Metric { run_id: row.get(8)?, ..historic(row)? })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
}

impl Write<'_> {
    /// Adds a value of a metric; one that is there already changes nothing.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn log_metric(&self, run: i64, metric: &Metric) -> Result<()> {
        let is_nan = metric.value.is_nan();
        let value = if is_nan { 0.0 } else { metric.value };
        let Metric { key, timestamp, step, .. } = metric;
        self.insert(
            "metric",
            "INSERT OR IGNORE INTO ml_metrics (run, key, time, step, value, is_nan, logged,
                                               dataset_name, dataset_digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                run,
                key,
                timestamp,
                step,
                value,
                is_nan,
                metric.model_id,
                metric.dataset_name,
                metric.dataset_digest
            ],
        )?;
        self.insert(
            "metric",
            "INSERT INTO ml_latest (run, key, time, step, value, is_nan)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET time = excluded.time, step = excluded.step,
               value = excluded.value, is_nan = excluded.is_nan
             WHERE (excluded.step, excluded.time, excluded.value)
                >= (ml_latest.step, ml_latest.time, ml_latest.value)",
            params![run, key, timestamp, step, value, is_nan],
        )
    }
}
