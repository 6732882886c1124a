//! A witness: its own server, on its own disk, asked by a log. What it has cosigned it never goes
//! back behind, however it is asked and however it ends.

use crate::harness::{BINARY, Http, get, request};
use plimsoll_tlog::note::{Note, Vkey};
use plimsoll_tlog::tile::TileEdge;
use plimsoll_tlog::tree::leaf_hash;
use plimsoll_tlog::witness::{AddCheckpoint, Answer, Head, SIZE_TYPE, origin_hash};
use plimsoll_tlog::{Checkpoint, Signer, Tiles};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Barrier;
use std::time::Duration;

const ORIGIN: &str = "example.com/plimsoll/ledger";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[7; 32]).expect("a name")
}

/// A log of so many entries that asks to be cosigned after `old` of them; `seed` makes logs differ.
fn ask(old: u64, new: u64, seed: u8) -> String {
    let mut tiles = BTreeMap::new();
    let mut edge = TileEdge::new();
    for index in 0..new {
        let leaf = leaf_hash(format!("entry {index} of {seed}").as_bytes());
        let kept = edge.push(leaf, |tile, bytes| {
            tiles.insert(tile, bytes);
            Ok::<(), Infallible>(())
        });
        kept.expect("a map takes all");
    }
    tiles.extend(edge.partials());
    let source = |tile| tiles.get(&tile).cloned().ok_or("no such tile");
    let mut tree = Tiles::open(new, &edge.root(), source).expect("its own tiles");
    let proof = tree.consistency(old, new).expect("its own tiles").hashes;
    let checkpoint = Checkpoint::new(ORIGIN, new, edge.root()).sign(&signer()).expect("signed");
    AddCheckpoint { old, proof, checkpoint: checkpoint.to_string() }.to_string()
}

/// The size that a signed checkpoint in a request or an answer has.
fn size_of(note: &str) -> u64 {
    let note = Note::parse(note.as_bytes()).expect("a note");
    Checkpoint::parse(note.text()).expect("a checkpoint").size
}

struct Witness {
    child: Child,
    address: SocketAddr,
    vkey: Vkey,
}

impl Witness {
    fn start(data: &Path) -> Self {
        Self::start_by(Command::new(BINARY), data)
    }

    fn start_by(mut command: Command, data: &Path) -> Self {
        let log = signer().vkey().to_string();
        let mut child = command
            .args(["witness", "serve", "--listen", "127.0.0.1:0", "--name", "w.example/1"])
            .args(["--log", &log])
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut said = |name: &str| -> String {
            let mut line = lines
                .find_map(|line| line.ok()?.strip_prefix(name).map(|rest| rest.trim().to_owned()));
            line.take().unwrap_or_else(|| panic!("the witness did not say its {name}"))
        };
        let address = said("witness");
        let address =
            address.strip_prefix("http://").and_then(|a| a.strip_suffix("/add-checkpoint"));
        let address = address.expect("its address").parse().expect("an address");
        let vkey = said("vkey").parse().expect("a key");
        // What it logs later goes nowhere, but must go.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, vkey }
    }

    fn post(&self, body: &str) -> Http {
        request(self.address, "POST", "/add-checkpoint", body.as_bytes(), &[])
    }

    /// Asks, and checks a cosignature as a log does. The status otherwise.
    fn cosign(&self, body: &str) -> u16 {
        let answer = self.post(body);
        if answer.status == 200 {
            let parsed = Answer::parse(200, "text/plain", answer.body.as_bytes());
            let Ok(Answer::Cosigned(signatures)) = parsed else { panic!("{parsed:?}") };
            let request = AddCheckpoint::parse(body.as_bytes()).expect("its own request");
            let mut note = Note::parse(request.checkpoint.as_bytes()).expect("a note");
            signatures.into_iter().for_each(|line| note.add(line).expect("room"));
            let valid = note.verify(&[&self.vkey]).expect("cosigned");
            assert!(valid[0].time.is_some_and(|time| time > 1_700_000_000));
        }
        answer.status
    }

    /// What monitors get, verified.
    fn head(&self) -> Option<Head> {
        let answer = get(self.address, &format!("/{}/checkpoint", origin_hash(ORIGIN)), None);
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200);
        let (origin, head) = Head::open(answer.body.as_bytes(), &self.vkey).expect("cosigned");
        assert_eq!(origin, ORIGIN);
        Some(head)
    }

    fn kill(mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("waits");
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn run(args: &[&str], data: &Path) -> Output {
    Command::new(BINARY).args(args).arg("--data").arg(data).output().expect("runs")
}

#[test]
fn a_log_is_witnessed_across_restarts() {
    let data = tempfile::tempdir().expect("temp");
    let witness = Witness::start(data.path());
    let shown = run(&["witness", "vkey"], data.path());
    assert_eq!(String::from_utf8_lossy(&shown.stdout).trim(), witness.vkey.to_string());
    assert_eq!(witness.head(), None);
    assert_eq!(witness.cosign(&ask(0, 5, 1)), 200);
    assert_eq!(witness.cosign(&ask(5, 300, 1)), 200);
    assert_eq!(witness.cosign(&ask(300, 300, 1)), 200);
    let head = witness.head().expect("cosigned");
    assert_eq!(head.size, 300);
    let vkey = witness.vkey.clone();
    witness.kill();

    let witness = Witness::start(data.path());
    assert_eq!(witness.vkey, vkey);
    assert_eq!(witness.head(), Some(head));
    // What the log must hear to catch up, and what it never gets.
    let conflict = witness.post(&ask(5, 400, 1));
    assert_eq!((conflict.status, conflict.body.as_str()), (409, "300\n"));
    assert_eq!(conflict.header("content-type"), Some(SIZE_TYPE));
    assert_eq!(witness.cosign(&ask(300, 400, 2)), 422);
    assert_eq!(witness.cosign(&ask(300, 300, 2)), 422);
    assert_eq!(witness.cosign(&ask(300, 400, 1).replace(ORIGIN, "example.com/other")), 404);
    assert_eq!(witness.cosign(&ask(300, 400, 1).replace("\n400\n", "\n401\n")), 403);
    assert_eq!(witness.cosign(&ask(0, 9, 1).replace("old 0", "old 10")), 400);
    assert_eq!(witness.cosign("old 300\n"), 400);
    assert_eq!(witness.post(&"x".repeat(200_000)).status, 413);
    assert_eq!(get(witness.address, "/add-checkpoint", None).status, 405);
    assert_eq!(get(witness.address, "/heads", None).status, 404);
    assert_eq!(get(witness.address, "/../witness.key/checkpoint", None).status, 404);
    assert_eq!(witness.head().map(|head| head.size), Some(300));
    assert_eq!(witness.cosign(&ask(300, 400, 1)), 200);
}

/// The race of the specification: two requests from the same old size at once. One of them must
/// hear of the other, and the head never goes back.
#[test]
fn the_rollback_race() {
    let data = tempfile::tempdir().expect("temp");
    let witness = Witness::start(data.path());
    let mut size = 0;
    for _ in 0..20 {
        let bodies = [ask(size, size + 3, 1), ask(size, size + 8, 1)];
        let barrier = Barrier::new(2);
        let answers = std::thread::scope(|scope| {
            let threads = bodies.each_ref().map(|body| {
                let (witness, barrier) = (&witness, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    witness.cosign(body)
                })
            });
            threads.map(|thread| thread.join().expect("no panic"))
        });
        size += match answers {
            [200, 409] => 3,
            [409, 200] => 8,
            other => panic!("{other:?}"),
        };
        assert_eq!(witness.head().map(|head| head.size), Some(size));
    }
}

/// Killed at any moment, a witness has what it has answered: whatever it cosigned is at most its
/// head after the restart, and the head is one that was asked for.
#[test]
fn killed_at_any_moment_a_cosigned_head_is_kept() {
    let data = tempfile::tempdir().expect("temp");
    let (mut size, mut cosigned) = (0, 0);
    for round in 0..15_u64 {
        let witness = Witness::start(data.path());
        let head = witness.head().map_or(0, |head| head.size);
        assert!(head >= size, "the witness went back from {size} to {head}");
        assert!(head <= size + 1, "the witness is at {head}, which nobody asked for");
        size = head;
        let bodies: Vec<String> = (head..head + 60).map(|old| ask(old, old + 1, 1)).collect();
        let (address, child) = (witness.address, witness.child.id());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(5 + 7 * round));
                let killed = Command::new("kill").args(["-KILL", &child.to_string()]).status();
                assert!(killed.expect("kill runs").success());
            });
            for body in &bodies {
                // Once it is dead there is no answer.
                let answer = std::panic::catch_unwind(|| {
                    request(address, "POST", "/add-checkpoint", body.as_bytes(), &[]).status
                });
                match answer {
                    Ok(200) => (size, cosigned) = (size + 1, cosigned + 1),
                    Ok(other) => panic!("{other}"),
                    Err(_) => break,
                }
            }
        });
    }
    assert!(cosigned > 20, "only {cosigned} cosigned: the test shows little");
}

/// Seen from outside, by the system calls: each cosignature leaves after the head was written,
/// synced, renamed, and the folder synced.
#[test]
fn strace_sees_the_head_on_disk_before_the_answer() {
    let data = tempfile::tempdir().expect("temp");
    let trace = tempfile::NamedTempFile::new().expect("temp");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "300"]);
    command.args(["-e", "trace=fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto"]);
    command.arg("-o").arg(trace.path()).arg(BINARY);
    let witness = Witness::start_by(command, data.path());
    for old in 0..5 {
        assert_eq!(witness.cosign(&ask(old, old + 1, 1)), 200);
    }
    let child = format!("/proc/{0}/task/{0}/children", witness.child.id());
    let child = std::fs::read_to_string(child).expect("children");
    let stopped = Command::new("kill").args(["-TERM", child.trim()]).status().expect("runs");
    assert!(stopped.success());
    let mut witness = witness;
    assert!(witness.child.wait().expect("waits").success());
    let text = std::fs::read_to_string(trace.path()).expect("traced");
    let (mut steps, mut answers) = (0, 0);
    for line in text.lines() {
        let ended = !line.contains("unfinished");
        match steps {
            0 if line.contains("sync(") && line.contains(".new>") => steps = 1,
            1 if line.contains("rename") && line.contains(".new") => steps = 2,
            2 if line.contains("sync(") && line.contains("/heads>") && ended => steps = 3,
            // A call that another thread interrupts is told in two lines.
            2 if line.contains("sync resumed") => steps = 3,
            _ => {}
        }
        if line.contains("HTTP/1.1 200") {
            assert_eq!(steps, 3, "an answer left early:\n{text}");
            (steps, answers) = (0, answers + 1);
        }
    }
    assert_eq!(answers, 5, "{text}");
}

#[test]
fn what_is_altered_or_doubled_is_refused() {
    let data = tempfile::tempdir().expect("temp");
    let witness = Witness::start(data.path());
    assert_eq!(witness.cosign(&ask(0, 5, 1)), 200);
    let log = signer().vkey().to_string();
    let serve = ["witness", "serve", "--listen", "127.0.0.1:0", "--log", &log];
    let said = |output: Output| {
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // A second process on the same folder would be the rollback race again.
    let (code, words) = said(run(&serve, data.path()));
    assert!(code == Some(1) && words.contains("another witness runs"), "{words}");
    witness.kill();
    let head = data.path().join("heads").join(origin_hash(ORIGIN));
    let note = std::fs::read_to_string(&head).expect("kept");
    assert_eq!(size_of(&note), 5);
    std::fs::write(&head, note.replacen("\n5\n", "\n4\n", 1)).expect("written");
    let (code, words) = said(run(&serve, data.path()));
    assert!(code == Some(3) && words.contains("was altered"), "{words}");
    // No key yet, and no name for one; the key of a witness for a log's.
    let empty = tempfile::tempdir().expect("temp");
    let (code, words) = said(run(&serve, empty.path()));
    assert!(code == Some(1) && words.contains("--name"), "{words}");
    let (code, _) = said(run(&["witness", "vkey"], empty.path()));
    assert_eq!(code, Some(1));
    let elsewhere = data.path().join("witness.key");
    let elsewhere = ["witness", "vkey", "--signing-key", elsewhere.to_str().expect("text")];
    assert_eq!(run(&elsewhere, empty.path()).stdout, run(&["witness", "vkey"], data.path()).stdout);
    let vkey = run(&["witness", "vkey"], data.path()).stdout;
    let vkey = String::from_utf8(vkey).expect("text");
    let as_log = ["witness", "serve", "--listen", "127.0.0.1:0", "--log", vkey.trim()];
    let (code, words) = said(run(&as_log, data.path()));
    assert!(code == Some(1) && words.contains("that of a witness"), "{words}");
}
