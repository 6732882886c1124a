//! Roots and proofs against `ct-merkle`, another implementation of RFC 6962, and against the
//! definition.

use crate::kit::Log;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use plimsoll_tlog::proof::{Consistency, Inclusion, ProofError};
use plimsoll_tlog::tree::{MAX_SIZE, empty_root, leaf_hash, root_of};
use plimsoll_types::Digest;
use proptest::prelude::*;
use sha2::Sha256;

type Theirs = MemoryBackedTree<Sha256, Vec<u8>>;

fn theirs(entries: &[Vec<u8>]) -> Theirs {
    let mut tree = Theirs::new();
    entries.iter().for_each(|entry| tree.push(entry.clone()));
    tree
}

fn bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// A log of up to 1,200 entries: around the widths of tiles, and in between.
fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![1..12_u64, 250..260_u64, 508..516_u64, 1..1_200_u64]
}

proptest! {
    #[test]
    fn roots_and_proofs_are_theirs(size in sizes(), seed: u8, at: prop::sample::Index, old: prop::sample::Index) {
        let log = Log::of(size, seed);
        let tree = theirs(&log.entries);
        prop_assert_eq!(log.root().as_bytes().to_vec(), tree.root().as_bytes().to_vec());
        let leaves: Vec<Digest> = log.entries.iter().map(|entry| leaf_hash(entry)).collect();
        prop_assert_eq!(log.root(), root_of(&leaves));
        let mut tiles = log.open();

        let at = at.index(leaves.len());
        let index = u64::try_from(at).expect("small");
        let proof = tiles.inclusion(index, size).expect("its own tiles");
        prop_assert_eq!(bytes(&proof.hashes), tree.prove_inclusion(at).as_bytes().to_vec());
        prop_assert_eq!(proof.verify(&leaves[at], &log.root()), Ok(()));
        prop_assert_eq!(tiles.leaf(index), Ok(leaves[at]));

        let old = old.index(leaves.len()) + 1;
        let proof = tiles.consistency(u64::try_from(old).expect("small"), size).expect("its own tiles");
        prop_assert_eq!(bytes(&proof.hashes), tree.prove_consistency(leaves.len() - old).as_bytes().to_vec());
        let old_root = root_of(&leaves[..old]);
        prop_assert_eq!(tiles.root_at(proof.old), Ok(old_root));
        prop_assert_eq!(proof.verify(&old_root, &log.root()), Ok(()));
    }

    /// A proof for one thing proves no other: not another entry, size, root, nor with a hash more,
    /// less or altered.
    #[test]
    fn a_proof_proves_one_thing(size in 2..700_u64, at: prop::sample::Index, bit in 0..256_usize, which: prop::sample::Index) {
        let log = Log::of(size, 1);
        let root = log.root();
        let mut tiles = log.open();
        let index = u64::try_from(at.index(usize::try_from(size).expect("small"))).expect("small");
        let leaf = tiles.leaf(index).expect("its own tiles");
        let proof = tiles.inclusion(index, size).expect("its own tiles");
        let flipped = |hash: &Digest| {
            let mut bytes = *hash.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Digest::from_bytes(bytes)
        };
        prop_assert_eq!(proof.verify(&flipped(&leaf), &root), Err(ProofError::Root));
        prop_assert_eq!(proof.verify(&leaf, &flipped(&root)), Err(ProofError::Root));
        for wrong in crippled(&proof.hashes, which, &flipped) {
            let wrong = Inclusion { hashes: wrong, ..proof };
            prop_assert!(wrong.verify(&leaf, &root).is_err());
        }
        let elsewhere = Inclusion { index: index ^ 1, ..proof.clone() };
        prop_assert!(elsewhere.verify(&leaf, &root).is_err());
        for index in [size, u64::MAX] {
            let wrong = Inclusion { index, ..proof.clone() };
            prop_assert!(wrong.verify(&leaf, &root).is_err());
        }

        let old = index.max(1);
        let proof = tiles.consistency(old, size).expect("its own tiles");
        let old_root = tiles.root_at(old).expect("its own tiles");
        prop_assert!(proof.verify(&flipped(&old_root), &root).is_err());
        prop_assert!(proof.verify(&old_root, &flipped(&root)).is_err());
        for wrong in crippled(&proof.hashes, which, &flipped) {
            let wrong = Consistency { hashes: wrong, ..proof };
            prop_assert!(wrong.verify(&old_root, &root).is_err());
        }
        let back = Consistency { old: size, new: old, ..proof };
        prop_assert!(back.verify(&root, &old_root).is_err() || old == size);
    }

    /// Whatever a proof holds, judging it ends, and without a panic.
    #[test]
    fn hostile_proofs(index: u64, size: u64, old: u64, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let hashes: Vec<Digest> = hashes.into_iter().map(Digest::from_bytes).collect();
        let hash = empty_root();
        let proof = Inclusion { index, size, hashes: hashes.clone() };
        prop_assert!(proof.verify(&hash, &hash).is_err());
        for (old, new) in [(old, size), (index, size), (old, index | 1 << 62)] {
            let proof = Consistency { old, new, hashes: hashes.clone() };
            prop_assert!(proof.verify(&hash, &empty_root()).is_err() || ((old == new || old == 0) && hashes.is_empty()));
        }
    }
}

fn crippled(
    hashes: &[Digest],
    which: prop::sample::Index,
    flipped: &impl Fn(&Digest) -> Digest,
) -> Vec<Vec<Digest>> {
    let mut longer = hashes.to_vec();
    longer.push(empty_root());
    let mut all = vec![longer];
    if !hashes.is_empty() {
        let at = which.index(hashes.len());
        let mut altered = hashes.to_vec();
        altered[at] = flipped(&altered[at]);
        let mut shorter = hashes.to_vec();
        shorter.remove(at);
        all.extend([altered, shorter]);
    }
    all
}

#[test]
fn the_ends_of_consistency() {
    let (empty, log) = (empty_root(), Log::of(5, 1));
    let proof = |old, new, hashes: &[Digest]| Consistency { old, new, hashes: hashes.to_vec() };
    let root = log.root();
    assert_eq!(proof(0, 5, &[]).verify(&empty, &root), Ok(()));
    assert_eq!(proof(0, 0, &[]).verify(&empty, &empty), Ok(()));
    assert_eq!(proof(5, 5, &[]).verify(&root, &root), Ok(()));
    assert_eq!(proof(0, 5, &[root]).verify(&empty, &root), Err(ProofError::Length(1)));
    assert_eq!(proof(5, 5, &[root]).verify(&root, &root), Err(ProofError::Length(1)));
    // The empty tree has one root.
    assert_eq!(proof(0, 5, &[]).verify(&root, &root), Err(ProofError::Root));
    assert_eq!(proof(0, 0, &[]).verify(&root, &root), Err(ProofError::Root));
    assert_eq!(proof(5, 5, &[]).verify(&empty, &root), Err(ProofError::Root));
    assert_eq!(proof(6, 5, &[]).verify(&root, &root), Err(ProofError::Shrunk { old: 6, new: 5 }));
    assert!(proof(5, MAX_SIZE + 1, &[]).verify(&root, &root).is_err());
}

#[test]
fn a_tree_is_asked_for_no_more_than_it_has() {
    let log = Log::of(300, 1);
    let mut tiles = log.open();
    assert!(tiles.leaf(300).is_err());
    assert!(tiles.inclusion(300, 300).is_err());
    assert!(tiles.inclusion(3, 301).is_err());
    assert!(tiles.inclusion(3, 3).is_err());
    assert!(tiles.consistency(5, 301).is_err());
    assert!(tiles.consistency(6, 5).is_err());
    assert!(tiles.root_at(301).is_err());
    assert!(tiles.tile(0, 2).is_err());
    assert!(tiles.tile(9, 0).is_err());
    assert_eq!(tiles.root_at(0), Ok(empty_root()));
    assert_eq!(tiles.tile(0, 1).map(|hashes| hashes.len()), Ok(44));
    assert_eq!(Log::default().open().root_at(0), Ok(empty_root()));
}
