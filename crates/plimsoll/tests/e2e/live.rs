//! Decisions watched as they pass.

use crate::harness::{Server, demo, get, requests};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An open stream of events.
struct Events {
    lines: std::io::Lines<BufReader<TcpStream>>,
}

impl Events {
    fn of(server: &Server, key: &str) -> Self {
        let mut stream = TcpStream::connect(server.control()).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        let asked = format!(
            "GET /api/v1/deployments/credit-default/live HTTP/1.1\r\nhost: x\r\n\
             authorization: Bearer {key}\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).expect("asked");
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next().expect("an answer").expect("read");
        assert!(status.contains(" 200 "), "{status}");
        let headers: Vec<String> =
            lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let is_events =
            |line: &String| line.eq_ignore_ascii_case("content-type: text/event-stream");
        assert!(headers.iter().any(is_events), "{headers:?}");
        Self { lines }
    }

    /// The next second; nothing when the stream ended.
    fn next(&mut self) -> Option<Value> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("data: ").map(|text| serde_json::from_str(text).expect("JSON"))
        })
    }

    /// The first second that is as wanted.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..40 {
            let second = self.next().expect("goes on");
            if wanted(&second) {
                return second;
            }
        }
        panic!("it never came");
    }
}

fn any<'a>(
    second: &'a Value,
    list: &str,
    wanted: impl Fn(&&'a Value) -> bool,
) -> Option<&'a Value> {
    second[list].as_array().expect("a list").iter().find(wanted)
}

fn key_of(server: &Server, role: &str) -> (String, String) {
    server.cli(&["principal", "create", role, "--kind", "user", "--role", role]).ok();
    let made = server.cli(&["key", "create", role, "--principal", role, "--json"]).json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&made["secret"]), text(&made["key"]["id"]))
}

/// A server as in production, whose credit deployment answers in staging.
fn serving() -> (Server, String) {
    let server = Server::production();
    let text = |path: &str| demo(path).to_str().expect("UTF-8").to_owned();
    let scientist = key_of(&server, "data-scientist").0;
    let model = text("credit/model.json");
    server.cli_as(Some(&scientist), &["model", "add", "credit", model.as_str()]).ok();
    let engineer = key_of(&server, "ml-engineer").0;
    let contract = text("credit/contract.yaml");
    let create = ["deployment", "create", "credit-default", "--model", "credit", "--contract"];
    let create = [&create[..], &[contract.as_str(), "--environment", "staging"]].concat();
    server.cli_as(Some(&engineer), &create).ok();
    let approver = key_of(&server, "approver").0;
    let release = ["deployment", "release", "credit-default", "--version", "1"];
    server.cli_as(Some(&approver), &release).ok();
    let caller = key_of(&server, "caller").0;
    (server, caller)
}

#[test]
fn answers_and_breaches_are_seen_as_they_pass_until_the_key_is_revoked() {
    let (server, caller) = serving();
    let (auditor, id) = key_of(&server, "auditor");
    let mut events = Events::of(&server, &auditor);
    let bearer = format!("Bearer {caller}");
    let ask = |body: &str| server.infer(body, &[("authorization", &bearer)]).status;
    for request in &requests()[..5] {
        assert_eq!(ask(request), 200);
    }
    let mut breach: Value = serde_json::from_str(&requests()[31]).expect("JSON");
    for input in breach["inputs"].as_array_mut().expect("a list") {
        if input["name"] == "age" {
            input["data"] = serde_json::json!([17]);
        }
    }
    assert_eq!(ask(&breach.to_string()), 400);
    let refused = events.until(|second| any(second, "refusals", |_| true).is_some());
    let refusal = any(&refused, "refusals", |_| true).expect("there");
    assert_eq!((&refusal["code"], &refusal["field"]), (&"out_of_range".into(), &"age".into()));
    let is_score = |second: &Value| second["scores"]["counts"].is_array();
    let mut second = refused;
    if !is_score(&second) {
        // The answers fell into another second: whoever begins later is shown it.
        second = Events::of(&server, &auditor).until(is_score);
    }
    let answered = any(&second, "traffic", |kind| kind["result"] == "answered").expect("there");
    assert_eq!(answered["version"], 1);
    let predicted = any(&second, "phases", |of| of["phase"] == "predict").expect("timed");
    assert!(predicted["p50"].as_u64() <= predicted["p99"].as_u64());
    assert!(second["total"]["count"].as_u64() > Some(0));
    server.cli(&["key", "revoke", &id]).ok();
    for _ in 0..10 {
        if events.next().is_none() {
            return;
        }
    }
    panic!("the stream outlives its key");
}

#[test]
fn whoever_may_not_watch_is_refused_and_a_drain_ends_every_stream() {
    let (server, caller) = serving();
    let path = "/api/v1/deployments/credit-default/live";
    assert_eq!(get(server.control(), path, None).status, 401);
    assert_eq!(get(server.control(), path, Some(&caller)).status, 403);
    let (auditor, _) = key_of(&server, "auditor");
    let missing = "/api/v1/deployments/none/live";
    assert_eq!(get(server.control(), missing, Some(&auditor)).status, 404);
    let mut events = Events::of(&server, &auditor);
    events.next().expect("a second");
    let (_, code) = server.stop();
    assert_eq!(code, Some(0));
    while events.next().is_some() {}
}
