//! The published log as it is read from outside (C2SP tlog-tiles), and receipts.

use crate::app::App;
use crate::handlers::{blocking, ok};
use crate::reply::Reply;
use crate::routes::{Call, Fail, Input, Route, other};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::RequestContext;
use plimsoll_gateway::Listener;
use plimsoll_policy::{Action, Principal, Resource};
use plimsoll_types::DecisionId;
use std::sync::Arc;
use std::time::Duration;

/// Checkpoints change; a reader that sees one a second late is none the worse.
const CHECKPOINT_CACHE: &str = "public, max-age=1";
/// Tiles never change under their name.
const TILE_CACHE: &str = "public, max-age=31536000, immutable";
const CHECKPOINT_MEDIA: &str = "text/plain; charset=utf-8";
const TILE_MEDIA: &str = "application/octet-stream";
/// How long a receipt waits for a witness: a little more than the time between two questions to it.
const WITNESS_WAIT: Duration = Duration::from_secs(6);
/// How long a receipt waits for the checkpoint that covers its decision: ten times what one takes.
const RECEIPT_WAIT: Duration = Duration::from_secs(10);

/// The routes of this file.
pub(crate) fn routes() -> Vec<Route> {
    use Action::{ReadDecision, ReadLedger};
    let at = |path, call| other(Listener::Control, "GET", path, ReadLedger, Call::Ledger(call));
    vec![
        at("/ledger/checkpoint", checkpoint)
            .named("ledger_checkpoint", "The latest signed checkpoint (C2SP tlog-checkpoint)")
            .gives_media(CHECKPOINT_MEDIA),
        at("/ledger/tile/entries/{*index}", |app, input| tile(app, "entries", input))
            .named("ledger_entries", "A bundle of entries (C2SP tlog-tiles)")
            .gives_media(TILE_MEDIA),
        at("/ledger/tile/{level}/{*index}", |app, input| tile(app, input.param("level"), input))
            .named("ledger_tile", "A tile of hashes (C2SP tlog-tiles)")
            .gives_media(TILE_MEDIA),
        other(
            Listener::Control,
            "GET",
            "/api/v1/decisions/{id}/receipt",
            ReadDecision,
            Call::Receipt,
        )
        .named("get_receipt", "What proves a decision offline; waits for the next checkpoint")
        .gives(200, schema_of::<api::Receipt>)
        .refuses(&[401, 403, 404, 410, 429, 503]),
    ]
}

/// Whether a caller who shows no key may read the log.
pub(crate) fn is_public(app: &App) -> bool {
    let snapshot = app.gateway.snapshot();
    let parts = snapshot.parts();
    let server = Resource::Server { tenant: parts.tenant, public_ledger: app.public_ledger };
    parts.policies.authorize(&Principal::anonymous(), Action::ReadLedger, &server).allowed
}

fn checkpoint(app: &App, _: &Input) -> Reply {
    match app.gateway.ledger().checkpoint() {
        Some(latest) => {
            Reply::text(200, CHECKPOINT_MEDIA, latest.note.clone()).cached(CHECKPOINT_CACHE)
        }
        None => missing("no checkpoint was published yet"),
    }
}

fn tile(app: &App, level: &str, input: &Input) -> Reply {
    let path = format!("tile/{level}/{}", input.param("index"));
    match app.gateway.ledger().public_file(&path) {
        Ok(Some(bytes)) => Reply::bytes(200, TILE_MEDIA, bytes).cached(TILE_CACHE),
        Ok(None) => missing("there is no such tile"),
        Err(error) => {
            tracing::error!(error = %error, "a published file cannot be read");
            Reply::problem(&api::Problem::new(500, "internal", "something of ours broke"))
        }
    }
}

fn missing(detail: &str) -> Reply {
    Reply::problem(&api::Problem::new(404, "not_found", detail))
}

/// Answers when a checkpoint covers the decision, or the wait is over. If there are witnesses, it
/// first waits for one that they signed.
pub(crate) async fn receipt(
    app: &Arc<App>,
    ctx: RequestContext,
    input: Input,
) -> Result<Reply, Fail> {
    let id = input.parsed::<DecisionId>("id")?;
    let start = tokio::time::Instant::now();
    let mut checkpoints = app.gateway.ledger().watch_checkpoint();
    let mut witnessed = app.has_witnesses;
    loop {
        checkpoints.mark_unchanged();
        let (control, ctx) = (Arc::clone(&app.control), ctx.clone());
        if let Some(receipt) = blocking(move || control.receipt(&ctx, id, witnessed)).await?? {
            return ok(&receipt);
        }
        if !witnessed && app.gateway.ledger().publishing().stopped.is_some() {
            let why = "the ledger signs no checkpoints; see `plimsoll status` for the reason";
            return Err(Fail::problem(503, "not_signing", why));
        }
        let wait = if witnessed { WITNESS_WAIT } else { RECEIPT_WAIT };
        let is_over = tokio::time::timeout_at(start + wait, checkpoints.changed()).await.is_err();
        if is_over && !std::mem::take(&mut witnessed) {
            let why = "no checkpoint covers it yet; retry";
            return Err(Fail::problem(503, "not_published", why));
        }
    }
}
