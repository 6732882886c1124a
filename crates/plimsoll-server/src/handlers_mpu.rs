//! Uploads in parts, as MLflow's clients send large files: begun, ended and given up with a key, the
//! parts themselves sent to addresses that stand for themselves, as those of a bucket do.
//!
//! What stands for itself is not the address but a header beside it, the upload's random name, so
//! that it is in no log of addresses.

use crate::app::App;
use crate::handlers::{blocking, ok};
use crate::handlers_artifact::{file_path, in_mlflow_shape, next_frame};
use crate::reply::Reply;
use crate::routes::{Call, Fail, Input, Route, control, other};
use http::header::{ETAG, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use plimsoll_artifact::FilePath;
use plimsoll_control::{ControlError, RequestContext};
use plimsoll_gateway::Listener;
use plimsoll_policy::Action;
use plimsoll_types::Digest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The random name of an upload, which leave to send its parts rests on.
pub(crate) const UPLOAD: HeaderName = HeaderName::from_static("plimsoll-upload");
/// What a proxy that ends TLS says the client spoke.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const PART: &str = "/api/2.0/mlflow-artifacts/mpu/part/{number}";

pub(crate) fn routes() -> Vec<Route> {
    use Action::ChangeFile;
    vec![
        control(
            "POST",
            "/api/2.0/mlflow-artifacts/mpu/create/{*path}",
            ChangeFile,
            |app, ctx, input| in_mlflow_shape(create(app, ctx, input)),
        )
        .named("mlflow_begin_parts", "Begin a file that comes in parts (MLflow)"),
        control(
            "POST",
            "/api/2.0/mlflow-artifacts/mpu/complete/{*path}",
            ChangeFile,
            |app, ctx, input| in_mlflow_shape(complete(app, ctx, input)),
        )
        .named("mlflow_end_parts", "End a file that came in parts (MLflow)"),
        control(
            "POST",
            "/api/2.0/mlflow-artifacts/mpu/abort/{*path}",
            ChangeFile,
            |app, ctx, input| in_mlflow_shape(abort(app, ctx, input)),
        )
        .named("mlflow_abort_parts", "Give a file in parts up (MLflow)"),
        other(Listener::Control, "PUT", PART, ChangeFile, Call::Part)
            .named(
                "mlflow_put_part",
                "Put a part of a file (MLflow); who knows the upload's name in the header \
                 `plimsoll-upload` needs no key",
            )
            .reads_media("application/octet-stream"),
    ]
}

#[derive(Deserialize)]
struct Create {
    path: String,
    #[serde(default = "one")]
    num_parts: u32,
}

const fn one() -> u32 {
    1
}

#[derive(Deserialize)]
struct Complete {
    path: String,
    upload_id: String,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    part_number: u32,
    etag: String,
}

#[derive(Deserialize)]
struct Abort {
    path: String,
    upload_id: String,
}

fn create(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let wanted: Create = input.json()?;
    let path = target(input, &wanted.path)?;
    let (count, max) = (wanted.num_parts, app.limits.max_artifact_bytes);
    let upload = app.control.begin_file_parts(ctx, &path, count, max)?;
    let credentials: Vec<Value> = (1..=count)
        .map(|number| {
            let url = format!("{}{}", input.origin, PART.replace("{number}", &number.to_string()));
            let headers = json!({UPLOAD.as_str(): upload.to_string()});
            json!({"url": url, "part_number": number, "headers": headers})
        })
        .collect();
    ok(&json!({"upload_id": upload.to_string(), "credentials": credentials}))
}

fn complete(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let mut wanted: Complete = input.json()?;
    let path = target(input, &wanted.path)?;
    wanted.parts.sort_by_key(|part| part.part_number);
    let is_row = (1..).zip(&wanted.parts).all(|(number, part)| part.part_number == number);
    let parts = wanted.parts.iter().map(|part| part.etag.trim_matches('"').parse().ok());
    let parts: Option<Vec<Digest>> = parts.collect();
    let Some(parts) = parts.filter(|_| is_row) else {
        let detail = "parts must be numbered from 1, each with the ETag that it was answered";
        return Err(Fail::bad("malformed_body", detail.into()));
    };
    app.control.end_file_parts(ctx, &path, &wanted.upload_id, &parts)?;
    ok(&json!({}))
}

fn abort(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let wanted: Abort = input.json()?;
    let path = target(input, &wanted.path)?;
    app.control.abort_file_parts(ctx, &path, &wanted.upload_id)?;
    ok(&json!({}))
}

/// Where the file will stand: clients send the folder in the path, and beside it the file as it is
/// called on their disk, of which only the last part counts.
fn target(input: &Input, local: &str) -> Result<FilePath, Fail> {
    let name = local.rsplit(['/', '\\']).next().unwrap_or_default();
    file_path(&format!("{}/{name}", input.param("path").trim_end_matches('/')))
}

/// Takes a part, from whoever knows the upload's name.
pub(crate) async fn part(
    app: &Arc<App>,
    number: &str,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    in_mlflow_shape(put_part(app, number, request).await)
}

async fn put_part(app: &Arc<App>, number: &str, request: Request<Incoming>) -> Result<Reply, Fail> {
    let upload = name_of(request.headers()).unwrap_or_default().to_owned();
    let malformed = |_| Fail::bad("malformed_path", "the part's number is none".into());
    let number: u32 = number.parse().map_err(malformed)?;
    let control = Arc::clone(&app.control);
    let mut part = blocking(move || control.begin_part(&upload, number)).await??;
    let mut body = request.into_body();
    while let Some(bytes) = next_frame(app, &mut body).await? {
        let written = blocking(move || part.write(&bytes).map(|()| part)).await?;
        part = written.map_err(ControlError::from)?;
    }
    let stored = blocking(move || part.finish()).await?.map_err(ControlError::from)?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", stored.digest));
    Ok(Reply::empty(200).with(ETAG, tag.unwrap_or(HeaderValue::from_static(""))))
}

/// The upload that a request names, if it names one.
pub(crate) fn name_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(UPLOAD).and_then(|name| name.to_str().ok()).filter(|name| !name.is_empty())
}

/// Where the caller reached us: what addresses that it gets begin with. It is told to nobody else,
/// so whoever sends another host misleads himself alone.
pub(crate) fn origin(request: &Parts, is_tls: bool) -> String {
    let text = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let host = request.uri.authority().map(http::uri::Authority::as_str);
    let host = host.or_else(|| text(HOST.as_str())).unwrap_or_default();
    let is_tls = is_tls || text(FORWARDED_PROTO) == Some("https");
    format!("{}://{host}", if is_tls { "https" } else { "http" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_back_to_where_the_caller_came() {
        let shown = |uri: &str, headers: &[(&'static str, &'static str)], is_tls| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            origin(&request.body(()).expect("a request").into_parts().0, is_tls)
        };
        let host = ("host", "ml.example:8080");
        assert_eq!(shown("/x", &[host], false), "http://ml.example:8080");
        assert_eq!(shown("/x", &[host], true), "https://ml.example:8080");
        assert_eq!(
            shown("/x", &[host, (FORWARDED_PROTO, "https")], false),
            "https://ml.example:8080"
        );
        assert_eq!(shown("https://[::1]:9/x", &[host], true), "https://[::1]:9");
    }
}
