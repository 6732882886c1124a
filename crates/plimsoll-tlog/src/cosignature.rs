//! A witness's signature with its time (C2SP tlog-cosignature v1.0.1, Ed25519, type 0x04).
//!
//! It says: at this time, this was the largest consistent tree the witness had seen of this log.

use crate::note::{Algorithm, NoteError, Secret, Signature, Vkey};

/// The latest time that a cosignature can carry.
pub const MAX_TIME: u64 = i64::MAX as u64;

/// Signs checkpoints as a witness. A key belongs to one witness: the signed message does not name
/// it.
#[derive(Clone, Debug)]
pub struct Cosigner(Secret);

impl Cosigner {
    /// A witness's signer from the 32 bytes of its key.
    ///
    /// # Errors
    /// If no key can have this name.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        Secret::from_seed(name, Algorithm::Cosignature, seed).map(Self)
    }

    /// The signer of a key that was written down.
    ///
    /// # Errors
    /// If it is the key of a log.
    pub fn from_secret(secret: Secret) -> Result<Self, NoteError> {
        match secret.vkey().algorithm() {
            Algorithm::Cosignature => Ok(Self(secret)),
            Algorithm::Ed25519 => Err(NoteError::Key("it is the key of a log, not of a witness")),
        }
    }

    /// The secret key, to be written down.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The public key.
    #[must_use]
    pub const fn vkey(&self) -> &Vkey {
        self.0.vkey()
    }

    /// The signature over a checkpoint's text at `time`, in seconds since the epoch.
    #[must_use]
    pub fn cosign(&self, text: &str, time: u64) -> Signature {
        let time = time.min(MAX_TIME);
        let signature = self.0.sign_bytes(&message(time, text));
        Signature::new(self.vkey(), [&time.to_be_bytes()[..], &signature].concat())
    }
}

/// What is signed.
pub(crate) fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Time and signature.
pub(crate) fn split(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    (time <= MAX_TIME).then_some((time, signature))
}
