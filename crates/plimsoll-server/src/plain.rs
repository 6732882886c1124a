//! The plain inference request: HTTP/1.1, whole, small, nothing unusual in its head. What is
//! not plain is not judged here: `hyper` reads it again from its first byte.
//!
//! Must not know sockets, deployments or callers.

use crate::service::{Target, target};
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http::header::{TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::mem::MaybeUninit;

/// The largest plain request, head and body. It is answered by the thread that reads it, so
/// it must not keep that thread for long: so many bytes hold some thousand numbers at most.
pub(crate) const MAX_PLAIN: usize = 8 * 1024;
/// The most headers of a plain request.
const MAX_HEADERS: usize = 32;
/// Digits of a content length within [`MAX_PLAIN`].
const MAX_DIGITS: usize = 4;

/// What the bytes of a connection begin with.
pub(crate) enum Plain<'a> {
    /// A request. Its headers are in the map.
    Whole(Request<'a>),
    /// What may become one.
    Part,
    /// Anything else.
    Other,
}

/// A plain request.
pub(crate) struct Request<'a> {
    pub(crate) target: Target<&'a str>,
    pub(crate) body: &'a [u8],
    /// Bytes of head and body: the next request begins there.
    pub(crate) len: usize,
}

/// Reads the request that `bytes` begin with; `headers` has its headers afterwards.
pub(crate) fn read<'a>(bytes: &'a [u8], headers: &mut HeaderMap) -> Plain<'a> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_request_with_uninit_headers(&mut head, bytes, &mut slots);
    let start = match parsed {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_PLAIN => return Plain::Part,
        _ => return Plain::Other,
    };
    let target = head.path.filter(|path| path.bytes().all(is_plain)).and_then(target);
    let (Some("POST"), Some(1), Some(target)) = (head.method, head.version, target) else {
        return Plain::Other;
    };
    headers.clear();
    let Some(length) = take(head.headers, headers) else { return Plain::Other };
    let len = start + length;
    match bytes.get(start..len) {
        Some(body) => Plain::Whole(Request { target, body, len }),
        None if len <= MAX_PLAIN => Plain::Part,
        None => Plain::Other,
    }
}

/// Bytes that mean themselves in a path.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-_.:".contains(&byte)
}

/// Moves the headers to the map. The length of the body, unless one of them asks for more
/// than that it is read and answered.
fn take(found: &[httparse::Header<'_>], headers: &mut HeaderMap) -> Option<usize> {
    let mut length = None;
    for header in found {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        match name {
            CONTENT_LENGTH => {
                let digits = header.value;
                let few = (1..=MAX_DIGITS).contains(&digits.len());
                if length.is_some() || !few || !digits.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                length = std::str::from_utf8(digits).ok()?.parse().ok();
            }
            CONNECTION if header.value.eq_ignore_ascii_case(b"keep-alive") => {}
            CONNECTION | CONTENT_ENCODING | EXPECT | TE | TRAILER | TRANSFER_ENCODING | UPGRADE => {
                return None;
            }
            // Its look-up may read a file.
            _ if name.as_str() == "idempotency-key" => return None,
            _ => {}
        }
        headers.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    length
}

#[cfg(test)]
mod tests;
