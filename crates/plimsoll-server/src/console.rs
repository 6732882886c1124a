//! The console's files and its sign-in, as HTTP. Everything it shows comes from the same API
//! that everyone else asks.

use crate::accept::peer;
use crate::app::App;
use crate::body::{Whole, read_body};
use crate::doors;
use crate::handlers::{forbidden, permitted};
use crate::reply::{Reply, ReplyBody};
use crate::routes::{Call, Route, other};
use crate::sessions::{self, Closed, Open};
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName,
    HeaderValue, LOCATION, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use plimsoll_api as api;
use plimsoll_api::{Problem, schema_of};
use plimsoll_console::{Asset, Encoding};
use plimsoll_control::RequestContext;
use plimsoll_gateway::Listener;
use plimsoll_identity::CertificateNames;
use plimsoll_policy::Action;
use plimsoll_serving::Caller;
use plimsoll_types::{Phase, RefusalCode};
use std::sync::Arc;

/// Where the console lives.
const ROOT: &str = "/console";
/// Said to a browser without a session.
const NOBODY: &str = "nobody is signed in";
/// The largest body of a sign-in.
const MAX_SIGN_IN: usize = 16 << 10;

/// What a page of ours may load and do: nothing from elsewhere, no script or style in the text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// What every file is sent with.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// The routes of sessions; the files are not in the table, for they are not an API.
pub(crate) fn routes() -> Vec<Route> {
    let session =
        |verb, path| other(Listener::Control, verb, path, Action::OpenConsole, Call::Session);
    vec![
        session("POST", "/api/v1/session")
            .named("sign_in", "Begin a browser's session with a key")
            .reads(schema_of::<api::SignIn>)
            .gives(200, schema_of::<api::Session>),
        session("GET", "/api/v1/session")
            .named("get_session", "Who is signed in, and what they may do")
            .gives(200, schema_of::<api::Session>),
        session("DELETE", "/api/v1/session")
            .named("sign_out", "End the browser's session")
            .gives_nothing(),
    ]
}

/// Answers a request for the console's files; `None` for everything else.
pub(crate) fn file(
    app: &App,
    listener: Listener,
    request: &Request<Incoming>,
) -> Option<Response<ReplyBody>> {
    let path = request.uri().path();
    if !app.serves(listener, Listener::Control) {
        return None;
    }
    // One port serves the data plane too, whose `/` is KServe's.
    if path == "/" && (!app.one_port || accepts(request.headers(), "text/html")) {
        return Some(redirect("/console/"));
    }
    let rest = path.strip_prefix(ROOT)?;
    if rest.is_empty() {
        return Some(redirect("/console/"));
    }
    let name = rest.strip_prefix('/')?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Some(problem(405, RefusalCode::MethodNotAllowed.as_str(), "files are read only"));
    }
    let is_file = name.starts_with("assets/");
    let found = plimsoll_console::asset(name)
        .or_else(|| if is_file { None } else { plimsoll_console::index() });
    Some(match found {
        Some(asset) => served(&asset, request),
        None if plimsoll_console::is_built() => {
            problem(404, RefusalCode::NotFound.as_str(), "the console has no such file")
        }
        None => problem(
            404,
            "no_console",
            "this build carries no console: run `make console`, then build again",
        ),
    })
}

fn served(asset: &Asset, request: &Request<Incoming>) -> Response<ReplyBody> {
    let wanted = [Encoding::Brotli, Encoding::Gzip].into_iter().find_map(|encoding| {
        let takes = offers(request.headers(), ACCEPT_ENCODING, encoding.as_str());
        takes.then(|| asset.encoded(encoding).map(|bytes| (encoding, bytes)))?
    });
    let (encoding, bytes) = match wanted {
        Some((encoding, bytes)) => (Some(encoding), bytes),
        None => (None, asset.plain()),
    };
    let is_head = request.method() == Method::HEAD;
    let bytes = Bytes::from_static(if is_head { &[] } else { bytes });
    let mut response = Response::new(ReplyBody::Whole(Whole::from(bytes)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media()));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let keep =
        if asset.is_immutable() { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.as_str()));
    }
    guarded(response)
}

/// The response with what protects a page.
pub(crate) fn guarded(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    for &(name, value) in HEADERS {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn redirect(to: &'static str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(Whole::default()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    guarded(response)
}

fn problem(status: u16, code: &str, detail: &str) -> Response<ReplyBody> {
    guarded(Reply::problem(&Problem::new(status, code, detail)).into_response())
}

fn accepts(headers: &HeaderMap, media: &str) -> bool {
    offers(headers, ACCEPT, media)
}

/// Whether a list header names `wanted`, and not with a weight of 0.
fn offers(headers: &HeaderMap, header: HeaderName, wanted: &str) -> bool {
    let listed = headers.get_all(header);
    let mut parts =
        listed.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    parts.any(|part| {
        let mut words = part.split(';').map(str::trim);
        words.next().is_some_and(|word| word.eq_ignore_ascii_case(wanted))
            && !words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The caller of a request: by the key or token it carries, by the session of its cookie, or by the
/// certificate of its connection. A browser shows a certificate to whatever site sends it here, as
/// it does a cookie: so neither counts for a request of another site.
///
/// # Errors
/// The reply that refuses it, already counted.
pub(crate) async fn caller(
    app: &App,
    listener: Listener,
    method: &Method,
    headers: &HeaderMap,
    peer: Option<&CertificateNames>,
) -> Result<Result<Arc<Caller>, plimsoll_types::Refusal>, Reply> {
    if headers.contains_key(http::header::AUTHORIZATION) {
        return Ok(app.gateway.authenticate(headers, peer).await);
    }
    match app.sessions.find(method, headers, app.clock.now()) {
        Ok(open) => Ok(app.gateway.authenticate(&open.headers, peer).await),
        Err(Closed::NoCookie | Closed::Ended)
            if peer.is_some() && sessions::is_foreign(headers) =>
        {
            Err(forged(app, listener))
        }
        Err(Closed::NoCookie | Closed::Ended) => Ok(app.gateway.authenticate(headers, peer).await),
        Err(Closed::Forged) => Err(forged(app, listener)),
    }
}

fn forged(app: &App, listener: Listener) -> Reply {
    app.gateway.tally().count(listener, Phase::Authenticate, RefusalCode::Forbidden, false);
    let mut problem = Problem::new(
        403,
        "forged_request",
        "the request came with a session's cookie but not from the console",
    );
    problem.hint = Some("programs send `authorization: Bearer <key>` instead".into());
    Reply::problem(&problem)
}

/// Signs in, says who is signed in, signs out.
pub(crate) async fn session(
    app: &Arc<App>,
    listener: Listener,
    request: Request<Incoming>,
) -> Reply {
    match *request.method() {
        Method::POST => sign_in(app, listener, request).await,
        Method::DELETE => sign_out(app, listener, &request),
        _ => signed_in(app, listener, request.into_parts().0).await,
    }
}

async fn sign_in(app: &Arc<App>, listener: Listener, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    if sessions::is_foreign(&parts.headers) {
        return forged(app, listener);
    }
    let body = read_body(body, MAX_SIGN_IN, app.limits.body_timeout).await;
    let wanted = body.ok().and_then(|body| serde_json::from_slice::<api::SignIn>(&body).ok());
    let Some(api::SignIn { key }) = wanted else {
        return unknown(app, listener, "signing in takes an object with a `key`");
    };
    // The table of sessions is asked only about keys that are good, so nobody fills it without one.
    let begun = good(app, &key)
        .await
        .and_then(|caller| Some((caller, app.sessions.begin(&key, app.clock.now())?)));
    let Some((caller, (id, open))) = begun else {
        return unknown(app, listener, "the key is not known here");
    };
    let cookie = sessions::set_cookie(Some(&id), app.is_tls);
    Reply { cookie, ..who(app, &caller, Some(&open)) }
}

async fn good(app: &App, key: &str) -> Option<Arc<Caller>> {
    let value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    app.gateway.authenticate(&headers, None).await.ok()
}

fn sign_out(app: &App, listener: Listener, request: &Request<Incoming>) -> Reply {
    match app.sessions.find(request.method(), request.headers(), app.clock.now()) {
        Err(Closed::Forged) => forged(app, listener),
        Err(Closed::NoCookie | Closed::Ended) => unknown(app, listener, NOBODY),
        Ok(_) => {
            app.sessions.end(request.headers());
            Reply { cookie: sessions::set_cookie(None, app.is_tls), ..Reply::empty(204) }
        }
    }
}

async fn signed_in(app: &App, listener: Listener, parts: Parts) -> Reply {
    let (method, headers) = (&parts.method, &parts.headers);
    let open = app.sessions.find(method, headers, app.clock.now()).ok();
    match caller(app, listener, method, headers, peer(&parts.extensions)).await {
        Ok(Ok(caller)) => who(app, &caller, open.as_ref()),
        Ok(Err(_)) => unknown(app, listener, NOBODY),
        Err(reply) => reply,
    }
}

fn unknown(app: &App, listener: Listener, detail: &str) -> Reply {
    let code = RefusalCode::Unauthenticated;
    app.gateway.tally().count(listener, Phase::Authenticate, code, false);
    Reply::problem(&Problem::new(401, code.as_str(), detail))
}

fn who(app: &App, caller: &Caller, open: Option<&Open>) -> Reply {
    if !permitted(app, caller, Action::OpenConsole) {
        return forbidden();
    }
    let name = app.control.whoami(&RequestContext::of(caller, "session"));
    let roles = caller.principal.roles.iter().filter_map(|role| role.to_string().parse().ok());
    let actions = Action::ALL.iter().filter(|&&action| doors::may_ever(app, caller, action));
    Reply::json(
        200,
        &api::Session {
            name: name.unwrap_or_default(),
            roles: roles.collect(),
            actions: actions.map(ToString::to_string).collect(),
            dev: caller.principal.dev,
            csrf: open.map(|open| open.csrf.clone()),
            ends_at: open.map(|open| open.ends.into()),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_taken_by_name_and_weight() {
        let takes = |text: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]);
            offers(&headers, ACCEPT_ENCODING, "br")
        };
        assert!(takes("gzip, deflate, br, zstd") && takes("BR;q=0.5"));
        assert!(!takes("gzip") && !takes("br;q=0") && !takes("brotli"));
    }

    #[test]
    fn no_page_runs_what_stands_in_its_text() {
        assert!(!POLICY.contains("unsafe") && POLICY.contains("default-src 'none'"));
    }
}
