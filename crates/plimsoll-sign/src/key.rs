//! Keys of ECDSA: over P-256 with SHA-256, and what the reference implementation reads besides,
//! P-384 with SHA-384 and P-521 with SHA-512.

use crate::SignError;
use crate::certificate::Chain;
use crate::manifest::sha256_hex;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};

/// A curve: what an encoded public key (RFC 5480) begins with, and its algorithms.
struct Curve {
    prefix: &'static [u8],
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
    /// How bundles of v0.2 were signed: with SHA-256 whatever the curve.
    early: Option<&'static EcdsaVerificationAlgorithm>,
}

static CURVES: [Curve; 3] = [
    Curve {
        prefix: b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
        signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
        verifying: &ECDSA_P256_SHA256_ASN1,
        early: Some(&ECDSA_P256_SHA256_ASN1),
    },
    Curve {
        prefix: b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00",
        signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
        verifying: &ECDSA_P384_SHA384_ASN1,
        early: Some(&ECDSA_P384_SHA256_ASN1),
    },
    Curve {
        prefix: b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00",
        signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
        verifying: &ECDSA_P521_SHA512_ASN1,
        early: None,
    },
];

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// As `SubjectPublicKeyInfo`.
    spki: Vec<u8>,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PublicKey").field(&self.id()).finish()
    }
}

impl PublicKey {
    /// Reads a key in PEM.
    ///
    /// # Errors
    /// [`SignError::Key`] if it is no public key of one of the three curves.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignError> {
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem)
            .map_err(|_| SignError::Key("it is no public key in PEM"))?;
        Self::from_der(&spki)
    }

    /// Reads a key in DER.
    ///
    /// # Errors
    /// As of [`from_pem`](Self::from_pem).
    pub fn from_der(spki: &[u8]) -> Result<Self, SignError> {
        let key = Self { spki: spki.to_vec() };
        match key.curve() {
            Some(_) => Ok(key),
            None => Err(SignError::Key("it is no key of P-256, P-384 or P-521")),
        }
    }

    /// SHA-256 over its PEM text: what bundles name it by.
    #[must_use]
    pub fn id(&self) -> String {
        sha256_hex(self.to_pem().as_bytes())
    }

    /// Its PEM text.
    #[must_use]
    pub fn to_pem(&self) -> String {
        /// Letters of a line, by RFC 7468.
        const WIDTH: usize = 64;
        let text = STANDARD.encode(&self.spki);
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for (place, letter) in text.chars().enumerate() {
            if place > 0 && place % WIDTH == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        pem
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        let (curve, point) = self.curve().ok_or(SignError::Signature)?;
        let key = UnparsedPublicKey::new(curve.verifying, point);
        key.verify(message, signature).map_err(|_| SignError::Signature)
    }

    pub(crate) fn verify_early(&self, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        let (curve, point) = self.curve().ok_or(SignError::Signature)?;
        let key = UnparsedPublicKey::new(curve.early.ok_or(SignError::Signature)?, point);
        key.verify(message, signature).map_err(|_| SignError::Signature)
    }

    fn curve(&self) -> Option<(&'static Curve, &[u8])> {
        CURVES
            .iter()
            .find_map(|curve| self.spki.strip_prefix(curve.prefix).map(|point| (curve, point)))
    }
}

/// Who signs: a key, and the certificates that vouch for it, if any.
pub struct Signer {
    pair: EcdsaKeyPair,
    public: PublicKey,
    chain: Option<Chain>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("public", &self.public).finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads a private key in PEM (PKCS#8, or as `openssl ecparam -genkey` writes it).
    ///
    /// # Errors
    /// [`SignError::Key`] if it is no private key of one of the three curves.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignError> {
        let der = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| SignError::Key("it is no private key in PEM, or it is encrypted"))?;
        let read = CURVES.iter().find_map(|curve| {
            let pair = EcdsaKeyPair::from_private_key_der(curve.signing, der.secret_der()).ok()?;
            Some((curve, pair))
        });
        let (curve, pair) = read.ok_or(SignError::Key("it is no key of P-256, P-384 or P-521"))?;
        let public = PublicKey { spki: [curve.prefix, pair.public_key().as_ref()].concat() };
        Ok(Self { pair, public, chain: None })
    }

    /// The same with its certificate and those that lead to a root, each file in PEM.
    ///
    /// # Errors
    /// [`SignError::Certificate`] if the first is not of this key.
    pub fn with_certificates(self, leaf: &[u8], others: &[&[u8]]) -> Result<Self, SignError> {
        let chain = Chain::from_pem(leaf, others)?;
        if chain.public_key()? != self.public {
            return Err(SignError::Certificate("the certificate is of another key"));
        }
        Ok(Self { chain: Some(chain), ..self })
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature.map(|s| s.as_ref().to_vec()).map_err(|_| SignError::Key("the key cannot sign"))
    }
}
