//! Promise `RECORDED` under SIGKILL: every acknowledged decision is in the ledger exactly once
//! and readable, whatever moment the process died at.
//!
//! `PLIMSOLL_CRASH_ROUNDS` sets the rounds (10 by default, 200 in `make soak`) and
//! `PLIMSOLL_CRASH_SEED` the first seed.

use crate::harness::{BINARY, Connection, Server, requests};
use plimsoll_ledger::LedgerReader;
use plimsoll_types::DecisionId;
use plimsoll_types::record::{DecisionBody, Kind, ResultClass};
use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) fn setting(name: &str, default: u64) -> u64 {
    // Tests read the environment; the product reads it in one place.
    #[expect(clippy::disallowed_methods, reason = "the rounds of a long test are set from outside")]
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// xorshift64*, enough to spread the moments of death.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// Asks on eight connections until the server dies; the ids that were acknowledged with 200.
fn load_until_death(
    server: &Server,
    bodies: &Arc<Vec<String>>,
) -> (Arc<Mutex<Vec<DecisionId>>>, Vec<std::thread::JoinHandle<()>>) {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let threads = (0..8)
        .map(|thread| {
            let (acknowledged, bodies, stop) =
                (Arc::clone(&acknowledged), Arc::clone(bodies), Arc::clone(&stop));
            let address = server.address();
            std::thread::spawn(move || {
                let Ok(mut connection) = Connection::open(address) else { return };
                for n in 0.. {
                    let body = &bodies[(thread * 61 + n) % bodies.len()];
                    match connection.infer(body, "") {
                        Ok((200, id, _)) => {
                            acknowledged.lock().expect("fine").push(id.parse().expect("an id"))
                        }
                        Ok((status, _, answer)) => panic!("{status}: {answer}"),
                        Err(_) => return,
                    }
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
        })
        .collect();
    (acknowledged, threads)
}

fn rounds(mode: &str, rounds: u64, seed: u64) {
    let bodies = Arc::new(requests());
    let mut server = Server::dev().with_credit(mode);
    let mut all: Vec<DecisionId> = Vec::new();
    let mut state = seed | 1;
    for round in 0..rounds {
        let (acknowledged, threads) = load_until_death(&server, &bodies);
        std::thread::sleep(Duration::from_millis(20 + next(&mut state) % 180));
        let folder = server.kill();
        threads.into_iter().for_each(|thread| thread.join().expect("no wrong answer"));
        all.append(&mut acknowledged.lock().expect("fine"));
        server = Server::start_in(folder, &["--dev"]);
        let answer = server.infer(&bodies[0], &[]);
        assert_eq!(answer.status, 200, "round {round} of seed {seed}: {}", answer.body);
    }
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    check(&folder, &all, &format!("{mode}, {rounds} rounds, seed {seed}"));
}

/// Every id of `acknowledged` has exactly one completion, which opens; the whole log verifies.
fn check(folder: &Arc<tempfile::TempDir>, acknowledged: &[DecisionId], what: &str) {
    assert!(!acknowledged.is_empty(), "{what}: nothing was acknowledged");
    let reader = LedgerReader::open(&folder.path().join("data"), Some(&folder.path().join("keys")))
        .expect("opens");
    reader.verify().expect("the chain holds");
    let mut completions: HashMap<[u8; 16], u32> = HashMap::new();
    let mut intents: HashMap<[u8; 16], u32> = HashMap::new();
    for entry in reader.entries(0) {
        let entry = entry.expect("reads");
        let draft = &entry.leaf.draft;
        match draft.kind {
            Kind::Intent => *intents.entry(draft.id).or_default() += 1,
            Kind::Decision => {
                *completions.entry(draft.id).or_default() += 1;
                if draft.result == Some(ResultClass::Answered) {
                    let body = reader.open_body(&entry).expect("opens");
                    let body = DecisionBody::decode(&body).expect("reads");
                    assert_eq!(body.outputs.len(), 1, "{what}");
                }
            }
            _ => {}
        }
    }
    for id in acknowledged {
        assert_eq!(completions.get(id.as_bytes()), Some(&1), "{what}: {id} was acknowledged");
    }
    assert!(
        completions.values().all(|&count| count == 1),
        "{what}: a decision has two completions"
    );
    for id in intents.keys() {
        assert!(completions.contains_key(id), "{what}: an intent was never closed");
    }
}

#[test]
fn killed_at_any_moment_no_acknowledged_decision_is_lost_or_doubled() {
    rounds("durable", setting("PLIMSOLL_CRASH_ROUNDS", 10), setting("PLIMSOLL_CRASH_SEED", 1));
}

#[test]
fn killed_at_any_moment_every_intent_is_closed() {
    rounds(
        "strict",
        setting("PLIMSOLL_CRASH_ROUNDS", 10).div_ceil(4),
        setting("PLIMSOLL_CRASH_SEED", 1) + 7,
    );
}

/// The writer's sync comes before the reply: seen from outside, by the system calls.
#[test]
fn strace_sees_a_sync_before_each_acknowledgement() {
    let trace = tempfile::NamedTempFile::new().expect("temp");
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-y",
        "-s",
        "300",
        "-e",
        "trace=fdatasync,fsync,sync_file_range,write,writev,sendto,sendmsg,pwrite64,pwritev2",
    ]);
    command.arg("-o").arg(trace.path()).arg(BINARY);
    let server =
        Server::start_by(command, Arc::new(tempfile::tempdir().expect("temp")), &["--dev"])
            .with_credit("durable");
    let mut connection = Connection::open(server.address()).expect("connects");
    let asked = 20;
    for body in requests().iter().take(asked) {
        assert_eq!(connection.infer(body, "").expect("answers").0, 200);
    }
    // strace passes the signal on to nobody: stop what it runs.
    let pid = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.child.id()))
        .expect("children");
    assert!(Command::new("kill").args(["-TERM", pid.trim()]).status().expect("runs").success());
    let mut server = server;
    server.child.wait().expect("waits");
    let text = std::fs::read_to_string(trace.path()).expect("traced");
    let (mut synced, mut replies, mut early) = (false, 0, 0);
    for line in text.lines() {
        // A call that another thread interrupts is told in two lines; its end counts.
        let is_whole = line.contains("/segments/") && line.contains("sync(");
        if is_whole && !line.contains("unfinished") || line.contains("fdatasync resumed") {
            synced = true;
        }
        if line.contains("plimsoll-decision-id") {
            replies += 1;
            early += usize::from(!synced);
            synced = false;
        }
    }
    assert_eq!((replies, early), (asked, 0), "each reply follows a sync of its own:\n{text}");
}
