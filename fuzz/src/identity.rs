//! What is fuzzed of identities: tokens and key sets, which anybody may send, and certificates'
//! subjects, which an authority wrote.

use crate::signature::Signature;
use plimsoll_identity::{
    Algorithm, CertificateNames, IdentityDocument, Issuer, KeySet, MAX_KEYS, Token, discovered,
};
use plimsoll_types::{TenantId, Time};
use serde_json::Value;
use std::sync::LazyLock;

pub(crate) const WORDS: &[&str] = &[
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJSUzI1NiJ9",
    "e30",
    "e30.e30.",
    ".",
    "..",
    "=",
    "-_",
    "{\"alg\":\"EdDSA\"}",
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"",
    "{\"kty\":\"RSA\",\"n\":\"",
    "\"e\":\"AQAB\"",
    "\"crv\":\"P-256\"",
    "\"use\":\"sig\"",
    "\"kid\":\"one\"",
    "\"d\":\"AA\"",
    "\"jwks_uri\":\"https://\"",
    "\\u0061",
    "1e999",
    "[[[[[[[[",
];

struct Corpus {
    issuer: Issuer,
    keys: KeySet,
    now: Time,
    tokens: Vec<String>,
    sets: Vec<String>,
}

/// Issuer, keys and tokens of the tests of `plimsoll-identity`.
static CORPUS: LazyLock<Option<Corpus>> = LazyLock::new(|| {
    let text = include_str!("../../crates/plimsoll-identity/tests/corpus.json");
    let corpus: Value = serde_json::from_str(text).ok()?;
    let document: IdentityDocument = serde_json::from_value(serde_json::json!({"issuer": [{
        "name": "corp", "url": "https://issuer.example.org", "kind": "service",
        "audiences": ["plimsoll"], "algorithms": ["RS256", "PS256", "ES256", "ES384", "EdDSA"],
        "required": {"azp": "batch"},
    }]}))
    .ok()?;
    let (mut issuers, _) = document.compile(TenantId::from_bytes([7; 16])).ok()?;
    let issuer = issuers.pop()?;
    let sets: Vec<String> = ["before", "after"].map(|name| corpus[name].to_string()).into();
    let tokens = corpus["cases"].as_object()?.values().filter_map(Value::as_str);
    Some(Corpus {
        keys: KeySet::read(sets.first()?.as_bytes(), &issuer.algorithms).ok()?,
        now: Time::from_micros(corpus["now"].as_u64()?.checked_mul(1_000_000)?),
        tokens: tokens.filter(|token| token.len() < 4096).map(str::to_owned).collect(),
        sets,
        issuer,
    })
});

/// A token is believed only as it was signed.
pub(crate) fn token(input: &[u8]) -> Signature {
    let Ok(text) = std::str::from_utf8(input) else { return Signature::START.word("not text") };
    assert!(CORPUS.is_some(), "the corpus cannot be read");
    let Some(corpus) = CORPUS.as_ref() else { return Signature::START };
    let judged =
        Token::read(text).and_then(|token| corpus.issuer.verify(token, &corpus.keys, corpus.now));
    if let Ok(verified) = &judged {
        let is_one = corpus.tokens.iter().any(|token| token == text);
        assert!(is_one, "a token is believed that the issuer never signed");
        assert!(verified.until > corpus.now, "a token is believed that has ended");
    }
    Signature::of(&judged, |verified| verified.principal.roles.iter().count())
}

/// A key set is bounded and has only keys for signatures; a subject has a name or none.
pub(crate) fn keys(input: &[u8]) -> Signature {
    let read = KeySet::read(input, Algorithm::ALL);
    if let Ok(set) = &read {
        assert!((1..=MAX_KEYS).contains(&set.len()), "{} keys", set.len());
    }
    if let Some(url) = discovered(input, "https://issuer.example.org") {
        assert!(url.len() <= input.len(), "an address longer than its document");
    }
    let names = CertificateNames::new(std::iter::empty(), std::iter::empty(), input);
    let is_named = names.first().is_some();
    Signature::of(&read, |set| set.len() * 2 + usize::from(is_named))
}

pub(crate) fn tokens() -> Vec<Vec<u8>> {
    let tokens = CORPUS.iter().flat_map(|corpus| &corpus.tokens);
    tokens.map(|token| token.as_bytes().to_vec()).collect()
}

pub(crate) fn sets() -> Vec<Vec<u8>> {
    let sets = CORPUS.iter().flat_map(|corpus| &corpus.sets);
    sets.map(|set| set.as_bytes().to_vec()).collect()
}
