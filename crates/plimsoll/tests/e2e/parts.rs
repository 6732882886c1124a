//! Files that come in parts, as MLflow's clients send large ones.

use crate::harness::{Http, Server, get, request};
use serde_json::{Value, json};

const ROOT: &str = "/api/2.0/mlflow-artifacts";
const FOLDER: &str = "1/r/artifacts/model";

fn mpu(server: &Server, verb: &str, body: &Value) -> Http {
    let path = format!("{ROOT}/mpu/{verb}/{FOLDER}");
    let headers = [("content-type", "application/json")];
    request(server.control(), "POST", &path, body.to_string().as_bytes(), &headers)
}

/// Sends a part to the address that a client was given, with nothing but what it was given.
fn put(server: &Server, credential: &Value, text: &str) -> Http {
    let url = credential["url"].as_str().expect("an address");
    let path = url.strip_prefix("http://localhost").expect("it leads back here");
    let headers: Vec<(&str, &str)> = credential["headers"]
        .as_object()
        .expect("headers")
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
        .collect();
    request(server.control(), "PUT", path, text.as_bytes(), &headers)
}

#[test]
fn a_file_comes_in_parts_over_a_crash_and_is_there_whole_or_not_at_all() {
    let server = Server::dev();
    let text = "0123456789".repeat(700_000);
    let pieces: Vec<&str> =
        [&text[..3_000_003], &text[3_000_003..6_000_000], &text[6_000_000..]].into();
    let local = "/data/models/model.bin";
    let begun = mpu(&server, "create", &json!({"path": local, "num_parts": 3}));
    assert_eq!(begun.status, 200, "{}", begun.body);
    let begun = begun.json();
    let credentials = begun["credentials"].as_array().expect("a list").clone();
    let id = begun["upload_id"].as_str().expect("an id");
    assert_eq!(credentials.len(), 3);
    assert!(credentials.iter().all(|one| !one["url"].as_str().expect("text").contains(id)));

    let mut tags = vec![String::new(); 3];
    for at in [2, 0] {
        let answer = put(&server, &credentials[at], pieces[at]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        tags[at] = answer.header("etag").expect("an ETag").to_owned();
    }
    let file = format!("{ROOT}/artifacts/{FOLDER}/model.bin");
    let parts = |tags: &[String]| -> Value {
        let parts =
            (1..).zip(tags).map(|(n, tag)| json!({"part_number": n, "etag": tag, "url": "x"}));
        json!({"path": local, "upload_id": id, "parts": parts.collect::<Vec<_>>()})
    };
    assert_eq!(mpu(&server, "complete", &parts(&tags)).status, 400, "a part is missing");
    let server = Server::start_in(server.kill(), &["--dev"]);
    assert_eq!(get(server.control(), &file, None).status, 404);
    tags[1] = put(&server, &credentials[1], pieces[1]).header("etag").expect("an ETag").to_owned();
    let swapped = [tags[1].clone(), tags[0].clone(), tags[2].clone()];
    assert_eq!(mpu(&server, "complete", &parts(&swapped)).status, 400, "parts in another order");
    let done = mpu(&server, "complete", &parts(&tags));
    assert_eq!(done.status, 200, "{}", done.body);
    let got = get(server.control(), &file, None);
    assert!(got.status == 200 && got.body == text);
    assert_eq!(put(&server, &credentials[0], "late").status, 404, "it has ended");
    assert_eq!(mpu(&server, "complete", &parts(&tags)).status, 404);

    // A registered version's files do not change in parts, either.
    let ml = |path: &str, body: Value| {
        let headers = [("content-type", "application/json")];
        let path = format!("/api/2.0/mlflow/{path}");
        request(server.control(), "POST", &path, body.to_string().as_bytes(), &headers)
    };
    assert_eq!(ml("registered-models/create", json!({"name": "risk"})).status, 200);
    let source = format!("mlflow-artifacts:/{FOLDER}");
    let made = ml("model-versions/create", json!({"name": "risk", "source": source}));
    assert_eq!(made.status, 200, "{}", made.body);
    let over = mpu(&server, "create", &json!({"path": "model.bin", "num_parts": 1}));
    assert_eq!((over.status, &over.json()["error_code"]), (409, &json!("RESOURCE_CONFLICT")));
}

#[test]
fn parts_are_taken_from_who_knows_the_upload_and_ended_by_who_began_it() {
    let server = Server::production();
    let key = |name: &str, role: &str| {
        server.cli(&["principal", "create", name, "--kind", "service", "--role", role]).ok();
        let made = server.cli(&["key", "create", name, "--principal", name, "--json"]).json();
        format!("Bearer {}", made["secret"].as_str().expect("a secret"))
    };
    let (ann, ben) = (key("ann", "data-scientist"), key("ben", "data-scientist"));
    let reader = key("carl", "auditor");
    let ask = |verb: &str, key: &str, body: Value| {
        let headers = [("content-type", "application/json"), ("authorization", key)];
        let path = format!("{ROOT}/mpu/{verb}/{FOLDER}");
        request(server.control(), "POST", &path, body.to_string().as_bytes(), &headers)
    };
    let create = json!({"path": "a.bin", "num_parts": 1});
    assert_eq!(ask("create", &reader, create.clone()).status, 403);
    let begun = ask("create", &ann, create.clone()).json();
    let credential = begun["credentials"][0].clone();
    let tag = put(&server, &credential, "text").header("etag").expect("no key is asked").to_owned();
    let body = |path: &str| {
        json!({"path": path, "upload_id": begun["upload_id"],
            "parts": [{"part_number": 1, "etag": tag, "url": ""}]})
    };
    assert_eq!(ask("complete", &ben, body("a.bin")).status, 404, "another's");
    assert_eq!(ask("abort", &ben, body("a.bin")).status, 404, "another's");
    assert_eq!(ask("complete", &ann, body("b.bin")).status, 404, "another path");
    assert_eq!(ask("complete", &ann, body("../../b")).status, 404, "only the last part counts");
    let mut other = credential.clone();
    other["headers"]["plimsoll-upload"] = json!("0".repeat(32));
    assert_eq!(put(&server, &other, "text").status, 404);
    other["headers"] = json!({});
    assert_eq!(put(&server, &other, "text").status, 401);
    for count in [0, 10_001] {
        let answer = ask("create", &ann, json!({"path": "a.bin", "num_parts": count}));
        assert_eq!(answer.status, 400, "{count}");
    }
    assert_eq!(ask("abort", &ann, body("a.bin")).status, 200);
    assert_eq!(put(&server, &credential, "text").status, 404);
}
