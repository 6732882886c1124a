//! Settings: precedence, provenance, mistakes.

use crate::place::Place;

const FILE: &str = r#"
data = "/srv/data"
workers = 3

[listen]
data = "127.0.0.1:7000"
control = "127.0.0.1:7001"

[limits]
body_timeout = "5s"

[client]
url = "https://plimsoll.example"
"#;

#[test]
fn defaults() {
    insta::assert_snapshot!(Place::new().run("config show"));
}

/// Command line over environment over file over default.
#[test]
fn precedence() {
    let place = Place::new()
        .file("plimsoll.toml", FILE)
        .env("PLIMSOLL_DATA", "/env/data")
        .env("PLIMSOLL_WORKERS", "5")
        .env("PLIMSOLL_LIMITS_BODY_TIMEOUT", "6s")
        .env("PLIMSOLL_LIMITS_IDLE_TIMEOUT", "")
        .env("PLIMSOLL_KEY", "plim_this_is_secret");
    let shown =
        place.run("config show --data /cli/data --port 9000 --set workers=7 -v --key-file k");
    insta::assert_snapshot!(shown);
    assert!(!shown.contains("this_is_secret"));
}

#[test]
fn as_json() {
    let place = Place::new().file("other.toml", FILE);
    let output = place.output("config show --json --config other.toml --set log.format=json");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let find = |key: &str| {
        let rows = shown.as_array().expect("array");
        rows.iter().find(|row| row["key"] == key).expect("there").clone()
    };
    let row = |value: &str, origin: &str, key: &str| serde_json::json!({"key": key, "value": value, "origin": origin});
    assert_eq!(find("workers"), row("3", "file other.toml", "workers"));
    assert_eq!(find("log.format"), row("json", "cli --set", "log.format"));
    assert_eq!(find("keys"), row("./plimsoll-keys", "default", "keys"));
}

#[test]
fn mistakes() {
    let place = Place::new()
        .file("typo.toml", "[listen]\ndta = '127.0.0.1:1'\n")
        .file("group.toml", "[lisden]\ndata = '127.0.0.1:1'\n")
        .file("value.toml", "[limits]\nbody_timeout = 5\n")
        .file("syntax.toml", "data = '/secret/place\n")
        .file("secret.toml", "[client]\nkey = 'plim_x'\n");
    insta::assert_snapshot!(place.session(&[
        "config show --config typo.toml",
        "config show --config group.toml",
        "config show --config value.toml",
        "config show --config syntax.toml",
        "config show --config secret.toml",
        "config show --config absent.toml",
        "config show --set listen.dta=1",
        "config show --set workers",
        "config show --set workers=many",
        "config show --set client.key=plim_x",
        "config show --port 65534",
        "config show --dev --host 0.0.0.0",
        "serve --data x --keys x/keys",
        "serve --set tls.cert=cert.pem",
        "serve --set limits.max_in_flight=0",
        "serve --set listen.control=127.0.0.1:8080",
    ]));
}

#[test]
fn misspelled_variables_are_pointed_out() {
    let place = Place::new()
        .env("PLIMSOLL_LISTEN_DTA", "127.0.0.1:1")
        .env("PLIMSOLL_PORT", "tcp://10.0.0.1");
    let output = place.output("config show");
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_wrong_variable_is_named() {
    let place = Place::new().env("PLIMSOLL_LEDGER_QUEUE", "64MB");
    insta::assert_snapshot!(place.run("config show"));
}

#[test]
fn other_commands_do_not_mind_a_broken_file() {
    let place = Place::new().file("plimsoll.toml", "nonsense");
    assert!(place.run("version").contains("--- exit 0"));
    assert!(place.run("status").contains("--- exit 1"));
}
