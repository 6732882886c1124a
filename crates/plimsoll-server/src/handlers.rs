//! The handlers: parse, one call, convert. Rules live in control and policy, not here.

use crate::app::App;
use crate::metrics;
use crate::oip;
use crate::reply::Reply;
use crate::routes::{Call, Fail, Input, Route, control, data, other};
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use plimsoll_api as api;
use plimsoll_api::oip as wire;
use plimsoll_api::schema_of;
use plimsoll_control::{ContractFormat, RequestContext};
use plimsoll_gateway::Listener;
use plimsoll_policy::{Action, Resource};
use plimsoll_serving::Caller;
use plimsoll_types::{ApiKeyId, DecisionId, Digest, RefusalCode};
use std::sync::Arc;
use std::time::Duration;

/// Every route there is.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = health();
    routes.extend(inference());
    routes.extend(crate::handlers_protocols::routes());
    routes.extend(registry());
    routes.extend(deployments());
    routes.extend(access());
    routes.extend(records());
    routes.extend(crate::handlers_ledger::routes());
    routes.extend(crate::handlers_artifact::routes());
    routes.extend(crate::handlers_dataset::routes());
    routes.extend(crate::handlers_explain::routes());
    routes.extend(crate::handlers_subjects::routes());
    routes.extend(crate::handlers_sinks::routes());
    routes.extend(crate::handlers_governance::routes());
    routes.extend(crate::handlers_limits::routes());
    routes.extend(crate::handlers_lineage::routes());
    routes.extend(crate::handlers_monitoring::routes());
    routes.extend(crate::handlers_forensics::routes());
    routes.extend(crate::handlers_releases::routes());
    routes.extend(crate::handlers_rollouts::routes());
    routes.extend(crate::handlers_experiments::routes());
    routes.extend(crate::handlers_reviews::routes());
    routes.extend(crate::handlers_batches::routes());
    routes.extend(crate::handlers_findings::routes());
    routes.extend(crate::handlers_retrain::routes());
    routes.extend(crate::handlers_loop::routes());
    routes.extend(crate::handlers_observe::routes());
    routes.extend(crate::handlers_mlflow::routes());
    routes.extend(crate::handlers_lake::routes());
    routes.extend(crate::handlers_outcomes::routes());
    routes.extend(crate::console::routes());
    routes.extend(crate::live::routes());
    routes
}

fn health() -> Vec<Route> {
    use Action::{ReadHealth, ReadMetrics, ReadOpenapi};
    let live = Call::Open(|_| oip::live());
    let ready = Call::Open(oip::ready);
    let mut routes = Vec::new();
    for (path, name, call) in [("/livez", "live", live), ("/readyz", "ready", ready)] {
        let summary = if name == "live" {
            "Whether the process is alive"
        } else {
            "Whether decisions can be recorded"
        };
        routes.push(other(Listener::Metrics, "GET", path, ReadHealth, call).named(name, summary));
    }
    routes.push(
        other(Listener::Metrics, "GET", "/metrics", ReadMetrics, Call::Quick(metrics_page))
            .named("metrics", "Prometheus metrics")
            .gives_media(metrics::MEDIA_TYPE),
    );
    routes.push(
        other(Listener::Control, "GET", "/openapi.json", ReadOpenapi, Call::Quick(openapi))
            .named("openapi", "This document"),
    );
    routes
}

fn inference() -> Vec<Route> {
    use Action::{Infer, ListDeployments, ReadDeployment, ReadHealth, Release};
    let ready: fn(&App, &Caller, &Input) -> Reply =
        |app, caller, input| oip::model_ready(app, caller, input.param("model"), version(input));
    let metadata: fn(&App, &Caller, &Input) -> Reply =
        |app, caller, input| oip::metadata(app, caller, input.param("model"), version(input));
    let refused = Call::Quick(|_, _, _| oip::repository());
    vec![
        data("GET", "/v2", ReadHealth, Call::Open(|_| oip::server()))
            .named("oip_server", "Name and version")
            .gives(200, schema_of::<wire::ServerMetadata>),
        data("GET", "/v2/", ReadHealth, Call::Open(|_| oip::server()))
            .named("oip_server_slash", "Name and version"),
        data("GET", "/v2/health/live", ReadHealth, Call::Open(|_| oip::live()))
            .named("oip_live", "Whether the server is alive")
            .gives(200, schema_of::<wire::ServerLive>),
        data("GET", "/v2/health/ready", ReadHealth, Call::Open(oip::ready))
            .named("oip_ready", "Whether decisions can be recorded")
            .gives(200, schema_of::<wire::ServerReady>),
        data(
            "GET",
            "/v2/models",
            ListDeployments,
            Call::Quick(|app, caller, _| oip::models(app, caller)),
        )
        .named("oip_models", "The deployments the caller may read"),
        data("GET", "/v2/models/{model}", ReadDeployment, Call::Quick(metadata))
            .named("oip_model", "Inputs and outputs of a deployment")
            .gives(200, schema_of::<wire::ModelMetadata>),
        data("GET", "/v2/models/{model}/versions/{version}", ReadDeployment, Call::Quick(metadata))
            .named("oip_model_version", "Inputs and outputs of a deployment")
            .gives(200, schema_of::<wire::ModelMetadata>),
        data("GET", "/v2/models/{model}/ready", ReadDeployment, Call::Quick(ready))
            .named("oip_model_ready", "Whether a deployment answers")
            .gives(200, schema_of::<wire::ModelReady>),
        data(
            "GET",
            "/v2/models/{model}/versions/{version}/ready",
            ReadDeployment,
            Call::Quick(ready),
        )
        .named("oip_model_version_ready", "Whether a deployment answers")
        .gives(200, schema_of::<wire::ModelReady>),
        data("POST", "/v2/models/{model}/infer", Infer, Call::Infer)
            .named("oip_infer", "Ask for a decision")
            .reads(schema_of::<wire::InferRequest>)
            .gives(200, schema_of::<wire::InferResponse>),
        data("POST", "/v2/models/{model}/versions/{version}/infer", Infer, Call::Infer)
            .named(
                "oip_infer_version",
                "Ask for a decision; the version must be the one that answers",
            )
            .reads(schema_of::<wire::InferRequest>)
            .gives(200, schema_of::<wire::InferResponse>),
        data("POST", "/v2/repository/models/{model}/load", Release, refused)
            .named("oip_load", "Refused: what is served changes by a governed release"),
        data("POST", "/v2/repository/models/{model}/unload", Release, refused)
            .named("oip_unload", "Refused: what is served changes by a governed release"),
    ]
}

fn registry() -> Vec<Route> {
    use Action::{
        CreateContract, CreateModel, CreateVersion, ListModels, ReadContract, ReadModel,
        ReadVersion,
    };
    vec![
        other(Listener::Control, "POST", "/api/v1/artifacts", CreateVersion, Call::Upload)
            .named("upload_artifact", "Upload a file; it is named by its digest")
            .reads_media("application/octet-stream")
            .gives(201, schema_of::<api::Artifact>),
        control("GET", "/api/v1/models", ListModels, |app, ctx, input| {
            ok(&app.control.list_models(ctx, &input.query()?)?)
        })
        .named("list_models", "Registered models")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::RegisteredModel>>),
        control("POST", "/api/v1/models", CreateModel, |app, ctx, input| {
            created(&app.control.create_model(ctx, &input.json()?)?)
        })
        .named("create_model", "Register a model")
        .reads(schema_of::<api::CreateModel>)
        .gives(201, schema_of::<api::RegisteredModel>),
        control("GET", "/api/v1/models/{model}", ReadModel, |app, ctx, input| {
            ok(&app.control.read_model(ctx, &input.parsed("model")?)?)
        })
        .named("get_model", "A registered model")
        .gives(200, schema_of::<api::RegisteredModel>),
        control("GET", "/api/v1/models/{model}/versions", ReadModel, |app, ctx, input| {
            ok(&app.control.list_versions(ctx, &input.parsed("model")?, &input.query()?)?)
        })
        .named("list_versions", "Versions of a model")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::ModelVersion>>),
        control("POST", "/api/v1/models/{model}/versions", CreateVersion, |app, ctx, input| {
            created(&app.control.create_version(ctx, &input.parsed("model")?, &input.json()?)?)
        })
        .named("create_version", "Make a version of uploaded files")
        .reads(schema_of::<api::CreateVersion>)
        .gives(201, schema_of::<api::ModelVersion>),
        control(
            "GET",
            "/api/v1/models/{model}/versions/{number}",
            ReadVersion,
            |app, ctx, input| {
                ok(&app.control.read_version(
                    ctx,
                    &input.parsed("model")?,
                    input.parsed("number")?,
                )?)
            },
        )
        .named("get_version", "A model version with its manifest")
        .gives(200, schema_of::<api::ModelVersion>),
        control("POST", "/api/v1/contracts", CreateContract, |app, ctx, input| {
            let format = if input.media.contains("yaml") {
                ContractFormat::Yaml
            } else {
                ContractFormat::Json
            };
            created(&app.control.create_contract(ctx, format, &input.body)?)
        })
        .named("create_contract", "Check and keep an input contract (JSON or YAML)")
        .reads(schema_of::<api::ContractDocument>)
        .gives(201, schema_of::<api::ContractSummary>),
        control("GET", "/api/v1/contracts/{digest}", ReadContract, |app, ctx, input| {
            ok(&app.control.read_contract(ctx, input.parsed::<Digest>("digest")?)?)
        })
        .named("get_contract", "An input contract")
        .gives(200, schema_of::<api::Contract>),
    ]
}

fn deployments() -> Vec<Route> {
    use Action::{
        ArchiveDeployment, CreateDeployment, ListDeployments, ReadDeployment, Release,
        UpdateDeployment,
    };
    vec![
        control("GET", "/api/v1/deployments", ListDeployments, |app, ctx, input| {
            ok(&app.control.list_deployments(ctx, &input.query()?)?)
        })
        .named("list_deployments", "Deployments")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Deployment>>),
        control("POST", "/api/v1/deployments", CreateDeployment, |app, ctx, input| {
            created(&app.control.create_deployment(ctx, &input.json()?)?)
        })
        .named("create_deployment", "Make a deployment; with a version it needs `Release` as well")
        .reads(schema_of::<api::CreateDeployment>)
        .gives(201, schema_of::<api::Deployment>),
        control("GET", "/api/v1/deployments/{name}", ReadDeployment, |app, ctx, input| {
            ok(&app.control.read_deployment(ctx, &input.parsed("name")?)?)
        })
        .named("get_deployment", "A deployment")
        .gives(200, schema_of::<api::Deployment>),
        control("PATCH", "/api/v1/deployments/{name}", UpdateDeployment, |app, ctx, input| {
            ok(&app.control.update_deployment(ctx, &input.parsed("name")?, &input.json()?)?)
        })
        .named("update_deployment", "Change a deployment's settings")
        .reads(schema_of::<api::UpdateDeployment>)
        .gives(200, schema_of::<api::Deployment>),
        control("POST", "/api/v1/deployments/{name}/release", Release, |app, ctx, input| {
            ok(&app.control.release_version(ctx, &input.parsed("name")?, input.json()?)?)
        })
        .named("release_version", "Let a version answer; its author may not")
        .reads(schema_of::<api::ReleaseVersion>)
        .gives(200, schema_of::<api::Deployment>),
        control("DELETE", "/api/v1/deployments/{name}", ArchiveDeployment, |app, ctx, input| {
            app.control.archive_deployment(ctx, &input.parsed("name")?)?;
            Ok(Reply::empty(204))
        })
        .named("archive_deployment", "Take a deployment out of service for good")
        .gives_nothing(),
    ]
}

fn access() -> Vec<Route> {
    use Action::{
        CreateKey, CreatePrincipal, ListKeys, ListPrincipals, ReadAccess, ReadPolicy, RevokeKey,
        RotateKey,
    };
    vec![
        control("GET", "/api/v1/principals", ListPrincipals, |app, ctx, input| {
            ok(&app.control.list_principals(ctx, &input.query()?)?)
        })
        .named("list_principals", "Users and services")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Principal>>),
        control("POST", "/api/v1/principals", CreatePrincipal, |app, ctx, input| {
            created(&app.control.create_principal(ctx, &input.json()?)?)
        })
        .named("create_principal", "Make a user or service")
        .reads(schema_of::<api::CreatePrincipal>)
        .gives(201, schema_of::<api::Principal>),
        control("GET", "/api/v1/keys", ListKeys, |app, ctx, input| {
            ok(&app.control.list_keys(ctx, &input.query()?)?)
        })
        .named("list_keys", "API keys, without their secrets")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::ApiKey>>),
        control("POST", "/api/v1/keys", CreateKey, |app, ctx, input| {
            created(&app.control.create_key(ctx, &input.json()?)?)
        })
        .named("create_key", "Make an API key; the secret is in this answer only")
        .reads(schema_of::<api::CreateKey>)
        .gives(201, schema_of::<api::KeySecret>),
        control("POST", "/api/v1/keys/{id}/rotate", RotateKey, |app, ctx, input| {
            created(&app.control.rotate_key(ctx, input.parsed::<ApiKeyId>("id")?, input.json()?)?)
        })
        .named("rotate_key", "Replace a key; the old one works on for the overlap")
        .reads(schema_of::<api::RotateKey>)
        .gives(201, schema_of::<api::KeySecret>),
        control("DELETE", "/api/v1/keys/{id}", RevokeKey, |app, ctx, input| {
            app.control.revoke_key(ctx, input.parsed::<ApiKeyId>("id")?)?;
            Ok(Reply::empty(204))
        })
        .named("revoke_key", "Revoke a key; it stops working with the next request")
        .gives_nothing(),
        control("GET", "/api/v1/access/matrix", ReadAccess, |app, ctx, _| {
            ok(&app.control.access_matrix(ctx)?)
        })
        .named("access_matrix", "Principal × action × resource")
        .gives(200, schema_of::<api::AccessMatrix>),
        control("GET", "/api/v1/access/why", ReadAccess, |app, ctx, input| {
            ok(&app.control.access_why(ctx, &input.query()?)?)
        })
        .named("access_why", "Which policies decide a question")
        .asks(schema_of::<api::AccessQuestion>)
        .gives(200, schema_of::<api::AccessVerdict>),
        control("GET", "/api/v1/policies", ReadPolicy, |app, ctx, _| {
            ok(&app.control.read_policies(ctx)?)
        })
        .named("list_policies", "The policies in force, with their digest")
        .gives(200, schema_of::<api::Policies>),
        control("POST", "/api/v1/policies/preview", ReadAccess, |app, ctx, input| {
            let api::PreviewPolicies { files } = input.json()?;
            ok(&app.control.preview_policies(ctx, &files)?)
        })
        .named("preview_policies", "What other policies would allow and deny; nothing is changed")
        .reads(schema_of::<api::PreviewPolicies>)
        .gives(200, schema_of::<api::PolicyPreview>),
    ]
}

fn records() -> Vec<Route> {
    use Action::{ListDecisions, ReadDecision, ReadEvents, ReadStatus, TailDecisions};
    vec![
        control("GET", "/api/v1/ledger/timeline", ReadStatus, |app, ctx, input| {
            ok(&app.control.ledger_timeline(ctx, &input.query()?)?)
        })
        .named("get_ledger_timeline", "What the ledger holds over time, and who vouches for it")
        .asks(schema_of::<api::LedgerTimelineQuery>)
        .gives(200, schema_of::<api::LedgerTimeline>),
        control("GET", "/api/v1/status", ReadStatus, |app, ctx, _| ok(&app.control.status(ctx)?))
            .named("status", "Generations, queues, deployments")
            .gives(200, schema_of::<api::Status>),
        control("GET", "/api/v1/decisions", ListDecisions, |app, ctx, input| {
            ok(&app.control.list_decisions(ctx, &input.query()?)?)
        })
        .named("list_decisions", "Decisions, newest first")
        .asks(schema_of::<api::DecisionFilter>)
        .gives(200, schema_of::<api::Page<api::DecisionSummary>>),
        other(Listener::Control, "GET", "/api/v1/decisions/tail", TailDecisions, Call::Tail)
            .named("tail_decisions", "New decisions; waits for them")
            .asks(schema_of::<api::TailQuery>)
            .gives(200, schema_of::<api::DecisionTail>),
        control("GET", "/api/v1/decisions/{id}", ReadDecision, |app, ctx, input| {
            ok(&app.control.read_decision(ctx, input.parsed::<DecisionId>("id")?)?)
        })
        .named("get_decision", "A decision; its body for those who may read it")
        .gives(200, schema_of::<api::Decision>),
        control("GET", "/api/v1/events", ReadEvents, |app, ctx, input| {
            ok(&app.control.list_events(ctx, &input.query()?)?)
        })
        .named("list_events", "Control events, newest first")
        .asks(schema_of::<api::EventFilter>)
        .gives(200, schema_of::<api::Page<api::ControlEvent>>),
    ]
}

pub(crate) fn version(input: &Input) -> Option<&str> {
    Some(input.param("version")).filter(|version| !version.is_empty())
}

pub(crate) fn ok(body: &impl serde::Serialize) -> Result<Reply, Fail> {
    Ok(Reply::json(200, body))
}

pub(crate) fn created(body: &impl serde::Serialize) -> Result<Reply, Fail> {
    Ok(Reply::json(201, body))
}

/// Whether policy lets `caller` do `action` to the server itself.
pub(crate) fn permitted(app: &App, caller: &Caller, action: Action) -> bool {
    let snapshot = app.gateway.snapshot();
    let parts = snapshot.parts();
    let server = Resource::Server { tenant: parts.tenant, public_ledger: app.public_ledger };
    parts.policies.authorize(&caller.principal, action, &server).allowed
}

pub(crate) fn forbidden() -> Reply {
    Reply::problem(&api::Problem::new(
        403,
        RefusalCode::Forbidden.as_str(),
        "policy does not permit this",
    ))
}

fn metrics_page(app: &App, caller: &Caller, _: &Input) -> Reply {
    if !permitted(app, caller, Action::ReadMetrics) {
        return forbidden();
    }
    let page =
        metrics::page(&app.gateway, &app.control, &app.lake, &app.sinks, &app.monitor, &app.clock);
    match page {
        Ok(page) => Reply::text(200, metrics::MEDIA_TYPE, page),
        Err(_) => Reply::problem(&api::Problem::new(500, "internal", "something of ours broke")),
    }
}

fn openapi(app: &App, caller: &Caller, _: &Input) -> Reply {
    if !permitted(app, caller, Action::ReadOpenapi) {
        return forbidden();
    }
    Reply::json(200, &app.routes.openapi())
}

/// Streams the body into an artifact: memory stays at one frame, however large the file.
pub(crate) async fn upload(
    app: &Arc<App>,
    ctx: RequestContext,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    let control = Arc::clone(&app.control);
    let max = app.limits.max_artifact_bytes;
    let mut upload = blocking(move || control.upload_artifact(&ctx, max)).await??;
    let mut body = request.into_body();
    loop {
        let frame = match tokio::time::timeout(app.limits.body_timeout, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Fail::bad("malformed_request", "the upload broke off".into()));
            }
            Err(_) => return Err(Fail::problem(408, "timeout", "the upload stalled")),
        };
        if let Ok(bytes) = frame.into_data() {
            upload = blocking(move || upload.write(&bytes).map(|()| upload)).await??;
        }
    }
    let artifact = blocking(move || upload.finish()).await??;
    created(&artifact)
}

/// The longest that a tail waits before it answers with nothing new.
const MAX_TAIL_WAIT: u32 = 60;
/// What it waits if the caller does not say.
const TAIL_WAIT: u32 = 20;

/// Answers when there are new decisions, or when the wait is over.
pub(crate) async fn tail(app: &Arc<App>, ctx: RequestContext, input: Input) -> Result<Reply, Fail> {
    let mut query: api::TailQuery = input.query()?;
    let wait =
        Duration::from_secs(query.wait_seconds.unwrap_or(TAIL_WAIT).min(MAX_TAIL_WAIT).into());
    let deadline = tokio::time::Instant::now() + wait;
    let mut durable = app.gateway.ledger().watch();
    loop {
        let seen = *durable.borrow_and_update();
        let (control, ctx, from, name) =
            (Arc::clone(&app.control), ctx.clone(), query.from, query.deployment.clone());
        let tail = blocking(move || control.tail_decisions(&ctx, from, name.as_deref())).await??;
        query.from = Some(tail.next);
        if !tail.items.is_empty() || tail.next < seen {
            return ok(&tail);
        }
        if tokio::time::timeout_at(deadline, durable.changed()).await.is_err() {
            return ok(&tail);
        }
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fail> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(error = %error, "a use case panicked");
        Fail::problem(500, "internal", "something of ours broke")
    })
}
