//! AWS KMS, JSON protocol 1.1, requests signed with Signature Version 4. The use of a secret is
//! its encryption context, which is bound into the wrap and shows in CloudTrail.

use crate::service::{Answer, Service, base64, json};
use crate::{Credentials, OpenError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderName, HeaderValue};
use plimsoll_ledger::{Root, RootError, RootState};
use plimsoll_outbound::{Request, Signer, Url};
use serde_json::{Value, json as value};
use zeroize::Zeroizing;

const TARGET: &str = "x-amz-target";
const MEDIA: &str = "application/x-amz-json-1.1";
/// How a wrapped secret begins, so that another root's bytes are not even sent.
const MARK: &[u8] = b"kms:";

/// A key of the service.
#[derive(Debug)]
pub(crate) struct Kms {
    service: Service,
    endpoint: Url,
    key: Box<str>,
    signer: Signer,
}

impl Kms {
    pub(crate) fn new(
        service: Service,
        endpoint: &Url,
        region: &str,
        key: &str,
        credentials: Credentials,
    ) -> Result<Self, OpenError> {
        let missing = OpenError::Credentials("a root in KMS needs an access key's id and secret");
        let id = credentials.user.unwrap_or_default();
        let signer = Signer::new(id, credentials.secret, region, "kms").ok_or(missing)?;
        Ok(Self { service, endpoint: endpoint.clone(), key: key.into(), signer })
    }

    fn call(&self, operation: &str, body: &Value) -> Result<Answer, RootError> {
        let malformed = |_| RootError::Refused("a header of the request is malformed".into());
        let body = Zeroizing::new(body.to_string());
        let target = HeaderValue::from_str(&format!("TrentService.{operation}"));
        let request = Request::post(self.endpoint.clone(), body.as_bytes().to_vec())
            .with_header(HeaderName::from_static(TARGET), target.map_err(malformed)?);
        let request = self.signer.sign(json(request, MEDIA), self.service.clock.now());
        self.service.ask(request)
    }
}

/// The exception that an answer names, without its namespace.
fn exception(answer: &Answer) -> &str {
    let kind = answer.text("/__type").unwrap_or_default();
    kind.rsplit('#').next().unwrap_or_default()
}

fn context_of(context: &[u8]) -> Value {
    value!({"plimsoll": base64(context)})
}

impl Root for Kms {
    fn name(&self) -> Box<str> {
        format!("kms:{}/{}/{}", self.endpoint, self.signer.region(), self.key).into()
    }

    fn wrap(&self, context: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, RootError> {
        let plaintext = Zeroizing::new(base64(secret));
        let body = value!({
            "KeyId": self.key, "Plaintext": *plaintext, "EncryptionContext": context_of(context),
        });
        let answer = self.call("Encrypt", &body)?;
        let blob = answer.text("/CiphertextBlob").and_then(|blob| STANDARD.decode(blob).ok());
        match (answer.status, blob) {
            (200, Some(blob)) => Ok([MARK, &blob].concat()),
            _ => Err(answer.refused()),
        }
    }

    fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, RootError> {
        let blob = wrapped.strip_prefix(MARK).ok_or(RootError::NotIts)?;
        let body = value!({
            "KeyId": self.key,
            "CiphertextBlob": base64(blob),
            "EncryptionContext": context_of(context),
        });
        let answer = self.call("Decrypt", &body)?;
        match (answer.status, exception(&answer)) {
            (200, _) => answer.secret("/Plaintext"),
            (_, "InvalidCiphertextException" | "IncorrectKeyException") => Err(RootError::NotIts),
            _ => Err(answer.refused()),
        }
    }

    fn state(&self) -> Result<RootState, RootError> {
        let answer = self.call("DescribeKey", &value!({"KeyId": self.key}))?;
        match (answer.status, exception(&answer), answer.text("/KeyMetadata/KeyState")) {
            (200, _, Some("Enabled")) => Ok(RootState::Usable),
            (200, _, Some("PendingDeletion" | "PendingReplicaDeletion")) => {
                Ok(RootState::PendingDestruction)
            }
            (200, _, Some(_)) => Ok(RootState::Disabled),
            (_, "NotFoundException", _) => Ok(RootState::Destroyed),
            _ => Err(answer.refused()),
        }
    }
}
