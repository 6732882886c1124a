//! Small changes of many writers in one transaction, so that they share one sync.
//!
//! Whoever gets the writing connection makes every change that waits, its own among them. The
//! sync in flight is the batch window: a lone writer pays one sync, many share it.

use crate::error::StoreError;
use crate::store::{Store, lock};
use crate::write::Write;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::{Arc, Mutex};

/// Changes of one transaction. A transaction keeps readers' view of the log back, and others
/// wait for it: at some ten microseconds each this many take a few milliseconds.
const MAX_TOGETHER: usize = 256;

/// A change that waits. Bounded by the threads that wait with it.
pub(crate) trait Waiting: Send {
    /// Makes the change; whether it is to stay.
    fn run(&mut self, tx: &Write<'_>) -> bool;
    /// Its transaction was not written.
    fn lose(&mut self);
}

struct Job<T, E, F> {
    change: Option<F>,
    answer: Arc<Mutex<Option<Result<T, E>>>>,
}

impl<T, E, F> Waiting for Job<T, E, F>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&Write<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, tx: &Write<'_>) -> bool {
        let Some(change) = self.change.take() else { return false };
        let answer = change(tx);
        let stays = answer.is_ok();
        *lock(&self.answer) = Some(answer);
        stays
    }
    fn lose(&mut self) {
        *lock(&self.answer) = Some(Err(StoreError::Lost.into()));
    }
}

impl Store {
    /// Makes a change that is no change of control state (tracking): durable on return, in one
    /// transaction with whatever else waits. A change that fails leaves the others alone.
    ///
    /// # Errors
    /// What `change` says, or [`StoreError`]; in both cases nothing was changed.
    pub fn together<T, E>(
        &self,
        change: impl FnOnce(&Write<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let answer = Arc::new(Mutex::new(None));
        let job = Job { change: Some(change), answer: Arc::clone(&answer) };
        lock(&self.waiting).push_back(Box::new(job));
        loop {
            // Waits while another writes, perhaps this very change.
            let mut writer = lock(&self.writer);
            if let Some(answer) = lock(&answer).take() {
                return answer;
            }
            let mut jobs: Vec<Box<dyn Waiting>> = {
                let mut waiting = lock(&self.waiting);
                let count = waiting.len().min(MAX_TOGETHER);
                waiting.drain(..count).collect()
            };
            if jobs.is_empty() {
                // Whoever had it panicked, which rolled its transaction back.
                return Err(StoreError::Lost.into());
            }
            if write(&mut writer, &mut jobs).is_err() {
                jobs.iter_mut().for_each(|job| job.lose());
            }
        }
    }
}

fn write(writer: &mut Connection, jobs: &mut [Box<dyn Waiting>]) -> Result<(), StoreError> {
    let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in jobs {
        tx.prepare_cached("SAVEPOINT one")?.execute([])?;
        if !job.run(&Write::new(&tx)) {
            tx.prepare_cached("ROLLBACK TO one")?.execute([])?;
        }
        tx.prepare_cached("RELEASE one")?.execute([])?;
    }
    tx.commit()?;
    Ok(())
}
