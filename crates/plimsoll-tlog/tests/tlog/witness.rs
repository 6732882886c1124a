//! The witness: every answer it can give, the race that the specification prints, and the client's
//! side of it.

use crate::kit::{Log, ORIGIN, cosigner, signer};
use plimsoll_tlog::Signer;
use plimsoll_tlog::note::Note;
use plimsoll_tlog::tree::MAX_SIZE;
use plimsoll_tlog::witness::{
    AddCheckpoint, Answer, Head, Heads, Refusal, SIZE_TYPE, Witness, WitnessError, origin_hash,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex};

/// Heads in memory, which can fail.
#[derive(Default)]
struct Memory {
    heads: Mutex<HashMap<String, Head>>,
    is_full: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Full;

impl Heads for Memory {
    type Error = Full;
    fn advance<T, R>(
        &self,
        origin: &str,
        next: impl FnOnce(Option<&Head>) -> Result<(Head, T), R>,
    ) -> Result<Result<T, R>, Full> {
        let mut heads = self.heads.lock().expect("not poisoned");
        Ok(match next(heads.get(origin)) {
            Err(refused) => Err(refused),
            Ok(_) if self.is_full => return Err(Full),
            Ok((head, answer)) => {
                heads.insert(origin.to_owned(), head);
                Ok(answer)
            }
        })
    }
}

impl Memory {
    fn size(&self) -> u64 {
        self.heads.lock().expect("not poisoned").get(ORIGIN).map_or(0, |head| head.size)
    }
}

fn witness() -> Witness {
    Witness::new(cosigner(1), vec![signer().vkey().clone()])
}

fn request(log: &Log, old: u64) -> AddCheckpoint {
    let proof = log.open().consistency(old.min(log.size()), log.size()).expect("its own tiles");
    AddCheckpoint { old, proof: proof.hashes, checkpoint: log.signed().to_string() }
}

fn ask(heads: &Memory, request: &AddCheckpoint) -> Result<(), WitnessError<Full>> {
    let body = request.to_string();
    assert_eq!(AddCheckpoint::parse(body.as_bytes()).as_ref(), Ok(request));
    let signature = witness().add_checkpoint(body.as_bytes(), 1_234, heads)?;
    // As a log does: the answer's lines go under its checkpoint, and must verify there.
    let answer = Answer::parse(200, "text/plain", format!("{signature}\n").as_bytes());
    let Ok(Answer::Cosigned(signatures)) = answer else { panic!("{answer:?}") };
    let mut note = Note::parse(request.checkpoint.as_bytes()).expect("its own checkpoint");
    signatures.into_iter().for_each(|line| note.add(line).expect("room"));
    let (witness, signer) = (witness(), signer());
    let valid = note.verify(&[witness.vkey(), signer.vkey()]).expect("cosigned");
    assert_eq!(valid.iter().map(|valid| valid.time).collect::<Vec<_>>(), [None, Some(1_234)]);
    Ok(())
}

fn status(result: Result<(), WitnessError<Full>>) -> u16 {
    match result {
        Ok(()) => 200,
        Err(WitnessError::Refused(refusal)) => refusal.status(),
        Err(WitnessError::Heads(Full)) => 500,
    }
}

#[test]
fn a_log_grows_under_its_witness() {
    let heads = Memory::default();
    let mut old = 0;
    for size in [1, 1, 2, 255, 256, 257, 1_000] {
        assert_eq!(ask(&heads, &request(&Log::of(size, 1), old)), Ok(()));
        assert_eq!(heads.size(), size);
        old = size;
    }
    let note = heads.heads.lock().expect("not poisoned")[ORIGIN].note.clone();
    let (origin, head) = Head::open(note.as_bytes(), witness().vkey()).expect("what it kept");
    assert_eq!((origin.as_str(), head.size, head.root), (ORIGIN, 1_000, Log::of(1_000, 1).root()));
    assert!(Head::open(note.as_bytes(), cosigner(2).vkey()).is_err());
    // Monitors get the log's signature and the witness's.
    let note = Note::parse(note.as_bytes()).expect("a note");
    assert_eq!(note.verify(&[signer().vkey(), witness().vkey()]).map(|valid| valid.len()), Ok(2));
}

/// The whole table of answers of C2SP tlog-witness.
#[test]
fn every_answer() {
    let heads = Memory::default();
    assert_eq!(ask(&heads, &request(&Log::of(10, 1), 0)), Ok(()));
    let good = request(&Log::of(20, 1), 10);
    let stranger = Signer::from_seed("example.com/unknown", &[3; 32]).expect("a name");
    let impostor = Signer::from_seed(ORIGIN, &[3; 32]).expect("a name");
    let log = Log::of(20, 1);
    let resigned = |signer: &Signer, origin: &str| {
        let mut checkpoint = log.checkpoint();
        checkpoint.origin = origin.to_owned();
        let checkpoint = checkpoint.sign(signer).expect("signed").to_string();
        AddCheckpoint { checkpoint, ..good.clone() }
    };
    let bad_known = {
        let mut note = Note::parse(good.checkpoint.as_bytes()).expect("a note");
        note.add(signer().sign("something else\n")).expect("room");
        AddCheckpoint { checkpoint: note.to_string(), ..good.clone() }
    };
    let proofless = AddCheckpoint { proof: Vec::new(), ..good.clone() };
    let mut altered = good.clone();
    altered.proof[0] = altered.proof[1];
    let mut longer = good.clone();
    longer.proof.push(log.root());
    let other = Log::of(20, 2);
    let fork = AddCheckpoint { checkpoint: other.signed().to_string(), ..good.clone() };
    let same_size_fork = AddCheckpoint {
        old: 10,
        proof: Vec::new(),
        checkpoint: Log::of(10, 2).signed().to_string(),
    };
    for (name, request, expected) in [
        ("old is more than new", request(&Log::of(9, 1), 10), 400),
        ("unknown origin", resigned(&stranger, "example.com/unknown"), 404),
        ("known origin, unknown key", resigned(&impostor, ORIGIN), 403),
        ("known origin, key of another name", resigned(&stranger, ORIGIN), 403),
        ("known key, wrong signature", bad_known, 403),
        ("old is not the latest", request(&log, 0), 409),
        ("old is ahead of the latest", request(&log, 11), 409),
        ("no proof", proofless, 422),
        ("a wrong hash", altered, 422),
        ("a hash too many", longer, 422),
        ("another log", fork, 422),
        ("the same size, another root", same_size_fork, 422),
    ] {
        assert_eq!(status(ask(&heads, &request)), expected, "{name}");
        assert_eq!(heads.size(), 10, "{name}");
    }
    assert_eq!(ask(&heads, &good), Ok(()));
    // From nothing no proof is needed, and none allowed.
    let from_nothing = AddCheckpoint { old: 0, ..good.clone() };
    assert_eq!(status(ask(&Memory::default(), &from_nothing)), 422);
    assert_eq!(status(ask(&Memory::default(), &request(&log, 0))), 200);
    // What cannot be kept is not answered.
    let full = Memory { is_full: true, ..Memory::default() };
    assert_eq!(ask(&full, &request(&log, 0)), Err(WitnessError::Heads(Full)));
}

#[test]
fn the_answers_as_text() {
    assert_eq!(Refusal::Conflict(10).body(), ("10\n".to_owned(), SIZE_TYPE));
    assert_eq!(Answer::parse(409, SIZE_TYPE, b"10\n"), Ok(Answer::Conflict(10)));
    assert_eq!(Answer::parse(409, "text/plain", b"10\n"), Ok(Answer::Refused(409)));
    assert_eq!(Answer::parse(422, "text/plain", b"no\n"), Ok(Answer::Refused(422)));
    for (status, body) in
        [(409, "10"), (409, "010\n"), (409, "\n"), (200, ""), (200, "\n"), (200, "x\n")]
    {
        assert!(Answer::parse(status, SIZE_TYPE, body.as_bytes()).is_err(), "{body:?}");
    }
    assert_eq!(
        origin_hash("example.com/log"),
        "4d3203c8f35cdf600e475f55fede6081a703d3d322f208865fca2ec4f0e030f8"
    );
}

#[test]
fn what_is_no_request() {
    let good = request(&Log::of(20, 1), 10).to_string();
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let proof_of = |lines: usize| format!("old 1\n{}\nx\n", hash.repeat(lines));
    assert!(AddCheckpoint::parse(proof_of(63).as_bytes()).is_ok());
    for wrong in [
        String::new(),
        good.replacen("old 10", "old 010", 1),
        good.replacen("old 10", "old", 1),
        good.replacen("old 10", "Old 10", 1),
        good.replacen("old 10", "old  10", 1),
        good.replacen("old 10", "old 10\r", 1),
        good.replacen("old 10", "old -1", 1),
        good.replacen("=\n", "\n", 1),
        proof_of(64),
        "old 0\n\n".to_owned(),
        "old 0\n".to_owned(),
        "old 0".to_owned(),
        format!("old 0\n\n{}", "x".repeat(200_000)),
    ] {
        let refusal = AddCheckpoint::parse(wrong.as_bytes()).expect_err(&wrong);
        assert_eq!(refusal.status(), 400);
    }
    // A request in form, with something else for a checkpoint.
    for checkpoint in ["x\n", "a\n\n— a AAAAAAE=\n", &format!("{ORIGIN}\n{}\nx\n", MAX_SIZE)] {
        let request = AddCheckpoint { old: 0, proof: vec![], checkpoint: checkpoint.to_owned() };
        assert_eq!(status(ask(&Memory::default(), &request)), 400);
    }
}

/// A stranger's line in a checkpoint is not served on by the witness.
#[test]
fn strangers_are_not_passed_on() {
    let heads = Memory::default();
    let log = Log::of(4, 1);
    let mut note = log.signed();
    note.add(cosigner(5).cosign(note.text(), 1)).expect("room");
    let request = AddCheckpoint { old: 0, proof: vec![], checkpoint: note.to_string() };
    let body = request.to_string();
    assert!(witness().add_checkpoint(body.as_bytes(), 9, &heads).is_ok());
    let kept = heads.heads.lock().expect("not poisoned")[ORIGIN].note.clone();
    let names: Vec<String> = Note::parse(kept.as_bytes())
        .expect("a note")
        .signatures()
        .iter()
        .map(|signature| signature.name().to_owned())
        .collect();
    assert_eq!(names, [ORIGIN, "witness.example/w1"]);
}

/// The race of the specification: two requests from the same old size, each consistent, at once.
/// One of them must hear 409, and the head must never go back.
#[test]
fn the_rollback_race() {
    let (small, large) = (Log::of(15, 1), Log::of(20, 1));
    for _ in 0..50 {
        let heads = Arc::new(Memory::default());
        assert_eq!(ask(&heads, &request(&Log::of(10, 1), 0)), Ok(()));
        let barrier = Arc::new(Barrier::new(2));
        let threads = [&small, &large].map(|log| {
            let (heads, barrier, request) =
                (Arc::clone(&heads), Arc::clone(&barrier), request(log, 10));
            std::thread::spawn(move || {
                barrier.wait();
                status(ask(&heads, &request))
            })
        });
        let [small, large] = threads.map(|thread| thread.join().expect("no panic"));
        assert!(matches!((small, large), (200, 409) | (409, 200)), "{small} {large}");
        assert_eq!(heads.size(), if small == 200 { 15 } else { 20 });
    }
}

proptest! {
    /// Whatever is asked in whatever order, the witness signs one line of trees: each head extends
    /// the one before.
    #[test]
    fn a_witness_never_goes_back(asked in prop::collection::vec((1..40_u64, 0..40_u64, 1..3_u8, any::<bool>()), 1..30)) {
        let heads = Memory::default();
        let mut latest: Option<Log> = None;
        for (size, old, fork, knows) in asked {
            let log = Log::of(size, fork);
            let known = latest.as_ref().map_or(0, Log::size);
            let old = if knows { known } else { old };
            let accepted = ask(&heads, &request(&log, old)).is_ok();
            let extends = latest.as_ref().is_none_or(|latest| {
                size >= known && log.entries.starts_with(&latest.entries)
            });
            prop_assert_eq!(accepted, old == known && extends);
            if accepted {
                latest = Some(log);
            }
            prop_assert_eq!(heads.size(), latest.as_ref().map_or(0, Log::size));
        }
    }

    #[test]
    fn anything(bytes: Vec<u8>, text in "old [0-9]{1,3}\n([A-Za-z+/]{43}=\n){0,3}\n[a-z\n —=0-9]{0,80}") {
        for body in [&bytes[..], text.as_bytes()] {
            if let Ok(request) = AddCheckpoint::parse(body) {
                let written = request.to_string();
                prop_assert_eq!(written.as_bytes(), body);
            }
            prop_assert!(witness().add_checkpoint(body, 1, &Memory::default()).is_err());
        }
    }
}
