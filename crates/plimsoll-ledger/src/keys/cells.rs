//! Keys for what is derived from the ledger: the pseudonym by which a subject's decisions are
//! found, and keys that seal single cells of a table under the keys of the cell's holders.
//! Nothing here makes a key: who was erased stays erased.

use super::{HolderKey, Keys, aead, expand};
use crate::LedgerError;
use crate::disk::field;
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use plimsoll_types::{KeyId, TenantId};
use zeroize::Zeroizing;

const INFO: &[u8] = b"plimsoll cell key v1\0";

/// Bytes that sealing adds to a cell.
pub const CELL_TAG: usize = 16;

/// The key of the cells of one holder (or of several together) in one file. Shows no secret.
pub struct CellKey(LessSafeKey);

impl std::fmt::Debug for CellKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CellKey")
    }
}

impl CellKey {
    /// Appends the sealed form of `text` to `out`: AES-256-GCM, ciphertext and tag. `place`
    /// must be another one for each cell that this key seals.
    ///
    /// # Errors
    /// [`LedgerError::Random`] if the cipher fails, which it does not.
    pub fn seal(&self, place: [u8; 12], text: &[u8], out: &mut Vec<u8>) -> Result<(), LedgerError> {
        let begin = out.len();
        out.extend_from_slice(text);
        let sealed = out.get_mut(begin..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(place);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::empty(), sealed)
            .map_err(|_| LedgerError::Random)?;
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a sealed cell where it stands; `None` if it was sealed with another key, for
    /// another place, or altered.
    #[must_use]
    pub fn open<'a>(&self, place: [u8; 12], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let nonce = Nonce::assume_unique_for_key(place);
        self.0.open_in_place(nonce, Aad::empty(), sealed).ok().map(|text| &*text)
    }
}

impl Keys {
    /// The pseudonym of a subject: a keyed digest, the same for as long as the root key is.
    #[must_use]
    pub fn subject_pseudonym(&self, tenant: TenantId, subject: &str) -> [u8; 16] {
        field(&self.subject_digest(tenant, subject), 0)
    }

    /// Random bytes that make the cell keys of one file differ from those of another.
    ///
    /// # Errors
    /// [`LedgerError::Random`] if the machine has no randomness.
    pub fn fresh_salt(&self) -> Result<[u8; 16], LedgerError> {
        let mut salt = [0; 16];
        super::random(&mut salt)?;
        Ok(salt)
    }

    /// The key of the cells that `holders` hold together in a file with this random salt:
    /// `HKDF-Expand(holder's key, "plimsoll cell key v1" || 00 || salt || key id)` of each,
    /// combined so that none is enough alone. `None` if a key is gone, or there is no holder.
    ///
    /// # Errors
    /// I/O.
    pub fn cell_key(
        &self,
        holders: &[KeyId],
        salt: &[u8; 16],
    ) -> Result<Option<CellKey>, LedgerError> {
        let mut secret = Zeroizing::new([0_u8; 32]);
        for id in holders {
            let Some(holder) = self.by_id(id.as_bytes())? else { return Ok(None) };
            let part = part(&holder, salt)?;
            secret.iter_mut().zip(part.iter()).for_each(|(byte, other)| *byte ^= other);
        }
        if holders.is_empty() {
            return Ok(None);
        }
        Ok(Some(CellKey(aead(secret.as_slice())?)))
    }
}

fn part(holder: &HolderKey, salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
    let info = [INFO, salt, &holder.id].concat();
    let mut out = Zeroizing::new([0; 32]);
    expand(&holder.prk, &info, out.as_mut_slice())?;
    Ok(out)
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use crate::disk::{RealDisk, Volume};
    use plimsoll_types::SystemClock;
    use std::sync::Arc;

    #[test]
    fn a_cell_opens_with_all_of_its_keys_in_its_place_and_not_otherwise() {
        let folder = tempfile::tempdir().expect("folder");
        let volume = Volume(Arc::new(RealDisk));
        let clock = Arc::new(SystemClock::new());
        let (keys, _) = Keys::open(folder.path(), &volume, clock, None).expect("keys");
        let tenant = TenantId::from_bytes([1; 16]);
        for subject in ["a", "b"] {
            keys.subject(tenant, subject).expect("make");
        }
        keys.flush(&volume).expect("flush");
        let id = |subject| keys.find_subject(tenant, subject).expect("read").expect("there");
        let (a, b) = (id("a"), id("b"));
        assert!(keys.has(a).expect("read"));
        assert!(!keys.has(KeyId::from_bytes([9; 16])).expect("read"));

        let key = |ids: &[KeyId], salt| keys.cell_key(ids, &[salt; 16]).expect("derive");
        let mut sealed = Vec::new();
        key(&[a, b], 1).expect("key").seal([3; 12], b"text", &mut sealed).expect("seal");
        assert_eq!(sealed.len(), 4 + CELL_TAG);
        let open = |ids: &[KeyId], salt, place| {
            let mut bytes = sealed.clone();
            key(ids, salt).and_then(|key| key.open(place, &mut bytes).map(<[u8]>::to_vec))
        };
        assert_eq!(open(&[a, b], 1, [3; 12]).as_deref(), Some(&b"text"[..]));
        assert_eq!(open(&[b, a], 1, [3; 12]).as_deref(), Some(&b"text"[..]));
        assert_eq!(open(&[a], 1, [3; 12]), None, "one of two keys");
        assert_eq!(open(&[a, b], 2, [3; 12]), None, "another file");
        assert_eq!(open(&[a, b], 1, [4; 12]), None, "another place");
        assert!(key(&[a, KeyId::from_bytes([9; 16])], 1).is_none(), "a key is gone");
        assert!(key(&[], 1).is_none());
        assert_eq!(keys.subject_pseudonym(tenant, "a"), keys.subject_pseudonym(tenant, "a"));
        assert_ne!(keys.subject_pseudonym(tenant, "a"), keys.subject_pseudonym(tenant, "b"));
    }
}
