//! Models of every other format, registered and served: what is asked as texts and numbers is
//! answered as the framework answers.
//!
//! The models are made by `formats/make.py`.

use crate::harness::{Server, get, post};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/formats").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Registers a model, deploys it, and gives its version's facts.
fn deploy(server: &Server, name: &str, model: &Path, contract: &Path) -> Value {
    let said = server.cli(&["contract", "check", text(contract), "--model", text(model)]);
    said.ok();
    let added = server.cli(&["model", "add", name, text(model), "--json"]).json();
    let arguments = ["deployment", "create", name, "--model", name, "--version", "1", "--contract"];
    let more = [text(contract), "--environment", "development", "--mode", "durable"];
    let arguments: Vec<&str> = arguments.iter().chain(&more).copied().collect();
    server.cli(&arguments).ok();
    added
}

/// A request of one row.
fn body(row: &Value) -> String {
    let inputs: Vec<Value> = row
        .as_object()
        .expect("a row")
        .iter()
        .map(|(name, value)| {
            let datatype = if value.is_string() { "BYTES" } else { "FP64" };
            json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]})
        })
        .collect();
    json!({"inputs": inputs}).to_string()
}

fn ask(server: &Server, deployment: &str, row: &Value) -> (u16, Value) {
    let path = format!("/v2/models/{deployment}/infer");
    let answer = post(server.address(), &path, body(row).as_bytes(), &[]);
    (answer.status, answer.json())
}

fn expected() -> Value {
    let text = std::fs::read_to_string(file("expected.json")).expect("committed");
    serde_json::from_str(&text).expect("JSON")
}

/// Name, model, contract, format as manifests name it, datatype of the answer, largest difference.
const MODELS: [(&str, &str, &str, &str, &str, f64); 3] = [
    ("boosted", "lightgbm.txt", "lightgbm.yaml", "LightGBM text", "FP64", 0.0),
    ("pipeline", "sklearn.json", "sklearn.yaml", "scikit-learn JSON", "FP64", 1e-14),
    ("graph", "model.onnx", "model.yaml", "ONNX", "FP32", 1e-6),
];

#[test]
fn models_of_every_format_are_served() {
    let server = Server::dev();
    let expected = expected();
    for (name, model, contract, format, datatype, most) in MODELS {
        deploy(&server, name, &file(model), &file(contract));
        let version = server.cli(&["model", "show", name, "--version", "1", "--json"]).json();
        assert_eq!(version["facts"]["format"], format, "{version}");
        let metadata = get(server.address(), &format!("/v2/models/{name}"), None).json();
        assert_eq!(metadata["platform"], format, "{metadata}");
        assert_eq!(metadata["outputs"][0]["datatype"], datatype, "{metadata}");
        let rows = expected[model]["rows"].as_array().expect("rows");
        let answers = expected[model]["answers"].as_array().expect("answers");
        assert_eq!((rows.len(), answers.len()), (12, 12));
        for (row, wanted) in rows.iter().zip(answers) {
            let (status, answer) = ask(&server, name, row);
            assert_eq!(status, 200, "{answer}");
            let output = &answer["outputs"][0];
            assert_eq!(output["datatype"], datatype);
            let wanted: Vec<f64> = match wanted.as_array() {
                Some(several) => several.iter().filter_map(Value::as_f64).collect(),
                None => wanted.as_f64().into_iter().collect(),
            };
            let given: Vec<f64> =
                output["data"].as_array().expect("data").iter().filter_map(Value::as_f64).collect();
            assert_eq!(given.len(), wanted.len());
            for (given, wanted) in given.iter().zip(&wanted) {
                assert!((given - wanted).abs() <= most, "{name}: {given} for {wanted}");
            }
        }
    }
}

/// What was recorded is given again in the same words, also where an answer has 64 bits.
#[test]
fn an_answer_of_64_bits_is_replayed_as_it_was() {
    let server = Server::dev();
    deploy(&server, "boosted", &file("lightgbm.txt"), &file("lightgbm.yaml"));
    let row = body(&expected()["lightgbm.txt"]["rows"][0]);
    let key = [("idempotency-key", "once")];
    let path = "/v2/models/boosted/infer";
    let first = post(server.address(), path, row.as_bytes(), &key);
    let again = post(server.address(), path, row.as_bytes(), &key);
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[test]
fn what_no_model_can_read_is_refused_with_the_reason() {
    let server = Server::dev();
    let folder = tempfile::tempdir().expect("temp");
    let damaged = |name: &str, from: &str, to: &str| {
        let whole = std::fs::read_to_string(file(name)).expect("committed");
        assert!(whole.contains(from), "{from}");
        let path = folder.path().join(name);
        std::fs::write(&path, whole.replacen(from, to, 1)).expect("writes");
        path
    };
    let add = |path: &Path| server.cli(&["model", "add", "broken", text(path)]);
    let linear = add(&damaged("lightgbm.txt", "is_linear=0", "is_linear=1"));
    assert!(linear.stderr.contains("train without linear_tree"), "{}", linear.stderr);
    let step = add(&damaged("sklearn.json", "\"fill\"", "\"eval\""));
    assert!(step.stderr.contains("no such step"), "{}", step.stderr);
    let version = add(&damaged("sklearn.json", "plimsoll-sklearn 1", "plimsoll-sklearn 2"));
    assert!(version.stderr.contains("this version is not supported"), "{}", version.stderr);
    // The name says nothing: what is inside counts.
    let pickle = folder.path().join("model.onnx");
    std::fs::write(&pickle, b"\x80\x04\x95pickle").expect("writes");
    let pickle = add(&pickle);
    assert!(pickle.stderr.contains("no known format"), "{}", pickle.stderr);
    assert!([linear.code, step.code, version.code, pickle.code].iter().all(|code| *code == 1));
}

#[test]
fn texts_that_the_model_was_not_trained_with_are_found_before_serving() {
    let server = Server::dev();
    let folder = tempfile::tempdir().expect("temp");
    let path = folder.path().join("contract.yaml");
    let contract = std::fs::read_to_string(file("lightgbm.yaml")).expect("committed");
    std::fs::write(
        &path,
        contract.replace("kind: category, values: [west, south, east, north]", "kind: number"),
    )
    .expect("writes");
    let model = file("lightgbm.txt");
    let said = server.cli(&["contract", "check", text(&path), "--model", text(&model)]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stdout.contains("must be a category"), "{}", said.stdout);
    // A matrix of numbers has no place for texts, and a text no place in numbers.
    let numbers =
        contract.replace("{name: age, kind: number, nullable: true}", "{name: age, kind: string}");
    std::fs::write(&path, numbers).expect("writes");
    let said = server.cli(&["contract", "check", text(&path), "--model", text(&model)]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stdout.contains("takes numbers for the feature `age`"), "{}", said.stdout);
}
