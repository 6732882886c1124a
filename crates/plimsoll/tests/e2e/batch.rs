//! Batch jobs: every row recorded once, whatever the moment the process dies at; refused rows in
//! the result; callers and their rights.

use crate::harness::{Server, get, requests};
use plimsoll_ledger::LedgerReader;
use plimsoll_table::{ColumnData, Limits, Table, TableReader};
use plimsoll_types::record::{DecisionBody, Kind, ResultClass};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The demo's requests as rows: names, and the values of each.
fn rows() -> (Vec<String>, Vec<Vec<Value>>) {
    let mut names = Vec::new();
    let mut rows = Vec::new();
    for request in requests() {
        let request: Value = serde_json::from_str(&request).expect("JSON");
        let inputs = request["inputs"].as_array().expect("tensors");
        names = inputs.iter().map(|i| i["name"].as_str().expect("a name").to_owned()).collect();
        let count = inputs[0]["data"].as_array().expect("data").len();
        rows.extend((0..count).map(|row| inputs.iter().map(|i| i["data"][row].clone()).collect()));
    }
    (names, rows)
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A CSV file of `count` rows with a column that the contract does not name, and ages out of range
/// in every row whose number `breaks` says.
pub(crate) fn csv(path: &Path, count: usize, breaks: impl Fn(usize) -> bool) {
    let (names, rows) = rows();
    let age = names.iter().position(|name| name == "age").expect("there");
    let mut text = format!("loan,{}\n", names.join(","));
    for n in 0..count {
        let mut fields: Vec<String> = rows[n % rows.len()].iter().map(field).collect();
        if breaks(n) {
            fields[age] = if n.is_multiple_of(2) { "400".into() } else { "old".into() };
        }
        text.push_str(&format!("L{n},{}\n", fields.join(",")));
    }
    std::fs::write(path, text).expect("writes");
}

fn read(path: &Path) -> Table {
    plimsoll_table::read(path, &Limits::default(), None).expect("reads")
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    match &table.column(name).unwrap_or_else(|| panic!("no {name}")).data {
        ColumnData::Text(values) => {
            values.iter().map(|v| v.as_deref().unwrap_or_default().to_owned()).collect()
        }
        ColumnData::Number(values) => values.iter().map(ToString::to_string).collect(),
        ColumnData::Integer(values) => {
            values.iter().map(|v| v.map(|n| n.to_string()).unwrap_or_default()).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn path(server: &Server, name: &str) -> PathBuf {
    server.folder.path().join(name)
}

pub(crate) fn score(server: &Server, input: &Path, output: &Path, more: &[&str]) -> Value {
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (input, output) = (text(input), text(output));
    let mut args = vec!["batch", "score", "-d", "credit-default", &input, "-o", &output, "--json"];
    args.extend_from_slice(more);
    server.cli(&args).json()
}

/// Answered, refused and failed completions of the ledger, by decision id.
fn completions(data: &Path, keys: &Path) -> HashMap<String, (ResultClass, Option<f64>)> {
    let reader = LedgerReader::open(data, Some(keys)).expect("opens");
    reader.verify().expect("the chain holds");
    let mut found = HashMap::new();
    for entry in reader.entries(0) {
        let entry = entry.expect("reads");
        let draft = &entry.leaf.draft;
        if draft.kind != Kind::Decision {
            continue;
        }
        let body =
            reader.open_body(&entry).ok().map(|body| DecisionBody::decode(&body).expect("a body"));
        let output = body.and_then(|body| body.outputs.first().map(|(_, _, values)| values[0]));
        let id = plimsoll_types::DecisionId::from_bytes(draft.id).to_string();
        let before = found.insert(id.clone(), (draft.result.expect("ended"), output));
        assert!(before.is_none(), "{id} has two completions");
    }
    found
}

#[test]
fn every_row_is_recorded_and_refused_rows_stand_in_the_result() {
    let server = Server::dev().with_credit("durable");
    let (input, output) = (path(&server, "in.csv"), path(&server, "out.parquet"));
    csv(&input, 1_000, |n| n % 10 == 3 || n % 50 == 4);
    // The contract has no field `loan`.
    let refused = server.cli(&[
        "batch",
        "score",
        "-d",
        "credit-default",
        input.to_str().expect("UTF-8"),
        "-o",
        "x.csv",
    ]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("`loan`"), "{}", refused.stderr);
    let batch = score(&server, &input, &output, &["--keep", "loan"]);
    assert_eq!((&batch["state"], &batch["rows"]), (&"done".into(), &1_000.into()));
    assert_eq!(batch["refused"], 120);
    let table = read(&output);
    assert_eq!(table.rows, 1_000);
    let (ids, results) = (texts(&table, "decision_id"), texts(&table, "result"));
    let (loans, codes) = (texts(&table, "loan"), texts(&table, "code"));
    let (fields, probabilities) = (texts(&table, "field"), texts(&table, "probability"));
    for n in 0..1_000 {
        assert_eq!(loans[n], format!("L{n}"));
        let breaks = n % 10 == 3 || n % 50 == 4;
        assert_eq!(results[n], if breaks { "refused" } else { "answered" }, "row {n}");
        if breaks {
            let code = if n.is_multiple_of(2) { "out_of_range" } else { "wrong_kind" };
            assert_eq!((codes[n].as_str(), fields[n].as_str()), (code, "age"), "row {n}");
        }
    }
    // The same row asked over the wire gives the same number.
    let answer = server.infer(&requests()[0], &[]).json();
    let asked: f64 = answer["outputs"][0]["data"][0].as_f64().expect("a number");
    let scored: f64 = probabilities[0].parse().expect("a number");
    assert!((asked - scored).abs() < 1e-7, "{asked} {scored}");
    let shown = server.cli(&["decision", "show", &ids[0], "--json"]).json();
    assert_eq!(shown["summary"]["deployment"], "credit-default");
    let (data, keys) = (server.data_folder(), server.keys_folder());
    let (_folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let found = completions(&data, &keys);
    assert_eq!(found.len(), 1_001);
    for n in 0..1_000 {
        let (result, output) = &found[&ids[n]];
        assert_eq!(result.as_str(), results[n]);
        if let Some(output) = output {
            assert_eq!(output.to_bits(), probabilities[n].parse::<f64>().expect("f64").to_bits());
        }
    }
}

#[test]
fn the_three_formats_say_the_same() {
    let server = Server::dev().with_credit("durable");
    let (names, rows) = rows();
    let (lines, table) = (path(&server, "in.jsonl"), path(&server, "in.csv"));
    csv(&table, rows.len(), |_| false);
    let text: String = rows
        .iter()
        .map(|row| {
            let object: serde_json::Map<String, Value> =
                names.iter().cloned().zip(row.iter().cloned()).collect();
            format!("{}\n", Value::Object(object))
        })
        .collect();
    std::fs::write(&lines, text + "{\"age\": 1}\nnot json\n").expect("writes");
    let from_lines = path(&server, "a.parquet");
    let batch = score(&server, &lines, &from_lines, &[]);
    assert_eq!(batch["refused"], 2, "{batch}");
    let from_csv = path(&server, "b.parquet");
    score(&server, &table, &from_csv, &["--keep", "loan"]);
    let (a, b) = (read(&from_lines), read(&from_csv));
    let probabilities = |table: &Table| texts(table, "probability")[..rows.len()].to_vec();
    assert_eq!(probabilities(&a), probabilities(&b));
    // A Parquet file goes in too: a result with its own columns kept and none asked is refused.
    let output = path(&server, "c.jsonl");
    let said = server.cli(&[
        "batch",
        "score",
        "-d",
        "credit-default",
        from_csv.to_str().expect("UTF-8"),
        "-o",
        output.to_str().expect("UTF-8"),
    ]);
    assert_eq!(said.code, 1);
    let list = server.cli(&["batch", "list", "--json"]).json();
    assert_eq!(list["items"].as_array().expect("items").len(), 2);
}

/// xorshift64*.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

fn killed_again_and_again(mode: &str, rows: usize, rounds: u32, seed: u64) {
    let mut server = Server::dev().with_credit(mode);
    let (input, output) = (path(&server, "in.csv"), path(&server, "out.parquet"));
    csv(&input, rows, |n| n % 7 == 5);
    let text = input.to_str().expect("UTF-8").to_owned();
    let out = output.to_str().expect("UTF-8").to_owned();
    let args = ["batch", "score", "-d", "credit-default", &text, "--keep", "loan", "-o", &out];
    let begun = server.cli(&[&args[..], &["--no-wait", "--json"]].concat()).json();
    let id = begun["id"].as_str().expect("an id").to_owned();
    let mut state = seed | 1;
    let mut killed_running = 0;
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_millis(20 + next(&mut state) % 250));
        let shown = server.cli(&["batch", "show", &id, "--json"]).json();
        killed_running += u32::from(shown["state"] == "running");
        let folder = server.kill();
        server = Server::start_in(folder, &["--dev"]);
    }
    let other = server.cli(&["batch", "resume", &id, "-o", "result.csv"]);
    assert!(other.code == 1 && other.stderr.contains("parquet"), "{}", other.stderr);
    let batch = server.cli(&["batch", "resume", &id, "-o", &out, "--json"]).json();
    assert_eq!((&batch["state"], &batch["rows"]), (&"done".into(), &rows.into()), "seed {seed}");
    assert!(killed_running > 0, "seed {seed}: the job was never killed while it ran");
    let table = read(&output);
    let (data, keys) = (server.data_folder(), server.keys_folder());
    let (_folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let found = completions(&data, &keys);
    assert_eq!((table.rows, found.len()), (rows, rows), "seed {seed}");
    let (ids, results) = (texts(&table, "decision_id"), texts(&table, "result"));
    let (loans, probabilities) = (texts(&table, "loan"), texts(&table, "probability"));
    for n in 0..rows {
        assert_eq!(loans[n], format!("L{n}"));
        let (result, output) = found.get(&ids[n]).unwrap_or_else(|| panic!("seed {seed}: row {n}"));
        assert_eq!(result.as_str(), results[n], "seed {seed}: row {n}");
        if *result == ResultClass::Answered {
            let output = output.expect("an answer has outputs");
            let told: f64 = probabilities[n].parse().expect("f64");
            assert_eq!(output.to_bits(), told.to_bits(), "seed {seed}: row {n}");
        }
    }
}

#[test]
fn killed_at_any_moment_a_job_records_and_tells_every_row_once() {
    for seed in 1..=3 {
        killed_again_and_again("durable", 150_000, 5, seed);
    }
}

#[test]
fn killed_in_mode_strict_no_intent_stays_open() {
    killed_again_and_again("strict", 20_000, 4, 9);
}

#[test]
fn a_job_is_cancelled_and_belongs_to_who_began_it() {
    let server = Server::dev().with_credit("durable");
    let input = path(&server, "in.csv");
    csv(&input, 400_000, |_| false);
    let text = input.to_str().expect("UTF-8").to_owned();
    let begun = server
        .cli(&[
            "batch",
            "score",
            "-d",
            "credit-default",
            &text,
            "--keep",
            "loan",
            "--no-wait",
            "--json",
        ])
        .json();
    let id = begun["id"].as_str().expect("an id");
    // Nothing of the file can be read on the disk.
    let sealed = std::fs::read(server.data_folder().join("batches").join(id).join("input"));
    let sealed = sealed.expect("kept");
    assert!(!sealed.windows(7).any(|window| window == b"student"));
    let cancelled = server.cli(&["batch", "cancel", id, "--json"]).json();
    assert_eq!(cancelled["state"], "cancelled");
    let again = server.cli(&["batch", "cancel", id]);
    assert_eq!(again.code, 1, "{}", again.stderr);
    assert_eq!(server.cli(&["batch", "resume", id]).code, 2);
    assert_eq!(get(server.control(), &format!("/api/v1/batches/{id}/result"), None).status, 409);
    // The next job runs: the one before has stopped.
    let (small, output) = (path(&server, "small.csv"), path(&server, "small-out.csv"));
    csv(&small, 10, |_| false);
    let batch = score(&server, &small, &output, &["--keep", "loan"]);
    assert_eq!(batch["rows"], 10);
    let reader = TableReader::open(&output, &Limits::default(), None).expect("opens");
    assert!(reader.schema().iter().any(|column| column.name == "probability"));
}

#[test]
fn a_job_waits_when_the_rows_of_the_day_are_used_up() {
    let server = Server::dev().with_credit("durable");
    let input = path(&server, "in.csv");
    csv(&input, 3_000, |_| false);
    let text = input.to_str().expect("UTF-8").to_owned();
    let limit = |rows: &str| {
        server.cli(&["limit", "set", "deployment:credit-default", "--rows-per-day", rows]).ok();
    };
    limit("1000");
    let begin =
        ["batch", "score", "-d", "credit-default", &text, "--keep", "loan", "--no-wait", "--json"];
    let begun = server.cli(&begin).json();
    let id = begun["id"].as_str().expect("an id").to_owned();
    let show = || server.cli(&["batch", "show", &id, "--json"]).json();
    let until = |what: &str, is_so: &dyn Fn(&Value) -> bool| {
        for _ in 0..600 {
            let batch = show();
            if is_so(&batch) {
                return batch;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{what}: {}", show());
    };
    let waits = until("it does not wait", &|batch| batch.to_string().contains("is used up"));
    assert_eq!(waits["state"], "running", "{waits}");
    // Requests find the same rows used.
    let body = crate::harness::requests()[0].clone();
    assert_eq!(server.infer(&body, &[]).status, 429);
    limit("100000");
    until("it does not go on", &|batch| batch["state"] == "done");
    let told = completions(&server.data_folder(), &server.folder.path().join("keys"));
    assert_eq!(told.values().filter(|(result, _)| *result == ResultClass::Answered).count(), 3_000);
}
