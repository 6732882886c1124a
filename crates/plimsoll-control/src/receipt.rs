//! Receipts of decisions: the proof, the leaf, and for those who may read it the body with its key.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_api::Receipt;
use plimsoll_ledger::{Entry, LedgerError};
use plimsoll_policy::Action;
use plimsoll_types::DecisionId;

impl Control {
    /// The receipt of a decision; `None` while no checkpoint covers it, or none that a witness
    /// signed if only those will do. Does not wait: whoever
    /// wants to wait watches the checkpoints and asks again.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn receipt(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        witnessed_only: bool,
    ) -> Result<Option<Receipt>, ControlError> {
        let entry = self.decision_entry(id)?;
        let resource = self.decision_resource(ctx, id, entry.as_ref())?;
        self.may_read(ctx, Action::ReadDecision, &resource)?;
        let entry = entry.ok_or_else(|| ControlError::not_found("decision", id))?;
        // Before the proof: a receipt is the body for as long as somebody keeps it.
        if self.is_entry_past_retention(&entry)? {
            return Err(ControlError::RetentionEnded);
        }
        let proof = self.ledger.prove(entry.index, witnessed_only);
        let Some(proof) = proof.map_err(ControlError::Unreadable)? else { return Ok(None) };
        let mut leaf = Vec::new();
        entry.leaf.encode(&mut leaf);
        let may_open = self.allows(ctx, Action::ReadDecisionBody, &resource);
        let has_body = may_open && entry.leaf.draft.sealed.is_some();
        let record_key = if has_body { self.record_key(&entry)? } else { None };
        Ok(Some(Receipt {
            format: Receipt::FORMAT.to_owned(),
            proof: proof.to_string(),
            leaf: STANDARD.encode(leaf),
            sealed: has_body.then(|| STANDARD.encode(&entry.sealed)),
            record_key,
        }))
    }

    /// The key of one record; `None` if its holders were erased.
    fn record_key(&self, entry: &Entry) -> Result<Option<String>, ControlError> {
        match self.ledger.keys().record_key(&entry.sealed) {
            Ok(key) => Ok(Some(STANDARD.encode(key.expose()))),
            Err(LedgerError::KeyGone) => Ok(None),
            Err(error) => Err(ControlError::Unreadable(error)),
        }
    }
}
