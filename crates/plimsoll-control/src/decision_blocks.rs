//! What blocks of the ledger may hold, so that a list of decisions passes over those that hold
//! nothing it wants.
//!
//! A list is asked for the one failed decision in a million, or for last Tuesday. Reading every
//! record on the way there takes seconds. So for each 128 entries that are finished it is noted
//! between which times they were accepted and, in a Bloom filter, which deployments and
//! results they have: 80 bytes for each. The notes are made beside requests, the newest part of the
//! ledger first, and are not kept: they are made anew after a start. A list that comes to a block
//! without a note reads it.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::error::ControlError;
use plimsoll_ledger::Scanned;
use plimsoll_types::record::{Kind, LeafDraft, ResultClass};
use plimsoll_types::{DeploymentId, Time};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{ControlFlow, Range};

/// Entries in a block: about a millisecond to read, so that a page whose rows lie in every second
/// block is still there at once.
const BLOCK: u64 = 128;
/// Blocks that are noted: 16 million entries, and 10 MB.
const MAX_BLOCKS: usize = 131_072;
/// Blocks noted in one turn, and read in one go: some tens of milliseconds.
const TURN: u64 = 256;

/// What is noted of a block.
#[derive(Debug, Clone, Copy)]
struct Note {
    first: Time,
    last: Time,
    /// A Bloom filter (Bloom 1970) over deployments, results, and both together.
    seen: [u64; 8],
}

/// What a list wants of a decision. Absent: anything.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) since: Option<Time>,
    pub(crate) until: Option<Time>,
    pub(crate) deployment: Option<DeploymentId>,
    pub(crate) result: Option<ResultClass>,
}

/// The notes of neighbouring blocks.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// The number of the first that is noted.
    first: u64,
    notes: VecDeque<Note>,
}

impl Blocks {
    /// The end of the entries before `before` that may be wanted, if the block they are in is
    /// known to hold none: all the blocks before it that hold none are passed over too.
    pub(crate) fn skip(&self, before: u64, wanted: &Wanted) -> Option<u64> {
        let mut end = before;
        while let Some(number) = end.checked_sub(1).map(|last| last / BLOCK) {
            match self.note(number) {
                Some(note) if !note.may_hold(wanted) => end = number * BLOCK,
                _ => break,
            }
        }
        (end < before).then_some(end)
    }

    fn note(&self, number: u64) -> Option<&Note> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.notes.get(place)
    }

    /// The next blocks to note, of a ledger with so many finished blocks, and whether they come
    /// after those that are noted: what is new first, then further and further back.
    fn next(&self, finished: u64) -> Option<(Range<u64>, bool)> {
        let end = self.first + self.notes.len() as u64;
        if self.notes.is_empty() {
            return (finished > 0).then(|| (finished.saturating_sub(TURN)..finished, true));
        }
        if end < finished {
            return Some((end..finished.min(end + TURN), true));
        }
        let room = MAX_BLOCKS.saturating_sub(self.notes.len()) as u64;
        let back = self.first.saturating_sub(TURN.min(room))..self.first;
        (!back.is_empty()).then_some((back, false))
    }

    fn add(&mut self, number: u64, note: Note, is_after: bool) {
        if self.notes.is_empty() {
            self.first = number;
            self.notes.push_back(note);
        } else if is_after && number == self.first + self.notes.len() as u64 {
            self.notes.push_back(note);
            if self.notes.len() > MAX_BLOCKS {
                self.notes.pop_front();
                self.first += 1;
            }
        } else if !is_after && number + 1 == self.first {
            self.notes.push_front(note);
            self.first = number;
        }
    }
}

impl Note {
    const fn empty() -> Self {
        Self { first: Time::from_micros(u64::MAX), last: Time::EPOCH, seen: [0; 8] }
    }

    fn add(&mut self, draft: &LeafDraft) {
        let (Kind::Decision, Some(deployment)) = (draft.kind, draft.deployment) else { return };
        self.first = self.first.min(draft.time);
        self.last = self.last.max(draft.time);
        let result = draft.result.unwrap_or(ResultClass::Failed);
        for bits in [
            bits(Some(deployment), None),
            bits(None, Some(result)),
            bits(Some(deployment), Some(result)),
        ] {
            for bit in bits {
                self.seen[bit / 64] |= 1 << (bit % 64);
            }
        }
    }

    fn may_hold(&self, wanted: &Wanted) -> bool {
        if wanted.since.is_some_and(|since| self.last < since)
            || wanted.until.is_some_and(|until| self.first >= until)
        {
            return false;
        }
        if wanted.deployment.is_none() && wanted.result.is_none() {
            // Nothing but control events, perhaps.
            return self.first <= self.last;
        }
        let bits = bits(wanted.deployment, wanted.result);
        bits.into_iter().all(|bit| self.seen[bit / 64] & (1 << (bit % 64)) != 0)
    }
}

/// The two of 512 bits that stand for what a decision is of.
fn bits(deployment: Option<DeploymentId>, result: Option<ResultClass>) -> [usize; 2] {
    let mut hasher = DefaultHasher::new();
    deployment.map(|id| *id.as_bytes()).hash(&mut hasher);
    result.map(ResultClass::code).hash(&mut hasher);
    let hash = hasher.finish();
    let bit = |shift: u32| usize::try_from((hash >> shift) & 511).unwrap_or(0);
    [bit(0), bit(32)]
}

impl Control {
    /// Notes what blocks of the ledger may hold, for some tenths of a second at most. Gives
    /// whether there is more to note.
    ///
    /// # Errors
    /// [`ControlError::Unreadable`] if the ledger cannot be read.
    pub fn note_blocks(&self) -> Result<bool, ControlError> {
        let finished = self.ledger.durable() / BLOCK;
        let Some((numbers, is_after)) = lock(&self.blocks).next(finished) else {
            return Ok(false);
        };
        let notes = self.notes(&numbers)?;
        let mut blocks = lock(&self.blocks);
        let mut noted: Vec<(u64, Note)> = numbers.zip(notes).collect();
        if !is_after {
            noted.reverse();
        }
        noted.into_iter().for_each(|(number, note)| blocks.add(number, note, is_after));
        Ok(true)
    }

    /// The notes of neighbouring finished blocks.
    fn notes(&self, numbers: &Range<u64>) -> Result<Vec<Note>, ControlError> {
        let mut notes = vec![Note::empty()];
        let end = numbers.end * BLOCK;
        let visit = &mut |entry: Scanned<'_>| {
            if let Some(note) = notes.last_mut() {
                note.add(&entry.leaf.draft);
            }
            let next = entry.index + 1;
            if next == end {
                return ControlFlow::Break(());
            }
            if next.is_multiple_of(BLOCK) {
                notes.push(Note::empty());
            }
            ControlFlow::Continue(())
        };
        self.ledger.scan(numbers.start * BLOCK, visit).map_err(ControlError::Unreadable)?;
        Ok(notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::TenantId;

    const fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    fn draft(deployment: u8, result: ResultClass, time: Time) -> LeafDraft {
        LeafDraft {
            deployment: Some(DeploymentId::from_bytes([deployment; 16])),
            result: Some(result),
            ..LeafDraft::new(Kind::Decision, [0; 16], TenantId::from_bytes([0; 16]), time, 0)
        }
    }

    fn noted(drafts: &[LeafDraft]) -> Note {
        let mut note = Note::empty();
        drafts.iter().for_each(|draft| note.add(draft));
        note
    }

    #[test]
    fn a_note_never_denies_what_its_block_holds() {
        let held = [
            draft(1, ResultClass::Answered, at(10)),
            draft(1, ResultClass::Refused, at(12)),
            draft(2, ResultClass::Answered, at(11)),
        ];
        let note = noted(&held);
        for draft in &held {
            for (deployment, result) in [(true, true), (true, false), (false, true), (false, false)]
            {
                let wanted = Wanted {
                    deployment: draft.deployment.filter(|_| deployment),
                    result: draft.result.filter(|_| result),
                    since: Some(draft.time),
                    until: Some(at(13)),
                };
                assert!(note.may_hold(&wanted), "{wanted:?}");
            }
        }
    }

    #[test]
    fn times_results_and_both_together_are_told_apart() {
        let note = noted(&[
            draft(1, ResultClass::Answered, at(10)),
            draft(2, ResultClass::Refused, at(20)),
        ]);
        let any = Wanted::default();
        assert!(!note.may_hold(&Wanted { since: Some(at(21)), ..any }));
        assert!(!note.may_hold(&Wanted { until: Some(at(10)), ..any }));
        assert!(!note.may_hold(&Wanted { result: Some(ResultClass::Failed), ..any }));
        let deployment = Some(DeploymentId::from_bytes([1; 16]));
        let refused_there = Wanted { deployment, result: Some(ResultClass::Refused), ..any };
        assert!(!note.may_hold(&refused_there), "each is there, not both together");
        assert!(!noted(&[]).may_hold(&any), "no decision");
    }

    #[test]
    fn blocks_without_a_note_are_read_and_others_passed_over_at_once() {
        let mut blocks = Blocks::default();
        let refused = Wanted { result: Some(ResultClass::Refused), ..Wanted::default() };
        assert_eq!(blocks.skip(10_000, &refused), None);
        let answered = noted(&[draft(1, ResultClass::Answered, at(1))]);
        // Six blocks are finished: the newest are noted first, back to the third.
        let newest = TURN + 4;
        assert_eq!(blocks.next(newest), Some((4..newest, true)));
        for number in [5, 4, 3, 2] {
            assert!(number == 5 || blocks.next(6) == Some((0..number + 1, false)));
            blocks.add(number, answered, number == 5);
        }
        assert_eq!(blocks.skip(6 * BLOCK, &refused), Some(2 * BLOCK));
        assert_eq!(blocks.skip(6 * BLOCK + 1, &refused), None, "not finished");
        assert_eq!(blocks.skip(2 * BLOCK, &refused), None, "not noted yet");
        assert_eq!(blocks.skip(4 * BLOCK - 7, &refused), Some(2 * BLOCK));
        assert_eq!(blocks.next(7), Some((6..7, true)), "what is new comes first");
        let with = noted(&[draft(1, ResultClass::Refused, at(1))]);
        blocks.add(6, with, true);
        assert_eq!(blocks.skip(7 * BLOCK, &refused), None);
    }

    #[test]
    fn the_notes_are_bounded() {
        let mut blocks = Blocks::default();
        let note = noted(&[]);
        for number in 0..MAX_BLOCKS as u64 + 10 {
            blocks.add(number, note, true);
        }
        assert_eq!((blocks.first, blocks.notes.len()), (10, MAX_BLOCKS));
        assert_eq!(blocks.next(MAX_BLOCKS as u64 + 10), None);
    }
}
