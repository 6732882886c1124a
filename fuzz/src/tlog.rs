//! The texts and bytes of the transparency log, which come from logs, witnesses and whoever sends
//! a proof. Each has one spelling: what was read must be written again as it was.

use crate::signature::Signature;
use plimsoll_tlog::cosignature::Cosigner;
use plimsoll_tlog::note::{Note, Vkey};
use plimsoll_tlog::proof::TlogProof;
use plimsoll_tlog::tile::{self, Resource, TileEdge};
use plimsoll_tlog::tree::leaf_hash;
use plimsoll_tlog::witness::{AddCheckpoint, Answer, Head, Heads, SIZE_TYPE, Witness};
use plimsoll_tlog::{Checkpoint, Policy, Signer, Tiles, bundle};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::LazyLock;

/// Words of these formats.
pub(crate) const WORDS: &[&str] = &[
    "\n\n",
    "— ",
    "— fuzz.example/log ",
    "fuzz.example/log\n",
    "c2sp.org/tlog-proof@v1\n",
    "extra ",
    "index 0\n",
    "old 0\n",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    "9223372036854775807",
    "log ",
    "witness w ",
    "group g any w\n",
    "group g 2 w v\n",
    "quorum g\n",
    "quorum none\n",
    "tile/",
    "tile/entries/",
    "x001/",
    ".p/255",
    "+",
    "\t",
];

const NAME: &str = "fuzz.example/log";

/// The keys that inputs may be signed with.
struct Keys {
    log: Signer,
    witness: Cosigner,
    vkeys: [Vkey; 2],
}

/// `None` only if the name above were no name, which the seeds would show.
static KEYS: LazyLock<Option<Keys>> = LazyLock::new(|| {
    let log = Signer::from_seed(NAME, &[1; 32]).ok()?;
    let witness = Cosigner::from_seed("fuzz.example/witness", &[2; 32]).ok()?;
    let vkeys = [log.vkey().clone(), witness.vkey().clone()];
    Some(Keys { log, witness, vkeys })
});

pub(crate) fn bundle(input: &[u8]) -> Signature {
    let Some((&width, bytes)) = input.split_first() else { return Signature::START };
    let read = bundle::entries(bytes, u16::from(width) + 1);
    if let Ok(entries) = &read {
        let mut again = Vec::new();
        let written = entries.iter().all(|entry| bundle::append(&mut again, entry).is_ok());
        assert!(written && again == bytes, "a bundle has two encodings");
        assert_eq!(entries.len(), usize::from(width) + 1, "a bundle of another width");
    }
    Signature::of(&read, Vec::len)
}

pub(crate) fn checkpoint(input: &[u8]) -> Signature {
    let Ok(text) = std::str::from_utf8(input) else { return Signature::START.word("not text") };
    let read = Checkpoint::parse(text);
    if let Ok(checkpoint) = &read {
        assert_eq!(checkpoint.to_string(), text, "a checkpoint has two spellings");
    }
    Signature::of(&read, |read| read.extensions.len())
}

pub(crate) fn note(input: &[u8]) -> Signature {
    let read = Note::parse(input);
    let Ok(note) = &read else { return Signature::of(&read, |_| 0) };
    assert_eq!(note.to_string().as_bytes(), input, "a note has two spellings");
    let Some(keys) = KEYS.as_ref() else { return Signature::START };
    let verdict = note.verify(&keys.vkeys.each_ref());
    if let Ok(valid) = &verdict {
        assert!(!valid.is_empty() && valid.len() <= 2, "nobody signed, or more than there are");
    }
    let key = note.text().trim_end().parse::<Vkey>();
    if let Ok(key) = &key {
        assert_eq!(key.to_string(), note.text().trim_end(), "a key has two spellings");
    }
    Signature::of(&verdict, Vec::len).size(note.signatures().len()).word(kind(&key))
}

pub(crate) fn policy(input: &[u8]) -> Signature {
    let read = Policy::parse(input);
    let Ok(policy) = &read else { return Signature::of(&read, |_| 0) };
    let verdict = policy.accept(signed(7, 1).as_bytes());
    if let (Ok(accepted), Some(keys)) = (&verdict, KEYS.as_ref()) {
        assert_eq!(&accepted.log, keys.log.vkey(), "a stranger's log is accepted");
    }
    Signature::of(&read, |policy| policy.witnesses().len())
        .size(policy.logs().len())
        .word(kind(&verdict))
}

pub(crate) fn proof(input: &[u8]) -> Signature {
    let Ok(text) = std::str::from_utf8(input) else { return Signature::START.word("not text") };
    let read = TlogProof::parse(text);
    let Ok(proof) = &read else { return Signature::of(&read, |_| 0) };
    assert_eq!(proof.to_string(), text, "a proof has two spellings");
    let Some(keys) = KEYS.as_ref() else { return Signature::START };
    let verdict = proof.verify(b"entry 3", &Policy::of_log(keys.vkeys[0].clone()));
    if verdict.is_ok() {
        assert_eq!(proof.index, 3, "an entry is proved where it is not");
    }
    Signature::of(&verdict, |_| 1).size(proof.hashes.len())
}

pub(crate) fn request(input: &[u8]) -> Signature {
    let read = AddCheckpoint::parse(input);
    let mut signature = Signature::of(&read, |request| request.proof.len());
    if let Ok(request) = &read {
        assert_eq!(request.to_string().as_bytes(), input, "a request has two spellings");
    }
    if let Some(keys) = KEYS.as_ref() {
        let witness = Witness::new(keys.witness.clone(), vec![keys.vkeys[0].clone()]);
        for kept in [0, 3] {
            signature = match witness.add_checkpoint(input, 5, &Kept(kept)) {
                Ok(_) => signature.word("cosigned"),
                Err(error) => signature.word(&error.to_string()),
            };
        }
    }
    for (status, content_type) in [(200, ""), (409, SIZE_TYPE)] {
        signature = signature.word(kind(&Answer::parse(status, content_type, input)));
    }
    signature
}

pub(crate) fn tile_path(input: &[u8]) -> Signature {
    let Ok(text) = std::str::from_utf8(input) else { return Signature::START.word("not text") };
    let read = Resource::parse(text);
    if let Ok(resource) = &read {
        assert_eq!(resource.path(), text, "a path has two spellings");
    }
    Signature::of(&read, |resource| match resource {
        Resource::Tile(tile) => usize::from(tile.level()) + 2,
        Resource::Bundle(_) => 1,
    })
}

fn kind<T, E>(result: &Result<T, E>) -> &'static str {
    if result.is_ok() { "yes" } else { "no" }
}

/// A witness that last cosigned a log of so many entries.
struct Kept(u64);

impl Heads for Kept {
    type Error = Infallible;
    fn advance<T, R>(
        &self,
        _: &str,
        next: impl FnOnce(Option<&Head>) -> Result<(Head, T), R>,
    ) -> Result<Result<T, R>, Infallible> {
        let root = log(self.0).root();
        let head = Head { size: self.0, root, note: String::new() };
        Ok(next(Some(&head).filter(|head| head.size > 0)).map(|(next, answer)| {
            assert!(next.size >= self.0, "a witness goes back");
            answer
        }))
    }
}

/// A log of so many entries.
fn log(size: u64) -> TileEdge {
    let mut edge = TileEdge::new();
    for index in 0..size {
        let leaf = leaf_hash(format!("entry {index}").as_bytes());
        if let Err(never) = edge.push(leaf, |_, _| Ok::<(), Infallible>(())) {
            match never {}
        }
    }
    edge
}

/// Its checkpoint, signed by the log and by so many witnesses (none or one).
fn signed(size: u64, witnesses: u64) -> String {
    let Some(keys) = KEYS.as_ref() else { return String::new() };
    let checkpoint = Checkpoint::new(NAME, size, log(size).root());
    let Ok(mut note) = checkpoint.sign(&keys.log) else { return String::new() };
    for time in 0..witnesses {
        let signature = keys.witness.cosign(note.text(), time);
        if note.add(signature).is_err() {
            break;
        }
    }
    note.to_string()
}

pub(crate) fn bundles() -> Vec<Vec<u8>> {
    let mut bytes = vec![2];
    let entries: [&[u8]; 3] = [b"one", b"", &[7; 300]];
    let written = entries.iter().all(|entry| bundle::append(&mut bytes, entry).is_ok());
    if written { vec![bytes] } else { Vec::new() }
}

pub(crate) fn checkpoints() -> Vec<Vec<u8>> {
    [0, 1, 300].map(|size| Checkpoint::new(NAME, size, log(size).root()).to_string().into()).into()
}

pub(crate) fn notes() -> Vec<Vec<u8>> {
    let key = KEYS.as_ref().map(|keys| keys.vkeys[0].to_string()).unwrap_or_default();
    let of_key = Note::new(&format!("{key}\n")).ok().map(|note| note.to_string());
    let signed = [signed(3, 0), signed(3, 1)];
    signed.into_iter().chain(of_key).map(String::into_bytes).collect()
}

pub(crate) fn policies() -> Vec<Vec<u8>> {
    let Some(Keys { vkeys: [log, witness], .. }) = KEYS.as_ref() else { return Vec::new() };
    let other = Cosigner::from_seed("fuzz.example/other", &[3; 32]).ok();
    let other = other.map(|other| format!("witness v {} https://v/\n", other.vkey()));
    let known = format!("# known\nlog {log}\nwitness w {witness}\n{}", other.unwrap_or_default());
    ["quorum none\n", "quorum w\n", "group g any w v\nquorum g\n", "group g all w v\nquorum g\n"]
        .map(|quorum| format!("{known}{quorum}").into_bytes())
        .into()
}

pub(crate) fn proofs() -> Vec<Vec<u8>> {
    let proof = |extra: Option<Vec<u8>>| {
        let tiles: BTreeMap<_, _> = log(7).partials().collect();
        let source = |tile| tiles.get(&tile).cloned().ok_or(());
        let mut tree = Tiles::open(7, &log(7).root(), source).ok()?;
        let hashes = tree.inclusion(3, 7).ok()?.hashes;
        Some(TlogProof { extra, index: 3, hashes, checkpoint: signed(7, 1) }.to_string())
    };
    [proof(None), proof(Some(b"x".to_vec()))]
        .into_iter()
        .flatten()
        .map(String::into_bytes)
        .collect()
}

pub(crate) fn requests() -> Vec<Vec<u8>> {
    let request = |old| {
        let tiles: BTreeMap<_, _> = log(7).partials().collect();
        let source = |tile| tiles.get(&tile).cloned().ok_or(());
        let mut tree = Tiles::open(7, &log(7).root(), source).ok()?;
        let proof = tree.consistency(old, 7).ok()?.hashes;
        Some(AddCheckpoint { old, proof, checkpoint: signed(7, 0) }.to_string())
    };
    let answer = KEYS.as_ref().map(|keys| format!("{}\n", keys.witness.cosign("a\n", 7)));
    let requests = [0, 3, 7].into_iter().filter_map(request);
    requests.chain(answer).chain(["7\n".to_owned()]).map(String::into_bytes).collect()
}

pub(crate) fn paths() -> Vec<Vec<u8>> {
    let of_tiles = tile::tiles(70_000).step_by(40).map(|tile| tile.path());
    let of_bundles = tile::grown_bundles(69_000, 70_000).map(|bundle| bundle.path());
    let long = "tile/0/x001/x234/067.p/5".to_owned();
    of_tiles.chain(of_bundles).chain([long]).map(String::into_bytes).collect()
}
