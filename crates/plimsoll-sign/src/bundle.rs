//! The sigstore bundle v0.3 around a DSSE envelope around a manifest.

use crate::SignError;
use crate::certificate::{Chain, Trust};
use crate::early;
use crate::key::{PublicKey, Signer};
use crate::manifest::Manifest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a bundle is called beside its model.
pub const BUNDLE_NAME: &str = "model.sig";

/// Bytes of a bundle: a million files of a hundred bytes each.
pub const MAX_BUNDLE: usize = 256 << 20;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signature that holds: of whom, over what.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// What was signed. It says nothing of the files at hand: see [`Manifest::differences`].
    pub manifest: Manifest,
    /// Who signed: `key:` and the key's id, or `certificate:` and the name in it.
    pub identity: String,
}

/// Signs a manifest: the bundle's JSON.
///
/// # Errors
/// [`SignError::Key`] if the key cannot sign.
pub fn sign(manifest: &Manifest, signer: &Signer) -> Result<String, SignError> {
    let payload = manifest.statement();
    let signature = signer.sign(&encoding(PAYLOAD_TYPE, &payload))?;
    let material = match signer.chain() {
        None => json!({"publicKey": {"hint": signer.public().id()}, "tlogEntries": []}),
        Some(chain) => {
            let certificates: Vec<Value> =
                chain.der().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
            json!({"x509CertificateChain": {"certificates": certificates}, "tlogEntries": []})
        }
    };
    let bundle = json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": STANDARD.encode(&payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": STANDARD.encode(signature), "keyid": ""}],
        },
    });
    Ok(bundle.to_string())
}

/// What a signature is held against.
#[derive(Clone, Debug)]
pub(crate) enum Against<'a> {
    Key(&'a PublicKey),
    Trust(&'a Trust),
}

impl<'a> From<&'a PublicKey> for Against<'a> {
    fn from(key: &'a PublicKey) -> Self {
        Self::Key(key)
    }
}

impl<'a> From<&'a Trust> for Against<'a> {
    fn from(trust: &'a Trust) -> Self {
        Self::Trust(trust)
    }
}

/// Verifies a bundle by a [`PublicKey`] or by [`Trust`] in roots. The files are compared after
/// that, with [`Manifest::differences`].
///
/// # Errors
/// [`SignError`]: what does not hold.
#[expect(private_bounds, reason = "a closed set: a public key or roots")]
pub fn verify<'a>(bundle: &[u8], by: impl Into<Against<'a>>) -> Result<Verified, SignError> {
    if bundle.len() > MAX_BUNDLE {
        return Err(SignError::Bundle("the bundle is larger than any"));
    }
    let bundle: Bundle = serde_json::from_slice(bundle)
        .map_err(|_| SignError::Bundle("it is no bundle of sigstore"))?;
    if bundle.media_type != MEDIA_TYPE {
        return Err(SignError::Bundle("the bundle is of another version than v0.3"));
    }
    let decode = |text: &str| {
        STANDARD.decode(text).map_err(|_| SignError::Bundle("a part of it is not in Base64"))
    };
    let [signature] = bundle.envelope.signatures.as_slice() else {
        return Err(SignError::Bundle("the bundle has not exactly one signature"));
    };
    let payload = decode(&bundle.envelope.payload)?;
    let kind = bundle.envelope.payload_type.as_str();
    let signature = decode(&signature.sig)?;
    let is_early = early::is_early(&payload);
    let check = |key: &PublicKey| {
        if is_early {
            key.verify_early(&early::encoding(kind, &payload), &signature)
        } else {
            key.verify(&encoding(kind, &payload), &signature)
        }
    };
    let identity = match (by.into(), bundle.material) {
        (
            Against::Key(key),
            Material { public_key: Some(stated), x509: None, certificate: None },
        ) => {
            // Before v1.0.1 it stated no hint.
            if stated.hint.is_some_and(|hint| !hint.is_empty() && hint != key.id()) {
                return Err(SignError::Key("the bundle is signed with another key"));
            }
            check(key)?;
            format!("key:{}", key.id())
        }
        (
            Against::Trust(trust),
            Material { public_key: None, x509: Some(chain), certificate: None },
        ) => {
            let certificates: Result<_, _> =
                chain.certificates.iter().map(|stated| decode(&stated.raw_bytes)).collect();
            let chain = Chain::from_der(certificates?)?;
            let identity = chain.verify(trust)?;
            check(&chain.public_key()?)?;
            format!("certificate:{identity}")
        }
        (_, Material { public_key: Some(_), .. }) => return Err(SignError::Method("public key")),
        (_, Material { x509: Some(_), .. }) => return Err(SignError::Method("certificate")),
        (_, Material { certificate: Some(_), .. }) => {
            return Err(SignError::Method("certificate of a transparency log"));
        }
        _ => return Err(SignError::Bundle("the bundle does not say how it is signed")),
    };
    if bundle.envelope.payload_type != PAYLOAD_TYPE {
        return Err(SignError::Bundle("the payload is no in-toto statement"));
    }
    let manifest = if is_early { early::read(&payload)? } else { Manifest::read(&payload)? };
    Ok(Verified { manifest, identity })
}

/// Signs any in-toto statement: the DSSE envelope's JSON (<https://github.com/secure-systems-lab/dsse>).
///
/// # Errors
/// [`SignError::Key`] if the key cannot sign.
pub fn sign_statement(statement: &[u8], signer: &Signer) -> Result<String, SignError> {
    let signature = signer.sign(&encoding(PAYLOAD_TYPE, statement))?;
    let envelope = json!({
        "payload": STANDARD.encode(statement),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": STANDARD.encode(signature), "keyid": signer.public().id()}],
    });
    Ok(envelope.to_string())
}

/// The statement in an envelope that [`sign_statement`] made, if the key signed it.
///
/// # Errors
/// [`SignError`]: what does not hold.
pub fn verify_statement(envelope: &[u8], key: &PublicKey) -> Result<Vec<u8>, SignError> {
    if envelope.len() > MAX_BUNDLE {
        return Err(SignError::Bundle("the envelope is larger than any"));
    }
    let envelope: Envelope = serde_json::from_slice(envelope)
        .map_err(|_| SignError::Bundle("it is no envelope of DSSE"))?;
    let decode = |text: &str| {
        STANDARD.decode(text).map_err(|_| SignError::Bundle("a part of it is not in Base64"))
    };
    let [signature] = envelope.signatures.as_slice() else {
        return Err(SignError::Bundle("the envelope has not exactly one signature"));
    };
    let payload = decode(&envelope.payload)?;
    key.verify(&encoding(&envelope.payload_type, &payload), &decode(&signature.sig)?)?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(SignError::Bundle("the payload is no in-toto statement"));
    }
    Ok(payload)
}

/// The pre-authentication encoding of DSSE: what is signed.
fn encoding(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[derive(Serialize, Deserialize)]
struct Bundle {
    #[serde(rename = "mediaType")]
    media_type: String,
    #[serde(rename = "verificationMaterial")]
    material: Material,
    #[serde(rename = "dsseEnvelope")]
    envelope: Envelope,
}

#[derive(Serialize, Deserialize)]
struct Material {
    #[serde(rename = "publicKey")]
    public_key: Option<StatedKey>,
    #[serde(rename = "x509CertificateChain")]
    x509: Option<StatedChain>,
    certificate: Option<StatedCertificate>,
}

#[derive(Serialize, Deserialize)]
struct StatedKey {
    hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StatedChain {
    certificates: Vec<StatedCertificate>,
}

#[derive(Serialize, Deserialize)]
struct StatedCertificate {
    #[serde(rename = "rawBytes")]
    raw_bytes: String,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    sig: String,
}
