//! Starting, stopping, backing up: what the person who runs it relies on.

use crate::harness::{Connection, Server, get, requests};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn a_drain_loses_no_request() {
    let server = Server::dev().with_credit("durable");
    let bodies = Arc::new(requests());
    let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (bodies, answered, stop) =
                (Arc::clone(&bodies), Arc::clone(&answered), Arc::clone(&stop));
            let address = server.address();
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut connection) = Connection::open(address) else { return };
                    // A request that was sent whole is answered, or the connection was closed
                    // before any of it was read.
                    while let Ok((status, _, answer)) = connection.infer(&bodies[0], "") {
                        assert!(status == 200 || status == 503, "{status}: {answer}");
                        answered.fetch_add(u64::from(status == 200), Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let (folder, code) = server.stop();
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("only right answers"));
    assert_eq!(code, Some(0));
    let reader =
        plimsoll_ledger::LedgerReader::open(&folder.path().join("data"), None).expect("opens");
    let recorded = reader
        .entries(0)
        .map(|entry| entry.expect("reads").leaf.draft)
        .filter(|draft| draft.result == Some(plimsoll_types::record::ResultClass::Answered))
        .count() as u64;
    let answered = answered.load(Ordering::Relaxed);
    assert!(recorded >= answered && answered > 0, "{answered} answered, {recorded} recorded");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let server = Server::dev();
    let output = Command::new(crate::harness::BINARY)
        .args(["serve", "--dev", "--port", "1"])
        .arg("--data")
        .arg(server.data_folder())
        .arg("--keys")
        .arg(server.keys_folder())
        .output()
        .expect("runs");
    assert_ne!(output.status.code(), Some(0));
    let output = Command::new(crate::harness::BINARY)
        .args(["serve", "--dev", "--port", "0"])
        .arg("--data")
        .arg(server.data_folder())
        .arg("--keys")
        .arg(server.keys_folder())
        .output()
        .expect("runs");
    assert_ne!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn a_newer_data_folder_is_refused() {
    let (folder, _) = Server::dev().stop();
    std::fs::write(folder.path().join("data/format"), "plimsoll-data 99\n").expect("writes");
    let output = Command::new(crate::harness::BINARY)
        .args(["serve", "--dev", "--port", "0"])
        .arg("--data")
        .arg(folder.path().join("data"))
        .arg("--keys")
        .arg(folder.path().join("keys"))
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0));
    assert!(said.contains("plimsoll-data 99"), "{said}");
}

#[test]
fn a_backup_of_a_running_folder_restores_and_keys_are_not_in_it() {
    let server = Server::dev().with_credit("durable");
    let bodies = requests();
    let ids: Vec<String> = bodies
        .iter()
        .take(50)
        .map(|body| {
            server.infer(body, &[]).header("plimsoll-decision-id").expect("an id").to_owned()
        })
        .collect();
    let archive = server.folder.path().join("backup.tar");
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    server.cli(&["backup", "--data", &text(&server.data_folder()), "-o", &text(&archive)]).ok();
    assert_eq!(server.infer(&bodies[0], &[]).status, 200, "the server goes on");
    let listing = Command::new("tar").arg("-tf").arg(&archive).output().expect("tar runs");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    assert!(!listing.contains("keys") && !listing.contains(".kek"), "{listing}");

    let elsewhere = Arc::new(tempfile::tempdir().expect("temp"));
    let data = elsewhere.path().join("data");
    let keys = elsewhere.path().join("keys");
    server.cli(&["restore", &text(&archive), "--data", &text(&data)]).ok();
    let copied =
        Command::new("cp").arg("-a").arg(server.keys_folder()).arg(&keys).status().expect("runs");
    assert!(copied.success());
    drop(server);
    let restored = Server::start_in(elsewhere, &["--dev"]);
    for id in &ids {
        let shown = restored.cli(&["decision", "show", id, "--json"]).json();
        assert_eq!(shown["summary"]["result"], "answered");
        assert!(shown["body"]["rows"][0]["age"].is_number(), "{shown}");
    }
    assert_eq!(restored.infer(&bodies[0], &[]).status, 200);
}

#[test]
fn metrics_count_what_happened() {
    let server = Server::dev().with_credit("durable");
    for body in requests().iter().take(7) {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    assert_eq!(server.infer("{", &[]).status, 400);
    let page = get(server.metrics(), "/metrics", None).body;
    let value = |name: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {page}"));
        line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!(value("plimsoll_gateway_completions_total{result=\"answered\"}"), 7.0);
    assert_eq!(value("plimsoll_gateway_completions_total{result=\"refused\"}"), 1.0);
    assert_eq!(value("plimsoll_gateway_requests_resolved_total"), 8.0);
    assert_eq!(value("plimsoll_gateway_phase_duration_seconds_count{phase=\"validate\"}"), 8.0);
    assert!(value("plimsoll_gateway_overhead_duration_seconds_sum") > 0.0);
    assert!(page.ends_with("# EOF\n"), "not an OpenMetrics page");
}

#[test]
fn memory_at_idle_with_ten_deployments_is_small() {
    let server = Server::dev().with_credit("durable");
    let contract = crate::harness::demo("credit/contract.yaml").to_str().expect("UTF-8").to_owned();
    for n in 0..9 {
        let name = format!("other-{n}");
        server
            .cli(&[
                "deployment",
                "create",
                &name,
                "--model",
                "credit",
                "--version",
                "1",
                "--contract",
                &contract,
                "--environment",
                "development",
            ])
            .ok();
    }
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("there");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("there");
    let kib: u64 =
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
    assert!(kib < 150 * 1024, "{kib} KiB resident");
}
