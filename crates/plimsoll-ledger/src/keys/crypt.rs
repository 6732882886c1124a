//! What the key hierarchy is made of: HKDF-Expand, AES-256-GCM, random bytes.

use crate::LedgerError;
use crate::disk::field;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use zeroize::{Zeroize, Zeroizing};

/// Wrapped key: nonce 12, ciphertext 32, tag 16.
pub(crate) const WRAPPED: usize = 60;

/// A key to derive others from.
pub(crate) fn prk(secret: &[u8]) -> hkdf::Prk {
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret)
}

pub(crate) fn derived(root: &hkdf::Prk, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
    let mut out = Zeroizing::new([0; 32]);
    expand(root, label, out.as_mut_slice())?;
    Ok(out)
}

/// How much key material to expand to.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand (RFC 5869 §2.3) with SHA-256. Fails only for impossible lengths.
pub(crate) fn expand(prk: &hkdf::Prk, info: &[u8], out: &mut [u8]) -> Result<(), LedgerError> {
    prk.expand(&[info], Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| LedgerError::Random)
}

/// AES-256-GCM under a 32-byte key.
pub(crate) fn aead(key: &[u8]) -> Result<LessSafeKey, LedgerError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| LedgerError::Random)
}

pub(crate) fn random(out: &mut [u8]) -> Result<(), LedgerError> {
    rand::fill(out).map_err(|_| LedgerError::Random)
}

/// A new secret.
pub(crate) fn fresh() -> Result<Zeroizing<[u8; 32]>, LedgerError> {
    let mut secret = Zeroizing::new([0; 32]);
    random(secret.as_mut_slice())?;
    Ok(secret)
}

/// Nonce, ciphertext and tag of a wrapped 32-byte key. The nonce is random: 2^28 keys under
/// one epoch's key stay far below AES-GCM's bound of 2^32 (SP 800-38D §8.3).
pub(crate) fn wrap(
    key: &LessSafeKey,
    context: &[u8],
    secret: &[u8; 32],
) -> Result<[u8; WRAPPED], LedgerError> {
    let mut nonce = [0; 12];
    random(&mut nonce)?;
    let mut text = Zeroizing::new(*secret);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            text.as_mut_slice(),
        )
        .map_err(|_| LedgerError::Random)?;
    let mut out = [0; WRAPPED];
    out[..12].copy_from_slice(&nonce);
    out[12..44].copy_from_slice(text.as_slice());
    out[44..].copy_from_slice(tag.as_ref());
    Ok(out)
}

pub(crate) fn unwrap(
    key: &LessSafeKey,
    context: &[u8],
    wrapped: &[u8; WRAPPED],
) -> Option<Zeroizing<[u8; 32]>> {
    let mut text = Zeroizing::new(field::<48>(wrapped, 12));
    let nonce = Nonce::assume_unique_for_key(field(wrapped, 0));
    let opened = key.open_in_place(nonce, Aad::from(context), text.as_mut_slice()).ok()?;
    let secret = Zeroizing::new(field(opened, 0));
    opened.zeroize();
    Some(secret)
}
