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
        pick: impl FnMut(Entry) -> Result<Pick<T>, ControlError>,
    ) -> Result<(Vec<T>, Option<u64>), ControlError> {
        self.walk_back_past(before, limit, |_| None, pick)
    }

    /// The same, which passes over what `skip` knows to hold nothing: it is given the end of what is
    /// left and gives a smaller one.
    pub(crate) fn walk_back_past<T>(
        &self,
        before: Option<u64>,
        limit: u32,
        skip: impl Fn(u64) -> Option<u64>,
        mut pick: impl FnMut(Entry) -> Result<Pick<T>, ControlError>,
    ) -> Result<(Vec<T>, Option<u64>), ControlError> {
        let mut items = Vec::new();
        let before = before.unwrap_or(u64::MAX).min(self.ledger.durable());
        let mut last = before;
        let mut entries = self.ledger.entries_rev(before);
        for _ in 0..MAX_SCAN {
            if let Some(end) = skip(last) {
                last = end;
                entries = self.ledger.entries_rev(end);
            }
            let Some(entry) = entries.next() else { break };
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
