//! Models trained again, one at a time beside requests. Each step is written to the control state
//! before the next begins; a process that dies goes on from there.

use crate::accept::Life;
use crate::app::App;
use crate::routes::Fail;
use crate::trainers::{Ended, Place, Trainer, Trainers, end_orphans, run};
use crate::trainers_webhook::{Unposted, Webhook, is_token, request};
use aws_lc_rs::digest::{Context, SHA256};
use plimsoll_api as api;
use plimsoll_api::{FileRole, ManifestFile, RetrainState, TrainingManifest};
use plimsoll_control::{Control, ControlError, RequestContext, RetrainTask};
use plimsoll_lake::{Ask, Format, Visible};
use plimsoll_types::{Digest, RetrainId};
use std::collections::HashSet;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How often it is looked whether something is due.
const IDLE: Duration = Duration::from_secs(2);
/// The pause after a failure of ours, which is seldom gone at once.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Rows that a trainer is given at most.
const MAX_ROWS: u64 = 10_000_000;
/// Time to read them.
const EXPORT: Duration = Duration::from_secs(600);
/// Files that a trainer makes: as many as a version has, less its lineage.
const MAX_FILES: usize = 63;
/// What is read of a log at a time.
const MAX_PIECE: u64 = 64 << 10;
/// Where a version comes from, as a file of it.
const LINEAGE: &str = "lineage.json";
/// Bytes moved at once.
const PIECE: usize = 256 << 10;

/// What trains models again.
pub(crate) struct Retrains {
    trainers: Trainers,
    folder: PathBuf,
    draining: AtomicBool,
    /// Those that were posted to trainers elsewhere by this process; one for each deployment.
    posted: Mutex<HashSet<RetrainId>>,
    pub(crate) more: Notify,
}

impl Retrains {
    pub(crate) fn new(trainers: Trainers, folder: PathBuf) -> Self {
        Self {
            trainers,
            folder,
            draining: AtomicBool::new(false),
            posted: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// Whether the operator declared this trainer.
    pub(crate) fn has(&self, trainer: &str) -> bool {
        self.trainers.contains_key(trainer)
    }

    fn is_posted(&self, id: RetrainId) -> bool {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    fn note_posted(&self, id: RetrainId) {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    fn place(&self, id: RetrainId) -> Place {
        Place::new(self.folder.join(id.to_string()))
    }

    /// A part of what a trainer says, from a byte on.
    pub(crate) fn log(&self, id: RetrainId, from: u64) -> std::io::Result<(String, u64)> {
        let mut file = match fs_err::File::open(self.place(id).log()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((String::new(), 0));
            }
            file => file?,
        };
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        let count = file.take(MAX_PIECE).read_to_end(&mut bytes)?;
        let next = from.saturating_add(u64::try_from(count).unwrap_or(0));
        Ok((String::from_utf8_lossy(&bytes).into_owned(), next))
    }
}

/// Trains until the server drains; what is left goes on after the next start.
pub(crate) async fn keep(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let mut ends = life.clone();
    let stopper = Arc::clone(&app);
    let stop = async move {
        drop(ends.wait_for(|&life| life != Life::Serving).await);
        stopper.retrains.draining.store(true, Relaxed);
        // What trains now is ended by its own loop.
        std::future::pending::<()>().await;
    };
    tokio::pin!(stop);
    tokio::select! {
        () = turns(app, &mut life) => {}
        () = &mut stop => {}
    }
}

async fn turns(app: Arc<App>, life: &mut watch::Receiver<Life>) {
    loop {
        if *life.borrow() != Life::Serving {
            return;
        }
        let turn = Arc::clone(&app);
        let turned = tokio::task::spawn_blocking(move || carry_out(&turn)).await;
        let pause = match turned {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => IDLE,
            Ok(Err(error)) => {
                tracing::warn!(%error, "training again waits");
                AFTER_FAILURE
            }
            Err(_) => AFTER_FAILURE,
        };
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        tokio::select! {
            _ = drains => return,
            () = app.retrains.more.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Asks for what is due, and takes one retraining further. Whether there may be more to do.
fn carry_out(app: &App) -> Result<bool, ControlError> {
    let control = &*app.control;
    control.request_due_retrains()?;
    let Some(task) = next(app)? else { return Ok(false) };
    let place = app.retrains.place(task.id);
    if task.state == RetrainState::Registering {
        control.register_retrain(task.id)?;
        place.tidy();
        return Ok(true);
    }
    if task.attempts > 0 {
        end_orphans(&task.id.to_string());
        control.note_retrain_process(task.id, None)?;
    }
    let Some(trainer) = app.retrains.trainers.get(task.trainer.as_str()) else {
        let why = format!("the settings declare no trainer `{}`", task.trainer);
        control.fail_retrain(task.id, &why)?;
        return Ok(true);
    };
    if let Some(webhook) = &trainer.webhook {
        let posted = post(app, &task, webhook, &place);
        place.tidy();
        return match posted {
            Ok(()) => Ok(true),
            Err(Broken::Ours(error)) => Err(error),
            Err(Broken::Trainer(why)) => control.fail_retrain(task.id, &why).map(|()| true),
        };
    }
    let trained = train(app, &task, trainer, &place);
    match trained {
        Ok(true) => control.register_retrain(task.id)?,
        // Ended by somebody, or by a drain: who did decides what becomes of it.
        Ok(false) if app.retrains.draining.load(Relaxed) => return Ok(false),
        Ok(false) => {}
        Err(Broken::Ours(error)) => return Err(error),
        Err(Broken::Trainer(why)) => control.fail_retrain(task.id, &why)?,
    }
    place.tidy();
    Ok(true)
}

/// The first that there is something to do for. Those that train elsewhere are left to, for as long
/// as they may take.
fn next(app: &App) -> Result<Option<RetrainTask>, ControlError> {
    for task in app.control.retrain_tasks()? {
        let trainer = app.retrains.trainers.get(task.trainer.as_str());
        let is_elsewhere = trainer.is_some_and(|trainer| trainer.webhook.is_some());
        if task.state != RetrainState::Training || !is_elsewhere {
            return Ok(Some(task));
        }
        let seconds = trainer.map_or(0, |trainer| trainer.timeout_seconds);
        let begun = task.started_at.unwrap_or_else(|| app.clock.now());
        if begun.plus(Duration::from_secs(seconds)) <= app.clock.now() {
            let why = format!("no model was posted within {seconds} seconds");
            app.control.fail_retrain(task.id, &why)?;
        } else if !app.retrains.is_posted(task.id) {
            return Ok(Some(task));
        }
    }
    Ok(None)
}

/// Rows counted, and the request posted; after a restart the same once more.
fn post(app: &App, task: &RetrainTask, webhook: &Webhook, place: &Place) -> Result<(), Broken> {
    let manifest = match &task.manifest {
        Some(manifest) if task.state == RetrainState::Training => manifest.clone(),
        _ => {
            place.clean()?;
            let manifest = export(app, task, &place.data().join("decisions.parquet"))?;
            if !app.control.begin_training(task.id, &manifest)? {
                return Ok(());
            }
            manifest
        }
    };
    match request(app, webhook, task, &manifest) {
        Ok(()) => {
            tracing::info!(retrain = %task.id, deployment = %task.name, "a trainer elsewhere was asked");
            app.retrains.note_posted(task.id);
            Ok(())
        }
        // It is due again, until its time is over.
        Err(Unposted::Passing(why)) => {
            tracing::warn!(retrain = %task.id, %why, "a trainer could not be asked");
            Err(Broken::Ours(ControlError::Internal("a trainer elsewhere could not be asked now")))
        }
        Err(Unposted::Lasting(why)) => Err(Broken::Trainer(why)),
    }
}

/// Takes what a trainer elsewhere made: once, and bound to what it was asked.
///
/// # Errors
/// [`Fail`], also where it was answered already.
pub(crate) fn answered(
    app: &App,
    ctx: &RequestContext,
    id: RetrainId,
    wanted: api::RetrainResult,
) -> Result<api::Retrain, Fail> {
    let invalid = |field: &str, detail: String| {
        let mut problem = api::Problem::new(422, "invalid", detail);
        problem.field = Some(field.to_owned());
        Fail::Problem(Box::new(problem))
    };
    let trainer = app.control.retrain_trainer(ctx, id)?;
    let trainer = app.retrains.trainers.get(trainer.as_str());
    let webhook = trainer.and_then(|trainer| trainer.webhook.as_ref());
    if !webhook.is_some_and(|webhook| is_token(webhook, id, &wanted.token)) {
        return Err(invalid("token", "is not that of this retraining".to_owned()));
    }
    if let Some(why) = &wanted.failed {
        return Ok(app.control.retrain_answered(ctx, id, Err(why.clone()))?);
    }
    let mut files = wanted.files;
    if files.len() > MAX_FILES || !files.iter().any(|file| file.role == FileRole::Model) {
        let detail = format!("must be 1 to {MAX_FILES}, one of them the model");
        return Err(invalid("files", detail));
    }
    files.retain(|file| file.path != LINEAGE);
    let lineage = app.control.retrain_lineage(id)?;
    let kept =
        keep_one(&app.control, LINEAGE.to_owned(), &mut lineage.as_slice(), FileRole::Metadata);
    let lost = ControlError::Internal("the lineage of a version could not be kept");
    files.push(kept.map_err(|_| lost)?);
    let retrain = app.control.retrain_answered(ctx, id, Ok(files))?;
    app.retrains.more.notify_one();
    Ok(retrain)
}

/// Why there is no model.
enum Broken {
    /// It is tried again.
    Ours(ControlError),
    /// It is not.
    Trainer(String),
}

impl From<ControlError> for Broken {
    fn from(error: ControlError) -> Self {
        Self::Ours(error)
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Trainer(format!("a file could not be used: {}", error.kind()))
    }
}

/// Rows out, trainer, files in. Whether there is a model to be registered.
fn train(app: &App, task: &RetrainTask, trainer: &Trainer, place: &Place) -> Result<bool, Broken> {
    let control = &*app.control;
    place.clean()?;
    let manifest = export(app, task, &place.data().join("decisions.parquet"))?;
    let text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    fs_err::write(place.data().join("manifest.json"), text)?;
    if !control.begin_training(task.id, &manifest)? {
        return Ok(false);
    }
    tracing::info!(retrain = %task.id, deployment = %task.name, rows = manifest.rows, "a trainer begins");
    let begun = |group| control.note_retrain_process(task.id, Some(group)).is_ok();
    let is_wanted = || {
        !app.retrains.draining.load(Relaxed) && control.is_retrain_wanted(task.id).unwrap_or(true)
    };
    match run(trainer, &task.id.to_string(), place, begun, is_wanted)? {
        Ended::Stopped => return Ok(false),
        Ended::Badly(why) => return Err(Broken::Trainer(why)),
        Ended::Well => {}
    }
    let made = trainer.folder.clone().unwrap_or_else(|| place.out());
    let files = keep_files(control, task.id, trainer, &made)?;
    control.trained(task.id, files)?;
    Ok(true)
}

/// Writes the decisions of the window, without columns that are sealed.
fn export(app: &App, task: &RetrainTask, path: &Path) -> Result<TrainingManifest, Broken> {
    let table =
        Visible { deployment: task.deployment, name: task.name.to_string(), may_open: true };
    let lost = |error: plimsoll_lake::LakeError| match error {
        plimsoll_lake::LakeError::Statement(_) => {
            Broken::Trainer(format!("the rows cannot be asked for: {error}"))
        }
        error => {
            tracing::warn!(%error, "rows for a trainer could not be read");
            Broken::Ours(ControlError::Internal("the decision tables cannot be read now"))
        }
    };
    let columns = app.lake.columns(&table).map_err(lost)?;
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (sealed, open): (Vec<_>, Vec<_>) = columns.into_iter().partition(|one| one.is_sealed);
    let wanted: Vec<String> = open.iter().map(|column| quoted(&column.name)).collect();
    let (from, until) = (api::Timestamp(task.from), api::Timestamp(task.until));
    let mut sql = format!(
        "SELECT {} FROM {} WHERE time >= TIMESTAMP '{from}' AND time < TIMESTAMP '{until}'",
        wanted.join(", "),
        quoted(task.name.as_str()),
    );
    if let Some(exclude) = &task.exclude {
        sql.push_str(&format!(" AND NOT ({exclude})"));
    }
    let ask = Ask {
        sql: sql.clone(),
        tables: vec![table],
        tenant: app.control.tenant(),
        rows: MAX_ROWS,
        timeout: EXPORT,
    };
    let mut answer = app.lake.query_as(ask, Format::Parquet).map_err(lost)?;
    let mut file = fs_err::File::create(path)?;
    let (mut digest, mut bytes) = (Context::new(&SHA256), 0_u64);
    while let Some(piece) = answer.next_blocking() {
        let piece = piece.map_err(lost)?;
        digest.update(&piece);
        file.write_all(&piece)?;
        bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(0));
    }
    file.sync_all()?;
    let mut name = [0; 32];
    name.copy_from_slice(digest.finish().as_ref());
    Ok(TrainingManifest {
        deployment: task.name.clone(),
        from,
        until,
        sql,
        exclude: task.exclude.clone(),
        left_out: sealed.into_iter().map(|column| column.name).collect(),
        rows: answer.rows(),
        digest: Digest::from_bytes(name),
        bytes,
    })
}

/// Keeps what a trainer made as artifacts, with a file that tells where it comes from.
fn keep_files(
    control: &Control,
    id: RetrainId,
    trainer: &Trainer,
    made: &Path,
) -> Result<Vec<ManifestFile>, Broken> {
    let model = made.join(&trainer.model);
    if !model.is_file() {
        return Err(Broken::Trainer(format!("the trainer made no file `{}`", trainer.model)));
    }
    let mut paths = vec![(trainer.model.clone(), model)];
    // A project's folder holds more than results: of it, the model alone is taken.
    if trainer.folder.is_none() {
        for entry in fs_err::read_dir(made)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_file() && name != trainer.model && name != "lineage.json" {
                paths.push((name.to_owned(), path));
            }
        }
    }
    if paths.len() > MAX_FILES {
        return Err(Broken::Trainer(format!("the trainer made more than {MAX_FILES} files")));
    }
    let mut files = Vec::with_capacity(paths.len() + 1);
    for (name, path) in paths {
        let role = match name.as_str() {
            name if name == trainer.model => FileRole::Model,
            "background.csv" | "background.parquet" => FileRole::Background,
            "provenance.json" => FileRole::Metadata,
            _ => FileRole::Other,
        };
        files.push(keep_one(control, name, &mut fs_err::File::open(path)?, role)?);
    }
    let lineage = control.retrain_lineage(id)?;
    let name = "lineage.json".to_owned();
    files.push(keep_one(control, name, &mut lineage.as_slice(), FileRole::Metadata)?);
    Ok(files)
}

fn keep_one(
    control: &Control,
    path: String,
    from: &mut dyn std::io::Read,
    role: FileRole,
) -> Result<ManifestFile, Broken> {
    let mut upload = control.keep_trained()?;
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            break;
        }
        upload.write(piece.get(..count).unwrap_or_default())?;
    }
    let kept = upload.finish()?;
    Ok(ManifestFile { path, digest: kept.digest, size: kept.size, role })
}
