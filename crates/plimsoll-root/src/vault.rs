//! Vault's transit engine (HashiCorp Vault and OpenBao, HTTP API v1): `encrypt` and `decrypt`
//! with associated data, so that what was wrapped for one use does not unwrap for another.
//! The key must be of an AEAD type (`aes256-gcm96`, `chacha20-poly1305`).

use crate::service::{Answer, Service, base64, json};
use crate::{Credentials, OpenError};
use http::header::{HeaderName, HeaderValue};
use plimsoll_ledger::{Root, RootError, RootState};
use plimsoll_outbound::{Request, Url};
use serde_json::{Value, json as value};
use zeroize::Zeroizing;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");

/// A key of the engine.
#[derive(Debug)]
pub(crate) struct Vault {
    service: Service,
    base: Url,
    mount: Box<str>,
    key: Box<str>,
    token: HeaderValue,
}

impl Vault {
    pub(crate) fn new(
        service: Service,
        base: &Url,
        mount: &str,
        key: &str,
        credentials: Credentials,
    ) -> Result<Self, OpenError> {
        let token = credentials.secret.trim();
        let token = HeaderValue::from_str(token).ok().filter(|_| !token.is_empty());
        let mut token = token.ok_or(OpenError::Credentials("a root in Vault needs a token"))?;
        token.set_sensitive(true);
        Ok(Self { service, base: base.clone(), mount: mount.into(), key: key.into(), token })
    }

    fn url(&self, verb: &str) -> Result<Url, RootError> {
        let path = format!("/v1/{}/{verb}/{}", self.mount, self.key);
        self.base.with_path(&path).map_err(|error| RootError::Refused(error.to_string().into()))
    }

    fn post(&self, verb: &str, body: &Value) -> Result<Answer, RootError> {
        let request = Request::post(self.url(verb)?, body.to_string());
        let request = request.with_header(TOKEN, self.token.clone());
        self.service.ask(json(request, "application/json"))
    }
}

impl Root for Vault {
    fn name(&self) -> Box<str> {
        format!("vault:{}/{}/{}", self.base, self.mount, self.key).into()
    }

    fn wrap(&self, context: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, RootError> {
        let plaintext = Zeroizing::new(base64(secret));
        let body = value!({"plaintext": *plaintext, "associated_data": base64(context)});
        let answer = self.post("encrypt", &body)?;
        match (answer.status, answer.text("/data/ciphertext")) {
            (200, Some(wrapped)) => Ok(wrapped.as_bytes().to_vec()),
            _ => Err(answer.refused()),
        }
    }

    fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, RootError> {
        // Another root's bytes are not even sent.
        let ours = std::str::from_utf8(wrapped).ok().filter(|text| text.starts_with("vault:v"));
        let ciphertext = ours.ok_or(RootError::NotIts)?;
        let body = value!({"ciphertext": ciphertext, "associated_data": base64(context)});
        let answer = self.post("decrypt", &body)?;
        match answer.status {
            200 => answer.secret("/data/plaintext"),
            // Vault says 400 both to a forged text and to one of another key.
            400 => Err(RootError::NotIts),
            _ => Err(answer.refused()),
        }
    }

    fn state(&self) -> Result<RootState, RootError> {
        let request = Request::get(self.url("keys")?).with_header(TOKEN, self.token.clone());
        let answer = self.service.ask(request)?;
        match answer.status {
            200 if answer.body.pointer("/data/soft_deleted") == Some(&Value::Bool(true)) => {
                Ok(RootState::Disabled)
            }
            200 => Ok(RootState::Usable),
            404 => Ok(RootState::Destroyed),
            _ => Err(answer.refused()),
        }
    }
}
