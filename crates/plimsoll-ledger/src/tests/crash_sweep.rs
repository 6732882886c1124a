//! Every call that changes the disk fails once, or is the process's last: a process of its own
//! opens a ledger, appends, rolls, publishes, erases and closes under strace, which makes the nth
//! call of one kind on one file fail with EIO or kills the process there. Then the ledger is
//! opened again and must hold everything that was acknowledged.
//!
//! What calls there are is counted by a run without faults. `PLIMSOLL_SWEEP=all` tries each of
//! them (`make soak`), otherwise it is a spread of some.

use super::publish::{files, is_log_of, leaves, settled};
use super::{config, draft, tenant};
use crate::{
    HeadError, Holder, Ledger, LedgerError, LedgerReader, PublishConfig, TreeHead, TreeHeads,
    Verification,
};
use plimsoll_tlog::tree::root_of;
use plimsoll_types::SystemClock;
use plimsoll_types::record::{Kind, ResultClass};
use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Tells the child where its ledger is.
const FOLDER: &str = "PLIMSOLL_SWEEP_FOLDER";
/// The calls that are made to fail.
const CALLS: [&str; 7] =
    ["openat", "rename", "fsync", "fdatasync", "pwrite64", "fallocate", "unlink"];
/// Faults tried in `make test`, of each kind.
const SAMPLED: usize = 16;
/// Records that wait for one sync together.
const BATCH: usize = 7;
const ORIGIN: &str = "example.com/log";

fn setting(name: &str) -> Option<String> {
    // Tests read the environment; the product reads it in one place.
    #[expect(clippy::disallowed_methods, reason = "the parts of a long test are set from outside")]
    std::env::var(name).ok()
}

/// Heads in a file, one line each, so that they outlive the process.
#[derive(Debug)]
struct FileHeads(PathBuf);

impl FileHeads {
    fn history(&self) -> Vec<TreeHead> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let head = |line: &str| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("four words").to_owned();
            TreeHead {
                log: word().into(),
                size: word().parse().expect("a size"),
                root: word().parse().expect("a digest"),
                signed: word().parse().expect("a size"),
            }
        };
        text.lines().map(head).collect()
    }
}

impl TreeHeads for FileHeads {
    fn load(&self) -> Result<Option<TreeHead>, HeadError> {
        Ok(self.history().pop())
    }
    fn advance(&self, expected: Option<&TreeHead>, next: &TreeHead) -> Result<(), HeadError> {
        if self.history().last() != expected {
            return Err(HeadError::Conflict);
        }
        let line = format!("{} {} {} {}\n", next.log, next.size, next.root, next.signed);
        let file = OpenOptions::new().create(true).append(true).open(&self.0);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|error| HeadError::Store(error.into()))
    }
}

fn heads(folder: &Path) -> Arc<FileHeads> {
    Arc::new(FileHeads(folder.with_extension("heads")))
}

fn open(folder: &Path) -> Result<Ledger, LedgerError> {
    let (ledger, _) = Ledger::open(config(folder), Arc::new(SystemClock::new()))?;
    let publishing =
        PublishConfig { interval: Duration::ZERO, ..PublishConfig::new(ORIGIN.to_owned()) };
    ledger.publish(&publishing, heads(folder), Vec::new())?;
    Ok(ledger)
}

/// Says what came of a record. One write, so that it is told whole or not at all.
fn say(word: &str, id: &[u8; 16], subject: &str) {
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    std::io::stdout()
        .write_all(format!("{word} {id} {subject}\n").as_bytes())
        .expect("the parent listens");
}

/// Some records that wait together, and what came of each.
fn append(ledger: &Ledger, subject: &str) {
    let mut waiting = Vec::new();
    for _ in 0..BATCH {
        let mut record = draft(Kind::Decision);
        record.result = Some(ResultClass::Answered);
        say("asked", &record.id, subject);
        let appended = ledger
            .seal(&[Holder::Subject { tenant: tenant(), subject }], &record.id)
            .and_then(|sealed| ledger.append(record, sealed, None));
        match appended {
            Ok(durable) => waiting.push((record.id, durable)),
            Err(_) => say("refused", &record.id, subject),
        }
    }
    for (id, durable) in waiting {
        say(if durable.wait().is_ok() { "acknowledged" } else { "refused" }, &id, subject);
    }
}

/// Waits until everything durable is published, or for as long as a failure is retried after.
fn wait_published(ledger: &Ledger) {
    for _ in 0..1_500 {
        let state = ledger.publishing();
        if state.stopped.is_some() || state.published >= ledger.durable() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The process that is disturbed: what a ledger does in its life.
#[test]
#[ignore = "the sweep runs it, as a process of its own"]
fn child() {
    let Some(folder) = setting(FOLDER).map(PathBuf::from) else { return };
    // On a line of its own, after what the test's harness says.
    say("\nbegun", &[0; 16], "");
    let Ok(ledger) = open(&folder) else { return };
    for subject in ["a", "b", "erased", "a", "c", "d", "b", "e"] {
        append(&ledger, subject);
        wait_published(&ledger);
    }
    if let Ok(Some(key)) = ledger.keys().find_subject(tenant(), "erased") {
        say("erasing", &[0; 16], "erased");
        if ledger.erase(&[key]).is_ok() {
            say("erased", &[0; 16], "erased");
        }
    }
    say("rotated", &[0; 16], if ledger.rotate_keys().is_ok() { "yes" } else { "no" });
    append(&ledger, "f");
    // May fail: then the next start finds a crash.
    drop(ledger.close());
}

/// What to do to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Error,
    Kill,
}

/// The nth call of a kind on a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    call: String,
    path: PathBuf,
    nth: usize,
}

/// Runs the child under strace. Returns what it said and what strace saw.
fn run(folder: &Path, place: Option<(&Place, Fault)>) -> (String, String) {
    let exe = std::env::current_exe().expect("this test");
    let trace = folder.with_extension("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-o"]).arg(&trace);
    match place {
        None => {
            command.args(["-e", &format!("trace={}", CALLS.join(","))]);
        }
        Some((Place { call, path, nth }, fault)) => {
            let what = match fault {
                Fault::Error => "error=EIO",
                Fault::Kill => "signal=SIGKILL",
            };
            command.arg("-P").arg(path).args(["-e", &format!("trace={call}")]);
            command.args(["-e", &format!("inject={call}:{what}:when={nth}")]);
        }
    }
    let (_, module) = module_path!().split_once("::").expect("in a crate");
    let name = format!("{module}::child");
    let output = command
        .arg(exe)
        .args([&name, "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .expect("strace runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if place.is_none() {
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    (said, std::fs::read_to_string(&trace).expect("traced"))
}

/// Every call of a run on a file below the folder, in order of files.
fn places(folder: &Path, trace: &str) -> Vec<Place> {
    let mut counts: BTreeMap<(String, PathBuf), usize> = BTreeMap::new();
    for line in trace.lines() {
        let Some((call, rest)) =
            line.split_once(' ').and_then(|(_, line)| line.trim_start().split_once('('))
        else {
            continue;
        };
        // A call that names its file, or one on a descriptor whose file strace names.
        let quotes = if matches!(call, "openat" | "rename" | "unlink") { "\"\"" } else { "<>" };
        let path = rest
            .split_once(&quotes[..1])
            .and_then(|(_, rest)| rest.split_once(&quotes[1..]))
            .map(|(path, _)| PathBuf::from(path))
            .filter(|path| path.starts_with(folder));
        if let (Some(path), true) = (path, CALLS.contains(&call)) {
            *counts.entry((call.to_owned(), path)).or_default() += 1;
        }
    }
    let each = |((call, path), count): ((String, PathBuf), usize)| {
        (1..=count).map(move |nth| Place { call: call.clone(), path: path.clone(), nth })
    };
    counts.into_iter().flat_map(each).collect()
}

/// Opens the ledger that the child left and holds it against what the child said.
fn check(folder: &Path, said: &str) -> usize {
    let of = |word: &'static str| {
        said.lines()
            .filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' ')?.split_once(' '))
            .collect::<HashMap<_, _>>()
    };
    let (asked, acknowledged, refused) = (of("asked"), of("acknowledged"), of("refused"));
    assert!(acknowledged.keys().all(|id| !refused.contains_key(id)), "both were said of one");
    let (erasing, erased) = (!of("erasing").is_empty(), !of("erased").is_empty());
    let ledger = open(folder).expect("opens again without the fault");
    append(&ledger, "after");
    let mut found: HashMap<String, usize> = HashMap::new();
    for entry in ledger.entries(0) {
        let entry = entry.expect("reads");
        if entry.leaf.draft.kind != Kind::Decision {
            continue;
        }
        let id: String = entry.leaf.draft.id.iter().map(|byte| format!("{byte:02x}")).collect();
        *found.entry(id.clone()).or_default() += 1;
        let Some(&subject) = asked.get(id.as_str()) else { continue };
        match ledger.open_body(&entry) {
            Ok(body) => {
                assert_eq!(body, entry.leaf.draft.id);
                assert!(!(subject == "erased" && erased), "it opens after its erasure");
            }
            Err(LedgerError::KeyGone | LedgerError::Unsealable(_)) => {
                assert!(subject == "erased" && erasing, "a body of `{subject}` is gone");
            }
            Err(error) => panic!("{error}"),
        }
    }
    for id in acknowledged.keys() {
        assert_eq!(found.get(*id), Some(&1), "{id} was acknowledged");
    }
    assert!(found.values().all(|&count| count == 1), "a record is there twice");
    assert!(found.len() <= asked.len() + BATCH, "a record that nobody asked for");
    let state = settled(&ledger);
    assert_eq!(state.stopped, None);
    let leaves = leaves(&ledger);
    is_log_of(folder, &leaves, &state.vkey);
    let history = heads(folder).history();
    for head in &history {
        let size = usize::try_from(head.size).expect("small");
        assert_eq!(head.root, root_of(&leaves[..size]), "the log forked at {size}");
    }
    ledger.close().expect("closes");
    drop(ledger);
    let reader = LedgerReader::open(&folder.join("data"), None).expect("reader");
    let head = heads(folder).load().expect("loads");
    reader
        .verify_with(&Verification { head, ..Verification::default() }, |_| {})
        .expect("verifies");
    acknowledged.len()
}

#[test]
fn whatever_call_fails_or_is_the_last_nothing_acknowledged_is_lost() {
    let temp = tempfile::tempdir().expect("folder");
    let folder = temp.path().join("ledger");
    let clean = |folder: &Path| {
        drop(std::fs::remove_dir_all(folder));
        drop(std::fs::remove_file(folder.with_extension("heads")));
        std::fs::create_dir(folder).expect("made");
    };
    clean(&folder);
    let (said, trace) = run(&folder, None);
    let all = places(&folder, &trace);
    assert_eq!(check(&folder, &said), 9 * BATCH, "without a fault all is acknowledged");
    for call in CALLS {
        assert!(all.iter().any(|place| place.call == call), "{call} is not among the calls");
    }
    assert!(files(&folder).iter().any(|path| path.ends_with("tile/0/000.p/70")));
    let step = if setting("PLIMSOLL_SWEEP").as_deref() == Some("all") {
        1
    } else {
        (all.len() / SAMPLED).max(1)
    };
    let (mut tried, mut met, mut acknowledged) = (0, 0, 0);
    for fault in [Fault::Error, Fault::Kill] {
        let first = if fault == Fault::Error { 0 } else { step / 2 };
        for place in all.iter().skip(first).step_by(step) {
            clean(&folder);
            let (said, trace) = run(&folder, Some((place, fault)));
            tried += 1;
            met += usize::from(trace.contains("INJECTED") || trace.contains("SIGKILL"));
            println!("{fault:?} at {place:?}");
            acknowledged += check(&folder, &said);
        }
    }
    println!("{} calls, {tried} faults, {met} met, {acknowledged} acknowledged", all.len());
    // Batches form in time, so that a run may make a call less than the one that was counted.
    assert!(met * 10 >= tried * 8, "{met} of {tried} faults were met");
    assert!(acknowledged > tried, "records were acknowledged before and after");
}
