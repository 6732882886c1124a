//! What is signed holds, and nothing else does. Keys and certificates are of
//! `tools/sign/fixtures.py`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_sign::{
    Difference, Manifest, Method, PublicKey, Resource, Serialization, SignError, Signer, Trust,
    is_ignored, sign, verify,
};
use plimsoll_types::Digest;
use proptest::prelude::*;

/// 2026-11-01, within the validity of the certificates.
const NOW: u64 = 1_793_491_200;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name)).as_slice()
    };
}

fn resource(name: &str, byte: u8) -> Resource {
    Resource { name: name.into(), digest: Digest::from_bytes([byte; 32]) }
}

fn manifest() -> Manifest {
    let files = vec![resource("b/c.bin", 2), resource("a.json", 1)];
    Manifest::new("credit", Serialization::default(), files).unwrap()
}

fn key() -> PublicKey {
    PublicKey::from_pem(data!("key.pub")).unwrap()
}

fn signed() -> String {
    sign(&manifest(), &Signer::from_pem(data!("key.pem")).unwrap()).unwrap()
}

fn trust(root: &[u8], at: u64) -> Trust {
    Trust::from_pem(&[root], at).unwrap()
}

fn certified(leaf: &[u8]) -> String {
    let signer = Signer::from_pem(data!("leaf.pem")).unwrap();
    let signer = signer.with_certificates(leaf, &[data!("between.crt")]).unwrap();
    sign(&manifest(), &signer).unwrap()
}

#[test]
fn what_is_signed_holds() {
    let verified = verify(signed().as_bytes(), &key()).unwrap();
    assert_eq!(verified.manifest, manifest());
    assert_eq!(verified.identity, format!("key:{}", key().id()));
    for (private, public) in
        [(data!("p384.pem"), data!("p384.pub")), (data!("p521.pem"), data!("p521.pub"))]
    {
        let bundle = sign(&manifest(), &Signer::from_pem(private).unwrap()).unwrap();
        verify(bundle.as_bytes(), &PublicKey::from_pem(public).unwrap()).unwrap();
    }
}

#[test]
fn certificates_lead_to_a_root_at_a_time() {
    let bundle = certified(data!("leaf.crt"));
    let root = data!("root.crt");
    let verified = verify(bundle.as_bytes(), &trust(root, NOW)).unwrap();
    assert_eq!(verified.identity, "certificate:Model Builder");
    let cases = [
        (bundle.clone(), trust(data!("stranger.crt"), NOW), "no root that is believed"),
        (bundle.clone(), trust(root, 1_700_000_000), "not valid yet"),
        (certified(data!("expired.crt")), trust(root, NOW), "expired"),
        (certified(data!("server.crt")), trust(root, NOW), "not for signing code"),
        (certified(data!("silent.crt")), trust(root, NOW), "not for signatures"),
    ];
    for (bundle, trust, words) in cases {
        let error = verify(bundle.as_bytes(), &trust).unwrap_err().to_string();
        assert!(error.contains(words), "{error} does not say {words}");
    }
    // At the time it was made, the signature of a certificate that has expired since holds.
    verify(certified(data!("expired.crt")).as_bytes(), &trust(root, 1_768_000_000)).unwrap();
    let other = Signer::from_pem(data!("key.pem")).unwrap();
    assert!(other.with_certificates(data!("leaf.crt"), &[]).is_err());
}

#[test]
fn a_signer_may_be_an_authority_or_the_root_itself() {
    let by = |leaf: &[u8], others: &[&[u8]]| {
        let signer = Signer::from_pem(data!("leaf.pem")).unwrap();
        sign(&manifest(), &signer.with_certificates(leaf, others).unwrap()).unwrap()
    };
    let (elder, low) = (data!("elder.crt"), data!("low.crt"));
    let (both, own, below) = (data!("authority.crt"), data!("own.crt"), data!("below.crt"));
    let holds = |bundle: &str, root, at| {
        verify(bundle.as_bytes(), &trust(root, at)).map(|verified| verified.identity)
    };
    // Whatever the order in which the others are listed, and with those that lead nowhere.
    for others in [vec![low], vec![low, elder], vec![elder, data!("stranger.crt"), low]] {
        assert_eq!(holds(&by(both, &others), elder, NOW).unwrap(), "certificate:Both");
    }
    assert_eq!(holds(&by(both, &[]), low, NOW).unwrap(), "certificate:Both");
    assert_eq!(holds(&by(own, &[]), own, NOW).unwrap(), "certificate:Own");
    let cases = [
        (by(both, &[]), elder, NOW, "no root that is believed vouches"),
        (by(both, &[low]), data!("stranger.crt"), NOW, "no root that is believed vouches"),
        (by(own, &[]), data!("root.crt"), NOW, "no root that is believed vouches"),
        (by(both, &[low]), elder, 1_700_000_000, "no root that is believed is valid"),
        (by(data!("authority-expired.crt"), &[low]), elder, NOW, "has expired"),
        (by(data!("own-server.crt"), &[]), data!("own-server.crt"), NOW, "not for signing code"),
        // `Low` may have no authority below it that issues, and a signer is none.
        (by(below, &[both, low]), elder, NOW, "may not have so many below it"),
    ];
    for (bundle, root, at, words) in cases {
        let error = holds(&bundle, root, at).unwrap_err().to_string();
        assert!(error.contains(words), "{error} does not say {words}");
    }
}

#[test]
fn a_root_whose_time_is_over_vouches_for_nobody() {
    let signer = Signer::from_pem(data!("leaf.pem")).unwrap();
    let bundle = sign(&manifest(), &signer.with_certificates(data!("of-gone.crt"), &[]).unwrap());
    let (bundle, gone) = (bundle.unwrap(), data!("gone.crt"));
    let error = verify(bundle.as_bytes(), &trust(gone, NOW)).unwrap_err().to_string();
    assert!(error.contains("no root that is believed is valid"), "{error}");
    verify(bundle.as_bytes(), &trust(gone, 1_768_000_000)).unwrap();
    // Beside one that is valid it does not count either.
    let both = Trust::from_pem(&[gone, data!("root.crt")], NOW).unwrap();
    assert!(verify(bundle.as_bytes(), &both).is_err());
}

#[test]
fn any_flipped_byte_of_an_authoritys_chain_is_found() {
    let signer = Signer::from_pem(data!("leaf.pem")).unwrap();
    let signer = signer.with_certificates(data!("authority.crt"), &[data!("low.crt")]).unwrap();
    let bundle = sign(&manifest(), &signer).unwrap();
    let elder = trust(data!("elder.crt"), NOW);
    verify(bundle.as_bytes(), &elder).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let place = "/verificationMaterial/x509CertificateChain/certificates";
    for which in 0..2 {
        let place = format!("{place}/{which}/rawBytes");
        let der = STANDARD.decode(whole.pointer(&place).unwrap().as_str().unwrap()).unwrap();
        for at in 0..der.len() {
            let mut flipped = der.clone();
            flipped[at] ^= 1;
            let mut changed = whole.clone();
            *changed.pointer_mut(&place).unwrap() = STANDARD.encode(flipped).into();
            let verified = verify(changed.to_string().as_bytes(), &elder);
            assert!(verified.is_err(), "byte {at} of certificate {which}");
        }
    }
}

#[test]
fn bundles_of_v0_2_hold() {
    let bundle = data!("v0.2.json");
    let root = trust(data!("v0.2-root.crt"), NOW);
    let verified = verify(bundle, &root).unwrap();
    let names: Vec<&str> = verified.manifest.resources().iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["config.json", "weights.bin"]);
    // What a later signer signs is not taken for one of these, and the other way round.
    let text = std::str::from_utf8(bundle).unwrap();
    let statement = |text: &str| {
        let whole: serde_json::Value = serde_json::from_str(text).unwrap();
        let payload = whole["dsseEnvelope"]["payload"].as_str().unwrap().to_owned();
        (whole, String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap())
    };
    let (whole, payload) = statement(text);
    for (from, to) in [
        ("Digests/v0.1", "signature/v1.0"),
        ("weights.bin", "weights.bim"),
        ("file-sha256", "file-sha512"),
        ("Statement/v1", "Statement/v0"),
    ] {
        assert!(payload.contains(from));
        let mut changed = whole.clone();
        let payload = STANDARD.encode(payload.replace(from, to));
        changed["dsseEnvelope"]["payload"] = payload.into();
        assert!(verify(changed.to_string().as_bytes(), &root).is_err(), "{to}");
    }
}

#[test]
fn methods_are_not_confused() {
    let by_key = verify(signed().as_bytes(), &trust(data!("root.crt"), NOW)).unwrap_err();
    assert_eq!(by_key, SignError::Method("public key"));
    let by_certificate = verify(certified(data!("leaf.crt")).as_bytes(), &key()).unwrap_err();
    assert_eq!(by_certificate, SignError::Method("certificate"));
    let other = PublicKey::from_pem(data!("other.pub")).unwrap();
    assert!(matches!(verify(signed().as_bytes(), &other), Err(SignError::Key(_))));
    // Without the hint it is the signature that fails.
    let without = signed().replace(&key().id(), "");
    assert_eq!(verify(without.as_bytes(), &other).unwrap_err(), SignError::Signature);
    verify(without.as_bytes(), &key()).unwrap();
}

#[test]
fn an_empty_model_is_not_signed() {
    let empty = Manifest::new("m", Serialization::default(), Vec::new());
    assert_eq!(empty.unwrap_err(), SignError::Empty);
}

#[test]
fn names_stay_within_the_model() {
    for name in ["", "/a", "a//b", "a/", "../a", "a/../b", "./a", "a\0b"] {
        let made = Manifest::new("m", Serialization::default(), vec![resource(name, 1)]);
        assert_eq!(made.unwrap_err(), SignError::Name(0), "{name:?}");
    }
    let twice = vec![resource("a", 1), resource("a", 2)];
    assert!(Manifest::new("m", Serialization::default(), twice).is_err());
}

#[test]
fn every_difference_is_told() {
    let manifest = manifest();
    assert!(manifest.differences(manifest.resources()).is_empty());
    let here = [resource("a.json", 9), resource("new.py", 3)];
    let wanted = vec![
        Difference::Changed("a.json".into()),
        Difference::Missing("b/c.bin".into()),
        Difference::Unsigned("new.py".into()),
    ];
    assert_eq!(manifest.differences(&here), wanted);
}

#[test]
fn what_a_signer_hides_is_told() {
    let mut rules = Serialization::default();
    assert!(
        Manifest::new("m", rules.clone(), vec![resource("a", 1)]).unwrap().leaves_out_only(&[])
    );
    rules.ignore_paths.push("payload".into());
    let hiding = Manifest::new("m", rules, vec![resource("a", 1)]).unwrap();
    assert!(!hiding.leaves_out_only(&[]) && hiding.leaves_out_only(&["payload"]));
    assert!(is_ignored("payload/x", ["payload"]) && is_ignored("payload", ["payload"]));
    assert!(!is_ignored("payloads", ["payload"]) && !is_ignored("a/payload", ["payload"]));
}

#[test]
fn shards_keep_their_size() {
    let rules = Serialization { method: Method::Shards(1024), ..Serialization::default() };
    let made = Manifest::new("m", rules, vec![resource("a:0:10", 1)]).unwrap();
    let bundle = sign(&made, &Signer::from_pem(data!("key.pem")).unwrap()).unwrap();
    assert_eq!(verify(bundle.as_bytes(), &key()).unwrap().manifest, made);
}

/// The root digest is over the digests' bytes in the order of names.
#[test]
fn the_root_is_as_the_specification_says() {
    let both = [[1_u8; 32], [2; 32]].concat();
    let wanted = aws_lc_rs_digest(&both);
    assert_eq!(manifest().root().to_string(), wanted);
}

fn aws_lc_rs_digest(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    plimsoll_types::digest::hex(digest.as_ref())
}

#[test]
fn forms_are_exact() {
    let good = signed();
    for (from, to) in [
        ("v0.3+json", "v0.1+json"),
        ("\"publicKey\"", "\"publicKeys\""),
        ("application/vnd.in-toto+json", "application/json"),
        ("\"signatures\":[", "\"signatures\":[],\"x\":["),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(verify(good.replace(from, to).as_bytes(), &key()).is_err(), "{to}");
    }
    assert!(verify(b"", &key()).is_err());
    assert!(verify(&good.as_bytes()[..good.len() - 1], &key()).is_err());
}

proptest! {
    /// Whatever byte of a bundle is changed: it fails, or says the same.
    #[test]
    fn damage_never_says_something_else(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bundle = signed().into_bytes();
        let at = at.index(bundle.len());
        bundle[at] = byte;
        if let Ok(verified) = verify(&bundle, &key()) {
            prop_assert_eq!(verified.manifest, manifest());
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&bytes, &key()).is_err());
        prop_assert!(PublicKey::from_der(&bytes).is_err());
        let _certificate = Trust::from_pem(&[&bytes], NOW).is_err();
    }
}
