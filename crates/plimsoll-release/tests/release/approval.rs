//! Approvals: what does not count, and what is never enough.

use super::gate::{artifact, now, passed};
use ed25519_dalek::{Signer as _, SigningKey};
use plimsoll_release::Tier;
use plimsoll_release::approval::{
    APPROVAL_MAX, AUTHENTICATED_MAX, Approval, Approver, BREAK_GLASS_MAX, BreakGlass, Permission,
    Promotion, Required, Statement, permit,
};
use plimsoll_release::gate::GateResult;
use plimsoll_types::Digest;
use std::time::Duration;

fn key(name: &str) -> SigningKey {
    let mut secret = [7; 32];
    secret.iter_mut().zip(name.bytes()).for_each(|(byte, letter)| *byte = letter);
    SigningKey::from_bytes(&secret)
}

fn approver(id: &str, roles: &[&str]) -> Approver {
    Approver {
        id: id.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        key: key(id).verifying_key().to_bytes(),
        authenticated: now().minus(Duration::from_secs(60)),
    }
}

fn statement(by: &str) -> Statement {
    Statement {
        deployment: "credit-default".to_owned(),
        artifact: artifact(1),
        gate: passed().digest(),
        by: by.to_owned(),
        at_us: now().as_micros(),
    }
}

fn signed(statement: Statement, by: &str) -> Approval {
    let signature = key(by).sign(&statement.message()).to_bytes();
    Approval { statement, signature }
}

struct Setup {
    gate: GateResult,
    artifact: Digest,
    approvals: Vec<Approval>,
    approvers: Vec<Approver>,
    required: Required,
}

impl Setup {
    /// Two people consent, which is what tier T3 asks for. The author is ada.
    fn new() -> Self {
        Self {
            gate: passed(),
            artifact: artifact(1),
            approvals: vec![signed(statement("kim"), "kim"), signed(statement("lee"), "lee")],
            approvers: vec![
                approver("kim", &["approver"]),
                approver("lee", &["risk"]),
                approver("ada", &["approver", "risk"]),
            ],
            required: Required::of(Tier::T3),
        }
    }
    fn promotion(&self) -> Promotion<'_> {
        Promotion {
            gate: &self.gate,
            artifact: self.artifact,
            author: "ada",
            approvals: &self.approvals,
            approvers: &self.approvers,
            required: &self.required,
            window: None,
            break_glass: None,
            now: now(),
        }
    }
    fn permit(&self) -> Permission {
        permit(&self.promotion())
    }
}

#[test]
fn two_others_with_the_roles_are_enough() {
    let permission = Setup::new().permit();
    assert!(permission.is_allowed && !permission.is_emergency, "{permission:?}");
    assert_eq!(permission.by.into_iter().collect::<Vec<_>>(), ["kim", "lee"]);
}

/// Each of these leaves one approval, of two that are needed.
#[test]
fn what_does_not_count() {
    type Change = fn(&mut Setup);
    let resigned = |change: fn(&mut Statement)| {
        let mut statement = statement("lee");
        change(&mut statement);
        signed(statement, "lee")
    };
    let cases: Vec<(&str, Approval, Change)> = vec![
        ("by the author", signed(statement("ada"), "ada"), |_| {}),
        ("nobody who may", signed(statement("mallory"), "mallory"), |_| {}),
        ("not by the approver's key", signed(statement("lee"), "kim"), |_| {}),
        ("another deployment", resigned(|s| s.deployment = "fraud".into()), |_| {}),
        ("artifact changed", resigned(|s| s.artifact = artifact(2)), |_| {}),
        ("gate result changed", resigned(|s| s.gate = artifact(2)), |_| {}),
        ("from the future", resigned(|s| s.at_us += 1), |_| {}),
        ("too old", resigned(|s| s.at_us = now().minus(APPROVAL_MAX).as_micros() - 1), |_| {}),
        ("proven who they are", signed(statement("lee"), "lee"), |setup| {
            let long = AUTHENTICATED_MAX + Duration::from_micros(1);
            setup.approvers[1].authenticated = now().minus(long);
        }),
        ("proven who they are", signed(statement("lee"), "lee"), |setup| {
            setup.approvers[1].authenticated = now().plus(Duration::from_micros(1));
        }),
    ];
    for (why, approval, change) in cases {
        let mut setup = Setup::new();
        setup.approvals[1] = approval;
        change(&mut setup);
        let permission = setup.permit();
        assert!(!permission.is_allowed, "{why}");
        assert!(permission.void.iter().any(|said| said.contains(why)), "{why}: {permission:?}");
        assert!(permission.reasons.iter().any(|said| said.contains("1 more people")), "{why}");
    }
    // A statement changed after it was signed.
    let mut setup = Setup::new();
    setup.approvals[1].statement.at_us -= 1;
    assert!(!setup.permit().is_allowed);
}

#[test]
fn consenting_twice_is_one_person() {
    let mut setup = Setup::new();
    setup.approvals[1] = setup.approvals[0].clone();
    let reasons = setup.permit().reasons;
    assert_eq!(reasons, ["1 more people have to approve", "nobody with the role `risk` approved"]);
    setup.approvals.clear();
    assert!(!setup.permit().is_allowed);
    setup.required = Required::of(Tier::T0);
    assert!(setup.permit().is_allowed);
}

#[test]
fn any_change_of_artifact_or_gate_voids_the_approvals() {
    let mut setup = Setup::new();
    setup.artifact = artifact(2);
    assert_eq!(setup.permit().reasons, ["the artifact is not the one that the gate judged"]);
    let mut setup = Setup::new();
    setup.gate.demands[0].lines[0].says.push('!');
    let permission = setup.permit();
    assert!(!permission.is_allowed && permission.void.len() == 2);
}

#[test]
fn a_gate_that_is_not_passed_and_a_closed_window_deny() {
    let mut setup = Setup::new();
    let at = now();
    let day = Duration::from_secs(86_400);
    let in_window =
        |opens, closes| permit(&Promotion { window: Some((opens, closes)), ..setup.promotion() });
    assert!(in_window(at, at.plus(day)).is_allowed);
    assert!(!in_window(at.minus(day), at).is_allowed);
    assert!(!in_window(at.plus(day), at.plus(day + day)).is_allowed);
    setup.gate.is_passed = false;
    assert!(setup.permit().reasons.iter().any(|why| why.starts_with("the gate is not passed: ")));
}

#[test]
fn breaking_the_glass_is_loud_and_expires_and_never_permits_what_is_prohibited() {
    let mut setup = Setup::new();
    setup.approvals.clear();
    setup.gate.is_passed = false;
    let at = now();
    let glass = BreakGlass {
        by: "kim".to_owned(),
        reason: "the incumbent fails since 03:10".to_owned(),
        from: at,
        until: at.plus(BREAK_GLASS_MAX),
    };
    let with = |setup: &Setup, glass: &BreakGlass| {
        permit(&Promotion { break_glass: Some(glass), ..setup.promotion() })
    };
    let permission = with(&setup, &glass);
    assert!(permission.is_allowed && permission.is_emergency);
    assert_eq!(permission.reasons.len(), 4, "what was passed over is told: {permission:?}");
    let micro = Duration::from_micros(1);
    let bad = [
        BreakGlass { reason: String::new(), ..glass.clone() },
        BreakGlass { until: glass.until.plus(micro), ..glass.clone() },
        BreakGlass { from: at.plus(micro), until: at.plus(micro + micro), ..glass.clone() },
        BreakGlass { from: at.minus(micro), until: at, ..glass.clone() },
    ];
    assert!(bad.iter().all(|glass| !with(&setup, glass).is_allowed));
    setup.gate.tier = Tier::T4;
    assert!(!with(&setup, &glass).is_allowed);
}

#[test]
fn what_one_key_signs_no_other_key_and_no_other_text_bears() {
    use plimsoll_release::approval::{challenge_message, is_key, is_signed, public_of, sign};
    let (secret, other) = ([7; 32], [8; 32]);
    let text = challenge_message("nonce", "ada");
    let signature = sign(&secret, &text);
    assert!(is_signed(&public_of(&secret), &text, &signature));
    assert!(!is_signed(&public_of(&other), &text, &signature));
    assert!(!is_signed(&public_of(&secret), &challenge_message("nonce", "bob"), &signature));
    assert!(is_key(&public_of(&secret)) && !is_key(&[0; 32]), "a key of small order is none");
}
