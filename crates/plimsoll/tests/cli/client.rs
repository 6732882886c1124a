//! The client against a server that says what the test tells it to.

use crate::place::Place;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// A server that gives these answers, one per request, and then the requests it got.
struct Canned {
    url: String,
    thread: JoinHandle<Vec<String>>,
}

fn canned(answers: Vec<(u16, &'static str, String)>) -> Canned {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let thread = std::thread::spawn(move || {
        let answer = |(status, media, body): (u16, &str, String)| {
            let (mut stream, _) = listener.accept().expect("accept");
            let mut reader = BufReader::new(stream.try_clone().expect("clone"));
            let (mut request, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().expect("a length");
                }
                request.push_str(&line);
            }
            let mut body_of_request = vec![0; length];
            reader.read_exact(&mut body_of_request).expect("a body");
            request.push_str(&String::from_utf8_lossy(&body_of_request));
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(body.as_bytes()))
                .expect("answer");
            request
        };
        answers.into_iter().map(answer).collect()
    });
    Canned { url, thread }
}

/// Runs a command against a server; gives back the transcript and the requests.
fn against(answers: Vec<(u16, &'static str, String)>, line: &str) -> (String, Vec<String>) {
    let server = canned(answers);
    let place = Place::new()
        .env("PLIMSOLL_URL", server.url)
        .env("PLIMSOLL_KEY", "plim_test_key")
        .file(
            "contract.yaml",
            "version: 1\nfeatures: [{name: age, kind: integer, min: 18, max: 120}]\n",
        )
        .file("model.json", "{}");
    let transcript = place.run(line);
    (transcript, server.thread.join().expect("the server ends"))
}

fn problem(status: u16, detail: &str, hint: Option<&str>) -> (u16, &'static str, String) {
    let mut problem = serde_json::json!({
        "type": "about:blank", "title": "X", "status": status, "detail": detail, "code": "x",
    });
    if let Some(hint) = hint {
        problem["hint"] = hint.into();
    }
    (status, "application/problem+json", problem.to_string())
}

fn json(body: serde_json::Value) -> (u16, &'static str, String) {
    (200, "application/json", body.to_string())
}

/// The first line of a request: verb and path.
fn lines(requests: &[String]) -> Vec<&str> {
    requests.iter().filter_map(|request| request.lines().next()).collect()
}

const PRINCIPAL: &str = r#"{"id": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "name": "NAME", "kind": "user",
    "roles": ["caller", "auditor"], "tenant": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f912", "created_at": "2026-07-01T08:30:00.000000Z"}"#;

fn principal(name: &str) -> serde_json::Value {
    serde_json::from_str(&PRINCIPAL.replace("NAME", name)).expect("JSON")
}

#[test]
fn problems_are_worded_and_coded() {
    let mut transcript = String::new();
    for answer in [
        problem(400, "field `name` is missing", None),
        problem(401, "no such key", None),
        problem(403, "policy does not permit `ListPrincipals` on `server`", None),
        problem(404, "no such page", Some("try another")),
        problem(500, "something of ours broke", None),
        (503, "text/html", "<h1>busy</h1>".into()),
        (302, "text/plain", String::new()),
        (200, "text/html", "<h1>hello</h1>".into()),
    ] {
        transcript.push_str(&against(vec![answer], "principal list").0);
        transcript.push('\n');
    }
    assert!(!transcript.contains("plim_test_key"));
    insta::assert_snapshot!(transcript);
}

#[test]
fn lists_are_read_page_by_page() {
    let pages = vec![
        json(
            serde_json::json!({"items": [principal("alice"), principal("bob")], "next_cursor": "a b"}),
        ),
        json(serde_json::json!({"items": [principal("scoring-service")]})),
    ];
    let (transcript, requests) = against(pages, "principal list");
    insta::assert_snapshot!(transcript);
    assert_eq!(
        lines(&requests),
        [
            "GET /api/v1/principals?limit=100 HTTP/1.1",
            "GET /api/v1/principals?limit=98&cursor=a%20b HTTP/1.1",
        ]
    );
    assert!(requests[0].contains("authorization: Bearer plim_test_key\r\n"), "{}", requests[0]);
}

#[test]
fn a_limit_is_kept_and_more_is_mentioned() {
    let pages = vec![json(serde_json::json!({"items": [principal("alice")], "next_cursor": "x"}))];
    insta::assert_snapshot!(against(pages, "principal list --limit 1 --json").0);
}

/// What callers once sent cannot steer the terminal of who looks at it.
#[test]
fn data_is_printed_without_control_characters() {
    let verdict = |is_allowed: bool| {
        json(
            serde_json::json!({"is_allowed": is_allowed, "policies": [], "could": [], "errors": [],
            "text": "denied\n  no policy permits it\u{1b}[2J\n"}),
        )
    };
    let line = "access why scoring Infer deployment/credit-default";
    let (transcript, requests) = against(vec![verdict(false)], line);
    insta::assert_snapshot!(transcript);
    assert_eq!(
        lines(&requests),
        [
            "GET /api/v1/access/why?principal=scoring&action=Infer&resource=deployment%2Fcredit-default HTTP/1.1"
        ]
    );
    assert!(against(vec![verdict(true)], line).0.contains("--- exit 0"));
}

#[test]
fn the_access_matrix() {
    let matrix = || {
        json(serde_json::json!({
            "principals": ["alice", "scoring-service", "anonymous"],
            "rows": [
                {"action": "Infer", "resource": "deployment/credit", "marks": ["default", "permit", "default"]},
                {"action": "Release", "resource": "release/credit/3", "marks": ["forbid", "default", "error"]},
            ],
            "is_truncated": true,
        }))
    };
    insta::assert_snapshot!(
        [
            against(vec![matrix()], "access matrix").0,
            against(vec![matrix()], "access matrix --principal anonymous --principal alice").0,
            against(vec![matrix()], "access matrix --principal bob").0,
        ]
        .join("\n")
    );
}

#[test]
fn a_secret_is_data_and_all_else_is_words() {
    let made = json(serde_json::json!({"secret": "plim_0198_secret", "key": {
        "id": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "name": "ci", "prefix": "plim_0198",
        "principal": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f913", "principal_name": "scoring",
        "environment": "staging", "scopes": ["credit-default"], "created_at": "2026-07-01T08:30:00.000000Z",
        "expires_at": "2026-08-01T00:00:00.000000Z", "revoked_at": null, "replaced_by": null}}));
    let line = "key create ci --principal scoring --environment staging --scope credit-default --expires 2026-08-01T00:00:00Z";
    let (transcript, requests) = against(vec![made], line);
    insta::assert_snapshot!(transcript);
    let body = requests[0].split("\r\n").last().expect("a body");
    assert_eq!(
        body,
        r#"{"name":"ci","principal":"scoring","environment":"staging","scopes":["credit-default"],"expires_at":"2026-08-01T00:00:00.000000Z"}"#
    );
}

/// A contract file is stored, the deployment made, the version released: three requests.
#[test]
fn a_deployment_from_a_contract_file() {
    let digest = "0".repeat(64);
    let deployment = |released: serde_json::Value, ready: bool| {
        json(serde_json::json!({
        "id": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "name": "credit-default", "model": "credit", "contract": digest,
        "environment": "production", "owner": "risk", "tier": "unassessed", "mode": "durable", "explain": "off",
        "fallback": {"outputs": [0.5]}, "error_detail": null, "deadline_ms": 1000, "max_in_flight": 1024,
        "review": {"mode": "off"},
        "released": released, "is_ready": ready, "not_ready_reason": (!ready).then_some("no version is released"),
        "created_at": "2026-07-01T08:30:00.000000Z", "updated_at": "2026-07-01T08:31:00.000000Z"}))
    };
    let released = serde_json::json!({"number": 1, "digest": digest,
        "released_by": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f913", "released_at": "2026-07-01T08:31:00.000000Z"});
    let answers = vec![
        json(serde_json::json!({"digest": digest, "features": 1, "existed": false})),
        deployment(serde_json::Value::Null, false),
        deployment(released, true),
    ];
    let line = "deployment create credit-default --model credit --version 1 --contract contract.yaml --environment production --fallback 0.5 --deadline 250ms";
    let (transcript, requests) = against(answers, line);
    insta::assert_snapshot!(transcript);
    assert_eq!(
        lines(&requests),
        [
            "POST /api/v1/contracts HTTP/1.1",
            "POST /api/v1/deployments HTTP/1.1",
            "POST /api/v1/deployments/credit-default/release HTTP/1.1",
        ]
    );
    assert!(requests[1].ends_with(&format!(
        r#"{{"name":"credit-default","model":"credit","contract":"{digest}","environment":"production","fallback":{{"outputs":[0.5]}},"deadline_ms":250}}"#
    )), "{}", requests[1]);
    assert!(requests[2].ends_with(r#"{"version":1}"#));
}

/// A model that is not there is registered; the upload says its length.
#[test]
fn a_first_version_registers_its_model() {
    let digest = "a".repeat(64);
    let answers = vec![
        problem(404, "no model `credit`", None),
        json(
            serde_json::json!({"id": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "name": "credit", "owner": "alice",
            "latest_version": 0, "created_at": "2026-07-01T08:30:00.000000Z"}),
        ),
        json(serde_json::json!({"digest": digest, "size": 2})),
        json(serde_json::json!({"model": "credit", "number": 1, "digest": digest,
            "files": [{"path": "model.json", "digest": digest, "size": 2, "role": "model"}],
            "author": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f913", "author_name": "alice", "created_at": "2026-07-01T08:30:00.000000Z",
            "facts": {"format": "xgboost-json", "objective": "binary:logistic", "trees": 2, "features": 3, "outputs": 1}})),
    ];
    let (transcript, requests) = against(answers, "model add credit model.json");
    insta::assert_snapshot!(transcript);
    assert_eq!(
        lines(&requests),
        [
            "GET /api/v1/models/credit/versions?limit=1 HTTP/1.1",
            "POST /api/v1/models HTTP/1.1",
            "POST /api/v1/artifacts HTTP/1.1",
            "POST /api/v1/models/credit/versions HTTP/1.1",
        ]
    );
    assert!(requests[2].contains("content-length: 2\r\n") && requests[2].ends_with("{}"));
}

/// The tail asks on from where the answer before ended, until the server is gone.
#[test]
fn the_tail_goes_on_where_it_was() {
    let decision = |index: u64, result: &str| {
        serde_json::json!({
        "id": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "index": index, "time": "2026-07-01T08:30:00.123456Z",
        "deployment": "credit-default", "version": 3, "route": "primary", "result": result,
        "refused_in": (result == "refused").then_some("validate")})
    };
    let answers = vec![
        json(serde_json::json!({"items": [decision(7, "answered")], "next": 8})),
        json(serde_json::json!({"items": [], "next": 8})),
        json(serde_json::json!({"items": [decision(8, "refused")], "next": 9})),
        problem(503, "the server is shutting down", None),
    ];
    let (transcript, requests) = against(answers, "decision tail --deployment credit-default");
    insta::assert_snapshot!(transcript);
    assert_eq!(
        lines(&requests)[..3],
        [
            "GET /api/v1/decisions/tail?wait_seconds=20&deployment=credit-default HTTP/1.1",
            "GET /api/v1/decisions/tail?from=8&wait_seconds=20&deployment=credit-default HTTP/1.1",
            "GET /api/v1/decisions/tail?from=8&wait_seconds=20&deployment=credit-default HTTP/1.1",
        ]
    );
}
