//! Whatever is sent as a token or a key set, the answer is an error or what was meant.

#![cfg(test)]

use plimsoll_identity::{Algorithm, IdentityDocument, KeySet, MAX_TOKEN_BYTES, Token, TokenError};
use plimsoll_types::{TenantId, Time};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::LazyLock;

static CORPUS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("corpus.json")).expect("JSON"));

fn valid() -> &'static str {
    CORPUS["cases"]["valid ES256"].as_str().expect("a token")
}

proptest! {
    #[test]
    fn any_text_is_a_token_or_an_error(text in "[A-Za-z0-9_.=-]{0,200}") {
        let _read = Token::read(&text);
    }

    #[test]
    fn any_header_and_claims_are_taken_apart_or_refused(
        header in r#"\{("(alg|typ|kid|crit)":("RS256"|"JWT"|1|null|\[\]),?){0,3}\}"#,
        claims in r#"\{("(iss|sub|exp|aud)":("a"|1|null|\[\]|\{\}),?){0,4}\}"#,
    ) {
        use base64::Engine as _;
        let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let _read = Token::read(&format!("{}.{}.AA", part(&header), part(&claims)));
    }

    /// No byte of a token can be changed and the token still be believed.
    #[test]
    fn a_changed_token_is_refused(at in 0..valid().len(), to in "[A-Za-z0-9_-]") {
        let document: IdentityDocument = toml::from_str(
            "[[issuer]]\nname = 'corp'\nurl = 'https://issuer.example.org'\nkind = 'user'\n\
             audiences = ['plimsoll']\nalgorithms = ['ES256']",
        ).expect("TOML");
        let (issuers, _) = document.compile(TenantId::from_bytes([7; 16])).expect("valid");
        let keys = CORPUS["before"].to_string();
        let keys = KeySet::read(keys.as_bytes(), &[Algorithm::Es256]).expect("a set");
        let now = Time::from_micros(CORPUS["now"].as_u64().expect("a time") * 1_000_000);
        let judge = |text: &str| -> Result<(), TokenError> {
            issuers[0].verify(Token::read(text)?, &keys, now).map(|_| ())
        };
        prop_assert_eq!(judge(valid()), Ok(()));
        let mut changed = valid().to_owned();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != valid());
        prop_assert!(judge(&changed).is_err());
    }

    #[test]
    fn any_bytes_are_a_key_set_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(KeySet::read(&bytes, Algorithm::ALL).is_err());
    }

    /// A set with anything in the place of a member gives no key it should not.
    #[test]
    fn a_damaged_key_is_left_out(
        name in "kty|n|e|crv|x|y|use|alg",
        value in "\"\"|\"AA\"|1|null|\\[\\]|\"enc\"|\"HS256\"",
        of in 0..4_usize,
    ) {
        let mut set = CORPUS["before"].clone();
        let before = KeySet::read(set.to_string().as_bytes(), Algorithm::ALL).expect("a set").len();
        set["keys"][of][&name] = serde_json::from_str(&value).expect("JSON");
        let after = KeySet::read(set.to_string().as_bytes(), Algorithm::ALL).expect("a set").len();
        prop_assert!(after <= before);
    }
}

#[test]
fn sets_and_tokens_have_bounds() {
    let key = CORPUS["before"]["keys"][1].clone();
    let read = |set: &Value| KeySet::read(set.to_string().as_bytes(), Algorithm::ALL);
    let of = |count| serde_json::json!({"keys": vec![key.clone(); count]});
    assert_eq!(read(&of(64)).expect("a set").len(), 64);
    assert!(read(&of(65)).is_err());
    assert!(read(&of(0)).is_err());
    let padded = serde_json::json!({"keys": [key], "x": "x".repeat(256 * 1024)});
    assert!(read(&padded).is_err());
    let private = serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "d": "AA",
        "x": CORPUS["before"]["keys"][3]["x"]}]});
    assert!(read(&private).is_err(), "whoever reads the set could sign");
    assert_eq!(Token::read(&"a".repeat(MAX_TOKEN_BYTES + 1)).err(), Some(TokenError::TooLong));
}
