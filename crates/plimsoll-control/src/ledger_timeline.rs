//! What the ledger holds over time: from what is noted of its blocks, and from their entries where a
//! block lies in more than one part of the time.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision_blocks::{BLOCK, Note};
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_ledger::Entry;
use plimsoll_policy::Action;
use plimsoll_types::Time;
use plimsoll_types::record::Kind;
use std::ops::Range;
use std::time::Duration;

/// Parts unless told, and at most: a few pixels each on a wide screen.
const PARTS: u32 = 48;
const MAX_PARTS: u32 = 120;
/// Blocks whose entries are read for one answer: about a second. Of noted blocks only those are read
/// that lie in two parts, and the two at which checkpoints end.
const MAX_READ: u32 = 1_024;
/// Records stand in the order in which they became durable; no request runs for longer.
const DISORDER: Duration = Duration::from_secs(120);

/// The parts while they are counted.
struct Counting {
    since: Time,
    /// The length of a part in microseconds, at least one.
    length: u64,
    parts: Vec<api::TimelinePart>,
    published: u64,
    witnessed: u64,
}

impl Control {
    /// What the ledger holds over time, and how much of it checkpoints and witnesses cover.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn ledger_timeline(
        &self,
        ctx: &RequestContext,
        query: &api::LedgerTimelineQuery,
    ) -> Result<api::LedgerTimeline, ControlError> {
        self.may_read(ctx, Action::ReadStatus, &self.server())?;
        let wanted = query.parts.unwrap_or(PARTS);
        if !(1..=MAX_PARTS).contains(&wanted) {
            let detail = format!("must be 1 to {MAX_PARTS}").into();
            return Err(ControlError::Invalid { field: "parts", detail });
        }
        let until = query.until.map_or_else(|| self.clock.now(), |until| until.0);
        let since = match query.since {
            Some(since) => since.0,
            None => self.first_record()?.unwrap_or(until),
        };
        if until < since {
            let detail = "must not be before `since`".into();
            return Err(ControlError::Invalid { field: "until", detail });
        }
        let log = self.ledger.publishing();
        let mut counting = Counting::new(since, until, wanted, (log.published, log.witnessed));
        let records = self.ledger.durable();
        let is_whole = self.count_back(records, &mut counting)?;
        Ok(api::LedgerTimeline {
            parts: counting.parts,
            records,
            published: log.published,
            witnessed: log.witnessed,
            is_whole,
        })
    }

    /// When the oldest record that is still there was made.
    fn first_record(&self) -> Result<Option<Time>, ControlError> {
        let first = self.ledger.entries(0).next().transpose().map_err(ControlError::Unreadable)?;
        Ok(first.map(|entry| entry.leaf.draft.time))
    }

    /// Counts block by block from the end. Gives whether nothing was left out.
    fn count_back(&self, records: u64, counting: &mut Counting) -> Result<bool, ControlError> {
        let mut read = 0;
        for number in (0..records.div_ceil(BLOCK)).rev() {
            let range = number * BLOCK..records.min((number + 1) * BLOCK);
            let note = lock(&self.blocks).note(number).copied();
            if let Some(note) = note.filter(|_| range.end - range.start == BLOCK)
                && counting.take(&note, &range)
            {
                if counting.is_before(note.last) {
                    return Ok(true);
                }
                continue;
            }
            read += 1;
            if read > MAX_READ {
                return Ok(false);
            }
            let mut latest = Time::EPOCH;
            for (_, entry) in range.clone().zip(self.ledger.entries(range.start)) {
                let entry = entry.map_err(ControlError::Unreadable)?;
                latest = latest.max(entry.leaf.draft.time);
                counting.see(&entry);
            }
            if counting.is_before(latest) {
                return Ok(true);
            }
        }
        Ok(true)
    }
}

impl Counting {
    fn new(since: Time, until: Time, wanted: u32, (published, witnessed): (u64, u64)) -> Self {
        // The last part ends after `until`, so that what is of that moment is in it.
        let span = until.as_micros().saturating_sub(since.as_micros()).saturating_add(1);
        let length = span.div_ceil(u64::from(wanted)).max(1);
        let at = |part: u32| {
            let after = length.saturating_mul(u64::from(part));
            Time::from_micros(since.as_micros().saturating_add(after))
        };
        let parts = (0..wanted).map(|part| api::TimelinePart {
            from: at(part).into(),
            until: at(part + 1).into(),
            records: 0,
            results: std::collections::BTreeMap::new(),
            published: 0,
            witnessed: 0,
        });
        Self { since, length, parts: parts.collect(), published, witnessed }
    }

    /// Whether nothing before this time can be of the time that is counted.
    fn is_before(&self, time: Time) -> bool {
        time < self.since.minus(DISORDER)
    }

    /// The place of the part that a time is in: one below all, or one beyond, for what is outside.
    fn place(&self, time: Time) -> Option<usize> {
        let after = time.as_micros().checked_sub(self.since.as_micros())?;
        Some(
            usize::try_from(after / self.length)
                .map_or(self.parts.len(), |place| place.min(self.parts.len())),
        )
    }

    /// Counts a whole block by its note, if it lies in one part and checkpoints end nowhere in it.
    fn take(&mut self, note: &Note, range: &Range<u64>) -> bool {
        let place = self.place(note.first);
        let is_cut = |end: u64| range.start < end && end < range.end;
        if place != self.place(note.last) || is_cut(self.published) || is_cut(self.witnessed) {
            return false;
        }
        let (published, witnessed) = (range.end <= self.published, range.end <= self.witnessed);
        let Some(part) = place.and_then(|place| self.parts.get_mut(place)) else { return true };
        part.records += BLOCK;
        part.published += if published { BLOCK } else { 0 };
        part.witnessed += if witnessed { BLOCK } else { 0 };
        for (result, count) in note.results().filter(|(_, count)| *count > 0) {
            *part.results.entry(result).or_default() += count;
        }
        true
    }

    fn see(&mut self, entry: &Entry) {
        let draft = &entry.leaf.draft;
        let (published, witnessed) = (entry.index < self.published, entry.index < self.witnessed);
        let place = self.place(draft.time);
        let Some(part) = place.and_then(|place| self.parts.get_mut(place)) else { return };
        part.records += 1;
        part.published += u64::from(published);
        part.witnessed += u64::from(witnessed);
        if let (Kind::Decision, Some(result)) = (draft.kind, draft.result) {
            *part.results.entry(result).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn parts_share_the_time_and_hold_its_last_moment() {
        let counting = Counting::new(at(100), at(200), 10, (0, 0));
        assert_eq!(counting.parts.len(), 10);
        assert_eq!(counting.place(at(99)), None);
        assert_eq!(counting.place(at(100)), Some(0));
        assert_eq!(counting.place(at(200)), Some(9), "the last moment is in the last part");
        assert_eq!(counting.place(at(300)), Some(10), "beyond all");
        for pair in counting.parts.windows(2) {
            assert_eq!(pair.first().map(|part| part.until), pair.last().map(|part| part.from));
        }
        let moment = Counting::new(at(5), at(5), 3, (0, 0));
        assert_eq!(moment.place(at(5)), Some(0));
    }
}
