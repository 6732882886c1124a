//! The `Idempotency-Key` header: the same key from the same principal to the same deployment
//! gives the recorded answer again, for a day.
//!
//! Semantics follow the IETF draft "The Idempotency-Key HTTP Header Field": another request
//! under the same key is an error (422), a key that is being answered now is a conflict (409).

use aws_lc_rs::hmac;
use plimsoll_types::{DeploymentId, Phase, PrincipalId, Refusal, RefusalCode};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an answer is given again.
pub(crate) const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest key. Callers use UUIDs; 255 is what other services allow.
const MAX_KEY: usize = 255;
/// Keys in flight at once. As many as requests may be in flight; beyond it, the request is shed.
const MAX_IN_FLIGHT: usize = 65_536;

/// Keyed digests of idempotency keys and requests, and the keys being answered now.
pub(crate) struct Idempotency {
    key: hmac::Key,
    in_flight: Mutex<HashSet<[u8; 16]>>,
}

impl std::fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Idempotency")
    }
}

fn refuse(code: RefusalCode, rule: &str) -> Refusal {
    Refusal::new(Phase::Validate, code).with_field("Idempotency-Key").with_rule(rule)
}

impl Idempotency {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), in_flight: Mutex::default() }
    }

    /// The keyed digest of some bytes.
    pub(crate) fn digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&context.sign().as_ref()[..16]);
        digest
    }

    /// The tag under which the answer to `key` is recorded.
    pub(crate) fn tag(
        &self,
        principal: PrincipalId,
        deployment: DeploymentId,
        key: &str,
    ) -> Result<[u8; 16], Refusal> {
        let visible = |b: u8| (0x21..=0x7e).contains(&b);
        if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(visible) {
            let rule = "must be 1 to 255 visible ASCII characters";
            return Err(refuse(RefusalCode::IdempotencyInvalid, rule));
        }
        Ok(self.digest(&[principal.as_bytes(), deployment.as_bytes(), key.as_bytes()]))
    }

    /// Marks `tag` as being answered.
    pub(crate) fn begin(&self, tag: [u8; 16]) -> Result<(), Refusal> {
        let mut held = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_IN_FLIGHT {
            return Err(refuse(RefusalCode::Overloaded, "too many keys are being answered"));
        }
        if held.insert(tag) {
            return Ok(());
        }
        Err(refuse(RefusalCode::IdempotencyInFlight, "this key is being answered; try again later"))
    }

    /// Marks `tag` as answered.
    pub(crate) fn end(&self, tag: &[u8; 16]) {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bound_to_principal_and_deployment() {
        let idempotency = Idempotency::new(&[1; 32]);
        let (a, b) = (PrincipalId::from_bytes([1; 16]), PrincipalId::from_bytes([2; 16]));
        let d = DeploymentId::from_bytes([3; 16]);
        let tag = |who, key| idempotency.tag(who, d, key);
        assert_eq!(tag(a, "k"), tag(a, "k"));
        assert_ne!(tag(a, "k"), tag(b, "k"));
        let long = "x".repeat(256);
        for bad in ["", "a b", "ä", &long] {
            assert_eq!(tag(a, bad).expect_err("bad").code, RefusalCode::IdempotencyInvalid);
        }
        let held = tag(a, "k").expect("good");
        assert_eq!(idempotency.begin(held), Ok(()));
        assert_eq!(
            idempotency.begin(held).expect_err("held").code,
            RefusalCode::IdempotencyInFlight
        );
        idempotency.end(&held);
        assert_eq!(idempotency.begin(held), Ok(()));
    }
}
