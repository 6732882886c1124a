//! JSON Web Key Sets (RFC 7517): the public keys that an issuer signs with.

use crate::error::KeysError;
use crate::json;
use crate::jws::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The largest set: large providers publish some 20 KiB.
pub const MAX_SET_BYTES: usize = 256 * 1024;
/// The most keys in a set.
pub const MAX_KEYS: usize = 64;
/// The shortest modulus of an RSA key, in bytes (RFC 7518 §3.3: 2048 bits).
const MIN_MODULUS: usize = 256;
/// The longest: verifying takes time with the square of it.
const MAX_MODULUS: usize = 1024;

/// An elliptic curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    Ed25519,
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point as the signature scheme wants it: SEC 1 uncompressed, or 32 bytes.
    Curve(Curve, Vec<u8>),
}

impl Material {
    const fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        match self {
            Self::Rsa { .. } => {
                matches!(algorithm, A::Rs256 | A::Rs384 | A::Rs512 | A::Ps256 | A::Ps384 | A::Ps512)
            }
            Self::Curve(Curve::P256, _) => matches!(algorithm, A::Es256),
            Self::Curve(Curve::P384, _) => matches!(algorithm, A::Es384),
            Self::Curve(Curve::Ed25519, _) => matches!(algorithm, A::EdDsa),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    kid: Option<String>,
    /// The only algorithm it is for, if it says so.
    only: Option<Algorithm>,
    material: Material,
}

/// The keys of an issuer that can verify a token.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySet({} keys)", self.0.len())
    }
}

impl KeySet {
    /// Reads a set. Keys for other purposes, of unknown kinds, and those that give their private
    /// half away are left out (RFC 7517 §5).
    ///
    /// # Errors
    /// [`KeysError`] if there is nothing in it that fits one of `pinned`, or too much.
    pub fn read(bytes: &[u8], pinned: &[Algorithm]) -> Result<Self, KeysError> {
        if bytes.len() > MAX_SET_BYTES {
            return Err(KeysError::TooLarge);
        }
        let set = json::object(bytes).ok_or(KeysError::Json)?;
        let list = set.get("keys").and_then(Value::as_array).ok_or(KeysError::Json)?;
        if list.len() > MAX_KEYS {
            return Err(KeysError::TooMany);
        }
        let mut keys = Vec::new();
        for item in list {
            let item = item.as_object().ok_or(KeysError::Json)?;
            let fits = |key: &Key| pinned.iter().any(|algorithm| key.fits(*algorithm));
            keys.extend(key(item).filter(fits));
        }
        if keys.is_empty() { Err(KeysError::NoneUsable) } else { Ok(Self(keys)) }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none. Never, of a set that was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may have signed with `algorithm`: those of the id, if there is one.
    pub(crate) fn fitting(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Material> {
        let named = move |key: &&Key| kid.is_none() || key.kid.as_deref() == kid;
        let fit = move |key: &&Key| key.fits(algorithm);
        self.0.iter().filter(named).filter(fit).map(|key| &key.material)
    }
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.only.is_none_or(|only| only == algorithm) && self.material.fits(algorithm)
    }
}

/// A key that verifies signatures; nothing if it is for anything else.
fn key(item: &Map<String, Value>) -> Option<Key> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let is_for_signatures = item.get("use").is_none_or(|word| word == "sig");
    let verifies = item.get("key_ops").is_none_or(|words| {
        words.as_array().is_some_and(|words| words.iter().any(|word| word == "verify"))
    });
    // `d` is the private half of every kind, `k` the secret of a symmetric one.
    let is_public = !["d", "k", "p", "q", "oth"].iter().any(|name| item.contains_key(*name));
    if !(is_for_signatures && verifies && is_public) {
        return None;
    }
    let only = match item.get("alg") {
        None => None,
        Some(word) => Some(match word.as_str()? {
            "Ed25519" => Algorithm::EdDsa,
            word => word.parse().ok()?,
        }),
    };
    let kid = match item.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str()?.to_owned()),
    };
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let material = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let is_trimmed = |bytes: &[u8]| bytes.first().is_some_and(|first| *first != 0);
            let fits = (MIN_MODULUS..=MAX_MODULUS).contains(&n.len()) && (1..=4).contains(&e.len());
            let is_odd = e.last().is_some_and(|last| last % 2 == 1) && e != [1];
            if !(fits && is_trimmed(&n) && is_trimmed(&e) && is_odd) {
                return None;
            }
            Material::Rsa { n, e }
        }
        ("EC", Some("P-256")) => point(Curve::P256, 32, &bytes("x")?, &bytes("y")?)?,
        ("EC", Some("P-384")) => point(Curve::P384, 48, &bytes("x")?, &bytes("y")?)?,
        ("OKP", Some("Ed25519")) => {
            let x = bytes("x").filter(|x| x.len() == 32)?;
            Material::Curve(Curve::Ed25519, x)
        }
        _ => return None,
    };
    Some(Key { kid, only, material })
}

/// SEC 1 §2.3.3, uncompressed. Whether the point is on the curve is the verifier's to check.
fn point(curve: Curve, len: usize, x: &[u8], y: &[u8]) -> Option<Material> {
    if x.len() != len || y.len() != len {
        return None;
    }
    Some(Material::Curve(curve, [&[4], x, y].concat()))
}
