//! The protocols beside the JSON of the Open Inference Protocol: the same request comes to the
//! same answer and the same record in each, refusals have each one's shape, and the clients that
//! people use get right answers and right errors.

use crate::harness::{Http, Server, demo, get, post, requests};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;

/// The fields of a request in JSON, as a row of a table.
fn row(request: &str) -> Map<String, Value> {
    let request: Value = serde_json::from_str(request).expect("JSON");
    let inputs = request["inputs"].as_array().expect("a list").iter();
    inputs
        .map(|input| (input["name"].as_str().expect("a name").to_owned(), input["data"][0].clone()))
        .collect()
}

fn rows(count: usize) -> Vec<Map<String, Value>> {
    requests().iter().take(count).map(|request| row(request)).collect()
}

/// What the deployment answers to each request in JSON.
fn expected(server: &Server, count: usize) -> Vec<f64> {
    let answer = |request: &String| {
        let answer = server.infer(request, &[]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["outputs"][0]["data"][0].as_f64().expect("a number")
    };
    requests().iter().take(count).map(answer).collect()
}

fn ask(server: &Server, path: &str, body: &Value) -> Http {
    post(server.address(), path, body.to_string().as_bytes(), &[])
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap_or_else(|| panic!("no list: {value}"));
    list.iter().map(|value| value.as_f64().expect("a number")).collect()
}

#[test]
fn tables_are_answered_and_recorded_as_any_request() {
    let server = Server::start_in(
        std::sync::Arc::new(tempfile::tempdir().expect("temp")),
        &["--dev", "--set", "default_deployment=credit-default"],
    )
    .with_credit("durable");
    let right = expected(&server, 5);
    let rows = rows(5);
    let columns: Map<String, Value> = rows[0]
        .keys()
        .map(|name| (name.clone(), rows.iter().map(|row| row[name].clone()).collect()))
        .collect();
    let names: Vec<&String> = rows[0].keys().collect();
    let data: Vec<Vec<&Value>> =
        rows.iter().map(|row| names.iter().map(|name| &row[*name]).collect()).collect();
    let split = json!({"columns": names, "index": [0, 1, 2, 3, 4], "data": data});
    let v1 = "/v1/models/credit-default:predict";
    let invocations = "/deployments/credit-default/invocations";
    for (path, body, member) in [
        (v1, json!({"instances": rows}), "predictions"),
        ("/v1/models/credit-default/versions/1:predict", json!({"instances": rows}), "predictions"),
        (v1, json!({"inputs": columns}), "outputs"),
        (invocations, json!({"inputs": columns}), "predictions"),
        (invocations, json!({"dataframe_records": rows}), "predictions"),
        ("/invocations", json!({"dataframe_split": split}), "predictions"),
        ("/invocations", json!({"instances": rows}), "predictions"),
    ] {
        let answer = ask(&server, path, &body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(numbers(&answer.json()[member]), right, "{path}");
        let id = answer.header("plimsoll-decision-id").expect("an id");
        assert_eq!(answer.json()["decision_id"], id);
        let shown = server.cli(&["decision", "show", id, "--json"]).json();
        assert_eq!(shown["summary"]["result"], "answered", "{path}");
    }
    // As `curl -d` sends it, without a word about JSON.
    let body = json!({"instances": [rows[0]]}).to_string();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(post(server.address(), v1, body.as_bytes(), &form).status, 200);
    for (path, status) in [
        ("/ping", 200),
        ("/health", 200),
        ("/version", 200),
        ("/", 200),
        ("/v1/models", 200),
        ("/v1/models/credit-default", 200),
        ("/v1/models/credit-default/versions/1", 200),
        ("/v1/models/credit-default/versions/2", 404),
        ("/v1/models/nobody", 404),
        ("/v1/nothing", 404),
        ("/deployments/credit-default/ping", 200),
        ("/deployments/credit-default/version", 200),
        ("/deployments/nobody/ping", 404),
    ] {
        assert_eq!(get(server.address(), path, None).status, status, "{path}");
    }
    let state = get(server.address(), "/v1/models/credit-default", None).json();
    assert_eq!(state["model_version_status"][0]["state"], "AVAILABLE");
    assert_eq!(get(server.address(), "/ping", None).body, "\n");
}

#[test]
fn refusals_have_the_shape_of_their_protocol_and_are_recorded() {
    let server = Server::dev().with_credit("durable");
    let young = |name: &str| {
        let mut row = rows(1).remove(0);
        row["age"] = 7.into();
        json!({name: [row]})
    };
    let (v1, mlflow) =
        ("/v1/models/credit-default:predict", "/deployments/credit-default/invocations");
    let refused = ask(&server, v1, &young("instances"));
    assert_eq!((refused.status, refused.json()["field"].as_str()), (400, Some("age")));
    assert!(refused.json()["error"].as_str().is_some_and(|error| error.contains("`age`")));
    let refused = ask(&server, mlflow, &young("dataframe_records"));
    let said = refused.json();
    assert_eq!((refused.status, &said["error_code"]), (400, &json!("BAD_REQUEST")));
    assert!(said["message"].as_str().is_some_and(|message| message.contains("`age`")), "{said}");
    let id = refused.header("plimsoll-decision-id").expect("an id");
    let shown = server.cli(&["decision", "show", id, "--json"]).json();
    assert_eq!(shown["body"]["refusal"]["code"], "out_of_range");
    let explain = ask(&server, "/v1/models/credit-default:explain", &json!({"instances": rows(1)}));
    assert_eq!((explain.status, explain.json()["field"].as_str()), (400, Some("explain")));
    for (path, status) in [
        // No deployment was declared.
        ("/invocations", 404),
        ("/deployments/nobody/invocations", 404),
        ("/v1/models/nobody:predict", 404),
        ("/v1/models/credit-default/versions/9:predict", 404),
        ("/v1/models/credit-default:regress", 405),
        ("/v2/repository/models/credit-default/load", 403),
        ("/v2/repository/models/credit-default/unload", 403),
        ("/v2/repository/index", 200),
    ] {
        assert_eq!(ask(&server, path, &young("instances")).status, status, "{path}");
    }
    let csv = [("content-type", "text/csv")];
    assert_eq!(post(server.address(), mlflow, b"age\n7\n", &csv).status, 415);
}

#[test]
fn v1_explains() {
    let server = Server::dev().with_credit("durable");
    let profile = demo("credit/explain-profile.yaml");
    let profile = profile.to_str().expect("UTF-8");
    let update = ["deployment", "update", "credit-default", "--explain", "inline"];
    server.cli(&[&update[..], &["--explain-profile", profile]].concat()).ok();
    let body = json!({"instances": rows(2)});
    let answer = ask(&server, "/v1/models/credit-default:explain", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let explanations = answer.json()["explanations"].clone();
    let explanations = explanations.as_array().expect("a list");
    assert_eq!(explanations.len(), 2);
    assert_eq!(numbers(&answer.json()["predictions"]).len(), 2);
    for explanation in explanations {
        assert!(explanation["contributions"]["age"].is_number(), "{explanation}");
        assert!(explanation["base"].is_number() && explanation["reasons"][0].is_string());
    }
    // Who does not ask is not told.
    let answer = ask(&server, "/v1/models/credit-default:predict", &body);
    assert!(answer.json()["explanations"].is_null());
}

/// The request as raw tensors: its JSON, and the bytes after it.
fn binary(request: &str) -> (String, Vec<u8>) {
    let mut request: Value = serde_json::from_str(request).expect("JSON");
    let mut bytes = Vec::new();
    let inputs = request["inputs"].as_array_mut().expect("a list");
    // Only floats have raw bytes for null.
    inputs.retain(|input| !input["data"][0].is_null() || input["datatype"] == "FP64");
    for input in inputs {
        let value = input["data"][0].clone();
        let start = bytes.len();
        match input["datatype"].as_str().expect("a datatype") {
            "INT64" => bytes.extend(value.as_i64().expect("an integer").to_le_bytes()),
            "FP64" => bytes.extend(value.as_f64().unwrap_or(f64::NAN).to_le_bytes()),
            "BOOL" => bytes.push(u8::from(value.as_bool().expect("a boolean"))),
            "BYTES" => {
                let text = value.as_str().expect("a text");
                bytes.extend(u32::try_from(text.len()).expect("short").to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            other => panic!("{other}"),
        }
        let input = input.as_object_mut().expect("an object");
        input.remove("data");
        input.insert("parameters".into(), json!({"binary_data_size": bytes.len() - start}));
    }
    request["parameters"] = json!({"binary_data_output": true});
    (request.to_string(), bytes)
}

#[test]
fn raw_tensors_are_answered_in_raw_tensors() {
    let server = Server::dev().with_credit("durable");
    let path = "/v2/models/credit-default/infer";
    for request in requests().iter().take(5) {
        let (json, bytes) = binary(request);
        let length = json.len().to_string();
        let headers = [
            ("inference-header-content-length", length.as_str()),
            ("content-type", "application/octet-stream"),
        ];
        let body = [json.as_bytes(), &bytes].concat();
        let answer = post(server.address(), path, &body, &headers);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let length = answer.header("inference-header-content-length").expect("a length");
        let (json, _) = answer.body.split_at(length.parse().expect("a number"));
        let said: Value = serde_json::from_str(json).expect("JSON");
        let size = said["outputs"][0]["parameters"]["binary_data_size"].as_u64();
        assert_eq!(size, Some(4), "{said}");
    }
    let (json, bytes) = binary(&requests()[0]);
    let body = [json.as_bytes(), &bytes].concat();
    let beyond = (body.len() + 1).to_string();
    let short = (json.len() - 1).to_string();
    for length in ["0", "-1", "", "x", "18446744073709551616", beyond.as_str(), short.as_str()] {
        let headers = [("inference-header-content-length", length)];
        let answer = post(server.address(), path, &body, &headers);
        assert_eq!(answer.status, 400, "{length}: {}", answer.body);
        assert!(answer.header("plimsoll-decision-id").is_some(), "recorded: {length}");
    }
}

/// Every list of hostile input, over every path that reads a body.
#[test]
fn hostile_tables_and_tensors_are_refused_and_memory_stays_flat() {
    let server = Server::dev().with_credit("durable");
    let (json, bytes) = binary(&requests()[0]);
    let before = crate::hostile::resident_kib(server.child.id());
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let tables: Vec<(&str, Vec<u8>)> = vec![
        ("deep nesting", format!("{{\"instances\":{deep}}}").into()),
        ("deep nesting aside", format!("{{\"nothing\":{deep}}}").into()),
        ("many empty rows", format!("{{\"instances\":[{}{{}}]}}", "{},".repeat(50_000)).into()),
        ("many short rows", format!("{{\"inputs\":[{}[]]}}", "[],".repeat(50_000)).into()),
        ("a long column", format!("{{\"inputs\":{{\"age\":[{}1]}}}}", "1,".repeat(200_000)).into()),
        (
            "many columns",
            format!("{{\"dataframe_split\":{{\"columns\":[{}\"a\"]}}}}", "\"a\",".repeat(50_000))
                .into(),
        ),
        ("not UTF-8", b"{\"instances\":[\xff]}".to_vec()),
        ("bare NaN", b"{\"instances\":[{\"age\":NaN}]}".to_vec()),
        ("2^53 and one", b"{\"instances\":[{\"age\":9007199254740993}]}".to_vec()),
        ("a key twice", b"{\"instances\":[],\"instances\":[]}".to_vec()),
        ("too large", vec![b' '; 3 << 20]),
        ("nothing", Vec::new()),
    ];
    let sizes = [
        ("a size beyond the body", "\"binary_data_size\":9007199254740992"),
        ("a size of one byte", "\"binary_data_size\":1"),
        ("a negative size", "\"binary_data_size\":-8"),
    ];
    for _ in 0..5 {
        for (what, body) in &tables {
            for path in
                ["/v1/models/credit-default:predict", "/deployments/credit-default/invocations"]
            {
                let answer = post(server.address(), path, body, &[]);
                assert!(matches!(answer.status, 400 | 413), "{what}: {}", answer.status);
                assert!(answer.header("plimsoll-decision-id").is_some(), "{what}");
            }
        }
        for (what, size) in sizes {
            let json = json.replacen("\"binary_data_size\":8", size, 1);
            let length = json.len().to_string();
            let headers = [("inference-header-content-length", length.as_str())];
            let body = [json.as_bytes(), &bytes].concat();
            let answer = post(server.address(), "/v2/models/credit-default/infer", &body, &headers);
            assert_eq!(answer.status, 400, "{what}: {}", answer.body);
        }
    }
    let grown = crate::hostile::resident_kib(server.child.id()).saturating_sub(before);
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
    assert_eq!(server.infer(&requests()[0], &[]).status, 200);
}

/// gRPC over TLS, and with keys in its metadata where keys are asked for.
#[test]
fn grpc_speaks_tls_and_wants_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let secure = crate::tls::Secure::start(&[]).with_credit();
    let production = Server::production();
    let output = Command::new(root.join(".venv/clients/bin/python"))
        .arg(root.join("tools/clients/check_keys.py"))
        .arg(secure.address.replace("127.0.0.1", "localhost"))
        .arg(secure.ca())
        .args([&production.address().to_string(), production.admin_key.as_deref().expect("a key")])
        .output()
        .expect("runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("all checks passed"), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `tritonclient`, kserve's client and MLflow's scoring client, over HTTP and gRPC, with and without keys: the checks are
/// in the scripts.
#[test]
fn the_clients_that_people_use_get_right_answers_and_right_errors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".venv/clients/bin/python");
    assert!(python.exists(), "the clients are installed by `make tools-test`");
    let server = Server::start_in(
        std::sync::Arc::new(tempfile::tempdir().expect("temp")),
        &["--dev", "--grpc", "127.0.0.1:0", "--set", "default_deployment=credit-default"],
    )
    .with_credit("durable");
    let said = server.said();
    let grpc = said.split("gRPC too on ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let grpc = grpc.expect("an address");
    for script in ["check_triton.py", "check_kserve.py", "check_mlflow.py"] {
        let output = Command::new(&python)
            .arg(root.join("tools/clients").join(script))
            .args([&server.address().to_string(), grpc])
            .arg(demo("credit/requests.jsonl"))
            .output()
            .expect("runs");
        let told = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {told}\n{error}");
        assert!(told.contains("all checks passed"), "{script}: {told}");
    }
}
