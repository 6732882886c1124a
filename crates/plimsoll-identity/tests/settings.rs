//! Declarations that cannot be used, and what is said of them.

#![cfg(test)]

use plimsoll_identity::IdentityDocument;
use plimsoll_types::TenantId;

const GOOD: &str = "[[issuer]]\nname = 'corp'\nurl = 'https://a.example'\nkind = 'user'\n\
                    audiences = ['plimsoll']\nalgorithms = ['RS256']\n";

fn said(text: &str) -> String {
    let document: IdentityDocument = match toml::from_str(text) {
        Ok(document) => document,
        Err(error) => return error.message().to_owned(),
    };
    match document.compile(TenantId::from_bytes([0; 16])) {
        Ok((issuers, rules)) => format!("{} and {}", issuers.len(), rules.len()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_declaration_is_compiled_or_named() {
    for (change, wanted) in [
        ("", "1 and 0"),
        (
            "[[certificate]]\nsubject = 'uri:spiffe://a/b'\nkind = 'service'\nroles = ['caller']",
            "1 and 1",
        ),
        ("leeway_seconds = 301", "issuer 1: `leeway_seconds` must be at most 300"),
        (
            "jwks_url = 'a'\njwks_file = 'b'",
            "issuer 1: `jwks_url` and `jwks_file` exclude one another",
        ),
        (
            "refetch_seconds = 0",
            "issuer 1: `refresh_seconds` must be 1 to 86400, `refetch_seconds` 1 to `refresh_seconds`",
        ),
        (
            "stale_seconds = 1",
            "issuer 1: `stale_seconds` must be at least `refresh_seconds`, at most 30 days",
        ),
        (
            "required = { a = [1] }",
            "issuer 1: `required` values must be a text, a whole number or a yes or no",
        ),
        (
            "[[certificate]]\nsubject = 'spiffe://a/b'\nkind = 'service'\nroles = []",
            "certificate 1: `subject` must be `uri:`, `dns:` or `cn:` and a name",
        ),
        (
            "[[certificate]]\nsubject = 'dns:A'\nkind = 'service'\nroles = []",
            "certificate 1: a `dns:` name must be in lower case",
        ),
    ] {
        assert_eq!(said(&format!("{GOOD}{change}")), wanted, "{change}");
    }
    assert_eq!(said(&format!("{GOOD}{GOOD}")), "issuer 2: its `name` or `url` is another issuer's");
    assert!(said(&format!("{GOOD}colour = 1")).starts_with("unknown field `colour`"));
    assert!(said(&format!("{GOOD}[issuer.roles]\na = ['boss']")).starts_with("unknown variant"));
    for word in ["none", "HS256", "rs256", "RS1", "ES512", ""] {
        let text = GOOD.replace("RS256", word);
        assert!(said(&text).starts_with("issuer 1: `algorithms` may be"), "{word}");
    }
}
