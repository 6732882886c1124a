//! The handlers of batch jobs.

use crate::app::App;
use crate::background_batches::job;
use crate::handlers::{blocking, created, ok};
use crate::reply::{BrokeOff, Pieces, Reply};
use crate::routes::{Call, Fail, Input, Route, control, other};
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_batch::{BatchError, InputWriter};
use plimsoll_control::{MAX_BATCH_BYTES, RequestContext};
use plimsoll_gateway::Listener;
use plimsoll_policy::Action;
use plimsoll_types::BatchId;
use std::io::Read as _;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Bytes read at once of a result that is fetched, and pieces that wait to be sent.
const PIECE: usize = 64 << 10;
const PIECES: usize = 4;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ListBatches, ReadDeployment, ScoreBatch};
    vec![
        control("GET", "/api/v1/batches", ListBatches, |app, ctx, input| {
            let mut page = app.control.list_batches(ctx, &input.query()?)?;
            let now = app.clock.monotonic();
            page.items = page.items.into_iter().map(|b| app.batches.live(b, now)).collect();
            ok(&page)
        })
        .named("list_batches", "Batch jobs, latest first")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Batch>>),
        other(Listener::Control, "POST", "/api/v1/batches", ScoreBatch, Call::Batch)
            .named("begin_batch", "Begin a batch job; the body is its file of rows")
            .asks(schema_of::<api::BatchQuery>)
            .reads_media("application/octet-stream")
            .gives(201, schema_of::<api::Batch>),
        control("GET", "/api/v1/batches/{id}", ReadDeployment, |app, ctx, input| {
            let batch = app.control.read_batch(ctx, input.parsed::<BatchId>("id")?)?;
            ok(&app.batches.live(batch, app.clock.monotonic()))
        })
        .named("get_batch", "A batch job and how far it is")
        .gives(200, schema_of::<api::Batch>),
        control("POST", "/api/v1/batches/{id}/cancel", ScoreBatch, |app, ctx, input| {
            let id = input.parsed::<BatchId>("id")?;
            let batch = app.control.cancel_batch(ctx, id)?;
            app.batches.stop(id);
            ok(&batch)
        })
        .named("cancel_batch", "End a batch job; what is decided stays decided")
        .gives(200, schema_of::<api::Batch>),
        control("POST", "/api/v1/batches/{id}/resume", ScoreBatch, |app, ctx, input| {
            let batch = app.control.resume_batch(ctx, input.parsed::<BatchId>("id")?)?;
            app.batches.more.notify_one();
            ok(&batch)
        })
        .named("resume_batch", "Let a batch job that failed go on from where it stopped")
        .gives(200, schema_of::<api::Batch>),
        control("GET", "/api/v1/batches/{id}/result", ScoreBatch, result)
            .named("get_batch_result", "What the rows of a batch job came to, for who began it")
            .gives_media("application/octet-stream"),
    ]
}

/// Streams the body into the file of a job, looks whether it can be carried out, and begins it.
pub(crate) async fn begin(
    app: &Arc<App>,
    ctx: RequestContext,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    let text = request.uri().query().unwrap_or_default();
    let query: api::BatchQuery = serde_urlencoded::from_str(text).map_err(|error| {
        Fail::bad("malformed_query", format!("the query does not fit: {error}"))
    })?;
    let id = BatchId::new(app.clock.now());
    let (begun, asked, context) = (Arc::clone(app), query.clone(), ctx.clone());
    let writer = blocking(move || {
        begun.control.may_begin_batch(&context, &asked)?;
        let vault = begun.batches.engine.vault();
        vault.begin_input(id, MAX_BATCH_BYTES).map_err(|error| failed(&error))
    })
    .await??;
    let made = receive(app, writer, request.into_body(), id).await;
    let begun = match made {
        Ok(input) => {
            let app = Arc::clone(app);
            blocking(move || start(&app, &ctx, id, &query, input)).await?
        }
        Err(fail) => Err(fail),
    };
    if begun.is_err() {
        let app = Arc::clone(app);
        let removed = blocking(move || app.batches.engine.vault().remove(id)).await?;
        if let Err(error) = removed {
            tracing::warn!(error = %error, "an upload could not be removed");
        }
    }
    let batch = begun?;
    app.batches.more.notify_one();
    created(&batch)
}

async fn receive(
    app: &Arc<App>,
    mut writer: InputWriter,
    mut body: Incoming,
    id: BatchId,
) -> Result<api::BatchFile, Fail> {
    loop {
        let frame = match tokio::time::timeout(app.limits.body_timeout, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Fail::bad("malformed_request", "the upload broke off".into()));
            }
            Err(_) => return Err(Fail::problem(408, "timeout", "the upload stalled")),
        };
        let Ok(bytes) = frame.into_data() else { continue };
        let fits;
        (writer, fits) = blocking(move || writer.write(&bytes).map(|fits| (writer, fits)))
            .await?
            .map_err(disk)?;
        if !fits {
            let detail = format!("the file of a job has at most {MAX_BATCH_BYTES} bytes");
            return Err(Fail::problem(413, "body_too_large", detail));
        }
    }
    let app = Arc::clone(app);
    let made = blocking(move || writer.finish(app.batches.engine.vault(), id)).await?;
    let (digest, bytes) = made.map_err(disk)?;
    Ok(api::BatchFile { digest, bytes })
}

fn start(
    app: &App,
    ctx: &RequestContext,
    id: BatchId,
    query: &api::BatchQuery,
    input: api::BatchFile,
) -> Result<api::Batch, Fail> {
    let task = app.control.batch_wanted(ctx, id, query)?;
    let rows = app.batches.engine.check(&job(&task)).map_err(|error| failed(&error))?;
    Ok(app.control.begin_batch(ctx, &task, input, rows)?)
}

fn disk(error: std::io::Error) -> Fail {
    failed(&BatchError::Io(error))
}

/// Why a job cannot be begun, as the caller is told.
fn failed(error: &BatchError) -> Fail {
    match error {
        BatchError::Refused(refusal) => {
            let status = plimsoll_gateway::status(refusal.code);
            Fail::problem(status, refusal.code.as_str(), plimsoll_gateway::said(refusal))
        }
        BatchError::Table { .. } | BatchError::Columns(_) => {
            Fail::problem(422, "invalid", error.to_string())
        }
        _ => {
            tracing::error!(error = %error, "a batch job could not be begun");
            Fail::problem(500, "storage", "the file of the job cannot be kept")
        }
    }
}

/// The result, read while it is sent.
fn result(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let id = input.parsed::<BatchId>("id")?;
    let (format, file) = app.control.batch_result(ctx, id)?;
    let (mut reader, left) = app.batches.engine.vault().result(id).map_err(|e| failed(&e))?;
    if left != file.bytes {
        return Err(failed(&BatchError::Internal("a result has another length than recorded")));
    }
    let (send, pieces) = mpsc::channel(PIECES);
    tokio::runtime::Handle::current().spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE];
            match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(count) => {
                    piece.truncate(count);
                    if send.blocking_send(Bytes::from(piece)).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(error = %error, "a result could not be read to its end");
                    return;
                }
            }
        }
    });
    let media = match format {
        api::BatchFormat::Csv => "text/csv",
        api::BatchFormat::Parquet => "application/vnd.apache.parquet",
        api::BatchFormat::JsonLines => "application/x-ndjson",
    };
    Ok(Reply::pieces(200, media, Box::new(Rest { pieces, left })))
}

/// What of a result is not sent yet.
struct Rest {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
}

impl Pieces for Rest {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(piece) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Some(Ok(piece))
            }
            None if self.left == 0 => None,
            None => Some(Err(BrokeOff)),
        })
    }
}
