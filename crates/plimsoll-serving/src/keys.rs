//! API keys as the gateway knows them: keyed digests, never the keys.

use aws_lc_rs::hmac;
use plimsoll_policy::Principal;
use plimsoll_types::{ApiKeyId, PrincipalId, RefusalCode, Time};
use std::collections::HashMap;
use std::sync::Arc;

/// The longest key text that is hashed; longer ones are refused before any work.
pub const MAX_KEY_LEN: usize = 128;

/// HMAC-SHA-256 of a key's text under the installation's pepper.
pub type KeyDigest = [u8; 32];

/// Makes keyed digests. The pepper comes from the keys folder, so that a stolen data folder
/// does not let anyone test guesses.
#[derive(Clone)]
pub struct KeyHasher(hmac::Key);

impl KeyHasher {
    /// A hasher with this pepper.
    #[must_use]
    pub fn new(pepper: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, pepper))
    }
    /// The keyed digest of a key's text.
    #[must_use]
    pub fn digest(&self, key: &str) -> KeyDigest {
        let tag = hmac::sign(&self.0, key.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        digest
    }
}

impl std::fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHasher")
    }
}

/// Who calls: a principal and the key it came with.
#[derive(Debug)]
pub struct Caller {
    /// Position among the snapshot's callers, from 0; [`Caller::ELSEWHERE`] of one it does not
    /// list.
    pub index: u32,
    /// The principal's id as records name it.
    pub id: PrincipalId,
    /// The principal as policy sees it, limited by its key.
    pub principal: Principal,
    /// The key, if it came with one.
    pub key: Option<ApiKeyId>,
}

impl Caller {
    /// The position of a caller whom others vouch for. Everything about it but its roles, which
    /// each token brings, follows from its id for as long as the process runs.
    pub const ELSEWHERE: u32 = u32::MAX;
}

/// A key: who it stands for and until when.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Who it stands for.
    pub caller: Arc<Caller>,
    /// When it stops working, if it does.
    pub expires: Option<Time>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl ApiKey {
    fn caller(&self, now: Time) -> Result<&Arc<Caller>, RefusalCode> {
        if self.revoked {
            return Err(RefusalCode::KeyRevoked);
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(RefusalCode::KeyExpired);
        }
        Ok(&self.caller)
    }
}

/// Every key of the installation by its keyed digest.
#[derive(Debug, Clone)]
pub struct KeyRing {
    hasher: KeyHasher,
    keys: HashMap<KeyDigest, ApiKey>,
}

impl KeyRing {
    /// A ring of these keys.
    #[must_use]
    pub fn new(hasher: KeyHasher, keys: HashMap<KeyDigest, ApiKey>) -> Self {
        Self { hasher, keys }
    }

    /// Who `key` stands for at `now`. A lookup by constant-length keyed digest: neither the
    /// time it takes nor its answer tells how near a wrong key was.
    ///
    /// # Errors
    /// The reason, for the record; callers are told no more than that they are not known.
    pub fn authenticate(&self, key: &str, now: Time) -> Result<&Arc<Caller>, RefusalCode> {
        if key.len() > MAX_KEY_LEN {
            return Err(RefusalCode::Unauthenticated);
        }
        let held = self.keys.get(&self.hasher.digest(key)).ok_or(RefusalCode::Unauthenticated)?;
        held.caller(now)
    }

    /// The caller that the key with this id stands for at `now`: for work that goes on after the
    /// request that began it. Looks at every key.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub fn holder(&self, id: ApiKeyId, now: Time) -> Result<&Arc<Caller>, RefusalCode> {
        let held = self.keys.values().find(|key| key.caller.key == Some(id));
        held.ok_or(RefusalCode::Unauthenticated)?.caller(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_expire_are_revoked_and_are_never_guessed_by_length() {
        let hasher = KeyHasher::new(&[7; 32]);
        let caller = Arc::new(Caller {
            index: 0,
            id: PrincipalId::from_bytes([1; 16]),
            principal: Principal::anonymous(),
            key: None,
        });
        let at = Time::from_micros;
        let key = |expires, revoked| ApiKey { caller: Arc::clone(&caller), expires, revoked };
        let keys = HashMap::from([
            (hasher.digest("live"), key(None, false)),
            (hasher.digest("short"), key(Some(at(10)), false)),
            (hasher.digest("gone"), key(None, true)),
        ]);
        let ring = KeyRing::new(hasher, keys);
        let answer = |text: &str, now| ring.authenticate(text, at(now)).map(|caller| caller.index);
        assert_eq!(answer("live", 99), Ok(0));
        assert_eq!(answer("short", 9), Ok(0));
        assert_eq!(answer("short", 10), Err(RefusalCode::KeyExpired));
        assert_eq!(answer("gone", 0), Err(RefusalCode::KeyRevoked));
        assert_eq!(answer("liv", 0), Err(RefusalCode::Unauthenticated));
        assert_eq!(answer(&"x".repeat(MAX_KEY_LEN + 1), 0), Err(RefusalCode::Unauthenticated));
    }
}
