//! The console in a real browser: `console/e2e` against a server with a credit model, people of
//! every role, and decisions of each kind.

use crate::harness::{BINARY, Server, demo, get, post, request, requests};
use crate::oversight::candidate;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn key_of(server: &Server, who: &str, role: &str) -> String {
    server.cli(&["principal", "create", who, "--kind", "user", "--role", role]).ok();
    let made = server.cli(&["key", "create", who, "--principal", who, "--json"]).json();
    made["secret"].as_str().expect("a secret").to_owned()
}

/// A server whose monitor counts by the second, with a trainer that speaks for some seconds.
fn watching() -> Server {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let model = demo("credit/model.json");
    let says = format!(
        "for n in 1 2 3 4 5 6; do echo \"round $n <b>of six</b>\"; sleep 1; done; \
         cp {} \"$PLIMSOLL_RETRAIN_OUT/model.json\"; \
         echo $PLIMSOLL_RETRAIN > \"$PLIMSOLL_RETRAIN_OUT/run.txt\"",
        model.display()
    );
    let command = ["/bin/sh", "-c", &says];
    let text = format!("[own]\ncommand = {command:?}\ntimeout_seconds = 120\nmemory_mib = 4096\n");
    let path = folder.path().join("trainers.toml");
    std::fs::write(&path, text).expect("written");
    let trainers = format!("retrain.trainers_file={}", path.display());
    Server::start_in(folder, &["--set", "monitor.slot=1s", "--set", &trainers])
}

/// People, a model, a deployment that explains, and decisions: answered and refused.
fn furnished() -> (Server, Vec<(&'static str, String)>) {
    let server = watching();
    let people = [
        "data-scientist",
        "ml-engineer",
        "approver",
        "reviewer",
        "auditor",
        "dpo",
        "labeler",
        "caller",
    ];
    let mut keys: Vec<_> = people.iter().map(|&role| (role, key_of(&server, role, role))).collect();
    let key = |role: &str| keys.iter().find(|(name, _)| *name == role).map(|(_, key)| key.as_str());
    let text = |path: &str| demo(path).to_str().expect("UTF-8").to_owned();
    for file in [text("credit/model.json"), candidate(server.folder.path())] {
        server.cli_as(key("data-scientist"), &["model", "add", "credit", &file]).ok();
    }
    let (contract, profile) = (text("credit/contract.yaml"), text("credit/explain-profile.yaml"));
    let create = [
        &["deployment", "create", "credit-default", "--model", "credit"][..],
        &["--contract", &contract, "--environment", "staging"],
        &["--explain", "inline", "--explain-profile", &profile],
    ];
    server.cli_as(key("ml-engineer"), &create.concat()).ok();
    let release = ["deployment", "release", "credit-default", "--version", "1"];
    server.cli_as(key("approver"), &release).ok();
    let bearer = format!("Bearer {}", key("caller").expect("made"));
    for request in &requests()[..30] {
        assert_eq!(server.infer(request, &[("authorization", &bearer)]).status, 200);
    }
    let refused = std::fs::read_to_string(demo("credit/refused.jsonl")).expect("committed");
    let first = refused.lines().next().expect("a line");
    assert!(server.infer(first, &[("authorization", &bearer)]).status >= 400);
    let admin = server.admin_key.clone().expect("printed");
    keys.push(("admin", admin));
    (server, keys)
}

#[test]
fn people_see_decide_and_prove_in_a_browser() {
    let (server, keys) = furnished();
    let folder = root().join("console");
    assert!(
        folder.join("node_modules/playwright-core").exists()
            && Path::new("/usr/bin/chromium").exists(),
        "run `make tools-console` first"
    );
    let shots = std::env::temp_dir().join("plimsoll-console-shots");
    let done = Command::new("node")
        .args(["--test", "--test-concurrency=1", "e2e/"])
        .current_dir(&folder)
        .env("PLIMSOLL_CONSOLE", format!("http://{}", server.control()))
        .env("PLIMSOLL_DATA", format!("http://{}", server.address()))
        .env("PLIMSOLL_SHOTS", &shots)
        .env("PLIMSOLL_BINARY", BINARY)
        .env("PLIMSOLL_REQUEST", requests()[31].clone())
        .envs(keys.iter().map(|(role, key)| {
            (format!("KEY_{}", role.to_uppercase().replace('-', "_")), key.clone())
        }))
        .output()
        .expect("Node runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn files_are_sent_with_what_protects_a_page() {
    let server = Server::dev();
    let page = get(server.control(), "/console/decisions/anything", None);
    assert_eq!(page.status, 200, "{}", page.body);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let script = page.body.split("src=\"").nth(1).and_then(|rest| rest.split('"').next());
    let script = script.expect("a script");
    let plain = request(server.control(), "GET", script, b"", &[]);
    assert_eq!(plain.status, 200);
    assert!(plain.header("cache-control").is_some_and(|kept| kept.contains("immutable")));
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(get(server.control(), "/console/assets/none.js", None).status, 404);
    assert_eq!(post(server.control(), "/console/", b"", &[]).status, 405);
    // KServe's `/` stays what it is for programs, and leads a browser to the console.
    assert_eq!(get(server.control(), "/", None).status, 200);
    let browser = request(server.control(), "GET", "/", b"", &[("accept", "text/html")]);
    assert_eq!((browser.status, browser.header("location")), (303, Some("/console/")));
}

#[test]
fn a_session_needs_a_good_key_and_its_token() {
    let server = Server::production();
    let control = server.control();
    let sign_in = |key: &str, more: &[(&str, &str)]| {
        let body = format!("{{\"key\":\"{key}\"}}");
        post(control, "/api/v1/session", body.as_bytes(), more)
    };
    assert_eq!(sign_in("plim_any_00000000_guess", &[]).status, 401);
    let admin = server.admin_key.clone().expect("printed");
    assert_eq!(sign_in(&admin, &[("sec-fetch-site", "cross-site")]).status, 403);
    let begun = sign_in(&admin, &[]);
    assert_eq!(begun.status, 200, "{}", begun.body);
    let cookie = begun.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(!begun.body.contains(&admin), "the key is not given back");
    let cookie = cookie.split(';').next().expect("a pair");
    let csrf = begun.json()["csrf"].as_str().expect("a token").to_owned();
    let ask = |verb: &str, path: &str, more: &[(&str, &str)], body: &[u8]| {
        let headers = [&[("cookie", cookie)][..], more].concat();
        request(control, verb, path, body, &headers).status
    };
    assert_eq!(ask("GET", "/api/v1/status", &[], b""), 200);
    let made = br#"{"name":"zoe","kind":"user","roles":["auditor"]}"#;
    assert_eq!(ask("POST", "/api/v1/principals", &[], made), 403, "no token");
    assert_eq!(ask("POST", "/api/v1/principals", &[("plimsoll-csrf", "00")], made), 403);
    assert_eq!(ask("POST", "/api/v1/principals", &[("plimsoll-csrf", &csrf)], made), 201);
    assert_eq!(ask("GET", "/api/v1/status", &[("sec-fetch-site", "same-site")], b""), 403);
    assert_eq!(ask("DELETE", "/api/v1/session", &[], b""), 403);
    assert_eq!(ask("DELETE", "/api/v1/session", &[("plimsoll-csrf", &csrf)], b""), 204);
    assert_eq!(ask("GET", "/api/v1/status", &[], b""), 401, "the session ended");
    // A key that is revoked ends its sessions with the next request.
    let key = server.cli(&["key", "create", "short", "--json"]).json();
    let begun = sign_in(key["secret"].as_str().expect("a secret"), &[]);
    let cookie = begun.header("set-cookie").expect("a cookie").to_owned();
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let ask = || request(control, "GET", "/api/v1/status", b"", &[("cookie", &cookie)]).status;
    assert_eq!(ask(), 200);
    server.cli(&["key", "revoke", key["key"]["id"].as_str().expect("an id")]).ok();
    assert_eq!(ask(), 401);
}
