//! Proofs: what the server publishes verifies offline, and what was altered does not.

use crate::harness::{BINARY, Said, Server, get, request, requests};
use plimsoll_tlog::cosignature::Cosigner;
use plimsoll_tlog::proof::TlogProof;
use plimsoll_tlog::witness::{Head, Heads, Witness, WitnessError};
use plimsoll_tlog::{Policy, Vkey};
use serde_json::Value;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn decide(server: &Server) -> String {
    let answer = server.infer(&requests()[0], &[]);
    assert_eq!(answer.status, 200);
    answer.header("plimsoll-decision-id").expect("an id").to_owned()
}

/// The command line without a server.
fn offline(args: &[&str]) -> Said {
    let output = Command::new(BINARY)
        .args(args)
        .env("PLIMSOLL_URL", "http://127.0.0.1:1")
        .env_remove("PLIMSOLL_KEY")
        .output()
        .expect("runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_receipt_verifies_offline_and_an_altered_one_says_where_it_fails() {
    let server = Server::dev().with_credit("durable");
    let id = decide(&server);
    let folder = tempfile::tempdir().expect("temp");
    let (file, key) = (folder.path().join("receipt.json"), folder.path().join("log.vkey"));
    server.cli(&["decision", "receipt", &id, "-o", text(&file)]).ok();
    std::fs::write(&key, server.cli(&["ledger", "key"]).ok()).expect("write");
    server.stop();

    let verify =
        |file: &Path| offline(&["verify", "receipt", text(file), "--key", text(&key), "--json"]);
    let report = verify(&file).json();
    assert_eq!(report["decision"], id.as_str());
    assert_eq!(report["result"], "answered");
    assert!(report["body"]["outputs"][0]["values"][0].is_number(), "{report}");

    let whole: Value = serde_json::from_slice(&std::fs::read(&file).expect("read")).expect("JSON");
    let altered = folder.path().join("altered.json");
    let try_with = |change: &dyn Fn(&mut Value)| {
        let mut receipt = whole.clone();
        change(&mut receipt);
        std::fs::write(&altered, receipt.to_string()).expect("write");
        verify(&altered)
    };
    // A character within a base64 text, or a text, that is replaced by another.
    let flip = |text: &str, at: usize| {
        let with = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{with}{}", &text[..at], &text[at + 1..])
    };
    let of = |name: &str| whole[name].as_str().expect("text").to_owned();
    let proof = of("proof");
    let root = proof.find("\n\n").expect("checkpoint") + 2;
    let root = root + proof[root..].match_indices('\n').nth(1).expect("root").0 + 5;
    let index = proof.find("index ").expect("index") + 6;
    for (name, value, step) in [
        ("format", "plimsoll-receipt 2".to_owned(), "format"),
        ("leaf", flip(&of("leaf"), 40), "inclusion"),
        ("proof", flip(&proof, root), "checkpoint"),
        ("proof", format!("{}9{}", &proof[..index], &proof[index + 1..]), "inclusion"),
        ("proof", proof.replacen("tlog-proof@v1", "tlog-proof@v2", 1), "proof"),
        ("sealed", flip(&of("sealed"), 200), "body"),
        ("record_key", flip(&of("record_key"), 3), "body"),
    ] {
        let said = try_with(&|receipt| receipt[name] = value.clone().into());
        assert_eq!(said.code, 3, "{name}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(&format!("`{step}`")), "{name}: {}", said.stderr);
    }
    // Without body or key it proves as much as it says.
    let closed = try_with(&|receipt| {
        receipt["record_key"] = Value::Null;
        receipt["sealed"] = Value::Null;
    });
    assert!(closed.json().get("body").is_none());
    let sealed = try_with(&|receipt| receipt["record_key"] = Value::Null);
    assert!(sealed.json().get("body").is_none());
    let extra = try_with(&|receipt| receipt["more"] = 1.into());
    assert_eq!(extra.code, 3);
    // Another log's key.
    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let said = offline(&["verify", "receipt", text(&file), "--key", other]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    // Every decision is provable in process, too.
    let vkey: Vkey = std::fs::read_to_string(&key).expect("read").trim().parse().expect("key");
    let proof = TlogProof::parse(&proof).expect("proof");
    Policy::of_log(vkey).accept(proof.checkpoint.as_bytes()).expect("signed");
}

#[test]
fn the_log_is_served_as_tiles_and_only_to_those_who_may() {
    let server = Server::production();
    let key = server.admin_key.clone();
    let to = server.control();
    // Until the first checkpoint.
    let checkpoint = (0..200)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            get(to, "/ledger/checkpoint", key.as_deref())
        })
        .find(|answer| answer.status == 200)
        .expect("a checkpoint");
    assert_eq!(checkpoint.header("content-type"), Some("text/plain; charset=utf-8"));
    let size: u64 = checkpoint.body.lines().nth(1).expect("size").parse().expect("number");
    let tile = get(to, &format!("/ledger/tile/0/000.p/{size}"), key.as_deref());
    assert_eq!((tile.status, tile.header("content-type")), (200, Some("application/octet-stream")));
    assert!(tile.header("cache-control").is_some_and(|cache| cache.contains("immutable")));
    assert_eq!(tile.header("content-length"), Some(&*(size * 32).to_string()));
    let entries = get(to, &format!("/ledger/tile/entries/000.p/{size}"), key.as_deref());
    assert_eq!(entries.status, 200);
    for path in [
        "/ledger/tile/0/000.p/256",
        "/ledger/tile/0/000.p/0",
        "/ledger/tile/0/0",
        "/ledger/tile/64/000",
        "/ledger/tile/-1/000",
        "/ledger/tile/0/../../../identity",
        "/ledger/tile/0/%2e%2e/%2e%2e/%2e%2e/identity",
        "/ledger/tile/0/..%2f..%2fidentity",
        "/ledger/tile/entries/../../../../plimsoll.db",
        "/ledger/tile/entries/%00",
        "/ledger/tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "/ledger/tile/0/000.fresh",
        "/ledger/tile/0/",
        "/ledger/tile/",
    ] {
        let answer = get(to, path, key.as_deref());
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    assert_eq!(get(to, "/ledger/checkpoint", None).status, 401);
    assert_eq!(get(to, "/ledger/tile/0/000", None).status, 401);
    let (folder, _) = server.stop();

    // The operator opts in: anyone may read the log, and nothing else.
    let public = Server::start_in(folder, &["--set", "ledger.public=true"]);
    let to = public.control();
    assert_eq!(get(to, "/ledger/checkpoint", None).status, 200);
    assert_eq!(get(to, &format!("/ledger/tile/0/000.p/{size}"), None).status, 200);
    assert_eq!(get(to, "/api/v1/decisions", None).status, 401);
    assert_eq!(get(to, "/ledger/checkpoint", Some("plim_any_00000000_guess")).status, 401);
    assert_eq!(request(to, "POST", "/ledger/checkpoint", b"", &[]).status, 405);
}

#[test]
fn growth_is_proved_between_any_two_checkpoints() {
    let server = Server::dev().with_credit("durable");
    let folder = tempfile::tempdir().expect("temp");
    let path = |name: &str| folder.path().join(name);
    let id = decide(&server);
    server.cli(&["decision", "receipt", &id]).ok();
    std::fs::write(path("old"), server.cli(&["ledger", "checkpoint"]).ok()).expect("write");
    for _ in 0..300 {
        decide(&server);
    }
    let id = decide(&server);
    server.cli(&["decision", "receipt", &id]).ok();
    std::fs::write(path("new"), server.cli(&["ledger", "checkpoint"]).ok()).expect("write");
    let key = server.cli(&["ledger", "key"]).ok();
    let key = key.trim();
    let size = |name: &str| {
        let note = std::fs::read_to_string(path(name)).expect("read");
        note.lines().nth(1).expect("size").to_owned()
    };
    let (old, new) = (size("old"), size("new"));
    let proof = server.cli(&["ledger", "consistency", &old, &new]).ok();
    std::fs::write(path("proof"), &proof).expect("write");
    let (a, b) = (path("old"), path("new"));
    let asked = server.cli(&["verify", "consistency", text(&a), text(&b), "--key", key]);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    let data = server.data_folder();
    let (_kept, _) = server.stop();
    let with = |args: &[&str]| {
        let all = [&["verify", "consistency", text(&a), text(&b), "--key", key][..], args].concat();
        offline(&all)
    };
    with(&["--proof", text(&path("proof"))]).ok();
    with(&["--data", text(&data)]).ok();
    let hash = proof
        .lines()
        .find(|line| line.trim().starts_with('"') && line.contains('='))
        .expect("hash");
    let wrong = proof.replacen(
        hash,
        &hash.replacen(&hash[10..11], if &hash[10..11] == "A" { "B" } else { "A" }, 1),
        1,
    );
    std::fs::write(path("wrong"), wrong).expect("write");
    assert_eq!(with(&["--proof", text(&path("wrong"))]).code, 3);
    let swapped = offline(&[
        "verify",
        "consistency",
        text(&b),
        text(&a),
        "--key",
        key,
        "--proof",
        text(&path("proof")),
    ]);
    assert_eq!(swapped.code, 3, "{}", swapped.stderr);
}

#[test]
fn a_data_folder_verifies_while_it_is_used_and_after_and_not_when_altered() {
    let server = Server::dev().with_credit("durable");
    for _ in 0..300 {
        decide(&server);
    }
    let id = decide(&server);
    server.cli(&["decision", "receipt", &id]).ok();
    let data = server.data_folder();
    let running = offline(&["ledger", "verify", "--data", text(&data), "--json"]).json();
    assert!(running["published"].as_u64() > Some(300), "{running}");
    let key = server.cli(&["ledger", "key"]).ok();
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let state = folder.path().join("verify.state");
    let args = [
        "ledger",
        "verify",
        "--data",
        text(&data),
        "--key",
        key.trim(),
        "--resume",
        text(&state),
        "--json",
    ];
    let stopped = offline(&args).json();
    assert_eq!(stopped["published"], stopped["entries"], "everything was published");
    assert!(!state.exists());
    assert_eq!(offline(&["ledger", "key", "--data", text(&data)]).ok(), key);
    assert!(offline(&["ledger", "checkpoint", "--data", text(&data)]).ok().contains("\n\n"));

    let tile = data.join("ledger/public/tile/entries/000");
    let mut bytes = std::fs::read(&tile).expect("read");
    bytes[5000] ^= 4;
    std::fs::write(&tile, bytes).expect("write");
    let said = offline(&args);
    assert_eq!(said.code, 3, "{}", said.stderr);
    assert!(
        said.stderr.contains("tile/entries/000") && said.stderr.contains("entry"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_server_on_an_old_backup_records_but_signs_nothing_until_the_log_is_given_up() {
    let server = Server::dev().with_credit("durable");
    let id = decide(&server);
    server.cli(&["decision", "receipt", &id]).ok();
    let archive = server.folder.path().join("backup.tar");
    server.cli(&["backup", "--data", text(&server.data_folder()), "-o", text(&archive)]).ok();
    for _ in 0..20 {
        decide(&server);
    }
    let key = server.cli(&["ledger", "key"]).ok();
    let (folder, _) = server.stop();
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    std::fs::remove_dir_all(&data).expect("remove");
    offline(&["restore", text(&archive), "--data", text(&data)]).ok();

    let server = Server::start_in(Arc::clone(&folder), &["--dev"]);
    let id = decide(&server);
    let receipt = server.cli(&["decision", "receipt", &id]);
    assert_eq!(receipt.code, 70, "{}", receipt.stderr);
    let status = server.cli(&["status", "--json"]).json();
    assert_eq!(status["ledger"]["is_healthy"], true);
    assert_eq!(status["ledger"]["log"]["is_signing"], false);
    let reason = status["ledger"]["log"]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("old backup") && reason.contains("ledger new-log"), "{reason}");
    let page = get(server.metrics(), "/metrics", None).body;
    assert!(page.contains("plimsoll_ledger_signing 0"), "{page}");
    let busy = offline(&["ledger", "new-log", "--data", text(&data), "--keys", text(&keys)]);
    assert_eq!(busy.code, 1, "{}", busy.stderr);
    server.stop();

    offline(&["ledger", "new-log", "--data", text(&data), "--keys", text(&keys)]).ok();
    let server = Server::start_in(folder, &["--dev", "--set", "ledger.origin=example.com/log-2"]);
    server.cli(&["decision", "receipt", &id]).ok();
    let new = server.cli(&["ledger", "key"]).ok();
    assert!(new.starts_with("example.com/log-2+") && new != key, "{new}");
}

#[derive(Default)]
struct Memory(Mutex<Option<Head>>);

impl Heads for Memory {
    type Error = Infallible;
    fn advance<T, R>(
        &self,
        _: &str,
        next: impl FnOnce(Option<&Head>) -> Result<(Head, T), R>,
    ) -> Result<Result<T, R>, Infallible> {
        let mut head = self.0.lock().expect("lock");
        Ok(next(head.as_ref()).map(|(next, answer)| {
            *head = Some(next);
            answer
        }))
    }
}

/// A witness on a port of its own, for as long as the test runs. Returns its key and address.
fn witness(log: &str) -> (String, String) {
    let cosigner = Cosigner::from_seed("example.com/witness", &[9; 32]).expect("key");
    let vkey = cosigner.vkey().to_string();
    let witness = Witness::new(cosigner, vec![log.parse().expect("key")]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let heads = Memory::default();
        for stream in listener.incoming() {
            cosign(&witness, &heads, &mut stream.expect("connects"));
        }
    });
    (vkey, format!("http://{address}"))
}

fn cosign(witness: &Witness, heads: &Memory, stream: &mut TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("clones"));
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).expect("reads");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("reads");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("reads");
    let (status, media, text) = if first.starts_with("POST /add-checkpoint ") {
        match witness.add_checkpoint(&body, 1_800_000_000, heads) {
            Ok(signature) => (200, "text/plain", format!("{signature}\n")),
            Err(WitnessError::Refused(refusal)) => {
                let (text, media) = refusal.body();
                (refusal.status(), media, text)
            }
            Err(WitnessError::Heads(never)) => match never {},
        }
    } else {
        (404, "text/plain", String::new())
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).expect("writes");
}

/// Every metric that the shipped alerting rules name is on `page`.
fn alert_on_metrics_that_exist(page: &str) {
    let rules = [
        include_str!("../../../../packaging/prometheus/plimsoll.rules.yml"),
        include_str!("../../../../docs/grafana/plimsoll-rules.yml"),
    ]
    .concat();
    let dashboard = include_str!("../../../../docs/grafana/plimsoll-monitoring.json");
    let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let drawn = dashboard.lines().filter(|line| line.contains("\"expr\""));
    let words = expressions.chain(drawn).flat_map(|line| {
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("plimsoll_"))
    });
    // What has no series yet is named by its type.
    let typed = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let samples = page.lines().filter_map(|line| line.split(['{', ' ']).next());
    let served: Vec<&str> = samples.chain(typed).collect();
    let named: Vec<&str> = words.collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(served.contains(&name), "no metric {name}: {page}");
    }
}

#[test]
fn a_witness_signs_what_is_published_and_receipts_carry_it() {
    let server = Server::dev().with_credit("durable");
    let key = (0..200)
        .map(|_| server.cli(&["ledger", "key"]))
        .find(|said| said.code == 0)
        .expect("a key")
        .ok();
    let (folder, _) = server.stop();
    let (vkey, url) = witness(key.trim());
    let policy = folder.path().join("witnesses.policy");
    let once = folder.path().join("once");
    std::fs::create_dir(&once).expect("make");
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).expect("make");
    let lines = format!("log {}\nwitness w {vkey} {url}\nquorum w\n", key.trim());
    std::fs::write(&policy, lines).expect("write");
    let settings = [
        format!("ledger.policy={}", text(&policy)),
        format!("ledger.checkpoint_folder={}", text(&once)),
        format!("ledger.copy={}", text(&copy)),
    ];
    let args = ["--dev", "--set", &settings[0], "--set", &settings[1], "--set", &settings[2]];
    let server = Server::start_in(folder, &args);
    let id = decide(&server);
    let receipt = server.folder.path().join("receipt.json");
    server.cli(&["decision", "receipt", &id, "-o", text(&receipt)]).ok();
    let report =
        offline(&["verify", "receipt", text(&receipt), "--policy", text(&policy), "--json"]);
    assert_eq!(report.json()["witnesses"][0]["name"], "w");
    let status = server.cli(&["status", "--json"]).json();
    let sinks = status["ledger"]["log"]["sinks"].as_array().expect("sinks").clone();
    assert_eq!(sinks.len(), 3);
    assert!(status["ledger"]["log"]["witnessed"].as_u64() > Some(0), "{status}");
    server.cli(&["sink", "add", "cases", "http://127.0.0.1:9/"]).ok();
    let sent = || get(server.metrics(), "/metrics", None).body.contains("plimsoll_sink_up{");
    assert!((0..500).any(|_| sent() || {
        std::thread::sleep(Duration::from_millis(10));
        false
    }));
    let page = get(server.metrics(), "/metrics", None).body;
    assert!(
        page.contains("plimsoll_ledger_sink_lag_entries") && page.contains("witness `w`"),
        "{page}"
    );
    alert_on_metrics_that_exist(&page);
    let data = server.data_folder();
    let (_kept, _) = server.stop();
    let verified = offline(&["ledger", "verify", "--data", text(&data), "--policy", text(&policy)]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(!verified.stderr.contains("not checked"), "{}", verified.stderr);
    assert!(std::fs::read_dir(&once).expect("list").next().is_some(), "a checkpoint was kept");
    // The copy is the log: its last checkpoint leads to its tiles, alone.
    let note = std::fs::read(copy.join("checkpoint")).expect("copied");
    let log: Vkey = key.trim().parse().expect("key");
    let head = Policy::of_log(log).accept(&note).expect("signed").checkpoint;
    let read = |tile: plimsoll_tlog::tile::TileId| std::fs::read(copy.join(tile.path()));
    plimsoll_tlog::Tiles::open(head.size, &head.root, read).expect("its edge is there");
}
