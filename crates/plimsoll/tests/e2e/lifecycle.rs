//! From the first start to the end, by way of a full disk and a stolen one.

use crate::harness::{Connection, Server, get, requests};
use plimsoll_ledger::LedgerReader;
use plimsoll_types::record::Kind;
use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

/// Waits up to twenty seconds.
fn ends(server: &mut Server) -> Option<ExitStatus> {
    for _ in 0..1000 {
        if let Some(status) = server.child.try_wait().expect("waits") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// Sends a request without its last byte.
fn ask_but_hold_back(server: &Server) -> TcpStream {
    let body = &requests()[0];
    let mut stream = TcpStream::connect(server.address()).expect("connects");
    let head = format!(
        "POST /v2/models/credit-default/infer HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&body.as_bytes()[..body.len() - 1]).expect("sent");
    stream
}

/// Until the server has admitted `count` requests that it has not answered.
fn wait_in_flight(server: &Server, count: u64) {
    for _ in 0..500 {
        let page = get(server.metrics(), "/metrics", None).body;
        let line = page.lines().find(|line| line.starts_with("plimsoll_gateway_in_flight"));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        if value.expect("a gauge") == count {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never {count} in flight");
}

/// How many completions each decision of a stopped server has; the log must verify.
fn completions(data: &Path) -> HashMap<[u8; 16], u32> {
    let reader = LedgerReader::open(data, None).expect("opens");
    reader.verify().expect("the chain holds");
    let mut found = HashMap::new();
    for entry in reader.entries(0) {
        let draft = entry.expect("reads").leaf.draft;
        if draft.kind == Kind::Decision {
            *found.entry(draft.id).or_default() += 1;
        }
    }
    found
}

#[test]
fn a_drain_waits_for_a_stuck_request_until_it_is_told_a_second_time() {
    let patient =
        ["--dev", "--set", "limits.drain_timeout=10m", "--set", "limits.body_timeout=10m"];
    // Both folders are empty: a first start.
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let mut server = Server::start_in(folder, &patient).with_credit("durable");
    assert_eq!(server.infer(&requests()[0], &[]).status, 200);
    let stuck = ask_but_hold_back(&server);
    wait_in_flight(&server, 1);
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(500));
    assert!(server.child.try_wait().expect("waits").is_none(), "it did not wait for the request");
    server.signal("TERM");
    let status = ends(&mut server).expect("the second signal ends it");
    assert_eq!(status.code(), Some(0), "{}", server.said());
    drop(stuck);
    let found = completions(&server.data_folder());
    assert!(found.values().all(|&count| count == 1), "a decision has two completions");
    assert_eq!(found.len(), 2, "the answered one and the one that was cut are on record");
    // What was cut off is no damage.
    let folder = Arc::clone(&server.folder);
    let server = Server::start_in(folder, &["--dev"]);
    assert_eq!(server.infer(&requests()[0], &[]).status, 200);
    assert_eq!(server.stop().1, Some(0));
}

#[test]
fn a_drain_ends_by_itself_when_its_time_is_over() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let brief = ["--dev", "--set", "limits.drain_timeout=1s", "--set", "limits.body_timeout=10m"];
    let mut server = Server::start_in(folder, &brief).with_credit("durable");
    let _stuck = ask_but_hold_back(&server);
    wait_in_flight(&server, 1);
    server.signal("TERM");
    let status = ends(&mut server).expect("the drain ends");
    assert_eq!(status.code(), Some(0), "{}", server.said());
    assert_eq!(completions(&server.data_folder()).len(), 1, "what was cut off is on record");
}

/// A small disk of its own, in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where nothing may be mounted.
    fn mount(at: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&at).expect("made");
        let size = format!("size={size},mode=700");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(at))
    }

    /// Takes every byte that is free.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).expect("made");
        for piece in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; piece]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_refuses_until_there_is_room_and_loses_nothing() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let Some(disk) = SmallDisk::mount(folder.path().join("data"), "24m") else {
        println!("skipped: mounting a small disk takes root and the right to mount");
        return;
    };
    let small = ["--dev", "--set", "ledger.segment=1MiB"];
    let server = Server::start_in(Arc::clone(&folder), &small).with_credit("durable");
    let bodies = requests();
    let mut acknowledged = Vec::new();
    let filler = disk.fill();

    // What was set aside before is still good for some; then the caller is refused.
    let mut connection = Connection::open(server.address()).expect("connects");
    let mut refused = None;
    for n in 0..20_000 {
        match connection.infer(&bodies[n % bodies.len()], "").expect("answers") {
            (200, id, _) => acknowledged.push(id),
            (status, _, answer) => {
                refused = Some((status, answer));
                break;
            }
        }
    }
    let (status, answer) = refused.expect("a full disk refuses");
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("ledger_unavailable"), "{answer}");
    assert!(!acknowledged.is_empty(), "what was set aside is used");
    let again = server.infer(&bodies[0], &[]);
    assert_eq!(again.status, 503, "{}", again.body);
    let seconds = again.header("retry-after").expect("Retry-After");
    assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{seconds}");
    let ready = get(server.metrics(), "/readyz", None);
    assert_eq!(ready.status, 503, "{}", ready.body);
    assert!(
        ready.json()["reason"].as_str().is_some_and(|why| why.contains("disk")),
        "{}",
        ready.body
    );
    assert_eq!(get(server.metrics(), "/livez", None).status, 200, "a restart would not help");
    let change = server.cli(&["principal", "create", "late", "--kind", "service"]);
    assert_ne!(change.code, 0, "a change without a record: {}", change.stdout);

    // Room again: nobody has to restart anything.
    std::fs::remove_file(filler).expect("removed");
    let recovered = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        get(server.metrics(), "/readyz", None).status == 200
    });
    assert!(recovered, "still not ready: {}", server.said());
    for body in bodies.iter().take(50) {
        let answer = server.infer(body, &[]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        acknowledged.push(answer.header("plimsoll-decision-id").expect("an id").to_owned());
    }
    assert_eq!(server.stop().1, Some(0));
    let found = completions(&disk.0);
    for id in &acknowledged {
        let parsed: plimsoll_types::DecisionId = id.parse().expect("an id");
        assert_eq!(found.get(parsed.as_bytes()), Some(&1), "{id} was acknowledged");
    }
    assert!(found.values().all(|&count| count == 1), "a decision has two completions");
}

/// Every file below `folder`, with its bytes.
fn files(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("reads") {
        let path = entry.expect("reads").path();
        if path.is_dir() {
            files(&path, into);
        } else {
            let bytes = std::fs::read(&path).expect("reads");
            into.push((path, bytes));
        }
    }
}

/// The files of a data folder that hold one of `words`.
fn holding(data: &Path, words: &[String]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    files(data, &mut all);
    let found = |bytes: &[u8]| {
        // What is searched for is ASCII, which replacing other bytes does not touch.
        let text = String::from_utf8_lossy(bytes);
        words.iter().any(|word| text.contains(word))
    };
    all.into_iter().filter(|(_, bytes)| found(bytes)).map(|(path, _)| path).collect()
}

#[test]
fn a_stolen_data_folder_names_nobody() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let small = ["--dev", "--set", "ledger.segment=1MiB"];
    let server = Server::start_in(folder, &small).with_credit("durable");
    let mut secrets = Vec::new();
    let mut ids = Vec::new();
    for (n, body) in requests().iter().take(30).enumerate() {
        let request: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let value = |name: &str| {
            let inputs = request["inputs"].as_array().expect("a list");
            let input = inputs.iter().find(|input| input["name"] == name).expect("there");
            input["data"][0].as_str().expect("text").to_owned()
        };
        let (customer, application) = (format!("C9{n:05}"), format!("A9{n:08}"));
        let body = body
            .replace(&value("customer_id"), &customer)
            .replace(&value("application_id"), &application);
        let order = format!("order-of-{customer}-{n}");
        let answer = server.infer(&body, &[("idempotency-key", &order)]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        ids.push((
            answer.header("plimsoll-decision-id").expect("an id").to_owned(),
            customer.clone(),
        ));
        secrets.extend([customer, application, order]);
    }
    // Refused requests are recorded too, and idempotent replays.
    let bad = requests()[1].replace("\"C", "\"CX-of-nobody-");
    let refused = server.infer(&bad.replace("[\"west\"]", "[\"nowhere-at-all\"]"), &[]);
    assert!(refused.status == 200 || refused.status == 422 || refused.status == 400);
    secrets.extend(["CX-of-nobody-".to_owned(), "nowhere-at-all".to_owned()]);

    for (id, customer) in &ids {
        let shown = server.cli(&["decision", "show", id, "--json"]).ok();
        assert!(shown.contains(customer), "with the keys it can be read");
    }
    let data = server.data_folder();
    assert_eq!(holding(&data, &secrets), Vec::<PathBuf>::new(), "while it runs");
    assert!(
        !holding(&data, &["credit-default".to_owned()]).is_empty(),
        "the scan finds what is there"
    );
    let said = server.said();
    let (folder, _) = server.stop();
    assert_eq!(holding(&data, &secrets), Vec::<PathBuf>::new(), "after a stop");
    assert!(!secrets.iter().any(|word| said.contains(word)), "in the log: {said}");

    // The folder as a thief has it.
    let reader = LedgerReader::open(&data, None).expect("opens");
    for entry in reader.entries(0) {
        let entry = entry.expect("reads");
        assert!(reader.open_body(&entry).is_err(), "a body opens without keys");
    }
    let killed = Server::start_in(folder, &small);
    assert_eq!(killed.infer(&requests()[0], &[]).status, 200);
    let folder = killed.kill();
    assert_eq!(
        holding(&folder.path().join("data"), &secrets),
        Vec::<PathBuf>::new(),
        "after a crash"
    );
}
