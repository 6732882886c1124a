//! One request to the bucket: address, signature, and once or twice more when a server is busy.

use crate::address::Address;
use crate::error::{Answer, S3Error, refused, unreached};
use crate::xml;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutPayload};
use plimsoll_outbound::{Outbound, OutboundError, Reply, Request, Signer, Url};
use plimsoll_types::Clock;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Requests under way at a time: readers of as many artifacts at once.
const MAX_REQUESTS: usize = 16;
/// From sending to the last byte of the reply: a part of 8 MiB over a slow line.
const DEADLINE: Duration = Duration::from_secs(120);
/// The largest reply that is no object: a listing of 1,000 keys, with room.
const MAX_TALK: usize = 4 << 20;
/// How often a request is sent. S3 answers 503 when it wants a caller to slow down.
const TRIES: u32 = 4;
/// The wait before the second time; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest word of an error: S3's longest has 41 letters.
const MAX_CODE: usize = 64;
/// The object that a check puts, reads and removes.
const CHECK: &str = "plimsoll.check";

/// Who is asked for the bucket. Shows no secret.
#[derive(Clone, Default)]
pub struct Access {
    /// The access key's id.
    pub id: String,
    /// The secret access key.
    pub secret: Zeroizing<String>,
    /// The session's token, of credentials that are lent.
    pub token: Option<Zeroizing<String>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access")
    }
}

/// Which bucket, where, and as whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket and the folder in it.
    pub address: Address,
    /// Where it is asked for; `None` for Amazon's endpoint of the region.
    pub endpoint: Option<Url>,
    /// The region that requests are signed for.
    pub region: Box<str>,
    /// Whether the bucket stands in the path and not in the host's name.
    pub path_style: bool,
    /// As whom.
    pub access: Access,
}

/// A bucket, or a folder in one.
#[derive(Clone)]
pub struct S3(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    signer: Signer,
    /// Scheme and host, with the bucket in it unless `root` has it.
    base: Url,
    /// `/bucket` or nothing.
    root: String,
    pub(crate) address: Address,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({self})")
    }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.0.address, self.0.base)
    }
}

/// A request, before it is signed.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a Path,
    /// Sorted by name; encoded here.
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
    /// The largest reply.
    pub(crate) most: usize,
    /// Whether it may be sent again although the first may have been carried out.
    pub(crate) again: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, path: &'a Path) -> Self {
        let (headers, body) = (Vec::new(), Bytes::new());
        Self { method, path, query: &[], headers, body, most: MAX_TALK, again: true }
    }
}

impl S3 {
    /// A client of the bucket, with connections of its own under the rules of `outbound`. Nothing is
    /// asked of it yet.
    ///
    /// # Errors
    /// [`S3Error::Key`]; [`S3Error::Endpoint`].
    pub fn new(
        config: Config,
        outbound: &Outbound,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, S3Error> {
        let Config { address, endpoint, region, path_style, access } = config;
        let unkeyed = || S3Error::Key(address.clone());
        let signer = Signer::new(access.id, access.secret, &region, "s3").ok_or_else(unkeyed)?;
        let signer = signer.with_token(access.token);
        let endpoint = match endpoint {
            Some(endpoint) => endpoint,
            None => {
                format!("https://s3.{region}.amazonaws.com").parse().map_err(S3Error::Endpoint)?
            }
        };
        let bucket = &address.bucket;
        let (base, root) = if path_style {
            (endpoint, format!("/{bucket}"))
        } else {
            // `https://host:port` becomes `https://bucket.host:port`.
            let base = endpoint.to_string().replacen("://", &format!("://{bucket}."), 1);
            (base.parse().map_err(S3Error::Endpoint)?, String::new())
        };
        let outbound = outbound.apart(MAX_REQUESTS);
        outbound.check(&base).map_err(S3Error::Endpoint)?;
        Ok(Self(Arc::new(Inner { outbound, clock, signer, base, root, address })))
    }

    /// Puts a small object, reads it, and removes it: whether the bucket can be used at all, told in
    /// words that say what to mend.
    ///
    /// # Errors
    /// [`S3Error::Unusable`].
    pub async fn check(&self) -> Result<(), S3Error> {
        let path = Path::from(CHECK);
        let text = Bytes::from_static(b"plimsoll puts, reads and removes this at each start\n");
        let failed = |what| {
            let address = self.0.address.clone();
            move |error: Error| S3Error::Unusable { address, what, why: reason(&error) }
        };
        self.put(&path, PutPayload::from(text.clone())).await.map_err(failed("put"))?;
        let read = self.get_range(&path, 9..text.len() as u64).await.map_err(failed("read"))?;
        if text.get(9..) != Some(&*read) {
            let address = self.0.address.clone();
            let why = "other bytes came back, or a range was not honoured".to_owned();
            return Err(S3Error::Unusable { address, what: "read", why });
        }
        self.delete(&path).await.map_err(failed("removed"))
    }

    /// Carries a request about an object out; everything but a success is an error.
    pub(crate) async fn send(&self, call: Call<'_>) -> object_store::Result<Reply> {
        let url = self.url(&self.key(call.path), call.query)?;
        self.send_to(url, call).await
    }

    /// Asks the bucket itself.
    pub(crate) async fn send_to_bucket(
        &self,
        query: &[(&str, &str)],
    ) -> object_store::Result<Reply> {
        let (url, path) = (self.url("", query)?, Path::default());
        self.send_to(url, Call::new(Method::GET, &path)).await
    }

    async fn send_to(&self, url: Url, call: Call<'_>) -> object_store::Result<Reply> {
        let mut wait = FIRST_WAIT;
        let mut left = TRIES;
        loop {
            left -= 1;
            let mut request = Request::new(call.method.clone(), url.clone(), call.body.clone());
            for (name, value) in &call.headers {
                let Ok(value) = HeaderValue::from_str(value) else {
                    return Err(crate::error::odd("a header of the request is malformed"));
                };
                request = request.with_header(name.clone(), value);
            }
            // Signed anew each time: a signature is good for minutes only.
            let request = self.0.signer.sign(request, self.0.clock.now());
            let sent = self.0.outbound.send(request.within(DEADLINE).at_most(call.most)).await;
            let answered = match sent {
                Ok(reply) if reply.status.is_success() => return Ok(reply),
                other => other,
            };
            if left == 0 || !is_passing(&answered, call.again) {
                return match answered {
                    Ok(reply) => Err(refused(answer(&reply), call.path)),
                    Err(error) => Err(unreached(error)),
                };
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    /// Where a key is, as it is signed and sent.
    fn url(&self, key: &str, query: &[(&str, &str)]) -> object_store::Result<Url> {
        let mut text = format!("{}/{}", self.0.root, encoded(key, true));
        for (at, (name, value)) in query.iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(&encoded(name, false));
            text.push('=');
            text.push_str(&encoded(value, false));
        }
        self.0.base.with_path(&text).map_err(unreached)
    }

    /// The key of a path in the bucket.
    pub(crate) fn key(&self, path: &Path) -> String {
        let prefix = self.0.address.prefix.as_ref();
        match (prefix.is_empty(), path.as_ref()) {
            (true, path) => path.to_owned(),
            (false, "") => prefix.to_owned(),
            (false, path) => format!("{prefix}/{path}"),
        }
    }

    /// What a header names another object of the bucket by.
    pub(crate) fn source(&self, path: &Path) -> String {
        format!("/{}/{}", self.0.address.bucket, encoded(&self.key(path), true))
    }
}

/// What an error says, without the name of the library.
fn reason(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether it is worth asking again.
fn is_passing(answered: &Result<Reply, OutboundError>, again: bool) -> bool {
    match answered {
        Ok(reply) => matches!(
            reply.status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
        Err(OutboundError::Broken { .. } | OutboundError::Deadline { .. }) => again,
        Err(OutboundError::Connect { .. } | OutboundError::Resolve { .. }) => true,
        Err(_) => false,
    }
}

/// What a reply that is no success says.
pub(crate) fn answer(reply: &Reply) -> Answer {
    let text = String::from_utf8_lossy(&reply.body);
    let code = xml::text_of(&text, "Code").unwrap_or_default();
    let is_word = code.len() <= MAX_CODE && code.bytes().all(|b| b.is_ascii_alphanumeric());
    let code = if is_word { code } else { String::new() };
    Answer { status: reply.status.as_u16(), code }
}

/// Percent-encoding as signatures have it: everything but RFC 3986's unreserved characters.
fn encoded(text: &str, is_path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_plain || (is_path && byte == b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
