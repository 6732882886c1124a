//! What a job is, how far it is, and the ids of its decisions.

use aws_lc_rs::digest::{SHA256, digest};
use plimsoll_gateway::Asker;
use plimsoll_table::Format;
use plimsoll_types::{BatchId, DecisionId, Name, Time};
use std::sync::atomic::{AtomicBool, AtomicU64};

/// A file of rows for a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: BatchId,
    /// When it was made: the time in the ids of its decisions.
    pub made: Time,
    /// The deployment that is asked.
    pub deployment: Name,
    /// Who asks.
    pub asker: Asker,
    /// The format of the rows.
    pub format: Format,
    /// The format of what they come to.
    pub output: Format,
    /// Columns that are copied to the output; those the contract does not name are not asked.
    pub keep: Vec<String>,
    /// How far it is.
    pub progress: Progress,
}

/// How far a job is: every row before `rows` is recorded, and what it came to is in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Parts written.
    pub parts: u64,
    /// Rows in them.
    pub rows: u64,
    /// Of these, rows that were refused.
    pub refused: u64,
    /// Of these, rows that got no answer for another reason.
    pub failed: u64,
    /// The ledger index from which on rows past `rows` may be recorded.
    pub ledger_from: u64,
}

/// Where jobs are kept.
pub trait Notes: Sync {
    /// Remembers durably how far a job is.
    ///
    /// # Errors
    /// Why not, in words.
    fn note(&self, job: BatchId, progress: &Progress) -> Result<(), String>;
}

/// A job that is being carried out, for those who watch it and those who stop it.
#[derive(Debug, Default)]
pub struct Running {
    /// Rows decided and durable, those of the chunk at hand included.
    pub rows: AtomicU64,
    /// Set to stop after the slice at hand.
    pub stop: AtomicBool,
}

/// The id of the decision of row `row`: version 7 of RFC 9562, with the time at which the job was
/// made and 74 bits of SHA-256 over job and row in place of random ones. The job's own id is
/// random, so these are as hard to guess and as unlikely to meet.
#[must_use]
pub fn decision_id(job: BatchId, made: Time, row: u64) -> DecisionId {
    let mut text = [0; 24];
    let (first, second) = text.split_at_mut(16);
    first.copy_from_slice(job.as_bytes());
    second.copy_from_slice(&row.to_be_bytes());
    let hash = digest(&SHA256, &text);
    let mut id = [0; 16];
    for (byte, time) in id.iter_mut().zip(made.as_millis().to_be_bytes().iter().skip(2)) {
        *byte = *time;
    }
    for (byte, hash) in id.iter_mut().skip(6).zip(hash.as_ref()) {
        *byte = *hash;
    }
    id[6] = id[6] & 0x0f | 0x70;
    id[8] = id[8] & 0x3f | 0x80;
    DecisionId::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_the_same_again_and_never_those_of_another_row() {
        let (job, other) = (BatchId::from_bytes([1; 16]), BatchId::from_bytes([2; 16]));
        let made = Time::from_micros(1_700_000_000_123_456);
        let ids: HashSet<_> = (0..10_000).map(|row| decision_id(job, made, row)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!((0..10_000).all(|row| !ids.contains(&decision_id(other, made, row))));
        let id = decision_id(job, made, 7);
        assert_eq!(id, decision_id(job, made, 7));
        assert_eq!(id.time().as_millis(), made.as_millis());
        let text = id.to_string();
        assert_eq!((&text[14..15], "89ab".contains(&text[19..20])), ("7", true));
    }
}
