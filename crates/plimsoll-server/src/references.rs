//! References that are set by themselves: of a version that answers, or is on its way there, from
//! the rows that it was trained on. What nobody can say stays told as unwatched.

use crate::app::App;
use crate::handlers_monitoring::{CHUNK, Subject, answers, from_file};
use crate::routes::Fail;
use plimsoll_batch::Format;
use plimsoll_control::{ControlError, ReferenceSource, Unreferenced};
use plimsoll_lake::{Ask, Visible};
use plimsoll_monitor::explain::Sampler;
use plimsoll_monitor::monitor::{document, reference_of};
use plimsoll_monitor::recount::Wanted;
use plimsoll_monitor::reference::{Habits, MAX_ROWS};
use plimsoll_monitor::trained::read_trained;
use plimsoll_monitor::{Builder, Reference, ReferenceError, Watched};
use plimsoll_types::{DecisionId, DeploymentId, Rows, Time};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long to wait before it is tried again where there were no rows, or too few.
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// Versions of which it is remembered when that was tried.
const MAX_TRIED: usize = 10_000;
/// Time for asking which rows a condition leaves.
const ASKING: Duration = Duration::from_secs(120);
/// The longest answer to that: two numbers and an id a row.
const MAX_LIST: usize = 32 * 1024 * 1024;

/// What was tried of versions without a reference.
#[derive(Debug, Default)]
pub(crate) struct References(Mutex<HashMap<(DeploymentId, u32), Time>>);

/// Why no reference came of a source.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error("{0}")]
    Control(#[from] ControlError),
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    #[error("the file's columns are not those of the contract")]
    File,
    #[error("the ledger or the decision tables cannot be read now")]
    Rows,
}

impl References {
    /// Makes the references that are missing and can be made. Blocks; of a new version, reading
    /// its rows takes as long as reading the ledger once.
    pub(crate) fn look(&self, app: &App) {
        let missing = match app.control.unreferenced() {
            Ok(missing) => missing,
            Err(error) => {
                tracing::warn!(%error, "versions without a reference could not be looked up");
                return;
            }
        };
        for key in missing {
            if !self.is_due(key, app.clock.now()) {
                continue;
            }
            if let Err(error) = set(app, key) {
                let (deployment, version) = key;
                tracing::warn!(%deployment, version, %error, "a version stays without a reference");
            }
        }
    }

    fn is_due(&self, key: (DeploymentId, u32), now: Time) -> bool {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.get(&key).is_some_and(|at| now.since(*at) < AGAIN) {
            return false;
        }
        if tried.len() >= MAX_TRIED {
            tried.retain(|_, at| now.since(*at) < AGAIN);
        }
        tried.insert(key, now);
        true
    }
}

/// Sets the reference of a version from the first source that has rows enough.
fn set(app: &App, (deployment, version): (DeploymentId, u32)) -> Result<(), ControlError> {
    let found = app.control.reference_sources(deployment, version)?;
    let Some(found) = found.filter(|found| !found.sources.is_empty()) else { return Ok(()) };
    let (contract, digest, served) = app.control.version_without_reference(deployment, version)?;
    let subject = Subject { contract: &contract, digest, version: Some(&served) };
    let habits = found.like.as_deref().and_then(|like| reference_of(like).ok());
    let habits = habits.map(|like| like.habits).unwrap_or_default();
    for source in &found.sources {
        match made(app, &subject, source, habits.clone()) {
            Ok(reference) => return keep(app, &found, reference),
            Err(error) => tracing::info!(
                deployment = %found.name, version, %error, "no reference came of {}", origin(source)
            ),
        }
    }
    Ok(())
}

fn keep(app: &App, found: &Unreferenced, reference: Reference) -> Result<(), ControlError> {
    let text = document(&reference)
        .map_err(|_| ControlError::Internal("a reference could not be written"))?;
    let facts = json!({
        "origin": reference.origin, "rows": reference.rows, "by_itself": true,
    });
    let Some(digest) = app.control.set_first_reference(found, text, facts)? else {
        return Ok(());
    };
    tracing::info!(
        deployment = %found.name, version = found.version, rows = reference.rows,
        "a version is watched against {}", reference.origin
    );
    app.monitor.adopt(Watched { key: (found.deployment, found.version), reference, digest });
    Ok(())
}

fn origin(source: &ReferenceSource) -> &str {
    match source {
        ReferenceSource::Trained { origin, .. } | ReferenceSource::File { origin, .. } => origin,
    }
}

fn made(
    app: &App,
    subject: &Subject<'_>,
    source: &ReferenceSource,
    habits: Habits,
) -> Result<Reference, Unmade> {
    let (name, width) = subject.output();
    let mut builder = Builder::new(subject.contract, subject.digest, name, width);
    let mut sampler = Sampler::default();
    let refused = match source {
        ReferenceSource::Trained { .. } => {
            trained(app, subject, source, &mut builder)?;
            0
        }
        ReferenceSource::File { digest, is_parquet, .. } => {
            let bytes = app.control.reference_file(*digest)?;
            let format = if *is_parquet { Format::Parquet } else { Format::Csv };
            from_file(subject, format, bytes, (&mut builder, &mut sampler))
                .map_err(|_: Fail| Unmade::File)?
        }
    };
    let times = (app.clock.now(), app.monitor.next_start());
    let mut reference = builder.finish(habits, origin(source).to_owned(), refused, times)?;
    reference.contributions = subject.version.and_then(|version| sampler.contributions(version));
    Ok(reference)
}

/// The rows of a retraining, and what the new version answers to them.
fn trained(
    app: &App,
    subject: &Subject<'_>,
    source: &ReferenceSource,
    builder: &mut Builder,
) -> Result<(), Unmade> {
    let ReferenceSource::Trained { deployment, name, from, until, exclude, .. } = source else {
        return Ok(());
    };
    let left = match exclude {
        None => None,
        Some(exclude) => {
            let table = Visible { deployment: *deployment, name: name.to_string(), may_open: true };
            Some(left(app, table, (*from, *until), exclude)?)
        }
    };
    let wanted = Wanted {
        from_index: 0,
        to_index: app.gateway.ledger().durable(),
        since: *from,
        until: *until,
        deployment: Some(*deployment),
    };
    let mut chunk: Vec<Rows> = Vec::new();
    let mut is_full = false;
    read_trained(app.gateway.ledger(), &wanted, subject.digest, |id, rows| {
        chunk.extend(singles(rows, |row| {
            left.as_ref().is_none_or(|left| left.contains(&(id, row)))
        }));
        if chunk.len() >= CHUNK {
            is_full = take(subject, &mut chunk, builder).is_err();
        }
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .map_err(|_| Unmade::Rows)?;
    // Rows beyond as many as a reference may have are left out.
    if !is_full {
        drop(take(subject, &mut chunk, builder));
    }
    Ok(())
}

fn take(
    subject: &Subject<'_>,
    chunk: &mut Vec<Rows>,
    builder: &mut Builder,
) -> Result<(), ReferenceError> {
    let (answers, width) =
        subject.version.map_or((Vec::new(), 0), |version| answers(version, chunk));
    for (row, rows) in chunk.drain(..).enumerate() {
        let own = answers.get(row * width..(row + 1) * width).unwrap_or_default();
        builder.read(&rows, own)?;
    }
    Ok(())
}

/// The rows of a decision that are wanted, one by one.
fn singles<'a>(
    rows: &'a Rows,
    is_wanted: impl Fn(u32) -> bool + 'a,
) -> impl Iterator<Item = Rows> + 'a {
    let wanted = (0_u32..).zip(rows.cells.chunks(rows.width.max(1)));
    wanted.filter(move |(row, _)| is_wanted(*row)).map(|(_, cells)| Rows {
        width: rows.width,
        cells: cells.to_vec(),
        text: rows.text.clone(),
        numbers: rows.numbers.clone(),
    })
}

/// Which rows a condition leaves: the question that the trainer's rows were asked by.
fn left(
    app: &App,
    table: Visible,
    (from, until): (Time, Time),
    exclude: &str,
) -> Result<HashSet<(DecisionId, u32)>, Unmade> {
    let (from, until) = (plimsoll_api::Timestamp(from), plimsoll_api::Timestamp(until));
    let name = table.name.replace('"', "\"\"");
    let sql = format!(
        "SELECT decision_id, \"row\" FROM \"{name}\" WHERE time >= TIMESTAMP '{from}' \
         AND time < TIMESTAMP '{until}' AND NOT ({exclude})"
    );
    let ask = Ask {
        sql,
        tables: vec![table],
        tenant: app.control.tenant(),
        rows: MAX_ROWS as u64,
        timeout: ASKING,
    };
    let mut answer =
        app.lake.query_as(ask, plimsoll_lake::Format::Csv).map_err(|_| Unmade::Rows)?;
    let mut text = Vec::new();
    while let Some(piece) = answer.next_blocking() {
        let piece = piece.map_err(|_| Unmade::Rows)?;
        if text.len() + piece.len() > MAX_LIST {
            return Err(Unmade::Rows);
        }
        text.extend_from_slice(&piece);
    }
    Ok(listed(&String::from_utf8_lossy(&text)))
}

/// Ids and rows of a list, one of each a line; a line with names is passed over.
fn listed(text: &str) -> HashSet<(DecisionId, u32)> {
    let line = |line: &str| {
        let (id, row) = line.trim().split_once(',')?;
        Some((id.trim_matches('"').parse().ok()?, row.trim_matches('"').parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::Cell;

    #[test]
    fn rows_that_a_condition_leaves_are_read_and_no_others() {
        let id: DecisionId = DecisionId::from_bytes([7; 16]);
        let listed = listed(&format!("decision_id,row\n{id},1\n\"{id}\",2\nnonsense\n"));
        assert_eq!(listed, HashSet::from([(id, 1), (id, 2)]));
        let cells = (0..6).map(|n| Cell::Number(f64::from(n))).collect();
        let rows = Rows { width: 2, cells, ..Rows::default() };
        let left: Vec<Rows> = singles(&rows, |row| listed.contains(&(id, row))).collect();
        assert_eq!(left.len(), 2);
        assert_eq!(left[0].row(0), [Cell::Number(2.0), Cell::Number(3.0)]);
    }
}
