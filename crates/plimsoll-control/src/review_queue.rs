//! The queue of reviews, derived from the ledger by a cursor: whatever crashes, it catches up
//! to the same. While no deployment asks for reviews and nobody said anything, records are
//! passed over unread.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::error::ControlError;
use plimsoll_ledger::Entry;
use plimsoll_serving::Review;
use plimsoll_store::{ReviewMark, ReviewRow};
use plimsoll_types::DecisionId;
use plimsoll_types::record::{Kind, ResultClass, Verdict};
use std::sync::atomic::Ordering;

/// Records that one transaction goes over.
const BATCH: u64 = 4_096;

impl Control {
    /// Brings the queue up to the end of the ledger. Cheap while no deployment asks for
    /// reviews; call it every second otherwise.
    ///
    /// # Errors
    /// [`ControlError`] if ledger or store cannot be read; the next call goes on from there.
    pub fn catch_up(&self) -> Result<(), ControlError> {
        let _turn = lock(&self.reviewing);
        self.catch_up_in_turn()
    }

    /// Whether any deployment asks for reviews, or may have since the process began.
    pub(crate) fn watches_reviews(&self) -> bool {
        let asks = |served: &std::sync::Arc<plimsoll_serving::ServedDeployment>| {
            served.settings.review != Review::Off
        };
        if self.snapshots.load().parts().deployments.iter().any(asks) {
            self.reviews_seen.store(true, Ordering::SeqCst);
        }
        self.reviews_seen.load(Ordering::SeqCst)
    }

    /// Brings the queue up to date; the caller holds the turn.
    pub(crate) fn catch_up_in_turn(&self) -> Result<(), ControlError> {
        // The end is read before the question whether decisions are marked: one that is
        // marked after the answer lies behind it.
        let end = self.ledger.durable();
        let watches = self.watches_reviews();
        let mut from = self.store.read(|r| r.review_cursor())?;
        if !watches && !self.review_due.load(Ordering::SeqCst) {
            return Ok(self.store.apply_reviews(from, end.max(from), &[])?);
        }
        while from < end {
            let to = end.min(from.saturating_add(BATCH));
            let count = usize::try_from(to - from).unwrap_or(0);
            let mut marks = Vec::new();
            for entry in self.ledger.entries(from).take(count) {
                let entry = entry.map_err(ControlError::Unreadable)?;
                self.mark(&entry, watches, &mut marks)?;
            }
            self.store.apply_reviews(from, to, &marks)?;
            from = to;
        }
        self.review_due.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// What a record means for the queue.
    fn mark(
        &self,
        entry: &Entry,
        counts: bool,
        marks: &mut Vec<ReviewMark>,
    ) -> Result<(), ControlError> {
        let draft = &entry.leaf.draft;
        match (draft.kind, draft.deployment) {
            (Kind::Decision, Some(deployment)) => {
                let is_held = draft.result == Some(ResultClass::Held);
                let is_answered = is_held || draft.result == Some(ResultClass::Answered);
                if counts && is_answered {
                    marks.push(ReviewMark::Counted { deployment, time: draft.time });
                }
                if is_held || draft.extension.review.is_some() {
                    let why = if is_held { "held" } else { "sampled" };
                    marks.push(ReviewMark::Asked(row(entry, why)));
                }
            }
            (Kind::Review, Some(_)) => self.mark_saying(entry, marks)?,
            _ => {}
        }
        Ok(())
    }

    fn mark_saying(&self, entry: &Entry, marks: &mut Vec<ReviewMark>) -> Result<(), ControlError> {
        let draft = &entry.leaf.draft;
        let Some(decision) = draft.extension.review.map(DecisionId::from_bytes) else {
            return Ok(());
        };
        // Without its key nothing is known but that something was said.
        let Some(body) = self.review_body(entry)? else { return Ok(()) };
        let time = draft.time;
        let why = if body.verdict == Verdict::Contested { "contested" } else { "chosen" };
        if let Some(decided) = self.decision_entry(decision)? {
            marks.push(ReviewMark::Asked(row(&decided, why)));
        }
        marks.push(ReviewMark::Said { decision, index: entry.index });
        marks.push(match body.verdict {
            Verdict::Contested => ReviewMark::Contested { decision, time },
            Verdict::Accepted | Verdict::Overridden => ReviewMark::Reviewed {
                decision,
                state: body.verdict.as_str(),
                reviewer: body.principal,
                time,
            },
        });
        Ok(())
    }
}

fn row(entry: &Entry, why: &str) -> ReviewRow {
    let draft = &entry.leaf.draft;
    ReviewRow {
        decision: DecisionId::from_bytes(draft.id),
        index: entry.index,
        deployment: draft.deployment.unwrap_or(plimsoll_types::DeploymentId::from_bytes([0; 16])),
        decided_at: draft.time,
        why: why.to_owned(),
        state: "waiting".to_owned(),
        contested_at: None,
        reviewed_at: None,
        reviewer: None,
    }
}
