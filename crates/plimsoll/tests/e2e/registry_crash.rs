//! The registry under SIGKILL: files, uploads that go on, registrations by MLflow's interface and by
//! `plimsoll model add`, and moves of one alias by two callers at once, whatever moment the process
//! dies at. After each start nothing is half, no version lacks a file, and store and ledger agree;
//! what was acknowledged is there once.
//!
//! `PLIMSOLL_CRASH_ROUNDS` sets the rounds (10 by default, 200 in `make soak`) and
//! `PLIMSOLL_CRASH_SEED` the first seed. A round draws from its seed and number alone, so
//! `PLIMSOLL_CRASH_SEED=57` begins where seed 1 was after 56 rounds.

use crate::crash::setting;
use crate::harness::{BINARY, Http, Server, parse};
use crate::rollouts::flags_from;
use aws_lc_rs::digest::{SHA256, digest};
use plimsoll_artifact::{ArtifactKey, ArtifactStore};
use plimsoll_ledger::LedgerReader;
use plimsoll_types::record::{ControlEvent, Kind, Stage};
use plimsoll_types::{Digest, EventId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

const FILES: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// The model whose alias is moved.
const NAME: &str = "risk";
const ALIAS: &str = "candidate";
/// Paths that one worker puts over and over.
const PATHS: u64 = 6;
/// Beyond two chunks of a sealed artifact.
const LARGE: u64 = 2_500_000;
const PIECE: u64 = 300_000;
/// A read of the whole that is not bounded by anything else.
const ALL: u64 = 1 << 30;

/// xorshift64*, enough to spread sizes and moments.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, most: u64) -> u64 {
        (self.next() >> 11) % most
    }
}

/// Bytes that are made again when they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Content {
    seed: u64,
    size: u64,
}

impl Content {
    fn draw(random: &mut Random) -> Self {
        let most = if random.below(3) == 0 { LARGE } else { 4_000 };
        Self { seed: random.next(), size: 1 + random.below(most) }
    }
    fn text(self) -> String {
        let size = usize::try_from(self.size).expect("small");
        let mut random = Random::new(self.seed);
        let mut text = String::with_capacity(size + 16);
        while text.len() < size {
            text.push_str(&format!("{:016x}", random.next()));
        }
        text.truncate(size);
        text
    }
    fn digest(self) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.text().as_bytes()).as_ref());
        Digest::from_bytes(bytes)
    }
}

/// One request to a server that may die under it: `None` then.
fn ask(
    to: SocketAddr,
    verb: &str,
    path: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Option<Http> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let length = body.len();
    let mut head = format!(
        "{verb} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = parse(&String::from_utf8(answer).ok()?)?;
    let whole = answer.header("content-length").and_then(|length| length.parse().ok());
    // A reply that was cut is none.
    (verb == "HEAD" || whole.is_none_or(|length: usize| length == answer.body.len()))
        .then_some(answer)
}

/// A request of MLflow's, which the ledger will know by `id`.
fn mlflow(to: SocketAddr, verb: &str, path: &str, body: &Value, id: &str) -> Option<Http> {
    let headers = [("content-type", "application/json"), ("x-request-id", id)];
    ask(to, verb, &format!("/api/2.0/mlflow/{path}"), body.to_string().as_bytes(), &headers)
}

/// An answer that must be good if there is one.
fn good(answer: Option<Http>, what: &str) -> Option<Http> {
    let answer = answer?;
    assert!(matches!(answer.status, 200..=204), "{what}: {} {}", answer.status, answer.body);
    Some(answer)
}

/// Something that a caller does again and again until the server dies, and what it knows.
trait Worker: Send {
    /// One more step; `None` when the server died.
    fn step(&mut self, to: SocketAddr, random: &mut Random) -> Option<()>;
    /// Looks at a server that was started again.
    fn check(&mut self, server: &Server, seen: &mut Seen, what: &str);
}

/// What the workers found after a start.
#[derive(Default)]
struct Seen {
    /// Requests that were acknowledged: the ledger has the end of each, once.
    acknowledged: Vec<String>,
    /// Artifacts that have to be there whole.
    artifacts: BTreeSet<Digest>,
}

/// Puts files over each other and removes them.
#[derive(Default)]
struct Files {
    name: u64,
    /// What may stand at each path: one of these.
    may: BTreeMap<String, Vec<Option<Content>>>,
}

impl Worker for Files {
    fn step(&mut self, to: SocketAddr, random: &mut Random) -> Option<()> {
        let path = format!("1/files{}/artifacts/f{}", self.name, random.below(PATHS));
        let content = (random.below(5) > 0).then(|| Content::draw(random));
        let may = self.may.entry(path.clone()).or_insert_with(|| vec![None]);
        may.push(content);
        let url = format!("{FILES}/{path}");
        let answer = match content {
            Some(content) => ask(to, "PUT", &url, content.text().as_bytes(), &[]),
            None => ask(to, "DELETE", &url, b"", &[]),
        };
        good(answer, &url)?;
        *may = vec![content];
        Some(())
    }

    fn check(&mut self, server: &Server, seen: &mut Seen, what: &str) {
        for (path, may) in &mut self.may {
            let found = get(server, &format!("{FILES}/{path}"));
            let one = may.iter().rev().copied().find(|one| match one {
                None => found.status == 404,
                Some(content) => found.status == 200 && found.body == content.text(),
            });
            let Some(one) = one else {
                let (status, length) = (found.status, found.body.len());
                panic!("{what}: `{path}` answers {status} with {length} bytes, none of {may:?}")
            };
            seen.artifacts.extend(one.map(Content::digest));
            *may = vec![one];
        }
    }
}

/// Uploads in pieces, and goes on where the server says.
#[derive(Default)]
struct Uploads {
    going: Option<Going>,
    finished: u64,
}

struct Going {
    path: String,
    content: Content,
    acknowledged: u64,
    sent: u64,
    is_ending: bool,
}

impl Worker for Uploads {
    fn step(&mut self, to: SocketAddr, random: &mut Random) -> Option<()> {
        let json = ("content-type", "application/json");
        let Some(going) = &mut self.going else {
            let content = Content { seed: random.next(), size: 1 + random.below(LARGE) };
            let body = json!({"size": content.size}).to_string();
            let made = good(ask(to, "POST", "/api/v1/uploads", body.as_bytes(), &[json]), "begin")?;
            let id = made.json()["id"].as_str().expect("an id").to_owned();
            let path = format!("/api/v1/uploads/{id}");
            self.going = Some(Going { path, content, acknowledged: 0, sent: 0, is_ending: false });
            return Some(());
        };
        if going.acknowledged == going.content.size {
            going.is_ending = true;
            let body = json!({"digest": going.content.digest()}).to_string();
            let path = format!("{}/finish", going.path);
            good(ask(to, "POST", &path, body.as_bytes(), &[json]), "finish")?;
            self.going = None;
            self.finished += 1;
            return Some(());
        }
        going.sent = (going.acknowledged + 1 + random.below(PIECE)).min(going.content.size);
        let text = going.content.text();
        let at = |n: u64| usize::try_from(n).expect("small");
        let piece = &text.as_bytes()[at(going.acknowledged)..at(going.sent)];
        let offset = going.acknowledged.to_string();
        good(ask(to, "PATCH", &going.path, piece, &[("upload-offset", &offset)]), "append")?;
        going.acknowledged = going.sent;
        Some(())
    }

    fn check(&mut self, server: &Server, seen: &mut Seen, what: &str) {
        let Some(going) = &mut self.going else { return };
        let found = ask(server.control(), "HEAD", &going.path, b"", &[]).expect("answers");
        if found.status == 404 && going.is_ending {
            // It had ended, and nobody heard of it.
            seen.artifacts.insert(going.content.digest());
            self.going = None;
            return;
        }
        assert_eq!(found.status, 200, "{what}: an upload is lost");
        let offset = found.header("upload-offset").and_then(|text| text.parse().ok());
        let offset: u64 = offset.expect("an offset");
        assert!(
            (going.acknowledged..=going.sent).contains(&offset),
            "{what}: {offset} bytes, with {} acknowledged of {} sent",
            going.acknowledged,
            going.sent
        );
        (going.acknowledged, going.is_ending) = (offset, false);
    }
}

/// Registers versions from folders of files by MLflow's interface, and moves the alias to them.
struct Registrar {
    name: u64,
    count: u64,
    acknowledged: Vec<String>,
    /// Files by the source of the version that has them.
    folders: BTreeMap<String, [Content; 2]>,
    numbers: Vec<u64>,
}

impl Registrar {
    fn request(&mut self) -> String {
        self.count += 1;
        format!("registrar-{}-{}", self.name, self.count)
    }
}

impl Worker for Registrar {
    fn step(&mut self, to: SocketAddr, random: &mut Random) -> Option<()> {
        if random.below(2) == 0 && !self.numbers.is_empty() {
            let count = u64::try_from(self.numbers.len()).expect("small");
            let version = self.numbers[usize::try_from(random.below(count)).expect("small")];
            let id = self.request();
            let body = json!({"name": NAME, "alias": ALIAS, "version": version.to_string()});
            good(mlflow(to, "POST", "registered-models/alias", &body, &id), "alias")?;
            self.acknowledged.push(id);
            return Some(());
        }
        let id = self.request();
        let folder = format!("1/run-{}-{}/artifacts/model", self.name, self.count);
        let contents = [Content { seed: random.next(), size: 200 }, Content::draw(random)];
        let source = format!("mlflow-artifacts:/{folder}");
        self.folders.insert(source.clone(), contents);
        for (file, content) in ["MLmodel.txt", "weights.txt"].into_iter().zip(contents) {
            let url = format!("{FILES}/{folder}/{file}");
            good(ask(to, "PUT", &url, content.text().as_bytes(), &[]), &url)?;
        }
        let body = json!({"name": NAME, "source": source});
        let made = good(mlflow(to, "POST", "model-versions/create", &body, &id), "register")?;
        let number = made.json()["model_version"]["version"].as_str().map(str::to_owned);
        self.numbers.push(number.and_then(|text| text.parse().ok()).expect("a number"));
        self.acknowledged.push(id);
        Some(())
    }

    fn check(&mut self, server: &Server, seen: &mut Seen, what: &str) {
        seen.acknowledged.append(&mut self.acknowledged);
        let versions = versions(server);
        for (number, source) in &versions {
            let Some(contents) = self.folders.get(source) else { continue };
            let folder = source.strip_prefix("mlflow-artifacts:/").expect("as registered");
            for (file, content) in ["MLmodel.txt", "weights.txt"].into_iter().zip(contents) {
                let url = format!("{FILES}/{folder}/{file}");
                let found = get(server, &url);
                assert!(
                    found.status == 200 && found.body == content.text(),
                    "{what}: version {number} has no whole `{file}`: {}",
                    found.status
                );
                let over = ask(server.control(), "PUT", &url, b"other", &[]).expect("answers");
                assert_eq!(over.status, 409, "{what}: a file of version {number} was put over");
                seen.artifacts.insert(content.digest());
            }
            // Looked at once; the ledger's part goes on from `versions`.
            self.folders.remove(source);
        }
        for number in &self.numbers {
            assert!(versions.contains_key(number), "{what}: version {number} is gone");
        }
    }
}

/// Registers models by the command line.
struct Adder {
    folder: PathBuf,
    count: u64,
    /// Models with the amounts that the versions differ by.
    acknowledged: Vec<(String, u64)>,
}

impl Worker for Adder {
    fn step(&mut self, to: SocketAddr, _: &mut Random) -> Option<()> {
        self.count += 1;
        let model = format!("added-{}", self.count % 3);
        let file = self.folder.join(format!("model-{}.json", self.count));
        // Counted up, so that no two versions have the same files.
        let amount = f64::from(u32::try_from(self.count).expect("small"));
        std::fs::write(&file, flags_from(amount)).expect("written");
        let output = Command::new(BINARY)
            .args(["model", "add", &model, file.to_str().expect("UTF-8"), "--json"])
            .args(["--url", &format!("http://{to}")])
            .env_remove("PLIMSOLL_KEY")
            .output()
            .expect("runs");
        if !output.status.success() {
            return None;
        }
        let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        self.acknowledged.push((model, made["number"].as_u64().expect("a number")));
        Some(())
    }

    fn check(&mut self, server: &Server, seen: &mut Seen, what: &str) {
        for (model, number) in self.acknowledged.drain(..) {
            let path = format!("/api/v1/models/{model}/versions/{number}");
            let found = get(server, &path);
            assert_eq!(found.status, 200, "{what}: {path}: {}", found.body);
            for file in found.json()["files"].as_array().expect("a list") {
                let digest = file["digest"].as_str().and_then(|text| text.parse().ok());
                seen.artifacts.insert(digest.expect("a digest"));
            }
        }
    }
}

fn get(server: &Server, path: &str) -> Http {
    ask(server.control(), "GET", path, b"", &[]).unwrap_or_else(|| panic!("{path}: no answer"))
}

/// The versions of the model and where they came from.
fn versions(server: &Server) -> BTreeMap<u64, String> {
    // Those that the command line adds are of other models.
    let wanted = format!("filter=name%3D%27{NAME}%27&max_results=200000");
    let path = format!("/api/2.0/mlflow/model-versions/search?{wanted}");
    let found = get(server, &path).json();
    let found = found["model_versions"].as_array().cloned().unwrap_or_default();
    let text = |one: &Value, name: &str| one[name].as_str().expect("text").to_owned();
    found
        .iter()
        .map(|one| (text(one, "version").parse().expect("a number"), text(one, "source")))
        .collect()
}

/// The ledger's side, followed from start to start.
#[derive(Default)]
struct Told {
    next: u64,
    open: HashMap<EventId, ControlEvent>,
    /// Ends by the request that was acknowledged for them.
    ends: HashMap<String, u32>,
    /// Sources of versions that were made.
    sources: Vec<String>,
    /// Versions made by the command line, by the digest of their manifest.
    added: BTreeSet<String>,
    alias: Option<u64>,
    moves: u64,
    /// Ends that a start wrote: of changes that were made, and that were not.
    repaired: (u64, u64),
}

impl Told {
    fn follow(&mut self, folder: &Path, what: &str) {
        let reader = LedgerReader::open(&folder.join("data"), Some(&folder.join("keys")));
        let reader = reader.expect("opens");
        for entry in reader.entries(self.next) {
            let entry = entry.expect("reads");
            self.next = entry.index + 1;
            if entry.leaf.draft.kind != Kind::ControlEvent {
                continue;
            }
            let event = reader.open_body(&entry).expect("opens");
            let event = ControlEvent::decode(&event).expect("reads");
            match (event.stage, event.intent) {
                (Stage::Intent, _) => {
                    self.open.insert(EventId::from_bytes(entry.leaf.draft.id), event);
                }
                (stage @ (Stage::Completed | Stage::Failed), Some(intent)) => {
                    let begun = self.open.remove(&intent);
                    let begun = begun.unwrap_or_else(|| panic!("{what}: an end without a begin"));
                    self.ended(&begun, &event, stage == Stage::Completed, what);
                }
                _ => {}
            }
        }
        let of_ours = |event: &&ControlEvent| &*event.action != "Start";
        let open: Vec<_> = self.open.values().filter(of_ours).collect();
        assert!(open.is_empty(), "{what}: no end of {open:?}");
    }

    fn ended(&mut self, begun: &ControlEvent, end: &ControlEvent, is_made: bool, what: &str) {
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let (begin, end) = (read(&begun.payload), read(&end.payload));
        if end["recovered"] == true {
            let count = if is_made { &mut self.repaired.0 } else { &mut self.repaired.1 };
            *count += 1;
        }
        if !is_made {
            return;
        }
        if let Some(request) = begin["request"].as_str() {
            *self.ends.entry(request.to_owned()).or_default() += 1;
        }
        let facts = &begin["facts"];
        if let Some(source) = facts["source"].as_str() {
            self.sources.push(source.to_owned());
        } else if facts["alias"] == ALIAS {
            // What the ledger says an alias pointed to is where the move before left it.
            assert_eq!(facts["from"].as_u64(), self.alias, "{what}: after {} moves", self.moves);
            self.alias = facts["to"].as_u64();
            self.moves += 1;
        } else if &*begun.action == "CreateVersion" {
            self.added.insert(facts["digest"].as_str().expect("a digest").to_owned());
        }
    }

    /// What the ledger says was made is what the store has, neither more nor less.
    fn agrees_with(&mut self, server: &Server, what: &str) {
        let mut stored: Vec<String> = versions(server).into_values().collect();
        stored.sort();
        self.sources.sort();
        assert_eq!(stored, self.sources, "{what}: versions in the store, and in the ledger");
        let path = format!("/api/2.0/mlflow/registered-models/alias?name={NAME}&alias={ALIAS}");
        let found = get(server, &path);
        let alias = (found.status == 200).then(|| {
            let version = found.json()["model_version"]["version"].as_str().map(str::to_owned);
            version.and_then(|text| text.parse::<u64>().ok()).expect("a number")
        });
        assert_eq!(alias, self.alias, "{what}: the alias in the store, and in the ledger");
        let mut added = BTreeSet::new();
        for model in 0..3 {
            let mut after = String::new();
            loop {
                let path = format!("/api/v1/models/added-{model}/versions?limit=100{after}");
                let found = get(server, &path);
                if found.status == 404 {
                    break;
                }
                let page = found.json();
                for one in page["items"].as_array().expect("a list") {
                    added.insert(one["digest"].as_str().expect("a digest").to_owned());
                }
                match page["next_cursor"].as_str() {
                    Some(next) => after = format!("&cursor={next}"),
                    None => break,
                }
            }
        }
        assert_eq!(added, self.added, "{what}: versions of files in the store, and in the ledger");
    }
}

type Running = Vec<JoinHandle<Box<dyn Worker>>>;

fn start(workers: Vec<Box<dyn Worker>>, to: SocketAddr, seed: u64) -> Running {
    let number = 0..;
    workers
        .into_iter()
        .zip(number)
        .map(|(mut worker, number): (_, u64)| {
            std::thread::spawn(move || {
                let mut random = Random::new(seed.wrapping_mul(31).wrapping_add(number));
                while worker.step(to, &mut random).is_some() {}
                worker
            })
        })
        .collect()
}

/// Every artifact in the folder opens whole under its name, and everything in `needed` is there.
fn all_whole(folder: &Path, needed: &BTreeSet<Digest>, what: &str) -> usize {
    let reader = LedgerReader::open(&folder.join("data"), Some(&folder.join("keys")));
    let key = reader.expect("opens").artifact_key().expect("has keys");
    let artifacts = folder.join("data/artifacts");
    let store = ArtifactStore::open_existing(&artifacts, ArtifactKey::new(&key).expect("a key"));
    let mut found = BTreeSet::new();
    for shard in std::fs::read_dir(artifacts.join("sha256")).expect("a folder") {
        for file in std::fs::read_dir(shard.expect("reads").path()).expect("a folder") {
            let name = file.expect("reads").file_name();
            let name: Digest = name.to_str().and_then(|name| name.parse().ok()).expect("a digest");
            let read = store.read(name, ALL);
            read.unwrap_or_else(|error| panic!("{what}: {error}"));
            found.insert(name);
        }
    }
    let missing: Vec<_> = needed.difference(&found).collect();
    assert!(missing.is_empty(), "{what}: {missing:?} are needed and not there");
    found.len()
}

fn rounds(rounds: u64, first: u64) {
    let mut server = Server::dev();
    let body = json!({"name": NAME});
    good(mlflow(server.control(), "POST", "registered-models/create", &body, "first"), "create");
    let registrar = |name| Registrar {
        name,
        count: 0,
        acknowledged: Vec::new(),
        folders: BTreeMap::new(),
        numbers: Vec::new(),
    };
    let folder = server.folder.path().join("models");
    std::fs::create_dir(&folder).expect("made");
    let mut workers: Vec<Box<dyn Worker>> = vec![
        Box::new(Files { name: 0, ..Files::default() }),
        Box::new(Files { name: 1, ..Files::default() }),
        Box::<Uploads>::default(),
        Box::new(registrar(0)),
        Box::new(registrar(1)),
        Box::new(Adder { folder, count: 0, acknowledged: Vec::new() }),
    ];
    let (mut told, mut seen) = (Told::default(), Seen::default());
    for round in 0..rounds {
        let seed = first + round;
        let what = format!("round {round}, which is the first of seed {seed}");
        let running = start(workers, server.control(), seed);
        std::thread::sleep(Duration::from_millis(20 + Random::new(seed).below(480)));
        let folder = server.kill();
        workers = running.into_iter().map(|one| one.join().expect("no wrong answer")).collect();
        server = Server::start_in(folder, &["--dev"]);
        for worker in &mut workers {
            worker.check(&server, &mut seen, &what);
        }
        told.follow(server.folder.path(), &what);
        told.agrees_with(&server, &what);
        for request in &seen.acknowledged {
            assert_eq!(told.ends.get(request), Some(&1), "{what}: {request} was acknowledged");
        }
        let said = server.said();
        assert!(!said.contains("is not there"), "{what}: {said}");
    }
    let what = format!("{rounds} rounds from seed {first}");
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0), "{what}");
    let whole = all_whole(folder.path(), &seen.artifacts, &what);
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("opens");
    reader.verify().expect("the chain holds");
    assert!(told.moves > 0 && !told.sources.is_empty(), "{what}: nothing was acknowledged");
    println!(
        "{what}: {} versions from MLflow, {} by the command line, {} moves of the alias, {whole} \
         artifacts, {} acknowledged changes; repaired at a start: {} that were made, {} that were \
         not",
        told.sources.len(),
        told.added.len(),
        told.moves,
        seen.acknowledged.len(),
        told.repaired.0,
        told.repaired.1
    );
}

#[test]
fn killed_at_any_moment_nothing_of_the_registry_is_half() {
    rounds(setting("PLIMSOLL_CRASH_ROUNDS", 10), setting("PLIMSOLL_CRASH_SEED", 1));
}
