//! Secrets that others keep (of webhooks, say), sealed under a key derived from the base secret, so
//! that the database which holds them tells nothing without the keys folder.

use super::{Keys, Label, aead, random};
use crate::LedgerError;
use crate::disk::field;
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroizing;

const NONCE: usize = 12;
const TAG: usize = 16;
/// The longest secret: an address with a token in it, or a key.
const MAX_SECRET: usize = 16 << 10;

impl Keys {
    /// Seals a secret of at most 16 KiB: random nonce, ciphertext and tag of AES-256-GCM.
    /// `context` says whose secret it is; the same is needed to open it.
    ///
    /// # Errors
    /// [`LedgerError::TooLarge`]; [`LedgerError::Random`] if the generator fails.
    pub fn seal_secret(&self, context: &[u8], secret: &[u8]) -> Result<Vec<u8>, LedgerError> {
        if secret.len() > MAX_SECRET {
            return Err(LedgerError::TooLarge { bytes: secret.len(), limit: MAX_SECRET });
        }
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        let mut text = Zeroizing::new(secret.to_vec());
        let tag = self
            .secrets_key()?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                text.as_mut_slice(),
            )
            .map_err(|_| LedgerError::Random)?;
        Ok([&nonce[..], &text, tag.as_ref()].concat())
    }

    /// Opens what [`Self::seal_secret`] sealed for the same `context`.
    ///
    /// # Errors
    /// [`LedgerError::Unsealable`] if it was not sealed so, or under another root key.
    pub fn open_secret(
        &self,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
        let wrong = LedgerError::Unsealable("the secret was sealed under another root key");
        let Some((nonce, text)) = sealed.split_at_checked(NONCE) else { return Err(wrong) };
        if !(TAG..=MAX_SECRET + TAG).contains(&text.len()) {
            return Err(wrong);
        }
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(field(nonce, 0));
        let key = self.secrets_key()?;
        match key.open_in_place(nonce, Aad::from(context), text.as_mut_slice()) {
            Ok(opened) => Ok(Zeroizing::new(opened.to_vec())),
            Err(_) => Err(wrong),
        }
    }

    fn secrets_key(&self) -> Result<LessSafeKey, LedgerError> {
        aead(self.derive(Label::Secrets)?.as_slice())
    }
}
