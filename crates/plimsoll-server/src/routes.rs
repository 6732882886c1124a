//! The one route table: every path, its listener, its action, its shapes, its handler.
//!
//! The OpenAPI document, the golden authorization table and the test that calls every
//! endpoint anonymously and under-privileged are all made from it. A route that is not here
//! does not exist; a route here cannot forget its action.

use crate::accept::peer;
use crate::app::App;
use crate::console;
use crate::doors;
use crate::handlers;
use crate::handlers_artifact;
use crate::handlers_batches;
use crate::handlers_lake;
use crate::handlers_ledger;
use crate::handlers_mlflow::{self, canonical};
use crate::handlers_mpu;
use crate::handlers_observe;
use crate::handlers_protocols;
use crate::live;
use crate::oip;
use crate::reply::Reply;
use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use matchit::Router;
use plimsoll_api::{Problem, RouteDoc, SchemaOf, openapi};
use plimsoll_control::{ControlError, RequestContext};
use plimsoll_gateway::{BodyError, Listener};
use plimsoll_policy::Action;
use plimsoll_serving::Caller;
use plimsoll_types::{Phase, Refusal, RefusalCode};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The largest JSON body of the API. Contracts of 4,096 fields are the largest documents.
const MAX_BODY: usize = 8 << 20;
/// The longest query string: the longest filter of a search (20,000) and the rest.
const MAX_QUERY: usize = 24_576;

/// What a handler is given of the request.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: String,
    pub(crate) media: String,
    /// The header `range`.
    pub(crate) range: String,
    /// Scheme and host that the caller reached us at.
    pub(crate) origin: String,
    pub(crate) body: Bytes,
}

impl Input {
    /// The path parameter `name`.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
    /// A path parameter as what it stands for.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, Fail> {
        self.param(name)
            .parse()
            .map_err(|_| Fail::bad("malformed_path", format!("the path's `{name}` is malformed")))
    }
    /// The body as JSON of type `T`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Fail> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        // The message of the parser names members and positions, never values of ours; it may
        // repeat an unknown member's name, which the caller just sent.
        serde_json::from_slice(body)
            .map_err(|error| Fail::bad("malformed_body", format!("the body does not fit: {error}")))
    }
    /// The query string as type `T`.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Fail> {
        serde_urlencoded::from_str(&self.query).map_err(|error| {
            Fail::bad("malformed_query", format!("the query does not fit: {error}"))
        })
    }
}

/// Why a handler has no reply to give.
#[derive(Debug)]
pub(crate) enum Fail {
    Control(ControlError),
    Problem(Box<Problem>),
    /// The request was malformed, and the caller could not have done it anyway.
    Barred,
}

impl Fail {
    pub(crate) fn problem(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self::Problem(Box::new(Problem::new(status, code, detail)))
    }
    pub(crate) fn bad(code: &str, detail: String) -> Self {
        Self::problem(400, code, detail)
    }
}

impl From<ControlError> for Fail {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

type Blocking = fn(&App, &RequestContext, &Input) -> Result<Reply, Fail>;
type Quick = fn(&App, &Caller, &Input) -> Reply;
type Public = fn(&App, &Input) -> Reply;

/// How a route is answered.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    /// Without a caller: health.
    Open(fn(&App) -> Reply),
    /// From the snapshot, by a known caller; the handler asks policy.
    Quick(Quick),
    /// By a use case of control, on a thread that may block.
    Control(Blocking),
    /// Out of the published log, on a thread that may block; without a key if the operator opted
    /// in and policy permits it.
    Ledger(Public),
    /// Waits for the checkpoint that covers a decision.
    Receipt,
    /// A browser signs in or out, or asks who it is.
    Session,
    /// The body is streamed into an artifact.
    Upload,
    /// The body is streamed into a file.
    PutFile,
    /// The body is streamed into an upload that was begun before.
    Append,
    /// The body is streamed into a part of a file, by whoever knows the upload's name.
    Part,
    /// The body is streamed into the file of a batch job.
    Batch,
    /// Decisions that were made elsewhere are recorded, each when it is durable.
    Observe,
    /// Waits for new decisions.
    Tail,
    /// What passes, as it passes.
    Live,
    /// Answered row by row from the decision tables.
    Query,
    /// Answered by [`crate::service`] before the table is asked; here for the document.
    Infer,
}

/// A route.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) doc: RouteDoc,
    pub(crate) listener: Listener,
    pub(crate) action: Action,
    pub(crate) call: Call,
}

impl Route {
    fn new(
        listener: Listener,
        verb: &'static str,
        path: &'static str,
        action: Action,
        call: Call,
    ) -> Self {
        let doc = RouteDoc {
            method: verb,
            path,
            operation_id: "",
            summary: "",
            action: Some(action.as_str()),
            resource: Some(action.resource_kind().as_str()),
            is_open: matches!(call, Call::Open(_)),
            query: None,
            request: None,
            request_media: None,
            status: 200,
            response: None,
            response_media: None,
            problems: if matches!(call, Call::Open(_)) { &[] } else { &[401, 403, 404, 429, 503] },
        };
        Self { doc, listener, action, call }
    }
    pub(crate) fn named(mut self, operation_id: &'static str, summary: &'static str) -> Self {
        self.doc.operation_id = operation_id;
        self.doc.summary = summary;
        self
    }
    pub(crate) fn reads(mut self, request: SchemaOf) -> Self {
        self.doc.request = Some(request);
        self.doc.problems = &[400, 401, 403, 404, 409, 413, 422, 503];
        self
    }
    pub(crate) fn reads_media(mut self, media: &'static str) -> Self {
        self.doc.request_media = Some(media);
        self.doc.problems = &[400, 401, 403, 413, 422, 503];
        self
    }
    pub(crate) fn asks(mut self, query: SchemaOf) -> Self {
        self.doc.query = Some(query);
        self.doc.problems = &[400, 401, 403, 503];
        self
    }
    pub(crate) fn gives(mut self, status: u16, response: SchemaOf) -> Self {
        self.doc.status = status;
        self.doc.response = Some(response);
        self
    }
    pub(crate) fn gives_media(mut self, media: &'static str) -> Self {
        self.doc.response_media = Some(media);
        self
    }
    pub(crate) fn refuses(mut self, problems: &'static [u16]) -> Self {
        self.doc.problems = problems;
        self
    }
    pub(crate) fn gives_nothing(mut self) -> Self {
        self.doc.status = 204;
        self
    }
}

pub(crate) fn data(verb: &'static str, path: &'static str, action: Action, call: Call) -> Route {
    Route::new(Listener::Data, verb, path, action, call)
}
pub(crate) fn control(
    verb: &'static str,
    path: &'static str,
    action: Action,
    call: Blocking,
) -> Route {
    Route::new(Listener::Control, verb, path, action, Call::Control(call))
}
pub(crate) fn other(
    listener: Listener,
    verb: &'static str,
    path: &'static str,
    action: Action,
    call: Call,
) -> Route {
    Route::new(listener, verb, path, action, call)
}

/// The routes, compiled for lookup.
pub(crate) struct RouteTable {
    routes: Vec<Route>,
    /// Path to the routes of its verbs.
    paths: Router<Vec<usize>>,
}

impl RouteTable {
    pub(crate) fn new() -> Self {
        let routes = handlers::routes();
        let mut by_path: Vec<(&'static str, Vec<usize>)> = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            match by_path.iter_mut().find(|(path, _)| *path == route.doc.path) {
                Some((_, found)) => found.push(index),
                None => by_path.push((route.doc.path, vec![index])),
            }
        }
        let mut paths = Router::new();
        for (path, indexes) in by_path {
            if let Err(error) = paths.insert(path, indexes) {
                // Two paths of the table collide: a test finds it before anyone else does.
                tracing::error!(path, error = %error, "a route cannot be reached");
            }
        }
        Self { routes, paths }
    }
    /// The OpenAPI document.
    pub(crate) fn openapi(&self) -> serde_json::Value {
        let docs: Vec<RouteDoc> = self.routes.iter().map(|route| route.doc).collect();
        openapi(&docs)
    }

    /// The route and its path parameters.
    fn find(
        &self,
        app: &App,
        listener: Listener,
        verb: &str,
        path: &str,
    ) -> Result<Found, RefusalCode> {
        let Ok(matched) = self.paths.at(path) else { return Err(RefusalCode::NotFound) };
        let mut here = matched
            .value
            .iter()
            .filter_map(|&index| self.routes.get(index))
            .filter(|route| app.serves(listener, route.listener))
            .peekable();
        if here.peek().is_none() {
            return Err(RefusalCode::NotFound);
        }
        let route =
            here.find(|route| route.doc.method == verb).ok_or(RefusalCode::MethodNotAllowed)?;
        let params = matched.params.iter().map(|(k, v)| (k.to_owned(), decoded(v))).collect();
        Ok(Found { route: *route, params })
    }
}

struct Found {
    route: Route,
    params: Vec<(String, String)>,
}

impl Found {
    fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// Percent-decoding of a path segment. A segment that decodes to something with a slash stays
/// one segment: matching is done before decoding.
fn decoded(segment: &str) -> String {
    let decode = || {
        let mut bytes = Vec::with_capacity(segment.len());
        let mut rest = segment.as_bytes();
        while let Some((&byte, tail)) = rest.split_first() {
            if byte == b'%' {
                let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
                rest = tail.get(2..)?;
            } else {
                bytes.push(byte);
                rest = tail;
            }
        }
        String::from_utf8(bytes).ok()
    };
    decode().unwrap_or_else(|| segment.to_owned())
}

/// Answers a request that is not an inference, in the shape that its path speaks.
pub(crate) async fn dispatch(
    app: &Arc<App>,
    listener: Listener,
    request: Request<Incoming>,
) -> Reply {
    if !handlers_mlflow::is_ours(request.uri().path()) {
        return resolved(app, listener, request).await;
    }
    let path = request.uri().path().to_owned();
    handlers_mlflow::reshaped(resolved(app, listener, request).await, &path)
}

async fn resolved(app: &Arc<App>, listener: Listener, request: Request<Incoming>) -> Reply {
    let refuse = |phase, code, recorded: bool| {
        app.gateway.tally().count(listener, phase, code, recorded);
        refusal(request.uri().path(), &Refusal::new(phase, code))
    };
    let has_key = request.headers().contains_key(http::header::AUTHORIZATION);
    let found = match app.routes.find(
        app,
        listener,
        request.method().as_str(),
        &canonical(request.uri().path()),
    ) {
        Ok(found) => found,
        Err(code) => return refuse(Phase::Resolve, code, false),
    };
    if let Call::Open(handler) = found.route.call {
        return handler(app);
    }
    if matches!(found.route.call, Call::Session) {
        return console::session(app, listener, request).await;
    }
    if matches!(found.route.call, Call::Part) && handlers_mpu::name_of(request.headers()).is_some()
    {
        let id = request_id(&request, app);
        let part = handlers_mpu::part(app, found.param("number"), request).await;
        return part.unwrap_or_else(|fail| failed(app, listener, id, fail));
    }
    let peer = peer(request.extensions());
    let has_key = has_key || peer.is_some();
    // MLflow's clients may send a key as a password.
    let bearer = handlers_mlflow::is_ours(request.uri().path())
        .then(|| handlers_mlflow::with_bearer(request.headers()))
        .flatten();
    let headers = bearer.as_ref().unwrap_or(request.headers());
    let known = match console::caller(app, listener, request.method(), headers, peer).await {
        Ok(known) => known,
        Err(forged) => return forged,
    };
    let caller = match known {
        Ok(caller) => caller,
        Err(_) if !has_key && is_open_ledger(app, &found.route) => {
            return from_ledger(app, found).await;
        }
        Err(missing) => return refuse(missing.phase, missing.code, false),
    };
    if request.uri().query().is_some_and(|query| query.len() > MAX_QUERY) {
        return refuse(Phase::Accept, RefusalCode::MalformedRequest, false);
    }
    answer(app, listener, found, &caller, request).await
}

/// Whether a route is one of the log that anyone may read.
fn is_open_ledger(app: &App, route: &Route) -> bool {
    matches!(route.call, Call::Ledger(_)) && handlers_ledger::is_public(app)
}

/// Answers out of the published log; permission was asked for.
async fn from_ledger(app: &Arc<App>, found: Found) -> Reply {
    let Call::Ledger(handler) = found.route.call else {
        return oip::refused(RefusalCode::MethodNotAllowed);
    };
    let empty = String::new;
    let (query, media, range, origin) = (empty(), empty(), empty(), empty());
    let input = Input { params: found.params, query, media, range, origin, body: Bytes::new() };
    let app = Arc::clone(app);
    let ran = tokio::task::spawn_blocking(move || handler(&app, &input)).await;
    ran.unwrap_or_else(|error| {
        tracing::error!(error = %error, "reading the log panicked");
        Reply::problem(&Problem::new(500, "internal", "something of ours broke"))
    })
}

async fn answer(
    app: &Arc<App>,
    listener: Listener,
    found: Found,
    caller: &Arc<Caller>,
    request: Request<Incoming>,
) -> Reply {
    let id = request_id(&request, app);
    let context = RequestContext::of(caller, id.as_str());
    let route = found.route;
    let result = match route.call {
        Call::Upload => handlers::upload(app, context, request).await,
        Call::PutFile => {
            let path = found.param("path");
            handlers_artifact::put_file(app, context, path, request).await
        }
        // Without the upload's name there is no leave, whoever asks.
        Call::Part if handlers::permitted(app, caller, route.action) => {
            Err(Fail::problem(404, "not_found", "the request names no upload"))
        }
        Call::Part => Ok(handlers::forbidden()),
        Call::Append => {
            let upload = found.param("upload").to_owned();
            handlers_artifact::append(app, context, upload, request).await
        }
        Call::Batch => handlers_batches::begin(app, context, request).await,
        Call::Observe => {
            let name = found.params.into_iter().find(|(key, _)| key == "name");
            let name = name.map(|(_, name)| name).unwrap_or_default();
            handlers_observe::observe(app, context, caller, &name, request).await
        }
        Call::Live => {
            let name = found.param("name").to_owned();
            live::live(app, context, caller, &name, request).await
        }
        Call::Ledger(_) if handlers::permitted(app, caller, route.action) => {
            Ok(from_ledger(app, found).await)
        }
        Call::Ledger(_) => Ok(handlers::forbidden()),
        call => {
            let (parts, body) = request.into_parts();
            let body = match crate::body::read_body(body, MAX_BODY, app.limits.body_timeout).await {
                Ok(body) => body,
                Err(error) => return broken_body(error),
            };
            let header =
                |name| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
            let input = Input {
                params: found.params,
                query: parts.uri.query().unwrap_or_default().to_owned(),
                media: header(http::header::CONTENT_TYPE).to_owned(),
                range: handlers_artifact::range_header(&parts.headers),
                origin: handlers_mpu::origin(&parts, app.is_tls),
                body,
            };
            run(app, call, caller, context, input).await
        }
    };
    match result {
        Ok(reply) => {
            if reply.status == 403 {
                app.gateway.tally().count(
                    listener,
                    Phase::Authorize,
                    RefusalCode::Forbidden,
                    false,
                );
            }
            reply
        }
        Err(fail) => failed(app, listener, id, doors::opens(app, caller, route.action, fail)),
    }
}

async fn run(
    app: &Arc<App>,
    call: Call,
    caller: &Arc<Caller>,
    context: RequestContext,
    input: Input,
) -> Result<Reply, Fail> {
    match call {
        Call::Open(handler) => Ok(handler(app)),
        Call::Quick(handler) => Ok(handler(app, caller, &input)),
        Call::Tail => handlers::tail(app, context, input).await,
        Call::Query => handlers_lake::query(app, context, input).await,
        Call::Receipt => handlers_ledger::receipt(app, context, input).await,
        Call::Control(handler) => {
            let app = Arc::clone(app);
            let ran = tokio::task::spawn_blocking(move || handler(&app, &context, &input)).await;
            ran.unwrap_or_else(|error| {
                tracing::error!(error = %error, "a use case panicked");
                Err(Fail::problem(500, "internal", "something of ours broke"))
            })
        }
        Call::Upload
        | Call::PutFile
        | Call::Append
        | Call::Part
        | Call::Batch
        | Call::Observe
        | Call::Live
        | Call::Infer
        | Call::Session
        | Call::Ledger(_) => Ok(oip::refused(RefusalCode::MethodNotAllowed)),
    }
}

fn failed(app: &App, listener: Listener, request_id: String, fail: Fail) -> Reply {
    let mut problem = match fail {
        Fail::Control(error) => {
            if matches!(error, ControlError::Denied { .. }) {
                // Control records denials itself.
                app.gateway.tally().count(listener, Phase::Authorize, RefusalCode::Forbidden, true);
            }
            if error.code().0 >= 500 {
                tracing::error!(error = %chain(&error), request_id, "a request failed");
            }
            error.problem()
        }
        Fail::Problem(problem) => *problem,
        Fail::Barred => {
            app.gateway.tally().count(listener, Phase::Authorize, RefusalCode::Forbidden, false);
            Problem::new(403, RefusalCode::Forbidden.as_str(), "policy does not permit this")
        }
    };
    problem.request_id = Some(request_id);
    Reply::problem(&problem)
}

/// An error with everything that lies beneath it, for logs.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn broken_body(error: BodyError) -> Reply {
    let problem = match error {
        BodyError::TooLarge => Problem::new(
            413,
            "body_too_large",
            format!("the body must be at most {MAX_BODY} bytes"),
        ),
        BodyError::Timeout => Problem::new(408, "timeout", "the body did not come in time"),
        BodyError::Broken => Problem::new(400, "malformed_request", "the body broke off"),
    };
    Reply::problem(&problem)
}

/// A refusal in the shape of the path's protocol.
fn refusal(path: &str, refusal: &Refusal) -> Reply {
    let lost = matches!(refusal.code, RefusalCode::NotFound | RefusalCode::MethodNotAllowed);
    if lost && handlers_mlflow::is_ours(path) {
        return Reply::problem(&handlers_mlflow::no_endpoint());
    }
    if let Some(protocol) = handlers_protocols::protocol_of(path) {
        return oip::refused_in(protocol, refusal.code);
    }
    let status = plimsoll_gateway::status(refusal.code);
    let mut problem = Problem::new(status, refusal.code.as_str(), plimsoll_gateway::said(refusal));
    problem.phase = Some(refusal.phase);
    if status == 401 {
        problem.hint =
            Some("send `authorization: Bearer <key>`; `plimsoll key create` makes one".into());
    }
    Reply::problem(&problem)
}

/// The caller's `x-request-id` if it is a harmless one, else a new id.
fn request_id(request: &Request<Incoming>, app: &App) -> String {
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        !id.is_empty()
            && id.len() <= 128
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    given
        .filter(harmless)
        .map_or_else(|| plimsoll_types::EventId::new(app.clock.now()).to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_route_can_be_reached_and_has_a_name_of_its_own() {
        let table = RouteTable::new();
        let mut names = HashSet::new();
        for route in &table.routes {
            assert!(names.insert(route.doc.operation_id), "`{}` twice", route.doc.operation_id);
            assert!(!route.doc.summary.is_empty(), "{} says nothing", route.doc.path);
            let path = route.doc.path.replace(['{', '}', '*'], "");
            let found = table.paths.at(&path).expect("a path of the table is found");
            let verbs: Vec<_> = found.value.iter().map(|&i| table.routes[i].doc.method).collect();
            assert!(verbs.contains(&route.doc.method), "{} {path}", route.doc.method);
        }
        assert!(table.openapi()["paths"].as_object().is_some_and(|paths| paths.len() > 25));
    }

    #[test]
    fn only_health_is_open() {
        let open = RouteTable::new().routes.into_iter().filter(|route| route.doc.is_open);
        assert!(
            open.into_iter()
                .all(|route| route.action == Action::ReadHealth
                    && route.action.is_open_to_anonymous())
        );
    }

    #[test]
    fn segments_are_decoded_once_and_stay_segments() {
        assert_eq!(decoded("a%2Fb"), "a/b");
        assert_eq!(decoded("%"), "%");
        assert_eq!(decoded("%zz"), "%zz");
        assert_eq!(decoded("%ff"), "%ff");
        assert_eq!(decoded("%252F"), "%2F");
    }
}
