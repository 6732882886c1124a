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
    byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte)
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
mod tests {
    use super::*;

    const HEAD: &str = "POST /v2/models/credit/infer HTTP/1.1\r\nHost: a\r\n";

    fn kind(text: &str) -> &'static str {
        match read(text.as_bytes(), &mut HeaderMap::new()) {
            Plain::Whole(_) => "whole",
            Plain::Part => "part",
            Plain::Other => "other",
        }
    }

    #[test]
    fn a_plain_request_is_taken_apart() {
        let text = format!("{HEAD}Content-Length: 2\r\nx-a: 1\r\nX-A: 2\r\n\r\n{{}}POST");
        let mut headers = HeaderMap::new();
        headers.insert("left", HeaderValue::from_static("over"));
        let Plain::Whole(request) = read(text.as_bytes(), &mut headers) else {
            panic!("not taken")
        };
        assert_eq!((request.target.deployment, request.target.version), ("credit", None));
        assert_eq!((request.body, request.len), (&b"{}"[..], text.len() - 4));
        assert!(headers.get("left").is_none());
        let all: Vec<_> = headers.get_all("x-a").iter().collect();
        assert_eq!(all, ["1", "2"]);
    }

    #[test]
    fn every_beginning_is_a_part() {
        let text = format!("{HEAD}Content-Length: 2\r\n\r\n{{}}");
        for end in 0..text.len() {
            assert_eq!(kind(&text[..end]), "part", "{end}");
        }
        assert_eq!(kind(&text), "whole");
    }

    #[test]
    fn what_is_not_plain_is_left_alone() {
        for more in [
            "",
            "content-length: 2\r\ncontent-length: 2",
            "content-length: +2",
            "content-length: 2, 2",
            "content-length: 9999",
            "content-length: 99999",
            "content-length: 123456",
            "content-length:",
            "transfer-encoding: chunked",
            "content-length: 2\r\ntransfer-encoding: chunked",
            "content-length: 2\r\nexpect: 100-continue",
            "content-length: 2\r\nconnection: close",
            "content-length: 2\r\nconnection: keep-alive, upgrade",
            "content-length: 2\r\nupgrade: h2c",
            "content-length: 2\r\ncontent-encoding: gzip",
            "content-length: 2\r\nIdempotency-Key: a",
            "content-length : 2",
            "content-length: 2\r\n folded: 1",
        ] {
            assert_eq!(kind(&format!("{HEAD}{more}\r\n\r\n{{}}")), "other", "{more}");
        }
        let long = format!("{HEAD}content-length: 2\r\n{}", "a: 1\r\n".repeat(40));
        let endless = format!("{HEAD}x: {}", "a".repeat(MAX_PLAIN));
        for text in [
            "GET /v2/models/credit/infer HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
            "POST /v2/models/credit/infer HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}",
            "POST /v2/models/credit/infer?a HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
            "POST /v2/models/cr%65dit/infer HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
            "POST /v2/models/credit/ready HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
            "POST http://a/v2/models/credit/infer HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\x16\x03\x01\x02",
            &format!("{long}\r\n{{}}"),
            &endless,
        ] {
            assert_eq!(kind(text), "other", "{}", &text[..text.len().min(60)]);
        }
    }
}
