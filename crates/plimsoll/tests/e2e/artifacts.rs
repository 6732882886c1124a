//! MLflow's artifact proxy and uploads that go on, over HTTP.

use crate::harness::{Http, Server, get, request};

const ROOT: &str = "/api/2.0/mlflow-artifacts/artifacts";

fn at(server: &Server, verb: &str, path: &str, body: &[u8]) -> Http {
    request(server.control(), verb, &format!("{ROOT}{path}"), body, &[])
}

#[test]
fn files_go_through_the_proxy() {
    let server = Server::dev();
    let text = "line\n".repeat(500_000);
    assert_eq!(
        at(&server, "PUT", "/1/r/artifacts/model/big%20one.txt", text.as_bytes()).status,
        200
    );
    assert_eq!(at(&server, "PUT", "/1/r/artifacts/model/MLmodel", b"flavors: {}").status, 200);
    assert_eq!(at(&server, "PUT", "/1/r/artifacts/empty", b"").status, 200);
    let got = at(&server, "GET", "/1/r/artifacts/model/big%20one.txt", b"");
    assert_eq!((got.status, got.body.len()), (200, text.len()));
    assert!(got.body == text);
    assert_eq!(got.header("content-disposition"), Some("attachment; filename=\"big_one.txt\""));
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(at(&server, "GET", "/1/r/artifacts/empty", b"").body, "");

    let listed = get(server.control(), &format!("{ROOT}?path=1/r/artifacts"), None).json();
    let expected = serde_json::json!({"files": [
        {"path": "empty", "is_dir": false, "file_size": 0},
        {"path": "model", "is_dir": true},
    ]});
    assert_eq!(listed, expected);
    let path = format!("{ROOT}/1/r/artifacts/model/big%20one.txt");
    let part = request(server.control(), "GET", &path, b"", &[("range", "bytes=1048570-1048579")]);
    assert_eq!((part.status, part.body.as_str()), (206, &text[1_048_570..1_048_580]));
    let said = format!("bytes 1048570-1048579/{}", text.len());
    assert_eq!(part.header("content-range"), Some(said.as_str()));

    let by_run = get(server.control(), "/get-artifact?run_uuid=r&path=model/MLmodel", None);
    assert_eq!((by_run.status, by_run.body.as_str()), (200, "flavors: {}"));
    let ajax = "/ajax-api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/model/MLmodel";
    assert_eq!(get(server.control(), ajax, None).body, "flavors: {}");
    assert_eq!(at(&server, "DELETE", "/1/r/artifacts/model", b"").status, 200);
    let gone = at(&server, "GET", "/1/r/artifacts/model/MLmodel", b"");
    assert_eq!((gone.status, &gone.json()["error_code"]), (404, &"RESOURCE_DOES_NOT_EXIST".into()));
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let server = Server::dev();
    assert_eq!(at(&server, "PUT", "/1/r/artifacts/x", b"x").status, 200);
    for path in [
        "/../../etc/passwd",
        "/1/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e/x",
        "/%2Fetc/passwd",
        "//etc/passwd",
        "//proc/self/root",
        "/1/r/..%5c..%5cx",
        "/1/r/x%00.txt",
        "/1/./r",
        "/a%23/../../b",
        "/a%3f/../b",
        "/C:/windows/win.ini",
        "/file:///etc/passwd",
        "/1/r/%0d%0ax",
        "/1//r",
        "/1/r/",
    ] {
        for verb in ["GET", "PUT", "DELETE"] {
            let answer = at(&server, verb, path, b"");
            assert_eq!(answer.status, 400, "{verb} {path}: {}", answer.body);
            assert_eq!(answer.json()["error_code"], "INVALID_PARAMETER_VALUE", "{verb} {path}");
        }
    }
    for path in [
        "/get-artifact?run_uuid=r&path=../../etc/passwd",
        "/get-artifact?run_uuid=../r&path=x",
        "/get-artifact?run_uuid=r&path=%2fetc%2fpasswd",
        "/model-versions/get-artifact?name=..&version=1&path=x",
        "/model-versions/get-artifact?name=a&version=1&path=../../x",
        "/api/2.0/mlflow-artifacts/artifacts?path=../..",
        "/api/2.0/mlflow-artifacts/artifacts?path=%2fetc",
    ] {
        let answer = get(server.control(), path, None);
        assert!(matches!(answer.status, 400 | 404), "{path}: {} {}", answer.status, answer.body);
        assert!(answer.json()["error_code"].is_string(), "{path}: {}", answer.body);
    }
    assert!(!server.data_folder().join("etc").exists());
}

#[test]
fn nobody_without_a_key_reads_or_writes_files() {
    let server = Server::production();
    for (verb, path) in [
        ("GET", format!("{ROOT}/1/r/x")),
        ("PUT", format!("{ROOT}/1/r/x")),
        ("DELETE", format!("{ROOT}/1/r/x")),
        ("GET", format!("{ROOT}?path=1")),
        ("GET", "/get-artifact?run_uuid=r&path=x".into()),
        ("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts/1/r/x".into()),
        ("GET", "/model-versions/get-artifact?name=a&version=1&path=x".into()),
        ("POST", "/api/v1/uploads".into()),
    ] {
        let answer = request(server.control(), verb, &path, b"", &[]);
        assert_eq!(answer.status, 401, "{verb} {path}");
    }
}

#[test]
fn an_upload_goes_on_after_a_restart() {
    let server = Server::dev();
    let text = "0123456789".repeat(300_000);
    let send = |server: &Server, verb: &str, path: &str, offset: usize, body: &str| {
        let offset = offset.to_string();
        let headers = [("upload-offset", offset.as_str()), ("content-type", "application/json")];
        request(server.control(), verb, path, body.as_bytes(), &headers)
    };
    let wanted = format!("{{\"size\":{}}}", text.len());
    let made = send(&server, "POST", "/api/v1/uploads", 0, &wanted);
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("/api/v1/uploads/{}", made.json()["id"].as_str().expect("an id"));
    let first = send(&server, "PATCH", &path, 0, &text[..1_700_000]);
    assert_eq!((first.status, first.header("upload-offset")), (204, Some("1700000")));
    let folder = server.kill();

    let server = Server::start_in(folder, &["--dev"]);
    let head = request(server.control(), "HEAD", &path, b"", &[]);
    assert_eq!((head.status, head.header("upload-offset")), (200, Some("1700000")));
    assert_eq!(send(&server, "PATCH", &path, 5, "x").status, 409);
    let rest = send(&server, "PATCH", &path, 1_700_000, &text[1_700_000..]);
    assert_eq!(rest.status, 204, "{}", rest.body);
    let done = send(&server, "POST", &format!("{path}/finish"), 0, "{}");
    assert_eq!((done.status, &done.json()["size"]), (201, &text.len().into()));
    assert_eq!(send(&server, "GET", &path, 0, "").status, 404);
}
