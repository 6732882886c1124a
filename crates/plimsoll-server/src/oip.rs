//! The Open Inference Protocol's metadata and health, and the verbs we refuse.
//!
//! What the protocol calls a model is a deployment here. Both health fields are sent, `live`
//! and `ready`: the specification names one, clients read the other.

use crate::app::App;
use crate::reply::Reply;
use plimsoll_api::oip::{ModelMetadata, ModelReady, ServerMetadata, TensorMetadata};
use plimsoll_contract::{Field, Kind};
use plimsoll_gateway::{Answer, Protocol};
use plimsoll_policy::{Action, Resource};
use plimsoll_serving::{Caller, ServedDeployment};
use plimsoll_types::{DecisionId, Phase, Refusal, RefusalCode};
use serde_json::json;
use std::sync::Arc;

/// `GET /v2`.
pub(crate) fn server() -> Reply {
    let extensions = Vec::new();
    Reply::json(
        200,
        &ServerMetadata {
            name: "plimsoll".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            extensions,
        },
    )
}

/// `GET /v2/health/live`, `/livez`.
pub(crate) fn live() -> Reply {
    Reply::json(200, &json!({"live": true}))
}

/// `GET /v2/health/ready`, `/readyz`: whether decisions can be recorded.
pub(crate) fn ready(app: &App) -> Reply {
    let health = app.gateway.ledger().health();
    let status = if health.ok { 200 } else { 503 };
    Reply::json(status, &json!({"ready": health.ok, "live": true, "reason": health.reason}))
}

/// `GET /v2/models`: the deployments that the caller may read.
pub(crate) fn models(app: &App, caller: &Caller) -> Reply {
    let snapshot = app.gateway.snapshot();
    let readable = snapshot.parts().deployments.iter().filter(|d| may_read(app, caller, d));
    let names: Vec<&str> = readable.map(|deployment| deployment.name.as_str()).collect();
    Reply::json(200, &json!({"models": names}))
}

/// `GET /v2/models/{model}[/versions/{version}]`.
pub(crate) fn metadata(app: &App, caller: &Caller, name: &str, version: Option<&str>) -> Reply {
    with(app, caller, name, version, |deployment| {
        let Ok(serving) = &deployment.serving else { return refused(RefusalCode::NotReady) };
        let output = serving.primary.model.output();
        let width = i64::try_from(output.count).unwrap_or(i64::MAX);
        let shape = if output.count > 1 { vec![-1, width] } else { vec![-1] };
        Reply::json(
            200,
            &ModelMetadata {
                name: deployment.name.to_string(),
                versions: vec![serving.primary.number.to_string()],
                platform: serving.primary.model.format().to_string(),
                inputs: serving.contract.contract().fields().map(tensor).collect(),
                outputs: vec![TensorMetadata {
                    name: output.name.into(),
                    datatype: if output.is_double { "FP64" } else { "FP32" }.into(),
                    shape,
                }],
            },
        )
    })
}

/// `GET /v2/models/{model}[/versions/{version}]/ready`.
pub(crate) fn model_ready(app: &App, caller: &Caller, name: &str, version: Option<&str>) -> Reply {
    with(app, caller, name, version, |deployment| {
        let ready = deployment.serving.is_ok();
        let status = if ready { 200 } else { 503 };
        Reply::json(status, &ModelReady { name: deployment.name.to_string(), ready })
    })
}

/// `POST /v2/repository/…/load|unload`: what is served changes by a governed release only.
pub(crate) fn repository() -> Reply {
    refused(RefusalCode::UngovernedChange)
}

/// A refusal in the protocol's shape.
pub(crate) fn refused(code: RefusalCode) -> Reply {
    let answer = Answer::refusal(
        Protocol::Oip,
        DecisionId::from_bytes([0; 16]),
        &Refusal::new(Phase::Resolve, code),
    );
    Reply {
        retry_after: answer.retry_after,
        ..Reply::bytes(answer.status, "application/json", answer.body)
    }
}

fn with(
    app: &App,
    caller: &Caller,
    name: &str,
    version: Option<&str>,
    then: impl FnOnce(&Arc<ServedDeployment>) -> Reply,
) -> Reply {
    let snapshot = app.gateway.snapshot();
    // One answer for what is not there and what may not be seen.
    let Some(deployment) = snapshot.deployment(name).filter(|d| may_read(app, caller, d)) else {
        return refused(RefusalCode::UnknownDeployment);
    };
    let served = deployment.serving.as_ref().ok().map(|serving| serving.primary.number);
    if version.is_some_and(|version| version.parse().ok() != served) {
        return refused(RefusalCode::VersionNotServed);
    }
    then(deployment)
}

fn may_read(app: &App, caller: &Caller, deployment: &ServedDeployment) -> bool {
    let snapshot = app.gateway.snapshot();
    let resource = Resource::Deployment(deployment.resource());
    snapshot
        .parts()
        .policies
        .authorize(&caller.principal, Action::ReadDeployment, &resource)
        .allowed
}

fn tensor(field: &Field) -> TensorMetadata {
    let datatype = match field.kind {
        Kind::Number | Kind::Tensor => "FP64",
        Kind::Integer => "INT64",
        Kind::Boolean => "BOOL",
        Kind::Category | Kind::String | Kind::Timestamp => "BYTES",
    };
    let shape =
        std::iter::once(-1).chain(field.shape.iter().map(|&size| i64::from(size))).collect();
    TensorMetadata { name: field.name.clone(), datatype: datatype.into(), shape }
}
