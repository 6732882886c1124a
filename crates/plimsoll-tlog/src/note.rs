//! Signed notes (C2SP signed-note v1.0.0): a text, a blank line, and signature lines
//! `— <name> <base64(key id || signature)>`. Knows no checkpoint; a cosignature's message comes
//! from [`crate::cosignature`].

use crate::cosignature;
use crate::text;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// The largest note. Verifiers must take 16 signatures, of which a post-quantum one has near
/// 5 kB in base64: 80 kB, and as much again for the text and signatures of others.
pub const MAX_NOTE_BYTES: usize = 160 * 1024;
/// The most signatures of a note; 16 is the least that a verifier must take. Each known one costs
/// a verification of some 50 µs.
pub const MAX_SIGNATURES: usize = 64;
/// The longest name of a key; what a cosignature of the next kind can still commit to.
pub const MAX_NAME_BYTES: usize = 255;

const PREFIX: &str = "\u{2014} ";
const SECRET_PREFIX: &str = "PRIVATE+KEY+";
const ED25519_BYTES: usize = 64;

/// Why a note, a key or a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too long to be read.
    #[error("a note of {0} bytes is larger than any note may be")]
    Size(usize),
    /// Not a note.
    #[error("not a signed note: {0}")]
    Note(&'static str),
    /// Not a key.
    #[error("not a key of a note: {0}")]
    Key(&'static str),
    /// A signature by a known key is wrong, so nothing of the note is believed.
    #[error("the signature number {0} is by a known key and does not verify")]
    BadSignature(usize),
    /// No known key signed.
    #[error("no key that is known has signed this note")]
    Unsigned,
    /// Two known keys have the same name and id.
    #[error("two known keys have the same name and key id")]
    Ambiguous,
}

/// A text and its signatures. Nothing is verified by having one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: u32,
    /// What the key's algorithm made.
    bytes: Vec<u8>,
}

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Algorithm {
    /// Ed25519 over the text: the key of a log.
    Ed25519 = 0x01,
    /// Ed25519 over the text and a time: the key of a witness.
    Cosignature = 0x04,
}

/// A public key with its name: `<name>+<key id>+<base64(algorithm || key)>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    key_id: u32,
    algorithm: Algorithm,
    key: VerifyingKey,
}

/// A signature that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid<'k> {
    /// The key that signed.
    pub key: &'k Vkey,
    /// When, in seconds since the epoch, if the signature says so.
    pub time: Option<u64>,
}

/// A secret key with its name, of either algorithm.
#[derive(Clone)]
pub struct Secret {
    vkey: Vkey,
    key: SigningKey,
}

/// Signs notes as a log.
#[derive(Clone, Debug)]
pub struct Signer(Secret);

impl Note {
    /// A note without signatures yet.
    ///
    /// # Errors
    /// If the text is not one a note can have.
    pub fn new(text: &str) -> Result<Self, NoteError> {
        check_characters(text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Note("the text does not end a line"));
        }
        Ok(Self { text: text.to_owned(), signatures: Vec::new() })
    }

    /// Reads a signed note. Nothing is verified by that.
    ///
    /// # Errors
    /// If it is not a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Size(bytes.len()));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Note("it is not UTF-8"))?;
        check_characters(note)?;
        let (text, lines) =
            note.rsplit_once("\n\n").ok_or(NoteError::Note("it has no blank line"))?;
        let lines =
            lines.strip_suffix('\n').ok_or(NoteError::Note("it has no line of a signature"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::Note("it has too many signatures"));
            }
            signatures.push(line.parse()?);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text that is signed, with its last newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature, in the place of an earlier one by the same key.
    ///
    /// # Errors
    /// If there are [`MAX_SIGNATURES`] already.
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        let same = |other: &Signature| other.is_by(&signature.name, signature.key_id);
        self.signatures.retain(|other| !same(other));
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::Note("it has too many signatures"));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// The signatures by known keys, each key once. Those by others are ignored, even if they
    /// share a name or a key id with a known key.
    ///
    /// # Errors
    /// If one by a known key is wrong, or there is none.
    pub fn verify<'k>(&self, known: &[&'k Vkey]) -> Result<Vec<Valid<'k>>, NoteError> {
        let mut valid: Vec<Valid<'k>> = Vec::new();
        for (number, signature) in self.signatures.iter().enumerate() {
            let mut keys = known.iter().filter(|key| signature.is_by(&key.name, key.key_id));
            let Some(&key) = keys.next() else { continue };
            if keys.any(|other| other != &key) {
                return Err(NoteError::Ambiguous);
            }
            let bad = NoteError::BadSignature(number);
            let time = key.check(&self.text, &signature.bytes).ok_or(bad)?;
            if !valid.iter().any(|other| other.key == key) {
                valid.push(Valid { key, time });
            }
        }
        if valid.is_empty() { Err(NoteError::Unsigned) } else { Ok(valid) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    /// A signature by a key from elsewhere.
    pub(crate) fn new(key: &Vkey, bytes: Vec<u8>) -> Self {
        Self { name: key.name.clone(), key_id: key.key_id, bytes }
    }
    /// The name of the key that is said to have signed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The id of the key that is said to have signed.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.key_id
    }
    /// Whether it says to be by this key.
    #[must_use]
    pub fn is_of(&self, key: &Vkey) -> bool {
        self.is_by(&key.name, key.key_id)
    }
    fn is_by(&self, name: &str, key_id: u32) -> bool {
        self.key_id == key_id && self.name == name
    }
}

impl FromStr for Signature {
    type Err = NoteError;
    /// Reads a signature line without its newline.
    fn from_str(line: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Note("a line is not one of a signature");
        let (name, signature) =
            line.strip_prefix(PREFIX).and_then(|rest| rest.split_once(' ')).ok_or(wrong)?;
        if !is_name(name) {
            return Err(NoteError::Note("a signature has no proper name"));
        }
        let bytes = text::unbase64(signature).ok_or(wrong)?;
        let (key_id, bytes) = bytes.split_first_chunk().ok_or(wrong)?;
        if bytes.is_empty() {
            return Err(wrong);
        }
        Ok(Self { name: name.to_owned(), key_id: u32::from_be_bytes(*key_id), bytes: bytes.into() })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.to_be_bytes()[..], &self.bytes].concat();
        write!(f, "{PREFIX}{} {}", self.name, text::base64(&bytes))
    }
}

impl Algorithm {
    const fn byte(self) -> u8 {
        self as u8
    }
    const fn of(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

impl Vkey {
    fn new(name: &str, algorithm: Algorithm, key: VerifyingKey) -> Result<Self, NoteError> {
        if !is_name(name) || name.len() > MAX_NAME_BYTES || check_characters(name).is_err() {
            return Err(NoteError::Key("the name is empty, too long, or has a space or `+`"));
        }
        let mut hasher = Sha256::new();
        hasher.update(name);
        hasher.update([b'\n', algorithm.byte()]);
        hasher.update(key.as_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, ..] = digest;
        let key_id = u32::from_be_bytes([a, b, c, d]);
        Ok(Self { name: name.to_owned(), key_id, algorithm, key })
    }

    /// The name; for a log it is the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The short id that signature lines carry. It identifies, and proves nothing.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.key_id
    }
    /// What the key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The time of the signature if it has one, if it is one by this key over the text.
    fn check(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        match self.algorithm {
            Algorithm::Ed25519 => self.check_bytes(text, signature).then_some(None),
            Algorithm::Cosignature => {
                let (time, signature) = cosignature::split(signature)?;
                self.check_bytes(&cosignature::message(time, text), signature).then_some(Some(time))
            }
        }
    }

    fn check_bytes(&self, message: &str, signature: &[u8]) -> bool {
        let Ok(signature) = <&[u8; ED25519_BYTES]>::try_from(signature) else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.key.verify_strict(message.as_bytes(), &signature).is_ok()
    }
}

impl FromStr for Vkey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Key("it is not `<name>+<key id>+<key in base64>`");
        let (name, rest) = text.split_once('+').ok_or(wrong)?;
        let (key_id, key) = rest.split_once('+').ok_or(wrong)?;
        let key = text::unbase64(key).ok_or(wrong)?;
        let (&algorithm, key) = key.split_first().ok_or(wrong)?;
        let algorithm = Algorithm::of(algorithm)
            .ok_or(NoteError::Key("its algorithm is neither Ed25519 nor a timed cosignature"))?;
        let key = VerifyingKey::try_from(key)
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or(NoteError::Key("it is not an Ed25519 public key"))?;
        let vkey = Self::new(name, algorithm, key)?;
        if format!("{:08x}", vkey.key_id) != key_id {
            return Err(NoteError::Key("the key id is not that of this name and key"));
        }
        Ok(vkey)
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.algorithm.byte()], &self.key.as_bytes()[..]].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.key_id, text::base64(&key))
    }
}

impl fmt::Debug for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vkey({self})")
    }
}

impl Secret {
    /// A key from its 32 bytes, which must come from a generator fit for keys.
    ///
    /// # Errors
    /// If no key can have this name.
    pub fn from_seed(name: &str, algorithm: Algorithm, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self { vkey: Vkey::new(name, algorithm, key.verifying_key())?, key })
    }

    /// Reads what [`Secret::expose`] writes.
    ///
    /// # Errors
    /// If it is not that.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Key("it is not `PRIVATE+KEY+<name>+<key id>+<seed in base64>`");
        let mut parts = text.strip_prefix(SECRET_PREFIX).ok_or(wrong)?.splitn(3, '+');
        let mut part = || parts.next().ok_or(wrong);
        let (name, key_id) = (part()?, part()?);
        let seed = zeroize::Zeroizing::new(text::unbase64(part()?).ok_or(wrong)?);
        let (&algorithm, seed) = seed.split_first().ok_or(wrong)?;
        let algorithm = Algorithm::of(algorithm).ok_or(wrong)?;
        let secret = Self::from_seed(name, algorithm, seed.try_into().map_err(|_| wrong)?)?;
        if format!("{:08x}", secret.vkey.key_id) != key_id {
            return Err(NoteError::Key("the key id is not that of this name and key"));
        }
        Ok(secret)
    }

    /// The secret as one line of text, in the form that other tools for notes use.
    #[must_use]
    pub fn expose(&self) -> zeroize::Zeroizing<String> {
        let Vkey { name, key_id, algorithm, .. } = &self.vkey;
        let seed =
            zeroize::Zeroizing::new([&[algorithm.byte()], &self.key.as_bytes()[..]].concat());
        let seed = zeroize::Zeroizing::new(text::base64(&seed));
        zeroize::Zeroizing::new(format!("{SECRET_PREFIX}{name}+{key_id:08x}+{}", *seed))
    }

    /// The public key.
    #[must_use]
    pub const fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    pub(crate) fn sign_bytes(&self, message: &str) -> [u8; ED25519_BYTES] {
        self.key.sign(message.as_bytes()).to_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.vkey)
    }
}

impl Signer {
    /// A log's signer from the 32 bytes of its key; the name is the log's origin.
    ///
    /// # Errors
    /// If no key can have this name.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        Secret::from_seed(name, Algorithm::Ed25519, seed).map(Self)
    }

    /// The public key.
    #[must_use]
    pub const fn vkey(&self) -> &Vkey {
        self.0.vkey()
    }

    /// The signature over a note's text.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        Signature::new(self.vkey(), self.0.sign_bytes(text).into())
    }
}

/// Whether a name can stand in a signature line.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    if text.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(NoteError::Note("it has control characters"));
    }
    Ok(())
}
