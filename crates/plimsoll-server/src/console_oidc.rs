//! Signing in to the console at an issuer: authorization code flow with PKCE (OpenID Connect Core
//! 1.0 §3.1, RFC 7636, RFC 9700 §2.1).
//!
//! What has to be remembered between the two halves is in a cookie of the browser that began, which
//! binds the answer to it: nothing is kept here for people who never come back. The ID token
//! that comes of it is the session's credential, judged anew with every request like any other
//! token, so a session ends with its token.

use crate::app::App;
use crate::console::guarded;
use crate::error::ServerError;
use crate::reply::{Reply, ReplyBody};
use crate::sessions::{self, secret};
use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Response, Uri};
use plimsoll_gateway::{Listener, TrustedIssuer};
use plimsoll_identity::{
    ConsoleClient, Endpoints, Issuer, MAX_DISCOVERY_BYTES, MAX_TOKEN_REPLY, answers, discovery_url,
    endpoints, id_token,
};
use plimsoll_outbound::{Outbound, Request as Asking, Url};
use plimsoll_policy::Action;
use plimsoll_types::{Phase, RefusalCode};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Where the routes of signing in are. They are pages for a browser, not an API.
const ROOT: &str = "/console/sign-in/oidc";
/// How long a person has to sign in at the issuer, in seconds.
const PATIENCE_SECONDS: u64 = 600;
/// How long an issuer has to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Sign-ins that wait for an issuer at once: whoever comes from outside causes no more.
const MAX_WAITING: usize = 16;
/// The largest file with a client's secret.
const MAX_SECRET: u64 = 4_096;
/// The longest query that is looked at: codes are short, some issuers add session states.
const MAX_QUERY: usize = 8_192;

/// Where people sign in beside keys.
pub(crate) struct SignIns {
    places: Vec<Place>,
    waiting: Semaphore,
}

struct Place {
    trusted: Arc<TrustedIssuer>,
    client: ConsoleClient,
    secret: Option<Zeroizing<String>>,
}

impl SignIns {
    /// The issuers that declare a console.
    pub(crate) fn new(issuers: &[Arc<TrustedIssuer>]) -> Result<Self, ServerError> {
        let mut places = Vec::new();
        for trusted in issuers {
            let Some(client) = trusted.issuer.console.clone() else { continue };
            let secret = client.secret_file.as_deref().map(read_secret).transpose()?;
            places.push(Place { trusted: Arc::clone(trusted), client, secret });
        }
        Ok(Self { places, waiting: Semaphore::new(MAX_WAITING) })
    }

    fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.issuer().name.as_str() == name)
    }
}

impl Place {
    fn issuer(&self) -> &Issuer {
        &self.trusted.issuer
    }
}

fn read_secret(path: &str) -> Result<Zeroizing<String>, ServerError> {
    let wrong = |why: String| ServerError::Log { what: "identity.file", why };
    let size = fs_err::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_SECRET {
        return Err(wrong(format!("{path}: a client's secret has at most {MAX_SECRET} bytes")));
    }
    let text = Zeroizing::new(fs_err::read_to_string(path).map_err(|e| wrong(e.to_string()))?);
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Why somebody could not sign in, as the page that asks is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The issuer or the person said no.
    Declined,
    /// The answer is not one to a question of this browser, or came too late.
    Stale,
    /// The issuer does not answer, or not as it should.
    Away,
    /// The issuer vouches for somebody who may not see the console.
    Unknown,
}

impl Trouble {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Stale => "stale",
            Self::Away => "away",
            Self::Unknown => "unknown",
        }
    }
}

/// Answers what has to do with signing in at an issuer; `None` for everything else.
pub(crate) async fn answer(
    app: &App,
    listener: Listener,
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
) -> Option<Response<ReplyBody>> {
    let step = uri.path().strip_prefix(ROOT)?;
    if !app.serves(listener, Listener::Control) || *method != Method::GET {
        return None;
    }
    let query = uri.query().filter(|query| query.len() <= MAX_QUERY).unwrap_or_default();
    let answered = match step {
        "" => Ok(offered(app)),
        "/start" => start(app, query).await,
        "/callback" => callback(app, query, headers).await,
        _ => return None,
    };
    Some(guarded(answered.unwrap_or_else(|trouble| {
        let code = RefusalCode::Unauthenticated;
        app.gateway.tally().count(listener, Phase::Authenticate, code, false);
        let cookies = [forgotten(app)];
        led_on(&format!("/console/?sign-in={}", trouble.as_str()), cookies)
    })))
}

/// Where one may sign in: for the page that asks.
fn offered(app: &App) -> Response<ReplyBody> {
    let names = app.sign_ins.places.iter().map(|place| place.issuer().name.as_str());
    let names: Vec<&str> = names.collect();
    Reply::json(200, &serde_json::json!({ "issuers": names })).into_response()
}

#[derive(Deserialize)]
struct Start {
    issuer: String,
}

/// Sends the browser to the issuer.
async fn start(app: &App, query: &str) -> Result<Response<ReplyBody>, Trouble> {
    let Start { issuer } = serde_urlencoded::from_str(query).map_err(|_| Trouble::Stale)?;
    let place = app.sign_ins.place(&issuer).ok_or(Trouble::Unknown)?;
    let found = found(app, place).await?;
    let begun = Begun::new(place.issuer().name.as_str()).ok_or(Trouble::Away)?;
    let challenge = digest::digest(&digest::SHA256, begun.verifier.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(challenge.as_ref());
    let asked: [(&str, &str); 8] = [
        ("response_type", "code"),
        ("client_id", &place.client.client_id),
        ("redirect_uri", &place.client.redirect),
        ("scope", &place.client.scope),
        ("state", &begun.state),
        ("nonce", &begun.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let asked = serde_urlencoded::to_string(asked).map_err(|_| Trouble::Away)?;
    let joint = if found.authorization.contains('?') { '&' } else { '?' };
    let to = format!("{}{joint}{asked}", found.authorization);
    let mut response = Reply::empty(303).into_response();
    let to = HeaderValue::from_str(&to).map_err(|_| Trouble::Away)?;
    response.headers_mut().insert(LOCATION, to);
    let cookie = HeaderValue::from_str(&begun.cookie(app)).map_err(|_| Trouble::Away)?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

#[derive(Deserialize)]
struct Callback {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// Takes the issuer's answer, exchanges the code, begins the session.
async fn callback(
    app: &App,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response<ReplyBody>, Trouble> {
    let said: Callback = serde_urlencoded::from_str(query).map_err(|_| Trouble::Stale)?;
    let begun = Begun::of(app, headers).ok_or(Trouble::Stale)?;
    let state = said.state.ok_or(Trouble::Stale)?;
    let is_own = constant_time::verify_slices_are_equal(state.as_bytes(), begun.state.as_bytes());
    is_own.map_err(|_| Trouble::Stale)?;
    let place = app.sign_ins.place(&begun.issuer).ok_or(Trouble::Stale)?;
    if said.iss.is_some_and(|iss| iss != place.issuer().url) {
        return Err(Trouble::Stale);
    }
    if said.error.is_some() {
        return Err(Trouble::Declined);
    }
    let code = said.code.ok_or(Trouble::Stale)?;
    let token = exchanged(app, place, &code, &begun.verifier).await?;
    if !answers(&token, &place.issuer().url, &place.client.client_id, &begun.nonce) {
        return Err(Trouble::Stale);
    }
    let bearer = HeaderValue::from_str(&format!("Bearer {}", *token)).map_err(|_| Trouble::Away)?;
    let bearer = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    let caller = app.gateway.authenticate(&bearer, None).await.map_err(|_| Trouble::Unknown)?;
    // Whom no group gives a role has nothing to see here.
    let has_role = caller.principal.roles.iter().next().is_some();
    if !has_role || !crate::handlers::permitted(app, &caller, Action::OpenConsole) {
        return Err(Trouble::Unknown);
    }
    let begun = app.sessions.begin(&token, app.clock.now()).ok_or(Trouble::Away)?;
    let session = sessions::set_cookie(Some(&begun.0), app.is_tls);
    Ok(led_on("/console/", [session, forgotten(app)]))
}

/// The issuer's endpoints, by its discovery document.
async fn found(app: &App, place: &Place) -> Result<Endpoints, Trouble> {
    let _permit = app.sign_ins.waiting.try_acquire().map_err(|_| Trouble::Away)?;
    let issuer = &place.issuer().url;
    let url = url(&discovery_url(issuer))?;
    let asking = Asking::get(url).within(DEADLINE).at_most(MAX_DISCOVERY_BYTES);
    let document = sent(&app.outbound, asking, place).await?;
    endpoints(&document, issuer).ok_or(Trouble::Away)
}

/// The ID token for a code.
async fn exchanged(
    app: &App,
    place: &Place,
    code: &str,
    verifier: &str,
) -> Result<Zeroizing<String>, Trouble> {
    let found = found(app, place).await?;
    let _permit = app.sign_ins.waiting.try_acquire().map_err(|_| Trouble::Away)?;
    let client = &place.client;
    let form: [(&str, &str); 5] = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &client.redirect),
        ("client_id", &client.client_id),
        ("code_verifier", verifier),
    ];
    let form = serde_urlencoded::to_string(form).map_err(|_| Trouble::Away)?;
    let form_media = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut asking = Asking::post(url(&found.token)?, form)
        .with_header(CONTENT_TYPE, form_media)
        .within(DEADLINE)
        .at_most(MAX_TOKEN_REPLY);
    if let Some(secret) = &place.secret {
        asking = asking.with_header(AUTHORIZATION, basic(&client.client_id, secret)?);
    }
    let reply = sent(&app.outbound, asking, place).await?;
    id_token(&reply).map(Zeroizing::new).ok_or(Trouble::Away)
}

/// `client_secret_basic` (RFC 6749 §2.3.1: both parts are form-encoded first).
fn basic(client_id: &str, secret: &str) -> Result<HeaderValue, Trouble> {
    let part = |text: &str| {
        let pair = serde_urlencoded::to_string([("", text)]).unwrap_or_default();
        Zeroizing::new(pair.trim_start_matches('=').to_owned())
    };
    let both = Zeroizing::new(format!("{}:{}", *part(client_id), *part(secret)));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(both.as_bytes())));
    let mut value = HeaderValue::from_str(&text).map_err(|_| Trouble::Away)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn sent(outbound: &Outbound, asking: Asking, place: &Place) -> Result<Vec<u8>, Trouble> {
    let issuer = place.issuer().name.as_str();
    let reply = outbound.send(asking).await.map_err(|error| {
        tracing::warn!(issuer, error = %error, "an issuer could not be asked for a sign-in");
        Trouble::Away
    })?;
    match reply.status.as_u16() {
        200 => Ok(reply.body.to_vec()),
        // RFC 6749 §5.2: the code is not, or no longer, good.
        400 => Err(Trouble::Stale),
        status => {
            tracing::warn!(issuer, status, "an issuer refused a sign-in");
            Err(Trouble::Away)
        }
    }
}

fn url(text: &str) -> Result<Url, Trouble> {
    text.parse().map_err(|_| Trouble::Away)
}

/// What a browser keeps from the question to the answer.
struct Begun {
    issuer: String,
    state: String,
    nonce: String,
    verifier: String,
}

impl Begun {
    fn new(issuer: &str) -> Option<Self> {
        let issuer = issuer.to_owned();
        Some(Self { issuer, state: secret()?, nonce: secret()?, verifier: secret()? })
    }

    /// `Lax`: the answer comes by way of the issuer's site. With TLS no other host of the domain can
    /// set it (RFC 6265bis §4.1.3.2).
    fn cookie(&self, app: &App) -> String {
        let Self { issuer, state, nonce, verifier } = self;
        let value = format!("{issuer}.{state}.{nonce}.{verifier}");
        cookie(app, &value, PATIENCE_SECONDS)
    }

    fn of(app: &App, headers: &HeaderMap) -> Option<Self> {
        let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            pairs.flat_map(|text| text.split(';')).filter_map(|p| p.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == cookie_name(app))?;
        // The issuer's name may hold dots; the others are hexadecimal.
        let mut parts = value.rsplitn(4, '.').map(str::to_owned);
        let (verifier, nonce, state) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { issuer: parts.next()?, state, nonce, verifier })
    }
}

const fn cookie_name(app: &App) -> &'static str {
    if app.is_tls { "__Host-plimsoll_sign_in" } else { "plimsoll_sign_in" }
}

fn cookie(app: &App, value: &str, seconds: u64) -> String {
    let (name, secure) = (cookie_name(app), if app.is_tls { "; Secure" } else { "" });
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// The cookie, forgotten.
fn forgotten(app: &App) -> Option<HeaderValue> {
    HeaderValue::from_str(&cookie(app, "", 0)).ok()
}

/// A page that leads on at once. No redirect: browsers keep a `Strict` cookie from a request
/// that another site's page led to.
fn led_on(to: &str, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response<ReplyBody> {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Plimsoll</title>\
         <meta http-equiv=\"refresh\" content=\"0;url={to}\"></head>\
         <body><a href=\"{to}\">Plimsoll</a></body></html>"
    );
    let mut response = Reply::text(200, "text/html; charset=utf-8", page).into_response();
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
