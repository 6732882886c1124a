//! Counts again, from the ledger: what a crash took, or a reference's whole past.

use crate::files::MonitorError;
use crate::recorder::Recorder;
use plimsoll_ledger::{Ledger, Scanned};
use plimsoll_serving::{Seen, Watch};
use plimsoll_types::record::{DecisionBody, Kind, ResultClass, Route};
use plimsoll_types::{DeploymentId, Rows, Time};
use std::ops::ControlFlow;

/// Which decisions are counted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// From this ledger index on.
    pub from_index: u64,
    /// Before this one.
    pub to_index: u64,
    /// Accepted at this time or later.
    pub since: Time,
    /// Accepted before this time.
    pub until: Time,
    /// Of this deployment, if not of all.
    pub deployment: Option<DeploymentId>,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recounted {
    /// Decisions counted.
    pub counted: u64,
    /// Decisions whose keys are gone: nobody can say what they were.
    pub erased: u64,
}

/// Shows each wanted decision to `recorder`, as it was shown when it was made. `progress` is told
/// each entry's index and, of those counted, its time.
///
/// # Errors
/// [`MonitorError::Ledger`] if it cannot be read.
pub fn recount(
    ledger: &Ledger,
    wanted: &Wanted,
    recorder: &Recorder,
    mut progress: impl FnMut(u64, Option<Time>) -> ControlFlow<()>,
) -> Result<Recounted, MonitorError> {
    let mut done = Recounted::default();
    ledger.scan(wanted.from_index, &mut |entry| {
        if entry.index >= wanted.to_index {
            return ControlFlow::Break(());
        }
        let time = is_wanted(&entry, wanted).then_some(entry.leaf.draft.time);
        if time.is_some() {
            match body(ledger, &entry) {
                Some(body) => {
                    show(&entry, &body, recorder);
                    done.counted += 1;
                }
                None => done.erased += 1,
            }
        }
        progress(entry.index, time)
    })?;
    Ok(done)
}

/// Reads the rows and the model's outputs of each wanted decision of one version that was
/// answered.
///
/// # Errors
/// [`MonitorError::Ledger`] if it cannot be read.
pub fn read_rows(
    ledger: &Ledger,
    wanted: &Wanted,
    version: u32,
    mut read: impl FnMut(&Rows, &[f64]) -> ControlFlow<()>,
) -> Result<(), MonitorError> {
    ledger.scan(wanted.from_index, &mut |entry| {
        if entry.index >= wanted.to_index {
            return ControlFlow::Break(());
        }
        if !is_wanted(&entry, wanted) {
            return ControlFlow::Continue(());
        }
        match body(ledger, &entry) {
            Some(body) if body.version == version && !body.rows.is_empty() => {
                read(&body.rows, outputs(&entry, &body))
            }
            _ => ControlFlow::Continue(()),
        }
    })?;
    Ok(())
}

pub(crate) fn is_wanted(entry: &Scanned<'_>, wanted: &Wanted) -> bool {
    let draft = &entry.leaf.draft;
    draft.kind == Kind::Decision
        && draft.deployment.is_some()
        && draft.time >= wanted.since
        && draft.time < wanted.until
        && draft.result.is_some_and(|result| result != ResultClass::Replayed)
        && wanted.deployment.is_none_or(|id| draft.deployment == Some(id))
}

pub(crate) fn body(ledger: &Ledger, entry: &Scanned<'_>) -> Option<DecisionBody> {
    let plaintext = entry.open(ledger.keys()).ok()?;
    DecisionBody::decode(&plaintext).ok()
}

fn outputs<'b>(entry: &Scanned<'_>, body: &'b DecisionBody) -> &'b [f64] {
    let is_model = entry.leaf.draft.route != Some(Route::Fallback);
    let first = body.outputs.first().filter(|_| is_model);
    first.map_or(&[], |(_, _, values)| values)
}

/// As the gateway shows it: `plimsoll_gateway`'s recorder and this must agree, which a test of the
/// whole server holds them to.
fn show(entry: &Scanned<'_>, body: &DecisionBody, recorder: &Recorder) {
    let draft = &entry.leaf.draft;
    let (Some(deployment), Some(result)) = (draft.deployment, draft.result) else { return };
    recorder.see(&Seen {
        deployment,
        version: body.version,
        contract: draft.contract,
        time: draft.time,
        nanos: body.phases.iter().map(|(_, nanos)| u64::from(*nanos)).sum(),
        result,
        refusal: body.refusal.as_ref().map(|refusal| refusal.code),
        rows: &body.rows,
        flags: body.flags.len(),
        outputs: outputs(entry, body),
    });
}
