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

/// The extensions of the protocol that are spoken.
pub(crate) const EXTENSIONS: [&str; 1] = ["binary_tensor_data"];

/// `GET /v2`.
pub(crate) fn server() -> Reply {
    let extensions = EXTENSIONS.iter().map(|&name| name.to_owned()).collect();
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

/// `GET /v2/models`, `GET /v1/models`: the deployments that the caller may read.
pub(crate) fn models(app: &App, caller: &Caller) -> Reply {
    let readable = readable(app, caller);
    let names: Vec<&str> = readable.iter().map(|deployment| deployment.name.as_str()).collect();
    Reply::json(200, &json!({"models": names}))
}

/// `POST /v2/repository/index`: the same, with what each serves.
pub(crate) fn index(app: &App, caller: &Caller) -> Reply {
    let entry = |deployment: &Arc<ServedDeployment>| {
        let state = if deployment.serving.is_ok() { "READY" } else { "UNAVAILABLE" };
        let version = served(deployment).map(|number| number.to_string());
        json!({"name": deployment.name, "version": version, "state": state, "reason": ""})
    };
    Reply::json(200, &readable(app, caller).iter().map(entry).collect::<Vec<_>>())
}

/// The deployments that the caller may read.
pub(crate) fn readable(app: &App, caller: &Caller) -> Vec<Arc<ServedDeployment>> {
    let snapshot = app.gateway.snapshot();
    let all = snapshot.parts().deployments.iter();
    all.filter(|deployment| may_read(app, caller, deployment)).cloned().collect()
}

/// The number of the version that a deployment answers with.
pub(crate) fn served(deployment: &ServedDeployment) -> Option<u32> {
    deployment.serving.as_ref().ok().map(|serving| serving.primary.number)
}

/// `GET /v2/models/{model}[/versions/{version}]`.
pub(crate) fn metadata(app: &App, caller: &Caller, name: &str, version: Option<&str>) -> Reply {
    match find(app, caller, name, version).and_then(|deployment| described(&deployment)) {
        Ok(metadata) => Reply::json(200, &metadata),
        Err(code) => refused(code),
    }
}

/// What a deployment asks for and answers.
pub(crate) fn described(deployment: &ServedDeployment) -> Result<ModelMetadata, RefusalCode> {
    let serving = deployment.serving.as_ref().map_err(|_| RefusalCode::NotReady)?;
    let output = serving.primary.model.output();
    let width = i64::try_from(output.count).unwrap_or(i64::MAX);
    let shape = if output.count > 1 { vec![-1, width] } else { vec![-1] };
    Ok(ModelMetadata {
        name: deployment.name.to_string(),
        versions: vec![serving.primary.number.to_string()],
        platform: serving.primary.model.format().to_string(),
        inputs: serving.contract.contract().fields().map(tensor).collect(),
        outputs: vec![TensorMetadata {
            name: output.name.into(),
            datatype: if output.is_double { "FP64" } else { "FP32" }.into(),
            shape,
        }],
    })
}

/// `GET /v2/models/{model}[/versions/{version}]/ready`.
pub(crate) fn model_ready(app: &App, caller: &Caller, name: &str, version: Option<&str>) -> Reply {
    match find(app, caller, name, version) {
        Ok(deployment) => {
            let ready = deployment.serving.is_ok();
            let status = if ready { 200 } else { 503 };
            Reply::json(status, &ModelReady { name: deployment.name.to_string(), ready })
        }
        Err(code) => refused(code),
    }
}

/// `POST /v2/repository/…/load|unload`: what is served changes by a governed release only.
pub(crate) fn repository() -> Reply {
    refused(RefusalCode::UngovernedChange)
}

/// A refusal in the protocol's shape.
pub(crate) fn refused(code: RefusalCode) -> Reply {
    refused_in(Protocol::Oip, code)
}

/// A refusal in the shape of `protocol`.
pub(crate) fn refused_in(protocol: Protocol, code: RefusalCode) -> Reply {
    let answer = Answer::refusal(
        protocol,
        DecisionId::from_bytes([0; 16]),
        &Refusal::new(Phase::Resolve, code),
    );
    Reply {
        retry_after: answer.retry_after,
        ..Reply::bytes(answer.status, "application/json", answer.body)
    }
}

/// The deployment of this name, if the caller may read it and this version answers.
pub(crate) fn find(
    app: &App,
    caller: &Caller,
    name: &str,
    version: Option<&str>,
) -> Result<Arc<ServedDeployment>, RefusalCode> {
    let snapshot = app.gateway.snapshot();
    // One answer for what is not there and what may not be seen.
    let found = snapshot.deployment(name).filter(|d| may_read(app, caller, d));
    let deployment = found.ok_or(RefusalCode::UnknownDeployment)?;
    if version.is_some_and(|version| version.parse().ok() != served(deployment)) {
        return Err(RefusalCode::VersionNotServed);
    }
    Ok(Arc::clone(deployment))
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
