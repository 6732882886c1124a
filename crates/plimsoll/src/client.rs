//! Talks to a server's API. It knows requests, answers and problems, and no command.

use crate::failure::Failure;
use crate::settings::{Secret, Settings};
use plimsoll_api::{PROBLEM_MEDIA_TYPE, Page, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::request::Builder;
use ureq::http::{Method, Request, Response, StatusCode, Uri};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, AsSendBody, Body, SendBody};
use zeroize::Zeroizing;

/// The largest answer that is read: 1000 decisions of 64 KiB.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// The largest key file: a key has less than a hundred bytes.
const MAX_KEY_FILE_BYTES: u64 = 4096;
/// The largest file of root certificates.
const MAX_CA_FILE_BYTES: u64 = 1 << 20;
/// Bytes of a streamed answer that are passed on at once.
const PIECE: usize = 64 << 10;
/// The largest page the server gives.
const MAX_PAGE: u32 = 1000;
/// Time to connect: a server that is there answers sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a request carries.
struct Payload<'a> {
    bytes: &'a mut dyn Read,
    length: u64,
    media: &'a str,
    /// `None` for as long as it takes.
    timeout: Option<Duration>,
}

/// A server, and the key to it.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    key: Option<Secret>,
    timeout: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// The client that the settings describe.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let base = settings.url.value.trim_end_matches('/').to_owned();
        if !(base.starts_with("http://") || base.starts_with("https://")) || base.contains('@') {
            return Err(Failure::user("the server's URL must begin with `http://` or `https://`")
                .hint(format!("it comes from: {}", settings.url.origin)));
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(provider));
        if let Some(path) = &settings.ca_file.value {
            tls = tls.root_certs(roots(&read_small(path, MAX_CA_FILE_BYTES)?)?);
        }
        tls = tls.client_cert(certificate(settings)?);
        let mut config = Agent::config_builder();
        if is_loopback(&base) {
            // What the environment says about proxies is about other machines.
            config = config.proxy(None);
        }
        let agent = config
            .tls_config(tls.build())
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .http_status_as_error(false)
            // The key must not travel to a place that an answer names.
            .max_redirects(0)
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, base, key: key(settings)?, timeout: settings.timeout.value })
    }

    /// `GET`, with the members of `query` as parameters.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, Failure> {
        let path = format!("{path}{}", query_text(query)?);
        self.json(Method::GET, &path, None)
    }

    /// `GET` of bytes.
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.call(Method::GET, path, None)
    }

    /// `POST` of JSON.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(Method::POST, path, body)
    }

    /// `POST` of JSON that is answered with nothing.
    pub(crate) fn post_empty(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Failure::ours("could not write JSON").because(error))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (media, timeout) = ("application/json", Some(self.timeout));
        let payload = Payload { bytes: &mut bytes.as_slice(), length, media, timeout };
        self.call(Method::POST, path, Some(payload)).map(drop)
    }

    /// `PUT` of JSON.
    pub(crate) fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(Method::PUT, path, body)
    }

    /// `PATCH` of JSON.
    pub(crate) fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(Method::PATCH, path, body)
    }

    /// `POST` of JSON whose answer is written to `out` as it comes. Gives its length.
    pub(crate) fn stream(
        &self,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
        out: &mut dyn Write,
    ) -> Result<u64, Failure> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Failure::ours("could not write JSON").because(error))?;
        let mut request =
            Request::builder().method(Method::POST).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {}", key.0));
        }
        let request = request.header("content-type", "application/json");
        let mut response = self.run(request, bytes, Some(timeout))?;
        if !response.status().is_success() {
            read(response)?;
            return Err(Failure::ours("the server's answer is not one"));
        }
        // No limit: it goes to a file or pipe, and ends with the query's own limits.
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut piece = vec![0; PIECE];
        let mut length = 0;
        loop {
            let count = body
                .read(&mut piece)
                .map_err(|error| Failure::user("the server's answer broke off").because(error))?;
            if count == 0 {
                return Ok(length);
            }
            out.write_all(piece.get(..count).unwrap_or_default()).map_err(Failure::output)?;
            length += u64::try_from(count).unwrap_or(0);
        }
    }

    /// `DELETE`.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, path, None).map(drop)
    }

    /// `POST` of bytes of a media type.
    pub(crate) fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        media: &str,
        mut bytes: &[u8],
    ) -> Result<T, Failure> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let timeout = Some(self.timeout);
        self.json(Method::POST, path, Some(Payload { bytes: &mut bytes, length, media, timeout }))
    }

    /// `PUT` of bytes.
    pub(crate) fn put_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        mut bytes: &[u8],
    ) -> Result<T, Failure> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (timeout, media) = (Some(self.timeout), "application/octet-stream");
        self.json(Method::PUT, path, Some(Payload { bytes: &mut bytes, length, media, timeout }))
    }

    /// `POST` of `length` bytes, however long they take.
    pub(crate) fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: &mut dyn Read,
        length: u64,
    ) -> Result<T, Failure> {
        let media = "application/octet-stream";
        self.json(Method::POST, path, Some(Payload { bytes, length, media, timeout: None }))
    }

    /// `GET` of a file of any length, written to `out` while it comes, however long it takes.
    /// Gives its length.
    pub(crate) fn download(
        &self,
        path: &str,
        query: &impl Serialize,
        out: &mut dyn Write,
    ) -> Result<u64, Failure> {
        let path = format!("{path}{}", query_text(query)?);
        let mut request =
            Request::builder().method(Method::GET).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {}", key.0));
        }
        let mut response = self.run(request, (), None)?;
        if !response.status().is_success() {
            return read(response).map(|_| 0);
        }
        let length = response.headers().get("content-length");
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let mut body = response.body_mut().as_reader();
        let copied = std::io::copy(&mut body, out)
            .map_err(|error| Failure::user("the file broke off").because(error))?;
        match length {
            Some(length) if length != copied => Err(Failure::user("the file broke off")),
            _ => Ok(copied),
        }
    }

    /// A list, page after page, up to `limit` items.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        limit: u32,
    ) -> Result<Page<T>, Failure> {
        let mut query = members(query)?;
        let mut all = Page { items: Vec::new(), next_cursor: None };
        loop {
            let got = u32::try_from(all.items.len()).unwrap_or(u32::MAX);
            let wanted = limit.saturating_sub(got).min(MAX_PAGE);
            if wanted == 0 {
                return Ok(all);
            }
            query.insert("limit".into(), wanted.into());
            let page: Page<T> = self.get(path, &query)?;
            let is_stuck = page.items.is_empty();
            all.items.extend(page.items);
            all.next_cursor = page.next_cursor.filter(|_| !is_stuck);
            match &all.next_cursor {
                Some(cursor) => query.insert("cursor".into(), cursor.clone().into()),
                None => return Ok(all),
            };
        }
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Failure::ours("could not write JSON").because(error))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (media, timeout) = ("application/json", Some(self.timeout));
        let payload = Payload { bytes: &mut bytes.as_slice(), length, media, timeout };
        self.json(method, path, Some(payload))
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        payload: Option<Payload<'_>>,
    ) -> Result<T, Failure> {
        let bytes = self.call(method, path, payload)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::ours("the server's answer is not what this version expects")
                .because(error)
                .hint("compare `plimsoll version` with `plimsoll status`")
        })
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        payload: Option<Payload<'_>>,
    ) -> Result<Vec<u8>, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {}", key.0));
        }
        let response = match payload {
            None => self.run(request, (), Some(self.timeout)),
            Some(Payload { bytes, length, media, timeout }) => {
                let request =
                    request.header("content-type", media).header("content-length", length);
                self.run(request, SendBody::from_reader(bytes), timeout)
            }
        }?;
        read(response)
    }

    fn run(
        &self,
        request: Builder,
        body: impl AsSendBody,
        timeout: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let request = request
            .body(body)
            .map_err(|error| Failure::user("the server's URL is not one").because(error))?;
        let request = self.agent.configure_request(request).timeout_global(timeout).build();
        self.agent.run(request).map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: ureq::Error) -> Failure {
        let hint = match &error {
            ureq::Error::Protocol(_) => {
                "check `--url`: is it Plimsoll's API, and `http` or `https`?"
            }
            error if error.to_string().contains("certificate") => {
                "name the certificate to trust with `PLIMSOLL_CA_FILE` or `client.ca_file`"
            }
            _ => {
                "start it with `plimsoll serve`, or name it with `--url`; \
                 under `serve --dev` it is `--url http://127.0.0.1:8080`"
            }
        };
        Failure::user(format!("could not reach the server at `{}`", self.base))
            .because(error)
            .hint(hint)
    }
}

/// The answer's bytes, or the problem in it.
fn read(mut response: Response<Body>) -> Result<Vec<u8>, Failure> {
    let status = response.status();
    let header = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let is_problem = header.is_some_and(|media| media.starts_with(PROBLEM_MEDIA_TYPE));
    let bytes = response
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER_BYTES)
        .read_to_vec()
        .map_err(|error| Failure::user("the server's answer broke off").because(error))?;
    if status.is_success() {
        return Ok(bytes);
    }
    let problem = is_problem.then(|| serde_json::from_slice(&bytes).ok()).flatten();
    Err(refused(status, problem))
}

/// A failure from a status and the problem that came with it.
fn refused(status: StatusCode, problem: Option<Problem>) -> Failure {
    let detail = problem.as_ref().map(|problem| problem.detail.clone());
    let message = detail
        .filter(|detail| !detail.is_empty())
        .unwrap_or_else(|| format!("the server answered {status}").to_lowercase());
    let status = status.as_u16();
    let failure = match status {
        401 | 403 => Failure::no(message),
        400..=499 => Failure::user(message),
        500..=599 => Failure::ours(message),
        _ => Failure::user(message)
            .hint_or("this is not the answer of Plimsoll's API; check `--url`"),
    }
    .with_status(status);
    let failure = match problem.and_then(|problem| problem.hint) {
        Some(hint) => failure.hint(hint),
        None => failure,
    };
    match status {
        401 => failure.hint_or("name a key with `--key-file FILE` or `PLIMSOLL_KEY`"),
        403 => failure.hint_or("see why with `plimsoll access why PRINCIPAL ACTION RESOURCE`"),
        _ => failure,
    }
}

/// Whether a URL names this machine: `localhost`, 127.0.0.0/8 or `[::1]` (RFC 6761 §6.3, RFC 6890).
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The key that the settings name.
fn key(settings: &Settings) -> Result<Option<Secret>, Failure> {
    use crate::settings::{Origin, Value as _};
    let Some(path) = &settings.key_file.value else {
        return Ok(settings.key.value.clone());
    };
    // A key file on the command line outranks a key in the environment.
    let is_closer = matches!(settings.key_file.origin, Origin::Cli(_));
    if let Some(key) = settings.key.value.as_ref().filter(|_| !is_closer) {
        return Ok(Some(key.clone()));
    }
    let bytes = read_small(path, MAX_KEY_FILE_BYTES)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    Secret::parse(text.trim())
        .map(Some)
        .map_err(|wanted| Failure::user(format!("`{}` does not hold {wanted}", path.display())))
}

fn read_small(path: &std::path::Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    fs_err::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > limit) {
        return Err(Failure::user(format!("`{}` is larger than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// The certificate that the server is shown, if there is one.
fn certificate(settings: &Settings) -> Result<Option<ClientCert>, Failure> {
    let (chain, key) = match (&settings.client_cert.value, &settings.client_cert_key.value) {
        (Some(chain), Some(key)) => (chain, key),
        (None, None) => return Ok(None),
        _ => {
            return Err(Failure::user(
                "a client certificate needs both `client.cert_file` and `client.cert_key_file`",
            ));
        }
    };
    let chain = certificates(&read_small(chain, MAX_CA_FILE_BYTES)?);
    if chain.is_empty() {
        return Err(Failure::user("setting `client.cert_file` names a file without certificates"));
    }
    let key = Zeroizing::new(read_small(key, MAX_CA_FILE_BYTES)?);
    let key = PrivateKey::from_pem(&key)
        .map_err(|_| Failure::user("setting `client.cert_key_file` names a file without a key"))?;
    Ok(Some(ClientCert::new_with_certs(&chain, key)))
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}

fn roots(pem: &[u8]) -> Result<RootCerts, Failure> {
    let certificates = certificates(pem);
    if certificates.is_empty() {
        return Err(Failure::user("setting `client.ca_file` names a file without certificates"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// The members of `query` that have a value.
fn members(query: &impl Serialize) -> Result<serde_json::Map<String, Value>, Failure> {
    match serde_json::to_value(query) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(serde_json::Map::new()),
        _ => Err(Failure::ours("a query is not an object")),
    }
}

/// `?a=1&b=2`, or nothing.
pub(crate) fn query_text(query: &impl Serialize) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, value) in members(query)? {
        let value = match value {
            Value::Null => continue,
            Value::String(value) => value,
            other => other.to_string(),
        };
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(&format!("{}={}", escape(&name), escape(&value)));
    }
    Ok(text)
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use serde_json::json;

    #[test]
    fn queries_are_escaped_and_leave_out_what_is_absent() {
        let query = json!({"action": "a b&c=ü", "limit": 5, "cursor": null});
        assert_eq!(query_text(&query).expect("object"), "?action=a%20b%26c%3D%C3%BC&limit=5");
        assert_eq!(query_text(&()).expect("nothing"), "");
    }

    #[test]
    fn loopback_is_told_from_other_machines() {
        for url in [
            "http://localhost:8081",
            "https://LOCALHOST",
            "http://127.9.0.1:1",
            "http://[::1]:8080/a",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://localhost.example",
            "http://128.0.0.1",
            "http://[::2]",
            "http://127.0.0.1.example",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn statuses_become_exit_codes() {
        for (status, exit) in [
            (400, Exit::User),
            (401, Exit::No),
            (403, Exit::No),
            (404, Exit::User),
            (409, Exit::User),
            (302, Exit::User),
            (500, Exit::Ours),
            (503, Exit::Ours),
        ] {
            let status = StatusCode::from_u16(status).expect("status");
            assert_eq!(refused(status, None).exit(), exit, "{status}");
        }
    }

    #[test]
    fn the_words_of_a_problem_are_passed_on() {
        let mut problem = Problem::new(404, "not_found", "no deployment `x`");
        problem.hint = Some("list them with `plimsoll deployment list`".into());
        let failure = refused(StatusCode::NOT_FOUND, Some(problem));
        assert_eq!(failure.to_string(), "no deployment `x`");
        assert_eq!(failure.hint_text(), Some("list them with `plimsoll deployment list`"));
    }
}
