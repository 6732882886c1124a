//! Lineage through the command line: told by OpenLineage's own client and by a repository of the
//! real DVC; provenance that is signed; a run that is repeated; a server that is killed while
//! versions are registered.
//!
//! `PLIMSOLL_CRASH_ROUNDS` sets the rounds of the last (5 by default, 200 in `make soak`).

use crate::crash::setting;
use crate::harness::{Http, Server, demo, get, parse, post, request};
use plimsoll_ledger::LedgerReader;
use plimsoll_types::record::{ControlEvent, Kind, Stage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn edges(graph: &Value) -> Vec<String> {
    let edge = |e: &Value| {
        let part = |name: &str| e[name].as_str().expect("text").to_owned();
        format!("{} {} {}", part("from"), part("kind"), part("to"))
    };
    graph["edges"].as_array().expect("a list").iter().map(edge).collect()
}

fn run(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

#[test]
fn the_real_openlineage_client_is_understood() {
    let server = Server::dev().with_credit("durable");
    let python = root().join(".venv/lineage/bin/python");
    assert!(python.exists(), "run `make tools-test` first: there is no {}", python.display());
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("loans.csv");
    std::fs::write(&table, "income\n1\n2\n").expect("written");
    let made = server.cli(&["dataset", "register", "loans", &text(&table), "--json"]).json();
    let read = made["manifest"]["files"][0]["digest"].as_str().expect("a digest").to_owned();
    let version = server.cli(&["model", "show", "credit", "--version", "1", "--json"]).json();
    let model = version["files"][0]["digest"].as_str().expect("a digest").to_owned();
    let script = root().join("tools/lineage/produce.py");
    let url = format!("http://{}", server.control());
    let id = run(&python, &[&text(&script), &url, "-", &read, &model]);

    let body = &crate::harness::requests()[0];
    let answer = server.infer(body, &[]);
    let decision = answer.header("plimsoll-decision-id").expect("an id").to_owned();
    let graph = server.cli(&["lineage", "loans/1", "--json"]).json();
    assert_eq!(
        edges(&graph),
        [
            format!("dataset:loans/1 read run:{id}"),
            format!("run:{id} made model:credit/1"),
            "model:credit/1 released deployment:credit-default".to_owned(),
            format!("deployment:credit-default decided decision:{decision}"),
        ]
    );
    // From the decision back to what it all came from, by the kinds' names alone.
    let graph = server.cli(&["lineage", &decision, "--up", "--json"]).json();
    let found = edges(&graph);
    assert!(found.contains(&format!("model:credit/1 decided decision:{decision}")), "{found:?}");
    assert!(found.contains(&format!("source:postgres://db:5432#public.regions read run:{id}")));
    let run_node = graph["nodes"].as_array().expect("nodes").iter();
    let run_node = run_node.clone().find(|n| n["id"] == format!("run:{id}")).expect("the run");
    assert_eq!(run_node["facts"]["commit"], "c0ffee");
    assert_eq!(run_node["label"], "airflow/credit.train");

    let tree = server.cli(&["lineage", "credit/1"]).ok();
    assert!(tree.starts_with("model:credit/1\ncame from\n  made     run:"), "{tree}");
    let dot = server.cli(&["lineage", "credit/1", "--format", "dot"]).ok();
    assert!(dot.starts_with("digraph lineage {"), "{dot}");
    let svg = folder.path().join("lineage.svg");
    server.cli(&["lineage", "credit/1", "--format", "svg", "-o", &text(&svg)]).ok();
    let svg = std::fs::read_to_string(svg).expect("written");
    assert!(svg.starts_with("<svg ") && svg.contains("model:credit/1"), "{svg}");
    assert_eq!(server.cli(&["lineage", "nothing/1"]).code, 1);

    // Decisions come in pages.
    for body in crate::harness::requests().iter().take(5) {
        server.infer(body, &[]);
    }
    let path = "/api/v1/lineage/deployment/credit-default?direction=down&decisions=4";
    let page = get(server.control(), path, None).json();
    assert_eq!((page["edges"].as_array().map(Vec::len), &page["is_cut"]), (Some(4), &true.into()));
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = get(server.control(), &format!("{path}&cursor={cursor}"), None).json();
    assert_eq!(rest["edges"].as_array().map(Vec::len), Some(2));
    let wrong = post(server.control(), "/api/v1/lineage", b"{\"eventType\": 1}", &[]);
    assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some("event")));
}

#[test]
fn a_repository_of_the_real_dvc_gives_exact_lineage() {
    let server = Server::dev();
    let dvc = root().join(".venv/dvc/bin");
    assert!(dvc.join("dvc").exists(), "run `make tools-test` first: there is no {}", dvc.display());
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new(root().join("tools/dvc/repo.sh"))
        .arg(folder.path())
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", text(&dvc)))
        .output()
        .expect("a shell runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let repo = folder.path().join("repo");
    for (name, file) in [("loans", "data/loans.csv.dvc"), ("raw", "raw.dvc")] {
        server.cli(&["dataset", "register", name, "--dvc", &text(&repo.join(file))]).ok();
    }
    let import = ["run", "import-dvc", &text(&repo), "--namespace", "credit", "--json"];
    let told = server.cli(&import).json();
    let runs: BTreeMap<&str, &str> = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["stage"].as_str().expect("text"), one["run"].as_str().expect("text")))
        .collect();
    let stages: Vec<_> = runs.keys().copied().collect();
    assert_eq!(stages, ["evaluate@a", "evaluate@b", "prepare", "train"]);
    let sum = |path: &str| run("sha256sum", &[&text(&repo.join(path))])[..64].to_owned();
    let (prepared, model) = (sum("prepared.csv"), sum("model.json"));
    let mut expected = vec![
        format!("dataset:loans/1 read run:{}", runs["prepare"]),
        format!("dataset:raw/1 read run:{}", runs["prepare"]),
        format!("run:{} made artifact:{prepared}", runs["prepare"]),
        format!("artifact:{prepared} read run:{}", runs["train"]),
        format!("run:{} made artifact:{model}", runs["train"]),
        // The stage `prepare` copies: what it makes is the dataset's own file, to the byte.
        format!("artifact:{prepared} part dataset:loans/1"),
        format!("artifact:{prepared} read run:{}", runs["prepare"]),
        format!("dataset:loans/1 read run:{}", runs["train"]),
        format!("run:{} made dataset:loans/1", runs["prepare"]),
    ];
    for item in ["a", "b"] {
        let run = runs[format!("evaluate@{item}").as_str()];
        let metrics = sum(&format!("metrics-{item}.json"));
        expected.push(format!("artifact:{model} read run:{run}"));
        expected.push(format!("run:{run} made artifact:{metrics}"));
    }
    // Both metrics have the same bytes: one artifact.
    expected.sort();
    expected.dedup();
    let mut found =
        edges(&server.cli(&["lineage", &format!("artifact:{prepared}"), "--json"]).json());
    found.sort();
    assert_eq!(found, expected);
    let head = run("git", &["-C", &text(&repo), "rev-parse", "HEAD"]);
    let train = server.cli(&["lineage", &format!("run:{}", runs["train"]), "--json"]).json();
    let node = &train["nodes"][0];
    assert_eq!(node["facts"]["commit"], head.as_str());
    let parameters = &node["facts"]["facets"]["run"]["plimsoll_parameters"]["parameters"];
    assert_eq!(parameters["params.yaml:train.depth"], 3);
    // Told again it is the same; run on other bytes it is another run.
    assert_eq!(server.cli(&import).json(), told);
    std::fs::write(repo.join("prepared.csv"), "changed behind DVC's back").expect("written");
    let again = server.cli(&import).json();
    assert_ne!(again, told);
}

#[test]
fn a_version_says_what_it_is_and_how_it_was_made() {
    let server = Server::dev().with_credit("durable");
    let folder = tempfile::tempdir().expect("a folder");
    let set = ["model", "card", "set", "credit/1", "--developer", "ann", "--licence", "MIT"];
    server.cli(&set).ok();
    let shown = server.cli(&["model", "card", "show", "credit/1"]).ok();
    assert!(shown.contains("ann") && shown.contains("credit-default"), "{shown}");
    let other = ["model", "card", "set", "credit/1", "--developer", "ben"];
    assert_eq!(server.cli(&other).code, 1);
    let key = folder.path().join("key.pem");
    let (public, out) = (folder.path().join("key.pub"), folder.path().join("provenance.json"));
    run("openssl", &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &text(&key)]);
    run("openssl", &["ec", "-in", &text(&key), "-pubout", "-out", &text(&public)]);
    for bom in [false, true] {
        let (key, out, public) = (text(&key), text(&out), text(&public));
        let mut sign = vec!["model", "provenance", "credit/1", "--signing-key", &key, "-o", &out];
        sign.extend(bom.then_some("--bom"));
        server.cli(&sign).ok();
        let verify = ["model", "verify-provenance", &out, "--public-key", &public];
        let statement = server.cli(&verify).json();
        let kind = if bom { "https://cyclonedx.org/bom" } else { "https://slsa.dev/provenance/v1" };
        assert_eq!(statement["predicateType"], kind);
        let mut envelope: Value =
            serde_json::from_slice(&std::fs::read(&out).expect("there")).expect("JSON");
        let payload = envelope["payload"].as_str().expect("text").replacen('e', "f", 1);
        envelope["payload"] = payload.into();
        std::fs::write(&out, envelope.to_string()).expect("written");
        assert_eq!(server.cli(&verify).code, 3);
    }
    let archive = ["model", "archive", "credit/1", "--reason", "old"];
    assert_eq!(server.cli(&archive).code, 1, "it answers");
}

const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";

fn mlflow(server: &Server, path: &str, body: &Value) -> Value {
    let path = format!("/api/2.0/mlflow/{path}");
    let answer = post(server.control(), &path, body.to_string().as_bytes(), &[]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

fn put(server: &Server, path: &str, body: &[u8]) {
    let answer = request(server.control(), "PUT", &format!("{PROXY}/{path}"), body, &[]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
}

#[test]
fn a_run_is_repeated_in_a_clean_folder_and_compared() {
    let server = Server::dev();
    let made = mlflow(&server, "runs/create", &json!({"experiment_id": "0"}));
    let id = made["run"]["info"]["run_id"].as_str().expect("an id").to_owned();
    let metric = json!({"run_id": id, "key": "auc", "value": 0.75, "timestamp": 1, "step": 0});
    mlflow(&server, "runs/log-metric", &metric);
    put(
        &server,
        &format!("0/{id}/artifacts/train.sh"),
        b"tr a-z A-Z < in.txt > out/model.txt\n\
        echo '{\"auc\": 0.751}' > metrics.json\n",
    );
    put(&server, &format!("0/{id}/artifacts/in.txt"), b"loans");
    let digest = run("sh", &["-c", "printf LOANS | sha256sum"])[..64].to_owned();
    let declare = |digest: &str, tolerance: f64| {
        let declared = json!({
            "command": ["sh", "-c", "mkdir out && sh train.sh"],
            "inputs": [{"path": "train.sh", "artifact": "train.sh"},
                       {"path": "in.txt", "artifact": "in.txt"}],
            "outputs": [{"path": "out/model.txt", "digest": digest}],
            "metrics": {"file": "metrics.json", "tolerance": {"auc": tolerance}},
        });
        put(
            &server,
            &format!("0/{id}/artifacts/plimsoll-run.json"),
            declared.to_string().as_bytes(),
        );
    };
    let reproduce = ["run", "reproduce", &id, "--yes", "--json"];
    assert_eq!(server.cli(&reproduce).code, 1, "nothing is declared");
    declare(&digest, 0.01);
    let asked = server.cli(&reproduce[..3]);
    assert!(asked.code == 1 && asked.stderr.contains("--yes"), "{}", asked.stderr);
    let said = server.cli(&reproduce);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let compared: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(compared["is_reproduced"], true);
    declare(&digest, 0.0001);
    assert_eq!(server.cli(&reproduce).code, 2, "the metric is out of its tolerance");
    declare(&"0".repeat(64), 0.01);
    assert_eq!(server.cli(&reproduce).code, 2, "another digest");
}

/// xorshift64*, as in `crash.rs`.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// One request to a server that may die meanwhile.
fn attempt(
    server: (std::net::SocketAddr, &AtomicBool),
    verb: &str,
    path: &str,
    body: &[u8],
) -> Option<Http> {
    let (to, stop) = server;
    if stop.load(Ordering::Relaxed) {
        return None;
    }
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let head = format!(
        "{verb} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    parse(&String::from_utf8_lossy(&answer))
}

/// What the registry acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// Files under MLflow's paths.
    files: Vec<(String, usize)>,
    /// Catalogued versions: the number and the folder.
    versions: Vec<(String, String)>,
    /// Where the alias pointed last, as far as was heard, and where it was sent after that.
    alias: (Option<String>, Option<String>),
    /// Governed versions.
    governed: u64,
}

/// Uploads, registers, moves an alias and adopts until the server dies.
fn register_until_death(
    to: std::net::SocketAddr,
    stop: &AtomicBool,
    round: u64,
    heard: &Mutex<Acknowledged>,
) {
    let model = std::fs::read(demo("credit/model.json")).expect("committed");
    let filling = vec![b'x'; 3 << 20];
    for n in 0.. {
        let folder = format!("1/models/m-{round}-{n}/artifacts");
        let call = |verb: &str, path: &str, body: &[u8]| attempt((to, stop), verb, path, body);
        for (name, bytes) in [("model.json", &model), ("notes.txt", &filling)] {
            let mut bytes = bytes.clone();
            if name == "model.json" {
                // Other files each time: JSON may end with spaces.
                bytes.extend(vec![b' '; usize::try_from(round * 1_000 + n).expect("small")]);
            }
            let path = format!("{folder}/{name}");
            match call("PUT", &format!("{PROXY}/{path}"), &bytes) {
                Some(answer) if answer.status == 200 => {
                    heard.lock().expect("fine").files.push((path, bytes.len()));
                }
                _ => return,
            }
        }
        let wanted = json!({"name": "crash", "source": format!("mlflow-artifacts:/{folder}")});
        let Some(answer) =
            call("POST", "/api/2.0/mlflow/model-versions/create", wanted.to_string().as_bytes())
        else {
            return;
        };
        assert_eq!(answer.status, 200, "{}", answer.body);
        let number = answer.json()["model_version"]["version"].as_str().expect("text").to_owned();
        heard.lock().expect("fine").versions.push((number.clone(), folder));
        heard.lock().expect("fine").alias.1 = Some(number.clone());
        let alias = json!({"name": "crash", "alias": "latest-one", "version": number});
        let path = "/api/2.0/mlflow/registered-models/alias";
        let Some(answer) = call("POST", path, alias.to_string().as_bytes()) else { return };
        assert_eq!(answer.status, 200, "{}", answer.body);
        heard.lock().expect("fine").alias = (Some(number.clone()), None);
        let path = format!("/api/v1/models/crash/versions/{number}/adopt");
        let body = json!({"file": "model.json"}).to_string();
        let Some(answer) = call("POST", &path, body.as_bytes()) else { return };
        assert_eq!(answer.status, 201, "{}", answer.body);
        heard.lock().expect("fine").governed += 1;
    }
}

/// Versions that are looked at whole after each death: those of some rounds.
const RECENT: usize = 20;

/// Everything that was acknowledged is there and whole; nothing is there in part.
fn is_whole(server: &Server, heard: &Acknowledged, what: &str) {
    for (path, size) in &heard.files {
        let got = request(server.control(), "GET", &format!("{PROXY}/{path}"), b"", &[]);
        assert_eq!((got.status, got.body.len()), (200, *size), "{what}: {path}");
    }
    let found =
        get(server.control(), "/api/2.0/mlflow/model-versions/search?max_results=10000", None);
    let found = found.json();
    let empty = Vec::new();
    let versions: BTreeMap<u32, String> = found["model_versions"]
        .as_array()
        .unwrap_or(&empty)
        .iter()
        .map(|v| {
            let source =
                v["source"].as_str().expect("text").trim_start_matches("mlflow-artifacts:/");
            let number = v["version"].as_str().expect("text").parse().expect("a number");
            (number, source.to_owned())
        })
        .collect();
    for (number, folder) in &heard.versions {
        let number: u32 = number.parse().expect("a number");
        assert_eq!(versions.get(&number), Some(folder), "{what}: version {number}");
    }
    // Also what was not heard of any more: whoever sees it gets all of it, and cannot change it.
    for (number, folder) in versions.iter().rev().take(RECENT) {
        for name in ["model.json", "notes.txt"] {
            let path = format!("{PROXY}/{folder}/{name}");
            let got = request(server.control(), "GET", &path, b"", &[]);
            assert_eq!(got.status, 200, "{what}: {name} of version {number}");
            assert!(got.header("content-length").is_some_and(|n| n == got.body.len().to_string()));
            let over = request(server.control(), "PUT", &path, b"evil", &[]);
            assert_eq!(over.status, 409, "{what}: {name} of version {number} is protected");
        }
    }
    let alias = "/api/2.0/mlflow/registered-models/alias?name=crash&alias=latest-one";
    let at = get(server.control(), alias, None);
    if at.status == 200 {
        let at = at.json()["model_version"]["version"].as_str().map(str::to_owned);
        assert!(at == heard.alias.0 || at == heard.alias.1, "{what}: the alias points to {at:?}");
    } else {
        assert_eq!(heard.alias.0, None, "{what}: {}", at.body);
    }
}

/// Every intent has one end, every change that ended well is in the store and no other is.
fn agrees(folder: &Path, adopted: u64, what: &str) {
    let reader =
        LedgerReader::open(&folder.join("data"), Some(&folder.join("keys"))).expect("opens");
    reader.verify().expect("the chain holds");
    let mut open = BTreeMap::new();
    let (mut registered, mut governed) = (0u64, 0u64);
    for entry in reader.entries(0) {
        let entry = entry.expect("reads");
        if entry.leaf.draft.kind != Kind::ControlEvent {
            continue;
        }
        let event = ControlEvent::decode(&reader.open_body(&entry).expect("opens")).expect("reads");
        match (event.stage, event.intent) {
            (Stage::Intent, _) => drop(open.insert(entry.leaf.draft.id, event)),
            (stage, Some(intent)) => {
                let begun = open.remove(intent.as_bytes()).expect("an end has one beginning");
                let is_made = u64::from(stage == Stage::Completed);
                match &*begun.action {
                    "AddCataloguedVersion" => registered += is_made,
                    "AdoptCatalogued" => governed += is_made,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{what}: an intent has no end");
    let store =
        plimsoll_store::Store::open(&folder.join("data/plimsoll.db"), plimsoll_types::Time::EPOCH)
            .expect("opens");
    let highest = store.read(|r| r.highest_number("crash")).expect("reads");
    assert_eq!(u64::from(highest), registered, "{what}: versions of the ledger and of the store");
    let kept = store
        .read(|r| {
            let Some(model) = r.model_named("crash")? else { return Ok(0) };
            Ok::<_, plimsoll_store::StoreError>(r.versions(model.id, None, 1_000)?.len())
        })
        .expect("reads");
    assert_eq!(u64::try_from(kept).expect("small"), governed, "{what}: governed versions");
    assert!(governed >= adopted, "{what}: an acknowledged one is missing");
}

#[test]
fn killed_while_versions_are_registered_nothing_is_half_there() {
    let rounds = setting("PLIMSOLL_CRASH_ROUNDS", 5);
    let seed = setting("PLIMSOLL_CRASH_SEED", 3);
    let mut state = seed | 1;
    let mut server = Server::dev();
    mlflow(&server, "registered-models/create", &json!({"name": "crash"}));
    let heard = Arc::new(Mutex::new(Acknowledged::default()));
    let (mut adopted, mut versions) = (0, 0);
    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (heard, stop, to) = (Arc::clone(&heard), Arc::clone(&stop), server.control());
            std::thread::spawn(move || register_until_death(to, &stop, round, &heard))
        };
        std::thread::sleep(Duration::from_millis(50 + next(&mut state) % 700));
        let folder = server.kill();
        stop.store(true, Ordering::Relaxed);
        thread.join().expect("no wrong answer");
        server = Server::start_in(folder, &["--dev"]);
        let mut heard = heard.lock().expect("fine");
        is_whole(&server, &heard, &format!("round {round} of seed {seed}"));
        adopted += heard.governed;
        versions += heard.versions.len();
        let at = get(
            server.control(),
            "/api/2.0/mlflow/registered-models/alias?name=crash&alias=latest-one",
            None,
        );
        let at = (at.status == 200)
            .then(|| at.json()["model_version"]["version"].as_str().map(str::to_owned))
            .flatten();
        *heard = Acknowledged { alias: (at, None), ..Acknowledged::default() };
    }
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    assert!(versions > 0, "nothing was registered in {rounds} rounds");
    agrees(folder.path(), adopted, &format!("{rounds} rounds of seed {seed}"));
}
