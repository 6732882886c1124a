//! Approvals: who consents to this artifact with this gate result, and is that enough? Knows no
//! gate's rules and no policy; the answer is a fact that policy is asked about.
//!
//! An approval is a signed statement about two digests. A changed artifact, a changed gate result
//! or an old consent leaves nothing of it.

use crate::Tier;
use crate::gate::GateResult;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use plimsoll_types::{Digest, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long before consenting an approver has proven who they are, at most.
pub const AUTHENTICATED_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a consent counts.
pub const APPROVAL_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a break-glass lasts at most: within it the change is approved again or undone.
pub const BREAK_GLASS_MAX: Duration = Duration::from_secs(72 * 3600);
/// Approvals that are looked at. Each costs a verification of some 50 µs.
pub const APPROVALS_MAX: usize = 64;

/// Reasons of a gate that a refusal repeats; `plimsoll gate explain` has them all.
const REASONS_TOLD: usize = 5;

/// What an approver signs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The deployment's name.
    pub deployment: String,
    /// The artifact.
    pub artifact: Digest,
    /// The digest of the gate result.
    pub gate: Digest,
    /// Who consents: the id of a principal.
    pub by: String,
    /// When, in microseconds since 1970.
    pub at_us: u64,
}

impl Statement {
    /// The bytes that are signed: a line each, under a title that no other signature has.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let Self { deployment, artifact, gate, by, at_us } = self;
        format!("plimsoll release approval v1\n{deployment}\n{artifact}\n{gate}\n{by}\n{at_us}\n")
            .into_bytes()
    }
}

/// A consent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// What is consented to.
    pub statement: Statement,
    /// The Ed25519 signature of the approver's own key.
    pub signature: [u8; 64],
}

/// What is known of an approver, from the registry of principals and not from the approval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approver {
    /// The principal's id.
    pub id: String,
    /// Their roles, as they are now.
    pub roles: BTreeSet<String>,
    /// The public key that they registered.
    pub key: [u8; 32],
    /// When they last proved who they are, before the approval.
    pub authenticated: Time,
}

/// What a tier asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Required {
    /// How many people, none of whom is the author.
    pub people: usize,
    /// Roles of which one of them each has to have.
    pub roles: BTreeSet<String>,
}

impl Required {
    /// What is asked of a tier unless a policy asks for more: nobody in a sandbox, one other person
    /// in production (with the role `approver` from tier T2), two at tier T3, one of them for risk.
    #[must_use]
    pub fn of(tier: Tier) -> Self {
        let roles = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect();
        match tier {
            Tier::T0 => Self::default(),
            Tier::T1 => Self { people: 1, roles: BTreeSet::new() },
            Tier::T2 => Self { people: 1, roles: roles(&["approver"]) },
            Tier::T3 | Tier::T4 => Self { people: 2, roles: roles(&["approver", "risk"]) },
        }
    }
}

/// A way past a gate in an emergency. It is loud, and it expires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakGlass {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: Time,
    /// Until when.
    pub until: Time,
}

/// What a promotion is asked with.
#[derive(Debug)]
pub struct Promotion<'a> {
    /// The gate result.
    pub gate: &'a GateResult,
    /// The digest of what would answer, as loaded.
    pub artifact: Digest,
    /// Who made the version.
    pub author: &'a str,
    /// The consents.
    pub approvals: &'a [Approval],
    /// Who may have given them.
    pub approvers: &'a [Approver],
    /// What is asked for.
    pub required: &'a Required,
    /// When changes are made, if only then.
    pub window: Option<(Time, Time)>,
    /// The emergency, if there is one.
    pub break_glass: Option<&'a BreakGlass>,
    /// Now.
    pub now: Time,
}

/// Whether a promotion may happen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Permission {
    /// Whether it may.
    pub is_allowed: bool,
    /// Whether only by breaking the glass.
    pub is_emergency: bool,
    /// Who consented, and counted.
    pub by: BTreeSet<String>,
    /// Why not. With an emergency, what was passed over.
    pub reasons: Vec<String>,
    /// Approvals that did not count, and why.
    pub void: Vec<String>,
}

/// Decides. Default is no.
#[must_use]
pub fn permit(promotion: &Promotion<'_>) -> Permission {
    let Promotion { gate, now, .. } = *promotion;
    let mut permission = Permission::default();
    let mut reasons = Vec::new();
    if gate.tier == Tier::T4 {
        permission.reasons.push("the use is prohibited: nothing permits it".to_owned());
        return permission;
    }
    if gate.artifact != promotion.artifact {
        permission.reasons.push("the artifact is not the one that the gate judged".to_owned());
        return permission;
    }
    if !gate.is_passed {
        let told = gate.reasons.iter().take(REASONS_TOLD).cloned().collect::<Vec<_>>().join(", ");
        reasons.push(format!("the gate is not passed: {told}"));
    }
    if promotion.window.is_some_and(|(opens, closes)| now < opens || now >= closes) {
        reasons.push("outside of the change window".to_owned());
    }
    let mut roles = BTreeSet::new();
    let digest = gate.digest();
    for approval in promotion.approvals.iter().take(APPROVALS_MAX) {
        match counts(promotion, digest, approval) {
            Ok(approver) => {
                permission.by.insert(approver.id.clone());
                roles.extend(approver.roles.iter().cloned());
            }
            Err(why) => permission.void.push(why.to_owned()),
        }
    }
    let short = promotion.required.people.saturating_sub(permission.by.len());
    if short > 0 {
        reasons.push(format!("{short} more people have to approve"));
    }
    let lacking = promotion.required.roles.difference(&roles);
    reasons.extend(lacking.map(|role| format!("nobody with the role `{role}` approved")));
    permission.is_allowed = reasons.is_empty();
    if !permission.is_allowed
        && let Some(glass) = promotion.break_glass
    {
        match broken(glass, now) {
            Ok(()) => (permission.is_allowed, permission.is_emergency) = (true, true),
            Err(why) => reasons.push(format!("the break-glass does not count: {why}")),
        }
    }
    permission.reasons = reasons;
    permission
}

/// The approver, or why the approval is nothing.
fn counts<'a>(
    promotion: &Promotion<'a>,
    gate: Digest,
    approval: &Approval,
) -> Result<&'a Approver, &'static str> {
    let statement = &approval.statement;
    let approver = promotion
        .approvers
        .iter()
        .find(|approver| approver.id == statement.by)
        .ok_or("it is by nobody who may approve")?;
    let at = Time::from_micros(statement.at_us);
    if statement.by == promotion.author {
        Err("it is by the author")
    } else if statement.deployment != promotion.gate.deployment {
        Err("it is for another deployment")
    } else if statement.artifact != promotion.artifact {
        Err("the artifact changed since")
    } else if statement.gate != gate {
        Err("the gate result changed since")
    } else if at > promotion.now {
        Err("it is from the future")
    } else if promotion.now.since(at) > APPROVAL_MAX {
        Err("it is too old")
    } else if approver.authenticated > at || at.since(approver.authenticated) > AUTHENTICATED_MAX {
        Err("the approver had not just proven who they are")
    } else {
        let key = VerifyingKey::from_bytes(&approver.key).map_err(|_| "the key is none")?;
        let signature = Signature::from_bytes(&approval.signature);
        key.verify_strict(&statement.message(), &signature)
            .map_err(|_| "the signature is not by the approver's key")?;
        Ok(approver)
    }
}

/// Why breaking the glass does not help, if it does not.
fn broken(glass: &BreakGlass, now: Time) -> Result<(), &'static str> {
    if glass.by.trim().is_empty() || glass.reason.trim().is_empty() {
        Err("it lacks a person or a reason")
    } else if glass.until <= glass.from || glass.until.since(glass.from) > BREAK_GLASS_MAX {
        Err("it lasts no time, or more than 72 hours")
    } else if now < glass.from || now >= glass.until {
        Err("it has not begun, or has expired")
    } else {
        Ok(())
    }
}

/// What an approver signs to prove, at this moment, that the key is theirs.
#[must_use]
pub fn challenge_message(nonce: &str, by: &str) -> Vec<u8> {
    format!("plimsoll authenticate v1\n{nonce}\n{by}\n").into_bytes()
}

/// Whether a signature over a message is by a key (RFC 8032, strictly).
#[must_use]
pub fn is_signed(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// Whether 32 bytes are a public key that signatures can be checked with.
#[must_use]
pub fn is_key(key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak())
}

/// The public key of a secret one.
#[must_use]
pub fn public_of(secret: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(secret).verifying_key().to_bytes()
}

/// Signs a message.
#[must_use]
pub fn sign(secret: &[u8; 32], message: &[u8]) -> [u8; 64] {
    SigningKey::from_bytes(secret).sign(message).to_bytes()
}
