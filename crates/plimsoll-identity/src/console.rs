//! What a browser needs to sign in at an issuer: the authorization code flow of OpenID Connect
//! Core 1.0 §3.1 with PKCE (RFC 7636). Nothing here asks anybody.

use crate::discovery::MAX_DISCOVERY_BYTES;
use crate::json;
use crate::jws::Token;
use serde::Deserialize;

/// The most scopes that are asked for.
const MAX_SCOPES: usize = 32;
/// The longest text of a declaration.
const MAX_TEXT: usize = 2_048;
/// The path of the answer, below the console's address.
const CALLBACK: &str = "sign-in/oidc/callback";
/// The largest answer of a token endpoint: three tokens and a little more.
pub const MAX_TOKEN_REPLY: usize = 64 * 1024;

/// Lets people sign in to the console at an issuer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleDocument {
    /// What the console is called at the issuer; one of the issuer's `audiences`.
    pub client_id: String,
    /// A file with the client's secret, if it has one.
    pub secret_file: Option<String>,
    /// The console's address as browsers know it: `https://plimsoll.example.org/console/`.
    pub url: String,
    /// What is asked for.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
}

fn scopes() -> Vec<String> {
    vec!["openid".to_owned(), "profile".to_owned()]
}

/// The console as an issuer's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleClient {
    /// Its name at the issuer.
    pub client_id: String,
    /// The file with its secret.
    pub secret_file: Option<String>,
    /// Where browsers are sent back to.
    pub redirect: String,
    /// What is asked for, separated by blanks.
    pub scope: String,
}

impl ConsoleDocument {
    /// Checks the declaration, of an issuer that signs for `audiences`.
    pub(crate) fn compile(self, audiences: &[String]) -> Result<ConsoleClient, &'static str> {
        if !audiences.contains(&self.client_id) {
            return Err(
                "`console.client_id` must be one of `audiences`: its tokens are meant for it",
            );
        }
        let is_address = self.url.starts_with("https://") || self.url.starts_with("http://");
        if !is_address || !self.url.ends_with("/console/") || self.url.len() > MAX_TEXT {
            return Err("`console.url` must be the console's address, which ends with `/console/`");
        }
        let is_scope = |text: &String| {
            // RFC 6749 §3.3: printable, without blank, quote and backslash.
            !text.is_empty()
                && text.len() <= MAX_TEXT
                && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        };
        let has_openid = self.scopes.iter().any(|scope| scope == "openid");
        if !has_openid || self.scopes.len() > MAX_SCOPES || !self.scopes.iter().all(is_scope) {
            return Err("`console.scopes` must name `openid`, and at most 32 words");
        }
        Ok(ConsoleClient {
            redirect: format!("{}{CALLBACK}", self.url),
            client_id: self.client_id,
            secret_file: self.secret_file,
            scope: self.scopes.join(" "),
        })
    }
}

/// Where an issuer signs people in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Browsers are sent there.
    pub authorization: String,
    /// Codes are exchanged there.
    pub token: String,
}

/// The endpoints in a discovery document. Nothing if the document is not this issuer's.
#[must_use]
pub fn endpoints(document: &[u8], issuer: &str) -> Option<Endpoints> {
    if document.len() > MAX_DISCOVERY_BYTES {
        return None;
    }
    let document = json::object(document)?;
    if document.get("issuer")?.as_str()? != issuer {
        return None;
    }
    let address = |name| {
        let text = document.get(name)?.as_str()?;
        let is_one = text.starts_with("https://") || text.starts_with("http://");
        (is_one && text.len() <= MAX_TEXT).then(|| text.to_owned())
    };
    Some(Endpoints {
        authorization: address("authorization_endpoint")?,
        token: address("token_endpoint")?,
    })
}

/// The ID token in a token endpoint's answer.
#[must_use]
pub fn id_token(reply: &[u8]) -> Option<String> {
    if reply.len() > MAX_TOKEN_REPLY {
        return None;
    }
    json::object(reply)?.get("id_token")?.as_str().map(str::to_owned)
}

/// Whether an ID token answers this question: it is this issuer's, for this client, and
/// carries the nonce that the browser was sent with (OpenID Connect Core 1.0 §3.1.3.7). Its
/// signature, audience and times are judged elsewhere.
#[must_use]
pub fn answers(token: &str, issuer: &str, client_id: &str, nonce: &str) -> bool {
    let Ok(token) = Token::read(token) else { return false };
    let is_ours = |said: Option<&str>| said == Some(client_id);
    token.said("iss") == Some(issuer)
        && token.said("nonce") == Some(nonce)
        // Where it stands, it names who asked.
        && (!token.has("azp") || is_ours(token.said("azp")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    fn document() -> ConsoleDocument {
        ConsoleDocument {
            client_id: "console".into(),
            secret_file: None,
            url: "https://plimsoll.example/console/".into(),
            scopes: scopes(),
        }
    }

    #[test]
    fn a_declaration_is_checked() {
        let audiences = ["plimsoll".to_owned(), "console".to_owned()];
        let client = document().compile(&audiences).expect("good");
        assert_eq!(client.redirect, "https://plimsoll.example/console/sign-in/oidc/callback");
        assert_eq!(client.scope, "openid profile");
        let bad = [
            ConsoleDocument { client_id: "other".into(), ..document() },
            ConsoleDocument { url: "https://plimsoll.example/".into(), ..document() },
            ConsoleDocument { url: "plimsoll.example/console/".into(), ..document() },
            ConsoleDocument { scopes: vec!["profile".into()], ..document() },
            ConsoleDocument { scopes: vec!["openid".into(), "a b".into()], ..document() },
        ];
        for document in bad {
            assert!(document.clone().compile(&audiences).is_err(), "{document:?}");
        }
    }

    #[test]
    fn endpoints_are_the_issuers_own_or_none() {
        let text = |issuer: &str| {
            json!({"issuer": issuer, "authorization_endpoint": "https://a/authorize",
                   "token_endpoint": "https://a/token"})
            .to_string()
        };
        let found = endpoints(text("https://a").as_bytes(), "https://a").expect("its own");
        assert_eq!(
            (&*found.authorization, &*found.token),
            ("https://a/authorize", "https://a/token")
        );
        assert_eq!(endpoints(text("https://b").as_bytes(), "https://a"), None);
        let script = r#"{"issuer":"https://a","authorization_endpoint":"javascript:1","token_endpoint":"https://a"}"#;
        assert_eq!(endpoints(script.as_bytes(), "https://a"), None);
    }

    #[test]
    fn a_token_answers_one_question_only() {
        let token = |claims: serde_json::Value| {
            let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.c2ln", part(&json!({"alg": "EdDSA"})), part(&claims))
        };
        let good = token(json!({"iss": "https://a", "nonce": "n", "azp": "console"}));
        let fits = |token: &str| answers(token, "https://a", "console", "n");
        assert!(fits(&good));
        assert!(fits(&token(json!({"iss": "https://a", "nonce": "n"}))));
        for claims in [
            json!({"iss": "https://b", "nonce": "n"}),
            json!({"iss": "https://a", "nonce": "m"}),
            json!({"iss": "https://a"}),
            json!({"iss": "https://a", "nonce": "n", "azp": "other"}),
            json!({"iss": "https://a", "nonce": "n", "azp": 1}),
        ] {
            assert!(!fits(&token(claims.clone())), "{claims}");
        }
        assert!(!fits("nothing"));
    }
}
