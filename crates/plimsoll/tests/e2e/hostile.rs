//! Refusals: every one is a clear 4xx, is recorded, never echoes a value, and costs no memory.

use crate::harness::{Server, demo, parse, requests};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Resident memory of a process, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("there");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn every_broken_rule_is_refused_by_name_recorded_and_never_echoed() {
    let server = Server::dev().with_credit("durable");
    let text = std::fs::read_to_string(demo("credit/refused.jsonl")).expect("committed");
    let mut count = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let (why, code) =
            (case["why"].as_str().expect("why"), case["code"].as_str().expect("code"));
        let answer = server.infer(case["body"].as_str().expect("body"), &[]);
        assert!((400..500).contains(&answer.status), "{why}: {} {}", answer.status, answer.body);
        let said = answer.json();
        assert_eq!(said["code"], code, "{why}: {}", answer.body);
        if let Some(field) = case["field"].as_str() {
            assert_eq!(said["field"], field, "{why}: {}", answer.body);
        }
        if let Some(value) = case["secret"].as_str() {
            assert!(!answer.body.contains(value), "{why} echoes the value: {}", answer.body);
        }
        let id = answer.header("plimsoll-decision-id").expect("an id");
        let shown = server.cli(&["decision", "show", id, "--json"]).json();
        assert_eq!(shown["summary"]["result"], "refused", "{why}");
        assert_eq!(shown["body"]["refusal"]["code"], code, "{why}");
        count += 1;
    }
    assert!(count >= 20, "only {count} cases");
}

/// What it is, body, headers, and the status it gets.
pub(crate) type Case<'a> = (&'a str, Vec<u8>, &'a [(&'a str, &'a str)], u16);

/// What comes over the wire and is not a request, or is one that must not pass.
#[test]
fn hostile_bytes_are_refused_and_memory_stays_flat() {
    let server = Server::dev().with_credit("durable");
    let good = requests()[0].clone();
    assert_eq!(server.infer(&good, &[]).status, 200);
    let before = resident_kib(server.child.id());
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let wide = format!("{{\"inputs\":[{}]}}", "{},".repeat(10_000));
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let long = "9".repeat(50_000);
    let gz = [("content-encoding", "gzip")];
    let cases: Vec<Case<'_>> = vec![
        ("deep nesting", deep.clone().into_bytes(), &[], 400),
        ("deep nesting in a field", format!("{{\"inputs\":{deep}}}").into_bytes(), &[], 400),
        ("many empty tensors", wide.into_bytes(), &[], 400),
        ("gzip bomb", bomb, &gz, 400),
        ("damaged gzip", b"\x1f\x8b\x08\x00garbage".to_vec(), &gz, 400),
        ("unknown encoding", good.clone().into_bytes(), &[("content-encoding", "br")], 415),
        ("unknown type", good.clone().into_bytes(), &[("content-type", "text/csv")], 415),
        (
            "a number of fifty thousand digits",
            format!("{{\"inputs\":[{{\"data\":[{long}]}}]}}").into_bytes(),
            &[],
            400,
        ),
        ("not UTF-8", b"{\"inputs\":[\xff]}".to_vec(), &[], 400),
        ("nothing", Vec::new(), &[], 400),
        ("a lone brace", b"{".to_vec(), &[], 400),
        ("bare NaN", good.replacen("[1494]", "[NaN]", 1).into_bytes(), &[], 400),
        ("over the limit", vec![b' '; 3 << 20], &[], 413),
        ("bad idempotency key", good.clone().into_bytes(), &[("idempotency-key", "a b")], 400),
    ];
    for round in 0..5 {
        for (what, body, headers, status) in &cases {
            let answer = crate::harness::post(
                server.address(),
                "/v2/models/credit-default/infer",
                body,
                headers,
            );
            assert_eq!(answer.status, *status, "{what} (round {round}): {}", answer.body);
            assert!(answer.header("plimsoll-decision-id").is_some(), "{what}");
        }
    }
    let grown = resident_kib(server.child.id()).saturating_sub(before);
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
    assert_eq!(server.infer(&good, &[]).status, 200);
}

#[test]
fn what_is_not_http_is_answered_or_closed() {
    let server = Server::dev().with_credit("durable");
    let address = server.address();
    let cases: [(&str, &[u8]); 7] = [
        ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("two lengths", b"POST /v2/models/credit-default/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}"),
        ("length and chunks", b"POST /v2/models/credit-default/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a chunk of 2^63 bytes", b"POST /v2/models/credit-default/infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n8000000000000000\r\n"),
        ("a negative length", b"POST /v2/models/credit-default/infer HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n"),
        ("a header name with a space", b"GET /v2 HTTP/1.1\r\nhost: a\r\nbad header: x\r\n\r\n"),
        ("a path that climbs", b"GET /v2/models/../../etc/passwd HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
    ];
    for (what, bytes) in cases {
        let mut stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(3))).expect("set");
        stream.write_all(bytes).expect("writes");
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        if let Some(answer) = parse(&String::from_utf8_lossy(&answer)) {
            assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        }
    }
    let mut huge = TcpStream::connect(address).expect("connects");
    huge.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    drop(huge.write_all(b"GET /v2 HTTP/1.1\r\nhost: a\r\n"));
    drop(huge.write_all(format!("x: {}\r\n\r\n", "y".repeat(200_000)).as_bytes()));
    let mut answer = String::new();
    drop(huge.read_to_string(&mut answer));
    assert!(parse(&answer).is_none_or(|answer| answer.status == 431), "{answer}");
    assert_eq!(server.infer(&requests()[0], &[]).status, 200);
}

#[test]
fn a_caller_that_hangs_up_leaves_a_record() {
    let server = Server::dev().with_credit("durable");
    let count = |server: &Server| {
        let listed = server.cli(&["decision", "list", "--json"]).json();
        listed["items"].as_array().or(listed.as_array()).expect("a list").len()
    };
    let before = count(&server);
    let mut stream = TcpStream::connect(server.address()).expect("connects");
    stream
        .write_all(b"POST /v2/models/credit-default/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n{\"inp")
        .expect("writes");
    std::thread::sleep(Duration::from_millis(200));
    drop(stream);
    for _ in 0..100 {
        if count(&server) == before + 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no record of the caller that hung up");
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("gzip runs");
    let mut stdin = child.stdin.take().expect("piped");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).expect("writes"));
    let output = child.wait_with_output().expect("waits");
    writer.join().expect("joins");
    output.stdout
}
