//! What blocks of the ledger may hold, so that a list of decisions passes over those that hold
//! nothing it wants.
//!
//! A list is asked for the one failed decision in a million, or for last Tuesday. Reading every
//! record on the way there takes seconds. So for each 128 entries that are finished it is noted
//! between which times they were accepted, of each result which of them have it (a bit for each), and
//! in a Bloom filter which deployments they are of: 208 bytes for each. What is rare is found
//! without reading what lies between: one refused decision in a thousand stands in every tenth block,
//! and a page of them would have a thousand blocks read. The notes are made beside requests, the
//! newest part of the ledger first, and are not kept: they are made anew after a start. A list that
//! comes to a block without a note reads it.

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
pub(crate) const BLOCK: u64 = 128;
/// Blocks that are noted: 16 million entries, and 27 MB.
const MAX_BLOCKS: usize = 131_072;
/// Blocks noted in one turn, and read in one go: some tens of milliseconds.
const TURN: u64 = 256;

/// Results that a decision may have.
const RESULTS: usize = ResultClass::ALL.len();

/// What is noted of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    /// The earliest time of its entries.
    pub(crate) first: Time,
    /// The latest.
    pub(crate) last: Time,
    /// By result, in the order of their codes: which of its entries are decisions that ended so,
    /// the first one in the lowest bit.
    marks: [u128; RESULTS],
    /// A Bloom filter (Bloom 1970) over deployments, and deployments with results.
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
            let Some(note) = self.note(number) else { break };
            let start = number * BLOCK;
            let last = note.may_hold(wanted).then(|| note.last_of(end - start, wanted)).flatten();
            let Some(last) = last else {
                end = start;
                continue;
            };
            end = start + last + 1;
            break;
        }
        (end < before).then_some(end)
    }

    /// What is noted of the block of this number.
    pub(crate) fn note(&self, number: u64) -> Option<&Note> {
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
        let (first, last) = (Time::from_micros(u64::MAX), Time::EPOCH);
        Self { first, last, marks: [0; RESULTS], seen: [0; 8] }
    }

    /// Notes the block's entry at this place.
    fn add(&mut self, place: u64, draft: &LeafDraft) {
        self.first = self.first.min(draft.time);
        self.last = self.last.max(draft.time);
        let (Kind::Decision, Some(deployment)) = (draft.kind, draft.deployment) else { return };
        let result = draft.result.unwrap_or(ResultClass::Failed);
        if let Some(marks) = self.marks.get_mut(usize::from(result.code())) {
            *marks |= 1 << (place % BLOCK);
        }
        for bits in [bits(deployment, None), bits(deployment, Some(result))] {
            for bit in bits {
                self.seen[bit / 64] |= 1 << (bit % 64);
            }
        }
    }

    /// How many decisions of the block ended in each way.
    pub(crate) fn results(&self) -> impl Iterator<Item = (ResultClass, u64)> {
        let counts = self.marks.iter().map(|marks| u64::from(marks.count_ones()));
        ResultClass::ALL.iter().copied().zip(counts)
    }

    /// The place of the last decision before `end` whose result is wanted.
    fn last_of(&self, end: u64, wanted: &Wanted) -> Option<u64> {
        let marks = match wanted.result {
            Some(result) => self.marks.get(usize::from(result.code())).copied().unwrap_or(0),
            None => self.marks.iter().fold(0, |all, marks| all | marks),
        };
        let before = if end < BLOCK { marks & ((1 << end) - 1) } else { marks };
        before.checked_ilog2().map(u64::from)
    }

    fn may_hold(&self, wanted: &Wanted) -> bool {
        if wanted.since.is_some_and(|since| self.last < since)
            || wanted.until.is_some_and(|until| self.first >= until)
        {
            return false;
        }
        let Some(deployment) = wanted.deployment else { return true };
        let bits = bits(deployment, wanted.result);
        bits.into_iter().all(|bit| self.seen[bit / 64] & (1 << (bit % 64)) != 0)
    }
}

/// The two of 512 bits that stand for a deployment, or for it with a result.
fn bits(deployment: DeploymentId, result: Option<ResultClass>) -> [usize; 2] {
    let mut hasher = DefaultHasher::new();
    deployment.as_bytes().hash(&mut hasher);
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
                note.add(entry.index % BLOCK, &entry.leaf.draft);
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
        (0..).zip(drafts).for_each(|(place, draft)| note.add(place, draft));
        note
    }

    /// Whether a list goes to a block of this note alone, and to which entry of it.
    fn looked_at(note: &Note, wanted: &Wanted) -> Option<u64> {
        note.may_hold(wanted).then(|| note.last_of(BLOCK, wanted)).flatten()
    }

    #[test]
    fn a_note_never_denies_what_its_block_holds() {
        let held = [
            draft(1, ResultClass::Answered, at(10)),
            draft(1, ResultClass::Refused, at(12)),
            draft(2, ResultClass::Answered, at(11)),
        ];
        let note = noted(&held);
        for (place, draft) in (0..).zip(&held) {
            for (deployment, result) in [(true, true), (true, false), (false, true), (false, false)]
            {
                let wanted = Wanted {
                    deployment: draft.deployment.filter(|_| deployment),
                    result: draft.result.filter(|_| result),
                    since: Some(draft.time),
                    until: Some(at(13)),
                };
                let found = looked_at(&note, &wanted);
                assert!(found.is_some_and(|found| found >= place), "{wanted:?}");
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
        assert_eq!(looked_at(&note, &Wanted { result: Some(ResultClass::Failed), ..any }), None);
        assert_eq!(
            looked_at(&note, &Wanted { result: Some(ResultClass::Answered), ..any }),
            Some(0)
        );
        let deployment = Some(DeploymentId::from_bytes([1; 16]));
        let refused_there = Wanted { deployment, result: Some(ResultClass::Refused), ..any };
        assert!(!note.may_hold(&refused_there), "each is there, not both together");
        assert_eq!(looked_at(&noted(&[]), &any), None, "no decision");
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
        assert_eq!(blocks.skip(7 * BLOCK, &refused), Some(6 * BLOCK + 1), "to the entry itself");
        assert_eq!(blocks.skip(6 * BLOCK + 1, &refused), None, "which is next");
    }

    #[test]
    fn every_decision_of_a_result_is_come_to_and_no_other() {
        let refused = |place: u64| matches!(place, 0 | 5 | 63 | 64 | 127);
        let drafts: Vec<LeafDraft> = (0..BLOCK)
            .map(|place| match refused(place) {
                true => draft(1, ResultClass::Refused, at(place)),
                false => draft(1, ResultClass::Answered, at(place)),
            })
            .collect();
        let mut blocks = Blocks::default();
        blocks.add(0, noted(&drafts), true);
        let wanted = Wanted { result: Some(ResultClass::Refused), ..Wanted::default() };
        let mut found = Vec::new();
        let mut end = BLOCK;
        loop {
            end = blocks.skip(end, &wanted).unwrap_or(end);
            let Some(last) = end.checked_sub(1) else { break };
            found.push(last);
            end = last;
        }
        assert_eq!(found, [127, 64, 63, 5, 0]);
        let counts: Vec<_> = noted(&drafts).results().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [(ResultClass::Answered, 123), (ResultClass::Refused, 5)]);
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
