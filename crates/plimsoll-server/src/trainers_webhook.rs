//! Trainers that train elsewhere: a retraining is posted to them, signed, and they post the model
//! back. Shapes are those of what people run: Airflow, GitHub Actions, Kubeflow Pipelines.

use crate::app::App;
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use plimsoll_api::TrainingManifest;
use plimsoll_control::RetrainTask;
use plimsoll_outbound::{Request, Url};
use plimsoll_sinks::sign;
use plimsoll_types::RetrainId;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest wait for the answer to one post: it starts a run and does not wait for its end.
const DEADLINE: Duration = Duration::from_secs(30);
/// What is read of the answer.
const MAX_REPLY: usize = 64 << 10;
/// The longest secret, and the shortest: guesses must be hopeless.
const MAX_SECRET: u64 = 4_096;
const MIN_SECRET: usize = 24;

/// What is posted where.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// What it expects.
    #[serde(default)]
    pub shape: Shape,
    /// The file that holds the secret which signs requests and binds answers to them.
    pub secret_file: PathBuf,
    /// The file that holds what is sent as `authorization`, if something is.
    #[serde(default)]
    pub authorization_file: Option<PathBuf>,
    /// Members that are sent beside ours, such as a pipeline's id or a branch.
    #[serde(default)]
    pub body: Map<String, Value>,
}

/// What a receiver expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The request as it is.
    #[default]
    Plain,
    /// A DAG run of Airflow's REST API: `POST /api/v2/dags/{dag}/dagRuns`.
    Airflow,
    /// A repository dispatch of GitHub: `POST /repos/{owner}/{repo}/dispatches`.
    Github,
    /// A run of Kubeflow Pipelines: `POST /apis/v2beta1/runs`.
    Kubeflow,
}

/// Why a post started nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unposted {
    /// It is tried again.
    Passing(String),
    /// It is not.
    Lasting(String),
}

/// Posts a retraining. The same however often: `webhook-id` and the run's name are the
/// retraining's, so that a receiver starts it once; "there is such a run" is a yes. Blocks.
pub(crate) fn request(
    app: &App,
    webhook: &Webhook,
    task: &RetrainTask,
    manifest: &TrainingManifest,
) -> Result<(), Unposted> {
    let secret = secret(&webhook.secret_file).map_err(Unposted::Passing)?;
    let url: Url = webhook
        .url
        .parse()
        .map_err(|_| Unposted::Lasting("the trainer's address is none".to_owned()))?;
    let (id, token) = (task.id.to_string(), token(&secret, task.id));
    let body = body(webhook, &id, &token, manifest).to_string().into_bytes();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(file) = &webhook.authorization_file {
        let text = text(file).map_err(Unposted::Passing)?;
        let value = HeaderValue::from_str(text.trim());
        let value = value.map_err(|_| Unposted::Lasting("its authorization is none".into()))?;
        headers.insert(AUTHORIZATION, value);
    }
    sign(&mut headers, &secret, &id, app.clock.now(), &body);
    let mut request = Request::post(url, body).within(DEADLINE).at_most(MAX_REPLY);
    for (name, value) in &headers {
        request = request.with_header(name.clone(), value.clone());
    }
    let reply = app.outbound.send_blocking(request);
    let status = reply.map_err(|error| Unposted::Passing(error.to_string()))?.status;
    match status.as_u16() {
        200..=299 | 409 => Ok(()),
        408 | 429 | 500..=599 => {
            Err(Unposted::Passing(format!("the trainer answered {}", status.as_u16())))
        }
        other => Err(Unposted::Lasting(format!("the trainer answered {other}"))),
    }
}

/// Whether a token is that of a retraining.
pub(crate) fn is_token(webhook: &Webhook, id: RetrainId, told: &str) -> bool {
    let Ok(secret) = secret(&webhook.secret_file) else { return false };
    constant_time::verify_slices_are_equal(token(&secret, id).as_bytes(), told.as_bytes()).is_ok()
}

/// HMAC-SHA-256 over the retraining's id under the trainer's secret, in hexadecimal digits.
fn token(secret: &[u8], id: RetrainId) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("plimsoll retrain token v1\n{id}\n").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is sent: ours, in the receiver's shape, and what the operator adds.
fn body(webhook: &Webhook, id: &str, token: &str, manifest: &TrainingManifest) -> Value {
    let ours = json!({
        "retrain": id,
        "deployment": manifest.deployment,
        "token": token,
        "answer": format!("/api/v1/retrains/{id}/result"),
        "data": manifest,
    });
    let mut all = webhook.body.clone();
    let shaped = match webhook.shape {
        Shape::Plain => ours,
        Shape::Airflow => json!({"dag_run_id": format!("plimsoll-{id}"), "conf": ours}),
        Shape::Github => json!({"event_type": "plimsoll-retrain", "client_payload": ours}),
        // Parameters of a pipeline are declared by it; one of them takes it all.
        Shape::Kubeflow => json!({
            "display_name": format!("plimsoll-{id}"),
            "runtime_config": {"parameters": {"plimsoll": ours.to_string()}},
        }),
    };
    if let Value::Object(members) = shaped {
        all.extend(members);
    }
    Value::Object(all)
}

fn secret(file: &Path) -> Result<Vec<u8>, String> {
    let text = text(file)?;
    let text = text.trim();
    // As Standard Webhooks write secrets; any other text is taken as it is.
    let secret = match text.strip_prefix("whsec_") {
        Some(text) => STANDARD.decode(text).map_err(|_| "the trainer's secret is no base64")?,
        None => text.as_bytes().to_vec(),
    };
    if secret.len() < MIN_SECRET {
        return Err(format!("the trainer's secret has fewer than {MIN_SECRET} bytes"));
    }
    Ok(secret)
}

fn text(file: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let open = fs_err::File::open(file);
    let mut text = String::new();
    open.and_then(|open| open.take(MAX_SECRET).read_to_string(&mut text))
        .map_err(|error| format!("a file of the trainer cannot be read: {}", error.kind()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_api::Timestamp;
    use plimsoll_types::{Digest, Time};

    fn webhook(shape: Shape) -> Webhook {
        Webhook {
            url: "https://example.org/run".into(),
            shape,
            secret_file: "/nowhere".into(),
            authorization_file: None,
            body: [("ref".to_owned(), json!("main")), ("conf".to_owned(), json!("mine"))]
                .into_iter()
                .collect(),
        }
    }

    fn manifest() -> TrainingManifest {
        let at = Timestamp(Time::from_micros(1));
        TrainingManifest {
            deployment: "credit-default".parse().unwrap(),
            from: at,
            until: at,
            sql: "SELECT 1".into(),
            exclude: None,
            left_out: Vec::new(),
            rows: 7,
            digest: Digest::from_bytes([0; 32]),
            bytes: 9,
        }
    }

    #[test]
    fn each_receiver_gets_its_shape_and_what_the_operator_adds() {
        let of = |shape| body(&webhook(shape), "r1", "t0", &manifest());
        let plain = of(Shape::Plain);
        assert_eq!((&plain["retrain"], &plain["ref"]), (&json!("r1"), &json!("main")));
        assert_eq!(plain["answer"], "/api/v1/retrains/r1/result");
        let airflow = of(Shape::Airflow);
        assert_eq!(airflow["dag_run_id"], "plimsoll-r1");
        assert_eq!(airflow["conf"]["data"]["rows"], 7, "ours is not replaced");
        let github = of(Shape::Github);
        assert_eq!(github["event_type"], "plimsoll-retrain");
        assert_eq!(github["client_payload"]["token"], "t0");
        let kubeflow = of(Shape::Kubeflow);
        let inner = kubeflow["runtime_config"]["parameters"]["plimsoll"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(inner).unwrap()["retrain"], "r1");
    }

    #[test]
    fn a_token_is_of_one_retraining_and_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let mut hook = webhook(Shape::Plain);
        let id = RetrainId::from_bytes([1; 16]);
        assert!(!is_token(&hook, id, ""), "no secret, no token");
        hook.secret_file = file.clone();
        fs_err::write(&file, "short").unwrap();
        assert!(!is_token(&hook, id, &token(b"short", id)));
        let long = "a secret of more than a few bytes";
        fs_err::write(&file, format!("{long}\n")).unwrap();
        assert!(is_token(&hook, id, &token(long.as_bytes(), id)));
        assert!(!is_token(&hook, RetrainId::from_bytes([2; 16]), &token(long.as_bytes(), id)));
    }
}
