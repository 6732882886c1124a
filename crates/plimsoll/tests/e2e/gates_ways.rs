//! Ways around a gate, and what a gate asks of others: a contract that changes, checks of a team's
//! own that misbehave, a change window, a glass that is broken, and a terminal that watches.

use crate::gates::light;
use crate::governance::{People, evaluation, text};
use crate::harness::{BINARY, demo, request};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

/// People whose first version answers at tier T1.
fn answering() -> People {
    let people = People::new();
    people.furnish();
    assert_eq!(people.assess(&light()), "T1");
    let rows = people.write("rows.json", &evaluation());
    people.ada(&["gate", "evaluation", "credit-default", &rows]).ok();
    people.plan_with(&json!({}));
    people.watch();
    people.attest(&people.bob, "CHG-01", &["--version", "1", "--not-significant"]).ok();
    people.passes("1");
    people.approve(&people.bob, "1").ok();
    people.release("1").ok();
    people
}

/// The demo's contract with one text in place of another, as a file.
fn contract(people: &People, name: &str, from: &str, to: &str) -> String {
    let document = std::fs::read_to_string(demo("credit/contract.yaml")).expect("committed");
    assert!(document.contains(from), "{from}");
    let file = people.file(name);
    std::fs::write(&file, document.replace(from, to)).expect("written");
    text(&file)
}

fn events(people: &People, action: &str, stage: &str) -> Vec<Value> {
    let list = ["event", "list", "--limit", "1000", "--json"];
    let events = people.server.cli_as(Some(&people.erin), &list).json();
    let events = events["items"].as_array().expect("a list").iter();
    let is_one = |event: &&Value| event["action"] == action && event["stage"] == stage;
    events.filter(is_one).cloned().collect()
}

#[test]
fn a_contract_that_breaks_callers_waits_for_its_own_gate_from_every_entrance() {
    let people = answering();
    let update =
        |file: &str| people.ada(&["deployment", "update", "credit-default", "--contract", file]);
    // What breaks nobody is made, and recorded as what it is.
    let wider = contract(&people, "wider.yaml", "max_rows: 64", "max_rows: 65");
    update(&wider).ok();
    let made = &events(&people, "UpdateDeployment", "intent")[0];
    let told = &made["payload"]["facts"]["contract_change"];
    assert_eq!((&told["breaking"], &told["count"]), (&json!(false), &json!(1)), "{made}");

    let narrower = contract(&people, "narrower.yaml", "max_rows: 64", "max_rows: 32");
    let before = people.denials().len();
    people.refused(&update(&narrower), "the gate is not passed");
    let stored = people.ada(&["contract", "add", &narrower, "--json"]).json();
    let digest = stored["digest"].as_str().expect("a digest").to_owned();
    let file = people.file("apply.yaml");
    let wanted =
        format!("release: 1\ndeployment: credit-default\nsettings:\n  contract: {digest}\n");
    std::fs::write(&file, wanted).expect("written");
    let applied = people.ada(&["apply", "-f", &text(&file)]);
    people.refused(&applied, "the gate is not passed");
    let bearer = format!("Bearer {}", people.ada);
    let auth = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "contract": digest }).to_string();
    let path = "/api/v1/deployments/credit-default";
    let answer = request(people.server.control(), "PATCH", path, body.as_bytes(), &auth);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("ungoverned")));
    assert_eq!(people.denials().len(), before + 3, "each on record with the numbers");

    // The gate of the version under the contract that is to be; its words name what breaks.
    let under = ["--version", "1", "--contract", &digest];
    let ran = people.ada(&[&["gate", "run", "credit-default"][..], &under].concat()).ok();
    assert!(ran.contains("`limits.max_rows` is smaller"), "{ran}");
    people.refused(&update(&narrower), "1 more people have to approve");
    // An approval of the version as it stands is none of the change.
    people.gate("1");
    people.approve(&people.bob, "1").ok();
    people.refused(&update(&narrower), "the gate result changed since");
    let file = text(&people.file("bob.key"));
    let approve = [&["gate", "approve", "credit-default", "--sign-with", &file][..], &under];
    people.bob(&approve.concat()).ok();
    update(&narrower).ok();
    let made = &events(&people, "UpdateDeployment", "intent")[0];
    let told = &made["payload"]["facts"]["contract_change"];
    assert_eq!(told["breaking"], true, "{made}");
    assert!(told["governance"]["approved_by"].as_array().is_some_and(|by| by.len() == 1), "{told}");
}

/// A server that answers each request with these bytes, or not at all.
fn webhook(answer: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/check", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            let mut question = vec![0; length];
            drop(reader.read_exact(&mut question));
            let Some(answer) = &answer else {
                std::thread::sleep(Duration::from_secs(30));
                continue;
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.len()
            );
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer)));
        }
    });
    url
}

#[test]
fn a_plug_in_that_hangs_floods_or_lies_is_not_evaluable_and_nothing_it_says_is_repeated() {
    let people = People::new();
    people.furnish();
    assert_eq!(people.assess(&light()), "T1");
    let plugin = |url: &str| {
        json!({"plugins": [
            {"name": "team.audit", "version": 1, "proves": "VUL-01", "max_age_s": 3600,
             "timeout_s": 1, "url": url},
            {"name": "team.change", "version": 2, "proves": "CHG-01", "max_age_s": 3600},
        ]})
    };
    let line = |check: &str| {
        let explain = ["gate", "explain", "credit-default", "--version", "1", "--json"];
        let result: Value = serde_json::from_str(&people.ada(&explain).stdout).expect("JSON");
        let demands = result["demands"].as_array().expect("demands").iter();
        let lines = demands.flat_map(|one| one["lines"].as_array().expect("lines").clone());
        lines.into_iter().find(|line| line["check"] == check).expect("the check's line")
    };
    let good = br#"{"verdict":"pass","says":"nothing is known to be vulnerable"}"#.to_vec();
    let flood = [br#"{"verdict":"pass","says":""#.to_vec(), vec![b'x'; 2 << 20]].concat();
    let evil = br#"{"verdict":"pass","says":"x","SECRET-WORDS":1}"#.to_vec();
    for (answer, state, says) in [
        (None, "not_evaluable", "timeout"),
        (Some(flood), "not_evaluable", "larger than 1 MiB"),
        (Some(evil), "not_evaluable", "its answer is none"),
        (Some(br#"{"verdict":"fail","says":"two are"}"#.to_vec()), "fail", "two are"),
        (Some(good), "pass", "nothing is known"),
    ] {
        people.plan_with(&plugin(&webhook(answer)));
        people.gate("1");
        let line = line("team.audit");
        assert_eq!(line["state"], state, "{line}");
        assert!(line["says"].as_str().is_some_and(|said| said.contains(says)), "{line}");
        assert!(!line.to_string().contains("SECRET"), "{line}");
    }
    // A check whose results are only posted, by whoever runs gates.
    assert_eq!(line("team.change")["state"], "not_evaluable");
    let bearer = format!("Bearer {}", people.ada);
    let auth = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let post = |body: Value| {
        let path = "/api/v1/deployments/credit-default/check-results";
        let body = body.to_string();
        request(people.server.control(), "POST", path, body.as_bytes(), &auth).status
    };
    let mut result = json!({"version": 1, "check": "team.change", "check_version": 2,
                            "verdict": "pass", "says": "judged by the board: not significant"});
    result["check_version"] = json!(1);
    assert_eq!(post(result.clone()), 422, "of another version of the check");
    result["check_version"] = json!(2);
    assert_eq!(post(result), 204);
    assert_eq!(line("team.change")["state"], "pass");
}

#[test]
fn outside_of_its_window_nothing_is_released_and_a_broken_glass_ends_by_itself() {
    let people = answering();
    let judged = ["--version", "2", "--not-significant"];
    people.attest(&people.bob, "CHG-01", &judged).ok();
    let days = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    let window = |from: u32, until: u32| json!({"window": {"days": days, "from_minute": from, "until_minute": until}});
    // A minute of the day that is hours away, whenever this runs.
    let now = Command::new("date").args(["-u", "+%H"]).output().expect("runs").stdout;
    let hour: u32 = String::from_utf8_lossy(&now).trim().parse().expect("an hour");
    let far = if hour < 12 { 1_438 } else { 1 };
    people.plan_with(&window(far, far + 1));
    people.passes("2");
    people.approve(&people.bob, "2").ok();
    people.refused(&people.release("2"), "outside of the change window");
    // In an emergency for some seconds, and not after.
    let glass = ["gate", "break-glass", "credit-default", "--reason", "outage 4711", "--json"];
    let broken = people.bob(&[&glass[..], &["--for", "3s"]].concat()).json();
    std::thread::sleep(Duration::from_secs(4));
    people.refused(&people.release("2"), "expired");
    // Until somebody else looked at it, no gate passes.
    assert_eq!(people.gate("2").code, 2);
    assert!(people.open("2").iter().any(|one| one.contains("nobody reviewed it")));
    let id = broken["id"].as_str().expect("an id");
    let review = ["gate", "break-glass", "credit-default", "--review", id];
    assert_eq!(people.bob(&review).code, 1, "one's own");
    people.server.cli_as(Some(&people.rita), &review).ok();
    people.plan_with(&window(0, 1_440));
    people.passes("2");
    people.release("2").ok();
    // What answers now is compared with what answered before.
    let explain = people.ada(&["gate", "explain", "credit-default", "--version", "2"]);
    assert!(explain.stdout.contains("rollback.target"), "{}", explain.stdout);
}

#[test]
fn a_terminal_shows_a_deployment_again_and_again() {
    let people = answering();
    let command = format!(
        "{BINARY} deployment status credit-default --watch --every 500ms --url http://{}",
        people.server.control()
    );
    let mut child = Command::new("script")
        .args(["-q", "-e", "-f", "-c", &command, "/dev/null"])
        .env("PLIMSOLL_KEY", &people.ada)
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script runs");
    let mut output = child.stdout.take().expect("piped");
    let (mut seen, mut buffer) = (String::new(), [0; 4_096]);
    const CLEAR: &str = "\u{1b}[H\u{1b}[J";
    while seen.matches(CLEAR).count() < 3 && seen.len() < 1 << 20 {
        let read = output.read(&mut buffer).expect("reads");
        assert!(read > 0, "it ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    drop(child.kill());
    drop(child.wait());
    let screen = seen.split(CLEAR).nth(2).expect("a screen");
    for part in ["credit-default", "T1", "production", "passed", "could be released now"] {
        assert!(screen.contains(part), "`{part}` is not in {screen}");
    }
}
