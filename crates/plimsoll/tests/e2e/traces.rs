//! Traces: a collector of our own gets the spans of a request, in its caller's trace.

use crate::harness::{Server, requests};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// What a collector was sent: path and body of each request.
type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Takes what is sent over OTLP/HTTP; the endpoint and what came.
fn collector() -> (String, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().expect("bound"));
    let sent = Sent::default();
    let shared = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if let Some(request) = take(&stream) {
                shared.lock().expect("fine").push(request);
            }
        }
    });
    (endpoint, sent)
}

/// Reads one request and thanks for it.
fn take(mut stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(rest) = line.strip_prefix("POST ") {
            path = rest.split(' ').next()?.to_owned();
        } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        } else if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let thanks = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                  content-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(thanks.as_bytes()).ok()?;
    Some((path, body))
}

fn server(endpoint: &str, ratio: &str) -> Server {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let endpoint = format!("telemetry.otlp_endpoint={endpoint}");
    let ratio = format!("telemetry.trace_ratio={ratio}");
    Server::start_in(folder, &["--dev", "--set", &endpoint, "--set", &ratio]).with_credit("durable")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("hex")).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A span's name in protobuf: field 5 of `Span`, its length, its text.
fn named(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("short");
    [&[5 << 3 | 2, length], name.as_bytes()].concat()
}

#[test]
fn a_request_is_traced_in_its_callers_trace_phase_by_phase() {
    let (endpoint, sent) = collector();
    let server = server(&endpoint, "1");
    let customer = "\"C001493\"";
    let body = &requests()[0];
    assert!(body.contains(customer), "the request names its customer");
    let answer = server.infer(body, &[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.header("plimsoll-decision-id").expect("an id").to_owned();
    assert_eq!(server.stop().1, Some(0));
    let sent = sent.lock().expect("fine");
    assert!(sent.iter().all(|(path, _)| path == "/v1/traces"), "a path of its own");
    let all: Vec<u8> = sent.iter().flat_map(|(_, body)| body.clone()).collect();
    assert!(contains(&all, &bytes(TRACE)), "not the caller's trace");
    assert!(contains(&all, &bytes(SPAN)), "not a child of the caller's span");
    for name in ["infer", "resolve", "validate", "predict", "record"] {
        assert!(contains(&all, &named(name)), "no span `{name}`");
    }
    assert!(contains(&all, id.as_bytes()), "the decision is not named");
    assert!(contains(&all, b"credit-default"), "the deployment is not named");
    assert!(!contains(&all, b"C001493"), "a caller's data is in a trace");
}

#[test]
fn who_is_not_sampled_is_not_traced() {
    let (endpoint, sent) = collector();
    // The caller decides for its own requests, the ratio for those without a trace.
    let server = server(&endpoint, "0");
    let parents = ["00", "01"].map(|flags| format!("00-{TRACE}-{SPAN}-{flags}"));
    let body = &requests()[0];
    assert_eq!(server.infer(body, &[]).status, 200);
    assert_eq!(server.infer(body, &[("traceparent", &parents[0])]).status, 200);
    let traced = server.infer(body, &[("traceparent", &parents[1])]);
    assert_eq!(traced.status, 200);
    let traced = traced.header("plimsoll-decision-id").expect("an id").to_owned();
    assert_eq!(server.stop().1, Some(0));
    let sent = sent.lock().expect("fine");
    let all: Vec<u8> = sent.iter().flat_map(|(_, body)| body.clone()).collect();
    let count =
        all.windows(named("infer").len()).filter(|window| *window == named("infer")).count();
    assert_eq!(count, 1, "one request was sampled");
    assert!(contains(&all, traced.as_bytes()));
}

#[test]
fn a_collector_that_is_gone_delays_no_decision_and_no_stop() {
    // A port that was free a moment ago.
    let gone = TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
    let server = server(&format!("http://{gone}/v1/traces"), "1");
    for body in requests().iter().take(20) {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    assert_eq!(server.stop().1, Some(0));
}
