//! Sealed bodies: opened by the right key, and by no other.

use super::*;
use crate::disk::{RealDisk, Volume};
use plimsoll_types::SystemClock;
use proptest::prelude::*;

fn keys(folder: &std::path::Path) -> (Keys, Volume) {
    let volume = Volume(Arc::new(RealDisk));
    let keys = Keys::open(folder, &volume, Arc::new(SystemClock::new()), None).expect("keys").0;
    (keys, volume)
}

fn subject(name: &str) -> Holder<'_> {
    Holder::Subject { tenant: TenantId::from_bytes([1; 16]), subject: name }
}

fn open_sealed(keys: &Keys, sealed: &Sealed) -> Result<Vec<u8>, LedgerError> {
    open(keys, sealed.bytes(), &sealed.reference().expect("reference"))
}

/// The reference of bytes that were meddled with, as someone who writes the leaf would make it.
fn forged(bytes: &[u8]) -> SealedRef {
    let commitment = Parts::parse(bytes).map_or([0; 32], |parts| *parts.commitment);
    SealedRef { ciphertext: sha256(bytes), key_commitment: commitment, size_log2: 0 }
}

#[test]
fn bodies_of_any_length_come_back() {
    let folder = tempfile::tempdir().expect("folder");
    let (keys, volume) = keys(folder.path());
    let holders = [subject("a"), subject("b"), Holder::System];
    // Around the bucket of 64 and the chunk of 16 KiB.
    for len in [0, 1, 62, 63, 64, 600, 16_318, 16_319, 16_320, 16_383, 16_384, 16_385, 40_000] {
        let plaintext: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).expect("byte")).collect();
        for holders in [&holders[..1], &holders[..]] {
            let sealed = seal(&keys, holders, &plaintext).expect("seal");
            keys.flush(&volume).expect("flush");
            assert_eq!(open_sealed(&keys, &sealed).expect("open"), plaintext);
            assert!(is_committed(sealed.bytes(), &sealed.reference().expect("sealed")));
        }
        let a = seal(&keys, &holders[..1], &plaintext).expect("seal");
        let b = seal(&keys, &holders[..1], &vec![0; len / BUCKET * BUCKET]).expect("seal");
        assert_eq!(a.bytes().len(), b.bytes().len(), "lengths show buckets only");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_altered_byte_passes(at in 0_usize..10_000, bit in 0_u8..8, many: bool) {
        let folder = tempfile::tempdir().expect("folder");
        let (keys, volume) = keys(folder.path());
        let holders = [subject("a"), subject("b")];
        let sealed = seal(&keys, if many { &holders } else { &holders[..1] }, b"a plaintext").expect("seal");
        keys.flush(&volume).expect("flush");
        let mut bytes = sealed.bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(open(&keys, &bytes, &sealed.reference().expect("reference")).is_err());
        // Nor when the leaf is forged with it.
        prop_assert!(open(&keys, &bytes, &forged(&bytes)).is_err());
    }

    #[test]
    fn hostile_bytes_do_not_open(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().expect("folder");
        let (keys, _) = keys(folder.path());
        prop_assert!(open(&keys, &bytes, &forged(&bytes)).is_err());
    }
}

#[test]
fn a_body_for_several_holders_opens_with_any_of_their_keys() {
    let folder = tempfile::tempdir().expect("folder");
    let (keys, volume) = keys(folder.path());
    let sealed = seal(&keys, &[subject("a"), subject("b")], b"both").expect("seal");
    keys.flush(&volume).expect("flush");
    let one = seal(&keys, &[subject("a")], b"one").expect("seal");
    let empty_folder = tempfile::tempdir().expect("folder");
    let (other, _) = self::keys(empty_folder.path());
    assert!(matches!(open_sealed(&other, &sealed), Err(LedgerError::KeyGone)));
    // The first holder's name replaced by one without key: the second still opens, unless
    // the header, which is bound, was changed. So only the holders' own order counts.
    assert_eq!(open_sealed(&keys, &sealed).expect("open"), b"both");
    assert_eq!(open_sealed(&keys, &one).expect("open"), b"one");
    let ids: Vec<_> =
        Parts::parse(sealed.bytes()).expect("parts").holders().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(
        Parts::parse(one.bytes()).expect("parts").holders().next().expect("holder").0,
        ids[0],
        "one key per person"
    );
}

/// Multiplication in GF(2^128) as GCM has it (SP 800-38D §6.3).
fn multiply(x: u128, y: u128) -> u128 {
    let (mut z, mut v) = (0, y);
    for i in (0..128).rev() {
        if x >> i & 1 == 1 {
            z ^= v;
        }
        v = if v & 1 == 1 { v >> 1 ^ 0xe1 << 120 } else { v >> 1 };
    }
    z
}

/// The inverse: x^(2^128 - 2).
fn invert(x: u128) -> u128 {
    let (mut out, mut square) = (1 << 127, x);
    for _ in 1..128 {
        square = multiply(square, square);
        out = multiply(out, square);
    }
    out
}

/// GCM's hash key H, and the mask E(J0) of the tag: the tag of nothing is the mask; the tag
/// of one zero block of ciphertext differs from it by the length block times H.
fn hash_key_and_mask(message: &MessageKey) -> (u128, u128) {
    let tag = |text: &mut [u8], aad: &[u8]| {
        let tag = message
            .key
            .seal_in_place_separate_tag(message.chunk_nonce(0), Aad::from(aad), text)
            .expect("tag");
        u128::from_be_bytes(field(tag.as_ref(), 0))
    };
    let mask = tag(&mut [], &[]);
    // AAD of one zero block: GHASH = (0·H ⊕ L)·H with L = 128 << 64.
    let difference = tag(&mut [], &[0; 16]) ^ mask;
    (multiply(difference, invert(128 << 64)), mask)
}

/// One ciphertext that AES-GCM opens under two keys: the second block solves
/// GHASH(H1) ⊕ E1 = GHASH(H2) ⊕ E2 ("salamander"; Dodis, Grubbs, Ristenpart, Woodage 2018).
fn salamander(one: &MessageKey, two: &MessageKey) -> Vec<u8> {
    let ((h1, e1), (h2, e2)) = (hash_key_and_mask(one), hash_key_and_mask(two));
    let (first, lengths) = (0x1234_5678_u128, 256_u128);
    let cube = |h| multiply(h, multiply(h, h));
    let square = |h| multiply(h, h);
    let wanted = multiply(first, cube(h1) ^ cube(h2)) ^ multiply(lengths, h1 ^ h2) ^ e1 ^ e2;
    let second = multiply(wanted, invert(square(h1) ^ square(h2)));
    let tag = multiply(first, cube(h1)) ^ multiply(second, square(h1)) ^ multiply(lengths, h1) ^ e1;
    [first, second, tag].iter().flat_map(|block| block.to_be_bytes()).collect()
}

#[test]
fn a_ciphertext_that_opens_under_two_keys_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let (keys, volume) = keys(folder.path());
    // An operator wraps a different input key for each of two holders.
    let (a, b) =
        (key_of(&keys, &subject("a")).expect("key"), key_of(&keys, &subject("b")).expect("key"));
    keys.flush(&volume).expect("flush");
    let salt = [9; SALT];
    let mut header = vec![VERSION, 2, 0, 0];
    for (key, input) in [(&a, [1; 32]), (&b, [2; 32])] {
        header.extend_from_slice(&key.id);
        header.extend_from_slice(&wrap(key, &salt, &input).expect("wrap"));
    }
    let derive = |input: [u8; 32]| {
        MessageKey::derive(&hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &input), &salt, &header)
            .expect("derive")
    };
    let (one, two) = (derive([1; 32]), derive([2; 32]));
    let ciphertext = salamander(&one, &two);
    for message in [&one, &two] {
        let mut text = ciphertext.clone();
        message
            .key
            .open_in_place(message.chunk_nonce(0), Aad::empty(), &mut text)
            .expect("AES-GCM alone accepts both");
    }
    // With one key's commitment, the other holder's key is refused.
    for (message, other) in [(&one, "b"), (&two, "a")] {
        let bytes = [&header[..], &salt, &message.commitment, &ciphertext].concat();
        let parts = Parts::parse(&bytes).expect("parts");
        let refused = derive(if other == "b" { [2; 32] } else { [1; 32] });
        assert_ne!(&refused.commitment, parts.commitment);
        // The holder with the committed key comes second: the first one's is refused.
        if other == "a" {
            assert!(matches!(
                open(&keys, &bytes, &forged(&bytes)),
                Err(LedgerError::Unsealable(_))
            ));
        }
    }
}

#[test]
fn the_key_of_a_record_opens_that_record_only() {
    let folder = tempfile::tempdir().expect("folder");
    let (keys, volume) = keys(folder.path());
    for holders in [&[subject("a")][..], &[subject("a"), subject("b")]] {
        let one = seal(&keys, holders, b"one").expect("seal");
        let two = seal(&keys, holders, b"two").expect("seal");
        keys.flush(&volume).expect("flush");
        let key = keys.record_key(one.bytes()).expect("key");
        let leaf = one.reference().expect("reference");
        assert_eq!(open_with(&key, &leaf, one.bytes()).expect("open"), b"one");
        let again = RecordKey::from_bytes(*key.expose());
        assert_eq!(open_with(&again, &leaf, one.bytes()).expect("open"), b"one");
        assert_eq!(format!("{key:?}"), "RecordKey", "no secret is shown");
        // Not another record of the same holder, not under another leaf, not with another key.
        let other = two.reference().expect("reference");
        assert!(matches!(open_with(&key, &other, two.bytes()), Err(LedgerError::Unsealable(_))));
        assert!(matches!(open_with(&key, &other, one.bytes()), Err(LedgerError::Unsealable(_))));
        let wrong = RecordKey::from_bytes([7; 32]);
        assert!(matches!(open_with(&wrong, &leaf, one.bytes()), Err(LedgerError::Unsealable(_))));
        let elsewhere = tempfile::tempdir().expect("folder");
        let (stranger, _) = self::keys(elsewhere.path());
        assert!(matches!(stranger.record_key(one.bytes()), Err(LedgerError::KeyGone)));
    }
    assert!(matches!(keys.record_key(b"short"), Err(LedgerError::Unsealable(_))));
}

#[test]
fn golden_message() {
    // Holder's key 00…1f, its id a0…af, salt 00…17: any change of derivation, padding or
    // chunking changes these bytes. `tests/golden/sealed.py` makes the same ones.
    let input: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).expect("byte"));
    let salt: [u8; SALT] = std::array::from_fn(|i| u8::try_from(i).expect("byte"));
    let holder = HolderKey {
        id: std::array::from_fn(|i| 0xa0 + u8::try_from(i).expect("byte")),
        prk: hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &input),
    };
    let record = RecordKey::derive(&holder, &salt).expect("derive");
    crate::tests::golden("record-key", record.expose());
    let mut out = vec![VERSION, 1, 0, 0];
    out.extend_from_slice(&holder.id);
    let message = record.message(&salt, &out).expect("derive");
    out.extend_from_slice(&salt);
    out.extend_from_slice(&message.commitment);
    message.encrypt(b"golden", 64, &mut out).expect("encrypt");
    crate::tests::golden("sealed", &out);
}

#[test]
fn no_salt_is_used_twice() {
    let salts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..250_000).map(|_| fresh_salt(7).expect("salt")).collect()))
            .collect();
        let made = threads.into_iter().map(|t| t.join().expect("thread"));
        made.collect::<Vec<Vec<[u8; SALT]>>>().concat()
    });
    let distinct: std::collections::HashSet<_> = salts.iter().collect();
    assert_eq!(distinct.len(), 1_000_000);
    // Two copies of one machine hold the same stock; the time keeps them apart.
    SALTS.set(vec![[1; SALT]; 2]);
    assert_ne!(fresh_salt(1).expect("salt"), fresh_salt(2).expect("salt"));
}
