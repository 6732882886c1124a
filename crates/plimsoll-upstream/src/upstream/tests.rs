//! Requests as they leave, and declarations that are refused.

use super::*;
use crate::declaration::DeclarationError;
use plimsoll_contract::{Contract, Scratch};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn contract() -> CompiledContract {
    let document = "
version: 1
features:
  - {name: income, kind: number, nullable: true}
  - {name: age, kind: integer}
  - {name: employed, kind: boolean}
  - {name: region, kind: category, values: [west, 'no\"rth']}
context:
  - {name: customer, kind: string}
  - {name: at, kind: timestamp}
";
    CompiledContract::compile(&Contract::from_yaml(document).expect("reads")).expect("compiles")
}

fn rows(contract: &CompiledContract, customers: &[&str]) -> Rows {
    let count = customers.len();
    let tensor = |name: &str, datatype: &str, value: Json| {
        let data = vec![value; count];
        json!({"name": name, "shape": [count], "datatype": datatype, "data": data})
    };
    let mut inputs = vec![
        tensor("income", "FP64", json!(1234.5)),
        tensor("age", "INT64", json!(41)),
        tensor("employed", "BOOL", json!(true)),
        tensor("region", "BYTES", json!("no\"rth")),
        tensor("at", "BYTES", json!("2026-01-01T07:17:11Z")),
    ];
    inputs.push(
        json!({"name": "customer", "shape": [count], "datatype": "BYTES", "data": customers}),
    );
    let mut scratch = Scratch::default();
    let body = json!({"inputs": inputs}).to_string();
    contract.validate_oip(body.as_bytes(), &mut scratch).expect("valid");
    scratch.rows
}

fn declared(document: &str) -> Declaration {
    assert!(Declaration::is_meant(document.as_bytes()), "{document}");
    Declaration::read(document.as_bytes()).expect(document)
}

const LEGACY: &str = r#"
# The scoring service of 2009.
upstream: 1
kind: json-template
endpoints: [https://score.example/api]
request:
  path: /v1/{customer}/score?trace={at}
  body:
    CUST: {NO: "{customer}", AGE: "{age}", REF: "c-{customer}/{age} {{x}}"}
    INCOME: "{income}"
    EMPLOYED: "{employed}"
    REGION: "{region}"
    VERSION: 7
    NOTE: no
answer: {output: probability, pointer: /RESULT/PD, read: text}
headers:
  authorization: {secret: legacy, prefix: "Bearer "}
deadline_ms: 300
retries: 1
fallback: [0.5]
"#;

fn asked(upstream: &Upstream, rows: &Rows) -> Vec<(String, Json)> {
    let calls = upstream.calls(rows.len());
    calls
        .map(|call| {
            let (mut path, mut body) = (String::new(), Vec::new());
            upstream.path(rows, &call, &mut path).expect("a path");
            assert!(upstream.body(rows, &call, &mut body));
            (path, serde_json::from_slice(&body).expect("JSON"))
        })
        .collect()
}

#[test]
fn a_legacy_request_is_written_as_declared() {
    let contract = contract();
    let upstream = Upstream::wire(declared(LEGACY), &contract).expect("fits");
    let asked = asked(&upstream, &rows(&contract, &["a/b", "ü\"{x}"]));
    assert_eq!(asked[0].0, "/v1/a%2Fb/score?trace=2026-01-01T07%3A17%3A11Z");
    assert_eq!(asked[1].0, "/v1/%C3%BC%22%7Bx%7D/score?trace=2026-01-01T07%3A17%3A11Z");
    assert_eq!(
        asked[1].1,
        json!({
            "CUST": {"NO": "ü\"{x}", "AGE": 41, "REF": "c-ü\"{x}/41 {x}"},
            "INCOME": 1234.5, "EMPLOYED": true, "REGION": "no\"rth", "VERSION": 7, "NOTE": "no",
        })
    );
    let call = upstream.calls(2).next().expect("a call");
    let mut values = Vec::new();
    upstream.read(br#"{"RESULT":{"PD":"0.031"}}"#, &call, &mut values).expect("read");
    assert_eq!(values, [0.031]);
    assert_eq!(
        upstream.read(br#"{"RESULT":{"PD":"1.5"}}"#, &call, &mut values),
        Err(Lie::OutOfRange)
    );
}

#[test]
fn a_value_does_not_climb_out_of_its_path() {
    let contract = contract();
    let upstream = Upstream::wire(declared(LEGACY), &contract).expect("fits");
    let call = upstream.calls(1).next().expect("a call");
    for climbs in ["..", "."] {
        let rows = rows(&contract, &[climbs]);
        assert_eq!(upstream.path(&rows, &call, &mut String::new()), None);
    }
    let long = "x".repeat(250);
    let rows = rows(&contract, &[&long]);
    assert!(upstream.path(&rows, &call, &mut String::new()).is_some());
}

fn standard(kind: &str, more: &str) -> String {
    format!(
        "{{\"upstream\":1,\"kind\":\"{kind}\",\"endpoints\":[\"https://m.example\"],\
         \"answer\":{{\"output\":\"probability\"}},\
         \"inputs\":[\"age\",\"employed\",{{\"field\":\"region\",\"name\":\"REG\"}},\"income\"]{more}}}"
    )
}

#[test]
fn standard_protocols_are_written_as_their_servers_read_them() {
    let contract = contract();
    let rows = rows(&contract, &["a", "b"]);
    let model = r#","model":{"name":"credit","version":"3"}"#;
    let upstream = Upstream::wire(declared(&standard("oip-v2", model)), &contract).expect("fits");
    let tensor = |name: &str, datatype: &str, value: Json| json!({"name": name, "shape": [2, 1], "datatype": datatype, "data": [value, value]});
    let body = json!({"inputs": [
        tensor("age", "INT64", json!(41)),
        tensor("employed", "BOOL", json!(true)),
        tensor("REG", "BYTES", json!("no\"rth")),
        tensor("income", "FP64", json!(1234.5)),
    ]});
    assert_eq!(asked(&upstream, &rows), [("/v2/models/credit/versions/3/infer".to_owned(), body)]);

    let upstream = Upstream::wire(declared(&standard("mlflow", "")), &contract).expect("fits");
    let row = json!([41, true, "no\"rth", 1234.5]);
    let body = json!({"dataframe_split": {
        "columns": ["age", "employed", "REG", "income"], "data": [row, row]}});
    assert_eq!(asked(&upstream, &rows), [("/invocations".to_owned(), body)]);

    let model = r#","model":{"name":"credit"}"#;
    let upstream =
        Upstream::wire(declared(&standard("tf-serving", model)), &contract).expect("fits");
    let row = json!({"age": 41, "employed": true, "REG": "no\"rth", "income": 1234.5});
    let body = json!({"instances": [row, row]});
    assert_eq!(asked(&upstream, &rows), [("/v1/models/credit:predict".to_owned(), body)]);
    let call = upstream.calls(2).next().expect("one call");
    let mut values = Vec::new();
    upstream.read(br#"{"predictions":[[0.25],[0.5]]}"#, &call, &mut values).expect("read");
    assert_eq!(values, [0.25, 0.5]);
}

#[test]
fn a_matrix_holds_numbers_only() {
    let contract = contract();
    let text = standard("oip-v2", r#","model":{"name":"m","matrix":"x"}"#);
    let wired = Upstream::wire(declared(&text), &contract);
    assert_eq!(wired.expect_err("a category"), WireError::NotNumber("region".into()));
    let numeric =
        "version: 1\nfeatures:\n  - {name: a, kind: number}\n  - {name: b, kind: integer}\n";
    let numeric =
        CompiledContract::compile(&Contract::from_yaml(numeric).expect("reads")).expect("ok");
    let text = text
        .replace(r#"["age","employed",{"field":"region","name":"REG"},"income"]"#, r#"["b","a"]"#);
    let upstream = Upstream::wire(declared(&text), &numeric).expect("fits");
    let mut scratch = Scratch::default();
    let body = br#"{"inputs":[{"name":"a","shape":[2],"datatype":"FP64","data":[0.5,1.5]},
        {"name":"b","shape":[2],"datatype":"INT64","data":[1,2]}]}"#;
    numeric.validate_oip(body, &mut scratch).expect("valid");
    let asked = asked(&upstream, &scratch.rows);
    let tensor =
        json!({"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 0.5, 2, 1.5]});
    assert_eq!(asked[0].1, json!({"inputs": [tensor]}));
}

#[test]
fn all_rows_go_into_one_request_where_it_is_declared() {
    let contract = contract();
    let text = r#"
upstream: 1
kind: json-template
endpoints: [https://score.example]
request:
  method: PUT
  body: {items: {"$rows": {a: "{age}", i: ["{income}", "{region}"], e: "{employed}"}}}
answer: {output: value, pointer: /scores/*}
"#;
    let upstream = Upstream::wire(declared(text), &contract).expect("fits");
    let item = json!({"a": 41, "i": [1234.5, "no\"rth"], "e": true});
    let asked = asked(&upstream, &rows(&contract, &["a", "b"]));
    assert_eq!(asked, [(String::new(), json!({"items": [item, item]}))]);
    assert!(upstream.takes(10_000));
}

#[test]
fn what_does_not_fit_the_contract_is_named() {
    let contract = contract();
    let wire = |text: &str| Upstream::wire(declared(text), &contract).expect_err(text);
    let unknown = LEGACY.replace("{region}", "{regoin}");
    assert_eq!(wire(&unknown), WireError::Unknown("regoin".into()));
    let unused = LEGACY.replace("\"{region}\"", "x");
    assert_eq!(wire(&unused), WireError::Unused("region".into()));
}

#[test]
fn a_wrong_declaration_is_refused_by_the_name_of_its_member() {
    let refused = |from: &str, to: &str, place: &str| {
        let text = LEGACY.replacen(from, to, 1);
        assert_ne!(text, LEGACY, "{from}");
        match Declaration::read(text.as_bytes()).expect_err(to) {
            DeclarationError::Member { place: found, .. } => assert_eq!(found, place, "{to}"),
            DeclarationError::Document(_) => assert_eq!(place, "", "{to}"),
            DeclarationError::TooLarge { .. } => panic!("{to}"),
        }
    };
    refused("upstream: 1", "upstream: 2", "upstream");
    refused("kind: json-template", "kind: soap", "");
    refused("kind: json-template", "kind: mlflow", "request");
    refused("https://score.example/api", "score.example", "endpoints");
    refused("https://score.example/api", "https://u:p@score.example", "endpoints");
    refused("https://score.example/api", "https://score.example/?x", "endpoints");
    refused("deadline_ms: 300", "deadline_ms: 0", "deadline_ms");
    refused("deadline_ms: 300", "deadline_ms: 300\nattempt_ms: 301", "attempt_ms");
    refused("deadline_ms: 300", "deadlne_ms: 300", "");
    refused("retries: 1", "retries: 4", "retries");
    refused("retries: 1", "retries: 1\nin_flight: 0", "in_flight");
    refused("retries: 1", "retries: 1\nbreaker: {failures: 9, window: 8}", "breaker");
    refused("retries: 1", "retries: 1\nmodel: {name: x}", "model");
    refused("retries: 1", "retries: 1\ninputs: [age]", "inputs");
    refused("[0.5]", "[0.5, 0.5]", "fallback");
    refused("[0.5]", "[.nan]", "fallback");
    refused("output: probability", "output: odds", "answer");
    refused("read: text", "read: label", "answer");
    refused("read: text", "read: label, labels: {A: 2}", "answer");
    refused("/RESULT/PD", "/RESULT/*", "answer");
    refused("/RESULT/PD", "RESULT", "answer");
    refused("pointer: /RESULT/PD, ", "", "answer");
    refused("{secret: legacy, prefix: \"Bearer \"}", "Bearer abc", "headers");
    refused("secret: legacy", "secret: ../legacy", "headers");
    refused("authorization:", "host:", "headers");
    refused("authorization:", "Authorization:", "headers");
    refused("path: /v1", "path: v1", "request");
    refused("path: /v1", "path: /v 1", "request");
    refused("{age} {{x}}", "{age", "request");
    refused("{age} {{x}}", "{}", "request");
    refused("VERSION: 7", "VERSION: {\"$rows\": \"{age}\"}", "request");
    refused("VERSION: 7", "VERSION: {\"$rows\": 1, x: 2}", "request");
    refused("  path:", "  method: GET\n  path:", "request");
    let deep = format!("VERSION: {}1{}", "[".repeat(40), "]".repeat(40));
    refused("VERSION: 7", &deep, "request");
    let large = format!("{LEGACY}# {}", "x".repeat(300 << 10));
    assert!(matches!(Declaration::read(large.as_bytes()), Err(DeclarationError::TooLarge { .. })));
}

#[test]
fn a_declaration_is_told_from_models() {
    for text in ["upstream: 1", "# x\n---\nupstream: 1", " { \"upstream\" : 1}"] {
        assert!(Declaration::is_meant(text.as_bytes()), "{text}");
    }
    for text in
        ["", "#", "---", "{}", "{\"learner\":{}}", "tree\n", "{\"format\":1}", "upstreams: 1"]
    {
        assert!(!Declaration::is_meant(text.as_bytes()), "{text}");
    }
    let model = declared(LEGACY).model().expect("checked");
    assert!(model.is_elsewhere());
    assert_eq!((model.output().name, model.feature_count()), ("probability", 6));
    assert!(model.predict(&[0.0; 6], &mut [0.0]).is_err());
}

const GRPC: &str = r#"{
  "upstream": 1, "kind": "oip-v2-grpc", "endpoints": ["https://triton.example:8001"],
  "model": {"name": "credit", "version": "3"},
  "inputs": ["income", "age", "employed", "region", {"field": "customer", "name": "CUSTOMER"}, "at"],
  "answer": {"output": "probability", "name": "p"}
}"#;

/// What is sent over gRPC, a contract of the same fields reads as it was.
#[test]
fn a_message_is_read_by_our_own_data_port() {
    let contract = contract();
    let upstream = Upstream::wire(declared(GRPC), &contract).expect("fits");
    let sent = rows(&contract, &["C1", "C2"]);
    let (mut path, mut body) = (String::new(), Vec::new());
    let call = upstream.calls(sent.len()).next().expect("a call");
    assert_eq!(upstream.calls(sent.len()).count(), 1);
    upstream.path(&sent, &call, &mut path).expect("a path");
    assert_eq!(path, "/inference.GRPCInferenceService/ModelInfer");
    assert!(upstream.body(&sent, &call, &mut body));
    let (frame, message) = body.split_at(5);
    assert_eq!(
        frame,
        [&[0], u32::try_from(message.len()).expect("short").to_be_bytes().as_slice()].concat()
    );
    assert_eq!(plimsoll_contract::model_of(message), Ok(("credit", Some("3"))));
    let other = "
version: 1
features:
  - {name: income, kind: number, nullable: true}
  - {name: age, kind: integer}
  - {name: employed, kind: boolean}
  - {name: region, kind: category, values: [west, 'no\"rth']}
context:
  - {name: CUSTOMER, kind: string}
  - {name: at, kind: timestamp}
";
    let other = CompiledContract::compile(&Contract::from_yaml(other).expect("reads"));
    let mut scratch = Scratch::default();
    other.expect("compiles").validate_grpc(message, &mut scratch).expect("valid");
    for row in 0..2 {
        for (got, want) in scratch.rows.row(row).iter().zip(sent.row(row)) {
            match (scratch.rows.text_of(*got), sent.text_of(*want)) {
                (None, None) => assert_eq!(got, want),
                texts => assert_eq!(texts.0, texts.1),
            }
        }
    }
}

#[test]
fn a_matrix_goes_in_the_declared_width_and_null_as_nan() {
    let document = "
version: 1
features:
  - {name: income, kind: number, nullable: true}
  - {name: age, kind: integer, nullable: true}
  - {name: employed, kind: boolean}
";
    let contract = CompiledContract::compile(&Contract::from_yaml(document).expect("reads"));
    let contract = contract.expect("compiles");
    let mut scratch = Scratch::default();
    let tensor = |name: &str, datatype: &str, data: Json| json!({"name": name, "datatype": datatype, "shape": [2], "data": data});
    let inputs = [
        tensor("income", "FP64", json!([0.1, null])),
        tensor("age", "INT64", json!([null, 41])),
        tensor("employed", "BOOL", json!([true, false])),
    ];
    let body = json!({"inputs": inputs}).to_string();
    contract.validate_oip(body.as_bytes(), &mut scratch).expect("valid");
    for (numbers, width) in [("FP64", 8), ("FP32", 4)] {
        let text = json!({
            "upstream": 1, "kind": "oip-v2-grpc", "endpoints": ["https://triton.example:8001"],
            "model": {"name": "m", "matrix": "input__0", "numbers": numbers},
            "inputs": ["income", "age", "employed"], "answer": {"output": "probability"},
        });
        let upstream = Upstream::wire(declared(&text.to_string()), &contract).expect("fits");
        let call = upstream.calls(2).next().expect("a call");
        let mut body = Vec::new();
        upstream.body(&scratch.rows, &call, &mut body);
        let raw = &body[body.len() - 6 * width..];
        let found: Vec<f64> = raw
            .chunks_exact(width)
            .map(|bytes| match width {
                8 => f64::from_le_bytes(bytes.try_into().expect("eight")),
                _ => f32::from_le_bytes(bytes.try_into().expect("four")).into(),
            })
            .collect();
        let first = if width == 8 { 0.1 } else { f64::from(0.1_f32) };
        assert_eq!((found[0], found[2], found[4], found[5]), (first, 1.0, 41.0, 0.0));
        assert!(found[1].is_nan() && found[3].is_nan());
    }
}

#[test]
fn a_null_that_no_float_carries_is_a_tensor_that_is_not_there() {
    let document = "
version: 1
features:
  - {name: age, kind: integer, nullable: true}
  - {name: region, kind: category, values: [west], nullable: true}
  - {name: income, kind: number}
";
    let contract = CompiledContract::compile(&Contract::from_yaml(document).expect("reads"));
    let contract = contract.expect("compiles");
    let text = json!({
        "upstream": 1, "kind": "oip-v2-grpc", "endpoints": ["https://triton.example:8001"],
        "model": {"name": "m"}, "inputs": ["age", "region", "income"],
        "answer": {"output": "probability"},
    });
    let upstream = Upstream::wire(declared(&text.to_string()), &contract).expect("fits");
    let sent = |ages: Json| {
        let count = ages.as_array().expect("a list").len();
        let tensor = |name: &str, datatype: &str, data: Json| json!({"name": name, "datatype": datatype, "shape": [count], "data": data});
        let incomes = tensor("income", "FP64", json!(vec![0.5; count]));
        let body = json!({"inputs": [tensor("age", "INT64", ages), incomes]}).to_string();
        let mut scratch = Scratch::default();
        contract.validate_oip(body.as_bytes(), &mut scratch).expect("valid");
        let call = upstream.calls(count).next().expect("a call");
        let mut body = Vec::new();
        upstream.path(&scratch.rows, &call, &mut String::new())?;
        upstream.body(&scratch.rows, &call, &mut body);
        let mut again = Scratch::default();
        contract.validate_grpc(body.get(5..)?, &mut again).expect("valid");
        Some(again.rows == scratch.rows)
    };
    assert_eq!(sent(json!([null])), Some(true));
    assert_eq!(sent(json!([null, null])), Some(true));
    assert_eq!(sent(json!([41, 42])), Some(true));
    assert_eq!(sent(json!([41, null])), None, "there is no such tensor");
}

#[test]
fn what_grpc_has_no_place_for_is_refused() {
    let text = json!({
        "upstream": 1, "kind": "oip-v2-grpc", "endpoints": ["https://triton.example:8001"],
        "model": {"name": "m"}, "inputs": ["age"], "answer": {"output": "probability"},
    });
    for (member, value, place) in [
        ("headers", json!({"grpc-timeout": "1S"}), "headers"),
        ("headers", json!({"content-type": "text/plain"}), "headers"),
        ("answer", json!({"output": "probability", "pointer": "/p"}), "answer"),
        ("answer", json!({"output": "probability", "read": "text"}), "answer"),
        ("model", Json::Null, "model"),
    ] {
        let mut text = text.clone();
        text[member] = value;
        let read = Declaration::read(text.to_string().as_bytes());
        let Err(DeclarationError::Member { place: found, .. }) = read else {
            panic!("{member}: {read:?}")
        };
        assert_eq!(found, place);
    }
}

proptest! {
    /// Any text that a contract lets through leaves as itself, in a body and in a path.
    #[test]
    fn any_text_arrives_as_itself(customer in "\\PC{1,40}") {
        let contract = contract();
        let upstream = Upstream::wire(declared(LEGACY), &contract).expect("fits");
        let rows = rows(&contract, &[&customer]);
        let call = upstream.calls(1).next().expect("a call");
        let mut body = Vec::new();
        upstream.body(&rows, &call, &mut body);
        let body: Json = serde_json::from_slice(&body).expect("JSON");
        prop_assert_eq!(&body["CUST"]["NO"], &json!(customer));
        prop_assert_eq!(&body["CUST"]["REF"], &json!(format!("c-{customer}/41 {{x}}")));
        let mut path = String::new();
        if upstream.path(&rows, &call, &mut path).is_some() {
            prop_assert!(path.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(path.matches('/').count(), 3);
        }
    }

    /// No declaration makes the reader panic; what it takes, it takes again.
    #[test]
    fn any_document_is_a_declaration_or_an_error(at in 0_usize..LEGACY.len(), with in "\\PC{0,6}") {
        let mut text = LEGACY.to_owned();
        if text.is_char_boundary(at) { text.insert_str(at, &with) }
        if let Ok(declared) = Declaration::read(text.as_bytes()) {
            let json = serde_json::to_vec(&declared).expect("writes");
            prop_assert_eq!(Declaration::read(&json).expect("reads again"), declared);
        }
    }
}
