//! MLflow's REST interface: tracking, the catalogue of registered models, webhooks.
//!
//! Every endpoint stands once in the route table, under `/api/2.0/mlflow`. [`canonical`] maps
//! the other prefixes that clients use to it, so that no sibling of a path can have another
//! authorization.

use crate::app::App;
use crate::reply::{Content, Reply};
use crate::routes::{Fail, Input, Route, control};
use crate::webhooks;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use plimsoll_api::{PROBLEM_MEDIA_TYPE, Problem};
use plimsoll_control::{Control, ControlError, RequestContext};
use plimsoll_mlflow::{Args, Code, Error};
use plimsoll_outbound::Url;
use plimsoll_policy::Action;
use plimsoll_store::PairKind;
use serde_json::{Value, json};
use std::borrow::Cow;

type Use = Result<Value, ControlError>;

/// A route that reads its arguments, calls one use case and tells what it gives.
macro_rules! endpoint {
    ($verb:literal, $path:literal, $action:ident, $name:literal, $summary:literal, $use_case:expr) => {
        control($verb, concat!("/api/2.0/mlflow/", $path), Action::$action, |app, ctx, input| {
            let use_case: fn(&Control, &RequestContext, &Args) -> Use = $use_case;
            answer(app, input, use_case(&app.control, ctx, &args(input)?))
        })
        .named(concat!("mlflow_", $name), $summary)
        .refuses(&[400, 401, 403, 404, 409, 503])
    };
}

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = experiments();
    routes.extend(runs());
    routes.extend(logged_models());
    routes.extend(registered_models());
    routes.extend(versions());
    routes.extend(webhook_routes());
    routes.push(endpoint!(
        "GET",
        "server-info",
        ReadTracking,
        "server_info",
        "What this server does of MLflow",
        |control, ctx, _| control.ml_server_info(ctx)
    ));
    routes
}

fn experiments() -> Vec<Route> {
    vec![
        endpoint!(
            "POST",
            "experiments/create",
            WriteTracking,
            "create_experiment",
            "Make an experiment",
            Control::ml_create_experiment
        ),
        endpoint!(
            "GET",
            "experiments/get",
            ReadTracking,
            "get_experiment",
            "An experiment",
            Control::ml_get_experiment
        ),
        endpoint!(
            "GET",
            "experiments/get-by-name",
            ReadTracking,
            "get_experiment_by_name",
            "An experiment, by its name",
            Control::ml_get_experiment_by_name
        ),
        endpoint!(
            "POST",
            "experiments/search",
            ReadTracking,
            "search_experiments",
            "Experiments that a filter finds",
            Control::ml_search_experiments
        ),
        endpoint!(
            "GET",
            "experiments/search",
            ReadTracking,
            "search_experiments_get",
            "Experiments that a filter finds",
            Control::ml_search_experiments
        ),
        endpoint!(
            "POST",
            "experiments/update",
            WriteTracking,
            "update_experiment",
            "Give an experiment another name",
            Control::ml_update_experiment
        ),
        endpoint!(
            "POST",
            "experiments/delete",
            WriteTracking,
            "delete_experiment",
            "Hide an experiment and its runs",
            |control, ctx, args| control.ml_stage_experiment(ctx, args, "deleted")
        ),
        endpoint!(
            "POST",
            "experiments/restore",
            WriteTracking,
            "restore_experiment",
            "Show an experiment and its runs again",
            |control, ctx, args| control.ml_stage_experiment(ctx, args, "active")
        ),
        endpoint!(
            "POST",
            "experiments/set-experiment-tag",
            WriteTracking,
            "set_experiment_tag",
            "Tag an experiment",
            Control::ml_set_experiment_tag
        ),
        endpoint!(
            "POST",
            "experiments/delete-experiment-tag",
            WriteTracking,
            "delete_experiment_tag",
            "Take a tag off an experiment",
            Control::ml_delete_experiment_tag
        ),
        endpoint!(
            "POST",
            "experiments/search-datasets",
            ReadTracking,
            "search_datasets",
            "The datasets that runs of experiments read",
            Control::ml_search_datasets
        ),
    ]
}

fn runs() -> Vec<Route> {
    vec![
        endpoint!(
            "POST",
            "runs/create",
            WriteTracking,
            "create_run",
            "Begin a run",
            Control::ml_create_run
        ),
        endpoint!(
            "POST",
            "runs/update",
            WriteTracking,
            "update_run",
            "Change a run's status or name; its end leaves its digest in the ledger",
            Control::ml_update_run
        ),
        endpoint!(
            "GET",
            "runs/get",
            ReadTracking,
            "get_run",
            "A run with what it logged",
            Control::ml_get_run
        ),
        endpoint!(
            "POST",
            "runs/delete",
            WriteTracking,
            "delete_run",
            "Hide a run",
            |control, ctx, args| control.ml_stage_run(ctx, args, "deleted")
        ),
        endpoint!(
            "POST",
            "runs/restore",
            WriteTracking,
            "restore_run",
            "Show a run again",
            |control, ctx, args| control.ml_stage_run(ctx, args, "active")
        ),
        endpoint!(
            "POST",
            "runs/search",
            ReadTracking,
            "search_runs",
            "Runs that a filter finds",
            Control::ml_search_runs
        ),
        endpoint!(
            "POST",
            "runs/log-metric",
            WriteTracking,
            "log_metric",
            "Log a value of a metric; durable when it is answered",
            Control::ml_log_metric
        ),
        endpoint!(
            "POST",
            "runs/log-parameter",
            WriteTracking,
            "log_param",
            "Log a parameter",
            Control::ml_log_param
        ),
        endpoint!(
            "POST",
            "runs/log-batch",
            WriteTracking,
            "log_batch",
            "Log metrics, parameters and tags; all or nothing",
            Control::ml_log_batch
        ),
        endpoint!(
            "POST",
            "runs/set-tag",
            WriteTracking,
            "set_tag",
            "Tag a run",
            Control::ml_set_tag
        ),
        endpoint!(
            "POST",
            "runs/delete-tag",
            WriteTracking,
            "delete_tag",
            "Take a tag off a run",
            Control::ml_delete_tag
        ),
        endpoint!(
            "POST",
            "runs/log-inputs",
            WriteTracking,
            "log_inputs",
            "Tell which datasets and models a run read",
            Control::ml_log_inputs
        ),
        endpoint!(
            "POST",
            "runs/outputs",
            WriteTracking,
            "log_outputs",
            "Tell which models a run made",
            Control::ml_log_outputs
        ),
        endpoint!(
            "POST",
            "runs/log-model",
            WriteTracking,
            "log_model",
            "Tell of a model, as clients before 3 do",
            Control::ml_log_model
        ),
        endpoint!(
            "GET",
            "metrics/get-history",
            ReadTracking,
            "metric_history",
            "Every value of a metric",
            Control::ml_metric_history
        ),
        endpoint!(
            "GET",
            "metrics/get-history-bulk",
            ReadTracking,
            "metric_history_bulk",
            "Every value of a metric of several runs",
            Control::ml_history_bulk
        ),
        endpoint!(
            "GET",
            "metrics/get-history-bulk-interval",
            ReadTracking,
            "metric_history_sampled",
            "A metric of several runs at evenly chosen steps",
            Control::ml_history_sampled
        ),
        endpoint!(
            "GET",
            "artifacts/list",
            ReadTracking,
            "list_run_files",
            "The files of a run; needs `ReadFile`, too",
            Control::ml_list_run_files
        ),
    ]
}

fn logged_models() -> Vec<Route> {
    vec![
        endpoint!(
            "POST",
            "logged-models",
            WriteTracking,
            "create_logged_model",
            "Make a logged model",
            Control::ml_create_logged
        ),
        endpoint!(
            "POST",
            "logged-models/search",
            ReadTracking,
            "search_logged_models",
            "Logged models that a filter finds",
            Control::ml_search_logged
        ),
        endpoint!(
            "GET",
            "logged-models/{model_id}",
            ReadTracking,
            "get_logged_model",
            "A logged model",
            Control::ml_get_logged
        ),
        endpoint!(
            "PATCH",
            "logged-models/{model_id}",
            WriteTracking,
            "finalize_logged_model",
            "Say that a logged model's files are there, or never came",
            Control::ml_finalize_logged
        ),
        endpoint!(
            "DELETE",
            "logged-models/{model_id}",
            WriteTracking,
            "delete_logged_model",
            "Hide a logged model that is no registered version",
            Control::ml_delete_logged
        ),
        endpoint!(
            "PATCH",
            "logged-models/{model_id}/tags",
            WriteTracking,
            "set_logged_model_tags",
            "Tag a logged model",
            |control, ctx, args| control.ml_tell_logged(ctx, args, PairKind::Logged)
        ),
        endpoint!(
            "DELETE",
            "logged-models/{model_id}/tags/{tag_key}",
            WriteTracking,
            "delete_logged_model_tag",
            "Take a tag off a logged model",
            Control::ml_delete_logged_tag
        ),
        endpoint!(
            "GET",
            "logged-models/{model_id}/artifacts/directories",
            ReadTracking,
            "list_logged_model_files",
            "The files of a logged model; needs `ReadFile`, too",
            Control::ml_list_logged_files
        ),
        endpoint!(
            "POST",
            "logged-models/{model_id}/params",
            WriteTracking,
            "log_logged_model_params",
            "Log parameters of a logged model",
            |control, ctx, args| control.ml_tell_logged(ctx, args, PairKind::LoggedParam)
        ),
    ]
}

fn registered_models() -> Vec<Route> {
    vec![
        endpoint!(
            "POST",
            "registered-models/create",
            AddCatalogued,
            "create_registered_model",
            "Register a model in the catalogue",
            Control::ml_create_model
        ),
        endpoint!(
            "GET",
            "registered-models/get",
            ReadCatalogued,
            "get_registered_model",
            "A registered model of the catalogue",
            Control::ml_get_model
        ),
        endpoint!(
            "GET",
            "registered-models/search",
            ListCatalogue,
            "search_registered_models",
            "Registered models that a filter finds",
            Control::ml_search_models
        ),
        endpoint!(
            "PATCH",
            "registered-models/update",
            ChangeCatalogued,
            "update_registered_model",
            "Describe a registered model",
            Control::ml_update_model
        ),
        endpoint!(
            "POST",
            "registered-models/rename",
            ChangeCatalogued,
            "rename_registered_model",
            "Give a registered model another name",
            Control::ml_rename_model
        ),
        endpoint!(
            "DELETE",
            "registered-models/delete",
            DeleteCatalogued,
            "delete_registered_model",
            "Take a model that nobody needs out of the catalogue",
            Control::ml_delete_model
        ),
        endpoint!(
            "POST",
            "registered-models/get-latest-versions",
            ReadCatalogued,
            "get_latest_versions",
            "The newest version of each stage",
            Control::ml_latest_versions
        ),
        endpoint!(
            "GET",
            "registered-models/get-latest-versions",
            ReadCatalogued,
            "get_latest_versions_get",
            "The newest version of each stage",
            Control::ml_latest_versions
        ),
        endpoint!(
            "POST",
            "registered-models/set-tag",
            ChangeCatalogued,
            "set_registered_model_tag",
            "Tag a registered model",
            Control::ml_set_model_tag
        ),
        endpoint!(
            "DELETE",
            "registered-models/delete-tag",
            ChangeCatalogued,
            "delete_registered_model_tag",
            "Take a tag off a registered model",
            Control::ml_delete_model_tag
        ),
        endpoint!(
            "POST",
            "registered-models/alias",
            ChangeCatalogued,
            "set_alias",
            "Point an alias to a version; one of production needs `PromoteCatalogued`",
            Control::ml_set_alias
        ),
        endpoint!(
            "DELETE",
            "registered-models/alias",
            ChangeCatalogued,
            "delete_alias",
            "Take an alias away; one of production needs `PromoteCatalogued`",
            Control::ml_delete_alias
        ),
        endpoint!(
            "GET",
            "registered-models/alias",
            ReadCatalogued,
            "get_alias",
            "The version that an alias points to",
            Control::ml_get_alias
        ),
    ]
}

fn versions() -> Vec<Route> {
    vec![
        endpoint!(
            "POST",
            "model-versions/create",
            AddCataloguedVersion,
            "create_model_version",
            "Add a version to a registered model",
            Control::ml_create_version
        ),
        endpoint!(
            "GET",
            "model-versions/get",
            ReadCatalogued,
            "get_model_version",
            "A version of a registered model",
            Control::ml_get_version
        ),
        endpoint!(
            "GET",
            "model-versions/search",
            ListCatalogue,
            "search_model_versions",
            "Versions that a filter finds",
            Control::ml_search_versions
        ),
        endpoint!(
            "GET",
            "model-versions/get-download-uri",
            ReadCatalogued,
            "get_download_uri",
            "Where a version's files are",
            Control::ml_download_uri
        ),
        endpoint!(
            "PATCH",
            "model-versions/update",
            ChangeCatalogued,
            "update_model_version",
            "Describe a version",
            Control::ml_update_version
        ),
        endpoint!(
            "POST",
            "model-versions/transition-stage",
            ChangeCatalogued,
            "transition_stage",
            "Move a version to a stage; to and from production needs `PromoteCatalogued`",
            Control::ml_transition_stage
        ),
        endpoint!(
            "DELETE",
            "model-versions/delete",
            DeleteCatalogued,
            "delete_model_version",
            "Take a version that nobody needs out of the catalogue",
            Control::ml_delete_version
        ),
        endpoint!(
            "POST",
            "model-versions/set-tag",
            ChangeCatalogued,
            "set_model_version_tag",
            "Tag a version",
            Control::ml_set_version_tag
        ),
        endpoint!(
            "DELETE",
            "model-versions/delete-tag",
            ChangeCatalogued,
            "delete_model_version_tag",
            "Take a tag off a version",
            Control::ml_delete_version_tag
        ),
        control(
            "POST",
            "/api/v1/catalogue/{name}/versions/{version}/hold",
            Action::HoldCatalogued,
            |app, ctx, input| {
                let wanted = Args::of_body(&input.body).map_err(told)?;
                let reason = wanted.text("reason").map_err(told)?;
                let number = input.parsed("version")?;
                app.control.hold_catalogued(ctx, input.param("name"), number, Some(reason))?;
                Ok(Reply::empty(204))
            },
        )
        .named("hold_catalogued_version", "Place a legal hold on a version: nobody can delete it")
        .gives_nothing(),
        control(
            "DELETE",
            "/api/v1/catalogue/{name}/versions/{version}/hold",
            Action::HoldCatalogued,
            |app, ctx, input| {
                let number = input.parsed("version")?;
                app.control.hold_catalogued(ctx, input.param("name"), number, None)?;
                Ok(Reply::empty(204))
            },
        )
        .named("release_catalogued_version", "Release a version's legal hold")
        .gives_nothing(),
    ]
}

fn webhook_routes() -> Vec<Route> {
    vec![
        control("POST", "/api/2.0/mlflow/webhooks", Action::ChangeWebhooks, |app, ctx, input| {
            let args = args(input)?;
            address_fits(app, &args)?;
            answer(app, input, app.control.ml_create_webhook(ctx, &args))
        })
        .named("mlflow_create_webhook", "Tell an address what happens in the registry"),
        endpoint!(
            "GET",
            "webhooks",
            ReadWebhooks,
            "list_webhooks",
            "Who is told what happens in the registry",
            Control::ml_list_webhooks
        ),
        endpoint!(
            "GET",
            "webhooks/{webhook_id}",
            ReadWebhooks,
            "get_webhook",
            "A webhook, without its secret",
            Control::ml_get_webhook
        ),
        control(
            "PATCH",
            "/api/2.0/mlflow/webhooks/{webhook_id}",
            Action::ChangeWebhooks,
            |app, ctx, input| {
                let args = args(input)?;
                address_fits(app, &args)?;
                answer(app, input, app.control.ml_update_webhook(ctx, &args))
            },
        )
        .named("mlflow_update_webhook", "Change a webhook"),
        endpoint!(
            "DELETE",
            "webhooks/{webhook_id}",
            ChangeWebhooks,
            "delete_webhook",
            "Take a webhook away",
            Control::ml_delete_webhook
        ),
        control(
            "POST",
            "/api/2.0/mlflow/webhooks/{webhook_id}/test",
            Action::TestWebhook,
            |app, ctx, input| {
                let (target, body) = app.control.ml_test_webhook(ctx, &args(input)?)?;
                Ok(Reply::json(200, &json!({"result": webhooks::test(app, &target, body)})))
            },
        )
        .named("mlflow_test_webhook", "Send a test event to a webhook now, once"),
    ]
}

/// The arguments of a request: of its body, else of its query; those of the path win.
fn args(input: &Input) -> Result<Args, Fail> {
    let args = if input.body.is_empty() {
        let pairs = serde_urlencoded::from_str(&input.query)
            .map_err(|_| told(Error::invalid("the query string is malformed")))?;
        Args::of_query(pairs)
    } else {
        Args::of_body(&input.body).map_err(told)?
    };
    Ok(input.params.iter().fold(args, |args, (name, value)| args.with(name, value)))
}

fn answer(app: &App, input: &Input, answer: Use) -> Result<Reply, Fail> {
    let answer = answer?;
    if !input.body.is_empty() {
        // A change may have left something to be told.
        app.webhooks.wake();
    }
    Ok(Reply::json(200, &answer))
}

/// Refuses an address that is none, or that may not be spoken to.
fn address_fits(app: &App, args: &Args) -> Result<(), Fail> {
    let Some(text) = args.maybe_text("url").map_err(told)?.filter(|url| !url.is_empty()) else {
        return Ok(());
    };
    let refused = |error: plimsoll_outbound::OutboundError| {
        told(Error::invalid(format!("Invalid webhook URL: {error}")))
    };
    webhook_begins_well(text).map_err(|why| told(Error::invalid(why)))?;
    let url: Url = text.parse().map_err(refused)?;
    app.outbound.check(&url).map_err(refused)
}

/// What MLflow's clients look for in the refusal of an address that is none.
fn webhook_begins_well(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() {
        return Err("Webhook URL cannot be empty or just whitespace");
    }
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_http = ["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_http.then_some(()).ok_or("Invalid webhook URL scheme: it must begin with https://")
}

fn told(error: Error) -> Fail {
    Fail::problem(error.code.status(), error.code.as_str(), error.message)
}

/// Whether a path speaks MLflow's language.
pub(crate) fn is_ours(path: &str) -> bool {
    let path = with_one_slash(path);
    path.starts_with("/api/2.0/mlflow")
        || path.starts_with("/api/3.0/mlflow")
        || path.starts_with("/api/2.1/mlflow")
        || path.starts_with("/ajax-api/")
        || matches!(path, "/get-artifact" | "/model-versions/get-artifact")
}

/// A path with one slash at its beginning.
fn with_one_slash(path: &str) -> &str {
    match path.len() - path.trim_start_matches('/').len() {
        0 | 1 => path,
        slashes => path.get(slashes - 1..).unwrap_or(path),
    }
}

/// The one path of the table that a path means.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    // MLflow's server takes several slashes at the beginning for one; nobody else's path changes.
    let path = if is_ours(path) { with_one_slash(path) } else { path };
    let rest = path.strip_prefix("/ajax-api/").or_else(|| path.strip_prefix("/api/"));
    let Some(rest) = rest else { return Cow::Borrowed(path) };
    let known = ["2.0/", "2.1/", "3.0/"].into_iter().find_map(|v| rest.strip_prefix(v));
    match known {
        Some(rest) if rest.starts_with("mlflow") => Cow::Owned(format!("/api/2.0/{rest}")),
        _ => Cow::Borrowed(path),
    }
}

/// The headers with an API key that came as the password of basic authentication as a bearer
/// token. Whoever it says it is is not looked at: the key knows.
pub(crate) fn with_bearer(headers: &HeaderMap) -> Option<HeaderMap> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (_, key) = text.split_once(':')?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
    bearer.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, bearer);
    Some(headers)
}

/// A problem in MLflow's shape.
pub(crate) fn reshaped(reply: Reply, path: &str) -> Reply {
    if reply.media != PROBLEM_MEDIA_TYPE {
        return reply;
    }
    let Content::Bytes(body) = &reply.body else { return reply };
    let Ok(problem) = serde_json::from_slice::<Value>(body) else { return reply };
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let (code, detail) = (text("code"), text("detail"));
    let is_mlflows = code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let undone = undone(path).filter(|_| matches!(reply.status, 404 | 405));
    let (status, word) = match reply.status {
        _ if undone.is_some() => (501, Code::NotImplemented.as_str()),
        status if is_mlflows => (status, code),
        400 | 413 | 422 => (400, Code::InvalidParameterValue.as_str()),
        401 => (401, "UNAUTHENTICATED"),
        403 => (403, Code::PermissionDenied.as_str()),
        404 => (404, Code::ResourceDoesNotExist.as_str()),
        405 => (404, "ENDPOINT_NOT_FOUND"),
        409 => (409, Code::ResourceConflict.as_str()),
        429 => (429, "REQUEST_LIMIT_EXCEEDED"),
        503 => (503, "TEMPORARILY_UNAVAILABLE"),
        status => (status, Code::InternalError.as_str()),
    };
    let body = json!({"error_code": word, "message": undone.unwrap_or(detail)});
    Reply { retry_after: reply.retry_after, ..Reply::json(status, &body) }
}

/// Why a part of MLflow's interface is not done here.
fn undone(path: &str) -> Option<&'static str> {
    if path.contains("/mlflow/traces") {
        return Some("this server keeps no traces");
    }
    if path.contains("/mlflow-artifacts/presigned/") {
        return Some("this server gives no presigned addresses: it sends the file itself");
    }
    None
}

/// A problem in MLflow's shape, of a path without a route.
pub(crate) fn no_endpoint() -> Problem {
    Problem::new(404, "ENDPOINT_NOT_FOUND", "this server has no such endpoint of MLflow's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_means_one_path() {
        let path = "/api/2.0/mlflow/runs/get";
        for other in [
            path,
            "/ajax-api/2.0/mlflow/runs/get",
            "/api/3.0/mlflow/runs/get",
            "/api/2.1/mlflow/runs/get",
            "//api/2.0/mlflow/runs/get",
            "///ajax-api/2.0/mlflow/runs/get",
        ] {
            assert_eq!(canonical(other), path);
            assert!(is_ours(other));
        }
        assert_eq!(canonical("//get-artifact"), "/get-artifact");
        for other in ["/api/v1/models", "//api/v1/models", "//", "/", ""] {
            assert_eq!(canonical(other), other);
            assert!(!is_ours(other));
        }
        assert_eq!(canonical("/api/4.0/mlflow/runs/get"), "/api/4.0/mlflow/runs/get");
    }

    #[test]
    fn a_key_may_come_as_a_password() {
        let mut headers = HeaderMap::new();
        assert!(with_bearer(&headers).is_none());
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic dXNlcjprZXk="));
        let bearer = with_bearer(&headers).expect("a password");
        assert_eq!(bearer[AUTHORIZATION], "Bearer key");
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_bytes("Basic §".as_bytes()).expect("opaque bytes"),
        );
        assert!(with_bearer(&headers).is_none());
    }

    #[test]
    fn problems_become_errors_of_mlflow() {
        let shown = |status, code: &str| {
            let reply =
                reshaped(Reply::problem(&Problem::new(status, code, "why")), "/api/2.0/mlflow/x");
            let Content::Bytes(body) = &reply.body else { panic!("a reply in one piece") };
            let body: Value = serde_json::from_slice(body).expect("JSON");
            (reply.status, body["error_code"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(shown(400, "RESOURCE_ALREADY_EXISTS"), (400, "RESOURCE_ALREADY_EXISTS".into()));
        assert_eq!(shown(403, "forbidden"), (403, "PERMISSION_DENIED".into()));
        assert_eq!(shown(422, "invalid"), (400, "INVALID_PARAMETER_VALUE".into()));
        assert_eq!(shown(409, "conflict"), (409, "RESOURCE_CONFLICT".into()));
        let traces = reshaped(Reply::problem(&no_endpoint()), "/api/3.0/mlflow/traces/search");
        assert_eq!(traces.status, 501);
        let path = "/api/2.0/mlflow-artifacts/presigned/1/r/artifacts/x";
        assert_eq!(reshaped(Reply::problem(&no_endpoint()), path).status, 501);
    }
}
