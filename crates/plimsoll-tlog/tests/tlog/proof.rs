//! The text of a proof that goes to an auditor.

use crate::kit::{Log, cosigner, signer, with_a_bit_flipped};
use plimsoll_tlog::Policy;
use plimsoll_tlog::policy::PolicyError;
use plimsoll_tlog::proof::{ProofError, TlogProof, TlogProofError};
use proptest::prelude::*;

fn prove(log: &Log, index: u64, extra: Option<Vec<u8>>) -> TlogProof {
    let inclusion = log.open().inclusion(index, log.size()).expect("its own tiles");
    let mut note = log.signed();
    note.add(cosigner(1).cosign(note.text(), 99)).expect("room");
    TlogProof { extra, index, hashes: inclusion.hashes, checkpoint: note.to_string() }
}

fn policy() -> Policy {
    let text = format!("log {}\nwitness w {}\nquorum w\n", signer().vkey(), cosigner(1).vkey());
    Policy::parse(text.as_bytes()).expect("a policy")
}

/// Kept as it is: a proof that was handed out must verify for ever.
#[test]
fn golden_text() {
    let log = Log::of(5, 1);
    let proof = prove(&log, 3, Some(b"beside".to_vec()));
    let golden = include_str!("golden.tlog-proof");
    let text = proof.to_string();
    assert_eq!(text, golden);
    assert_eq!(TlogProof::parse(&text), Ok(proof.clone()));
    let accepted = proof.verify(&log.entries[3], &policy()).expect("proved");
    assert_eq!(accepted.checkpoint, log.checkpoint());
    assert_eq!(accepted.witnesses, [("w".to_owned(), 99)]);
}

#[test]
fn a_proof_needs_entry_and_policy() {
    let log = Log::of(300, 1);
    let proof = prove(&log, 299, None);
    assert!(proof.verify(&log.entries[299], &policy()).is_ok());
    assert_eq!(
        proof.verify(&log.entries[298], &policy()),
        Err(TlogProofError::Proof(ProofError::Root))
    );
    let other = Policy::parse(
        format!(
            "log {}\nquorum none\n",
            plimsoll_tlog::Signer::from_seed("a", &[1; 32]).expect("a name").vkey()
        )
        .as_bytes(),
    )
    .expect("a policy");
    assert!(matches!(
        proof.verify(&log.entries[299], &other),
        Err(TlogProofError::Policy(PolicyError::Note(_)))
    ));
    let later = TlogProof { checkpoint: prove(&Log::of(301, 1), 299, None).checkpoint, ..proof };
    assert!(matches!(later.verify(&log.entries[299], &policy()), Err(TlogProofError::Proof(_))));
}

/// Every bit counts, but those of the extra data, which nothing authenticates.
#[test]
fn any_bit_of_a_proof() {
    let log = Log::of(6, 1);
    let text = prove(&log, 2, None).to_string();
    let policy = policy();
    assert!(TlogProof::parse(&text).expect("a proof").verify(&log.entries[2], &policy).is_ok());
    for flipped in with_a_bit_flipped(text.as_bytes()) {
        let verdict = std::str::from_utf8(&flipped).ok().map(TlogProof::parse);
        let Some(Ok(proof)) = verdict else { continue };
        assert!(proof.verify(&log.entries[2], &policy).is_err(), "{proof}");
    }
}

#[test]
fn what_is_no_proof() {
    let text = prove(&Log::of(6, 1), 2, Some(vec![1, 2, 3])).to_string();
    for (from, to) in [
        ("@v1", "@v2"),
        ("extra ", "extra  "),
        ("extra AQID", "extra AQIDx"),
        ("index 2", "index 02"),
        ("index 2", "index"),
        ("index 2\n", ""),
        ("extra AQID\nindex 2\n", "index 2\nextra AQID\n"),
        ("\n\n", "\n \n"),
    ] {
        assert!(text.contains(from));
        assert!(TlogProof::parse(&text.replacen(from, to, 1)).is_err(), "{from} -> {to}");
    }
    let head = &text[..text.find("\n\n").expect("a blank line") + 1];
    for end in [head, &format!("{head}\n"), "", "c2sp.org/tlog-proof@v1\n"] {
        assert!(TlogProof::parse(end).is_err(), "{end}");
    }
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let long = format!("c2sp.org/tlog-proof@v1\nindex 0\n{}\nx\n", hash.repeat(65));
    assert!(TlogProof::parse(&long).is_err());
    assert!(matches!(TlogProof::parse(&"x".repeat(300_000)), Err(TlogProofError::Size(300_000))));
}

proptest! {
    #[test]
    fn proofs_come_back(index: u64, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..64), extra: Option<Vec<u8>>, checkpoint in "[a-z\n ]{1,50}") {
        let hashes = hashes.into_iter().map(plimsoll_types::Digest::from_bytes).collect();
        let proof = TlogProof { extra, index, hashes, checkpoint };
        prop_assert_eq!(TlogProof::parse(&proof.to_string()), Ok(proof));
    }
}
