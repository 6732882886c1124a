//! Models that answer elsewhere: a legacy service behind a template, and another Plimsoll. Whatever
//! the service does, the caller hears a declared fallback or a clear error within the deadline, and
//! the record says what happened.

use crate::harness::{Connection, Http, Server, demo, get, post, requests};
use plimsoll_types::{Clock, SystemClock};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An answer that took so long did not keep to the declared quarter of a second.
const HANGS: Duration = Duration::from_secs(2);

/// How the service behaves.
#[derive(Clone)]
enum Mode {
    /// Answers so.
    Says(u16, String),
    /// Answers after this time.
    Slow(Duration),
    /// Sends its answer byte by byte, a tenth of a second each.
    Trickles,
    /// Closes without an answer.
    HangsUp,
    /// Closes within its answer.
    BreaksOff,
    /// Sends another place to go.
    Redirects,
}

fn good() -> Mode {
    Mode::Says(200, r#"{"RESULT":{"PD":"0.0625"}}"#.into())
}

/// A service of its own protocol, one thread per connection.
struct Service {
    address: SocketAddr,
    mode: Arc<Mutex<Mode>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (mode, seen) = (Arc::new(Mutex::new(good())), Arc::new(Mutex::new(Vec::new())));
        let service = Self { address, mode: Arc::clone(&mode), seen: Arc::clone(&seen) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (mode, seen) = (Arc::clone(&mode), Arc::clone(&seen));
                std::thread::spawn(move || drop(converse(stream, &mode, &seen)));
            }
        });
        service
    }
    fn be(&self, mode: Mode) {
        *self.mode.lock().expect("lock") = mode;
    }
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("lock"))
    }
}

fn converse(
    mut stream: TcpStream,
    mode: &Mutex<Mode>,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    loop {
        let request = read_request(&mut stream)?;
        seen.lock().expect("lock").push(request);
        let mode = mode.lock().expect("lock").clone();
        let whole = |status: u16, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        let right = whole(200, r#"{"RESULT":{"PD":"0.0625"}}"#);
        match mode {
            Mode::Says(status, body) => stream.write_all(whole(status, &body).as_bytes())?,
            Mode::Slow(time) => {
                std::thread::sleep(time);
                stream.write_all(right.as_bytes())?;
            }
            Mode::Trickles => {
                for byte in right.as_bytes() {
                    stream.write_all(&[*byte])?;
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            Mode::HangsUp => return Ok(()),
            Mode::BreaksOff => {
                return stream.write_all(&right.as_bytes()[..right.len() - 3]);
            }
            Mode::Redirects => stream.write_all(
                b"HTTP/1.1 307 X\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
            )?,
        }
    }
}

fn read_request(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
                return Ok(text);
            }
        }
        match stream.read(&mut some)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&some[..count]),
        }
    }
}

/// The demo's declaration for this address, with changes.
fn declaration(address: &str, changes: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(demo("legacy/upstream.yaml")).expect("committed");
    let text = text.replace("http://127.0.0.1:9500", address);
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// Never opens within a test.
const PATIENT: (&str, &str) = ("failures: 10, window: 20", "failures: 64, window: 64");
const NO_FALLBACK: (&str, &str) = ("fallback: [0.08]", "");
const ONCE: (&str, &str) = ("retries: 1", "retries: 0");

impl Server {
    pub(crate) fn with_upstream(&self, name: &str, declaration: &str, contract: &str) {
        let file = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&file, declaration).expect("written");
        self.cli(&["model", "add", name, file.to_str().expect("UTF-8")]).ok();
        let contract = demo(contract);
        let contract = contract.to_str().expect("UTF-8");
        self.cli(&[
            "deployment",
            "create",
            name,
            "--model",
            name,
            "--version",
            "1",
            "--contract",
            contract,
            "--environment",
            "development",
            "--deadline",
            "2s",
        ])
        .ok();
    }
    pub(crate) fn ask(&self, deployment: &str) -> Http {
        let path = format!("/v2/models/{deployment}/infer");
        post(self.address(), &path, asked(1).as_bytes(), &[])
    }
    pub(crate) fn shown(&self, answer: &Http) -> Value {
        let id = answer.header("plimsoll-decision-id").expect("an id");
        self.cli(&["decision", "show", id, "--json"]).json()
    }
    pub(crate) fn counted(&self, line: &str) -> u64 {
        let page = get(self.metrics(), "/metrics", None).body;
        let found = page.lines().find_map(|text| text.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or(0)
    }
}

/// An application, once per row.
pub(crate) fn asked(rows: usize) -> String {
    let tensor = |name: &str, datatype: &str, value: Value| json!({"name": name, "shape": [rows], "datatype": datatype, "data": vec![value; rows]});
    let inputs = json!([
        tensor("age", "INT64", json!(41)),
        tensor("income", "FP64", json!(3200.5)),
        tensor("employed", "BOOL", json!(true)),
        tensor("region", "BYTES", json!("west")),
        tensor("customer_id", "BYTES", json!("C17")),
    ]);
    json!({"inputs": inputs}).to_string()
}

#[test]
fn a_legacy_service_is_asked_in_its_own_words_and_governed_as_a_model() {
    let (server, service) = (Server::dev(), Service::start());
    let secret = server.keys_folder().join("upstreams/127.0.0.1");
    std::fs::create_dir_all(&secret).expect("made");
    std::fs::write(secret.join("legacy"), "hunter2\n").expect("written");
    let header = "headers: {authorization: {secret: legacy, prefix: 'Bearer '}}\ndeadline_ms: 250";
    let text = declaration(&format!("http://{}", service.address), &[("deadline_ms: 250", header)]);
    server.with_upstream("legacy", &text, "legacy/contract.yaml");
    let version = server.cli(&["model", "show", "legacy", "--version", "1", "--json"]).json();
    assert_eq!(version["facts"]["format"], "upstream");
    assert_eq!(version["facts"]["objective"], "json-template");

    let answer = server.ask("legacy");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let output = &answer.json()["outputs"][0];
    assert_eq!((&output["name"], &output["data"]), (&json!("probability"), &json!([0.0625])));
    assert_eq!(answer.json()["parameters"]["fallback"], Value::Null);
    let seen = service.asked();
    assert_eq!(seen.len(), 1);
    let (head, body) = seen[0].split_once("\r\n\r\n").expect("a request");
    assert!(head.starts_with("POST /api/v1/customers/C17/score HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer hunter2"), "{head}");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let customer = json!({"AGE": 41, "INC": 3200.5, "EMP": true});
    assert_eq!(body, json!({"CUST": customer, "SEGMENT": "west"}));

    let shown = server.shown(&answer);
    assert_eq!(shown["summary"]["result"], "answered");
    assert_eq!(shown["summary"]["route"], "primary");
    assert_eq!(shown["leaf"]["model"], version["digest"]);
    assert!(!shown.to_string().contains("hunter2"));

    // Each row is a call of its own; more than declared are refused.
    let many = post(server.address(), "/v2/models/legacy/infer", asked(3).as_bytes(), &[]);
    assert_eq!(many.json()["outputs"][0]["data"], json!([0.0625, 0.0625, 0.0625]));
    assert_eq!(service.asked().len(), 3);
    let many = post(server.address(), "/v2/models/legacy/infer", asked(17).as_bytes(), &[]);
    assert_eq!((many.status, &many.json()["code"]), (400, &json!("too_many_rows")));
    // What the contract refuses, the service never sees.
    let wrong = asked(1).replace("41", "17");
    let wrong = post(server.address(), "/v2/models/legacy/infer", wrong.as_bytes(), &[]);
    assert_eq!((wrong.status, service.asked().len()), (400, 0));
}

#[test]
fn every_trouble_is_answered_within_the_deadline_and_recorded() {
    let (server, service) = (Server::dev(), Service::start());
    let address = format!("http://{}", service.address);
    let strict = declaration(&address, &[PATIENT, NO_FALLBACK, ONCE]);
    server.with_upstream("strict", &strict, "legacy/contract.yaml");
    server.with_upstream("kind", &declaration(&address, &[PATIENT, ONCE]), "legacy/contract.yaml");
    let says = |body: &str| Mode::Says(200, body.to_owned());
    let huge = format!(r#"{{"RESULT":{{"PD":"0.5"}},"x":"{}"}}"#, "x".repeat(2 << 20));
    let deep =
        format!(r#"{{"x":{}1{},"RESULT":{{"PD":[[1]]}}}}"#, "[".repeat(900), "]".repeat(900));
    let failed = (502, "upstream_failed");
    let late = (504, "deadline_exceeded");
    for (mode, (status, code), word) in [
        (Mode::Slow(Duration::from_secs(3)), late, "in time"),
        (Mode::Trickles, late, "in time"),
        (Mode::HangsUp, failed, "broke"),
        (Mode::BreaksOff, failed, "broke"),
        (Mode::Redirects, failed, "redirect"),
        (Mode::Says(500, "{}".into()), failed, "status 500"),
        (Mode::Says(404, String::new()), failed, "status 404"),
        (says("<html>maintenance</html>"), failed, "not JSON"),
        (says(r#"{"RESULT":{"PD":NaN}}"#), failed, "not JSON"),
        (says(r#"{"RESULT":{}}"#), failed, "not where"),
        (says(r#"{"RESULT":{"PD":"nan"}}"#), failed, "another kind"),
        (says(r#"{"RESULT":{"PD":0.5}}"#), failed, "another kind"),
        (says(r#"{"RESULT":{"PD":["0.5","0.5"]}}"#), failed, "more or fewer"),
        (says(r#"{"RESULT":{"PD":"0.1","PD":"0.9"}}"#), failed, "twice"),
        (says(r#"{"RESULT":{"PD":"1.5"}}"#), failed, "outside"),
        (says(&deep), failed, "another kind"),
        (says(&huge), failed, "larger"),
    ] {
        service.be(mode);
        let clock = SystemClock::new();
        let answer = server.ask("strict");
        let waited = Duration::from_nanos(clock.monotonic());
        assert!(waited < HANGS, "{word}: {waited:?}");
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{word}");
        let said = answer.json()["error"].as_str().expect("words").to_owned();
        assert!(said.contains(word), "{said}");
        let shown = server.shown(&answer);
        let result = if status == 504 { "timed_out" } else { "failed" };
        assert_eq!(shown["summary"]["result"], result, "{word}");
        assert_eq!(shown["summary"]["refused_in"], "predict", "{word}");
        assert_eq!(shown["body"]["refusal"]["code"], code, "{word}");

        let answer = server.ask("kind");
        assert_eq!(answer.status, 200, "{word}: {}", answer.body);
        assert_eq!(answer.json()["parameters"]["fallback"], true, "{word}");
        assert_eq!(answer.json()["outputs"][0]["data"], json!([0.08]), "{word}");
        let shown = server.shown(&answer);
        assert_eq!(shown["summary"]["result"], "answered", "{word}");
        assert_eq!(shown["summary"]["route"], "fallback", "{word}");
        let rule = shown["body"]["refusal"]["rule"].as_str().expect("a rule");
        assert!(rule.contains(word), "{rule}");
    }
    service.be(good());
    assert_eq!(server.ask("strict").status, 200, "it is asked again");
}

#[test]
fn addresses_that_may_not_be_reached_are_not() {
    let server = Server::dev();
    for (name, address) in [
        ("private", "https://10.1.2.3"),
        ("metadata", "https://169.254.169.254"),
        ("plain", "http://192.0.2.1"),
        ("nowhere", "https://nowhere.invalid"),
    ] {
        let text = declaration(address, &[NO_FALLBACK]);
        server.with_upstream(name, &text, "legacy/contract.yaml");
        let answer = server.ask(name);
        let code = json!("upstream_unavailable");
        assert_eq!((answer.status, &answer.json()["code"]), (503, &code), "{name}");
        assert_eq!(server.shown(&answer)["summary"]["result"], "failed");
    }
}

#[test]
fn the_circuit_opens_spares_the_service_and_closes() {
    let (server, service) = (Server::dev(), Service::start());
    let text = declaration(&format!("http://{}", service.address), &[ONCE, NO_FALLBACK]);
    server.with_upstream("legacy", &text, "legacy/contract.yaml");
    let server = server.with_credit("durable");
    service.be(Mode::Says(503, String::new()));
    let statuses: Vec<u16> = (0..30).map(|_| server.ask("legacy").status).collect();
    assert_eq!(statuses[..10], [502; 10]);
    assert_eq!(statuses[10..], [503; 20], "left alone");
    assert_eq!(service.asked().len(), 10);
    let label = "{model=\"legacy\",version=\"1\",endpoint=\"0\"";
    let opened = format!("plimsoll_upstream_breaker_opened_total{label}}}");
    assert_eq!(server.counted(&opened), 1);
    let state = |state| format!("plimsoll_upstream_breaker_state{label},state=\"{state}\"}}");
    assert_eq!(server.counted(&state("open")), 1);
    assert_eq!(server.infer(&requests()[0], &[]).status, 200, "others go on");
    service.be(good());
    for tries in 0.. {
        if server.counted(&state("closed")) > 0 {
            break;
        }
        assert!(tries < 400, "it does not close");
        server.ask("legacy");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.ask("legacy").status, 200);
}

#[test]
fn a_dead_endpoint_is_left_out_and_the_others_answer() {
    let (server, service) = (Server::dev(), Service::start());
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let both = format!("http://{}, http://{dead}", service.address);
    server.with_upstream("legacy", &declaration(&both, &[NO_FALLBACK]), "legacy/contract.yaml");
    for _ in 0..60 {
        assert_eq!(server.ask("legacy").status, 200);
    }
    let opened =
        "plimsoll_upstream_breaker_opened_total{model=\"legacy\",version=\"1\",endpoint=\"1\"}";
    assert!(server.counted(opened) >= 1, "the dead one is ejected");
}

#[test]
fn a_plimsoll_asks_another_as_it_would_any_model_server() {
    let (inner, outer) = (Server::dev().with_credit("durable"), Server::dev());
    let contract = std::fs::read_to_string(demo("credit/contract.yaml")).expect("committed");
    let features = contract.split("\ncontext:").next().expect("features");
    let names: Vec<&str> =
        features.lines().filter_map(|line| line.strip_prefix("  - name: ")).collect();
    let declared = json!({
        "upstream": 1, "kind": "oip-v2", "endpoints": [format!("http://{}", inner.address())],
        "model": {"name": "credit-default"}, "inputs": names,
        "answer": {"output": "probability"}, "deadline_ms": 1000,
    });
    let inner_contract = inner.folder.path().join("features.yaml");
    std::fs::write(&inner_contract, format!("{features}\n")).expect("written");
    let path = inner_contract.to_str().expect("UTF-8");
    inner.cli(&["deployment", "update", "credit-default", "--contract", path]).ok();
    outer.with_upstream("credit", &declared.to_string(), "credit/contract.yaml");
    let expected = std::fs::read_to_string(demo("credit/expected.json")).expect("committed");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    for (place, body) in requests().iter().take(50).enumerate() {
        let answer = post(outer.address(), "/v2/models/credit/infer", body.as_bytes(), &[]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let found = answer.json()["outputs"][0]["data"][0].as_f64().expect("a number");
        let want = expected["probabilities"][place].as_f64().expect("a number");
        assert!((found - want).abs() < 1e-6, "{found} {want}");
    }
}

/// While a service is slow, lying or gone, every request to another deployment is answered, and
/// every one to its own is answered by the fallback.
#[test]
fn a_bad_service_costs_other_deployments_no_answer() {
    let service = Service::start();
    let server = Server::dev();
    let text = declaration(&format!("http://{}", service.address), &[PATIENT, ONCE]);
    server.with_upstream("legacy", &text, "legacy/contract.yaml");
    let server = server.with_credit("durable");
    let body = requests()[0].clone();
    let before = server.counted("plimsoll_gateway_completions_total{result=\"answered\"}");
    for mode in [
        Mode::Slow(Duration::from_secs(3)),
        Mode::Trickles,
        Mode::Says(200, r#"{"RESULT":{"PD":"9"}}"#.into()),
        Mode::HangsUp,
        Mode::Says(503, String::new()),
    ] {
        service.be(mode);
        std::thread::scope(|scope| {
            let bad = |_| {
                scope.spawn(|| {
                    for _ in 0..4 {
                        let answer = server.ask("legacy");
                        assert_eq!(answer.status, 200, "{}", answer.body);
                        assert_eq!(answer.json()["parameters"]["fallback"], true);
                    }
                })
            };
            let under_way: Vec<_> = (0..16).map(bad).collect();
            let mut connection = Connection::open(server.address()).expect("connects");
            let mut good = 0;
            while good < 200 || under_way.iter().any(|thread| !thread.is_finished()) {
                let (status, ..) = connection.infer(&body, "").expect("an answer");
                assert_eq!(status, 200);
                good += 1;
            }
        });
    }
    let asked = server.counted("plimsoll_gateway_completions_total{result=\"answered\"}") - before;
    assert!(asked >= 5 * (16 * 4 + 200), "{asked} are recorded");
}
