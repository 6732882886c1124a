//! Carries out a job: chunk by chunk, on every core, each row recorded once.

use crate::error::BatchError;
use crate::input::{Chunk, Input};
use crate::job::{Job, Notes, Progress, Running, decision_id};
use crate::output::{Shape, write_part, write_result};
use crate::pace::Pace;
use crate::vault::Vault;
use plimsoll_gateway::{Batch, Gateway, MAX_SLICE, Outcome, Scored, Slice};
use plimsoll_types::record::{Kind, ResultClass};
use plimsoll_types::{Clock, DecisionId, Digest};
use std::collections::{HashMap, VecDeque};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;

/// Threads that decide rows: one ledger's writer keeps up with no more.
const MAX_WORKERS: usize = 4;
/// Slices of one worker whose records are under way to the disk: one is written while the next is
/// made.
const UNDER_WAY: usize = 2;
/// Records that wait for the ledger's writer before a worker adds a slice. With a slice of each
/// worker on top, half of the queue of 4,096 is left to callers.
const MAX_QUEUED: usize = 1_024;
/// How long a worker waits for the writer: about a sync.
const QUEUE_WAIT: Duration = Duration::from_micros(200);
/// Rows past the noted ones that may be recorded: as many as the largest chunk has.
const MAX_CHUNK: u64 = plimsoll_table::MAX_BATCH_ROWS as u64;

/// Carries out jobs.
#[derive(Debug)]
pub struct Engine {
    gateway: Gateway,
    vault: Vault,
    pace: Pace,
    workers: usize,
    runtime: Handle,
}

/// How carrying out a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every row is decided, and the result is there.
    Done(Made),
    /// It was told to stop. What is done stays done.
    Stopped(Progress),
}

/// What a job made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// How far it got: all the way.
    pub progress: Progress,
    /// SHA-256 of the result.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}

/// What the workers of one chunk share.
struct Shared<'a> {
    engine: &'a Engine,
    job: &'a Job,
    running: &'a Running,
    chunk: &'a Chunk,
    /// The number in the job of the chunk's first row.
    base: u64,
    /// Rows of the chunk that are to be decided begin here.
    from: usize,
    /// Rows whose records are there already.
    known: &'a HashMap<u64, Outcome>,
    next: AtomicUsize,
}

/// What became of a row of the chunk.
type Row = (usize, Outcome);

impl Engine {
    /// An engine that asks `gateway`, and keeps files in `vault`. `runtime` drives calls to models
    /// that answer elsewhere.
    #[must_use]
    pub fn new(gateway: Gateway, vault: Vault, clock: Arc<dyn Clock>, runtime: Handle) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let pace = Pace::new(gateway.clone(), clock);
        Self { gateway, vault, pace, workers: cores.min(MAX_WORKERS), runtime }
    }

    /// The files of jobs.
    #[must_use]
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Whether a job can be carried out: its file is what it says, its columns go with the
    /// contract. Gives the number of its rows, if the file says it.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, job: &Job) -> Result<Option<u64>, BatchError> {
        let (input, _, _) = self.open(job)?;
        Ok(input.row_count())
    }

    /// Carries the job out, from the place it got to. Blocks.
    ///
    /// # Errors
    /// Why it stopped before its end. If that [is passing](BatchError::is_passing), it can go on
    /// later from the place it noted.
    pub fn run(
        &self,
        job: &Job,
        notes: &dyn Notes,
        running: &Running,
    ) -> Result<Ended, BatchError> {
        let (mut input, batch, shape) = self.open(job)?;
        let mut progress = job.progress;
        let mut known = self.recorded(job, &batch)?;
        drop(batch);
        running.rows.store(progress.rows, Relaxed);
        let mut base = 0_u64;
        while let Some(chunk) = input.next()? {
            let rows = chunk.rows() as u64;
            let from = progress.rows.saturating_sub(base).min(rows);
            if from < rows {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let outcomes = self.decide(job, running, &chunk, base, from, &known)?;
                known = HashMap::new();
                let Some(outcomes) = outcomes else { return Ok(Ended::Stopped(progress)) };
                let kept = chunk.kept(shape.kept(), from);
                let table = shape.table(kept, base + from as u64, &outcomes)?;
                write_part(&self.vault, job, progress.parts, &table)?;
                progress = after(progress, &outcomes, self.gateway.ledger().durable());
                notes.note(job.id, &progress).map_err(BatchError::Notes)?;
            }
            base += rows;
        }
        let (digest, bytes) = write_result(&self.vault, job, &shape, progress.parts)?;
        Ok(Ended::Done(Made { progress, digest, bytes }))
    }

    fn open(&self, job: &Job) -> Result<(Input, Batch, Shape), BatchError> {
        let batch = self.gateway.batch(&job.asker, job.deployment.as_str())?;
        let input = Input::open(job, self.vault.open_input(job.id)?)?;
        let gone = || BatchError::Internal("the deployment serves nothing");
        input.check(job, batch.contract().ok_or_else(gone)?)?;
        let shape = Shape::new(input.kept(job), batch.output().ok_or_else(gone)?)?;
        Ok((input, batch, shape))
    }

    /// What rows past the note came to whose records a run that was cut short left in the ledger.
    fn recorded(&self, job: &Job, batch: &Batch) -> Result<HashMap<u64, Outcome>, BatchError> {
        let rows = job.progress.rows..job.progress.rows + MAX_CHUNK;
        let ids: HashMap<DecisionId, u64> =
            rows.map(|row| (decision_id(job.id, job.made, row), row)).collect();
        let mut known = HashMap::new();
        for entry in self.gateway.ledger().entries(job.progress.ledger_from) {
            let entry = entry.map_err(BatchError::Ledger)?;
            let draft = &entry.leaf.draft;
            if draft.kind != Kind::Decision {
                continue;
            }
            if let Some(row) = ids.get(&DecisionId::from_bytes(draft.id)) {
                known.insert(*row, batch.recorded(&entry));
            }
        }
        if !known.is_empty() {
            tracing::info!(job = %job.id, rows = known.len(), "rows of a batch job were recorded before");
        }
        Ok(known)
    }

    /// Decides the rows of a chunk; `None` if it was told to stop before all were.
    fn decide(
        &self,
        job: &Job,
        running: &Running,
        chunk: &Chunk,
        base: u64,
        from: usize,
        known: &HashMap<u64, Outcome>,
    ) -> Result<Option<Vec<Outcome>>, BatchError> {
        let next = AtomicUsize::new(from);
        let shared = Shared { engine: self, job, running, chunk, base, from, known, next };
        let shared = &shared;
        let ended: Vec<_> = thread::scope(|threads| {
            let workers: Vec<_> =
                (0..self.workers).map(|n| threads.spawn(move || shared.work(n))).collect();
            let lost = || Err(BatchError::Internal("a worker of a batch job panicked"));
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| lost())).collect()
        });
        let count = chunk.rows() - from;
        let mut outcomes: Vec<Option<Outcome>> = vec![None; count];
        for rows in ended {
            for (row, outcome) in rows? {
                if let Some(place) = outcomes.get_mut(row) {
                    *place = Some(outcome);
                }
            }
        }
        Ok(outcomes.into_iter().collect())
    }
}

impl Shared<'_> {
    /// Takes slices of the chunk until there are none; whatever was queued is durable at the end.
    fn work(&self, worker: usize) -> Result<Vec<Row>, BatchError> {
        let mut rows = Vec::new();
        let mut slice = Slice::default();
        let mut under_way: VecDeque<Vec<(usize, Scored)>> = VecDeque::new();
        let worked = loop {
            let start = self.next.fetch_add(MAX_SLICE, Relaxed);
            if start >= self.chunk.rows() || self.is_stopped() {
                break Ok(());
            }
            while self.engine.gateway.ledger().queued() >= MAX_QUEUED && !self.is_stopped() {
                thread::sleep(QUEUE_WAIT);
            }
            let since = self.engine.pace.now();
            let end = (start + MAX_SLICE).min(self.chunk.rows());
            let (scored, ended) = self.slice(start..end, &mut slice, &mut rows);
            under_way.push_back(scored);
            if let Err(error) = ended {
                break Err(error);
            }
            while under_way.len() > UNDER_WAY {
                let oldest = under_way.pop_front().unwrap_or_default();
                self.settle(oldest, &mut rows)?;
            }
            self.engine.pace.rest(worker, since, || self.is_stopped() || self.is_taken());
        };
        for scored in under_way {
            self.settle(scored, &mut rows)?;
        }
        if worked.is_err() {
            // The other workers need not go on.
            self.next.store(self.chunk.rows(), Relaxed);
        }
        worked.map(|()| rows)
    }

    fn is_stopped(&self) -> bool {
        self.running.stop.load(Relaxed)
    }
    /// Whether every row of the chunk was taken by a worker.
    fn is_taken(&self) -> bool {
        self.next.load(Relaxed) >= self.chunk.rows()
    }

    /// Decides some rows; those whose records are there already are taken from them.
    fn slice(
        &self,
        range: std::ops::Range<usize>,
        slice: &mut Slice,
        rows: &mut Vec<Row>,
    ) -> (Vec<(usize, Scored)>, Result<(), BatchError>) {
        let Self { engine, job, chunk, .. } = self;
        let mut scored = Vec::with_capacity(range.len());
        let batch = match engine.gateway.batch(&job.asker, job.deployment.as_str()) {
            Ok(batch) => batch,
            Err(refusal) => return (Vec::new(), Err(refusal.into())),
        };
        let Some(contract) = batch.contract() else {
            let gone = BatchError::Internal("the deployment serves nothing");
            return (Vec::new(), Err(gone));
        };
        let columns = chunk.columns(job, contract);
        let mut places = Vec::with_capacity(range.len());
        slice.clear();
        for row in range {
            let number = self.base + row as u64;
            if let Some(outcome) = self.known.get(&number) {
                rows.push((row - self.from, outcome.clone()));
                self.running.rows.fetch_add(1, Relaxed);
                continue;
            }
            let id = decision_id(job.id, job.made, number);
            slice
                .push(id, chunk.bytes(row), |scratch| chunk.read(row, &columns, contract, scratch));
            places.push(row - self.from);
        }
        let ended = batch.score(slice, &engine.runtime, &mut scored).map_err(Into::into);
        (places.into_iter().zip(scored).collect(), ended)
    }

    /// Waits until the records are durable.
    fn settle(&self, scored: Vec<(usize, Scored)>, rows: &mut Vec<Row>) -> Result<(), BatchError> {
        let count = scored.len() as u64;
        for (row, Scored { durable, outcome }) in scored {
            durable.wait().map_err(BatchError::Ledger)?;
            rows.push((row, outcome));
        }
        self.running.rows.fetch_add(count, Relaxed);
        Ok(())
    }
}

fn after(progress: Progress, outcomes: &[Outcome], durable: u64) -> Progress {
    let count = |of: fn(ResultClass) -> bool| {
        outcomes.iter().filter(|outcome| of(outcome.result)).count() as u64
    };
    let is_answer = |result| matches!(result, ResultClass::Answered | ResultClass::Held);
    let refused = count(|result| result == ResultClass::Refused);
    let answered = outcomes.iter().filter(|outcome| is_answer(outcome.result)).count() as u64;
    let rows = outcomes.len() as u64;
    Progress {
        parts: progress.parts + 1,
        rows: progress.rows + rows,
        refused: progress.refused + refused,
        failed: progress.failed + rows - answered - refused,
        ledger_from: durable,
    }
}
