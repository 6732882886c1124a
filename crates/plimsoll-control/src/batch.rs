//! Batch jobs: who may begin, see and end them, and where each stands. What is done with their
//! rows is another crate's business.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{cursor, limit, page};
use crate::words::stored;
use plimsoll_api as api;
use plimsoll_policy::{Action, Environment, Principal, PrincipalKind, Resource, RoleSet};
use plimsoll_store::{BatchProgress, BatchRow, StoreError};
use plimsoll_types::{ApiKeyId, BatchId, Name, PrincipalId, TenantId, Time};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// The largest file of one job: 16 GiB, some hundred million rows as Parquet.
pub const MAX_BATCH_BYTES: u64 = 16 << 30;
/// Jobs that wait or run: each has a file on the disk.
const MAX_WAITING: usize = 256;
/// Columns kept: more are a copy of the file.
const MAX_KEPT: usize = 64;
/// How long the files of a job that ended are kept.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a token or a certificate gave to whoever began a job: a job outlives what it was begun
/// with, and the issuer is not asked about its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer(pub Principal);

fn damaged() -> ControlError {
    StoreError::Damaged("whoever began a job is not readable".into()).into()
}

/// A [`Bearer`] as the store has it.
#[derive(Serialize, Deserialize)]
struct Given {
    kind: PrincipalKind,
    id: Box<str>,
    roles: RoleSet,
    environment: Option<Environment>,
    deployments: Option<Vec<Name>>,
}

impl Bearer {
    fn of(ctx: &RequestContext) -> Option<Self> {
        let Principal { kind, dev, .. } = &ctx.principal;
        let is_bearer = ctx.key.is_none() && !dev && *kind != PrincipalKind::Anonymous;
        is_bearer.then(|| Self(ctx.principal.clone()))
    }

    fn to_text(&self) -> Result<String, ControlError> {
        let Principal { kind, id, roles, environment, scopes, .. } = self.0.clone();
        let deployments = scopes.map(|scopes| scopes.to_vec());
        let given = Given { kind, id, roles, environment, deployments };
        serde_json::to_string(&given).map_err(|_| damaged())
    }

    fn parse(text: &str, tenant: TenantId) -> Result<Self, ControlError> {
        let given: Given = serde_json::from_str(text).map_err(|_| damaged())?;
        let Given { kind, id, roles, environment, deployments } = given;
        let scopes = deployments.map(Into::into);
        Ok(Self(Principal { kind, id, roles, environment, scopes, tenant, dev: false }))
    }
}

/// What carries a job out needs to know.
#[derive(Debug, Clone)]
pub struct BatchTask {
    /// The job.
    pub id: BatchId,
    /// When it was begun.
    pub made: Time,
    /// The deployment that is asked.
    pub deployment: Name,
    /// Who asks.
    pub principal: PrincipalId,
    /// With which key.
    pub key: Option<ApiKeyId>,
    /// What the token or certificate gave that it was begun with.
    pub bearer: Option<Bearer>,
    /// The format of the rows.
    pub format: api::BatchFormat,
    /// The format of the result.
    pub output: api::BatchFormat,
    /// Columns copied to the result.
    pub keep: Vec<String>,
    /// How far it is.
    pub progress: BatchProgress,
}

impl Control {
    /// Whether the caller may begin a job, before anything is uploaded.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn may_begin_batch(
        &self,
        ctx: &RequestContext,
        query: &api::BatchQuery,
    ) -> Result<(), ControlError> {
        let (row, resource) = self.deployment_resource(ctx, &query.deployment)?;
        let resource = Resource::Deployment(resource);
        self.may_read(ctx, Action::ScoreBatch, &resource)?;
        self.may_read(ctx, Action::Infer, &resource)?;
        row.ok_or_else(|| ControlError::not_found("deployment", &query.deployment))?;
        kept(query)?;
        self.has_room()
    }

    fn has_room(&self) -> Result<(), ControlError> {
        let states = [api::BatchState::Queued, api::BatchState::Running];
        let waiting = self.store.read(|r| {
            states
                .iter()
                .map(|state| Ok(r.batches_in(state.as_str())?.len()))
                .sum::<Result<usize, ControlError>>()
        })?;
        if waiting >= MAX_WAITING {
            let detail = format!("{MAX_WAITING} jobs wait already; begin this one later");
            return Err(ControlError::conflict(detail));
        }
        Ok(())
    }

    /// What a job would be, to look at its file before it is begun.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] if what is asked does not go together.
    pub fn batch_wanted(
        &self,
        ctx: &RequestContext,
        id: BatchId,
        query: &api::BatchQuery,
    ) -> Result<BatchTask, ControlError> {
        Ok(BatchTask {
            id,
            made: id.time(),
            deployment: query.deployment.clone(),
            principal: ctx.id,
            key: ctx.key,
            bearer: Bearer::of(ctx),
            format: query.format,
            output: query.output.unwrap_or(query.format),
            keep: kept(query)?,
            progress: BatchProgress::default(),
        })
    }

    /// Begins a job whose file is there.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn begin_batch(
        &self,
        ctx: &RequestContext,
        task: &BatchTask,
        input: api::BatchFile,
        row_count: Option<u64>,
    ) -> Result<api::Batch, ControlError> {
        let (_, resource) = self.deployment_resource(ctx, &task.deployment)?;
        let permit = self.permit(ctx, Action::ScoreBatch, &Resource::Deployment(resource))?;
        let row = BatchRow {
            id: task.id,
            deployment: task.deployment.clone(),
            principal: task.principal,
            key: task.key,
            bearer: task.bearer.as_ref().map(Bearer::to_text).transpose()?,
            state: api::BatchState::Queued.to_string(),
            format: task.format.to_string(),
            output: task.output.to_string(),
            keep: task.keep.clone(),
            input_digest: input.digest,
            input_bytes: input.bytes,
            row_count,
            result: None,
            why: None,
            tenant: ctx.tenant(),
            created_at: task.made,
            ended_at: None,
            removed_at: None,
        };
        let facts = json!({
            "batch": task.id, "input": input, "format": task.format, "output": task.output,
            "keep": task.keep, "rows": row_count,
        });
        let from = self.ledger.durable();
        self.carry_out(permit, facts, |tx, _| Ok(tx.insert_batch(&row, from)?))?;
        self.shown_batch(row)
    }

    /// Jobs of deployments that the caller may read, latest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_batches(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Batch>, ControlError> {
        self.may_read(ctx, Action::ListBatches, &self.server())?;
        let (before, limit) = (cursor(query.cursor.as_deref())?, limit(query.limit)?);
        let rows = self.store.read(|r| r.batches(before, limit))?;
        page(
            query,
            rows,
            |row| row.id.to_string(),
            |row| {
                let (_, resource) = self.deployment_resource(ctx, &row.deployment)?;
                let resource = Resource::Deployment(resource);
                let may = self.allows(ctx, Action::ReadDeployment, &resource);
                may.then(|| self.shown_batch(row)).transpose()
            },
        )
    }

    /// A job.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_batch(
        &self,
        ctx: &RequestContext,
        id: BatchId,
    ) -> Result<api::Batch, ControlError> {
        let row = self.batch_row(ctx, id, Action::ReadDeployment)?;
        self.shown_batch(row)
    }

    /// Ends a job. What is decided stays decided.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn cancel_batch(
        &self,
        ctx: &RequestContext,
        id: BatchId,
    ) -> Result<api::Batch, ControlError> {
        let mut row = self.own_batch(ctx, id)?;
        let before = row.state.clone();
        if row.ended_at.is_some() {
            return Err(ControlError::conflict(format!("the job is {before} already")));
        }
        row.state = api::BatchState::Cancelled.to_string();
        row.ended_at = Some(self.clock.now());
        self.change_batch(ctx, "CancelBatch", &row, &before)?;
        self.shown_batch(row)
    }

    /// Lets a job that failed go on from where it stopped.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn resume_batch(
        &self,
        ctx: &RequestContext,
        id: BatchId,
    ) -> Result<api::Batch, ControlError> {
        let mut row = self.own_batch(ctx, id)?;
        let before = row.state.clone();
        if before != api::BatchState::Failed.as_str() || row.removed_at.is_some() {
            let detail = format!("only a job that failed and has its file goes on; it is {before}");
            return Err(ControlError::conflict(detail));
        }
        self.has_room()?;
        row.state = api::BatchState::Queued.to_string();
        (row.ended_at, row.why) = (None, None);
        self.change_batch(ctx, "ResumeBatch", &row, &before)?;
        self.shown_batch(row)
    }

    /// The result of a job that is done, for who began it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn batch_result(
        &self,
        ctx: &RequestContext,
        id: BatchId,
    ) -> Result<(api::BatchFormat, api::BatchFile), ControlError> {
        let row = self.own_batch(ctx, id)?;
        let file = row.result.filter(|_| row.removed_at.is_none());
        let Some((digest, bytes)) = file else {
            let detail = format!("the job has no result: it is {}", row.state);
            return Err(ControlError::conflict(detail));
        };
        Ok((stored(&row.output, "format")?, api::BatchFile { digest, bytes }))
    }

    fn change_batch(
        &self,
        ctx: &RequestContext,
        what: &'static str,
        row: &BatchRow,
        before: &str,
    ) -> Result<(), ControlError> {
        let (_, resource) = self.deployment_resource(ctx, &row.deployment)?;
        let permit = self.permit(ctx, Action::ScoreBatch, &Resource::Deployment(resource))?;
        let permit = permit.for_named(format!("batch/{}", row.id));
        let progress = self.store.read(|r| r.batch_progress(row.id))?;
        let facts = json!({"what": what, "state": row.state, "rows": progress.rows});
        self.carry_out(permit, facts, |tx, _| Ok(tx.update_batch(row, before)?))
    }

    fn batch_row(
        &self,
        ctx: &RequestContext,
        id: BatchId,
        action: Action,
    ) -> Result<BatchRow, ControlError> {
        let row = self.store.read(|r| r.batch(id))?;
        let Some(row) = row else {
            // Whoever may not list jobs learns nothing of which there are.
            self.may_read(ctx, Action::ListBatches, &self.server())?;
            return Err(ControlError::not_found("batch job", id));
        };
        let (_, resource) = self.deployment_resource(ctx, &row.deployment)?;
        self.may_read(ctx, action, &Resource::Deployment(resource))?;
        Ok(row)
    }

    /// A job of the caller's: its result is what the rows' asker may see.
    fn own_batch(&self, ctx: &RequestContext, id: BatchId) -> Result<BatchRow, ControlError> {
        let row = self.batch_row(ctx, id, Action::ScoreBatch)?;
        if row.principal == ctx.id {
            return Ok(row);
        }
        let resource = format!("batch/{id}").into();
        Err(ControlError::Denied { action: Action::ScoreBatch, resource })
    }

    fn shown_batch(&self, row: BatchRow) -> Result<api::Batch, ControlError> {
        let progress = self.store.read(|r| r.batch_progress(row.id))?;
        let result = row.result.filter(|_| row.removed_at.is_none());
        Ok(api::Batch {
            id: row.id,
            deployment: row.deployment,
            principal: row.principal,
            state: stored(&row.state, "state")?,
            why: row.why,
            format: stored(&row.format, "format")?,
            output: stored(&row.output, "format")?,
            keep: row.keep,
            input: api::BatchFile { digest: row.input_digest, bytes: row.input_bytes },
            row_count: row.row_count,
            rows: progress.rows,
            refused: progress.refused,
            failed: progress.failed,
            rows_per_second: None,
            seconds_left: None,
            result: result.map(|(digest, bytes)| api::BatchFile { digest, bytes }),
            created_at: row.created_at.into(),
            ended_at: row.ended_at.map(Into::into),
            kept_until: row.ended_at.map(|at| at.plus(KEPT_FOR).into()),
        })
    }

    /// The job to carry out next: one that was running when the process before this one ended,
    /// else the one that waits longest. Those in `passed` are passed over.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn next_batch(&self, passed: &[BatchId]) -> Result<Option<BatchTask>, ControlError> {
        let states = [api::BatchState::Running, api::BatchState::Queued];
        let found = self.store.read(|r| {
            for state in states {
                let rows = r.batches_in(state.as_str())?;
                if let Some(row) = rows.into_iter().find(|row| !passed.contains(&row.id)) {
                    return Ok::<_, ControlError>(Some(row));
                }
            }
            Ok(None)
        })?;
        found.map(|row| self.batch_task(row)).transpose()
    }

    fn batch_task(&self, row: BatchRow) -> Result<BatchTask, ControlError> {
        Ok(BatchTask {
            id: row.id,
            made: row.created_at,
            principal: row.principal,
            key: row.key,
            bearer: row
                .bearer
                .as_deref()
                .map(|text| Bearer::parse(text, row.tenant))
                .transpose()?,
            format: stored(&row.format, "format")?,
            output: stored(&row.output, "format")?,
            keep: row.keep,
            progress: self.store.read(|r| r.batch_progress(row.id))?,
            deployment: row.deployment,
        })
    }

    /// Whether somebody still wants the job carried out.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn is_batch_wanted(&self, id: BatchId) -> Result<bool, ControlError> {
        Ok(self.store.read(|r| r.batch(id))?.is_some_and(|row| row.ended_at.is_none()))
    }

    /// Notes that a job runs, and what it waits for if it does.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn note_batch_runs(&self, id: BatchId, why: Option<&str>) -> Result<(), ControlError> {
        Ok(self.store.note_batch_state(id, api::BatchState::Running.as_str(), why)?)
    }

    /// Notes how far a job is.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn note_batch(&self, id: BatchId, progress: &BatchProgress) -> Result<(), ControlError> {
        Ok(self.store.note_batch(id, progress)?)
    }

    /// Records the end of a job: with its result, or with the reason for which it has none. False
    /// if somebody ended it first.
    ///
    /// # Errors
    /// [`ControlError`]; the job stays as it was then.
    pub fn end_batch(
        &self,
        id: BatchId,
        ended: Result<api::BatchFile, String>,
    ) -> Result<bool, ControlError> {
        let Some(mut row) = self.store.read(|r| r.batch(id))? else { return Ok(false) };
        if row.ended_at.is_some() {
            return Ok(false);
        }
        let before = std::mem::take(&mut row.state);
        let progress = self.store.read(|r| r.batch_progress(id))?;
        let (state, result, why) = match ended {
            Ok(file) => (api::BatchState::Done, Some((file.digest, file.bytes)), None),
            Err(why) => (api::BatchState::Failed, None, Some(why)),
        };
        let facts = json!({
            "state": state,
            "input": {"digest": row.input_digest, "bytes": row.input_bytes},
            "result": result.map(|(digest, bytes)| api::BatchFile { digest, bytes }),
            "rows": progress.rows, "refused": progress.refused, "failed": progress.failed,
            "why": why,
        });
        row.state = state.to_string();
        (row.result, row.why, row.ended_at) = (result, why, Some(self.clock.now()));
        let (who, resource) = (row.principal, format!("batch/{id}"));
        let payload = json!({"facts": facts});
        self.carry_out_as(who, "EndBatch", &resource, payload, |tx, _| {
            Ok(tx.update_batch(&row, &before)?)
        })?;
        Ok(true)
    }

    /// How many parts a job wrote.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn batch_parts(&self, id: BatchId) -> Result<u64, ControlError> {
        Ok(self.store.read(|r| r.batch_progress(id))?.parts)
    }

    /// Jobs whose files are no longer kept.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn batches_over(&self) -> Result<Vec<BatchId>, ControlError> {
        let before = self.clock.now().minus(KEPT_FOR);
        Ok(self.store.read(|r| r.batches_over(before))?.into_iter().map(|row| row.id).collect())
    }

    /// Notes that the files of a job were removed.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn note_batch_removed(&self, id: BatchId) -> Result<(), ControlError> {
        Ok(self.store.note_batch_removed(id, self.clock.now())?)
    }

    /// Whether there is a job with this id.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn has_batch(&self, id: BatchId) -> Result<bool, ControlError> {
        Ok(self.store.read(|r| r.batch(id))?.is_some())
    }
}

impl Control {
    /// Whether the caller may report decisions to a deployment.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn may_observe(&self, ctx: &RequestContext, name: &Name) -> Result<(), ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::Observe, &Resource::Deployment(resource))?;
        row.map(drop).ok_or_else(|| ControlError::not_found("deployment", name))
    }
}

fn kept(query: &api::BatchQuery) -> Result<Vec<String>, ControlError> {
    let Some(names) = &query.keep else { return Ok(Vec::new()) };
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if names.len() > MAX_KEPT || sorted.len() != names.len() || names.iter().any(String::is_empty) {
        let detail = format!("must be 1 to {MAX_KEPT} names of columns, each once");
        return Err(ControlError::invalid("keep", detail));
    }
    Ok(names)
}
