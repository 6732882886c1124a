//! Decisions made elsewhere: every way in, each recorded once and marked, nothing refused silently.

use crate::harness::{Server, demo, post, requests};
use serde_json::{Value, json};

fn observing() -> Server {
    let server = Server::dev();
    let contract = demo("credit/contract.yaml");
    let contract = contract.to_str().expect("UTF-8");
    server
        .cli(&[
            "deployment",
            "create",
            "legacy",
            "--model",
            "legacy-scores",
            "--observe",
            "--contract",
            contract,
            "--environment",
            "development",
        ])
        .ok();
    server
}

fn tell(server: &Server, body: &str, headers: &[(&str, &str)]) -> Value {
    let path = "/api/v1/deployments/legacy/observations";
    let answer = post(server.control(), path, body.as_bytes(), headers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn inputs(n: usize) -> Value {
    let request: Value = serde_json::from_str(&requests()[n]).expect("JSON");
    let tensors = request["inputs"].as_array().expect("tensors");
    let of = |t: &Value| (t["name"].as_str().expect("a name").to_owned(), t["data"][0].clone());
    Value::Object(tensors.iter().map(of).collect())
}

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

#[test]
fn lines_are_recorded_once_marked_and_never_refused_silently() {
    let server = observing();
    let line = |id: &str, inputs: Value| {
        json!({"id": id, "source": "mainframe", "time": "2026-11-20T10:00:00Z",
               "inputs": inputs, "outputs": {"score": 0.25}})
        .to_string()
    };
    let mut wrong = inputs(1);
    wrong["age"] = 400.into();
    let body = [line("1", inputs(0)), line("2", wrong), "{\"id\": 3}".to_owned()].join("\n");
    let told = tell(&server, &body, &[LINES]);
    assert_eq!((&told["recorded"], &told["broken"]), (&2.into(), &1.into()), "{told}");
    assert_eq!((&told["malformed"], &told["known"]), (&1.into(), &0.into()), "{told}");
    let items = told["items"].as_array().expect("items");
    assert!(items[1]["why"].as_str().expect("said").contains("age"), "{told}");
    // The same again is known.
    let again = tell(&server, &body, &[LINES]);
    assert_eq!((&again["recorded"], &again["known"]), (&0.into(), &2.into()), "{again}");
    assert_eq!(again["items"][0]["decision"], items[0]["decision"]);
    let id = items[0]["decision"].as_str().expect("an id");
    let shown = server.cli(&["decision", "show", id, "--json"]).json();
    assert_eq!(shown["summary"]["origin"], "unverified");
    let body = shown["body"].to_string();
    assert!(body.contains("mainframe") && body.contains("2026-11-20T10:00:00Z"), "{body}");
    let list = server.cli(&["decision", "list", "--deployment", "legacy", "--json"]).json();
    assert_eq!(list["items"].as_array().expect("items").len(), 2);
    let replay = server.cli(&["decision", "replay", id]);
    assert_eq!(replay.code, 1);
    assert!(replay.stderr.contains("elsewhere"), "{}", replay.stderr);
    server.cli(&["decision", "trace", id]).ok();
}

#[test]
fn nobody_gets_a_decision_from_a_deployment_that_observes() {
    let server = observing();
    let answer = post(server.address(), "/v2/models/legacy/infer", requests()[0].as_bytes(), &[]);
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("elsewhere"), "{}", answer.body);
    let release = server.cli(&["deployment", "release", "legacy", "--version", "1"]);
    assert_eq!(release.code, 1, "{}", release.stderr);
    // And one that decides takes no reports.
    let server = server.with_credit("durable");
    let path = "/api/v1/deployments/credit-default/observations";
    let body = json!({"id": "1", "inputs": {}}).to_string();
    assert_eq!(post(server.control(), path, body.as_bytes(), &[]).status, 409);
}

/// The headers of KServe's agent (`pkg/logger/worker.go`).
fn kserve(kind: &str, id: &str) -> Vec<(String, String)> {
    [
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-type", kind),
        ("ce-source", "http://localhost:9081/"),
        ("ce-time", "2026-11-22T08:00:00.123Z"),
        ("ce-inferenceservicename", "legacy"),
        ("ce-namespace", "credit"),
        ("ce-component", "predictor"),
        ("ce-endpoint", "default"),
        ("content-type", "application/json"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

#[test]
fn events_of_kserve_meet_in_either_order() {
    let server = observing();
    let send = |kind: &str, id: &str, body: &Value| {
        let headers = kserve(kind, id);
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        tell(&server, &body.to_string(), &headers)
    };
    let request = "org.kubeflow.serving.inference.request";
    let response = "org.kubeflow.serving.inference.response";
    let asked = json!({"instances": [inputs(0), inputs(1)]});
    let answered = json!({"predictions": [0.25, 0.5]});
    assert_eq!(send(request, "a", &asked)["waiting"], 1);
    assert_eq!(send(request, "a", &asked)["waiting"], 1, "the same half again");
    assert_eq!(send(response, "a", &answered)["recorded"], 1);
    // The other order, and the shapes of the Open Inference Protocol.
    let oip: Value = serde_json::from_str(&requests()[0]).expect("JSON");
    let outputs =
        json!({"outputs": [{"name": "p", "shape": [1], "datatype": "FP32", "data": [0.5]}]});
    assert_eq!(send(response, "b", &outputs)["waiting"], 1);
    let told = send(request, "b", &oip);
    assert_eq!((&told["recorded"], &told["broken"]), (&1.into(), &0.into()), "{told}");
    // A batch in structured mode, with one of a type that nobody knows.
    let event = |kind: &str, id: &str, data: &Value| json!({"specversion": "1.0", "id": id, "source": "s", "type": kind, "data": data});
    let whole = json!({"id": "-", "inputs": inputs(2), "outputs": {"score": [0.1]}});
    let batch = json!([
        event(request, "c", &asked),
        event(response, "c", &answered),
        event("io.plimsoll.observation.v1", "d", &whole),
        event("something.else", "e", &whole),
    ]);
    let told = tell(
        &server,
        &batch.to_string(),
        &[("content-type", "application/cloudevents-batch+json")],
    );
    assert_eq!((&told["recorded"], &told["malformed"]), (&2.into(), &1.into()), "{told}");
    // A half whose other never comes is recorded when the server ends, as what it is.
    assert_eq!(send(request, "alone", &asked)["waiting"], 1);
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let server = Server::start_in(folder, &["--dev"]);
    let list = server.cli(&["decision", "list", "--deployment", "legacy", "--json"]).json();
    let results: Vec<&str> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["result"].as_str().expect("a result"))
        .collect();
    assert_eq!(results, ["abandoned", "answered", "answered", "answered", "answered"]);
}

#[test]
fn files_are_imported_and_may_be_sent_again() {
    let server = observing();
    let file = server.folder.path().join("scores.csv");
    let first = inputs(0);
    let names: Vec<&String> = first.as_object().expect("an object").keys().collect();
    let mut text =
        format!("id,score,{}\n", names.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(","));
    for n in 0..100 {
        let inputs = inputs(n);
        let fields: Vec<String> = names
            .iter()
            .map(|name| match &inputs[name.as_str()] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        text.push_str(&format!("D{n},0.{n},{}\n", fields.join(",")));
    }
    std::fs::write(&file, text).expect("writes");
    let file = file.to_str().expect("UTF-8");
    let args =
        ["observe", "import", "-d", "legacy", file, "--id", "id", "--output", "score", "--json"];
    let total = server.cli(&args).json();
    assert_eq!((&total["recorded"], &total["broken"]), (&100.into(), &0.into()), "{total}");
    let total = server.cli(&args).json();
    assert_eq!((&total["recorded"], &total["known"]), (&0.into(), &100.into()), "{total}");
}
