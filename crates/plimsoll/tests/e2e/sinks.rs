//! Sinks end to end: a receiver that is down while decisions are made, signatures as the
//! receiver checks them, and a server that is killed in between.

use crate::harness::{Connection, Server, get, requests};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a receiver was sent: headers and body.
pub(crate) type Got = (BTreeMap<String, String>, Vec<u8>);

/// A receiver that can be switched off: it then answers 503.
pub(crate) struct Receiver {
    address: SocketAddr,
    pub(crate) up: Arc<AtomicBool>,
    /// It then answers 400: never.
    pub(crate) refuses: Arc<AtomicBool>,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    pub(crate) fn start(up: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("an address");
        let (up, got) = (Arc::new(AtomicBool::new(up)), Arc::new(Mutex::new(Vec::new())));
        let refuses = Arc::new(AtomicBool::new(false));
        let receiver = Self {
            address,
            up: Arc::clone(&up),
            refuses: Arc::clone(&refuses),
            got: Arc::clone(&got),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (up, refuses) = (Arc::clone(&up), Arc::clone(&refuses));
                let got = Arc::clone(&got);
                std::thread::spawn(move || answer(stream, &up, &refuses, &got));
            }
        });
        receiver
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook/t0ken", self.address)
    }
    /// Waits until `enough` of what came.
    pub(crate) fn wait(&self, enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        for _ in 0..3_000 {
            let got = self.got.lock().expect("lock");
            if enough(&got) {
                return got.clone();
            }
            drop(got);
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("only {} messages came", self.got.lock().expect("lock").len());
    }
}

fn answer(mut stream: TcpStream, up: &AtomicBool, refuses: &AtomicBool, got: &Mutex<Vec<Got>>) {
    while let Some(one) = read(&mut stream) {
        let (is_up, refuses) = (up.load(Ordering::SeqCst), refuses.load(Ordering::SeqCst));
        if is_up && !refuses {
            got.lock().expect("lock").push(one);
        }
        let status = match (is_up, refuses) {
            (_, true) => "400 Bad Request",
            (true, _) => "200 OK",
            (false, _) => "503 Service Unavailable",
        };
        let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<_, _> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut body = vec![0; headers["content-length"].parse().expect("a length")];
    stream.read_exact(&mut body).ok()?;
    Some((headers, body))
}

pub(crate) fn json(got: &Got) -> Value {
    serde_json::from_slice(&got.1).expect("JSON")
}

/// The signature as a receiver computes it, by another hand: openssl.
pub(crate) fn signature(secret: &str, got: &Got) -> String {
    let base64 = |args: &[&str], input: &[u8]| {
        let mut child = Command::new("openssl")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl runs");
        child.stdin.take().expect("piped").write_all(input).expect("written");
        child.wait_with_output().expect("ends").stdout
    };
    let key = base64(&["base64", "-d", "-A"], secret.trim_start_matches("whsec_").as_bytes());
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let (headers, body) = got;
    let mut signed = format!("{}.{}.", headers["webhook-id"], headers["webhook-timestamp"]);
    signed.push_str(std::str::from_utf8(body).expect("text"));
    let key = format!("hexkey:{key}");
    let mac = ["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary"];
    let mac = base64(&mac, signed.as_bytes());
    let text = base64(&["base64", "-A"], &mac);
    format!("v1,{}", String::from_utf8(text).expect("text").trim())
}

fn decide(server: &Server, count: usize) -> BTreeSet<String> {
    let bodies = requests();
    let mut connection = Connection::open(server.address()).expect("connects");
    let mut ids = BTreeSet::new();
    for n in 0..count {
        let (status, id, _) = connection.infer(&bodies[n % bodies.len()], "").expect("answered");
        assert_eq!(status, 200);
        ids.insert(id);
    }
    ids
}

fn quick() -> [&'static str; 5] {
    ["--dev", "--set", "sinks.retry_first=20ms", "--set", "sinks.retry_max=200ms"]
}

fn metric(server: &Server, name: &str) -> u64 {
    let page = get(server.metrics(), "/metrics", None).body;
    let line = page.lines().find(|line| line.starts_with(name)).expect("the metric");
    line.rsplit(' ').next().expect("a number").parse().expect("a number")
}

/// A stopped sink costs disk and a lag, never memory, latency or an event.
#[test]
fn a_receiver_that_was_down_gets_every_decision_once_in_order_when_it_is_up() {
    const COUNT: usize = 3_000;
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = Server::start_in(folder, &quick()).with_credit("durable");
    let receiver = Receiver::start(false);
    let add = ["sink", "add", "cases", &receiver.url(), "--kind", "decision", "--include", "body"];
    let secret = server.cli(&add).ok().trim().to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let ids = decide(&server, COUNT);
    assert_eq!(ids.len(), COUNT);
    let sink = server.cli(&["sink", "show", "cases", "--json"]).json();
    assert_eq!((&sink["progress"]["delivered"], &sink["state"]), (&0.into(), &"active".into()));
    assert!(sink["progress"]["lag_entries"].as_u64().expect("a lag") >= COUNT as u64, "{sink}");
    assert!(sink["progress"]["reason"].as_str().expect("a reason").contains("503"), "{sink}");
    assert!(!sink.to_string().contains("t0ken"), "{sink}");
    assert!(metric(&server, "plimsoll_sink_lag_entries{sink=\"cases\"}") >= COUNT as u64);
    assert_eq!(metric(&server, "plimsoll_sink_up{sink=\"cases\"}"), 0);

    receiver.up.store(true, Ordering::SeqCst);
    let got = receiver.wait(|got| got.len() >= COUNT);
    assert_eq!(got.len(), COUNT, "each exactly once");
    let events: Vec<Value> = got.iter().map(json).collect();
    let subjects: BTreeSet<String> =
        events.iter().map(|e| e["subject"].as_str().expect("text").to_owned()).collect();
    assert_eq!(subjects, ids);
    let order: Vec<&str> = events.iter().map(|e| e["sequence"].as_str().expect("text")).collect();
    assert!(order.is_sorted());
    let one = &events[0];
    assert_eq!(
        (&one["specversion"], &one["type"]),
        (&"1.0".into(), &"io.plimsoll.decision.v1".into())
    );
    assert!(one["data"]["body"]["rows"][0].is_object(), "{one}");
    for one in got.iter().take(3) {
        assert_eq!(one.0["webhook-signature"], signature(&secret, one));
        assert_eq!(one.0["content-type"], "application/cloudevents+json; charset=utf-8");
    }
    for _ in 0..200 {
        let sink = server.cli(&["sink", "show", "cases", "--json"]).json();
        if sink["progress"]["delivered"] == COUNT && sink["progress"]["reason"].is_null() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(metric(&server, "plimsoll_sink_up{sink=\"cases\"}"), 1);
    assert_eq!(metric(&server, "plimsoll_sink_delivered_total{sink=\"cases\"}"), COUNT as u64);
}

/// Many decisions at once, over four connections.
fn decide_many(server: &Server, count: usize) -> BTreeSet<String> {
    std::thread::scope(|scope| {
        let some = |_| scope.spawn(move || decide(server, count / 4));
        let askers: Vec<_> = (0..4).map(some).collect();
        askers.into_iter().flat_map(|asker| asker.join().expect("asked")).collect()
    })
}

/// What the server holds for longer than a moment, in KiB: the least of two seconds. In between
/// there may be a part of the decision tables that is being written.
fn kept(server: &Server) -> u64 {
    let least = (0..40).map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        resident(server)
    });
    least.min().expect("some")
}

/// Resident memory of the server, in KiB.
fn resident(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.child.id());
    let status = std::fs::read_to_string(path).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Waits until the sink `cases` has been sent everything.
fn caught_up(server: &Server) {
    for _ in 0..1_200 {
        let sink = server.cli(&["sink", "show", "cases", "--json"]).json();
        if sink["progress"]["lag_entries"] == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the sink is still behind");
}

/// Events by id; one that came twice was the same both times.
fn by_id(got: &[Got]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for event in got.iter().flat_map(|one| json(one).as_array().expect("a batch").clone()) {
        let id = event["id"].as_str().expect("text").to_owned();
        if let Some(before) = all.insert(id, event.clone()) {
            assert_eq!(before, event, "sent twice, and not the same");
        }
    }
    all
}

/// Decisions before memory is looked at, and after: so many that what an allocator keeps of a part of
/// the tables, now and then some 20 MiB, is little beside a quarter of their events.
const WARM: usize = 4_000;
const MANY: usize = 48_000;

/// Makes decisions; their ids, and by how many KiB the server grew while most of them came.
fn grow(server: &Server) -> (BTreeSet<String>, u64) {
    let mut ids = decide_many(server, WARM);
    let before = kept(server);
    ids.extend(decide_many(server, MANY));
    (ids, kept(server).saturating_sub(before))
}

/// A receiver is down while the ledger grows by tens of megabytes; then the server is killed, and
/// killed again while it catches up.
#[test]
fn a_stopped_sink_costs_no_memory_and_no_event() {
    // What the same decisions cost a server that has no sink.
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let (_, alone) = grow(&Server::start_in(folder, &quick()).with_credit("durable"));
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = Server::start_in(folder, &quick()).with_credit("durable");
    let receiver = Receiver::start(false);
    let add = ["sink", "add", "cases", &receiver.url(), "--kind", "decision", "--include", "body"];
    server.cli(&[&add[..], &["--format", "batch"]].concat()).ok();
    let (ids, grown) = grow(&server);
    assert_eq!(metric(&server, "plimsoll_sink_up{sink=\"cases\"}"), 0);
    assert!(metric(&server, "plimsoll_sink_lag_entries{sink=\"cases\"}") >= MANY as u64);
    assert_eq!(ids.len(), WARM + MANY);
    receiver.up.store(true, Ordering::SeqCst);
    receiver.wait(|got| got.len() >= 20);
    let server = Server::start_in(server.kill(), &quick());
    caught_up(&server);
    let got = by_id(&receiver.wait(|_| true));
    let all: BTreeSet<String> = ids.iter().map(|id| format!("{id}.decision")).collect();
    assert_eq!(got.keys().cloned().collect::<BTreeSet<_>>(), all);
    let sent: u64 = got.values().map(|event| event.to_string().len() as u64).sum();
    println!("{grown} KiB more after {sent} bytes of events, {alone} without");
    let bound = alone + sent / 1_024 / 4;
    assert!(
        grown < bound,
        "{grown} KiB more with a sink of {sent} bytes of events, {alone} without"
    );
}

/// An hour of 500 decisions a second, in as little time as they take.
const HOUR: u64 = 1_800_000;
/// By how many KiB memory may have grown more with a stopped sink than without one: what an
/// allocator keeps, and a part of the decision tables that is being written at one of the two
/// moments. The events of an hour are gigabytes.
const FLAT: u64 = 64 << 10;

/// What an hour behind a receiver that is down costs a server in memory: nothing.
#[test]
fn soak_an_hour_with_a_stopped_sink_keeps_memory_flat() {
    let decisions = crate::crash::setting("PLIMSOLL_SINK_DECISIONS", HOUR);
    let part = usize::try_from(decisions / 80 * 4).expect("small");
    let grown = |server: &Server| {
        let load = |parts: u64| (0..parts).for_each(|_| drop(decide_many(server, part)));
        load(5);
        let before = kept(server);
        load(15);
        kept(server).saturating_sub(before)
    };
    let start = || {
        let folder = Arc::new(tempfile::tempdir().expect("temp"));
        Server::start_in(folder, &quick()).with_credit("durable")
    };
    let alone = grown(&start());
    let server = start();
    let receiver = Receiver::start(false);
    let add = ["sink", "add", "cases", &receiver.url(), "--kind", "decision", "--include", "body"];
    server.cli(&[&add[..], &["--format", "batch"]].concat()).ok();
    let with = grown(&server);
    assert!(metric(&server, "plimsoll_sink_lag_entries{sink=\"cases\"}") >= 20 * part as u64);
    assert!(with < alone + FLAT, "{with} KiB more with a stopped sink, {alone} without");
}

/// Kill -9 in the middle: nothing is lost, and what comes twice has the same id.
#[test]
fn a_killed_server_loses_no_event() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = Server::start_in(folder, &quick()).with_credit("durable");
    let receiver = Receiver::start(true);
    server.cli(&["sink", "add", "cases", &receiver.url(), "--kind", "decision"]).ok();
    let mut ids = decide(&server, 150);
    receiver.wait(|got| got.len() >= 20);
    let server = Server::start_in(server.kill(), &quick());
    ids.extend(decide(&server, 50));
    let distinct = |got: &[Got]| -> BTreeSet<String> {
        got.iter().map(|one| json(one)["id"].as_str().expect("text").to_owned()).collect()
    };
    let got = receiver.wait(|got| distinct(got).len() >= 200);
    let expected: BTreeSet<String> = ids.iter().map(|id| format!("{id}.decision")).collect();
    assert_eq!(distinct(&got), expected);
}

#[test]
fn sinks_are_paused_moved_tested_and_removed_from_the_command_line() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = Server::start_in(folder, &quick()).with_credit("durable");
    let receiver = Receiver::start(true);
    let kinds = ["--kind", "decision"];
    server.cli(&[&["sink", "add", "cases", &receiver.url()][..], &kinds].concat()).ok();
    decide(&server, 5);
    receiver.wait(|got| got.len() == 5);
    server.cli(&["sink", "pause", "cases"]).ok();
    decide(&server, 5);
    let tested = server.cli(&["sink", "test", "cases", "--json"]).json();
    assert_eq!((&tested["delivered"], &tested["status"]), (&true.into(), &200.into()));
    let got = receiver.wait(|got| got.len() >= 6);
    assert_eq!(json(&got[5])["type"], "io.plimsoll.test.v1", "nothing else while it is paused");
    server.cli(&["sink", "resume", "cases"]).ok();
    receiver.wait(|got| got.len() == 11);
    server.cli(&["sink", "resume", "cases", "--from", "0"]).ok();
    let got = receiver.wait(|got| got.len() == 21);
    assert_eq!(json(&got[0])["id"], json(&got[11])["id"], "sent again with the same id");

    receiver.up.store(false, Ordering::SeqCst);
    let tested = server.cli(&["sink", "test", "cases"]);
    assert_eq!(tested.code, 2, "{}{}", tested.stdout, tested.stderr);
    assert!(tested.stdout.contains("503"), "{}", tested.stdout);
    let list = server.cli(&["sink", "list"]).ok();
    assert!(list.contains("cases") && !list.contains("t0ken"), "{list}");
    server.cli(&["sink", "remove", "cases"]).ok();
    assert_eq!(server.cli(&["sink", "show", "cases"]).code, 1);

    // Addresses that nobody allowed are refused before anything is kept.
    for (address, word) in [
        ("https://169.254.169.254/latest", "link-local"),
        ("https://10.0.0.1/", "private"),
        ("http://example.org/", "https"),
        ("https://user:password@example.org/", "password"),
        ("file:///etc/passwd", "malformed"),
    ] {
        let refused = server.cli(&["sink", "add", "bad", address]);
        if address.starts_with("http://example") {
            // Under --dev plain http has leave, for addresses on the allow list only, which
            // is known when the name is resolved.
            assert_eq!(refused.code, 0, "{}", refused.stderr);
            continue;
        }
        assert_eq!(refused.code, 1, "{address}: {}", refused.stdout);
        assert!(refused.stderr.contains(word), "{address}: {}", refused.stderr);
    }
}

/// The contract of a consumer that already exists: TrustyAI takes KServe's pair by `ce-id`,
/// type and `inferenceservicename`.
#[test]
fn the_kserve_profile_sends_pairs_that_its_consumers_join() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = Server::start_in(folder, &quick()).with_credit("durable");
    let receiver = Receiver::start(true);
    let profile = ["--profile", "kserve", "--include", "body"];
    server.cli(&[&["sink", "add", "trustyai", &receiver.url()][..], &profile].concat()).ok();
    let ids = decide(&server, 3);
    assert_eq!(server.infer("{}", &[]).status, 400);
    let got = receiver.wait(|got| got.len() >= 6);
    assert_eq!(got.len(), 6, "a refusal makes no pair");
    let mut halves: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (headers, body) in &got {
        assert_eq!(headers["ce-specversion"], "1.0");
        assert_eq!(headers["ce-inferenceservicename"], "credit-default");
        assert_eq!(headers["content-type"], "application/json");
        let kind = headers["ce-type"].clone();
        let data: Value = serde_json::from_slice(body).expect("JSON");
        let member = if kind.ends_with("request") { "inputs" } else { "outputs" };
        assert!(data[member][0]["data"].is_array(), "{data}");
        halves.entry(headers["ce-id"].clone()).or_default().insert(kind);
    }
    assert_eq!(halves.keys().cloned().collect::<BTreeSet<_>>(), ids);
    let pair =
        ["org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response"];
    assert!(halves.values().all(|kinds| kinds.iter().eq(pair)), "{halves:?}");
}
