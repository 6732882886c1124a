//! What the other protocols ask beside decisions: state, health, version. KServe v1 and
//! TensorFlow Serving below `/v1`, MLflow at its fixed paths and below `/deployments/{name}`.

use crate::app::App;
use crate::handlers::version;
use crate::oip;
use crate::reply::Reply;
use crate::routes::{Call, Input, Route, data};
use plimsoll_gateway::Protocol;
use plimsoll_policy::Action;
use plimsoll_serving::{Caller, ServedDeployment};
use plimsoll_types::RefusalCode;
use serde_json::json;

/// The protocol in whose shapes what has no route is refused.
pub(crate) fn protocol_of(path: &str) -> Option<Protocol> {
    let below = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if below("/v2") {
        Some(Protocol::Oip)
    } else if below("/v1") {
        Some(Protocol::Predict)
    } else if path == "/invocations" || below("/deployments") {
        Some(Protocol::Invocations)
    } else {
        None
    }
}

pub(crate) fn routes() -> Vec<Route> {
    use Action::{Infer, ListDeployments, ReadDeployment, ReadHealth};
    let status: fn(&App, &Caller, &Input) -> Reply =
        |app, caller, input| state(app, caller, input.param("model"), version(input));
    let health: fn(&App, &Caller, &Input) -> Reply =
        |app, caller, input| ping_one(app, caller, input.param("name"));
    let infer = |path, name, summary| data("POST", path, Infer, Call::Infer).named(name, summary);
    vec![
        data("GET", "/", ReadHealth, Call::Open(|_| Reply::json(200, &json!({"status": "alive"}))))
            .named("v1_live", "Whether the server is alive (KServe v1)"),
        data(
            "GET",
            "/v1/models",
            ListDeployments,
            Call::Quick(|app, caller, _| oip::models(app, caller)),
        )
        .named("v1_models", "The deployments the caller may read (KServe v1)"),
        data("GET", "/v1/models/{model}", ReadDeployment, Call::Quick(status))
            .named("v1_model", "Whether a deployment answers (KServe v1, TensorFlow Serving)"),
        data("GET", "/v1/models/{model}/versions/{version}", ReadDeployment, Call::Quick(status))
            .named("v1_model_version", "Whether a deployment answers (TensorFlow Serving)"),
        infer("/v1/models/{model}:predict", "v1_predict", "Ask for decisions with a table"),
        infer(
            "/v1/models/{model}/versions/{version}:predict",
            "v1_predict_version",
            "The same; the version must be the one that answers",
        ),
        infer("/v1/models/{model}:explain", "v1_explain", "Ask for decisions and why (KServe v1)"),
        infer("/invocations", "mlflow_invocations", "Ask the default deployment (MLflow)"),
        infer(
            "/deployments/{name}/invocations",
            "mlflow_deployment_invocations",
            "Ask a deployment (MLflow)",
        ),
        data("GET", "/ping", ReadHealth, Call::Open(ping))
            .named("mlflow_ping", "Whether the default deployment answers (MLflow)"),
        data("GET", "/health", ReadHealth, Call::Open(ping))
            .named("mlflow_health", "Whether the default deployment answers (MLflow)"),
        data("GET", "/version", ReadHealth, Call::Open(|_| mlflow_version()))
            .named("mlflow_version", "The server's version (MLflow)"),
        data("GET", "/deployments/{name}/ping", ReadDeployment, Call::Quick(health))
            .named("mlflow_deployment_ping", "Whether a deployment answers (MLflow)"),
        data("GET", "/deployments/{name}/health", ReadDeployment, Call::Quick(health))
            .named("mlflow_deployment_health", "Whether a deployment answers (MLflow)"),
        data(
            "GET",
            "/deployments/{name}/version",
            ReadDeployment,
            Call::Quick(|app, caller, input| {
                match oip::find(app, caller, input.param("name"), None) {
                    Ok(_) => mlflow_version(),
                    Err(code) => oip::refused_in(Protocol::Invocations, code),
                }
            }),
        )
        .named("mlflow_deployment_version", "The server's version (MLflow)"),
        data(
            "POST",
            "/v2/repository/index",
            ListDeployments,
            Call::Quick(|app, caller, _| oip::index(app, caller)),
        )
        .named("oip_index", "The deployments the caller may read, with their state"),
    ]
}

/// What TensorFlow Serving says of a model, and what KServe v1 does.
fn state(app: &App, caller: &Caller, name: &str, version: Option<&str>) -> Reply {
    let deployment = match oip::find(app, caller, name, version) {
        Ok(deployment) => deployment,
        Err(code) => return oip::refused_in(Protocol::Predict, code),
    };
    let versions: Vec<_> = oip::served(&deployment)
        .map(|number| {
            json!({
                "version": number.to_string(), "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            })
        })
        .into_iter()
        .collect();
    let ready = deployment.serving.is_ok();
    Reply::json(
        if ready { 200 } else { 503 },
        &json!({"name": deployment.name, "ready": ready, "model_version_status": versions}),
    )
}

/// `/ping`, `/health`: nothing but a line's end, and whether the declared deployment answers.
fn ping(app: &App) -> Reply {
    let Some(name) = &app.default_deployment else {
        return healthy(app.gateway.ledger().health().ok);
    };
    let snapshot = app.gateway.snapshot();
    let found = snapshot.deployment(name);
    healthy(found.is_some_and(|deployment| answers(app, deployment)))
}

fn ping_one(app: &App, caller: &Caller, name: &str) -> Reply {
    match oip::find(app, caller, name, None) {
        Ok(deployment) => healthy(answers(app, &deployment)),
        Err(code) => oip::refused_in(Protocol::Invocations, code),
    }
}

fn answers(app: &App, deployment: &ServedDeployment) -> bool {
    deployment.serving.is_ok() && app.gateway.ledger().health().ok
}

/// Probes look at the status only: 200 and a line's end, or 503.
fn healthy(healthy: bool) -> Reply {
    if healthy {
        Reply::bytes(200, "application/json", b"\n".to_vec())
    } else {
        oip::refused_in(Protocol::Invocations, RefusalCode::NotReady)
    }
}

fn mlflow_version() -> Reply {
    Reply::bytes(200, "application/json", env!("CARGO_PKG_VERSION").into())
}
