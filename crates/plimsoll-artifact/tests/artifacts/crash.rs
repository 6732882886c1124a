//! Kill -9 at random moments of uploads: what was acknowledged is there, what was not is nowhere
//! to be seen, and what was under way goes on. `PLIMSOLL_CRASH_ROUNDS` and `PLIMSOLL_CRASH_SEED`
//! as in the other crash tests.

use crate::bench::{MAX, NOW, Random, bytes, open, put, sha256, spec};
use plimsoll_artifact::{ArtifactError, ArtifactStore};
use plimsoll_types::Digest;
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const LOG2: u8 = 8;
const FOLDER: &str = "PLIMSOLL_CRASH_ARTIFACTS";

#[expect(clippy::disallowed_methods, reason = "the rounds of a crash test come from outside")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str, default: u64) -> u64 {
    setting(name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn crash_during_uploads_loses_nothing_acknowledged_and_shows_nothing_half() {
    let seed = number("PLIMSOLL_CRASH_SEED", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(seed);
    let mut stored = Vec::new();
    let (mut went_on, mut ended) = (0, 0);
    for round in 0..number("PLIMSOLL_CRASH_ROUNDS", 10) {
        let told = run(folder.path(), seed ^ (round << 32), &mut random);
        stored.extend(told.stored.iter().copied());
        let store = open(folder.path(), LOG2);
        for &digest in &stored {
            store.read(digest, MAX).unwrap_or_else(|e| panic!("seed {seed} round {round}: {e}"));
        }
        check_all(&store, folder.path());
        for (id, session) in told.sessions {
            let text = bytes(session.seed, session.length);
            let at = match store.session(id.parse().expect("an id"), NOW) {
                Ok(found) => found.offset,
                // It ended, and the crash came before we heard of it.
                Err(ArtifactError::NoSession) => {
                    assert!(session.ending, "an acknowledged upload is gone");
                    assert_eq!(store.read(sha256(&text), MAX).expect("it ended"), text);
                    ended += 1;
                    continue;
                }
                Err(error) => panic!("seed {seed} round {round}: {error}"),
            };
            assert!(at >= session.offset, "{at} of {} acknowledged", session.offset);
            let mut appender = store.append(id.parse().expect("an id"), at, NOW).expect("goes on");
            let at = usize::try_from(at).expect("small");
            appender.write(&text[at..]).expect("written");
            let end = appender.finish(Some(sha256(&text))).expect("is what was meant");
            stored.push(end.digest);
            went_on += 1;
        }
    }
    println!("{} artifacts, {went_on} uploads went on, {ended} had ended", stored.len());
    assert!(!stored.is_empty());
}

/// Every file that stands under a name is whole and of that name.
fn check_all(store: &ArtifactStore, folder: &Path) {
    for shard in fs::read_dir(folder.join("sha256")).expect("a folder") {
        for file in fs::read_dir(shard.expect("a shard").path()).expect("a shard") {
            let name = file.expect("a file").file_name();
            let digest: Digest = name.to_str().and_then(|n| n.parse().ok()).expect("a digest");
            store.read(digest, MAX).expect("whole");
        }
    }
}

#[derive(Default)]
struct Told {
    stored: Vec<Digest>,
    sessions: HashMap<String, Under>,
}

struct Under {
    seed: u64,
    length: usize,
    offset: u64,
    ending: bool,
}

/// Lets a process upload, kills it at a random moment, and gives what it had acknowledged.
fn run(folder: &Path, seed: u64, random: &mut Random) -> Told {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "crash::uploader", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env("PLIMSOLL_CRASH_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut told = Told::default();
    let mut left = random.below(60) + 1;
    while let Some(Ok(line)) = lines.next() {
        hear(&mut told, &line);
        left -= usize::from(line.starts_with('@'));
        if left == 0 {
            std::thread::sleep(Duration::from_micros(random.next() % 1500));
            child.kill().expect("killed");
            break;
        }
    }
    // What was said before the kill was acknowledged, too.
    for line in lines.map_while(Result::ok) {
        hear(&mut told, &line);
    }
    assert_eq!(left, 0, "the uploader ended by itself");
    child.wait().expect("gone");
    told
}

fn hear(told: &mut Told, line: &str) {
    let mut words = line.trim_start_matches('@').split(' ');
    let mut next = || words.next().unwrap_or_default().to_owned();
    match (next().as_str(), next()) {
        ("stored", digest) => told.stored.extend(digest.parse::<Digest>()),
        ("begun", id) => {
            let (seed, length) = (next().parse(), next().parse());
            let (Ok(seed), Ok(length)) = (seed, length) else { return };
            told.sessions.insert(id, Under { seed, length, offset: 0, ending: false });
        }
        ("at", id) => {
            if let (Some(under), Ok(offset)) = (told.sessions.get_mut(&id), next().parse()) {
                under.offset = offset;
            }
        }
        ("ending", id) => {
            if let Some(under) = told.sessions.get_mut(&id) {
                under.ending = true;
            }
        }
        ("ended", id) => drop(told.sessions.remove(&id)),
        _ => {}
    }
}

/// The process that is killed.
#[test]
#[ignore = "is started by the crash test"]
fn uploader() {
    let Some(folder) = setting(FOLDER) else { return };
    let store = open(Path::new(&folder), LOG2);
    let mut random = Random(number("PLIMSOLL_CRASH_SEED", 1));
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n@{line}").and_then(|()| out.flush()).expect("told");
    };
    loop {
        let (seed, length) = (random.next(), random.below(3000));
        let text = bytes(seed, length);
        if random.below(2) == 0 {
            say(format!("stored {}", put(&store, &text).digest));
            continue;
        }
        let id = store.begin_session(&spec(None), NOW).expect("begun").id;
        say(format!("begun {id} {seed} {length}"));
        let mut at = 0;
        while at < length {
            let next = (at + random.below(900) + 1).min(length);
            let mut appender = store.append(id, at as u64, NOW).expect("goes on");
            appender.write(&text[at..next]).expect("written");
            say(format!("at {id} {}", appender.pause().expect("paused")));
            at = next;
        }
        say(format!("ending {id}"));
        let appender = store.append(id, length as u64, NOW).expect("goes on");
        say(format!("stored {}", appender.finish(None).expect("ends").digest));
        say(format!("ended {id}"));
    }
}
