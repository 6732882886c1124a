//! Tokens that others made (`tools/tokens/make_corpus.py`), and what becomes of each: all are
//! refused but the valid ones. The golden table is meant to be read.

#![cfg(test)]

use plimsoll_identity::{IdentityDocument, Issuer, KeySet, Token, TokenError, Verified};
use plimsoll_types::{TenantId, Time};
use serde_json::Value;
use std::fmt::Write as _;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tokens.txt");

const ISSUER: &str = r#"
[[issuer]]
name = "corp"
url = "https://issuer.example.org"
audiences = ["plimsoll"]
algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
kind = "service"
required = { azp = "batch" }

[issuer.roles]
credit-callers = ["caller", "auditor"]
"#;

struct Corpus {
    now: Time,
    issuer: Issuer,
    before: KeySet,
    after: KeySet,
    cases: Vec<(String, String)>,
}

fn corpus() -> Corpus {
    let corpus: Value = serde_json::from_str(include_str!("corpus.json")).expect("JSON");
    let document: IdentityDocument = toml::from_str(ISSUER).expect("TOML");
    let (mut issuers, _) = document.compile(TenantId::from_bytes([7; 16])).expect("valid");
    let issuer = issuers.remove(0);
    let set = |name: &str| {
        KeySet::read(corpus[name].to_string().as_bytes(), &issuer.algorithms).expect("a set")
    };
    let cases = corpus["cases"].as_object().expect("cases").iter();
    Corpus {
        now: Time::from_micros(corpus["now"].as_u64().expect("a time") * 1_000_000),
        before: set("before"),
        after: set("after"),
        cases: cases.map(|(n, t)| (n.clone(), t.as_str().expect("a token").to_owned())).collect(),
        issuer,
    }
}

fn judge(corpus: &Corpus, token: &str, keys: &KeySet, now: Time) -> Result<Verified, TokenError> {
    corpus.issuer.verify(Token::read(token)?, keys, now)
}

fn told(judged: Result<Verified, TokenError>) -> String {
    match judged {
        Err(error) => format!("refused: {}", error.code()),
        Ok(verified) => {
            let roles: Vec<_> = verified.principal.roles.iter().map(|r| r.as_str()).collect();
            let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
            format!("{} of {}: {roles}", verified.identity.subject, verified.identity.issuer)
        }
    }
}

#[test]
fn every_token_of_the_corpus_is_refused_but_the_valid_ones() {
    let corpus = corpus();
    let mut table = String::from(
        "# What becomes of each token of tests/corpus.json, with the key set before a rotation.\n\
         # A person reads every change of it.\n\n",
    );
    for (name, token) in &corpus.cases {
        let told = told(judge(&corpus, token, &corpus.before, corpus.now));
        assert_eq!(told.starts_with("refused"), !name.starts_with("valid"), "{name}: {told}");
        writeln!(table, "{name:<46} {told}").expect("fits");
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    if golden != table {
        std::fs::write(format!("{GOLDEN}.new"), &table).expect("writes");
    }
    assert_eq!(
        table, golden,
        "the table changed; read it, and if it should, move tokens.txt.new over it"
    );
}

#[test]
fn after_a_rotation_the_next_key_is_known_and_the_first_is_gone() {
    let corpus = corpus();
    let case = |name: &str| {
        let (_, token) = corpus.cases.iter().find(|(n, _)| n == name).expect(name);
        told(judge(&corpus, token, &corpus.after, corpus.now))
    };
    assert_eq!(case("signed with the next key"), "scorer of corp: caller, auditor");
    assert_eq!(case("valid RS256"), "refused: unknown_key");
    assert_eq!(case("valid ES256"), "scorer of corp: caller, auditor");
    // Without a key id the keys that fit are tried, and none of them signed it.
    assert_eq!(case("valid, without kid"), "refused: signature");
    // The next key is for RS256 and says so.
    assert_eq!(case("valid PS256"), "refused: unknown_key");
}

#[test]
fn a_token_lives_from_its_beginning_to_its_end_and_the_leeway() {
    let corpus = corpus();
    let (_, token) = &corpus.cases[0];
    let at = |seconds: i64| {
        let now = corpus.now.as_secs().checked_add_signed(seconds).expect("a time");
        judge(&corpus, token, &corpus.before, Time::from_micros(now * 1_000_000)).map(|_| ())
    };
    assert_eq!(at(-41), Err(TokenError::NotYet));
    assert_eq!(at(-40), Ok(()));
    assert_eq!(at(629), Ok(()));
    assert_eq!(at(630), Err(TokenError::Expired));
    assert_eq!(at(-2 * 86_400), Err(TokenError::NotYet));
}

#[test]
fn the_same_subject_has_the_same_id_for_ever_and_another_has_another() {
    use plimsoll_identity::principal_id;
    let id = principal_id("https://issuer.example.org", "scorer");
    // Records of years hang on it: this text must never change.
    assert_eq!(id.to_string(), "f18539a9-7bcc-873e-ae47-fb4ab6047c76");
    for (issuer, subject) in [
        ("https://issuer.example.org", "scorer2"),
        ("https://issuer.example.or", "gscorer"),
        ("https://issuer.example.orgs", "corer"),
    ] {
        assert_ne!(principal_id(issuer, subject), id, "{issuer} {subject}");
    }
}
