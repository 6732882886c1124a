//! The decisions about one person, found by the bloom filters on pseudonyms.

use crate::error::LakeError;
use crate::lake::Lake;
use crate::provider::Visible;
use crate::query::Ask;
use crate::shape::{COMMON, Role, Slot};
use arrow::array::AsArray;
use plimsoll_types::digest::hex;
use plimsoll_types::{DecisionId, TenantId, Time};
use std::time::Duration;

/// A search takes a tenth of a second; one that takes this long meets a broken disk.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Whose decisions are looked for.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The person, as requests name them.
    pub name: &'a str,
    /// The organisation in which they have this name.
    pub tenant: TenantId,
    /// Where to look; only where bodies may be read is anything found.
    pub tables: Vec<Visible>,
    /// Only decisions accepted at or after this time.
    pub since: Option<Time>,
    /// Only decisions accepted before this time.
    pub until: Option<Time>,
    /// At most this many.
    pub limit: u64,
}

impl Lake {
    /// The decisions about a person, newest first. Blocks; must not be called from a task.
    ///
    /// # Errors
    /// [`LakeError`]; without keys nobody can be looked for.
    pub fn find_subject(&self, subject: &Subject<'_>) -> Result<Vec<DecisionId>, LakeError> {
        let Some(keys) = self.0.source.keys() else {
            return Err(LakeError::Statement("looking for a subject needs the keys folder".into()));
        };
        let pseudonym = hex(&keys.subject_pseudonym(subject.tenant, subject.name));
        let open: Vec<Visible> =
            subject.tables.iter().filter(|table| table.may_open).cloned().collect();
        let mut parts = Vec::with_capacity(open.len());
        for table in &open {
            let columns = self.columns(table)?;
            let subject_columns = columns.iter().filter(|column| {
                let common = COMMON.get(Slot::Subject as usize).map(|common| common.name);
                column.role == Role::Subject.as_str() || Some(column.name.as_str()) == common
            });
            // Names of columns and tables are quoted; the pseudonym is hexadecimal.
            let any: Vec<String> = subject_columns
                .map(|column| format!("{} = '{pseudonym}'", quoted(&column.name)))
                .collect();
            let mut filter = format!("({})", any.join(" or "));
            for (op, time) in [(">=", subject.since), ("<", subject.until)] {
                if let Some(time) = time {
                    let micros = time.as_micros();
                    filter.push_str(&format!(" and \"time\" {op} to_timestamp_micros({micros})"));
                }
            }
            let name = quoted(&table.name);
            parts.push(format!("select decision_id, \"index\" from {name} where {filter}"));
        }
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let all = parts.join(" union all ");
        let limit = subject.limit;
        let sql = format!(
            "select decision_id, max(\"index\") as i from ({all}) as a group by 1 order by i desc limit {limit}"
        );
        let ask = Ask { sql, tables: open, tenant: subject.tenant, rows: limit, timeout: TIMEOUT };
        let mut answer = self.query_trusted(ask)?;
        let mut found = Vec::new();
        while let Some(batch) = answer.next_blocking() {
            let batch = batch?;
            let ids = batch.columns().first().and_then(|column| column.as_string_view_opt());
            let ids = ids.ok_or_else(|| LakeError::Table("its ids are not texts".into()))?;
            found.extend(ids.iter().flatten().filter_map(|id| id.parse::<DecisionId>().ok()));
        }
        Ok(found)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
