//! Models that answer over gRPC: another Plimsoll, KServe's own server, and a service that speaks
//! HTTP/2 by hand and lies at every level of it.

use crate::harness::{Server, demo, post, requests};
use crate::upstream::asked;
use plimsoll_types::protobuf::Writer;
use plimsoll_types::{Clock, SystemClock};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An answer that took so long did not keep to the declared quarter of a second.
const HANGS: Duration = Duration::from_secs(2);

// Types and flags of frames: RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header, literal, without a place in any table: RFC 7541 §6.2.2.
fn header(name: &str, value: &str) -> Vec<u8> {
    let part = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    [vec![0], part(name), part(value)].concat()
}

/// `:status: 200` and the media type.
fn head() -> Vec<u8> {
    [vec![0x88], header("content-type", "application/grpc")].concat()
}

fn trailers(status: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 0, &header("grpc-status", status))
}

/// A `ModelInferResponse` of one row, in its frame of gRPC.
fn message(probability: f64) -> Vec<u8> {
    let mut message = Vec::new();
    let mut w = Writer(&mut message);
    w.text(1, "model");
    w.message(5, |w| {
        w.text(1, "p");
        w.text(2, "FP64");
        w.integers(3, [1].into_iter());
    });
    w.bytes(6, &probability.to_le_bytes());
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    [&[0], length.as_slice(), &message].concat()
}

/// How the service behaves when a request is whole. Streams of frames are filled in.
#[derive(Clone)]
enum Mode {
    /// Sends these frames.
    Says(Vec<Vec<u8>>),
    /// Sends these bytes as they are.
    Raw(Vec<u8>),
    /// Sends this frame for ever.
    Floods(Vec<u8>),
    /// Sends a byte of its answer every tenth of a second.
    Trickles,
    /// Says nothing.
    Silent,
    /// Closes.
    HangsUp,
}

fn says(body: &[u8], status: &str) -> Mode {
    let head = frame(HEADERS, END_HEADERS, 0, &head());
    Mode::Says(vec![head, frame(DATA, 0, 0, body), trailers(status)])
}

struct Service {
    address: SocketAddr,
    mode: Arc<Mutex<Mode>>,
    connections: Arc<Mutex<usize>>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let mode = Arc::new(Mutex::new(says(&message(0.0625), "0")));
        let connections = Arc::new(Mutex::new(0));
        let service =
            Self { address, mode: Arc::clone(&mode), connections: Arc::clone(&connections) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *connections.lock().expect("lock") += 1;
                let mode = Arc::clone(&mode);
                std::thread::spawn(move || drop(converse(stream, &mode)));
            }
        });
        service
    }
    fn be(&self, mode: Mode) {
        *self.mode.lock().expect("lock") = mode;
    }
}

/// A server of HTTP/2 that knows no more of a request than where it ends.
fn converse(mut stream: TcpStream, mode: &Mutex<Mode>) -> std::io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface)?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload)?;
        if kind == SETTINGS && flags == 0 {
            stream.write_all(&frame(SETTINGS, 1, 0, &[]))?;
        }
        if !matches!(kind, DATA | HEADERS) || flags & END_STREAM == 0 {
            continue;
        }
        let with_id = |mut frame: Vec<u8>| {
            frame[5..9].copy_from_slice(&id);
            frame
        };
        let mode = mode.lock().expect("lock").clone();
        match mode {
            Mode::Says(frames) => {
                for frame in frames {
                    // Those of the whole connection stay so.
                    let is_stream = !matches!(frame[3], SETTINGS | PING | GOAWAY);
                    stream.write_all(&if is_stream { with_id(frame) } else { frame })?;
                }
            }
            Mode::Raw(bytes) => return stream.write_all(&bytes),
            Mode::Floods(frame) => {
                let is_stream = !matches!(frame[3], SETTINGS | PING | GOAWAY);
                let frame = if is_stream { with_id(frame) } else { frame };
                loop {
                    stream.write_all(&frame)?;
                }
            }
            Mode::Trickles => {
                let frames =
                    [frame(HEADERS, END_HEADERS, 0, &self::head()), frame(DATA, 0, 0, b"\0")];
                for byte in frames.map(with_id).concat() {
                    stream.write_all(&[byte])?;
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            Mode::Silent => {}
            Mode::HangsUp => return Ok(()),
        }
    }
}

/// The demo's legacy contract, asked over gRPC.
fn declaration(address: &str, more: Value) -> String {
    let mut declared = json!({
        "upstream": 1, "kind": "oip-v2-grpc", "endpoints": [address],
        "model": {"name": "credit"},
        "inputs": ["age", "income", "employed", "region", {"field": "customer_id", "name": "ID"}],
        "answer": {"output": "probability"}, "deadline_ms": 250, "max_answer_bytes": 65536,
        // Never opens within a test.
        "breaker": {"failures": 64, "window": 64, "open_ms": 1000, "probes": 3},
    });
    let members = declared.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    declared.to_string()
}

#[test]
fn every_lie_over_http_2_is_answered_within_the_deadline_and_recorded() {
    let (server, service) = (Server::dev(), Service::start());
    let address = format!("http://{}", service.address);
    let strict = declaration(&address, json!({}));
    server.with_upstream("strict", &strict, "legacy/contract.yaml");
    let kind = declaration(&address, json!({"fallback": [0.08]}));
    server.with_upstream("kind", &kind, "legacy/contract.yaml");

    let answer = server.ask("strict");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["outputs"][0]["data"], json!([0.0625]));
    assert_eq!(server.ask("strict").status, 200);
    assert_eq!(*service.connections.lock().expect("lock"), 1, "the connection is kept");
    assert_eq!(server.shown(&answer)["summary"]["route"], "primary");

    let only =
        |block: Vec<u8>| Mode::Says(vec![frame(HEADERS, END_HEADERS | END_STREAM, 0, &block)]);
    let begun = || frame(HEADERS, END_HEADERS, 0, &head());
    let mut compressed = message(0.5);
    compressed[0] = 1;
    let large = [begun(), frame(DATA, 0, 0, &[0; 16_384])];
    let large = [&large[..], &vec![large[1].clone(); 4], &[trailers("0")]].concat();
    let failed = (502, "upstream_failed");
    let late = (504, "deadline_exceeded");
    let status = |status: &str| only([head(), header("grpc-status", status)].concat());
    let filler = header("x-filler", &"x".repeat(120)).repeat(120);
    for (mode, (code, name), word) in [
        (Mode::Silent, late, "in time"),
        (Mode::Trickles, late, "in time"),
        (Mode::Floods(frame(PING, 0, 0, &[7; 8])), late, "in time"),
        (Mode::Floods(frame(DATA, 0, 0, &[])), failed, "broke"),
        (Mode::HangsUp, failed, "broke"),
        (Mode::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()), failed, "broke"),
        (Mode::Says(vec![frame(RST_STREAM, 0, 0, &[0, 0, 0, 2])]), failed, "broke"),
        (Mode::Says(vec![frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])]), failed, "broke"),
        (
            Mode::Says(vec![frame(PUSH_PROMISE, END_HEADERS, 0, &[0, 0, 0, 2, 0x88])]),
            failed,
            "broke",
        ),
        (Mode::Says(vec![begun(), frame(RST_STREAM, 0, 0, &[0, 0, 0, 8])]), failed, "broke"),
        (Mode::Floods(frame(CONTINUATION, 0, 0, &filler)), failed, "broke"),
        (
            Mode::Says(
                [vec![frame(HEADERS, 0, 0, &head())], vec![frame(CONTINUATION, 0, 0, &filler); 64]]
                    .concat(),
            ),
            failed,
            "broke",
        ),
        (
            Mode::Says(vec![
                begun(),
                frame(HEADERS, END_HEADERS | END_STREAM, 0, &filler.repeat(3)[..16_000]),
            ]),
            failed,
            "broke",
        ),
        (only(vec![0x8d]), failed, "status 404"),
        (
            only([vec![0x08, 3], b"307".to_vec(), header("location", "/")].concat()),
            failed,
            "redirect",
        ),
        (status("14"), failed, "gRPC status 14"),
        (status("3"), failed, "gRPC status 3"),
        (status("nonsense"), failed, "gRPC status 2"),
        (says(&message(0.5), "13"), failed, "gRPC status 13"),
        (
            Mode::Says(vec![begun(), frame(DATA, END_STREAM, 0, &message(0.5))]),
            failed,
            "gRPC status 2",
        ),
        (says(&[], "0"), failed, "message of the protocol"),
        (says(&compressed, "0"), failed, "message of the protocol"),
        (says(&[message(0.5), message(0.5)].concat(), "0"), failed, "message of the protocol"),
        (says(b"\0\xff\xff\xff\xff\x2a", "0"), failed, "message of the protocol"),
        (says(b"\0\0\0\0\0", "0"), failed, "not where"),
        (says(&message(1.5), "0"), failed, "outside"),
        (says(&message(f64::NAN), "0"), failed, "outside"),
        (Mode::Says(large), failed, "larger"),
    ] {
        service.be(mode);
        let clock = SystemClock::new();
        let answer = server.ask("strict");
        let waited = Duration::from_nanos(clock.monotonic());
        assert!(waited < HANGS, "{word}: {waited:?}");
        let found = (answer.status, answer.json()["code"].as_str().map(str::to_owned));
        assert_eq!(found, (code, Some(name.to_owned())), "{word}: {}", answer.body);
        let said = answer.json()["error"].as_str().expect("words").to_owned();
        assert!(said.contains(word), "{word}: {said}");
        let shown = server.shown(&answer);
        let result = if code == 504 { "timed_out" } else { "failed" };
        assert_eq!(shown["summary"]["result"], result, "{word}");
        assert_eq!(shown["body"]["refusal"]["code"], name, "{word}");

        let answer = server.ask("kind");
        assert_eq!((answer.status, &answer.json()["outputs"][0]["data"]), (200, &json!([0.08])));
        assert_eq!(server.shown(&answer)["summary"]["route"], "fallback", "{word}");
    }
    service.be(says(&message(0.25), "0"));
    assert_eq!(server.ask("strict").json()["outputs"][0]["data"], json!([0.25]), "asked again");
}

#[test]
fn a_circuit_opens_for_a_failing_service_and_not_for_one_that_refuses() {
    let (server, service) = (Server::dev(), Service::start());
    let breaker = json!({"breaker": {"failures": 5, "window": 10, "open_ms": 60000, "probes": 1}});
    let text = declaration(&format!("http://{}", service.address), breaker);
    server.with_upstream("credit", &text, "legacy/contract.yaml");
    // INVALID_ARGUMENT says nothing about its health, UNAVAILABLE does.
    service.be(says(&[], "3"));
    assert!((0..15).all(|_| server.ask("credit").status == 502));
    service.be(says(&[], "14"));
    let statuses: Vec<u16> = (0..15).map(|_| server.ask("credit").status).collect();
    assert_eq!(statuses.last(), Some(&503), "{statuses:?}");
    let opened =
        "plimsoll_upstream_breaker_opened_total{model=\"credit\",version=\"1\",endpoint=\"0\"}";
    assert_eq!(server.counted(opened), 1);
}

#[test]
fn a_plimsoll_asks_another_over_grpc() {
    let (inner, outer) = (Server::dev().with_credit("durable"), Server::dev());
    let contract = std::fs::read_to_string(demo("credit/contract.yaml")).expect("committed");
    let features = contract.split("\ncontext:").next().expect("features");
    let names: Vec<&str> =
        features.lines().filter_map(|line| line.strip_prefix("  - name: ")).collect();
    let declared = json!({
        "upstream": 1, "kind": "oip-v2-grpc", "endpoints": [format!("http://{}", inner.address())],
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

/// Another process, ended with the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// KServe's own server of the protocol, which is built on grpcio.
#[test]
fn kserve_is_asked_over_grpc() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".venv/clients/bin/python");
    assert!(python.exists(), "{} is missing: run `make tools-test`", python.display());
    let child = Command::new(python)
        .arg(root.join("tools/clients/serve_kserve.py"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut other = Other(child.expect("it starts"));
    let lines = BufReader::new(other.0.stdout.take().expect("piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("grpc ")?.parse::<u16>().ok());
    let address = format!("http://127.0.0.1:{}", port.expect("it says its port"));
    let server = Server::dev();
    let more = json!({"deadline_ms": 2000, "answer": {"output": "probability", "name": "p"}});
    server.with_upstream("credit", &declaration(&address, more.clone()), "legacy/contract.yaml");
    let mut answer = server.ask("credit");
    for _ in 0..300 {
        if answer.status == 200 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        answer = server.ask("credit");
    }
    // age 41, income 3200.5, employed, west, C17: see the script.
    let want = (41.0 + 3200.5 / 1000.0 + 1.0 + 4.0 + 3.0) / 100.0;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["outputs"][0]["data"], json!([want]), "{}", answer.body);
    let three = post(server.address(), "/v2/models/credit/infer", asked(3).as_bytes(), &[]);
    assert_eq!(three.json()["outputs"][0]["data"], json!([want, want, want]));
    // What it refuses is refused here, with its status.
    let mut more = more;
    more["model"] = json!({"name": "nobody"});
    server.with_upstream("nobody", &declaration(&address, more), "legacy/contract.yaml");
    let answer = server.ask("nobody");
    let said = answer.json()["error"].as_str().expect("words").to_owned();
    assert!(answer.status == 502 && said.contains("gRPC status"), "{said}");
}
