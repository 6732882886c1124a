//! Runs the demo, looks at what it prints and at what it leaves behind.

use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn demo(folder: &Path, port: u16, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["demo", "--port", &port.to_string(), "--data"])
        .arg(folder)
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A port that was free a moment ago. Not one of those that the system hands out to others.
fn free_port() -> u16 {
    let start = 11_000 + u16::try_from(std::process::id() % 4_000).expect("small");
    (start..).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("one is free")
}

#[test]
fn a_demo_answers_refuses_records_and_goes_on_later() {
    let place = tempfile::tempdir().expect("temp");
    let folder = place.path().join("demo");
    let port = free_port();
    let output = demo(&folder, port, &["--seconds", "5"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");

    let mut lines = stdout.lines();
    assert_eq!(lines.next(), Some(&*format!("plimsoll answers on http://127.0.0.1:{port}")));
    assert!(stdout.contains("first governed answer: probability 0."), "{stdout}");
    assert!(stdout.contains(&format!("--url http://127.0.0.1:{port}")), "{stdout}");
    assert!(stdout.contains(" requests resolved = "), "{stdout}");
    assert!(stdout.contains("\nlost          0\n"), "{stdout}");
    assert!(!stdout.contains('\x1b'), "no terminal, no view");
    // The first answer can be looked up in the folder that is left.
    let id = stdout.lines().find_map(|line| line.strip_prefix("first answer  ")).expect("an id");
    let shown = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["decision", "show", id, "--json", "--data"])
        .arg(folder.join("data"))
        .arg("--keys")
        .arg(folder.join("keys"))
        .output()
        .expect("the binary runs");
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["summary"]["result"], "answered");

    let output = demo(&folder, port, &["--seconds", "4", "--rate", "100", "--json"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    assert!(stderr.contains("an earlier demo"), "{stderr}");
    let summary: Value = serde_json::from_str(&stdout).expect("JSON alone on stdout");
    let count = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("{name}: {summary}"));
    assert!(count("requests") >= 50 && count("refused") > 0 && count("replayed") > 0, "{summary}");
    assert_eq!(count("resolved"), count("requests"), "{summary}");
    assert_eq!(count("completions"), count("requests"), "{summary}");
    assert_eq!(count("read_back"), count("requests"), "{summary}");
    assert_eq!((count("lost"), count("broken")), (0, 0), "{summary}");
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    let place = tempfile::tempdir().expect("temp");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("binds");
    let port = taken.local_addr().expect("bound").port();
    let output = demo(&place.path().join("demo"), port, &["--seconds", "1"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains(&format!("port {port} is taken")) && stderr.contains("--port"),
        "{stderr}"
    );
    assert!(!place.path().join("demo").exists());

    std::fs::write(place.path().join("letters.txt"), "dear").expect("writes");
    let output = demo(place.path(), 0, &["--seconds", "1"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("not a demo's folder"), "{stderr}");
    assert_eq!(std::fs::read_dir(place.path()).expect("reads").count(), 1);
}

/// The whole loop in short: more requests a second than a person would watch.
#[test]
fn a_demo_of_the_loop_ends_with_a_version_that_was_trained_for_another_population() {
    let place = tempfile::tempdir().expect("temp");
    let folder = place.path().join("demo");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".venv/demo/bin/python").display().to_string();
    let missing = demo(&folder, free_port(), &["--loop", "--python", "/bin/false"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("pip install"), "{}", text(&missing.stderr));
    let args = ["--loop", "--rate", "100", "--seconds", "300", "--python", &python];
    let output = demo(&folder, free_port(), &args);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    let place = |word: &str| {
        stdout.find(word).unwrap_or_else(|| panic!("`{word}` is not in: {stdout}\n{stderr}"))
    };
    let story = [
        "the population shifts",
        "alert: ",
        "queued: finding",
        "s  training",
        "candidate: version 2 is registered",
        "rollout: it is tried beside version 1",
        "promoted",
        "version 2 answers everybody",
    ];
    assert!(story.map(place).is_sorted(), "{stdout}");
}
