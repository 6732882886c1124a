//! A change of what a deployment may be asked: what it means for callers, and whether it may be made.
//! A change that breaks callers of a version that answers under a gate asks for another gate result
//! and its approvals, as a release does; any other is made, and recorded with what is different.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::contract::document_of;
use crate::error::ControlError;
use plimsoll_contract::Change;
use plimsoll_store::DeploymentRow;
use plimsoll_types::Digest;
use serde_json::{Value, json};

/// Changes that a record or a refusal lists; how many there are is told beside.
const LISTED: usize = 20;

impl Control {
    /// What a change of the contract is, for the record; `None` if it stays. A refusal is recorded.
    ///
    /// # Errors
    /// [`ControlError::Ungoverned`] if it breaks callers and lacks what the tier demands.
    pub(crate) fn contract_change(
        &self,
        ctx: &RequestContext,
        before: &DeploymentRow,
        after: &DeploymentRow,
    ) -> Result<Option<Value>, ControlError> {
        if before.contract == after.contract {
            return Ok(None);
        }
        let changes = self.changes_between(before.contract, after.contract)?;
        let is_breaking = changes.iter().any(|change| change.is_breaking);
        let mut told = json!({
            "from": before.contract, "to": after.contract, "breaking": is_breaking,
            "count": changes.len(), "changes": changes.get(..LISTED).unwrap_or(&changes),
        });
        if let Some(release) = before.released.filter(|_| is_breaking) {
            let standing = self.governed_standing(after, release.number)?;
            if !standing.permission.is_allowed {
                return Err(self.refuse_release(ctx, after, release.number, &standing));
            }
            told["governance"] = standing.told();
        }
        Ok(Some(told))
    }

    fn changes_between(&self, before: Digest, after: Digest) -> Result<Vec<Change>, ControlError> {
        let document = |digest| document_of(&self.contract_for(digest)?);
        Ok(plimsoll_contract::changes(&document(before)?, &document(after)?))
    }

    /// What is different from the contract under which a version answers now, in words; empty if
    /// nothing breaks, or nothing answers.
    pub(crate) fn breaking_words(&self, proposed: &DeploymentRow) -> Result<String, ControlError> {
        let now = self.store.read(|r| r.deployment(proposed.id))?;
        let Some(now) = now.filter(|now| now.released.is_some()) else { return Ok(String::new()) };
        let changes = self.changes_between(now.contract, proposed.contract)?;
        let breaking: Vec<String> = changes
            .iter()
            .filter(|change| change.is_breaking)
            .map(|change| format!("`{}` {}", change.what, change.says))
            .collect();
        Ok(match breaking.len() {
            0 => String::new(),
            count => {
                let listed = breaking.get(..LISTED).unwrap_or(&breaking).join(", ");
                format!("; {count} changes break callers: {listed}")
            }
        })
    }

    /// A deployment as it would be under another contract.
    pub(crate) fn under(
        &self,
        row: DeploymentRow,
        contract: Option<Digest>,
    ) -> Result<DeploymentRow, ControlError> {
        let Some(contract) = contract else { return Ok(row) };
        Ok(DeploymentRow { contract: self.contract_for(contract)?.digest, ..row })
    }
}
