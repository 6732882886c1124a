//! OpenID Connect Discovery 1.0: where an issuer says its keys are.

use crate::json;

/// The largest discovery document: large providers publish some 5 KiB.
pub const MAX_DISCOVERY_BYTES: usize = 64 * 1024;

/// The address of an issuer's discovery document (§4).
#[must_use]
pub fn discovery_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// The address of the key set in a discovery document. Nothing if the document is not this
/// issuer's (§4.3: `issuer` must be identical), or not one.
#[must_use]
pub fn discovered(document: &[u8], issuer: &str) -> Option<String> {
    if document.len() > MAX_DISCOVERY_BYTES {
        return None;
    }
    let document = json::object(document)?;
    if document.get("issuer")?.as_str()? != issuer {
        return None;
    }
    document.get("jwks_uri")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_speaks_for_its_issuer_only() {
        let issuer = "https://a.example/realm";
        let keys = "https://keys.example/set";
        for (document, found) in [
            (format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}","x":[]}}"#), Some(keys)),
            (format!(r#"{{"issuer":"{issuer}/","jwks_uri":"{keys}"}}"#), None),
            (format!(r#"{{"issuer":"{issuer}","jwks_uri":1}}"#), None),
            (format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}","jwks_uri":"x"}}"#), None),
            (format!(r#"{{"jwks_uri":"{keys}"}}"#), None),
            (String::new(), None),
        ] {
            assert_eq!(discovered(document.as_bytes(), issuer).as_deref(), found, "{document}");
        }
        assert_eq!(discovery_url(issuer), discovery_url(&format!("{issuer}/")));
    }
}
