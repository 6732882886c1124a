//! Notes: vectors of the specification, of Go, of a log and witnesses in the world; and whatever
//! is altered in them.

use crate::kit::{Log, cosigner, signer, with_a_bit_flipped};
use plimsoll_tlog::note::{
    Algorithm, MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, Secret, Signature, Signer, Vkey,
};
use plimsoll_tlog::{Checkpoint, cosignature::Cosigner};
use proptest::prelude::*;

/// The example of C2SP signed-note.
const SPEC_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SPEC_NOTE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// The example of Go's `golang.org/x/mod/sumdb/note`.
const GO_SECRET: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// A checkpoint of a Certificate Transparency log with signatures of kinds that are not known here
/// (0x05), its own (0x01), and the cosignatures of four witnesses (0x04).
const WORLD_NOTE: &str = "arche2025h1.staging.ct.transparency.dev\n1432088532\n\
    U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n\
    — arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=\n\
    — arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n\
    — transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==\n\
    — witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==\n\
    — remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n\
    — witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==\n";
const WORLD_LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const WORLD_WITNESSES: [&str; 4] = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
];

fn key(text: &str) -> Vkey {
    let key: Vkey = text.parse().expect("a key");
    assert_eq!(key.to_string(), text);
    key
}

fn parse(text: &str) -> Note {
    let note = Note::parse(text.as_bytes()).expect("a note");
    assert_eq!(note.to_string(), text);
    note
}

#[test]
fn the_example_of_the_specification() {
    let key = key(SPEC_KEY);
    assert_eq!((key.name(), key.key_id()), ("example.com/foo", 0x530d_903a));
    assert_eq!(key.algorithm(), Algorithm::Ed25519);
    let note = parse(SPEC_NOTE);
    assert_eq!(note.text(), "This is an example message.\n");
    let valid = note.verify(&[&key]).expect("its key");
    assert_eq!(valid.len(), 1);
    assert_eq!((valid[0].key, valid[0].time), (&key, None));
}

/// Ed25519 is deterministic: the same secret makes the same bytes.
#[test]
fn the_example_of_go_is_signed_again() {
    let secret = Secret::parse(GO_SECRET).expect("a secret key");
    assert_eq!(secret.vkey(), &key(GO_KEY));
    assert_eq!(*secret.expose(), GO_SECRET);
    let theirs = parse(GO_NOTE);
    assert!(theirs.verify(&[secret.vkey()]).is_ok());
    let seed = hex_of_go_seed();
    let signer = Signer::from_seed("PeterNeumann", &seed).expect("a name");
    let mut ours = Note::new(theirs.text()).expect("a text");
    ours.add(signer.sign(theirs.text())).expect("the first");
    assert_eq!(ours.to_string(), GO_NOTE);
}

/// The last 32 bytes of the base64 in [`GO_SECRET`].
fn hex_of_go_seed() -> [u8; 32] {
    plimsoll_types::digest::unhex(
        "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173",
    )
    .expect("64 digits")
}

#[test]
fn a_checkpoint_from_the_world() {
    let log = key(WORLD_LOG);
    let opened = Checkpoint::open(WORLD_NOTE.as_bytes(), &[&log]).expect("signed");
    assert_eq!(opened.checkpoint.size, 1_432_088_532);
    assert_eq!(opened.checkpoint.origin, log.name());
    assert_eq!(opened.note.signatures().len(), 6);
    let witnesses = WORLD_WITNESSES.map(key);
    let all: Vec<&Vkey> = witnesses.iter().chain([&log]).collect();
    let valid = opened.note.verify(&all).expect("all of them");
    let times: Vec<Option<u64>> = valid.iter().map(|valid| valid.time).collect();
    assert_eq!(times[0], None);
    assert_eq!(times[1..], [Some(1_779_573_024); 4]);
    // A key of a witness is no key of a log.
    for witness in &witnesses {
        assert_eq!(witness.algorithm(), Algorithm::Cosignature);
        assert!(opened.note.verify(&[witness]).is_ok());
    }
}

#[test]
fn only_known_keys_count() {
    let mut note = Log::of(3, 1).signed();
    let (known, other) =
        (signer(), Signer::from_seed("example.com/other", &[9; 32]).expect("a name"));
    note.add(other.sign(note.text())).expect("room");
    assert_eq!(note.verify(&[known.vkey()]).map(|valid| valid.len()), Ok(1));
    assert_eq!(note.verify(&[known.vkey(), other.vkey()]).map(|valid| valid.len()), Ok(2));
    assert_eq!(note.verify(&[]), Err(NoteError::Unsigned));
    // The same name with another key, and the same key with another name, are other keys.
    let same_name = Signer::from_seed(known.vkey().name(), &[8; 32]).expect("a name");
    let same_key = Signer::from_seed("example.com/third", &[7; 32]).expect("a name");
    assert_eq!(note.verify(&[same_name.vkey(), same_key.vkey()]), Err(NoteError::Unsigned));
    // So is the same key for another algorithm.
    let as_witness = Cosigner::from_seed(known.vkey().name(), &[7; 32]).expect("a name");
    assert_eq!(note.verify(&[as_witness.vkey()]), Err(NoteError::Unsigned));
    // A wrong signature by a known key rejects the note, whoever else signed it.
    let mut bad = parse(&note.to_string());
    bad.add(known.sign("another text\n")).expect("in the place of the good one");
    assert_eq!(bad.signatures().len(), 2);
    assert_eq!(bad.verify(&[known.vkey(), other.vkey()]), Err(NoteError::BadSignature(1)), "{bad}");
    assert!(bad.verify(&[other.vkey()]).is_ok());
    // One key twice counts once, and both are judged.
    let line = known.sign(note.text());
    let twice = format!("{note}{line}\n");
    assert_eq!(parse(&twice).verify(&[known.vkey()]).map(|valid| valid.len()), Ok(1));
    let twice = format!("{note}{}\n", known.sign("another text\n"));
    assert_eq!(parse(&twice).verify(&[known.vkey()]), Err(NoteError::BadSignature(2)));
}

#[test]
fn a_cosignature_is_bound_to_its_time() {
    let log = Log::of(3, 1);
    let witness = cosigner(1);
    let mut note = log.signed();
    note.add(witness.cosign(note.text(), 1_700_000_000)).expect("room");
    let valid = note.verify(&[witness.vkey()]).expect("cosigned");
    assert_eq!(valid[0].time, Some(1_700_000_000));
    // A time beyond what the format allows is never signed.
    note.add(witness.cosign(note.text(), u64::MAX)).expect("room");
    let valid = note.verify(&[witness.vkey()]).expect("cosigned");
    assert_eq!(valid[0].time, Some(u64::MAX >> 1));
    assert!(Cosigner::from_secret(Secret::parse(GO_SECRET).expect("a key of a log")).is_err());
    let again = Secret::parse(&witness.secret().expose()).expect("its own words");
    assert_eq!(Cosigner::from_secret(again).expect("a witness").vkey(), witness.vkey());
}

#[test]
fn sixteen_signatures_and_more_and_an_end() {
    let mut note = Log::of(3, 1).signed();
    for number in 0..u8::try_from(MAX_SIGNATURES - 1).expect("small") {
        note.add(cosigner(number).cosign(note.text(), 5)).expect("room");
    }
    let keys: Vec<Cosigner> = (0..16).map(cosigner).collect();
    let known: Vec<&Vkey> = keys.iter().map(Cosigner::vkey).collect();
    let read = parse(&note.to_string());
    assert_eq!(read.verify(&known).map(|valid| valid.len()), Ok(16));
    let over = cosigner(200).cosign(note.text(), 5);
    assert_eq!(note.add(over.clone()), Err(NoteError::Note("it has too many signatures")));
    assert!(Note::parse(format!("{note}{over}\n").as_bytes()).is_err());
    // Post-quantum signatures of others are long, and are let through.
    let long = format!("{SPEC_NOTE}— other {}\n", "A".repeat(6_668)).repeat(1);
    assert!(parse(&long).verify(&[&key(SPEC_KEY)]).is_ok());
    let huge = format!("{}\n{SPEC_NOTE}", "a".repeat(MAX_NOTE_BYTES));
    assert_eq!(Note::parse(huge.as_bytes()), Err(NoteError::Size(huge.len())));
}

#[test]
fn what_is_no_note() {
    let line = "— a AAAAAAE=\n";
    assert!(Note::parse(format!("a\n\n{line}").as_bytes()).is_ok());
    // The last blank line divides; the text may have others, and may be one.
    assert_eq!(parse(&format!("a\n\nb\n\n{line}")).text(), "a\n\nb\n");
    assert_eq!(parse(&format!("\n\n{line}")).text(), "\n");
    for wrong in [
        "".to_owned(),
        "a\n".to_owned(),
        "a\n\n".to_owned(),
        "a\n\n\n".to_owned(),
        line.to_owned(),
        format!("a\n{line}"),
        format!("a\n\n{}", line.trim_end()),
        format!("a\n\n{line}\n"),
        format!("a\n\n{line}b\n"),
        format!("a\r\n\n{line}"),
        format!("a\tb\n\n{line}"),
        format!("a\0b\n\n{line}"),
        "a\n\n— a AAAAAA==\n".to_owned(),
        "a\n\n— a AAAA\n".to_owned(),
        "a\n\n— a AAAAAAF=\n".to_owned(),
        "a\n\n— a AAAAAAE\n".to_owned(),
        "a\n\n— a AAAAAAE= \n".to_owned(),
        "a\n\n— a b AAAAAAE=\n".to_owned(),
        "a\n\n—  AAAAAAE=\n".to_owned(),
        "a\n\n— a+b AAAAAAE=\n".to_owned(),
        "a\n\n— a\u{a0}b AAAAAAE=\n".to_owned(),
        "a\n\n—a AAAAAAE=\n".to_owned(),
        "a\n\n- a AAAAAAE=\n".to_owned(),
    ] {
        assert!(Note::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    assert!(Note::parse(b"\xff\n\n\xe2\x80\x94 a AAAAAAE=\n").is_err());
    for wrong in ["", "a", "a\tb\n", "a\r\n"] {
        assert!(Note::new(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn what_is_no_key() {
    // As the tests of Go do it: no part of a key is one, and none with a byte changed.
    let bytes = GO_KEY.as_bytes();
    for start in 0..bytes.len() {
        for end in start..=bytes.len() {
            if end - start < bytes.len() {
                assert!(GO_KEY[start..end].parse::<Vkey>().is_err(), "{}", &GO_KEY[start..end]);
            }
        }
        let mut other = bytes.to_vec();
        other[start] += 1;
        let other = String::from_utf8(other).expect("still text");
        assert!(other.parse::<Vkey>().is_err(), "{other}");
    }
    for (wrong, why) in [
        // ML-DSA and ECDSA.
        ("a+5893dc2c+BtMc", "algorithm"),
        ("rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49", "algorithm"),
        // The neutral element of the curve: anything verifies under it.
        ("a+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "public key"),
        ("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "key id"),
    ] {
        let error = wrong.parse::<Vkey>().expect_err("no key of ours").to_string();
        assert!(error.contains(why), "{error}");
    }
    for name in ["", "a b", "a+b", "a\u{3000}b", "a\nb", "a\u{1}b", &"a".repeat(256)] {
        assert!(Signer::from_seed(name, &[1; 32]).is_err(), "{name:?}");
    }
    for wrong in ["", "PRIVATE+KEY+a+b", GO_KEY, &GO_SECRET[..77], &GO_SECRET.replace("c7", "c8")] {
        assert!(Secret::parse(wrong).is_err(), "{wrong}");
    }
    let secret = Secret::parse(GO_SECRET).expect("a key");
    assert!(!format!("{secret:?}").contains("gQoUAtUU"), "a secret is not shown");
}

/// Nothing that was altered in any bit is believed.
#[test]
fn any_bit_of_a_signed_note() {
    let key = key(SPEC_KEY);
    for flipped in with_a_bit_flipped(SPEC_NOTE.as_bytes()) {
        let verdict = Note::parse(&flipped).and_then(|note| note.verify(&[&key]).map(|_| ()));
        assert!(verdict.is_err(), "{}", String::from_utf8_lossy(&flipped));
    }
}

/// With several signatures one may be lost to a flipped bit, but what is believed is what was
/// signed.
#[test]
fn any_bit_of_a_cosigned_checkpoint() {
    let mut note = Log::of(300, 1).signed();
    let (log, witness) = (signer(), cosigner(1));
    note.add(witness.cosign(note.text(), 77)).expect("room");
    let text = note.to_string();
    let (mut all, mut lost) = (0, 0);
    for flipped in with_a_bit_flipped(text.as_bytes()) {
        all += 1;
        let Ok(opened) = Checkpoint::open(&flipped, &[log.vkey(), witness.vkey()]) else {
            continue;
        };
        lost += 1;
        assert_eq!(opened.note.text(), note.text());
        assert_eq!(opened.signatures.len(), 1);
        let time = opened.signatures[0].time;
        assert!(time.is_none() || time == Some(77));
    }
    assert!(lost > 0 && lost < all / 3, "{lost} of {all}");
}

#[test]
fn what_is_no_checkpoint() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let text = format!("example.com/behind-the-sofa\n20852163\n{root}\n");
    let checkpoint = Checkpoint::parse(&text).expect("the example of the specification");
    assert_eq!((checkpoint.size, checkpoint.to_string()), (20_852_163, text));
    let extended = format!("a b\n1\n{root}\nmore\nand more\n");
    let checkpoint = Checkpoint::parse(&extended).expect("with extensions");
    assert_eq!(checkpoint.extensions, ["more", "and more"]);
    assert_eq!(checkpoint.to_string(), extended);
    for wrong in [
        String::new(),
        "\n".to_owned(),
        format!("\n1\n{root}\n"),
        format!("a\n1\n{root}"),
        format!("a\n1\n{root}\n\n"),
        format!("a\n1\n{root}\n\nb\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n1e3\n{root}\n"),
        format!("a\n9223372036854775808\n{root}\n"),
        format!("a\n0\n{root}\n"),
        "a\n1\n\n".to_owned(),
        format!("a\n1\n{}\n", &root[..40]),
        format!("a\n1\n{}J=\n", &root[..42]),
        format!("a\n1\nAAAA{root}\n"),
    ] {
        assert!(Checkpoint::parse(&wrong).is_err(), "{wrong:?}");
    }
    let empty = format!("a\n0\n{}\n", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert!(Checkpoint::parse(&empty).is_ok());
    let two_lines = Checkpoint { origin: "a\nb".to_owned(), ..checkpoint };
    assert!(two_lines.sign(&signer()).is_err());
}

proptest! {
    #[test]
    fn what_is_signed_is_read(lines in prop::collection::vec("[^\\x00-\\x1f]{0,30}", 1..5), seed: [u8; 32], name in "[a-z./\u{e9}-]{1,20}") {
        let text = format!("{}\n", lines.join("\n"));
        let signer = Signer::from_seed(&name, &seed).expect("a name");
        let mut note = Note::new(&text).expect("a text");
        note.add(signer.sign(&text)).expect("room");
        let read = Note::parse(note.to_string().as_bytes()).expect("its own words");
        prop_assert_eq!(&read, &note);
        prop_assert_eq!(read.text(), &text);
        prop_assert!(read.verify(&[&signer.vkey().to_string().parse().expect("its own words")]).is_ok());
    }

    #[test]
    fn anything(bytes: Vec<u8>, text in "[\n — a+/=A0-9]{0,60}") {
        for input in [&bytes[..], text.as_bytes()] {
            if let Ok(note) = Note::parse(input) {
                let written = note.to_string();
                prop_assert_eq!(written.as_bytes(), input);
            }
        }
        if let Ok(signature) = text.parse::<Signature>() {
            prop_assert_eq!(signature.to_string(), text.clone());
        }
        if let Ok(key) = text.parse::<Vkey>() {
            prop_assert_eq!(key.to_string(), text);
        }
    }
}
