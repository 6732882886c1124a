//! Plain requests by example, and against hyper's own reading of them.

use super::*;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use plimsoll_gateway::Protocol;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

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
    let Plain::Whole(request) = read(text.as_bytes(), &mut headers) else { panic!("not taken") };
    assert_eq!((request.target.deployment, request.target.version), (Some("credit"), None));
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

/// Lines that heads are put together from: plain ones, and those that smuggle requests past a
/// reader who takes them otherwise than the next one does.
const LINES: &[&str] = &[
    "Host: a",
    "content-length: 2",
    "Content-Length: 5",
    "content-length: 0",
    "content-length: 05",
    "content-length: 2, 2",
    "content-length:\t2",
    "content-length: 2 ",
    "content-length : 2",
    "content-length: 0x2",
    "content-length: -2",
    "transfer-encoding: chunked",
    "transfer-encoding: identity",
    "Transfer-Encoding : chunked",
    "connection: keep-alive",
    "connection: close",
    "connection: te",
    "expect: 100-continue",
    "upgrade: h2c",
    "authorization: Bearer a",
    "x-empty:",
    "x-bytes: \u{e9}",
    " folded: 1",
    "x-a: 1\rx-b: 2",
    "x-a: 1\ncontent-length: 4",
    "x\0: 1",
];
const STARTS: &[&str] = &[
    "POST /v2/models/credit/infer HTTP/1.1",
    "POST /v2/models/credit/versions/2/infer HTTP/1.1",
    "POST /v1/models/credit:predict HTTP/1.1",
    "POST /v2/models/credit/infer HTTP/1.0",
    "POST  /v2/models/credit/infer HTTP/1.1",
    "post /v2/models/credit/infer HTTP/1.1",
    "POST /v2/models/../infer HTTP/1.1",
    "POST /v2/models/a%2fb/infer HTTP/1.1",
    "GET /v2/models/credit/infer HTTP/1.1",
];
const BODIES: &[&str] = &["", "{}", "{\"a\"", "0\r\n\r\n", "{}POST /x HTTP/1.1\r\n\r\n"];

/// Requests as a hostile caller puts them together, some bytes changed.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let lines = proptest::collection::vec(proptest::sample::select(LINES), 0..5);
    let start = prop_oneof![3 => Just(STARTS[0]), 1 => proptest::sample::select(STARTS)];
    let ends = proptest::sample::select(&["\r\n", "\r\n", "\n"][..]);
    let changes = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..2);
    let parts = (start, lines, ends, proptest::sample::select(BODIES), changes);
    parts.prop_map(|(start, lines, end, body, changes)| {
        let mut text = format!("{start}{end}content-length: 2{end}");
        for line in lines {
            text += line;
            text += end;
        }
        let mut bytes = format!("{text}{end}{body}").into_bytes();
        if bytes.len() % 3 == 0 {
            // The first length goes: one of the lines may bring another.
            bytes = String::from_utf8_lossy(&bytes).replacen("content-length: 2", "x: 2", 1).into();
        }
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

/// What a reader made of a request: path, headers by name, body, bytes taken.
type Read = (String, Vec<(String, Vec<u8>)>, Vec<u8>);

fn ours(bytes: &[u8]) -> Option<(Read, usize)> {
    let mut headers = HeaderMap::new();
    let Plain::Whole(request) = read(bytes, &mut headers) else { return None };
    let Target { protocol, deployment, version } = request.target;
    let version = version.map_or_else(String::new, |version| format!("/versions/{version}"));
    let deployment = deployment.unwrap_or_default();
    let path = match protocol {
        Protocol::Oip => format!("/v2/models/{deployment}{version}/infer"),
        Protocol::Predict => format!("/v1/models/{deployment}{version}:predict"),
        other => panic!("{other:?} is not among the requests"),
    };
    Some(((path, listed(&headers), request.body.to_vec()), request.len))
}

fn listed(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    all.sort();
    all
}

/// The requests that hyper reads from `bytes`.
fn hypers(bytes: &[u8]) -> Vec<Read> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (mut caller, server) = tokio::io::duplex(64 << 10);
        caller.write_all(bytes).await.expect("room");
        caller.shutdown().await.expect("closes");
        let seen = std::sync::Mutex::new(Vec::new());
        let service = service_fn(|request: http::Request<Incoming>| {
            let seen = &seen;
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes().to_vec();
                let read = (head.uri.path().to_owned(), listed(&head.headers), body);
                seen.lock().expect("held by one").push(read);
                Ok::<_, hyper::Error>(http::Response::new(Empty::<Bytes>::new()))
            }
        });
        drop(
            http1::Builder::new()
                .half_close(true)
                .serve_connection(TokioIo::new(server), service)
                .await,
        );
        seen.into_inner().expect("held by one")
    })
}

proptest! {
    #[test]
    fn what_is_taken_as_plain_is_what_hyper_reads(bytes in bytes()) {
        if let Some((read, len)) = ours(&bytes) {
            prop_assert!(len <= bytes.len());
            let theirs = hypers(&bytes);
            prop_assert_eq!(theirs.first(), Some(&read));
            // What follows does not change it, and no beginning of it is taken for less.
            let longer = [&bytes[..len], b"GET / HTTP/1.1\r\n"].concat();
            prop_assert_eq!(ours(&longer), Some((read, len)));
            for end in 0..len {
                let part = matches!(super::read(&bytes[..end], &mut HeaderMap::new()), Plain::Part);
                prop_assert!(part, "{}", end);
            }
        }
    }

    #[test]
    fn no_bytes_stop_it(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = ours(&bytes);
        let _ = ours(&[HEAD.as_bytes(), &bytes].concat());
    }
}
