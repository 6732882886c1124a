//! Keys and chunks of one artifact: the STREAM construction over AES-256-GCM.
//!
//! ```text
//! header:  "PLMART01" 8 · log2 of the chunk 1 · nonce prefix 7 · object id 16 · key id 8 ·
//!          wrap nonce 12 · wrapped key 32 · tag 16
//! nonce:   prefix 7 · chunk 4 · end 1            end: 0 more follow, 1 the last, 2 the trailer
//! aad:     object id 16 · chunk 8 · end 1
//! trailer: (digest 32 · length 8) sealed · tag 16
//! ```
//!
//! An object's key is random, so no nonce is ever used twice; object, place and end are in the
//! nonce or the additional data, so a chunk opens nowhere else. The trailer ties the object to
//! its name: a range is read without reading the rest, and is still of that digest.

use crate::error::{ArtifactError, Part};
use crate::layout::{HEADER, Layout, TAG, TRAILER};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};
use plimsoll_types::Digest;
use std::fmt;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"PLMART01";
pub(crate) const HEADER_LEN: usize = 100;
pub(crate) const TRAILER_LEN: usize = 56;
pub(crate) const TAG_LEN: usize = 16;
/// Header without the wrapped key: what the wrapping is bound to.
const BOUND: usize = 40;
const NONCE: usize = 12;
const _: () = assert!(HEADER == HEADER_LEN as u64 && TRAILER == TRAILER_LEN as u64);
const _: () = assert!(TAG == TAG_LEN as u64);

/// What follows a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum End {
    More = 0,
    Last = 1,
    Trailer = 2,
    /// The beginning of a chunk of an upload that was broken off; under a key of its own.
    Partial = 3,
}

/// The key that wraps the keys of artifacts. Shows no secret.
pub struct ArtifactKey {
    wrap: LessSafeKey,
    id: [u8; 8],
}

impl fmt::Debug for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArtifactKey")
    }
}

impl ArtifactKey {
    /// A key from its 32 secret bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Cipher`], which does not happen.
    pub fn new(secret: &[u8; 32]) -> Result<Self, ArtifactError> {
        let id =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"plimsoll artifact key id v1");
        Ok(Self { wrap: aead(secret)?, id: field(id.as_ref(), 0) })
    }
}

/// The keys of one artifact, and its header.
pub(crate) struct Stream {
    layout: Layout,
    header: [u8; HEADER_LEN],
    key: LessSafeKey,
    partial: LessSafeKey,
}

impl Stream {
    /// Keys for a new artifact.
    pub(crate) fn fresh(key: &ArtifactKey, layout: Layout) -> Result<Self, ArtifactError> {
        let mut header = [0; HEADER_LEN];
        let mut random = [0; 7 + 16];
        fill(&mut random)?;
        header[..8].copy_from_slice(MAGIC);
        header[8] = layout.log2();
        header[9..32].copy_from_slice(&random);
        header[32..BOUND].copy_from_slice(&key.id);
        let mut nonce = [0; NONCE];
        fill(&mut nonce)?;
        header[40..52].copy_from_slice(&nonce);
        let mut secret = Zeroizing::new([0; 32]);
        fill(secret.as_mut_slice())?;
        let mut wrapped = Zeroizing::new(*secret);
        let tag = key
            .wrap
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&header[..BOUND]),
                wrapped.as_mut_slice(),
            )
            .map_err(|_| ArtifactError::Cipher)?;
        header[52..84].copy_from_slice(wrapped.as_slice());
        header[84..].copy_from_slice(tag.as_ref());
        Self::with(layout, header, &secret)
    }

    /// The keys that a header names. `None` if it is no header, or not of these keys.
    pub(crate) fn open(key: &ArtifactKey, header: &[u8]) -> Option<Self> {
        let header: [u8; HEADER_LEN] = header.try_into().ok()?;
        let layout = Layout::new(header[8])?;
        if &header[..8] != MAGIC || header[32..BOUND] != key.id {
            return None;
        }
        let mut wrapped = Zeroizing::new(field::<48>(&header, 52));
        let nonce = Nonce::assume_unique_for_key(field(&header, 40));
        let aad = Aad::from(&header[..BOUND]);
        let opened = key.wrap.open_in_place(nonce, aad, wrapped.as_mut_slice()).ok()?;
        let secret = Zeroizing::new(field::<32>(opened, 0));
        Self::with(layout, header, &secret).ok()
    }

    fn with(
        layout: Layout,
        header: [u8; HEADER_LEN],
        secret: &[u8; 32],
    ) -> Result<Self, ArtifactError> {
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
        let key = aead(expand(&prk, b"plimsoll artifact chunks v1")?.as_slice())?;
        let partial = aead(expand(&prk, b"plimsoll artifact partial v1")?.as_slice())?;
        Ok(Self { layout, header, key, partial })
    }

    pub(crate) const fn layout(&self) -> Layout {
        self.layout
    }
    pub(crate) const fn header(&self) -> &[u8; HEADER_LEN] {
        &self.header
    }

    fn nonce(&self, chunk: u64, end: End) -> Result<Nonce, ArtifactError> {
        let number = u32::try_from(chunk).map_err(|_| ArtifactError::Cipher)?;
        let mut nonce = [0; NONCE];
        nonce[..7].copy_from_slice(&self.header[9..16]);
        nonce[7..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = end as u8;
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    fn aad(&self, chunk: u64, end: End) -> Aad<[u8; 25]> {
        let mut aad = [0; 25];
        aad[..16].copy_from_slice(&self.header[16..32]);
        aad[16..24].copy_from_slice(&chunk.to_be_bytes());
        aad[24] = end as u8;
        Aad::from(aad)
    }

    /// Seals a chunk in place and appends its tag.
    pub(crate) fn seal(
        &self,
        chunk: u64,
        end: End,
        text: &mut Vec<u8>,
    ) -> Result<(), ArtifactError> {
        let tag = self
            .key
            .seal_in_place_separate_tag(self.nonce(chunk, end)?, self.aad(chunk, end), text)
            .map_err(|_| ArtifactError::Cipher)?;
        text.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a chunk with its tag in place and cuts the tag off.
    pub(crate) fn unseal(&self, chunk: u64, end: End, sealed: &mut Vec<u8>) -> Result<(), Part> {
        let nonce = self.nonce(chunk, end).map_err(|_| Part::Chunk(chunk))?;
        let opened = self.key.open_in_place(nonce, self.aad(chunk, end), sealed);
        let length = opened.map_err(|_| Part::Chunk(chunk))?.len();
        sealed.truncate(length);
        Ok(())
    }

    /// What follows `chunks` chunks of `length` bytes in all.
    pub(crate) fn trailer(
        &self,
        chunks: u64,
        digest: Digest,
        length: u64,
    ) -> Result<Vec<u8>, ArtifactError> {
        let mut text = Vec::with_capacity(TRAILER_LEN);
        text.extend_from_slice(digest.as_bytes());
        text.extend_from_slice(&length.to_le_bytes());
        // The chunks are numbered from 0, so their count is a number that none of them has.
        let number = chunks.min(u64::from(u32::MAX));
        self.seal(number, End::Trailer, &mut text)?;
        Ok(text)
    }

    /// Digest and length that a trailer tells.
    pub(crate) fn open_trailer(&self, chunks: u64, trailer: &[u8]) -> Option<(Digest, u64)> {
        let mut text = trailer.to_vec();
        self.unseal(chunks.min(u64::from(u32::MAX)), End::Trailer, &mut text).ok()?;
        let digest = Digest::from_bytes(text.first_chunk::<32>().copied()?);
        let length = u64::from_le_bytes(text.get(32..)?.try_into().ok()?);
        Some((digest, length))
    }

    /// Seals the beginning of a chunk that is not full yet. The nonce is random and the key is
    /// another, because the same place is sealed again when more of it came.
    pub(crate) fn seal_partial(&self, chunk: u64, text: &[u8]) -> Result<Vec<u8>, ArtifactError> {
        let mut nonce = [0; NONCE];
        fill(&mut nonce)?;
        let mut sealed = text.to_vec();
        let tag = self
            .partial
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                self.aad(chunk, End::Partial),
                &mut sealed,
            )
            .map_err(|_| ArtifactError::Cipher)?;
        Ok([&nonce[..], &sealed, tag.as_ref()].concat())
    }

    /// Opens what [`Self::seal_partial`] sealed for the same place.
    pub(crate) fn open_partial(&self, chunk: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(field(nonce, 0));
        let aad = self.aad(chunk, End::Partial);
        let length = self.partial.open_in_place(nonce, aad, &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

fn aead(key: &[u8]) -> Result<LessSafeKey, ArtifactError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| ArtifactError::Cipher)
}

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

fn expand(prk: &hkdf::Prk, info: &[u8]) -> Result<Zeroizing<[u8; 32]>, ArtifactError> {
    let mut out = Zeroizing::new([0; 32]);
    prk.expand(&[info], Length)
        .and_then(|okm| okm.fill(out.as_mut_slice()))
        .map_err(|_| ArtifactError::Cipher)?;
    Ok(out)
}

pub(crate) fn fill(out: &mut [u8]) -> Result<(), ArtifactError> {
    rand::fill(out).map_err(|_| ArtifactError::Cipher)
}

/// `N` bytes at `at`, zeros where there are none.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    for (byte, from) in out.iter_mut().zip(bytes.iter().skip(at)) {
        *byte = *from;
    }
    out
}
