//! The compact form of JSON Web Signature (RFC 7515 §7.1): three parts, a header that is
//! understood completely or refused, and a signature by an algorithm that was pinned before.

use crate::error::TokenError;
use crate::json;
use crate::jwks::{Curve, KeySet, Material};
use aws_lc_rs::signature as sign;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The longest token: what fits a request's head beside everything else. Tokens with hundreds of
/// groups stay below it.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Keys that one token is tried with: a set in rotation holds two of a kind, a careless one some
/// more.
const MAX_CANDIDATES: usize = 4;

macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A signature algorithm (RFC 7518 §3.1, RFC 8037). Only those with a public key: who
        /// verifies `HS256` could sign it as well, and `none` is nobody's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Algorithm { $($(#[$doc])* $name,)+ }

        impl Algorithm {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
            /// The word in headers and settings.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

algorithms! {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256 = "RS256",
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384 = "RS384",
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512 = "RS512",
    /// RSASSA-PSS with SHA-256.
    Ps256 = "PS256",
    /// RSASSA-PSS with SHA-384.
    Ps384 = "PS384",
    /// RSASSA-PSS with SHA-512.
    Ps512 = "PS512",
    /// ECDSA on P-256 with SHA-256.
    Es256 = "ES256",
    /// ECDSA on P-384 with SHA-384.
    Es384 = "ES384",
    /// Ed25519.
    EdDsa = "EdDSA",
}

/// The text named no algorithm that is ever trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a bearer's text is meant as a token. API keys have no dot.
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.contains('.')
}

/// A token that was taken apart. Nothing in it is believed yet.
#[derive(Clone)]
pub struct Token<'a> {
    algorithm: Option<Algorithm>,
    kid: Option<String>,
    claims: Map<String, Value>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`TokenError::TooLong`], [`TokenError::Malformed`], [`TokenError::Json`] or
    /// [`TokenError::Header`].
    pub fn read(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let part = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
        let (header, claims, signature) = (part(header)?, part(claims)?, part(signature)?);
        let header = json::object(&header).ok_or(TokenError::Json)?;
        let claims = json::object(&claims).ok_or(TokenError::Json)?;
        let (algorithm, kid) = understood(&header)?;
        Ok(Self { algorithm, kid, claims, signed: signed.as_bytes(), signature })
    }

    /// Who claims to have signed it, to choose the rules it is judged by.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// A claim that is a text, as the token has it.
    pub(crate) fn said(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }
    /// Whether the token has the claim.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.claims.contains_key(name)
    }

    /// The claims, if the signature is of a key in `keys` by one of `pinned`.
    pub(crate) fn verified(
        self,
        keys: &KeySet,
        pinned: &[Algorithm],
    ) -> Result<Map<String, Value>, TokenError> {
        let algorithm = self.algorithm.filter(|algorithm| pinned.contains(algorithm));
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?;
        let mut fit = keys.fitting(self.kid.as_deref(), algorithm).take(MAX_CANDIDATES).peekable();
        if fit.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        if fit.any(|key| is_signed(key, algorithm, self.signed, &self.signature)) {
            return Ok(self.claims);
        }
        Err(TokenError::Signature)
    }
}

/// Algorithm and key id of a header that asks for nothing unknown.
///
/// `jwk`, `jku`, `x5c` and `x5u` are not looked at: a key that a token brings along proves nothing
/// (RFC 8725 §3.10), and addresses in it are not fetched.
fn understood(
    header: &Map<String, Value>,
) -> Result<(Option<Algorithm>, Option<String>), TokenError> {
    // RFC 7515 §4.1.11: whoever does not understand what is critical refuses. Nothing is known
    // here that could be critical; `b64` and `enc` change what is signed.
    if ["crit", "b64", "enc", "zip"].iter().any(|name| header.contains_key(*name)) {
        return Err(TokenError::Header);
    }
    let text = |name| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(TokenError::Header),
    };
    let is_kind = |kind: &str| {
        let short = kind.get(..12).filter(|start| start.eq_ignore_ascii_case("application/"));
        let kind = short.map_or(kind, |_| kind.get(12..).unwrap_or_default());
        // RFC 7519 §5.1 and RFC 9068 §2.1. A logout or an identity token has a kind of its own.
        kind.eq_ignore_ascii_case("jwt") || kind.eq_ignore_ascii_case("at+jwt")
    };
    if text("typ")?.is_some_and(|kind| !is_kind(kind)) || text("cty")?.is_some() {
        return Err(TokenError::Header);
    }
    let algorithm = text("alg")?.and_then(|word| match word {
        // RFC 9864 names the curve; RFC 8037 had one name for all.
        "Ed25519" => Some(Algorithm::EdDsa),
        word => word.parse().ok(),
    });
    Ok((algorithm, text("kid")?.map(str::to_owned)))
}

fn is_signed(key: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let plain = |how: &'static dyn sign::VerificationAlgorithm, key: &[u8]| {
        sign::UnparsedPublicKey::new(how, key).verify(message, signature)
    };
    let verified = match (key, algorithm) {
        (Material::Rsa { n, e }, algorithm) => {
            let how = match algorithm {
                Algorithm::Rs256 => &sign::RSA_PKCS1_2048_8192_SHA256,
                Algorithm::Rs384 => &sign::RSA_PKCS1_2048_8192_SHA384,
                Algorithm::Rs512 => &sign::RSA_PKCS1_2048_8192_SHA512,
                Algorithm::Ps256 => &sign::RSA_PSS_2048_8192_SHA256,
                Algorithm::Ps384 => &sign::RSA_PSS_2048_8192_SHA384,
                Algorithm::Ps512 => &sign::RSA_PSS_2048_8192_SHA512,
                Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return false,
            };
            sign::RsaPublicKeyComponents { n, e }.verify(how, message, signature)
        }
        (Material::Curve(Curve::P256, point), Algorithm::Es256) => {
            plain(&sign::ECDSA_P256_SHA256_FIXED, point)
        }
        (Material::Curve(Curve::P384, point), Algorithm::Es384) => {
            plain(&sign::ECDSA_P384_SHA384_FIXED, point)
        }
        (Material::Curve(Curve::Ed25519, point), Algorithm::EdDsa) => plain(&sign::ED25519, point),
        (Material::Curve(..), _) => return false,
    };
    verified.is_ok()
}
