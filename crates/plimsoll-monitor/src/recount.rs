//! Counts again, from the ledger: what a crash took, or a reference's whole past.

use crate::files::MonitorError;
use crate::recorder::Recorder;
use plimsoll_ledger::{Entry, Ledger, Scanned};
use plimsoll_serving::{Seen, Watch};
use plimsoll_types::record::{DecisionBody, Kind, LeafDraft, ResultClass, Route};
use plimsoll_types::{DeploymentId, Rows, Time};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::thread::Scope;

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
/// each entry's index and, of those counted, its time; what it is told of is counted.
///
/// Opening bodies is most of the work, and is shared with threads of its own: what they count
/// adds up, whichever counts which.
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
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let begin = |_| Helper::begin(scope, ledger, recorder);
        let helpers: Vec<Helper> = (1..cores.min(MAX_THREADS)).map_while(begin).collect();
        let mut held: Vec<Entry> = Vec::new();
        let mut is_over = false;
        ledger.scan(wanted.from_index, &mut |entry| {
            if entry.index >= wanted.to_index {
                return ControlFlow::Break(());
            }
            if !is_wanted(&entry, wanted) {
                return progress(entry.index, None);
            }
            let slot = recorder.slot(entry.leaf.draft.time);
            let is_far =
                |first: &Entry| recorder.slot(first.leaf.draft.time).abs_diff(slot) > MAX_SLOTS;
            if held.len() >= MAX_HELD || held.first().is_some_and(is_far) {
                done.add(count_with(&helpers, ledger, recorder, &mut held));
                is_over = told(&mut held, &mut progress).is_break();
            }
            held.push(kept(entry));
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if !is_over {
            done.add(count_with(&helpers, ledger, recorder, &mut held));
            // Nothing is left to break off.
            let _last = told(&mut held, &mut progress);
        }
        Ok(done)
    })
}

/// Tells of entries that are counted, and lets go of them.
fn told(
    held: &mut Vec<Entry>,
    progress: &mut impl FnMut(u64, Option<Time>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    held.drain(..).try_for_each(|entry| progress(entry.index, Some(entry.leaf.draft.time)))
}

/// The entry beyond the scan, to be opened by another thread.
fn kept(entry: Scanned<'_>) -> Entry {
    let hash = entry.hash();
    let Scanned { index, leaf, sealed, .. } = entry;
    Entry { index, hash, leaf, tag: None, sealed: sealed.to_vec() }
}

/// Threads of a recount: more do not help, for one reads the ledger.
const MAX_THREADS: usize = 4;
/// Entries that are read before they are opened, a few MiB of them.
const MAX_HELD: usize = 2_048;
/// Slots that these may be apart, so that no thread has more of them to count than its shard of the
/// recorder takes.
const MAX_SLOTS: u64 = 8;

impl Recounted {
    fn add(&mut self, more: Self) {
        self.counted += more.counted;
        self.erased += more.erased;
    }
}

/// A thread that opens and counts a part of what is held.
struct Helper {
    give: Sender<Vec<Entry>>,
    take: Receiver<(Vec<Entry>, Recounted)>,
}

impl Helper {
    /// `None` if the machine has no thread to give; then there are fewer.
    fn begin<'scope>(
        scope: &'scope Scope<'scope, '_>,
        ledger: &'scope Ledger,
        recorder: &'scope Recorder,
    ) -> Option<Self> {
        let ((give, given), (said, take)) = (channel::<Vec<Entry>>(), channel());
        let work = move || {
            for part in given {
                let counted = count(ledger, recorder, &part);
                if said.send((part, counted)).is_err() {
                    return;
                }
            }
        };
        let builder = std::thread::Builder::new().name("plimsoll-recount".to_owned());
        builder.spawn_scoped(scope, work).ok()?;
        Some(Self { give, take })
    }
}

/// Opens and counts what is held, a part each.
fn count_with(
    helpers: &[Helper],
    ledger: &Ledger,
    recorder: &Recorder,
    held: &mut Vec<Entry>,
) -> Recounted {
    let part = held.len().div_ceil(helpers.len() + 1).max(1);
    let mut busy = Vec::new();
    for helper in helpers {
        let rest = held.split_off(held.len().saturating_sub(part).min(held.len()));
        match helper.give.send(rest) {
            Ok(()) => busy.push(helper),
            // It is gone; its part is this thread's.
            Err(SendError(mut rest)) => held.append(&mut rest),
        }
    }
    let mut done = count(ledger, recorder, held);
    // The last part was given first.
    for (rest, counted) in busy.iter().rev().filter_map(|helper| helper.take.recv().ok()) {
        held.extend(rest);
        done.add(counted);
    }
    done
}

fn count(ledger: &Ledger, recorder: &Recorder, entries: &[Entry]) -> Recounted {
    let mut done = Recounted::default();
    for entry in entries {
        let plaintext = ledger.open_body(entry).ok();
        match plaintext.and_then(|plaintext| DecisionBody::decode(&plaintext).ok()) {
            Some(body) => {
                show(&entry.leaf.draft, &body, recorder);
                done.counted += 1;
            }
            None => done.erased += 1,
        }
    }
    done
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
                read(&body.rows, outputs(&entry.leaf.draft, &body))
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

fn outputs<'b>(draft: &LeafDraft, body: &'b DecisionBody) -> &'b [f64] {
    let is_model = draft.route != Some(Route::Fallback);
    let first = body.outputs.first().filter(|_| is_model);
    first.map_or(&[], |(_, _, values)| values)
}

/// As the gateway shows it: `plimsoll_gateway`'s recorder and this must agree, which a test of the
/// whole server holds them to.
fn show(draft: &LeafDraft, body: &DecisionBody, recorder: &Recorder) {
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
        outputs: outputs(draft, body),
    });
}
