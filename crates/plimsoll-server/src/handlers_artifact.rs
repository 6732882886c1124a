//! Artifacts over HTTP: uploads that go on, and the proxy that MLflow's clients put files
//! through. Bytes are streamed both ways, a chunk at a time.

use crate::app::App;
use crate::handlers::{blocking, created, ok};
use crate::reading::Reading;
use crate::reply::Reply;
use crate::routes::{Call, Fail, Input, Route, control, other};
use http::Request;
use http::header::{CONTENT_DISPOSITION, HeaderName, HeaderValue, RANGE, X_CONTENT_TYPE_OPTIONS};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_artifact::{FilePath, Reader};
use plimsoll_control::{ControlError, RequestContext};
use plimsoll_gateway::Listener;
use plimsoll_policy::Action;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;

/// Where an upload goes on, as in the protocol of resumable uploads (tus 1.0).
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const BINARY: &str = "application/octet-stream";
const LOGGED_FILE: &str = "/api/2.0/mlflow/logged-models/{model_id}/artifacts/files";
const CYCLONEDX: &str = "application/vnd.cyclonedx+json; version=1.7";

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = uploads();
    routes.extend(files());
    routes.extend(crate::handlers_mpu::routes());
    routes.push(
        control(
            "GET",
            "/api/v1/models/{model}/versions/{number}/bom",
            Action::ReadVersion,
            |app, ctx, input| {
                let (model, number) = (input.parsed("model")?, input.parsed("number")?);
                let bom = app.control.version_bom(ctx, &model, number)?;
                let bytes = serde_json::to_vec_pretty(&bom).unwrap_or_default();
                Ok(Reply::bytes(200, CYCLONEDX, bytes))
            },
        )
        .named("get_version_bom", "What a model version is made of (CycloneDX 1.7)")
        .gives_media(CYCLONEDX),
    );
    routes
}

fn uploads() -> Vec<Route> {
    use Action::CreateVersion;
    vec![
        control("POST", "/api/v1/uploads", CreateVersion, |app, ctx, input| {
            let max = app.limits.max_artifact_bytes;
            created(&app.control.create_upload(ctx, input.json()?, max)?)
        })
        .named("create_upload", "Begin an upload that can be gone on with")
        .reads(schema_of::<api::CreateUpload>)
        .gives(201, schema_of::<api::UploadSession>),
        control("GET", "/api/v1/uploads/{upload}", CreateVersion, |app, ctx, input| {
            ok(&app.control.read_upload(ctx, input.param("upload"))?)
        })
        .named("get_upload", "Where an upload goes on")
        .gives(200, schema_of::<api::UploadSession>),
        control("HEAD", "/api/v1/uploads/{upload}", CreateVersion, |app, ctx, input| {
            let session = app.control.read_upload(ctx, input.param("upload"))?;
            Ok(Reply::empty(200).with(UPLOAD_OFFSET, HeaderValue::from(session.offset)))
        })
        .named("head_upload", "Where an upload goes on, in the header `upload-offset`"),
        other(Listener::Control, "PATCH", "/api/v1/uploads/{upload}", CreateVersion, Call::Append)
            .named(
                "append_upload",
                "Go on with an upload at the offset in the header `upload-offset`",
            )
            .reads_media(BINARY)
            .gives_nothing(),
        control("POST", "/api/v1/uploads/{upload}/finish", CreateVersion, |app, ctx, input| {
            created(&app.control.finish_upload(ctx, input.param("upload"), input.json()?)?)
        })
        .named("finish_upload", "End an upload; the artifact is named by its digest")
        .reads(schema_of::<api::FinishUpload>)
        .gives(201, schema_of::<api::Artifact>),
        control("DELETE", "/api/v1/uploads/{upload}", CreateVersion, |app, ctx, input| {
            app.control.abort_upload(ctx, input.param("upload"))?;
            Ok(Reply::empty(204))
        })
        .named("abort_upload", "Give an upload up")
        .gives_nothing(),
    ]
}

/// MLflow's proxy, and the two paths that its web pages download from.
fn files() -> Vec<Route> {
    use Action::{ChangeFile, ReadFile};
    let mut routes = Vec::new();
    let folder = "/api/2.0/mlflow-artifacts/artifacts";
    let file = "/api/2.0/mlflow-artifacts/artifacts/{*path}";
    routes.extend([
        control("GET", folder, ReadFile, |app, ctx, input| in_mlflow_shape(list(app, ctx, input)))
            .named("mlflow_list_files", "What is in a folder of artifacts (MLflow)"),
        control("GET", file, ReadFile, |app, ctx, input| in_mlflow_shape(get(app, ctx, input)))
            .named("mlflow_get_file", "A file (MLflow); ranges are honoured")
            .gives_media(BINARY),
        other(Listener::Control, "PUT", file, ChangeFile, Call::PutFile)
            .named(
                "mlflow_put_file",
                "Put a file (MLflow); those of registered versions do not change",
            )
            .reads_media(BINARY),
        control("DELETE", file, ChangeFile, |app, ctx, input| {
            in_mlflow_shape(remove(app, ctx, input))
        })
        .named("mlflow_delete_file", "Remove a file or folder (MLflow), unless a version has it"),
    ]);
    routes.extend([
        control("GET", "/get-artifact", ReadFile, |app, ctx, input| {
            in_mlflow_shape(of_run(app, ctx, input))
        })
        .named("mlflow_get_artifact", "A file of a run (MLflow)")
        .gives_media(BINARY),
        control("GET", "/model-versions/get-artifact", ReadFile, |app, ctx, input| {
            in_mlflow_shape(of_version(app, ctx, input))
        })
        .named("mlflow_get_version_artifact", "A file of a registered version (MLflow)")
        .gives_media(BINARY),
        control("GET", LOGGED_FILE, ReadFile, |app, ctx, input| {
            in_mlflow_shape(of_logged(app, ctx, input))
        })
        .named("mlflow_get_logged_model_artifact", "A file of a logged model (MLflow)")
        .gives_media(BINARY),
        control("POST", "/api/2.0/mlflow/upload-artifact", ChangeFile, |app, ctx, input| {
            in_mlflow_shape(small_file(app, ctx, input))
        })
        .named("mlflow_upload_artifact", "Put a small file among those of a run (MLflow)")
        .reads_media(BINARY),
    ]);
    routes
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct RunQuery {
    #[serde(alias = "run_uuid")]
    run_id: String,
    path: String,
}

#[derive(Deserialize)]
struct VersionQuery {
    name: String,
    version: u32,
    path: String,
}

#[derive(Deserialize)]
struct LoggedQuery {
    #[serde(default)]
    artifact_file_path: String,
}

#[derive(Deserialize)]
struct SmallFileQuery {
    #[serde(default, alias = "run_id")]
    run_uuid: String,
    #[serde(default)]
    path: String,
}

fn list(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let query: ListQuery = input.query()?;
    // A client that wants everything of a run asks for the path `.` in it.
    let parts: Vec<&str> = query.path.trim_end_matches('/').split('/').collect();
    let path = parts.into_iter().filter(|part| *part != ".").collect::<Vec<_>>().join("/");
    let folder = if path.is_empty() { None } else { Some(file_path(&path)?) };
    let entries = app.control.list_files(ctx, folder.as_ref())?;
    let files: Vec<Value> = entries
        .into_iter()
        .map(|entry| match entry.size {
            None => json!({"path": entry.name, "is_dir": true}),
            Some(size) => json!({"path": entry.name, "is_dir": false, "file_size": size}),
        })
        .collect();
    ok(&if files.is_empty() { json!({}) } else { json!({"files": files}) })
}

fn get(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    send(app, ctx, input, &file_path(input.param("path"))?)
}

fn remove(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    app.control.remove_files(ctx, &file_path(input.param("path"))?)?;
    ok(&json!({}))
}

fn of_run(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let query: RunQuery = input.query()?;
    // A run's id is a part of a path, and is looked at as one.
    let (run, path) = (file_path(&query.run_id)?, file_path(&query.path)?);
    let folder = app.control.run_folder(ctx, run.as_str())?;
    send(app, ctx, input, &file_path(&format!("{folder}/{path}"))?)
}

fn of_version(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let query: VersionQuery = input.query()?;
    let path = file_path(&query.path)?;
    let label = format!("{}/{}", query.name, query.version);
    let folder = app.control.version_folder(ctx, &label)?;
    send(app, ctx, input, &file_path(&format!("{folder}/{path}"))?)
}

fn of_logged(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let query: LoggedQuery = input.query()?;
    let path = file_path(&query.artifact_file_path)?;
    let folder = app.control.logged_folder(ctx, input.param("model_id"))?;
    send(app, ctx, input, &file_path(&format!("{folder}/{path}"))?)
}

/// A file in the body of a request, as MLflow's web pages send it. It is at most as large as
/// any other body; larger ones go through the proxy.
fn small_file(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let query: SmallFileQuery = input.query()?;
    let missing =
        |what: &str| Fail::bad("malformed_request", format!("Request must specify {what}."));
    if query.run_uuid.is_empty() {
        return Err(missing("run_uuid"));
    }
    if query.path.is_empty() {
        return Err(missing("path"));
    }
    let path = file_path(&query.path)?;
    if input.body.is_empty() {
        return Err(missing("data"));
    }
    let folder = app.control.logging_folder(ctx, &query.run_uuid)?;
    let path = file_path(&format!("{folder}/{path}"))?;
    let mut upload = app.control.begin_file(ctx, &path, app.limits.max_artifact_bytes)?;
    upload.write(&input.body)?;
    app.control.end_file(ctx, &path, upload)?;
    ok(&json!({}))
}

pub(crate) fn file_path(text: &str) -> Result<FilePath, Fail> {
    // MLflow's own word for it.
    text.parse().map_err(|_: plimsoll_artifact::PathError| {
        Fail::bad("malformed_path", "Invalid path".into())
    })
}

/// The bytes of a file, as an attachment that no browser takes for a page.
fn send(app: &App, ctx: &RequestContext, input: &Input, path: &FilePath) -> Result<Reply, Fail> {
    let reader = app.control.read_file(ctx, path)?;
    let name: String = path
        .name()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    Ok(stream(reader, &input.range)?.with(CONTENT_DISPOSITION, disposition))
}

/// A reply that reads an artifact while it is sent.
pub(crate) fn stream(reader: Reader, wanted: &str) -> Result<Reply, Fail> {
    let (length, etag) = (reader.length(), format!("\"{}\"", reader.digest()));
    let part = range(wanted, length);
    let (status, reader, left) = match &part {
        None => (200, reader, length),
        Some(part) => {
            let reader = reader.range(part.start, part.end).map_err(ControlError::from)?;
            (206, reader, part.end - part.start)
        }
    };
    let mut reply = Reply::pieces(status, BINARY, Box::new(Reading::new(reader, left)))
        .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .with(http::header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        reply = reply.with(http::header::ETAG, etag);
    }
    if let Some(part) = part
        && let Ok(said) =
            HeaderValue::from_str(&format!("bytes {}-{}/{length}", part.start, part.end - 1))
    {
        reply = reply.with(http::header::CONTENT_RANGE, said);
    }
    Ok(reply)
}

/// The one range that a request asks for (RFC 9110 §14.1.2). What cannot be satisfied, or is not
/// one range of bytes, is ignored, as the standard permits: all is sent.
fn range(header: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = if first.is_empty() {
        (length.saturating_sub(last.parse().ok()?), length)
    } else {
        let last =
            if last.is_empty() { length } else { last.parse::<u64>().ok()?.checked_add(1)? };
        (first.parse().ok()?, last.min(length))
    };
    (start < end).then_some(start..end)
}

/// Takes a file: the body goes into an artifact, which then stands at the path.
pub(crate) async fn put_file(
    app: &Arc<App>,
    ctx: RequestContext,
    path: &str,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    in_mlflow_shape(put(app, ctx, path, request).await)
}

async fn put(
    app: &Arc<App>,
    ctx: RequestContext,
    path: &str,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    let path = file_path(path)?;
    let max = app.limits.max_artifact_bytes;
    let control = Arc::clone(&app.control);
    let (mut upload, ctx, path) =
        blocking(move || control.begin_file(&ctx, &path, max).map(|upload| (upload, ctx, path)))
            .await??;
    let mut body = request.into_body();
    while let Some(bytes) = next_frame(app, &mut body).await? {
        upload = blocking(move || upload.write(&bytes).map(|()| upload)).await??;
    }
    let control = Arc::clone(&app.control);
    blocking(move || control.end_file(&ctx, &path, upload)).await??;
    Ok(Reply::empty(200))
}

/// Goes on with an upload. What came before the connection broke stays.
pub(crate) async fn append(
    app: &Arc<App>,
    ctx: RequestContext,
    upload: String,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    let offset = request.headers().get(&UPLOAD_OFFSET).and_then(|value| value.to_str().ok());
    let offset: u64 = offset.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Fail::bad("malformed_request", "the header `upload-offset` must be a number".into())
    })?;
    let control = Arc::clone(&app.control);
    let mut appender = blocking(move || control.append_upload(&ctx, &upload, offset)).await??;
    let mut body = request.into_body();
    while let Some(bytes) = next_frame(app, &mut body).await? {
        let written = blocking(move || {
            let written = appender.write(&bytes);
            (appender, written)
        });
        let (back, written) = written.await?;
        appender = back;
        written.map_err(ControlError::from)?;
    }
    let offset = blocking(move || appender.pause()).await?.map_err(ControlError::from)?;
    Ok(Reply::empty(204).with(UPLOAD_OFFSET, HeaderValue::from(offset)))
}

/// The next bytes of a body that is streamed; `None` after the last.
pub(crate) async fn next_frame(
    app: &App,
    body: &mut Incoming,
) -> Result<Option<bytes::Bytes>, Fail> {
    loop {
        match tokio::time::timeout(app.limits.body_timeout, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                return Err(Fail::bad("malformed_request", "the upload broke off".into()));
            }
            Err(_) => return Err(Fail::problem(408, "timeout", "the upload stalled")),
        }
    }
}

/// MLflow's clients read `error_code` and `message`, and try again on 429 and 5xx.
pub(crate) fn in_mlflow_shape(result: Result<Reply, Fail>) -> Result<Reply, Fail> {
    match result {
        Err(Fail::Control(error)) if error.code().0 < 500 => {
            let (status, code) = match &error {
                ControlError::Denied { .. } => (403, "PERMISSION_DENIED"),
                ControlError::NotFound { .. } => (404, "RESOURCE_DOES_NOT_EXIST"),
                ControlError::Conflict(_) => (409, "RESOURCE_CONFLICT"),
                _ => (400, "INVALID_PARAMETER_VALUE"),
            };
            Ok(mlflow_error(status, code, &error.to_string()))
        }
        // What is malformed is told to those only who may ask at all.
        other => other,
    }
}

/// An error as MLflow writes it.
pub(crate) fn mlflow_error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error_code": code, "message": message}))
}

/// The range that a request asks for, for [`Input`].
pub(crate) fn range_header(headers: &http::HeaderMap) -> String {
    headers.get(RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_honoured_and_nothing_else() {
        assert_eq!(range("bytes=0-9", 100), Some(0..10));
        assert_eq!(range("bytes=90-", 100), Some(90..100));
        assert_eq!(range("bytes=-5", 100), Some(95..100));
        assert_eq!(range("bytes=-500", 100), Some(0..100));
        assert_eq!(range("bytes=95-200", 100), Some(95..100));
        for other in
            ["", "bytes=100-", "bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-0"]
        {
            assert_eq!(range(other, 100), None, "{other}");
        }
        assert_eq!(range("bytes=0-18446744073709551615", 100), None);
        assert_eq!(range("bytes=0-", 0), None);
    }
}
