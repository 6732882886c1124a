//! How many interactions with customers a deployment had part in, counted from records.
//!
//! An interaction is a contact with a customer, by the id that the deployment's contract maps. Two
//! requests with one id are one interaction; a request without an id counts as one of its own, so
//! the count is never too small. Ids are keyed digests: nobody is named by them.

use crate::bootstrap::Control;
use crate::error::ControlError;
use plimsoll_store::DeploymentRow;
use plimsoll_types::Time;
use plimsoll_types::record::{Kind, LeafDraft, ResultClass, Route};

/// Records that are looked at to count interactions: some ten seconds, and 32 MB of ids. Beyond,
/// they count as all.
const MAX_COUNTED: u64 = 2_000_000;

/// Interactions while they are counted: exactly, in memory bounded by the records looked at.
#[derive(Debug, Default)]
struct Interactions {
    ids: Vec<[u8; 16]>,
    unnamed: u64,
}

impl Interactions {
    /// Counts a record, if a customer met what it says: an answer, or one that waits for a person.
    /// What was asked in a shadow answered nobody.
    fn see(&mut self, draft: &LeafDraft) {
        let is_met = draft.kind == Kind::Decision
            && matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held))
            && draft.route != Some(Route::Shadow);
        match draft.extension.interaction {
            _ if !is_met => {}
            Some(id) => self.ids.push(id),
            None => self.unnamed += 1,
        }
    }

    fn count(mut self) -> u64 {
        self.ids.sort_unstable();
        self.ids.dedup();
        u64::try_from(self.ids.len()).unwrap_or(u64::MAX).saturating_add(self.unnamed)
    }
}

impl Control {
    /// Interactions that a deployment had part in since a time. `None` if there are too many
    /// records to look at.
    pub(crate) fn interactions_since(
        &self,
        row: &DeploymentRow,
        since: Time,
    ) -> Result<Option<u64>, ControlError> {
        let mut found = Interactions::default();
        let mut seen = 0_u64;
        for entry in self.ledger.entries(self.index_at(since)?) {
            seen += 1;
            if seen > MAX_COUNTED {
                return Ok(None);
            }
            let draft = entry.map_err(ControlError::Unreadable)?.leaf.draft;
            if draft.deployment == Some(row.id) && draft.time >= since {
                found.see(&draft);
            }
        }
        Ok(Some(found.count()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::TenantId;

    fn draft(interaction: Option<[u8; 16]>) -> LeafDraft {
        let mut draft =
            LeafDraft::new(Kind::Decision, [1; 16], TenantId::from_bytes([2; 16]), Time::EPOCH, 0);
        draft.result = Some(ResultClass::Answered);
        draft.extension.interaction = interaction;
        draft
    }

    fn count(drafts: &[LeafDraft]) -> u64 {
        let mut found = Interactions::default();
        drafts.iter().for_each(|draft| found.see(draft));
        found.count()
    }

    #[test]
    fn one_id_is_one_interaction_and_none_is_one_of_its_own() {
        let (a, b) = (Some([1; 16]), Some([2; 16]));
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&[draft(a), draft(b), draft(a), draft(a)]), 2);
        assert_eq!(count(&[draft(a), draft(None), draft(None)]), 3);
    }

    #[test]
    fn what_no_customer_met_does_not_count() {
        let refused = LeafDraft { result: Some(ResultClass::Refused), ..draft(None) };
        let held = LeafDraft { result: Some(ResultClass::Held), ..draft(None) };
        let shadow = LeafDraft { route: Some(Route::Shadow), ..draft(None) };
        let intent = LeafDraft { kind: Kind::Intent, ..draft(None) };
        assert_eq!(count(&[refused, shadow, intent, held]), 1);
    }
}
