//! Batch jobs, carried out one at a time beside requests.

use crate::accept::Life;
use crate::app::App;
use plimsoll_api as api;
use plimsoll_batch::{BatchError, Ended, Engine, Format, Job, Notes, Progress, Running};
use plimsoll_control::{BatchTask, Control, ControlError};
use plimsoll_gateway::Asker;
use plimsoll_store::BatchProgress;
use plimsoll_types::BatchId;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How often to look for a job that nobody told of.
const IDLE: Duration = Duration::from_secs(10);
/// How long a job waits for what it cannot go on without: the disk, the ledger.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What carries out jobs, and the one that is being carried out.
pub(crate) struct Batches {
    pub(crate) engine: Engine,
    /// Whether the server drains: no job is begun any more.
    draining: AtomicBool,
    /// Told when there is a job.
    pub(crate) more: Notify,
    now: Mutex<Option<Current>>,
    /// Jobs whose limits are used up: others have their turn meanwhile.
    passed: Mutex<Vec<BatchId>>,
}

/// The job that is being carried out.
#[derive(Clone)]
struct Current {
    id: BatchId,
    running: Arc<Running>,
    /// When this run began, and how far the job was.
    since: u64,
    from: u64,
}

/// Where jobs are kept, as the engine sees it.
struct Kept<'a>(&'a Control);

impl Notes for Kept<'_> {
    fn note(&self, job: BatchId, progress: &Progress) -> Result<(), String> {
        let Progress { parts, rows, refused, failed, ledger_from } = *progress;
        let progress = BatchProgress { parts, rows, refused, failed, ledger_from };
        self.0.note_batch(job, &progress).map_err(|error| error.to_string())
    }
}

impl Batches {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            draining: AtomicBool::new(false),
            more: Notify::new(),
            now: Mutex::default(),
            passed: Mutex::default(),
        }
    }

    /// Stops a job that is being carried out, because it is no longer wanted.
    pub(crate) fn stop(&self, id: BatchId) {
        if let Some(current) = self.current().filter(|current| current.id == id) {
            current.running.stop.store(true, Relaxed);
        }
    }

    /// A job with how far it is at this moment.
    pub(crate) fn live(&self, mut batch: api::Batch, now: u64) -> api::Batch {
        let Some(current) = self.current().filter(|current| current.id == batch.id) else {
            return batch;
        };
        batch.rows = batch.rows.max(current.running.rows.load(Relaxed));
        let seconds = Duration::from_nanos(now.saturating_sub(current.since)).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is told to a few digits")]
        let done = batch.rows.saturating_sub(current.from) as f64;
        let rate = done / seconds.max(1e-3);
        batch.rows_per_second = Some(rate.round());
        if let Some(left) = batch.row_count.map(|all| all.saturating_sub(batch.rows))
            && rate > 0.0
        {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an estimate of seconds, bounded below a century"
            )]
            let seconds = (left as f64 / rate).min(3e9) as u64;
            batch.seconds_left = Some(seconds);
        }
        batch
    }

    fn pass_over(&self, id: BatchId) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }
    fn pass_over_none(&self) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
    fn passed(&self) -> Vec<BatchId> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn current(&self) -> Option<Current> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn set(&self, current: Option<Current>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = current;
    }
}

/// Carries out jobs until the server drains; what is left then goes on after the next start.
pub(crate) async fn run(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let mut ends = life.clone();
    let stopper = Arc::clone(&app);
    let stop = async move {
        drop(ends.wait_for(|&life| life != Life::Serving).await);
        stopper.batches.draining.store(true, Relaxed);
        if let Some(current) = stopper.batches.current() {
            current.running.stop.store(true, Relaxed);
        }
        // What is carried out now ends by itself.
        std::future::pending::<()>().await;
    };
    tokio::pin!(stop);
    tokio::select! {
        () = turns(app, &mut life) => {}
        () = &mut stop => {}
    }
}

async fn turns(app: Arc<App>, life: &mut watch::Receiver<Life>) {
    tidy(&app).await;
    loop {
        let is_serving = *life.borrow() == Life::Serving;
        if !is_serving {
            return;
        }
        let pause = match turn(&app).await {
            Ok(Turn::Again) => continue,
            Ok(Turn::Idle) => IDLE,
            Ok(Turn::Wait) => AFTER_FAILURE,
            Err(error) => {
                tracing::warn!(error = %error, "batch jobs wait");
                AFTER_FAILURE
            }
        };
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        tokio::select! {
            _ = drains => return,
            () = app.batches.more.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
        if pause == IDLE {
            tidy(&app).await;
        }
    }
}

/// What is to be done after a turn.
enum Turn {
    /// Look for the next job.
    Again,
    /// There is none.
    Idle,
    /// The job waits for what it cannot go on without.
    Wait,
}

async fn turn(app: &Arc<App>) -> Result<Turn, ControlError> {
    let app = Arc::clone(app);
    let ran = tokio::task::spawn_blocking(move || {
        let turn = carry_out(&app);
        app.batches.set(None);
        turn
    });
    ran.await.map_err(|_| ControlError::Internal("a batch job panicked"))?
}

fn carry_out(app: &App) -> Result<Turn, ControlError> {
    let control = &*app.control;
    let passed = app.batches.passed();
    let Some(task) = control.next_batch(&passed)? else {
        app.batches.pass_over_none();
        return Ok(if passed.is_empty() { Turn::Idle } else { Turn::Wait });
    };
    control.note_batch_runs(task.id, None)?;
    let running = Arc::new(Running::default());
    let job = job(&task);
    app.batches.set(Some(Current {
        id: job.id,
        running: Arc::clone(&running),
        since: app.clock.monotonic(),
        from: job.progress.rows,
    }));
    // Told to stop, or cancelled, while it was taken.
    if app.batches.draining.load(Relaxed) || !control.is_batch_wanted(job.id)? {
        return Ok(Turn::Again);
    }
    tracing::info!(job = %job.id, deployment = %job.deployment, rows = job.progress.rows, "a batch job runs");
    let ended = match app.batches.engine.run(&job, &Kept(control), &running) {
        // Whoever stopped it decides what becomes of it.
        Ok(Ended::Stopped(_)) => return Ok(Turn::Again),
        Ok(Ended::Done(made)) => Ok(api::BatchFile { digest: made.digest, bytes: made.bytes }),
        Err(error) if error.is_passing() => {
            tracing::warn!(job = %job.id, error = %error, "a batch job waits");
            control.note_batch_runs(job.id, Some(&waits(&error)))?;
            if error.is_limit() {
                app.batches.pass_over(job.id);
                return Ok(Turn::Again);
            }
            return Ok(Turn::Wait);
        }
        Err(error) => {
            tracing::warn!(job = %job.id, error = %error, "a batch job failed");
            Err(error.to_string())
        }
    };
    let is_done = ended.is_ok();
    if control.end_batch(job.id, ended)? && is_done {
        let parts = control.batch_parts(job.id)?;
        if let Err(error) = app.batches.engine.vault().tidy(job.id, parts) {
            tracing::warn!(job = %job.id, error = %error, "files of a batch job could not be removed");
        }
    }
    Ok(Turn::Again)
}

fn waits(error: &BatchError) -> String {
    format!("it waits: {error}")
}

/// Removes the files of jobs that are over, and of uploads that never became a job.
async fn tidy(app: &Arc<App>) {
    let app = Arc::clone(app);
    let tidied = tokio::task::spawn_blocking(move || {
        let vault = app.batches.engine.vault();
        let gone = |error: std::io::Error| {
            tracing::warn!(error = %error, "files of a batch job could not be removed");
        };
        for id in app.control.batches_over()? {
            match vault.remove(id) {
                Ok(()) => app.control.note_batch_removed(id)?,
                Err(error) => gone(error),
            }
        }
        let stale = app.clock.now().minus(UPLOAD);
        for id in vault.jobs().unwrap_or_default() {
            if id.time() < stale && !app.control.has_batch(id)? {
                vault.remove(id).unwrap_or_else(gone);
            }
        }
        Ok::<_, ControlError>(())
    });
    if let Ok(Err(error)) = tidied.await {
        tracing::warn!(error = %error, "files of batch jobs could not be looked through");
    }
}

/// The longest that an upload takes; older ones without a job broke off.
const UPLOAD: Duration = Duration::from_secs(24 * 60 * 60);

/// A job as the engine knows it.
pub(crate) fn job(task: &BatchTask) -> Job {
    let BatchProgress { parts, rows, refused, failed, ledger_from } = task.progress;
    Job {
        id: task.id,
        made: task.made,
        deployment: task.deployment.clone(),
        asker: Asker {
            principal: task.principal,
            key: task.key,
            bearer: task.bearer.as_ref().map(|bearer| Arc::new(bearer.0.clone())),
            began: task.made,
        },
        format: format(task.format),
        output: format(task.output),
        keep: task.keep.clone(),
        progress: Progress { parts, rows, refused, failed, ledger_from },
    }
}

const fn format(format: api::BatchFormat) -> Format {
    match format {
        api::BatchFormat::Csv => Format::Csv,
        api::BatchFormat::Parquet => Format::Parquet,
        api::BatchFormat::JsonLines => Format::JsonLines,
    }
}
