//! The rows that a version was trained on again, read from the ledger: decisions of a time,
//! whichever version answered them.

use crate::files::MonitorError;
use crate::recount::{Wanted, body, is_wanted};
use plimsoll_ledger::Ledger;
use plimsoll_types::{DecisionId, Digest, Rows};
use std::ops::ControlFlow;

/// Reads the rows of each wanted decision that keeps this contract, with its id.
///
/// # Errors
/// [`MonitorError::Ledger`] if it cannot be read.
pub fn read_trained(
    ledger: &Ledger,
    wanted: &Wanted,
    contract: Digest,
    mut read: impl FnMut(DecisionId, &Rows) -> ControlFlow<()>,
) -> Result<(), MonitorError> {
    ledger.scan(wanted.from_index, &mut |entry| {
        if entry.index >= wanted.to_index {
            return ControlFlow::Break(());
        }
        let draft = &entry.leaf.draft;
        if !is_wanted(&entry, wanted) || draft.contract != Some(contract) {
            return ControlFlow::Continue(());
        }
        match body(ledger, &entry) {
            Some(body) if !body.rows.is_empty() => {
                read(DecisionId::from_bytes(draft.id), &body.rows)
            }
            _ => ControlFlow::Continue(()),
        }
    })?;
    Ok(())
}
