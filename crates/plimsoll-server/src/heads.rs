//! The head of the ledger's tree, kept in the control state.

use plimsoll_control::Control;
use plimsoll_ledger::{HeadError, TreeHead, TreeHeads};
use plimsoll_store::TreeHeadRow;
use std::sync::Arc;

/// The control state as a place for heads.
#[derive(Debug)]
pub(crate) struct StoredHeads(pub(crate) Arc<Control>);

impl TreeHeads for StoredHeads {
    fn load(&self) -> Result<Option<TreeHead>, HeadError> {
        let row = self.0.store().tree_head().map_err(|e| HeadError::Store(e.into()))?;
        Ok(row.map(|TreeHeadRow { log, size, root, signed }| TreeHead { log, size, root, signed }))
    }

    fn advance(&self, expected: Option<&TreeHead>, next: &TreeHead) -> Result<(), HeadError> {
        let (expected, next) = (expected.map(row), row(next));
        match self.0.store().swap_tree_head(expected.as_ref(), &next) {
            Ok(true) => Ok(()),
            Ok(false) => Err(HeadError::Conflict),
            Err(error) => Err(HeadError::Store(error.into())),
        }
    }
}

fn row(head: &TreeHead) -> TreeHeadRow {
    let TreeHead { log, size, root, signed } = head.clone();
    TreeHeadRow { log, size, root, signed }
}
