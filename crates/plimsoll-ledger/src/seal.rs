//! Sealed bodies: a header that names the keys, then one message of C2SP chunked-encryption
//! (`c2sp.org/chunked-encryption@v1`) with HKDF-SHA-256 and AES-256-GCM, the header as its
//! context. AES-GCM does not commit to its key; the message's commitment does, and the leaf
//! holds it.
//!
//! ```text
//! version 1 · holders n · zero 2
//! n = 1: key id 16                     the record key is derived from the holder's key
//! n > 1: n × (key id 16 · wrapped 48)  the record key is random, wrapped for each holder
//! salt 24 · commitment 32 · chunks
//! ```
//!
//! The *record key* is the message's input key. It opens one record and nothing else, so it can
//! be given to whoever may see that record; the commitment shows that it is the record's key.

use crate::LedgerError;
use crate::disk::field;
use crate::frame::sha256;
use crate::keys::{HolderKey, Keys, aead, expand, random};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use aws_lc_rs::{constant_time, hkdf};
use plimsoll_types::record::SealedRef;
use plimsoll_types::{DeploymentId, KeyId, TenantId, Time};
use std::cell::RefCell;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A body names at most this many people; more are held by the day's key.
pub const MAX_HOLDERS: usize = 16;

const VERSION: u8 = 1;
const FIXED: usize = 4;
const ID: usize = 16;
const WRAPPED: usize = 48;
const SALT: usize = 24;
const COMMITMENT: usize = 32;
const CHUNK: usize = 16 * 1024;
const TAG: usize = 16;
/// Plaintexts are padded to a multiple of this: exact lengths leak content.
const BUCKET: usize = 64;
const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const WRAP_INFO: &[u8] = b"plimsoll holder wrap v1\0";
const RECORD_INFO: &[u8] = b"plimsoll record key v1\0";

/// Whose key seals a body, so that it can be opened, or erased, with that key.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// The person the body is about.
    Subject {
        /// The organisation that knows the person by this name.
        tenant: TenantId,
        /// The person.
        subject: &'a str,
    },
    /// No person is named: all of a deployment's day.
    Day {
        /// The deployment.
        deployment: DeploymentId,
        /// Any time of that day (UTC).
        time: Time,
    },
    /// Records without personal data: control events, tallies, gaps, heartbeats.
    System,
}

/// A sealed body and what its leaf commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    bytes: Vec<u8>,
    reference: Option<SealedRef>,
}

impl Sealed {
    /// No body.
    #[must_use]
    pub const fn none() -> Self {
        Self { bytes: Vec::new(), reference: None }
    }
    /// The sealed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// What the leaf says of them.
    #[must_use]
    pub const fn reference(&self) -> Option<SealedRef> {
        self.reference
    }
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The key of one record: opens it, and no other record of the same holder. Shows no secret.
pub struct RecordKey(Zeroizing<[u8; 32]>);

impl RecordKey {
    /// A key as a receipt holds it.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
    /// The secret, to be given to someone who may read the record.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// HKDF-Expand of a lone holder's key. The salt makes it this record's; the key id is in it
    /// so that it is bound to the header's only name.
    fn derive(key: &HolderKey, salt: &[u8; SALT]) -> Result<Self, LedgerError> {
        let mut info = [0; RECORD_INFO.len() + SALT + ID];
        let (label, rest) = info.split_at_mut(RECORD_INFO.len());
        let (middle, end) = rest.split_at_mut(SALT);
        label.copy_from_slice(RECORD_INFO);
        middle.copy_from_slice(salt);
        end.copy_from_slice(&key.id);
        let mut out = Zeroizing::new([0; 32]);
        expand(&key.prk, &info, out.as_mut_slice())?;
        Ok(Self(out))
    }

    fn message(&self, salt: &[u8; SALT], header: &[u8]) -> Result<MessageKey, LedgerError> {
        let input = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, self.0.as_slice());
        MessageKey::derive(&input, salt, header)
    }
}

impl std::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordKey")
    }
}

/// Seals `plaintext` for every one of `holders`.
pub(crate) fn seal(
    keys: &Keys,
    holders: &[Holder<'_>],
    plaintext: &[u8],
) -> Result<Sealed, LedgerError> {
    if holders.is_empty() || holders.len() > MAX_HOLDERS {
        return Err(LedgerError::Holders { given: holders.len(), limit: MAX_HOLDERS });
    }
    seal_salted(keys, holders, plaintext, &fresh_salt(keys.monotonic())?)
}

thread_local! {
    /// Salts not yet used by this thread. They are no secret.
    static SALTS: RefCell<Vec<[u8; SALT]>> = const { RefCell::new(Vec::new()) };
}

/// A salt that was never used before. Random bytes are fetched for several at once, which
/// costs a quarter of fetching them singly; the nanosecond is added so that two copies of
/// one running machine, which hold the same bytes, do not use the same salt.
fn fresh_salt(nanos: u64) -> Result<[u8; SALT], LedgerError> {
    /// Salts fetched at once.
    const STOCK: usize = 32;
    SALTS.with_borrow_mut(|stock| {
        if stock.is_empty() {
            let mut bytes = [0; STOCK * SALT];
            random(&mut bytes)?;
            stock.extend(bytes.chunks_exact(SALT).map(|salt| field::<SALT>(salt, 0)));
        }
        let mut salt = stock.pop().ok_or(LedgerError::Random)?;
        for (byte, time) in salt.iter_mut().zip(nanos.to_le_bytes()) {
            *byte ^= time;
        }
        Ok(salt)
    })
}

fn seal_salted(
    keys: &Keys,
    holders: &[Holder<'_>],
    plaintext: &[u8],
    salt: &[u8; SALT],
) -> Result<Sealed, LedgerError> {
    let padded = (plaintext.len() + 1).next_multiple_of(BUCKET);
    let size = FIXED
        + holders.len() * (ID + WRAPPED)
        + SALT
        + COMMITMENT
        + padded
        + (padded / CHUNK + 1) * TAG;
    let mut out = Vec::with_capacity(size);
    let many = u8::try_from(holders.len()).unwrap_or(0);
    out.extend_from_slice(&[VERSION, many, 0, 0]);
    let key = match holders {
        [holder] => {
            let key = key_of(keys, holder)?;
            out.extend_from_slice(&key.id);
            RecordKey::derive(&key, salt)?
        }
        _ => {
            let mut record = RecordKey::from_bytes([0; 32]);
            random(record.0.as_mut_slice())?;
            for holder in holders {
                let key = key_of(keys, holder)?;
                out.extend_from_slice(&key.id);
                out.extend_from_slice(&wrap(&key, salt, record.expose())?);
            }
            record
        }
    };
    let message = key.message(salt, &out)?;
    out.extend_from_slice(salt);
    out.extend_from_slice(&message.commitment);
    message.encrypt(plaintext, padded, &mut out)?;
    let reference = SealedRef {
        ciphertext: sha256(&out),
        key_commitment: message.commitment,
        size_log2: u8::try_from(plaintext.len().next_power_of_two().trailing_zeros())
            .unwrap_or(u8::MAX),
    };
    Ok(Sealed { bytes: out, reference: Some(reference) })
}

/// The plaintext of `sealed`, if it is what `reference` commits to and one of its holders'
/// keys is still there.
pub(crate) fn open(
    keys: &Keys,
    sealed: &[u8],
    reference: &SealedRef,
) -> Result<Vec<u8>, LedgerError> {
    let parts = Parts::committed(sealed, reference)?;
    key_of_record(keys, &parts)?.1.decrypt(parts.chunks)
}

/// The plaintext of `sealed` with the key of this record alone, as a receipt discloses it.
/// `reference` is what the record's leaf commits to.
///
/// # Errors
/// [`LedgerError::Unsealable`] if the bytes are not those that the leaf commits to, or the key
/// is not the one.
pub fn open_with(
    key: &RecordKey,
    reference: &SealedRef,
    sealed: &[u8],
) -> Result<Vec<u8>, LedgerError> {
    let parts = Parts::committed(sealed, reference)?;
    parts.message(key)?.decrypt(parts.chunks)
}

impl Keys {
    /// The key of the one record whose sealed body this is, for a receipt. It is the key that
    /// the body commits to; whether the body is the leaf's is for [`open_with`] to say.
    ///
    /// # Errors
    /// [`LedgerError::KeyGone`] after an erasure, [`LedgerError::Unsealable`] if the body is
    /// malformed or commits to another key.
    pub fn record_key(&self, sealed: &[u8]) -> Result<RecordKey, LedgerError> {
        Ok(key_of_record(self, &Parts::parse(sealed).ok_or(MALFORMED)?)?.0)
    }
}

const MALFORMED: LedgerError = LedgerError::Unsealable("its header is malformed");

/// The record's key by the first holder that has one still, and what it derives to.
fn key_of_record(keys: &Keys, parts: &Parts<'_>) -> Result<(RecordKey, MessageKey), LedgerError> {
    for (id, wrapped) in parts.holders() {
        let Some(holder) = keys.by_id(&id)? else { continue };
        let key = match wrapped {
            None => RecordKey::derive(&holder, parts.salt)?,
            Some(wrapped) => RecordKey(unwrap(&holder, parts.salt, wrapped)?),
        };
        let message = parts.message(&key)?;
        return Ok((key, message));
    }
    Err(LedgerError::KeyGone)
}

/// The keys that a sealed body names, whether they are still there or not. Nothing if it is
/// no sealed body.
pub fn holders(sealed: &[u8]) -> impl Iterator<Item = KeyId> {
    holder_ids(sealed).map(KeyId::from_bytes)
}

pub(crate) fn holder_ids(sealed: &[u8]) -> impl Iterator<Item = [u8; ID]> {
    Parts::parse(sealed).into_iter().flat_map(|parts| parts.ids())
}

/// Whether `sealed` is the body that a leaf commits to. Needs no key.
#[must_use]
pub fn is_committed(sealed: &[u8], reference: &SealedRef) -> bool {
    sha256(sealed) == reference.ciphertext
}

fn key_of(keys: &Keys, holder: &Holder<'_>) -> Result<Arc<HolderKey>, LedgerError> {
    match *holder {
        Holder::Subject { tenant, subject } => keys.subject(tenant, subject),
        Holder::Day { deployment, time } => keys.day(deployment, time),
        Holder::System => keys.system(),
    }
}

/// Key, nonce and commitment of one message.
struct MessageKey {
    key: LessSafeKey,
    nonce: [u8; 12],
    commitment: [u8; COMMITMENT],
}

impl MessageKey {
    fn derive(input: &hkdf::Prk, salt: &[u8; SALT], header: &[u8]) -> Result<Self, LedgerError> {
        let mut info = Vec::with_capacity(INFO.len() + SALT + header.len());
        info.extend_from_slice(INFO);
        info.extend_from_slice(salt);
        info.extend_from_slice(header);
        let mut material = Zeroizing::new([0; 32 + 12 + COMMITMENT]);
        expand(input, &info, material.as_mut_slice())?;
        Ok(Self {
            key: aead(material.get(..32).unwrap_or_default())?,
            nonce: field(material.as_slice(), 32),
            commitment: field(material.as_slice(), 44),
        })
    }

    fn chunk_nonce(&self, chunk: u64) -> Nonce {
        let mut nonce = self.nonce;
        for (byte, counter) in nonce.iter_mut().skip(4).zip(chunk.to_be_bytes()) {
            *byte ^= counter;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// Appends the chunks of `plaintext`, padded with `0x80 00…` (ISO/IEC 7816-4) to `padded`
    /// bytes. The last chunk is shorter than the others, which marks the end.
    fn encrypt(
        &self,
        plaintext: &[u8],
        padded: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LedgerError> {
        for chunk in 0..=padded / CHUNK {
            let (start, end) = (chunk * CHUNK, padded.min((chunk + 1) * CHUNK));
            let begin = out.len();
            out.extend_from_slice(
                plaintext.get(start..end.min(plaintext.len())).unwrap_or_default(),
            );
            if (start..end).contains(&plaintext.len()) {
                out.push(0x80);
            }
            out.resize(begin + (end - start), 0);
            let text = out.get_mut(begin..).unwrap_or_default();
            let tag = self
                .key
                .seal_in_place_separate_tag(self.chunk_nonce(chunk as u64), Aad::empty(), text)
                .map_err(|_| LedgerError::Random)?;
            out.extend_from_slice(tag.as_ref());
        }
        Ok(())
    }

    fn decrypt(&self, chunks: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let mut out = Vec::with_capacity(chunks.len());
        let (mut rest, mut chunk) = (chunks, 0);
        loop {
            let (sealed, after) = rest.split_at(rest.len().min(CHUNK + TAG));
            let mut text = sealed.to_vec();
            let opened = self
                .key
                .open_in_place(self.chunk_nonce(chunk), Aad::empty(), &mut text)
                .map_err(|_| LedgerError::Unsealable("a chunk was altered"))?;
            out.extend_from_slice(opened);
            if opened.len() < CHUNK {
                break;
            }
            (rest, chunk) = (after, chunk + 1);
        }
        if chunks.len() != out.len() + (out.len() / CHUNK + 1) * TAG {
            return Err(LedgerError::Unsealable("bytes follow its last chunk"));
        }
        let end = out.iter().rposition(|&b| b != 0).filter(|&at| out.get(at) == Some(&0x80));
        out.truncate(end.ok_or(LedgerError::Unsealable("its padding is malformed"))?);
        Ok(out)
    }
}

/// Key and nonce that wrap a message's input key for one holder. Used once: the salt is the
/// message's own.
fn wrap_key(key: &HolderKey, salt: &[u8; SALT]) -> Result<(LessSafeKey, Nonce), LedgerError> {
    let info = [WRAP_INFO, salt, &key.id].concat();
    let mut material = Zeroizing::new([0; 44]);
    expand(&key.prk, &info, material.as_mut_slice())?;
    let nonce = Nonce::assume_unique_for_key(field(material.as_slice(), 32));
    Ok((aead(material.get(..32).unwrap_or_default())?, nonce))
}

fn wrap(
    key: &HolderKey,
    salt: &[u8; SALT],
    input: &[u8; 32],
) -> Result<[u8; WRAPPED], LedgerError> {
    let (aead, nonce) = wrap_key(key, salt)?;
    let mut text = *input;
    let tag = aead
        .seal_in_place_separate_tag(nonce, Aad::empty(), &mut text)
        .map_err(|_| LedgerError::Random)?;
    let mut out = [0; WRAPPED];
    out[..32].copy_from_slice(&text);
    out[32..].copy_from_slice(tag.as_ref());
    Ok(out)
}

fn unwrap(
    key: &HolderKey,
    salt: &[u8; SALT],
    wrapped: &[u8; WRAPPED],
) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
    let (aead, nonce) = wrap_key(key, salt)?;
    let mut text = Zeroizing::new(*wrapped);
    let opened = aead
        .open_in_place(nonce, Aad::empty(), text.as_mut_slice())
        .map_err(|_| LedgerError::Unsealable("its wrapped key was altered"))?;
    Ok(Zeroizing::new(field(opened, 0)))
}

/// Sealed bytes, taken apart.
struct Parts<'a> {
    header: &'a [u8],
    salt: &'a [u8; SALT],
    commitment: &'a [u8; COMMITMENT],
    chunks: &'a [u8],
}

impl<'a> Parts<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let [version, many, 0, 0] = *bytes.first_chunk::<FIXED>()? else { return None };
        let many = usize::from(many);
        if version != VERSION || many == 0 || many > MAX_HOLDERS {
            return None;
        }
        let (header, rest) =
            bytes.split_at_checked(FIXED + many * if many == 1 { ID } else { ID + WRAPPED })?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (commitment, chunks) = rest.split_first_chunk()?;
        Some(Self { header, salt, commitment, chunks })
    }

    /// Takes apart what `reference` commits to, and nothing else.
    fn committed(sealed: &'a [u8], reference: &SealedRef) -> Result<Self, LedgerError> {
        if sha256(sealed) != reference.ciphertext {
            return Err(LedgerError::Unsealable(
                "the ciphertext is not the one that the leaf commits to",
            ));
        }
        let parts = Self::parse(sealed).ok_or(MALFORMED)?;
        if constant_time::verify_slices_are_equal(parts.commitment, &reference.key_commitment)
            .is_err()
        {
            return Err(LedgerError::Unsealable("its key commitment is not the leaf's"));
        }
        Ok(parts)
    }

    /// What `key` derives to, if this message commits to it.
    fn message(&self, key: &RecordKey) -> Result<MessageKey, LedgerError> {
        let message = key.message(self.salt, self.header)?;
        if constant_time::verify_slices_are_equal(&message.commitment, self.commitment).is_err() {
            return Err(LedgerError::Unsealable("it does not commit to the key that it names"));
        }
        Ok(message)
    }

    fn holders(&self) -> impl Iterator<Item = ([u8; ID], Option<&'a [u8; WRAPPED]>)> + use<'a> {
        let list = self.header.get(FIXED..).unwrap_or_default();
        let size = if list.len() == ID { ID } else { ID + WRAPPED };
        list.chunks_exact(size)
            .map(|holder| (field(holder, 0), holder.get(ID..).and_then(|rest| rest.first_chunk())))
    }

    fn ids(&self) -> impl Iterator<Item = [u8; ID]> + use<'a> {
        self.holders().map(|(id, _)| id)
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests;
