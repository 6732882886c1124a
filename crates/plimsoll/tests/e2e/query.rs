//! Decision tables: SQL through the command line and the API, with and without a server.

use crate::harness::{Said, Server, demo, post, requests};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The rows of JSON lines.
fn rows(said: Said) -> Vec<Value> {
    let text = said.ok();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn sent(request: &str, name: &str) -> Value {
    let request: Value = serde_json::from_str(request).expect("JSON");
    let inputs = request["inputs"].as_array().expect("inputs");
    let input = inputs.iter().find(|input| input["name"] == name);
    input.expect("there")["data"][0].clone()
}

fn offline(folder: &Path, has_keys: bool, args: &[&str]) -> Said {
    let mut command = Command::new(crate::harness::BINARY);
    command.args(args).arg("--data").arg(folder.join("data"));
    if has_keys {
        command.arg("--keys").arg(folder.join("keys"));
    }
    let output = command.output().expect("runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const LOOK: &str =
    "select age, income, customer_id, result from \"credit-default\" order by \"index\"";

#[test]
fn decisions_are_asked_with_sql_with_and_without_a_server() {
    let server = Server::dev().with_credit("durable");
    let bodies = requests();
    let (asked, refused) = (&bodies[..20], "{\"inputs\":[]}");
    for body in asked {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    assert_eq!(server.infer(refused, &[]).status, 400);
    let expected: Vec<Value> = asked.iter().map(|body| sent(body, "age")).collect();

    let found = rows(server.cli(&["query", LOOK, "--json"]));
    let ages: Vec<Value> = found.iter().take(20).map(|row| row["age"].clone()).collect();
    assert_eq!(ages, expected);
    assert_eq!((found.len(), &found[20]["result"]), (21, &Value::from("refused")));
    let counts = "select result, count(*) as n from decisions group by 1 order by 1";
    let table = server.cli(&["query", counts]).ok();
    assert_eq!(table, "result     n\nanswered  20\nrefused    1\n");

    // Of one person, by name.
    let name = sent(&asked[0], "customer_id");
    let name = name.as_str().expect("text");
    let mine = asked.iter().filter(|body| sent(body, "customer_id") == name).count();
    let sql = format!("select 1 as n from decisions where subject = subject('{name}')");
    assert_eq!(rows(server.cli(&["query", &sql, "--json"])).len(), mine);
    let listed = server.cli(&["decision", "list", "--subject", name, "--json"]).json();
    assert_eq!(listed["items"].as_array().expect("items").len(), mine);
    let nobody = server.cli(&["decision", "list", "--subject", "nobody", "--json"]).json();
    assert_eq!(nobody["items"].as_array().expect("items").len(), 0);

    // Into files.
    let folder = server.folder.path().to_owned();
    let file = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let csv = file("all.csv");
    server.cli(&["decision", "export", "--deployment", "credit-default", "-o", &csv]).ok();
    let text = std::fs::read_to_string(&csv).expect("written");
    assert_eq!(text.lines().count(), 22);
    assert!(text.lines().next().expect("head").starts_with("deployment,decision_id,index,row,"));
    let parquet = file("all.parquet");
    server.cli(&["decision", "export", "--deployment", "credit-default", "-o", &parquet]).ok();
    assert!(std::fs::read(&parquet).expect("written").starts_with(b"PAR1"));
    assert!(!Path::new(&format!("{parquet}.part")).exists());

    // What is wrong is told, and nothing of it is written.
    for (sql, code) in [("drop table decisions", 1), ("select * from nobody", 1), ("select", 1)] {
        let said = server.cli(&["query", sql, "-o", &file("wrong.json")]);
        assert_eq!(said.code, code, "{sql}: {}", said.stderr);
    }
    assert!(!folder.join("wrong.json").exists() && !folder.join("wrong.json.part").exists());
    let cut = server.cli(&["query", LOOK, "--limit", "3", "--format", "csv"]);
    assert_eq!(cut.stdout.lines().count(), 4);

    // How far files are behind is told.
    let page = crate::harness::get(server.metrics(), "/metrics", None).body;
    let told = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse::<u64>().expect("number")
    };
    assert_eq!(told("plimsoll_lake_entries "), 0, "so few wait for the end of their hour");
    assert!(told("plimsoll_lake_lag_entries ") >= 21);

    // That somebody asked is recorded; what they asked is nowhere.
    let events = server.cli(&["event", "list", "--action", "QueryDecisions", "--json"]).json();
    let events = events["items"].as_array().expect("items").clone();
    let ends: Vec<_> = events.iter().filter(|event| event["stage"] == "completed").collect();
    assert!(ends.iter().any(|event| event["payload"]["rows"] == 21), "{events:?}");
    assert!(events.iter().any(|event| event["stage"] == "failed"));
    let said = server.said();
    let (_kept, code) = server.stop();
    assert_eq!(code, Some(0));
    assert!(!said.contains(name) && !serde_json::to_string(&events).expect("JSON").contains(name));
    let plain = name.as_bytes();
    for path in files(&folder.join("data")) {
        let bytes = std::fs::read(&path).expect("read");
        assert!(!bytes.windows(plain.len()).any(|w| w == plain), "{}", path.display());
    }

    let found = rows(offline(&folder, true, &["query", LOOK, "--json"]));
    let ages: Vec<Value> = found.iter().take(20).map(|row| row["age"].clone()).collect();
    assert_eq!(ages, expected, "without a server");
    let said = Command::new(crate::harness::BINARY)
        .args(["lake", "rebuild", "--json", "--data"])
        .arg(folder.join("data"))
        .arg("--keys")
        .arg(folder.join("keys"))
        .output()
        .expect("runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let again = rows(offline(&folder, true, &["query", LOOK, "--json"]));
    assert_eq!(again, found, "made anew");
    let sealed = rows(offline(&folder, false, &["query", LOOK, "--json"]));
    assert_eq!(sealed.len(), 21);
    assert!(sealed.iter().all(|row| row["age"].is_null() && row["customer_id"].is_null()));
    let schema = offline(&folder, true, &["query", "--schema", "--json"]).json();
    let columns = schema["tables"][0]["columns"].as_array().expect("columns");
    let age = columns.iter().find(|column| column["name"] == "age").expect("age");
    assert_eq!((&age["role"], &age["is_sealed"]), (&"feature".into(), &true.into()));
}

/// SIGKILL at every rename, sync and removal of a derivation, one after the other, until one
/// comes through: after each, every decision is there once.
#[test]
fn killed_while_tables_are_made_no_decision_is_lost_or_doubled() {
    let server = Server::dev().with_credit("durable");
    for body in &requests()[..30] {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    let (folder, _) = server.stop();
    let folder = folder.path();
    let all = "select decision_id, \"index\", row, age from \"credit-default\" order by 2, 3";
    let look = ["query", all, "--json"];
    let whole = rows(offline(folder, true, &look));
    assert_eq!(whole.len(), 30);
    for calls in ["?rename,?renameat,?renameat2", "fsync,fdatasync", "?unlink,unlinkat"] {
        let mut killed = 0;
        loop {
            assert!(killed < 200, "{calls}: it never came through");
            let inject = format!("inject={calls}:signal=SIGKILL:when={}", killed + 1);
            let status = Command::new("strace")
                .args(["-f", "-q", "-o", "/dev/null", "-e", &inject])
                .args([crate::harness::BINARY, "lake", "rebuild", "--data"])
                .arg(folder.join("data"))
                .arg("--keys")
                .arg(folder.join("keys"))
                .output()
                .expect("runs")
                .status;
            assert_eq!(rows(offline(folder, true, &look)), whole, "{calls}: {killed} before");
            if status.success() {
                break;
            }
            killed += 1;
        }
        assert!(killed >= 2, "{calls}: killed {killed} times");
    }
    let tables = files(&folder.join("data/lake"));
    let made = tables.iter().filter(|path| path.extension().is_some_and(|e| e == "parquet"));
    assert_eq!(made.count(), 1, "{tables:?}");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).expect("list") {
        let path = item.expect("item").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn new_key(server: &Server, name: &str, role: &str, extra: &[&str]) -> String {
    server.cli(&["principal", "create", name, "--kind", "service", "--role", role]).ok();
    let mut args = vec!["key", "create", name, "--principal", name, "--json"];
    args.extend(extra);
    server.cli(&args).json()["secret"].as_str().expect("a secret").to_owned()
}

#[test]
fn who_may_read_what_is_decided_by_policy() {
    let server = Server::production();
    let author = new_key(&server, "ada", "ml-engineer", &[]);
    let approver = new_key(&server, "bob", "approver", &[]);
    let caller = new_key(&server, "shop", "caller", &[]);
    let auditor = new_key(&server, "eve", "auditor", &[]);
    let elsewhere = new_key(&server, "joe", "auditor", &["--scope", "elsewhere"]);
    let text = |path: &str| demo(path).to_str().expect("UTF-8").to_owned();
    let (model, contract) = (text("credit/model.json"), text("credit/contract.yaml"));
    server.cli_as(Some(&author), &["model", "add", "credit", &model]).ok();
    let create = ["deployment", "create", "credit-default", "--model", "credit", "--contract"];
    let create = [&create[..], &[&contract, "--environment", "staging"]].concat();
    server.cli_as(Some(&author), &create).ok();
    let release = ["deployment", "release", "credit-default", "--version", "1"];
    server.cli_as(Some(&approver), &release).ok();
    let auth = format!("Bearer {caller}");
    for body in &requests()[..5] {
        assert_eq!(server.infer(body, &[("authorization", &auth)]).status, 200);
    }

    let look = ["query", LOOK, "--json"];
    let open = rows(server.cli_as(Some(&auditor), &look));
    assert_eq!(open[0]["age"], sent(&requests()[0], "age"));
    let masked = rows(server.cli_as(Some(&author), &look));
    assert_eq!(masked.len(), 5);
    for row in &masked {
        assert_eq!(row["result"], "answered");
        assert!(["age", "income", "customer_id"].iter().all(|name| row[*name].is_null()), "{row}");
    }
    let mine = sent(&requests()[0], "customer_id");
    let search = ["decision", "list", "--subject", mine.as_str().expect("text"), "--json"];
    let count = |key| {
        let found = server.cli_as(Some(key), &search).json();
        found["items"].as_array().expect("items").len()
    };
    assert!(count(&auditor) > 0);
    assert_eq!((count(&author), count(&elsewhere)), (0, 0), "a name is not answered for either");
    let none = server.cli_as(Some(&elsewhere), &look);
    assert_eq!(none.code, 1, "there is no such table: {}", none.stdout);
    let all = ["query", "select count(*) as n from decisions", "--json"];
    assert_eq!(rows(server.cli_as(Some(&elsewhere), &all))[0]["n"], 0);
    for key in [&caller, &approver] {
        assert_eq!(server.cli_as(Some(key), &all).code, 2);
    }
}

#[test]
fn a_query_ends_when_its_caller_goes_or_its_time_is_over() {
    let server = Server::dev().with_credit("durable");
    for body in requests() {
        assert_eq!(server.infer(&body, &[]).status, 200);
    }
    let giant = "select count(*) as n from decisions a, decisions b, decisions c, decisions d, decisions e, decisions f";
    let said = server.cli(&["query", giant, "--timeout", "1s"]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stderr.contains("took longer"), "{}", said.stderr);
    // Callers who hang up at once, more of them than queries may run.
    let body = serde_json::json!({"sql": giant, "timeout_seconds": 600}).to_string();
    for _ in 0..8 {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(server.control()).expect("connects");
        let head = format!(
            "POST /api/v1/query HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sends");
        stream.write_all(body.as_bytes()).expect("sends");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let small = serde_json::json!({"sql": "select count(*) as n from decisions"}).to_string();
    let answered = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let answer = post(server.control(), "/api/v1/query", small.as_bytes(), &[]);
        answer.status == 200
    });
    assert!(answered, "the queries of callers who went still run");
    assert_eq!(server.infer(&requests()[0], &[]).status, 200);
}
