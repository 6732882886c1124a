//! Promise `CLOSED`: every endpoint, called by nobody, by an under-privileged key, by a key of
//! another environment.

use crate::harness::request;
use crate::harness::{Server, demo, get, requests};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Every route of the OpenAPI document: verb, path with its parameters filled in, action.
fn routes(server: &Server) -> Vec<(String, String, Option<String>, bool)> {
    let document = get(server.control(), "/openapi.json", server.admin_key.as_deref()).json();
    let mut routes = Vec::new();
    for (path, verbs) in document["paths"].as_object().expect("paths") {
        for (verb, operation) in verbs.as_object().expect("verbs") {
            let mut filled = path.clone();
            for (name, value) in [
                ("model", "credit-default"),
                ("name", "credit-default"),
                ("version", "1"),
                ("number", "1"),
                ("id", "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"),
                ("digest", &"0".repeat(64)),
                ("level", "0"),
                ("index", "000"),
                ("model_id", "m-1"),
                ("webhook_id", "none"),
                ("tag_key", "none"),
            ] {
                filled = filled.replace(&format!("{{{name}}}"), value);
            }
            let open = operation["security"].as_array().is_some_and(Vec::is_empty);
            let action = operation["x-plimsoll-action"].as_str().map(str::to_owned);
            routes.push((verb.to_uppercase(), filled, action, open));
        }
    }
    assert!(routes.len() > 30, "only {} routes", routes.len());
    routes
}

fn listener(server: &Server, path: &str) -> SocketAddr {
    match path {
        "/livez" | "/readyz" | "/metrics" => server.metrics(),
        "/" | "/ping" | "/health" | "/version" | "/invocations" => server.address(),
        path if ["/v1", "/v2", "/deployments"].iter().any(|start| path.starts_with(start)) => {
            server.address()
        }
        _ => server.control(),
    }
}

fn call(server: &Server, verb: &str, path: &str, key: Option<&str>) -> u16 {
    let auth = key.map(|key| format!("Bearer {key}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(auth.iter().map(|auth| ("authorization", auth.as_str())));
    let path =
        if path.ends_with("/tail") { format!("{path}?wait_seconds=0") } else { path.to_owned() };
    request(listener(server, &path), verb, &path, b"", &headers).status
}

fn refusals(server: &Server, code: &str) -> u64 {
    let page = get(server.metrics(), "/metrics", server.admin_key.as_deref()).body;
    let lines = page
        .lines()
        .filter(|line| line.starts_with("plimsoll_refusals_total") && line.contains(code));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

fn new_key(server: &Server, name: &str, role: &str, extra: &[&str]) -> String {
    server.cli(&["principal", "create", name, "--kind", "service", "--role", role]).ok();
    let mut args = vec!["key", "create", name, "--principal", name, "--json"];
    args.extend(extra);
    server.cli(&args).json()["secret"].as_str().expect("a secret").to_owned()
}

#[test]
fn nobody_gets_in_anywhere_and_is_counted() {
    let server = Server::production();
    assert!(server.admin_key.is_some(), "no admin key was printed: {}", server.said());
    let routes = routes(&server);
    let before = refusals(&server, "unauthenticated");
    let mut closed = 0;
    for (verb, path, _, open) in &routes {
        let status = call(&server, verb, path, None);
        if *open {
            assert_eq!(status, 200, "{verb} {path}");
        } else {
            assert_eq!(status, 401, "{verb} {path}");
            closed += 1;
            assert_eq!(
                call(&server, verb, path, Some("plim_any_00000000_guess")),
                401,
                "{verb} {path}"
            );
        }
    }
    assert_eq!(refusals(&server, "unauthenticated") - before, closed * 2);
    let open: Vec<_> = routes
        .iter()
        .filter(|(_, _, _, open)| *open)
        .map(|(_, path, _, _)| path.as_str())
        .collect();
    let expected = [
        "/livez",
        "/readyz",
        "/v2",
        "/v2/",
        "/v2/health/live",
        "/v2/health/ready",
        "/",
        "/ping",
        "/health",
        "/version",
    ];
    assert_eq!(open, expected, "the short list of open doors");
}

#[test]
fn an_under_privileged_key_gets_in_nowhere_and_is_counted() {
    let server = Server::production();
    // Reads decisions, and nothing that any of these routes changes.
    let key = new_key(&server, "nobody", "caller", &["--scope", "elsewhere"]);
    let before = refusals(&server, "forbidden");
    let mut refused = 0;
    for (verb, path, _, open) in routes(&server) {
        if open {
            continue;
        }
        let status = call(&server, &verb, &path, Some(&key));
        // The OpenAPI document, and the list of one's own deployments (none), are for every key.
        // So is who one is, and a session, which takes more than a key in a header.
        if path == "/api/v1/session" && matches!(status, 200 | 401) {
            continue;
        }
        if path == "/openapi.json"
            || (["/v1/models", "/v2/models", "/v2/repository/index"].contains(&path.as_str())
                && status == 200)
            || path == "/api/v1/deployments" && status == 200
            // The list of jobs of one's own deployments (none); a job names its deployment in the
            // query, which is missing here.
            || path == "/api/v1/batches" && matches!((verb.as_str(), status), ("GET", 200) | ("POST", 400))
        {
            continue;
        }
        assert!(matches!(status, 403 | 404), "{verb} {path}: {status}");
        refused += u64::from(status == 403);
    }
    assert!(refused >= 15, "only {refused} routes refused");
    assert!(refusals(&server, "forbidden") - before >= refused);
}

#[test]
fn separation_of_duties_keys_and_environments_hold_end_to_end() {
    let server = Server::production();
    let author = new_key(&server, "ada", "ml-engineer", &[]);
    let approver = new_key(&server, "bob", "approver", &[]);
    let caller = new_key(&server, "shop", "caller", &["--environment", "staging"]);
    let tester = new_key(&server, "test", "caller", &["--environment", "production"]);
    let text = |path: &str| demo(path).to_str().expect("UTF-8").to_owned();
    server.cli_as(Some(&author), &["model", "add", "credit", &text("credit/model.json")]).ok();
    let contract = text("credit/contract.yaml");
    let create = [
        "deployment",
        "create",
        "credit-default",
        "--model",
        "credit",
        "--contract",
        &contract,
        "--environment",
        "staging",
    ];
    server.cli_as(Some(&author), &create).ok();
    let release = ["deployment", "release", "credit-default", "--version", "1"];
    let own = server.cli_as(Some(&author), &release);
    assert_eq!(own.code, 2, "the author released: {}{}", own.stdout, own.stderr);
    server.cli_as(Some(&approver), &release).ok();
    let ask = |key: &str| {
        let auth = format!("Bearer {key}");
        server.infer(&requests()[0], &[("authorization", &auth)])
    };
    assert_eq!(ask(&caller).status, 200, "{}", ask(&caller).body);
    let wrong = ask(&tester);
    assert_eq!((wrong.status, wrong.json()["code"].as_str()), (403, Some("wrong_environment")));
    assert_eq!(ask(&author).status, 403);

    // Rotation with overlap, then revocation, both without a restart.
    let keys = server.cli(&["key", "list", "--json"]).json();
    let keys = keys["items"].as_array().or(keys.as_array()).expect("a list").clone();
    let id = keys.iter().find(|key| key["name"] == "shop").expect("there")["id"]
        .as_str()
        .expect("id")
        .to_owned();
    let rotated = server.cli(&["key", "rotate", &id, "--overlap", "1h", "--json"]).json();
    let replacement = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_eq!((ask(&caller).status, ask(&replacement).status), (200, 200));
    server.cli(&["key", "revoke", &id]).ok();
    assert_eq!((ask(&caller).status, ask(&replacement).status), (401, 200));

    let why =
        server.cli(&["access", "why", "ada", "Release", "deployment/credit-default", "--json"]);
    assert!(matches!(why.code, 0..=2), "{}", why.stderr);
    let matrix = server.cli(&["access", "matrix"]).ok();
    assert!(matrix.contains("Infer") && matrix.contains("shop"), "{matrix}");
}

/// The golden authorization table: every route with its action, from the one route table.
#[test]
fn the_authorization_table_is_the_golden_one() {
    let server = Server::production();
    let mut table = BTreeMap::new();
    for (verb, path, action, open) in routes(&server) {
        let who =
            if open { "anyone".to_owned() } else { action.unwrap_or_else(|| "NO ACTION".into()) };
        table.insert(format!("{path} {verb}"), who);
    }
    let text: String =
        table.iter().map(|(route, action)| format!("{action:<20} {route}\n")).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/authorization.txt");
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    if golden != text {
        std::fs::write(format!("{path}.new"), &text).expect("writes");
    }
    assert_eq!(golden, text, "the table changed; if it should, move authorization.txt.new over it");
}
