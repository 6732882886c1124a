//! Approvals: keys of approvers, the proof of who they are at that moment, consents, and the
//! glass that is broken in an emergency. Whether they are enough is decided in
//! `plimsoll-release`.

use crate::act::Event;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::governance::{bounded, document, kind};
use aws_lc_rs::rand;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_release::approval::{
    self, AUTHENTICATED_MAX, Approval, Approver, BREAK_GLASS_MAX, Statement,
};
use plimsoll_store::{DeploymentRow, GovernanceRow};
use plimsoll_types::record::Stage;
use plimsoll_types::{Digest, GovernanceId, Name, PrincipalId, Time};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// Approvals of one artifact in one deployment that are looked at.
const MAX_APPROVALS: u32 = 64;
/// Glasses of one deployment that are looked at.
const MAX_GLASSES: u32 = 50;
/// Live keys of one approver: the present one, and its successor.
const MAX_KEYS: usize = 4;

/// What a key's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Key {
    public_key: Digest,
}

/// What a challenge's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Challenge {
    nonce: Digest,
}

/// What an approval's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Consent {
    version: u32,
    statement: Statement,
    signature: (Digest, Digest),
    key: Digest,
    authenticated_us: u64,
    /// As they were then; of a principal with roles of its own, those of now count.
    roles: BTreeSet<String>,
}

/// What somebody signed, and what they signed to prove who they are.
pub(crate) struct Signing<'a> {
    pub(crate) challenge: GovernanceId,
    pub(crate) challenge_signature: &'a str,
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a str,
    pub(crate) at: Time,
}

/// Signed by a key of their own, by who just proved who they are.
pub(crate) struct Proof {
    pub(crate) signature: (Digest, Digest),
    pub(crate) key: Digest,
    pub(crate) authenticated: Time,
}

/// What a glass's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Glass {
    reason: String,
    until_us: u64,
}

/// The two halves of 128 hexadecimal digits.
fn signature(field: &'static str, text: &str) -> Result<(Digest, Digest), ControlError> {
    let halves = text.split_at_checked(64);
    let parsed = halves.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parsed.ok_or_else(|| ControlError::invalid(field, "must be 128 hexadecimal digits"))
}

pub(crate) fn joined((a, b): (Digest, Digest)) -> [u8; 64] {
    let mut bytes = [0; 64];
    let (left, right) = bytes.split_at_mut(32);
    left.copy_from_slice(a.as_bytes());
    right.copy_from_slice(b.as_bytes());
    bytes
}

impl Control {
    pub(crate) fn own(&self, ctx: &RequestContext) -> Resource {
        Resource::Principal { id: ctx.id.to_string().into(), tenant: ctx.tenant() }
    }

    /// A record about the caller and no deployment.
    fn own_row(&self, ctx: &RequestContext, kind: &str, holds: &impl Serialize) -> GovernanceRow {
        let now = self.clock.now();
        GovernanceRow {
            id: GovernanceId::new(now),
            deployment: None,
            kind: kind.to_owned(),
            artifact: None,
            document: json!(holds).to_string(),
            made_by: ctx.id,
            made_at: now,
            ended_by: None,
            ended_at: None,
        }
    }

    /// Registers the caller's own public key.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn register_approval_key(
        &self,
        ctx: &RequestContext,
        wanted: &api::RegisterApprovalKey,
    ) -> Result<api::ApprovalKey, ControlError> {
        let permit = self.permit(ctx, Action::KeepApprovalKey, &self.own(ctx))?;
        let public_key: Digest = wanted
            .public_key
            .parse()
            .map_err(|_| ControlError::invalid("public_key", "must be 64 hexadecimal digits"))?;
        if !approval::is_key(public_key.as_bytes()) {
            return Err(ControlError::invalid("public_key", "is no Ed25519 public key"));
        }
        let live = self.store.read(|r| r.governance_by(ctx.id, kind::KEY))?;
        if live.len() >= MAX_KEYS {
            return Err(ControlError::conflict("there are enough keys; end one first"));
        }
        let record = self.own_row(ctx, kind::KEY, &Key { public_key });
        self.carry_out(permit, json!({"id": record.id, "public_key": public_key}), |tx, _| {
            Ok(tx.insert_governance(&record)?)
        })?;
        shown_key(&record)
    }

    /// The caller's own live keys.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_approval_keys(
        &self,
        ctx: &RequestContext,
    ) -> Result<api::Page<api::ApprovalKey>, ControlError> {
        self.may_read(ctx, Action::KeepApprovalKey, &self.own(ctx))?;
        let live = self.store.read(|r| r.governance_by(ctx.id, kind::KEY))?;
        let items = live.iter().map(shown_key).collect::<Result<_, _>>()?;
        Ok(api::Page { items, next_cursor: None })
    }

    /// Ends one of the caller's own keys: what it approved counts no more.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn end_approval_key(
        &self,
        ctx: &RequestContext,
        id: GovernanceId,
    ) -> Result<(), ControlError> {
        let permit = self.permit(ctx, Action::KeepApprovalKey, &self.own(ctx))?;
        let live = self.store.read(|r| r.governance_by(ctx.id, kind::KEY))?;
        if !live.iter().any(|record| record.id == id) {
            return Err(ControlError::not_found("approval key", id));
        }
        self.carry_out(permit, json!({"id": id, "ended": true}), |tx, now| {
            Ok(tx.end_governance(id, ctx.id, now)?)
        })
    }

    /// Something new to sign: whoever signs it with their key has, at this moment, both the
    /// credential that they came with and that key.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn approval_challenge(
        &self,
        ctx: &RequestContext,
    ) -> Result<api::ApprovalChallenge, ControlError> {
        let permit = self.permit(ctx, Action::KeepApprovalKey, &self.own(ctx))?;
        let mut nonce = [0; 32];
        rand::fill(&mut nonce)
            .map_err(|_| ControlError::Internal("the random number generator failed"))?;
        let nonce = Digest::from_bytes(nonce);
        let record = self.own_row(ctx, kind::CHALLENGE, &Challenge { nonce });
        self.carry_out(permit, json!({"challenge": record.id}), |tx, _| {
            Ok(tx.insert_governance(&record)?)
        })?;
        let text = approval::challenge_message(&nonce.to_string(), &ctx.id.to_string());
        Ok(api::ApprovalChallenge {
            id: record.id,
            text: String::from_utf8_lossy(&text).into_owned(),
            expires_at: record.made_at.plus(AUTHENTICATED_MAX).into(),
        })
    }

    /// Takes an approval. It is refused, on record, if it is the author's, if the gate result is
    /// not on record, not passed, or not what the gate gives now, if who approves did not just
    /// prove who they are, or if a signature is not by a key of theirs.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn approve_release(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::ApproveRelease,
    ) -> Result<api::ReleaseStanding, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let what = Resource::Deployment(resource);
        let permit = self.permit(ctx, Action::ApproveRelease, &what)?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let row = self.under(row, wanted.contract)?;
        let version = self.store.read(|r| r.version(row.model, wanted.version))?;
        let version =
            version.ok_or_else(|| ControlError::not_found("model version", wanted.version))?;
        let consent = match self.consent(ctx, &row, &version, wanted)? {
            Ok(consent) => consent,
            Err(why) => return Err(self.refuse_approval(ctx, &row, wanted, why)),
        };
        let mut record = self.governance_row(ctx, &row, kind::APPROVAL, &consent);
        record.artifact = Some(version.digest);
        let told = json!({
            "id": record.id, "version": wanted.version, "contract": row.contract,
            "statement": consent.statement,
            "signature": wanted.signature, "key": consent.key, "roles": consent.roles,
            "authenticated_us": consent.authenticated_us,
        });
        self.carry_out(permit, told, |tx, now| {
            // A challenge is used once: two approvals with one of them end here.
            tx.end_governance(wanted.challenge, ctx.id, now)?;
            Ok(tx.insert_governance(&record)?)
        })?;
        let query = api::StandingQuery { contract: wanted.contract };
        self.release_standing(ctx, name, wanted.version, query)
    }

    /// The consent, or why it is none.
    fn consent(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        version: &plimsoll_store::VersionRow,
        wanted: &api::ApproveRelease,
    ) -> Result<Result<Consent, &'static str>, ControlError> {
        if version.author == ctx.id {
            return Ok(Err("whoever made a version does not approve it"));
        }
        let by = ctx.id.to_string();
        let statement = Statement {
            deployment: row.name.to_string(),
            artifact: wanted.artifact,
            gate: wanted.gate,
            by,
            at_us: wanted.at_us,
        };
        let proof = self.proof(
            ctx,
            &Signing {
                challenge: wanted.challenge,
                challenge_signature: &wanted.challenge_signature,
                message: &statement.message(),
                signature: &wanted.signature,
                at: Time::from_micros(wanted.at_us),
            },
        )?;
        let Proof { signature: halves, key, authenticated } = match proof {
            Ok(proof) => proof,
            Err(why) => return Ok(Err(why)),
        };
        if wanted.artifact != version.digest {
            return Ok(Err("the artifact is not the version's"));
        }
        match self.gate_on_record(row, version.digest, wanted.gate)? {
            None => return Ok(Err("no gate result of this digest is on record")),
            Some(false) => return Ok(Err("the gate is not passed")),
            Some(true) => {}
        }
        let standing = self.governed_standing(row, version.number)?;
        if standing.gate.as_ref().map(plimsoll_release::gate::GateResult::digest)
            != Some(wanted.gate)
        {
            return Ok(Err("the gate gives another result now; run it again"));
        }
        Ok(Ok(Consent {
            version: version.number,
            statement,
            signature: halves,
            key,
            authenticated_us: authenticated.as_micros(),
            roles: ctx.principal.roles.iter().map(|role| role.to_string()).collect(),
        }))
    }

    /// Whether the caller just proved who they are and signed a message with a key of their own,
    /// or why not.
    pub(crate) fn proof(
        &self,
        ctx: &RequestContext,
        signing: &Signing<'_>,
    ) -> Result<Result<Proof, &'static str>, ControlError> {
        let now = self.clock.now();
        let challenge = self.store.read(|r| r.governance(signing.challenge))?.filter(|record| {
            record.kind == kind::CHALLENGE && record.made_by == ctx.id && record.ended_at.is_none()
        });
        let Some(challenge) = challenge else {
            return Ok(Err("the challenge is none of the approver's, or was used"));
        };
        if now.since(challenge.made_at) > AUTHENTICATED_MAX {
            return Ok(Err("the approver had not just proven who they are"));
        }
        if signing.at < challenge.made_at || signing.at > now {
            return Ok(Err("its time is before the challenge, or in the future"));
        }
        let nonce = document::<Challenge>(&challenge)?.nonce;
        let text = approval::challenge_message(&nonce.to_string(), &ctx.id.to_string());
        let halves = signature("signature", signing.signature)?;
        let proof = joined(signature("challenge_signature", signing.challenge_signature)?);
        for record in self.store.read(|r| r.governance_by(ctx.id, kind::KEY))? {
            let key = document::<Key>(&record)?.public_key;
            let signed = |text: &[u8], signature: &[u8; 64]| {
                approval::is_signed(key.as_bytes(), text, signature)
            };
            if signed(&text, &proof) && signed(signing.message, &joined(halves)) {
                let authenticated = challenge.made_at;
                return Ok(Ok(Proof { signature: halves, key, authenticated }));
            }
        }
        Ok(Err("a signature is not by a key that the approver registered"))
    }

    fn refuse_approval(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        wanted: &api::ApproveRelease,
        why: &'static str,
    ) -> ControlError {
        let resource = format!("release/{}/{}", row.name, wanted.version);
        let event = Event {
            stage: Stage::Denied,
            action: Action::ApproveRelease.as_str(),
            principal: ctx.id,
            resource: &resource,
            intent: None,
            payload: json!({
                "request": ctx.request_id, "reason": why, "gate": wanted.gate,
                "artifact": wanted.artifact,
            }),
        };
        if let Err(error) = self.record(&event) {
            tracing::warn!(%error, "a denial could not be recorded");
        }
        ControlError::Ungoverned { resource: resource.into(), reasons: why.into() }
    }

    /// The consents to an artifact in a deployment, and what is known of who gave them.
    pub(crate) fn approvals_of(
        &self,
        row: &DeploymentRow,
        artifact: Digest,
    ) -> Result<(Vec<Approval>, Vec<Approver>), ControlError> {
        let records = self
            .store
            .read(|r| r.governance_about(row.id, kind::APPROVAL, artifact, MAX_APPROVALS))?;
        let (mut approvals, mut approvers) = (Vec::<Approval>::new(), Vec::<Approver>::new());
        for record in &records {
            let consent: Consent = document(record)?;
            // The newest of each person counts.
            if approvers.iter().any(|known| known.id == consent.statement.by) {
                continue;
            }
            if let Some(roles) = self.roles_now(record.made_by, consent.key, &consent.roles)? {
                approvers.push(Approver {
                    id: consent.statement.by.clone(),
                    roles,
                    key: *consent.key.as_bytes(),
                    authenticated: Time::from_micros(consent.authenticated_us),
                });
            }
            approvals.push(Approval {
                statement: consent.statement,
                signature: joined(consent.signature),
            });
        }
        Ok((approvals, approvers))
    }

    /// The roles of an approver as they are now; `None` of one who is disabled, or ended the key.
    pub(crate) fn roles_now(
        &self,
        id: PrincipalId,
        key: Digest,
        then: &BTreeSet<String>,
    ) -> Result<Option<BTreeSet<String>>, ControlError> {
        for record in self.store.read(|r| r.governance_by(id, kind::KEY))? {
            if document::<Key>(&record)?.public_key != key {
                continue;
            }
            let (who, elsewhere) =
                self.store.read(|r| Ok::<_, ControlError>((r.principal(id)?, r.identity(id)?)))?;
            let who = who.filter(|who| who.disabled_at.is_none());
            return Ok(who.map(|who| match elsewhere {
                // A token brings its roles each time; those of then are what is known.
                Some(_) => then.clone(),
                None => who.roles.into_iter().collect(),
            }));
        }
        Ok(None)
    }

    /// Breaks the glass: for a while a version may be released past its gate.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict while another is not reviewed.
    pub fn break_glass(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::BreakGlass,
    ) -> Result<api::BrokenGlass, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::BreakGlass, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let reason = bounded("reason", &wanted.reason)?;
        let now = self.clock.now();
        if wanted.until.0 <= now || wanted.until.0.since(now) > BREAK_GLASS_MAX {
            return Err(ControlError::invalid("until", "must be within the next 72 hours"));
        }
        if self.unreviewed_glass(&row)?.is_some() {
            let detail = "the glass was broken before, and nobody reviewed it";
            return Err(ControlError::conflict(detail));
        }
        let glass = Glass { reason, until_us: wanted.until.0.as_micros() };
        let record = self.governance_row(ctx, &row, kind::GLASS, &glass);
        self.carry_out(permit, json!({"id": record.id, "glass": glass}), |tx, _| {
            Ok(tx.insert_governance(&record)?)
        })?;
        tracing::warn!(deployment = %row.name, by = %ctx.id, "the glass was broken");
        self.shown_glass(&record)
    }

    /// Says that somebody else looked at what was done behind a broken glass. It ends it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn review_glass(
        &self,
        ctx: &RequestContext,
        name: &Name,
        id: GovernanceId,
    ) -> Result<(), ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::AllowException, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let record = self.store.read(|r| r.governance(id))?.filter(|record| {
            record.kind == kind::GLASS
                && record.deployment == Some(row.id)
                && record.ended_at.is_none()
        });
        let record = record.ok_or_else(|| ControlError::not_found("broken glass", id))?;
        if record.made_by == ctx.id {
            return Err(ControlError::conflict("who broke the glass does not review it"));
        }
        self.carry_out(permit, json!({"glass": id, "reviewed": true}), |tx, now| {
            Ok(tx.end_governance(id, ctx.id, now)?)
        })
    }

    /// Glasses that were broken, newest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_glasses(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Page<api::BrokenGlass>, ControlError> {
        let row = self.readable_deployment(ctx, name)?;
        let records = self.store.read(|r| r.governance_of(row.id, kind::GLASS, MAX_GLASSES))?;
        let items = records.iter().map(|record| self.shown_glass(record));
        Ok(api::Page { items: items.collect::<Result<_, _>>()?, next_cursor: None })
    }

    fn shown_glass(&self, record: &GovernanceRow) -> Result<api::BrokenGlass, ControlError> {
        let glass: Glass = document(record)?;
        Ok(api::BrokenGlass {
            id: record.id,
            by: self.name_or_id(record.made_by)?,
            reason: glass.reason,
            from: record.made_at.into(),
            until: Time::from_micros(glass.until_us).into(),
            reviewed_by: record.ended_by.map(|by| self.name_or_id(by)).transpose()?,
        })
    }

    /// A glass that was broken and that nobody reviewed.
    pub(crate) fn unreviewed_glass(
        &self,
        row: &DeploymentRow,
    ) -> Result<Option<GovernanceId>, ControlError> {
        let records = self.store.read(|r| r.governance_of(row.id, kind::GLASS, MAX_GLASSES))?;
        Ok(records.into_iter().find(|record| record.ended_at.is_none()).map(|record| record.id))
    }

    /// The glass that is broken now.
    pub(crate) fn live_glass(
        &self,
        row: &DeploymentRow,
    ) -> Result<Option<approval::BreakGlass>, ControlError> {
        let records = self.store.read(|r| r.governance_of(row.id, kind::GLASS, MAX_GLASSES))?;
        let Some(record) = records.into_iter().find(|record| record.ended_at.is_none()) else {
            return Ok(None);
        };
        let glass: Glass = document(&record)?;
        Ok(Some(approval::BreakGlass {
            by: record.made_by.to_string(),
            reason: glass.reason,
            from: record.made_at,
            until: Time::from_micros(glass.until_us),
        }))
    }
}

fn shown_key(record: &GovernanceRow) -> Result<api::ApprovalKey, ControlError> {
    let key: Key = document(record)?;
    Ok(api::ApprovalKey {
        id: record.id,
        principal: record.made_by,
        public_key: key.public_key.to_string(),
        at: record.made_at.into(),
    })
}
