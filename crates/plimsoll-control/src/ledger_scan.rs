//! Walking back through the ledger, page by page, for lists that pick some records.

use crate::bootstrap::Control;
use crate::error::ControlError;
use plimsoll_ledger::Entry;

/// Records looked at for one page. A page may come back short with a cursor to read on: a
/// list that picks one record in a million must not hold a thread for minutes.
const MAX_SCAN: usize = 100_000;

/// What a list does with a record.
pub(crate) enum Pick<T> {
    /// Shows it.
    Show(T),
    /// Passes over it.
    Skip,
    /// Ends here: everything before is older than wanted.
    End,
}

impl Control {
    /// The newest records before index `before` that `pick` shows, at most `limit`, and the
    /// index to go on before.
    pub(crate) fn walk_back<T>(
        &self,
        before: Option<u64>,
        limit: u32,
        mut pick: impl FnMut(Entry) -> Result<Pick<T>, ControlError>,
    ) -> Result<(Vec<T>, Option<u64>), ControlError> {
        let mut items = Vec::new();
        let before = before.unwrap_or(u64::MAX).min(self.ledger.durable());
        let mut last = before;
        for entry in self.ledger.entries_rev(before).take(MAX_SCAN) {
            let entry = entry.map_err(ControlError::Unreadable)?;
            last = entry.index;
            match pick(entry)? {
                Pick::Show(item) => items.push(item),
                Pick::Skip => {}
                Pick::End => return Ok((items, None)),
            }
            if items.len() >= limit as usize {
                break;
            }
        }
        Ok((items, (last > 0).then_some(last)))
    }
}
