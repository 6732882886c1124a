//! Deferred explanations: computed after the reply, one ledger record each.
//!
//! The work list is the ledger itself, read by a durable cursor that lags behind, so that no
//! decision is missed; explanations found past the cursor after a crash are not made again.

use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::explain::compute;
use plimsoll_api as api;
use plimsoll_ledger::{Durable, Entry, Holder, LedgerError};
use plimsoll_serving::Explain;
use plimsoll_store::DeploymentRow;
use plimsoll_types::DeploymentId;
use plimsoll_types::record::{
    DecisionBody, DeferredExplanation, Extension, Kind, LeafDraft, ResultClass, Route,
};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Records looked at in one turn: some tens of milliseconds of work, so that a drain does not
/// wait for long.
const TURN: usize = 2_000;
/// Entries that the remembered cursor may lag behind when nothing is to be explained.
const NOTE_EVERY: u64 = 10_000;
/// Above this many records that wait for the ledger's writer, callers go first.
const BUSY: usize = 512;
/// How long to let callers go first.
const PAUSE: Duration = Duration::from_millis(5);

/// How far deferred explanations are.
#[derive(Debug, Default)]
pub struct Deferral {
    /// The ledger index to go on from.
    next: u64,
    /// The cursor as the store has it.
    noted: u64,
    /// Decisions explained by an earlier process past its cursor.
    known: HashSet<[u8; 16]>,
    /// The ledger's end when this process began: nothing past it is in `known`.
    known_to: u64,
}

/// What one turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Explained {
    /// Explanations recorded.
    pub made: u64,
    /// Decisions that could not be explained, recorded with the reason.
    pub failed: u64,
    /// Records that were not looked at yet when the turn began.
    pub lag: u64,
    /// Whether the turn reached the ledger's end.
    pub is_done: bool,
}

/// A decision's subjects and the deployment that owns its day.
struct Owners {
    subjects: Vec<String>,
    deployment: DeploymentId,
}

impl Control {
    /// Where deferred explanations go on: at the remembered cursor. Looks through what stands
    /// past it for explanations that were made before a crash.
    ///
    /// # Errors
    /// [`ControlError`] if ledger or store cannot be read.
    pub fn begin_deferred(&self) -> Result<Deferral, ControlError> {
        let next = self.store.read(|r| r.explained_to())?;
        let mut deferral =
            Deferral { next, noted: next, known_to: self.ledger.durable(), ..Deferral::default() };
        for entry in self.ledger.entries(next) {
            let entry = entry.map_err(ControlError::Unreadable)?;
            if entry.leaf.draft.kind == Kind::Explanation {
                deferral.known.insert(entry.leaf.draft.id);
            }
        }
        Ok(deferral)
    }

    /// Makes the deferred explanations of one turn and remembers how far it came. Call it
    /// again at once unless it is done.
    ///
    /// # Errors
    /// [`ControlError`] if ledger or store cannot be used; nothing is lost, call again later.
    pub fn explain_deferred(&self, deferral: &mut Deferral) -> Result<Explained, ControlError> {
        if !self.defers() {
            return self.skip(deferral);
        }
        let lag = self.ledger.durable().saturating_sub(deferral.next);
        let mut turn = Explained { lag, is_done: true, ..Explained::default() };
        let (mut next, mut deployments) = (deferral.next, HashMap::new());
        let mut waiting: Vec<Durable> = Vec::new();
        for (looked_at, entry) in self.ledger.entries(deferral.next).enumerate() {
            if looked_at == TURN {
                turn.is_done = false;
                break;
            }
            let entry = entry.map_err(ControlError::Unreadable)?;
            if self.is_due(&entry, &deferral.known, &mut deployments)? {
                let (durable, made) = self.explain_later(&entry)?;
                if made {
                    turn.made += 1;
                } else {
                    turn.failed += 1;
                }
                // Should this turn fail later on, the next one does not make it again.
                deferral.known.insert(entry.leaf.draft.id);
                waiting.push(durable);
            }
            next = entry.index.saturating_add(1);
        }
        for durable in waiting {
            durable.wait().map_err(ControlError::Ledger)?;
        }
        if next > deferral.next {
            self.store.note_explained(next)?;
            (deferral.next, deferral.noted) = (next, next);
        }
        if next >= deferral.known_to {
            deferral.known = HashSet::new();
        }
        Ok(turn)
    }

    /// Whether a record is a decision that is explained after its reply, and was not yet.
    fn is_due(
        &self,
        entry: &Entry,
        known: &HashSet<[u8; 16]>,
        deployments: &mut HashMap<DeploymentId, bool>,
    ) -> Result<bool, ControlError> {
        let draft = &entry.leaf.draft;
        let is_answer = draft.kind == Kind::Decision
            && matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held))
            && !matches!(draft.route, Some(Route::Fallback | Route::Shadow));
        let Some(id) = draft.deployment.filter(|_| is_answer) else { return Ok(false) };
        if known.contains(&draft.id) {
            return Ok(false);
        }
        if let Some(is_deferred) = deployments.get(&id) {
            return Ok(*is_deferred);
        }
        let row: Option<DeploymentRow> = self.store.read(|r| r.deployment(id))?;
        let is_deferred = row.is_some_and(|row| row.explain == api::Explain::Deferred.as_str());
        deployments.insert(id, is_deferred);
        Ok(is_deferred)
    }

    /// Explains one decision and queues the record. Whether there is an explanation in it.
    fn explain_later(&self, entry: &Entry) -> Result<(Durable, bool), ControlError> {
        let (made, owners, pack) = match self.deferred(entry) {
            Ok((explanation, owners)) => {
                let pack = explanation.pack;
                (Ok(explanation), Some(owners), pack)
            }
            Err(reason) => {
                let id = plimsoll_types::DecisionId::from_bytes(entry.leaf.draft.id);
                tracing::warn!(decision = %id, reason, "a decision could not be explained");
                (Err(reason.into()), None, None)
            }
        };
        let is_made = made.is_ok();
        let plaintext = DeferredExplanation { decision: entry.index, made }.encode();
        let draft = &entry.leaf.draft;
        let draft = LeafDraft {
            deployment: draft.deployment,
            model: draft.model,
            contract: draft.contract,
            extension: Extension { explainer_pack: pack, ..Extension::default() },
            ..LeafDraft::new(
                Kind::Explanation,
                draft.id,
                draft.tenant,
                self.clock.now(),
                self.clock.monotonic(),
            )
        };
        while self.ledger.queued() > BUSY {
            std::thread::sleep(PAUSE);
        }
        let holders = holders(owners.as_ref(), entry);
        let sealed = self.ledger.seal(&holders, &plaintext).map_err(ControlError::Ledger)?;
        // A holder who was erased since the body was opened would have got a new key by now:
        // what it sealed is dropped, and the record says that there is no explanation.
        if is_made && matches!(self.ledger.open_body(entry), Err(LedgerError::KeyGone)) {
            return self.explain_later(entry);
        }
        let durable = self.ledger.append(draft, sealed, None).map_err(ControlError::Ledger)?;
        Ok((durable, is_made))
    }

    /// The explanation and whose keys seal it, or why there is none.
    fn deferred(
        &self,
        entry: &Entry,
    ) -> Result<(plimsoll_types::record::Explanation, Owners), String> {
        let words = |error: ControlError| error.to_string();
        let bytes = match self.ledger.open_body(entry) {
            Err(LedgerError::KeyGone) => return Err("the decision's keys were erased".into()),
            other => other.map_err(|error| error.to_string())?,
        };
        let body = DecisionBody::decode(&bytes).map_err(|error| error.to_string())?;
        let ready = self.ready(entry).map_err(words)?;
        let profile = self.current_profile(entry, ready.contract.contract()).map_err(words)?;
        let explanation = compute(&ready, profile.as_ref(), &body, entry.leaf.draft.id)?;
        let subjects = ready.contract.subjects(&body.rows, &body.mapped);
        let deployment = entry.leaf.draft.deployment.ok_or("the record names no deployment")?;
        Ok((explanation, Owners { subjects, deployment }))
    }

    /// Whether any deployment is explained after the reply.
    fn defers(&self) -> bool {
        let snapshot = self.snapshots.load();
        let mut deployments = snapshot.parts().deployments.iter();
        deployments.any(|served| served.settings.explain == Explain::Deferred)
    }

    /// Nothing is to be explained: the cursor follows the ledger, and is remembered now and
    /// then, so that a later start has little to look through.
    fn skip(&self, deferral: &mut Deferral) -> Result<Explained, ControlError> {
        deferral.next = self.ledger.durable();
        if deferral.next >= deferral.noted.saturating_add(NOTE_EVERY) {
            self.store.note_explained(deferral.next)?;
            deferral.noted = deferral.next;
        }
        Ok(Explained { is_done: true, ..Explained::default() })
    }
}

/// The same holders as the decision's own: who is erased takes the explanation along.
fn holders<'a>(owners: Option<&'a Owners>, entry: &Entry) -> Vec<Holder<'a>> {
    let draft = &entry.leaf.draft;
    let Some(owners) = owners else { return vec![Holder::System] };
    if owners.subjects.is_empty() {
        return vec![Holder::Day { deployment: owners.deployment, time: draft.time }];
    }
    let subjects = owners.subjects.iter();
    subjects.map(|subject| Holder::Subject { tenant: draft.tenant, subject }).collect()
}
